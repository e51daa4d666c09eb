//! A stack's own names of models: each a model of the catalog, or dimensions (`data/models/*.txt`).
//!
//! Does not know: which stack asks.

use outlay::request::CustomModel;

use crate::common::{custom, put};
use crate::fields::Fields;

/// The rest of the line that begins with this name, upper and lower case aside.
fn row<'t>(table: &'t str, name: &str) -> Option<&'t str> {
    table.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let (first, rest) = line.split_once(' ')?;
        first.eq_ignore_ascii_case(name).then_some(rest)
    })
}

/// How the table spells this name, upper and lower case aside.
pub(crate) fn spelt<'t>(table: &'t str, name: &str) -> Option<&'t str> {
    let rows = table.lines().filter(|line| !line.starts_with('#'));
    rows.filter_map(|line| line.split(' ').next()).find(|first| first.eq_ignore_ascii_case(name))
}

/// What a row says of one key.
fn value<'t>(row: &'t str, key: &str) -> Option<&'t str> {
    row.split(' ').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
}

/// The catalog's name of the model that the table has under this name.
#[cfg(test)]
pub(crate) fn preset<'t>(table: &'t str, name: &str) -> Option<&'t str> {
    value(row(table, name)?, "base")
}

/// Sets the model that the table has under this name; `false` if it has none.
pub(crate) fn named(fields: &mut Fields<'_>, table: &str, key: &str, name: &str) -> bool {
    let Some(row) = row(table, name) else { return false };
    if let Some(base) = value(row, "base") {
        put!(fields, key, model.base = base);
        return true;
    }
    if value(row, "about").is_some() {
        fields.warn(format!("{key}: {name} is taken as a plain decoder of its dimensions"));
    }
    custom(fields, key, dimensions(row));
    true
}

/// The dimensions of a model of the table, where the table has them.
pub(crate) fn described(table: &str, name: &str) -> Option<CustomModel> {
    row(table, name).map(dimensions).filter(|model| model.layers.is_some())
}

fn dimensions(row: &str) -> CustomModel {
    let count = |key: &str| value(row, key).and_then(|text| text.parse().ok());
    let switch = |key: &str| value(row, key).map(|text| text == "yes");
    CustomModel {
        layers: count("layers"),
        hidden: count("hidden"),
        ffn: count("ffn"),
        heads: count("heads"),
        kv_heads: count("kv_heads"),
        head_dim: count("head_dim"),
        vocab: count("vocab"),
        gated: switch("gated"),
        activation: value(row, "activation").map(str::to_owned),
        tied: switch("tied"),
        bias: switch("bias"),
        norm: value(row, "norm").map(str::to_owned),
        learned_positions: count("learned_positions"),
        experts: count("experts"),
        top_k: count("top_k"),
        shared_ffn: count("shared_ffn"),
        dense_layers: count("dense_layers"),
        dense_ffn: count("dense_ffn"),
        window: count("window"),
        global_every: count("global_every"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_a_model() {
        let catalog = outlay::catalog::Catalog::built_in();
        let tables = [
            include_str!("../data/models/litgpt.txt"),
            include_str!("../data/models/llm-foundry.txt"),
            include_str!("../data/models/maxtext.txt"),
            include_str!("../data/models/torchtitan.txt"),
            include_str!("../data/models/torchtune.txt"),
        ];
        for table in tables {
            for line in table.lines().filter(|line| !line.starts_with('#')) {
                let (name, row) = line.split_once(' ').unwrap();
                if let Some(base) = value(row, "base") {
                    assert!(catalog.preset(base).is_ok(), "{name}: {base}");
                } else {
                    for key in ["layers", "hidden", "ffn", "heads", "vocab"] {
                        assert!(value(row, key).is_some_and(|n| n.parse::<u64>().is_ok()), "{name}: {key}");
                    }
                }
            }
        }
    }
}

//! Finding the architecture that a row means: among known configs, by its dimensions or by its name.
//!
//! Dimensions go first: a row's name for a model is free text, its dimensions are facts. A config stands for a row when
//! every dimension that the row states is the config's and their parameter totals agree.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::evidence::Evidence;
use crate::table::Table;

/// Dimensions as a row states them; blank is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Dimensions {
    /// Repeated layers.
    pub layers: Option<u64>,
    /// Width of the residual stream.
    pub hidden: Option<u64>,
    /// Width of the feed-forward, of one expert for a mixture.
    pub ffn: Option<u64>,
    /// Query heads.
    pub heads: Option<u64>,
    /// Key/value heads.
    pub kv_heads: Option<u64>,
    /// Rows of the embedding.
    pub vocab: Option<u64>,
    /// Experts of a layer.
    pub experts: Option<u64>,
    /// Experts a token passes through.
    pub top_k: Option<u64>,
    /// Parameters, billions.
    pub total_b: Option<f64>,
    /// Parameters a token passes through, billions.
    pub active_b: Option<f64>,
}

/// Known configs with their dimensions.
#[derive(Debug, Clone, Default)]
pub struct Library {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    name: String,
    key: String,
    config: Value,
    dimensions: Dimensions,
}

/// How far stated and counted totals of one model may lie apart: rows round to two or three digits.
const SAME_TOTAL: f64 = 0.02;

/// Totals this near to each other belong to one design, or to designs that cost the same.
const SAME_SIZE: f64 = 0.005;

impl Library {
    /// Of the evidence's configs and the counts that go with them, and of the product's presets besides.
    #[must_use]
    pub fn of(evidence: &Evidence) -> Self {
        let counts = [Evidence::committed().params, evidence.params.clone()];
        let totals: BTreeMap<String, f64> = counts.iter().flatten().flat_map(|text| totals(text)).collect();
        let catalog = outlay::catalog::Catalog::built_in();
        let mut configs = evidence.all_configs();
        for preset in catalog.presets() {
            configs.entry(&preset.name).or_insert(preset.config);
        }
        let entries = configs.into_iter().filter_map(|(name, text)| {
            let config: Value = outlay::catalog::config_json(text).ok()?;
            let total_b = totals.get(name).copied();
            Some(Entry {
                name: name.into(),
                key: key(name),
                dimensions: Dimensions { total_b, ..dimensions(&config) },
                config,
            })
        });
        Self { entries: entries.collect() }
    }

    /// The config that a row with these dimensions and this name for its model means.
    ///
    /// A mixture's dimensions say too little (shared experts, dense layers, latent attention), so a config with the same
    /// ones is taken whatever its name; a dense row describes itself, and only a config that shares its name adds to it.
    #[must_use]
    pub fn find(&self, name: &str, stated: &Dimensions) -> Option<(&str, &Value)> {
        if stated.layers.is_none() || stated.hidden.is_none() {
            return self.by_name(name, stated);
        }
        let wanted = key(name);
        let named = |entry: &&Entry| !wanted.is_empty() && (wanted.contains(&entry.key) || entry.key.contains(&wanted));
        let mut fitting = self.entries.iter().filter(|entry| agree(stated, &entry.dimensions));
        let found = if stated.experts.is_some() { fitting.next() } else { fitting.find(named) }?;
        Some((&found.name, &found.config))
    }

    /// By a name that is a config's, or begins exactly one architecture's.
    #[must_use]
    pub fn by_name(&self, name: &str, stated: &Dimensions) -> Option<(&str, &Value)> {
        let wanted = key(name);
        if wanted.len() < 4 {
            return None;
        }
        let fits = |entry: &&Entry| agree(stated, &entry.dimensions);
        let exact = self.entries.iter().find(|entry| entry.key == wanted && fits(entry));
        let mut longer = self.entries.iter().filter(|entry| entry.key.starts_with(&wanted) && fits(entry));
        let found = exact.or_else(|| match (longer.next(), longer.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        })?;
        Some((&found.name, &found.config))
    }

    /// The config that a run means by free text and a parameter total: one whose name occurs in the text, or else a dense
    /// one of that size.
    #[must_use]
    pub fn by_text(&self, text: &str, total_b: Option<f64>) -> Option<(&str, &Value)> {
        let wanted = key(text);
        let stated = Dimensions { total_b, ..Dimensions::default() };
        let named =
            self.entries.iter().filter(|entry| wanted.contains(&entry.key) && agree(&stated, &entry.dimensions));
        let found = named.max_by_key(|entry| entry.key.len()).or_else(|| self.by_total(total_b?))?;
        Some((&found.name, &found.config))
    }

    fn by_total(&self, total_b: f64) -> Option<&Entry> {
        let miss =
            |entry: &Entry| entry.dimensions.total_b.map_or(f64::INFINITY, |known| (total_b / known - 1.0).abs());
        let dense = self.entries.iter().filter(|entry| transformer(&entry.dimensions));
        dense.filter(|entry| miss(entry) < SAME_SIZE).min_by(|a, b| miss(a).total_cmp(&miss(b)))
    }
}

fn transformer(dimensions: &Dimensions) -> bool {
    dimensions.experts.is_none() && dimensions.heads.is_some() && dimensions.layers.is_some()
}

/// Letters and digits of a name, in lower case.
#[must_use]
pub fn key(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

fn totals(text: &str) -> Vec<(String, f64)> {
    let table = Table::read(text);
    table
        .rows()
        .filter_map(|row| Some((row.text("name")?.to_owned(), row.number("total_params").ok()?? / 1e9)))
        .collect()
}

/// The dimensions of a `config.json`, under whichever of the usual keys.
fn dimensions(config: &Value) -> Dimensions {
    let text = config.get("text_config").unwrap_or(config);
    let first = |keys: &[&str]| keys.iter().find_map(|key| text.get(key).and_then(Value::as_u64));
    let hidden = first(&["hidden_size", "n_embd", "d_model", "dim"]);
    let heads = first(&["num_attention_heads", "n_head", "n_heads"]);
    Dimensions {
        layers: first(&["num_hidden_layers", "n_layer", "n_layers", "num_layers"]),
        hidden,
        ffn: first(&["moe_intermediate_size", "intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size"])
            .or_else(|| hidden.map(|h| 4 * h)),
        heads,
        kv_heads: first(&["num_key_value_heads", "num_kv_heads"]).or(heads),
        vocab: first(&["vocab_size"]),
        experts: first(&["n_routed_experts", "num_local_experts", "num_experts"]),
        top_k: first(&["num_experts_per_tok", "num_experts_per_token", "moe_k"]),
        total_b: None,
        active_b: None,
    }
}

/// Whether everything stated on both sides is the same.
fn agree(stated: &Dimensions, known: &Dimensions) -> bool {
    let same = |a: Option<u64>, b: Option<u64>| a.is_none() || b.is_none() || a == b;
    let near = match (stated.total_b, known.total_b) {
        (Some(a), Some(b)) => (a / b - 1.0).abs() < SAME_TOTAL,
        _ => true,
    };
    near && same(stated.layers, known.layers)
        && same(stated.hidden, known.hidden)
        && same(stated.ffn, known.ffn)
        && same(stated.heads, known.heads)
        && same(stated.kv_heads, known.kv_heads)
        && same(stated.vocab, known.vocab)
        && same(stated.experts, known.experts)
        && same(stated.top_k, known.top_k)
        // A dense row never means a mixture, nor the reverse.
        && (stated.layers.is_none() || stated.experts.is_some() == known.experts.is_some())
}

#[cfg(test)]
mod tests {
    use super::{Dimensions, Library};
    use crate::evidence::Evidence;

    #[test]
    fn dimensions_find_the_config() {
        let library = Library::of(&Evidence::committed());
        let llama = Dimensions {
            layers: Some(32),
            hidden: Some(4096),
            ffn: Some(14336),
            heads: Some(32),
            kv_heads: Some(8),
            vocab: Some(128_256),
            total_b: Some(8.03),
            ..Dimensions::default()
        };
        assert_eq!(library.find("Meta Llama 3.1 8B", &llama).map(|(name, _)| name), Some("llama-3.1-8b"));
        assert_eq!(library.find("llama-3.1-8b", &Dimensions { layers: Some(31), ..llama }), None);
        let mixture = Dimensions {
            layers: Some(32),
            hidden: Some(4096),
            experts: Some(8),
            top_k: Some(2),
            ..Dimensions::default()
        };
        assert_eq!(library.find("whatever", &mixture).map(|(name, _)| name), Some("mixtral-8x7b"));
    }

    #[test]
    fn a_name_alone_must_be_unambiguous() {
        let library = Library::of(&Evidence::committed());
        let unknown = Dimensions::default();
        assert_eq!(library.by_name("Gemma4 26B", &unknown).map(|(name, _)| name), Some("gemma4-26b-a4b"));
        assert_eq!(library.by_name("qwen", &unknown), None);
        assert_eq!(library.by_name("Phi", &unknown), None);
    }
}

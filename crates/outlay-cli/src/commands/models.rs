//! `outlay models`: the presets, with what is derived from their architecture.

use outlay::catalog::{Catalog, Preset};
use outlay::core::model::params;
use outlay::request::{ModelRequest, Request};
use serde_json::{Value, json};

use super::{Format, Names};
use crate::cli::Answer;
use crate::context::Context;
use crate::failure::Failure;
use crate::render::format::si;
use crate::render::json;
use crate::render::table::{Table, figures, words};

/// List model presets: parameters, layers, width
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    names: Names,

    #[command(flatten)]
    format: Format,
}

struct Row<'a> {
    preset: &'a Preset,
    family: String,
    total: u64,
    active: u64,
    layers: u64,
    hidden: u64,
}

/// Lists what matches, in the table's order.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Answer, Failure> {
    let catalog = Catalog::built_in();
    let rows: Vec<Row<'_>> = catalog
        .presets()
        .iter()
        .filter(|preset| args.names.matches(&[&preset.name, preset.hub.as_deref().unwrap_or_default()]))
        .filter_map(|preset| row(&catalog, preset))
        .collect();
    let text = if args.format.json {
        json::text(Ok(Value::from(rows.iter().map(as_json).collect::<Vec<_>>())))?
    } else {
        let table = table(&rows);
        if args.format.markdown { table.markdown() } else { table.terminal(context.width) }
    };
    let mut answer = Answer::new(text);
    if rows.is_empty() {
        answer.notes = args.names.none("model");
    } else if !args.format.json {
        answer.notes = "any config.json or org/name of the hub works too\n".into();
    }
    Ok(answer)
}

/// A preset whose architecture can be read.
fn row<'a>(catalog: &Catalog, preset: &'a Preset) -> Option<Row<'a>> {
    let model = ModelRequest { base: Some(preset.name.clone()), ..ModelRequest::default() };
    let (model, _) = outlay::architecture(&Request { model, ..Request::default() }, catalog).ok()?;
    let (total, active) = (params::total(&model), params::active(&model));
    Some(Row { preset, total, active, layers: model.depth(), hidden: model.hidden, family: model.family })
}

fn table(rows: &[Row<'_>]) -> Table {
    let columns = [
        words("model"),
        words("family"),
        figures("parameters"),
        figures("active"),
        figures("layers"),
        figures("width"),
    ];
    let mut table = Table::new(&columns);
    for row in rows {
        let active = if row.active == row.total { String::new() } else { si(row.active as f64) };
        table.row(vec![
            row.preset.name.clone(),
            row.family.clone(),
            si(row.total as f64),
            active,
            row.layers.to_string(),
            row.hidden.to_string(),
        ]);
    }
    table
}

fn as_json(row: &Row<'_>) -> Value {
    json!({
        "name": row.preset.name,
        "aliases": row.preset.aliases,
        "hub": row.preset.hub,
        "family": row.family,
        "params": row.total,
        "active_params": row.active,
        "layers": row.layers,
        "hidden": row.hidden,
    })
}

//! `outlay models`: the presets, with what is derived from their architecture.

use outlay::catalog::Catalog;
use outlay::lists::{self, ModelRow};

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

/// Lists what matches, in the table's order.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Answer, Failure> {
    let catalog = Catalog::built_in();
    let mut rows = lists::models(&catalog);
    rows.retain(|row| args.names.matches(&[&row.name, row.hub.as_deref().unwrap_or_default()]));
    let text = if args.format.json {
        json::text(serde_json::to_value(&rows))?
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

fn table(rows: &[ModelRow]) -> Table {
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
        let active = if row.active_params == row.params { String::new() } else { si(row.active_params as f64) };
        table.row(vec![
            row.name.clone(),
            row.family.clone(),
            si(row.params as f64),
            active,
            row.layers.to_string(),
            row.hidden.to_string(),
        ]);
    }
    table
}

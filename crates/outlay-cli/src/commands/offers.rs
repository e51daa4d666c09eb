//! `outlay offers`: what can be rented, by price of one accelerator for an hour.

use outlay::catalog::Catalog;
use outlay::lists::{self, OfferRow};

use super::{Format, Names};
use crate::cli::Answer;
use crate::context::Context;
use crate::failure::Failure;
use crate::render::format::usd;
use crate::render::json;
use crate::render::table::{Table, figures, words};

/// List offers, cheapest accelerator-hour first
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    names: Names,

    /// Only this provider
    #[arg(long)]
    provider: Option<String>,

    /// At most so many rows; 0: all
    #[arg(long, value_name = "N", default_value_t = 40)]
    limit: usize,

    #[command(flatten)]
    format: Format,
}

/// Lists what matches.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Answer, Failure> {
    let mut rows = lists::offers(&Catalog::built_in(), args.names.given(), args.provider.as_deref());
    let all = rows.len();
    if args.limit > 0 {
        rows.truncate(args.limit);
    }
    let text = if args.format.json {
        json::text(serde_json::to_value(&rows))?
    } else {
        let table = table(&rows);
        if args.format.markdown { table.markdown() } else { table.terminal(context.width) }
    };
    let mut answer = Answer::new(text);
    if all == 0 {
        answer.notes = args.names.none("offer");
    } else if rows.len() < all {
        answer.notes = format!("{} of {all} offers; --limit 0 shows all\n", rows.len());
    }
    Ok(answer)
}

/// As a table.
pub(crate) fn table(rows: &[OfferRow]) -> Table {
    let mut table = Table::new(&[
        words("accelerator"),
        figures("n"),
        figures("$/h each"),
        figures("$/h"),
        words("how"),
        words("provider"),
        words("region").spare(1),
        words("machine").spare(3),
        words("as of").spare(2),
    ]);
    for row in rows {
        table.row(vec![
            row.accelerator.clone(),
            row.accelerators.to_string(),
            usd(row.usd_per_accelerator_hour),
            usd(row.usd_per_hour),
            row.purchase.clone(),
            row.provider.clone(),
            row.region.clone(),
            row.instance.clone(),
            row.as_of.clone(),
        ]);
    }
    table
}

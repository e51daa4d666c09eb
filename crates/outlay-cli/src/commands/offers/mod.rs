//! `outlay offers`: what can be rented, by price of one accelerator for an hour; where those prices come from.

use outlay::catalog::offers::day;
use outlay::lists::{self, OfferRow};

mod history;
mod update;

use super::{Format, Names};
use crate::cli::Answer;
use crate::context::Context;
use crate::facts::{self, Source};
use crate::failure::Failure;
use crate::render::format::usd;
use crate::render::json;
use crate::render::table::{Table, figures, words};

/// Days after which a price is called old.
const OLD: i64 = 60;

/// List offers, cheapest accelerator-hour first; read price feeds, show the history of prices
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: Option<What>,

    #[command(flatten)]
    names: Names,

    /// Only this provider
    #[arg(long)]
    provider: Option<String>,

    /// At most so many rows; 0: all
    #[arg(long, value_name = "N", default_value_t = 40)]
    limit: usize,

    #[command(flatten)]
    source: Source,

    #[command(flatten)]
    format: Format,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Update(update::Args),
    History(history::Args),
}

/// Lists what matches.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Answer, Failure> {
    match &args.what {
        Some(What::Update(args)) => return update::run(args, context),
        Some(What::History(args)) => return history::run(args, context),
        None => {}
    }
    let facts = facts::of(&args.source, None, context)?;
    let mut rows = lists::offers(&facts.catalog, args.names.given(), args.provider.as_deref());
    let all = rows.len();
    let aged = aged(&rows, &facts.today);
    if args.limit > 0 {
        rows.truncate(args.limit);
    }
    let text = if args.format.json {
        json::text(serde_json::to_value(&rows))?
    } else {
        let table = table(&rows);
        if args.format.markdown { table.markdown() } else { table.terminal(context.width) }
    };
    let mut answer = Answer { notes: facts.notes, ..Answer::new(text) };
    if all == 0 {
        answer.notes += &args.names.none("offer");
    } else if rows.len() < all {
        answer.notes += &format!("{} of {all} offers; --limit 0 shows all\n", rows.len());
    }
    answer.notes += &aged;
    Ok(answer)
}

/// How many prices are old, and how old the oldest is.
fn aged(rows: &[OfferRow], today: &str) -> String {
    let age = |offer: &OfferRow| Some(day(today)? - day(&offer.as_of)?);
    let old: Vec<i64> = rows.iter().filter_map(age).filter(|age| *age > OLD).collect();
    old.iter().max().map_or_else(String::new, |most| {
        let (old, all) = (old.len(), rows.len());
        format!("{old} of {all} prices are more than {OLD} days old, the oldest {most}: `outlay offers update` reads newer ones\n")
    })
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

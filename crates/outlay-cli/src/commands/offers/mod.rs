//! `outlay offers`: what can be rented, by price of one accelerator for an hour; where those prices come from.

use outlay::catalog::Offer;
use outlay::catalog::offers::day;
use serde_json::{Value, json};

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
    let mut offers: Vec<&Offer> = facts
        .catalog
        .offers()
        .iter()
        .filter(|offer| args.names.matches(&[&offer.accelerator.id, &offer.accelerator.name, &offer.instance]))
        .filter(|offer| args.provider.as_ref().is_none_or(|provider| offer.provider.eq_ignore_ascii_case(provider)))
        .collect();
    offers.sort_by(|a, b| each(a).total_cmp(&each(b)));
    let all = offers.len();
    let aged = aged(&offers, &facts.today);
    if args.limit > 0 {
        offers.truncate(args.limit);
    }
    let text = if args.format.json {
        json::text(Ok(Value::from(offers.iter().map(|offer| as_json(offer)).collect::<Vec<_>>())))?
    } else {
        let table = table(&offers);
        if args.format.markdown { table.markdown() } else { table.terminal(context.width) }
    };
    let mut answer = Answer { notes: facts.notes, ..Answer::new(text) };
    if all == 0 {
        answer.notes += &args.names.none("offer");
    } else if offers.len() < all {
        answer.notes += &format!("{} of {all} offers; --limit 0 shows all\n", offers.len());
    }
    answer.notes += &aged;
    Ok(answer)
}

/// How many prices are old, and how old the oldest is.
fn aged(offers: &[&Offer], today: &str) -> String {
    let age = |offer: &&Offer| Some(day(today)? - day(&offer.as_of)?);
    let old: Vec<i64> = offers.iter().filter_map(age).filter(|age| *age > OLD).collect();
    old.iter().max().map_or_else(String::new, |most| {
        let (old, all) = (old.len(), offers.len());
        format!("{old} of {all} prices are more than {OLD} days old, the oldest {most}: `outlay offers update` reads newer ones\n")
    })
}

fn each(offer: &Offer) -> f64 {
    offer.price.get() / offer.node.accelerators as f64
}

fn table(offers: &[&Offer]) -> Table {
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
    for offer in offers {
        table.row(vec![
            offer.accelerator.id.clone(),
            offer.node.accelerators.to_string(),
            usd(each(offer)),
            usd(offer.price.get()),
            offer.purchase.name().into(),
            offer.provider.clone(),
            offer.region.clone(),
            offer.instance.clone(),
            offer.as_of.clone(),
        ]);
    }
    table
}

fn as_json(offer: &Offer) -> Value {
    json!({
        "provider": offer.provider,
        "region": offer.region,
        "instance": offer.instance,
        "accelerator": offer.accelerator.id,
        "accelerators": offer.node.accelerators,
        "purchase": offer.purchase.name(),
        "usd_per_hour": offer.price.get(),
        "usd_per_accelerator_hour": each(offer),
        "as_of": offer.as_of,
        "source": offer.source,
    })
}

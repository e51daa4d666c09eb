//! `outlay offers`: what can be rented, by price of one accelerator for an hour.

use outlay::catalog::{Catalog, Offer};
use serde_json::{Value, json};

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
    let catalog = Catalog::built_in();
    let mut offers: Vec<&Offer> = catalog
        .offers()
        .iter()
        .filter(|offer| args.names.matches(&[&offer.accelerator.id, &offer.accelerator.name, &offer.instance]))
        .filter(|offer| args.provider.as_ref().is_none_or(|provider| offer.provider.eq_ignore_ascii_case(provider)))
        .collect();
    offers.sort_by(|a, b| each(a).total_cmp(&each(b)));
    let all = offers.len();
    if args.limit > 0 {
        offers.truncate(args.limit);
    }
    let text = if args.format.json {
        json::text(Ok(Value::from(offers.iter().map(|offer| as_json(offer)).collect::<Vec<_>>())))?
    } else {
        let table = table(&offers);
        if args.format.markdown { table.markdown() } else { table.terminal(context.width) }
    };
    let mut answer = Answer::new(text);
    if all == 0 {
        answer.notes = args.names.none("offer");
    } else if offers.len() < all {
        answer.notes = format!("{} of {all} offers; --limit 0 shows all\n", offers.len());
    }
    Ok(answer)
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

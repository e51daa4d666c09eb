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
    let catalog = Catalog::built_in();
    let mut offers = lists::offers(&catalog);
    offers.retain(|offer| {
        let name = catalog.accelerator(&offer.accelerator).map_or("", |part| part.name.as_str());
        args.names.matches(&[&offer.accelerator, name, &offer.instance])
            && args.provider.as_ref().is_none_or(|provider| offer.provider.eq_ignore_ascii_case(provider))
    });
    let all = offers.len();
    if args.limit > 0 {
        offers.truncate(args.limit);
    }
    let text = if args.format.json {
        json::text(serde_json::to_value(&offers))?
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

fn table(offers: &[OfferRow]) -> Table {
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
            offer.accelerator.clone(),
            offer.accelerators.to_string(),
            usd(offer.usd_per_accelerator_hour),
            usd(offer.usd_per_hour),
            offer.purchase.clone(),
            offer.provider.clone(),
            offer.region.clone(),
            offer.instance.clone(),
            offer.as_of.clone(),
        ]);
    }
    table
}

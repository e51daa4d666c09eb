//! `data.location`: which offers lie apart from the data, and what bringing it there costs.

use outlay_catalog::Catalog;
use outlay_core::scenario::offer::{Offer, Purchase};
use outlay_core::units::UsdPerGb;

use super::defaults::Notes;
use super::hardware::Machines;
use crate::problem::Problem;

/// Sets the distance and the price of the way for every offer.
pub(super) fn resolve(
    location: Option<&str>,
    catalog: &Catalog,
    machines: &mut Machines,
    notes: &mut Notes,
) -> Vec<Problem> {
    let Some(location) = location else {
        notes.assume("data.location", "where the machines are", "nobody said where the data lie: nothing is moved");
        return Vec::new();
    };
    let (provider, region) = location.split_once(':').unwrap_or((location, ""));
    let known = ["local", "owned"];
    let table = catalog.storage();
    if !known.contains(&provider) && !table.iter().any(|row| row.provider == provider) {
        let mut names: Vec<&str> = table.iter().map(|row| row.provider.as_str()).collect();
        names.extend(known);
        let near = outlay_catalog::names::nearest(provider, names.iter().copied());
        let fault = Problem::unknown_name("data.location", "place", location, &near);
        return vec![
            fault
                .help("write provider:region, as aws:us-east-1, or local")
                .help(format!("places whose prices are known: {}", names.join(", "))),
        ];
    }
    let home = table.iter().find(|row| row.provider == provider);
    for offer in machines.offers.iter_mut().chain(&mut machines.beyond) {
        let way = way(offer, provider, region);
        offer.apart = way != Way::None;
        offer.transfer = match way {
            Way::None => Some(UsdPerGb::ZERO),
            Way::Regions => home.and_then(|home| home.inter_region),
            // Leaving one's own disk is free; the line that carries it is paid anyhow.
            Way::Providers if known.contains(&provider) => Some(UsdPerGb::ZERO),
            Way::Providers => home.and_then(|home| home.egress),
        };
    }
    Vec::new()
}

#[derive(PartialEq)]
enum Way {
    /// The machines stand where the data lie.
    None,
    /// From one region of a provider to another.
    Regions,
    /// Out to the internet.
    Providers,
}

fn way(offer: &Offer, provider: &str, region: &str) -> Way {
    if offer.purchase == Purchase::Owned {
        return if matches!(provider, "local" | "owned") { Way::None } else { Way::Providers };
    }
    match (offer.provider == provider, region.is_empty() || offer.region == region) {
        (true, true) => Way::None,
        (true, false) => Way::Regions,
        (false, _) => Way::Providers,
    }
}

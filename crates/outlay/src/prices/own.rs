//! Offers that only this user has: blocks bought ahead, machines of one's own.

use outlay_catalog::names::nearest;
use outlay_core::scenario::cluster::Node;
use outlay_core::scenario::offer::{Contract, Offer, Purchase};
use outlay_core::units::{Seconds, Usd, UsdPerHour};

use super::apply::{Desk, Filter};
use super::file::{Block, OwnedMachines, Prices};
use crate::amount::Unit;
use crate::problem::{Code, Problem};
use crate::request::HardwareRequest;
use crate::resolve::{check_links, machine_hour, override_links};

/// Most accelerators that anybody owns.
const MOST: u64 = 1 << 17;
const DAY: f64 = 86_400.0;

/// Machines bought ahead that are still there.
pub(super) fn blocks(prices: &Prices, desk: &mut Desk<'_>) -> Vec<Offer> {
    let each = prices.block.iter().enumerate();
    each.filter_map(|(number, block)| self::block(&format!("block[{}]", number + 1), block, desk)).collect()
}

fn block(at: &str, block: &Block, desk: &mut Desk<'_>) -> Option<Offer> {
    let key = |name: &str| format!("{at}.{name}");
    let (from, until) =
        (desk.day(&key("from"), block.from.as_deref()), desk.day(&key("until"), block.until.as_deref()));
    for (name, missing) in [("from", block.from.is_none()), ("until", block.until.is_none())] {
        if missing {
            let fault = Problem::new(Code::Missing, key(name), "a block has a first day and a day on which it ends");
            desk.problems.push(fault.help("write it as \"2026-12-01\""));
        }
    }
    let gpus = counted(desk, &key("gpus"), block.gpus);
    let price = desk.needed(&key("price"), block.price.as_ref(), Unit::Usd);
    let like = template(at, block, desk);
    let (from, until, today) = (from?, until?, outlay_catalog::offers::day(desk.today)?);
    if until <= from {
        let fault = Problem::new(Code::Contradiction, key("until"), "the block ends before it begins");
        desk.problems.push(fault.help("until is the day on which it ends, at least one after from"));
        return None;
    }
    let (gpus, price, like) = (gpus?, price?, like?);
    if until <= today {
        desk.notes.push(format!("{at} ended on {}: it is not counted", block.until.as_deref().unwrap_or_default()));
        return None;
    }
    let hour = price * like.node.accelerators as f64;
    let length = Seconds::new((until - from) as f64 * DAY);
    Some(Offer {
        purchase: Purchase::Block,
        price: UsdPerHour::new(hour),
        contract: Contract {
            most: Some(gpus),
            starts_in: Seconds::new((from - today).max(0) as f64 * DAY),
            window: Some(Seconds::new((until - from.max(today)) as f64 * DAY)),
            obliges: Some(UsdPerHour::new(hour) * length),
            ..Contract::default()
        },
        preemption: None,
        base: None,
        as_of: String::new(),
        source: format!("prices.toml, {at}"),
        ..like
    })
}

/// The offer whose machine a block is of: the provider's own by name, else the usual machine of the part.
fn template(at: &str, block: &Block, desk: &mut Desk<'_>) -> Option<Offer> {
    let Some(provider) = block.provider.as_deref() else {
        desk.problems.push(Problem::new(
            Code::Missing,
            format!("{at}.provider"),
            "whose machines these are is not said",
        ));
        return None;
    };
    let filter = Filter {
        provider: Some(provider),
        region: block.region.as_deref(),
        instance: block.instance.as_deref(),
        accelerator: block.accelerator.as_deref(),
        purchase: None,
    };
    let fits = |offer: &&Offer| {
        filter.fits(offer) && block.gpus_per_machine.is_none_or(|count| count == offer.node.accelerators)
    };
    // The largest machine, which is what blocks are sold in.
    let found = desk.catalog.offers().iter().filter(fits).max_by_key(|offer| offer.node.accelerators).cloned();
    if found.is_some() && (block.instance.is_some() || block.accelerator.is_some()) {
        return found;
    }
    let name = block.accelerator.as_deref();
    let node = node(at, desk, name, None, block.gpus_per_machine.unwrap_or(8))?;
    let any = desk.catalog.offers().iter().find(|offer| offer.provider == provider);
    let (billing, storage) = (desk.catalog.market().billing(provider), any.and_then(|offer| offer.storage));
    Some(Offer {
        provider: provider.into(),
        region: block.region.clone().unwrap_or_default(),
        instance: block.instance.clone().unwrap_or_else(|| node.1.id.clone()),
        accelerator: node.0,
        node: node.1,
        purchase: Purchase::Block,
        price: UsdPerHour::ZERO,
        contract: Contract::default(),
        base: None,
        preemption: None,
        storage,
        transfer: None,
        apart: false,
        billing,
        carbon: desk.catalog.market().carbon(provider, block.region.as_deref().unwrap_or_default()),
        as_of: String::new(),
        source: String::new(),
    })
}

/// Machines of one's own.
pub(super) fn machines(prices: &Prices, desk: &mut Desk<'_>) -> Vec<Offer> {
    let each = prices.owned.iter().enumerate();
    each.filter_map(|(number, owned)| self::owned(&format!("owned[{}]", number + 1), owned, desk)).collect()
}

fn owned(at: &str, owned: &OwnedMachines, desk: &mut Desk<'_>) -> Option<Offer> {
    let key = |name: &str| format!("{at}.{name}");
    let gpus = counted(desk, &key("gpus"), owned.gpus);
    let per_machine = owned.gpus_per_machine.or(gpus.map(|gpus| gpus.min(8))).unwrap_or(8);
    let found = node(at, desk, owned.accelerator.as_deref(), owned.node.as_deref(), per_machine);
    let network = HardwareRequest {
        network: owned.network.clone(),
        network_gbit: owned.network_gbit,
        ..HardwareRequest::default()
    };
    for mut fault in check_links(&network) {
        fault.at = fault.at.replace("hardware", at);
        desk.problems.push(fault);
    }
    let price = match (&owned.price, &owned.machine_cost) {
        (Some(price), None) => desk.amount(&key("price"), Some(price), Unit::Usd),
        (None, Some(cost)) => {
            let cost = desk.amount(&key("machine_cost"), Some(cost), Unit::Usd);
            let bounded = |name: &str, value: Option<f64>, most: f64, desk: &mut Desk<'_>| {
                if let Some(value) = value.filter(|value| !(0.01..=most).contains(value)) {
                    let fault = format!("{value} is not between 0.01 and {most}");
                    desk.problems.push(Problem::new(Code::OutOfRange, key(name), fault));
                }
            };
            bounded("life_years", owned.life_years, 30.0, desk);
            bounded("used", owned.used, 1.0, desk);
            let count = found.as_ref().map_or(per_machine, |(_, node)| node.accelerators);
            cost.map(|cost| machine_hour(Usd::new(cost), count, owned.life_years, owned.used).get())
        }
        (None, None) => {
            let fault = Problem::new(Code::Missing, at, "neither the price of an hour nor that of a machine is said");
            let fault = fault.help("write price = \"$0.90\" for an accelerator and hour, or machine_cost = \"$280k\"");
            desk.problems.push(fault.help("a missing price is not zero: nothing would beat it"));
            None
        }
        (Some(_), Some(_)) => {
            let fault = "the price of an hour and that of a machine say the same thing";
            desk.problems.push(Problem::new(Code::Contradiction, at, fault).help("leave one of them out"));
            None
        }
    };
    let (accelerator, mut node) = found?;
    override_links(&network, &mut node);
    let name = owned.name.clone().unwrap_or_else(|| node.id.clone());
    Some(Offer {
        provider: "owned".into(),
        region: String::new(),
        instance: name,
        price: UsdPerHour::new(price? * node.accelerators as f64),
        contract: Contract { most: Some(gpus?), ..Contract::default() },
        accelerator,
        node,
        purchase: Purchase::Owned,
        base: None,
        preemption: None,
        storage: None,
        transfer: None,
        apart: false,
        billing: None,
        carbon: None,
        as_of: String::new(),
        source: format!("prices.toml, {at}"),
    })
}

fn counted(desk: &mut Desk<'_>, at: &str, count: Option<u64>) -> Option<u64> {
    match count {
        Some(count) if (1..=MOST).contains(&count) => Some(count),
        Some(count) => {
            let fault = format!("{count} accelerators: from 1 to {MOST} can be");
            desk.problems.push(Problem::new(Code::OutOfRange, at, fault));
            None
        }
        None => {
            desk.problems.push(Problem::new(Code::Missing, at, "how many accelerators there are is not said"));
            None
        }
    }
}

/// A part with its machine.
fn node(
    at: &str,
    desk: &mut Desk<'_>,
    accelerator: Option<&str>,
    shape: Option<&str>,
    count: u64,
) -> Option<(outlay_core::scenario::cluster::Accelerator, Node)> {
    let shapes = desk.catalog.shapes();
    let known = shape.map(|id| (id, shapes.iter().find(|shape| shape.node.id == id)));
    if let Some((id, None)) = known {
        let near = nearest(id, shapes.iter().map(|shape| shape.node.id.as_str()));
        desk.problems.push(Problem::unknown_name(&format!("{at}.node"), "machine", id, &near));
        return None;
    }
    let known = known.and_then(|(_, shape)| shape);
    let Some(name) = accelerator.or(known.map(|shape| shape.accelerator.as_str())) else {
        let fault = Problem::new(Code::Missing, format!("{at}.accelerator"), "which accelerator it is is not said");
        desk.problems.push(fault.help("for example accelerator = \"h100-sxm\"; `outlay hardware` lists them"));
        return None;
    };
    let part = match desk.catalog.accelerator(name) {
        Ok(part) => part.clone(),
        Err(near) => {
            desk.problems.push(Problem::unknown_name(&format!("{at}.accelerator"), "accelerator", name, &near));
            return None;
        }
    };
    let node = known.map(|shape| shape.node.clone()).or_else(|| desk.catalog.node_for(&part, count.clamp(1, 1024)))?;
    Some((part, node))
}

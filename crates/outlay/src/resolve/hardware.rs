//! `[hardware]`: what may be rented, or the exact machines.

use outlay_catalog::Catalog;
use outlay_catalog::names::nearest;
use outlay_catalog::nodes::{link_kind, link_kinds};
use outlay_core::bill::{self, Owned};
use outlay_core::dtype::Dtype;
use outlay_core::scenario::Size;
use outlay_core::scenario::cluster::{Accelerator, Link, Node, Vendor};
use outlay_core::scenario::offer::{Base, Contract, Offer, Purchase};
use outlay_core::scenario::recipe::{AttentionKernel, Method, Recipe};
use outlay_core::units::{BytesPerSec, Share, Usd, UsdPerHour, UsdPerKwh, Watts};

use super::defaults::Notes;
use super::train::Trained;
use super::{Ask, choice, positive, within};
use crate::amount::{self, Unit};
use crate::problem::{Code, Problem};
use crate::request::HardwareRequest;

/// Most accelerators of a job.
const MOST: u64 = 1 << 17;

/// What the plan may use.
#[derive(Debug, Clone)]
pub(super) struct Machines {
    pub(super) offers: Vec<Offer>,
    pub(super) beyond: Vec<Offer>,
    pub(super) size: Size,
    pub(super) unpriced: bool,
}

pub(super) fn resolve(
    request: &HardwareRequest,
    catalog: &Catalog,
    trained: Option<&Trained>,
    scratch: bool,
    ask: Ask,
    notes: &mut Notes,
) -> Result<Machines, Vec<Problem>> {
    let mut problems = Vec::new();
    let size = size(request, scratch, ask, notes, &mut problems);
    let wanted = accelerators(request, catalog, &mut problems);
    let purchases = purchases(request, notes, &mut problems);
    let owned = request
        .owned_price
        .as_ref()
        .and_then(|price| amount::read(price, Unit::Usd, "hardware.owned_price").map_err(|p| problems.push(p)).ok());
    let capex = capital(request, owned, &mut problems);
    check_names(request, catalog, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    let named = wanted.is_some();
    let mine = owned.map(Mine::Hour).or(capex.map(Mine::Machine));
    let listed = request.instance.is_some();
    let exact = (ask == Ask::Estimate && !listed) || mine.is_some() || request.node.is_some();
    if exact {
        return own(request, catalog, wanted.as_deref(), size, mine, trained);
    }
    let mut machines = offers(request, catalog, wanted.as_deref(), &purchases, size, trained, named)?;
    if ask == Ask::Estimate {
        // One machine is forecast on: the cheapest of that name, where a name alone leaves several.
        machines.offers.sort_by(|a, b| a.price.get().total_cmp(&b.price.get()));
    }
    Ok(machines)
}

/// What one's own machines cost.
#[derive(Debug, Clone, Copy)]
enum Mine {
    /// Dollars for an accelerator and hour.
    Hour(f64),
    /// A machine that was bought; electricity is a line of its own.
    Machine(Owned),
}

impl Mine {
    /// Price of an accelerator for a useful hour.
    fn hour(self, accelerators: u64) -> f64 {
        match self {
            Self::Hour(price) => price,
            Self::Machine(owned) => bill::owned_hour(&Owned { accelerators, ..owned }).get(),
        }
    }
}

/// What an accelerator-hour of a machine costs that was bought, by its life and use or the usual ones; without electricity.
pub(crate) fn machine_hour(capex: Usd, accelerators: u64, life: Option<f64>, used: Option<f64>) -> UsdPerHour {
    let (life, used) = (life.unwrap_or(LIFE.0), used.unwrap_or(LIFE.1));
    bill::owned_hour(&Owned { accelerators: accelerators.max(1), ..bought(capex, life, used) })
}

fn bought(capex: Usd, life: f64, used: f64) -> Owned {
    Owned {
        capex,
        accelerators: 1,
        life_years: Share::new(life),
        used: Share::new(used),
        server: Watts::ZERO,
        draw: Share::ZERO,
        pue: Share::ONE,
        electricity: UsdPerKwh::ZERO,
        upkeep: Share::new(LIFE.2),
    }
}

/// Years a machine is used, the share of its hours, and yearly upkeep, unless said otherwise.
const LIFE: (f64, f64, f64) = (4.0, 0.7, 0.05);

fn capital(request: &HardwareRequest, owned: Option<f64>, problems: &mut Vec<Problem>) -> Option<Owned> {
    let mut bounded = |at: &str, value: Option<f64>, default: f64, least: f64, most: f64| {
        value.map_or(default, |value| {
            within(at, value, least, most).unwrap_or_else(|problem| {
                problems.push(problem);
                default
            })
        })
    };
    let life = bounded("hardware.owned_life", request.owned_life, LIFE.0, 0.1, 30.0);
    let used = bounded("hardware.owned_use", request.owned_use, LIFE.1, 0.01, 1.0);
    let capex = request.owned_capex.as_ref()?;
    if owned.is_some() {
        let message = "the price of an hour and that of the machine say the same thing";
        problems.push(Problem::new(Code::Contradiction, "hardware.owned_capex", message).help("leave one of them out"));
    }
    let capex = amount::read(capex, Unit::Usd, "hardware.owned_capex").map_err(|p| problems.push(p)).ok()?;
    Some(bought(Usd::new(capex), life, used))
}

fn size(request: &HardwareRequest, scratch: bool, ask: Ask, notes: &mut Notes, problems: &mut Vec<Problem>) -> Size {
    if let (Some(gpus), Some(most)) = (request.gpus, request.max_gpus)
        && gpus > most
    {
        let message = format!("gpus = {gpus} is more than max_gpus = {most}");
        problems.push(Problem::new(Code::Contradiction, "hardware.gpus", message).help("leave one of them out"));
    }
    let mut bounded = |at: &str, value: u64| positive(at, value, MOST).map_err(|p| problems.push(p)).unwrap_or(1);
    match (request.gpus, request.max_gpus) {
        (Some(gpus), _) => Size::Exactly(bounded("hardware.gpus", gpus)),
        (None, Some(most)) => Size::AtMost(bounded("hardware.max_gpus", most)),
        (None, None) if ask == Ask::Estimate => {
            notes.assume("hardware.gpus", 1, "one accelerator unless said otherwise");
            Size::Exactly(1)
        }
        (None, None) => {
            let default = if scratch { "max_gpus_pretrain" } else { "max_gpus_finetune" };
            Size::AtMost(notes.count_or("hardware.max_gpus", None, default))
        }
    }
}

/// Parts that the filter names; `None`: any.
fn accelerators(request: &HardwareRequest, catalog: &Catalog, problems: &mut Vec<Problem>) -> Option<Vec<Accelerator>> {
    if request.accelerators.is_empty() || request.accelerators.iter().any(|name| name == "any" || name == "*") {
        return None;
    }
    let mut parts: Vec<Accelerator> = Vec::new();
    for name in &request.accelerators {
        if name.contains('*') {
            let before = parts.len();
            parts.extend(catalog.accelerators().filter(|part| glob(name, &part.id)).cloned());
            if parts.len() == before {
                problems.push(Problem::unknown_name("hardware.accelerators", "accelerator", name, &[]));
            }
            continue;
        }
        match catalog.accelerator(name) {
            Ok(part) => parts.push(part.clone()),
            Err(near) => problems.push(
                Problem::unknown_name("hardware.accelerators", "accelerator", name, &near)
                    .help("`outlay hardware` lists all of them"),
            ),
        }
    }
    Some(parts)
}

/// Ways of buying that are allowed.
#[derive(Debug, Default)]
struct Purchases {
    kinds: Vec<Purchase>,
    /// Mixtures named exactly: the steady part and how many of each four machines it is.
    mixtures: Vec<(Purchase, u64)>,
}

impl Purchases {
    fn allow(&self, offer: &Offer) -> bool {
        self.kinds.contains(&offer.purchase)
    }

    /// Only mixtures are asked for.
    fn only_mixed(&self) -> bool {
        self.kinds.iter().all(|kind| *kind == Purchase::Mixed)
    }

    fn mix(&self) -> bool {
        self.kinds.contains(&Purchase::Mixed) || !self.mixtures.is_empty()
    }
}

/// `2 in 4 on-demand, spot`, as an answer writes a mixture.
fn mixture(name: &str) -> Option<(Purchase, u64)> {
    let (quarters, steady) = name.trim().strip_suffix(", spot")?.split_once(" in 4 ")?;
    let steady = [Purchase::OnDemand, Purchase::Reserved1y, Purchase::Reserved3y]
        .into_iter()
        .find(|purchase| purchase.name() == steady)?;
    let quarters = quarters.parse().ok().filter(|quarters| (1..4).contains(quarters))?;
    Some((steady, quarters))
}

fn purchases(request: &HardwareRequest, notes: &mut Notes, problems: &mut Vec<Problem>) -> Purchases {
    let choices: &[(&str, &[Purchase])] = &[
        ("on-demand", &[Purchase::OnDemand]),
        ("spot", &[Purchase::Spot]),
        ("reserved", &[Purchase::Reserved1y, Purchase::Reserved3y]),
        ("reserved-1y", &[Purchase::Reserved1y]),
        ("reserved-3y", &[Purchase::Reserved3y]),
        ("owned", &[Purchase::Owned]),
        ("mixed", &[Purchase::Mixed]),
        ("block", &[Purchase::Block]),
        (
            "any",
            &[
                Purchase::OnDemand,
                Purchase::Spot,
                Purchase::Reserved1y,
                Purchase::Reserved3y,
                Purchase::Owned,
                Purchase::Block,
            ],
        ),
    ];
    let mut all = Purchases::default();
    if request.purchase.is_empty() {
        let default = notes.text_or("hardware.purchase", None, "purchase");
        let usual = choice("hardware.purchase", "purchase type", &default, choices).unwrap_or_default();
        // Machines that somebody owns or has bought ahead are there to be used.
        all.kinds = usual.iter().copied().chain([Purchase::Owned, Purchase::Block]).collect();
        return all;
    }
    for name in &request.purchase {
        if let Some(mixture) = mixture(name) {
            all.mixtures.push(mixture);
            continue;
        }
        match choice("hardware.purchase", "purchase type", name, choices) {
            Ok(more) => all.kinds.extend_from_slice(more),
            Err(problem) => problems.push(problem),
        }
    }
    all
}

fn check_names(request: &HardwareRequest, catalog: &Catalog, problems: &mut Vec<Problem>) {
    if request.domain == Some(0) {
        problems.push(Problem::new(Code::OutOfRange, "hardware.domain", "0 is not above zero"));
    }
    let any = |name: &String| name == "any" || name == "*";
    let mut known: Vec<&str> = catalog.offers().iter().map(|offer| offer.provider.as_str()).collect();
    known.sort_unstable();
    known.dedup();
    for name in request.providers.iter().filter(|name| !any(name)) {
        if !known.iter().any(|provider| glob(name, provider)) {
            let near = nearest(name, known.iter().copied());
            problems.push(
                Problem::unknown_name("hardware.providers", "provider", name, &near)
                    .help(format!("providers are {}", known.join(", "))),
            );
        }
    }
    for name in request.regions.iter().filter(|name| !any(name)) {
        if !catalog.offers().iter().any(|offer| glob(name, &offer.region)) {
            let regions = catalog.offers().iter().map(|offer| offer.region.as_str());
            problems.push(Problem::unknown_name("hardware.regions", "region", name, &nearest(name, regions)));
        }
    }
    problems.extend(check_links(request));
}

/// What is said of links can be.
pub(crate) fn check_links(request: &HardwareRequest) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Some(rate) = request.network_gbit.filter(|rate| !rate.is_finite() || *rate <= 0.0) {
        let message = format!("{rate} Gbit/s is not above zero");
        problems.push(Problem::new(Code::OutOfRange, "hardware.network_gbit", message));
    }
    for (at, name) in [("hardware.network", &request.network), ("hardware.link", &request.link)] {
        if let Some(name) = name
            && link_kind(name).is_none()
        {
            let kinds = link_kinds();
            let near = nearest(name, kinds.iter().copied());
            problems
                .push(Problem::unknown_name(at, "link", name, &near).help(format!("links are {}", kinds.join(", "))));
        }
    }
    problems
}

/// `*` stands for any text.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_lowercase(), text.to_lowercase());
    let mut pieces = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(pieces.next().unwrap_or_default()) else { return false };
    let pieces: Vec<&str> = pieces.collect();
    let Some((last, middle)) = pieces.split_last() else { return rest.is_empty() };
    for piece in middle {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// One's own machines, or machines named exactly: a single offer.
fn own(
    request: &HardwareRequest,
    catalog: &Catalog,
    wanted: Option<&[Accelerator]>,
    size: Size,
    owned: Option<Mine>,
    trained: Option<&Trained>,
) -> Result<Machines, Vec<Problem>> {
    let (Size::Exactly(count) | Size::AtMost(count)) = size;
    let shape = match &request.node {
        None => None,
        Some(id) => Some(catalog.shapes().iter().find(|shape| &shape.node.id == id).ok_or_else(|| {
            let near = nearest(id, catalog.shapes().iter().map(|shape| shape.node.id.as_str()));
            vec![Problem::unknown_name("hardware.node", "machine", id, &near)]
        })?),
    };
    let accelerator = match (wanted, shape) {
        (Some([one]), _) => one.clone(),
        (_, Some(shape)) => catalog
            .accelerator(&shape.accelerator)
            .cloned()
            .map_err(|near| vec![Problem::unknown_name("hardware.node", "accelerator", &shape.accelerator, &near)])?,
        _ => {
            let message = "name exactly one accelerator";
            let fault = Problem::new(Code::Missing, "hardware.accelerators", message);
            return Err(vec![fault.help("for example accelerators = [\"h100-sxm\"]; `outlay hardware` lists them")]);
        }
    };
    let faults = trained.map_or_else(Vec::new, |trained| lacks(&trained.recipe, &accelerator));
    if !faults.is_empty() {
        return Err(faults);
    }
    let per_node = request.gpus_per_node.unwrap_or_else(|| count.min(8));
    let per_node = positive("hardware.gpus_per_node", per_node, 1024).map_err(|p| vec![p])?;
    let mut node: Node = match shape {
        Some(shape) => shape.node.clone(),
        None => catalog.node_for(&accelerator, per_node).ok_or_else(|| {
            vec![Problem::new(Code::UnknownName, "hardware.accelerators", "no usual machine is known for this part")]
        })?,
    };
    override_links(request, &mut node);
    // Machines that one owns or has bought ahead, where they are asked for; else the cheapest on demand.
    let held: &[(&str, Purchase)] = &[("owned", Purchase::Owned), ("block", Purchase::Block)];
    let asked = held.iter().filter(|(name, _)| request.purchase.iter().any(|purchase| purchase == name));
    let asked: Vec<Purchase> = asked.map(|(_, purchase)| *purchase).collect();
    let of = |wanted: &[Purchase]| {
        let like = |o: &&Offer| o.accelerator.id == accelerator.id && wanted.contains(&o.purchase);
        catalog.offers().iter().filter(like).min_by(|a, b| each(a).total_cmp(&each(b)))
    };
    let cheapest = of(&asked).or_else(|| of(&[Purchase::OnDemand]));
    let machines = node.accelerators as f64;
    let (provider, instance, price, as_of, source, purchase) = match (owned, cheapest) {
        (Some(mine), _) => {
            let price = mine.hour(node.accelerators) * machines;
            ("owned".into(), node.id.clone(), price, String::new(), "the job".into(), Purchase::Owned)
        }
        (None, Some(offer)) => (
            offer.provider.clone(),
            offer.instance.clone(),
            each(offer) * machines,
            offer.as_of.clone(),
            offer.source.clone(),
            offer.purchase,
        ),
        (None, None) => ("unknown".into(), node.id.clone(), 0.0, String::new(), String::new(), Purchase::OnDemand),
    };
    let contract = cheapest.filter(|_| owned.is_none()).map_or_else(Contract::default, |offer| Contract {
        list: offer.contract.list.map(|list| list * Share::new(machines / offer.node.accelerators as f64)),
        ..offer.contract
    });
    let region = cheapest.filter(|_| owned.is_none()).map_or_else(String::new, |offer| offer.region.clone());
    let offer = Offer {
        provider,
        region,
        instance,
        accelerator,
        node,
        purchase,
        price: UsdPerHour::new(price),
        contract,
        base: None,
        preemption: None,
        storage: None,
        transfer: None,
        apart: false,
        billing: None,
        carbon: None,
        as_of,
        source,
    };
    Ok(Machines { offers: vec![offer], beyond: Vec::new(), size, unpriced: owned.is_none() && cheapest.is_none() })
}

fn each(offer: &Offer) -> f64 {
    offer.price.get() / offer.node.accelerators as f64
}

pub(crate) fn override_links(request: &HardwareRequest, node: &mut Node) {
    if let Some(kind) = request.link.as_deref().and_then(link_kind) {
        node.intra.kind = kind;
    }
    if let Some(domain) = request.domain {
        node.domain = domain.clamp(1, MOST);
    }
    let kind = request.network.as_deref().and_then(link_kind);
    let rate =
        request.network_gbit.filter(|rate| rate.is_finite() && *rate > 0.0).map(|gbit| BytesPerSec::gb(gbit / 8.0));
    if let (Some(link), Some(kind)) = (&mut node.inter, kind) {
        link.kind = kind;
    }
    if let Some(bandwidth) = rate {
        let kind = kind.or(node.inter.map(|link| link.kind));
        node.inter = kind.map(|kind| Link { kind, bandwidth });
    }
}

/// Offers that pass every filter; those that fail only the user's own stand beyond.
fn offers(
    request: &HardwareRequest,
    catalog: &Catalog,
    wanted: Option<&[Accelerator]>,
    purchases: &Purchases,
    size: Size,
    trained: Option<&Trained>,
    named: bool,
) -> Result<Machines, Vec<Problem>> {
    let passes = |list: &[String], value: &str| list.is_empty() || list.iter().any(|p| p == "any" || glob(p, value));
    let able: Vec<&Offer> = catalog.offers().iter().filter(|o| trained.is_none_or(|t| can(t, o, named))).collect();
    type Filter<'a> = (&'a str, Box<dyn Fn(&Offer) -> bool + 'a>);
    let filters: Vec<Filter<'_>> = vec![
        (
            "hardware.accelerators",
            Box::new(|o: &Offer| wanted.is_none_or(|parts| parts.iter().any(|part| part.id == o.accelerator.id))),
        ),
        ("hardware.providers", Box::new(|o: &Offer| passes(&request.providers, &o.provider))),
        ("hardware.regions", Box::new(|o: &Offer| passes(&request.regions, &o.region))),
        (
            "hardware.instance",
            Box::new(|o: &Offer| request.instance.as_deref().is_none_or(|name| glob(name, &o.instance))),
        ),
        ("hardware.purchase", Box::new(|o: &Offer| purchases.allow(o))),
    ];
    let (inside, beyond): (Vec<&Offer>, Vec<&Offer>) =
        able.iter().partition(|offer| filters.iter().all(|(_, keep)| keep(offer)));
    if inside.is_empty() && !purchases.only_mixed() {
        // Parts were named, and the recipe runs on none of them: that is what to say.
        let named = wanted.unwrap_or_default();
        let faults: Vec<Vec<Problem>> =
            trained.map_or_else(Vec::new, |t| named.iter().map(|part| lacks(&t.recipe, part)).collect());
        if !faults.is_empty() && faults.iter().all(|list| !list.is_empty()) {
            return Err(faults.into_iter().flatten().collect());
        }
        let mut left = able.clone();
        for (at, keep) in &filters {
            left.retain(|offer| keep(offer));
            if left.is_empty() {
                let fault = Problem::new(Code::NoOffer, *at, "no offer is left after this filter");
                return Err(vec![fault.help("widen it; `outlay offers` lists what there is").help(
                    "formats, kernels and training programs also rule parts out: see train.precision and train.stack",
                )]);
            }
        }
    }
    let mut inside: Vec<Offer> = inside.into_iter().cloned().collect();
    if purchases.mix() {
        let pool: Vec<&Offer> = able
            .iter()
            .copied()
            .filter(|offer| filters.iter().all(|(at, keep)| *at == "hardware.purchase" || keep(offer)))
            .collect();
        inside.extend(mixed(&pool, purchases));
        if inside.is_empty() {
            let message = "no machine is left that is offered both on spot and in a steady way";
            return Err(vec![Problem::new(Code::NoOffer, "hardware.purchase", message).help("allow other purchases")]);
        }
    }
    Ok(Machines { offers: inside, beyond: beyond.into_iter().cloned().collect(), size, unpriced: false })
}

/// Spot machines beside a steady part of the same machines: one, two or three of each four. The steady part is bought in
/// the ways that are allowed as well; in any, if no other is. Mixtures named exactly are just those.
fn mixed(pool: &[&Offer], purchases: &Purchases) -> Vec<Offer> {
    let open = purchases.kinds.contains(&Purchase::Mixed);
    let steady = |offer: &Offer, quarters: u64| match offer.purchase {
        Purchase::OnDemand | Purchase::Reserved1y | Purchase::Reserved3y => {
            let named = |purchase: &&Purchase| !matches!(purchase, Purchase::Mixed | Purchase::Spot);
            let allowed = purchases.allow(offer) || !purchases.kinds.iter().any(|purchase| named(&purchase));
            (open && allowed) || purchases.mixtures.contains(&(offer.purchase, quarters))
        }
        _ => false,
    };
    let mut all = Vec::new();
    for spot in pool.iter().filter(|offer| offer.purchase == Purchase::Spot) {
        let same = |offer: &&&Offer| {
            (&offer.provider, &offer.region, &offer.instance) == (&spot.provider, &spot.region, &spot.instance)
                && offer.node == spot.node
        };
        for base in pool.iter().filter(same) {
            for quarters in (1..4).filter(|quarters| steady(base, *quarters)) {
                let share = quarters as f64 / 4.0;
                // Both discounts, in the same parts; the rest of the contract is the spot machines'.
                let list = |offer: &Offer| offer.contract.list.unwrap_or(offer.price).get();
                let listed = base.contract.list.is_some() || spot.contract.list.is_some();
                let whole = UsdPerHour::new(list(base) * share + list(spot) * (1.0 - share));
                all.push(Offer {
                    purchase: Purchase::Mixed,
                    contract: Contract { list: listed.then_some(whole), ..spot.contract },
                    price: UsdPerHour::new(base.price.get() * share + spot.price.get() * (1.0 - share)),
                    base: Some(Base { purchase: base.purchase, price: base.price, quarters }),
                    ..(**spot).clone()
                });
            }
        }
    }
    all
}

/// The part can run the recipe, and the program is made for it unless the part was named.
fn can(trained: &Trained, offer: &Offer, named: bool) -> bool {
    let part = &offer.accelerator;
    lacks(&trained.recipe, part).is_empty() && (named || trained.program.vendors.contains(&part.vendor))
}

/// What the recipe needs and the part has not: its format, its quantised kernels, its attention kernel.
fn lacks(recipe: &Recipe, part: &Accelerator) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut lacking = |at: &str, what: &str, help: &str| {
        let message = format!("{} has no {what}", part.name);
        problems.push(Problem::new(Code::NotOnThisPart, at, message).help(help));
    };
    if part.peaks.of(recipe.precision.compute).is_none() {
        let format = recipe.precision.compute.name();
        lacking("train.precision", &format!("{format} arithmetic"), "use bf16 or fp16, or another part");
    }
    let quantised = matches!(&recipe.method, Method::Lora(lora) if matches!(lora.base, Dtype::Nf4 | Dtype::Nf4Double));
    if quantised && !matches!(part.vendor, Vendor::Nvidia | Vendor::Amd) {
        lacking("method.kind", "4-bit kernels", "use kind = \"lora\", or another part");
    }
    let older = |names: &[&str]| names.contains(&part.architecture.as_str());
    let runs = match recipe.attention {
        AttentionKernel::Flash1 => part.vendor == Vendor::Nvidia && !older(&["kepler", "pascal", "volta"]),
        AttentionKernel::Flash2 => match part.vendor {
            Vendor::Nvidia => !older(&["kepler", "pascal", "volta", "turing"]),
            Vendor::Amd => true,
            _ => false,
        },
        AttentionKernel::Flash3 => older(&["hopper"]),
        // `cudnn` stands for the vendor's own best kernel, whoever the vendor is.
        _ => true,
    };
    if !runs {
        lacking("train.attention", "such attention kernel", "use attention = \"auto\"");
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::glob;

    #[test]
    fn stars_stand_for_anything() {
        assert!(glob("us-*", "us-east-1"));
        assert!(glob("*east*", "us-east-1"));
        assert!(glob("h100*", "H100-SXM"));
        assert!(!glob("eu-*", "us-east-1"));
        assert!(glob("aws", "AWS") && !glob("aws", "aws2"));
    }
}

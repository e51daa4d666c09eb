//! The one door: [`request::Request`] to [`response::Response`].
//!
//! ```text
//! text ─ parse ─► Request ─ resolve ─► Scenario ─ plan | estimate ─► Response
//! ```
//!
//! Everything a shell needs is here; the catalog and the date are handed in, nothing is read from the outside. Faults of
//! the user come back all at once as [`Problem`]s. One thread and many give the same bytes.

mod afford;
mod amount;
mod answer;
mod diff;
mod finish;
mod levers;
pub mod lists;
mod observed;
mod parse;
mod pinned;
pub mod pipeline;
pub mod plan;
pub mod prices;
pub mod problem;
pub mod request;
mod resolve;
pub mod response;
pub mod scaling;
pub mod schema;
mod taught;
mod vary;
mod why;

/// The tables, and the types of what stands in them.
pub mod catalog {
    pub use outlay_catalog::CALIBRATION;
    pub use outlay_catalog::accelerators::Part;
    pub use outlay_catalog::feeds;
    pub use outlay_catalog::hosted::Hosted;
    pub use outlay_catalog::languages::Language;
    pub use outlay_catalog::market::Market;
    pub use outlay_catalog::model::json as config_json;
    pub use outlay_catalog::names;
    pub use outlay_catalog::offers::{self, Quote};
    pub use outlay_catalog::presets::Preset;
    pub use outlay_catalog::stacks::Program;
    pub use outlay_catalog::{Catalog, error::TableError};
    pub use outlay_core::scenario::cluster::Accelerator;
    pub use outlay_core::scenario::offer::{Offer, Purchase};
}

pub use levers::levers;
pub use outlay_core as core;
pub use parse::{from_json, from_value, job_file, parse, to_toml};
pub use pinned::pinned;
pub use pipeline::pipeline;
pub use problem::Problem;
pub use resolve::{Resolved, architecture};

use outlay_catalog::Catalog;
use outlay_core::forecast::{self, Forecast};
use outlay_core::layout::Offload;
use outlay_core::memory::ModelMemory;
use outlay_core::plan::{Plan, layouts};
use outlay_core::scenario::{Scenario, Size};
use outlay_core::search::{Ranking, TIGHT, Watch};
use outlay_core::units::{Seconds, Share};

use problem::Code;
use request::Request;
use resolve::Ask;
use response::{Diff, Response, Why};

/// Every problem of a job, with nothing computed: what [`plan`] would refuse.
///
/// # Errors
/// All problems of the request.
pub fn check(request: &Request, catalog: &Catalog) -> Result<(), Vec<Problem>> {
    observed::sharpen(request, catalog)?;
    vary::variants(request, catalog).map(|_| ())
}

/// An answer as JSON: indented, keys in the order of the alphabet, a newline at the end. Every shell writes it with this, so
/// that all of them give the same bytes.
///
/// # Errors
/// None for the types of this crate.
pub fn json(answer: &impl serde::Serialize) -> Result<String, serde_json::Error> {
    let value = serde_json::to_value(answer)?;
    serde_json::to_string_pretty(&value).map(|text| text + "\n")
}

/// The best plan for a job among all offers; `pick` is `None` if none is feasible.
///
/// # Errors
/// All problems of the request.
pub fn plan(request: &Request, catalog: &Catalog, today: &str) -> Result<Response, Vec<Problem>> {
    plan_watched(request, catalog, today, &outlay_core::search::unwatched)
}

/// As [`plan`]; `watch` is told how far the search has come, and may end it with the best so far.
///
/// # Errors
/// All problems of the request.
pub fn plan_watched(
    request: &Request,
    catalog: &Catalog,
    today: &str,
    watch: Watch<'_>,
) -> Result<Response, Vec<Problem>> {
    let planned = Planned::of(request, catalog, watch)?;
    Ok(planned.writer(today).response(&planned.ranking))
}

/// Where the plan that `named` says stands beside the best for `base`, and which terms make it lose.
///
/// `named` is the same job with parts of the plan fixed: an accelerator, a provider, parts of the layout.
///
/// # Errors
/// All problems of either request.
pub fn why(base: &Request, named: &Request, catalog: &Catalog, today: &str) -> Result<Why, Vec<Problem>> {
    why_watched(base, named, catalog, today, &outlay_core::search::unwatched)
}

/// As [`why`]; `watch` is told how far either search has come, and may end it with the best so far.
///
/// # Errors
/// All problems of either request.
pub fn why_watched(
    base: &Request,
    named: &Request,
    catalog: &Catalog,
    today: &str,
    watch: Watch<'_>,
) -> Result<Why, Vec<Problem>> {
    let best = Planned::of(base, catalog, watch)?;
    let named = Planned::of(named, catalog, watch)?;
    Ok(why::why(&best, &named, today))
}

/// What the change from one job to another does to cost, time, memory, fit and quality.
///
/// # Errors
/// All problems of either request.
pub fn diff(before: &Request, after: &Request, catalog: &Catalog, today: &str) -> Result<Diff, Vec<Problem>> {
    diff_watched(before, after, catalog, today, &outlay_core::search::unwatched)
}

/// As [`diff`]; `watch` is told how far either search has come, and may end it with the best so far.
///
/// # Errors
/// All problems of either request.
pub fn diff_watched(
    before: &Request,
    after: &Request,
    catalog: &Catalog,
    today: &str,
    watch: Watch<'_>,
) -> Result<Diff, Vec<Problem>> {
    let planned = (Planned::of(before, catalog, watch)?, Planned::of(after, catalog, watch)?);
    Ok(diff::diff((before, after), (&planned.0, &planned.1), today))
}

/// What other facts do to a job: prices of another day, of another contract.
///
/// # Errors
/// All problems of the request, with either facts.
pub fn drift(request: &Request, then: &Catalog, now: &Catalog, today: &str) -> Result<Diff, Vec<Problem>> {
    let everything = &outlay_core::search::unwatched;
    let planned = (Planned::of(request, then, everything)?, Planned::of(request, now, everything)?);
    Ok(diff::diff((request, request), (&planned.0, &planned.1), today))
}

/// A question with its answer, before it is written.
pub(crate) struct Planned {
    /// With what the user's own measurement taught.
    catalog: Catalog,
    variants: Vec<vary::Variant>,
    scenarios: Vec<Scenario>,
    ranking: Ranking,
}

impl Planned {
    fn of(request: &Request, catalog: &Catalog, watch: Watch<'_>) -> Result<Self, Vec<Problem>> {
        let (catalog, note) = match observed::sharpen(request, catalog)? {
            Some(sharpened) => (catalog.clone().with_knowledge(sharpened.knowledge), Some(sharpened.note)),
            None => (catalog.clone(), None),
        };
        let (mut variants, left_out) = vary::variants(request, &catalog)?;
        for variant in &mut variants {
            variant.resolved.warnings.extend(note.iter().chain(&left_out).cloned());
        }
        let scenarios: Vec<Scenario> = variants.iter().map(|variant| variant.resolved.scenario.clone()).collect();
        let ranking = plan::among(&scenarios, catalog.knowledge(), watch);
        Ok(Self { catalog, variants, scenarios, ranking })
    }

    /// What writes the answer.
    fn writer<'a>(&'a self, today: &'a str) -> answer::Writer<'a> {
        let chosen = self.ranking.pick.as_ref().map_or(0, |pick| pick.plan.variant);
        let resolved = &self.variants[chosen].resolved;
        answer::Writer { resolved, variants: &self.variants, catalog: &self.catalog, today }
    }
}

/// The forecast of exactly the machines and layout named; what is left open is the quickest that fits.
///
/// # Errors
/// All problems of the request.
pub fn estimate(request: &Request, catalog: &Catalog, today: &str) -> Result<Response, Vec<Problem>> {
    let (resolved, forecast) = exact(request, catalog)?;
    let ranking = Ranking {
        pick: Some(forecast),
        front: Vec::new(),
        losers: Vec::new(),
        relaxations: Vec::new(),
        obstacle: None,
        unproven: None,
        counts: outlay_core::search::Counts::default(),
    };
    Ok(answer::Writer { resolved: &resolved, variants: &[], catalog, today }.response(&ranking))
}

/// As [`estimate`], with the core's figures.
///
/// # Errors
/// All problems of the request.
pub fn exact(request: &Request, catalog: &Catalog) -> Result<(Resolved, Forecast), Vec<Problem>> {
    let Some(sharpened) = observed::sharpen(request, catalog)? else { return exact_as_known(request, catalog) };
    let catalog = catalog.clone().with_knowledge(sharpened.knowledge);
    let (mut resolved, forecast) = exact_as_known(request, &catalog)?;
    resolved.warnings.push(sharpened.note);
    Ok((resolved, forecast))
}

/// As [`exact`], with what the catalog knows and nothing else.
fn exact_as_known(request: &Request, catalog: &Catalog) -> Result<(Resolved, Forecast), Vec<Problem>> {
    let mut resolved = resolve::resolve(request, catalog, Ask::Estimate)?;
    let knowledge = catalog.knowledge();
    let scenario = &resolved.scenario;
    let (Size::Exactly(count) | Size::AtMost(count)) = scenario.size;
    let offer = &scenario.offers[0];
    let cluster = forecast::cluster(offer, count);
    let memory = ModelMemory::new(&scenario.model, &scenario.recipe);
    // The quickest that may fit; failing that, the one that comes nearest to fitting.
    let mut best: Option<(bool, Seconds, Share, outlay_core::layout::Layout)> = None;
    for layout in layouts(scenario, &cluster, scenario.pins.offload.unwrap_or(Offload::None)) {
        let fit = forecast::fit(&memory.footprint(&layout), &cluster);
        let may = fit >= TIGHT;
        // How long a layout takes only matters among those that may fit.
        let time = if may { forecast::timed(scenario, knowledge, &cluster, &layout).total() } else { Seconds::ZERO };
        let better = best.as_ref().is_none_or(|(other, quickest, fullest, _)| match (may, other) {
            (true, false) => true,
            (false, true) => false,
            (true, true) => time < *quickest,
            (false, false) => fit > *fullest,
        });
        if better {
            best = Some((may, time, fit, layout));
        }
    }
    let Some((.., layout)) = best else {
        let rule = outlay_core::plan::obstacle(scenario, &cluster);
        let why = rule.map_or("nothing divides as it is fixed", answer::obstacle);
        let fault = Problem::new(Code::DoesNotDivide, "layout", format!("no legal layout: {why}"));
        return Err(vec![
            fault.help("leave part of [layout] to the search, or change hardware.gpus or train.global_batch"),
        ]);
    };
    let nodes = cluster.nodes();
    if let Some(most) = offer.contract.most.filter(|most| nodes * offer.node.accelerators > *most) {
        let message = format!(
            "{} accelerators of whole machines are more than the {most} you may have",
            nodes * offer.node.accelerators
        );
        resolved.warnings.push(message);
    }
    let scenario = &resolved.scenario;
    let plan = Plan { variant: 0, offer: 0, nodes, layout };
    match forecast::forecast(scenario, knowledge, plan) {
        Some(forecast) => Ok((resolved, forecast)),
        None => Err(vec![Problem::new(Code::NoOffer, "hardware", "no machine to forecast on")]),
    }
}

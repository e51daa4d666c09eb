//! Every lever one meaningful step each way: what it does to cost, time, memory and the expected loss.
//!
//! A step is the job with one key changed, put through the same door as any job. Where a step is not about machines, the
//! machines of the plan stay, so that nothing else moves; where it does not fit them, the machines are searched anew and
//! the row says so. Levers that cannot move on this job are named with the reason, not left out.
//!
//! Does not know: combinations of levers; that is what the search is for.
//!
//! Reading order: [`levers`], then `steps`.

mod architecture;
mod steps;

use std::collections::BTreeMap;

use outlay_catalog::Catalog;
use outlay_core::forecast::Forecast;
use outlay_core::run::quality::{self, Lesson};
use outlay_core::scenario::offer::{Offer, Purchase};
use outlay_core::scenario::{Goal, Scenario, Size};
use outlay_core::units::Share;
use serde_json::Value;

use crate::problem::Problem;
use crate::request::Request;
use crate::resolve::{self, Ask, Resolved};
use crate::response::{Lever, Levers, Standing, VERSION};

/// A step of one lever.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// Group of levers.
    pub(crate) group: &'static str,
    /// Which lever: a key of the job.
    pub(crate) lever: &'static str,
    /// From what to what.
    pub(crate) change: String,
    /// What it does, in a line.
    pub(crate) why: &'static str,
    /// The job after it.
    pub(crate) request: Request,
    /// The machines are part of it.
    pub(crate) anew: bool,
}

/// Where the job stands.
pub(crate) struct Base<'a> {
    pub(crate) request: &'a Request,
    pub(crate) catalog: &'a Catalog,
    pub(crate) scenario: &'a Scenario,
    pub(crate) forecast: &'a Forecast,
    pub(crate) offer: &'a Offer,
}

/// Every lever of a job, those that move the bill most first.
///
/// # Errors
/// All problems of the request.
pub fn levers(request: &Request, catalog: &Catalog) -> Result<Levers, Vec<Problem>> {
    let sharpened = crate::observed::sharpen(request, catalog)?;
    let known = sharpened.map(|known| catalog.clone().with_knowledge(known.knowledge));
    let catalog = known.as_ref().unwrap_or(catalog);
    let request = &Request { observed: Default::default(), ..request.clone() };
    let resolved = resolve::resolve(request, catalog, Ask::Plan)?;
    let Some((offer, forecast)) = best(&resolved.scenario, catalog) else {
        return Ok(Levers { version: VERSION, standing: None, levers: Vec::new() });
    };
    let base = Base { request, catalog, scenario: &resolved.scenario, forecast: &forecast, offer: &offer };
    let goal = resolved.scenario.goal;
    let here = standing(&resolved, &offer, &forecast);
    let steps = steps::steps(&base);
    let mut rows: Vec<(f64, Lever)> = taken(&base, &here, &steps);
    // A total order: how far the goal moves, then the place in the list.
    for (moved, row) in &mut rows {
        *moved = row.after.as_ref().map_or(-1.0, |after| {
            let ratio = |one: f64, other: f64| (one.max(1e-12) / other.max(1e-12)).ln().abs();
            match goal {
                Goal::Cost | Goal::Robust | Goal::Card => ratio(after.cost_usd, here.cost_usd),
                Goal::Time => ratio(after.hours, here.hours),
                Goal::CostTime => ratio(after.cost_usd * after.hours, here.cost_usd * here.hours),
            }
        });
    }
    rows.sort_by(|one, other| other.0.total_cmp(&one.0));
    Ok(Levers { version: VERSION, standing: Some(here), levers: rows.into_iter().map(|(_, row)| row).collect() })
}

/// Takes every step, several at a time; the rows come back in the order of the steps.
fn taken(base: &Base<'_>, here: &Standing, steps: &[Step]) -> Vec<(f64, Lever)> {
    let take = |step: &Step| (0.0, row(base, here, step));
    #[cfg(feature = "threads")]
    {
        use rayon::prelude::*;
        steps.par_iter().with_max_len(1).map(take).collect()
    }
    #[cfg(not(feature = "threads"))]
    steps.iter().map(take).collect()
}

fn row(base: &Base<'_>, here: &Standing, step: &Step) -> Lever {
    let mut lever = Lever {
        group: step.group.into(),
        lever: step.lever.into(),
        change: step.change.clone(),
        why: step.why.into(),
        set: set(base.request, &step.request),
        after: None,
        other_machines: false,
        impossible: None,
    };
    let mut resolved = match resolve::resolve(&step.request, base.catalog, Ask::Plan) {
        Ok(resolved) => resolved,
        Err(problems) => {
            lever.impossible = problems.first().map(|problem| problem.message.clone());
            return lever;
        }
    };
    let everywhere = resolved.scenario.clone();
    if !step.anew {
        stay(&mut resolved.scenario, base);
    }
    let found = best(&resolved.scenario, base.catalog).or_else(|| {
        lever.other_machines = !step.anew;
        resolved.scenario = everywhere;
        best(&resolved.scenario, base.catalog)
    });
    match found {
        Some((offer, forecast)) => {
            let after = standing(&resolved, &offer, &forecast);
            lever.other_machines |= step.anew && after.machines != here.machines;
            lever.after = Some(after);
        }
        None => lever.impossible = Some("no plan within the limits".into()),
    }
    lever
}

/// The keys that a step writes, with their new values.
fn set(before: &Request, after: &Request) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    if let (Ok(before), Ok(after)) = (serde_json::to_value(before), serde_json::to_value(after)) {
        differing("", &before, &after, &mut all);
    }
    all
}

fn differing(at: &str, before: &Value, after: &Value, out: &mut BTreeMap<String, Value>) {
    match (before, after) {
        _ if before == after => {}
        // A section has all its keys on both sides; what is no section is replaced as a whole.
        (Value::Object(one), Value::Object(other)) => {
            for (key, value) in other {
                let at = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
                differing(&at, one.get(key).unwrap_or(&Value::Null), value, out);
            }
        }
        _ => {
            out.insert(at.to_owned(), after.clone());
        }
    }
}

/// Keeps the machines of the plan.
fn stay(scenario: &mut Scenario, base: &Base<'_>) {
    let kept = |offer: &Offer| {
        offer.provider == base.offer.provider
            && offer.region == base.offer.region
            && offer.instance == base.offer.instance
            && offer.purchase == base.offer.purchase
            && offer.accelerator.id == base.offer.accelerator.id
            && offer.price == base.offer.price
    };
    scenario.offers.retain(kept);
    scenario.offers.truncate(1);
    scenario.beyond.clear();
    scenario.size = Size::Exactly(base.forecast.plan.layout.accelerators());
}

/// The best plan of a scenario; what would have to give is not asked.
fn best(scenario: &Scenario, catalog: &Catalog) -> Option<(Offer, Forecast)> {
    let forecast = crate::plan::pick(scenario, catalog.knowledge())?;
    Some((scenario.offers.get(forecast.plan.offer)?.clone(), forecast))
}

fn standing(resolved: &Resolved, offer: &Offer, forecast: &Forecast) -> Standing {
    let Scenario { model, recipe, data, dynamics, .. } = &resolved.scenario;
    let learnt = quality::quality(&Lesson { model, recipe, data, dynamics });
    let count = forecast.plan.layout.accelerators();
    Standing {
        machines: if offer.purchase == Purchase::Owned {
            format!("{count}× {} (your own)", offer.accelerator.name)
        } else {
            format!("{count}× {} ({} {})", offer.accelerator.name, offer.provider, offer.purchase.name())
        },
        cost_usd: forecast.cost.mid.get(),
        hours: forecast.time.mid.to_hours(),
        memory_gib: forecast.footprint.total().to_gib(),
        memory_share: (forecast.footprint.total() / offer.accelerator.memory).get(),
        loss: learnt.loss().get(),
        divergence: learnt.divergence.max(Share::ZERO).get(),
    }
}

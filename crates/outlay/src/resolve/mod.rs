//! Request + Catalog to [`Scenario`]: everything checked, every default filled in and noted, or all problems at once.
//!
//! Each section has its file; none stops at its first fault, and a section that needs another's result goes without it
//! where that one failed.

mod data;
mod defaults;
mod dynamics;
mod extras;
mod hardware;
mod layout;
mod method;
mod model;
mod operation;
mod place;
mod scan;
mod train;

use outlay_catalog::Catalog;
use outlay_core::scenario::recipe::Method;
use outlay_core::scenario::{Goal, Limits, Scenario};
use outlay_core::units::{Seconds, Usd};

use crate::amount::{self, Unit};
use crate::problem::{Code, Problem};
use crate::request::{Amount, Request};
pub(crate) use defaults::{Assumption, Notes};
pub(crate) use dynamics::resolve as dynamics;
pub(crate) use hardware::{check_links, glob, machine_hour, override_links};

/// What a request means: a scenario, and what had to be assumed for it.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The question.
    pub scenario: Scenario,
    /// Defaults that were used.
    pub(crate) assumptions: Vec<Assumption>,
    /// What is legal but surprising.
    pub(crate) warnings: Vec<String>,
    /// Nobody gave a price: money is unknown.
    pub(crate) unpriced: bool,
}

/// What is asked about machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    /// The best of all offers.
    Plan,
    /// Exactly the machines named.
    Estimate,
}

/// Reads only the model and the method: for counts.
///
/// # Errors
/// All problems of both.
pub fn architecture(
    request: &Request,
    catalog: &Catalog,
) -> Result<(outlay_core::model::Model, outlay_core::scenario::recipe::Method), Vec<Problem>> {
    let mut problems = Vec::new();
    let mut notes = Notes::default();
    let model = collect(&mut problems, model::resolve(&request.model, catalog, &mut notes));
    let method = collect(&mut problems, method::resolve(&request.method, false, &mut notes));
    match (model, method) {
        (Some(model), Some(method)) if problems.is_empty() => {
            let unknown = method::check(&method, &model, &mut notes);
            if unknown.is_empty() { Ok((model, method)) } else { Err(unknown) }
        }
        _ => Err(problems),
    }
}

pub(crate) fn resolve(request: &Request, catalog: &Catalog, ask: Ask) -> Result<Resolved, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut notes = Notes::default();
    request.remarks.iter().for_each(|remark| notes.warn(remark));
    if request.vary.is_some() {
        let fault = Problem::new(Code::Contradiction, "vary", "only a plan chooses between values");
        problems.push(fault.help("leave [vary] out here, or ask `outlay plan`"));
    }
    let scratch = model::from_scratch(request, &mut notes, &mut problems);
    let mut model = collect(&mut problems, model::resolve(&request.model, catalog, &mut notes));
    let method = collect(&mut problems, method::resolve(&request.method, scratch, &mut notes));
    if let (Some(model), Some(method)) = (&model, &method) {
        problems.extend(method::check(method, model, &mut notes));
    }
    let recipe = collect(&mut problems, train::resolve(request, catalog, scratch, model.as_ref(), method, &mut notes));
    if let (Some(model), Some(recipe)) = (&mut model, &recipe) {
        let trained = recipe.program.trains_mtp && matches!(recipe.recipe.method, Method::Full);
        let added = model::predict_further(&request.model, catalog, trained, model, &mut notes);
        problems.extend(added.err());
    }
    let dynamics = collect(&mut problems, dynamics::resolve(request, scratch, &mut notes));
    let lesson = match (&model, &recipe, &dynamics) {
        (Some(model), Some(recipe), Some(dynamics)) => Some((model, &recipe.recipe, dynamics)),
        _ => None,
    };
    let data = collect(&mut problems, data::resolve(request, catalog, scratch, lesson, ask, &mut notes));
    let extras = collect(&mut problems, extras::resolve(request, data.as_ref(), &mut notes));
    let pins = collect(&mut problems, layout::resolve(request, &mut notes));
    let limits = collect(&mut problems, limits(request));
    let goal = collect(&mut problems, goal(request, &mut notes));
    let operation = collect(&mut problems, operation::resolve(request, catalog, &mut notes));
    let mut machines = collect(
        &mut problems,
        hardware::resolve(&request.hardware, catalog, recipe.as_ref(), scratch, ask, &mut notes),
    );
    if let Some(machines) = &mut machines {
        let location = request.data.location.as_deref();
        problems.extend(place::resolve(location, catalog, machines, &mut notes));
        if request.hardware.preemption.is_some() {
            // The user knows better than the tables.
            let known = operation.as_ref().map(|operation| operation.preemption);
            for offer in machines.offers.iter_mut().chain(&mut machines.beyond) {
                offer.preemption = offer.preemption.and(known);
            }
        }
    }
    problems.extend(layout::check(&request.layout, model.as_ref(), machines.as_ref().map(|machines| machines.size)));
    let (Some(model), Some(recipe), Some(data), Some(pins)) = (model, recipe, data, pins) else { return Err(problems) };
    let (Some(limits), Some(goal), Some(operation), Some(machines)) = (limits, goal, operation, machines) else {
        return Err(problems);
    };
    let (Some(dynamics), Some(extras)) = (dynamics, extras) else { return Err(problems) };
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Resolved {
        scenario: Scenario {
            model,
            recipe: recipe.recipe,
            data,
            dynamics,
            offers: machines.offers,
            beyond: machines.beyond,
            pins,
            size: machines.size,
            limits,
            goal,
            operation,
            extras,
        },
        assumptions: notes.assumptions,
        warnings: notes.warnings,
        unpriced: machines.unpriced,
    })
}

/// Keeps the value, or the problems.
fn collect<T>(problems: &mut Vec<Problem>, result: Result<T, Vec<Problem>>) -> Option<T> {
    result.map_err(|more| problems.extend(more)).ok()
}

/// One of a list of names; the nearest is offered.
pub(super) fn choice<T: Copy>(at: &str, kind: &str, found: &str, choices: &[(&str, T)]) -> Result<T, Problem> {
    let wanted = found.trim().to_lowercase();
    choices.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value).ok_or_else(|| {
        let near = outlay_catalog::names::nearest(found, choices.iter().map(|(name, _)| *name));
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        Problem::unknown_name(at, kind, found, &near).help(format!("choices are {}", names.join(", ")))
    })
}

fn limits(request: &Request) -> Result<Limits, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut read = |value: &Option<Amount>, unit, at: &str| {
        value.as_ref().and_then(|value| amount::read(value, unit, at).map_err(|p| problems.push(p)).ok())
    };
    let budget = read(&request.limits.budget, Unit::Usd, "limits.budget").map(Usd::new);
    let deadline = read(&request.limits.deadline, Unit::Time, "limits.deadline").map(Seconds::new);
    if problems.is_empty() { Ok(Limits { budget, deadline }) } else { Err(problems) }
}

fn goal(request: &Request, notes: &mut Notes) -> Result<Goal, Vec<Problem>> {
    let text = notes.text_or("goal.minimize", request.goal.minimize.as_deref(), "minimize");
    let choices = [
        ("cost", Goal::Cost),
        ("time", Goal::Time),
        ("cost*time", Goal::CostTime),
        ("worst-cost", Goal::Robust),
        ("card", Goal::Card),
        // How much data that is, is found before; then the cheapest plan that gets through it.
        ("loss", Goal::Cost),
    ];
    choice("goal.minimize", "goal", &text, &choices).map_err(|p| vec![p])
}

/// A whole number that must be above zero and not absurd.
pub(super) fn positive(at: &str, value: u64, most: u64) -> Result<u64, Problem> {
    if value == 0 {
        Err(Problem::new(Code::OutOfRange, at, "0 is not above zero"))
    } else if value > most {
        Err(Problem::new(Code::OutOfRange, at, format!("{value} is more than {most}")))
    } else {
        Ok(value)
    }
}

/// A share of a whole, or another number within bounds.
pub(super) fn within(at: &str, value: f64, least: f64, most: f64) -> Result<f64, Problem> {
    if value.is_finite() && (least..=most).contains(&value) {
        Ok(value)
    } else {
        Err(Problem::new(Code::OutOfRange, at, format!("{value} is not between {least} and {most}")))
    }
}

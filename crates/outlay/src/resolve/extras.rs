//! `[extras]` and what else is paid beside the run.

use outlay_core::scenario::data::Data;
use outlay_core::scenario::extras::{Extra, Extras};
use outlay_core::units::{Share, Usd};

use super::defaults::Notes;
use super::within;
use crate::amount::{self, Unit};
use crate::problem::{Code, Problem};
use crate::request::{Amount, ExtrasRequest, Request};

pub(super) fn resolve(request: &Request, data: Option<&Data>, notes: &mut Notes) -> Result<Extras, Vec<Problem>> {
    // Destructured, so that a line added later cannot be forgotten here.
    let ExtrasRequest { engineering_hours, engineer_usd_per_hour, tooling, licences, safety, deployment, other } =
        &request.extras;
    let mut problems = Vec::new();
    let mut share = |at: &str, value: Option<f64>, most: f64| {
        value.map_or(0.0, |value| {
            within(at, value, 0.0, most).unwrap_or_else(|problem| {
                problems.push(problem);
                0.0
            })
        })
    };
    let evaluation = share("train.evaluation", request.train.evaluation, 10.0);
    let attempts = share("train.failed_attempts", request.train.failed_attempts, 1000.0);
    let hours = share("extras.engineering_hours", *engineering_hours, 1e7);
    let mut money = |at: &str, value: &Option<Amount>| {
        value.as_ref().and_then(|value| match value {
            // Here nothing is a price one may state.
            Amount::Number(0.0) => None,
            value => amount::read(value, Unit::Usd, at).map_err(|p| problems.push(p)).ok(),
        })
    };
    let hour = money("extras.engineer_usd_per_hour", engineer_usd_per_hour);
    let given = [
        ("tools and services", money("extras.tooling", tooling)),
        ("licences", money("extras.licences", licences)),
        ("safety reviews", money("extras.safety", safety)),
        ("deployment", money("extras.deployment", deployment)),
        ("other", money("extras.other", other)),
    ];
    if hour.is_some() && engineering_hours.is_none() {
        let fault = Problem::new(Code::Missing, "extras.engineering_hours", "an hour's price, but no hours");
        problems.push(fault.help("a first fine-tuning run takes 20 to 80 hours"));
    }
    let mut lines: Vec<Extra> = Vec::new();
    if hours > 0.0 {
        let each = hour.unwrap_or_else(|| {
            let each = notes.number("engineer_usd_per_hour");
            notes.assume("extras.engineer_usd_per_hour", each, Notes::reason("engineer_usd_per_hour"));
            each
        });
        lines.push(Extra { name: "engineering", cost: Usd::new(hours * each) });
    }
    lines.extend(given.into_iter().filter_map(|(name, cost)| Some(Extra { name, cost: Usd::new(cost?) })));
    let preparation = preparation(request, data, notes);
    if problems.is_empty() {
        Ok(Extras { attempts: Share::new(attempts), evaluation: Share::new(evaluation), preparation, lines })
    } else {
        Err(problems)
    }
}

/// Processors that tokenise everything once before the run.
fn preparation(request: &Request, data: Option<&Data>, notes: &mut Notes) -> Usd {
    let Some(data) = data.filter(|_| request.data.prepare.as_deref() == Some("before")) else { return Usd::ZERO };
    let given = request.data.prepare_rate.as_ref();
    let rate = given.and_then(|rate| amount::read(rate, Unit::Count, "data.prepare_rate").ok());
    let rate = rate.unwrap_or_else(|| notes.number("prepare_tokens_s"));
    let hour = notes.number("cpu_usd_per_hour");
    notes.assume("data.prepare", format!("${hour} an hour of a processor"), Notes::reason("cpu_usd_per_hour"));
    Usd::new(data.tokens as f64 * data.variants.get() / rate / 3600.0 * hour)
}

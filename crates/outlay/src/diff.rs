//! What a change to a job does: which keys changed, and each figure before and after.
//!
//! Each job is planned on its own, because that is what its user would do; where the files name the machines, both stand
//! on them. Only what is written differs is listed as a change: defaults that follow from it are in the figures.
//!
//! Does not know: any figure of its own; [`outlay_core::against`] makes the differences.

use std::collections::BTreeMap;

use outlay_core::against;
use serde_json::Value;

use crate::Planned;
use crate::answer::{duration, money, term_tree};
use crate::request::Request;
use crate::response::{Changed, Diff, Moved, Plan, Response, VERSION};
use crate::vary::text;

pub(crate) fn diff(requests: (&Request, &Request), planned: (&Planned, &Planned), today: &str) -> Diff {
    let answer = |planned: &Planned| planned.writer(today).response(&planned.ranking);
    let (before, after) = (answer(planned.0), answer(planned.1));
    let sides = planned.0.pick().zip(planned.1.pick());
    let sides = sides.map(|(one, other)| (planned.0.side(one), planned.1.side(other)));
    let priced = before.pick.iter().chain(&after.pick).all(|plan| plan.cost_usd.is_some());
    let figures = figures(&before, &after);
    Diff {
        version: VERSION,
        verdict: verdict(&before, &after),
        changes: changes(requests.0, requests.1),
        cost: sides.filter(|_| priced).map(|(one, other)| term_tree(&against::cost(one, other), 1.0)),
        time: sides.map(|(one, other)| term_tree(&against::time(one, other), 3600.0)),
        figures,
        before: before.pick,
        after: after.pick,
    }
}

/// Keys written differently.
fn changes(before: &Request, after: &Request) -> Vec<Changed> {
    let leaves = |request: &Request| {
        let mut all = BTreeMap::new();
        // Talk about a job is no part of it.
        let request = &Request { remarks: Vec::new(), ..request.clone() };
        if let Ok(value) = serde_json::to_value(request) {
            flatten("", &value, &mut all);
        }
        all
    };
    let (before, after) = (leaves(before), leaves(after));
    let keys: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let differing = keys.into_iter().filter(|key| before.get(*key) != after.get(*key));
    differing
        .map(|key| Changed { key: key.clone(), before: before.get(key).cloned(), after: after.get(key).cloned() })
        .collect()
}

/// Everything that is written, by dotted key.
fn flatten(at: &str, value: &Value, out: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                flatten(&if at.is_empty() { name.clone() } else { format!("{at}.{name}") }, inner, out);
            }
        }
        Value::Null => {}
        Value::Array(list) if list.is_empty() => {}
        Value::Array(list) => {
            out.insert(at.to_owned(), list.iter().map(text).collect::<Vec<_>>().join(", "));
        }
        other => {
            out.insert(at.to_owned(), text(other));
        }
    }
}

/// Figures of both, where either has them.
fn figures(before: &Response, after: &Response) -> Vec<Moved> {
    let of = |answer: &Response, figure: &dyn Fn(&Plan, &Response) -> Option<f64>| {
        answer.pick.as_ref().and_then(|plan| figure(plan, answer))
    };
    // What does not fit says by how much.
    let nearest = |answer: &Response, name: &str| {
        let plan = &answer.losers.first().filter(|_| answer.pick.is_none())?.plan;
        match name {
            "memory" => Some(plan.memory_gib),
            "probability that it fits" => Some(plan.fit_probability),
            _ => None,
        }
    };
    type Figure<'a> = (&'a str, &'a str, &'a dyn Fn(&Plan, &Response) -> Option<f64>);
    let all: [Figure<'_>; 11] = [
        ("cost", "USD", &|plan, _| plan.cost_usd.map(|cost| cost.mid)),
        ("cost, one in ten above", "USD", &|plan, _| plan.cost_usd.map(|cost| cost.high)),
        ("time", "h", &|plan, _| Some(plan.hours.mid)),
        ("accelerators", "", &|plan, _| Some(plan.accelerators as f64)),
        ("step", "s", &|plan, _| Some(plan.step_s.mid)),
        ("tokens", "", &|_, answer| Some(answer.job.tokens as f64)),
        ("tokens/s per accelerator", "", &|plan, _| Some(plan.tokens_per_s_per_accelerator.mid)),
        ("memory", "GiB", &|plan, _| Some(plan.memory_gib)),
        ("probability that it fits", "", &|plan, _| Some(plan.fit_probability)),
        ("energy", "kWh", &|plan, _| plan.energy_kwh.map(|energy| energy.mid)),
        ("loss", "nats", &|_, answer| Some(answer.quality.loss.mid)),
    ];
    let row = |(name, unit, figure): &Figure<'_>| {
        let of = |answer: &Response| of(answer, *figure).or_else(|| nearest(answer, name));
        let (before, after) = (of(before), of(after));
        let change = before
            .zip(after)
            .and_then(|(one, other)| if one == other { Some(0.0) } else { (one != 0.0).then(|| other / one - 1.0) });
        (before.is_some() || after.is_some()).then(|| Moved {
            name: (*name).into(),
            unit: (*unit).into(),
            before,
            after,
            change,
        })
    };
    all.iter().filter_map(row).collect()
}

fn verdict(before: &Response, after: &Response) -> String {
    let (Some(one), Some(other)) = (&before.pick, &after.pick) else {
        return match (&before.pick, &after.pick) {
            (Some(_), None) => format!("No longer feasible: {}", after.verdict),
            (None, Some(_)) => format!("Feasible now: {}", after.verdict),
            _ => format!("Neither is feasible: {}", after.verdict),
        };
    };
    let share = |before: f64, after: f64| match (after / before - 1.0) * 100.0 {
        _ if before == after => "as much".to_owned(),
        share if !share.is_finite() => "from nothing".to_owned(),
        share if share.abs() < 0.05 => "as much".to_owned(),
        share => format!("{share:+.1} %"),
    };
    let hours = (one.hours.mid, other.hours.mid);
    let time = format!("{} instead of {} ({})", duration(hours.1), duration(hours.0), share(hours.0, hours.1));
    match one.cost_usd.zip(other.cost_usd) {
        Some((was, is)) => {
            format!("{} instead of {} ({}); {time}", money(is.mid), money(was.mid), share(was.mid, is.mid))
        }
        None => time,
    }
}

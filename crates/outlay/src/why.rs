//! Why not that plan: where it stands, and which terms make it lose.
//!
//! Does not know: any figure of its own; [`outlay_core::against`] makes the differences.

use outlay_core::against::{self, Side};
use outlay_core::forecast::Forecast;
use outlay_core::scenario::Goal;
use outlay_core::search;

use crate::Planned;
use crate::answer::{duration, money, term_tree};
use crate::plan;
use crate::response::{Response, Term, VERSION, Why};

/// Terms that a verdict names.
const NAMED: usize = 2;

impl Planned {
    pub(crate) fn pick(&self) -> Option<&Forecast> {
        self.ranking.pick.as_ref()
    }

    pub(crate) fn side<'a>(&'a self, forecast: &'a Forecast) -> Side<'a> {
        Side { forecast, offer: &self.scenarios[forecast.plan.variant].offers[forecast.plan.offer] }
    }
}

pub(crate) fn why(best: &Planned, named: &Planned, today: &str) -> Why {
    let (pick, other) = (best.writer(today).response(&best.ranking), named.writer(today).response(&named.ranking));
    let sides = best.pick().zip(named.pick()).map(|(one, other)| (best.side(one), named.side(other)));
    let cost = sides.map(|(one, other)| term_tree(&against::cost(one, other), 1.0));
    let time = sides.map(|(one, other)| term_tree(&against::time(one, other), 3600.0));
    let (better, of) = named.pick().map_or((0, 0), |forecast| {
        let worth = search::worth(&named.scenarios[forecast.plan.variant], forecast);
        plan::place(&best.scenarios, best.catalog.knowledge(), worth)
    });
    Why {
        version: VERSION,
        verdict: verdict(best, named, &pick, &other, cost.as_ref(), time.as_ref(), better),
        pick: pick.pick,
        named: other.pick,
        better,
        of,
        cost,
        time,
        relaxations: other.relaxations,
    }
}

fn verdict(
    best: &Planned,
    named: &Planned,
    pick: &Response,
    other: &Response,
    cost: Option<&Term>,
    time: Option<&Term>,
    better: u64,
) -> String {
    let (Some(_), Some(plan), Some(cost), Some(time)) = (&pick.pick, &other.pick, cost, time) else {
        let (who, what) = if pick.pick.is_none() { ("No plan at all", pick) } else { ("It cannot be followed", other) };
        return format!("{who}: {}", what.verdict);
    };
    let goal = best.scenarios.first().map_or(Goal::Cost, |scenario| scenario.goal);
    let name = format!("{}× {} ({} {})", plan.accelerators, plan.accelerator_name, plan.provider, plan.purchase);
    let same = best.pick().zip(named.pick()).is_some_and(|(one, other)| {
        let machines = |planned: &Planned, forecast: &Forecast| planned.side(forecast).offer.clone();
        machines(best, one) == machines(named, other) && one.plan.layout == other.plan.layout
    });
    if same {
        return format!("{name} is the pick");
    }
    let by = |hours: f64| duration(hours.abs());
    let dearer = |usd: f64| format!("{} {}", money(usd.abs()), if usd < 0.0 { "cheaper" } else { "dearer" });
    let slower = |hours: f64| format!("{} {}", by(hours), if hours < 0.0 { "faster" } else { "slower" });
    let (first, second, terms) = if goal == Goal::Time {
        (slower(time.value), dearer(cost.value), &time.parts)
    } else {
        (dearer(cost.value), slower(time.value), &cost.parts)
    };
    let against: Vec<String> = terms
        .iter()
        .filter(|term| term.value > 0.0)
        .take(NAMED)
        .map(|term| {
            let much = if term.unit == "h" { by(term.value) } else { money(term.value) };
            format!("{} (+{much})", term.name)
        })
        .collect();
    let mostly = if against.is_empty() { String::new() } else { format!("; against it: {}", against.join(", ")) };
    let place = match better {
        0 => "no plan of this job does better".to_owned(),
        1 => "one plan does better".to_owned(),
        n => format!("{n} plans do better"),
    };
    format!("{name}: {first} and {second} than the pick; {place}{mostly}")
}

//! Prices on surveyed machines: the pick, the front of cost and time, and the nearest losers.

use alloc::vec::Vec;
use core::cmp::Ordering;

use super::survey::{Candidate, Survey, Unit};
use super::{Counts, Difference, FITS, Loser, Ranking, Reason};
use crate::forecast::{self, Forecast, Knowledge, Luck};
use crate::plan::{self, Plan};
use crate::run::disruption;
use crate::scenario::offer::Offer;
use crate::scenario::{Goal, Scenario};
use crate::units::{Bytes, Seconds, Share, Usd};

/// Losers named for another accelerator: the next ones, not only the next.
const ACCELERATORS_NAMED: usize = 3;

/// A plan with its price and time, before intervals.
#[derive(Debug, Clone, Copy)]
pub(super) struct Priced {
    /// The plan.
    pub(super) plan: Plan,
    /// Its machines.
    unit: usize,
    /// Probability that it fits.
    fit: Share,
    /// Its bill's sum.
    pub(super) cost: Usd,
    /// Its time on the clock.
    pub(super) time: Seconds,
    /// The run comes to an end.
    ends: bool,
}

impl Priced {
    /// It fits for sure and ends: a plan one would follow.
    pub(super) fn sound(&self) -> bool {
        self.fit >= FITS && self.ends
    }

    /// Within budget and deadline.
    pub(super) fn within(&self, scenario: &Scenario) -> bool {
        scenario.limits.budget.is_none_or(|most| self.cost <= most)
            && scenario.limits.deadline.is_none_or(|most| self.time <= most)
    }
}

/// The total order of plans for a goal: the goal, then the other figure, then fewer accelerators, then the order of
/// offers and layouts. No two plans are equal in it.
pub(super) fn better(goal: Goal, one: &Priced, other: &Priced) -> Ordering {
    let (cost, time) = (one.cost.total_cmp(&other.cost), one.time.total_cmp(&other.time));
    let first = match goal {
        Goal::Cost => cost.then(time),
        Goal::Time => time.then(cost),
        Goal::CostTime => product(one).total_cmp(&product(other)).then(cost),
    };
    let size = |priced: &Priced| (priced.plan.layout.accelerators(), priced.plan.offer, priced.plan.layout);
    first.then_with(|| size(one).cmp(&size(other)))
}

/// What a goal makes least.
pub(super) fn worth(goal: Goal, cost: Usd, time: Seconds) -> f64 {
    match goal {
        Goal::Cost => cost.get(),
        Goal::Time => time.get(),
        Goal::CostTime => cost.get() * time.get(),
    }
}

/// What any plan on some machines is worth at the best; infinite where even that is out of the limits.
pub(super) fn least(scenario: &Scenario, knowledge: &Knowledge, unit: &Unit) -> f64 {
    let step = crate::step::least(&scenario.model, &scenario.recipe, &unit.cluster, &knowledge.calibration);
    let saved = Bytes::ZERO;
    let mut best = f64::INFINITY;
    for offer in unit.offers.iter().filter_map(|at| scenario.offers.get(*at)) {
        let outcome =
            forecast::outcome(scenario, offer, unit.nodes, unit.cluster.accelerators, step, saved, Luck::PLAIN);
        let (cost, time) = (outcome.bill.total(), outcome.run.wall());
        let limits = scenario.limits;
        if limits.budget.is_some_and(|most| cost > most) || limits.deadline.is_some_and(|most| time > most) {
            continue;
        }
        let worth = worth(scenario.goal, cost, time);
        if worth < best {
            best = worth;
        }
    }
    best
}

fn product(priced: &Priced) -> f64 {
    priced.cost.get() * priced.time.get()
}

/// Every surveyed candidate at every offer that has its machines.
pub(super) fn price(scenario: &Scenario, units: &[Unit], surveys: &[Survey]) -> Vec<Priced> {
    let saved = disruption::checkpoint_bytes(&scenario.model, &scenario.recipe);
    let mut all = Vec::new();
    for (at, (unit, survey)) in units.iter().zip(surveys).enumerate() {
        for candidate in [survey.quickest, survey.useful_tight()].into_iter().flatten() {
            for offer in &unit.offers {
                let Some(rented) = scenario.offers.get(*offer) else { continue };
                let accelerators = unit.cluster.accelerators;
                let outcome =
                    forecast::outcome(scenario, rented, unit.nodes, accelerators, candidate.step, saved, Luck::PLAIN);
                all.push(Priced {
                    plan: Plan { offer: *offer, nodes: unit.nodes, layout: candidate.layout },
                    unit: at,
                    fit: candidate.fit,
                    cost: outcome.bill.total(),
                    time: outcome.run.wall(),
                    ends: outcome.run.ends(),
                });
            }
        }
    }
    all
}

/// Puts the answer together.
pub(super) fn rank(
    scenario: &Scenario,
    knowledge: &Knowledge,
    units: &[Unit],
    surveys: &[Survey],
    priced: &[Priced],
) -> Ranking {
    let show = |priced: &Priced| forecast::forecast(scenario, knowledge, priced.plan);
    let pick = pick(scenario, priced);
    let front = front(scenario, priced, pick.is_some_and(|pick| pick.sound()));
    let desk = Desk { scenario, knowledge, units, surveys, priced, pick };
    Ranking {
        pick: pick.as_ref().and_then(show),
        front: front.iter().filter_map(show).collect(),
        losers: desk.losers(),
        relaxations: Vec::new(),
        obstacle: units.iter().find_map(|unit| plan::obstacle(scenario, &unit.cluster)).filter(|_| no_layout(surveys)),
        counts: Counts {
            offers: scenario.offers.len() as u64,
            surveyed: units.len() as u64,
            layouts: surveys.iter().map(|survey| survey.layouts).sum(),
            timed: surveys.iter().map(|survey| survey.timed).sum(),
            plans: priced.len() as u64,
        },
    }
}

fn no_layout(surveys: &[Survey]) -> bool {
    surveys.iter().all(|survey| survey.layouts == 0)
}

/// The best plan within the limits that fits; failing that, the best that is tight.
pub(super) fn pick(scenario: &Scenario, priced: &[Priced]) -> Option<Priced> {
    let best = |sound: bool| {
        let able = priced.iter().filter(|p| p.ends && p.within(scenario) && (p.sound() || !sound));
        able.min_by(|one, other| better(scenario.goal, one, other)).copied()
    };
    best(true).or_else(|| best(false))
}

/// Plans within the limits that none beats in both cost and time, cheapest first.
fn front(scenario: &Scenario, priced: &[Priced], sound: bool) -> Vec<Priced> {
    let mut able: Vec<Priced> =
        priced.iter().filter(|p| p.ends && p.within(scenario) && (p.sound() || !sound)).copied().collect();
    able.sort_by(|one, other| better(Goal::Cost, one, other));
    let mut quickest: Option<Seconds> = None;
    able.retain(|p| {
        let kept = quickest.is_none_or(|time| p.time < time);
        if kept {
            quickest = Some(p.time);
        }
        kept
    });
    able
}

/// What the losers are looked for in.
struct Desk<'a> {
    scenario: &'a Scenario,
    knowledge: &'a Knowledge,
    units: &'a [Unit],
    surveys: &'a [Survey],
    priced: &'a [Priced],
    pick: Option<Priced>,
}

impl Desk<'_> {
    fn offer(&self, priced: &Priced) -> &Offer {
        &self.scenario.offers[priced.plan.offer]
    }

    /// The nearest alternatives of each kind, best first within a kind.
    fn losers(&self) -> Vec<Loser> {
        let mut order: Vec<&Priced> = self.priced.iter().collect();
        order.sort_by(|one, other| {
            // What one could follow comes before what is tight or never ends.
            other.sound().cmp(&one.sound()).then_with(|| better(self.scenario.goal, one, other))
        });
        let mut losers = Vec::new();
        let mut named: Vec<&str> = Vec::new();
        for priced in &order {
            let accelerator = self.offer(priced).accelerator.id.as_str();
            let other = self.pick.is_none_or(|pick| self.offer(&pick).accelerator.id != accelerator);
            if other && named.len() < ACCELERATORS_NAMED && !named.contains(&accelerator) {
                named.push(accelerator);
                losers.extend(self.loser(priced.plan, Difference::Accelerator, self.reason(priced)));
            }
        }
        if let Some(pick) = self.pick {
            let chosen = self.offer(&pick);
            for kind in [Difference::Provider, Difference::Purchase, Difference::Count] {
                let like = |priced: &&&Priced| {
                    let offer = self.offer(priced);
                    offer.accelerator.id == chosen.accelerator.id
                        && match kind {
                            Difference::Provider => offer.provider != chosen.provider,
                            Difference::Purchase => offer.purchase != chosen.purchase,
                            _ => priced.plan.layout.accelerators() != pick.plan.layout.accelerators(),
                        }
                };
                let fresh = |priced: &&&Priced| losers.iter().all(|known: &Loser| known.forecast.plan != priced.plan);
                if let Some(priced) = order.iter().filter(like).find(fresh) {
                    losers.extend(self.loser(priced.plan, kind, self.reason(priced)));
                }
            }
            losers.extend(self.other_layout(&pick));
        }
        losers.extend(self.does_not_fit());
        losers
    }

    fn loser(&self, plan: Plan, differs: Difference, reason: Reason) -> Option<Loser> {
        let forecast = forecast::forecast(self.scenario, self.knowledge, plan)?;
        Some(Loser { forecast, differs, reason })
    }

    /// The gravest reason against a plan.
    fn reason(&self, priced: &Priced) -> Reason {
        let limits = self.scenario.limits;
        if !priced.ends {
            return Reason::NeverEnds(priced.time);
        }
        if let Some(budget) = limits.budget.filter(|budget| priced.cost > *budget) {
            return Reason::OverBudget(priced.cost - budget);
        }
        if let Some(deadline) = limits.deadline.filter(|deadline| priced.time > *deadline) {
            return Reason::TooLate(priced.time - deadline);
        }
        match (self.pick, self.scenario.goal) {
            (Some(pick), _) if pick.sound() && !priced.sound() => Reason::Tight,
            (Some(pick), Goal::Cost) if priced.cost > pick.cost => Reason::Dearer(priced.cost - pick.cost),
            (Some(pick), Goal::Time) if priced.time == pick.time => Reason::Dearer(priced.cost - pick.cost),
            (Some(pick), Goal::Cost | Goal::Time) => Reason::Slower(priced.time - pick.time),
            (Some(pick), Goal::CostTime) => Reason::Worse(Share::new(product(priced) / product(&pick))),
            (None, _) => Reason::Tight,
        }
    }

    /// The same machines, laid out another way.
    fn other_layout(&self, pick: &Priced) -> Option<Loser> {
        let survey = self.surveys.get(pick.unit)?;
        let second = survey.second?;
        let plan = Plan { layout: second.layout, ..pick.plan };
        let forecast = forecast::forecast(self.scenario, self.knowledge, plan)?;
        let slower = forecast.time.mid - pick.time;
        Some(Loser { forecast, differs: Difference::Layout, reason: Reason::Slower(slower) })
    }

    /// The cheaper machines that come closest to fitting, but do not.
    fn does_not_fit(&self) -> Option<Loser> {
        let rate = |plan: &Plan| self.scenario.offers[plan.offer].price * plan.nodes;
        let most = self.pick.map(|pick| rate(&pick.plan));
        let mut best: Option<(Plan, Candidate)> = None;
        for (unit, survey) in self.units.iter().zip(self.surveys) {
            let Some(candidate) = survey.closest.filter(|_| survey.quickest.is_none() && survey.tight.is_none()) else {
                continue;
            };
            let cheapest =
                unit.offers.iter().map(|offer| Plan { offer: *offer, nodes: unit.nodes, layout: candidate.layout });
            let Some(plan) = cheapest.min_by(|one, other| rate(one).total_cmp(&rate(other))) else { continue };
            let cheaper = most.is_none_or(|most| rate(&plan) < most);
            if cheaper && best.is_none_or(|(_, closest)| candidate.filled < closest.filled) {
                best = Some((plan, candidate));
            }
        }
        best.and_then(|(plan, _)| self.loser(plan, Difference::Accelerator, Reason::DoesNotFit))
    }
}

/// The forecast of a priced plan.
pub(super) fn shown(scenario: &Scenario, knowledge: &Knowledge, priced: &Priced) -> Option<Forecast> {
    forecast::forecast(scenario, knowledge, priced.plan)
}

//! Every legal plan, the best of them, and why the others lost.
//!
//! The price of a machine does not change how fast a layout runs on it, and on a given number of machines a shorter
//! step is both faster and cheaper. So each machine shape and count is surveyed once, its quickest layout that fits
//! is kept, and only those meet the offers. Machines whose bound cannot win, lead or be named are never looked into, and
//! layouts that cannot be quicker are never weighed; nothing is dropped that could change the answer.
//!
//! Does not know: threads and clocks. [`search`] is told how to map over surveys, so that the caller may do it in parallel,
//! and whom to tell how far it has come, so that the caller may end it.
//!
//! Reading order: [`search`], [`Ranking`], then `hunt`, `survey`, `rank`, `relax`.

use alloc::vec::Vec;

use crate::forecast::{Forecast, Knowledge};
use crate::plan::{Plan, Rule};
use crate::scenario::offer::{Offer, Purchase};
use crate::scenario::recipe::Method;
use crate::scenario::{Goal, Limits, Scenario};
use crate::units::{Bytes, Seconds, Share, Usd};

mod hunt;
mod rank;
mod relax;
mod survey;

pub use survey::Survey;

/// Probability from which on a plan counts as fitting.
pub const FITS: Share = Share::new(0.9);
/// Probability below which it counts as not fitting; between the two it is tight.
pub const TIGHT: Share = Share::new(0.5);

/// The answer of a search.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranking {
    /// The best plan for the goal within the limits.
    pub pick: Option<Forecast>,
    /// Plans within the limits that no other beats in both cost and time, cheapest first.
    pub front: Vec<Forecast>,
    /// The nearest alternatives, each differing from the pick in one kind of choice, and why each lost.
    pub losers: Vec<Loser>,
    /// What would have to give for a plan to exist; empty if one does.
    pub relaxations: Vec<Relaxation>,
    /// The rule that stands against every layout, if there is no legal one at all.
    pub obstacle: Option<Rule>,
    /// The search was ended early: no plan it has not seen does better than this figure of the goal.
    pub unproven: Option<Share>,
    /// How much was looked at.
    pub counts: Counts,
}

/// An alternative to the pick.
#[derive(Debug, Clone, PartialEq)]
pub struct Loser {
    /// What it is.
    pub forecast: Forecast,
    /// What is different.
    pub differs: Difference,
    /// Why it lost.
    pub reason: Reason,
}

/// A kind of choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Difference {
    /// Another accelerator.
    Accelerator,
    /// The same accelerator from somebody else.
    Provider,
    /// The same accelerator, bought another way.
    Purchase,
    /// The same accelerator, more or fewer of them.
    Count,
    /// The same machines, laid out another way.
    Layout,
    /// The question put another way that was allowed: another method, format, batch.
    Variant,
}

/// Why a plan lost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reason {
    /// It costs and takes as much: the order of the list decides.
    AsGood,
    /// Costs more by this much.
    Dearer(Usd),
    /// Costs as much after credits, and uses this much more of them.
    MoreCredit(Usd),
    /// Takes longer by this much.
    Slower(Seconds),
    /// Its product of cost and time is this many times the pick's.
    Worse(Share),
    /// One run in ten costs more than the pick's worst in ten, by this much.
    Riskier(Usd),
    /// Its machines have more memory, by this much.
    Larger(Bytes),
    /// Over the budget by this much.
    OverBudget(Usd),
    /// Past the deadline by this much.
    TooLate(Seconds),
    /// Runs on after its machines, bought for some days, are gone.
    OutlastsBlock(Seconds),
    /// May run out of memory.
    Tight,
    /// Runs out of memory.
    DoesNotFit,
    /// Interruptions come faster than work is saved: it would take this long, which nobody waits for.
    NeverEnds(Seconds),
}

/// A change of the question under which a plan exists, verified by searching again.
#[derive(Debug, Clone, PartialEq)]
pub struct Relaxation {
    /// What to change.
    pub change: Change,
    /// The offer of the plan, which may be one that the question ruled out.
    pub offer: Offer,
    /// The plan that then is the best; its offer's index counts in the changed question.
    pub forecast: Forecast,
}

/// A change of the question.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A budget of this much.
    Budget(Usd),
    /// A deadline of this much.
    Deadline(Seconds),
    /// Up to so many accelerators.
    MaxAccelerators(u64),
    /// Also buying this way.
    Purchase(Purchase),
    /// Also this accelerator, provider or region.
    Offer,
    /// Both limits given up: this budget and this deadline.
    BudgetAndDeadline(Usd, Seconds),
    /// Another method of training.
    Method(Method),
    /// The fixed parts of the layout left to the search.
    FreeLayout,
}

/// How much was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Offers considered.
    pub offers: u64,
    /// Distinct machine shapes with a number of machines.
    pub machines: u64,
    /// Of these, looked into; the others cannot win, lead or be named, by their bound.
    pub surveyed: u64,
    /// Legal layouts on those looked into.
    pub layouts: u64,
    /// Of these, layouts whose step was timed; the others cannot be quicker, or need more memory than one that does not fit.
    pub timed: u64,
    /// Of these, layouts whose memory was weighed; the others are slower than what fits.
    pub weighed: u64,
    /// Plans that the layouts stand for, each at every offer of its machines.
    pub covered: u64,
    /// Plans priced: the quickest layout of machines at one offer.
    pub plans: u64,
}

/// How far a search has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Distinct machine shapes with a number of machines.
    pub machines: u64,
    /// Of these, looked into or dropped.
    pub settled: u64,
    /// The goal's figure of the best plan yet, in dollars, seconds, bytes or their product.
    pub best: Option<Share>,
    /// The least that any other machines could reach.
    pub least: Option<Share>,
}

/// Told how far a search has come; `false` ends it with the best so far.
pub type Watch<'a> = &'a dyn Fn(&Progress) -> bool;

/// Answers `count` surveys by number, in any order, and returns them in order.
pub type Map<'a> = &'a dyn Fn(usize, &(dyn Fn(usize) -> Survey + Sync)) -> Vec<Survey>;

/// One survey after the other.
#[must_use]
pub fn in_turn(count: usize, survey: &(dyn Fn(usize) -> Survey + Sync)) -> Vec<Survey> {
    (0..count).map(survey).collect()
}

/// Nobody watches: the search goes on to its end.
#[must_use]
pub fn unwatched(_: &Progress) -> bool {
    true
}

/// The ways a job may be put, every one of which the one who asks would accept. They share goal and limits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    variants: &'a [Scenario],
}

impl<'a> Question<'a> {
    fn limits(self) -> Limits {
        self.variants.first().map_or_else(Limits::default, |scenario| scenario.limits)
    }

    fn goal(self) -> Goal {
        self.variants.first().map_or(Goal::Cost, |scenario| scenario.goal)
    }

    fn offer(self, plan: &Plan) -> &'a Offer {
        &self.variants[plan.variant].offers[plan.offer]
    }

    fn forecast(self, knowledge: &Knowledge, plan: Plan) -> Option<Forecast> {
        crate::forecast::forecast(self.variants.get(plan.variant)?, knowledge, plan)
    }
}

/// Searches everything; if nothing is feasible, also what would have to change.
///
/// `variants` are the ways a job may be put, every one of which the one who asks would accept; they share goal and limits.
#[must_use]
pub fn search(variants: &[Scenario], knowledge: &Knowledge, map: Map<'_>, watch: Watch<'_>) -> Ranking {
    let question = Question { variants };
    let mut ranking = rank::rank(&mut hunt::Hunt::new(question, knowledge, watch), map);
    if ranking.pick.is_none() && ranking.unproven.is_none() {
        ranking.relaxations = relax::relaxations(variants, knowledge, map);
    }
    ranking
}

/// As [`search`] without relaxations, with no machines dropped: what the bounds are held against.
#[must_use]
pub fn unbounded(variants: &[Scenario], knowledge: &Knowledge, map: Map<'_>) -> Ranking {
    let mut hunt = hunt::Hunt::new(Question { variants }, knowledge, &unwatched);
    hunt.look(map, &|_, _, _| true);
    rank::rank(&mut hunt, map)
}

/// The best plan alone: no front, no losers, no way out.
#[must_use]
pub fn pick(scenario: &Scenario, knowledge: &Knowledge) -> Option<Forecast> {
    best(core::slice::from_ref(scenario), knowledge, &in_turn).map(|(_, forecast)| forecast)
}

/// How many plans, each the quickest layout of machines at one offer, are within the limits, fit, and do better than this
/// figure of the goal; and how many there are in all, counted as machines at offers.
#[must_use]
pub fn place(variants: &[Scenario], knowledge: &Knowledge, map: Map<'_>, worth: Share) -> (u64, u64) {
    let question = Question { variants };
    let mut hunt = hunt::Hunt::new(question, knowledge, &unwatched);
    hunt.look(map, &|_, _, bound| bound.may_beat(worth));
    let better = |p: &&rank::Priced| p.sound() && p.within(question) && p.worth.figure() < worth;
    let all = hunt.units.iter().map(|unit| unit.offers.len() as u64).sum();
    (hunt.priced.iter().filter(better).count() as u64, all)
}

/// The best plan, and whether it fits for sure.
fn best(variants: &[Scenario], knowledge: &Knowledge, map: Map<'_>) -> Option<(bool, Forecast)> {
    let question = Question { variants };
    let mut hunt = hunt::Hunt::new(question, knowledge, &unwatched);
    hunt.look(map, &|hunt, _, bound| hunt.may_win(bound));
    let pick = rank::pick(question, &hunt.priced)?;
    Some((pick.sound(), question.forecast(knowledge, pick.plan)?))
}

/// The goal's figure of a forecast: dollars, seconds, bytes or their product.
#[must_use]
pub fn worth(scenario: &Scenario, forecast: &Forecast) -> Share {
    let (cost, time) = (forecast.cost.mid.get(), forecast.time.mid.get());
    Share::new(match scenario.goal {
        Goal::Cost => cost,
        Goal::Time => time,
        Goal::CostTime => cost * time,
        Goal::Robust => forecast.cost.high.get(),
        Goal::Card => scenario
            .offers
            .get(forecast.plan.offer)
            .map_or(0.0, |offer| (offer.accelerator.memory * (forecast.plan.nodes * offer.node.accelerators)).get()),
    })
}

//! Every legal plan, the best of them, and why the others lost.
//!
//! The price of a machine does not change how fast a layout runs on it, and on a given number of machines a shorter
//! step is both faster and cheaper. So each machine shape and count is surveyed once, its quickest layout that fits
//! is kept, and only those meet the offers. Nothing is dropped that could win: that is the whole pruning.
//!
//! Does not know: threads. [`search`] is told how to map over the surveys, so that the caller may do it in parallel.
//!
//! Reading order: [`search`], [`Ranking`], then `survey`, `rank`, `relax`.

use alloc::vec::Vec;

use crate::forecast::{Forecast, Knowledge};
use crate::plan::Rule;
use crate::scenario::Scenario;
use crate::scenario::offer::{Offer, Purchase};
use crate::scenario::recipe::Method;
use crate::units::{Seconds, Share, Usd};

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
}

/// Why a plan lost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reason {
    /// Costs more by this much.
    Dearer(Usd),
    /// Takes longer by this much.
    Slower(Seconds),
    /// Its product of cost and time is this many times the pick's.
    Worse(Share),
    /// Over the budget by this much.
    OverBudget(Usd),
    /// Past the deadline by this much.
    TooLate(Seconds),
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
    pub surveyed: u64,
    /// Layouts whose memory was computed.
    pub layouts: u64,
    /// Of these, layouts that may fit, whose step was timed.
    pub timed: u64,
    /// Plans priced: machines, count, layout and offer.
    pub plans: u64,
}

/// Answers `count` surveys by number, in any order, and returns them in order.
pub type Map<'a> = &'a dyn Fn(usize, &(dyn Fn(usize) -> Survey + Sync)) -> Vec<Survey>;

/// One survey after the other.
#[must_use]
pub fn in_turn(count: usize, survey: &(dyn Fn(usize) -> Survey + Sync)) -> Vec<Survey> {
    (0..count).map(survey).collect()
}

/// Searches everything; if nothing is feasible, also what would have to change.
#[must_use]
pub fn search(scenario: &Scenario, knowledge: &Knowledge, map: Map<'_>) -> Ranking {
    let (mut ranking, priced) = found(scenario, knowledge, map);
    if ranking.pick.is_none() {
        ranking.relaxations = relax::relaxations(scenario, knowledge, map, &priced);
    }
    ranking
}

/// The best plan alone: no front, no losers, no way out.
///
/// Machines are looked at in the order of what a plan on them costs or takes at the least ([`crate::step::least`]); once that is
/// more than a sound plan already found, nothing that follows can win. Cost, time and their product grow with the step, so
/// the bound is admissible, and the answer is that of [`search`].
#[must_use]
pub fn pick(scenario: &Scenario, knowledge: &Knowledge) -> Option<Forecast> {
    let units = survey::units(scenario);
    let desk = survey::Desk::new(scenario, knowledge);
    let mut order: Vec<(f64, usize)> =
        units.iter().enumerate().map(|(at, unit)| (rank::least(scenario, knowledge, unit), at)).collect();
    order.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
    let mut seen = Vec::new();
    let mut best = f64::INFINITY;
    for (least, at) in order {
        // What is out of the limits even at the least, or above what is had: so is all that follows.
        if least > best || least.is_infinite() {
            break;
        }
        let surveyed = survey::survey(&desk, &units[at].cluster);
        let priced = rank::price(scenario, core::slice::from_ref(&units[at]), core::slice::from_ref(&surveyed));
        best = priced.iter().filter(|p| p.sound() && p.within(scenario)).fold(best, |best, p| {
            let worth = rank::worth(scenario.goal, p.cost, p.time);
            if worth < best { worth } else { best }
        });
        seen.extend(priced);
    }
    rank::pick(scenario, &seen).and_then(|pick| crate::forecast::forecast(scenario, knowledge, pick.plan))
}

/// The ranking without relaxations, and all that was priced.
fn found(scenario: &Scenario, knowledge: &Knowledge, map: Map<'_>) -> (Ranking, Vec<rank::Priced>) {
    let units = survey::units(scenario);
    let desk = survey::Desk::new(scenario, knowledge);
    let surveys = map(units.len(), &|at| survey::survey(&desk, &units[at].cluster));
    let priced = rank::price(scenario, &units, &surveys);
    let ranking = rank::rank(scenario, knowledge, &units, &surveys, &priced);
    (ranking, priced)
}

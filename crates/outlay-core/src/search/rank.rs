//! Prices on surveyed machines: the pick, the front of cost and time, and the nearest losers.

use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;

use super::hunt::Hunt;
use super::survey::{Candidate, Survey, Unit};
use super::{Counts, Difference, FITS, Loser, Map, Question, Ranking, Reason};
use crate::bill::Bill;
use crate::forecast::{self, Knowledge, Luck};
use crate::plan::{self, Plan};
use crate::run::disruption;
use crate::scenario::offer::Offer;
use crate::scenario::{Goal, Limits};
use crate::units::{Bytes, Seconds, Share, Usd};

/// Losers named for another accelerator: the next ones, not only the next.
const ACCELERATORS_NAMED: usize = 3;
/// Losers named for another way to put the question.
const VARIANTS_NAMED: usize = 5;

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
    /// What it is judged by.
    pub(super) worth: Worth,
    /// The run comes to an end.
    ends: bool,
}

impl Priced {
    /// It fits for sure and ends: a plan one would follow.
    pub(super) fn sound(&self) -> bool {
        self.fit >= FITS && self.ends
    }

    /// Within budget, deadline and the time for which its machines are there.
    pub(super) fn within(&self, question: Question<'_>) -> bool {
        let limits = question.limits();
        let on_time = limits.late(question.offer(&self.plan), self.time).is_none();
        on_time && limits.budget.is_none_or(|most| self.cost <= most)
    }
}

/// What a plan is judged by, the less the better: the figure of the goal first, then what decides between equals.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Worth(f64, f64, f64);

impl Worth {
    /// For a goal; `dear` is the cost that one run in ten exceeds. Of plans that a credit pays for, the one that uses less of
    /// it is better: a credit that is left is worth something.
    pub(super) fn of(goal: Goal, unit: &Unit, bill: &Bill, time: Seconds, dear: Usd) -> Self {
        let (cost, gross, time) = (bill.total().get(), bill.gross().get(), time.get());
        match goal {
            Goal::Cost => Self(cost, gross, time),
            Goal::Time => Self(time, cost, gross),
            Goal::CostTime => Self(cost * time, cost, gross),
            Goal::Robust => Self(dear.get(), cost, gross),
            Goal::Card => {
                let installed = unit.nodes * unit.cluster.node.accelerators;
                Self((unit.cluster.accelerator.memory * installed).get(), cost, gross)
            }
        }
    }

    /// The goal's own figure.
    pub(super) fn figure(self) -> Share {
        Share::new(self.0)
    }

    pub(super) fn total_cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0).then(self.1.total_cmp(&other.1)).then(self.2.total_cmp(&other.2))
    }
}

/// In which order plans are named beside the pick: first those one could follow within the limits, then those beyond them,
/// then what is tight or never ends; each by worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Standing(u8, Worth);

impl Standing {
    /// Of a plan at its best: no plan on those machines stands before it.
    pub(super) fn at_best(within: bool, worth: Worth) -> Self {
        Self(u8::from(!within), worth)
    }

    fn of(priced: &Priced, question: Question<'_>) -> Self {
        let place = match (priced.sound(), priced.within(question)) {
            (true, true) => 0,
            (true, false) => 1,
            (false, _) => 2,
        };
        Self(place, priced.worth)
    }

    pub(super) fn total_cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0).then(self.1.total_cmp(&other.1))
    }
}

/// The total order of plans: their worth, then fewer accelerators, then the order of offers and layouts. No two plans are
/// equal in it.
fn better(one: &Priced, other: &Priced) -> Ordering {
    let size = |priced: &Priced| {
        let plan = &priced.plan;
        (plan.layout.accelerators(), plan.variant, plan.offer, plan.layout)
    };
    one.worth.total_cmp(&other.worth).then_with(|| size(one).cmp(&size(other)))
}

/// The candidates of one survey at every offer that has its machines.
pub(super) fn price(
    question: Question<'_>,
    knowledge: &Knowledge,
    at: usize,
    unit: &Unit,
    survey: &Survey,
) -> Vec<Priced> {
    let scenario = &question.variants[unit.variant];
    let saved = disruption::checkpoint_bytes(&scenario.model, &scenario.recipe);
    let mut all = Vec::new();
    for candidate in [survey.quickest, survey.useful_tight()].into_iter().flatten() {
        for offer in &unit.offers {
            let Some(rented) = scenario.offers.get(*offer) else { continue };
            let accelerators = unit.cluster.accelerators;
            let outcome =
                forecast::outcome(scenario, rented, unit.nodes, accelerators, candidate.step, saved, Luck::PLAIN);
            let plan = Plan { variant: unit.variant, offer: *offer, nodes: unit.nodes, layout: candidate.layout };
            let (cost, time) = (outcome.bill.total(), outcome.run.wall());
            let dear = match scenario.goal {
                Goal::Robust => forecast::forecast(scenario, knowledge, plan).map_or(cost, |all| all.cost.high),
                _ => cost,
            };
            let worth = Worth::of(scenario.goal, unit, &outcome.bill, time, dear);
            all.push(Priced { plan, unit: at, fit: candidate.fit, cost, time, worth, ends: outcome.run.ends() });
        }
    }
    all
}

/// Looks at as much as it takes, and puts the answer together.
pub(super) fn rank(hunt: &mut Hunt<'_>, map: Map<'_>) -> Ranking {
    hunt.look(map, &|hunt, _, bound| hunt.may_win(bound) || hunt.may_lead(bound));
    let pick = pick(hunt.question, &hunt.priced);
    // An answer that is not the proven best says so; it is not delayed by those it left behind.
    let proven = (!hunt.stopped).then_some(()).map_or_else(|| hunt.gap().map(Worth::figure), |()| None);
    if !hunt.stopped {
        settle(hunt, map, pick.as_ref());
    }
    let (question, knowledge) = (hunt.question, hunt.knowledge);
    let show = |priced: &Priced| question.forecast(knowledge, priced.plan);
    let front = front(question, &hunt.priced, pick.is_some_and(|pick| pick.sound()));
    let desk = Desk { question, knowledge, units: &hunt.units, surveys: &hunt.surveys, priced: &hunt.priced, pick };
    let surveys = || hunt.surveys.iter().flatten();
    let illegal = surveys().all(|survey| survey.layouts == 0);
    Ranking {
        pick: pick.as_ref().and_then(show),
        front: front.iter().filter_map(show).collect(),
        losers: desk.losers(),
        relaxations: Vec::new(),
        obstacle: hunt
            .units
            .iter()
            .find_map(|unit| plan::obstacle(&question.variants[unit.variant], &unit.cluster))
            .filter(|_| illegal),
        unproven: proven.filter(|_| pick.is_some()),
        counts: Counts {
            offers: question.variants.iter().map(|scenario| scenario.offers.len() as u64).sum(),
            machines: hunt.units.len() as u64,
            surveyed: surveys().count() as u64,
            layouts: surveys().map(|survey| survey.layouts).sum(),
            timed: surveys().map(|survey| survey.timed).sum(),
            weighed: surveys().map(|survey| survey.weighed).sum(),
            covered: hunt.units.iter().zip(&hunt.surveys).map(|(unit, survey)| covered(unit, survey.as_ref())).sum(),
            plans: hunt.priced.len() as u64,
        },
    }
}

fn covered(unit: &Unit, survey: Option<&Survey>) -> u64 {
    survey.map_or(0, |survey| survey.layouts * unit.offers.len() as u64)
}

/// The best that is known of each kind of loser.
struct Known {
    /// By accelerator, of the pick's own variant.
    parts: Vec<(String, Standing)>,
    /// The last of the other accelerators that would be named now; `None`: there is room for more.
    last_part: Option<Standing>,
    /// By variant.
    variants: Vec<(usize, Standing)>,
    /// The last of the other variants that would be named now.
    last_variant: Option<Standing>,
    /// The pick's accelerator: from another provider, bought another way, another number of them.
    kinds: [Option<Standing>; 3],
}

impl Known {
    fn of(hunt: &Hunt<'_>, pick: &Priced) -> Self {
        let chosen = hunt.question.offer(&pick.plan);
        let count = pick.plan.layout.accelerators();
        let mut parts: Vec<(&str, Standing)> = Vec::new();
        let mut variants: Vec<(usize, Standing)> = Vec::new();
        let mut kinds = [None; 3];
        for priced in &hunt.priced {
            let (offer, standing) = (hunt.question.offer(&priced.plan), Standing::of(priced, hunt.question));
            better_of(&mut variants, priced.plan.variant, standing);
            if priced.plan.variant != pick.plan.variant {
                continue;
            }
            better_of(&mut parts, offer.accelerator.id.as_str(), standing);
            if offer.accelerator.id != chosen.accelerator.id {
                continue;
            }
            let differs = [
                offer.provider != chosen.provider,
                offer.purchase != chosen.purchase,
                priced.plan.layout.accelerators() != count,
            ];
            for (kind, _) in kinds.iter_mut().zip(differs).filter(|(_, differs)| *differs) {
                if kind.is_none_or(|known: Standing| standing.total_cmp(&known).is_lt()) {
                    *kind = Some(standing);
                }
            }
        }
        Self {
            last_part: nth(parts.iter().filter(|(id, _)| *id != chosen.accelerator.id), ACCELERATORS_NAMED),
            parts: parts.into_iter().map(|(id, standing)| (id.into(), standing)).collect(),
            last_variant: nth(variants.iter().filter(|(at, _)| *at != pick.plan.variant), VARIANTS_NAMED),
            variants,
            kinds,
        }
    }
}

/// Keeps the better of what is known for a key.
fn better_of<K: PartialEq>(best: &mut Vec<(K, Standing)>, key: K, standing: Standing) {
    match best.iter_mut().find(|(known, _)| *known == key) {
        Some((_, known)) if standing.total_cmp(known).is_lt() => *known = standing,
        Some(_) => {}
        None => best.push((key, standing)),
    }
}

/// The `n`-th best.
fn nth<'a, K: 'a>(all: impl Iterator<Item = &'a (K, Standing)>, n: usize) -> Option<Standing> {
    let mut all: Vec<Standing> = all.map(|(_, standing)| *standing).collect();
    all.sort_by(Standing::total_cmp);
    all.get(n - 1).copied()
}

/// Looks at the machines that may give one of the losers: plans of each kind that may stand before those known.
fn settle(hunt: &mut Hunt<'_>, map: Map<'_>, pick: Option<&Priced>) {
    let Some(pick) = pick.filter(|pick| pick.sound()) else {
        // Without a plan to follow, everything is of interest.
        return hunt.look(map, &|_, _, _| true);
    };
    hunt.look_knowing(map, &|hunt| Known::of(hunt, pick), &|hunt, known, at, bound| {
        let (unit, chosen) = (&hunt.units[at], hunt.question.offer(&pick.plan));
        let offer = &hunt.question.variants[unit.variant].offers[bound.offer];
        let of = |standing: Option<&Standing>| Hunt::may_precede(bound, standing.copied());
        if unit.variant != pick.plan.variant {
            let own = known.variants.iter().find(|(variant, _)| *variant == unit.variant);
            return of(own.map(|(_, standing)| standing)) && of(known.last_variant.as_ref());
        }
        let count = pick.plan.layout.accelerators();
        let like = unit.cluster.accelerator.id == chosen.accelerator.id;
        // Cheaper machines, as many of another kind or fewer of the same: do they suffice?
        let smaller = unit.cluster.accelerators == count || (like && unit.cluster.accelerators < count);
        if smaller && offer.price * unit.nodes < chosen.price * pick.plan.nodes {
            return true;
        }
        if !like {
            let own = known.parts.iter().find(|(id, _)| *id == unit.cluster.accelerator.id);
            return of(own.map(|(_, standing)| standing)) && of(known.last_part.as_ref());
        }
        let differs =
            [offer.provider != chosen.provider, offer.purchase != chosen.purchase, unit.cluster.accelerators != count];
        differs.into_iter().zip(&known.kinds).any(|(differs, kind)| differs && of(kind.as_ref()))
    });
}

/// The best plan within the limits that fits; failing that, the best that is tight.
pub(super) fn pick(question: Question<'_>, priced: &[Priced]) -> Option<Priced> {
    let best = |sound: bool| {
        let able = priced.iter().filter(|p| p.ends && p.within(question) && (p.sound() || !sound));
        able.min_by(|one, other| better(one, other)).copied()
    };
    best(true).or_else(|| best(false))
}

/// Plans within the limits that none beats in both cost and time, cheapest first.
fn front(question: Question<'_>, priced: &[Priced], sound: bool) -> Vec<Priced> {
    let mut able: Vec<Priced> =
        priced.iter().filter(|p| p.ends && p.within(question) && (p.sound() || !sound)).copied().collect();
    able.sort_by(|one, other| {
        one.cost.total_cmp(&other.cost).then(one.time.total_cmp(&other.time)).then(better(one, other))
    });
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
    question: Question<'a>,
    knowledge: &'a Knowledge,
    units: &'a [Unit],
    surveys: &'a [Option<Survey>],
    priced: &'a [Priced],
    pick: Option<Priced>,
}

impl Desk<'_> {
    fn offer(&self, priced: &Priced) -> &Offer {
        self.question.offer(&priced.plan)
    }

    /// The nearest alternatives of each kind, best first within a kind.
    fn losers(&self) -> Vec<Loser> {
        let mut order: Vec<&Priced> = self.priced.iter().collect();
        order.sort_by(|one, other| {
            let standing = |priced: &Priced| Standing::of(priced, self.question);
            standing(one).total_cmp(&standing(other)).then_with(|| better(one, other))
        });
        let mut losers = Vec::new();
        if let Some(pick) = self.pick {
            let mut seen: Vec<usize> = Vec::from([pick.plan.variant]);
            for priced in &order {
                if seen.len() > VARIANTS_NAMED || seen.contains(&priced.plan.variant) {
                    continue;
                }
                seen.push(priced.plan.variant);
                losers.extend(self.loser(priced.plan, Difference::Variant, self.reason(priced)));
            }
            order.retain(|priced| priced.plan.variant == pick.plan.variant);
        }
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
                // The best of two kinds at once is named once.
                if let Some(priced) = order.iter().find(like).filter(fresh) {
                    losers.extend(self.loser(priced.plan, kind, self.reason(priced)));
                }
            }
            losers.extend(self.other_layout(&pick));
        }
        losers.extend(self.does_not_fit());
        losers
    }

    fn loser(&self, plan: Plan, differs: Difference, reason: Reason) -> Option<Loser> {
        let forecast = self.question.forecast(self.knowledge, plan)?;
        Some(Loser { forecast, differs, reason })
    }

    /// The gravest reason against a plan.
    fn reason(&self, priced: &Priced) -> Reason {
        let limits = self.question.limits();
        if !priced.ends {
            return Reason::NeverEnds(priced.time);
        }
        if let Some(budget) = limits.budget.filter(|budget| priced.cost > *budget) {
            return Reason::OverBudget(priced.cost - budget);
        }
        if let Some(late) = limits.late(self.offer(priced), priced.time) {
            let within = Limits { deadline: None, ..limits }.late(self.offer(priced), priced.time);
            return if within == Some(late) { Reason::OutlastsBlock(late) } else { Reason::TooLate(late) };
        }
        match (self.pick, self.question.goal()) {
            (Some(pick), _) if pick.sound() && !priced.sound() => Reason::Tight,
            (Some(pick), Goal::Cost) if priced.cost > pick.cost => Reason::Dearer(priced.cost - pick.cost),
            (Some(pick), Goal::Time) if priced.time == pick.time && priced.cost > pick.cost => {
                Reason::Dearer(priced.cost - pick.cost)
            }
            (Some(pick), Goal::Cost) if priced.worth.1 > pick.worth.1 && priced.cost == pick.cost => {
                Reason::MoreCredit(Usd::new(priced.worth.1 - pick.worth.1))
            }
            (Some(pick), Goal::Cost | Goal::Time) if priced.time == pick.time => Reason::AsGood,
            (Some(pick), Goal::Cost | Goal::Time) => Reason::Slower(priced.time - pick.time),
            (Some(pick), Goal::CostTime) if pick.worth.0 > 0.0 => {
                Reason::Worse(Share::new(priced.worth.0 / pick.worth.0))
            }
            // The pick costs nothing: there is no factor.
            (Some(pick), Goal::CostTime) => Reason::Dearer(priced.cost - pick.cost),
            (Some(pick), Goal::Robust) => Reason::Riskier(Usd::new(priced.worth.0 - pick.worth.0)),
            (Some(pick), Goal::Card) if priced.worth.0 == pick.worth.0 => Reason::Dearer(priced.cost - pick.cost),
            (Some(pick), Goal::Card) => Reason::Larger(Bytes::new(priced.worth.0 - pick.worth.0)),
            (None, _) => Reason::Tight,
        }
    }

    /// The same machines, laid out another way.
    fn other_layout(&self, pick: &Priced) -> Option<Loser> {
        let survey = self.surveys.get(pick.unit)?.as_ref()?;
        let second = survey.second?;
        let plan = Plan { layout: second.layout, ..pick.plan };
        let forecast = self.question.forecast(self.knowledge, plan)?;
        let slower = forecast.time.mid - pick.time;
        Some(Loser { forecast, differs: Difference::Layout, reason: Reason::Slower(slower) })
    }

    /// The cheaper machines that come closest to fitting, but do not.
    fn does_not_fit(&self) -> Option<Loser> {
        let rate = |plan: &Plan| self.question.offer(plan).price * plan.nodes;
        let most = self.pick.map(|pick| rate(&pick.plan));
        let mut best: Option<(Plan, Candidate)> = None;
        for (unit, survey) in self.units.iter().zip(self.surveys) {
            let Some(survey) = survey else { continue };
            let Some(candidate) = survey.closest.filter(|_| survey.quickest.is_none() && survey.tight.is_none()) else {
                continue;
            };
            // As many of another kind, or fewer of the same.
            let smaller = self.pick.is_none_or(|pick| {
                if unit.variant != pick.plan.variant {
                    return false;
                }
                let known = &self.units[pick.unit].cluster;
                let (count, like) = (unit.cluster.accelerators, unit.cluster.accelerator.id == known.accelerator.id);
                count == known.accelerators || (like && count < known.accelerators)
            });
            if !smaller {
                continue;
            }
            let cheapest = unit.offers.iter().map(|offer| Plan {
                variant: unit.variant,
                offer: *offer,
                nodes: unit.nodes,
                layout: candidate.layout,
            });
            let Some(plan) = cheapest.min_by(|one, other| rate(one).total_cmp(&rate(other))) else { continue };
            let cheaper = most.is_none_or(|most| rate(&plan) < most);
            if cheaper && best.is_none_or(|(_, closest)| candidate.filled < closest.filled) {
                best = Some((plan, candidate));
            }
        }
        best.and_then(|(plan, _)| self.loser(plan, Difference::Accelerator, Reason::DoesNotFit))
    }
}

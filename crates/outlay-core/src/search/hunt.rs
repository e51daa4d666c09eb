//! Which machines are looked into, and in which order.
//!
//! Every shape and count of machines has a bound: what the shortest thinkable step would cost and take at each of its
//! offers. Machines are looked into in waves, the most promising first; those that cannot be picked, cannot stand on
//! the front and cannot be named among the losers are dropped. Waves have a fixed size, so that what is dropped does not
//! depend on how many threads there are.
//!
//! # Bounds
//! [`crate::step::Pace::least`] is no longer than any step on those machines. Cost, time, their product and every percentile of
//! the cost grow with the step, so the outcome of the least step is no worse than that of any plan. Machines are dropped
//! only where a plan already found is strictly better than their bound; so ties are kept, and the answer is that of
//! looking at everything.

use alloc::vec::Vec;

use super::rank::{self, Priced, Standing, Worth};
use super::survey::{self, Desk, Survey, Unit};
use super::{Map, Progress, Question, Watch};
use crate::forecast::{self, Knowledge, Luck};
use crate::run::disruption;
use crate::scenario::Scenario;
use crate::scenario::offer::Offer;
use crate::step::Pace;
use crate::units::{Bytes, Seconds, Share, Usd};

/// Machines looked into between two looks at what may be dropped.
const WAVE: usize = 32;
/// Parts that a survey is cut into where a wave has few.
const PARTS: usize = 16;

/// What any plan on some machines at one offer costs and takes at the least.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bound {
    /// Index of the offer.
    pub(super) offer: usize,
    cost: Usd,
    time: Seconds,
    worth: Worth,
    within: bool,
}

impl Bound {
    /// A plan at this bound could do better than this figure of the goal.
    pub(super) fn may_beat(&self, worth: Share) -> bool {
        self.within && self.worth.figure() < worth
    }
}

/// A search under way.
pub(super) struct Hunt<'a> {
    pub(super) question: Question<'a>,
    pub(super) knowledge: &'a Knowledge,
    desks: Vec<Desk<'a>>,
    pub(super) units: Vec<Unit>,
    bounds: Vec<Vec<Bound>>,
    /// Machines by their least worth.
    order: Vec<usize>,
    /// Those not looked into have none.
    pub(super) surveys: Vec<Option<Survey>>,
    pub(super) priced: Vec<Priced>,
    /// Sound plans within the limits that none beats in cost and time, cheapest first.
    skyline: Vec<(Usd, Seconds)>,
    best: Option<Worth>,
    watch: Watch<'a>,
    /// The one who watches has had enough.
    pub(super) stopped: bool,
}

impl<'a> Hunt<'a> {
    pub(super) fn new(question: Question<'a>, knowledge: &'a Knowledge, watch: Watch<'a>) -> Self {
        let mut units = Vec::new();
        let mut all = Vec::new();
        for (variant, scenario) in question.variants.iter().enumerate() {
            let of_variant = survey::units(variant, scenario);
            all.extend(bounds(scenario, knowledge, &of_variant));
            units.extend(of_variant);
        }
        let bounds: Vec<Vec<Bound>> = all;
        let mut order: Vec<usize> = (0..units.len()).collect();
        let least: Vec<Option<Worth>> = bounds.iter().map(|all| least(all, |bound| bound.within)).collect();
        let key = |at: usize| (least[at].is_none(), least[at].unwrap_or_default());
        order.sort_by(|one, other| {
            let (one, other) = ((key(*one), *one), (key(*other), *other));
            one.0.0.cmp(&other.0.0).then_with(|| one.0.1.total_cmp(&other.0.1)).then(one.1.cmp(&other.1))
        });
        Self {
            desks: question.variants.iter().map(|scenario| Desk::new(scenario, knowledge)).collect(),
            surveys: units.iter().map(|_| None).collect(),
            question,
            knowledge,
            units,
            bounds,
            order,
            priced: Vec::new(),
            skyline: Vec::new(),
            best: None,
            watch,
            stopped: false,
        }
    }

    /// Looks into all machines on which `wanted` says that a plan at one of their offers may still matter.
    pub(super) fn look(&mut self, map: Map<'_>, wanted: &dyn Fn(&Self, usize, &Bound) -> bool) {
        self.look_knowing(map, &|_| (), &|hunt, (), unit, bound| wanted(hunt, unit, bound));
    }

    /// The same, where what is `known` is summed up once before each wave.
    pub(super) fn look_knowing<K>(
        &mut self,
        map: Map<'_>,
        known: &dyn Fn(&Self) -> K,
        wanted: &dyn Fn(&Self, &K, usize, &Bound) -> bool,
    ) {
        let mut next = 0;
        while next < self.order.len() && !self.stopped {
            let sum = known(self);
            let mut wave: Vec<usize> = Vec::new();
            while wave.len() < WAVE && next < self.order.len() {
                let unit = self.order[next];
                next += 1;
                let asked =
                    self.surveys[unit].is_none() && self.bounds[unit].iter().any(|b| wanted(self, &sum, unit, b));
                if asked {
                    wave.push(unit);
                }
            }
            self.wave(&wave, map);
            let progress = Progress {
                machines: self.units.len() as u64,
                settled: next as u64,
                best: self.best.map(Worth::figure),
                least: self.rest(&self.order[next..]).map(Worth::figure),
            };
            let enough = !(self.watch)(&progress);
            // Without a plan there is nothing to end with.
            self.stopped = enough && self.best.is_some() && next < self.order.len();
        }
    }

    /// The least that any machines of these could still be worth.
    fn rest(&self, order: &[usize]) -> Option<Worth> {
        let open = order.iter().filter(|unit| self.surveys[**unit].is_none());
        let all = open.filter_map(|unit| least(&self.bounds[*unit], |bound| bound.within));
        all.min_by(Worth::total_cmp)
    }

    /// The least worth of machines that were not looked into: what the pick could at best be improved to.
    pub(super) fn gap(&self) -> Option<Worth> {
        self.rest(&self.order)
    }

    fn wave(&mut self, wave: &[usize], map: Map<'_>) {
        let parts = (PARTS / wave.len().max(1)).max(1);
        let (desks, units) = (&self.desks, &self.units);
        let found = map(wave.len() * parts, &|at| {
            let unit = &units[wave[at / parts]];
            survey::survey(&desks[unit.variant], &unit.cluster, at % parts, parts)
        });
        for (unit, parts) in wave.iter().zip(found.chunks(parts)) {
            let whole = parts.iter().copied().fold(Survey::default(), Survey::with);
            self.surveys[*unit] = Some(whole);
            for priced in rank::price(self.question, self.knowledge, *unit, &self.units[*unit], &whole) {
                self.note(priced);
            }
        }
    }

    fn note(&mut self, priced: Priced) {
        self.priced.push(priced);
        if !priced.sound() || !priced.within(self.question) {
            return;
        }
        if self.best.is_none_or(|best| priced.worth.total_cmp(&best).is_lt()) {
            self.best = Some(priced.worth);
        }
        let beaten = self.skyline.iter().any(|(cost, time)| *cost <= priced.cost && *time <= priced.time);
        if !beaten {
            self.skyline.retain(|(cost, time)| *cost < priced.cost || *time < priced.time);
            self.skyline.push((priced.cost, priced.time));
        }
    }

    /// A plan at this bound could be the pick.
    pub(super) fn may_win(&self, bound: &Bound) -> bool {
        bound.within && self.best.is_none_or(|best| bound.worth.total_cmp(&best).is_le())
    }

    /// A plan at this bound could stand on the front of cost and time.
    pub(super) fn may_lead(&self, bound: &Bound) -> bool {
        let beats = |(cost, time): &(Usd, Seconds)| {
            *cost <= bound.cost && *time <= bound.time && (*cost < bound.cost || *time < bound.time)
        };
        bound.within && !self.skyline.iter().any(beats)
    }

    /// A plan at this bound could stand before this one.
    pub(super) fn may_precede(bound: &Bound, known: Option<Standing>) -> bool {
        let here = Standing::at_best(bound.within, bound.worth);
        known.is_none_or(|known| here.total_cmp(&known).is_le())
    }
}

fn least(bounds: &[Bound], counts: impl Fn(&Bound) -> bool) -> Option<Worth> {
    bounds.iter().filter(|bound| counts(bound)).map(|bound| bound.worth).min_by(Worth::total_cmp)
}

/// The bounds of all machines at all their offers.
fn bounds(scenario: &Scenario, knowledge: &Knowledge, units: &[Unit]) -> Vec<Vec<Bound>> {
    let mut paces: Vec<(&str, Pace<'_>)> = Vec::new();
    let saved = disruption::checkpoint_bytes(&scenario.model, &scenario.recipe);
    let mut all = Vec::with_capacity(units.len());
    for unit in units {
        let part = &unit.cluster.accelerator;
        let known = paces.iter().position(|(id, _)| *id == part.id);
        let at = known.unwrap_or_else(|| {
            paces.push((&part.id, Pace::new(&scenario.model, &scenario.recipe, part, &knowledge.calibration)));
            paces.len() - 1
        });
        let step = paces[at].1.least(unit.cluster.accelerators);
        let offers = unit.offers.iter().filter_map(|at| Some((*at, scenario.offers.get(*at)?)));
        all.push(offers.map(|(at, offer)| bound(scenario, unit, (at, offer), step, saved)).collect());
    }
    all
}

fn bound(scenario: &Scenario, unit: &Unit, offer: (usize, &Offer), step: Seconds, saved: Bytes) -> Bound {
    let accelerators = unit.cluster.accelerators;
    let outcome = forecast::outcome(scenario, offer.1, unit.nodes, accelerators, step, saved, Luck::PLAIN);
    let (cost, time) = (outcome.bill.total(), outcome.run.wall());
    let limits = scenario.limits;
    Bound {
        offer: offer.0,
        cost,
        time,
        worth: Worth::of(scenario.goal, unit, &outcome.bill, time, cost),
        within: limits.budget.is_none_or(|most| cost <= most) && limits.late(offer.1, time).is_none(),
    }
}

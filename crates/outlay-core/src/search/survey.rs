//! Machines without their prices: which shapes and counts there are, and the quickest layout on each.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::{FITS, TIGHT};
use crate::forecast::{self, Knowledge, Site};
use crate::layout::{Offload, Recompute};
use crate::memory::ModelMemory;
use crate::plan::{self, Layout, Split};
use crate::scenario::Scenario;
use crate::scenario::cluster::{Cluster, Link, LinkKind};
use crate::step::{Micro, Shape};
use crate::units::{Seconds, Share};

/// So many machines of one shape, and the offers that have it.
pub(super) struct Unit {
    /// Which scenario they are for.
    pub(super) variant: usize,
    /// The machines.
    pub(super) cluster: Cluster,
    /// How many.
    pub(super) nodes: u64,
    /// Offers of this shape, in the scenario's order.
    pub(super) offers: Vec<usize>,
}

/// The outcome of looking at every layout on some machines.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Survey {
    /// The quickest layout that fits.
    pub(super) quickest: Option<Candidate>,
    /// The quickest that fits and is split or recomputed another way.
    pub(super) second: Option<Candidate>,
    /// The quickest tight layout, if quicker than any that fits.
    pub(super) tight: Option<Candidate>,
    /// The one closest to fitting, if none is even tight.
    pub(super) closest: Option<Candidate>,
    /// Legal layouts.
    pub(super) layouts: u64,
    /// Of these, layouts whose step was timed.
    pub(super) timed: u64,
    /// Of these, layouts whose memory was weighed.
    pub(super) weighed: u64,
}

/// A layout on given machines.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    /// The layout.
    pub(super) layout: Layout,
    /// Probability that it fits.
    pub(super) fit: Share,
    /// Memory needed over memory there.
    pub(super) filled: Share,
    /// Seconds of a step; not computed for what does not fit.
    pub(super) step: Seconds,
}

/// What distinguishes machines for memory and time. Two offers with the same key differ in price alone.
type Key<'a> = (&'a str, u64, [u64; 3], [(Option<LinkKind>, u64); 2], [Option<u64>; 2]);

/// Shapes and counts, in the order of the offers that first have them.
pub(super) fn units(variant: usize, scenario: &Scenario) -> Vec<Unit> {
    let mut places: BTreeMap<Key<'_>, usize> = BTreeMap::new();
    let mut units: Vec<Unit> = Vec::new();
    let offloads = scenario.recipe.optimizer.paged
        || plan::offloads(scenario).iter().any(|offload| *offload != plan::Offload::None);
    let link = |link: Option<&Link>| (link.map(|l| l.kind), link.map_or(0, |l| l.bandwidth.get().to_bits()));
    for (at, offer) in scenario.offers.iter().enumerate() {
        let node = &offer.node;
        for (nodes, accelerators) in plan::machine_counts(scenario.size, node) {
            if !offer.comes_in(nodes) {
                continue;
            }
            let key = (
                offer.accelerator.id.as_str(),
                accelerators,
                [nodes, node.accelerators, node.domain],
                // A machine alone has no use for its network, nor one accelerator for its neighbours.
                [link((accelerators > 1).then_some(&node.intra)), link(node.inter.as_ref().filter(|_| nodes > 1))],
                [
                    node.host_memory.filter(|_| offloads).map(|memory| memory.get() as u64),
                    node.vcpus.filter(|_| scenario.data.feed.prepared_per_cpu.is_some()),
                ],
            );
            let place = *places.entry(key).or_insert_with(|| {
                units.push(Unit {
                    variant,
                    cluster: forecast::cluster(offer, accelerators),
                    nodes,
                    offers: Vec::new(),
                });
                units.len() - 1
            });
            units[place].offers.push(at);
        }
    }
    units
}

/// Looks at every layout on some machines, or at one part of them in so many.
///
/// # Bounds
/// - A step is never shorter with more recomputation of the same work, so the least that fits is enough; and where even
///   the shortest step of a micro-batch is longer than the slowest one still wanted, its memory is never weighed.
/// - A larger micro-batch never takes less memory, unless it is the only one of a step (then no gradient waits for the
///   next): where not even full recomputation may fit, larger ones are not looked at.
pub(super) fn survey(desk: &Desk<'_>, cluster: &Cluster, part: usize, parts: usize) -> Survey {
    let mut bench = Bench {
        desk,
        site: Site::new(desk.scenario, desk.knowledge, cluster, &desk.memory),
        micros: BTreeMap::new(),
        survey: Survey::default(),
    };
    let splits = plan::splits(desk.scenario, cluster);
    let policies = Policies::of(desk.scenario);
    for offload in plan::offloads(desk.scenario) {
        for split in splits.iter().skip(part).step_by(parts.max(1)) {
            bench.split(split, &policies, offload);
        }
    }
    bench.survey
}

/// What all surveys share.
pub(super) struct Desk<'a> {
    scenario: &'a Scenario,
    knowledge: &'a Knowledge,
    memory: ModelMemory,
}

impl<'a> Desk<'a> {
    pub(super) fn new(scenario: &'a Scenario, knowledge: &'a Knowledge) -> Self {
        Self { scenario, knowledge, memory: ModelMemory::new(&scenario.model, &scenario.recipe) }
    }
}

/// Recomputation to try.
struct Policies {
    /// None, cheap operators, all layers: least first. Or the one that is fixed.
    whole: Vec<Recompute>,
    /// Some of the layers, fewest first.
    some: Vec<Recompute>,
}

impl Policies {
    fn of(scenario: &Scenario) -> Self {
        let (some, whole): (Vec<_>, Vec<_>) =
            plan::recomputes(scenario).into_iter().partition(|one| matches!(one, Recompute::Layers(_)));
        // A pinned share of the layers is the whole choice.
        if whole.is_empty() { Self { whole: some, some: whole } } else { Self { whole, some } }
    }

    fn count(&self) -> u64 {
        (self.whole.len() + self.some.len()) as u64
    }
}

/// What was seen of one layout.
struct Looked {
    /// Probability that it fits.
    fit: Share,
    /// The device waits for launches.
    waits: bool,
}

/// One survey at work.
struct Bench<'a> {
    desk: &'a Desk<'a>,
    site: Site<'a>,
    /// What a rank computes, by its shape but for the micro-batch and then by the power of two of that.
    micros: BTreeMap<(u64, u64, u64, bool), Vec<Micro>>,
    survey: Survey,
}

impl Bench<'_> {
    fn split(&mut self, split: &Split, policies: &Policies, offload: Offload) {
        let sizes = split.micro_batches(&self.desk.scenario.pins);
        let Some(first) = sizes.iter().find_map(|size| split.layout(*size, Recompute::None, offload)) else { return };
        let key = (first.tp, first.cp, first.ep, first.gathers());
        let mut micros = self.micros.remove(&key).unwrap_or_default();
        let mut full = false;
        for (at, size) in sizes.iter().enumerate() {
            let Some(layout) = split.layout(*size, Recompute::None, offload) else { continue };
            self.survey.layouts += policies.count();
            if full && layout.accumulation > 1 {
                continue;
            }
            while micros.len() <= at {
                let micro_batch = sizes[micros.len()];
                micros.push(self.site.micro(Shape { micro_batch, ..Shape::of(&layout) }));
            }
            full = !self.size(layout, &micros[at], policies);
        }
        self.micros.insert(key, micros);
    }

    /// Looks at every recomputation of one micro-batch; whether a larger one may fit as well.
    fn size(&mut self, layout: Layout, micro: &Micro, policies: &Policies) -> bool {
        let mut again = false;
        let mut last = None;
        for recompute in &policies.whole {
            match self.look(Layout { recompute: *recompute, ..layout }, micro) {
                // Too slow with the least recomputation: so it is with more, and nothing is known of its memory.
                None if *recompute == policies.whole[0] => return true,
                // Too slow with all layers anew, not with some of them.
                None => again = *recompute == Recompute::Full,
                Some(Looked { fit, waits }) => {
                    last = Some(fit);
                    // Cheap operators and whole layers are two ways: some layers may take less time than all that is cheap.
                    let way = *recompute == Recompute::Selective && !policies.some.is_empty();
                    // Where not even all layers anew may fit, some of them do not; where none need be, none are.
                    again = *recompute == Recompute::Full && fit >= TIGHT;
                    // Where the device waits for launches, operators done again may take no time: which of two equals is the
                    // shorter by a last digit is only known by looking.
                    let free = *recompute == Recompute::None && waits;
                    if fit >= FITS && !way && !free {
                        break;
                    }
                }
            }
        }
        for recompute in policies.some.iter().filter(|_| again) {
            match self.look(Layout { recompute: *recompute, ..layout }, micro) {
                Some(Looked { fit, .. }) if fit < FITS => {}
                // It fits, or it is too slow: so are all that follow.
                _ => break,
            }
        }
        last.is_none_or(|fit| fit >= TIGHT)
    }

    /// Takes one layout into account; `None` if it is too slow to matter.
    fn look(&mut self, layout: Layout, micro: &Micro) -> Option<Looked> {
        self.survey.timed += 1;
        let step = self.site.step(&layout, micro);
        let waits = self.site.waits(&step);
        let step = step.total();
        if self.survey.wanted().is_some_and(|longest| step.get() > longest.get() * SLACK) {
            return None;
        }
        self.survey.weighed += 1;
        let (footprint, fit) = self.site.weigh(&layout);
        let filled = footprint.total() / self.site.cluster().accelerator.memory;
        self.survey.take(Candidate { layout, fit, filled, step });
        Some(Looked { fit, waits })
    }
}

/// Steps that are this much longer are longer: sums of the same terms differ in their last digits with the order they are added in,
/// and what is dropped must not be better by those.
const SLACK: f64 = 1.0 + 1e-9;

impl Survey {
    /// The longest step that could still change the outcome; `None`: any.
    fn wanted(&self) -> Option<Seconds> {
        self.quickest.and(self.second).map(|second| second.step)
    }

    /// Takes a candidate into account.
    fn take(&mut self, candidate: Candidate) {
        if candidate.fit < TIGHT {
            if self.closest.is_none_or(|best| fuller(&best, &candidate)) {
                self.closest = Some(candidate);
            }
        } else if candidate.fit < FITS {
            replace(&mut self.tight, candidate);
        } else {
            self.place(candidate);
        }
    }

    /// Both parts of one survey.
    pub(super) fn with(mut self, other: Self) -> Self {
        for candidate in [other.quickest, other.second, other.tight, other.closest].into_iter().flatten() {
            self.take(candidate);
        }
        self.layouts += other.layouts;
        self.timed += other.timed;
        self.weighed += other.weighed;
        self
    }

    /// Keeps the quickest, and the quickest of another kind.
    fn place(&mut self, candidate: Candidate) {
        match self.quickest {
            Some(best) if !quicker(&candidate, &best) => {
                if another_kind(&candidate.layout, &best.layout) {
                    replace(&mut self.second, candidate);
                }
            }
            Some(best) => {
                if another_kind(&candidate.layout, &best.layout) {
                    self.second = Some(best);
                }
                self.quickest = Some(candidate);
            }
            None => self.quickest = Some(candidate),
        }
    }

    /// The tight layout, unless one that fits is at least as quick.
    pub(super) fn useful_tight(&self) -> Option<Candidate> {
        self.tight.filter(|tight| self.quickest.is_none_or(|best| quicker(tight, &best)))
    }
}

/// Needs more of the memory; between equals the layout that comes later.
fn fuller(one: &Candidate, other: &Candidate) -> bool {
    one.filled.get().total_cmp(&other.filled.get()).then(one.layout.cmp(&other.layout)).is_gt()
}

fn replace(slot: &mut Option<Candidate>, candidate: Candidate) {
    if slot.is_none_or(|best| quicker(&candidate, &best)) {
        *slot = Some(candidate);
    }
}

/// The shorter step; between equals the layout that comes first, so that no order of work can change the winner.
fn quicker(one: &Candidate, other: &Candidate) -> bool {
    one.step.total_cmp(&other.step).then(one.layout.cmp(&other.layout)).is_lt()
}

/// The layouts differ by more than sizes of micro-batches and groups.
fn another_kind(one: &Layout, other: &Layout) -> bool {
    (one.tp, one.pp, one.cp, one.ep, one.zero, one.recompute)
        != (other.tp, other.pp, other.cp, other.ep, other.zero, other.recompute)
}

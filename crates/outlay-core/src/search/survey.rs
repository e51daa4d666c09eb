//! Machines without their prices: which shapes and counts there are, and the quickest layout on each.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::{FITS, TIGHT};
use crate::forecast::{self, Knowledge};
use crate::layout::Recompute;
use crate::memory::ModelMemory;
use crate::plan::{self, Layout};
use crate::scenario::Scenario;
use crate::scenario::cluster::{Cluster, Link, LinkKind};
use crate::units::{Seconds, Share};

/// So many machines of one shape, and the offers that have it.
pub(super) struct Unit {
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
    /// Layouts whose memory was computed.
    pub(super) layouts: u64,
    /// Layouts whose step was timed.
    pub(super) timed: u64,
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
pub(super) fn units(scenario: &Scenario) -> Vec<Unit> {
    let mut places: BTreeMap<Key<'_>, usize> = BTreeMap::new();
    let mut units: Vec<Unit> = Vec::new();
    let offloads = scenario.recipe.optimizer.paged
        || plan::offloads(scenario).iter().any(|offload| *offload != plan::Offload::None);
    let link = |link: Option<&Link>| (link.map(|l| l.kind), link.map_or(0, |l| l.bandwidth.get().to_bits()));
    for (at, offer) in scenario.offers.iter().enumerate() {
        let node = &offer.node;
        for (nodes, accelerators) in plan::machine_counts(scenario.size, node) {
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
                units.push(Unit { cluster: forecast::cluster(offer, accelerators), nodes, offers: Vec::new() });
                units.len() - 1
            });
            units[place].offers.push(at);
        }
    }
    units
}

/// Looks at every layout on some machines.
///
/// Memory comes first, it is cheap: what cannot fit is never timed. More recomputation of the same work only takes
/// longer, so the least that fits is enough. Host memory is used only when nothing fits without.
pub(super) fn survey(desk: &Desk<'_>, cluster: &Cluster) -> Survey {
    let mut survey = Survey::default();
    let pins = &desk.scenario.pins;
    let splits = plan::splits(desk.scenario, cluster);
    let (some, whole): (Vec<Recompute>, Vec<Recompute>) =
        plan::recomputes(desk.scenario).into_iter().partition(|one| matches!(one, Recompute::Layers(_)));
    // A pinned share of the layers is the whole choice.
    let (some, whole) = if whole.is_empty() { (whole, some) } else { (some, whole) };
    for offload in plan::offloads(desk.scenario) {
        for split in &splits {
            for size in split.micro_batches(pins) {
                let mut look = |recompute: Recompute| {
                    let layout = split.layout(size, recompute, offload)?;
                    Some(survey.look(desk, cluster, layout))
                };
                let mut again = false;
                for recompute in &whole {
                    let Some(fit) = look(*recompute) else { break };
                    // Cheap operators and whole layers are two ways: some layers may take less time than all that is cheap.
                    let way = *recompute == Recompute::Selective && !some.is_empty();
                    // Where not even all layers anew may fit, some of them do not; where none need be, none are.
                    again = *recompute == Recompute::Full && fit >= TIGHT;
                    if fit >= FITS && !way {
                        break;
                    }
                }
                for recompute in some.iter().filter(|_| again) {
                    if look(*recompute).is_some_and(|fit| fit >= FITS) {
                        break;
                    }
                }
            }
        }
        if survey.quickest.is_some() {
            break;
        }
    }
    survey
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

impl Survey {
    /// Takes one layout into account; the probability that it fits.
    fn look(&mut self, desk: &Desk<'_>, cluster: &Cluster, layout: Layout) -> Share {
        self.layouts += 1;
        let footprint = desk.memory.footprint(&layout);
        let fit = forecast::fit(&footprint, cluster);
        let filled = footprint.total() / cluster.accelerator.memory;
        let mut candidate = Candidate { layout, fit, filled, step: Seconds::ZERO };
        if fit < TIGHT {
            if self.closest.is_none_or(|best| filled < best.filled) {
                self.closest = Some(candidate);
            }
            return fit;
        }
        self.timed += 1;
        candidate.step = forecast::timed(desk.scenario, desk.knowledge, cluster, &layout).total();
        if fit < FITS {
            replace(&mut self.tight, candidate);
        } else {
            self.place(candidate);
        }
        fit
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

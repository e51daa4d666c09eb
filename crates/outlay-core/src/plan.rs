//! One way to run a scenario: an offer, how many machines of it, and a layout. Which layouts are legal, and all of them.
//!
//! [`broken_rule`] says what is legal; [`splits`] and [`Split::layouts`] list what is worth trying, in a fixed order.
//! The list leaves out only what cannot win (sequence parallelism switched off, sharding over one rank) or what no
//! training program offers; whatever the user fixes is taken as given, also outside the list.
//!
//! Does not know: whether it fits ([`crate::memory`]) or how fast it is ([`crate::step`]).
//!
//! Reading order: [`Plan`], [`broken_rule`], [`machine_counts`], [`splits`].

use alloc::vec::Vec;

use crate::dtype::Dtype;
pub use crate::layout::{Layout, Offload, Pins, Recompute, Schedule, Zero};
use crate::model::{Attention, Model, Op, Role, params};
use crate::scenario::cluster::{Cluster, Node, Vendor};
use crate::scenario::recipe::{Method, OptimizerKind, Recipe};
use crate::scenario::{Scenario, Size};

/// One way to run a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Which of the scenarios that are searched together; 0 where there is one.
    pub variant: usize,
    /// Which offer: index into [`Scenario::offers`].
    pub offer: usize,
    /// Machines rented.
    pub nodes: u64,
    /// How the job is laid out on them.
    pub layout: Layout,
}

/// A rule that a layout breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// A width is zero.
    Zero,
    /// `dp · tp · pp · cp` is the number of accelerators.
    Accelerators,
    /// `dp · micro_batch · accumulation` is the global batch.
    Batch,
    /// Tensor parallelism divides the attention heads, and the key/value heads or a multiple of them.
    Heads,
    /// Tensor parallelism divides the width of the model.
    Hidden,
    /// Tensor parallelism stays on the fast link.
    Domain,
    /// Every pipeline stage has a layer.
    Layers,
    /// Stages dealt out by hand hold all layers, and the last one holds one at least.
    StageLayers,
    /// Both ends of a pipeline can be fed only over an even number of stages, with two micro-batches a stage at least.
    TwoEnds,
    /// Virtual stages are of equal size; interleaving needs micro-batches in multiples of the stages.
    VirtualStages,
    /// Context parallelism cuts the sequence into `2 · cp` equal pieces and needs attention throughout.
    Sequence,
    /// Expert parallelism divides the experts.
    Experts,
    /// Expert parallelism divides `dp · cp · tp`.
    ExpertRanks,
    /// Sharding groups divide the data-parallel ranks; without sharding there are none.
    Shard,
    /// Gradients are not sharded between the micro-batches of a pipeline.
    PipelineSharding,
    /// A quantised base is replicated or fully sharded, never cut along its matrices or layers.
    Quantised,
    /// The accelerator multiplies in the recipe's format.
    Format,
    /// Quantised weights and optimizer states need kernels, which some vendors' parts have not.
    Kernels,
    /// Sequence parallelism goes with tensor parallelism.
    SequenceParallel,
}

/// The first rule that a layout breaks on a cluster; `None`: it is legal.
#[must_use]
pub fn broken_rule(model: &Model, recipe: &Recipe, cluster: &Cluster, layout: &Layout) -> Option<Rule> {
    let l = layout;
    let widths = [l.dp, l.tp, l.pp, l.vpp, l.cp, l.ep, l.shard, l.micro_batch, l.accumulation];
    if widths.contains(&0) {
        return Some(Rule::Zero);
    }
    let split = product(&[l.tp, l.pp, l.cp, l.ep]);
    let replicas_sharded = !matches!(l.zero, Zero::None);
    let checks = [
        (l.accelerators() == cluster.accelerators, Rule::Accelerators),
        (product(&[l.dp, l.micro_batch, l.accumulation]) == recipe.global_batch, Rule::Batch),
        (heads_divide(model, l.tp), Rule::Heads),
        (model.hidden.is_multiple_of(l.tp), Rule::Hidden),
        (l.tp <= fast_domain(cluster), Rule::Domain),
        (l.pp == 1 || l.pp <= model.depth(), Rule::Layers),
        (l.vpp == 1 || interleaves(model, l.pp, l.vpp, l.accumulation), Rule::VirtualStages),
        (l.stage_layers == 0 || dealt(model, l), Rule::StageLayers),
        (l.pp == 1 || l.schedule != Schedule::DualPipe || two_ended(l), Rule::TwoEnds),
        (l.cp == 1 || cuts_sequence(model, recipe, l.cp), Rule::Sequence),
        (l.ep == 1 || experts_divide(model, l.ep), Rule::Experts),
        (product(&[l.dp, l.cp, l.tp]).is_multiple_of(l.ep), Rule::ExpertRanks),
        (if replicas_sharded { l.dp.is_multiple_of(l.shard) } else { l.shard == 1 }, Rule::Shard),
        (l.pp == 1 || l.zero != Zero::Two, Rule::PipelineSharding),
        (!quantised(recipe) || (split == 1 && matches!(l.zero, Zero::None | Zero::Three)), Rule::Quantised),
        (l.tp > 1 || !l.sequence_parallel, Rule::SequenceParallel),
        (cluster.accelerator.peaks.of(recipe.precision.compute).is_some(), Rule::Format),
        (!needs_kernels(recipe) || has_kernels(cluster.accelerator.vendor), Rule::Kernels),
    ];
    checks.into_iter().find(|(kept, _)| !kept).map(|(_, rule)| rule)
}

/// Widths may be as absurd as a user's fixed ones; no product of them overflows.
fn product(widths: &[u64]) -> u64 {
    widths.iter().fold(1, |all, width| all.saturating_mul(*width))
}

fn attentions(model: &Model) -> impl Iterator<Item = Attention> + '_ {
    model.blocks.iter().flat_map(|b| &b.ops).filter_map(|op| if let Op::Attention(a) = op { Some(*a) } else { None })
}

/// Heads are dealt out whole; key/value heads may be copied to several ranks instead.
fn heads_divide(model: &Model, tp: u64) -> bool {
    let attention =
        |a: Attention| a.heads.is_multiple_of(tp) && (a.kv_heads.is_multiple_of(tp) || tp.is_multiple_of(a.kv_heads));
    let scans = model.blocks.iter().flat_map(|b| &b.ops).all(|op| match op {
        Op::Scan(s) => s.channels.is_multiple_of(tp) && (s.heads <= 1 || s.heads.is_multiple_of(tp)),
        _ => true,
    });
    attentions(model).all(attention) && scans
}

fn fast_domain(cluster: &Cluster) -> u64 {
    cluster.node.domain.max(1).min(cluster.accelerators)
}

/// A virtual stage holds a layer, the embedding or the head at least. Uneven ones are legal (programs let users deal layers
/// out by hand, with less beside the head); the search only proposes [`even`] ones.
fn interleaves(model: &Model, pp: u64, vpp: u64, accumulation: u64) -> bool {
    pp > 1 && product(&[pp, vpp]) <= model.depth() + 2 && accumulation.is_multiple_of(pp)
}

/// Full stages and a last one that holds the rest.
fn dealt(model: &Model, l: &Layout) -> bool {
    let before = product(&[l.stage_layers, l.pp.saturating_sub(1)]);
    l.pp > 1 && before < model.depth() && product(&[l.stage_layers, l.pp]) >= model.depth()
}

fn two_ended(l: &Layout) -> bool {
    l.vpp == 1 && l.pp.is_multiple_of(2) && l.accumulation.is_multiple_of(2) && l.accumulation >= 2 * l.pp
}

/// Layers that take as long as the head: what a last stage should have less.
fn head_in_layers(model: &Model) -> u64 {
    let work = |roles: &[Role]| {
        let of_role = model.blocks.iter().filter(|block| roles.contains(&block.role));
        of_role.map(|block| block.count * block.ops.iter().map(params::of_op).sum::<u64>()).sum::<u64>()
    };
    let layer = (work(&[Role::Layer]) / model.depth().max(1)).max(1);
    (work(&[Role::Head, Role::Further]) + layer / 2) / layer
}

/// Layers of a full stage to try: as few as it takes, and as many as make room for the head on the last one.
fn deals(scenario: &Scenario, pp: u64, vpp: u64) -> Vec<u64> {
    let Scenario { model, recipe, pins, .. } = scenario;
    if let Some(fixed) = pins.stage_layers {
        return Vec::from([fixed]);
    }
    let fewest = model.depth().div_ceil(pp);
    let roomy = (model.depth() + head_in_layers(model)).div_ceil(pp);
    let useful = pp > 1 && vpp == 1 && recipe.stack.uneven_stages && roomy > fewest;
    let legal = useful && product(&[roomy, pp - 1]) < model.depth();
    if legal { Vec::from([0, roomy]) } else { Vec::from([0]) }
}

/// Orders of work on a pipeline to try: all forwards first needs more memory than one forward, one backward and is no
/// quicker, so it is never proposed.
fn schedules(scenario: &Scenario, pp: u64, vpp: u64) -> Vec<Schedule> {
    if let Some(fixed) = scenario.pins.schedule {
        return Vec::from([fixed]);
    }
    let stack = &scenario.recipe.stack;
    let mut all = Vec::from([Schedule::OneFOneB]);
    if pp > 1 && stack.zero_bubble.is_some_and(|fewest| vpp >= fewest) {
        all.push(Schedule::ZeroBubble);
    }
    if pp > 1 && pp.is_multiple_of(2) && vpp == 1 && stack.dualpipe {
        all.push(Schedule::DualPipe);
    }
    all
}

/// Equal pieces of the pipeline: of the layers, or of the layers with embedding and head counted as one each, as
/// Llama 3 405B with its 126 layers on 16 stages does.
fn even(model: &Model, pieces: u64) -> bool {
    let depth = model.depth();
    pieces <= depth.max(1) && (depth.is_multiple_of(pieces) || (depth + 2).is_multiple_of(pieces))
}

/// Each rank gets one early and one late piece of the sequence, so that causal work is even. Recurrences are left
/// out: their state would have to travel from rank to rank.
fn cuts_sequence(model: &Model, recipe: &Recipe, cp: u64) -> bool {
    let recurrent = model.blocks.iter().flat_map(|b| &b.ops).any(|op| matches!(op, Op::Scan(_) | Op::Conv(_)));
    !recurrent && recipe.seq_len.is_multiple_of(product(&[2, cp]))
}

fn experts_divide(model: &Model, ep: u64) -> bool {
    model.experts().is_some_and(|experts| experts.experts.is_multiple_of(ep))
}

/// The frozen base is stored in a format whose blocks cannot be cut.
fn quantised(recipe: &Recipe) -> bool {
    matches!(&recipe.method, Method::Lora(lora) if matches!(lora.base, Dtype::Nf4 | Dtype::Nf4Double | Dtype::Int8))
}

fn needs_kernels(recipe: &Recipe) -> bool {
    quantised(recipe) || matches!(recipe.optimizer.kind, OptimizerKind::AdamW8bit | OptimizerKind::AdamW4bit)
}

/// The libraries for block-wise quantisation are written for GPUs.
fn has_kernels(vendor: Vendor) -> bool {
    match vendor {
        Vendor::Nvidia | Vendor::Amd | Vendor::Intel => true,
        Vendor::Google | Vendor::Aws => false,
    }
}

/// Numbers of machines worth trying with their accelerators: powers of two and three times powers of two.
///
/// Machines are rented whole. More than one needs a network between them. An exact number of accelerators may leave
/// part of a machine idle.
#[must_use]
pub fn machine_counts(size: Size, node: &Node) -> Vec<(u64, u64)> {
    let each = node.accelerators.max(1);
    let joined = node.inter.is_some();
    match size {
        Size::Exactly(wanted) => {
            let nodes = wanted.div_ceil(each);
            if wanted > 0 && (nodes == 1 || joined) { Vec::from([(nodes, wanted)]) } else { Vec::new() }
        }
        Size::AtMost(limit) => {
            let most = if joined { limit / each } else { (limit / each).min(1) };
            let mut counts: Vec<u64> = (0..64).map(|k| 1u64 << k).take_while(|nodes| *nodes <= most).collect();
            counts.extend((0..62).map(|k| 3u64 << k).take_while(|nodes| *nodes <= most));
            counts.sort_unstable();
            counts.into_iter().map(|nodes| (nodes, nodes * each)).collect()
        }
    }
}

/// A layout without micro-batch, recomputation and offload: what memory and time are monotone in is left open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split {
    layout: Layout,
    /// Sequences of one optimizer step on one replica.
    batch: u64,
}

/// All splits of a scenario over a cluster, in a fixed order: least split first.
#[must_use]
pub fn splits(scenario: &Scenario, cluster: &Cluster) -> Vec<Split> {
    let Scenario { model, recipe, pins, .. } = scenario;
    let whole = |fixed: Option<u64>| if recipe.stack.data_parallel_only { fixed.or(Some(1)) } else { fixed };
    let pins = Pins { tp: whole(pins.tp), pp: whole(pins.pp), cp: whole(pins.cp), ep: whole(pins.ep), ..*pins };
    let all = cluster.accelerators;
    let mut found = Vec::new();
    for tp in widths(pins.tp, fast_domain(cluster), |tp| all.is_multiple_of(tp) && heads_divide(model, tp)) {
        for pp in widths(pins.pp, model.depth().min(all / tp), |pp| {
            (all / tp).is_multiple_of(pp) && (recipe.stack.uneven_stages || even(model, pp))
        }) {
            for cp in
                widths(pins.cp, longest_cut(recipe), |cp| cp.is_power_of_two() && (all / tp / pp).is_multiple_of(cp))
            {
                let dp = all / product(&[tp, pp, cp]);
                if pins.dp.is_some_and(|fixed| fixed != dp) || dp == 0 || !recipe.global_batch.is_multiple_of(dp) {
                    continue;
                }
                let ranks = dp * cp * tp;
                let experts = model.experts().map_or(1, |experts| experts.experts);
                for ep in widths(pins.ep, ranks.min(experts), |ep| ep.is_power_of_two() && ranks.is_multiple_of(ep)) {
                    let parallel = Layout { dp, tp, pp, cp, ep, ..Layout::single(1, 1, Recompute::None) };
                    sharded(scenario, cluster, parallel, &mut found);
                }
            }
        }
    }
    found
}

/// The first rule that the fixed parts of the layout break on a cluster that has no legal layout.
#[must_use]
pub fn obstacle(scenario: &Scenario, cluster: &Cluster) -> Option<Rule> {
    let Scenario { model, recipe, pins, .. } = scenario;
    let fixed = |width: Option<u64>| width.unwrap_or(1).max(1);
    let (tp, pp, cp) = (fixed(pins.tp), fixed(pins.pp), fixed(pins.cp));
    let dp = pins.dp.unwrap_or(cluster.accelerators / product(&[tp, pp, cp])).max(1);
    let micro_batch = fixed(pins.micro_batch);
    let zero = pins.zero.unwrap_or(Zero::None);
    let layout = Layout {
        dp,
        tp,
        pp,
        vpp: fixed(pins.vpp),
        stage_layers: pins.stage_layers.unwrap_or(0),
        schedule: pins.schedule.unwrap_or(Schedule::OneFOneB),
        cp,
        ep: fixed(pins.ep),
        zero,
        shard: if zero == Zero::None { 1 } else { pins.shard.unwrap_or(dp) },
        ..Layout::single(micro_batch, (recipe.global_batch / product(&[dp, micro_batch])).max(1), Recompute::None)
    };
    broken_rule(model, recipe, cluster, &layout)
}

/// Adds the ways to shard and interleave.
fn sharded(scenario: &Scenario, cluster: &Cluster, parallel: Layout, found: &mut Vec<Split>) {
    let Scenario { model, recipe, pins, .. } = scenario;
    let Layout { dp, tp, pp, .. } = parallel;
    let batch = recipe.global_batch / dp;
    let most = if pp > 1 { model.depth() / pp } else { 1 };
    for zero in stages_of_sharding(pins, dp * parallel.cp) {
        for shard in groups(pins, zero, dp, cluster.node.accelerators / tp.min(cluster.node.accelerators)) {
            for vpp in widths(pins.vpp, most, |vpp| vpp == 1 || even(model, product(&[pp, vpp]))) {
                for stage_layers in deals(scenario, pp, vpp) {
                    for schedule in schedules(scenario, pp, vpp) {
                        let layout = Layout {
                            vpp,
                            stage_layers,
                            zero,
                            shard,
                            // Switched off it moves as many bytes and keeps more activations: it cannot win.
                            sequence_parallel: tp > 1 && pins.sequence_parallel.unwrap_or(true),
                            schedule,
                            ..parallel
                        };
                        // Rules that do not look at the micro-batch are settled here, once for all micro-batches.
                        let plain = Schedule::OneFOneB;
                        let probe = Layout { micro_batch: 1, accumulation: batch, vpp: 1, schedule: plain, ..layout };
                        let interleaved = vpp == 1 || interleaves(model, pp, vpp, pp);
                        if interleaved && broken_rule(model, recipe, cluster, &probe).is_none() {
                            found.push(Split { layout, batch });
                        }
                    }
                }
            }
        }
    }
}

/// The fixed width, or all that pass the test.
fn widths(fixed: Option<u64>, most: u64, test: impl Fn(u64) -> bool) -> Vec<u64> {
    match fixed {
        Some(width) => Vec::from([width.max(1)]),
        None => (1..=most.max(1)).filter(|width| test(*width)).collect(),
    }
}

/// Context parallelism is tried for long sequences alone: pieces below 4,096 tokens do not hide its traffic.
fn longest_cut(recipe: &Recipe) -> u64 {
    if recipe.seq_len < 16_384 { 1 } else { recipe.seq_len / 4096 }
}

/// Sharding spreads over data- and context-parallel ranks: both hold the same weights.
fn stages_of_sharding(pins: &Pins, ranks: u64) -> Vec<Zero> {
    match pins.zero {
        Some(zero) => Vec::from([zero]),
        None if ranks == 1 => Vec::from([Zero::None]),
        None => Vec::from([Zero::None, Zero::One, Zero::Two, Zero::Three]),
    }
}

/// Sizes of the sharding groups: all ranks, or for full sharding also the ranks of one machine.
fn groups(pins: &Pins, zero: Zero, dp: u64, on_node: u64) -> Vec<u64> {
    match (zero, pins.shard) {
        (Zero::None, _) => Vec::from([1]),
        (_, Some(shard)) => Vec::from([shard.max(1)]),
        (Zero::Three, None) if on_node > 1 && on_node < dp && dp.is_multiple_of(on_node) => Vec::from([dp, on_node]),
        (_, None) => Vec::from([dp]),
    }
}

impl Split {
    /// Micro-batches to try, smallest first: powers of two that divide a replica's batch, or the fixed one.
    #[must_use]
    pub fn micro_batches(&self, pins: &Pins) -> Vec<u64> {
        match pins.micro_batch {
            Some(fixed) if fixed > 0 && self.batch.is_multiple_of(fixed) => Vec::from([fixed]),
            Some(_) => Vec::new(),
            None => (0..64).map(|k| 1u64 << k).take_while(|size| self.batch.is_multiple_of(*size)).collect(),
        }
    }

    /// The layout with this micro-batch, recomputation and offload; `None` where interleaving or feeding both ends does not
    /// work out.
    #[must_use]
    pub fn layout(&self, micro_batch: u64, recompute: Recompute, offload: Offload) -> Option<Layout> {
        let accumulation = self.batch / micro_batch.max(1);
        let layout = Layout { micro_batch, accumulation, recompute, offload, ..self.layout };
        let whole = layout.vpp == 1 || accumulation.is_multiple_of(layout.pp);
        let fed = layout.pp == 1 || layout.schedule != Schedule::DualPipe || two_ended(&layout);
        (whole && fed).then_some(layout)
    }
}

/// Recomputation to try, least first.
#[must_use]
pub fn recomputes(scenario: &Scenario) -> Vec<Recompute> {
    if let Some(fixed) = scenario.pins.recompute {
        return Vec::from([fixed]);
    }
    let mut all = Vec::from([Recompute::None, Recompute::Selective]);
    if scenario.recipe.stack.recomputes_some {
        all.extend((1..8).map(Recompute::Layers));
    }
    all.push(Recompute::Full);
    all
}

/// Offloads to try, least first.
#[must_use]
pub fn offloads(scenario: &Scenario) -> Vec<Offload> {
    match (scenario.pins.offload, &scenario.recipe.method) {
        (Some(fixed), _) => Vec::from([fixed]),
        // Adapters have next to no optimizer state to move away.
        (None, Method::Lora(_)) => Vec::from([Offload::None]),
        (None, _) => Vec::from([Offload::None, Offload::Optimizer, Offload::OptimizerAndParameters]),
    }
}

/// Every legal layout of a scenario over a cluster with this offload, in the order of the search.
pub fn layouts<'a>(scenario: &'a Scenario, cluster: &Cluster, offload: Offload) -> impl Iterator<Item = Layout> + 'a {
    splits(scenario, cluster).into_iter().flat_map(move |split| {
        let sizes = split.micro_batches(&scenario.pins);
        recomputes(scenario).into_iter().flat_map(move |recompute| {
            sizes.clone().into_iter().filter_map(move |size| split.layout(size, recompute, offload))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::cluster::{Link, LinkKind};
    use crate::units::BytesPerSec;

    fn node(accelerators: u64, network: bool) -> Node {
        let link = |kind| Link { kind, bandwidth: BytesPerSec::gb(50.0) };
        Node {
            id: "n".into(),
            accelerators,
            domain: accelerators,
            intra: link(LinkKind::NvSwitch),
            inter: network.then(|| link(LinkKind::InfiniBand)),
            host_memory: None,
            vcpus: None,
            local_disk: None,
        }
    }

    #[test]
    fn machines_are_rented_whole_and_joined_by_a_network() {
        let counts = |size, node: &Node| machine_counts(size, node);
        assert_eq!(counts(Size::AtMost(7), &node(8, true)), []);
        assert_eq!(counts(Size::AtMost(8), &node(8, false)), [(1, 8)]);
        assert_eq!(counts(Size::AtMost(64), &node(8, false)), [(1, 8)]);
        assert_eq!(counts(Size::AtMost(64), &node(8, true)), [(1, 8), (2, 16), (3, 24), (4, 32), (6, 48), (8, 64)]);
        assert_eq!(counts(Size::AtMost(3), &node(1, true)), [(1, 1), (2, 2), (3, 3)]);
        assert_eq!(counts(Size::Exactly(4), &node(8, true)), [(1, 4)]);
        assert_eq!(counts(Size::Exactly(12), &node(8, true)), [(2, 12)]);
        assert_eq!(counts(Size::Exactly(12), &node(8, false)), []);
        assert_eq!(counts(Size::Exactly(0), &node(8, true)), []);
    }
}

//! Seconds of one optimizer step, by part.

pub mod bubble;
pub mod calibration;
pub mod comm;
mod explain;
mod exposed;
pub mod gemm;
pub mod launches;
mod layer;
pub mod uneven;

use crate::dtype::Dtype;
use crate::model::flops::{self, Convention, Lengths};
use crate::model::{Model, Op, Role, params};
use crate::plan::{Layout, Offload, Recompute, Zero};
use crate::scenario::adapters;
use crate::scenario::cluster::{Accelerator, Cluster, Vendor};
use crate::scenario::recipe::{AttentionKernel, Method, Recipe};
use crate::units::{BytesPerSec, Flops, FlopsPerSec, Seconds, Share};
use calibration::{Calibration, Common};
use comm::Fabric;
use gemm::Device;
pub use layer::dequantise;
use layer::{Bench, Work};

/// Seconds of one optimizer step on the slowest rank, by part. Parts add up to [`Step::total`].
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Step {
    /// Matrix products with weights.
    pub gemm: Seconds,
    /// Routed experts' matrix products.
    pub experts: Seconds,
    /// Attention core.
    pub attention: Seconds,
    /// Recurrences.
    pub scan: Seconds,
    /// Element-wise and reducing operators, bound by memory.
    pub elementwise: Seconds,
    /// Dequantisation of frozen weights.
    pub dequantise: Seconds,
    /// Work done again in the backward pass.
    pub recompute: Seconds,
    /// Time the device waits for launches.
    pub launch: Seconds,
    /// Exposed data-parallel and FSDP communication.
    pub comm_dp: Seconds,
    /// Exposed tensor-parallel communication.
    pub comm_tp: Seconds,
    /// Exposed pipeline communication.
    pub comm_pp: Seconds,
    /// Exposed context-parallel communication.
    pub comm_cp: Seconds,
    /// Exposed expert-parallel communication.
    pub comm_ep: Seconds,
    /// Pipeline bubble.
    pub bubble: Seconds,
    /// Update of the weights.
    pub optimizer: Seconds,
    /// Transfers to and from host memory that do not hide.
    pub offload: Seconds,
    /// Waiting for the slowest of many ranks.
    pub straggler: Seconds,
    /// Waiting for data.
    pub loader: Seconds,
    /// FLOP of the model for the whole step over all ranks, causal attention counted half, nothing counted twice.
    pub model_flops: Flops,
    /// The same with full attention (PaLM's convention).
    pub model_flops_full: Flops,
    /// FLOP executed, recomputation included, causal convention.
    pub hardware_flops: Flops,
    /// Dense peak of one accelerator that utilisation refers to (16 bit).
    pub peak: FlopsPerSec,
    /// Accelerators.
    pub accelerators: u64,
}

impl Step {
    /// The whole step.
    #[must_use]
    pub fn total(&self) -> Seconds {
        self.gemm
            + self.experts
            + self.attention
            + self.scan
            + self.elementwise
            + self.dequantise
            + self.recompute
            + self.launch
            + self.comm_dp
            + self.comm_tp
            + self.comm_pp
            + self.comm_cp
            + self.comm_ep
            + self.bubble
            + self.optimizer
            + self.offload
            + self.straggler
            + self.loader
    }

    /// Model FLOP utilisation, causal convention.
    #[must_use]
    pub fn mfu(&self) -> Share {
        (self.model_flops / self.total()) / (self.peak * self.accelerators)
    }

    /// Hardware FLOP utilisation, causal convention.
    #[must_use]
    pub fn hfu(&self) -> Share {
        (self.hardware_flops / self.total()) / (self.peak * self.accelerators)
    }
}

/// Gain of sparse tensor cores on products with a weight that holds two zeros in four, of a printed two.
const SKIPPED: f64 = 1.45;

/// The part has tensor cores that skip two zeros in four. The gradient of a weight has no such zeros and gains nothing.
fn skips(part: &Accelerator) -> bool {
    part.vendor == Vendor::Nvidia && !["kepler", "pascal", "volta", "turing"].contains(&part.architecture.as_str())
}

/// Share of the experts' work that the bound counts: what tensor-parallel ranks split may round in their favour.
const SURE: f64 = 0.5;

/// What a step takes at the least on so many accelerators, however it is laid out: for dropping machines before any layout
/// of theirs is looked at.
///
/// # Formula
/// `passes · products / (accelerators · rate) · factor`; products of weights alone, half of the experts'; passes 3, with
/// adapters 2, products of sparse weights sooner.
///
/// # Source
/// Every term of [`step`] beside these is zero or more, and each product takes at least its work over the rate of large
/// ones: tiles, depth and alignment only slow it down. Ranks share the work at best evenly.
///
/// # Valid when
/// Always; property-tested against every layout of small scenarios.
#[must_use]
pub fn least(model: &Model, recipe: &Recipe, cluster: &Cluster, calibration: &Calibration) -> Seconds {
    let reached = calibration.reached(&cluster.accelerator.architecture, &recipe.stack.id);
    let part = &cluster.accelerator;
    let half = part.peaks.bf16.or(part.peaks.fp16).or(part.peaks.fp32).unwrap_or(FlopsPerSec::tera(1.0)).get();
    let compute = part.peaks.of(recipe.precision.compute).map_or(half, FlopsPerSec::get);
    let activations = part.peaks.of(recipe.precision.activations()).map_or(half, FlopsPerSec::get);
    let narrow = larger(1.0, larger(reached.eight_bit.get(), reached.four_bit.get()));
    let rate = larger(compute * narrow, activations) * reached.gemm.get();
    let lengths = Lengths { batch: recipe.global_batch, seq: recipe.seq_len, source: recipe.source_len };
    let mut products = 0.0;
    for block in &model.blocks {
        for op in &block.ops {
            let sure = match op {
                Op::Linear(_) => 1.0,
                Op::Experts(_) => SURE,
                _ => continue,
            };
            let once = flops::of_op(op, block.stream, lengths, Convention::Causal).get();
            products += sure * once * block.count as f64;
        }
    }
    let skip = if recipe.two_of_four && skips(part) { SKIPPED } else { 1.0 };
    let passes = 2.0 / skip + if matches!(recipe.method, Method::Lora(_)) { 0.0 } else { 1.0 };
    Seconds::new(passes * products / (rate * cluster.accelerators as f64) * reached.time.get())
}

/// Seconds of one optimizer step.
///
/// # Formula
/// Micro-batches × (forward + backward + recomputation of one stage) + bubble + exposed communication + update, every
/// operator at its roofline; times the residual factors of hardware and training program.
///
/// # Source
/// Rooflines and α–β collectives; factors fitted, see `calibration.toml`.
///
/// # Valid when
/// The layout is legal. Stages are the average mix of layers; the last one also has the head.
#[must_use]
pub fn step(model: &Model, recipe: &Recipe, cluster: &Cluster, layout: &Layout, calibration: &Calibration) -> Step {
    let reached = calibration.reached(&cluster.accelerator.architecture, &recipe.stack.id);
    let part = &cluster.accelerator;
    let half = part.peaks.bf16.or(part.peaks.fp16).or(part.peaks.fp32).unwrap_or(FlopsPerSec::tera(1.0)).get();
    let compute = part.peaks.of(recipe.precision.compute).map_or(half, FlopsPerSec::get);
    let activations = part.peaks.of(recipe.precision.activations()).map_or(half, FlopsPerSec::get);
    let bandwidth = part.memory_bandwidth.get() * reached.memory.get();
    let units = part.units.filter(|_| matches!(part.vendor, Vendor::Nvidia | Vendor::Amd)).map_or(0.0, |n| n as f64);
    let gemm = reached.gemm.get();
    let plain = Device { rate: activations * gemm, bandwidth, units, grain: 64.0, common: reached.common };
    // Narrow formats reach less of their printed peak.
    let (narrow, cast) = match compute / activations {
        gain if gain > 3.0 => (reached.four_bit.get(), true),
        gain if gain > 1.5 => (reached.eight_bit.get(), true),
        _ => (1.0, false),
    };
    // Weights that are gathered come in the compute format already.
    let autocast = recipe.precision.autocast && !layout.gathers();
    let bench = Bench {
        recipe,
        layout,
        device: Device { rate: compute * gemm * narrow, grain: if cast { 128.0 } else { 64.0 }, ..plain },
        plain,
        attention: activations * reached.attention.get(),
        flash2: reached.flash2.get(),
        cast,
        skip: if recipe.two_of_four && skips(part) { SKIPPED } else { 1.0 },
        stream: if autocast || recipe.precision.activations() == Dtype::Fp32 { 4.0 } else { 2.0 },
        autocast,
        lengths: Lengths { batch: layout.micro_batch, seq: recipe.seq_len, source: recipe.source_len },
    };
    let (mut layers, mut ends) = (Work::default(), Work::default());
    for block in &model.blocks {
        let sum = if block.role == Role::Layer { &mut layers } else { &mut ends };
        sum.add(&bench.layer(block), block.count as f64);
    }
    // The slowest stage sets the pace of a pipeline: the one that also has the head.
    let (pp, m) = (layout.pp as f64, layout.accumulation as f64);
    let mut stage = Work::default();
    stage.add(&layers, 1.0 / pp);
    stage.add(&ends, 1.0);
    let written = matches!(recipe.attention, AttentionKernel::Eager | AttentionKernel::FusedSoftmax);
    let again = layers.again(layout.recompute, written) / pp;
    let busy = stage.busy(0) + stage.busy(1) + again;
    let launch = waiting(&stage, &layers, recipe, layout, busy, &reached.common)
        + read_back(model, recipe, layout) * reached.common.read_back.get();
    let micro = busy + launch;
    let comm = exposed::exposed(model, recipe, &Fabric::of(cluster, calibration), layout, &stage, micro);
    let idle = bubble::bubble(layout.schedule, layout.pp, layout.vpp, layout.accumulation).get();
    let bubble = idle * m * (micro + comm.per_micro(m));
    let pause = calibration::PAUSE.get() * reached.common.pause.get();
    let update = update(model, recipe, layout, bandwidth);
    let straggler =
        JITTER * reached.common.jitter.get() * uneven::expected_maximum(cluster.accelerators).get() * m * micro;
    let r = reached.time.get();
    let time = |seconds: f64| Seconds::new(seconds * r);
    let both = |pair: [f64; 2]| time(m * (pair[0] + pair[1]));
    let whole = Lengths { batch: recipe.global_batch, ..bench.lengths };
    let (forward, full) =
        (flops::forward(model, whole, Convention::Causal), flops::forward(model, whole, Convention::Full));
    let passes = if matches!(recipe.method, Method::Lora(_)) { 2 } else { 3 };
    let done_again = match layout.recompute {
        Recompute::Layers(_) | Recompute::Full => forward * layout.recompute.of_layers(),
        Recompute::Selective if written => flops::forward_attention(model, whole, Convention::Causal),
        _ => Flops::ZERO,
    };
    Step {
        gemm: both(stage.gemm),
        experts: both(stage.experts),
        attention: both(stage.attention),
        scan: both(stage.scan),
        elementwise: both(stage.elementwise),
        dequantise: both(stage.dequantise),
        recompute: time(m * again),
        launch: time(m * launch + pause),
        comm_dp: time(comm.dp),
        comm_tp: time(comm.tp),
        comm_pp: time(comm.pp),
        comm_cp: time(comm.cp),
        comm_ep: time(comm.ep),
        bubble: time(bubble),
        optimizer: time(update),
        offload: time(offloaded(model, recipe, cluster, layout)),
        straggler: time(straggler),
        loader: Seconds::ZERO,
        model_flops: forward * passes,
        model_flops_full: full * passes,
        hardware_flops: forward * passes + done_again,
        peak: FlopsPerSec::new(half),
        accelerators: layout.accelerators(),
    }
}

/// Spread of ranks' times around their mean, before calibration.
const JITTER: f64 = 0.01;

/// Seconds a micro-batch waits for launches: nothing where graphs are replayed, a third under a compiler.
fn waiting(stage: &Work, layers: &Work, recipe: &Recipe, layout: &Layout, busy: f64, common: &Common) -> f64 {
    let stack = &recipe.stack;
    if stack.graphs {
        return 0.0;
    }
    let again = layout.recompute.of_layers().get() * layers.launches[0] / layout.pp as f64;
    let kernels = (stage.launches[0] + stage.launches[1] + again) / if stack.compiled { 3.0 } else { 1.0 };
    larger(0.0, kernels * calibration::LAUNCH.get() * common.launch.get() - busy)
}

/// Seconds a micro-batch waits, before calibration, for a host that reads back how tokens were routed before it can
/// launch the experts: the device has run dry by then. Once a mixture layer and forward pass.
fn read_back(model: &Model, recipe: &Recipe, layout: &Layout) -> f64 {
    if recipe.stack.graphs || recipe.stack.sync_free {
        return 0.0;
    }
    let passes = 1.0 + layout.recompute.of_layers().get();
    model.mixtures() as f64 / layout.pp as f64 * passes * calibration::READ_BACK.get()
}

/// Trained parameters a rank updates, and stored ones it gathers.
fn parameters(model: &Model, recipe: &Recipe, layout: &Layout) -> (f64, f64) {
    let (mut dense, mut routed) = (0.0, 0.0);
    for block in &model.blocks {
        for op in &block.ops {
            let count = (block.stored * params::of_op(op)) as f64;
            if matches!(op, Op::Experts(_)) { routed += count } else { dense += count }
        }
    }
    let split = (layout.tp * layout.pp) as f64;
    let stored = dense / split + routed / (layout.pp as f64 * larger(layout.ep as f64, layout.tp as f64));
    let trained = match &recipe.method {
        Method::Full => stored,
        method => adapters::trained(model, method) as f64 / split,
    };
    (trained, stored)
}

fn update(model: &Model, recipe: &Recipe, layout: &Layout, bandwidth: f64) -> f64 {
    if layout.offload != Offload::None {
        return 0.0;
    }
    let (trained, _) = parameters(model, recipe, layout);
    let ranks = if layout.zero == Zero::None { 1.0 } else { (layout.shard.max(1) * layout.cp) as f64 };
    trained / ranks * layer::update_bytes(recipe.optimizer.kind, recipe.optimizer.state) / bandwidth
}

/// Seconds of moving offloaded state over the host link and updating it there.
fn offloaded(model: &Model, recipe: &Recipe, cluster: &Cluster, layout: &Layout) -> f64 {
    let (trained, stored) = parameters(model, recipe, layout);
    let link = cluster.accelerator.host_link.map_or(16e9, BytesPerSec::get) * 0.8;
    let ranks = if layout.zero == Zero::None { 1.0 } else { layout.shard.max(1) as f64 };
    // A host streams the state of an update at some tens of GB/s, shared by its accelerators.
    let host = 40e9 / cluster.node.accelerators.max(1) as f64;
    let update = trained / ranks * (4.0 / link + 30.0 / host);
    match layout.offload {
        Offload::None => 0.0,
        Offload::Optimizer => update,
        Offload::OptimizerAndParameters => update + 2.0 * layout.accumulation as f64 * stored * 2.0 / link,
    }
}

fn larger(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

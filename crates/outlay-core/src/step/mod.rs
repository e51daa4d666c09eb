//! Seconds of one optimizer step, by part.

pub mod bubble;
pub mod calibration;
pub mod comm;
mod explain;
pub mod gemm;
pub mod launches;
mod layer;
pub mod uneven;

use crate::dtype::Dtype;
use crate::model::flops::{self, Convention, Lengths};
use crate::model::{Model, Op, Part, Role, params};
use crate::plan::{Layout, Offload, Recompute, Zero};
use crate::scenario::adapters;
use crate::scenario::cluster::{Cluster, Vendor};
use crate::scenario::recipe::{AttentionKernel, Method, Recipe};
use crate::units::{BytesPerSec, Flops, FlopsPerSec, Seconds, Share};
use calibration::Calibration;
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
    let plain = Device { rate: activations * gemm, bandwidth, units };
    // Narrow formats reach less of their printed peak: scales and casts are on the way.
    let narrow = match compute / activations {
        gain if gain > 3.0 => FOUR_BITS,
        gain if gain > 1.5 => EIGHT_BITS,
        _ => 1.0,
    };
    let bench = Bench {
        recipe,
        layout,
        device: Device { rate: compute * gemm * narrow, ..plain },
        plain,
        attention: activations * reached.attention.get(),
        stream: if recipe.precision.autocast || recipe.precision.activations() == Dtype::Fp32 { 4.0 } else { 2.0 },
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
    let launch = waiting(&stage, &layers, recipe, layout, busy, pp);
    let micro = busy + launch;
    let comm = exposed(model, recipe, cluster, layout, &stage, micro);
    let idle = bubble::bubble(layout.schedule, layout.pp, layout.vpp, layout.accumulation).get();
    let bubble = idle * m * (micro + comm.per_micro(m));
    let update = update(model, recipe, layout, bandwidth);
    let straggler = JITTER * uneven::expected_maximum(cluster.accelerators).get() * m * micro;
    let r = reached.residual.get();
    let time = |seconds: f64| Seconds::new(seconds * r);
    let both = |pair: [f64; 2]| time(m * (pair[0] + pair[1]));
    let whole = Lengths { batch: recipe.global_batch, ..bench.lengths };
    let (forward, full) =
        (flops::forward(model, whole, Convention::Causal), flops::forward(model, whole, Convention::Full));
    let passes = if matches!(recipe.method, Method::Lora(_)) { 2 } else { 3 };
    let done_again = match layout.recompute {
        Recompute::Full => forward,
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
        launch: time(m * launch),
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

/// Spread of ranks' times around their mean.
const JITTER: f64 = 0.01;

/// Share of an 8-bit format's peak, beside that of 16 bit, left after scales and casts; bare products measure 0.88 to 0.98.
const EIGHT_BITS: f64 = 0.82;

/// The same of a 4-bit format, some of whose products stay wider.
const FOUR_BITS: f64 = 0.68;

/// Seconds a micro-batch waits for launches: nothing where graphs are replayed, a third under a compiler.
fn waiting(stage: &Work, layers: &Work, recipe: &Recipe, layout: &Layout, busy: f64, pp: f64) -> f64 {
    let stack = &recipe.stack;
    if stack.graphs {
        return 0.0;
    }
    let again = if layout.recompute == Recompute::Full { layers.launches[0] / pp } else { 0.0 };
    let kernels = (stage.launches[0] + stage.launches[1] + again) / if stack.compiled { 3.0 } else { 1.0 };
    larger(0.0, kernels * calibration::LAUNCH.get() - busy)
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

/// Exposed seconds of communication in a step.
#[derive(Debug, Clone, Copy, Default)]
struct Exposed {
    dp: f64,
    tp: f64,
    pp: f64,
    cp: f64,
    ep: f64,
}

impl Exposed {
    /// What lies inside a micro-batch.
    fn per_micro(&self, m: f64) -> f64 {
        (self.tp + self.cp + self.ep) / m
    }
}

fn exposed(model: &Model, recipe: &Recipe, cluster: &Cluster, layout: &Layout, stage: &Work, micro: f64) -> Exposed {
    let fabric = Fabric::of(cluster);
    let stack = &recipe.stack;
    let (m, pp) = (layout.accumulation as f64, layout.pp as f64);
    let tokens = (layout.micro_batch * recipe.seq_len) as f64 / layout.cp as f64;
    let element = recipe.precision.activations().bytes_each().get();
    let boundary = comm::boundary_bytes(tokens as u64, model.hidden, recipe.precision.activations().bytes_each()).get();
    let (mut attentions, mut kv, mut sharded, mut routed) = (0.0, 0.0, 0.0, 0.0);
    for block in model.layers() {
        let count = block.count as f64;
        for op in &block.ops {
            match op {
                Op::Attention(a) => {
                    attentions += count;
                    kv += count * (a.kv_heads * (a.qk_dim + a.v_dim)) as f64 / layout.tp as f64;
                }
                Op::Linear(l) if matches!(l.part, Part::AttentionOut | Part::FfnOut | Part::MixerOut) => {
                    sharded += count
                }
                Op::Experts(e) => {
                    routed += count * (e.top_k * e.input) as f64;
                    sharded += count * f64::from(u8::from(layout.ep < layout.tp));
                }
                _ => {}
            }
        }
    }
    let again = if layout.recompute == Recompute::Full { 1.5 } else { 1.0 };
    // Forward and backward each: an all-reduce, or the gather and scatter it is made of, behind every split pair.
    let tp = 2.0 * 2.0 * sharded / pp * again * fabric.gather(layout.tp, 1, boundary);
    let stride = layout.tp;
    let ring = if layout.cp > 1 && attentions > 0.0 {
        // Keys and values go around in the forward pass; they and their gradients in the backward pass.
        3.0 * kv / pp * tokens * element * (layout.cp - 1) as f64
    } else {
        0.0
    };
    let hops = 3.0 * (layout.cp.saturating_sub(1)) as f64 * attentions / pp;
    let cp = if ring > 0.0 { hops * fabric.hand_on(stride, ring / larger(hops, 1.0)) } else { 0.0 };
    let share = if layout.ep >= layout.tp { layout.tp as f64 } else { 1.0 };
    let experts =
        model.layers().filter(|b| b.ops.iter().any(|op| matches!(op, Op::Experts(_)))).map(|b| b.count).sum::<u64>();
    let each = if experts > 0 { routed / experts as f64 * tokens * element / share } else { 0.0 };
    let ep_stride = if layout.ep >= layout.tp { 1 } else { layout.tp };
    let ep = 4.0 * experts as f64 / pp * fabric.exchange(layout.ep, ep_stride, each);
    let compute = m * micro;
    let pipe = if layout.pp > 1 {
        let stride = layout.tp * layout.cp * layout.dp;
        2.0 * layout.vpp as f64
            * fabric.hand_on(stride, boundary / if layout.sequence_parallel { layout.tp as f64 } else { 1.0 })
    } else {
        0.0
    };
    // What hides shares one window: traffic hidden behind a computation leaves less of it for the next.
    let mut left = compute;
    let mut hide = |time: f64, share: Share, window: f64| {
        let window = if window < left { window } else { left };
        let hidden = share.get() * if time < window { time } else { window };
        left -= hidden;
        time - hidden
    };
    let tp = hide(m * tp, stack.overlap_tp, compute);
    let cp = hide(m * cp, stack.overlap_cp, m * (stage.attention[0] + stage.attention[1]));
    let ep = hide(m * ep, stack.overlap_ep, compute);
    let pp = hide(m * pipe, stack.overlap_pp, compute);
    let kappa = recipe.stack.overlap_dp.get() * if compute > 0.0 { left / compute } else { 0.0 };
    Exposed { dp: hide_gradients(model, recipe, layout, &fabric, stage, micro, kappa), tp, pp, cp, ep }
}

/// Exposed data-parallel traffic: gradients once a step, gathered weights once a pass; `kappa` of a window can hide it.
fn hide_gradients(
    model: &Model,
    recipe: &Recipe,
    layout: &Layout,
    fabric: &Fabric,
    stage: &Work,
    micro: f64,
    kappa: f64,
) -> f64 {
    let ranks = layout.dp * layout.cp;
    if ranks <= 1 {
        return 0.0;
    }
    let (trained, stored) = parameters(model, recipe, layout);
    let stride = layout.tp;
    let gradient = trained * recipe.precision.gradients.bytes_each().get();
    let weights = stored * recipe.precision.activations().bytes_each().get();
    let m = layout.accumulation as f64;
    let hide = |time: f64, window: f64| larger(0.0, time - kappa * window);
    let last = stage.busy(1);
    match layout.zero {
        Zero::None => hide(2.0 * fabric.gather(ranks, stride, gradient), last),
        // The scatter hides under the last backward pass, the gather under the next forward one.
        Zero::One | Zero::Two => {
            let passes = if layout.zero == Zero::Two { m } else { 1.0 };
            hide(passes * fabric.gather(ranks, stride, gradient), passes * last)
                + hide(fabric.gather(ranks, stride, trained * 2.0), stage.busy(0))
        }
        Zero::Three => {
            let group = (layout.shard * layout.cp).max(1);
            let replicas = ranks / group.min(ranks).max(1);
            let gathers = m * 2.0 * fabric.gather(group, stride, weights);
            let scatters = m * fabric.gather(group, stride, gradient);
            let across = 2.0 * fabric.gather(replicas, stride * group, gradient / group as f64);
            hide(gathers + scatters + across, m * micro)
        }
    }
}

fn larger(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

//! One model under one recipe on one kind of accelerator: what a micro-batch takes a rank, and what a layout makes of it.
//!
//! All that does not depend on the layout is summed once, all that depends on a rank's [`Shape`] alone is a table; what is
//! left for each layout is arithmetic without allocation. The price is that a new mechanism must say which of the three
//! it belongs to.
//!
//! Does not know: the network (a [`Fabric`] is handed in), what fits (but what travels to host memory), waiting for data.

use alloc::boxed::Box;

use super::calibration::{self, Calibration, Reached};
use super::comm::Fabric;
use super::exposed::{self, Totals};
use super::gemm::Device;
use super::layer::{self, Bench, Work};
use super::{Step, bubble, larger, launches, uneven};
use crate::dtype::Dtype;
use crate::layout::{Layout, Offload, Recompute, Zero};
use crate::memory::ModelMemory;
use crate::model::flops::{self, Convention, Lengths};
use crate::model::{Model, Op, Role, params};
use crate::scenario::adapters;
use crate::scenario::cluster::{Accelerator, Vendor};
use crate::scenario::recipe::{AttentionKernel, Method, Parked, Recipe};
use crate::units::{BytesPerSec, Flops, FlopsPerSec, Seconds, Share};

/// Gain of sparse tensor cores on products with a weight that holds two zeros in four, of a printed two.
const SKIPPED: f64 = 1.45;

/// Share of the experts' work that the bound counts: what tensor-parallel ranks split may round in their favour.
const SURE: f64 = 0.5;

/// Bytes/s at which a host's processors update offloaded state, for all of its accelerators together. Assumed, within a factor of two:
/// what vectorised updates reach of the memory of a server with two sockets.
const HOST: f64 = 120e9;

/// Spread of ranks' times around their mean, before calibration.
const JITTER: f64 = 0.01;

/// The parts of a layout that decide what a rank computes for one micro-batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shape {
    /// Tensor-parallel width.
    pub tp: u64,
    /// Context-parallel width.
    pub cp: u64,
    /// Expert-parallel width.
    pub ep: u64,
    /// Sequences.
    pub micro_batch: u64,
    /// Norm and residual regions are split along the sequence.
    pub sequence_parallel: bool,
    /// Weights are sharded and gathered layer by layer.
    pub gathers: bool,
}

impl Shape {
    /// The shape of a layout's ranks.
    #[must_use]
    pub const fn of(layout: &Layout) -> Self {
        Self {
            tp: layout.tp,
            cp: layout.cp,
            ep: layout.ep,
            micro_batch: layout.micro_batch,
            sequence_parallel: layout.sequence_parallel,
            gathers: layout.gathers(),
        }
    }
}

/// What one rank of a shape computes for one micro-batch through the whole model: all layers, and what stands before and
/// after them.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Micro {
    layers: Work,
    ends: Work,
}

/// One model under one recipe on one kind of accelerator.
#[derive(Debug, Clone)]
pub struct Pace<'a> {
    model: &'a Model,
    recipe: &'a Recipe,
    reached: Reached,
    /// Linear layers in the compute format.
    device: Device,
    /// Grouped products of experts: their kernels come in 8 bit at the narrowest.
    grouped: Device,
    /// Everything that stays in 16 bit.
    plain: Device,
    cast: bool,
    /// Experts' kernels take the heights of their groups, gate and cast on the device.
    on_device: bool,
    skip: f64,
    /// Dense peak in 16 bit.
    half: f64,
    /// Of the usual rate, by products whose rows tensor cores cannot load: NVIDIA's want rows of 16 bytes, and vector units do
    /// the work otherwise.
    unloaded: f64,
    /// FLOP/s no product exceeds.
    most: f64,
    /// Bytes/s to host memory.
    host_link: f64,
    /// What a micro-batch keeps in host memory, where it does.
    parked: Option<Box<ModelMemory>>,
    /// Scores of attention are written out.
    written: bool,
    totals: Totals,
    depth: u64,
    tensors: f64,
    mixtures: f64,
    dense: f64,
    routed: f64,
    /// Parameters of adapters; `None`: all that is stored is trained.
    adapters: Option<f64>,
    forward: Flops,
    full: Flops,
    attention: Flops,
    /// FLOP of the bound.
    sure: f64,
}

impl<'a> Pace<'a> {
    /// Sums what no layout changes.
    #[must_use]
    pub fn new(model: &'a Model, recipe: &'a Recipe, part: &Accelerator, calibration: &Calibration) -> Self {
        let reached = calibration.reached(&part.architecture, &recipe.stack.program);
        let half = part.peaks.bf16.or(part.peaks.fp16).or(part.peaks.fp32).unwrap_or(FlopsPerSec::tera(1.0)).get();
        let compute = part.peaks.of(recipe.precision.compute).map_or(half, FlopsPerSec::get);
        let activations = part.peaks.of(recipe.precision.activations()).map_or(half, FlopsPerSec::get);
        let bandwidth = part.memory_bandwidth.get() * reached.memory.get();
        let units =
            part.units.filter(|_| matches!(part.vendor, Vendor::Nvidia | Vendor::Amd)).map_or(0.0, |n| n as f64);
        let gemm = reached.gemm.get();
        let plain = Device { rate: activations * gemm, bandwidth, units, grain: 64.0, common: reached.common };
        // Narrow formats reach less of their printed peak.
        let (narrow, cast) = match compute / activations {
            gain if gain > 3.0 => (reached.four_bit.get(), true),
            gain if gain > 1.5 => (reached.eight_bit.get(), true),
            _ => (1.0, false),
        };
        let (of_experts, narrow_experts) = match part.peaks.of(Dtype::MxFp8) {
            Some(eight) if compute / activations > 3.0 => (eight.get(), reached.eight_bit.get()),
            _ => (compute, narrow),
        };
        let whole = Lengths { batch: recipe.global_batch, seq: recipe.seq_len, source: recipe.source_len };
        let (mut dense, mut routed, mut sure, mut tensors) = (0.0, 0.0, 0.0, 0.0);
        for block in &model.blocks {
            for op in &block.ops {
                let count = (block.stored * params::of_op(op)) as f64;
                if matches!(op, Op::Experts(_)) {
                    routed += count
                } else {
                    dense += count
                }
                let share = match op {
                    Op::Linear(_) => {
                        tensors += block.stored as f64;
                        1.0
                    }
                    Op::Experts(e) => {
                        tensors += (block.stored * e.experts * if e.gated { 3 } else { 2 }) as f64;
                        SURE
                    }
                    _ => continue,
                };
                let once = flops::of_op(op, block.stream, whole, Convention::Causal).get();
                sure += share * once * block.count as f64;
            }
        }
        let most_narrow = larger(1.0, larger(reached.eight_bit.get(), reached.four_bit.get()));
        Self {
            model,
            recipe,
            reached,
            device: Device { rate: compute * gemm * narrow, grain: if cast { 128.0 } else { 64.0 }, ..plain },
            grouped: Device {
                rate: of_experts * gemm * narrow_experts,
                grain: if cast { 128.0 } else { 64.0 },
                ..plain
            },
            plain,
            cast,
            // Experts that are launched between graphs are told the heights of their groups.
            on_device: recipe.stack.sync_free && !recipe.stack.graphs_of_parts && cast && fuses_experts(part, model),
            skip: if recipe.two_of_four && skips(part) { SKIPPED } else { 1.0 },
            half,
            unloaded: match (part.vendor, part.peaks.fp32) {
                (Vendor::Nvidia, Some(vectors)) => (vectors.get() / activations).min(1.0),
                _ => reached.common.misaligned.get(),
            },
            most: larger(compute * most_narrow, activations) * gemm,
            host_link: part.host_link.map_or(16e9, BytesPerSec::get) * 0.8,
            parked: (recipe.stack.parks != Parked::Nothing).then(|| Box::new(ModelMemory::new(model, recipe))),
            written: matches!(recipe.attention, AttentionKernel::Eager | AttentionKernel::FusedSoftmax),
            totals: Totals::of(model),
            depth: model.depth(),
            tensors,
            mixtures: model.mixtures() as f64,
            dense,
            routed,
            adapters: match &recipe.method {
                Method::Full => None,
                method => Some(adapters::trained(model, method) as f64),
            },
            forward: flops::forward(model, whole, Convention::Causal),
            full: flops::forward(model, whole, Convention::Full),
            attention: flops::forward_attention(model, whole, Convention::Causal),
            sure,
        }
    }

    /// What a step takes at the least on so many accelerators, however it is laid out: for dropping machines before any
    /// layout of theirs is looked at.
    ///
    /// # Formula
    /// `passes · products / (accelerators · rate) · factor`; products of weights alone, half of the experts'; passes 3, with
    /// adapters 2, products of sparse weights sooner.
    ///
    /// # Source
    /// Every term of [`Pace::step`] beside these is zero or more, and each product takes at least its work over the rate of
    /// large ones: tiles, depth and alignment only slow it down. Ranks share the work at best evenly.
    ///
    /// # Valid when
    /// Always; property-tested against every layout of small scenarios.
    #[must_use]
    pub fn least(&self, accelerators: u64) -> Seconds {
        let passes = 2.0 / self.skip + if matches!(self.recipe.method, Method::Lora(_)) { 0.0 } else { 1.0 };
        Seconds::new(passes * self.sure / (self.most * accelerators as f64) * self.reached.time.get())
    }

    /// What one rank of this shape computes for one micro-batch: a walk over all operators.
    #[must_use]
    pub fn micro(&self, shape: Shape) -> Micro {
        let recipe = self.recipe;
        // Weights that are gathered come in the compute format already.
        let autocast = recipe.casts() && !shape.gathers;
        let bench = Bench {
            recipe,
            shape,
            device: self.device,
            grouped: self.grouped,
            plain: self.plain,
            attention: self.plain.rate / self.reached.gemm.get() * self.reached.attention.get(),
            unloaded: self.unloaded,
            flash2: self.reached.flash2.get(),
            cast: self.cast,
            skip: self.skip,
            stream: if autocast || recipe.precision.activations() == Dtype::Fp32 { 4.0 } else { 2.0 },
            autocast,
            on_device: self.on_device,
            lengths: Lengths { batch: shape.micro_batch, seq: recipe.seq_len, source: recipe.source_len },
        };
        let mut micro = Micro::default();
        for block in &self.model.blocks {
            let sum = if block.role == Role::Layer { &mut micro.layers } else { &mut micro.ends };
            sum.add(&bench.layer(block), block.count as f64);
        }
        micro
    }

    /// Seconds of one optimizer step; `micro` is that of the layout's shape.
    ///
    /// # Formula
    /// The larger of a full stage's pace and the last one's, which also has the head: a full stage has `⌈depth / pp⌉` layers, or as
    /// many as the layout says, the last one what is left over. Each is
    /// micro-batches × (forward + backward + recomputation of one stage) + bubble + exposed communication + update, every
    /// operator at its roofline; times the residual factors of hardware and training program.
    ///
    /// # Source
    /// Rooflines and α–β collectives; factors fitted, see `calibration.toml`.
    ///
    /// # Valid when
    /// The layout is legal. Layers are of the average mix; where they do not divide, they are dealt out so that the last stage
    /// has the least (`llama3`: 126 layers on 16 stages, one less on the first and the last).
    #[must_use]
    pub fn step(&self, fabric: &Fabric, layout: &Layout, micro: &Micro) -> Step {
        let m = layout.accumulation as f64;
        let mut micro = *micro;
        micro.layers.spread(m);
        micro.ends.spread(m);
        let (full, rest) = (layout.full_stage(self.depth), layout.last_stage(self.depth));
        if layout.pp <= 1 {
            return self.paced_by(fabric, layout, &micro, Part { layers: 1.0, ends: 1.0 });
        }
        let of = |count: u64| count as f64 / self.depth.max(1) as f64;
        let last = self.paced_by(fabric, layout, &micro, Part { layers: of(rest), ends: 1.0 });
        if rest == full {
            return last;
        }
        let before = self.paced_by(fabric, layout, &micro, Part { layers: of(full), ends: 0.0 });
        if before.total() > last.total() { before } else { last }
    }

    /// The step if this part of the model is the slowest stage.
    fn paced_by(&self, fabric: &Fabric, layout: &Layout, micro: &Micro, part: Part) -> Step {
        let recipe = self.recipe;
        let m = layout.accumulation as f64;
        let layers = &micro.layers;
        let mut stage = Work::default();
        stage.add(layers, part.layers);
        stage.add(&micro.ends, part.ends);
        let held = self.parameters(layout);
        stage.elementwise[1] += self.accumulated(layout, held);
        let again = layers.again(layout.recompute, self.written, recipe.stack.selective_products);
        let again = again * part.layers;
        let beside = recipe.beside.passes as f64;
        let reference = stage.busy(0) * beside;
        let busy = stage.busy(0) + stage.busy(1) + again + reference;
        let launch = self.waiting(&stage, layers, layout, (busy, again));
        let micro = busy + launch;
        let span = exposed::Span { micro, idle: launch };
        let comm = exposed::exposed(&self.totals, self.mixtures, recipe, fabric, layout, &stage, span, held);
        let idle = bubble::bubble(layout.schedule, layout.pp, layout.vpp, layout.accumulation).get();
        let bubble = idle * m * (micro + comm.per_micro(m));
        let straggler = JITTER
            * self.reached.common.jitter.get()
            * uneven::expected_maximum(layout.accelerators()).get()
            * m
            * micro;
        let r = self.reached.time.get();
        let time = |seconds: f64| Seconds::new(seconds * r);
        let both = |pair: [f64; 2]| time(m * (pair[0] + pair[1]));
        let passes = recipe.beside.passes + if matches!(recipe.method, Method::Lora(_)) { 2 } else { 3 };
        let done_again = match layout.recompute {
            Recompute::Layers(_) | Recompute::Full => self.forward * layout.recompute.of_layers(),
            Recompute::Selective if recipe.stack.selective_products => {
                (self.forward - self.attention) * Share::new(0.5)
            }
            Recompute::Selective if self.written => self.attention,
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
            reference: time(m * reference),
            launch: time(m * launch + self.pause()),
            comm_dp: time(comm.dp),
            comm_tp: time(comm.tp),
            comm_pp: time(comm.pp),
            comm_cp: time(comm.cp),
            comm_ep: time(comm.ep),
            bubble: time(bubble),
            optimizer: time(self.update(layout, held)),
            offload: time(self.offloaded(fabric, layout, held) + m * self.parking(layout, &stage, again)),
            straggler: time(straggler),
            loader: Seconds::ZERO,
            model_flops: self.forward * passes,
            model_flops_full: self.full * passes,
            hardware_flops: self.forward * passes + done_again,
            peak: FlopsPerSec::new(self.half),
            accelerators: layout.accelerators(),
        }
    }

    /// Seconds of a step in which every program waits for its host, before calibration.
    fn pause(&self) -> f64 {
        calibration::PAUSE.get() * self.reached.common.pause.get()
    }

    /// Whether the device waits for launches in this step: what is computed again there may take no time.
    #[must_use]
    pub fn waits(&self, step: &Step) -> bool {
        step.launch > Seconds::new(self.pause() * self.reached.time.get())
    }

    /// Seconds a micro-batch waits for its host: nothing where graphs are replayed, a third of the launches under a compiler.
    ///
    /// A host that only launches runs ahead, and what it is late by over the whole micro-batch shows. One that reads back how
    /// tokens were routed starts anew with each mixture layer: a forward pass cannot make up for it in the backward pass.
    fn waiting(&self, stage: &Work, layers: &Work, layout: &Layout, (busy, again): (f64, f64)) -> f64 {
        let stack = &self.recipe.stack;
        if stack.graphs {
            return 0.0;
        }
        let share = layout.recompute.of_layers().get();
        let beside = self.recipe.beside.passes as f64;
        let common = &self.reached.common;
        let launch = calibration::LAUNCH.get() * common.launch.get() / launches::merged(self.recipe);
        let narrow = calibration::NARROW.get() * common.narrow.get();
        let parts = stack.graphs_of_parts;
        let host = |work: &Work, pass: usize| {
            let launches = if parts { work.of_experts[pass] } else { work.launches[pass] };
            launches * launch + work.narrowed * narrow
        };
        let read_back = if parts {
            calibration::REPLAYED.get() * common.replayed.get()
        } else {
            calibration::READ_BACK.get() * common.read_back.get()
        };
        let pp = layout.pp as f64;
        let forward = (1.0 + beside) * host(stage, 0);
        let (repeated, backward) = (share * host(layers, 0) / pp, host(stage, 1));
        // Where the next launch waits for the kernel before it, the way there shows in whole, and the word of its end on the way
        // back, which is taken to be as long.
        if stack.launch_blocking {
            return 2.0 * (forward + repeated + backward);
        }
        if self.mixtures == 0.0 || self.on_device {
            // Added to the same sum, so that plans which differ only in what hides come out alike to the last digit.
            return larger(0.0, forward + repeated + backward - busy);
        }
        let passes = 1.0 + share + beside;
        larger(0.0, forward - (1.0 + beside) * stage.busy(0))
            + larger(0.0, repeated + backward - again - stage.busy(1))
            + self.mixtures / pp * passes * read_back
    }

    /// Trained parameters a rank updates, and stored ones it gathers.
    fn parameters(&self, layout: &Layout) -> Held {
        let split = (layout.tp * layout.pp) as f64;
        let wide = layout.pp as f64 * larger(layout.ep as f64, layout.tp as f64);
        let routed = self.routed / wide;
        let stored = self.dense / split + routed;
        Held {
            trained: self.adapters.map_or(stored, |trained| trained / split),
            stored,
            routed: [if self.adapters.is_some() { 0.0 } else { routed }, routed],
            layers: self.depth as f64 / layout.pp as f64,
            tensors: self.tensors / layout.pp as f64,
        }
    }

    /// Seconds of a micro-batch in which its gradients are added to those before them: read, read and written.
    fn accumulated(&self, layout: &Layout, held: Held) -> f64 {
        // Shards are a small part of them.
        let sharded = matches!(layout.zero, Zero::Two | Zero::Three);
        if layout.accumulation <= 1 || sharded || self.recipe.stack.fuses_accumulation {
            return 0.0;
        }
        let sum = self.recipe.precision.gradients.bytes_each().get();
        let made = if self.recipe.stack.both_gradients { 2.0 } else { sum };
        let times = (layout.accumulation - 1) as f64 / layout.accumulation as f64;
        held.trained * times * (made + 2.0 * sum) * self.reached.common.traffic.get() / self.plain.bandwidth
    }

    fn update(&self, layout: &Layout, held: Held) -> f64 {
        if layout.offload != Offload::None {
            return 0.0;
        }
        let ranks = if layout.zero == Zero::None { 1.0 } else { (layout.shard.max(1) * layout.cp) as f64 };
        let optimizer = &self.recipe.optimizer;
        held.trained / ranks * layer::update_bytes(optimizer.kind, optimizer.state) / self.plain.bandwidth
    }

    /// Seconds of a micro-batch in which activations travel to the host or back and nothing is computed.
    fn parking(&self, layout: &Layout, stage: &Work, again: f64) -> f64 {
        let Some(memory) = &self.parked else { return 0.0 };
        let time = memory.parked(layout).get() / self.host_link;
        let shown =
            |window: f64| time - self.recipe.stack.overlap_host.get() * if time < window { time } else { window };
        shown(stage.busy(0)) + shown(stage.busy(1) + again)
    }

    /// Seconds of moving offloaded state over the host link and updating it there.
    fn offloaded(&self, fabric: &Fabric, layout: &Layout, held: Held) -> f64 {
        let link = self.host_link;
        let ranks = if layout.zero == Zero::None { 1.0 } else { layout.shard.max(1) as f64 };
        let optimizer = &self.recipe.optimizer;
        let bytes = layer::update_bytes(optimizer.kind, optimizer.state);
        let update = held.trained / ranks * (4.0 / link + bytes * fabric.on_node() / HOST);
        match layout.offload {
            Offload::None => 0.0,
            Offload::Optimizer => update,
            Offload::OptimizerAndParameters => {
                // Each rank fetches the shard that it then hands to the others.
                let shard = held.stored / if layout.zero == Zero::Three { ranks } else { 1.0 };
                update + 2.0 * layout.accumulation as f64 * shard * 2.0 / link
            }
        }
    }
}

/// What a rank holds of the model.
#[derive(Clone, Copy)]
pub(super) struct Held {
    /// Trained parameters.
    pub(super) trained: f64,
    /// Stored ones.
    pub(super) stored: f64,
    /// Of the two above, those of experts.
    pub(super) routed: [f64; 2],
    /// Layers.
    pub(super) layers: f64,
    /// Matrices.
    pub(super) tensors: f64,
}

/// A stage's shares of all layers and of what stands before and after them.
struct Part {
    layers: f64,
    ends: f64,
}

/// The part has tensor cores that skip two zeros in four. The gradient of a weight has no such zeros and gains nothing.
fn skips(part: &Accelerator) -> bool {
    part.vendor == Vendor::Nvidia && !["kepler", "pascal", "volta", "turing"].contains(&part.architecture.as_str())
}

/// There are kernels for the part that multiply groups of rows whose heights only the device knows, and gate and cast what
/// comes out before it is written: for gated experts, in narrow formats, on tensor cores that scale blocks.
fn fuses_experts(part: &Accelerator, model: &Model) -> bool {
    part.architecture.starts_with("blackwell") && model.experts().is_some_and(|experts| experts.gated)
}

//! Time of one layer on one rank: every operator, forward and backward.

use super::gemm::Device;
use super::larger;
use super::pace::Shape;
use crate::dtype::Dtype;
use crate::layout::Recompute;
use crate::model::flops::{self, Convention, Lengths};
use crate::model::{ActivationKind, Attention, Block, Experts, Linear, Op, Part, Stream};
use crate::scenario::recipe::{AttentionKernel, LossKernel, Method, OptimizerKind, Recipe};
use crate::units::{BytesPerSec, Seconds, Share};

/// Seconds of a layer by kind of work, forward and backward.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Work {
    pub(super) gemm: [f64; 2],
    pub(super) experts: [f64; 2],
    pub(super) attention: [f64; 2],
    pub(super) scan: [f64; 2],
    pub(super) elementwise: [f64; 2],
    pub(super) dequantise: [f64; 2],
    pub(super) launches: [f64; 2],
    /// Of them, those of experts.
    pub(super) of_experts: [f64; 2],
    /// Narrow tensors that the host makes in a pass.
    pub(super) narrowed: f64,
    /// Element-wise work of the forward pass that is done once a step, for all its micro-batches.
    pub(super) once: f64,
}

impl Work {
    /// Gives each of so many micro-batches its share of what is done once.
    pub(super) fn spread(&mut self, micro_batches: f64) {
        self.elementwise[0] += self.once / micro_batches;
        self.once = 0.0;
    }

    pub(super) fn add(&mut self, other: &Self, times: f64) {
        let pairs = [
            (&mut self.gemm, other.gemm),
            (&mut self.experts, other.experts),
            (&mut self.attention, other.attention),
            (&mut self.scan, other.scan),
            (&mut self.elementwise, other.elementwise),
            (&mut self.dequantise, other.dequantise),
            (&mut self.launches, other.launches),
            (&mut self.of_experts, other.of_experts),
        ];
        for (mine, theirs) in pairs {
            mine[0] += times * theirs[0];
            mine[1] += times * theirs[1];
        }
        self.once += times * other.once;
        self.narrowed += times * other.narrowed;
    }

    /// Busy seconds of a pass.
    pub(super) fn busy(&self, pass: usize) -> f64 {
        self.gemm[pass]
            + self.experts[pass]
            + self.attention[pass]
            + self.scan[pass]
            + self.elementwise[pass]
            + self.dequantise[pass]
    }

    /// Seconds of forward work that a recomputation policy does again.
    pub(super) fn again(&self, recompute: Recompute, written_out: bool, products: bool) -> f64 {
        match recompute {
            Recompute::None => 0.0,
            // Every second product, and the experts, whose grouped products are none of those that are kept.
            Recompute::Selective if products => self.elementwise[0] + 0.5 * self.gemm[0] + self.experts[0],
            // Scores where they are written out; otherwise norms and activations.
            Recompute::Selective if written_out => self.attention[0],
            Recompute::Selective => self.elementwise[0],
            Recompute::Layers(_) | Recompute::Full => self.busy(0) * recompute.of_layers().get(),
        }
    }
}

/// What a rank is and does, for walking layers.
pub(super) struct Bench<'a> {
    pub(super) recipe: &'a Recipe,
    pub(super) shape: Shape,
    /// Linear layers in the compute format.
    pub(super) device: Device,
    /// Grouped products of experts.
    pub(super) grouped: Device,
    /// Everything that stays in 16 bit.
    pub(super) plain: Device,
    /// FLOP/s of the best attention kernel, forward.
    pub(super) attention: f64,
    /// Of that, by the second flash generation.
    pub(super) flash2: f64,
    /// Of the usual rate, by products whose rows tensor cores cannot load.
    pub(super) unloaded: f64,
    /// Inputs of products are cast to a narrower format on the way.
    pub(super) cast: bool,
    /// How much sooner products with a weight are done that holds two zeros in four.
    pub(super) skip: f64,
    /// Bytes of an element of the residual stream.
    pub(super) stream: f64,
    /// Operators cast what they multiply.
    pub(super) autocast: bool,
    /// Experts' kernels gate and cast before they write.
    pub(super) on_device: bool,
    pub(super) lengths: Lengths,
}

impl Bench<'_> {
    /// One layer of this kind.
    pub(super) fn layer(&self, block: &Block) -> Work {
        let mut work = Work::default();
        let cp = self.shape.cp as f64;
        let tokens = flops::tokens(block.stream, false, self.lengths) as f64 / cp;
        for op in &block.ops {
            match op {
                Op::Linear(linear) => self.linear(linear, block.stream, &mut work),
                Op::Router(r) => {
                    let device = &self.plain;
                    let once = device.products(1.0, tokens, r.experts as f64, r.input as f64);
                    add(&mut work.gemm, once, 2.0 * once);
                    // Scores, their normalisation, the choice and the map that sorts tokens pass through memory in fp32.
                    let bytes = tokens * ROUTED * r.experts as f64 * device.common.traffic.get();
                    add(&mut work.elementwise, bytes / device.bandwidth, bytes / device.bandwidth);
                }
                Op::Experts(experts) => {
                    self.experts(experts, tokens, &mut work);
                    let (forward, backward) = super::launches::of_op(op, self.recipe, self.shape.ep, self.autocast);
                    add(&mut work.of_experts, forward as f64, backward as f64);
                }
                Op::Attention(a) => self.attention(a, block.stream, tokens, &mut work),
                Op::Scan(s) => {
                    let tp = self.shape.tp as f64;
                    let flops = flops::of_scan(s, tokens as u64).get() / tp;
                    // Inputs and outputs in 16 bit, decays and the states between chunks in fp32; small products per chunk.
                    let bytes = tokens * (20 * s.channels) as f64 / tp;
                    let written_for =
                        if self.plain.units > 0.0 { WRITTEN_FOR * self.plain.units } else { f64::INFINITY };
                    let rate = self.plain.rate.min(written_for);
                    let once = flops / (0.15 * rate) + bytes / self.plain.bandwidth;
                    add(&mut work.scan, once, 2.5 * once);
                }
                other => {
                    let (forward, backward) = self.moved(other);
                    let bandwidth = self.plain.bandwidth / self.plain.common.traffic.get();
                    add(&mut work.elementwise, tokens * forward / bandwidth, tokens * backward / bandwidth);
                }
            }
        }
        let (forward, backward) = super::launches::of_block(block, self.recipe, self.shape.ep, self.autocast);
        work.launches = [forward as f64, backward as f64];
        let (forward, backward) = super::launches::in_turn(block, self.recipe, self.autocast);
        let gap = GAP.get() / super::launches::merged(self.recipe);
        add(&mut work.elementwise, forward as f64 * gap, backward as f64 * gap);
        if !self.on_device {
            work.narrowed = super::launches::narrow_tensors(block, self.recipe, self.shape.ep) as f64;
        }
        work
    }

    fn trained(&self) -> bool {
        !matches!(self.recipe.method, Method::Lora(_))
    }

    /// Bytes that a product moves for each element of a weight's gradient: where it adds to those of earlier micro-batches it
    /// reads what it writes, in the format they are summed in.
    fn sums(&self) -> f64 {
        if self.recipe.stack.fuses_accumulation {
            2.0 * self.recipe.precision.gradients.bytes_each().get()
        } else {
            2.0
        }
    }

    fn linear(&self, l: &Linear, stream: Stream, work: &mut Work) {
        let tp = self.shape.tp as f64;
        let tokens = flops::tokens(stream, l.on_source, self.lengths) as f64 / self.shape.cp as f64;
        let (mut n, mut k) = (l.output as f64, l.input as f64);
        match l.part {
            Part::AttentionIn | Part::FfnIn | Part::MixerIn | Part::Head => n /= tp,
            Part::AttentionOut | Part::FfnOut | Part::MixerOut => k /= tp,
            Part::Other => {}
        }
        // The output projection stays in 16 bit under every low-precision recipe.
        let device = if l.part == Part::Head && !self.on_device { &self.plain } else { &self.device };
        let forward = device.products(1.0, tokens, n, k) / self.skip;
        let input = device.products(1.0, tokens, k, n) / self.skip;
        let weight = if self.trained() { device.products_into(1.0, k, n, tokens, self.sums()) } else { 0.0 };
        add(&mut work.gemm, forward, input + weight);
        if self.cast && l.part != Part::Head {
            let read = if l.shares_input { 0.0 } else { tokens * k };
            self.casts(read, tokens * n, k * n, work);
        }
        if let Method::Lora(lora) = &self.recipe.method
            && l.part != Part::Head
        {
            if crate::memory::targeted(l, lora) {
                let (forward, backward) = super::adapters::Adapters::of(self.recipe, lora).moved(l.input, l.output);
                let bandwidth = self.plain.bandwidth;
                add(&mut work.elementwise, tokens * forward / bandwidth, tokens * backward / bandwidth);
            }
            if matches!(lora.base, Dtype::Nf4 | Dtype::Nf4Double | Dtype::Int8) {
                let bandwidth = BytesPerSec::new(self.plain.bandwidth);
                let once = dequantise(l.input * l.output, lora.base, bandwidth).get();
                add(&mut work.dequantise, once, once);
            }
        }
    }

    /// Grouped products of the experts on this rank; the fullest rank decides.
    fn experts(&self, e: &Experts, tokens: f64, work: &mut Work) {
        let (ep, tp) = (self.shape.ep as f64, self.shape.tp as f64);
        let local = e.experts as f64 / ep;
        // Tensor-parallel ranks split what expert parallelism does not.
        let width = e.ffn as f64 / libm::ceil(tp / ep).max(1.0);
        let share = if ep > 1.0 && ep >= tp { tp } else { 1.0 };
        let chosen = tokens * e.top_k as f64 * ep / share;
        let uneven = larger(IMBALANCE, super::uneven::fullest(chosen as u64, self.shape.ep).get());
        // A program that keeps shapes fixed runs every expert on every token and masks what was not chosen.
        let all = self.recipe.stack.all_experts;
        let each = if all { tokens * ep / share } else { chosen / e.experts as f64 * uneven };
        let inputs = if e.gated { 2.0 } else { 1.0 };
        let grouped = GROUPED * self.device.common.grouped.get();
        let mut device = Device { rate: grouped * self.grouped.rate, ..self.grouped };
        // A kernel that goes on from tile to tile fills its pipeline once.
        if self.on_device {
            device.common.depth = Share::ZERO;
        }
        let device = &device;
        let (h, f) = (e.input as f64, width);
        let forward = inputs * device.products(local, each, f, h) + device.products(local, each, h, f);
        let back_in = inputs * device.products(local, each, h, f) + device.products(local, each, f, h);
        let back_weight =
            if self.trained() { (inputs + 1.0) * device.products_into(local, f, h, each, self.sums()) } else { 0.0 };
        add(&mut work.experts, forward, back_in + back_weight);
        // Tokens are sorted to their experts and back, gate and product on the way.
        let routed = tokens * e.top_k as f64 / share;
        // What a kernel gates and casts before it writes never passes through memory in 16 bit.
        let inner = if self.on_device { 0.0 } else { 1.0 };
        let per_byte = self.plain.common.traffic.get() / self.plain.bandwidth;
        let bytes = routed * (8.0 * h + 6.0 * inner * f) * per_byte;
        add(&mut work.elementwise, bytes, 2.0 * bytes);
        if !self.on_device && !self.recipe.stack.compiled {
            let (biased, clamped) = (if e.bias { h } else { 0.0 }, if e.clamped { f } else { 0.0 });
            let moved = |(of_bias, of_clamp): (f64, f64)| routed * (of_bias * biased + of_clamp * clamped) * per_byte;
            add(&mut work.elementwise, moved((BIASED.0, CLAMPED.0)), moved((BIASED.1, CLAMPED.1)));
        }
        if self.cast {
            let (input, output) = (routed * (h + inner * f), routed * (inner * inputs * f + h));
            self.casts(input, output, local * (inputs + 1.0) * h * f, work);
        }
    }

    /// Casts of the input forward, of the output's gradient backward, and of the weights once a step: each is read in
    /// 16 bit and written twice, once for each direction it is multiplied in.
    fn casts(&self, input: f64, output: f64, weights: f64, work: &mut Work) {
        let per_byte = self.plain.common.casts.get() / self.plain.bandwidth;
        if self.recipe.precision.compute == Dtype::Fp8Row {
            // What is multiplied in two directions is cast twice, and the weights in each micro-batch.
            let both = if self.trained() { ALONG + ACROSS } else { ALONG };
            let kept = if self.trained() { input } else { 0.0 };
            let back = both * output + ACROSS * (kept + weights);
            add(&mut work.elementwise, per_byte * ALONG * (input + weights), per_byte * back);
            return;
        }
        let each = CAST * per_byte;
        work.once += each * weights;
        let back = if self.trained() { each * output } else { 0.5 * each * output };
        add(&mut work.elementwise, each * input, back);
    }

    fn attention(&self, a: &Attention, stream: Stream, tokens: f64, work: &mut Work) {
        let tp = self.shape.tp as f64;
        let lengths =
            if stream == Stream::Source { Lengths { seq: self.lengths.source, ..self.lengths } } else { self.lengths };
        let head = (a.qk_dim.max(a.v_dim)) as f64;
        let seq = lengths.seq as f64;
        // Narrow heads fill the units less; short sequences leave the pipeline empty at both ends.
        let narrow = if head < 128.0 { 0.75 + 0.25 * head / 128.0 } else { 1.0 };
        let short = seq / (seq + 512.0);
        let kernel = kernel(self.recipe.attention, self.flash2);
        let written = matches!(
            self.recipe.attention,
            AttentionKernel::Eager | AttentionKernel::FusedSoftmax | AttentionKernel::SdpaCpu
        );
        let convention = if written { Convention::Full } else { Convention::Causal };
        let flops = flops::of_attention(a, tokens as u64, lengths, convention).get() / tp;
        if written {
            let passes = if self.recipe.attention == AttentionKernel::FusedSoftmax { 8.0 } else { 22.0 };
            let scores = tokens * seq * a.heads as f64 / tp;
            // Batched products over heads whose width is no multiple of 8 cannot be loaded by tensor cores.
            let reached = if a.qk_dim.is_multiple_of(8) { 1.0 } else { self.unloaded };
            let compute = flops / (0.6 * reached * self.plain.rate);
            let bytes = scores * passes * self.plain.common.written.get() / self.plain.bandwidth;
            add(&mut work.attention, compute + bytes, 2.0 * compute + 1.2 * bytes);
        } else {
            let rate = self.attention * kernel * narrow * short * if self.on_device { EIGHT_BIT } else { 1.0 };
            // Kernels that are told how long each sequence is leave out the rest; all are taken to be equally long.
            let told = !matches!(self.recipe.attention, AttentionKernel::Sdpa);
            let fill = if told { self.recipe.fill.get() } else { 1.0 };
            let flops = flops * fill * fill;
            // The backward kernel computes the scores again: two and a half times the work, at a lower rate.
            add(&mut work.attention, flops / rate, 2.5 * flops / (0.8 * rate));
        }
    }

    /// Bytes per token that a memory-bound operator moves, forward and backward.
    fn moved(&self, op: &Op) -> (f64, f64) {
        let stack = &self.recipe.stack;
        let (tp, stream) = (self.shape.tp as f64, self.stream);
        let sp = if self.shape.sequence_parallel { tp } else { 1.0 };
        match op {
            Op::Norm(n) => {
                let width = (n.width * n.rows) as f64 / if n.on_heads { tp } else { sp };
                if stack.fused_norm || stack.compiled || n.kind == crate::model::NormKind::Layer {
                    (width * (stream + 2.0), width * (2.0 * stream + 4.0))
                } else {
                    (width * 26.0, width * 44.0)
                }
            }
            Op::Rotary(r) => {
                let width = ((r.heads + r.kv_heads) * r.dim) as f64 / tp;
                let passes = if stack.fused_rotary || stack.compiled { 4.0 } else { 22.0 };
                (width * passes, width * passes)
            }
            Op::Activation(a) => {
                let width = a.width as f64 / tp;
                let inputs = if a.gated { 2.0 } else { 1.0 };
                let fused = stack.fused_activation || stack.compiled;
                if a.kind == ActivationKind::GeluNew && !fused {
                    let (forward, backward) = if self.recipe.precision.autocast { WRITTEN_WIDE } else { WRITTEN };
                    (width * forward, width * backward)
                } else if fused || !a.gated {
                    (width * 2.0 * (inputs + 1.0), width * 2.0 * (2.0 * inputs + 1.0))
                } else {
                    (width * 10.0, width * 18.0)
                }
            }
            Op::Residual(r) => (r.width as f64 * 3.0 * stream / sp, r.width as f64 * 2.0 * stream / sp),
            Op::Dropout(d) => (d.width as f64 * 5.0, d.width as f64 * 5.0),
            Op::Embedding(e) => (e.width as f64 * 2.0 * stream, e.width as f64 * 2.0 * stream),
            Op::Conv(c) => (c.channels as f64 * 4.0 / tp, c.channels as f64 * 8.0 / tp),
            Op::Loss(loss) => {
                let vocab = loss.vocab as f64 / tp;
                match self.recipe.loss {
                    LossKernel::Eager => (vocab * 18.0, vocab * 14.0),
                    LossKernel::Fused | LossKernel::Chunked => (vocab * 6.0, vocab * 2.0),
                }
            }
            _ => (0.0, 0.0),
        }
    }
}

/// Time to write frozen weights out in 16 bit for one pass.
///
/// # Formula
/// `elements · (stored + 2) / bandwidth`.
///
/// # Source
/// Counting: stored weights are read, 16-bit ones written.
///
/// # Valid when
/// Every pass dequantises every matrix again, as `bitsandbytes` does.
#[must_use]
pub fn dequantise(elements: u64, stored: Dtype, bandwidth: BytesPerSec) -> Seconds {
    (stored.bytes(elements) + Dtype::Bf16.bytes(elements)) / bandwidth
}

/// How much sooner attention is done in 8 bit, as the recipes that keep a mixture on the device have it: its products are, its
/// exponentials are not. Assumed.
const EIGHT_BIT: f64 = 1.3;

/// Bytes that routing moves for a token and expert, in each direction.
const ROUTED: f64 = 48.0;

/// Bytes that a bias of experts moves for an element of what comes out, forward and backward, where it is weighed with the router's
/// score in fp32 and added expert by expert, as Megatron-Core does: product, sum, concatenation and cast there; back the casts, and
/// a product and a sum for the gradient of each.
const BIASED: (f64, f64) = (28.0, 40.0);

/// Bytes that bounds before a gate move for an element of either half, forward and backward: two clamps and a concatenation, and back.
const CLAMPED: (f64, f64) = (16.0, 20.0);

/// Bytes that GPT-2's GELU, written out in eight operators, moves for an element in 16 bit, forward and backward: each reads what
/// it takes and writes what it makes.
const WRITTEN: (f64, f64) = (36.0, 56.0);

/// The same under autocast, which raises powers in fp32 and so leaves all but the ends in fp32.
const WRITTEN_WIDE: (f64, f64) = (70.0, 106.0);

/// FLOP/s of a processor that scans' kernels in Triton can use: what one of Hopper's reaches. Later ones have more only for
/// instructions that those kernels' small products do not call. Assumed.
const WRITTEN_FOR: f64 = 5.5e12;

/// Between two kernels that follow one another: the last blocks of one and the first of the next leave processors idle, queued or
/// replayed. Assumed.
const GAP: Seconds = Seconds::micros(1.5);

/// Bytes that a cast moves for an element.
const CAST: f64 = 4.0;

/// Bytes that a cast with a scale for each row moves for an element: read for the scale, read and written for the cast.
const ALONG: f64 = 5.0;

/// The same for the other direction, whose rows lie across memory: lines are fetched twice. Assumed.
const ACROSS: f64 = 10.0;

/// What grouped products reach beside plain ones of the same shape: groups have unequal heights and are gathered on
/// the way. Before calibration.
const GROUPED: f64 = 0.5;

/// Fullest expert rank over the mean; trained routers are uneven.
const IMBALANCE: f64 = 1.1;

fn add(sum: &mut [f64; 2], forward: f64, backward: f64) {
    sum[0] += forward;
    sum[1] += backward;
}

/// A kernel beside the best of its generation.
fn kernel(kernel: AttentionKernel, flash2: f64) -> f64 {
    match kernel {
        AttentionKernel::Flash1 => 0.7 * flash2,
        AttentionKernel::Flash2 | AttentionKernel::Sdpa | AttentionKernel::SdpaCpu => flash2,
        AttentionKernel::Flash3 | AttentionKernel::Cudnn => 1.0,
        AttentionKernel::Eager | AttentionKernel::FusedSoftmax => 0.5,
    }
}

/// Bytes that the update reads and writes for one trained parameter.
///
/// # Formula
/// AdamW with fp32 state: 16 read + 14 written; 16-bit state 14; block-wise 8 bit 12; others by their state.
///
/// # Source
/// Counting of reads and writes of fused kernels.
///
/// # Valid when
/// The update runs on the device.
pub(super) fn update_bytes(kind: OptimizerKind, state: Dtype) -> f64 {
    match (kind, state) {
        (OptimizerKind::AdamW, Dtype::Fp32) => 30.0,
        (OptimizerKind::AdamW, _) => 14.0,
        (OptimizerKind::AdamW8bit, _) => 12.0,
        (OptimizerKind::AdamW4bit, _) => 10.0,
        (OptimizerKind::Muon, _) => 60.0,
        (OptimizerKind::Lion | OptimizerKind::SgdMomentum, _) => 22.0,
        (OptimizerKind::Adafactor, _) => 24.0,
        (OptimizerKind::Sgd, _) => 10.0,
    }
}

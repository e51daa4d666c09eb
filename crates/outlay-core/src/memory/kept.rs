//! What one layer keeps for the backward pass, in bytes per token, by walking its operators in order.
//!
//! Each operator keeps what automatic differentiation needs: a trained matrix its input, a flash kernel queries, keys,
//! values, output and row statistics, a norm its input and statistics. A tensor that its producer already kept counts
//! once. The walk follows the tensor that flows from operator to operator and whether any gradient reaches it, so frozen
//! parts and adapters need no rules of their own. Checked tensor by tensor against PyTorch's saved tensors.
//!
//! Does not know: how layers are spread over ranks (the timeline does), rotary tables and indices of a few bytes, the
//! order of experts among ranks.
//!
//! Reading order: [`Kept`], [`of_block`], then one function an operator.

use crate::dtype::Dtype;
use crate::model::{
    Activation, ActivationKind, Attention, Block, Conv, Experts, Linear, Model, Norm, NormKind, Op, Part, Router, Scan,
    ScanKind, Stream,
};
use crate::scenario::recipe::{AttentionKernel, Lora, Method, Recipe, Targets};
use crate::units::Bytes;

/// What one layer keeps for the backward pass of one token, by how it splits and what selective recompute drops.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Kept {
    /// Around norms and the residual stream: split over tensor-parallel ranks only with sequence parallelism.
    pub replicated: Bytes,
    /// Inside attention and feed-forward: split over tensor-parallel ranks.
    pub split: Bytes,
    /// Of `split`: attention scores that are written out, and what is made from them.
    pub core: Bytes,
    /// Of `replicated`: what norms make and selective recompute can make again.
    pub cheap_replicated: Bytes,
    /// Of `split`: what activations make and selective recompute can make again.
    pub cheap_split: Bytes,
    /// Of the total: row statistics (log-sum-exp, inverse deviations), which published closed forms leave out.
    pub statistics: Bytes,
    /// Not per token: copies of weights in the compute format, and products of weights.
    pub weights: Bytes,
    /// The layer's input: what full recompute keeps.
    pub input: Bytes,
    /// At the fullest moment of the layer's own backward, of the replicated kind: what is still kept, and temporaries.
    pub peak_replicated: Bytes,
    /// The same of the split kind.
    pub peak_split: Bytes,
    /// A gradient reaches the layer's output.
    pub reached: bool,
}

impl Kept {
    /// All that is kept of one token when nothing is split.
    #[must_use]
    pub fn per_token(&self) -> Bytes {
        self.replicated + self.split
    }
}

/// A tensor that flows between operators.
#[derive(Debug, Clone, Copy)]
struct Flow {
    width: f64,
    element: f64,
    kept: bool,
    split: bool,
}

impl Flow {
    fn bytes(self) -> f64 {
        self.width * self.element
    }
}

/// The state of a walk.
struct Walk<'a> {
    recipe: &'a Recipe,
    /// Bytes of an element where matrices produce it.
    act: f64,
    /// Bytes of an element of the residual stream.
    stream: f64,
    trained: bool,
    reached: bool,
    flow: Flow,
    /// Input of the last projection, for those that share it.
    shared: Flow,
    /// The layer's input, and what its first projections read: a parallel feed-forward starts from one of them.
    entry: Flow,
    normed: Flow,
    /// Attention and feed-forward run side by side, and this is the second of them.
    beside: Option<Part>,
    /// One projection makes queries, keys and values together.
    projections_in: u64,
    rotary: Option<u64>,
    score_dropout: bool,
    out: Sums,
}

#[derive(Default)]
struct Sums {
    replicated: f64,
    split: f64,
    core: f64,
    cheap_replicated: f64,
    cheap_split: f64,
    statistics: f64,
    weights: f64,
    peak_replicated: f64,
    peak_split: f64,
}

/// What one layer of `block` keeps, if it is `trained` and a gradient `reached` its input already.
///
/// # Formula
/// Sum over operators of what each saves, shared tensors once. For a Llama layer of width `h`, key width `kv`,
/// feed-forward `f` and `a` heads in pure bf16: `20h + 4kv + 8f + 4a + 8`.
///
/// # Source
/// Saved tensors of `transformers` 5.23 on PyTorch 2.15, observed layer by layer; `korthikanti2022` table 2 for fused kernels.
///
/// # Valid when
/// Tensors are large against allocation granularity; routing is balanced.
#[must_use]
pub fn of_block(block: &Block, recipe: &Recipe, trained: bool, reached: bool) -> Kept {
    let precision = recipe.precision;
    let act = precision.activations().bytes_each().get();
    let stream = stream_element(recipe);
    let start = Flow { width: width_of(block), element: stream, kept: false, split: false };
    let mut walk = Walk {
        recipe,
        act,
        stream,
        trained,
        reached,
        flow: start,
        shared: start,
        entry: start,
        normed: start,
        beside: parallel(block).then_some(Part::AttentionIn),
        projections_in: 0,
        rotary: None,
        score_dropout: recipe.dropout
            && block.ops.iter().any(|op| matches!(op, Op::Dropout(dropout) if dropout.on_scores)),
        out: Sums::default(),
    };
    for op in &block.ops {
        walk.step(op);
    }
    let scale = match block.stream {
        Stream::Source => recipe.source_len as f64 / (recipe.seq_len.max(1)) as f64,
        Stream::Main => 1.0,
    };
    // The backward pass starts with everything kept, whatever its first operator needs.
    walk.work(0.0, true);
    let Sums {
        replicated,
        split,
        core,
        cheap_replicated,
        cheap_split,
        statistics,
        weights,
        peak_replicated,
        peak_split,
    } = walk.out;
    Kept {
        replicated: Bytes::new(replicated * scale),
        split: Bytes::new(split * scale),
        core: Bytes::new(core * scale),
        cheap_replicated: Bytes::new(cheap_replicated * scale),
        cheap_split: Bytes::new(cheap_split * scale),
        statistics: Bytes::new(statistics * scale),
        weights: Bytes::new(weights),
        input: Bytes::new(if walk.reached { start.bytes() * scale } else { 0.0 }),
        peak_replicated: Bytes::new(peak_replicated * scale),
        peak_split: Bytes::new(peak_split * scale),
        reached: walk.reached,
    }
}

/// Whether the feed-forward starts before attention's result is added to the stream.
fn parallel(block: &Block) -> bool {
    let after =
        block.ops.iter().skip_while(|op| !matches!(op, Op::Linear(linear) if linear.part == Part::AttentionOut));
    let between = after.take_while(|op| !matches!(op, Op::Linear(linear) if linear.part == Part::FfnIn));
    let has_ffn = block.ops.iter().any(|op| matches!(op, Op::Linear(linear) if linear.part == Part::FfnIn));
    has_ffn && !between.into_iter().any(|op| matches!(op, Op::Residual(_)))
}

/// Whether trained or frozen weights are stored wider than autocast multiplies them.
fn casts(recipe: &Recipe) -> bool {
    let stored = match &recipe.method {
        Method::Lora(lora) => lora.base,
        Method::Full | Method::Freeze { .. } => recipe.precision.weights,
    };
    recipe.precision.autocast && stored == Dtype::Fp32
}

/// Bytes of an element of the residual stream: autocast leaves it in the format of the embedding.
pub(super) fn stream_element(recipe: &Recipe) -> f64 {
    if casts(recipe) { 4.0 } else { recipe.precision.activations().bytes_each().get() }
}

/// Width of the tensor that enters a layer: what its first operator that says so reads.
fn width_of(block: &Block) -> f64 {
    block
        .ops
        .iter()
        .find_map(|op| match op {
            Op::Norm(norm) if !norm.on_heads => Some(norm.width * norm.rows),
            Op::Linear(linear) => Some(linear.input),
            Op::Residual(residual) => Some(residual.width),
            _ => None,
        })
        .unwrap_or(0) as f64
}

impl Walk<'_> {
    fn step(&mut self, op: &Op) {
        match op {
            Op::Embedding(embedding) => {
                self.reached |= self.trained && embedding.trained;
                self.flow = Flow { width: embedding.width as f64, element: self.stream, kept: false, split: false };
            }
            Op::Linear(linear) => self.linear(linear),
            Op::Norm(norm) => self.norm(norm),
            Op::Rotary(rotary) => self.rotary = Some(rotary.dim),
            Op::Attention(attention) => self.attention(attention),
            Op::Activation(activation) => self.activation(activation),
            Op::Router(router) => self.router(router),
            Op::Experts(experts) => self.experts(experts),
            Op::Scan(scan) => self.scan(scan),
            Op::Conv(conv) => self.conv(conv),
            Op::Weights(_) => self.reached |= self.trained,
            Op::Residual(residual) => {
                self.flow = Flow { width: residual.width as f64, element: self.stream, kept: false, split: false };
            }
            Op::Dropout(dropout) => {
                if self.recipe.dropout && !dropout.on_scores && self.reached {
                    self.keep(dropout.width as f64 * self.mask_element(), false);
                    self.flow.kept = false;
                }
            }
            // Logits have a file of their own.
            Op::Loss(_) => {}
        }
    }

    fn on_cpu(&self) -> bool {
        self.recipe.attention == AttentionKernel::SdpaCpu
    }

    /// A dropout mask is one byte an element on devices, a full element on a CPU.
    fn mask_element(&self) -> f64 {
        if self.on_cpu() { self.act } else { 1.0 }
    }

    fn keep(&mut self, bytes: f64, split: bool) {
        if split {
            self.out.split += bytes;
        } else {
            self.out.replicated += bytes;
        }
    }

    fn keep_flow(&mut self) {
        if !self.flow.kept {
            self.keep(self.flow.bytes(), self.flow.split);
            self.flow.kept = true;
        }
    }

    /// The operator's backward needs `bytes` of temporaries, while all that was kept before it is still there.
    fn work(&mut self, bytes: f64, split: bool) {
        let (of_split, of_replicated) = if split { (bytes, 0.0) } else { (0.0, bytes) };
        let here = (self.out.replicated + of_replicated, self.out.split + of_split);
        if here.0 + here.1 > self.out.peak_replicated + self.out.peak_split {
            (self.out.peak_replicated, self.out.peak_split) = here;
        }
    }

    fn fused_norm(&self) -> bool {
        self.recipe.stack.fused_norm || self.recipe.stack.compiled
    }

    fn fused_activation(&self) -> bool {
        self.recipe.stack.fused_activation || self.recipe.stack.compiled
    }

    /// # Formula
    /// Root mean square written out in 16 bit: an fp32 copy, the inverse deviation and, where the scale is trained, the
    /// normalised tensor; on an fp32 stream the input itself. One kernel: the input and the statistics.
    ///
    /// # Source
    /// Saved tensors of `transformers` 5.23.
    ///
    /// # Valid when
    /// Statistics are kept in fp32.
    fn norm(&mut self, norm: &Norm) {
        let split = norm.on_heads;
        if self.beside == Some(Part::FfnIn) && !split {
            self.flow = self.entry;
            self.beside = None;
        }
        let width = (norm.width * norm.rows) as f64;
        let scaled = self.trained && norm.weights > 0;
        if self.reached || scaled {
            let rows = norm.rows as f64;
            let before = if split { self.out.split } else { self.out.replicated };
            let fused = self.fused_norm() || norm.kind == NormKind::Layer;
            let element = if split { self.act } else { self.flow.element };
            let source = Flow { width, element, kept: !split && self.flow.kept, split };
            if fused || element > 2.0 {
                if !source.kept {
                    self.keep(source.bytes(), split);
                }
                self.entry.kept |= !split && self.beside.is_some();
            } else {
                self.keep(4.0 * width, split);
            }
            let statistics = rows * if norm.kind == NormKind::Layer { 8.0 } else { 4.0 };
            self.keep(statistics, split);
            self.out.statistics += statistics;
            if !fused && scaled {
                let scaled_in = if norm.kind == NormKind::RmsWide { 4.0 } else { element };
                self.keep(scaled_in * width, split);
            }
            let made = if split { self.out.split } else { self.out.replicated } - before;
            if split {
                self.out.cheap_split += made;
            } else {
                // The layer's input stays; what is made from it can be made again.
                self.out.cheap_replicated += (made - source.bytes()).max(0.0);
            }
            self.work(if fused { 2.0 * element } else { 12.0 } * width, split);
        }
        self.reached |= scaled;
        if !split {
            let element = self.flow.element;
            self.flow = Flow { width, element, kept: false, split: false };
        }
    }

    fn linear(&mut self, linear: &Linear) {
        if linear.shares_input {
            self.flow = self.shared;
        } else if linear.part == Part::AttentionIn {
            self.projections_in = 0;
        }
        if linear.part == Part::AttentionIn {
            self.projections_in += 1;
        } else if linear.part == Part::FfnIn && self.beside == Some(Part::FfnIn) {
            self.flow = self.normed;
            self.beside = None;
        }
        let input = linear.input as f64;
        self.flow.width = input;
        let numel = (linear.input * linear.output) as f64;
        let before = self.out.replicated;
        if self.recipe.precision.autocast {
            if self.reached && casts(self.recipe) {
                self.out.weights += self.act * numel;
            }
            if self.trained && self.flow.element > self.act {
                // Every projection casts its own copy; none is shared.
                self.keep(self.act * input, self.flow.split);
            } else if self.trained {
                self.keep_flow();
            }
        } else if self.trained {
            self.keep_flow();
        }
        if !self.flow.split && linear.part != Part::Head {
            self.out.cheap_replicated += self.out.replicated - before;
        }
        self.work(self.act * (input + linear.output as f64), self.flow.split || linear.part == Part::FfnIn);
        if let Method::Lora(lora) = &self.recipe.method
            && targeted(linear, lora)
        {
            self.adapter(linear, lora);
        }
        self.reached |= self.trained;
        self.shared = self.flow;
        match linear.part {
            Part::AttentionIn if !linear.shares_input => self.normed = self.flow,
            Part::AttentionOut => self.beside = self.beside.map(|_| Part::FfnIn),
            _ => {}
        }
        let split = !matches!(linear.part, Part::AttentionOut | Part::FfnOut | Part::MixerOut | Part::Other);
        self.flow = Flow { width: linear.output as f64, element: self.act, kept: false, split };
    }

    fn adapter(&mut self, linear: &Linear, lora: &Lora) {
        let input = linear.input as f64;
        let stored = lora.adapter.bytes_each().get();
        // Autocast multiplies in the compute format, from a copy of its own where the formats differ.
        let autocast = self.recipe.precision.autocast;
        let element = if autocast { self.act } else { stored };
        let split = self.flow.split;
        if lora.dropout {
            self.keep(input * (self.mask_element() + element), split);
        } else if element > self.flow.element || (autocast && stored > self.act) {
            self.keep(input * element, split);
        } else {
            self.keep_flow();
        }
        self.keep(lora.rank as f64 * element, split);
        if lora.dora {
            // The output before its magnitude, and the products that the weight's norm needs.
            self.keep(linear.output as f64 * self.act, split);
            self.out.weights += self.act * input * (linear.output as f64 + input);
        }
        self.reached = true;
    }

    /// # Formula
    /// Flash: `q + k + v + o` and `4·heads`. Written out: `q`, repeated `k` and `v`, and per head and key the softmax in
    /// fp32 and its 16-bit copy; with dropout the mask and the dropped scores take the copy's place.
    ///
    /// # Source
    /// Saved tensors of `transformers` 5.23; `korthikanti2022` (`5·a·s`) for the fused softmax.
    ///
    /// # Valid when
    /// A written-out kernel computes all scores, whatever the mask.
    fn attention(&mut self, attention: &Attention) {
        if !self.reached {
            self.flow =
                Flow { width: (attention.heads * attention.v_dim) as f64, element: self.act, kept: false, split: true };
            return;
        }
        let (heads, act) = (attention.heads as f64, self.act);
        let query = heads * attention.qk_dim as f64;
        let grouped = attention.kv_heads as f64 * (attention.qk_dim + attention.v_dim) as f64;
        let repeated = heads * (attention.qk_dim + attention.v_dim) as f64;
        let output = heads * attention.v_dim as f64;
        let keys = if attention.cross { self.recipe.source_len } else { self.recipe.seq_len } as f64;
        let scores = heads * keys;
        let written = self.written(attention);
        match written {
            Some(per_score) => {
                let of_inputs = match self.recipe.attention {
                    AttentionKernel::FusedSoftmax => act * (query + grouped),
                    AttentionKernel::SdpaCpu => 4.0 * (query + repeated),
                    _ => act * (query + repeated),
                };
                self.keep(of_inputs, true);
                self.keep(per_score * scores, true);
                self.out.core += per_score * scores;
                // The gradient of the scores, and in 16 bit its fp32 copy.
                let gradient = if self.recipe.attention == AttentionKernel::SdpaCpu { 4.0 } else { 2.0 + act };
                self.work(gradient * scores, true);
            }
            None => {
                let masked = self.recipe.stack.explicit_mask
                    && matches!(self.recipe.attention, AttentionKernel::Sdpa | AttentionKernel::SdpaCpu);
                // One key/value head is broadcast, not copied.
                let copied = masked && attention.kv_heads > 1;
                self.keep(act * (query + if copied { repeated } else { grouped } + output), true);
                self.keep(4.0 * heads, true);
                self.out.statistics += 4.0 * heads;
                if masked {
                    self.keep(act * keys, false);
                }
                if self.packed_values(attention, masked) {
                    self.keep(act * (query + attention.kv_heads as f64 * attention.qk_dim as f64), true);
                }
                self.work(2.0 * act * (query + grouped), true);
            }
        }
        let copied = self.rotary.is_some_and(|dim| dim < attention.qk_dim) && !self.recipe.stack.fused_rotary;
        self.flow = Flow { width: output, element: act, kept: written.is_none() && !copied, split: true };
    }

    /// Values stay a view of the joint projection, which then lives whole, while queries and keys are turned into copies.
    fn packed_values(&self, attention: &Attention, masked: bool) -> bool {
        let repeats = masked && attention.kv_heads != attention.heads;
        self.projections_in == 1
            && self.rotary.is_some()
            && !repeats
            && !self.recipe.stack.fused_rotary
            && !self.recipe.stack.compiled
    }

    /// Bytes kept for each score, if the kernel writes scores out.
    fn written(&self, attention: &Attention) -> Option<f64> {
        let act = self.act;
        let capped = if attention.soft_cap { act } else { 0.0 };
        let eager = || {
            capped
                + if self.score_dropout {
                    4.0 + self.mask_element() + act
                } else if act < 4.0 {
                    4.0 + act
                } else {
                    4.0
                }
        };
        match self.recipe.attention {
            AttentionKernel::Eager => Some(eager()),
            AttentionKernel::FusedSoftmax => {
                Some(act + if self.score_dropout { self.mask_element() + act } else { 0.0 })
            }
            AttentionKernel::SdpaCpu if self.score_dropout => Some(12.0),
            AttentionKernel::Sdpa | AttentionKernel::SdpaCpu if attention.soft_cap => Some(eager()),
            _ => None,
        }
    }

    fn activation(&mut self, activation: &Activation) {
        let bytes = activation.width as f64 * self.act;
        let mut kept = false;
        if self.reached {
            let inputs = if activation.gated { 2.0 } else { 1.0 };
            let (inner, own_output) = inner(activation.kind);
            // Behind a gate the product keeps the non-linearity's result whether or not that kept it itself.
            let made = match (self.fused_activation(), activation.gated) {
                (true, _) => 0.0,
                (false, true) => inner,
                (false, false) => inner - 1.0,
            };
            let output_kept = own_output && !activation.gated && !self.fused_activation();
            let of_inputs = if own_output && !self.fused_activation() { inputs - 1.0 } else { inputs };
            self.keep(bytes * (of_inputs + made), true);
            self.out.cheap_split += bytes * (made + 1.0);
            if output_kept {
                self.keep(bytes, true);
                kept = true;
            }
            self.work((inputs + 1.0) * bytes, true);
        }
        self.flow = Flow { width: activation.width as f64, element: self.act, kept, split: true };
    }

    fn router(&mut self, router: &Router) {
        if self.trained {
            if self.flow.element > self.act {
                self.keep(self.act * self.flow.width, false);
            } else {
                self.keep_flow();
            }
            self.reached = true;
        }
        if self.reached {
            // Probabilities in fp32; chosen indices, their order and weights.
            self.keep((4 * router.experts + 36 * router.top_k) as f64, false);
        }
        self.shared = self.flow;
    }

    /// # Formula
    /// `k` copies of the input and of the output, and per copy the feed-forward's inner tensors.
    ///
    /// # Source
    /// Saved tensors of the grouped-matrix experts of `transformers` 5.23, which autocast does not reach.
    ///
    /// # Valid when
    /// Routing is balanced.
    fn experts(&mut self, experts: &Experts) {
        let element = self.stream;
        let copies = experts.top_k as f64;
        let (wide, narrow) = (copies * experts.input as f64 * element, copies * experts.ffn as f64 * element);
        self.reached |= self.trained;
        if self.reached {
            let inputs = if experts.gated { 2.0 } else { 1.0 };
            let made = if self.fused_activation() || !experts.gated { 0.0 } else { 1.0 };
            self.keep(if self.trained { 2.0 * wide } else { wide }, false);
            self.keep(narrow * (inputs + made + if self.trained { 1.0 } else { 0.0 }), true);
            self.out.cheap_split += narrow * (made + 1.0);
            self.work(2.0 * wide, false);
            self.work((inputs + 1.0) * narrow, true);
        }
        self.flow = Flow { width: experts.input as f64, element, kept: false, split: false };
    }

    /// # Formula
    /// Fused kernels keep their inputs, their output and the state at chunk ends.
    ///
    /// # Source
    /// Interfaces of the reference kernels (`mamba_ssm`, `flash-linear-attention`).
    ///
    /// # Valid when
    /// The fused kernels run; the element-wise fallback keeps every state.
    fn scan(&mut self, scan: &Scan) {
        let (channels, state) = (scan.channels as f64, scan.state as f64);
        if self.reached || self.trained {
            let at_ends = if scan.chunk > 0 { 4.0 * channels * state / scan.chunk as f64 } else { 0.0 };
            let inputs = match scan.kind {
                ScanKind::Mamba1 => 4.0 * channels + 2.0 * state,
                ScanKind::Mamba2 => 3.0 * channels + 2.0 * scan.groups as f64 * state + scan.heads as f64,
                ScanKind::Rwkv => 5.0 * channels,
                ScanKind::DeltaRule => 4.0 * channels + 2.0 * scan.heads as f64,
            };
            self.keep(self.act * inputs + at_ends, true);
            self.work(self.act * inputs, true);
            self.reached = true;
        }
        self.flow = Flow { width: channels, element: self.act, kept: true, split: true };
    }

    fn conv(&mut self, conv: &Conv) {
        let bytes = conv.channels as f64 * self.act;
        if self.reached || self.trained {
            self.keep(2.0 * bytes, true);
            self.work(2.0 * bytes, true);
            self.reached = true;
        }
        self.flow = Flow { width: conv.channels as f64, element: self.act, kept: true, split: true };
    }
}

/// How many tensors of its width a non-linearity keeps, and whether one of them is its own output.
fn inner(kind: ActivationKind) -> (f64, bool) {
    match kind {
        ActivationKind::Gelu | ActivationKind::GeluTanh | ActivationKind::Silu => (1.0, false),
        ActivationKind::Relu | ActivationKind::Tanh => (1.0, true),
        // The input, its half, the tanh and one plus the tanh.
        ActivationKind::GeluNew => (4.0, false),
        ActivationKind::Relu2 => (1.0, false),
    }
}

/// Whether a projection gets an adapter.
#[must_use]
pub fn targeted(linear: &Linear, lora: &Lora) -> bool {
    match &lora.targets {
        Targets::AllLinear => !matches!(linear.part, Part::Head),
        Targets::Attention => matches!(linear.part, Part::AttentionIn | Part::AttentionOut),
        Targets::Names(names) => names.iter().any(|name| name == linear.name),
    }
}

/// Keys and values that generation keeps for one token of context, over all layers.
///
/// # Formula
/// `Σ layers · kv_heads · (qk_dim + v_dim) · bytes`.
///
/// # Source
/// Definition.
///
/// # Valid when
/// Keys and values are cached uncompressed, and windows are longer than the context.
#[must_use]
pub fn cache_per_token(model: &Model, format: Dtype) -> Bytes {
    let elements = model
        .layers()
        .map(|block| {
            let of_op = |op: &Op| match op {
                Op::Attention(a) if !a.cross => a.kv_heads * (a.qk_dim + a.v_dim),
                _ => 0,
            };
            block.count * block.ops.iter().map(of_op).sum::<u64>()
        })
        .sum();
    format.bytes(elements)
}

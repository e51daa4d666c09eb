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
//! Reading order: [`Kept`], [`of_block`], then one file a kind of operator.

mod feed_forward;
mod mixing;
mod projections;

use crate::dtype::Dtype;
use crate::model::{Block, Model, Op, Part, Stream};
use crate::scenario::recipe::{AttentionKernel, Recipe};
use crate::units::Bytes;

pub use projections::targeted;

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
    /// What is kept where every second product is computed again, of the replicated kind: the layer's input, and what the
    /// first, third, … product makes of that kind.
    pub products_replicated: Bytes,
    /// The same of the split kind, and attention's result.
    pub products_split: Bytes,
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
    let (input, products) =
        if walk.reached { (start.bytes(), every_second_product(block, act)) } else { (0.0, (0.0, 0.0)) };
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
        products_replicated: Bytes::new((input + products.0) * scale),
        products_split: Bytes::new(products.1 * scale),
        statistics: Bytes::new(statistics * scale),
        weights: Bytes::new(weights),
        input: Bytes::new(input * scale),
        peak_replicated: Bytes::new(peak_replicated * scale),
        peak_split: Bytes::new(peak_split * scale),
        reached: walk.reached,
    }
}

/// Bytes per token that the first, third, … product of a layer makes, and attention: replicated, split.
fn every_second_product(block: &Block, act: f64) -> (f64, f64) {
    let (mut replicated, mut split, mut keeps) = (0.0, 0.0, true);
    for op in &block.ops {
        match op {
            Op::Linear(linear) => {
                if keeps {
                    let sum = if linear.part.splits_output() { &mut split } else { &mut replicated };
                    *sum += act * linear.output as f64;
                }
                keeps = !keeps;
            }
            Op::Attention(a) => split += act * (a.heads * a.v_dim) as f64,
            _ => {}
        }
    }
    (replicated, split)
}

/// Whether the feed-forward starts before attention's result is added to the stream.
fn parallel(block: &Block) -> bool {
    let after =
        block.ops.iter().skip_while(|op| !matches!(op, Op::Linear(linear) if linear.part == Part::AttentionOut));
    let between = after.take_while(|op| !matches!(op, Op::Linear(linear) if linear.part == Part::FfnIn));
    let has_ffn = block.ops.iter().any(|op| matches!(op, Op::Linear(linear) if linear.part == Part::FfnIn));
    has_ffn && !between.into_iter().any(|op| matches!(op, Op::Residual(_)))
}

/// Bytes of an element of the residual stream: autocast leaves it in the format of the embedding.
pub(super) fn stream_element(recipe: &Recipe) -> f64 {
    if recipe.casts() { 4.0 } else { recipe.precision.activations().bytes_each().get() }
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
                    self.keep(dropout.width as f64 * self.mask_element(), self.flow.split);
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

/// Bytes of an element of a product's kept input: of the narrow format where the program keeps what it multiplied.
fn saved(recipe: &Recipe) -> f64 {
    let format = if recipe.stack.saves_narrow { recipe.precision.compute } else { recipe.precision.activations() };
    format.bytes_each().get()
}

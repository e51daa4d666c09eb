//! The one representation of an architecture: a short list of layer kinds with counts, each a list of operators.
//!
//! Parameters, FLOPs, activation bytes, traffic and launches are all derived by walking this list; no formula
//! anywhere is written for a named family. A family is only a reader (in the catalog) from its `config.json`.
//! Operators stand in the order of execution, so what feeds what can be read off the list: the input of an
//! operator is the output of the one before it, and [`Linear::shares_input`] marks the second and later
//! projections of the same tensor. The price: layers of one kind are interchangeable, their order in depth is lost.
//!
//! Does not know: weights' values, tokenizers, how the model is trained (see [`crate::scenario`]).
//!
//! Reading order: [`Model`], [`Block`], [`Op`], then one file a walk.

use alloc::string::String;
use alloc::vec::Vec;

pub mod flops;
pub mod params;

/// An architecture, as far as it decides memory and work.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// What the user calls it.
    pub name: String,
    /// `model_type` of its config; for display only, nothing may branch on it.
    pub family: String,
    /// Width of the residual stream.
    pub hidden: u64,
    /// Rows of the token embedding.
    pub vocab: u64,
    /// Longest sequence the positions allow, if the config says so.
    pub max_positions: Option<u64>,
    /// Layer kinds in order of first execution.
    pub blocks: Vec<Block>,
}

/// A run of identical layers.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// What the layer is to the model.
    pub role: Role,
    /// Which sequence flows through it.
    pub stream: Stream,
    /// How many such layers are executed.
    pub count: u64,
    /// How many of them own their weights: `count`, or less where layers share (ALBERT).
    pub stored: u64,
    /// What one layer does, in order.
    pub ops: Vec<Op>,
}

/// What a layer is to the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Before the layers: lookups, their norms and projections.
    Embedding,
    /// One of the repeated layers; pipeline stages are cut between these.
    Layer,
    /// After the layers: final norm, pooler, output projection, loss.
    Head,
    /// After those, in training only: modules that predict the tokens after the next.
    Further,
}

/// Which sequence flows through a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// The encoder's tokens of an encoder–decoder; BERT-like models have only [`Stream::Main`].
    Source,
    /// The tokens the loss is computed on.
    Main,
}

/// One operator. Widths count elements per token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Op {
    /// Table lookup.
    Embedding(Embedding),
    /// Matrix multiplication with a weight.
    Linear(Linear),
    /// Normalisation over a width.
    Norm(Norm),
    /// Rotary position embedding applied to queries and keys.
    Rotary(Rotary),
    /// Scores, softmax and weighted sum: no weights of its own.
    Attention(Attention),
    /// Element-wise non-linearity, with or without a gate.
    Activation(Activation),
    /// Choice of experts for each token.
    Router(Router),
    /// The routed experts' feed-forward networks.
    Experts(Experts),
    /// A state-space or linear-attention recurrence along the sequence.
    Scan(Scan),
    /// Short depth-wise convolution along the sequence.
    Conv(Conv),
    /// Weights used element-wise by the neighbouring operator (decay rates, sinks, relative positions, scales).
    Weights(Weights),
    /// Addition to the residual stream.
    Residual(Residual),
    /// Dropout.
    Dropout(Dropout),
    /// Cross-entropy over the vocabulary, fed by the output projection before it.
    Loss(Loss),
}

/// Table lookup.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Embedding {
    /// Name of the module, as in the reference implementation.
    pub name: &'static str,
    /// Entries of the table.
    pub rows: u64,
    /// Elements of an entry.
    pub width: u64,
    /// False for fixed (sinusoidal) tables that are not parameters.
    pub trained: bool,
}

/// Matrix multiplication `y = x·W (+ b)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Linear {
    /// Name of the module, as adapters' targets name it (`q_proj`, `query_key_value`, `c_attn`, …).
    pub name: &'static str,
    /// Elements in.
    pub input: u64,
    /// Elements out.
    pub output: u64,
    /// Has a bias of `output` elements.
    pub bias: bool,
    /// Reads the same tensor as the [`Linear`] (or [`Router`]) before it, not that operator's output.
    pub shares_input: bool,
    /// Uses the embedding table as its weight: work, but no parameters of its own.
    pub tied: bool,
    /// Runs on the source sequence although its block runs on the main one (cross-attention's keys and values).
    pub on_source: bool,
    /// Which part of the layer it belongs to: decides tensor-parallel splitting and the meaning of target sets.
    pub part: Part,
}

/// Part of a layer that a projection belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Queries, keys, values and the low-rank steps before them: split by output under tensor parallelism.
    AttentionIn,
    /// Output projection of attention: split by input.
    AttentionOut,
    /// First matrices of the feed-forward: split by output.
    FfnIn,
    /// Last matrix of the feed-forward: split by input.
    FfnOut,
    /// Input projection of a state-space mixer.
    MixerIn,
    /// Output projection of a state-space mixer.
    MixerOut,
    /// Output projection to the vocabulary.
    Head,
    /// Whatever else (poolers, factorised embeddings): replicated.
    Other,
}

impl Part {
    /// Split by input under tensor parallelism: its output is a sum over the ranks.
    #[must_use]
    pub const fn closes(self) -> bool {
        matches!(self, Self::AttentionOut | Self::FfnOut | Self::MixerOut)
    }

    /// Split by output under tensor parallelism.
    #[must_use]
    pub const fn splits_output(self) -> bool {
        !self.closes() && !matches!(self, Self::Other)
    }
}

/// Normalisation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Norm {
    /// Which one.
    pub kind: NormKind,
    /// Elements of one row.
    pub width: u64,
    /// Rows per token: 1, or the number of heads for query/key norms.
    pub rows: u64,
    /// Elements of its weight vector (0 for a norm without parameters).
    pub weights: u64,
    /// Elements of its bias vector.
    pub biases: u64,
    /// Runs beside the main flow: applied to queries or keys between projection and attention.
    pub on_heads: bool,
}

/// Kind of normalisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NormKind {
    /// Root mean square, computed in fp32 by the reference implementations.
    Rms,
    /// The same with the scale applied in fp32, before rounding back (Gemma, OLMo 2): keeps a wider tensor when unfused.
    RmsWide,
    /// Mean and variance.
    Layer,
    /// RMS norm multiplied by a gate (state-space mixers).
    GatedRms,
}

/// Rotary position embedding.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rotary {
    /// Query heads it turns.
    pub heads: u64,
    /// Key heads it turns.
    pub kv_heads: u64,
    /// Elements of a head that are turned.
    pub dim: u64,
}

/// Attention between tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Attention {
    /// Query heads.
    pub heads: u64,
    /// Key and value heads.
    pub kv_heads: u64,
    /// Elements of a query or key head.
    pub qk_dim: u64,
    /// Elements of a value head.
    pub v_dim: u64,
    /// Which keys a query sees.
    pub mask: Mask,
    /// Keys come from the source sequence.
    pub cross: bool,
    /// Adds a position-dependent bias to the scores (ALiBi, T5): rules out some kernels.
    pub score_bias: bool,
    /// Caps the scores with a tanh (Gemma 2): rules out some kernels.
    pub soft_cap: bool,
}

/// Which keys a query sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mask {
    /// All of them.
    Full,
    /// Those before it and itself.
    Causal,
    /// The last `window` before it and itself.
    Window {
        /// Keys seen, the query's own included.
        window: u64,
    },
    /// All within `window/2` on both sides (encoder-style local attention).
    Local {
        /// Keys seen in total.
        window: u64,
    },
    /// Causal within chunks of this length.
    Chunked {
        /// Tokens of a chunk.
        chunk: u64,
    },
    /// Local plus strided, `ℓ + s/ℓ` keys a query (Child 2019).
    Strided {
        /// The stride ℓ.
        stride: u64,
    },
}

/// Element-wise non-linearity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Activation {
    /// Which function.
    pub kind: ActivationKind,
    /// Elements per token, of the output.
    pub width: u64,
    /// Multiplied by a second projection (SwiGLU, GeGLU).
    pub gated: bool,
}

/// Non-linear function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActivationKind {
    /// max(0, x).
    Relu,
    /// max(0, x)².
    Relu2,
    /// GELU by the error function.
    Gelu,
    /// GELU by its tanh approximation written out in element-wise operators (GPT-2's `gelu_new`).
    GeluNew,
    /// GELU by its tanh approximation as one kernel.
    GeluTanh,
    /// x·sigmoid(x).
    Silu,
    /// tanh.
    Tanh,
}

/// Choice of experts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Router {
    /// Width of the scored tensor.
    pub input: u64,
    /// Experts scored.
    pub experts: u64,
    /// Experts chosen for each token.
    pub top_k: u64,
    /// Has a trained bias of one element an expert.
    pub bias: bool,
    /// Module name.
    pub name: &'static str,
}

/// Routed experts, all of one shape.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Experts {
    /// Experts stored.
    pub experts: u64,
    /// Experts that a token passes through.
    pub top_k: u64,
    /// Width in and out.
    pub input: u64,
    /// Width between.
    pub ffn: u64,
    /// Two input matrices instead of one.
    pub gated: bool,
    /// Biases on all matrices.
    pub bias: bool,
    /// What goes into the gate is kept within bounds.
    pub clamped: bool,
    /// Non-linearity.
    pub kind: ActivationKind,
}

impl Experts {
    /// Gated experts without biases or bounds, as most mixtures have them.
    #[must_use]
    pub const fn gated(experts: u64, top_k: u64, input: u64, ffn: u64, kind: ActivationKind) -> Self {
        Self { experts, top_k, input, ffn, gated: true, bias: false, clamped: false, kind }
    }
}

/// Recurrence along the sequence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scan {
    /// Which one.
    pub kind: ScanKind,
    /// Channels (inner width).
    pub channels: u64,
    /// State elements per channel (Mamba-1) or per group (Mamba-2).
    pub state: u64,
    /// Heads (Mamba-2, delta rule, RWKV); 1 for Mamba-1.
    pub heads: u64,
    /// Groups sharing B and C (Mamba-2); 1 otherwise.
    pub groups: u64,
    /// Tokens of a chunk for chunked algorithms; 0 where the scan is sequential.
    pub chunk: u64,
}

/// Kind of recurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScanKind {
    /// Selective scan, element-wise.
    Mamba1,
    /// State-space duality, as matrix products over chunks.
    Mamba2,
    /// WKV of RWKV-4.
    Rwkv,
    /// Gated delta rule, as matrix products over chunks.
    DeltaRule,
}

/// Depth-wise convolution along the sequence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conv {
    /// Channels.
    pub channels: u64,
    /// Taps.
    pub kernel: u64,
    /// Has a bias.
    pub bias: bool,
}

/// Weights used element-wise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights {
    /// Name, as in the reference implementation.
    pub name: &'static str,
    /// How many.
    pub elements: u64,
}

/// Addition to the residual stream.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Residual {
    /// Elements per token.
    pub width: u64,
}

/// Dropout with probability above zero in the config.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    /// Elements per token; for attention probabilities this is 0 and `on_scores` is set.
    pub width: u64,
    /// Acts on the attention probabilities.
    pub on_scores: bool,
}

/// Cross-entropy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Loss {
    /// Classes.
    pub vocab: u64,
    /// Caps the logits with a tanh (Gemma 2).
    pub soft_cap: bool,
}

impl Model {
    /// The repeated layers, kind by kind.
    pub fn layers(&self) -> impl Iterator<Item = &Block> {
        self.blocks.iter().filter(|block| block.role == Role::Layer)
    }

    /// How many repeated layers are executed.
    #[must_use]
    pub fn depth(&self) -> u64 {
        self.layers().map(|block| block.count).sum()
    }

    /// How many tokens beside the next are predicted in training.
    #[must_use]
    pub fn further(&self) -> u64 {
        let computes =
            |block: &&Block| block.role == Role::Further && block.ops.iter().any(|op| matches!(op, Op::Loss(_)));
        self.blocks.iter().filter(computes).map(|block| block.count).sum()
    }

    /// What stays when training is over.
    pub fn lasting(&self) -> impl Iterator<Item = &Block> {
        self.blocks.iter().filter(|block| block.role != Role::Further)
    }

    /// How many repeated layers route their tokens to experts.
    #[must_use]
    pub fn mixtures(&self) -> u64 {
        let routes = |block: &&Block| block.ops.iter().any(|op| matches!(op, Op::Experts(_)));
        self.layers().filter(routes).map(|block| block.count).sum()
    }

    /// Largest top-k over experts of any layer; `None` for a dense model.
    #[must_use]
    pub fn experts(&self) -> Option<Experts> {
        self.layers().flat_map(|block| &block.ops).find_map(|op| if let Op::Experts(e) = op { Some(*e) } else { None })
    }

    /// The first attention operator, which decides how far tensor parallelism can go.
    #[must_use]
    pub fn attention(&self) -> Option<Attention> {
        self.layers()
            .flat_map(|block| &block.ops)
            .find_map(|op| if let Op::Attention(a) = op { Some(*a) } else { None })
    }
}

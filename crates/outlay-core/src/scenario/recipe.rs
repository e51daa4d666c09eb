//! How the model is trained: method, optimizer, precision, kernels, lengths and the traits of the training stack.
//!
//! What the search may vary (micro-batch, recompute, sharding) is not here but in [`crate::plan`].

use alloc::string::String;
use alloc::vec::Vec;

use crate::dtype::Dtype;
use crate::units::Share;

/// How the model is trained.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// What is trained.
    pub method: Method,
    /// Update rule.
    pub optimizer: Optimizer,
    /// Number formats.
    pub precision: Precision,
    /// Attention kernel.
    pub attention: AttentionKernel,
    /// Cross-entropy kernel.
    pub loss: LossKernel,
    /// What the training program fuses, overlaps and keeps.
    pub stack: Stack,
    /// Tokens of one training sequence (of the main stream).
    pub seq_len: u64,
    /// Tokens of one source sequence, for encoder–decoder models; otherwise unused.
    pub source_len: u64,
    /// Sequences of one optimizer step, over all devices.
    pub global_batch: u64,
    /// Mean share of a sequence's tokens that carry data (1 with packing).
    pub fill: Share,
    /// Dropout is active where the model's config has it.
    pub dropout: bool,
    /// Two of each four weights are zero, in the pattern that sparse tensor cores skip.
    pub two_of_four: bool,
    /// What reads the sequences beside the model in training.
    pub beside: Beside,
}

/// Forward passes without a backward one, over the same sequences: a frozen reference's, or the model's own for a baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Beside {
    /// Such passes over each sequence.
    pub passes: u64,
    /// A whole copy of the model is held for them; adapters that are switched off need none.
    pub copy: bool,
}

/// What is trained.
#[derive(Debug, Clone, PartialEq)]
pub enum Method {
    /// Every parameter.
    Full,
    /// Low-rank adapters on a frozen base.
    Lora(Lora),
    /// Only the last `trained_layers` layers, the final norm and the head.
    Freeze {
        /// Repeated layers, counted from the head, that stay trainable.
        trained_layers: u64,
    },
}

/// Low-rank adapters.
#[derive(Debug, Clone, PartialEq)]
pub struct Lora {
    /// Rank of each adapter.
    pub rank: u64,
    /// Which projections get one.
    pub targets: Targets,
    /// Adapter input goes through dropout with probability above zero.
    pub dropout: bool,
    /// Format of the adapters' weights.
    pub adapter: Dtype,
    /// Format of the frozen base's projections (`Nf4Double` for QLoRA).
    pub base: Dtype,
    /// Also trains a magnitude per output (DoRA).
    pub dora: bool,
}

/// Which projections get an adapter.
#[derive(Debug, Clone, PartialEq)]
pub enum Targets {
    /// All linear layers but the output head.
    AllLinear,
    /// All projections of attention.
    Attention,
    /// Modules of these names.
    Names(Vec<String>),
}

/// Update rule with the format of its state.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Optimizer {
    /// Which rule.
    pub kind: OptimizerKind,
    /// Format of full-width state (fp32, or bf16 in pure-bf16 training).
    pub state: Dtype,
    /// State lives in host memory under pressure (`paged` variants).
    pub paged: bool,
    /// How the update is executed.
    pub execution: OptimizerExecution,
}

/// Update rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OptimizerKind {
    /// Adam with decoupled weight decay.
    AdamW,
    /// AdamW with block-wise 8-bit state.
    AdamW8bit,
    /// AdamW with block-wise 4-bit state.
    AdamW4bit,
    /// Factored second moment, no momentum.
    Adafactor,
    /// Sign momentum.
    Lion,
    /// Plain gradient descent.
    Sgd,
    /// Gradient descent with momentum.
    SgdMomentum,
    /// Orthogonalised momentum on hidden matrices, AdamW elsewhere.
    Muon,
}

/// How the update is executed: decides temporaries and launches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OptimizerExecution {
    /// One fused kernel, no temporaries.
    Fused,
    /// Batched over tensors with temporaries of the size of the state (PyTorch's default).
    Foreach,
    /// Tensor by tensor.
    Loop,
    /// During the backward pass, tensor by tensor: gradients are never all alive.
    InBackward,
}

impl Recipe {
    /// The recipe as it runs where weights are gathered: whoever gathers them casts them once, into the compute format, so
    /// that autocast finds nothing left to cast and the residual stream is narrow as well. Adapters go on casting their input.
    #[must_use]
    pub fn gathered(&self) -> Self {
        let autocast = self.precision.autocast && matches!(self.method, Method::Lora(_));
        Self { precision: Precision { autocast, ..self.precision }, ..self.clone() }
    }

    /// Whether the weights of the model are stored wider than autocast multiplies them; the residual stream is wide then too.
    #[must_use]
    pub fn casts(&self) -> bool {
        let stored = match &self.method {
            Method::Lora(lora) => lora.base,
            Method::Full | Method::Freeze { .. } => self.precision.weights,
        };
        self.precision.autocast && stored == Dtype::Fp32
    }
}

/// Number formats of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Precision {
    /// Format the large matrix products run in.
    pub compute: Dtype,
    /// Format trainable weights are stored in.
    pub weights: Dtype,
    /// Format gradients are kept in.
    pub gradients: Dtype,
    /// Keeps another fp32 copy of the weights in the optimizer.
    pub master: bool,
    /// Operators cast what they multiply to `compute` (`torch.autocast`); the residual stream stays in the format of the weights.
    pub autocast: bool,
}

impl Precision {
    /// Format of the residual stream and of most kept activations: 16 bit under fp8 recipes.
    #[must_use]
    pub const fn activations(self) -> Dtype {
        match self.compute {
            Dtype::Fp32 | Dtype::Tf32 => Dtype::Fp32,
            Dtype::Fp16 => Dtype::Fp16,
            _ => Dtype::Bf16,
        }
    }

    /// Weights can travel in the format they are multiplied in. Scales of rows differ for the two directions a weight is
    /// multiplied in, so that it travels in 16 bit and is cast where it is used.
    #[must_use]
    pub fn gathers_narrow(self) -> bool {
        self.compute.is_narrow() && self.compute != Dtype::Fp8Row
    }
}

/// Attention kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttentionKernel {
    /// Scores written out; softmax in fp32.
    Eager,
    /// Scores written out, scale–mask–softmax fused (Megatron's classic kernel).
    FusedSoftmax,
    /// PyTorch's `scaled_dot_product_attention`: the best flash kernel it has.
    Sdpa,
    /// The same on a CPU, where dropout on the scores makes it write them out in fp32: what trackers without a device see.
    SdpaCpu,
    /// The first flash attention, as a Triton kernel.
    Flash1,
    /// Flash attention 2.
    Flash2,
    /// Flash attention 3 (Hopper).
    Flash3,
    /// cuDNN's fused attention, as Transformer Engine calls it; on other vendors their own best kernel.
    Cudnn,
}

/// What is kept in host memory between the forward pass of a layer and its backward pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Parked {
    /// Nothing.
    Nothing,
    /// Inputs of layers that are computed again.
    Checkpoints,
    /// All that layers keep for their backward pass.
    All,
}

/// Cross-entropy kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LossKernel {
    /// Logits upcast to fp32 and kept.
    Eager,
    /// Logits in 16 bit, one fused kernel that overwrites them with their gradient.
    Fused,
    /// Projection and loss chunk by chunk; the logits never exist whole.
    Chunked,
}

/// What a training program fuses, overlaps and keeps. A row of a data file; nothing branches on its name.
#[derive(Debug, Clone, PartialEq)]
pub struct Stack {
    /// Identifier of the row.
    pub id: String,
    /// The program that this is a release of, by which calibration and intervals know it; most often [`Self::id`].
    pub program: String,
    /// Norms run as one kernel and keep only their input.
    pub fused_norm: bool,
    /// Gate and product of the feed-forward run as one kernel and keep only their inputs.
    pub fused_activation: bool,
    /// Rotary embedding runs as one kernel.
    pub fused_rotary: bool,
    /// PyTorch's attention gets an explicit mask (Hugging Face, for packed or padded samples): each layer keeps a 16-bit
    /// copy of it, and grouped key/value heads are repeated, because masked kernels know no groups.
    pub explicit_mask: bool,
    /// Layers pass through a compiler that fuses element-wise operators.
    pub compiled: bool,
    /// Launches are recorded and replayed (CUDA graphs, XLA, other whole-program compilers).
    pub graphs: bool,
    /// CUDA graphs are replayed for attention and routing, layer by layer, while experts are launched.
    pub graphs_of_parts: bool,
    /// The host waits for each kernel before it launches the next.
    pub launch_blocking: bool,
    /// Under 8- and 4-bit recipes the inputs of products are kept for the backward pass in the narrow format (Transformer
    /// Engine), not in 16 bit.
    pub saves_narrow: bool,
    /// Splits only the batch and shards what it stores: no tensor, pipeline, context or expert parallelism unless fixed by
    /// the one who asks.
    pub data_parallel_only: bool,
    /// Under 8- and 4-bit recipes weights travel in 8 bit when they are gathered.
    pub gathers_narrow: bool,
    /// Can compute some of the layers again and keep the others.
    pub recomputes_some: bool,
    /// Products that make a weight's gradient add it to those of the micro-batches before as they write it; otherwise that is
    /// a pass over memory of its own.
    pub fuses_accumulation: bool,
    /// Gradients that are summed in fp32 stand beside those in 16 bit that the backward pass made.
    pub both_gradients: bool,
    /// Before the update, the gradients of a rank's shard are written out in fp32 where they are kept in 16 bit.
    pub widens_gradients: bool,
    /// Gradients that are flattened and reduced together; `None`: as many as a small buffer holds.
    pub bucket: Option<u64>,
    /// Selective recomputation computes every second product of a layer again, and all between them; attention's result and
    /// the other products are kept.
    pub selective_products: bool,
    /// What layers keep for the backward pass in host memory.
    pub parks: Parked,
    /// Lets layers be dealt out over pipeline stages by hand.
    pub uneven_stages: bool,
    /// Can fill the pipeline's bubble with weight gradients: from this many virtual stages on a rank.
    pub zero_bubble: Option<u64>,
    /// Can feed the pipeline from both ends.
    pub dualpipe: bool,
    /// The host never waits to learn how a mixture's tokens were routed, where there are kernels that do without it.
    pub sync_free: bool,
    /// A token travels once to each machine, and there once to each accelerator, that has experts of its choice (DeepEP,
    /// HybridEP); otherwise once for each expert.
    pub sends_once: bool,
    /// Every expert runs on every token, and what was not chosen is masked out.
    pub all_experts: bool,
    /// Parameters that full sharding gathers ahead of their use at most; `None`: a whole layer.
    pub gathers_ahead: Option<u64>,
    /// Gathered parameters are let go if so many others are used before they are needed again; `None`: a layer that is computed
    /// again stays for its backward pass.
    pub keeps_within: Option<u64>,
    /// Share of data-parallel and FSDP traffic that can hide under computation.
    pub overlap_dp: Share,
    /// Share of tensor-parallel traffic that can hide.
    pub overlap_tp: Share,
    /// Share of pipeline point-to-point traffic that can hide.
    pub overlap_pp: Share,
    /// Share of context-parallel traffic that can hide.
    pub overlap_cp: Share,
    /// Share of expert all-to-all traffic that can hide.
    pub overlap_ep: Share,
    /// Share of the traffic of activations to and from the host that can hide.
    pub overlap_host: Share,
    /// Share of expert all-to-all traffic that can hide in an interleaved pipeline, where another micro-batch computes meanwhile.
    pub overlap_ep_interleaved: Share,
}

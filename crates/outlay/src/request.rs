//! Exactly what was asked: the job file, the flags, the API body and Python's arguments all become this.
//!
//! Every key is optional here, because what is missing and what contradicts what is decided in one place, `resolve`,
//! which reports all problems at once. Amounts stay as written (`"12M"`, `12000000`); `resolve` gives them units.
//!
//! Does not know: defaults (`defaults.toml`), the catalog, whether any of it is possible.

use serde::{Deserialize, Serialize};

/// A number as a person writes it: `12000000`, `"12M"`, `"$500"`, `"48h"`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum Amount {
    /// A plain number.
    Number(f64),
    /// A number with a suffix or unit.
    Text(String),
}

/// A job.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// What is trained.
    pub model: ModelRequest,
    /// Which of its parameters, and how.
    pub method: MethodRequest,
    /// On what, and how much of it.
    pub data: DataRequest,
    /// With which settings.
    pub train: TrainRequest,
    /// On which machines it may run.
    pub hardware: HardwareRequest,
    /// How the work is split, where the user fixes it.
    pub layout: LayoutRequest,
    /// What it may cost and take.
    pub limits: LimitsRequest,
    /// What "best" means.
    pub goal: GoalRequest,
    /// What the user measured.
    pub observed: ObservedRequest,
}

/// `[model]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ModelRequest {
    /// Preset name, path of a `config.json` or its folder, or `org/name` of the hub.
    pub base: Option<String>,
    /// `pretrained` or `scratch`.
    pub start: Option<String>,
    /// The text of a `config.json`, once a shell has fetched it; takes the place of looking `base` up.
    pub config: Option<serde_json::Value>,
    /// A model described by hand.
    pub custom: Option<CustomModel>,
}

/// `[model.custom]`: a decoder described by its dimensions. Blank means the usual choice, and is noted as assumed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CustomModel {
    /// Repeated layers.
    pub layers: Option<u64>,
    /// Width of the residual stream.
    pub hidden: Option<u64>,
    /// Width of the feed-forward (of one expert, for a mixture of experts).
    pub ffn: Option<u64>,
    /// Query heads.
    pub heads: Option<u64>,
    /// Key/value heads; blank: as many as query heads.
    pub kv_heads: Option<u64>,
    /// Elements of a head; blank: hidden / heads.
    pub head_dim: Option<u64>,
    /// Rows of the embedding.
    pub vocab: Option<u64>,
    /// The feed-forward has a gate (SwiGLU); blank: yes.
    pub gated: Option<bool>,
    /// `silu`, `gelu`, `relu`, …
    pub activation: Option<String>,
    /// Input and output embeddings are one table; blank: no.
    pub tied: Option<bool>,
    /// Projections have biases; blank: no.
    pub bias: Option<bool>,
    /// `rms` or `layer`; blank: rms.
    pub norm: Option<String>,
    /// Learned position table of this many rows; blank: none (rotary).
    pub learned_positions: Option<u64>,
    /// Experts of each mixture layer; blank: a dense model.
    pub experts: Option<u64>,
    /// Experts a token passes through.
    pub top_k: Option<u64>,
    /// Feed-forward width of all shared experts together.
    pub shared_ffn: Option<u64>,
    /// Leading layers without experts.
    pub dense_layers: Option<u64>,
    /// Feed-forward width of the dense layers of a mixture.
    pub dense_ffn: Option<u64>,
    /// Keys a query sees; blank: all before it.
    pub window: Option<u64>,
    /// Every how many-th layer sees all keys when `window` is set; blank: none.
    pub global_every: Option<u64>,
}

/// `[method]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MethodRequest {
    /// `full`, `lora`, `qlora`, `dora`, `freeze`.
    pub kind: Option<String>,
    /// Rank of the adapters.
    pub rank: Option<u64>,
    /// `all-linear`, `attention`, or module names.
    pub targets: Option<Targets>,
    /// Dropout on the adapters' input.
    pub dropout: Option<f64>,
    /// Format of the adapters: `bf16` or `fp32`.
    pub adapter_dtype: Option<String>,
    /// Format of the frozen base: `bf16`, `int8`, `nf4`.
    pub base_dtype: Option<String>,
    /// Scales of the quantised base are quantised too.
    pub double_quant: Option<bool>,
    /// Layers that stay trainable under `freeze`, counted from the head.
    pub trained_layers: Option<u64>,
}

/// Adapter targets as written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum Targets {
    /// A set by name, or one module.
    One(String),
    /// Module names.
    Many(Vec<String>),
}

/// `[data]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DataRequest {
    /// A data file; its size stands in for `tokens` when that is blank.
    pub path: Option<String>,
    /// Distinct tokens.
    pub tokens: Option<Amount>,
    /// Samples, an alternative to tokens: each fills `mean_len` tokens.
    pub samples: Option<Amount>,
    /// Mean tokens of a sample; blank: the sequence length.
    pub mean_len: Option<u64>,
    /// Tokens of a training sequence.
    pub seq_len: Option<u64>,
    /// Tokens of a source sequence (encoder–decoder).
    pub source_len: Option<u64>,
    /// Samples are packed into full sequences rather than padded.
    pub packing: Option<bool>,
    /// Passes over the data.
    pub epochs: Option<f64>,
    /// Optimizer steps, an alternative to epochs.
    pub steps: Option<u64>,
    /// Where it lies, `provider:region`.
    pub location: Option<String>,
    /// Stored size (`"40 GB"`).
    pub stored: Option<Amount>,
}

/// `[train]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrainRequest {
    /// Sequences of one optimizer step over all devices.
    pub global_batch: Option<u64>,
    /// `fp32`, `tf32`, `bf16`, `bf16-pure`, `bf16-autocast`, `fp16`, `fp8`, `mxfp8`, `nvfp4`, `int8`.
    pub precision: Option<String>,
    /// `adamw`, `adamw-8bit`, `paged-adamw-8bit`, `adamw-4bit`, `adafactor`, `lion`, `sgd`, `sgd-momentum`, `muon`.
    pub optimizer: Option<String>,
    /// How the update runs: `fused`, `foreach`, `loop`, `in-backward`.
    pub optimizer_execution: Option<String>,
    /// `none`, `selective`, `full`, or `auto`: the search decides.
    pub recompute: Option<String>,
    /// `eager`, `fused-softmax`, `sdpa`, `sdpa-cpu` (what a tracker without a device sees), `flash1`, `flash2`, `flash3`,
    /// `cudnn`, or `auto`.
    pub attention: Option<String>,
    /// `eager`, `fused`, `chunked`.
    pub loss: Option<String>,
    /// The training program: a row of the stacks' table.
    pub stack: Option<String>,
    /// Layers go through a compiler.
    pub compile: Option<bool>,
    /// Dropout is active where the model has it.
    pub dropout: Option<bool>,
    /// `auto`, `none`, or a time between checkpoints (`"30m"`).
    pub checkpoint: Option<Amount>,
}

/// `[hardware]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HardwareRequest {
    /// Accelerator keys or aliases, with `*`; blank or `any`: all.
    pub accelerators: Vec<String>,
    /// Exactly so many.
    pub gpus: Option<u64>,
    /// At most so many.
    pub max_gpus: Option<u64>,
    /// `on-demand`, `spot`, `reserved`, `owned`.
    pub purchase: Vec<String>,
    /// Regions, with `*`.
    pub regions: Vec<String>,
    /// Providers.
    pub providers: Vec<String>,
    /// A node shape of the catalog, instead of those of the offers.
    pub node: Option<String>,
    /// Accelerators of one node, where no catalogued shape fits.
    pub gpus_per_node: Option<u64>,
    /// Network between nodes, Gbit/s per accelerator.
    pub network_gbit: Option<f64>,
    /// Technology of that network: `infiniband`, `roce`, `efa`, `omni-path`, `tcp`, …
    pub network: Option<String>,
    /// Technology of the link inside a node: `nvlink`, `nvswitch`, `pcie`, …
    pub link: Option<String>,
    /// Accelerators reached over the fast link.
    pub domain: Option<u64>,
    /// Price of one accelerator-hour of one's own machines (`"$1.20"`).
    pub owned_price: Option<Amount>,
}

/// `[layout]`: whatever is given is fixed, the rest is searched.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LayoutRequest {
    /// Data-parallel replicas.
    pub dp: Option<u64>,
    /// Tensor-parallel width.
    pub tp: Option<u64>,
    /// Pipeline stages.
    pub pp: Option<u64>,
    /// Virtual stages per pipeline rank.
    pub vpp: Option<u64>,
    /// Context-parallel width.
    pub cp: Option<u64>,
    /// Expert-parallel width.
    pub ep: Option<u64>,
    /// `none`, `zero1`, `zero2`, `zero3`, `fsdp`.
    pub zero: Option<String>,
    /// Ranks that share one sharded copy (hybrid sharding).
    pub shard: Option<u64>,
    /// Norm regions are split along the sequence over tensor-parallel ranks.
    pub sequence_parallel: Option<bool>,
    /// Sequences of one forward pass on one replica.
    pub micro_batch: Option<u64>,
    /// `gpipe`, `1f1b`, `zero-bubble`, `dualpipe`.
    pub schedule: Option<String>,
    /// `none`, `optimizer`, `optimizer+parameters`.
    pub offload: Option<String>,
}

/// `[limits]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsRequest {
    /// Most money (`"$500"`).
    pub budget: Option<Amount>,
    /// Most time (`"48h"`, `"3d"`).
    pub deadline: Option<Amount>,
}

/// `[goal]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GoalRequest {
    /// `cost`, `time`, `cost*time`.
    pub minimize: Option<String>,
}

/// `[observed]`: a measurement of the user's own, on this job's model and program. It sharpens the forecast.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ObservedRequest {
    /// Tokens per second of one accelerator.
    pub tokens_per_s: Option<Amount>,
    /// Time of one optimizer step (`"2.1s"`).
    pub step_time: Option<Amount>,
    /// On which accelerator; blank: the one that `[hardware]` names.
    pub accelerator: Option<String>,
    /// On how many; blank: `hardware.gpus`.
    pub gpus: Option<u64>,
    /// With which micro-batch; blank: `layout.micro_batch`.
    pub micro_batch: Option<u64>,
}

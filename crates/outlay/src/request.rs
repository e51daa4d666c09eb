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
    /// What is paid beside the run.
    pub extras: ExtrasRequest,
    /// Small runs of the user's own on the same data (`[[pilot]]`).
    pub pilot: Vec<PilotRequest>,
    /// Keys whose value the search may choose (`[vary]`): each with the list of values that would do, as
    /// `train.precision = ["bf16", "fp8"]`; `train.global_batch` may be `"auto"`.
    pub vary: Option<serde_json::Value>,
    /// What whoever wrote this job for the user has to say about it; shown among the warnings.
    pub remarks: Vec<String>,
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
    /// How close the base model's text is to the data: `far`, `related`, `near`, or a number from 0 to 1.
    pub closeness: Option<Amount>,
    /// Keys a query sees, in every layer.
    pub window: Option<u64>,
    /// Strided attention: a query sees the last so many keys, and every so many-th before.
    pub stride: Option<u64>,
    /// Layers that run one after the other on the same weights.
    pub shared_layers: Option<u64>,
    /// Tokens predicted beside the next in training (multi-token prediction); 0 leaves the modules for it out.
    pub mtp: Option<u64>,
    /// Weights held at zero: `2:4`, or a share for unstructured zeros.
    pub sparsity: Option<Amount>,
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
    /// Samples, an alternative to tokens: each fills `mean_len` tokens, a pair of answers twice that.
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
    /// Language of the text; with the stored size it stands in for `tokens`.
    pub language: Option<String>,
    /// What a token is worth against ordinary text of its kind: below 1 noisy, above 1 carefully chosen.
    pub quality: Option<f64>,
    /// Variants made of each sample (augmentation); each pass sees another.
    pub variants: Option<f64>,
    /// When text becomes tokens: `done`, `before` the run, or `on-the-fly`.
    pub prepare: Option<String>,
    /// Processes that prepare on one machine.
    pub workers: Option<u64>,
    /// Tokens that one process prepares in a second.
    pub prepare_rate: Option<Amount>,
    /// What one machine reads from storage in a second (`"200 MB"`).
    pub read_rate: Option<Amount>,
    /// After the first pass data are read from the machine's own disk.
    pub cached: Option<bool>,
    /// A file that `outlay data scan --json` wrote: tokens, lengths, packing and rates come from it.
    pub scan: Option<String>,
    /// What stood in that file, once a shell has read it.
    pub measured: Option<serde_json::Value>,
}

/// `[train]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrainRequest {
    /// Sequences of one optimizer step over all devices.
    pub global_batch: Option<u64>,
    /// `fp32`, `tf32`, `bf16`, `bf16-pure`, `bf16-autocast`, `fp16`, `fp8`, `fp8-rowwise`, `mxfp8`, `nvfp4`, `int8`.
    pub precision: Option<String>,
    /// What gradients are summed and exchanged in: `fp32`, `fp16` or `bf16` (else: as the training program does by itself).
    pub gradients: Option<String>,
    /// `adamw`, `adamw-8bit`, `paged-adamw-8bit`, `adamw-4bit`, `adafactor`, `lion`, `sgd`, `sgd-momentum`, `muon`.
    pub optimizer: Option<String>,
    /// How the update runs: `fused`, `foreach`, `loop`, `in-backward`.
    pub optimizer_execution: Option<String>,
    /// `none`, `selective`, `quarter`, `half`, `three-quarters` or `3/8` (of the layers), `full`, or `auto`:
    /// the search decides.
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
    /// CUDA graphs, which the host replays instead of launching kernel by kernel: `none`, `parts` (attention and routing, layer by
    /// layer; experts are launched), `step` (else: as the training program does by itself).
    pub cuda_graphs: Option<String>,
    /// What layers keep for their backward pass lies in host memory meanwhile; blank: as the training program does by itself
    /// (Unsloth moves the inputs of layers that are computed again).
    pub activation_offload: Option<bool>,
    /// The host waits for each kernel before it launches the next (`CUDA_LAUNCH_BLOCKING=1`, set to find hangs and faults).
    pub launch_blocking: Option<bool>,
    /// Dropout is active where the model has it.
    pub dropout: Option<bool>,
    /// `auto`, `none`, or a time between checkpoints (`"30m"`).
    pub checkpoint: Option<Amount>,
    /// The run goes on while a checkpoint is written.
    pub checkpoint_async: Option<bool>,
    /// Checkpoints kept at a time.
    pub checkpoints_kept: Option<u64>,
    /// Peak learning rate; blank: the recommended one.
    pub learning_rate: Option<f64>,
    /// `cosine`, `linear`, `wsd`, `constant`.
    pub schedule: Option<String>,
    /// Share of the run over which a `wsd` schedule comes down.
    pub cooldown: Option<f64>,
    /// Loss to reach, in nats a token, instead of epochs, steps or tokens.
    pub target_loss: Option<f64>,
    /// Share of downstream questions answered wrongly to reach, instead of a loss.
    pub target_error: Option<f64>,
    /// Stops when nothing improves any more.
    pub early_stopping: Option<StoppingRequest>,
    /// Search for settings before the run.
    pub sweep: Option<SweepRequest>,
    /// What is learned: `next-token`, `dpo` (pairs, with a frozen reference), `orpo` (pairs without), `kto`, `reward` (pairs). Sequences
    /// and tokens are counted singly, a pair being two.
    pub objective: Option<String>,
    /// Time spent evaluating, as a share of training.
    pub evaluation: Option<f64>,
    /// Attempts that are thrown away, in full runs.
    pub failed_attempts: Option<f64>,
}

/// `[train.early_stopping]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StoppingRequest {
    /// Evaluations without improvement that are waited for.
    pub patience: Option<u64>,
    /// Evaluations in a pass over the data.
    pub per_epoch: Option<u64>,
    /// Pass after which the model is expected to be best.
    pub best_epoch: Option<f64>,
}

/// `[train.sweep]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SweepRequest {
    /// `grid`, `random`, `halving`, `hyperband`, `asha`, `pbt`, `bayesian`, `mutransfer`.
    pub kind: Option<String>,
    /// Trials started.
    pub trials: Option<u64>,
    /// One in so many trials goes on at each rung.
    pub eta: Option<u64>,
    /// Trials at a time, each on machines of its own.
    pub parallel: Option<u64>,
    /// Share of the full run that a trial may take.
    pub length: Option<f64>,
    /// Trials that go on resume from where they were.
    pub resume: Option<bool>,
    /// Parameters of the small model that stands in for the large one (`mutransfer`).
    pub proxy_params: Option<Amount>,
    /// Tokens that model is trained on.
    pub proxy_tokens: Option<Amount>,
}

/// `[[pilot]]`: a small run of the user's own on the same data.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PilotRequest {
    /// Parameters.
    pub params: Option<Amount>,
    /// Tokens trained on.
    pub tokens: Option<Amount>,
    /// Loss reached, in nats a token.
    pub loss: Option<f64>,
}

/// `[extras]`: what is paid beside the run; nothing unless said.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ExtrasRequest {
    /// Hours of engineers.
    pub engineering_hours: Option<f64>,
    /// Price of one.
    pub engineer_usd_per_hour: Option<Amount>,
    /// Tools and services.
    pub tooling: Option<Amount>,
    /// Licences of data and models.
    pub licences: Option<Amount>,
    /// Safety reviews and red teaming.
    pub safety: Option<Amount>,
    /// Deployment.
    pub deployment: Option<Amount>,
    /// Anything else.
    pub other: Option<Amount>,
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
    /// `on-demand`, `spot`, `reserved` (or `reserved-1y`, `reserved-3y`), `owned`, `block` (bought ahead), `mixed` (a steady part with
    /// spot machines beside it), or one mixture as an answer writes it: `2 in 4 on-demand, spot`.
    pub purchase: Vec<String>,
    /// Regions, with `*`.
    pub regions: Vec<String>,
    /// Providers.
    pub providers: Vec<String>,
    /// The provider's name for the machine; an estimate is then made on that offer.
    pub instance: Option<String>,
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
    /// What one machine of one's own cost; with life and use it gives the hour's price.
    pub owned_capex: Option<Amount>,
    /// Years it is used.
    pub owned_life: Option<f64>,
    /// Share of the hours it does useful work.
    pub owned_use: Option<f64>,
    /// Price of a kilowatt-hour for one's own machines.
    pub electricity: Option<Amount>,
    /// Mean time between preemptions of one spot machine, where you know better (`"4h"`).
    pub preemption: Option<Amount>,
    /// Mean time between failures of one machine (`"200d"`).
    pub node_mtbf: Option<Amount>,
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
    /// Layers of a full pipeline stage; the last one has what is left. 0: as few as it takes.
    pub stage_layers: Option<u64>,
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
    /// `cost`, `time`, `cost*time`, `worst-cost` (what one run in ten exceeds), `card` (least accelerator memory), `loss` (as many
    /// tokens as the limits buy).
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

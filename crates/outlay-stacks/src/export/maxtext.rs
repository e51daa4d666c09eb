//! MaxText's YAML over its `base.yml`, for the module that trains: from scratch, all of a pretrained model, or adapters.
//!
//! Its mesh has an axis for everything that splits work, and one program drives all devices: on GPUs one process a machine,
//! on TPUs one a host. All widths are written as axes of one slice (`ici_*`); who spans several slices moves the widest of
//! them to its `dcn_*` twin. Models that it has a file for are named, others told by their dimensions where a plain decoder
//! block of its own is what they are; pretrained weights are loaded for named ones alone.
//!
//! Pipelines run all forward passes before the first backward pass, and what is sharded is sharded whole: orders of work and
//! degrees of sharding between are refused.

use outlay::Problem;
use outlay::core::dtype::Dtype;
use outlay::core::layout::{Layout, Offload, Recompute, Schedule as Order, Zero};
use outlay::core::learning::rate::Schedule;
use outlay::core::model::ActivationKind;
use outlay::core::scenario::cluster::Vendor;
use outlay::core::scenario::recipe::{AttentionKernel, LossKernel};
use outlay::request::Request;

use super::chosen::{Chosen, adapted, cannot, no_frozen_layers, plain_adapters, recomputed};
use super::decoder::Decoder;
use super::launch::{By, Start};
use super::node::Map;
use super::{Exported, File, head, hf};

/// Its command line takes files of this ending alone.
const NAME: &str = "maxtext.yml";
const STACK: &str = "MaxText";

/// Presets of ours by its `model_name`, rows of `data/models/maxtext.txt`.
const MODELS: &[(&str, &str)] = &[
    ("deepseek-v2", "deepseek2-236b"),
    ("deepseek-v2-lite", "deepseek2-16b"),
    ("deepseek-v3", "deepseek3-671b"),
    ("gemma-2b", "gemma-2b"),
    ("gemma-7b", "gemma-7b"),
    ("gpt-oss-120b", "gpt-oss-120b"),
    ("gpt-oss-20b", "gpt-oss-20b"),
    ("kimi-k2", "kimi-k2-1t"),
    ("llama-2-13b", "llama2-13b"),
    ("llama-2-70b", "llama2-70b"),
    ("llama-2-7b", "llama2-7b"),
    ("llama-3.1-8b", "llama3.1-8b"),
    ("llama3-70b", "llama3-70b"),
    ("llama3.1-405b", "llama3.1-405b"),
    ("llama3.1-70b", "llama3.1-70b"),
    ("llama4-scout", "llama4-17b-16e"),
    ("mistral-7b-v0.1", "mistral-7b"),
    ("mixtral-8x22b", "mixtral-8x22b"),
    ("mixtral-8x7b", "mixtral-8x7b"),
    ("qwen2.5-1.5b", "qwen2.5-1.5b"),
    ("qwen2.5-14b", "qwen2.5-14b"),
    ("qwen3-0.6b", "qwen3-0.6b"),
    ("qwen3-1.7b", "qwen3-1.7b"),
    ("qwen3-14b", "qwen3-14b"),
    ("qwen3-235b-a22b", "qwen3-235b-a22b"),
    ("qwen3-30b-a3b", "qwen3-30b-a3b"),
    ("qwen3-32b", "qwen3-32b"),
    ("qwen3-4b", "qwen3-4b"),
    ("qwen3-8b", "qwen3-8b"),
    ("qwen3-coder-480b-a35b", "qwen3-480b-a35b"),
];

/// Beginnings of its names whose blocks it lets muon update.
const MUON: &[&str] = &["llama2", "llama3", "qwen3", "gpt-oss", "deepseek"];

/// The one order of work that its pipelines have.
pub(crate) fn fit(request: &mut Request, notes: &mut Vec<String>) {
    if request.layout.schedule.is_none() {
        request.layout.schedule = Some("gpipe".into());
        if request.layout.pp.is_some_and(|stages| stages > 1) {
            notes.push("planned with layout.schedule = \"gpipe\": MaxText has no other order on a pipeline".into());
        }
    }
}

pub(crate) fn write(
    chosen: &Chosen<'_>,
    _version: Option<&str>,
    exported: &mut Exported,
) -> Result<Start, Vec<Problem>> {
    let mut problems = refused(chosen);
    let tpu = vendor(chosen) == Vendor::Google;
    let adapters = chosen.lora().is_some();
    let mut map = Map::new();
    map.set("base_config", if adapters { "post_train/sft.yml" } else { "base.yml" });
    map.set("run_name", "out").note("base_output_directory", ".", "checkpoints go to out/checkpoints");
    map.set("hardware", if tpu { "tpu" } else { "gpu" });
    let known = model(chosen, &mut map, &mut problems);
    split(chosen, &mut map, &mut problems);
    batch(chosen, &mut map);
    map.set("remat_policy", recompute(chosen, &mut problems));
    formats(chosen, tpu, &mut map, &mut problems);
    optimizer(chosen, known, &mut map, &mut problems);
    if let Some(kernel) = attention(chosen, tpu, &mut problems) {
        map.set("attention", kernel);
        if kernel == "cudnn_flash_te" && chosen.packing() {
            // It wants to know how many samples one sequence may hold: as many as could be of a line or two.
            map.set("max_segments_per_seq", chosen.scenario.recipe.seq_len.div_ceil(64).max(32));
        }
    }
    if chosen.scenario.recipe.loss == LossKernel::Chunked {
        map.set("num_vocab_tiling", 8u64);
    }
    if let Some(lora) = lora(chosen, &mut problems) {
        map.set("lora", lora);
    }
    saves(chosen, &mut map);
    data(chosen, &mut map);
    if !problems.is_empty() {
        return Err(problems);
    }
    hf::open_data(chosen, exported);
    if !chosen.scratch() {
        exported.open("load_parameters_path: the weights, converted by maxtext.checkpoint_conversion.to_maxtext");
    }
    if adapters && !tpu {
        exported
            .notes
            .push("MaxText packages adapters for TPUs: on GPUs install google-tunix and qwix beside it".into());
    }
    if tpu && chosen.plan.nodes > 1 {
        exported.notes.push("all axes are those of one slice; over several, move a width to its dcn_* twin".into());
    }
    let text = head(chosen, "MaxText", &exported.open) + &map.yaml();
    exported.files.insert(0, File { name: NAME.into(), text });
    let module = match (adapters, chosen.scratch()) {
        (true, _) => "post_train.sft.train_sft",
        (false, true) => "pre_train.train",
        (false, false) => "post_train.sft.train_sft_native",
    };
    let extra = match (tpu, adapters) {
        (false, _) => "cuda12",
        (true, false) => "tpu",
        (true, true) => "tpu-post-train",
    };
    Ok(Start {
        install: vec![format!("pip install 'maxtext[{extra}]==0.2.*'")],
        env: Vec::new(),
        by: By::Jax(format!("python3 -m maxtext.trainers.{module} {NAME}")),
        files: vec![NAME.into()],
        output: "out",
    })
}

fn vendor(chosen: &Chosen<'_>) -> Vendor {
    chosen.scenario.offers[0].accelerator.vendor
}

fn refused(chosen: &Chosen<'_>) -> Vec<Problem> {
    let recipe = &chosen.scenario.recipe;
    let mut problems = Vec::new();
    no_frozen_layers(chosen, STACK, &mut problems);
    if !recipe.stack.compiled {
        problems.push(cannot(STACK, "train.compile", "running uncompiled", "fix train.compile = true"));
    }
    if recipe.loss == LossKernel::Eager {
        let help = "fix train.loss = \"fused\" or \"chunked\"";
        problems.push(cannot(STACK, "train.loss", "a loss that the compiler does not fuse", help));
    }
    if chosen.scratch() && !chosen.packing() {
        problems.push(cannot(STACK, "data.packing", "padded samples in pre-training", "fix data.packing = true"));
    }
    problems
}

/// The model by its name, or by its dimensions; the name.
fn model(chosen: &Chosen<'_>, map: &mut Map, problems: &mut Vec<Problem>) -> Option<&'static str> {
    let base = chosen.preset.as_deref();
    if let Some((_, name)) = MODELS.iter().find(|(ours, _)| Some(*ours) == base) {
        map.set("model_name", *name);
        return Some(name);
    }
    if !chosen.scratch() {
        let help = "axolotl and trl take any model of the hub: --to axolotl";
        problems.push(cannot(STACK, "model.base", &format!("the weights of {}", chosen.model.text()), help));
        return None;
    }
    let decoder = Decoder::of(chosen, STACK, problems)?;
    let model = &chosen.scenario.model;
    let block = match (decoder.experts.is_some(), decoder.norm_on_heads) {
        (false, false) => "llama2",
        (true, false) => "mixtral",
        (false, true) => "qwen3",
        (true, true) => "qwen3_moe",
    };
    let plain = (decoder.kind, decoder.gated) == (ActivationKind::Silu, true);
    if !plain || decoder.centred || decoder.bias || !decoder.rotary || model.further() > 0 {
        let what = "a decoder other than of gated SiLU, RMSNorm and rotary positions without biases";
        problems.push(cannot(
            STACK,
            "model.base",
            what,
            "megatron-lm has GELU, LayerNorm and biases: --to megatron-lm",
        ));
    }
    map.set("decoder_block", block);
    map.set("base_num_decoder_layers", model.depth()).set("base_emb_dim", model.hidden);
    map.set("base_mlp_dim", decoder.ffn);
    map.set("base_num_query_heads", decoder.attention.heads).set("base_num_kv_heads", decoder.attention.kv_heads);
    map.set("head_dim", decoder.attention.qk_dim).set("vocab_size", model.vocab);
    map.set("mlp_activations", vec!["silu", "linear"]).set("logits_via_embedding", decoder.tied);
    if decoder.qkv_bias {
        map.set("attention_bias", true);
    }
    if decoder.norm_on_heads {
        map.set("use_qk_norm", true);
    }
    if let Some(window) = decoder.window {
        map.set("attention_type", "local_sliding").set("sliding_window_size", window);
    }
    if let Some(experts) = decoder.experts {
        map.set("num_experts", experts.experts).set("num_experts_per_tok", experts.top_k);
        map.set("base_moe_mlp_dim", experts.ffn);
    }
    None
}

fn split(chosen: &Chosen<'_>, map: &mut Map, problems: &mut Vec<Problem>) {
    let layout = chosen.layout();
    let ep = layout.ep.max(1);
    let (mut data, mut shard) = (layout.dp, 1);
    match layout.zero {
        Zero::None => {}
        Zero::One => {
            map.set("shard_optimizer_over_data", true);
        }
        Zero::Two => {
            let help = "fix layout.zero = \"none\", \"zero1\" or \"fsdp\"; deepspeed and torchtitan have it";
            problems.push(cannot(STACK, "layout.zero", "sharding all but the weights", help));
        }
        Zero::Three => (data, shard) = (layout.dp / layout.shard.max(1), layout.shard),
    }
    if layout.zero != Zero::Three && (ep > 1 || layout.cp > 1) {
        let help = "fix layout.zero = \"fsdp\": it shards weights over those ranks too";
        problems.push(cannot(STACK, "layout.zero", "whole weights on ranks that split sequences or experts", help));
    } else if !shard.is_multiple_of(ep) {
        let help = "fix layout.ep to a divisor of the ranks that share one copy";
        problems.push(cannot(STACK, "layout.ep", "experts over other ranks than data-parallel ones", help));
    }
    if layout.tp > 1 && !layout.sequence_parallel {
        let help = "fix layout.sequence_parallel = true";
        problems.push(cannot(STACK, "layout.sequence_parallel", "norms that tensor parallelism does not split", help));
    }
    map.set("ici_data_parallelism", data).set("ici_fsdp_parallelism", shard / ep);
    for (key, width) in [
        ("ici_tensor_sequence_parallelism", layout.tp),
        ("ici_context_parallelism", layout.cp),
        ("ici_expert_parallelism", ep),
    ] {
        if width > 1 {
            map.set(key, width);
        }
    }
    if layout.pp > 1 {
        pipeline(chosen, layout, map, problems);
    }
    match layout.offload {
        Offload::None => {}
        Offload::Optimizer => {
            map.set("optimizer_memory_host_offload", true);
        }
        Offload::OptimizerAndParameters => {
            map.set("optimizer_memory_host_offload", true).set("parameter_memory_host_offload", true);
        }
    }
}

fn pipeline(chosen: &Chosen<'_>, layout: &Layout, map: &mut Map, problems: &mut Vec<Problem>) {
    let (depth, stages) = (chosen.scenario.model.depth(), layout.pp * layout.vpp);
    if layout.schedule != Order::GPipe {
        let help = "fix layout.schedule = \"gpipe\"; megatron-lm and torchtitan have others";
        problems.push(cannot(STACK, "layout.schedule", "any order of work but all forward, then all backward", help));
    }
    if layout.stage_layers > 0 || !depth.is_multiple_of(stages) {
        let help = "fix layout.pp and layout.vpp so that their product divides the layers";
        problems.push(cannot(STACK, "layout.pp", "stages of uneven size", help));
    }
    if !layout.accumulation.is_multiple_of(layout.pp) {
        let help = "fix train.global_batch so that each replica has a multiple of layout.pp micro-batches";
        problems.push(cannot(STACK, "train.global_batch", "micro-batches that are no multiple of the stages", help));
    }
    map.set("ici_pipeline_parallelism", layout.pp).set("num_layers_per_pipeline_stage", depth / stages.max(1));
    map.set("num_pipeline_repeats", layout.vpp)
        .set("num_pipeline_microbatches", layout.accumulation)
        .set("scan_layers", false);
}

/// Sequences of a device; devices that split a sequence or a model share them, so it may be a fraction.
fn batch(chosen: &Chosen<'_>, map: &mut Map) {
    let layout = chosen.layout();
    // A pipeline cuts a batch into its micro-batches; without one they follow one another.
    let (cut, follow) = if layout.pp > 1 { (layout.accumulation, 1) } else { (1, layout.accumulation) };
    let sharing = layout.tp * layout.cp * layout.pp;
    map.set("per_device_batch_size", (layout.micro_batch * cut) as f64 / sharing as f64);
    map.set("gradient_accumulation_steps", follow);
    map.set("max_target_length", chosen.scenario.recipe.seq_len);
    map.set("steps", chosen.plan.steps);
}

fn recompute(chosen: &Chosen<'_>, problems: &mut Vec<Problem>) -> &'static str {
    match chosen.layout().recompute {
        Recompute::None => "none",
        // Matrix products are kept, what lies between them is computed again.
        Recompute::Selective => "minimal",
        Recompute::Full => "full",
        other @ Recompute::Layers(_) => {
            let help = "fix train.recompute = \"none\", \"selective\" or \"full\"";
            problems.push(cannot(STACK, "train.recompute", recomputed(other), help));
            "full"
        }
    }
}

fn formats(chosen: &Chosen<'_>, tpu: bool, map: &mut Map, problems: &mut Vec<Problem>) {
    let nvidia = vendor(chosen) == Vendor::Nvidia;
    let accumulates = chosen.layout().accumulation > 1 && chosen.layout().pp == 1;
    let (compute, weights, quantised) = match chosen.precision().as_str() {
        "bf16" => ("bfloat16", "float32", None),
        "bf16-pure" => ("bfloat16", "bfloat16", None),
        "fp32" => ("float32", "float32", None),
        // Delayed scaling keeps a history of each step, which accumulation would break.
        "fp8" if nvidia => ("bfloat16", "float32", Some("te_fp8_currentscaling")),
        "fp8" if !tpu && !accumulates => ("bfloat16", "float32", Some("nanoo_fp8")),
        "fp8" if tpu => ("bfloat16", "float32", Some("fp8_full")),
        "mxfp8" if nvidia => ("bfloat16", "float32", Some("te_mxfp8")),
        "nvfp4" if nvidia => ("bfloat16", "float32", Some("te_nvfp4")),
        "int8" if tpu => ("bfloat16", "float32", Some("int8")),
        other => {
            let help = "bf16, bf16-pure, fp32 and fp8 can be written, mxfp8 and nvfp4 for NVIDIA, int8 for TPUs";
            problems.push(cannot(STACK, "train.precision", &format!("the format {other} on this accelerator"), help));
            return;
        }
    };
    // Beside adapters nothing else is trained: the base is kept as it is multiplied, unless the job says fp32.
    let weights = match chosen.lora() {
        Some(lora) if lora.base != Dtype::Fp32 => "bfloat16",
        _ => weights,
    };
    map.set("dtype", compute).set("weight_dtype", weights);
    if weights == "bfloat16" && chosen.lora().is_none() {
        map.set("grad_dtype", weights);
    }
    if let Some(quantised) = quantised {
        map.set("quantization", quantised);
        if tpu {
            map.set("use_qwix_quantization", true);
        }
    }
}

fn optimizer(chosen: &Chosen<'_>, known: Option<&str>, map: &mut Map, problems: &mut Vec<Problem>) {
    match chosen.optimizer().as_str() {
        name @ ("adamw" | "sgd") => map.set("opt_type", name),
        "muon" if known.is_none_or(|name| MUON.iter().any(|begin| name.starts_with(begin))) => {
            map.set("opt_type", "muon")
        }
        other => {
            let what = format!("the optimizer {other} on this model");
            let help = "adamw and sgd can be written, muon for Llama, Qwen 3, GPT-OSS and DeepSeek";
            problems.push(cannot(STACK, "train.optimizer", &what, help));
            &mut *map
        }
    };
    map.set("learning_rate", chosen.learning_rate());
    match chosen.scenario.dynamics.schedule {
        Schedule::Cosine => map.set("lr_schedule_type", "cosine"),
        Schedule::Wsd(cooldown) => map.set("lr_schedule_type", "wsd").set("wsd_decay_steps_fraction", cooldown.get()),
        Schedule::Linear | Schedule::Constant => {
            let help = "fix train.schedule = \"cosine\" or \"wsd\"";
            problems.push(cannot(STACK, "train.schedule", "any schedule but cosine and wsd", help));
            &mut *map
        }
    };
    map.set("warmup_steps_fraction", 0.03);
}

/// The kernel, where it is not the one that the program takes by itself.
fn attention(chosen: &Chosen<'_>, tpu: bool, problems: &mut Vec<Problem>) -> Option<&'static str> {
    match chosen.scenario.recipe.attention {
        AttentionKernel::Eager => Some("dot_product"),
        // Splash attention on TPUs, cuDNN's on GPUs: the best that each has.
        AttentionKernel::Sdpa | AttentionKernel::Flash2 if tpu => Some("flash"),
        AttentionKernel::Sdpa | AttentionKernel::Cudnn => Some("cudnn_flash_te"),
        _ => {
            let name = chosen.request.train.attention.as_deref().unwrap_or_default();
            let help =
                "fix train.attention = \"auto\", which is cuDNN's on GPUs and Splash attention on TPUs, or \"eager\"";
            problems.push(cannot(STACK, "train.attention", &format!("the kernel {name}"), help));
            None
        }
    }
}

fn lora(chosen: &Chosen<'_>, problems: &mut Vec<Problem>) -> Option<Map> {
    let lora = chosen.lora()?;
    let quantised = match hf::base(chosen, STACK, problems) {
        hf::Base::Whole => None,
        hf::Base::Four { double: false } => Some("nf4"),
        hf::Base::Four { double: true } | hf::Base::Eight => {
            let help = "fix method.double_quant = false, or method.base_dtype = \"nf4\" or \"bf16\"";
            problems.push(cannot(STACK, "method.base_dtype", "a base in 8 bit or of doubly quantised scales", help));
            None
        }
    };
    plain_adapters(chosen, STACK, problems);
    if chosen.scenario.model.experts().is_some() {
        let help = "megatron-bridge and axolotl have them: --to megatron-bridge";
        problems.push(cannot(STACK, "method.kind", "adapters on a mixture's experts", help));
    }
    let parts = [
        ("self_attention/query", "q_proj"),
        ("self_attention/key", "k_proj"),
        ("self_attention/value", "v_proj"),
        ("self_attention/out", "o_proj"),
        ("mlp/wi_0", "gate_proj"),
        ("mlp/wi_1", "up_proj"),
        ("mlp/wo", "down_proj"),
    ];
    let targets = chosen.targets();
    if let Some(name) = targets.iter().flatten().find(|name| !parts.iter().any(|(_, ours)| ours == name)) {
        let help = "fix method.targets = \"all-linear\" or \"attention\"";
        problems.push(cannot(STACK, "method.targets", &format!("an adapter on {name}"), help));
    }
    let has = |name: &str| adapted(targets.as_deref(), name);
    let modules: Vec<&str> = parts.iter().filter(|(_, ours)| has(ours)).map(|(theirs, _)| *theirs).collect();
    let mut map = Map::new().with("enable_lora", true).with("lora_rank", lora.rank);
    map.note("lora_alpha", chosen.alpha() as f64, "twice the rank; a plan does not depend on it");
    map.set("lora_module_path", format!("decoder/layers/.*({})", modules.join("|")));
    if let Some(format) = quantised {
        map.set("lora_weight_qtype", format).set("lora_tile_size", 64u64);
    }
    if hf::dropout(chosen) > 0.0 {
        problems.push(cannot(STACK, "method.dropout", "dropout on adapters", "fix method.dropout = 0"));
    }
    Some(map)
}

fn saves(chosen: &Chosen<'_>, map: &mut Map) {
    const EVERY: u64 = 1000;
    map.set("enable_checkpointing", true).set("save_checkpoint_on_start", false);
    map.set("checkpoint_period", chosen.save_steps().unwrap_or(chosen.plan.steps.max(1)));
    map.set("async_checkpointing", chosen.scenario.operation.checkpoint_async);
    map.set("max_num_checkpoints_to_keep", chosen.scenario.operation.checkpoints_kept.max(1));
    let batches = chosen.evaluation_batches(EVERY);
    if batches > 0 {
        map.set("eval_interval", EVERY).set("eval_steps", batches);
    }
}

fn data(chosen: &Chosen<'_>, map: &mut Map) {
    if !chosen.scratch() {
        map.set("use_sft", true).set("load_parameters_path", "pretrained/0/items");
    }
    map.set("packing", chosen.packing());
    map.set("dataset_type", "hf").set("hf_path", "json").set("hf_train_files", chosen.data().text());
    map.set("train_split", "train");
    map.set("train_data_columns", vec![if chosen.scratch() { "text" } else { "messages" }]);
    map.set("tokenizer_type", "huggingface").set("tokenizer_path", chosen.model.text());
}

#[cfg(test)]
mod tests {
    use super::MODELS;
    use crate::{maxtext, models};

    #[test]
    fn names_are_those_that_are_read() {
        for (ours, name) in MODELS {
            assert_eq!(models::preset(maxtext::MODELS, name), Some(*ours), "{name}");
        }
    }
}

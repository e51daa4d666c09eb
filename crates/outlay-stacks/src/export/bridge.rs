//! Megatron-Bridge, NeMo's successor: its settings in YAML, and a short script that lays them over the program's own.
//!
//! Its recipes are Python functions, each with settings of its own that change from release to release; a file of overrides
//! on top of one would train whatever the recipe says where the file is silent. So no recipe is named: the script begins
//! with the dataclasses as they are and the model as its hub config has it, and the YAML says everything that a plan decides.
//! The price is a second file, and that what a recipe tunes for one model (overlap of communication, CUDA graphs) is left
//! at the program's defaults. The program drops keys it does not know with a warning, so the script refuses them.
//!
//! Reads weights of the hub's form itself. Families that it has no bridge for are trained from scratch by their dimensions.

use outlay::Problem;
use outlay::core::layout::{Layout, Offload, Recompute, Zero};
use outlay::core::learning::rate::Schedule;
use outlay::core::model::ActivationKind;
use outlay::core::scenario::recipe::{AttentionKernel, LossKernel};
use outlay::request::Request;

use super::chosen::{Chosen, adapted, cannot, no_frozen_layers, plain_adapters, recomputed};
use super::decoder::Decoder;
use super::launch::{By, Start};
use super::megatron::pipeline_limits;
use super::node::{Map, Node};
use super::{Exported, File, head, hf};

const NAME: &str = "bridge.yaml";
const SCRIPT: &str = "bridge.py";
const STACK: &str = "Megatron-Bridge";

/// Values of `model_type` that it has a bridge for, of text alone.
/// Source: megatron-bridge 0.6.2, `register_bridge` in megatron/bridge/models; read 2026-11-27.
const FAMILIES: &[&str] = &[
    "llama",
    "mistral",
    "qwen2",
    "qwen3",
    "qwen3_moe",
    "qwen3_next",
    "gemma",
    "gemma2",
    "gemma3_text",
    "gpt_oss",
    "deepseek_v2",
    "deepseek_v3",
    "kimi_k2",
    "glm4_moe",
    "nemotron",
    "nemotron_h",
    "olmoe",
    "minimax_m2",
    "falcon_h1",
];

/// What it packs: one sequence at a time.
pub(crate) fn fit(request: &mut Request, notes: &mut Vec<String>) {
    let scratch = request.model.start.as_deref().is_some_and(|start| start.trim().eq_ignore_ascii_case("scratch"));
    if !scratch && request.data.packing != Some(false) && request.layout.micro_batch.is_none() {
        request.layout.micro_batch = Some(1);
        notes.push(
            "planned with layout.micro_batch = 1: Megatron-Bridge packs samples into one sequence at a time".into(),
        );
    }
}

pub(crate) fn write(
    chosen: &Chosen<'_>,
    _version: Option<&str>,
    exported: &mut Exported,
) -> Result<Start, Vec<Problem>> {
    let mut problems = refused(chosen);
    let known = chosen.family.as_deref().is_some_and(|family| FAMILIES.contains(&family));
    let mut model = Map::new();
    if known {
        // Shares of the layers that are computed again are counted in layers.
        model.set("hf_model_id", chosen.model.text()).set("num_layers", chosen.scenario.model.depth());
    } else if chosen.scratch() {
        dimensions(chosen, &mut model, &mut problems);
    } else {
        let help = "axolotl and trl take any model of the hub; its bridges are for Llama, Mistral, Qwen, Gemma, GPT-OSS, DeepSeek, GLM and Nemotron";
        let what = format!("the weights of {}", chosen.model.text());
        problems.push(cannot(STACK, "model.base", &what, help));
    }
    split(chosen, &mut model, &mut problems);
    recompute(chosen, &mut model, &mut problems);
    if chosen.scenario.recipe.loss == LossKernel::Eager {
        model.set("cross_entropy_loss_fusion", false);
    }
    let mut map = Map::new();
    map.set("model", model);
    map.set("train", train(chosen));
    map.set("validation", validation(chosen));
    map.set("optimizer", optimizer(chosen, &mut problems));
    map.set("scheduler", scheduler(chosen));
    map.set("ddp", ddp(chosen));
    if fsdp(chosen.layout()) {
        map.set("dist", Map::new().with("use_megatron_fsdp", true));
    }
    map.set("mixed_precision", precision(chosen, &mut problems));
    map.set("dataset", data(chosen));
    map.set("tokenizer", tokenizer(chosen));
    map.set("checkpoint", checkpoint(chosen));
    if let Some(peft) = adapters(chosen, &mut problems) {
        map.set("peft", peft);
    }
    map.set("logger", Map::new().with("log_interval", 10u64).with("log_throughput", true));
    if !problems.is_empty() {
        return Err(problems);
    }
    if chosen.scratch() {
        let what = format!("the data in place of {}: a prefix of what preprocess_data.py wrote", chosen.data().text());
        exported.open(what);
    } else {
        exported.open(format!("the folder {}: training.jsonl with chats in it", folder(chosen)));
        exported.open(format!(
            "pretrained: a folder with the weights (hf download {} --local-dir pretrained)",
            chosen.model.text()
        ));
    }
    let text = head(chosen, "Megatron-Bridge", &exported.open) + &map.yaml();
    exported.files.insert(0, File { name: NAME.into(), text });
    exported.file(SCRIPT, script(chosen, known));
    Ok(Start {
        install: vec!["pip install 'megatron-bridge==0.6.*' 'transformer-engine[pytorch]'".into()],
        env: if fsdp(chosen.layout()) { Vec::new() } else { vec![("CUDA_DEVICE_MAX_CONNECTIONS", "1".into())] },
        by: By::Torchrun(SCRIPT.into()),
        files: vec![NAME.into(), SCRIPT.into()],
        output: "out",
    })
}

/// Sharded by Megatron-FSDP.
fn fsdp(layout: &Layout) -> bool {
    matches!(layout.zero, Zero::Two | Zero::Three)
}

fn refused(chosen: &Chosen<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    super::chosen::usual_gradients(chosen, STACK, &mut problems);
    no_frozen_layers(chosen, STACK, &mut problems);
    if chosen.scratch() && !chosen.packing() {
        problems.push(cannot(STACK, "data.packing", "padded samples in pre-training", "fix data.packing = true"));
    }
    if !chosen.scratch() && chosen.packing() && chosen.layout().micro_batch > 1 {
        let help = "fix layout.micro_batch = 1, or data.packing = false";
        problems.push(cannot(STACK, "layout.micro_batch", "more than one packed sequence at a time", help));
    }
    if chosen.scenario.recipe.loss == LossKernel::Chunked {
        let help = "fix train.loss = \"fused\"; axolotl, trl and maxtext have one";
        problems.push(cannot(STACK, "train.loss", "a chunked loss", help));
    }
    if chosen.scenario.recipe.attention == AttentionKernel::Flash1 {
        let help = "fix train.attention = \"flash2\" or \"cudnn\"";
        problems.push(cannot(STACK, "train.attention", "the first flash attention", help));
    }
    problems
}

/// The model by numbers.
fn dimensions(chosen: &Chosen<'_>, map: &mut Map, problems: &mut Vec<Problem>) {
    let model = &chosen.scenario.model;
    let Some(decoder) = Decoder::of(chosen, STACK, problems) else { return };
    map.set("num_layers", model.depth()).set("hidden_size", model.hidden).set("ffn_hidden_size", decoder.ffn);
    map.set("num_attention_heads", decoder.attention.heads).set("num_query_groups", decoder.attention.kv_heads);
    map.set("kv_channels", decoder.attention.qk_dim);
    map.set("vocab_size", model.vocab).set("should_pad_vocab", true);
    map.set("position_embedding_type", if decoder.rotary { "rope" } else { "learned_absolute" });
    map.set("normalization", if decoder.centred { "LayerNorm" } else { "RMSNorm" });
    map.set("gated_linear_unit", decoder.gated);
    let activation = match (decoder.kind, decoder.gated) {
        (ActivationKind::Silu, true) => "silu",
        (ActivationKind::Relu2, false) => "squared_relu",
        (ActivationKind::Gelu | ActivationKind::GeluNew | ActivationKind::GeluTanh, _) => "gelu",
        _ => {
            let help = "SwiGLU, GELU and squared ReLU can be written";
            problems.push(cannot(STACK, "model.base", "this activation function", help));
            "silu"
        }
    };
    map.set("activation_func", activation);
    map.set("share_embeddings_and_output_weights", decoder.tied);
    map.set("add_bias_linear", decoder.bias).set("add_qkv_bias", decoder.qkv_bias);
    map.set("qk_layernorm", decoder.norm_on_heads);
    if let Some(window) = decoder.window {
        // Keys before a query, without its own, and after it.
        map.set("window_size", vec![window.saturating_sub(1), 0]);
    }
    map.set("hidden_dropout", 0.0).set("attention_dropout", 0.0);
    if let Some(experts) = decoder.experts {
        map.set("num_moe_experts", experts.experts).set("moe_router_topk", experts.top_k);
        map.set("moe_ffn_hidden_size", experts.ffn).set("moe_grouped_gemm", true);
        map.set("moe_token_dispatcher_type", "alltoall");
    }
    if model.further() > 0 {
        map.set("mtp_num_layers", model.further());
    }
}

fn split(chosen: &Chosen<'_>, map: &mut Map, problems: &mut Vec<Problem>) {
    let layout = chosen.layout();
    map.set("seq_length", chosen.scenario.recipe.seq_len);
    if let Some((made_by, parts)) = super::chosen::graphs(chosen) {
        map.set("cuda_graph_impl", made_by).set("cuda_graph_scope", parts);
    }
    map.set("tensor_model_parallel_size", layout.tp);
    map.set("pipeline_model_parallel_size", layout.pp);
    map.set("context_parallel_size", layout.cp);
    map.set("expert_model_parallel_size", layout.ep);
    map.set("sequence_parallel", layout.sequence_parallel);
    if layout.cp > 1 && !chosen.scratch() {
        map.set("calculate_per_token_loss", true);
    }
    let depth = chosen.scenario.model.depth();
    let virtual_stages = if layout.pp > 1 && layout.vpp > 1 { Node::Count(layout.vpp) } else { Node::Nothing };
    map.set("virtual_pipeline_model_parallel_size", virtual_stages);
    if layout.pp > 1 && layout.vpp > 1 && !depth.is_multiple_of(layout.pp * layout.vpp) {
        // Embedding and head count as a layer each.
        map.set("account_for_embedding_in_pipeline_split", true).set("account_for_loss_in_pipeline_split", true);
    } else if layout.pp > 1 && layout.vpp == 1 && (layout.stage_layers > 0 || !depth.is_multiple_of(layout.pp)) {
        map.set("num_layers_in_last_pipeline_stage", layout.last_stage(depth));
    }
    pipeline_limits(chosen, STACK, problems);
    if layout.zero != Zero::None && layout.shard < layout.dp {
        let help = "axolotl, torchtitan and maxtext have one; or fix layout.shard to all data-parallel ranks";
        problems.push(cannot(STACK, "layout.shard", "sharding within groups of ranks", help));
    }
    if fsdp(layout) {
        map.set("gradient_accumulation_fusion", false);
    }
    if layout.offload == Offload::OptimizerAndParameters {
        let help = "fix layout.offload = \"none\" or \"optimizer\"; deepspeed has one";
        problems.push(cannot(STACK, "layout.offload", "parameters in host memory", help));
    }
}

fn recompute(chosen: &Chosen<'_>, map: &mut Map, problems: &mut Vec<Problem>) {
    let layout = chosen.layout();
    let text = |text: &str| Node::from(text);
    let (granularity, method, layers) = match layout.recompute {
        Recompute::None => (Node::Nothing, Node::Nothing, Node::Nothing),
        Recompute::Selective => (text("selective"), Node::Nothing, Node::Nothing),
        Recompute::Layers(eighths) => {
            let layers = chosen.of_a_stage(eighths);
            if layers == 0 {
                let help = "fix train.recompute = \"none\"";
                problems.push(cannot(STACK, "train.recompute", recomputed(layout.recompute), help));
            }
            (text("full"), text("block"), Node::Count(layers))
        }
        Recompute::Full => (text("full"), text("uniform"), Node::Count(1)),
    };
    map.set("recompute_granularity", granularity);
    map.set("recompute_method", method);
    map.set("recompute_num_layers", layers);
}

fn train(chosen: &Chosen<'_>) -> Map {
    let mut map = Map::new();
    map.set("train_iters", chosen.plan.steps);
    map.set("global_batch_size", chosen.scenario.recipe.global_batch);
    map.set("micro_batch_size", chosen.layout().micro_batch);
    map
}

fn validation(chosen: &Chosen<'_>) -> Map {
    const EVERY: u64 = 1000;
    Map::new().with("eval_interval", EVERY).with("eval_iters", chosen.evaluation_batches(EVERY))
}

fn optimizer(chosen: &Chosen<'_>, problems: &mut Vec<Problem>) -> Map {
    let layout = chosen.layout();
    let mut map = Map::new();
    match chosen.optimizer().as_str() {
        "adamw" => map.set("optimizer", "adam"),
        "sgd" => map.set("optimizer", "sgd").set("sgd_momentum", 0.0),
        "sgd-momentum" => map.set("optimizer", "sgd").set("sgd_momentum", 0.9),
        "muon" if fsdp(layout) => {
            let help = "fix layout.zero = \"none\" or \"zero1\", or train.optimizer = \"adamw\"";
            problems.push(cannot(STACK, "train.optimizer", "muon over sharded gradients", help));
            &mut map
        }
        "muon" => map.set("optimizer", "muon"),
        other => {
            let what = format!("the optimizer {other}");
            problems.push(cannot(STACK, "train.optimizer", &what, "adamw, sgd and muon can be written"));
            &mut map
        }
    };
    map.set("lr", chosen.learning_rate()).set("min_lr", 0.0).set("weight_decay", 0.1).set("adam_beta2", 0.95);
    map.set("use_distributed_optimizer", layout.zero != Zero::None);
    if layout.offload == Offload::Optimizer {
        map.set("optimizer_cpu_offload", true).set("optimizer_offload_fraction", 1.0);
        map.set("use_precision_aware_optimizer", true);
    }
    map
}

fn scheduler(chosen: &Chosen<'_>) -> Map {
    let mut map = Map::new();
    match chosen.scenario.dynamics.schedule {
        Schedule::Cosine => map.set("lr_decay_style", "cosine"),
        Schedule::Linear => map.set("lr_decay_style", "linear"),
        Schedule::Constant => map.set("lr_decay_style", "constant"),
        Schedule::Wsd(cooldown) => {
            let steps = chosen.cooldown_steps(cooldown);
            map.set("lr_decay_style", "WSD").set("lr_wsd_decay_iters", steps)
        }
    };
    map.set("lr_warmup_iters", chosen.plan.steps / 30);
    map.set("start_weight_decay", 0.1).set("end_weight_decay", 0.1).set("weight_decay_incr_style", "constant");
    map
}

fn ddp(chosen: &Chosen<'_>) -> Map {
    let mut map = Map::new();
    let layout = chosen.layout();
    map.set("use_distributed_optimizer", layout.zero != Zero::None);
    match layout.zero {
        Zero::None => &mut map,
        Zero::One => map.set("overlap_grad_reduce", true).set("overlap_param_gather", true),
        Zero::Two => map.set("use_megatron_fsdp", true).set("data_parallel_sharding_strategy", "optim_grads"),
        Zero::Three => map.set("use_megatron_fsdp", true).set("data_parallel_sharding_strategy", "optim_grads_params"),
    };
    map
}

fn precision(chosen: &Chosen<'_>, problems: &mut Vec<Problem>) -> Node {
    let name = match chosen.precision().as_str() {
        "bf16" => "bf16_mixed",
        "fp16" => "fp16_mixed",
        "fp32" => return Node::Nothing,
        "fp8" => "bf16_with_fp8_current_scaling_mixed",
        "mxfp8" => "bf16_with_mxfp8_mixed",
        "nvfp4" => "bf16_with_nvfp4_mixed",
        other => {
            let help = "bf16, fp16, fp32, fp8, mxfp8 and nvfp4 can be written";
            problems.push(cannot(STACK, "train.precision", &format!("the format {other}"), help));
            "bf16_mixed"
        }
    };
    name.into()
}

/// The folder that samples are read from.
fn folder(chosen: &Chosen<'_>) -> String {
    let place = chosen.data();
    let text = place.text();
    text.rsplit_once('/').filter(|(_, file)| file.contains('.')).map_or(text, |(folder, _)| folder).to_owned()
}

fn data(chosen: &Chosen<'_>) -> Map {
    let layout = chosen.layout();
    let mut map = Map::new().with("seq_length", chosen.scenario.recipe.seq_len);
    if chosen.scratch() {
        map.set("data_path", chosen.data().text()).set("split", "1,0,0");
        return map;
    }
    map.set("dataset_root", folder(chosen));
    map.set("do_validation", chosen.request.train.evaluation.is_some_and(|share| share > 0.0)).set("do_test", false);
    map.set("enable_offline_packing", chosen.packing());
    if chosen.packing() {
        let halves = if layout.cp > 1 { 2 * layout.cp } else { 1 };
        let multiple = if layout.sequence_parallel { halves * layout.tp } else { halves };
        let specs =
            Map::new().with("packed_sequence_size", chosen.scenario.recipe.seq_len).with("pad_seq_to_mult", multiple);
        map.set("offline_packing_specs", specs);
    }
    map
}

fn tokenizer(chosen: &Chosen<'_>) -> Map {
    Map::new().with("tokenizer_type", "HuggingFaceTokenizer").with("tokenizer_model", chosen.model.text())
}

fn checkpoint(chosen: &Chosen<'_>) -> Map {
    let mut map = Map::new();
    map.set("save", "out").set("save_interval", chosen.save_steps().unwrap_or(chosen.plan.steps.max(1)));
    // After an interruption the run goes on from what is there.
    map.set("load", "out");
    map.set("ckpt_format", if fsdp(chosen.layout()) { "fsdp_dtensor" } else { "torch_dist" });
    if chosen.scenario.operation.checkpoint_async {
        map.set("async_save", true);
    }
    if !chosen.scratch() {
        map.set("pretrained_checkpoint", "pretrained");
    }
    map
}

fn adapters(chosen: &Chosen<'_>, problems: &mut Vec<Problem>) -> Option<Map> {
    let lora = chosen.lora()?;
    if !matches!(hf::base(chosen, STACK, problems), hf::Base::Whole) {
        let help = "fix method.kind = \"lora\" or method.base_dtype = \"bf16\"; axolotl and trl have it: --to trl";
        problems.push(cannot(STACK, "method.base_dtype", "a quantised base", help));
    }
    plain_adapters(chosen, STACK, problems);
    // Its modules are fused: several of ours are one of its.
    let parts: [(&str, &[&str]); 4] = [
        ("linear_qkv", &["q_proj", "k_proj", "v_proj"]),
        ("linear_proj", &["o_proj"]),
        ("linear_fc1", &["gate_proj", "up_proj"]),
        ("linear_fc2", &["down_proj"]),
    ];
    let targets = chosen.targets();
    let has = |name: &str| adapted(targets.as_deref(), name);
    let unknown = targets.iter().flatten().find(|name| !parts.iter().any(|(_, of)| of.contains(&name.as_str())));
    if let Some(name) = unknown {
        let help = "fix method.targets = \"all-linear\" or \"attention\"";
        problems.push(cannot(STACK, "method.targets", &format!("an adapter on {name}"), help));
    }
    let mut modules = Vec::new();
    for (theirs, names) in parts {
        let on = names.iter().filter(|name| has(name)).count();
        if on > 0 && on < names.len() {
            let what = format!("an adapter on some of {}, which it keeps as one", names.join(", "));
            let help = "fix method.targets = \"all-linear\" or \"attention\"; axolotl and trl keep them apart";
            problems.push(cannot(STACK, "method.targets", &what, help));
        }
        if on > 0 {
            modules.push(theirs);
        }
    }
    let mut map = Map::new();
    map.set("target_modules", modules).set("dim", lora.rank);
    map.note("alpha", chosen.alpha(), "twice the rank; a plan does not depend on it");
    map.set("dropout", hf::dropout(chosen));
    if chosen.scenario.model.experts().is_some() {
        map.note("share_expert_adapters", false, "each expert has adapters of its own");
    }
    Some(map)
}

/// The script: the program's dataclasses as they are, what the YAML says laid over them, and training.
fn script(chosen: &Chosen<'_>, known: bool) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let length = chosen.scenario.recipe.seq_len;
    let mut imports = vec!["from megatron.bridge.training import config as c".to_owned()];
    let model = if known {
        imports.push("from megatron.bridge import AutoBridge".into());
        let hub = quoted(chosen.model.text());
        format!("AutoBridge.from_hf_pretrained({hub}).to_megatron_provider(load_weights=False)")
    } else {
        imports.push("from megatron.bridge.models.gpt_provider import GPTModelProvider".into());
        let model = &chosen.scenario.model;
        let heads = model.attention().map_or(1, |attention| attention.heads);
        format!(
            "GPTModelProvider(num_layers={}, hidden_size={}, num_attention_heads={heads})",
            model.depth(),
            model.hidden
        )
    };
    let dataset = if chosen.scratch() {
        format!(
            "c.GPTDatasetConfig(seq_length={length}, random_seed=1234, reset_position_ids=False, reset_attention_mask=False, eod_mask_loss=False)"
        )
    } else {
        imports.push("from megatron.bridge.data.builders import ChatSFTPreprocessingConfig".into());
        let packs = if chosen.packing() {
            imports.push("from megatron.bridge.data.packing import PackedSequenceSpecs".into());
            ", offline_packing_specs=PackedSequenceSpecs()"
        } else {
            ""
        };
        format!("c.GPTSFTDatasetConfig(seq_length={length}, preprocessing=ChatSFTPreprocessingConfig(){packs})")
    };
    let peft = if chosen.lora().is_some() {
        imports.push("from megatron.bridge.peft.lora import LoRA".into());
        "\n    peft=LoRA(),"
    } else {
        ""
    };
    let task = if chosen.scratch() { "pretrain" } else { "finetune" };
    imports.push("from megatron.bridge.training.gpt_step import forward_step".into());
    imports.push(format!("from megatron.bridge.training.{task} import {task}"));
    imports.push("from megatron.bridge.training.utils.omegaconf_utils import process_config_with_overrides".into());
    let backend = match chosen.scenario.recipe.attention {
        AttentionKernel::Flash2 | AttentionKernel::Flash3 => Some("flash"),
        AttentionKernel::Cudnn => Some("fused"),
        AttentionKernel::Eager | AttentionKernel::FusedSoftmax => Some("unfused"),
        AttentionKernel::Sdpa | AttentionKernel::SdpaCpu | AttentionKernel::Flash1 => None,
    };
    let attention = backend.map_or_else(String::new, |backend| {
        imports.push("from megatron.core.transformer.enums import AttnBackend".into());
        format!("config.model.attention_backend = AttnBackend.{backend}\n")
    });
    imports.sort();
    format!(
        r#"# Megatron-Bridge's own defaults, and what {NAME} says laid over them; written by outlay {version}
import dataclasses

import yaml
{imports}

config = c.ConfigContainer(
    model={model},
    train=c.TrainingConfig(),
    optimizer=c.OptimizerConfig(),
    scheduler=c.SchedulerConfig(),
    ddp=c.DistributedDataParallelConfig(),
    dataset={dataset},
    logger=c.LoggerConfig(),
    tokenizer=c.TokenizerConfig(),
    checkpoint=c.CheckpointConfig(),{peft}
)

# Keys that are no settings would be left out with a warning.
with open("{NAME}") as text:
    for section, settings in yaml.safe_load(text).items():
        of = getattr(config, section)
        fields = {{field.name for field in dataclasses.fields(of)}} if dataclasses.is_dataclass(of) else set()
        unknown = set(settings) - fields if isinstance(settings, dict) else set()
        if unknown:
            raise SystemExit(f"{{section}} has no {{', '.join(sorted(unknown))}}")

config = process_config_with_overrides(config, config_filepath="{NAME}")
{attention}
if __name__ == "__main__":
    {task}(config, forward_step)
"#,
        version = env!("CARGO_PKG_VERSION"),
        imports = imports.join("\n"),
    )
}

//! LLaMA-Factory's YAML: the form of its 0.9 releases, and the one of its `examples/v1`.

use serde_json::{Map, Value};

use crate::common::put;
use crate::fields::Fields;
use crate::hf::{self, Adapters};
use crate::{objective, sharding};

const KEYS: &str = include_str!("../data/llama-factory.txt");
const V1: &str = include_str!("../data/llama-factory-v1.txt");

pub(crate) fn recognises(config: &Map<String, Value>) -> bool {
    let rest = ["stage", "finetuning_type", "cutoff_len", "template", "infer_backend", "export_dir"];
    config.contains_key("model_name_or_path") && rest.iter().any(|key| config.contains_key(*key))
}

pub(crate) fn recognises_v1(config: &Map<String, Value>) -> bool {
    let rest = ["train_dataset", "dist_config", "peft_config", "kernel_config", "sample_backend"];
    config.contains_key("model") && rest.iter().any(|key| config.contains_key(*key))
}

pub(crate) fn read(fields: &mut Fields<'_>) {
    fields.program("llama-factory");
    fields.knows(KEYS);
    fields.knows(hf::KEYS);
    fields.knows("include_effective_tokens_per_second\nnpu_*\nmegatron*\nuse_megatron*\nmca_*\nuse_mca");
    if fields.has("export_dir") {
        objective::not_training(fields, "a model is merged and written");
    } else if fields.switch(&["do_train"]) != Some(true) {
        objective::not_training(fields, "do_train is not set");
    }
    hf::model(fields, &["model_name_or_path"]);
    let stage = fields.text(&["stage"]).unwrap_or_else(|| "sft".into());
    let loss = fields.text(&["pref_loss"]).filter(|_| stage == "dpo");
    objective::read(fields, loss.as_deref().unwrap_or(&stage));
    pictures(fields);
    sharding::read(fields);
    let seq = fields.count_or(&["cutoff_len"]).unwrap_or(2048);
    fields.request.data.seq_len = Some(seq);
    fields.became("cutoff_len", format!("data.seq_len = {seq}"));
    let neat = fields.switch(&["neat_packing"]) == Some(true);
    let packed = fields.switch(&["packing"]).unwrap_or(stage == "pt") || neat;
    fields.request.data.packing = Some(packed);
    fields.became("packing", format!("data.packing = {packed}"));
    let each = fields.count_or(&["per_device_train_batch_size"]).unwrap_or(8).max(1);
    let accumulation = fields.count_or(&["gradient_accumulation_steps"]).unwrap_or(1).max(1);
    fields.batch(each, accumulation, "per_device_train_batch_size");
    samples(fields);
    let (epochs, steps) = (fields.number_or(&["num_train_epochs"]), fields.count(&["max_steps"]));
    fields.length(epochs, steps);
    hf::optimizer(fields);
    hf::schedule(fields);
    let adapters = method(fields);
    // Trained weights are cast up unless told otherwise.
    let pure = fields.switch(&["pure_bf16"]) == Some(true);
    if pure {
        fields.put("bf16", Value::Bool(true));
    }
    hf::precision(fields, adapters, pure);
    // On unless it is switched off; Transformers' switch and FSDP's own turn it on all the same.
    let kept = fields.switch(&["disable_gradient_checkpointing"]) == Some(true);
    let also = fields.switch(&["gradient_checkpointing"]) == Some(true);
    fields.put("gradient_checkpointing", Value::Bool(!kept || also));
    hf::recompute(fields);
    if fields.switch(&["use_unsloth_gc"]) == Some(true) {
        put!(fields, "use_unsloth_gc", train.activation_offload = true);
    }
    megatron(fields);
    let attention = fields.text(&["flash_attn"]);
    hf::attention(fields, attention);
    hf::fused_loss(fields, &["enable_liger_kernel"]);
    hf::compile(fields);
    hf::checkpoints(fields);
    hf::evaluation(fields, &["val_size"], None);
    if fields.switch(&["use_unsloth"]) == Some(true) {
        fields.request.train.stack = Some("unsloth".into());
        fields.became("use_unsloth", "train.stack = unsloth");
    }
    let plain = "the figures are those of plain training";
    hf::not_counted(fields, &["use_galore", "use_apollo"], &format!("low-rank gradients are not counted: {plain}"));
    hf::not_counted(fields, &["use_badam", "use_adam_mini"], &format!("its states are not counted: {plain}"));
    hf::not_counted(fields, &["use_llama_pro"], "the blocks it adds have to be in the model's config");
    hf::not_counted(fields, &["use_kt", "use_ktransformers"], "experts that run on the host are not counted as such");
    hf::not_counted(fields, &["additional_target"], "is trained as whole copies, which is not counted");
    hf::not_counted(fields, &["mixture_of_depths"], "layers that are left out for some tokens are counted");
    if fields.switch(&["use_muon"]) == Some(true) {
        fields.request.train.optimizer = Some("muon".into());
        fields.became("use_muon", "train.optimizer = muon");
    }
}

/// Its settings for Megatron, beside Transformers' own.
fn megatron(fields: &mut Fields<'_>) {
    if let Some(how @ ("selective" | "full")) = fields.text(&["recompute_granularity"]).as_deref() {
        fields.request.train.recompute = Some(how.into());
        fields.became("recompute_granularity", format!("train.recompute = {how}"));
    }
    if fields.switch(&["sequence_parallel"]) == Some(true) && fields.request.layout.tp.is_some() {
        fields.request.layout.sequence_parallel = Some(true);
        fields.became("sequence_parallel", "layout.sequence_parallel = true");
    }
    if fields.switch(&["use_distributed_optimizer"]) == Some(true) && fields.request.layout.zero.is_none() {
        fields.request.layout.zero = Some("zero1".into());
        fields.became("use_distributed_optimizer", "layout.zero = zero1");
    }
    if let Some(stages) = fields.count(&["virtual_pipeline_model_parallel_size"]).filter(|stages| *stages > 1) {
        fields.request.layout.vpp = Some(stages);
        fields.became("virtual_pipeline_model_parallel_size", format!("layout.vpp = {stages}"));
    }
}

/// Pictures and sound that are read.
fn pictures(fields: &mut Fields<'_>) {
    if ["image_max_pixels", "video_max_pixels", "freeze_vision_tower", "audio_sampling_rate"]
        .iter()
        .any(|key| fields.has(key))
    {
        objective::not_text(fields, "pictures or sound are read");
    }
}

/// Each set is cut to so many samples.
fn samples(fields: &mut Fields<'_>) {
    let sets = fields.names(&["dataset"]).len().max(1) as u64;
    if let Some(most) = fields.count(&["max_samples"]) {
        fields.warn(format!(
            "max_samples caps each data set: {most} of each of {sets} is the most there can be; say what is there with --samples or --tokens"
        ));
        fields.request.data.samples = Some(outlay::request::Amount::Number((most * sets) as f64));
        fields.became("max_samples", format!("data.samples = {}", most * sets));
    }
}

/// Whether there are adapters.
fn method(fields: &mut Fields<'_>) -> bool {
    let kind = fields.text(&["finetuning_type"]).unwrap_or_else(|| "lora".into());
    let bits = fields.count(&["quantization_bit"]);
    let rank = fields.count_or(&["lora_rank"]).unwrap_or(8);
    let dropout = fields.number_or(&["lora_dropout"]).unwrap_or(0.0);
    let names = fields.names(&["lora_target"]);
    let dora = fields.switch(&["use_dora"]) == Some(true);
    let double_quant = fields.switch_or(&["double_quantization"]);
    let layers = fields.count_or(&["freeze_trainable_layers"]).unwrap_or(2);
    let method = fields.text(&["quantization_method"]);
    let base = match bits {
        Some(0..=4) => "nf4",
        Some(5..=8) => "int8",
        _ => "bf16",
    };
    if let Some(method) = method.filter(|method| method != "bnb") {
        fields.warn(format!("quantization_method {method} is taken for bitsandbytes' of the same width"));
    }
    match kind.as_str() {
        "lora" | "oft" => {
            if kind == "oft" {
                fields.warn("finetuning_type oft is taken for lora of the same rank");
            }
            if !hf::adapter_file(fields, base, double_quant) {
                let targets = hf::targets(&names, true);
                hf::adapters(fields, Adapters { rank, targets, dropout, base, dora, double_quant });
            }
            true
        }
        "freeze" => {
            freeze(fields, layers);
            false
        }
        other => {
            if other != "full" {
                fields.warn(format!("finetuning_type {other} is not known: every parameter is taken as trained"));
            }
            fields.request.method.kind = Some("full".into());
            fields.became("finetuning_type", "method.kind = full");
            false
        }
    }
}

fn freeze(fields: &mut Fields<'_>, layers: u64) {
    fields.request.method.kind = Some("freeze".into());
    fields.request.method.trained_layers = Some(layers);
    fields.became("finetuning_type", format!("method.kind = freeze, {layers} layers trained"));
}

/// The form of `examples/v1`.
pub(crate) fn read_v1(fields: &mut Fields<'_>) {
    fields.program("llama-factory-v1");
    fields.knows(V1);
    if !fields.has("train_dataset") {
        objective::not_training(fields, "no train_dataset is named");
    }
    hf::model(fields, &["model"]);
    if fields.text(&["model_class"]).is_some_and(|class| !["llm", "cls"].contains(&class.as_str())) {
        objective::not_text(fields, "model_class is no language model");
    }
    let class = fields.text(&["model_class"]);
    let stage = fields.text(&["stage", "training_stage"]).or((class.as_deref() == Some("cls")).then(|| "rm".into()));
    // The file tells preferences from texts by the data set alone.
    let set = fields.text(&["train_dataset"]).unwrap_or_default();
    if stage.is_none() && set.to_ascii_lowercase().contains("dpo") {
        fields.warn("the data set's name says dpo, the config does not: plain training is taken; give --objective dpo");
    }
    objective::read(fields, stage.as_deref().unwrap_or_default());
    let widths = [
        None,
        None,
        fields.count(&["dist_config.tp_size"]),
        fields.count(&["dist_config.cp_size", "cp_size"]),
        fields.count(&["dist_config.ep_size"]),
        None,
    ];
    sharding::read(fields);
    sharding::widths(fields, widths);
    let dist = fields.text(&["dist_config.name"]);
    if dist.as_deref().is_some_and(|name| name.starts_with("fsdp")) {
        fields.request.layout.zero = Some("fsdp".into());
        fields.became("dist_config.name", "layout.zero = fsdp");
    }
    if fields.switch(&["dist_config.offload_params"]) == Some(true) {
        fields.request.layout.offload = Some("optimizer+parameters".into());
        fields.became("dist_config.offload_params", "layout.offload = optimizer+parameters");
    }
    let seq = fields.count_or(&["cutoff_len"]).unwrap_or(2048);
    fields.request.data.seq_len = Some(seq);
    fields.became("cutoff_len", format!("data.seq_len = {seq}"));
    let strategy = fields.text(&["batching_strategy"]).unwrap_or_default().to_ascii_lowercase();
    let packed = strategy.contains("padding_free") || strategy.contains("dynamic");
    fields.request.data.packing = Some(packed);
    fields.became("batching_strategy", format!("data.packing = {packed}"));
    let each = fields.count_or(&["micro_batch_size"]).unwrap_or(1).max(1);
    let replicas = (fields.accelerators.unwrap_or(1) / fields.sharing).max(1);
    let accumulation = fields.count(&["global_batch_size"]).map_or(1, |whole| (whole / each / replicas).max(1));
    fields.batch(each, accumulation, "micro_batch_size");
    let (epochs, steps) = (fields.number_or(&["num_train_epochs"]), fields.count(&["max_steps"]));
    fields.length(epochs, steps);
    if let Some(name) = fields.text(&["optim_config.name"]) {
        fields.put("optim", Value::String(name));
    }
    hf::optimizer(fields);
    hf::schedule(fields);
    let adapters = method_v1(fields);
    if !fields.has("bf16") {
        fields.put("bf16", Value::Bool(true));
    }
    hf::precision(fields, adapters, true);
    let on = fields.switch(&["enable_activation_checkpointing"]).unwrap_or(true);
    fields.request.train.recompute = Some(if on { "full" } else { "none" }.into());
    fields.became("enable_activation_checkpointing", format!("train.recompute = {}", if on { "full" } else { "none" }));
    let attention = fields.text(&["flash_attn"]);
    hf::attention(fields, attention);
    if fields.text(&["kernel_config.name"]).is_some_and(|name| name.contains("liger")) {
        fields.request.train.loss = Some("chunked".into());
        fields.became("kernel_config.name", "train.loss = chunked");
    }
    hf::checkpoints(fields);
    hf::not_counted(fields, &["mtp_config"], "heads for further tokens are not counted");
}

fn method_v1(fields: &mut Fields<'_>) -> bool {
    let kind = fields.text(&["peft_config.name"]);
    let rank = fields.count(&["peft_config.r"]).unwrap_or(8);
    let dropout = fields.number(&["peft_config.lora_dropout"]).unwrap_or(0.0);
    let names = fields.names(&["peft_config.target_modules"]);
    let dora = fields.switch(&["peft_config.use_dora"]) == Some(true);
    let base = match fields.count(&["quant_config.quantization_bit"]) {
        Some(0..=4) => "nf4",
        Some(5..=8) => "int8",
        _ => "bf16",
    };
    match kind.as_deref() {
        Some("lora") => {
            hf::adapters(
                fields,
                Adapters { rank, targets: hf::targets(&names, true), dropout, base, dora, double_quant: true },
            );
            true
        }
        Some("freeze") => {
            let layers = fields.count(&["peft_config.freeze_trainable_layers"]).unwrap_or(2);
            freeze(fields, layers);
            false
        }
        _ => {
            fields.request.method.kind = Some("full".into());
            fields.became("peft_config", "method.kind = full");
            false
        }
    }
}

//! LLaMA-Factory's YAML.

use outlay::request::Targets;
use serde_json::{Map, Value};

use crate::fields::Fields;
use crate::hf::{self, Adapters};

const KEYS: &str = include_str!("../data/llama-factory.txt");

pub(crate) fn recognises(config: &Map<String, Value>) -> bool {
    let rest = ["stage", "finetuning_type", "cutoff_len", "template"];
    config.contains_key("model_name_or_path") && rest.iter().any(|key| config.contains_key(*key))
}

pub(crate) fn read(fields: &mut Fields<'_>) {
    fields.knows(KEYS);
    fields.knows(hf::KEYS);
    if let Some(model) = fields.text(&["model_name_or_path"]) {
        fields.became("model_name_or_path", format!("model.base = {model}"));
        fields.request.model.base = Some(model);
    }
    let stage = fields.text(&["stage"]).unwrap_or_else(|| "sft".into());
    if !["sft", "pt"].contains(&stage.as_str()) {
        fields.warn(format!(
            "stage {stage}: preference and reward training are not counted: the figures are those of plain training"
        ));
    }
    let seq = fields.count(&["cutoff_len"]).unwrap_or(2048);
    fields.request.data.seq_len = Some(seq);
    fields.became("cutoff_len", format!("data.seq_len = {seq}"));
    let neat = fields.switch(&["neat_packing"]) == Some(true);
    let packed = fields.switch(&["packing"]).unwrap_or(stage == "pt") || neat;
    fields.request.data.packing = Some(packed);
    fields.became("packing", format!("data.packing = {packed}"));
    let each = fields.count(&["per_device_train_batch_size"]).unwrap_or(8).max(1);
    let accumulation = fields.count(&["gradient_accumulation_steps"]).unwrap_or(1).max(1);
    fields.batch(each, accumulation, "per_device_train_batch_size");
    let (epochs, steps) = (fields.number(&["num_train_epochs"]).unwrap_or(3.0), fields.count(&["max_steps"]));
    fields.length(Some(epochs), steps);
    hf::optimizer(fields, "adamw_torch_fused");
    hf::schedule(fields, "linear");
    hf::precision(fields, false);
    // On unless switched off.
    let kept = fields.switch(&["disable_gradient_checkpointing"]) == Some(true);
    hf::recompute(fields, !kept);
    hf::sharding(fields);
    let attention = fields.text(&["flash_attn"]);
    hf::attention(fields, attention);
    hf::fused_loss(fields, &["enable_liger_kernel"]);
    method(fields);
    if fields.switch(&["use_unsloth"]) == Some(true) {
        fields.request.train.stack = Some("unsloth".into());
        fields.became("use_unsloth", "train.stack = unsloth");
    }
    hf::not_counted(
        fields,
        &["use_galore"],
        "low-rank gradients are not counted: the figures are those of plain training",
    );
    hf::not_counted(
        fields,
        &["use_apollo"],
        "low-rank gradients are not counted: the figures are those of plain training",
    );
    hf::not_counted(
        fields,
        &["use_badam"],
        "block-wise updates are not counted: the figures are those of plain training",
    );
    hf::not_counted(fields, &["max_samples"], "caps each data set: give the tokens that are left with --tokens");
}

fn method(fields: &mut Fields<'_>) {
    let kind = fields.text(&["finetuning_type"]).unwrap_or_else(|| "lora".into());
    let bits = fields.count(&["quantization_bit"]);
    let rank = fields.count(&["lora_rank"]).unwrap_or(8);
    let dropout = fields.number(&["lora_dropout"]).unwrap_or(0.0);
    let names = fields.names(&["lora_target"]);
    let dora = fields.switch(&["use_dora"]) == Some(true);
    let double_quant = fields.switch(&["double_quantization"]).unwrap_or(true);
    let layers = fields.count(&["freeze_trainable_layers"]).unwrap_or(2);
    match kind.as_str() {
        "lora" => {
            let all = names.is_empty() || names.iter().any(|name| name == "all");
            let targets = if all { Targets::One("all-linear".into()) } else { Targets::Many(names) };
            let base = match bits {
                Some(4) => "nf4",
                Some(8) => "int8",
                _ => "bf16",
            };
            hf::adapters(fields, Adapters { rank, targets, dropout, base, dora, double_quant });
        }
        "freeze" => {
            fields.request.method.kind = Some("freeze".into());
            fields.request.method.trained_layers = Some(layers);
            fields.became("finetuning_type", format!("method.kind = freeze, {layers} layers trained"));
        }
        other => {
            if other != "full" {
                fields.warn(format!("finetuning_type {other} is not known: every parameter is taken as trained"));
            }
            fields.request.method.kind = Some("full".into());
            fields.became("finetuning_type", "method.kind = full");
        }
    }
}

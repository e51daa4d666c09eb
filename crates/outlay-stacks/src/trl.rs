//! TRL's YAML for supervised fine-tuning: `ScriptArguments`, `SFTConfig` and `ModelConfig` in one file.

use outlay::request::Targets;
use serde_json::{Map, Value};

use crate::fields::Fields;
use crate::hf::{self, Adapters};

const KEYS: &str = include_str!("../data/trl.txt");

pub(crate) fn recognises(config: &Map<String, Value>) -> bool {
    config.contains_key("model_name_or_path")
}

pub(crate) fn read(fields: &mut Fields<'_>) {
    fields.knows(KEYS);
    fields.knows(hf::KEYS);
    if let Some(model) = fields.text(&["model_name_or_path"]) {
        fields.became("model_name_or_path", format!("model.base = {model}"));
        fields.request.model.base = Some(model);
    }
    let seq = fields.count(&["max_length", "max_seq_length"]).unwrap_or(1024);
    fields.request.data.seq_len = Some(seq);
    fields.became("max_length", format!("data.seq_len = {seq}"));
    let packed = fields.switch(&["packing"]).unwrap_or(false);
    fields.request.data.packing = Some(packed);
    fields.became("packing", format!("data.packing = {packed}"));
    let each = fields.count(&["per_device_train_batch_size"]).unwrap_or(8).max(1);
    let accumulation = fields.count(&["gradient_accumulation_steps"]).unwrap_or(1).max(1);
    fields.batch(each, accumulation, "per_device_train_batch_size");
    let (epochs, steps) = (fields.number(&["num_train_epochs"]).unwrap_or(3.0), fields.count(&["max_steps"]));
    fields.length(Some(epochs), steps);
    hf::optimizer(fields, "adamw_torch_fused");
    hf::schedule(fields, "linear");
    // On where fp16 is not, since TRL 1.
    hf::precision(fields, true);
    hf::recompute(fields, true);
    hf::sharding(fields);
    let attention = fields.text(&["attn_implementation"]);
    let old = fields.switch(&["use_flash_attention_2"]) == Some(true);
    hf::attention(fields, attention.or_else(|| old.then(|| "flash_attention_2".into())));
    hf::fused_loss(fields, &["use_liger_kernel", "use_liger"]);
    if fields.switch(&["torch_compile"]) == Some(true) {
        fields.request.train.compile = Some(true);
        fields.became("torch_compile", "train.compile = true");
    }
    method(fields);
}

fn method(fields: &mut Fields<'_>) {
    let four = fields.switch(&["load_in_4bit"]) == Some(true);
    let eight = fields.switch(&["load_in_8bit"]) == Some(true);
    let rank = fields.count(&["lora_r"]).unwrap_or(16);
    let dropout = fields.number(&["lora_dropout"]).unwrap_or(0.05);
    let names = fields.names(&["lora_target_modules"]);
    let dora = fields.switch(&["use_dora"]) == Some(true);
    let double_quant = fields.switch(&["use_bnb_nested_quant"]).unwrap_or(false);
    if fields.switch(&["use_peft"]) != Some(true) {
        fields.request.method.kind = Some("full".into());
        fields.became("use_peft", "method.kind = full");
        return;
    }
    let targets = match names.as_slice() {
        // PEFT's choice for most families.
        [] => Targets::Many(vec!["q_proj".into(), "v_proj".into()]),
        [one] if one == "all-linear" => Targets::One("all-linear".into()),
        _ => Targets::Many(names),
    };
    let base = if four {
        "nf4"
    } else if eight {
        "int8"
    } else {
        "bf16"
    };
    hf::adapters(fields, Adapters { rank, targets, dropout, base, dora, double_quant });
}

//! TRL, the alignment handbook and Transformers itself: `TrainingArguments`, the trainers' own configs and `ModelConfig` in
//! one file or on one command line.
//!
//! Which trainer reads a file stands on the command line, not in the file: without one it is told from keys that only one
//! trainer has.

use serde_json::{Map, Value};

use crate::fields::Fields;
use crate::hf::{self, Adapters};
use crate::{objective, sharding};

const KEYS: &str = include_str!("../data/trl.txt");

pub(crate) fn recognises(config: &Map<String, Value>) -> bool {
    config.contains_key("model_name_or_path")
        || ["per_device_train_batch_size", "num_train_epochs", "output_dir", "learning_rate"]
            .iter()
            .filter(|key| config.contains_key(**key))
            .count()
            >= 2
}

pub(crate) fn read(fields: &mut Fields<'_>) {
    let plain = fields.has("(script).plain") || fields.has("block_size") || !fields.has("model_name_or_path");
    fields.program(if plain { "transformers" } else { "trl" });
    fields.knows(KEYS);
    fields.knows(hf::KEYS);
    fields.knows(include_str!("../data/scripts.txt"));
    hf::model(fields, &["model_name_or_path", "model_name", "config_name"]);
    trainer(fields);
    sharding::read(fields);
    length_of_a_sequence(fields);
    let each = fields.count_or(&["per_device_train_batch_size"]).unwrap_or(8).max(1);
    let accumulation = fields.count_or(&["gradient_accumulation_steps"]).unwrap_or(1).max(1);
    fields.batch(each, accumulation, "per_device_train_batch_size");
    samples(fields);
    let file = fields.text(&["train_file"]);
    hf::data_file(fields, file);
    let (epochs, steps) =
        (fields.number_or(&["num_train_epochs", "num_epochs"]), fields.count(&["max_steps", "max_train_steps"]));
    fields.length(epochs, steps);
    hf::optimizer(fields);
    hf::schedule(fields);
    let half = hf::loaded(fields).unwrap_or(true);
    let adapters = method(fields, half);
    hf::precision(fields, adapters, half);
    hf::recompute(fields);
    let attention = fields.text(&["attn_implementation"]);
    let old = fields.switch(&["use_flash_attention_2", "use_flash_attn", "use_flash_attention"]) == Some(true);
    hf::attention(fields, attention.or_else(|| old.then(|| "flash_attention_2".into())));
    hf::fused_loss(fields, &["use_liger_kernel", "use_liger", "use_liger_loss"]);
    if fields.text(&["loss_type"]).as_deref() == Some("chunked_nll") {
        fields.request.train.loss = Some("chunked".into());
        fields.became("loss_type", "train.loss = chunked");
    }
    hf::compile(fields);
    hf::checkpoints(fields);
    hf::evaluation(fields, &[], None);
    hf::parked(fields);
    hf::not_counted(fields, &["lora_modules_to_save"], "are trained as whole copies, which is not counted");
    hf::not_counted(fields, &["freeze_layers", "num_freeze_layers"], "all layers are taken as trained");
    hf::not_counted(fields, &["lora_target_parameters"], "adapts experts' tensors, which is not counted");
    hf::not_counted(fields, &["use_unsloth"], "its kernels are not counted: give --stack unsloth");
    if fields.switch(&["use_cpu", "no_cuda"]) == Some(true) {
        objective::not_training(fields, "it runs on the host's processors");
    }
}

/// Which trainer.
fn trainer(fields: &mut Fields<'_>) {
    let named = fields.text(&["(script).trainer"]);
    let has = |fields: &Fields<'_>, keys: &[&str]| keys.iter().any(|key| fields.has(key));
    if let Some(name) = named {
        let ours = match name.as_str() {
            "simpo" => "cpo",
            other => other,
        };
        objective::read(fields, ours);
    } else if has(
        fields,
        &[
            "num_generations",
            "reward_funcs",
            "num_ppo_epochs",
            "reward_model_path",
            "teacher_model_name_or_path",
            "lmbda",
            "rloo_k",
        ],
    ) {
        objective::refuse(fields, "a trainer of this config's keys");
    } else if has(fields, &["desirable_weight", "undesirable_weight"]) {
        objective::read(fields, "kto");
    } else if has(fields, &["center_rewards_coefficient"]) {
        objective::read(fields, "reward");
    } else if has(fields, &["simpo_gamma", "cpo_alpha"]) {
        objective::read(fields, "cpo");
    } else if has(
        fields,
        &["beta", "max_prompt_length", "precompute_ref_log_probs", "rpo_alpha", "ref_model_path", "reference_free"],
    ) {
        fields.warn(
            "the keys are those of a preference trainer, which one is on its command line: DPO with a frozen reference is taken; give --objective orpo for one without",
        );
        objective::read(fields, "dpo");
    }
    if has(fields, &["vision_feature_select_strategy", "image_max_pixels", "max_pixels", "freeze_vision"]) {
        objective::not_text(fields, "pictures are read");
    }
}

fn length_of_a_sequence(fields: &mut Fields<'_>) {
    let seq = fields.count(&[
        "max_length",
        "max_seq_length",
        "block_size",
        "model_max_length",
        "max_source_length",
        "seq_length",
        "cutoff_len",
    ]);
    let seq = seq.or_else(|| fields.default("max_length").and_then(Value::as_u64)).unwrap_or(1024).max(1);
    fields.request.data.seq_len = Some(seq);
    fields.became("max_length", format!("data.seq_len = {seq}"));
    let whole = fields.has("block_size");
    let free = fields.switch(&["padding_free"]) == Some(true);
    let packed = fields.switch_or(&["packing"]) || whole || free;
    fields.request.data.packing = Some(packed);
    fields.became("packing", format!("data.packing = {packed}"));
}

/// As many samples as it is cut to.
fn samples(fields: &mut Fields<'_>) {
    if let Some(most) = fields.count(&["max_train_samples", "max_samples"]) {
        fields.request.data.samples = Some(outlay::request::Amount::Number(most as f64));
        fields.became("max_train_samples", format!("data.samples = {most}, if the data have so many"));
    }
}

/// Whether there are adapters.
fn method(fields: &mut Fields<'_>, half: bool) -> bool {
    let four =
        fields.switch(&["load_in_4bit", "use_4bit_quantization", "use_4bit_quantized", "use_qlora"]) == Some(true);
    let eight = fields.switch(&["load_in_8bit", "use_8bit_quantization"]) == Some(true);
    let rank = fields
        .count(&["lora_r", "lora_rank"])
        .or_else(|| fields.default("lora_r").and_then(Value::as_u64))
        .unwrap_or(16);
    let dropout = fields.number_or(&["lora_dropout"]).unwrap_or(0.05);
    let names = fields.names(&["lora_target_modules"]);
    let dora = fields.switch(&["use_dora"]) == Some(true);
    let double_quant = fields.switch(&["use_bnb_nested_quant", "use_nested_quant"]).unwrap_or(false);
    let base = match (four, eight, half) {
        (true, ..) => "nf4",
        (_, true, _) => "int8",
        (_, _, true) => "bf16",
        _ => "fp32",
    };
    if hf::adapter_file(fields, base, double_quant) {
        return true;
    }
    if fields.switch(&["use_peft", "use_peft_lora", "use_lora", "lora_enable"]) != Some(true)
        && !fields.has("use_qlora")
    {
        fields.request.method.kind = Some("full".into());
        fields.became("use_peft", "method.kind = full");
        return false;
    }
    hf::adapters(fields, Adapters { rank, targets: hf::targets(&names, false), dropout, base, dora, double_quant });
    true
}

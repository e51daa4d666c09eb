//! open-instruct's YAML: supervised and preference training with arguments of its own beside Transformers' names.

use serde_json::{Map, Value};

use crate::fields::Fields;
use crate::hf::{self, Adapters};
use crate::{objective, sharding};

const KEYS: &str = include_str!("../data/open-instruct.txt");

pub(crate) fn recognises(config: &Map<String, Value>) -> bool {
    let own = [
        "with_tracking",
        "dataset_mix_dir",
        "checkpointing_steps",
        "use_slow_tokenizer",
        "dataset_mixer_list",
        "exp_name",
    ];
    config.contains_key("model_name_or_path") && own.iter().any(|key| config.contains_key(*key))
}

pub(crate) fn read(fields: &mut Fields<'_>) {
    fields.program("open-instruct");
    fields.knows(KEYS);
    fields.knows(hf::KEYS);
    hf::model(fields, &["model_name_or_path"]);
    let loss = fields.text(&["dpo_loss_type", "loss_type", "(script).trainer"]);
    let named = loss.unwrap_or_default();
    let preference = ["beta", "dpo_beta", "dataset_mixer_list_pref", "reference_logprobs_cache_path"]
        .iter()
        .any(|key| fields.has(key))
        || named.contains("dpo");
    // Without a key of its own: `num_epochs` is what the preference trainer calls its passes.
    let preference = preference || fields.has("num_epochs") && !fields.has("num_train_epochs");
    if ["num_samples_per_prompt_rollout", "reward_model_path", "vllm_num_engines", "total_episodes"]
        .iter()
        .any(|key| fields.has(key))
    {
        objective::refuse(fields, "reinforcement learning");
    } else if named.contains("simpo") {
        objective::read(fields, "simpo");
    } else if preference {
        objective::read(fields, "dpo");
        fields.warn("a preference trainer's keys: DPO with a frozen reference is taken, read anew each time; give --objective orpo for one without");
    }
    sharding::read(fields);
    let seq = fields.count_or(&["max_seq_length"]).unwrap_or(2048).max(1);
    fields.request.data.seq_len = Some(seq);
    fields.became("max_seq_length", format!("data.seq_len = {seq}"));
    let packed = fields.switch_or(&["packing"]);
    fields.request.data.packing = Some(packed);
    fields.became("packing", format!("data.packing = {packed}"));
    let each = fields.count_or(&["per_device_train_batch_size"]).unwrap_or(8).max(1);
    let accumulation = fields.count_or(&["gradient_accumulation_steps"]).unwrap_or(1).max(1);
    fields.batch(each, accumulation, "per_device_train_batch_size");
    if let Some(most) = fields.count(&["max_train_samples"]) {
        fields.request.data.samples = Some(outlay::request::Amount::Number(most as f64));
        fields.became("max_train_samples", format!("data.samples = {most}, if the data have so many"));
    }
    let epochs = fields
        .number(&["num_train_epochs", "num_epochs"])
        .or_else(|| fields.default("num_train_epochs").and_then(Value::as_f64));
    let steps = fields.count(&["max_train_steps"]);
    fields.length(epochs, steps);
    if fields.switch(&["use_8bit_optimizer"]) == Some(true) {
        fields.put("optim", Value::String("adamw_8bit".into()));
    }
    hf::optimizer(fields);
    hf::schedule(fields);
    let qlora = fields.switch(&["use_qlora"]) == Some(true);
    let lora = fields.switch(&["use_lora"]) == Some(true) || qlora;
    let rank = fields.count_or(&["lora_rank"]).unwrap_or(64);
    let dropout = fields.number_or(&["lora_dropout"]).unwrap_or(0.1);
    if lora {
        let names = ["q_proj", "o_proj", "v_proj", "k_proj", "gate_proj", "up_proj", "down_proj"].map(str::to_owned);
        let base = if qlora { "nf4" } else { "bf16" };
        hf::adapters(
            fields,
            Adapters { rank, targets: hf::targets(&names, true), dropout, base, dora: false, double_quant: true },
        );
    } else {
        fields.request.method.kind = Some("full".into());
        fields.became("use_lora", "method.kind = full");
    }
    // Its launchers say bf16, the scripts load weights so.
    if !fields.has("bf16") && !fields.has("fp16") {
        fields.put("bf16", Value::Bool(true));
    }
    hf::precision(fields, lora, true);
    hf::recompute(fields);
    let slow = fields.switch(&["use_flash_attn"]) == Some(false);
    hf::attention(fields, Some(if slow { "sdpa" } else { "flash_attention_2" }.into()));
    hf::fused_loss(fields, &["use_liger_kernel"]);
    hf::checkpoints(fields);
}

//! Axolotl's YAML, of all its versions: FSDP in both spellings, batches given whole, preferences and rewards.

use outlay::request::Targets;
use serde_json::{Map, Value};

use crate::fields::Fields;
use crate::hf::{self, Adapters};
use crate::{objective, sharding};

const KEYS: &str = include_str!("../data/axolotl.txt");

pub(crate) fn recognises(config: &Map<String, Value>) -> bool {
    let rest = ["sequence_len", "micro_batch_size", "datasets", "pretraining_dataset", "adapter", "val_set_size"];
    config.contains_key("base_model") && rest.iter().any(|key| config.contains_key(*key))
}

pub(crate) fn read(fields: &mut Fields<'_>) {
    fields.program("axolotl");
    fields.knows(KEYS);
    fields.knows(hf::KEYS);
    if !somebody_s_plugin(fields) {
        fields.drops_unknown("Axolotl up to 0.21");
    }
    hf::model(fields, &["base_model"]);
    what_is_learned(fields);
    sharding::read(fields);
    let seq = fields.count_or(&["sequence_len"]).unwrap_or(512);
    fields.request.data.seq_len = Some(seq);
    fields.became("sequence_len", format!("data.seq_len = {seq}"));
    let packed = fields.switch_or(&["sample_packing"]) || fields.has("pretraining_dataset");
    fields.get(&["pretraining_dataset"]);
    fields.request.data.packing = Some(packed);
    fields.became("sample_packing", format!("data.packing = {packed}"));
    let set = fields.get(&["datasets"]).and_then(|(_, sets)| sets.get(0)?.get("path")?.as_str().map(str::to_owned));
    hf::data_file(fields, set);
    batch(fields);
    let (epochs, steps) = (fields.number_or(&["num_epochs"]), fields.count(&["max_steps"]));
    fields.length(epochs, steps);
    hf::optimizer(fields);
    hf::schedule(fields);
    // Weights are loaded in the format that is trained in.
    let half = halved(fields);
    let adapters = method(fields, half);
    hf::precision(fields, adapters, half);
    hf::recompute(fields);
    hf::parked(fields);
    let flash = fields.switch(&["flash_attention"]) == Some(true);
    let sdpa = fields.switch(&["sdp_attention"]) == Some(true);
    let eager = fields.switch(&["eager_attention"]) == Some(true);
    let named = fields.text(&["attn_implementation"]);
    let old = [(flash, "flash_attention_2"), (sdpa, "sdpa"), (eager, "eager")];
    let old = old.into_iter().find(|(on, _)| *on).map(|(_, name)| name.to_owned());
    hf::attention(fields, named.or(old));
    hf::fused_loss(
        fields,
        &[
            "cut_cross_entropy",
            "liger_fused_linear_cross_entropy",
            "chunked_cross_entropy",
            "unsloth_cross_entropy_loss",
        ],
    );
    hf::compile(fields);
    hf::checkpoints(fields);
    // Once a pass where data are held back and nothing is said.
    let said = ["eval_steps", "eval_strategy", "evaluation_strategy"].iter().any(|key| fields.has(key));
    let a_pass = fields.number(&["evals_per_epoch"]).or((!said).then_some(1.0));
    hf::evaluation(fields, &["val_set_size"], a_pass);
    hf::not_counted(fields, &["unfrozen_parameters"], "leaves other parameters frozen: all are taken as trained");
    hf::not_counted(fields, &["relora", "relora_steps"], "restarts of the adapters are not counted");
    hf::not_counted(fields, &["lisa_n_layers"], "trains some layers at a time: all are taken as trained");
    hf::not_counted(fields, &["lora_modules_to_save"], "are trained as whole copies, which is not counted");
    hf::not_counted(fields, &["quantization", "qat"], "the work of simulated quantisation is not counted");
    hf::not_counted(fields, &["lora_target_parameters"], "adapts experts' tensors, which is not counted");
}

/// A plugin that is not Axolotl's own brings keys of its own.
fn somebody_s_plugin(fields: &mut Fields<'_>) -> bool {
    let plugins = fields.config().get("plugins").and_then(Value::as_array);
    let own = |plugin: &Value| plugin.as_str().is_some_and(|name| name.starts_with("axolotl."));
    plugins.is_some_and(|plugins| !plugins.iter().all(own))
}

fn what_is_learned(fields: &mut Fields<'_>) {
    let rl = fields.text(&["rl"]).unwrap_or_default();
    let reward = fields.switch(&["reward_model"]) == Some(true);
    let process = fields.switch(&["process_reward_model"]) == Some(true);
    let name = if reward {
        "reward"
    } else if process {
        "prm"
    } else {
        &rl
    };
    objective::read(fields, name);
    if fields.has("processor_type") && fields.text(&["processor_type"]).is_some() {
        objective::not_text(fields, "a processor for pictures or sound is loaded");
    }
    if fields.has("diffusion") || fields.has("noise_schedule") {
        objective::not_text(fields, "a diffusion model is trained");
    }
    if fields.has("teacher_model") || fields.has("kd_trainer") && fields.switch(&["kd_trainer"]) == Some(true) {
        fields.warn("a teacher is learned from: its work, where it runs beside, is not counted");
    }
}

fn batch(fields: &mut Fields<'_>) {
    let each = fields.count_or(&["micro_batch_size"]).unwrap_or(1).max(1);
    let whole = fields.count(&["batch_size"]);
    let replicas = (fields.accelerators.unwrap_or(1) / fields.sharing).max(1);
    let accumulation = fields
        .count(&["gradient_accumulation_steps"])
        .or_else(|| whole.map(|whole| whole / each / replicas))
        .or_else(|| fields.default("gradient_accumulation_steps").and_then(Value::as_u64))
        .unwrap_or(1)
        .max(1);
    fields.batch(each, accumulation, "micro_batch_size");
}

/// Whether weights are loaded in 16 bit.
fn halved(fields: &mut Fields<'_>) -> bool {
    let bf16 = fields.switch(&["bf16", "bfloat16"]);
    let fp16 = fields.switch(&["fp16", "float16"]) == Some(true) || fields.switch(&["load_in_8bit"]) == Some(true);
    fp16 || bf16.or_else(|| fields.default("bf16").and_then(Value::as_bool)).unwrap_or(false)
}

/// Whether there are adapters.
fn method(fields: &mut Fields<'_>, half: bool) -> bool {
    let adapter = fields.text(&["adapter"]);
    let four = fields.switch(&["load_in_4bit"]) == Some(true);
    let eight = fields.switch(&["load_in_8bit"]) == Some(true);
    let gptq = fields.switch(&["gptq"]) == Some(true);
    let rank = fields.count_or(&["lora_r"]).unwrap_or(8);
    let dropout = fields.number_or(&["lora_dropout"]).unwrap_or(0.0);
    let dora = fields.switch(&["peft_use_dora"]) == Some(true);
    let linear = fields.switch(&["lora_target_linear"]) == Some(true);
    let names = fields.names(&["lora_target_modules"]);
    let base = match (four || gptq, eight, adapter.as_deref()) {
        (true, ..) => "nf4",
        (_, true, _) => "int8",
        (false, false, Some("qlora")) => "nf4",
        _ if half => "bf16",
        _ => "fp32",
    };
    let double_quant = fields.switch(&["bnb_config_kwargs.bnb_4bit_use_double_quant"]).unwrap_or(true);
    if hf::adapter_file(fields, base, double_quant) {
        return true;
    }
    let Some(kind) = adapter else {
        fields.request.method.kind = Some("full".into());
        fields.became("adapter", "method.kind = full");
        return false;
    };
    if !["lora", "qlora"].contains(&kind.as_str()) {
        fields.warn(format!("adapter {kind} is taken for lora of the same rank"));
    }
    let targets = if linear { Targets::One("all-linear".into()) } else { hf::targets(&names, true) };
    hf::adapters(fields, Adapters { rank, targets, dropout, base, dora, double_quant });
    true
}

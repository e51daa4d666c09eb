//! ms-swift's YAML and command lines: `swift sft`, `pt`, `rlhf`, and `megatron sft`.

use outlay::request::Amount;
use serde_json::{Map, Value};

use crate::fields::Fields;
use crate::hf::{self, Adapters};
use crate::{objective, sharding};

const KEYS: &str = include_str!("../data/swift.txt");

pub(crate) fn recognises(config: &Map<String, Value>) -> bool {
    let own = [
        "tuner_type",
        "train_type",
        "sft_type",
        "split_dataset_ratio",
        "attn_impl",
        "rlhf_type",
        "model_id_or_path",
        "sampler_engine",
        "infer_backend",
        "target_modules",
        "load_args",
        "no_save_optim",
    ];
    ["model", "model_id_or_path", "model_type", "load", "mcore_model"].iter().any(|key| config.contains_key(*key))
        && !config.get("model").is_some_and(Value::is_object)
        && own.iter().any(|key| config.contains_key(*key))
}

pub(crate) fn read(fields: &mut Fields<'_>) {
    fields.program("ms-swift");
    fields.knows(KEYS);
    fields.knows(hf::KEYS);
    fields.knows("(script)*\nENV\ndevice_groups\ncolocate_groups\nuse_ray\nrollout\nteacher\nnproc_per_node");
    let verb = fields.text(&["(script).trainer"]).unwrap_or_default();
    if ["infer", "export", "deploy", "eval", "sample", "rollout", "app", "merge-lora"].contains(&verb.as_str())
        || fields.has("sampler_engine")
        || verb.is_empty() && fields.has("infer_backend")
    {
        objective::not_training(fields, "answers are sampled, or a model is written");
    }
    hf::model(fields, &["model", "model_id_or_path", "mcore_model", "load", "model_type"]);
    let kind = fields.text(&["rlhf_type"]).or((verb == "rlhf").then(|| "dpo".into())).unwrap_or_default();
    objective::read(fields, &kind);
    if let Some((_, task)) = fields.get(&["task_type"])
        && task.as_str().is_some_and(|task| task != "causal_lm")
    {
        fields.warn("task_type: another head than a language model's is counted as one");
    }
    sharding::read(fields);
    match fields.count(&["max_length"]).filter(|length| *length > 0) {
        Some(seq) => {
            fields.request.data.seq_len = Some(seq);
            fields.became("max_length", format!("data.seq_len = {seq}"));
        }
        None => {
            fields.open("data.seq_len: without max_length sequences are as long as the model takes; give --seq-len")
        }
    }
    let free = fields.switch(&["padding_free"]) == Some(true);
    let packed = fields.switch_or(&["packing"]) || free;
    fields.request.data.packing = Some(packed);
    fields.became("packing", format!("data.packing = {packed}"));
    samples(fields);
    batch(fields);
    let epochs = fields
        .number(&["num_train_epochs", "max_epochs"])
        .or_else(|| fields.default("num_train_epochs").and_then(Value::as_f64));
    let steps = fields.count(&["max_steps", "train_iters"]);
    fields.length(epochs, steps);
    hf::optimizer(fields);
    hf::schedule(fields);
    let adapters = method(fields);
    let half = !matches!(fields.text(&["torch_dtype", "dtype"]).as_deref(), Some("float32" | "fp32"));
    hf::precision(fields, adapters, half);
    match fields.text(&["recompute_granularity"]).as_deref() {
        Some(how @ ("selective" | "full" | "none")) => {
            fields.request.train.recompute = Some(how.into());
            fields.became("recompute_granularity", format!("train.recompute = {how}"));
        }
        _ => hf::recompute(fields),
    }
    let attention = fields.text(&["attn_impl", "attention_backend"]);
    let old = fields.switch(&["use_flash_attn"]) == Some(true);
    hf::attention(fields, attention.or_else(|| old.then(|| "flash_attention_2".into())));
    hf::fused_loss(fields, &["use_liger_kernel", "use_cce", "cross_entropy_loss_fusion"]);
    hf::compile(fields);
    hf::checkpoints(fields);
    let plain = "the figures are those of plain training";
    hf::not_counted(fields, &["use_galore", "use_lisa", "lisa_activated_layers"], plain);
    hf::not_counted(fields, &["modules_to_save"], "are trained as whole copies, which is not counted");
}

/// `name#1000` takes so many samples of a set.
fn samples(fields: &mut Fields<'_>) {
    let sets = match fields.get(&["dataset"]) {
        Some((_, Value::String(sets))) => sets.split_whitespace().map(str::to_owned).collect(),
        Some((_, Value::Array(sets))) => sets.iter().filter_map(|set| set.as_str().map(str::to_owned)).collect(),
        _ => Vec::<String>::new(),
    };
    let counts: Vec<Option<u64>> = sets.iter().map(|set| set.rsplit_once('#')?.1.parse().ok()).collect();
    if let Some(all) = counts.iter().copied().sum::<Option<u64>>().filter(|all| *all > 0) {
        let held = fields.number(&["split_dataset_ratio"]).unwrap_or(0.0).clamp(0.0, 1.0);
        let trained = (all as f64 * (1.0 - held)).round();
        fields.request.data.samples = Some(Amount::Number(trained));
        fields.became("dataset", format!("data.samples = {trained}"));
    } else {
        fields.get(&["split_dataset_ratio"]);
        hf::data_file(fields, sets.into_iter().next());
    }
}

fn batch(fields: &mut Fields<'_>) {
    let megatron =
        fields.has("micro_batch_size") || fields.has("tensor_model_parallel_size") || fields.has("global_batch_size");
    let each = fields.count(&["per_device_train_batch_size", "micro_batch_size", "batch_size"]).unwrap_or(1).max(1);
    let replicas = (fields.accelerators.unwrap_or(1) / fields.sharing).max(1);
    let whole = fields.count(&["global_batch_size"]).unwrap_or(16);
    let accumulation = match fields.count(&["gradient_accumulation_steps"]) {
        Some(steps) if !megatron => steps.max(1),
        // Sixteen samples a step, whatever the number of devices, unless said otherwise.
        _ => whole.div_ceil(each).div_ceil(replicas).max(1),
    };
    fields.batch(each, accumulation, "per_device_train_batch_size");
}

/// Whether there are adapters.
fn method(fields: &mut Fields<'_>) -> bool {
    let kind = fields.text(&["tuner_type", "train_type", "sft_type"]).unwrap_or_else(|| "lora".into());
    let bits = fields.count(&["quant_bits", "quantization_bit"]);
    let bnb4 = fields.switch(&["load_in_4bit"]) == Some(true);
    fields.get(&["quant_method"]);
    let rank = fields.count_or(&["lora_rank"]).unwrap_or(8);
    let dropout = fields.number_or(&["lora_dropout"]).unwrap_or(0.05);
    let names = match fields.get(&["target_modules", "lora_target_modules"]) {
        Some((_, Value::String(names))) => {
            names.split([' ', ',']).filter(|name| !name.is_empty()).map(str::to_owned).collect()
        }
        Some((_, Value::Array(names))) => names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect(),
        _ => Vec::<String>::new(),
    };
    let names: Vec<String> = names.into_iter().filter(|name| name != "DEFAULT").collect();
    let dora = fields.switch(&["use_dora"]) == Some(true);
    let base = match (bits, bnb4) {
        (Some(1..=4), _) | (_, true) => "nf4",
        (Some(5..=8), _) => "int8",
        _ => "bf16",
    };
    if kind == "full" {
        fields.request.method.kind = Some("full".into());
        fields.became("tuner_type", "method.kind = full");
        return false;
    }
    if !["lora", "qlora", "longlora", "adalora"].contains(&kind.as_str()) {
        fields.warn(format!("tuner_type {kind} is taken for lora of the same rank"));
    }
    if !hf::adapter_file(fields, base, true) {
        hf::adapters(
            fields,
            Adapters { rank, targets: hf::targets(&names, true), dropout, base, dora, double_quant: true },
        );
    }
    true
}

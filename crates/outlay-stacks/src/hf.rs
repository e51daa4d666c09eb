//! What the programs on top of Transformers share: optimizers, attention, precision, adapters, schedules, evaluation.
//!
//! Does not know: how the work is split ([`crate::sharding`]), what is learned ([`crate::objective`]).

use outlay::request::{Amount, Targets};
use serde_json::Value;

use crate::common::put;
use crate::fields::Fields;

/// Keys of `TrainingArguments`.
pub(crate) const KEYS: &str = include_str!("../data/hf.txt");

/// The model that is trained.
pub(crate) fn model(fields: &mut Fields<'_>, keys: &[&'static str]) {
    match fields.text(keys) {
        Some(model) => {
            fields.became(keys[0], format!("model.base = {model}"));
            fields.request.model.base = Some(model);
        }
        None => fields.open("model.base: the config names no model; give --model"),
    }
}

/// Transformers' names of update rules, and those of the programs on top.
pub(crate) fn optimizer(fields: &mut Fields<'_>) {
    let name = fields.text(&["optim", "optimizer"]);
    let default = fields.default("optim").or(fields.default("optimizer")).and_then(Value::as_str);
    let name = name.or(default.map(str::to_owned)).unwrap_or_else(|| "adamw_torch".into());
    let lower = name.to_ascii_lowercase();
    let (ours, close) = match lower.trim_start_matches("optimizernames.") {
        "paged_adamw_8bit" => ("paged-adamw-8bit", true),
        "paged_ademamix_8bit" => ("paged-adamw-8bit", false),
        "paged_adamw" | "paged_adamw_32bit" => ("paged-adamw", true),
        "paged_ademamix_32bit" => ("paged-adamw", false),
        "adamw_8bit" | "adamw_bnb_8bit" | "adamw_torch_8bit" | "ao_adamw_8bit" => ("adamw-8bit", true),
        "ademamix_8bit" | "ao_adamw_fp8" | "q_galore_adamw8bit" => ("adamw-8bit", false),
        "adamw_torch_4bit" | "ao_adamw_4bit" => ("adamw-4bit", true),
        "adafactor" => ("adafactor", true),
        "sgd" if momentum(fields) => ("sgd-momentum", true),
        "sgd" => ("sgd", true),
        "muon" => ("muon", true),
        "lion_32bit" | "lion_pytorch" | "lion" => ("lion", true),
        "rmsprop" | "adagrad" | "rmsprop_32bit" => ("sgd-momentum", false),
        other if other.contains("lion") => ("lion", false),
        other if other.starts_with("galore_adafactor") => ("adafactor", false),
        "lomo" | "adalomo" => ("sgd", false),
        "muon_adamw" | "distributed_muon" | "normuon" => ("muon", false),
        other if other.starts_with("adamw") || other == "adam" => ("adamw", true),
        _ => ("adamw", false),
    };
    if !close {
        fields.warn(format!("optimizer {name} is taken for {ours}: its own states and work are not counted"));
    }
    fields.request.train.optimizer = Some(ours.into());
    fields.became("optim", format!("train.optimizer = {ours}"));
}

/// `optim_args: momentum=0.9`, as text or as a table.
fn momentum(fields: &mut Fields<'_>) -> bool {
    let value = match fields.get(&["optim_args"]) {
        Some((_, Value::String(text))) => {
            let mut pairs = text.split(',').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| key.trim() == "momentum").and_then(|(_, value)| value.trim().parse().ok())
        }
        Some((_, Value::Object(table))) => table.get("momentum").and_then(Value::as_f64),
        _ => None,
    };
    value.is_some_and(|value| value > 0.0)
}

/// Precision from Transformers' switches, the format the weights are loaded in, and who shards them.
///
/// A full copy in 32 bit stands where DeepSpeed or FSDP keep one, or where the weights were loaded so; adapters leave the
/// base as it is.
pub(crate) fn precision(fields: &mut Fields<'_>, adapters: bool, loaded_half: bool) {
    let (bf16, fp16) = (fields.switch(&["bf16", "bfloat16"]), fields.switch(&["fp16", "float16"]));
    let fp8 = fields.switch(&["fp8"]);
    let unless_said = fields.default("bf16").and_then(Value::as_bool).unwrap_or(false);
    let sharded = fields.request.layout.zero.as_deref().is_some_and(|zero| zero != "none");
    let ours = match (fp8, bf16, fp16) {
        (Some(true), ..) => "fp8",
        (_, Some(true), _) => half(adapters, sharded, loaded_half),
        (_, _, Some(true)) => "fp16",
        (_, None, _) if unless_said => half(adapters, sharded, loaded_half),
        _ if loaded_half && !adapters => "bf16-pure",
        _ if loaded_half => "bf16",
        _ if fields.switch(&["tf32"]) == Some(true) => "tf32",
        _ => "fp32",
    };
    fields.request.train.precision = Some(ours.into());
    fields.became("bf16, fp16, fp8", format!("train.precision = {ours}"));
}

const fn half(adapters: bool, sharded: bool, loaded_half: bool) -> &'static str {
    match (adapters || sharded, loaded_half) {
        (true, _) => "bf16",
        (false, true) => "bf16-pure",
        (false, false) => "bf16-autocast",
    }
}

/// The format that weights are loaded in, by Transformers' names; `None`: the config leaves it to the checkpoint.
pub(crate) fn loaded(fields: &mut Fields<'_>) -> Option<bool> {
    let name =
        fields.text(&["dtype", "torch_dtype"]).or_else(|| fields.default("dtype")?.as_str().map(str::to_owned))?;
    match name.trim_start_matches("torch.") {
        "bfloat16" | "bf16" | "float16" | "fp16" | "half" => Some(true),
        "float32" | "fp32" | "float" => Some(false),
        // As the checkpoint has it, which is 16 bit for whatever one fine-tunes today.
        _ => Some(true),
    }
}

/// Attention kernel by Transformers' names.
pub(crate) fn attention(fields: &mut Fields<'_>, name: Option<String>) {
    let Some(name) = name else { return };
    // A kernel of the hub's is named by its repository.
    let ours = match name.rsplit('/').next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "flash_attention_2"
        | "fa2"
        | "flash_attention"
        | "flash_attn"
        | "flash"
        | "flash-attn"
        | "flash-attn2"
        | "kernels-flash-attn2" => "flash2",
        "flash_attention_3" | "fa3" | "flash_attn_3" | "vllm-flash-attn3" | "flash-attn3" => "flash3",
        "sdpa" => "sdpa",
        "eager" | "disabled" => "eager",
        "auto" => return,
        other => {
            fields.warn(format!("attention {other} is taken for the usual kernel"));
            return;
        }
    };
    fields.request.train.attention = Some(ours.into());
    fields.became("attention", format!("train.attention = {ours}"));
}

/// Peak and schedule of the learning rate.
pub(crate) fn schedule(fields: &mut Fields<'_>) {
    if let Some(rate) = fields.number(&["learning_rate", "lr"]).filter(|rate| *rate > 0.0) {
        fields.request.train.learning_rate = Some(rate);
        fields.became("learning_rate", format!("train.learning_rate = {rate}"));
    }
    let default = fields
        .default("lr_scheduler_type")
        .or(fields.default("lr_scheduler"))
        .and_then(Value::as_str)
        .unwrap_or("linear");
    let name =
        fields.text(&["lr_scheduler_type", "lr_scheduler", "lr_decay_style"]).unwrap_or_else(|| default.to_owned());
    let lower = name.to_ascii_lowercase();
    let ours = match lower.trim_start_matches("schedulertype.") {
        name if name.contains("cosine") || name == "rex" || name == "one_cycle" => "cosine",
        "linear" | "polynomial" | "inverse_sqrt" | "reduce_lr_on_plateau" | "greedy" => "linear",
        name if name.starts_with("constant") => "constant",
        name if name.contains("stable_decay") => "wsd",
        _ => {
            fields.warn(format!("schedule {name} is taken for {default}"));
            default
        }
    };
    fields.request.train.schedule = Some(ours.into());
    fields.became("lr_scheduler", format!("train.schedule = {ours}"));
}

/// Adapters, once it is known that there are some.
pub(crate) struct Adapters {
    pub(crate) rank: u64,
    pub(crate) targets: Targets,
    pub(crate) dropout: f64,
    /// `fp32`, `bf16`, `int8` or `nf4`.
    pub(crate) base: &'static str,
    pub(crate) dora: bool,
    pub(crate) double_quant: bool,
}

pub(crate) fn adapters(fields: &mut Fields<'_>, adapters: Adapters) {
    let Adapters { rank, targets, dropout, base, dora, double_quant } = adapters;
    let kind = match (dora, base) {
        (true, _) => "dora",
        (false, "nf4") => "qlora",
        _ => "lora",
    };
    let which = match &targets {
        Targets::One(name) => name.clone(),
        Targets::Many(names) => names.join(", "),
    };
    let method = &mut fields.request.method;
    method.kind = Some(kind.into());
    method.rank = Some(rank);
    method.dropout = Some(dropout);
    method.targets = Some(targets);
    if base == "nf4" {
        method.double_quant = Some(double_quant);
        if dora {
            method.base_dtype = Some("nf4".into());
        }
    } else if base != "bf16" {
        method.base_dtype = Some(base.into());
    }
    fields.became("adapter", format!("method.kind = {kind}, rank {rank} on {which}, base in {base}"));
}

/// The adapters that a PEFT `adapter_config.json` describes, given as a second file.
pub(crate) fn adapter_file(fields: &mut Fields<'_>, base: &'static str, double_quant: bool) -> bool {
    fields.knows("adapter_config");
    let Some((_, Value::Object(file))) = fields.get(&["adapter_config"]) else { return false };
    let rank = file.get("r").and_then(Value::as_u64).unwrap_or(8);
    let dropout = file.get("lora_dropout").and_then(Value::as_f64).unwrap_or(0.0);
    let dora = file.get("use_dora").and_then(Value::as_bool) == Some(true);
    let names: Vec<String> = match file.get("target_modules") {
        Some(Value::Array(list)) => list.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect(),
        Some(Value::String(one)) => vec![one.clone()],
        _ => Vec::new(),
    };
    for (key, what) in [
        ("modules_to_save", "are trained as whole copies, which is not counted"),
        ("layers_to_transform", "leaves out layers, which are counted"),
        ("rank_pattern", "gives some modules other ranks, which are not counted"),
        ("target_parameters", "adapts experts' tensors, which is not counted"),
    ] {
        if file.get(key).is_some_and(|value| !value.is_null() && value != &Value::Object(serde_json::Map::new())) {
            fields.warn(format!("adapter_config.{key} {what}"));
        }
    }
    adapters(fields, Adapters { rank, targets: targets(&names, false), dropout, base, dora, double_quant });
    true
}

/// Modules by name; a pattern or a name for all of them is all linear layers.
pub(crate) fn targets(names: &[String], all_if_none: bool) -> Targets {
    match names {
        [] if all_if_none => Targets::One("all-linear".into()),
        // PEFT's choice for most families.
        [] => Targets::Many(vec!["q_proj".into(), "v_proj".into()]),
        names if names.iter().any(|name| ["all", "all-linear", "ALL", "all_linear"].contains(&name.as_str())) => {
            Targets::One("all-linear".into())
        }
        [pattern] if pattern.contains(['(', '*', '|', '^']) => Targets::One("all-linear".into()),
        names => {
            let bare = |name: &String| name.rsplit('.').next().unwrap_or(name).to_owned();
            let mut bare: Vec<String> =
                names.iter().map(bare).filter(|name| name != "lm_head" && name != "embed_tokens").collect();
            bare.sort();
            bare.dedup();
            Targets::Many(bare)
        }
    }
}

/// Recomputation by Transformers' switch.
pub(crate) fn recompute(fields: &mut Fields<'_>) {
    let default = fields.default("gradient_checkpointing").and_then(Value::as_bool).unwrap_or(false);
    let on = match fields.get(&[
        "gradient_checkpointing",
        "activation_checkpointing",
        "enable_activation_checkpointing",
        "vit_gradient_checkpointing",
    ]) {
        Some((key, Value::String(how))) if how.starts_with("offload") => {
            kept_on_host(fields, key, &how);
            true
        }
        _ => fields
            .switch(&["gradient_checkpointing", "activation_checkpointing", "enable_activation_checkpointing"])
            .unwrap_or(default),
    };
    let ours = if on { "full" } else { "none" };
    fields.request.train.recompute = Some(ours.into());
    fields.became("gradient_checkpointing", format!("train.recompute = {ours}"));
}

/// Activations in host memory, by the switch of TRL and of programs around it.
pub(crate) fn parked(fields: &mut Fields<'_>) {
    match fields.get(&["activation_offloading"]) {
        None | Some((_, Value::Null | Value::Bool(false))) => {}
        Some((key, how)) => kept_on_host(fields, key, how.as_str().unwrap_or_default()),
    }
}

fn kept_on_host(fields: &mut Fields<'_>, key: &str, how: &str) {
    put!(fields, key, train.activation_offload = true);
    if how.contains("disk") {
        fields.warn(format!("{key}: the disk is taken to be as quick as the host's memory"));
    }
}

/// Kernels for the loss that never hold all logits.
pub(crate) fn fused_loss(fields: &mut Fields<'_>, keys: &[&'static str]) {
    for key in keys {
        if fields.switch(&[key]) == Some(true) && fields.request.train.loss.is_none() {
            fields.request.train.loss = Some("chunked".into());
            fields.became(key, "train.loss = chunked");
        }
    }
}

/// A compiler over the layers.
pub(crate) fn compile(fields: &mut Fields<'_>) {
    if fields.switch(&["torch_compile"]) == Some(true) {
        fields.request.train.compile = Some(true);
        fields.became("torch_compile", "train.compile = true");
    }
}

/// Checkpoints, as far as a job has a key for them.
pub(crate) fn checkpoints(fields: &mut Fields<'_>) {
    if let Some(kept) = fields.count(&["save_total_limit", "keep_last_n_checkpoints"]).filter(|kept| *kept > 0) {
        fields.request.train.checkpoints_kept = Some(kept);
        fields.became("save_total_limit", format!("train.checkpoints_kept = {kept}"));
    }
    if fields.text(&["save_strategy"]).as_deref() == Some("no") {
        fields.request.train.checkpoint = Some(Amount::Text("none".into()));
        fields.became("save_strategy", "train.checkpoint = none");
    }
}

/// Evaluation: a share of the data held back, so many times a pass, at a forward pass each.
pub(crate) fn evaluation(fields: &mut Fields<'_>, held: &[&'static str], a_pass: Option<f64>) {
    let share = fields.number(held).filter(|share| *share > 0.0);
    let strategy = fields.text(&["eval_strategy", "evaluation_strategy"]);
    let every = fields.number(&["eval_steps"]);
    if strategy.as_deref() == Some("no") {
        return;
    }
    let per_pass = a_pass.or((strategy.as_deref() == Some("epoch")).then_some(1.0));
    match (share, per_pass) {
        (Some(share), Some(times)) if share < 1.0 && times > 0.0 => {
            // A forward pass is a third of a trained token's work.
            let time = share / (1.0 - share) * times / 3.0;
            fields.request.train.evaluation = Some(time);
            fields.became("evaluation", format!("train.evaluation = {time:.4}"));
        }
        (Some(_), None) if every.is_some() => {
            fields.open(
                "train.evaluation: how often the held-out data are seen depends on the length; give --evaluation SHARE",
            );
        }
        (None, _) if strategy.is_some() => {
            fields
                .open("train.evaluation: the size of the held-out data is not in the config; give --evaluation SHARE");
        }
        _ => {}
    }
}

/// A local data file that the config names.
pub(crate) fn data_file(fields: &mut Fields<'_>, name: Option<String>) {
    let Some(name) = name else { return };
    let data = [".json", ".jsonl", ".parquet", ".arrow", ".txt", ".csv"].iter().any(|end| name.ends_with(end));
    if data && fields.there.is_some_and(|there| there(&name)) {
        fields.became("(data)", format!("data.path = {name}"));
        fields.request.data.path = Some(name);
    }
}

/// What is known to cost something that is not counted here.
pub(crate) fn not_counted(fields: &mut Fields<'_>, keys: &[&'static str], what: &str) {
    for key in keys {
        if let Some((key, value)) = fields.get(&[key])
            && value != Value::Bool(false)
            && value.as_f64() != Some(0.0)
            && value.as_array().is_none_or(|list| !list.is_empty())
        {
            fields.warn(format!("{key}: {what}"));
        }
    }
}

//! What Axolotl, LLaMA-Factory and TRL share, because all three hand it to Transformers: optimizers, attention, adapters,
//! schedules, DeepSpeed and FSDP.

use outlay::request::Targets;
use serde_json::Value;

use crate::fields::Fields;

/// Keys of `TrainingArguments`.
pub(crate) const KEYS: &str = include_str!("../data/hf.txt");

/// Transformers' names of update rules.
pub(crate) fn optimizer(fields: &mut Fields<'_>, default: &str) {
    let name = fields.text(&["optim", "optimizer"]).unwrap_or_else(|| default.to_owned());
    let ours = match name.to_ascii_lowercase().trim_start_matches("optimizernames.") {
        "paged_adamw_8bit" | "paged_ademamix_8bit" => "paged-adamw-8bit",
        "paged_adamw" | "paged_adamw_32bit" | "paged_ademamix_32bit" => "paged-adamw",
        "adamw_8bit" | "adamw_bnb_8bit" | "ademamix_8bit" | "adamw_torch_8bit" | "ao_adamw_8bit" => "adamw-8bit",
        "adamw_torch_4bit" | "ao_adamw_4bit" => "adamw-4bit",
        "adafactor" => "adafactor",
        "sgd" => "sgd",
        "muon" => "muon",
        other if other.contains("lion") => "lion",
        other => {
            if !other.starts_with("adamw") {
                fields.warn(format!("optimizer {other} is taken for adamw"));
            }
            "adamw"
        }
    };
    fields.request.train.optimizer = Some(ours.into());
    fields.became("optim", format!("train.optimizer = {ours}"));
}

/// Precision of the multiplications from Transformers' switches.
pub(crate) fn precision(fields: &mut Fields<'_>, bf16_unless_said: bool) {
    let (bf16, fp16, fp8) =
        (fields.switch(&["bf16", "bfloat16"]), fields.switch(&["fp16", "float16"]), fields.switch(&["fp8"]));
    let ours = match (fp8, bf16, fp16) {
        (Some(true), ..) => "fp8",
        (_, Some(true), _) => "bf16",
        (_, _, Some(true)) => "fp16",
        (_, None, None) if bf16_unless_said => "bf16",
        (_, None, None | Some(false)) if bf16_unless_said => "bf16",
        _ => "fp32",
    };
    fields.request.train.precision = Some(ours.into());
    fields.became("bf16, fp16, fp8", format!("train.precision = {ours}"));
}

/// Attention kernel by Transformers' names.
pub(crate) fn attention(fields: &mut Fields<'_>, name: Option<String>) {
    let ours = match name.as_deref() {
        Some("flash_attention_2" | "fa2" | "flash_attention") => "flash2",
        Some("flash_attention_3" | "fa3") => "flash3",
        Some("sdpa") => "sdpa",
        Some("eager" | "disabled") => "eager",
        Some("auto") | None => return,
        Some(other) => {
            fields.warn(format!("attention {other} is not known: the usual one is assumed"));
            return;
        }
    };
    fields.request.train.attention = Some(ours.into());
    fields.became("attention", format!("train.attention = {ours}"));
}

/// Schedules of the learning rate.
pub(crate) fn schedule(fields: &mut Fields<'_>, default: &str) {
    if let Some(rate) = fields.number(&["learning_rate"]) {
        fields.request.train.learning_rate = Some(rate);
        fields.became("learning_rate", format!("train.learning_rate = {rate}"));
    }
    let name = fields.text(&["lr_scheduler_type", "lr_scheduler"]).unwrap_or_else(|| default.to_owned());
    let ours = match name.as_str() {
        name if name.starts_with("cosine") => "cosine",
        "linear" | "polynomial" => "linear",
        name if name.starts_with("constant") => "constant",
        name if name.contains("stable_decay") => "wsd",
        other => {
            fields.warn(format!("schedule {other} is taken for {default}"));
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
    /// `bf16`, `int8` or `nf4`.
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
    } else if base == "int8" {
        method.base_dtype = Some("int8".into());
    }
    fields.became("adapter", format!("method.kind = {kind}, rank {rank} on {which}, base in {base}"));
}

/// Sharding by DeepSpeed (a path whose name says the stage, or the settings themselves) and FSDP.
pub(crate) fn sharding(fields: &mut Fields<'_>) {
    if let Some((_, value)) = fields.get(&["deepspeed", "deepspeed_config"]) {
        let stage = match &value {
            Value::String(path) => ["zero3", "z3", "zero2", "z2", "zero1", "z1", "zero0", "z0"]
                .into_iter()
                .find(|name| path.to_ascii_lowercase().contains(name))
                .and_then(|name| name.chars().last()),
            other => other
                .pointer("/zero_optimization/stage")
                .and_then(Value::as_u64)
                .map(|n| (b'0' + n.min(9) as u8) as char),
        };
        let zero = match stage {
            Some('3') => Some("zero3"),
            Some('2') => Some("zero2"),
            Some('1') => Some("zero1"),
            Some('0') => Some("none"),
            _ => None,
        };
        let parked = match &value {
            Value::String(path) => {
                path.to_ascii_lowercase().contains("offload") || path.to_ascii_lowercase().contains("cpu")
            }
            other => {
                other.pointer("/zero_optimization/offload_optimizer/device").and_then(Value::as_str) == Some("cpu")
            }
        };
        match zero {
            Some(zero) => {
                fields.request.layout.zero = Some(zero.into());
                fields.became("deepspeed", format!("layout.zero = {zero}"));
            }
            None => fields.warn("the DeepSpeed config does not say its stage here: the search chooses the sharding"),
        }
        if parked {
            fields.request.layout.offload = Some("optimizer".into());
            fields.became("deepspeed", "layout.offload = optimizer");
        }
    }
    let listed = fields.get(&["fsdp"]).map(|(_, value)| value);
    let config = fields.get(&["fsdp_config"]).map(|(_, value)| value);
    let on = match &listed {
        Some(Value::Array(list)) => !list.is_empty(),
        Some(Value::String(_)) => true,
        Some(Value::Bool(on)) => *on,
        _ => config.as_ref().is_some_and(Value::is_object),
    };
    if on {
        let keeps = config.as_ref().and_then(|config| config.get("reshard_after_forward")).and_then(Value::as_bool)
            == Some(false);
        let zero = if keeps { "zero2" } else { "fsdp" };
        fields.request.layout.zero = Some(zero.into());
        fields.became("fsdp", format!("layout.zero = {zero}"));
        let words = listed.as_ref().map_or_else(String::new, ToString::to_string);
        let setting =
            |key: &str| config.as_ref().and_then(|config| config.get(key)).and_then(Value::as_bool) == Some(true);
        if words.contains("offload") || setting("offload_params") || setting("fsdp_offload_params") {
            fields.request.layout.offload = Some("optimizer+parameters".into());
            fields.became("fsdp", "layout.offload = optimizer+parameters");
        }
        if setting("activation_checkpointing") || setting("fsdp_activation_checkpointing") {
            fields.request.train.recompute = Some("full".into());
            fields.became("fsdp_config.activation_checkpointing", "train.recompute = full");
        }
    }
}

/// Recomputation by Transformers' switch.
pub(crate) fn recompute(fields: &mut Fields<'_>, default: bool) {
    let on = fields.switch(&["gradient_checkpointing", "activation_checkpointing"]).unwrap_or(default);
    let ours = if on { "full" } else { "none" };
    fields.request.train.recompute = Some(ours.into());
    fields.became("gradient_checkpointing", format!("train.recompute = {ours}"));
}

/// Kernels for the loss that never hold all logits.
pub(crate) fn fused_loss(fields: &mut Fields<'_>, keys: &[&'static str]) {
    if fields.switch(keys) == Some(true) {
        fields.request.train.loss = Some("chunked".into());
        fields.became(keys[0], "train.loss = chunked");
    }
}

/// What is known to cost something that is not counted here.
pub(crate) fn not_counted(fields: &mut Fields<'_>, keys: &[&'static str], what: &str) {
    if let Some((key, value)) = fields.get(keys)
        && value != Value::Bool(false)
    {
        fields.warn(format!("{key}: {what}"));
    }
}

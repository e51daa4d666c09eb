//! llm-foundry's YAML on Composer: times as text (`2ep`, `4800ba`, `26tok`), MPT models by dimensions, others by name.

use outlay::request::{CustomModel, Targets};
use serde_json::{Map, Value};

use crate::common::{self, Batch, put, width};
use crate::fields::Fields;
use crate::models;

const KEYS: &str = include_str!("../data/llm-foundry.txt");
const MODELS: &str = include_str!("../data/models/llm-foundry.txt");

pub(crate) fn recognises(config: &Map<String, Value>) -> bool {
    let keys = ["max_duration", "device_train_microbatch_size", "train_loader", "icl_tasks", "global_train_batch_size"];
    let found = keys.iter().filter(|key| config.contains_key(**key)).count();
    let named = config.get("model").and_then(|model| model.get("name")).and_then(Value::as_str);
    found >= 2
        || found == 1 && named.is_some_and(|name| name.ends_with("_lm") || name.starts_with("hf_"))
        || config.contains_key("models") && config.contains_key("device_eval_batch_size")
}

pub(crate) fn read(fields: &mut Fields<'_>) {
    fields.knows(KEYS);
    if fields.get(&["max_duration"]).is_none() && fields.get(&["train_loader"]).is_none() {
        common::refuse(fields, "max_duration", "inference or evaluation");
        return;
    }
    let seq =
        fields.count(&["max_seq_len", "train_loader.dataset.max_seq_len", "model.max_seq_len"]).unwrap_or(2048).max(1);
    put!(fields, "max_seq_len", data.seq_len = seq);
    let tuning = fields.text(&["train_loader.name"]).is_some_and(|name| name == "finetuning");
    let ratio = fields.get(&["train_loader.dataset.packing_ratio"]).is_some();
    put!(fields, "train_loader.dataset.packing_ratio", data.packing = !tuning || ratio);
    if !model(fields, seq) {
        return;
    }
    let whole = fields.count(&["global_train_batch_size"]).filter(|whole| *whole > 0);
    // "auto" tries how much fits; below one, a sequence is cut.
    let micro = fields.number(&["device_train_microbatch_size"]).map(|micro| micro.ceil().max(1.0) as u64);
    let each = fields.count(&["device_train_batch_size"]).filter(|each| *each > 0);
    match (whole, each) {
        (Some(whole), _) => common::batch(fields, "global_train_batch_size", micro, Batch::Whole(whole)),
        (None, Some(each)) => {
            let micro = micro.unwrap_or(each).min(each);
            common::batch(fields, "device_train_batch_size", Some(micro), Batch::Accumulated(each / micro));
        }
        (None, None) => common::batch(fields, "device_train_microbatch_size", micro, Batch::Accumulated(1)),
    }
    duration(fields, seq);
    sharding(fields);
    trained(fields);
    put!(fields, "the program", train.stack = "llm-foundry");
}

/// A time as Composer writes it: a number and its unit; a bare number is of epochs.
fn time(value: &Value) -> Option<(f64, String)> {
    if let Some(number) = value.as_f64() {
        return Some((number, "ep".into()));
    }
    let text = value.as_str()?.trim().replace('_', "");
    let at = text.find(|c: char| c.is_ascii_alphabetic() && c != 'e')?;
    // `1ep` and `1e9tok`: an exponent belongs to the number, a unit does not.
    let at = if text[..at].ends_with('e') { at - 1 } else { at };
    let number = text[..at].trim().parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0)?;
    Some((number, text[at..].trim().to_owned()))
}

fn duration(fields: &mut Fields<'_>, seq: u64) {
    let batch = fields.request.train.global_batch.unwrap_or(1);
    let key = "max_duration";
    let Some((_, value)) = fields.get(&[key]) else {
        fields.length(Some(1.0), None);
        return;
    };
    match time(&value) {
        Some((passes, unit)) if unit == "ep" => fields.length(Some(passes.max(0.001)), None),
        Some((steps, unit)) if unit == "ba" => common::steps(fields, key, steps as u64),
        Some((tokens, unit)) if unit == "tok" => common::tokens(fields, key, tokens),
        Some((samples, unit)) if unit == "sp" => common::tokens(fields, key, samples * seq as f64),
        Some((turns, unit)) if unit == "iter" => common::steps(fields, key, turns as u64),
        _ => {
            let what = "a time as 2ep, 4800ba or 26000000tok is expected";
            fields.fault(outlay::Problem::new(outlay::problem::Code::WrongType, key, what));
        }
    }
    if let Some((_, every)) = fields.get(&["eval_interval"])
        && let Some((every, unit)) = time(&every)
        && unit == "ba"
    {
        let batches = fields.number(&["eval_subset_num_batches"]).filter(|batches| *batches > 0.0);
        let eval = fields.number(&["device_eval_batch_size"]).unwrap_or(1.0) * fields.accelerators.unwrap_or(1) as f64;
        common::evaluation(fields, "eval_interval", batches.map(|n| n * eval / batch as f64), Some(every));
    }
    fields.number(&["eval_subset_num_batches"]);
}

/// `false` if it is a model that is not forecast.
fn model(fields: &mut Fields<'_>, seq: u64) -> bool {
    let name = fields.text(&["model.name"]).unwrap_or_default();
    match name.as_str() {
        "hf_t5" | "hf_prefix_lm" => {
            common::refuse(fields, "model.name", "an encoder with a decoder, as T5");
            return false;
        }
        "hf_mlm" | "bert" | "mosaic_bert" | "hf_bert" | "openai_chat" | "openai_causal_lm" => {
            common::refuse(fields, "model.name", "an encoder, as BERT, or a model behind an interface");
            return false;
        }
        _ => {}
    }
    let base = fields.text(&["model.pretrained_model_name_or_path"]);
    if let Some(base) = base {
        if !models::named(fields, MODELS, "model.pretrained_model_name_or_path", &base) {
            put!(fields, "model.pretrained_model_name_or_path", model.base = base);
        }
        let pretrained = fields.switch(&["model.pretrained"]).unwrap_or(true);
        common::start(fields, "model.pretrained", pretrained);
        if fields.get(&["model.config_overrides.num_hidden_layers", "model.config_overrides.n_layer"]).is_some() {
            fields.warn("model.config_overrides: dimensions of its own are not read");
        }
    } else {
        mpt(fields, seq);
        let from = fields.get(&["load_path"]).is_some();
        common::start(fields, "load_path", from);
    }
    adapters(fields);
    let flash = fields.switch(&["model.use_flash_attention_2"]) == Some(true);
    let kernel = match fields
        .text(&["model.attn_config.attn_impl", "model.attn_impl", "model.attn_implementation"])
        .as_deref()
    {
        Some("flash" | "flash_attention_2") => Some("flash2"),
        Some("triton") => Some("flash1"),
        Some("torch" | "eager") => Some("eager"),
        Some("flex" | "sdpa") => Some("sdpa"),
        _ => flash.then_some("flash2"),
    };
    if let Some(kernel) = kernel {
        put!(fields, "model.attn_config.attn_impl", train.attention = kernel);
    }
    if let Some(loss) = fields.text(&["model.loss_fn"]) {
        put!(fields, "model.loss_fn", train.loss = if loss.contains("fused") { "fused" } else { "eager" });
    }
    true
}

fn mpt(fields: &mut Fields<'_>, seq: u64) {
    let hidden = fields.count(&["model.d_model"]).unwrap_or(2048);
    let ratio = fields.number(&["model.expansion_ratio"]).unwrap_or(4.0);
    let kind = fields.text(&["model.ffn_config.ffn_type", "model.ffn_type"]).unwrap_or_else(|| "mptmlp".into());
    let wide = fields.count(&["model.ffn_config.ffn_hidden_size"]).unwrap_or((hidden as f64 * ratio) as u64);
    let mixed = kind.contains("moe");
    let gated = kind.contains("glu") || fields.text(&["model.ffn_config.mlp_type"]).is_some_and(|kind| kind == "glu");
    let norm = fields.text(&["model.norm_type"]).unwrap_or_default();
    let rope = fields.switch(&["model.attn_config.rope"]) == Some(true);
    let alibi = fields.switch(&["model.attn_config.alibi", "model.alibi"]) == Some(true);
    let learned = fields.switch(&["model.learned_pos_emb"]).unwrap_or(!rope && !alibi);
    let positions = fields.count(&["model.max_seq_len"]).unwrap_or(seq);
    let heads = fields.count(&["model.n_heads"]).unwrap_or(16);
    let one = fields.text(&["model.attn_config.attn_type"]).is_some_and(|kind| kind == "multiquery_attention");
    let window = fields.number(&["model.attn_config.sliding_window_size"]).filter(|keys| *keys > 0.0);
    let described = CustomModel {
        layers: Some(fields.count(&["model.n_layers"]).unwrap_or(24)),
        hidden: Some(hidden),
        ffn: Some(wide),
        heads: Some(heads),
        kv_heads: fields.count(&["model.attn_config.kv_n_heads"]).or(one.then_some(1)),
        head_dim: fields.count(&["model.head_dim"]),
        vocab: Some(fields.count(&["model.vocab_size"]).unwrap_or(50_368)),
        gated: Some(gated),
        activation: (!gated).then(|| "gelu".to_owned()),
        tied: Some(fields.switch(&["model.tie_word_embeddings"]).unwrap_or(true)),
        bias: Some(!fields.switch(&["model.no_bias"]).unwrap_or(false)),
        norm: (!norm.contains("rms")).then(|| "layer".to_owned()),
        learned_positions: learned.then_some(positions),
        experts: mixed.then(|| fields.count(&["model.ffn_config.moe_num_experts"]).unwrap_or(1)).filter(|n| *n > 1),
        top_k: mixed.then(|| fields.count(&["model.ffn_config.moe_top_k"]).unwrap_or(1)),
        window: window.map(|keys| keys as u64),
        ..CustomModel::default()
    };
    if fields.get(&["model.block_overrides"]).is_some() {
        fields.warn("model.block_overrides: layers that differ from one another are taken as equal");
    }
    common::custom(fields, "model by its dimensions", described);
}

fn adapters(fields: &mut Fields<'_>) {
    if fields.get(&["model.peft_config"]).is_none() {
        put!(fields, "model.peft_config", method.kind = "full");
        return;
    }
    let rank = fields.count(&["model.peft_config.r"]).unwrap_or(8);
    let dropout = fields.number(&["model.peft_config.lora_dropout"]).unwrap_or(0.0);
    let named = fields.names(&["model.peft_config.target_modules"]);
    let mut targets: Vec<String> = Vec::new();
    for name in &named {
        match name.as_str() {
            "Wqkv" if fields.request.model.custom.is_some() => {
                targets.extend(["q_proj", "k_proj", "v_proj"].map(str::to_owned));
            }
            _ => targets.push(name.clone()),
        }
    }
    put!(fields, "model.peft_config", method.kind = "lora");
    put!(fields, "model.peft_config.r", method.rank = rank);
    put!(fields, "model.peft_config.lora_dropout", method.dropout = dropout);
    fields.became("model.peft_config.target_modules", format!("method.targets = {}", targets.join(", ")));
    fields.request.method.targets = Some(match targets.as_slice() {
        // PEFT's choice for most families.
        [] => Targets::Many(vec!["q_proj".into(), "v_proj".into()]),
        [one] if one == "all-linear" => Targets::One("all-linear".into()),
        _ => Targets::Many(targets),
    });
}

fn sharding(fields: &mut Fields<'_>) {
    if fields.get(&["fsdp_config"]).is_none() {
        // Copies, unless there is one device alone.
        put!(fields, "fsdp_config", layout.zero = "none");
        put!(fields, "fsdp_config", train.recompute = "none");
        return;
    }
    let strategy = fields.text(&["fsdp_config.sharding_strategy"]).unwrap_or_else(|| "FULL_SHARD".into());
    let zero = match strategy.to_ascii_uppercase().as_str() {
        "NO_SHARD" => "none",
        "SHARD_GRAD_OP" | "_HYBRID_SHARD_ZERO2" => "zero2",
        _ => "fsdp",
    };
    put!(fields, "fsdp_config.sharding_strategy", layout.zero = zero);
    if let Some(shard) = fields.count(&["fsdp_config.data_parallel_shard_degree"]).filter(|shard| *shard > 1)
        && strategy.contains("HYBRID")
    {
        put!(fields, "fsdp_config.data_parallel_shard_degree", layout.shard = shard);
    }
    fields.count(&["fsdp_config.data_parallel_shard_degree"]);
    width!(fields, ["tp_config.tensor_parallel_degree"], layout.tp);
    if fields.switch(&["fsdp_config.cpu_offload"]) == Some(true) {
        put!(fields, "fsdp_config.cpu_offload", layout.offload = "optimizer+parameters");
    }
    let on = fields.switch(&["fsdp_config.activation_checkpointing"]) == Some(true);
    put!(fields, "fsdp_config.activation_checkpointing", train.recompute = if on { "full" } else { "none" });
    if fields.switch(&["fsdp_config.activation_cpu_offload"]) == Some(true) {
        put!(fields, "fsdp_config.activation_cpu_offload", train.activation_offload = true);
    }
}

fn trained(fields: &mut Fields<'_>) {
    let precision = match fields.text(&["precision"]).as_deref() {
        Some("fp32") => "fp32",
        Some("amp_fp16") => "fp16",
        Some("amp_fp8") => "fp8",
        _ => "bf16",
    };
    put!(fields, "precision", train.precision = precision);
    let name = fields.text(&["optimizer.name"]).unwrap_or_else(|| "decoupled_adamw".into());
    common::optimizer(fields, "optimizer.name", &name);
    if let Some(rate) = fields.number(&["optimizer.lr"]) {
        put!(fields, "optimizer.lr", train.learning_rate = rate);
    }
    let schedule = fields.text(&["scheduler.name"]).unwrap_or_else(|| "constant".into());
    common::schedule(fields, "scheduler.name", if schedule.contains("inv_sqrt") { "wsd" } else { &schedule });
    if fields.get(&["compile_config"]).is_some() {
        put!(fields, "compile_config", train.compile = true);
    }
    if let Some(kept) = fields.count(&["save_num_checkpoints_to_keep"]).filter(|kept| *kept > 0) {
        put!(fields, "save_num_checkpoints_to_keep", train.checkpoints_kept = kept);
    }
    if fields.get(&["save_folder"]).is_none() {
        fields.became("save_folder", "train.checkpoint = none");
        fields.request.train.checkpoint = Some(outlay::request::Amount::Text("none".into()));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_have_a_unit() {
        let of = |value: Value| time(&value);
        assert_eq!(of(json!("2ep")), Some((2.0, "ep".into())));
        assert_eq!(of(json!("124_000ba")), Some((124_000.0, "ba".into())));
        assert_eq!(of(json!("1e9tok")), Some((1e9, "tok".into())));
        assert_eq!(of(json!("0.02dur")), Some((0.02, "dur".into())));
        assert_eq!(of(json!(3)), Some((3.0, "ep".into())));
        assert_eq!((of(json!("ep")), of(json!("")), of(json!(null)), of(json!("-1ep"))), (None, None, None, None));
    }
}

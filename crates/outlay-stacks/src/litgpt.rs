//! LitGPT's YAML for pre-training, full and adapter fine-tuning, and its command line.

use outlay::request::{CustomModel, Targets};
use serde_json::{Map, Value};

use crate::common::{self, Batch, put};
use crate::fields::Fields;
use crate::{models, shell};

const KEYS: &str = include_str!("../data/litgpt.txt");
pub(crate) const MODELS: &str = include_str!("../data/models/litgpt.txt");

fn is_command(config: &Map<String, Value>) -> bool {
    config.get("words").and_then(|words| words.get(0)).and_then(Value::as_str) == Some("litgpt")
}

pub(crate) fn recognises(config: &Map<String, Value>) -> bool {
    let of_train = ["micro_batch_size", "max_seq_length", "lr_warmup_steps", "save_interval"];
    let train = config.get("train").is_some_and(|train| of_train.iter().any(|key| train.get(key).is_some()));
    let names = ["checkpoint_dir", "model_name", "model_config", "out_dir"];
    is_command(config) || train && names.iter().any(|key| config.contains_key(*key))
}

/// `litgpt finetune_lora ORG/NAME --train.max_seq_length 512 …` into the same keys.
fn command(fields: &mut Fields<'_>) {
    let config = std::mem::take(fields.config());
    for (key, value) in config {
        match (key.strip_prefix("--"), value) {
            (Some(path), value) => shell::nest(fields.config(), path, value),
            (None, Value::Array(words)) if key == "words" => {
                let word = |n: usize| words.get(n).and_then(Value::as_str).unwrap_or_default().to_owned();
                let (task, model) = (word(1), word(2));
                if task == "pretrain" {
                    shell::nest(fields.config(), "model_name", Value::String(model));
                } else {
                    shell::nest(fields.config(), "checkpoint_dir", Value::String(model));
                }
                if task.contains("lora") || task == "finetune" {
                    fields.config().entry("lora_r").or_insert(Value::Null);
                }
            }
            _ => {}
        }
    }
}

pub(crate) fn read(fields: &mut Fields<'_>) {
    if is_command(fields.config()) {
        command(fields);
    }
    fields.knows(KEYS);
    let lora = fields.config().contains_key("lora_r");
    let adapter = fields.config().contains_key("adapter_start_layer");
    let scratch = !fields.config().contains_key("checkpoint_dir");
    model(fields, scratch);
    devices(fields);
    match fields.count(&["train.max_seq_length"]) {
        Some(seq) => put!(fields, "train.max_seq_length", data.seq_len = seq),
        None => fields.warn("train.max_seq_length is not set: say with data.seq_len how long samples are"),
    }
    put!(fields, "data", data.packing = scratch);
    // Defaults of the tasks.
    let (whole, each) = match (scratch, lora) {
        (true, _) => (512, 4),
        (false, true) => (16, 1),
        (false, false) => (16, 1),
    };
    let whole = fields.count(&["train.global_batch_size"]).unwrap_or(whole).max(1);
    let each = fields.count(&["train.micro_batch_size"]).unwrap_or(each).max(1);
    common::batch(fields, "train.global_batch_size, train.micro_batch_size", Some(each), Batch::Whole(whole));
    let epochs = fields.number(&["train.epochs"]);
    let most = fields.number(&["train.max_tokens"]).filter(|tokens| *tokens > 0.0);
    let steps = fields.count(&["train.max_steps"]).filter(|steps| *steps > 0);
    match (scratch, most, steps, epochs) {
        (true, Some(tokens), ..) => common::tokens(fields, "train.max_tokens", tokens),
        (_, _, Some(steps), _) => common::steps(fields, "train.max_steps", steps),
        (true, None, None, None) => common::tokens(fields, "train.max_tokens", 3e12),
        (.., epochs) => fields.length(Some(epochs.unwrap_or(5.0)), None),
    }
    trained(fields, scratch);
    method(fields, lora, adapter);
    // Fully sharded over all devices, as soon as there are some.
    if fields.accelerators.is_none_or(|gpus| gpus > 1) {
        put!(fields, "devices", layout.zero = "fsdp");
    }
    put!(fields, "program", train.stack = "torchtune");
    fields.warn("LitGPT has no figures of its own: those of torchtune, which runs on the same parts, are taken");
}

fn model(fields: &mut Fields<'_>, scratch: bool) {
    let start = fields.get(&["initial_checkpoint_dir"]).is_some();
    common::start(fields, "checkpoint_dir", !scratch || start);
    let folder = fields.text(&["checkpoint_dir"]);
    let named = fields.text(&["model_name", "model_config.name"]).or_else(|| {
        let folder = folder.as_deref()?.trim_end_matches('/');
        folder.rsplit('/').next().map(str::to_owned)
    });
    if let Some(name) = named.filter(|_| fields.get(&["model_config.n_layer"]).is_none()) {
        let name = name.rsplit('/').next().unwrap_or(&name);
        if !models::named(fields, MODELS, "model", name) {
            // A folder of a hub's name, newer than the table.
            let base = folder.map_or_else(|| name.to_owned(), |folder| folder.replace("checkpoints/", ""));
            put!(fields, "checkpoint_dir", model.base = base);
        }
    } else if let Some(layers) = fields.count(&["model_config.n_layer"]) {
        let hidden = fields.count(&["model_config.n_embd"]);
        let class = fields.text(&["model_config.mlp_class_name"]);
        let norm = fields.text(&["model_config.norm_class_name"]);
        let described = CustomModel {
            layers: Some(layers),
            hidden,
            ffn: fields.count(&["model_config.intermediate_size"]).or(hidden.map(|hidden| hidden.saturating_mul(4))),
            heads: fields.count(&["model_config.n_head"]),
            kv_heads: fields.count(&["model_config.n_query_groups"]),
            head_dim: fields.count(&["model_config.head_size"]),
            vocab: fields.count(&["model_config.padded_vocab_size", "model_config.vocab_size"]),
            gated: Some(class.is_some_and(|class| class != "GptNeoxMLP")),
            bias: fields.switch(&["model_config.bias"]).or(Some(true)),
            norm: (norm.as_deref() != Some("RMSNorm")).then(|| "layer".to_owned()),
            experts: fields.count(&["model_config.n_expert"]).filter(|n| *n > 0),
            top_k: fields.count(&["model_config.n_expert_per_token"]).filter(|n| *n > 0),
            ..CustomModel::default()
        };
        common::custom(fields, "model_config", described);
    } else {
        common::fragment(fields, "no model_name, model_config or checkpoint_dir in it");
    }
}

fn devices(fields: &mut Fields<'_>) {
    let nodes = fields.count(&["num_nodes"]).unwrap_or(1).max(1);
    let each = match fields.get(&["devices"]) {
        // All there are.
        Some((_, Value::String(text))) if text == "auto" => None,
        Some(_) => fields.count(&["devices"]),
        None if fields.config().contains_key("checkpoint_dir") => Some(1),
        None => None,
    };
    common::world(fields, "devices, num_nodes", each.map(|each| each.saturating_mul(nodes)));
}

fn trained(fields: &mut Fields<'_>, scratch: bool) {
    let quantised = fields.text(&["quantize"]);
    let precision = match fields.text(&["precision"]).as_deref() {
        Some("32-true" | "32" | "64-true") => "fp32",
        Some("16-true" | "16-mixed") => "fp16",
        Some("transformer-engine" | "transformer-engine-float16") => "fp8",
        Some("bf16-mixed") => "bf16-autocast",
        _ if scratch || !fields.config().contains_key("lora_r") => "bf16-pure",
        _ => "bf16",
    };
    let precision =
        if precision == "bf16-autocast" && fields.config().contains_key("lora_r") { "bf16" } else { precision };
    put!(fields, "precision", train.precision = precision);
    let optimizer = match fields.get(&["optimizer"]) {
        Some((_, Value::String(name))) => name,
        _ => fields.text(&["optimizer.class_path"]).unwrap_or_else(|| "AdamW".into()),
    };
    let paged = quantised.is_some() && optimizer.to_ascii_lowercase().contains("adamw");
    // A quantised base brings the paged optimizer with it.
    common::optimizer(fields, "optimizer", if paged { "PagedAdamW" } else { &optimizer });
    if let Some(rate) = fields.number(&["optimizer.init_args.lr", "optimizer.lr"]) {
        put!(fields, "optimizer.init_args.lr", train.learning_rate = rate);
    }
    put!(fields, "lr", train.schedule = "cosine");
    put!(fields, "compile", train.compile = scratch);
    put!(fields, "attention", train.attention = "sdpa");
    // Layers are recomputed where they are sharded.
    let sharded = fields.accelerators.is_none_or(|gpus| gpus > 1);
    let recompute = if !scratch && sharded { "full" } else { "none" };
    put!(fields, "devices", train.recompute = recompute);
    put!(fields, "loss", train.loss = if scratch { "eager" } else { "chunked" });
    let (every, most) = (fields.number(&["eval.interval"]), fields.number(&["eval.max_iters"]));
    if let (Some(batch), Some(micro)) = (fields.request.train.global_batch, fields.request.layout.micro_batch) {
        let iterations = batch as f64 / micro as f64 / fields.accelerators.unwrap_or(1).max(1) as f64;
        common::evaluation(fields, "eval", most, every.map(|every| every * iterations.max(1.0)));
    }
}

fn method(fields: &mut Fields<'_>, lora: bool, adapter: bool) {
    let quantised = fields.text(&["quantize"]);
    let rank = fields.count(&["lora_r"]).unwrap_or(8);
    let dropout = fields.number(&["lora_dropout"]).unwrap_or(0.05);
    let mut on = |key: &'static str, default: bool| fields.switch(&[key]).unwrap_or(default);
    let parts: [(bool, &[&str]); 5] = [
        (on("lora_query", true), &["q_proj"]),
        (on("lora_key", false), &["k_proj"]),
        (on("lora_value", true), &["v_proj"]),
        (on("lora_projection", false), &["o_proj"]),
        (on("lora_mlp", false), &["gate_proj", "up_proj", "down_proj"]),
    ];
    let head = on("lora_head", false);
    if !lora {
        if adapter {
            fields.warn("adapters of prompts are not counted: every parameter is taken as trained");
        }
        put!(fields, "lora_r", method.kind = "full");
        return;
    }
    if head {
        fields.warn("lora_head: the adapter of the output head is not counted");
    }
    let gated = fields.request.model.custom.as_ref().is_none_or(|custom| custom.gated != Some(false));
    let names = parts.iter().filter(|(on, _)| *on).flat_map(|(_, names)| names.iter());
    let targets: Vec<String> =
        names.filter(|name| gated || **name != "gate_proj").map(|name| (*name).to_owned()).collect();
    let base = match quantised.as_deref() {
        Some(text) if text.contains("int8") => Some("int8"),
        Some(_) => Some("nf4"),
        None => None,
    };
    put!(fields, "quantize", method.kind = if base.is_some() { "qlora" } else { "lora" });
    if let Some(base) = base {
        put!(fields, "quantize", method.base_dtype = base);
        let double = quantised.is_some_and(|text| text.ends_with("-dq"));
        put!(fields, "quantize", method.double_quant = double);
    }
    put!(fields, "lora_r", method.rank = rank);
    put!(fields, "lora_dropout", method.dropout = dropout);
    fields.became("lora_query, lora_key, …", format!("method.targets = {}", targets.join(", ")));
    fields.request.method.targets = Some(Targets::Many(targets));
}

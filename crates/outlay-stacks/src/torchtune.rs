//! torchtune's recipes: YAML of components, and `tune run … key=value` over such a file.

use outlay::request::Targets;
use serde_json::{Map, Value};

use crate::common::{self, Batch, put, width};
use crate::fields::Fields;
use crate::{models, parse, shell};

const KEYS: &str = include_str!("../data/torchtune.txt");
const MODELS: &str = include_str!("../data/models/torchtune.txt");

fn component<'c>(config: &'c Map<String, Value>, section: &str) -> Option<&'c str> {
    config.get(section)?.get("_component_")?.as_str()
}

fn is_command(config: &Map<String, Value>) -> bool {
    config.get("words").and_then(|words| words.get(0)).and_then(Value::as_str) == Some("tune")
}

pub(crate) fn recognises(config: &Map<String, Value>) -> bool {
    let sections = ["model", "tokenizer", "checkpointer", "policy_model", "optimizer", "metric_logger"];
    is_command(config) || sections.iter().any(|section| component(config, section).is_some())
}

/// `tune run --nproc_per_node N RECIPE --config FILE key=value …` into the file with what is said over it.
fn command(fields: &mut Fields<'_>) {
    let config = std::mem::take(fields.config());
    let mut words = Vec::new();
    let mut ranks = 1u64;
    let mut said = false;
    // Flags take all words that follow them, so that the recipe may stand behind a count.
    for (key, value) in &config {
        let texts: Vec<String> = match value {
            Value::Array(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Value::String(text) => vec![text.clone()],
            _ => Vec::new(),
        };
        let mut texts = texts.into_iter();
        match key.as_str() {
            "--nproc_per_node" | "--nproc-per-node" | "--nnodes" => {
                if let Some(count) = texts.next().and_then(|count| count.parse::<u64>().ok()) {
                    ranks = ranks.saturating_mul(count);
                    said = true;
                }
                words.extend(texts);
            }
            "--config" => {
                let file = texts.next().unwrap_or_default();
                let text = (fields.around.file)(&file);
                match text.as_deref().map(|text| parse::read("config.yaml", text)) {
                    Some(Ok(read)) => {
                        let over = std::mem::replace(fields.config(), read);
                        fields.config().extend(over);
                    }
                    Some(Err(problems)) => problems.into_iter().for_each(|problem| fields.fault(problem)),
                    None => common::fragment(fields, "the file that --config names"),
                }
                words.extend(texts);
            }
            "words" | "launch" => words.extend(texts),
            _ if key.starts_with("--") => words.extend(texts),
            _ => {}
        }
    }
    for word in words {
        if let Some((path, value)) = word.split_once('=') {
            shell::nest(fields.config(), path, Value::String(value.to_owned()));
        }
    }
    for (key, value) in config {
        if !key.starts_with("--") && key != "words" && key != "launch" {
            fields.config().insert(key, value);
        }
    }
    if said {
        common::world(fields, "--nproc_per_node", Some(ranks));
    }
}

/// Kinds of recipes that are not forecast; the reason, if it is one.
fn other(config: &Map<String, Value>) -> Option<&'static str> {
    let model = component(config, "model").unwrap_or_default();
    let has = |key: &str| config.contains_key(key);
    if ["policy_model", "ppo_epochs", "grpo_samples", "reward_and_value_model"].iter().any(|key| has(key))
        || config.get("orchestration").is_some()
    {
        return Some("reinforcement learning");
    }
    if ["vision", "clip", "flux", "t5"].iter().any(|word| model.contains(word)) {
        return Some("a model of images and text");
    }
    if has("teacher_model") || has("kd_ratio") {
        return Some("distillation from a teacher");
    }
    (!has("optimizer") && (has("max_new_tokens") || has("tasks") || has("prompt") || has("quantizer")))
        .then_some("inference or evaluation")
}

pub(crate) fn read(fields: &mut Fields<'_>) {
    if is_command(fields.config()) {
        command(fields);
    }
    fields.knows(KEYS);
    if let Some(why) = other(fields.config()) {
        common::refuse(fields, "model", why);
        return;
    }
    model(fields);
    match fields.count(&["tokenizer.max_seq_len", "dataset.max_seq_len", "max_seq_len"]) {
        Some(seq) => put!(fields, "tokenizer.max_seq_len", data.seq_len = seq),
        // A batch is as long as its longest sample.
        None => {
            fields.warn("tokenizer.max_seq_len is not set, nothing is cut: say with data.seq_len how long samples are")
        }
    }
    let packed = fields.switch(&["dataset.packed", "packed"]).unwrap_or(false);
    put!(fields, "dataset.packed", data.packing = packed);
    width!(fields, ["tensor_parallel_dim"], layout.tp);
    width!(fields, ["context_parallel_dim"], layout.cp);
    let micro = fields.count(&["batch_size"]).unwrap_or(2).max(1);
    let accumulation = fields.count(&["gradient_accumulation_steps"]).unwrap_or(1);
    common::batch(fields, "batch_size", Some(micro), Batch::Accumulated(accumulation));
    let epochs = fields.number(&["epochs"]).unwrap_or(1.0).max(0.001);
    match fields.count(&["max_steps_per_epoch"]).filter(|steps| *steps > 0) {
        Some(steps) => common::steps(fields, "max_steps_per_epoch", steps.saturating_mul(epochs.ceil() as u64)),
        None => fields.length(Some(epochs), None),
    }
    trained(fields);
    saved(fields);
}

fn model(fields: &mut Fields<'_>) {
    let Some(path) = fields.text(&["model._component_"]) else {
        common::fragment(fields, "no model._component_ in it");
        return;
    };
    let name = path.strip_prefix("torchtune.models.").unwrap_or(&path).to_owned();
    let (family, builder) = name.split_once('.').unwrap_or(("", &name));
    let quantised = builder.starts_with("qlora_") || fields.switch(&["model.quantize_base"]) == Some(true);
    let bare = builder.trim_start_matches("qlora_").trim_start_matches("lora_");
    let lora = bare != builder;
    if !models::named(fields, MODELS, "model._component_", &format!("{family}.{bare}")) {
        fields.fault(outlay::Problem::unknown_name("model._component_", "builder of a model", &path, &[]));
    }
    if bare.contains("reward")
        || fields
            .get(&["loss._component_"])
            .is_some_and(|(_, loss)| loss.as_str().is_some_and(|name| name.contains("rlhf") || name.contains("DPO")))
    {
        fields.warn("preference and reward training are not counted: the figures are those of plain training");
    }
    let attention = fields.names(&["model.lora_attn_modules"]);
    let mlp = fields.switch(&["model.apply_lora_to_mlp"]).unwrap_or(false);
    let head = fields.switch(&["model.apply_lora_to_output"]).unwrap_or(false);
    let rank = fields.count(&["model.lora_rank"]).unwrap_or(8);
    let dropout = fields.number(&["model.lora_dropout"]).unwrap_or(0.0);
    let dora = fields.switch(&["model.use_dora"]).unwrap_or(false);
    if !lora {
        put!(fields, "model._component_", method.kind = "full");
        return;
    }
    let mut targets: Vec<String> =
        attention.iter().map(|name| if name == "output_proj" { "o_proj".into() } else { name.clone() }).collect();
    if mlp {
        targets.extend(["gate_proj", "up_proj", "down_proj"].map(str::to_owned));
    }
    if head {
        fields.warn("model.apply_lora_to_output: the adapter of the output head is not counted");
    }
    put!(
        fields,
        "model._component_",
        method.kind = if dora {
            "dora"
        } else if quantised {
            "qlora"
        } else {
            "lora"
        }
    );
    put!(fields, "model.lora_rank", method.rank = rank);
    put!(fields, "model.lora_dropout", method.dropout = dropout);
    if quantised {
        put!(fields, "model._component_", method.base_dtype = "nf4");
    }
    fields.became("model.lora_attn_modules", format!("method.targets = {}", targets.join(", ")));
    fields.request.method.targets = Some(match targets.is_empty() {
        true => Targets::One("all-linear".into()),
        false => Targets::Many(targets),
    });
    let adapters = match fields.text(&["dtype"]).as_deref() {
        Some("fp32") => "fp32",
        _ => "bf16",
    };
    put!(fields, "dtype", method.adapter_dtype = adapters);
}

fn trained(fields: &mut Fields<'_>) {
    let precision = match fields.text(&["dtype"]).as_deref() {
        Some("fp32") => "fp32",
        Some("fp16") => "fp16",
        _ if fields.switch(&["enable_fp8_training"]) == Some(true) => "fp8",
        // Weights, gradients and moments all stand in the one type.
        _ if fields.request.method.kind.as_deref() == Some("full") => "bf16-pure",
        _ => "bf16",
    };
    put!(fields, "dtype", train.precision = precision);
    fields.switch(&["enable_fp8_training"]);
    let optimizer = fields.text(&["optimizer._component_"]).unwrap_or_else(|| "torch.optim.AdamW".into());
    common::optimizer(fields, "optimizer._component_", &optimizer);
    let execution = if fields.switch(&["optimizer_in_bwd"]) == Some(true) {
        "in-backward"
    } else if fields.switch(&["optimizer.fused"]) == Some(true) {
        "fused"
    } else {
        "foreach"
    };
    put!(fields, "optimizer_in_bwd, optimizer.fused", train.optimizer_execution = execution);
    if let Some(rate) = fields.number(&["optimizer.lr", "lr"]) {
        put!(fields, "optimizer.lr", train.learning_rate = rate);
    }
    let schedule = fields.text(&["lr_scheduler._component_"]).unwrap_or_else(|| "constant".into());
    common::schedule(fields, "lr_scheduler._component_", &schedule);
    let compiled = match fields.get(&["compile"]) {
        Some((_, Value::Object(parts))) => parts.get("model").and_then(Value::as_bool).unwrap_or(true),
        Some((_, value)) => value == Value::Bool(true),
        None => false,
    };
    put!(fields, "compile", train.compile = compiled);
    let loss = fields.text(&["loss._component_"]).unwrap_or_default();
    let chunked = loss.contains("Chunked") || loss.contains("Linear");
    put!(fields, "loss._component_", train.loss = if chunked { "chunked" } else { "eager" });
}

fn saved(fields: &mut Fields<'_>) {
    let on = fields.switch(&["enable_activation_checkpointing"]).unwrap_or(false);
    let selective = fields.text(&["ac_mode"]).as_deref() == Some("selective");
    let recompute = match (on, selective) {
        (true, _) => "full",
        (false, true) => {
            // Every n-th layer.
            match fields.count(&["ac_option"]) {
                Some(0 | 1) | None => "full",
                Some(2) => "half",
                Some(_) => "quarter",
            }
        }
        (false, false) => "none",
    };
    put!(fields, "enable_activation_checkpointing", train.recompute = recompute);
    if fields.switch(&["enable_activation_offloading"]) == Some(true) {
        put!(fields, "enable_activation_offloading", train.activation_offload = true);
    }
    if fields.switch(&["fsdp_cpu_offload"]) == Some(true) {
        put!(fields, "fsdp_cpu_offload", layout.offload = "optimizer+parameters");
    }
    if fields.switch(&["fsdp_reshard_after_forward"]) == Some(false) {
        put!(fields, "fsdp_reshard_after_forward", layout.zero = "zero2");
    } else if let Some(devices) = fields.accelerators {
        // Its recipes for several devices shard everything, those for one nothing.
        put!(fields, "(processes)", layout.zero = if devices > 1 { "fsdp" } else { "none" });
    }
    if let Some(copies) = fields.count(&["data_parallel_replicate_dim"]).filter(|copies| *copies > 1)
        && let Some(gpus) = fields.accelerators
    {
        put!(fields, "data_parallel_replicate_dim", layout.shard = (gpus / copies).max(1));
    }
    if fields.switch(&["enable_async_checkpointing"]) == Some(true) {
        put!(fields, "enable_async_checkpointing", train.checkpoint_async = true);
    }
}

//! NeMo 1's Hydra YAML of GPT-like models (`trainer:` and `model:`), and the overrides of Megatron-Bridge and NeMo 2
//! (`train:`, `model:`, `optimizer:` …), whose recipe, and with it often the model, stands in Python.

use outlay::request::{Amount, Targets};
use serde_json::{Map, Value};

use crate::common::{self, Batch, put};
use crate::fields::Fields;
use crate::megatron::{self, Style};

const KEYS: &str = include_str!("../data/nemo.txt");

fn has(config: &Map<String, Value>, section: &str, keys: &[&str]) -> bool {
    config.get(section).is_some_and(|section| keys.iter().any(|key| section.get(key).is_some()))
}

fn is_bridge(config: &Map<String, Value>) -> bool {
    has(config, "train", &["train_iters", "global_batch_size", "micro_batch_size"])
        || has(config, "model", &["tensor_model_parallel_size"]) && !config.contains_key("trainer")
}

/// A card of checks that a model passed, an overlap of communication, a transform: parts of NeMo that are no configs.
fn is_part(config: &Map<String, Value>) -> bool {
    ["qkv_dgrad", "proj_fprop", "fc1_dgrad", "enc_output_name", "verification_index", "verification_environment"]
        .iter()
        .any(|key| config.contains_key(*key))
}

pub(crate) fn recognises(config: &Map<String, Value>) -> bool {
    let lightning = has(config, "trainer", &["devices", "num_nodes", "max_epochs", "max_steps", "gpus"]);
    let rest = ["model", "exp_manager", "inference", "gpt_model_file", "model_type", "quantization", "export"];
    is_part(config)
        || lightning && rest.iter().any(|key| config.contains_key(*key))
        || is_bridge(config)
        || has(config, "model", &["encoder_seq_length", "make_vocab_size_divisible_by"])
        || config.contains_key("inference") && config.contains_key("trainer")
}

/// Kinds of models and tasks that are not forecast.
fn other(config: &Map<String, Value>) -> Option<&'static str> {
    let text = |key: &str| config.get(key).and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
    let name = text("name");
    let model =
        |key: &str| config.get("model").is_some_and(|model| model.get(key).is_some_and(|value| !value.is_null()));
    let words = |list: &[&str]| list.iter().any(|word| name.contains(word));
    if config.contains_key("verification_index") || config.contains_key("verification_environment") {
        return Some("a card of checks");
    }
    if config.contains_key("inference") && !config.contains_key("optim") && !has(config, "model", &["optim"]) {
        return Some("inference or evaluation");
    }
    if ["gpt_model_file", "export", "quantization"].iter().any(|key| config.contains_key(*key))
        && !has(config, "model", &["optim"])
    {
        return Some("inference or evaluation");
    }
    if words(&["bert", "sbert", "retriever"]) || model("bert_binary_head") || model("language_model") {
        return Some("an encoder, as BERT");
    }
    if words(&["t5", "bart", "nmt", "ul2", "enc_dec"])
        || has(config, "model", &["encoder", "decoder", "decoder_seq_length"])
    {
        let speech = model("preprocessor") || model("sample_rate");
        return Some(if speech { "a model of speech" } else { "an encoder with a decoder, as T5" });
    }
    let speech = ["preprocessor", "sample_rate", "train_ds_audio", "speaker", "generator"];
    if speech.iter().any(|key| model(key)) || words(&["asr", "tts", "conformer", "quartznet", "fastpitch", "salm"]) {
        return Some("a model of speech");
    }
    if words(&["clip", "diffusion", "neva", "vision", "imagen", "vit", "llava"]) || model("vision") || model("mm_cfg") {
        return Some("a model of images");
    }
    if words(&["retro"]) || model("retro") {
        return Some("a model with retrieval");
    }
    if words(&["hyena"]) || model("hyena") {
        return Some("a model of long convolutions, as Hyena");
    }
    if words(&["griffin"]) || model("griffin") {
        return Some("a recurrent model, as Griffin");
    }
    if model("kd_teacher_restore_from_path") || words(&["distill"]) {
        return Some("distillation from a teacher");
    }
    if words(&["ppo", "dpo", "grpo", "reward", "rlhf"]) || model("ppo") || model("grpo") {
        return Some("reinforcement learning");
    }
    None
}

pub(crate) fn read(fields: &mut Fields<'_>) {
    fields.knows(KEYS);
    if let Some(why) = other(fields.config()) {
        common::refuse(fields, "the config", why);
        return;
    }
    let dimensions = has(fields.config(), "model", &["num_layers", "micro_batch_size", "optim"]);
    if is_part(fields.config()) || !is_bridge(fields.config()) && !dimensions {
        common::fragment(fields, "settings beside those of a run");
        return;
    }
    if is_bridge(fields.config()) {
        bridge(fields)
    } else {
        lightning(fields)
    }
    put!(fields, "the program", train.stack = "megatron-core");
}

fn lightning(fields: &mut Fields<'_>) {
    let each = match fields.get(&["trainer.devices", "trainer.gpus"]) {
        Some((_, Value::Array(list))) => Some(list.len() as u64),
        // All there are.
        Some((_, Value::String(text))) if text == "auto" => None,
        Some((_, value)) if value.as_f64().is_some_and(|n| n < 0.0) => None,
        _ => fields.count(&["trainer.devices", "trainer.gpus"]),
    };
    let nodes = fields.count(&["trainer.num_nodes"]).unwrap_or(1).max(1);
    common::world(fields, "trainer.devices, trainer.num_nodes", each.map(|each| each.saturating_mul(nodes)));
    megatron::layout(fields);
    let keys =
        ["model.encoder_seq_length", "model.seq_length", "model.data.seq_length", "model.data.train_ds.max_seq_length"];
    let seq = fields.count(&keys).unwrap_or(2048).max(1);
    put!(fields, "model.encoder_seq_length", data.seq_len = seq);
    let tuned = fields.get(&["model.data.train_ds"]).is_some() || fields.get(&["model.peft.peft_scheme"]).is_some();
    let packed = fields.switch(&["model.data.train_ds.packed_sequence"]).unwrap_or(!tuned);
    put!(fields, "model.data", data.packing = packed);
    let described = fields.get(&["model.num_layers"]).is_some() && fields.get(&["model.hidden_size"]).is_some();
    if described {
        megatron::model(fields, Style::Nemo);
    } else {
        fields.warn("the model is that of a checkpoint: name it with model.base");
    }
    let from = fields.get(&["model.restore_from_path", "restore_from_path"]).is_some();
    common::start(fields, "model.restore_from_path", tuned || from);
    adapters(fields);
    let micro = fields.count(&["model.micro_batch_size", "model.data.train_ds.micro_batch_size"]).unwrap_or(1).max(1);
    let whole = fields.count(&["model.global_batch_size", "model.data.train_ds.global_batch_size"]);
    let batch = whole.filter(|whole| *whole > 0).map_or(Batch::Accumulated(1), Batch::Whole);
    common::batch(fields, "model.micro_batch_size, model.global_batch_size", Some(micro), batch);
    if fields.get(&["model.rampup_batch_size"]).is_some() {
        fields.warn("model.rampup_batch_size: the whole batch is taken from the start");
    }
    match fields.count(&["trainer.max_steps"]).filter(|steps| *steps > 0) {
        Some(steps) => common::steps(fields, "trainer.max_steps", steps),
        None => {
            let epochs = fields.number(&["trainer.max_epochs"]).filter(|epochs| *epochs > 0.0);
            fields.length(Some(epochs.unwrap_or(1.0)), None);
        }
    }
    fields.number(&["trainer.max_epochs"]);
    let told = fields.get(&["trainer.precision"]).map(|(_, value)| value.to_string()).unwrap_or_default();
    let eight = fields.switch(&["model.fp8"]) == Some(true);
    let ours = match told.trim_matches('"') {
        _ if eight => "fp8",
        text if text.starts_with("bf16") => "bf16",
        text if text.starts_with("16") => "fp16",
        _ => "fp32",
    };
    put!(fields, "trainer.precision, model.fp8", train.precision = ours);
    megatron::recompute(fields);
    let optimizer = fields.text(&["model.optim.name"]).unwrap_or_else(|| "fused_adam".into());
    common::optimizer(fields, "model.optim.name", &optimizer);
    // The one of this name shards its state.
    if optimizer.contains("distributed") && fields.request.layout.zero.is_none() {
        put!(fields, "model.optim.name", layout.zero = "zero1");
    }
    if let Some(rate) = fields.number(&["model.optim.lr"]) {
        put!(fields, "model.optim.lr", train.learning_rate = rate);
    }
    let schedule = fields.text(&["model.optim.sched.name"]).unwrap_or_else(|| "constant".into());
    common::schedule(fields, "model.optim.sched.name", &schedule);
    if fields.switch(&["model.use_flash_attention"]) == Some(true) {
        put!(fields, "model.use_flash_attention", train.attention = "flash2");
    }
    let on = |share: Option<f64>| share.unwrap_or(0.1) > 0.0;
    let dropout = on(fields.number(&["model.hidden_dropout"])) | on(fields.number(&["model.attention_dropout"]));
    put!(fields, "model.hidden_dropout, model.attention_dropout", train.dropout = dropout);
    let (every, batches) =
        (fields.number(&["trainer.val_check_interval"]), fields.number(&["trainer.limit_val_batches"]));
    common::evaluation(fields, "trainer.val_check_interval", batches.filter(|n| *n > 1.0), every.filter(|n| *n > 1.0));
}

fn adapters(fields: &mut Fields<'_>) {
    let scheme = fields.text(&["model.peft.peft_scheme"]).unwrap_or_default();
    let (key, default) = ("model.peft.lora_tuning", 32);
    let rank = fields.count(&["model.peft.lora_tuning.adapter_dim"]).unwrap_or(default);
    let dropout = fields.number(&["model.peft.lora_tuning.adapter_dropout"]).unwrap_or(0.0);
    let named = fields.names(&["model.peft.lora_tuning.target_modules"]);
    match scheme.as_str() {
        "lora" | "qlora" => {
            put!(fields, key, method.kind = scheme.as_str());
            put!(fields, key, method.rank = rank);
            put!(fields, key, method.dropout = dropout);
            fields.request.method.targets = Some(targets(&named));
        }
        "" | "none" | "null" => put!(fields, "model.peft.peft_scheme", method.kind = "full"),
        other => {
            fields.warn(format!("model.peft.peft_scheme {other} is not counted: every parameter is taken as trained"));
            fields.request.method.kind = Some("full".into());
        }
    }
}

/// Megatron's names of what adapters sit on.
fn targets(names: &[String]) -> Targets {
    let mut ours: Vec<&str> = Vec::new();
    for name in names {
        ours.extend(match name.rsplit('.').next().unwrap_or_default() {
            "linear_qkv" | "attention_qkv" => &["q_proj", "k_proj", "v_proj"][..],
            "linear_q" => &["q_proj"],
            "linear_proj" | "attention_dense" => &["o_proj"],
            "linear_fc1" | "mlp_fc1" => &["gate_proj", "up_proj"],
            "linear_fc2" | "mlp_fc2" => &["down_proj"],
            _ => &[],
        });
    }
    match names {
        [one] if one == "all" => Targets::One("all-linear".into()),
        _ if ours.is_empty() => Targets::Many(["q_proj", "k_proj", "v_proj"].map(str::to_owned).to_vec()),
        _ => Targets::Many(ours.into_iter().map(str::to_owned).collect()),
    }
}

fn bridge(fields: &mut Fields<'_>) {
    megatron::layout(fields);
    let seq = fields.count(&["dataset.seq_length", "dataset.sequence_length", "model.seq_length"]);
    if let Some(seq) = seq {
        put!(fields, "dataset.seq_length", data.seq_len = seq);
    }
    // Recipes of fine-tuning pack too, unless they are told not to.
    let packed = fields.switch(&["dataset.enable_offline_packing"]).unwrap_or(true);
    put!(fields, "dataset.enable_offline_packing", data.packing = packed);
    let vision = ["model.freeze_vision_model", "model.use_hf_vision_model", "model.freeze_language_model"];
    if vision.iter().any(|key| fields.get(&[*key]).is_some()) {
        common::refuse(fields, "model", "a model of images and text");
        return;
    }
    if fields.get(&["model.num_layers"]).is_some() && fields.get(&["model.hidden_size"]).is_some() {
        megatron::model(fields, Style::Nemo);
    } else if let Some(base) = fields.text(&["model.hf_path", "model.hf_model_id", "checkpoint.hf_model_id"]) {
        put!(fields, "model.hf_path", model.base = base);
    } else {
        fields.warn("the model is that of the recipe, which is no part of this file: name it with model.base");
    }
    let tuned = fields.get(&["peft"]).is_some()
        || fields.get(&["checkpoint.pretrained_checkpoint"]).is_some()
        || fields.switch(&["checkpoint.finetune"]) == Some(true)
        || fields.number(&["optimizer.finetune_lr"]).is_some();
    common::start(fields, "checkpoint.pretrained_checkpoint", tuned);
    if fields.get(&["peft"]).is_some() {
        let rank = fields.count(&["peft.dim"]).unwrap_or(32);
        let dropout = fields.number(&["peft.dropout"]).unwrap_or(0.0);
        let named = fields.names(&["peft.target_modules"]);
        put!(fields, "peft", method.kind = "lora");
        put!(fields, "peft.dim", method.rank = rank);
        put!(fields, "peft.dropout", method.dropout = dropout);
        fields.request.method.targets = Some(match named.is_empty() {
            true => Targets::One("all-linear".into()),
            false => targets(&named),
        });
    } else {
        put!(fields, "peft", method.kind = "full");
    }
    let micro = fields.count(&["train.micro_batch_size"]).filter(|micro| *micro > 0);
    if let Some(whole) = fields.count(&["train.global_batch_size"]).filter(|whole| *whole > 0) {
        common::batch(fields, "train.global_batch_size", micro, Batch::Whole(whole));
    } else if let Some(micro) = micro {
        common::batch(fields, "train.micro_batch_size", Some(micro), Batch::Accumulated(1));
    }
    let samples = fields.count(&["train.train_samples"]).filter(|samples| *samples > 0);
    let steps = fields.count(&["train.train_iters"]).filter(|steps| *steps > 0);
    match (samples, steps, fields.request.train.global_batch, seq) {
        (Some(samples), .., Some(seq)) => {
            common::tokens(fields, "train.train_samples", samples as f64 * seq as f64);
        }
        (None, Some(steps), Some(_), Some(_)) => common::steps(fields, "train.train_iters", steps),
        (None, Some(steps), ..) => put!(fields, "train.train_iters", data.steps = steps),
        _ => {}
    }
    if let Some(mixed) = fields.text(&["mixed_precision", "mixed_precision.recipe"]) {
        let ours = match mixed.as_str() {
            text if text.contains("nvfp4") => "nvfp4",
            text if text.contains("mxfp8") => "mxfp8",
            text if text.contains("fp8") => "fp8",
            text if text.starts_with("fp16") || text.starts_with("16") => "fp16",
            _ => "bf16",
        };
        put!(fields, "mixed_precision", train.precision = ours);
    }
    if fields.is_nothing("mixed_precision") {
        put!(fields, "mixed_precision", train.precision = "fp32");
    }
    let narrow = ["mixed_precision.grad_reduce_in_fp32", "ddp.grad_reduce_in_fp32"];
    if narrow.iter().any(|key| fields.switch(&[key]) == Some(false)) {
        put!(fields, "mixed_precision.grad_reduce_in_fp32", train.gradients = "bf16");
    }
    let made_by = fields.text(&["model.cuda_graph_impl"]);
    let of = fields.get(&["model.cuda_graph_scope"]).map_or_else(String::new, |(_, of)| of.to_string());
    if let Some(graphs) = megatron::graphs(made_by.as_deref(), &of) {
        put!(fields, "model.cuda_graph_impl", train.cuda_graphs = graphs);
    }
    if fields.get(&["model.recompute_granularity"]).is_some() || fields.is_nothing("model.recompute_granularity") {
        megatron::recompute(fields);
    }
    if let Some(name) = fields.text(&["optimizer.optimizer"]) {
        common::optimizer(fields, "optimizer.optimizer", &name);
        if name == "sgd" && fields.number(&["optimizer.sgd_momentum"]) == Some(0.0) {
            put!(fields, "optimizer.sgd_momentum", train.optimizer = "sgd");
        }
    }
    if let Some(rate) = fields.number(&["optimizer.lr", "optimizer.finetune_lr"]) {
        put!(fields, "optimizer.lr", train.learning_rate = rate);
    }
    if let Some(style) = fields.text(&["scheduler.lr_decay_style"]) {
        common::schedule(fields, "scheduler.lr_decay_style", &style);
    }
    let dropouts = [fields.number(&["model.hidden_dropout"]), fields.number(&["model.attention_dropout"])];
    if dropouts.iter().any(Option::is_some) {
        let dropout = dropouts.iter().flatten().any(|share| *share > 0.0);
        put!(fields, "model.hidden_dropout, model.attention_dropout", train.dropout = dropout);
    }
    if fields.switch(&["model.cross_entropy_loss_fusion"]) == Some(false) {
        put!(fields, "model.cross_entropy_loss_fusion", train.loss = "eager");
    }
    if fields.switch(&["checkpoint.async_save"]) == Some(true) {
        put!(fields, "checkpoint.async_save", train.checkpoint_async = true);
    }
    if fields.get(&["checkpoint.save"]).is_none() && fields.config().contains_key("checkpoint") {
        fields.became("checkpoint.save", "train.checkpoint = none");
        fields.request.train.checkpoint = Some(Amount::Text("none".into()));
    }
    let every = fields.number(&["train.eval_interval", "validation.eval_interval"]);
    let batches = fields.number(&["train.eval_iters", "validation.eval_iters"]);
    common::evaluation(fields, "train.eval_iters", batches, every);
}

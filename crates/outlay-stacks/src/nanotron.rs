//! nanotron's YAML, which is complete by itself: model, layout, batch and steps.

use outlay::request::CustomModel;
use serde_json::{Map, Value};

use crate::common::{self, Batch, put, width};
use crate::fields::Fields;

const KEYS: &str = include_str!("../data/nanotron.txt");

pub(crate) fn recognises(config: &Map<String, Value>) -> bool {
    let has = |section: &str, key: &str| config.get(section).is_some_and(|section| section.get(key).is_some());
    has("tokens", "sequence_length") || has("model", "model_config") || has("parallelism", "pp_engine")
}

pub(crate) fn read(fields: &mut Fields<'_>) {
    fields.knows(KEYS);
    let mut ranks = |key: &'static str| fields.count(&[key]).unwrap_or(1).max(1);
    let (dp, tp, pp) = (ranks("parallelism.dp"), ranks("parallelism.tp"), ranks("parallelism.pp"));
    let (cp, ep) = (ranks("parallelism.context_parallel_size"), ranks("parallelism.expert_parallel_size"));
    let all = dp.saturating_mul(tp).saturating_mul(pp).saturating_mul(cp);
    common::world(fields, "parallelism", Some(all));
    width!(fields, ["parallelism.tp"], layout.tp);
    width!(fields, ["parallelism.pp"], layout.pp);
    width!(fields, ["parallelism.context_parallel_size"], layout.cp);
    if ep > 1 {
        put!(fields, "parallelism.expert_parallel_size", layout.ep = ep);
    }
    if pp > 1 {
        let engine = fields.text(&["parallelism.pp_engine"]).unwrap_or_default();
        put!(fields, "parallelism.pp_engine", layout.schedule = if engine == "afab" { "gpipe" } else { "1f1b" });
    }
    fields.get(&["parallelism.pp_engine"]);
    if tp > 1 {
        // The other mode keeps whole activations on every rank.
        let scatter =
            fields.text(&["parallelism.tp_mode"]).is_some_and(|mode| mode.eq_ignore_ascii_case("reduce_scatter"));
        put!(fields, "parallelism.tp_mode", layout.sequence_parallel = scatter);
    }
    fields.get(&["parallelism.tp_mode"]);
    let stage = fields.count(&["optimizer.zero_stage"]).unwrap_or(0);
    put!(fields, "optimizer.zero_stage", layout.zero = if stage > 0 { "zero1" } else { "none" });
    let seq = fields.count(&["tokens.sequence_length"]).unwrap_or(2048).max(1);
    put!(fields, "tokens.sequence_length", data.seq_len = seq);
    fields.request.data.packing = Some(true);
    model(fields, tp);
    let micro = fields.count(&["tokens.micro_batch_size"]).unwrap_or(1).max(1);
    let accumulation = fields.count(&["tokens.batch_accumulation_per_replica"]).unwrap_or(1);
    common::batch(fields, "tokens.micro_batch_size", Some(micro), Batch::Accumulated(accumulation));
    match fields.count(&["tokens.train_steps"]).filter(|steps| *steps > 0) {
        Some(steps) => common::steps(fields, "tokens.train_steps", steps),
        None => fields.length(Some(1.0), None),
    }
    trained(fields);
    put!(fields, "the program", train.stack = "megatron-core-2025");
    fields.warn("nanotron has no figures of its own: those of Megatron-Core, whose layouts it shares, are taken");
}

fn model(fields: &mut Fields<'_>, tp: u64) {
    let multiple = fields.count(&["model.make_vocab_size_divisible_by"]).unwrap_or(1);
    let hidden = fields.count(&["model.model_config.hidden_size", "model.model_config.n_embd"]);
    let starcoder = fields.switch(&["model.model_config.is_starcoder2_config"]) == Some(true);
    let vocab = fields.count(&["model.model_config.vocab_size"]);
    let activation = fields.text(&["model.model_config.hidden_act", "model.model_config.activation_function"]);
    let plain = activation.as_deref().is_some_and(|name| name.contains("gelu"));
    let experts = fields.count(&["model.model_config.moe_config.num_experts", "model.model_config.moe_num_experts"]);
    let wide = fields.count(&["model.model_config.intermediate_size", "model.model_config.n_inner"]);
    let of_expert = fields.count(&["model.model_config.moe_config.moe_intermediate_size"]);
    let shared = fields.switch(&["model.model_config.moe_config.enable_shared_expert"]) == Some(true);
    let shared_width = fields.count(&["model.model_config.moe_config.shared_expert_intermediate_size"]);
    let ffn = wide.or(hidden.map(|hidden| hidden.saturating_mul(4)));
    let one_kv = fields.switch(&["model.model_config.multi_query"]) == Some(true);
    let window = fields.count(&["model.model_config.sliding_window_size"]);
    let described = CustomModel {
        layers: fields.count(&["model.model_config.num_hidden_layers", "model.model_config.n_layer"]),
        hidden,
        ffn: of_expert.filter(|_| experts.is_some()).or(ffn),
        heads: fields.count(&["model.model_config.num_attention_heads", "model.model_config.n_head"]),
        kv_heads: fields
            .count(&["model.model_config.num_key_value_heads", "model.model_config.num_kv_heads"])
            .or(one_kv.then_some(1)),
        head_dim: fields.count(&["model.model_config.head_dim"]),
        vocab: vocab.map(|vocab| common::padded(vocab, multiple, tp)),
        gated: Some(!starcoder),
        activation: plain.then(|| "gelu".to_owned()),
        tied: Some(fields.switch(&["model.model_config.tie_word_embeddings"]).unwrap_or(starcoder)),
        bias: starcoder.then_some(true),
        norm: starcoder.then(|| "layer".to_owned()),
        experts: experts.filter(|count| *count > 1),
        top_k: fields.count(&["model.model_config.moe_config.top_k", "model.model_config.num_experts_per_tok"]),
        shared_ffn: shared.then_some(shared_width.or(of_expert).or(ffn)).flatten(),
        window: window.filter(|keys| *keys > 0 && *keys < fields.request.data.seq_len.unwrap_or(u64::MAX)),
        ..CustomModel::default()
    };
    if described.layers.is_none() {
        common::fragment(fields, "no model.model_config in it");
        return;
    }
    common::custom(fields, "model.model_config", described);
    let from = fields.text(&["model.init_method.path"]).is_some();
    common::start(fields, "model.init_method.path", from);
    put!(fields, "model", method.kind = "full");
}

fn trained(fields: &mut Fields<'_>) {
    let precision = match fields.text(&["model.dtype"]).as_deref() {
        Some("float32" | "fp32") => "fp32",
        Some("float16" | "fp16") => "fp16",
        Some(name) if name.contains("8") && name.contains("float") => "fp8",
        _ => "bf16",
    };
    put!(fields, "model.dtype", train.precision = precision);
    let name = fields.text(&["optimizer.optimizer_factory.name"]).unwrap_or_else(|| "adamW".into());
    common::optimizer(fields, "optimizer.optimizer_factory.name", &name);
    let fused = fields.switch(&["optimizer.optimizer_factory.torch_adam_is_fused", "optimizer.torch_adam_is_fused"])
        == Some(true);
    put!(fields, "optimizer.torch_adam_is_fused", train.optimizer_execution = if fused { "fused" } else { "foreach" });
    if let Some(rate) = fields.number(&["optimizer.learning_rate_scheduler.learning_rate"]) {
        put!(fields, "optimizer.learning_rate_scheduler.learning_rate", train.learning_rate = rate);
    }
    let style = fields.text(&["optimizer.learning_rate_scheduler.lr_decay_style"]).unwrap_or_else(|| "linear".into());
    let late = fields.get(&["optimizer.learning_rate_scheduler.lr_decay_starting_step"]).is_some();
    common::schedule(fields, "optimizer.learning_rate_scheduler", if late { "wsd" } else { &style });
    let recompute = fields.switch(&["parallelism.recompute_layer"]) == Some(true);
    put!(fields, "parallelism.recompute_layer", train.recompute = if recompute { "full" } else { "none" });
    let kernel = match fields.text(&["model.model_config._attn_implementation"]).as_deref() {
        Some("sdpa") => "sdpa",
        Some("eager") => "eager",
        _ => "flash2",
    };
    put!(fields, "model.model_config._attn_implementation", train.attention = kernel);
    let every = fields.number(&["tokens.val_check_interval"]).filter(|every| *every > 0.0);
    let batches = fields.number(&["tokens.limit_val_batches"]);
    common::evaluation(fields, "tokens.val_check_interval", batches, every);
}

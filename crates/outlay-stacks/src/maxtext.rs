//! MaxText's YAML over its `base.yml`, and its command line of `key=value` words.

use outlay::request::{CustomModel, Targets};
use serde_json::{Map, Value};

use crate::common::{self, Batch, put};
use crate::fields::Fields;
use crate::models;

const KEYS: &str = include_str!("../data/maxtext.txt");
pub(crate) const MODELS: &str = include_str!("../data/models/maxtext.txt");

pub(crate) fn recognises(config: &Map<String, Value>) -> bool {
    let own = [
        "per_device_batch_size",
        "ici_fsdp_parallelism",
        "ici_tensor_parallelism",
        "base_emb_dim",
        "max_target_length",
        "remat_policy",
        "base_num_decoder_layers",
        "global_parameter_scale",
    ];
    own.iter().any(|key| config.contains_key(*key))
        || config.get("base_config").and_then(Value::as_str).is_some_and(|base| base.ends_with(".yml"))
}

fn other(config: &Map<String, Value>) -> Option<&'static str> {
    let text = |key: &str| config.get(key).and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
    let on = |key: &str| config.get(key) == Some(&Value::Bool(true));
    let program = config.get("launch").and_then(|launch| launch.get("program")).and_then(Value::as_str).unwrap_or("");
    let base = text("base_config");
    if on("use_multimodal") {
        return Some("a model of images and text");
    }
    if on("use_grpo")
        || base.contains("rl.yml")
        || base.contains("grpo")
        || program.contains("grpo")
        || program.contains("rl.")
    {
        return Some("reinforcement learning");
    }
    if base.contains("distillation") || config.contains_key("teacher_overrides") || text("model_call_mode") == "distill"
    {
        return Some("distillation from a teacher");
    }
    let serving = ["inference", "decode", "jetstream", "vllm", "microbenchmark"];
    let told = text("model_call_mode") == "inference"
        || serving.iter().any(|word| base.contains(word) || program.contains(word));
    let only = ["max_prefill_predict_length", "inference_server", "vllm_config"];
    (told || only.iter().any(|key| config.contains_key(*key)) && !config.contains_key("steps"))
        .then_some("inference or evaluation")
}

pub(crate) fn read(fields: &mut Fields<'_>) {
    fields.knows(KEYS);
    if let Some(why) = other(fields.config()) {
        common::refuse(fields, "the config", why);
        return;
    }
    layout(fields);
    let seq = fields.count(&["max_target_length"]).unwrap_or(2048).max(1);
    put!(fields, "max_target_length", data.seq_len = seq);
    let packed = fields.switch(&["packing"]).unwrap_or(true);
    put!(fields, "packing", data.packing = packed);
    model(fields);
    let micro = fields.number(&["per_device_batch_size"]).unwrap_or(12.0);
    let accumulation = fields.count(&["gradient_accumulation_steps"]).unwrap_or(1).max(1);
    // Sequences of a device; below one, devices share a sequence. Devices that split a layer hold the rest of its batch.
    let (tp, cp) = (fields.request.layout.tp.unwrap_or(1), fields.request.layout.cp.unwrap_or(1));
    let shared = micro * (tp * cp) as f64;
    // A pipeline cuts what its stages share into micro-batches, of itself into as many as it has stages.
    let each = match fields.request.layout.pp {
        Some(stages) => {
            let cuts = fields.count(&["num_pipeline_microbatches"]).filter(|cuts| *cuts > 0).unwrap_or(stages);
            shared * stages as f64 / cuts as f64
        }
        None => shared,
    };
    let each = each.ceil().max(1.0) as u64;
    let whole =
        fields.accelerators.map(|all| ((micro * all as f64).round().max(1.0) as u64).saturating_mul(accumulation));
    let batch = whole.map_or(Batch::Accumulated(accumulation), Batch::Whole);
    common::batch(fields, "per_device_batch_size", Some(each), batch);
    let steps = fields.number(&["steps"]).filter(|steps| *steps > 0.0).unwrap_or(150_001.0);
    common::steps(fields, "steps", steps as u64);
    trained(fields);
    put!(fields, "the program", train.stack = "maxtext");
}

fn layout(fields: &mut Fields<'_>) {
    // A width inside a slice times that between slices; -1 is whatever is left.
    let mut width = |keys: [&'static str; 2]| -> Option<u64> {
        let read = keys.map(|key| fields.number(&[key]));
        read.iter()
            .all(|ranks| ranks.is_none_or(|ranks| ranks >= 1.0))
            .then(|| read.iter().flatten().fold(1u64, |all, ranks| all.saturating_mul(*ranks as u64)))
    };
    let tensor = width(["ici_tensor_parallelism", "dcn_tensor_parallelism"]);
    let tensor_sequence = width(["ici_tensor_sequence_parallelism", "dcn_tensor_sequence_parallelism"]);
    let transpose = width(["ici_tensor_transpose_parallelism", "dcn_tensor_transpose_parallelism"]);
    let pipeline = width(["ici_pipeline_parallelism", "dcn_pipeline_parallelism"]);
    let sequence = width(["ici_sequence_parallelism", "dcn_sequence_parallelism"]);
    let context = width(["ici_context_parallelism", "dcn_context_parallelism"]);
    let experts = width(["ici_expert_parallelism", "dcn_expert_parallelism"]);
    let data = width(["ici_data_parallelism", "dcn_data_parallelism"]);
    let shard = width(["ici_fsdp_parallelism", "dcn_fsdp_parallelism"]);
    let shard_more = width(["ici_fsdp_transpose_parallelism", "dcn_fsdp_transpose_parallelism"]);
    let product = |list: &[Option<u64>]| list.iter().flatten().fold(1u64, |all, ranks| all.saturating_mul(*ranks));
    let (tp, cp) = (product(&[tensor, tensor_sequence, transpose]), product(&[sequence, context]));
    let pp = pipeline.unwrap_or(1);
    if tp > 1 {
        put!(fields, "ici_tensor_parallelism", layout.tp = tp);
    }
    if cp > 1 {
        put!(fields, "ici_context_parallelism", layout.cp = cp);
    }
    if pp > 1 {
        put!(fields, "ici_pipeline_parallelism", layout.pp = pp);
        put!(fields, "ici_pipeline_parallelism", layout.schedule = "gpipe");
        let each = fields.count(&["num_layers_per_pipeline_stage"]).unwrap_or(1).max(1);
        let repeats = fields.count(&["num_pipeline_repeats"]).filter(|repeats| *repeats > 0);
        let layers = fields.count(&["base_num_decoder_layers"]);
        if let Some(repeats) = repeats.or_else(|| Some(layers? / pp / each)).filter(|repeats| *repeats > 0) {
            put!(fields, "num_pipeline_repeats", layout.vpp = repeats);
        }
    }
    if tensor_sequence.is_some_and(|ranks| ranks > 1) {
        put!(fields, "ici_tensor_sequence_parallelism", layout.sequence_parallel = true);
    }
    let ep = experts.unwrap_or(1);
    if ep > 1 {
        put!(fields, "ici_expert_parallelism", layout.ep = ep);
    }
    let said = ["ici_fsdp_parallelism", "ici_data_parallelism"];
    let given: Vec<&str> = said.into_iter().filter(|key| fields.config().contains_key(*key)).collect();
    let known = data.is_some() && shard.is_some() && !given.is_empty();
    let all = product(&[data, shard, shard_more, Some(tp), Some(cp), Some(pp), Some(ep)]);
    if known && all > 1 {
        common::world(fields, "ici_*_parallelism, dcn_*_parallelism", Some(all));
    }
    // Weights are sharded over the axis of that name, which is what is left unless something else is.
    // Ranks that hold other experts or other parts of a sequence hold other parts of the weights, too.
    let sharded = product(&[shard, shard_more, Some(ep), Some(cp)]) > 1 || shard.is_none() || given.is_empty();
    let first = fields.switch(&["shard_optimizer_over_data"]) == Some(true) && !sharded;
    let zero = match (sharded, first) {
        (true, _) => "fsdp",
        (false, true) => "zero1",
        (false, false) => "none",
    };
    put!(fields, "ici_fsdp_parallelism", layout.zero = zero);
    if let (Some(shard), true) = (shard.filter(|_| sharded), data.is_some_and(|copies| copies > 1)) {
        put!(fields, "ici_fsdp_parallelism", layout.shard = shard.saturating_mul(ep));
    }
    if fields.switch(&["optimizer_memory_host_offload"]) == Some(true) {
        let weights = fields.switch(&["parameter_memory_host_offload"]) == Some(true);
        put!(
            fields,
            "optimizer_memory_host_offload",
            layout.offload = if weights { "optimizer+parameters" } else { "optimizer" }
        );
    }
    fields.switch(&["parameter_memory_host_offload"]);
}

fn model(fields: &mut Fields<'_>) {
    let name = fields.text(&["model_name"]).unwrap_or_else(|| "default".into());
    let from = fields.get(&["load_parameters_path", "load_full_state_path"]).is_some();
    // Its base for fine-tuning says so by itself.
    let base = fields.config().get("base_config").and_then(Value::as_str).is_some_and(|base| base.contains("sft"));
    let tuned = fields.switch(&["use_sft"]).unwrap_or(base);
    // What is said beside a named model changes it.
    let changed = ["base_num_decoder_layers", "base_emb_dim", "base_mlp_dim", "base_num_query_heads", "num_experts"];
    let changes = changed.iter().any(|key| fields.config().contains_key(*key));
    if let (true, Some(mut described)) = (changes, models::described(MODELS, &name)) {
        described.layers = fields.count(&["base_num_decoder_layers"]).or(described.layers);
        described.hidden = fields.count(&["base_emb_dim"]).or(described.hidden);
        described.ffn = fields.count(&["base_moe_mlp_dim", "base_mlp_dim"]).or(described.ffn);
        described.heads = fields.count(&["base_num_query_heads"]).or(described.heads);
        described.kv_heads = fields.count(&["base_num_kv_heads"]).or(described.kv_heads);
        described.experts = fields.count(&["num_experts"]).or(described.experts).filter(|count| *count > 1);
        described.top_k = fields.count(&["num_experts_per_tok"]).or(described.top_k);
        described.head_dim = fields.count(&["head_dim"]).or(described.head_dim);
        common::custom(fields, "model_name", described);
    } else if name != "default" {
        if !models::named(fields, MODELS, "model_name", &name) {
            fields.fault(outlay::Problem::unknown_name("model_name", "model of MaxText", &name, &[]));
        }
    } else {
        // Scales of the program's own model: each doubles the widths it names.
        let scale = fields.count(&["global_parameter_scale"]).unwrap_or(1).max(1).ilog2();
        let bits = |at: u32| 1u64 << (scale / 3 + u32::from(scale % 3 > at)).min(20);
        let (embed, layers, wide) = (bits(0), bits(2), bits(1));
        let hidden = fields.count(&["base_emb_dim"]).unwrap_or(2048).saturating_mul(embed);
        let kinds = fields.names(&["mlp_activations"]);
        let experts = fields.count(&["num_experts"]).filter(|count| *count > 1);
        let chosen = fields.count(&["num_experts_per_tok"]).unwrap_or(1);
        let ffn = fields.count(&["base_mlp_dim"]).unwrap_or(7168).saturating_mul(wide);
        let of_expert = fields.count(&["base_moe_mlp_dim"]).filter(|_| experts.is_some());
        let shared = fields.count(&["shared_experts"]).filter(|count| *count > 0 && experts.is_some());
        let dense = fields.count(&["first_num_dense_layers"]).filter(|count| *count > 0 && experts.is_some());
        let described = CustomModel {
            layers: Some(fields.count(&["base_num_decoder_layers"]).unwrap_or(16).saturating_mul(layers)),
            hidden: Some(hidden),
            ffn: Some(of_expert.unwrap_or(ffn)),
            heads: Some(fields.count(&["base_num_query_heads"]).unwrap_or(16).saturating_mul(embed)),
            kv_heads: Some(fields.count(&["base_num_kv_heads"]).unwrap_or(16).saturating_mul(embed)),
            head_dim: Some(fields.count(&["head_dim"]).unwrap_or(128)),
            vocab: Some(fields.count(&["vocab_size"]).unwrap_or(32_000)),
            gated: Some(kinds.len() != 1),
            activation: kinds.first().filter(|kind| kind.contains("gelu")).map(|_| "gelu".to_owned()),
            tied: fields.switch(&["logits_via_embedding"]),
            experts,
            top_k: experts.map(|_| chosen),
            shared_ffn: shared.map(|count| count.saturating_mul(of_expert.unwrap_or(ffn))),
            dense_layers: dense,
            dense_ffn: dense.map(|_| ffn),
            window: fields.count(&["sliding_window_size"]).filter(|keys| *keys > 0),
            ..CustomModel::default()
        };
        common::custom(fields, "model by its dimensions", described);
    }
    common::start(fields, "load_parameters_path", from || tuned);
    put!(fields, "use_sft", method.kind = "full");
    if fields.switch(&["use_dpo"]) == Some(true) {
        fields.warn("preference and reward training are not counted: the figures are those of plain training");
    }
    if fields.switch(&["enable_lora", "lora.enable_lora"]) == Some(true) {
        let rank = fields.count(&["lora_rank", "lora.lora_rank"]).unwrap_or(16);
        fields.request.model.start = Some("pretrained".into());
        let quantised = fields.text(&["lora_weight_qtype", "lora.lora_weight_qtype"]);
        put!(fields, "enable_lora", method.kind = if quantised.is_some() { "qlora" } else { "lora" });
        if quantised.is_some() {
            put!(fields, "lora_weight_qtype", method.double_quant = false);
        }
        put!(fields, "lora_rank", method.rank = rank);
        // A pattern over its modules; without one it takes all of them.
        if let Some(pattern) = fields.text(&["lora_module_path", "lora.lora_module_path"]) {
            fields.request.method.targets = Some(targets(&pattern));
        }
    }
    if let Some(tokens) = fields.count(&["mtp_num_layers"]).filter(|tokens| *tokens > 0) {
        put!(fields, "mtp_num_layers", model.mtp = tokens);
    }
}

/// Its names of what adapters sit on, out of a pattern over them.
fn targets(pattern: &str) -> Targets {
    let names = [
        ("query", "q_proj"),
        ("key", "k_proj"),
        ("value", "v_proj"),
        ("out", "o_proj"),
        ("wi_0", "gate_proj"),
        ("wi_1", "up_proj"),
        ("wo", "down_proj"),
    ];
    let words: Vec<&str> = pattern.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let ours: Vec<String> =
        names.iter().filter(|(theirs, _)| words.contains(theirs)).map(|(_, ours)| (*ours).to_owned()).collect();
    match ours.len() {
        0 => Targets::One("all-linear".into()),
        all if all == names.len() => Targets::One("all-linear".into()),
        _ => Targets::Many(ours),
    }
}

fn trained(fields: &mut Fields<'_>) {
    let quantised = fields.text(&["quantization"]).unwrap_or_default();
    let compute = fields.text(&["dtype"]).unwrap_or_else(|| "bfloat16".into());
    let weights = fields.text(&["weight_dtype"]).unwrap_or_else(|| "float32".into());
    fields.text(&["grad_dtype"]);
    let adapters = fields.request.method.kind.as_deref().is_some_and(|kind| kind != "full");
    if adapters && weights == "float32" && fields.request.method.kind.as_deref() == Some("lora") {
        put!(fields, "weight_dtype", method.base_dtype = "fp32");
    }
    let precision = match (quantised.as_str(), compute.as_str(), weights.as_str()) {
        (name, ..) if name.contains("mxfp8") => "mxfp8",
        (name, ..) if name.contains("fp8") => "fp8",
        (name, ..) if name.contains("fp4") => "nvfp4",
        (name, ..) if name.contains("int8") || name.contains("int4") => "int8",
        (_, "float32", _) => "fp32",
        (_, "float16", _) => "fp16",
        (.., "bfloat16") if !adapters => "bf16-pure",
        _ => "bf16",
    };
    put!(fields, "dtype, weight_dtype, quantization", train.precision = precision);
    let name = fields.text(&["opt_type"]).unwrap_or_else(|| "adamw".into());
    common::optimizer(fields, "opt_type", &name);
    if name == "sgd" {
        // Without momentum there.
        put!(fields, "opt_type", train.optimizer = "sgd");
    }
    let rate = fields.number(&["learning_rate"]).unwrap_or(3e-5);
    put!(fields, "learning_rate", train.learning_rate = rate);
    let style = fields.text(&["lr_schedule_type"]).unwrap_or_else(|| "cosine".into());
    common::schedule(fields, "lr_schedule_type", &style);
    let policy = fields.text(&["remat_policy"]).unwrap_or_else(|| "full".into());
    let recompute = match policy.as_str() {
        "none" => "none",
        "full" => "full",
        text if text.starts_with("minimal") => "selective",
        // Some products of each layer are kept and the rest is computed again.
        text if text.starts_with("save_") || text.contains("proj") => "half",
        _ => "full",
    };
    put!(fields, "remat_policy", train.recompute = recompute);
    if policy.contains("offload") {
        put!(fields, "remat_policy", train.activation_offload = true);
    }
    let kernel = match fields.text(&["attention"]).as_deref() {
        Some("dot_product") => Some("eager"),
        Some("cudnn_flash_te" | "cudnn_flash_jax") => Some("cudnn"),
        Some("flash" | "autoselected") | None => Some("flash2"),
        Some(_) => None,
    };
    if let Some(kernel) = kernel {
        put!(fields, "attention", train.attention = kernel);
    }
    let dropout = fields.number(&["dropout_rate"]).unwrap_or(0.0) > 0.0;
    put!(fields, "dropout_rate", train.dropout = dropout);
    if fields.count(&["num_vocab_tiling"]).is_some_and(|tiles| tiles > 1) {
        put!(fields, "num_vocab_tiling", train.loss = "chunked");
    }
    if fields.switch(&["enable_checkpointing"]).unwrap_or(true) {
        let hidden = fields.switch(&["async_checkpointing"]).unwrap_or(true);
        put!(fields, "async_checkpointing", train.checkpoint_async = hidden);
    } else {
        fields.became("enable_checkpointing", "train.checkpoint = none");
        fields.request.train.checkpoint = Some(outlay::request::Amount::Text("none".into()));
    }
    fields.switch(&["async_checkpointing"]);
    let (every, batches) = (fields.number(&["eval_interval"]), fields.number(&["eval_steps"]));
    common::evaluation(fields, "eval_interval", batches, every);
}

//! GPT-NeoX's YAML: often several files that are merged, keys with dashes or underscores, DeepSpeed's settings among them.

use outlay::request::CustomModel;
use serde_json::{Map, Value, json};

use crate::common::{self, Batch, put, width};
use crate::fields::Fields;

const KEYS: &str = include_str!("../data/gpt-neox.txt");

fn told(config: &Map<String, Value>, keys: &[&str]) -> bool {
    keys.iter().any(|key| config.contains_key(*key) || config.contains_key(&key.replace('_', "-")))
}

pub(crate) fn recognises(config: &Map<String, Value>) -> bool {
    let own = [
        "pipe_parallel_size",
        "attention_config",
        "no_weight_tying",
        "checkpoint_activations",
        "train_data_paths",
        "valid_data_paths",
        "sparsity_config",
        "deepspeed_slurm",
        "text_gen_type",
        "eval_tasks",
        "use_bnb_optimizer",
        "memory_profiling",
    ];
    let both = told(config, &["num_layers"]) && told(config, &["num_attention_heads", "seq_length"]);
    told(config, &own)
        || both
        || told(config, &["data_path", "vocab_file"])
            && told(config, &["save", "load", "checkpoint_validation_with_forward_pass"])
}

pub(crate) fn read(fields: &mut Fields<'_>) {
    let config = std::mem::take(fields.config());
    *fields.config() = config.into_iter().map(|(key, value)| (key.replace('-', "_"), value)).collect();
    fields.knows(KEYS);
    if fields.get(&["text_gen_type"]).is_some()
        || fields.get(&["eval_tasks"]).is_some() && !told(fields.config(), &["train_iters"])
    {
        common::refuse(fields, "text_gen_type", "inference or evaluation");
        return;
    }
    if fields.get(&["num_layers"]).is_none() {
        common::fragment(fields, "no num_layers in it");
        return;
    }
    let each = fields.count(&["num_gpus", "global_num_gpus"]);
    let nodes = fields.count(&["num_nodes"]);
    common::world(fields, "num_gpus", each.map(|each| each.saturating_mul(nodes.unwrap_or(1).max(1))));
    width!(fields, ["model_parallel_size"], layout.tp);
    width!(fields, ["pipe_parallel_size"], layout.pp);
    width!(fields, ["context_parallel_size"], layout.cp);
    width!(fields, ["moe_expert_parallel_size", "expert_parallel_size"], layout.ep);
    if fields.switch(&["sequence_parallel"]) == Some(true) {
        put!(fields, "sequence_parallel", layout.sequence_parallel = true);
    }
    let stage = fields.count(&["zero_optimization.stage", "zero_stage"]).unwrap_or(0);
    let zero = match stage {
        0 => "none",
        1 => "zero1",
        2 => "zero2",
        _ => "zero3",
    };
    put!(fields, "zero_optimization.stage", layout.zero = zero);
    let host = fields.switch(&["zero_optimization.cpu_offload"]) == Some(true)
        || fields.text(&["zero_optimization.offload_optimizer.device"]).is_some_and(|device| device != "none");
    let weights = fields.text(&["zero_optimization.offload_param.device"]).is_some_and(|device| device != "none");
    if weights {
        put!(fields, "zero_optimization.offload_param", layout.offload = "optimizer+parameters");
    } else if host {
        put!(fields, "zero_optimization.cpu_offload", layout.offload = "optimizer");
    }
    let seq = fields.count(&["seq_length"]).unwrap_or(2048).max(1);
    put!(fields, "seq_length", data.seq_len = seq);
    let packed = fields.text(&["pack_impl"]).as_deref() != Some("unpacked");
    put!(fields, "pack_impl", data.packing = packed);
    if !model(fields) {
        return;
    }
    batch(fields);
    trained(fields);
    put!(fields, "the program", train.stack = "megatron-deepspeed");
}

/// `false` if it is a model that is not forecast.
fn model(fields: &mut Fields<'_>) -> bool {
    let kinds = fields.get(&["attention_config"]).map(|(_, value)| value.to_string()).unwrap_or_default();
    if ["rwkv", "gmlp", "amlp"].iter().any(|kind| kinds.contains(kind)) {
        common::refuse(fields, "attention_config", "a model without attention, as RWKV or gMLP");
        return false;
    }
    if fields.text(&["model_arch"]).is_some_and(|arch| arch == "t5") {
        common::refuse(fields, "model_arch", "an encoder with a decoder, as T5");
        return false;
    }
    let layers = fields.count(&["num_layers"]);
    let hidden = fields.count(&["hidden_size"]);
    let activation = fields.text(&["activation"]).unwrap_or_else(|| "gelu".into());
    let llama = fields.text(&["mlp_type"]).as_deref() == Some("llama");
    let gated = llama || ["swiglu", "geglu", "reglu", "bilinear", "glu"].iter().any(|name| activation == *name);
    let multiple = fields.count(&["mlp_multiple_of", "multiple_of"]).unwrap_or(1).max(1);
    let factor = fields.number(&["expansion_factor"]).unwrap_or(4.0);
    let told = fields.count(&["intermediate_size", "feedforward_size"]);
    let wide = told.or(hidden.map(|hidden| (hidden as f64 * factor) as u64));
    // A gate and a way up have together what a plain way up would have: two thirds, halved.
    let ffn = wide.map(|wide| if gated { (wide.saturating_mul(2) / 3 / 2).next_multiple_of(multiple) } else { wide });
    let norm = fields.text(&["norm"]).unwrap_or_else(|| "layernorm".into());
    let tp = fields.request.layout.tp.unwrap_or(1);
    let divisible = fields.count(&["make_vocab_size_divisible_by"]).unwrap_or(128);
    let vocab = common::padded(vocabulary(fields, gated && norm == "rmsnorm"), divisible, tp);
    let untied = fields.switch(&["no_weight_tying"]) == Some(true);
    let learned = fields.text(&["pos_emb"]).is_none_or(|kind| kind == "learned");
    let positions = fields.count(&["max_position_embeddings"]);
    let attention_bias = fields.switch(&["use_bias_in_attn_linear"]).unwrap_or(true);
    let mlp_bias = fields.switch(&["use_bias_in_mlp"]).unwrap_or(true);
    let every = fields.count(&["moe_expert_interval", "expert_interval"]).unwrap_or(2).max(1);
    let experts = fields.count(&["moe_num_experts", "num_experts"]).filter(|count| *count > 1);
    let top_k = fields.count(&["moe_top_k"]).unwrap_or(1).max(1);
    let window = fields.count(&["sliding_window_width"]).filter(|keys| *keys > 0);
    let depth = layers.unwrap_or(1);
    let mixed = experts.is_some().then_some(depth - depth / every).filter(|dense| *dense > 0);
    if fields.get(&["num_unique_layers"]).is_some() {
        fields.warn("num_unique_layers: layers that share weights are taken as their own");
    }
    let described = CustomModel {
        layers,
        hidden,
        ffn,
        heads: fields.count(&["num_attention_heads"]),
        kv_heads: fields.count(&["num_kv_heads"]),
        vocab: Some(vocab),
        gated: Some(gated),
        activation: Some(if activation.contains("gelu") || activation == "geglu" { "gelu" } else { "silu" }.into()),
        tied: Some(!untied),
        bias: Some(attention_bias && mlp_bias),
        norm: (!norm.contains("rms")).then(|| "layer".to_owned()),
        learned_positions: positions.filter(|_| learned && !kinds.contains("mamba")),
        experts,
        top_k: experts.is_some().then_some(top_k),
        dense_layers: mixed,
        dense_ffn: mixed.and(ffn),
        window,
        ..CustomModel::default()
    };
    if kinds.contains("mamba") {
        if kinds.contains("global") || kinds.contains("flash") {
            fields.warn("attention_config: layers of attention among those of Mamba are taken as Mamba's");
        }
        let config = json!({
            "model_type": "mamba", "hidden_size": hidden, "num_hidden_layers": layers, "vocab_size": vocab,
            "state_size": 16, "conv_kernel": 4, "expand": 2, "tie_word_embeddings": !untied,
        });
        fields.became("attention_config", "model.config: a config of the family mamba");
        fields.request.model.config = Some(config);
    } else {
        common::custom(fields, "model by its dimensions", described);
    }
    if kinds.contains("sparse") || kinds.contains("local") || kinds.contains("bigbird") {
        fields.warn("attention_config: sparse attention is taken as full");
    }
    let kernel = if kinds.contains("flash") { Some("flash2") } else { None };
    let fused = fields.switch(&["scaled_upper_triang_masked_softmax_fusion"]) == Some(true);
    if let Some(kernel) = kernel.or(fused.then_some("fused-softmax")) {
        put!(fields, "attention_config", train.attention = kernel);
    }
    let finetune = fields.switch(&["finetune"]) == Some(true);
    common::start(fields, "finetune", finetune);
    put!(fields, "finetune", method.kind = "full");
    let kind = fields.text(&["train_impl"]).unwrap_or_else(|| "normal".into());
    if kind != "normal" {
        fields.warn("preference and reward training are not counted: the figures are those of plain training");
    }
    if fields.get(&["soft_prompt_tuning"]).is_some() {
        fields.warn("soft_prompt_tuning: every parameter is taken as trained");
    }
    true
}

fn vocabulary(fields: &mut Fields<'_>, llama: bool) -> u64 {
    if let Some(vocab) = fields.count(&["padded_vocab_size", "vocab_size"]) {
        return vocab;
    }
    let kind = fields.text(&["tokenizer_type"]).unwrap_or_default();
    let file = fields.text(&["vocab_file"]).unwrap_or_default().to_ascii_lowercase();
    let (vocab, said) = match kind.as_str() {
        _ if file.contains("llama3") || file.contains("llama-3") => (128_256, true),
        _ if file.contains("mistral") || file.contains("zephyr") || file.contains("llama") => (32_000, true),
        _ if file.contains("20b_tokenizer") => (50_277, true),
        "SPMTokenizer" | "LlamaTokenizer" => (32_000, true),
        "CharLevelTokenizer" => (512, true),
        "TiktokenTokenizer" => (100_277, true),
        "GPT2BPETokenizer" | "HFGPT2Tokenizer" => (50_257, true),
        _ if llama => (32_000, false),
        // What the pile's tokenizer and that of GPT-2 are padded to is the same.
        _ => (50_257, kind == "HFTokenizer"),
    };
    if said {
        fields.became("tokenizer_type, vocab_file", format!("model.custom.vocab = {vocab}, before it is padded"));
    } else {
        fields.warn(format!("the size of the vocabulary is not said here: {vocab} is assumed"));
    }
    vocab
}

fn batch(fields: &mut Fields<'_>) {
    let micro = fields.count(&["train_micro_batch_size_per_gpu", "batch_size"]).filter(|micro| *micro > 0);
    let whole = fields.count(&["train_batch_size"]).filter(|whole| *whole > 0);
    let accumulation = fields.count(&["gradient_accumulation_steps", "gas"]).unwrap_or(1);
    let micro = micro.or_else(|| {
        if whole.is_none() {
            fields.warn("train_micro_batch_size_per_gpu is not said here: a batch of 1 on each is taken");
        }
        whole.is_none().then_some(1)
    });
    let batch = whole.map_or(Batch::Accumulated(accumulation), Batch::Whole);
    common::batch(fields, "train_micro_batch_size_per_gpu", micro, batch);
    match fields.count(&["train_iters"]).filter(|steps| *steps > 0) {
        Some(steps) => common::steps(fields, "train_iters", steps),
        None => {
            let epochs = fields.number(&["train_epochs"]).filter(|epochs| *epochs > 0.0);
            fields.length(Some(epochs.unwrap_or(1.0)), None);
        }
    }
}

fn trained(fields: &mut Fields<'_>) {
    let named = fields.text(&["precision"]).unwrap_or_default();
    let kind = fields.text(&["fp16.type"]).unwrap_or_default();
    let half = fields.switch(&["fp16.enabled", "fp16.fp16"]) == Some(true);
    let brain = fields.switch(&["bf16.enabled", "bfloat16.enabled"]) == Some(true);
    let fields_said = !named.is_empty() || half || brain;
    let ours = match () {
        () if brain || named.contains("bf") || kind.contains("bf") => "bf16",
        () if half || named == "fp16" || !fields_said => "fp16",
        () => "fp32",
    };
    put!(fields, "fp16, bf16, precision", train.precision = ours);
    if fields.get(&["te_fp8_format"]).is_some() {
        fields.warn("te_fp8_format: products in 8 bit are not counted");
    }
    let mut name = fields.text(&["optimizer.type", "optimizer_type"]).unwrap_or_else(|| "adam".into());
    if fields.switch(&["use_bnb_optimizer"]) == Some(true) {
        name = "adam8bit".into();
    }
    common::optimizer(fields, "optimizer.type", &name);
    if let Some(rate) = fields.number(&["optimizer.params.lr", "lr"]) {
        put!(fields, "optimizer.params.lr", train.learning_rate = rate);
    }
    let style = fields.text(&["lr_decay_style"]).unwrap_or_else(|| "linear".into());
    common::schedule(fields, "lr_decay_style", &style);
    let on = fields.switch(&["checkpoint_activations"]) == Some(true);
    put!(fields, "checkpoint_activations", train.recompute = if on { "full" } else { "none" });
    if fields.switch(&["checkpoint_in_cpu"]) == Some(true) {
        put!(fields, "checkpoint_in_cpu", train.activation_offload = true);
    }
    let share = |share: Option<f64>| share.unwrap_or(0.1) > 0.0;
    let dropout = share(fields.number(&["hidden_dropout"])) | share(fields.number(&["attention_dropout"]));
    put!(fields, "hidden_dropout, attention_dropout", train.dropout = dropout);
    if let Some(kept) = fields.count(&["keep_last_n_checkpoints"]).filter(|kept| *kept > 0) {
        put!(fields, "keep_last_n_checkpoints", train.checkpoints_kept = kept);
    }
    let (batches, every) = (fields.number(&["eval_iters"]), fields.number(&["eval_interval"]));
    common::evaluation(fields, "eval_iters", batches.or(Some(100.0)), every.or(Some(1000.0)));
}

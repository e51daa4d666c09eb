//! Megatron-LM's arguments: launch scripts, files of arguments, and the `MODEL_ARGS` of its own tests. NeMo and
//! Megatron-Bridge say the same things as keys of YAML, and read their models and layouts here.

use outlay::request::{Amount, CustomModel};
use serde_json::{Map, Value, json};

use crate::common::{self, Batch, put, width};
use crate::fields::Fields;

const KEYS: &str = include_str!("../data/megatron.txt");
/// Sizes of vocabularies by what stands in a tokenizer's name.
const VOCABULARIES: &str = include_str!("../data/vocabularies.txt");

pub(crate) fn recognises(config: &Map<String, Value>) -> bool {
    let program = config.get("launch").and_then(|launch| launch.get("program")).and_then(Value::as_str);
    config.get("MODEL_ARGS").is_some_and(Value::is_object)
        || config.contains_key("--num-layers")
        || config.contains_key("--tensor-model-parallel-size")
        || program.is_some_and(|program| program.contains("pretrain_"))
}

/// Every argument as a `--key` with dashes; `--no-x` and `--disable-x` of a known `--x` switch it off.
fn arguments(fields: &mut Fields<'_>) {
    let mut config = std::mem::take(fields.config());
    if let Some(Value::Object(arguments)) = config.remove("MODEL_ARGS") {
        config = arguments;
    }
    let listed = |key: &str| KEYS.lines().any(|line| line == key);
    for (key, value) in config {
        let key = if key.starts_with("--") { key.replace('_', "-") } else { key };
        let off = ["--no-", "--disable-"].iter().find_map(|before| key.strip_prefix(before));
        match off.map(|bare| format!("--{bare}")) {
            Some(on) if !listed(&key) && (listed(&on) || on == "--async-save") => {
                fields.config().insert(on, Value::Bool(false));
            }
            _ => {
                fields.config().insert(key, value);
            }
        }
    }
}

/// Kinds of programs that are not forecast.
fn other(config: &Map<String, Value>) -> Option<&'static str> {
    let program = config.get("launch").and_then(|launch| launch.get("program")).and_then(Value::as_str).unwrap_or("");
    let words = |list: &[&str]| list.iter().any(|word| program.contains(word));
    let has = |key: &str| config.get(key).is_some_and(|value| *value != Value::Bool(false) && !value.is_null());
    if words(&["bert", "ict", "realm"]) || has("--bert-no-binary-head") || has("--bert-embedder-type") {
        return Some("an encoder, as BERT");
    }
    if words(&["t5"]) || has("--encoder-num-layers") || has("--decoder-seq-length") {
        return Some("an encoder with a decoder, as T5");
    }
    if words(&["vision", "vlm", "multimodal", "mimo"]) || has("--img-h") || has("--vision-pretraining") {
        return Some("a model of images");
    }
    if words(&["retro"]) || has("--retro-add-retriever") || has("--retro-project-dir") {
        return Some("a model with retrieval");
    }
    if words(&["inference", "generat", "server", "eval", "zeroshot"])
        || ["--num-tokens-to-generate", "--prompts", "--inference-batch-times-seqlen-threshold"]
            .iter()
            .any(|key| has(key))
        || has("--inference-dynamic-batching") && !has("--train-iters") && !has("--train-samples")
        || has("--inference-max-requests") && !has("--perform-rl-step") && !has("--lr")
    {
        return Some("inference or evaluation");
    }
    if has("--perform-rl-step") || words(&["rl"]) && words(&["train_rl"]) {
        return Some("reinforcement learning");
    }
    if words(&["convert", "preprocess"]) {
        return Some("a conversion of files");
    }
    None
}

pub(crate) fn read(fields: &mut Fields<'_>) {
    arguments(fields);
    fields.knows(KEYS);
    if let Some(why) = other(fields.config()) {
        common::refuse(fields, "the program", why);
        return;
    }
    common::launched(fields);
    if fields.get(&["--num-layers"]).is_none() && fields.get(&["--hybrid-layer-pattern"]).is_none() {
        common::fragment(fields, "no --num-layers in it");
        return;
    }
    layout(fields);
    let seq = fields.count(&["--seq-length", "--encoder-seq-length"]).unwrap_or(2048).max(1);
    put!(fields, "--seq-length", data.seq_len = seq);
    fields.request.data.packing = Some(true);
    model(fields, Style::Arguments);
    let tuned = ["--finetune", "--pretrained-checkpoint", "--sft"];
    let from = tuned.iter().any(|key| fields.switch(&[*key]) == Some(true) || fields.text(&[*key]).is_some());
    common::start(fields, "--finetune", from);
    put!(fields, "the program", method.kind = "full");
    let micro = fields.count(&["--micro-batch-size", "--batch-size"]).unwrap_or(1).max(1);
    let whole = fields.count(&["--global-batch-size"]).filter(|whole| *whole > 0);
    common::batch(fields, "--global-batch-size", Some(micro), whole.map_or(Batch::Accumulated(1), Batch::Whole));
    if fields.get(&["--rampup-batch-size"]).is_some() {
        fields.warn("--rampup-batch-size: the whole batch is taken from the start");
    }
    let samples = fields.count(&["--train-samples"]).filter(|samples| *samples > 0);
    let told = fields.number(&["--train-tokens"]).filter(|tokens| *tokens > 0.0);
    match (samples, fields.count(&["--train-iters"]).filter(|steps| *steps > 0)) {
        (Some(samples), _) => common::tokens(fields, "--train-samples", samples as f64 * seq as f64),
        (None, _) if told.is_some() => common::tokens(fields, "--train-tokens", told.unwrap_or_default()),
        (None, Some(steps)) => common::steps(fields, "--train-iters", steps),
        (None, None) => fields.length(Some(1.0), None),
    }
    precision(fields);
    recompute(fields);
    trained(fields);
    fields.get(&["--world-size", "--transformer-impl"]);
    let old = fields.switch(&["--use-legacy-models"]) == Some(true);
    let below = fields.get(&["--deepspeed", "--deepspeed-config"]).is_some();
    let stack = match (below, old) {
        (true, _) => "megatron-deepspeed",
        (false, true) => "megatron-lm",
        (false, false) => "megatron-core",
    };
    put!(fields, "the program", train.stack = stack);
}

/// Widths and what is sharded.
pub(crate) fn layout(fields: &mut Fields<'_>) {
    width!(
        fields,
        ["--tensor-model-parallel-size", "model.tensor_model_parallel_size", "--model-parallel-size"],
        layout.tp
    );
    width!(fields, ["--pipeline-model-parallel-size", "model.pipeline_model_parallel_size"], layout.pp);
    width!(fields, ["--context-parallel-size", "model.context_parallel_size"], layout.cp);
    width!(
        fields,
        ["--expert-model-parallel-size", "model.expert_model_parallel_size", "--moe-expert-parallel-size"],
        layout.ep
    );
    fields.count(&["--expert-tensor-parallel-size", "model.expert_tensor_parallel_size"]);
    let layers = fields.count(&["--num-layers", "model.num_layers"]);
    let each = fields.count(&["--num-layers-per-virtual-pipeline-stage"]).filter(|each| *each > 0);
    let virtual_stages = fields
        .count(&["--num-virtual-stages-per-pipeline-rank", "model.virtual_pipeline_model_parallel_size"])
        .or_else(|| Some(layers? / fields.request.layout.pp? / each?));
    let whole = fields.has("--num-layers") && fields.has("--hidden-size")
        || fields.is_nothing("model.virtual_pipeline_model_parallel_size");
    let virtual_stages = virtual_stages.filter(|stages| *stages > 1).or_else(|| whole.then_some(1));
    if let (Some(stages), Some(_)) = (virtual_stages, fields.request.layout.pp) {
        put!(fields, "virtual pipeline stages", layout.vpp = stages);
    }
    if fields.get(&["--pipeline-model-parallel-layout", "model.pipeline_model_parallel_layout"]).is_some() {
        fields.warn("a layout of the pipeline by hand is taken as even stages");
    }
    if let Some(on) = fields.switch(&["--sequence-parallel", "model.sequence_parallel"]) {
        let on = on && fields.request.layout.tp.is_some();
        put!(fields, "sequence parallelism", layout.sequence_parallel = on);
    }
    let strategy = fields.text(&["--data-parallel-sharding-strategy", "ddp.data_parallel_sharding_strategy"]);
    let megatron = fields.switch(&["--use-megatron-fsdp", "--use-custom-fsdp", "dist.use_megatron_fsdp"]) == Some(true);
    let torch = fields.switch(&["--use-torch-fsdp2", "dist.use_torch_fsdp2", "model.fsdp"]) == Some(true);
    let distributed = fields.switch(&["--use-distributed-optimizer", "ddp.use_distributed_optimizer"]);
    let zero = match (megatron, torch, strategy.as_deref()) {
        (_, true, _) => Some("fsdp"),
        (true, _, Some("no_shard")) => Some("none"),
        (true, _, Some("optim")) => Some("zero1"),
        (true, _, Some("optim_grads")) => Some("zero2"),
        (true, ..) => Some("fsdp"),
        // A command line is whole: what it does not switch on is off.
        _ => {
            let whole = fields.has("--num-layers") && fields.has("--hidden-size");
            distributed.or_else(|| whole.then_some(false)).map(|on| if on { "zero1" } else { "none" })
        }
    };
    // DeepSpeed beneath Megatron's arguments.
    let stage = fields.count(&["--zero-stage"]).map(|stage| match stage {
        0 => "none",
        1 => "zero1",
        2 => "zero2",
        _ => "zero3",
    });
    if let Some(zero) = stage.or(zero) {
        put!(fields, "distributed optimizer", layout.zero = zero);
    }
    if fields.switch(&["--optimizer-cpu-offload", "optimizer.optimizer_cpu_offload"]) == Some(true) {
        put!(fields, "optimizer_cpu_offload", layout.offload = "optimizer");
        let share = fields.number(&["--optimizer-offload-fraction", "optimizer.optimizer_offload_fraction"]);
        if share.is_some_and(|share| share < 1.0) {
            fields.warn("a share of the optimizer moved to the host is taken as all of it");
        }
    }
    fields.number(&["--optimizer-offload-fraction"]);
}

/// Which program's defaults hold.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Megatron-LM's arguments.
    Arguments,
    /// NeMo's `model:` section.
    Nemo,
}

/// The model by its dimensions.
pub(crate) fn model(fields: &mut Fields<'_>, style: Style) {
    let layers = fields.count(&["--num-layers", "model.num_layers"]);
    let hidden = fields.count(&["--hidden-size", "model.hidden_size"]);
    let heads = fields.count(&["--num-attention-heads", "model.num_attention_heads"]);
    let activation = fields.text(&["model.activation", "model.activation_func"]).unwrap_or_default();
    let named = ["swiglu", "geglu", "reglu"].iter().any(|name| activation.contains(name));
    let gated =
        fields.switch(&["--swiglu", "--gated-linear-unit", "model.gated_linear_unit"]).unwrap_or(named) || named;
    let squared =
        fields.switch(&["--squared-relu"]) == Some(true) || activation.replace('_', "-").contains("squared-relu");
    let wide = hidden.map(|hidden| match (gated, style) {
        (true, Style::Arguments) => hidden.saturating_mul(4) * 2 / 3 / 64 * 64,
        _ => hidden.saturating_mul(4),
    });
    let ffn = fields.count(&["--ffn-hidden-size", "model.ffn_hidden_size"]).or(wide);
    let groups = fields.count(&["--num-query-groups", "model.num_query_groups"]).filter(|groups| *groups > 0);
    let grouped = fields.switch(&["--group-query-attention"]);
    let kv_heads = match (style, grouped) {
        (Style::Arguments, Some(true)) => groups.or(Some(1)),
        (Style::Arguments, _) => None,
        (Style::Nemo, _) => groups,
    };
    let off = fields.switch(&["--disable-bias-linear"]) == Some(true);
    let bias = fields.switch(&["--add-bias-linear", "model.add_bias_linear", "model.bias"]).unwrap_or(!off) && !off;
    let norm = fields.text(&["--normalization", "model.normalization"]).unwrap_or_default().to_ascii_lowercase();
    let untied = fields.switch(&["--untie-embeddings-and-output-weights"]);
    let shared = fields.switch(&["model.share_embeddings_and_output_weights"]);
    let positions = fields.count(&["--max-position-embeddings", "model.max_position_embeddings"]);
    let rotary = fields.switch(&["--use-rotary-position-embeddings"]) == Some(true);
    let kind = fields.text(&["--position-embedding-type", "model.position_embedding_type"]);
    let learned = !rotary && kind.is_none_or(|kind| kind.starts_with("learned"));
    let tp = fields.request.layout.tp.unwrap_or(1);
    let multiple =
        fields.count(&["--make-vocab-size-divisible-by", "model.make_vocab_size_divisible_by"]).unwrap_or(128);
    let vocab = common::padded(vocabulary(fields), multiple, tp);
    // Keys before a query, to which its own comes.
    let window = fields.get(&["--window-size", "model.window_size"]).and_then(|(_, value)| first_number(&value));
    let window = window.map(|before| before.saturating_add(1));
    let skip = fields.count(&["--window-attn-skip-freq"]).filter(|every| *every > 1);
    let mut described = CustomModel {
        layers,
        hidden,
        ffn,
        heads,
        kv_heads,
        head_dim: fields.count(&["--kv-channels", "model.kv_channels"]),
        vocab: Some(vocab),
        gated: Some(gated),
        activation: match (squared, gated, activation.contains("gelu") || activation.contains("geglu")) {
            (true, ..) => Some("relu2".into()),
            (_, false, _) | (.., true) => Some("gelu".into()),
            _ => None,
        },
        tied: Some(untied.map_or(shared.unwrap_or(true), |untied| !untied)),
        bias: Some(bias),
        norm: (!norm.contains("rms")).then(|| "layer".into()),
        learned_positions: positions.filter(|_| learned),
        window,
        global_every: skip,
        ..CustomModel::default()
    };
    experts(fields, &mut described);
    if let Some(tokens) = fields.count(&["--mtp-num-layers", "model.mtp_num_layers"]).filter(|tokens| *tokens > 0) {
        put!(fields, "--mtp-num-layers", model.mtp = tokens);
    }
    let untold = [
        (&["--heterogeneous-layers-config-path"][..], "layers that differ from one another are taken as equal"),
        (&["--linear-attention-freq", "--experimental-attention-variant"], "its attention is taken as plain"),
        (&["--moe-expert-capacity-factor", "model.moe_expert_capacity_factor"], "no token is taken as dropped"),
        (&["--cpu-offloading", "--fine-grained-activation-offloading"], "activations on the host are not counted"),
    ];
    for (keys, what) in untold {
        crate::hf::not_counted(fields, keys, what);
    }
    let pattern =
        fields.text(&["--hybrid-layer-pattern", "--hybrid-override-pattern", "model.hybrid_override_pattern"]);
    let state_space = fields.switch(&["--is-hybrid-model"]) == Some(true)
        || fields.get(&["model.mamba_ssm_ngroups", "model.mamba_num_groups"]).is_some();
    let all = usize::try_from(layers.unwrap_or(1).min(1000)).unwrap_or(1);
    if let Some(pattern) = pattern.or_else(|| state_space.then(|| "M".repeat(all))) {
        hybrid(fields, &described, &pattern);
    } else if fields.switch(&["--multi-latent-attention", "model.multi_latent_attention"]) == Some(true) {
        latent(fields, &described);
    } else {
        common::custom(fields, "model by its dimensions", described);
    }
}

/// Layers of state-space mixers, attention and feed-forwards in an order, as a config of the family that has them.
fn hybrid(fields: &mut Fields<'_>, described: &CustomModel, pattern: &str) {
    let mut count = |keys: &[&'static str], default: u64| fields.count(keys).unwrap_or(default);
    let hidden = described.hidden.unwrap_or(64);
    let head = count(&["--mamba-head-dim", "model.mamba_head_dim"], 64).max(1);
    let heads = count(&["--mamba-num-heads", "model.mamba_num_heads"], hidden.saturating_mul(2) / head);
    let groups = count(&["--mamba-num-groups", "model.mamba_ssm_ngroups", "model.mamba_num_groups"], 8);
    let state = count(&["--mamba-state-dim", "model.mamba_state_dim"], 128);
    let pattern: String = pattern.chars().filter(|c| "M*-E".contains(*c)).collect();
    let config = json!({
        "model_type": "nemotron_h", "hidden_size": hidden, "num_hidden_layers": pattern.len(),
        "hybrid_override_pattern": pattern, "num_attention_heads": described.heads,
        "num_key_value_heads": described.kv_heads.or(described.heads),
        "head_dim": described.head_dim.or(Some(hidden / described.heads.unwrap_or(1).max(1))),
        "intermediate_size": described.dense_ffn.or(described.ffn), "mlp_hidden_act": "relu2",
        "mamba_num_heads": heads, "mamba_head_dim": head, "n_groups": groups, "ssm_state_size": state,
        "conv_kernel": 4, "expand": 2, "chunk_size": 128, "vocab_size": described.vocab,
        "n_routed_experts": described.experts, "num_experts_per_tok": described.top_k,
        "moe_intermediate_size": described.ffn, "moe_shared_expert_intermediate_size": described.shared_ffn,
        "n_shared_experts": u64::from(described.shared_ffn.is_some()),
        "tie_word_embeddings": described.tied.unwrap_or(false),
    });
    fields.became("hybrid layers", "model.config: a config of the family nemotron_h");
    fields.request.model.config = Some(config);
}

fn experts(fields: &mut Fields<'_>, described: &mut CustomModel) {
    let count =
        fields.count(&["--num-experts", "model.num_moe_experts", "model.num_experts"]).filter(|count| *count > 1);
    let top_k = fields.count(&["--moe-router-topk", "model.moe_router_topk", "--topk"]).unwrap_or(2).max(1);
    let width = fields.count(&["--moe-ffn-hidden-size", "model.moe_ffn_hidden_size"]);
    let shared = fields
        .count(&["--moe-shared-expert-intermediate-size", "model.moe_shared_expert_intermediate_size"])
        .filter(|width| *width > 0);
    let spread = fields.get(&["--moe-layer-freq", "model.moe_layer_freq"]).map(|(_, value)| value);
    let Some(count) = count else { return };
    let layers = described.layers.unwrap_or(1);
    let dense = match spread {
        Some(Value::String(text)) if text.contains('[') => zeros(&text),
        Some(Value::Array(list)) => list.iter().filter(|one| one.as_u64() == Some(0)).count() as u64,
        Some(other) => {
            let every = other.as_u64().or_else(|| other.as_str().and_then(|text| text.parse().ok())).unwrap_or(1);
            layers - layers / every.max(1)
        }
        None => 0,
    };
    described.experts = Some(count);
    described.top_k = Some(top_k.min(count));
    described.dense_ffn = described.ffn;
    described.ffn = width.or(described.ffn);
    described.shared_ffn = shared;
    described.dense_layers = Some(dense.min(layers)).filter(|dense| *dense > 0);
    if described.dense_layers.is_none() {
        described.dense_ffn = None;
    }
}

/// How many zeros a list written as Python would have: `([0]*3+[1]*58)`, `[0,1]*6`.
fn zeros(text: &str) -> u64 {
    let mut all = 0u64;
    for part in text.split('[').skip(1) {
        let Some((list, after)) = part.split_once(']') else { break };
        let here = list.split(',').filter(|one| one.trim() == "0").count() as u64;
        let times: String = after.trim_start_matches(['*', ' ']).chars().take_while(char::is_ascii_digit).collect();
        let times = if after.trim_start().starts_with('*') { times.parse().unwrap_or(1) } else { 1 };
        all = all.saturating_add(here.saturating_mul(times));
    }
    all
}

/// The first number of `(128, 0)`, `[128, 0]` or `128`.
fn first_number(value: &Value) -> Option<u64> {
    let text = match value {
        Value::Array(list) => list.first()?.to_string(),
        other => other.to_string(),
    };
    let digits: String = text.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    digits.parse().ok().filter(|keys| *keys > 0)
}

/// Rows of the embedding, before they are padded.
fn vocabulary(fields: &mut Fields<'_>) -> u64 {
    let kind =
        fields.text(&["--tokenizer-type", "tokenizer.tokenizer_type", "model.tokenizer.library"]).unwrap_or_default();
    let name = fields
        .text(&["--tokenizer-model", "--tokenizer-name-or-path", "tokenizer.tokenizer_model", "model.tokenizer.type"])
        .unwrap_or_default();
    let said = ["--vocab-size", "--padded-vocab-size", "model.vocab_size", "model.override_vocab_size"];
    if let Some(vocab) = fields.count(&said) {
        // The tokenizer that has no words adds its end.
        return vocab + u64::from(kind == "NullTokenizer");
    }
    let known = |text: &str| {
        let low = text.to_ascii_lowercase();
        let rows = VOCABULARIES.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(' '));
        rows.filter(|(word, _)| low.contains(word)).find_map(|(_, size)| size.parse::<u64>().ok())
    };
    // Merges are those of GPT-2's tokenizer. A config that names no tokenizer is often named after its model.
    let merges = if fields.get(&["--merge-file"]).is_some() { "gpt2" } else { "" };
    let own = fields.text(&["name"]).unwrap_or_default();
    let known = known(&format!("{kind} {name} {merges}")).or_else(|| known(&own.replace("megatron", "")));
    match known {
        Some(vocab) => {
            fields.became("tokenizer", format!("model.custom.vocab = {vocab}"));
            vocab
        }
        None => {
            fields.warn("the size of the vocabulary is not said here: 50257, that of GPT-2, is assumed");
            50_257
        }
    }
}

/// Low-rank attention, as a config of the family that has it.
fn latent(fields: &mut Fields<'_>, described: &CustomModel) {
    let mut count = |keys: &[&'static str], default: u64| fields.count(keys).unwrap_or(default);
    let kv = count(&["--kv-lora-rank", "model.kv_lora_rank"], 32);
    let plain = count(&["--qk-head-dim", "model.qk_head_dim"], 128);
    let turned = count(&["--qk-pos-emb-head-dim", "model.qk_pos_emb_head_dim"], 64);
    let value = count(&["--v-head-dim", "model.v_head_dim"], 128);
    let query = fields.count(&["--q-lora-rank", "model.q_lora_rank"]).filter(|rank| *rank > 0);
    let layers = described.layers.unwrap_or(1);
    let width = described.ffn.unwrap_or(1);
    let config = json!({
        "model_type": "deepseek_v3", "hidden_size": described.hidden, "num_hidden_layers": layers,
        "num_attention_heads": described.heads, "vocab_size": described.vocab,
        "q_lora_rank": query, "kv_lora_rank": kv, "qk_nope_head_dim": plain, "qk_rope_head_dim": turned,
        "v_head_dim": value, "intermediate_size": described.dense_ffn.or(described.ffn),
        "moe_intermediate_size": width, "n_routed_experts": described.experts.unwrap_or(1),
        "num_experts_per_tok": described.top_k.unwrap_or(1),
        "n_shared_experts": described.shared_ffn.map_or(0, |shared| (shared / width.max(1)).max(1)),
        "first_k_dense_replace": if described.experts.is_some() { described.dense_layers.unwrap_or(0) } else { layers },
        "tie_word_embeddings": described.tied.unwrap_or(false),
    });
    fields.became("multi-latent attention", "model.config: a config of the family deepseek_v3");
    fields.request.model.config = Some(config);
}

/// Formats of numbers.
fn precision(fields: &mut Fields<'_>) {
    let (bf16, fp16) = (fields.switch(&["--bf16"]) == Some(true), fields.switch(&["--fp16"]) == Some(true));
    let recipe = fields.text(&["--fp8-recipe"]).unwrap_or_default();
    let eight = fields.get(&["--fp8-format", "--fp8", "--fp8-hybrid", "--fp8-e4m3"]).is_some();
    let four = fields.get(&["--fp4-format", "--fp4"]).is_some();
    fields.get(&["--fp4-recipe"]);
    let ours = match () {
        () if four => "nvfp4",
        () if eight && recipe == "mxfp8" => "mxfp8",
        () if eight => "fp8",
        () if bf16 => "bf16",
        () if fp16 => "fp16",
        () => "fp32",
    };
    put!(fields, "--bf16, --fp16, --fp8-format", train.precision = ours);
}

/// What is computed again.
pub(crate) fn recompute(fields: &mut Fields<'_>) {
    let granularity = fields.text(&[
        "--recompute-granularity",
        "model.recompute_granularity",
        "model.activations_checkpoint_granularity",
        "--activations-checkpoint-granularity",
    ]);
    let method = fields.text(&[
        "--recompute-method",
        "model.recompute_method",
        "model.activations_checkpoint_method",
        "--activations-checkpoint-method",
    ]);
    let some = fields.count(&[
        "--recompute-num-layers",
        "model.recompute_num_layers",
        "model.activations_checkpoint_num_layers",
    ]);
    let short = fields.switch(&["--recompute-activations"]) == Some(true);
    let old = fields.switch(&["--checkpoint-activations"]) == Some(true);
    fields.get(&["--recompute-modules", "model.recompute_modules"]);
    let layers = fields.count(&["--num-layers", "model.num_layers"]);
    let stage =
        layers.map(|layers| layers / fields.request.layout.pp.unwrap_or(1) / fields.request.layout.vpp.unwrap_or(1));
    let ours = match (granularity.as_deref(), method.as_deref()) {
        (Some("full"), Some("block")) => match (some, stage.filter(|stage| *stage > 0)) {
            (Some(0), _) => "none",
            // The nearest eighth of a stage's layers.
            (Some(some), Some(stage)) => match some.saturating_mul(16).saturating_add(stage) / (2 * stage) {
                0 | 1 => "1/8",
                2 => "quarter",
                3 => "3/8",
                4 => "half",
                5 => "5/8",
                6 => "three-quarters",
                7 => "7/8",
                _ => "full",
            },
            _ => "full",
        },
        (Some("full"), _) => "full",
        (Some("selective"), _) => "selective",
        (None, Some(_)) => "full",
        _ if old => "full",
        _ if short => "selective",
        _ => "none",
    };
    put!(fields, "recompute", train.recompute = ours);
}

fn trained(fields: &mut Fields<'_>) {
    let optimizer = fields.text(&["--optimizer"]).unwrap_or_else(|| "adam".into());
    common::optimizer(fields, "--optimizer", &optimizer);
    if optimizer == "sgd" && fields.number(&["--sgd-momentum"]) == Some(0.0) {
        put!(fields, "--sgd-momentum", train.optimizer = "sgd");
    }
    if let Some(rate) = fields.number(&["--lr"]) {
        put!(fields, "--lr", train.learning_rate = rate);
    }
    let decay = fields.text(&["--lr-decay-style"]).unwrap_or_else(|| "linear".into());
    common::schedule(fields, "--lr-decay-style", &decay);
    let flash = fields.switch(&["--use-flash-attn", "--use-flash-attn-v2"]) == Some(true);
    let backend = fields.text(&["--attention-backend"]).unwrap_or_default();
    let backend = backend.rsplit('.').next().unwrap_or_default().to_owned();
    let kernel = match backend.as_str() {
        "flash" => Some("flash2"),
        "fused" => Some("cudnn"),
        "unfused" | "local" => Some("fused-softmax"),
        _ => flash.then_some("flash2"),
    };
    if let Some(kernel) = kernel {
        put!(fields, "--attention-backend", train.attention = kernel);
    }
    let share = |share: Option<f64>| share.unwrap_or(0.1) > 0.0;
    let dropout = share(fields.number(&["--attention-dropout"])) | share(fields.number(&["--hidden-dropout"]));
    put!(fields, "--attention-dropout, --hidden-dropout", train.dropout = dropout);
    if fields.switch(&["--cross-entropy-loss-fusion"]) == Some(true) {
        put!(fields, "--cross-entropy-loss-fusion", train.loss = "fused");
    }
    fields.get(&["--cross-entropy-fusion-impl"]);
    if fields.switch(&["--grad-reduce-in-bf16"]) == Some(true) {
        put!(fields, "--grad-reduce-in-bf16", train.gradients = "bf16");
    }
    let older = fields.switch(&["--enable-cuda-graph", "--external-cuda-graph"]) == Some(true);
    let made_by = fields.text(&["--cuda-graph-impl"]);
    let of = fields.get(&["--cuda-graph-scope"]).map_or_else(String::new, |(_, of)| of.to_string());
    if let Some(graphs) = graphs(made_by.as_deref().or(older.then_some("transformer_engine")), &of) {
        put!(fields, "--cuda-graph-impl", train.cuda_graphs = graphs);
    }
    if fields.switch(&["--async-save"]) == Some(true) {
        put!(fields, "--async-save", train.checkpoint_async = true);
    }
    let (batches, every) = (fields.number(&["--eval-iters"]), fields.number(&["--eval-interval"]));
    common::evaluation(fields, "--eval-iters", batches.or(Some(100.0)), every.or(Some(1000.0)));
    if fields.get(&["--save"]).is_none() && fields.get(&["--save-interval"]).is_none() {
        fields.became("--save", "train.checkpoint = none");
        fields.request.train.checkpoint = Some(Amount::Text("none".into()));
    }
}

/// CUDA graphs by who makes them and of what; `None`: nothing is said.
pub(crate) fn graphs(made_by: Option<&str>, of: &str) -> Option<&'static str> {
    Some(match made_by? {
        "none" => "none",
        _ if of.contains("full_iteration") => "step",
        _ => "parts",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_makes_graphs_of_what() {
        assert_eq!(graphs(None, ""), None);
        assert_eq!(graphs(Some("none"), ""), Some("none"));
        assert_eq!(graphs(Some("local"), "full_iteration"), Some("step"));
        assert_eq!(graphs(Some("transformer_engine"), "attn moe_router"), Some("parts"));
    }

    #[test]
    fn zeros_of_python_lists() {
        assert_eq!(
            (zeros("([0]*3+[1]*58)"), zeros("[0,1]*6"), zeros("[1]*4"), zeros("[0"), zeros("[0]")),
            (3, 6, 0, 0, 1)
        );
    }
}

//! torchtitan: TOML up to 0.2, and the command line `--module llama3 --config llama3_8b --section.key value` since 0.3.

use serde_json::{Map, Value};

use crate::common::{self, Batch, put, width};
use crate::fields::Fields;
use crate::{models, shell};

const KEYS: &str = include_str!("../data/torchtitan.txt");
const CONFIGS: &str = include_str!("../data/torchtitan-0.3.txt");
const MODELS: &str = include_str!("../data/models/torchtitan.txt");

fn is_command(config: &Map<String, Value>) -> bool {
    let program = config.get("launch").and_then(|launch| launch.get("program")).and_then(Value::as_str);
    config.contains_key("--module") && config.contains_key("--config")
        || program.is_some_and(|program| program.contains("torchtitan"))
        || config.contains_key("--job.config_file")
}

pub(crate) fn recognises(config: &Map<String, Value>) -> bool {
    let has = |section: &str, keys: &[&str]| {
        config.get(section).is_some_and(|section| keys.iter().any(|key| section.get(key).is_some()))
    };
    is_command(config)
        || has("model", &["flavor"])
        || has("job", &["dump_folder"])
        || has("training", &["local_batch_size"]) && config.contains_key("parallelism")
}

/// Flags into sections, over the file or the named config that they begin with.
fn command(fields: &mut Fields<'_>) {
    let config = std::mem::take(fields.config());
    let text = |key: &str| config.get(key).and_then(Value::as_str).map(str::to_owned);
    if let Some(file) = text("--job.config_file") {
        match (fields.around.file)(&file).map(|text| crate::parse::read("config.toml", &text)) {
            Some(Ok(read)) => *fields.config() = read,
            Some(Err(problems)) => problems.into_iter().for_each(|problem| fields.fault(problem)),
            None => common::fragment(fields, "the file that --job.config_file names"),
        }
    }
    if let (Some(module), Some(name)) = (text("--module"), text("--config")) {
        let module = module.rsplit('.').next().unwrap_or_default().to_owned();
        let full = format!("{module}.{name} ");
        match CONFIGS.lines().find_map(|line| line.strip_prefix(full.as_str())) {
            Some(settings) => {
                for (key, value) in settings.split(' ').filter_map(|pair| pair.split_once('=')) {
                    let key = if key == "flavor" { "model.flavor" } else { key };
                    shell::nest(fields.config(), key, Value::String(value.to_owned()));
                }
                shell::nest(fields.config(), "model.name", Value::String(module));
            }
            None => {
                let problem = outlay::Problem::unknown_name("--config", "config of torchtitan 0.3", &name, &[]);
                fields.fault(problem);
            }
        }
    }
    for (key, value) in config {
        let Some(path) = key.strip_prefix("--").map(|path| path.replace('-', "_")) else { continue };
        // Tyro's names of what follows a choice: `activation_checkpoint:full-ac.mode`.
        if !matches!(path.as_str(), "module" | "config" | "job.config_file") {
            shell::nest(fields.config(), &path, value);
        }
    }
}

pub(crate) fn read(fields: &mut Fields<'_>) {
    if is_command(fields.config()) {
        common::launched(fields);
        command(fields);
    }
    fields.knows(KEYS);
    let name = fields.text(&["model.name"]).unwrap_or_else(|| "llama3".into());
    let flavor = fields.text(&["model.flavor"]).unwrap_or_else(|| "debugmodel".into());
    let low = format!("{name}.{flavor}").to_ascii_lowercase();
    if ["flux", "vlm", "_mm", "-vl-", "kimi_k2", "qwen3_5"].iter().any(|word| low.contains(word)) {
        let why = if low.contains("flux") { "a model of images" } else { "a model of images and text" };
        common::refuse(fields, "model.name", why);
        return;
    }
    if !models::named(fields, MODELS, "model.flavor", &format!("{name}.{flavor}")) {
        let problem = outlay::Problem::unknown_name("model.flavor", "flavor", &format!("{name} {flavor}"), &[]);
        fields.fault(problem.help("flavors of modules of one's own are not known: describe it in [model.custom]"));
    }
    let from = fields.get(&["checkpoint.initial_load_path"]).is_some()
        || fields.switch(&["checkpoint.initial_load_in_hf"]) == Some(true);
    common::start(fields, "checkpoint.initial_load_path", from);
    put!(fields, "model.name", method.kind = "full");
    let seq = fields.count(&["training.seq_len"]).unwrap_or(2048).max(1);
    put!(fields, "training.seq_len", data.seq_len = seq);
    fields.request.data.packing = Some(true);
    layout(fields);
    let each = fields.count(&["training.local_batch_size", "training.batch_size"]).unwrap_or(8).max(1);
    let whole = fields.count(&["training.global_batch_size"]).filter(|whole| *whole > 0);
    // A stage takes a part of the local batch at a time.
    let piped = fields.request.layout.pp.is_some();
    let piece = fields.count(&["parallelism.pipeline_parallel_microbatch_size"]).unwrap_or(1).max(1);
    let micro = if piped { piece.min(each) } else { each };
    let batch = whole.map_or(Batch::Accumulated((each / micro).max(1)), Batch::Whole);
    common::batch(fields, "training.local_batch_size", Some(micro), batch);
    let steps = fields.count(&["training.steps"]).unwrap_or(10_000);
    common::steps(fields, "training.steps", steps);
    trained(fields);
}

fn layout(fields: &mut Fields<'_>) {
    width!(fields, ["parallelism.tensor_parallel_degree", "training.tensor_parallel_degree"], layout.tp);
    width!(fields, ["parallelism.pipeline_parallel_degree", "experimental.pipeline_parallel_degree"], layout.pp);
    width!(fields, ["parallelism.context_parallel_degree", "experimental.context_parallel_degree"], layout.cp);
    let ep = fields.count(&["parallelism.expert_parallel_degree"]).filter(|ranks| *ranks > 1);
    if let Some(ep) = ep {
        put!(fields, "parallelism.expert_parallel_degree", layout.ep = ep);
    }
    if fields.request.layout.tp.is_some() {
        fields.request.layout.sequence_parallel = Some(true);
    }
    let schedule = fields.text(&["parallelism.pipeline_parallel_schedule"]).unwrap_or_else(|| "1F1B".into());
    let per_stage = fields.count(&["parallelism.pipeline_parallel_layers_per_stage"]);
    if fields.request.layout.pp.is_some() {
        let ours = match schedule.to_ascii_lowercase() {
            name if name.contains("gpipe") => "gpipe",
            name if name.contains("dualpipe") => "dualpipe",
            name if name.contains("zero") || name.contains("zbv") => "zero-bubble",
            _ => "1f1b",
        };
        put!(fields, "parallelism.pipeline_parallel_schedule", layout.schedule = ours);
        if (schedule.contains("Interleaved") || schedule.contains("ZBV")) && per_stage.is_none() {
            put!(fields, "parallelism.pipeline_parallel_schedule", layout.vpp = 2u64);
        } else if ["1F1B", "GPipe"].contains(&schedule.as_str()) {
            put!(fields, "parallelism.pipeline_parallel_schedule", layout.vpp = 1u64);
        }
    }
    let shard = fields.number(&["parallelism.data_parallel_shard_degree", "training.data_parallel_shard_degree"]);
    let copies =
        fields.count(&["parallelism.data_parallel_replicate_degree", "training.data_parallel_replicate_degree"]);
    let keep = fields.text(&["parallelism.fsdp_reshard_after_forward"]);
    let zero = match (shard, copies, keep.as_deref()) {
        (Some(1.0), Some(_), _) => Some("none"),
        (_, _, Some("always")) => Some("fsdp"),
        // Beside a pipeline weights stay whole between micro-batches, which is no row of the layouts: searched.
        _ if fields.request.layout.pp.is_some() => None,
        (_, _, Some("never")) => Some("zero2"),
        _ => Some("fsdp"),
    };
    match zero {
        Some(zero) => put!(fields, "parallelism.data_parallel_shard_degree", layout.zero = zero),
        None => fields.warn("sharding beside a pipeline is left to the search"),
    }
    if let Some(shard) = shard.filter(|shard| *shard > 1.0 && copies.is_some_and(|copies| copies > 1)) {
        put!(fields, "parallelism.data_parallel_shard_degree", layout.shard = shard as u64);
    }
    if fields.switch(&["training.enable_cpu_offload"]) == Some(true) {
        put!(fields, "training.enable_cpu_offload", layout.offload = "optimizer+parameters");
    }
}

fn trained(fields: &mut Fields<'_>) {
    let converters = fields.names(&["model.converters"]).join(",");
    let old = fields.switch(&["float8.enable_float8_linear", "float8.enable_fp8_linear"]) == Some(true);
    let weights = fields.text(&["training.dtype"]);
    let compute = fields.text(&["training.mixed_precision_param"]);
    let names = ["quantize.linear.float8.recipe_name", "float8.recipe_name"];
    // Without a recipe the scale is the tensor's.
    let by_row = fields.text(&names).is_some_and(|recipe| recipe.starts_with("rowwise"));
    let precision = match (converters.as_str(), weights.as_deref(), compute.as_deref()) {
        (names, ..) if (names.contains("float8") || old) && by_row => "fp8-rowwise",
        (names, ..) if names.contains("float8") || old => "fp8",
        (names, ..) if names.contains("nvfp4") => "nvfp4",
        (names, ..) if names.contains("mx") => "mxfp8",
        (_, Some("bfloat16"), _) => "bf16-pure",
        (.., Some("float32")) => "fp32",
        _ => "bf16",
    };
    put!(fields, "training.mixed_precision_param, model.converters", train.precision = precision);
    fields.text(&["training.mixed_precision_reduce"]);
    let optimizer = fields.text(&["optimizer.name"]).unwrap_or_else(|| "AdamW".into());
    common::optimizer(fields, "optimizer.name", &optimizer);
    let early = fields.switch(&["optimizer.early_step_in_backward"]) == Some(true);
    let execution = match fields.text(&["optimizer.implementation"]).as_deref() {
        _ if early => "in-backward",
        Some("for-loop") => "loop",
        Some("foreach") => "foreach",
        _ => "fused",
    };
    put!(fields, "optimizer.implementation", train.optimizer_execution = execution);
    let rate = fields.number(&["optimizer.lr"]).unwrap_or(8e-4);
    put!(fields, "optimizer.lr", train.learning_rate = rate);
    let decay = fields.text(&["lr_scheduler.decay_type"]).unwrap_or_else(|| "linear".into());
    let ours = if fields.get(&["lr_scheduler.decay_ratio"]).is_some() { "wsd" } else { &decay };
    common::schedule(fields, "lr_scheduler.decay_type", ours);
    let mode = fields.text(&["activation_checkpoint.mode"]).unwrap_or_else(|| "selective".into());
    let option = fields.text(&["activation_checkpoint.selective_ac_option"]).unwrap_or_else(|| "2".into());
    let recompute = match (mode.as_str(), option.as_str()) {
        ("full", _) => "full",
        ("selective", "1") => "full",
        ("selective", "2") => "half",
        ("selective", "op") | ("memory_budget", _) => "selective",
        ("selective", _) => "quarter",
        _ => "none",
    };
    put!(fields, "activation_checkpoint.mode", train.recompute = recompute);
    fields.number(&["activation_checkpoint.memory_budget"]);
    let parts = fields.names(&["compile.components"]);
    let on = fields.switch(&["compile.enable", "training.compile"]).unwrap_or(false);
    let compiled = on && (parts.is_empty() || parts.iter().any(|part| part == "model"));
    put!(fields, "compile.enable", train.compile = compiled);
    if fields.switch(&["loss.chunked"]) == Some(true) {
        put!(fields, "loss", train.loss = "chunked");
    }
    put!(fields, "attention", train.attention = "sdpa");
    if fields.switch(&["checkpoint.enable", "checkpoint.enable_checkpoint"]).unwrap_or(false) {
        let kept = fields.count(&["checkpoint.keep_latest_k"]).filter(|kept| *kept > 0);
        if let Some(kept) = kept {
            put!(fields, "checkpoint.keep_latest_k", train.checkpoints_kept = kept);
        }
        let mode = fields.text(&["checkpoint.async_mode"]).unwrap_or_else(|| "disabled".into());
        put!(fields, "checkpoint.async_mode", train.checkpoint_async = mode.starts_with("async"));
    } else {
        fields.became("checkpoint.enable", "train.checkpoint = none");
        fields.request.train.checkpoint = Some(outlay::request::Amount::Text("none".into()));
    }
    if fields.switch(&["validation.enable", "validation.enabled"]) == Some(true) {
        let (every, batches) = (fields.number(&["validation.freq"]), fields.number(&["validation.steps"]));
        common::evaluation(fields, "validation.freq", batches, Some(every.unwrap_or(10.0)));
    }
}

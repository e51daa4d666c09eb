//! How the Hugging Face family splits the work: DeepSpeed, FSDP in its three spellings, Accelerate's settings, and widths.
//!
//! Accelerate's file and a launcher's line stand in the config as the section `accelerate`; a DeepSpeed or FSDP file that the
//! config names is read beside it, and said to be missing if it is.
//!
//! Does not know: which program reads the config.

use serde_json::{Map, Value};

use crate::fields::Fields;

/// Reads everything that says how the work is split; before the batch, because widths share it.
pub(crate) fn read(fields: &mut Fields<'_>) {
    launcher(fields);
    deepspeed(fields);
    fsdp(fields);
    plain(fields);
}

/// Nothing is sharded on one device, nor where settings of plain data parallelism stand and none of a sharding.
fn plain(fields: &mut Fields<'_>) {
    let ddp = ["ddp_find_unused_parameters", "ddp_bucket_cap_mb", "ddp_broadcast_buffers"];
    if fields.request.layout.zero.is_none()
        && (fields.accelerators == Some(1) || ddp.iter().any(|key| fields.has(key)))
        && !fields.has("deepspeed")
    {
        fields.request.layout.zero = Some("none".into());
        fields.became("(no sharding)", "layout.zero = none");
    }
}

/// Devices from the launcher, and its precision.
fn launcher(fields: &mut Fields<'_>) {
    fields.knows(include_str!("../data/accelerate.txt"));
    let processes = fields.count(&["accelerate.num_processes"]);
    let machines = fields.count(&["accelerate.num_machines"]);
    if fields.accelerators.is_none()
        && let Some(processes) = processes.filter(|processes| *processes > 0)
    {
        fields.accelerators = Some(processes);
        fields.became("accelerate.num_processes", format!("hardware.gpus = {processes}"));
    }
    if let (Some(all), Some(machines)) = (fields.accelerators, machines.filter(|machines| *machines > 1))
        && all.is_multiple_of(machines)
    {
        fields.request.hardware.gpus_per_node = Some(all / machines);
        fields.became("accelerate.num_machines", format!("hardware.gpus_per_node = {}", all / machines));
    }
    match fields.text(&["accelerate.mixed_precision"]).as_deref() {
        Some("bf16") if !fields.has("bf16") => fields.put("bf16", Value::Bool(true)),
        Some("fp16") if !fields.has("fp16") => fields.put("fp16", Value::Bool(true)),
        Some("fp8") if !fields.has("fp8") => fields.put("fp8", Value::Bool(true)),
        _ => {}
    }
    let shard = fields.count(&[
        "accelerate.parallelism_config.parallelism_config_dp_shard_size",
        "accelerate.parallelism_config_dp_shard_size",
        "parallelism_config.dp_shard_size",
        "dp_shard_size",
    ]);
    let replicate = fields.count(&[
        "accelerate.parallelism_config.parallelism_config_dp_replicate_size",
        "accelerate.parallelism_config_dp_replicate_size",
        "parallelism_config.dp_replicate_size",
        "dp_replicate_size",
    ]);
    let tensor = fields.count(&[
        "accelerate.parallelism_config.parallelism_config_tp_size",
        "accelerate.parallelism_config_tp_size",
        "parallelism_config.tp_size",
        "tensor_parallel_size",
        "tensor_model_parallel_size",
        "tp_size",
    ]);
    let context = fields.count(&[
        "accelerate.parallelism_config.parallelism_config_cp_size",
        "accelerate.parallelism_config.parallelism_config_sp_size",
        "accelerate.parallelism_config_cp_size",
        "accelerate.parallelism_config_sp_size",
        "parallelism_config.cp_size",
        "parallelism_config.sp_size",
        "context_parallel_size",
        "sequence_parallel_degree",
        "sequence_parallel_size",
        "cp_size",
    ]);
    let expert = fields.count(&["expert_parallel_size", "expert_model_parallel_size", "ep_size"]);
    let pipeline = fields.count(&["pipeline_model_parallel_size", "pipeline_parallel_size"]);
    widths(fields, [shard, replicate, tensor, context, expert, pipeline]);
}

/// Widths that were given.
pub(crate) fn widths(fields: &mut Fields<'_>, widths: [Option<u64>; 6]) {
    let [shard, replicate, tensor, context, expert, pipeline] = widths.map(|width| width.filter(|width| *width > 1));
    let layout = &mut fields.request.layout;
    (layout.tp, layout.cp, layout.ep, layout.pp) = (tensor, context, expert, pipeline);
    if let (Some(shard), Some(_)) = (shard, replicate) {
        layout.shard = Some(shard);
    }
    fields.sharing = tensor.unwrap_or(1) * context.unwrap_or(1) * pipeline.unwrap_or(1);
    let named =
        [("tp", tensor), ("cp", context), ("ep", expert), ("pp", pipeline), ("shard", shard.and(replicate).and(shard))];
    for (ours, width) in named {
        if let Some(width) = width {
            fields.became("(widths)", format!("layout.{ours} = {width}"));
        }
    }
    // Where every width is written, their product is the number of devices.
    if fields.accelerators.is_none()
        && let Some(shard) = shard
    {
        let all = shard * replicate.unwrap_or(1) * fields.sharing;
        fields.accelerators = Some(all);
        fields.became("(widths)", format!("hardware.gpus = {all}, the product of the widths"));
    }
}

/// DeepSpeed's settings: in the config, in a file that it names, in Accelerate's, or by the name of a file that is missing.
fn deepspeed(fields: &mut Fields<'_>) {
    fields.knows(include_str!("../data/deepspeed.txt"));
    let accelerated =
        fields.text(&["accelerate.distributed_type"]).is_some_and(|kind| kind.eq_ignore_ascii_case("deepspeed"));
    let named =
        fields.get(&["deepspeed", "accelerate.deepspeed_config.deepspeed_config_file", "dist_config.config_file"]);
    let (stage, parked, params) = match named.map(|(_, value)| value) {
        Some(Value::String(name)) => match settings(fields, &name) {
            Some(settings) => of_settings(fields, &settings),
            None => of_name(fields, &name),
        },
        Some(Value::Object(settings)) => of_settings(fields, &Value::Object(settings)),
        _ if accelerated => {
            let on = |device: Option<String>| device.is_some_and(|device| device != "none");
            let stage = fields.count(&["accelerate.deepspeed_config.zero_stage", "accelerate.zero_stage"]).unwrap_or(2);
            let parked = on(fields.text(&[
                "accelerate.deepspeed_config.offload_optimizer_device",
                "accelerate.offload_optimizer_device",
            ]));
            let params =
                on(fields
                    .text(&["accelerate.deepspeed_config.offload_param_device", "accelerate.offload_param_device"]));
            if let (false, Some(steps)) = (
                fields.has("gradient_accumulation_steps"),
                fields.count(&["accelerate.deepspeed_config.gradient_accumulation_steps"]),
            ) {
                fields.put("gradient_accumulation_steps", Value::from(steps));
            }
            (Some(stage), parked, params)
        }
        _ => return,
    };
    match stage {
        Some(stage) => {
            // One device holds all of it: sharding is a word there, that DeepSpeed's offload asks for.
            let stage = if fields.accelerators == Some(1) { 0 } else { stage };
            let zero = ["none", "zero1", "zero2", "zero3"][(stage as usize).min(3)];
            fields.request.layout.zero = Some(zero.into());
            fields.became("deepspeed", format!("layout.zero = {zero}"));
        }
        None => fields.open(
            "layout.zero: the DeepSpeed config does not say its stage here, so the search chooses it; give --zero",
        ),
    }
    offload(fields, "deepspeed", parked, params);
}

fn offload(fields: &mut Fields<'_>, from: &str, optimizer: bool, parameters: bool) {
    let ours = match (optimizer, parameters) {
        (_, true) => "optimizer+parameters",
        (true, false) => "optimizer",
        _ => return,
    };
    fields.request.layout.offload = Some(ours.into());
    fields.became(from, format!("layout.offload = {ours}"));
}

/// A file of settings beside the config.
fn settings(fields: &Fields<'_>, name: &str) -> Option<Value> {
    let text = (fields.around.file)(name)?;
    crate::parse::read(name, &text).ok().map(Value::Object)
}

type Sharded = (Option<u64>, bool, bool);

fn of_settings(fields: &mut Fields<'_>, settings: &Value) -> Sharded {
    let device = |at: &str| settings.pointer(at).and_then(Value::as_str).is_some_and(|device| device != "none");
    let parked = device("/zero_optimization/offload_optimizer/device")
        || settings.pointer("/zero_optimization/cpu_offload").and_then(Value::as_bool) == Some(true);
    let params = device("/zero_optimization/offload_param/device");
    if let (None, Some(width)) = (
        fields.request.layout.tp,
        settings.pointer("/tensor_parallel/autotp_size").and_then(Value::as_u64).filter(|n| *n > 1),
    ) {
        fields.request.layout.tp = Some(width);
        fields.sharing *= width;
        fields.became("deepspeed.tensor_parallel.autotp_size", format!("layout.tp = {width}"));
    }
    for (key, at) in [
        ("gradient_accumulation_steps", "/gradient_accumulation_steps"),
        ("per_device_train_batch_size", "/train_micro_batch_size_per_gpu"),
    ] {
        if let (false, Some(value)) = (fields.has(key), settings.pointer(at).filter(|value| value.is_u64())) {
            fields.put(key, value.clone());
        }
    }
    // No section at all is plain data parallelism.
    let stage = settings.pointer("/zero_optimization/stage").map_or(Some(0), Value::as_u64);
    (stage, parked, params)
}

/// By the names people give such files, and the names that ms-swift has for settings of its own.
fn of_name(fields: &mut Fields<'_>, name: &str) -> Sharded {
    let lower = name.to_ascii_lowercase();
    let stage = (0..=3).find(|stage| {
        ["zero", "z", "stage", "zero_stage", "zero-"].iter().any(|word| lower.contains(&format!("{word}{stage}")))
    });
    let built_in = !name.contains(['.', '/']) && lower.starts_with("zero");
    let parked = lower.contains("offload");
    let params = lower.contains("offload_all") || lower.contains("offload_param") || parked && stage == Some(3);
    if !built_in && stage.is_some() {
        fields.warn(format!("the DeepSpeed config {name} is not at hand: its stage is taken from its name"));
    } else if stage.is_none() {
        fields.warn(format!("the DeepSpeed config {name} is not at hand"));
    }
    (stage, parked, params)
}

/// FSDP as Transformers, Axolotl and Accelerate spell it.
fn fsdp(fields: &mut Fields<'_>) {
    let listed = fields.get(&["fsdp"]).map(|(_, value)| value);
    let accelerated =
        fields.text(&["accelerate.distributed_type"]).is_some_and(|kind| kind.eq_ignore_ascii_case("fsdp"));
    let config = fields.get(&["fsdp_config", "accelerate.fsdp_config"]).map(|(_, value)| value);
    let config = match config {
        Some(Value::Object(config)) => Some(config),
        Some(Value::String(name)) => match settings(fields, &name) {
            Some(Value::Object(config)) => Some(config),
            _ => {
                fields.warn(format!("the FSDP config {name} is not at hand: full sharding is taken"));
                Some(Map::new())
            }
        },
        _ => None,
    };
    let words = match &listed {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Bool(true)) => "full_shard".into(),
        _ => String::new(),
    };
    let set = !words.trim().is_empty() && words != "[]" && words != "false";
    let own = config.as_ref().is_some_and(|config| !config.is_empty());
    if !(set || accelerated || own && (listed.is_none() || fields.has("fsdp_version"))) {
        return;
    }
    let empty = Map::new();
    let config = config.as_ref().unwrap_or(&empty);
    let get = |key: &str| config.get(key).or_else(|| config.get(&format!("fsdp_{key}")));
    let switch = |key: &str| match get(key) {
        Some(Value::Bool(on)) => Some(*on),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Some(true),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    };
    let strategy = ["sharding_strategy", "reshard_after_forward"]
        .iter()
        .find_map(|key| {
            get(key).and_then(|value| value.as_str().map(str::to_owned).or(value.as_u64().map(|n| n.to_string())))
        })
        .unwrap_or_default();
    let said = format!("{} {}", words, strategy).to_ascii_lowercase();
    let keeps = switch("reshard_after_forward") == Some(false) || said.contains("shard_grad_op") || strategy == "2";
    let none = said.contains("no_shard") || strategy == "3";
    let hybrid = said.contains("hybrid") || strategy == "4" || strategy == "5";
    let zero = if none {
        "none"
    } else if keeps {
        "zero2"
    } else {
        "fsdp"
    };
    fields.request.layout.zero = Some(zero.into());
    fields.became("fsdp", format!("layout.zero = {zero}"));
    if hybrid {
        if let Some(per_node) = fields.request.hardware.gpus_per_node {
            fields.request.layout.shard = Some(per_node);
            fields.became("fsdp", format!("layout.shard = {per_node}"));
        } else if fields.request.layout.shard.is_none() {
            fields.open("layout.shard: hybrid sharding keeps a copy on each machine; say how many accelerators one has with --shard");
        }
    }
    let parked =
        switch("offload_params") == Some(true) || switch("cpu_offload") == Some(true) || said.contains("offload");
    offload(fields, "fsdp", parked, parked);
    if switch("activation_checkpointing") == Some(true) {
        fields.put("gradient_checkpointing", Value::Bool(true));
    }
}

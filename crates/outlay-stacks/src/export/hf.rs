//! What Axolotl, LLaMA-Factory, TRL and plain scripts share, because all of them hand it to Transformers.

use outlay::Problem;
use outlay::core::dtype::Dtype;
use outlay::core::layout::{Offload, Recompute, Zero};
use outlay::core::learning::rate::Schedule;
use outlay::core::scenario::recipe::{LossKernel, OptimizerExecution};
use outlay::request::Amount;

use super::Exported;
use super::chosen::{Chosen, Length, cannot, recomputed, widths};
use super::deepspeed;
use super::node::{Map, Node};

/// Who splits more than the batch.
pub(crate) const WIDER: &str = "torchtitan and megatron-lm have one: --to torchtitan or --to megatron-lm";

/// What none of them has a setting for.
pub(crate) fn refused(chosen: &Chosen<'_>, stack: &str, splits: &[&str]) -> Vec<Problem> {
    let layout = chosen.layout();
    let mut problems = Vec::new();
    for (at, what, width) in widths(layout) {
        if width > 1 && !splits.contains(&at) {
            problems.push(cannot(stack, at, what, WIDER));
        }
    }
    if !matches!(layout.recompute, Recompute::None | Recompute::Full) {
        let help = "fix train.recompute = \"none\" or \"full\"; megatron-lm recomputes some of the layers";
        problems.push(cannot(stack, "train.recompute", recomputed(layout.recompute), help));
    }
    if chosen.scratch() {
        let help = "torchtitan and megatron-lm train from scratch; --to transformers leaves the model to your script";
        problems.push(cannot(stack, "model.start", "random weights", help));
    }
    problems
}

/// Everything in `TrainingArguments` that a plan decides; `pure`: the program's own switch for all of training in bf16.
pub(crate) fn arguments(
    chosen: &Chosen<'_>,
    map: &mut Map,
    problems: &mut Vec<Problem>,
    stack: &str,
    pure: Option<&'static str>,
) {
    map.set("per_device_train_batch_size", chosen.layout().micro_batch);
    map.set("gradient_accumulation_steps", chosen.layout().accumulation);
    length(chosen, map, "num_train_epochs");
    rate(chosen, map, "lr_scheduler_type");
    if let Some(optimizer) = optimizer(chosen, stack, problems) {
        map.set("optim", optimizer);
        if chosen.optimizer() == "sgd-momentum" {
            map.set("optim_args", "momentum=0.9");
        }
    }
    match pure.filter(|_| chosen.precision() == "bf16-pure") {
        Some(switch) => {
            map.set(switch, true);
        }
        None => precision(chosen, map, problems, stack, "tf32"),
    }
    saves(chosen, map);
    if chosen.scenario.recipe.stack.compiled {
        map.set("torch_compile", true);
    }
}

/// Passes or steps.
pub(crate) fn length(chosen: &Chosen<'_>, map: &mut Map, epochs: &str) {
    match chosen.length() {
        Length::Epochs(passes) => map.set(epochs, passes),
        Length::Steps(steps) => map.set("max_steps", steps),
    };
}

/// Peak and shape of the learning rate.
pub(crate) fn rate(chosen: &Chosen<'_>, map: &mut Map, key: &str) {
    let comment = match chosen.request.train.learning_rate {
        Some(_) => "the job's",
        None => "recommended for this batch",
    };
    map.note("learning_rate", chosen.learning_rate(), comment);
    match chosen.scenario.dynamics.schedule {
        Schedule::Cosine => map.set(key, "cosine"),
        Schedule::Linear => map.set(key, "linear"),
        Schedule::Constant => map.set(key, "constant"),
        Schedule::Wsd(cooldown) => {
            let steps = chosen.cooldown_steps(cooldown);
            map.set(key, "warmup_stable_decay");
            map.set("lr_scheduler_kwargs", Map::new().with("num_decay_steps", steps))
        }
    };
}

/// Transformers' name of the update rule.
pub(crate) fn optimizer(chosen: &Chosen<'_>, stack: &str, problems: &mut Vec<Problem>) -> Option<&'static str> {
    let execution = chosen.scenario.recipe.optimizer.execution;
    let name = match (chosen.optimizer().as_str(), execution) {
        (_, OptimizerExecution::InBackward) => {
            let help = "torchtune updates during the backward pass: --to torchtune";
            problems.push(cannot(stack, "train.optimizer_execution", "updates during the backward pass", help));
            return None;
        }
        ("adamw", OptimizerExecution::Fused) => "adamw_torch_fused",
        ("adamw", _) => "adamw_torch",
        ("adamw-8bit", _) => "adamw_bnb_8bit",
        ("paged-adamw-8bit", _) => "paged_adamw_8bit",
        ("paged-adamw", _) => "paged_adamw_32bit",
        ("adamw-4bit", _) => "adamw_torch_4bit",
        ("adafactor", _) => "adafactor",
        ("lion", _) => "lion_32bit",
        ("sgd" | "sgd-momentum", _) => "sgd",
        (other, _) => {
            let help = "axolotl has muon; all have adamw, adamw-8bit, adafactor, lion and sgd";
            problems.push(cannot(stack, "train.optimizer", &format!("the optimizer {other}"), help));
            return None;
        }
    };
    Some(name)
}

/// Format of the multiplications.
pub(crate) fn precision(chosen: &Chosen<'_>, map: &mut Map, problems: &mut Vec<Problem>, stack: &str, tf32: &str) {
    match chosen.precision().as_str() {
        // Which of the three it is follows from the format the weights are loaded in and from who shards them.
        "bf16" | "bf16-autocast" | "bf16-pure" => map.set("bf16", true),
        "fp16" => map.set("bf16", false).set("fp16", true),
        "fp32" => map.set("bf16", false),
        "tf32" => map.set("bf16", false).set(tf32, true),
        other => {
            let help = "bf16, fp16, tf32 and fp32 can be written; axolotl has fp8, torchtitan and megatron-lm too";
            problems.push(cannot(stack, "train.precision", &format!("the format {other}"), help));
            map
        }
    };
}

/// Checkpoints.
pub(crate) fn saves(chosen: &Chosen<'_>, map: &mut Map) {
    match chosen.save_steps() {
        Some(steps) => {
            let every = chosen.forecast.run.interval.map_or(0.0, |interval| interval.get() / 60.0);
            map.set("save_strategy", "steps");
            map.note("save_steps", steps, &format!("every {every:.0} min"));
            map.set("save_total_limit", chosen.scenario.operation.checkpoints_kept);
        }
        None => {
            map.note("save_strategy", "no", "the result alone is saved: interruptions are rarer than that pays for");
        }
    }
}

/// Transformers' name of the attention kernel.
pub(crate) fn attention(chosen: &Chosen<'_>, stack: &str, problems: &mut Vec<Problem>) -> &'static str {
    match chosen.request.train.attention.as_deref().unwrap_or("auto").trim().to_lowercase().as_str() {
        "auto" | "sdpa" => "sdpa",
        "flash2" => "flash_attention_2",
        "flash3" => "flash_attention_3",
        "eager" => "eager",
        other => {
            let help = "auto, sdpa, eager, flash2 and flash3 can be written; megatron-lm has cudnn";
            problems.push(cannot(stack, "train.attention", &format!("the kernel {other}"), help));
            "sdpa"
        }
    }
}

/// The logits are never held whole.
pub(crate) fn chunked_loss(chosen: &Chosen<'_>) -> bool {
    chosen.scenario.recipe.loss == LossKernel::Chunked
}

/// Gradient checkpointing outside of FSDP, which has a switch of its own but leaves what is kept on the device.
pub(crate) fn checkpoints_gradients(chosen: &Chosen<'_>) -> bool {
    chosen.layout().recompute == Recompute::Full && (!fully_sharded(chosen) || chosen.parks())
}

/// Sharded by FSDP: weights too, with nothing or everything in host memory.
pub(crate) fn fully_sharded(chosen: &Chosen<'_>) -> bool {
    let layout = chosen.layout();
    layout.zero == Zero::Three && layout.accelerators() > 1 && layout.offload != Offload::Optimizer
}

/// FSDP's settings.
pub(crate) fn fsdp(chosen: &Chosen<'_>, offload: &str) -> Map {
    let layout = chosen.layout();
    let mut map = Map::new();
    map.set("auto_wrap_policy", "TRANSFORMER_BASED_WRAP");
    map.set("reshard_after_forward", true);
    map.set("state_dict_type", "SHARDED_STATE_DICT");
    map.set("cpu_ram_efficient_loading", true);
    map.set("activation_checkpointing", layout.recompute == Recompute::Full && !chosen.parks());
    if layout.offload == Offload::OptimizerAndParameters {
        map.set(offload, true);
    }
    map
}

/// Sharding: FSDP where weights are sharded, else DeepSpeed, whose JSON is written beside; `None`: neither is needed.
pub(crate) fn sharding(
    chosen: &Chosen<'_>,
    stack: &str,
    exported: &mut Exported,
    problems: &mut Vec<Problem>,
) -> Option<String> {
    let layout = chosen.layout();
    if layout.zero != Zero::None && layout.shard < layout.dp {
        let help = "axolotl and torchtitan have one; or fix layout.shard to all data-parallel ranks";
        problems.push(cannot(stack, "layout.shard", "sharding within groups of ranks", help));
    }
    let plain = layout.zero == Zero::None && layout.offload == Offload::None;
    if plain
        || fully_sharded(chosen)
        || layout.zero == Zero::Three && layout.accelerators() == 1 && layout.offload == Offload::None
    {
        return None;
    }
    let name = deepspeed::name(layout);
    exported.file(&name, deepspeed::settings(chosen, problems, stack).json());
    Some(name)
}

/// Plain data parallelism says so by a setting of its own: every parameter gets a gradient.
pub(crate) fn replicas(chosen: &Chosen<'_>, map: &mut Map) {
    let layout = chosen.layout();
    if layout.dp > 1 && layout.zero == Zero::None && layout.offload == Offload::None {
        map.set("ddp_find_unused_parameters", false);
    }
}

/// The chunked loss by its switch, and sharding by the keys of `TrainingArguments`; whether DeepSpeed is needed.
pub(crate) fn sharded(
    chosen: &Chosen<'_>,
    stack: &str,
    chunked: &'static str,
    map: &mut Map,
    exported: &mut Exported,
    problems: &mut Vec<Problem>,
) -> bool {
    if chunked_loss(chosen) {
        map.set(chunked, true);
    }
    let json = sharding(chosen, stack, exported, problems);
    replicas(chosen, map);
    if let Some(json) = &json {
        map.set("deepspeed", json.clone());
    } else if fully_sharded(chosen) {
        map.set("fsdp", "full_shard").set("fsdp_config", fsdp(chosen, "cpu_offload"));
    }
    json.is_some()
}

/// Format of the frozen base.
pub(crate) enum Base {
    Whole,
    Four { double: bool },
    Eight,
}

pub(crate) fn base(chosen: &Chosen<'_>, stack: &str, problems: &mut Vec<Problem>) -> Base {
    match chosen.lora().map(|lora| lora.base) {
        None | Some(Dtype::Bf16 | Dtype::Fp16 | Dtype::Fp32) => Base::Whole,
        Some(Dtype::Nf4Double) => Base::Four { double: true },
        Some(Dtype::Nf4) => Base::Four { double: false },
        Some(Dtype::Int8) => Base::Eight,
        Some(other) => {
            let what = format!("a frozen base in {}", other.name());
            problems.push(cannot(stack, "method.base_dtype", &what, "bf16, fp16, fp32, int8 and nf4 can be written"));
            Base::Whole
        }
    }
}

/// Dropout on the adapters' input.
pub(crate) fn dropout(chosen: &Chosen<'_>) -> f64 {
    chosen.request.method.dropout.unwrap_or(0.0)
}

/// Modules as a list.
pub(crate) fn list(names: &[String]) -> Node {
    Node::List(names.iter().map(|name| Node::Text(name.clone())).collect())
}

/// Said where the job names no data.
pub(crate) fn open_data(chosen: &Chosen<'_>, exported: &mut Exported) {
    if chosen.data().is_open() {
        exported.open(format!("the data in place of {}", chosen.data().text()));
    }
    let data = &chosen.request.data;
    let counted = data.tokens.is_some() || data.samples.is_some() || data.measured.is_some();
    if !counted && matches!(data.stored, None | Some(Amount::Text(_))) {
        exported.notes.push("nobody said how much data there is: the forecast rests on an assumption".into());
    }
}

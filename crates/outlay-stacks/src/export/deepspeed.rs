//! DeepSpeed's JSON: sharding, offload, formats and the three numbers of a batch.
//!
//! Numbers are written out rather than left to `auto`, which means something under Transformers alone.

use outlay::Problem;
use outlay::core::layout::{Layout, Offload, Recompute, Zero};

use super::chosen::{Chosen, Length, cannot, recomputed, stage, widths};
use super::launch::{By, Start};
use super::node::Map;
use super::{Exported, hf};

/// The file's name says stage and offload, because other programs read them off it.
pub(crate) fn name(layout: &Layout) -> String {
    let offload = match layout.offload {
        Offload::None => "",
        Offload::Optimizer => "-offload",
        Offload::OptimizerAndParameters => "-offload-all",
    };
    format!("deepspeed-zero{}{offload}.json", effective(layout))
}

/// Offload works on sharded state: what one rank holds alone is a shard too.
fn effective(layout: &Layout) -> u64 {
    match layout.offload {
        Offload::None => stage(layout.zero),
        Offload::Optimizer => stage(layout.zero).max(1),
        Offload::OptimizerAndParameters => 3,
    }
}

/// The settings.
pub(crate) fn settings(chosen: &Chosen<'_>, problems: &mut Vec<Problem>, stack: &str) -> Map {
    let layout = chosen.layout();
    let mut zero = Map::new();
    zero.set("stage", effective(layout));
    zero.set("overlap_comm", true);
    if effective(layout) < 3 {
        zero.set("contiguous_gradients", true);
    } else {
        zero.set("stage3_gather_16bit_weights_on_model_save", true);
    }
    let host = || Map::new().with("device", "cpu").with("pin_memory", true);
    if layout.offload != Offload::None {
        zero.set("offload_optimizer", host());
    }
    if layout.offload == Offload::OptimizerAndParameters {
        zero.set("offload_param", host());
    }
    let mut map = Map::new();
    map.set("train_batch_size", chosen.scenario.recipe.global_batch);
    map.set("train_micro_batch_size_per_gpu", layout.micro_batch);
    map.set("gradient_accumulation_steps", layout.accumulation);
    let on = || Map::new().with("enabled", true);
    match chosen.precision().as_str() {
        "bf16" => {
            map.set("bf16", on());
        }
        "fp16" => {
            map.set("fp16", on());
        }
        "fp32" | "tf32" => {}
        other => {
            let help = "bf16, fp16, tf32 and fp32 can be written; torchtitan and megatron-lm have fp8";
            problems.push(cannot(stack, "train.precision", &format!("the format {other}"), help));
        }
    }
    map.set("zero_optimization", zero);
    map
}

/// For a script of the user's own.
pub(crate) fn write(
    chosen: &Chosen<'_>,
    _version: Option<&str>,
    exported: &mut Exported,
) -> Result<Start, Vec<Problem>> {
    const STACK: &str = "DeepSpeed's JSON";
    let layout = chosen.layout();
    let mut problems = Vec::new();
    for (at, what, width) in widths(layout) {
        if width > 1 {
            problems.push(cannot(STACK, at, what, hf::WIDER));
        }
    }
    if matches!(layout.recompute, Recompute::Selective | Recompute::Layers(_)) {
        let help = "fix train.recompute = \"none\" or \"full\"";
        problems.push(cannot(STACK, "train.recompute", recomputed(layout.recompute), help));
    }
    if layout.zero != Zero::None && layout.shard < layout.dp {
        let help = "axolotl and torchtitan have one; or fix layout.shard to all data-parallel ranks";
        problems.push(cannot(STACK, "layout.shard", "sharding within groups of ranks", help));
    }
    let mut map = settings(chosen, &mut problems, STACK);
    let mut optimizer = Map::new();
    match chosen.optimizer().as_str() {
        "adamw" => optimizer.set("type", "AdamW"),
        "lion" => optimizer.set("type", "Lion"),
        other => {
            // DeepSpeed takes what the script hands over.
            exported.open(format!("the optimizer {other}: your script hands it to deepspeed.initialize"));
            &mut optimizer
        }
    };
    if optimizer != Map::new() {
        optimizer.set("params", Map::new().with("lr", chosen.learning_rate()));
        map.set("optimizer", optimizer);
    }
    if layout.recompute == Recompute::Full {
        exported.open("recomputation: your script calls the model's gradient_checkpointing_enable()");
    }
    match chosen.length() {
        Length::Epochs(passes) => exported.notes.push(format!("your script makes {passes} passes over the data")),
        Length::Steps(steps) => exported.notes.push(format!("your script ends after {steps} steps")),
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let name = name(layout);
    exported.file(&name, map.json());
    exported.open("train.py: the script that trains; it is given the file as --deepspeed");
    Ok(Start {
        install: vec!["pip install 'deepspeed>=0.19,<0.20'".into()],
        env: Vec::new(),
        by: By::Torchrun(format!("train.py --deepspeed {name}")),
        files: vec![name, "train.py".into()],
        output: "out",
    })
}

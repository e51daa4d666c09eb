//! torchtitan's TOML, as releases up to 0.2 read it. Later ones take Python and a command line, which is not written.
//!
//! torchtitan knows its models by name and size; others are refused.

use std::fmt::Write as _;

use outlay::Problem;
use outlay::core::layout::{Offload, Recompute, Schedule as Order, Zero};
use outlay::core::learning::rate::Schedule;
use outlay::core::scenario::recipe::{Method, OptimizerExecution};

use super::chosen::{Chosen, cannot, recomputed};
use super::launch::{By, Start};
use super::node::Map;
use super::{Exported, File, head};

const NAME: &str = "torchtitan.toml";
const STACK: &str = "torchtitan";

/// Ends of model names with torchtitan's name and size.
const MODELS: &[(&str, &str, &str)] = &[
    ("llama-3-8b", "llama3", "8B"),
    ("llama-3.1-8b", "llama3", "8B"),
    ("llama3-70b", "llama3", "70B"),
    ("llama-3.1-70b", "llama3", "70B"),
    ("llama3.1-70b", "llama3", "70B"),
    ("llama-3.1-405b", "llama3", "405B"),
    ("llama3.1-405b", "llama3", "405B"),
    ("deepseek-v3", "deepseek_v3", "671B"),
    ("gpt-oss-20b", "gpt_oss", "20b"),
    ("gpt-oss-120b", "gpt_oss", "120b"),
];

pub(crate) fn write(
    chosen: &Chosen<'_>,
    _version: Option<&str>,
    exported: &mut Exported,
) -> Result<Start, Vec<Problem>> {
    let mut problems = Vec::new();
    let text = chosen.model.text().to_lowercase();
    let model = text.rsplit('/').next().unwrap_or(&text);
    let known = MODELS.iter().find(|(name, ..)| *name == model).copied();
    let (_, name, flavor) = known.unwrap_or_else(|| {
        let help = "it knows Llama 3, DeepSeek-V3 and gpt-oss; megatron-lm takes any size: --to megatron-lm";
        problems.push(cannot(STACK, "model.base", &format!("the model {model}"), help));
        ("", "", "")
    });
    if !matches!(chosen.scenario.recipe.method, Method::Full) {
        let help = "axolotl, trl, llama-factory and torchtune have them: --to axolotl";
        problems.push(cannot(STACK, "method.kind", "adapters or frozen layers", help));
    }
    let mut sections: Vec<(&str, Map)> = vec![("job", Map::new().with("dump_folder", "./out"))];
    let mut model = Map::new().with("name", name).with("flavor", flavor);
    model.set("hf_assets_path", format!("./assets/{}", chosen.model.text().rsplit('/').next().unwrap_or("model")));
    // Weights that are gathered in 8 bit belong to one scale for a tensor.
    let precision = chosen.precision();
    let float8 = match precision.as_str() {
        "fp8" => Some(
            Map::new()
                .with("enable_fsdp_float8_all_gather", true)
                .with("precompute_float8_dynamic_scale_for_fsdp", true),
        ),
        "fp8-rowwise" => Some(Map::new().with("recipe_name", "rowwise")),
        _ => None,
    };
    if float8.is_some() {
        model.set("converters", vec!["quantize.linear.float8"]);
    }
    sections.push(("model", model));
    sections.push(("optimizer", optimizer(chosen, &mut problems)));
    sections.push(("lr_scheduler", rate(chosen)));
    sections.push(("training", training(chosen, &mut problems)));
    sections.push(("parallelism", parallelism(chosen, &mut problems)));
    sections.push(("activation_checkpoint", recompute(chosen, &mut problems)));
    let mut compile = Map::new();
    compile.set("enable", chosen.scenario.recipe.stack.compiled);
    sections.push(("compile", compile));
    sections.push(("checkpoint", checkpoint(chosen, exported)));
    if let Some(map) = float8 {
        sections.push(("quantize.linear.float8", map));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    exported.open("model.hf_assets_path: the folder with the tokenizer");
    exported.open("training.dataset: one of torchtitan's data sets, or one of your own");
    let mut text = head(chosen, "torchtitan up to 0.2", &exported.open);
    for (name, map) in sections {
        let _ = write!(text, "\n[{name}]\n{}", map.toml());
    }
    exported.files.insert(0, File { name: NAME.into(), text });
    Ok(Start {
        install: vec!["pip install 'torchtitan==0.2.*'".into()],
        env: Vec::new(),
        by: By::Torchrun(format!("-m torchtitan.train --job.config_file {NAME}")),
        files: vec![NAME.into()],
        output: "out",
    })
}

fn optimizer(chosen: &Chosen<'_>, problems: &mut Vec<Problem>) -> Map {
    if chosen.optimizer() != "adamw" {
        let what = format!("the optimizer {}", chosen.optimizer());
        problems.push(cannot(STACK, "train.optimizer", &what, "fix train.optimizer = \"adamw\""));
    }
    let execution = chosen.scenario.recipe.optimizer.execution;
    let mut map = Map::new().with("name", "AdamW").with("lr", chosen.learning_rate());
    match execution {
        OptimizerExecution::Fused => map.set("implementation", "fused"),
        OptimizerExecution::Foreach => map.set("implementation", "foreach"),
        OptimizerExecution::Loop => map.set("implementation", "for-loop"),
        OptimizerExecution::InBackward => map.set("early_step_in_backward", true),
    };
    map
}

fn rate(chosen: &Chosen<'_>) -> Map {
    let mut map = Map::new();
    match chosen.scenario.dynamics.schedule {
        Schedule::Cosine => map.set("decay_type", "cosine"),
        Schedule::Linear => map.set("decay_type", "linear"),
        Schedule::Constant => map.set("min_lr_factor", 1.0),
        Schedule::Wsd(cooldown) => map.set("decay_ratio", cooldown.get()).set("decay_type", "linear"),
    };
    map
}

fn training(chosen: &Chosen<'_>, problems: &mut Vec<Problem>) -> Map {
    let (layout, recipe) = (chosen.layout(), &chosen.scenario.recipe);
    let mut map = Map::new();
    // Under a pipeline a batch is cut into micro-batches; without one it is a micro-batch.
    let local = if layout.pp > 1 { layout.micro_batch * layout.accumulation } else { layout.micro_batch };
    map.set("local_batch_size", local);
    map.set("global_batch_size", recipe.global_batch);
    map.set("seq_len", recipe.seq_len);
    map.set("steps", chosen.plan.steps);
    match chosen.precision().as_str() {
        "bf16" | "fp8" | "fp8-rowwise" => map.set("dtype", "float32").set("mixed_precision_param", "bfloat16"),
        "bf16-pure" => map.set("dtype", "bfloat16"),
        "fp32" => map.set("dtype", "float32").set("mixed_precision_param", "float32"),
        other => {
            let help = "bf16, bf16-pure, fp8, fp8-rowwise and fp32 can be written";
            problems.push(cannot(STACK, "train.precision", &format!("the format {other}"), help));
            &mut map
        }
    };
    match layout.offload {
        Offload::None => {}
        Offload::OptimizerAndParameters => {
            map.set("enable_cpu_offload", true);
        }
        Offload::Optimizer => {
            let help = "deepspeed has one; or fix layout.offload = \"none\" or \"optimizer+parameters\"";
            problems.push(cannot(STACK, "layout.offload", "the optimizer alone in host memory", help));
        }
    }
    map
}

fn parallelism(chosen: &Chosen<'_>, problems: &mut Vec<Problem>) -> Map {
    let layout = chosen.layout();
    let mut map = Map::new();
    let (shard, replicate) = match layout.zero {
        Zero::None => (1, layout.dp),
        _ => (layout.shard, layout.dp / layout.shard.max(1)),
    };
    map.set("data_parallel_shard_degree", shard).set("data_parallel_replicate_degree", replicate);
    match layout.zero {
        Zero::None => {}
        Zero::One => {
            let help = "megatron-lm has a distributed optimizer; or fix layout.zero = \"zero2\" or \"zero3\"";
            problems.push(cannot(STACK, "layout.zero", "sharding the optimizer's state alone", help));
        }
        Zero::Two => {
            map.set("fsdp_reshard_after_forward", "never");
        }
        Zero::Three => {
            map.set("fsdp_reshard_after_forward", "always");
        }
    }
    map.set("tensor_parallel_degree", layout.tp);
    map.set("context_parallel_degree", layout.cp);
    map.set("expert_parallel_degree", layout.ep);
    map.set("pipeline_parallel_degree", layout.pp);
    if layout.pp > 1 {
        map.set("pipeline_parallel_microbatch_size", layout.micro_batch);
        let schedule = match (layout.schedule, layout.vpp) {
            (Order::GPipe, 1) => "GPipe",
            (Order::OneFOneB, 1) => "1F1B",
            (Order::OneFOneB, _) => "Interleaved1F1B",
            (Order::ZeroBubble, 2) => "ZBVZeroBubble",
            (Order::ZeroBubble, 3..) => "InterleavedZeroBubble",
            _ => {
                let help = "fix layout.schedule = \"1f1b\"; megatron-core has more";
                problems.push(cannot(STACK, "layout.schedule", "this order of work on the pipeline", help));
                "1F1B"
            }
        };
        map.set("pipeline_parallel_schedule", schedule);
        let stages = layout.pp * layout.vpp;
        let layers =
            if layout.stage_layers > 0 { layout.stage_layers } else { chosen.scenario.model.depth().div_ceil(stages) };
        map.set("pipeline_parallel_layers_per_stage", layers);
        map.set("pipeline_parallel_first_stage_less_layers", 0u64);
        map.set("pipeline_parallel_last_stage_less_layers", 0u64);
    }
    map
}

fn recompute(chosen: &Chosen<'_>, problems: &mut Vec<Problem>) -> Map {
    let map = Map::new();
    match chosen.layout().recompute {
        Recompute::None => map.with("mode", "none"),
        Recompute::Selective => map.with("mode", "selective").with("selective_ac_option", "op"),
        // Every so many-th layer.
        Recompute::Layers(4) => map.with("mode", "selective").with("selective_ac_option", "2"),
        Recompute::Layers(2) => map.with("mode", "selective").with("selective_ac_option", "4"),
        Recompute::Full => map.with("mode", "full"),
        other => {
            let help = "fix train.recompute = \"quarter\", \"half\", \"selective\", \"none\" or \"full\"";
            problems.push(cannot(STACK, "train.recompute", recomputed(other), help));
            map
        }
    }
}

fn checkpoint(chosen: &Chosen<'_>, exported: &mut Exported) -> Map {
    let mut map = Map::new().with("enable", true);
    // Saved at the end in any case; going on from the last one happens by itself.
    map.set("interval", chosen.save_steps().unwrap_or(chosen.plan.steps.max(1)));
    // It keeps all or two at the least.
    map.set("keep_latest_k", chosen.scenario.operation.checkpoints_kept.max(2));
    map.set("async_mode", if chosen.scenario.operation.checkpoint_async { "async" } else { "disabled" });
    if !chosen.scratch() {
        map.set("initial_load_path", format!("./assets/{}", chosen.model.text().rsplit('/').next().unwrap_or("model")));
        map.set("initial_load_in_hf", true);
        exported.open("checkpoint.initial_load_path: the folder with the pretrained weights");
    }
    map
}

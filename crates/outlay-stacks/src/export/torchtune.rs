//! A torchtune recipe's YAML. torchtune builds models by name: the builder says size and method.

use outlay::Problem;
use outlay::core::layout::{Offload, Recompute, Zero};
use outlay::core::learning::rate::Schedule;
use outlay::core::scenario::recipe::OptimizerExecution;

use super::chosen::{Chosen, Length, cannot, no_frozen_layers, recomputed, widths};
use super::launch::{By, Start};
use super::node::{Map, Node};
use super::{Exported, File, head, hf};

const NAME: &str = "torchtune.yaml";
const STACK: &str = "torchtune";

/// Ends of model names with torchtune's module, builder, tokenizer and checkpoint format.
const MODELS: &[(&str, &str, &str, &str, &str)] = &[
    ("llama-2-7b-hf", "llama2", "llama2_7b", "llama2.llama2_tokenizer", "LLAMA2"),
    ("llama-2-13b-hf", "llama2", "llama2_13b", "llama2.llama2_tokenizer", "LLAMA2"),
    ("llama-2-70b-hf", "llama2", "llama2_70b", "llama2.llama2_tokenizer", "LLAMA2"),
    ("llama3-70b", "llama3", "llama3_70b", "llama3.llama3_tokenizer", "LLAMA3"),
    ("llama-3.1-8b", "llama3_1", "llama3_1_8b", "llama3.llama3_tokenizer", "LLAMA3"),
    ("llama-3.1-70b", "llama3_1", "llama3_1_70b", "llama3.llama3_tokenizer", "LLAMA3"),
    ("llama-3.1-405b", "llama3_1", "llama3_1_405b", "llama3.llama3_tokenizer", "LLAMA3"),
    ("llama-3.2-1b", "llama3_2", "llama3_2_1b", "llama3.llama3_tokenizer", "LLAMA3_2"),
    ("llama-3.2-3b", "llama3_2", "llama3_2_3b", "llama3.llama3_tokenizer", "LLAMA3_2"),
    ("mistral-7b-v0.1", "mistral", "mistral_7b", "mistral.mistral_tokenizer", "MISTRAL"),
    ("gemma-2-9b", "gemma2", "gemma2_9b", "gemma.gemma_tokenizer", "GEMMA2"),
    ("gemma-2-27b", "gemma2", "gemma2_27b", "gemma.gemma_tokenizer", "GEMMA2"),
    ("phi-4", "phi4", "phi4_14b", "phi4.phi4_tokenizer", "PHI4"),
];

pub(crate) fn write(
    chosen: &Chosen<'_>,
    _version: Option<&str>,
    exported: &mut Exported,
) -> Result<Start, Vec<Problem>> {
    let layout = chosen.layout();
    let mut problems = refused(chosen);
    let text = chosen.model.text().to_lowercase();
    let model = text.rsplit('/').next().unwrap_or(&text);
    let Some((_, module, builder, tokenizer, format)) = MODELS.iter().find(|(name, ..)| *name == model) else {
        let help = "it knows Llama 2 and 3, Mistral 7B, Gemma 2 and Phi-4; axolotl and trl take any model of the hub";
        problems.push(cannot(STACK, "model.base", &format!("the model {model}"), help));
        return Err(problems);
    };
    let folder = format!("./{}", chosen.model.text().rsplit('/').next().unwrap_or("model"));
    let many = layout.accelerators() > 1;
    let mut map = Map::new();
    map.set("output_dir", "./out");
    map.set("model", built(chosen, module, builder, &mut problems));
    map.set(
        "tokenizer",
        Map::new()
            .with("_component_", format!("torchtune.models.{tokenizer}"))
            .with("path", format!("{folder}/original/tokenizer.model"))
            .with("max_seq_len", chosen.scenario.recipe.seq_len),
    );
    map.set(
        "checkpointer",
        Map::new()
            .with("_component_", "torchtune.training.FullModelHFCheckpointer")
            .with("checkpoint_dir", folder)
            .with("checkpoint_files", vec!["model.safetensors"])
            .with("output_dir", "./out")
            .with("model_type", *format),
    );
    map.set("resume_from_checkpoint", false);
    map.set(
        "dataset",
        Map::new()
            .with("_component_", "torchtune.datasets.chat_dataset")
            .with("source", "json")
            .with("data_files", chosen.data().text())
            .with("conversation_column", "messages")
            .with("conversation_style", "openai")
            .with("packed", chosen.packing()),
    );
    map.set("seed", 0u64).set("shuffle", true);
    map.set("batch_size", layout.micro_batch);
    map.set("gradient_accumulation_steps", layout.accumulation);
    match chosen.length() {
        Length::Epochs(passes) => map.set("epochs", passes.ceil() as u64),
        Length::Steps(steps) => map.set("epochs", 1u64).set("max_steps_per_epoch", steps),
    };
    optimizer(chosen, &mut map, &mut problems);
    map.set("loss", Map::new().with("_component_", "torchtune.modules.loss.CEWithChunkedOutputLoss"));
    map.set("compile", chosen.scenario.recipe.stack.compiled);
    map.set("device", "cuda");
    match chosen.precision().as_str() {
        "bf16" | "bf16-pure" => map.note("dtype", "bf16", "weights too: torchtune has no mixed precision"),
        "fp32" => map.set("dtype", "fp32"),
        other => {
            problems.push(cannot(
                STACK,
                "train.precision",
                &format!("the format {other}"),
                "bf16 and fp32 can be written",
            ));
            &mut map
        }
    };
    map.set("enable_activation_checkpointing", layout.recompute == Recompute::Full);
    map.set("enable_activation_offloading", chosen.parks());
    if layout.offload == Offload::OptimizerAndParameters && many {
        map.set("fsdp_cpu_offload", true);
    }
    map.set(
        "metric_logger",
        Map::new().with("_component_", "torchtune.training.metric_logging.DiskLogger").with("log_dir", "./out/logs"),
    );
    map.set("log_every_n_steps", 1u64).set("log_peak_memory_stats", true);
    if !problems.is_empty() {
        return Err(problems);
    }
    hf::open_data(chosen, exported);
    exported.open("checkpointer.checkpoint_files: the names of the downloaded weights (tune download)");
    if chosen.save_steps().is_some() {
        exported.notes.push("torchtune saves at the end of each pass alone, not every so many steps as planned".into());
    }
    let recipe = match (chosen.lora().is_some(), many) {
        (false, false) => "full_finetune_single_device",
        (false, true) => "full_finetune_distributed",
        (true, false) => "lora_finetune_single_device",
        (true, true) => "lora_finetune_distributed",
    };
    let text = head(chosen, &format!("torchtune, recipe {recipe}"), &exported.open) + &map.yaml();
    exported.files.insert(0, File { name: NAME.into(), text });
    let by = if many {
        By::Takes(format!("tune run {{}} {recipe} --config {NAME}"))
    } else {
        By::Alone(format!("tune run {recipe} --config {NAME}"))
    };
    let install =
        vec!["pip install 'torchtune==0.6.*' 'torch==2.8.*' 'torchao==0.12.*' torchvision bitsandbytes".into()];
    Ok(Start { install, env: Vec::new(), by, files: vec![NAME.into()], output: "out" })
}

fn refused(chosen: &Chosen<'_>) -> Vec<Problem> {
    let layout = chosen.layout();
    let mut problems = Vec::new();
    for (at, what, width) in widths(layout) {
        if width > 1 {
            problems.push(cannot(STACK, at, what, hf::WIDER));
        }
    }
    if !matches!(layout.recompute, Recompute::None | Recompute::Full) {
        let help = "fix train.recompute = \"none\" or \"full\"";
        problems.push(cannot(STACK, "train.recompute", recomputed(layout.recompute), help));
    }
    if chosen.scratch() {
        let help = "torchtitan and megatron-lm train from scratch";
        problems.push(cannot(STACK, "model.start", "random weights", help));
    }
    no_frozen_layers(chosen, STACK, &mut problems);
    let whole = layout.zero == Zero::Three && layout.shard == layout.dp;
    if layout.accelerators() > 1 && !whole {
        let help = "fix layout.zero = \"fsdp\"; trl and axolotl replicate or shard in part";
        problems.push(cannot(STACK, "layout.zero", "anything but full sharding over several accelerators", help));
    }
    if layout.offload == Offload::Optimizer || (layout.offload != Offload::None && layout.accelerators() == 1) {
        let help = "fix layout.offload = \"none\"; deepspeed has one: --to trl or --to axolotl";
        problems.push(cannot(STACK, "layout.offload", "the optimizer alone in host memory", help));
    }
    problems
}

fn built(chosen: &Chosen<'_>, module: &str, builder: &str, problems: &mut Vec<Problem>) -> Map {
    let Some(lora) = chosen.lora() else {
        return Map::new().with("_component_", format!("torchtune.models.{module}.{builder}"));
    };
    let prefix = match hf::base(chosen, STACK, problems) {
        hf::Base::Whole => "lora",
        hf::Base::Four { .. } => "qlora",
        hf::Base::Eight => {
            let help = "fix method.base_dtype = \"nf4\" or \"bf16\"";
            problems.push(cannot(STACK, "method.base_dtype", "a base in 8 bit", help));
            "lora"
        }
    };
    let all = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"].map(String::from).to_vec();
    let targets = chosen.targets().unwrap_or(all);
    let has = |name: &str| targets.iter().any(|target| target == name);
    // The feed-forward is adapted whole or not at all.
    let mlp = ["gate_proj", "up_proj", "down_proj"].map(has);
    if mlp.iter().any(|has| *has) && !mlp.iter().all(|has| *has) {
        let help = "fix method.targets = \"all-linear\" or \"attention\"";
        problems.push(cannot(STACK, "method.targets", "a part of the feed-forward", help));
    }
    let attention: Vec<Node> =
        [("q_proj", "q_proj"), ("k_proj", "k_proj"), ("v_proj", "v_proj"), ("o_proj", "output_proj")]
            .into_iter()
            .filter(|(ours, _)| has(ours))
            .map(|(_, theirs)| theirs.into())
            .collect();
    let mut map = Map::new().with("_component_", format!("torchtune.models.{module}.{prefix}_{builder}"));
    map.set("lora_attn_modules", Node::List(attention));
    map.set("apply_lora_to_mlp", mlp[0]);
    map.set("apply_lora_to_output", false);
    map.set("lora_rank", lora.rank).set("lora_alpha", chosen.alpha()).set("lora_dropout", hf::dropout(chosen));
    if lora.dora {
        map.set("use_dora", true);
    }
    map
}

fn optimizer(chosen: &Chosen<'_>, map: &mut Map, problems: &mut Vec<Problem>) {
    let component = match chosen.optimizer().as_str() {
        "adamw" => "torch.optim.AdamW",
        "adamw-8bit" => "bitsandbytes.optim.AdamW8bit",
        "paged-adamw-8bit" => "bitsandbytes.optim.PagedAdamW8bit",
        "paged-adamw" => "bitsandbytes.optim.PagedAdamW",
        "lion" => "bitsandbytes.optim.Lion",
        "sgd" => "torch.optim.SGD",
        other => {
            let what = format!("the optimizer {other}");
            problems.push(cannot(STACK, "train.optimizer", &what, "adamw, adamw-8bit, lion and sgd can be written"));
            return;
        }
    };
    let mut optimizer = Map::new().with("_component_", component).with("lr", chosen.learning_rate());
    if component == "torch.optim.AdamW" {
        optimizer.set("fused", chosen.scenario.recipe.optimizer.execution == OptimizerExecution::Fused);
    }
    map.set("optimizer", optimizer);
    if chosen.scenario.recipe.optimizer.execution == OptimizerExecution::InBackward {
        map.set("optimizer_in_bwd", true);
    }
    if chosen.scenario.dynamics.schedule == Schedule::Cosine {
        let schedule = "torchtune.training.lr_schedulers.get_cosine_schedule_with_warmup";
        map.set(
            "lr_scheduler",
            Map::new().with("_component_", schedule).with("num_warmup_steps", chosen.plan.steps / 30),
        );
    }
}

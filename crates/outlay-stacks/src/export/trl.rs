//! TRL's YAML for supervised fine-tuning, and an accelerate config with the same machines.

use outlay::Problem;
use outlay::core::dtype::Dtype;

use super::chosen::{Chosen, no_frozen_layers};
use super::launch::{By, Start};
use super::node::{Map, Node};
use super::{Exported, File, head, hf};

const NAME: &str = "sft.yaml";

pub(crate) fn write(
    chosen: &Chosen<'_>,
    _version: Option<&str>,
    exported: &mut Exported,
) -> Result<Start, Vec<Problem>> {
    const STACK: &str = "TRL";
    let mut problems = hf::refused(chosen, STACK, &[]);
    no_frozen_layers(chosen, STACK, &mut problems);
    let mut map = Map::new();
    map.set("model_name_or_path", chosen.model.text());
    let precision = chosen.precision();
    // A frozen base stands in 16 bit, in that of the multiplications where they have one, unless the job says otherwise.
    let dtype = match (chosen.lora().map(|lora| lora.base), precision.as_str()) {
        (None, "bf16-pure") => "bfloat16",
        (None | Some(Dtype::Fp32), _) => "float32",
        (Some(Dtype::Fp16), _) | (Some(_), "fp16") => "float16",
        (Some(_), _) => "bfloat16",
    };
    map.set("dtype", dtype);
    map.set("attn_implementation", hf::attention(chosen, STACK, &mut problems));
    match chosen.data().text() {
        // A file is read by the loader of its kind.
        file if kind(file).is_some() => {
            let path = Map::new().with("path", kind(file).unwrap_or("json")).with("data_files", file);
            map.set("datasets", vec![path]);
        }
        name => {
            map.set("dataset_name", name);
        }
    }
    map.set("max_length", chosen.scenario.recipe.seq_len);
    map.set("packing", chosen.packing());
    map.set("output_dir", "out");
    hf::arguments(chosen, &mut map, &mut problems, STACK, None);
    map.set("gradient_checkpointing", hf::checkpoints_gradients(chosen));
    if chosen.parks() {
        map.set("activation_offloading", true);
    }
    adapters(chosen, &mut map, &mut problems);
    let deepspeed = hf::sharded(chosen, STACK, "use_liger_kernel", &mut map, exported, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    hf::open_data(chosen, exported);
    let text = head(chosen, "TRL", &exported.open) + &map.yaml();
    exported.files.insert(0, File { name: NAME.into(), text });
    exported.file("accelerate.yaml", accelerate(chosen));
    let mut install = vec!["pip install 'trl[peft]>=1,<2' 'transformers>=5,<6'".to_owned()];
    if chosen.optimizer().contains("8bit") || !matches!(hf::base(chosen, STACK, &mut problems), hf::Base::Whole) {
        install.push("pip install bitsandbytes".into());
    }
    if deepspeed {
        install.push("pip install deepspeed".into());
    }
    if hf::chunked_loss(chosen) {
        install.push("pip install liger-kernel".into());
    }
    // An empty output folder has nothing to go on from.
    let resume = "$(ls -d out/checkpoint-* >/dev/null 2>&1 && echo --resume_from_checkpoint=true)";
    let resume = if chosen.save_steps().is_some() { format!(" {resume}") } else { String::new() };
    let files = exported.files.iter().map(|file| file.name.clone()).collect();
    Ok(Start {
        install,
        env: Vec::new(),
        by: By::Torchrun(format!("-m trl.scripts.sft --config {NAME}{resume}")),
        files,
        output: "out",
    })
}

/// The loader of a file by its ending.
fn kind(file: &str) -> Option<&'static str> {
    let ending = file.rsplit('.').next().filter(|ending| ending.len() < file.len())?;
    match ending.to_ascii_lowercase().as_str() {
        "json" | "jsonl" => Some("json"),
        "parquet" => Some("parquet"),
        "csv" => Some("csv"),
        "txt" => Some("text"),
        "arrow" => Some("arrow"),
        _ => None,
    }
}

fn adapters(chosen: &Chosen<'_>, map: &mut Map, problems: &mut Vec<Problem>) {
    let Some(lora) = chosen.lora() else { return };
    map.set("use_peft", true);
    match hf::base(chosen, "TRL", problems) {
        hf::Base::Whole => {}
        hf::Base::Four { double } => {
            map.set("load_in_4bit", true).set("use_bnb_nested_quant", double);
            if hf::fully_sharded(chosen) {
                map.note("bnb_4bit_quant_storage", "bfloat16", "so that FSDP can cut the weights");
            }
        }
        hf::Base::Eight => {
            map.set("load_in_8bit", true);
        }
    }
    map.set("lora_r", lora.rank);
    map.note("lora_alpha", chosen.alpha(), "twice the rank; a plan does not depend on it");
    map.set("lora_dropout", hf::dropout(chosen));
    match chosen.targets() {
        None => map.set("lora_target_modules", "all-linear"),
        Some(names) => map.set("lora_target_modules", hf::list(&names)),
    };
    if lora.dora {
        map.set("use_dora", true);
    }
}

/// For `accelerate launch --config_file`: who sharded what stands in the arguments, here are the machines alone.
pub(crate) fn accelerate(chosen: &Chosen<'_>) -> String {
    let mut map = Map::new();
    map.set("compute_environment", "LOCAL_MACHINE");
    let many = chosen.plan.accelerators > 1;
    // "NO" is a text, not a switch.
    map.set("distributed_type", if many { "MULTI_GPU" } else { "NO" });
    map.set("num_machines", chosen.plan.nodes);
    map.note("num_processes", chosen.plan.accelerators, "of all machines together");
    map.note("machine_rank", Node::Count(0), "of this machine, or --machine_rank");
    let precision = chosen.precision();
    map.set("mixed_precision", if precision == "bf16" || precision == "fp16" { precision } else { "no".into() });
    head(chosen, "accelerate", &[]) + &map.yaml()
}

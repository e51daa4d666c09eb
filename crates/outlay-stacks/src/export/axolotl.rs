//! Axolotl's YAML.

use outlay::Problem;
use outlay::core::layout::Zero;
use outlay::core::scenario::recipe::Method;

use super::chosen::{Chosen, Length, cannot};
use super::launch::{By, Start};
use super::node::Map;
use super::{Exported, File, head, hf};

const NAME: &str = "axolotl.yaml";

pub(crate) fn write(
    chosen: &Chosen<'_>,
    version: Option<&str>,
    exported: &mut Exported,
) -> Result<Start, Vec<Problem>> {
    const STACK: &str = "Axolotl";
    let layout = chosen.layout();
    let mut problems = hf::refused(chosen, STACK, &["layout.tp", "layout.cp"]);
    if let Method::Freeze { .. } = chosen.scenario.recipe.method {
        let help = "llama-factory freezes by the number of layers: --to llama-factory";
        problems.push(cannot(STACK, "method.kind", "a number of frozen layers", help));
    }
    let mut map = Map::new();
    map.set("base_model", chosen.model.text());
    adapters(chosen, &mut map, &mut problems);
    let data = chosen.data();
    map.note("datasets", vec![dataset(data.text())], "the type says how samples are put into words");
    map.set("sequence_len", chosen.scenario.recipe.seq_len);
    map.set("sample_packing", chosen.packing());
    map.set("pad_to_sequence_len", chosen.packing());
    map.set("micro_batch_size", layout.micro_batch);
    map.set("gradient_accumulation_steps", layout.accumulation);
    match chosen.length() {
        Length::Epochs(passes) => map.set("num_epochs", passes),
        Length::Steps(steps) => map.set("max_steps", steps),
    };
    hf::rate(chosen, &mut map, "lr_scheduler");
    if chosen.optimizer() == "muon" {
        map.set("optimizer", "muon");
    } else if let Some(optimizer) = hf::optimizer(chosen, STACK, &mut problems) {
        map.set("optimizer", optimizer);
        if chosen.optimizer() == "sgd-momentum" {
            map.set("optim_args", "momentum=0.9");
        }
    }
    if chosen.precision() == "fp8" {
        map.set("bf16", true).set("fp8", true);
    } else {
        hf::precision(chosen, &mut map, &mut problems, STACK, "tf32");
    }
    map.set("gradient_checkpointing", hf::checkpoints_gradients(chosen));
    if chosen.parks() {
        map.set("activation_offloading", true);
    }
    map.set("attn_implementation", hf::attention(chosen, STACK, &mut problems));
    if hf::chunked_loss(chosen) {
        map.set("plugins", vec!["axolotl.integrations.liger.LigerPlugin"]);
        map.set("liger_fused_linear_cross_entropy", true);
    }
    if chosen.scenario.recipe.stack.compiled {
        map.set("torch_compile", true);
    }
    split(chosen, &mut map);
    if layout.zero == Zero::Three && layout.shard < layout.dp {
        map.set("dp_shard_size", layout.shard).set("dp_replicate_size", layout.dp / layout.shard);
    }
    hf::replicas(chosen, &mut map);
    let json = if hf::fully_sharded(chosen) {
        map.set("fsdp_version", 2u64).set("fsdp_config", hf::fsdp(chosen, "offload_params"));
        None
    } else {
        hf::sharding(chosen, STACK, exported, &mut problems)
    };
    if let Some(json) = &json {
        map.set("deepspeed", json.clone());
    }
    map.set("output_dir", "./out");
    hf::saves(chosen, &mut map);
    if chosen.save_steps().is_some() {
        map.note("auto_resume_from_checkpoints", true, "after an interruption");
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    hf::open_data(chosen, exported);
    let text = head(chosen, "Axolotl", &exported.open) + &map.yaml();
    exported.files.insert(0, File { name: NAME.into(), text });
    let version = version.unwrap_or("0.21");
    let package = if json.is_some() { "axolotl[deepspeed]" } else { "axolotl" };
    let mut install = vec![format!("pip install --no-build-isolation '{package}=={version}.*'")];
    if hf::attention(chosen, STACK, &mut problems) == "flash_attention_2" {
        install.push("pip install --no-build-isolation flash-attn".into());
    }
    Ok(Start {
        install,
        env: vec![("AXOLOTL_DO_NOT_TRACK", "1".into())],
        by: By::Torchrun(format!("-m axolotl.cli.train {NAME}")),
        files: exported.files.iter().map(|file| file.name.clone()).collect(),
        output: "out",
    })
}

/// A file of one's own, or a data set of the hub.
fn dataset(path: &str) -> Map {
    let mut map = Map::new();
    map.set("path", path);
    if path.ends_with(".jsonl") || path.ends_with(".json") {
        map.set("ds_type", "json");
    }
    map.set("type", "chat_template");
    map
}

fn split(chosen: &Chosen<'_>, map: &mut Map) {
    let layout = chosen.layout();
    if layout.tp > 1 {
        map.set("tensor_parallel_size", layout.tp);
    }
    if layout.cp > 1 {
        map.set("context_parallel_size", layout.cp);
    }
}

fn adapters(chosen: &Chosen<'_>, map: &mut Map, problems: &mut Vec<Problem>) {
    let Some(lora) = chosen.lora() else { return };
    match hf::base(chosen, "Axolotl", problems) {
        hf::Base::Whole => map.set("adapter", "lora"),
        hf::Base::Four { double: true } => map.set("adapter", "qlora").set("load_in_4bit", true),
        hf::Base::Four { double: false } => {
            map.set("adapter", "qlora").set("load_in_4bit", true);
            map.set("bnb_config_kwargs", Map::new().with("bnb_4bit_use_double_quant", false))
        }
        hf::Base::Eight => map.set("adapter", "lora").set("load_in_8bit", true),
    };
    map.set("lora_r", lora.rank);
    map.note("lora_alpha", chosen.alpha(), "twice the rank; a plan does not depend on it");
    map.set("lora_dropout", hf::dropout(chosen));
    match chosen.targets() {
        None => map.set("lora_target_linear", true),
        Some(names) => map.set("lora_target_modules", hf::list(&names)),
    };
    if lora.dora {
        map.set("peft_use_dora", true);
    }
}

//! LLaMA-Factory's YAML, with the table of data sets that it looks names up in.

use outlay::Problem;
use outlay::core::scenario::recipe::Method;

use super::chosen::Chosen;
use super::launch::{By, Start};
use super::node::Map;
use super::{Exported, File, head, hf};

const NAME: &str = "llama-factory.yaml";
/// Name of the data set in the table.
const DATA: &str = "train";

pub(crate) fn write(
    chosen: &Chosen<'_>,
    _version: Option<&str>,
    exported: &mut Exported,
) -> Result<Start, Vec<Problem>> {
    const STACK: &str = "LLaMA-Factory";
    let mut problems = hf::refused(chosen, STACK, &[]);
    let mut map = Map::new();
    map.set("model_name_or_path", chosen.model.text());
    map.set("stage", "sft").set("do_train", true);
    method(chosen, &mut map, &mut problems);
    map.set("dataset", DATA).set("dataset_dir", ".");
    map.note("template", template(chosen), "how samples are put into words; `default` suits no chat model");
    map.set("cutoff_len", chosen.scenario.recipe.seq_len);
    map.set("packing", chosen.packing());
    map.set("output_dir", "out");
    hf::arguments(chosen, &mut map, &mut problems, STACK, Some("pure_bf16"));
    // On unless it is switched off, and not through Transformers' own switch.
    let full = hf::checkpoints_gradients(chosen);
    map.set("disable_gradient_checkpointing", !full);
    map.set(
        "flash_attn",
        match hf::attention(chosen, STACK, &mut problems) {
            "flash_attention_2" => "fa2",
            "flash_attention_3" => "fa3",
            "eager" => "disabled",
            other => other,
        },
    );
    let deepspeed = hf::sharded(chosen, STACK, "enable_liger_kernel", &mut map, exported, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    hf::open_data(chosen, exported);
    let text = head(chosen, "LLaMA-Factory", &exported.open) + &map.yaml();
    exported.files.insert(0, File { name: NAME.into(), text });
    exported.file("dataset_info.json", table(chosen.data().text()));
    let mut install = vec!["pip install 'llamafactory>=0.9.5,<0.10'".to_owned()];
    if !matches!(hf::base(chosen, STACK, &mut problems), hf::Base::Whole) || chosen.optimizer().contains("8bit") {
        install.push("pip install bitsandbytes".into());
    }
    if deepspeed {
        install.push("pip install deepspeed".into());
    }
    Ok(Start {
        install,
        env: vec![("FORCE_TORCHRUN", "1".into())],
        // Its own launcher goes on from the last checkpoint in the output folder by itself.
        by: By::Torchrun(format!("-m llamafactory.launcher {NAME}")),
        files: exported.files.iter().map(|file| file.name.clone()).collect(),
        output: "out",
    })
}

/// The chat template of a family, where the name of the model says it.
fn template(chosen: &Chosen<'_>) -> &'static str {
    let name = chosen.model.text().to_lowercase();
    let known = [
        ("llama-3", "llama3"),
        ("llama-2", "llama2"),
        ("mistral", "mistral"),
        ("mixtral", "mistral"),
        ("qwen3", "qwen3"),
        ("qwen", "qwen"),
        ("gemma-3", "gemma3"),
        ("gemma", "gemma"),
        ("phi-4", "phi4"),
        ("deepseek", "deepseek3"),
    ];
    known.iter().find(|(part, _)| name.contains(part)).map_or("default", |(_, template)| template)
}

/// A file of one's own, or a data set of the hub.
fn table(path: &str) -> String {
    let file = path.rsplit('/').next().is_some_and(|name| name.contains('.'));
    let place = if file { "file_name" } else { "hf_hub_url" };
    Map::new().with(DATA, Map::new().with(place, path).with("formatting", "sharegpt")).json()
}

fn method(chosen: &Chosen<'_>, map: &mut Map, problems: &mut Vec<Problem>) {
    match &chosen.scenario.recipe.method {
        Method::Full => {
            map.set("finetuning_type", "full");
        }
        Method::Freeze { trained_layers } => {
            map.set("finetuning_type", "freeze").set("freeze_trainable_layers", *trained_layers);
            map.set("freeze_extra_modules", "norm,lm_head");
        }
        Method::Lora(lora) => {
            map.set("finetuning_type", "lora");
            match hf::base(chosen, "LLaMA-Factory", problems) {
                hf::Base::Whole => {}
                hf::Base::Four { double } => {
                    map.set("quantization_bit", 4u64).set("double_quantization", double);
                }
                hf::Base::Eight => {
                    map.set("quantization_bit", 8u64);
                }
            }
            map.set("lora_rank", lora.rank);
            map.note("lora_alpha", chosen.alpha(), "twice the rank; a plan does not depend on it");
            map.set("lora_dropout", hf::dropout(chosen));
            map.set("lora_target", chosen.targets().map_or_else(|| "all".into(), |names| names.join(",")));
            if lora.dora {
                map.set("use_dora", true);
            }
        }
    }
}

//! Transformers' `TrainingArguments` in JSON, for a script of the user's own that makes model and data.

use outlay::Problem;

use super::chosen::Chosen;
use super::launch::{By, Start};
use super::node::Map;
use super::{Exported, hf};

const NAME: &str = "training_args.json";

pub(crate) fn write(
    chosen: &Chosen<'_>,
    _version: Option<&str>,
    exported: &mut Exported,
) -> Result<Start, Vec<Problem>> {
    const STACK: &str = "TrainingArguments";
    let mut problems = hf::refused(chosen, STACK, &[]);
    // The script makes the model, with weights or without.
    problems.retain(|problem| problem.at != "model.start");
    let mut map = Map::new();
    map.set("output_dir", "out");
    hf::arguments(chosen, &mut map, &mut problems, STACK, None);
    map.set("gradient_checkpointing", hf::checkpoints_gradients(chosen));
    let deepspeed = hf::sharded(chosen, STACK, "use_liger_kernel", &mut map, exported, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    exported.files.insert(0, super::File { name: NAME.into(), text: map.json() });
    exported.open("train.py: the script that makes model and data and reads this file with HfArgumentParser");
    let recipe = &chosen.scenario.recipe;
    exported.notes.push(format!(
        "TrainingArguments do not hold the model ({}), its method ({}), the length of {} tokens{}",
        chosen.model.text(),
        chosen.response.job.method,
        recipe.seq_len,
        if chosen.packing() { " nor that samples are packed" } else { "" }
    ));
    let mut install = vec!["pip install 'transformers>=5,<6' accelerate datasets".to_owned()];
    if chosen.lora().is_some() {
        install.push("pip install peft bitsandbytes".into());
    }
    if deepspeed {
        install.push("pip install deepspeed".into());
    }
    let files = exported.files.iter().map(|file| file.name.clone()).chain(["train.py".into()]).collect();
    Ok(Start { install, env: Vec::new(), by: By::Torchrun(format!("train.py {NAME}")), files, output: "out" })
}

//! LitGPT's YAML for pre-training, full fine-tuning and adapters: the command says which of them it is.
//!
//! LitGPT decides much by itself: over several devices everything is sharded and fine-tuning recomputes every layer, on one
//! neither; samples of fine-tuning are padded, a quantised base brings the paged optimizer with it. A plan of another kind is
//! refused. It has no figures of its own in the table of stacks; torchtune's are taken, which runs on the same parts.

use outlay::Problem;
use outlay::core::layout::{Layout, Offload, Recompute, Zero};
use outlay::core::learning::rate::Schedule;
use outlay::core::scenario::recipe::{LossKernel, Method};
use outlay::request::Request;

use super::chosen::{Chosen, Length, adapted, cannot, no_frozen_layers, plain_adapters, recomputed, widths};
use super::launch::{By, Start};
use super::node::Map;
use super::{Exported, File, head, hf};
use crate::{litgpt, models};

const NAME: &str = "litgpt.yaml";
const STACK: &str = "LitGPT";

/// What LitGPT does unasked, where the job says nothing.
pub(crate) fn fit(request: &mut Request, notes: &mut Vec<String>) {
    let is =
        |text: &Option<String>, word: &str| text.as_deref().is_some_and(|text| text.trim().eq_ignore_ascii_case(word));
    let scratch = is(&request.model.start, "scratch");
    let kind = request.method.kind.clone();
    let adapters = kind.is_some() && !is(&kind, "full");
    let base = request.method.base_dtype.clone();
    let quantised = is(&kind, "qlora") && base.is_none() || base.is_some() && !is(&base, "bf16");
    settle(&mut request.layout.offload, "layout.offload", "none", notes);
    settle(&mut request.train.loss, "train.loss", if scratch { "eager" } else { "chunked" }, notes);
    if !adapters {
        settle(&mut request.train.precision, "train.precision", "bf16-pure", notes);
    }
    if adapters && quantised {
        settle(&mut request.train.optimizer, "train.optimizer", "paged-adamw", notes);
        if request.hardware.gpus.is_none() {
            request.hardware.gpus = Some(1);
            notes.push("planned with hardware.gpus = 1: LitGPT quantises on one device alone".into());
        }
    }
    let zero = if request.hardware.gpus == Some(1) { "none" } else { "fsdp" };
    settle(&mut request.layout.zero, "layout.zero", zero, notes);
    if request.hardware.gpus.is_some() {
        let full = request.hardware.gpus != Some(1) && !scratch;
        settle(&mut request.train.recompute, "train.recompute", if full { "full" } else { "none" }, notes);
    }
    if request.data.packing.is_none() {
        request.data.packing = Some(scratch);
        notes.push(format!("planned with data.packing = {scratch}: LitGPT does so unasked"));
    }
    if request.train.compile.is_none() {
        request.train.compile = Some(scratch);
    }
}

fn settle(place: &mut Option<String>, key: &str, value: &str, notes: &mut Vec<String>) {
    if place.as_deref().is_none_or(|now| now.trim().eq_ignore_ascii_case("auto")) {
        *place = Some(value.into());
        notes.push(format!("planned with {key} = \"{value}\": LitGPT does so unasked"));
    }
}

pub(crate) fn write(
    chosen: &Chosen<'_>,
    _version: Option<&str>,
    exported: &mut Exported,
) -> Result<Start, Vec<Problem>> {
    let layout = chosen.layout();
    let mut problems = refused(chosen);
    let scratch = chosen.scratch();
    let hub = chosen.model.text();
    let tail = hub.rsplit('/').next().unwrap_or(hub);
    let Some(name) = models::spelt(litgpt::MODELS, tail) else {
        let help = "`litgpt download list` names those it knows; axolotl and trl take any model of the hub";
        problems.push(cannot(STACK, "model.base", &format!("the model {tail}"), help));
        return Err(problems);
    };
    let mut map = Map::new();
    if scratch {
        map.set("model_name", name);
    } else {
        map.set("checkpoint_dir", format!("checkpoints/{hub}"));
    }
    map.set("out_dir", "out");
    precision(chosen, &mut map, &mut problems);
    map.set("devices", chosen.per_node()).set("num_nodes", chosen.plan.nodes);
    let task = match (&chosen.scenario.recipe.method, scratch) {
        (Method::Lora(_), _) => {
            adapters(chosen, &mut map, &mut problems);
            "finetune_lora"
        }
        (_, true) => "pretrain",
        (_, false) => "finetune_full",
    };
    map.set("data", data(chosen, scratch));
    map.set("train", train(chosen, layout, scratch));
    optimizer(chosen, &mut map, &mut problems);
    if chosen.save_steps().is_some() && task != "finetune_lora" {
        map.set("resume", "auto");
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    hf::open_data(chosen, exported);
    if task == "finetune_lora" && chosen.save_steps().is_some() {
        exported.notes.push("LitGPT's adapters do not go on from a checkpoint: an interrupted run starts anew".into());
    }
    let text = head(chosen, "LitGPT", &exported.open) + &map.yaml();
    exported.files.insert(0, File { name: NAME.into(), text });
    let mut install = vec!["pip install 'litgpt[extra]>=0.5.13,<0.6'".to_owned()];
    if !scratch {
        install.push(format!("litgpt download {hub}"));
    } else {
        exported.open("tokenizer_dir: the folder with the tokenizer (litgpt download ORG/NAME --tokenizer_only true)");
    }
    Ok(Start {
        install,
        env: Vec::new(),
        by: By::Torchrun(format!("-m litgpt {task} --config {NAME}")),
        files: exported.files.iter().map(|file| file.name.clone()).collect(),
        output: "out",
    })
}

fn refused(chosen: &Chosen<'_>) -> Vec<Problem> {
    let layout = chosen.layout();
    let recipe = &chosen.scenario.recipe;
    let (scratch, many) = (chosen.scratch(), layout.accelerators() > 1);
    let mut problems = Vec::new();
    for (at, what, width) in widths(layout) {
        if width > 1 {
            problems.push(cannot(STACK, at, what, hf::WIDER));
        }
    }
    let wanted = if many && !scratch { Recompute::Full } else { Recompute::None };
    if layout.recompute != wanted {
        let how = if wanted == Recompute::Full { "\"full\"" } else { "\"none\"" };
        let help = format!("fix train.recompute = {how}, which is what it does on {}", on(layout));
        problems.push(cannot(STACK, "train.recompute", recomputed(layout.recompute), &help));
    }
    if many && (layout.zero != Zero::Three || layout.shard < layout.dp) {
        let help = "fix layout.zero = \"fsdp\": it shards everything over all devices; axolotl and trl shard less";
        problems.push(cannot(STACK, "layout.zero", "less than full sharding", help));
    }
    if layout.offload != Offload::None {
        let help = "fix layout.offload = \"none\"; trl and axolotl have it: --to trl";
        problems.push(cannot(STACK, "layout.offload", "host memory", help));
    }
    if chosen.packing() != scratch {
        let (what, help) = if scratch {
            ("padded samples in pre-training", "fix data.packing = true")
        } else {
            ("packed samples in fine-tuning", "fix data.packing = false; axolotl, trl and torchtune pack")
        };
        problems.push(cannot(STACK, "data.packing", what, help));
    }
    no_frozen_layers(chosen, STACK, &mut problems);
    plain_adapters(chosen, STACK, &mut problems);
    if (recipe.loss == LossKernel::Chunked) == scratch {
        let (what, other) = if scratch { ("a chunked loss", "eager") } else { ("an unchunked loss", "chunked") };
        problems.push(cannot(STACK, "train.loss", what, &format!("fix train.loss = \"{other}\"")));
    }
    if recipe.stack.compiled != scratch {
        let what = if scratch { "pre-training without the compiler" } else { "compiled fine-tuning" };
        problems.push(cannot(STACK, "train.compile", what, &format!("fix train.compile = {scratch}")));
    }
    if chosen.scenario.dynamics.schedule != Schedule::Cosine {
        let help = "fix train.schedule = \"cosine\"; the trainers of Hugging Face have others";
        problems.push(cannot(STACK, "train.schedule", "any schedule but cosine", help));
    }
    problems
}

fn on(layout: &Layout) -> &'static str {
    if layout.accelerators() > 1 { "several devices" } else { "one device" }
}

fn precision(chosen: &Chosen<'_>, map: &mut Map, problems: &mut Vec<Problem>) {
    let adapters = chosen.lora().is_some();
    let name = match (chosen.precision().as_str(), adapters) {
        ("bf16-pure", false) | ("bf16", true) => "bf16-true",
        ("bf16-autocast", false) => "bf16-mixed",
        ("fp32", _) => "32-true",
        (other, _) => {
            let help = if adapters {
                "bf16 and fp32 can be written for adapters"
            } else {
                "bf16-pure, bf16-autocast and fp32 can be written: it keeps no master weights beside 16 bit"
            };
            problems.push(cannot(STACK, "train.precision", &format!("the format {other}"), help));
            return;
        }
    };
    map.set("precision", name);
}

fn adapters(chosen: &Chosen<'_>, map: &mut Map, problems: &mut Vec<Problem>) {
    let Some(lora) = chosen.lora() else { return };
    let quantised = match hf::base(chosen, STACK, problems) {
        hf::Base::Whole => None,
        hf::Base::Four { double: true } => Some("bnb.nf4-dq"),
        hf::Base::Four { double: false } => Some("bnb.nf4"),
        hf::Base::Eight => Some("bnb.int8-training"),
    };
    if let Some(name) = quantised {
        map.set("quantize", name);
        if chosen.layout().accelerators() > 1 {
            let help = "fix hardware.gpus = 1, or method.base_dtype = \"bf16\"; axolotl and trl have it: --to trl";
            problems.push(cannot(STACK, "method.base_dtype", "a quantised base on several devices", help));
        }
    }
    map.set("lora_r", lora.rank);
    map.note("lora_alpha", chosen.alpha(), "twice the rank; a plan does not depend on it");
    map.set("lora_dropout", hf::dropout(chosen));
    let parts: [(&str, &[&str]); 5] = [
        ("lora_query", &["q_proj"]),
        ("lora_key", &["k_proj"]),
        ("lora_value", &["v_proj"]),
        ("lora_projection", &["o_proj"]),
        ("lora_mlp", &["gate_proj", "up_proj", "down_proj"]),
    ];
    let targets = chosen.targets();
    let has = |name: &str| adapted(targets.as_deref(), name);
    let unknown = targets.iter().flatten().find(|name| !parts.iter().any(|(_, of)| of.contains(&name.as_str())));
    if let Some(name) = unknown {
        problems.push(cannot(
            STACK,
            "method.targets",
            &format!("an adapter on {name}"),
            "fix method.targets = \"attention\"",
        ));
    }
    for (key, names) in parts {
        let on: Vec<bool> = names.iter().map(|name| has(name)).collect();
        // The feed-forward is adapted whole or not at all; without a gate it has two matrices.
        if on.iter().any(|on| *on) && !on.iter().skip(usize::from(on.len() > 1)).all(|on| *on) {
            let help = "fix method.targets = \"all-linear\" or \"attention\"";
            problems.push(cannot(STACK, "method.targets", "a part of the feed-forward", help));
        }
        map.set(key, on.iter().any(|on| *on));
    }
    map.set("lora_head", false);
}

fn data(chosen: &Chosen<'_>, scratch: bool) -> Map {
    let place = chosen.data();
    let (class, key) =
        if scratch { ("litgpt.data.TextFiles", "train_data_path") } else { ("litgpt.data.JSON", "json_path") };
    let mut init = Map::new().with(key, place.text());
    if !scratch {
        init.set("val_split_fraction", 0.02);
    }
    Map::new().with("class_path", class).with("init_args", init)
}

fn train(chosen: &Chosen<'_>, layout: &Layout, scratch: bool) -> Map {
    let mut map = Map::new();
    let batch = layout.micro_batch.saturating_mul(layout.accumulation).saturating_mul(layout.dp);
    match chosen.save_steps() {
        Some(steps) => map.set("save_interval", steps),
        None => map.note("save_interval", chosen.plan.steps.max(1), "the result alone is saved"),
    };
    map.set("global_batch_size", batch).set("micro_batch_size", layout.micro_batch);
    map.set("lr_warmup_steps", chosen.plan.steps / 30);
    let seq = chosen.scenario.recipe.seq_len;
    match (scratch, chosen.length()) {
        (true, _) => {
            map.set("max_tokens", chosen.plan.steps.saturating_mul(batch).saturating_mul(seq)).set("max_norm", 1.0)
        }
        (false, Length::Epochs(passes)) => map.set("epochs", passes.ceil().max(1.0) as u64),
        (false, Length::Steps(steps)) => map.set("epochs", 1000u64).set("max_steps", steps),
    };
    map.set("max_seq_length", seq);
    map
}

fn optimizer(chosen: &Chosen<'_>, map: &mut Map, problems: &mut Vec<Problem>) {
    let quantised = chosen.lora().is_some() && !matches!(hf::base(chosen, STACK, problems), hf::Base::Whole);
    let class = match (chosen.optimizer().as_str(), quantised) {
        // It replaces AdamW by bitsandbytes' paged one by itself.
        ("adamw", false) | ("paged-adamw", true) => "torch.optim.AdamW",
        ("adamw-8bit", false) => "bitsandbytes.optim.AdamW8bit",
        ("sgd", false) => "torch.optim.SGD",
        ("lion", false) => "bitsandbytes.optim.Lion",
        (other, quantised) => {
            let help = if quantised {
                "fix train.optimizer = \"paged-adamw\": a quantised base is trained with it alone"
            } else {
                "adamw, adamw-8bit, lion and sgd can be written"
            };
            problems.push(cannot(STACK, "train.optimizer", &format!("the optimizer {other}"), help));
            return;
        }
    };
    let init = Map::new().with("lr", chosen.learning_rate());
    map.set("optimizer", Map::new().with("class_path", class).with("init_args", init));
}

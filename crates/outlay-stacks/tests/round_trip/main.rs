//! A plan that was exported and imported again is forecast alike, to the last bit.
//!
//! What a foreign file cannot hold is taken from the plan's own job file; a key that stands in neither would show in the forecast.

mod many;

use outlay::catalog::Catalog;
use outlay::request::Request;
use outlay::response::Plan;
use outlay::{from_json, parse};
use outlay_stacks::export::{self, Exported};
use outlay_stacks::{Around, import};
use serde_json::Value;

const TODAY: &str = "2026-11-24";

/// Jobs of the kinds that it trains: a quantised base on one device, adapters on several, everything, from scratch.
const LITGPT_JOBS: &[&str] = &[
    "[model]\nbase = \"llama-3.1-8b\"\n[method]\nkind = \"qlora\"\ndouble_quant = false\n[data]\ntokens = \"12M\"\n",
    "[model]\nbase = \"mistral-7b-v0.1\"\n[method]\nkind = \"lora\"\ntargets = \"attention\"\n[data]\nsamples = 20_000\nmean_len = 400\n\
     [hardware]\naccelerators = [\"a100*\"]\ngpus = 4\n",
    "[model]\nbase = \"llama-3.2-1b\"\n[data]\ntokens = \"50M\"\n[hardware]\naccelerators = [\"h100-sxm\"]\ngpus = 8\n",
    "[model]\nbase = \"llama-3.2-1b\"\nstart = \"scratch\"\n[data]\ntokens = \"5B\"\nseq_len = 4096\n\
     [hardware]\naccelerators = [\"h100-sxm\"]\ngpus = 8\n",
];

/// Jobs of the kinds that it trains: by the hub's name and by dimensions, adapters, everything, in all its ways to split them.
const BRIDGE_JOBS: &[&str] = &[
    "[model]\nbase = \"llama-3.1-8b\"\nstart = \"scratch\"\n[data]\ntokens = \"1B\"\nseq_len = 8192\n[train]\nglobal_batch = 64\n\
     recompute = \"half\"\nloss = \"eager\"\n[hardware]\naccelerators = [\"h100-sxm\"]\ngpus = 16\n[layout]\ntp = 2\npp = 2\nzero = \"zero1\"\n",
    "[model]\nbase = \"mixtral-8x7b\"\nstart = \"scratch\"\n[data]\ntokens = \"1B\"\n[train]\nprecision = \"fp8\"\nschedule = \"constant\"\n\
     [hardware]\naccelerators = [\"h100-sxm\"]\ngpus = 64\n[layout]\nep = 8\nzero = \"zero1\"\n",
    "[model]\nbase = \"qwen3-8b\"\n[method]\nkind = \"lora\"\nrank = 8\ntargets = \"attention\"\n[data]\nsamples = 20_000\nmean_len = 400\n\
     packing = false\n[hardware]\naccelerators = [\"h100-sxm\"]\ngpus = 8\n[layout]\nzero = \"none\"\n",
    "[model]\nbase = \"llama-3.1-8b\"\n[data]\ntokens = \"50M\"\n[train]\noptimizer = \"sgd\"\n[hardware]\naccelerators = [\"h200-sxm\"]\n\
     gpus = 8\n[layout]\ncp = 2\nzero = \"fsdp\"\n",
    "[model]\nbase = \"llama-3.2-1b\"\n[data]\ntokens = \"50M\"\n[train]\nprecision = \"fp32\"\nrecompute = \"full\"\n\
     [hardware]\naccelerators = [\"h100-sxm\"]\ngpus = 4\n[layout]\nzero = \"zero1\"\noffload = \"optimizer\"\n",
];

/// The same on MaxText's mesh.
const MAXTEXT_JOBS: &[&str] = &[
    "[model]\nbase = \"llama-3.1-8b\"\n[method]\nkind = \"qlora\"\nrank = 16\ndouble_quant = false\n[data]\ntokens = \"5M\"\n\
     [train]\noptimizer = \"adamw\"\n[hardware]\naccelerators = [\"l40s\"]\ngpus = 1\n",
    "[model]\nbase = \"llama-3.1-8b\"\nstart = \"scratch\"\n[data]\ntokens = \"1B\"\nseq_len = 8192\n[train]\nglobal_batch = 64\n\
     recompute = \"full\"\n[hardware]\naccelerators = [\"h100-sxm\"]\ngpus = 16\n[layout]\ntp = 2\npp = 2\nvpp = 2\nzero = \"fsdp\"\n",
    "[model]\nbase = \"mixtral-8x7b\"\nstart = \"scratch\"\n[data]\ntokens = \"1B\"\n[train]\nprecision = \"fp8\"\nloss = \"chunked\"\n\
     [hardware]\naccelerators = [\"h100-sxm\"]\ngpus = 64\n[layout]\nep = 8\nzero = \"fsdp\"\nshard = 16\n",
    "[model]\nbase = \"qwen3-8b\"\n[method]\nkind = \"lora\"\nrank = 8\ntargets = [\"q_proj\", \"v_proj\"]\n\
     [data]\nsamples = 20_000\nmean_len = 400\npacking = false\n[train]\noptimizer = \"adamw\"\n[hardware]\naccelerators = [\"tpu-v5p\"]\ngpus = 4\n",
    "[model]\nbase = \"mistral-7b-v0.1\"\n[method]\nkind = \"lora\"\nbase_dtype = \"fp32\"\n[data]\ntokens = \"5M\"\n\
     [hardware]\naccelerators = [\"h200-sxm\"]\ngpus = 2\n[layout]\nzero = \"zero1\"\n",
    "[model]\nbase = \"qwen1.5-7b\"\nstart = \"scratch\"\n[data]\ntokens = \"1B\"\n[train]\noptimizer = \"sgd\"\nprecision = \"bf16-pure\"\n\
     [hardware]\naccelerators = [\"h200-sxm\"]\ngpus = 8\n[layout]\ncp = 2\nzero = \"fsdp\"\noffload = \"optimizer+parameters\"\n",
    "[model]\nbase = \"llama-3.1-8b\"\n[data]\ntokens = \"50M\"\n[train]\nattention = \"eager\"\noptimizer = \"muon\"\n\
     schedule = \"wsd\"\ncooldown = 0.2\n[hardware]\naccelerators = [\"h200-sxm\"]\ngpus = 8\n[layout]\nzero = \"fsdp\"\n",
];

/// Jobs that differ in what stands in a config.
const JOBS: &[&str] = &[
    "[model]\nbase = \"llama-3.1-8b\"\n[method]\nkind = \"qlora\"\nrank = 32\n[data]\ntokens = \"12M\"\nepochs = 3\n",
    "[model]\nbase = \"llama-3.1-8b\"\n[method]\nkind = \"lora\"\ntargets = \"attention\"\n[data]\ntokens = \"12M\"\nseq_len = 1024\n\
     packing = false\n[train]\nlearning_rate = 1e-4\nattention = \"flash2\"\noptimizer = \"adamw-8bit\"\n[hardware]\naccelerators = [\"a100*\"]\n",
    "[model]\nbase = \"llama-3.2-1b\"\n[data]\ntokens = \"50M\"\nseq_len = 4096\nepochs = 2\n[train]\nglobal_batch = 128\n\
     schedule = \"linear\"\n[hardware]\naccelerators = [\"a100-80gb-sxm\"]\ngpus = 8\n[layout]\nzero = \"fsdp\"\n",
    "[model]\nbase = \"llama-3.1-8b\"\n[data]\ntokens = \"50M\"\n[train]\noptimizer = \"adafactor\"\n\
     [hardware]\naccelerators = [\"h100-sxm\"]\ngpus = 8\n[layout]\nzero = \"zero2\"\noffload = \"none\"\n",
    "[model]\nbase = \"llama-3.1-8b\"\n[data]\ntokens = \"50M\"\n[hardware]\naccelerators = [\"l40s\"]\ngpus = 8\n\
     [layout]\nzero = \"zero3\"\noffload = \"optimizer\"\n[train]\nloss = \"chunked\"\n",
    "[model]\nbase = \"llama-3.2-3b\"\n[method]\nkind = \"dora\"\n[data]\nsamples = 20_000\nmean_len = 400\n[train]\nprecision = \"fp16\"\n\
     [hardware]\npurchase = [\"spot\"]\naccelerators = [\"a10g\", \"l4\"]\n",
    "[model]\nbase = \"mistral-7b-v0.1\"\n[method]\nkind = \"lora\"\nbase_dtype = \"int8\"\n[data]\ntokens = \"5M\"\n[hardware]\ngpus = 1\n",
];

fn exported(text: &str, to: &str, catalog: &Catalog) -> (Request, Plan, Exported) {
    let wanted = export::targets(to).expect("a target");
    let request = parse(text).unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
    let (request, _) = export::fit_to(&request, &wanted);
    let answer = outlay::plan(&request, catalog, TODAY).unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
    let plan = answer.pick.clone().unwrap_or_else(|| panic!("{text}: {}", answer.verdict));
    let files = export::export(&request, &answer, &plan, &wanted, catalog)
        .unwrap_or_else(|problems| panic!("{to}, {text}: {problems:?}"));
    let pinned = outlay::pinned(&request, &answer, &plan).expect("a pinned job");
    (pinned, plan, files)
}

/// The imported job with what the file cannot hold.
fn completed(imported: &Request, pinned: &Request, holds: &[&str]) -> Request {
    let value = |request: &Request| serde_json::to_value(request).expect("a job serialises");
    let (mut whole, from) = (value(imported), value(pinned));
    for (section, keys) in from.as_object().expect("sections") {
        let Some(keys) = keys.as_object() else { continue };
        for (key, value) in keys {
            if !holds.contains(&format!("{section}.{key}").as_str()) {
                whole[section][key] = value.clone();
            }
        }
    }
    from_json(&without_nulls(&whole).to_string()).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.clone(), without_nulls(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

fn bare(plan: &Plan) -> Plan {
    Plan { choices: Vec::new(), loss: None, finish: None, ..plan.clone() }
}

#[test]
fn what_is_exported_and_imported_again_is_forecast_alike() {
    comes_back(&["axolotl", "llama-factory", "trl"], JOBS);
}

#[test]
fn what_litgpt_trains_comes_back_alike() {
    comes_back(&["litgpt"], LITGPT_JOBS);
}

/// A program that deals layers out by hand gets the stages of the plan, even ones too.
#[test]
fn stages_come_back_as_they_were_planned() {
    let job = |layers: &str| {
        format!(
            "[model]\nbase = \"llama-3.1-8b\"\n[data]\ntokens = \"20M\"\n[train]\nrecompute = \"full\"\n[hardware]\naccelerators = [\"l40s\"]\ngpus = 8\n\
             [layout]\nvpp = 1\nzero = \"zero1\"\npp = 4\n{layers}"
        )
    };
    for layers in ["", "stage_layers = 0\n", "stage_layers = 9\n", "stage_layers = 8\n"] {
        comes_back(&["megatron-lm", "megatron-bridge"], &[&job(layers)]);
    }
}

#[test]
fn what_megatron_bridge_trains_comes_back_alike() {
    comes_back(&["megatron-bridge"], BRIDGE_JOBS);
}

#[test]
fn what_maxtext_trains_comes_back_alike() {
    comes_back(&["maxtext"], MAXTEXT_JOBS);
}

fn comes_back(programs: &[&str], jobs: &[&str]) {
    let catalog = Catalog::built_in();
    for to in programs {
        for text in jobs {
            let (pinned, plan, files) = exported(text, to, &catalog);
            alike(to, text, &pinned, &plan, &files, &catalog);
        }
    }
}

/// The file of a program, read again and completed, is forecast as the plan is.
fn alike(to: &str, text: &str, pinned: &Request, plan: &Plan, files: &Exported, catalog: &Catalog) {
    let (file, holds) = export::held(to).expect("a file that is read again");
    let config = files.files.iter().find(|one| one.name == file).expect("the config");
    let beside = |name: &str| files.files.iter().find(|one| one.name == name).map(|one| one.text.clone());
    let around = Around { accelerators: Some(plan.accelerators), file: &beside };
    let imported = import(file, &config.text, &around).unwrap_or_else(|problems| panic!("{problems:?}"));
    assert_eq!(imported.unknown, Vec::<String>::new(), "{to}\n{}", config.text);
    assert_eq!(imported.dropped, Vec::<String>::new(), "{to}\n{}", config.text);
    let job = completed(&imported.request, pinned, &holds);
    let again = outlay::estimate(&job, catalog, TODAY)
        .unwrap_or_else(|problems| panic!("{to}: {problems:?}\n{text}\n{}", config.text));
    let again = again.pick.unwrap_or_else(|| panic!("{to}: {}\n{text}\n{}", again.verdict, config.text));
    assert_eq!(bare(&again), bare(plan), "{to}, {text}\n{}", config.text);
}

/// Jobs that one program has a setting for where others have none, or says in a way of its own.
const OWN: &[(&str, &str, &str)] = &[
    ("trl", "kind = \"lora\"\nbase_dtype = \"fp32\"", "precision = \"fp32\""),
    ("trl", "kind = \"lora\"\nbase_dtype = \"fp32\"", "precision = \"tf32\""),
    ("trl", "kind = \"lora\"\nbase_dtype = \"fp32\"", "precision = \"bf16\""),
    ("axolotl", "kind = \"lora\"\nbase_dtype = \"fp32\"", "precision = \"tf32\""),
    ("axolotl", "kind = \"qlora\"\ndouble_quant = false", "optimizer = \"sgd-momentum\""),
    ("axolotl", "kind = \"full\"", "precision = \"bf16-pure\"\noptimizer = \"adafactor\""),
    ("trl", "kind = \"full\"", "precision = \"bf16-autocast\"\noptimizer = \"sgd-momentum\""),
    ("trl", "kind = \"full\"", "precision = \"bf16-pure\""),
    ("megatron-lm", "kind = \"full\"", "optimizer = \"sgd\""),
    ("torchtitan", "kind = \"full\"", "precision = \"bf16-pure\""),
];

#[test]
fn what_one_program_says_in_its_own_way_comes_back_alike() {
    let catalog = Catalog::built_in();
    for (to, method, train) in OWN {
        let model = if *to == "torchtitan" { "llama-3.1-8b" } else { "llama-3.2-1b" };
        for layout in ["zero = \"none\"", "zero = \"none\"\n[hardware]\ngpus = 4"] {
            let hardware = if layout.contains("gpus") { "" } else { "[hardware]\ngpus = 1\n" };
            let text = format!(
                "[model]\nbase = \"{model}\"\n[method]\n{method}\n[data]\ntokens = \"20M\"\n[train]\n{train}\n[layout]\n{layout}\n\
                 {hardware}accelerators = [\"h200-sxm\"]\n"
            );
            let (pinned, plan, files) = exported(&text, to, &catalog);
            alike(to, &text, &pinned, &plan, &files, &catalog);
        }
    }
}

#[test]
fn what_a_program_would_run_otherwise_is_refused_with_the_setting() {
    let catalog = Catalog::built_in();
    let text = "[model]\nbase = \"llama-3.2-1b\"\n[method]\nkind = \"lora\"\n[data]\ntokens = \"20M\"\n[train]\nprecision = \"tf32\"\n\
                [hardware]\naccelerators = [\"h100-sxm\"]\ngpus = 1\n";
    let wanted = export::targets("trl").expect("a target");
    let (request, _) = export::fit_to(&parse(text).expect("a job"), &wanted);
    let answer = outlay::plan(&request, &catalog, TODAY).expect("an answer");
    let plan = answer.pick.clone().expect("a plan");
    let problems = export::export(&request, &answer, &plan, &wanted, &catalog).expect_err("a refusal");
    let [problem] = &problems[..] else { panic!("{problems:?}") };
    assert_eq!(problem.at, "train.precision");
    assert_eq!(
        problem.message,
        "trl would run with train.precision = \"bf16\", not \"tf32\", which costs something else"
    );
    assert_eq!(problem.help, ["fix train.precision = \"bf16\", or export to another program"]);
}

#[test]
fn the_job_file_beside_gives_the_forecast_again() {
    let catalog = Catalog::built_in();
    for text in JOBS {
        let (_, plan, files) = exported(text, "trl,skypilot", &catalog);
        let job = files.files.iter().find(|file| file.name == "outlay.toml").expect("a job file");
        let job = parse(&job.text).unwrap_or_else(|problems| panic!("{problems:?}\n{}", job.text));
        let again = outlay::estimate(&job, &catalog, TODAY).expect("an estimate");
        assert_eq!(bare(&again.pick.expect("a plan")), bare(&plan), "{text}");
    }
}

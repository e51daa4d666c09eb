//! Many jobs, drawn: methods × formats × optimizers × layouts × programs. Each plan comes back alike from its file, or the
//! export says of each setting that the program has none for it, and what to do instead.

use outlay::catalog::Catalog;
use outlay::parse;
use outlay::problem::Code;
use outlay_stacks::export;
use proptest::prelude::*;
use proptest::sample::select;

use super::{TODAY, alike};

const PROGRAMS: &[&str] = &[
    "axolotl",
    "llama-factory",
    "trl",
    "transformers",
    "litgpt",
    "torchtune",
    "torchtitan",
    "megatron-lm",
    "megatron-bridge",
    "maxtext",
];

/// A line.
fn lines(lines: &'static [&'static str]) -> impl Strategy<Value = String> {
    select(lines).prop_map(|line| if line.is_empty() { String::new() } else { format!("{line}\n") })
}

/// A line, or more often none: a program refuses what it has no setting for, and with everything set little is left to compare.
fn seldom(some: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop_oneof![3 => Just(String::new()), 2 => lines(some)]
}

fn jobs() -> impl Strategy<Value = String> {
    let model = lines(&[
        "base = \"llama-3.1-8b\"",
        "base = \"llama-3.2-1b\"",
        "base = \"mistral-7b-v0.1\"",
        "base = \"llama-3.2-1b\"\nstart = \"scratch\"",
    ]);
    let method = lines(&[
        "",
        "kind = \"full\"",
        "kind = \"lora\"",
        "kind = \"lora\"\nrank = 64\ntargets = \"attention\"",
        "kind = \"lora\"\ntargets = [\"q_proj\", \"v_proj\"]\ndropout = 0.05",
        "kind = \"lora\"\nbase_dtype = \"int8\"",
        "kind = \"lora\"\nbase_dtype = \"fp32\"",
        "kind = \"lora\"\nbase_dtype = \"fp16\"",
        "kind = \"lora\"\nbase_dtype = \"bf16\"",
        "kind = \"qlora\"",
        "kind = \"qlora\"\ndouble_quant = false",
        "kind = \"dora\"",
        "kind = \"qlora\"\nrank = 8\ntargets = \"attention\"",
        "kind = \"freeze\"\ntrained_layers = 8",
    ]);
    let data = lines(&[
        "tokens = \"20M\"",
        "tokens = \"20M\"\nepochs = 2\nseq_len = 4096",
        "samples = 20_000\nmean_len = 400",
        "samples = 20_000\nmean_len = 400\npacking = false\nseq_len = 1024",
        "tokens = \"20M\"\npacking = false",
        "steps = 500\nseq_len = 2048",
    ]);
    let precision = seldom(&[
        "precision = \"bf16\"",
        "precision = \"fp16\"",
        "precision = \"fp32\"",
        "precision = \"tf32\"",
        "precision = \"bf16-pure\"",
        "precision = \"bf16-autocast\"",
        "precision = \"fp8\"",
    ]);
    let optimizer = seldom(&[
        "optimizer = \"adamw\"",
        "optimizer = \"adamw-8bit\"",
        "optimizer = \"paged-adamw-8bit\"",
        "optimizer = \"adafactor\"",
        "optimizer = \"adamw-4bit\"",
        "optimizer = \"lion\"",
        "optimizer = \"sgd\"",
        "optimizer = \"sgd-momentum\"",
        "optimizer = \"muon\"",
        "optimizer = \"adamw\"\noptimizer_execution = \"fused\"",
        "optimizer = \"adamw\"\noptimizer_execution = \"foreach\"",
        "optimizer = \"adamw\"\noptimizer_execution = \"loop\"",
        "optimizer = \"adamw\"\noptimizer_execution = \"in-backward\"",
    ]);
    let rest = (
        seldom(&["recompute = \"none\"", "recompute = \"full\"", "recompute = \"selective\"", "recompute = \"half\""]),
        seldom(&["attention = \"sdpa\"", "attention = \"flash2\"", "attention = \"eager\"", "attention = \"cudnn\""]),
        seldom(&["loss = \"chunked\"", "loss = \"fused\"", "loss = \"eager\""]),
        seldom(&["compile = true", "compile = false"]),
        seldom(&["schedule = \"linear\"", "schedule = \"constant\"", "schedule = \"wsd\"\ncooldown = 0.2"]),
        seldom(&["learning_rate = 1e-4", "global_batch = 64", "global_batch = 32\nlearning_rate = 3e-5"]),
    );
    let machines = lines(&[
        "accelerators = [\"h100-sxm\"]\ngpus = 1",
        "accelerators = [\"h100-sxm\"]\ngpus = 8",
        "accelerators = [\"a100-80gb-sxm\"]\ngpus = 4",
        "accelerators = [\"l40s\"]\ngpus = 8",
        "accelerators = [\"h100-sxm\"]\ngpus = 16",
    ]);
    let layout = (
        lines(&["zero = \"none\"", "zero = \"zero1\"", "zero = \"zero2\"", "zero = \"zero3\"", "zero = \"fsdp\""]),
        seldom(&["offload = \"none\"", "offload = \"optimizer\"", "offload = \"optimizer+parameters\""]),
        seldom(&["tp = 2", "pp = 2", "cp = 2", "tp = 2\npp = 2", "pp = 2\nvpp = 2", "shard = 4"]),
        seldom(&["micro_batch = 1", "micro_batch = 2"]),
    );
    (model, method, data, (precision, optimizer), rest, machines, layout).prop_map(
        |(model, method, data, (precision, optimizer), rest, machines, layout)| {
            let (a, b, c, d, e, f) = rest;
            let (z, o, w, m) = layout;
            format!(
                "[model]\n{model}[method]\n{method}[data]\n{data}[train]\n{precision}{optimizer}{a}{b}{c}{d}{e}{f}\
                 [hardware]\n{machines}[layout]\n{z}{o}{w}{m}"
            )
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, max_global_rejects: 100_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_comes_back_alike_or_is_refused_with_a_reason(to in select(PROGRAMS), text in jobs()) {
        let catalog = Catalog::built_in();
        let wanted = export::targets(to).expect("a target");
        let request = parse(&text).unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
        let (request, _) = export::fit_to(&request, &wanted);
        // What contradicts itself, and what fits nowhere, is no plan.
        let Ok(answer) = outlay::plan(&request, &catalog, TODAY) else { return Err(TestCaseError::reject("no job")) };
        let Some(plan) = answer.pick.clone() else { return Err(TestCaseError::reject("no plan")) };
        match export::export(&request, &answer, &plan, &wanted, &catalog) {
            Ok(files) => {
                let pinned = outlay::pinned(&request, &answer, &plan).expect("a pinned job");
                alike(to, &text, &pinned, &plan, &files, &catalog);
            }
            Err(problems) => {
                for problem in &problems {
                    prop_assert!(problem.code == Code::NotExpressible && !problem.help.is_empty(), "{problem:?}");
                }
            }
        }
    }
}

#[test]
fn what_a_file_holds_are_keys_of_a_job() {
    let known = serde_json::to_value(outlay::request::Request::default()).expect("a job serialises");
    for (section, key) in
        PROGRAMS.iter().flat_map(|to| export::held(to).expect("a file").1).filter_map(|key| key.split_once('.'))
    {
        assert!(known[section].as_object().is_some_and(|keys| keys.contains_key(key)), "{section}.{key}");
    }
}

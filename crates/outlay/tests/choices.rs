//! What may be left to the search: keys that vary, goals beside cost and time, mixed purchases, and why not another.

use outlay::catalog::Catalog;
use outlay::request::Request;
use outlay::response::{Plan, Response};
use outlay::{Problem, parse};

const TODAY: &str = "2026-11-24";

const TUNE: &str = r#"
[model]
base = "llama-3.1-8b"
[method]
kind = "qlora"
[data]
tokens = "12M"
seq_len = 2048
[train]
global_batch = 64
[hardware]
max_gpus = 8
"#;

const PRETRAIN: &str = r#"
[model]
base = "llama-3.2-1b"
start = "scratch"
[data]
tokens = "25B"
seq_len = 4096
[train]
global_batch = 256
[hardware]
accelerators = ["h100-sxm"]
max_gpus = 16
"#;

fn request(text: &str) -> Request {
    parse(text).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn ask(text: &str) -> Result<Response, Vec<Problem>> {
    outlay::plan(&request(text), &Catalog::built_in(), TODAY)
}

fn pick(text: &str) -> Plan {
    ask(text).unwrap_or_else(|problems| panic!("{problems:?}")).pick.expect("a plan")
}

fn cost(plan: &Plan) -> f64 {
    plan.cost_usd.expect("priced").mid
}

fn faults(text: &str) -> Vec<String> {
    let problems = ask(text).expect_err("refused");
    problems.iter().map(|problem| format!("{} {}", problem.code.text(), problem.at)).collect()
}

#[test]
fn the_pick_among_variants_is_the_best_of_each_alone() {
    let kinds = ["full", "lora", "qlora"];
    let formats = ["bf16", "fp8"];
    let together = pick(&format!("{TUNE}\n[vary]\nmethod.kind = {kinds:?}\ntrain.precision = {formats:?}\n"));
    let mut best = f64::INFINITY;
    for kind in kinds {
        for format in formats {
            let mut one = request(TUNE);
            one.method.kind = Some(kind.into());
            one.train.precision = Some(format.into());
            let plan = outlay::plan(&one, &Catalog::built_in(), TODAY).expect("an answer").pick.expect("a plan");
            best = best.min(cost(&plan));
        }
    }
    assert_eq!(cost(&together), best);
    let chosen: Vec<&str> = together.choices.iter().map(|choice| choice.key.as_str()).collect();
    assert_eq!(chosen, ["method.kind", "train.precision"]);
    assert!(together.loss.is_some());
}

#[test]
fn keys_may_be_dotted_nested_or_given_as_flags() {
    let nested = pick(&format!("{TUNE}\n[vary.train]\nprecision = [\"bf16\", \"fp8\"]\n"));
    let dotted = pick(&format!("{TUNE}\n[vary]\ntrain.precision = [\"bf16\", \"fp8\"]\n"));
    let quoted = pick(&format!("{TUNE}\n[vary]\n\"train.precision\" = [\"bf16\", \"fp8\"]\n"));
    let mut flagged = request(TUNE);
    flagged.vary = Some(serde_json::json!([{ "train.precision": ["bf16", "fp8"] }]));
    let flagged = outlay::plan(&flagged, &Catalog::built_in(), TODAY).expect("an answer").pick.expect("a plan");
    assert!(nested == dotted && dotted == quoted && quoted == flagged);
}

#[test]
fn what_cannot_vary_is_refused_and_what_is_no_job_is_said() {
    assert_eq!(
        faults(&format!("{TUNE}\n[vary]\ntrain.precission = [\"bf16\"]\n")),
        ["unknown-key vary.train.precission"]
    );
    assert_eq!(faults(&format!("{TUNE}\n[vary]\nlimits.budget = [1, 2]\n")), ["contradiction vary.limits.budget"]);
    assert_eq!(faults(&format!("{TUNE}\n[vary]\ntrain.precision = \"bf16\"\n")), ["wrong-type vary.train.precision"]);
    assert_eq!(
        faults(&format!("{TUNE}\n[vary]\ntrain.global_batch = \"auto\"\n")),
        ["contradiction vary.train.global_batch"]
    );
    let many: Vec<u64> = (1..=65).collect();
    assert_eq!(faults(&format!("{TUNE}\n[vary]\ntrain.global_batch = {many:?}\n")), ["out-of-range vary"]);
    let typed = faults(&format!("{TUNE}\n[vary]\ntrain.global_batch = [\"a\", \"b\"]\n"));
    assert!(typed.iter().all(|fault| fault.starts_with("wrong-type")), "{typed:?}");
    let answer =
        ask(&format!("{TUNE}\n[vary]\ntrain.precision = [\"bf16\", \"fp7\"]\n")).expect("one of them is a job");
    assert!(answer.warnings.iter().any(|warning| warning.contains("fp7 is no job")), "{:?}", answer.warnings);
    let mut estimated = request(&format!("{TUNE}\n[vary]\ntrain.precision = [\"bf16\"]\n"));
    estimated.hardware.gpus = Some(1);
    estimated.hardware.max_gpus = None;
    estimated.hardware.accelerators = vec!["h100-sxm".into()];
    let refused = outlay::estimate(&estimated, &Catalog::built_in(), TODAY).expect_err("an estimate chooses nothing");
    assert_eq!(refused[0].at, "vary");
}

#[test]
fn batches_that_convergence_bears_are_chosen_among() {
    let answer = ask(&format!("{PRETRAIN}\n[vary]\ntrain.global_batch = \"auto\"\n")).expect("an answer");
    let best = answer.pick.expect("a plan");
    assert!(cost(&best) <= cost(&pick(PRETRAIN)));
    // None of those named is more than a hundredth of a nat worse than the best, or it is the one that was written.
    let losses: Vec<f64> =
        answer.losers.iter().filter(|l| l.differs == "variant").filter_map(|l| l.plan.loss).collect();
    let least = losses.iter().copied().fold(best.loss.expect("a loss"), f64::min);
    let written = |plan: &Plan| plan.choices.iter().any(|choice| choice.value == "256");
    assert!(!losses.is_empty());
    for plan in answer.losers.iter().map(|l| &l.plan).chain([&best]).filter(|plan| !written(plan)) {
        assert!(plan.loss.is_some_and(|loss| loss <= least + 0.011), "{:?}", plan.choices);
    }
}

#[test]
fn each_goal_is_the_least_in_its_own_figure() {
    let goal = |goal: &str| pick(&format!("{TUNE}\n[goal]\nminimize = \"{goal}\"\n"));
    let (cheap, fast, sure, small) = (goal("cost"), goal("time"), goal("worst-cost"), goal("card"));
    let memory = |plan: &Plan| plan.capacity_gib * plan.accelerators as f64;
    for plan in [&cheap, &fast, &sure, &small] {
        assert!(cost(&cheap) <= cost(plan));
        assert!(fast.hours.mid <= plan.hours.mid);
        assert!(sure.cost_usd.expect("priced").high <= plan.cost_usd.expect("priced").high);
        assert!(memory(&small) <= memory(plan));
    }
}

#[test]
fn the_least_loss_spends_the_budget() {
    let job = |budget: u32| {
        let text = PRETRAIN.replace("tokens = \"25B\"\n", "");
        format!("{text}\n[limits]\nbudget = {budget}\ndeadline = \"60d\"\n[goal]\nminimize = \"loss\"\n")
    };
    let (small, large) = (ask(&job(200)).expect("an answer"), ask(&job(1000)).expect("an answer"));
    let spent = |answer: &Response| cost(answer.pick.as_ref().expect("a plan"));
    assert!((190.0..=200.0).contains(&spent(&small)) && (950.0..=1000.0).contains(&spent(&large)));
    assert!(large.job.tokens > 4 * small.job.tokens && large.quality.loss.mid < small.quality.loss.mid);
    // No more than there is.
    let capped =
        ask(&format!("{PRETRAIN}\n[limits]\nbudget = 100000\n[goal]\nminimize = \"loss\"\n")).expect("an answer");
    assert_eq!(capped.job.tokens, 25_000_000_000);
    assert_eq!(faults(&format!("{PRETRAIN}\n[goal]\nminimize = \"loss\"\n")), ["missing limits"]);
}

#[test]
fn a_steady_part_buys_time() {
    let job = |purchase: &str| {
        let text =
            PRETRAIN.replace("max_gpus = 16", &format!("gpus = 64\nproviders = [\"aws\"]\npurchase = [{purchase}]"));
        pick(&text)
    };
    let (spot, mixed, steady) = (job("\"spot\""), job("\"mixed\""), job("\"on-demand\""));
    assert!(cost(&spot) < cost(&mixed) && cost(&mixed) < cost(&steady));
    assert!(spot.hours.mid > mixed.hours.mid && mixed.hours.mid > steady.hours.mid);
    assert!(mixed.purchase.contains("in 4"), "{}", mixed.purchase);
    // With all ways allowed the front holds the steps between.
    let text = PRETRAIN
        .replace("max_gpus = 16", "gpus = 64\nproviders = [\"aws\"]\npurchase = [\"on-demand\", \"spot\", \"mixed\"]");
    let front = ask(&text).expect("an answer").front;
    assert!(front.iter().any(|plan| plan.purchase.contains("in 4")), "{front:?}");
}

#[test]
fn a_named_plan_is_told_why_it_loses() {
    let why = |change: &dyn Fn(&mut Request)| {
        let base = request(PRETRAIN);
        let mut named = base.clone();
        change(&mut named);
        outlay::why(&base, &named, &Catalog::built_in(), TODAY).expect("an answer")
    };
    let wide = why(&|named| {
        named.layout.tp = Some(8);
        named.hardware.max_gpus = None;
        named.hardware.gpus = Some(8);
    });
    let terms = wide.cost.expect("a difference");
    let total: f64 = terms.parts.iter().map(|part| part.value).sum();
    let (one, other) = (wide.pick.expect("a pick"), wide.named.expect("a plan"));
    assert!((total - (cost(&other) - cost(&one))).abs() < 1e-6 * cost(&other));
    assert!(terms.parts.iter().take(3).any(|part| part.name == "tensor-parallel communication"), "{terms:?}");
    assert!(wide.better > 0 && wide.better < wide.of);
    assert!(wide.verdict.contains("tensor-parallel communication"), "{}", wide.verdict);
    assert!(why(&|_| {}).verdict.ends_with("is the pick"));
    let small = why(&|named| {
        named.hardware.accelerators = vec!["l4".into()];
        named.hardware.max_gpus = Some(1);
        named.layout.offload = Some("none".into());
        named.model.base = Some("llama-3.1-8b".into());
    });
    assert!(small.named.is_none() && small.verdict.starts_with("It cannot be followed"), "{}", small.verdict);
}

#[test]
fn a_padded_sample_is_one_sequence_however_long() {
    let steps = |data: &str| {
        let text =
            TUNE.replace("tokens = \"12M\"\n", &format!("samples = 6400\nepochs = 2\npacking = false\n{data}\n"));
        pick(&text).steps
    };
    for data in ["", "mean_len = 500", "mean_len = 2048", "mean_len = 9000"] {
        assert_eq!(steps(data), 200, "{data}");
    }
}

#[test]
fn a_model_by_its_dimensions_alone_starts_from_scratch() {
    let custom = "[model.custom]\nlayers = 24\nhidden = 2048\nheads = 16\nffn = 8192\nvocab = 32000\n";
    let ask = |method: &str| {
        let text = format!("{custom}[data]\ntokens = \"1B\"\n[hardware]\nmax_gpus = 8\n{method}");
        ask(&text).unwrap_or_else(|problems| panic!("{problems:?}"))
    };
    let said = |answer: &Response, key: &str| {
        answer.assumptions.iter().find(|assumption| assumption.key == key).map(|assumption| assumption.value.clone())
    };
    let whole = ask("");
    assert_eq!(said(&whole, "model.start").as_deref(), Some("scratch"));
    assert_eq!(said(&whole, "train.stack").as_deref(), Some("megatron-core"));
    let adapted = ask("[method]\nkind = \"lora\"\n");
    assert_eq!(said(&adapted, "model.start"), None);
}

#[test]
fn a_usual_module_that_the_model_lacks_gets_no_adapter_and_a_slip_is_told() {
    let catalog = outlay::catalog::Catalog::built_in();
    let ask = |targets: &str| {
        let job = format!(
            "model = {{ base = \"glm-4-32b\" }}\nmethod = {{ kind = \"qlora\", targets = {targets} }}\ndata = {{ tokens = \"1M\" }}\n\
             hardware = {{ accelerators = [\"h100-sxm\"], gpus = 1 }}\n"
        );
        outlay::plan(&outlay::parse(&job).expect("a job"), &catalog, "2026-11-24")
    };
    let answer = ask(r#"["q_proj", "gate_proj", "down_proj"]"#).unwrap_or_else(|problems| panic!("{problems:?}"));
    let told = answer.warnings.iter().any(|warning| warning.contains("gate_proj: they get no adapter"));
    assert!(told, "{:?}", answer.warnings);
    for slips in [r#"["q_porj", "down_proj"]"#, r#"["gate_proj", "up_proj"]"#] {
        let problems = ask(slips).expect_err("a refusal");
        assert!(problems.iter().all(|problem| problem.at == "method.targets"), "{problems:?}");
    }
}

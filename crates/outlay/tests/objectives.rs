//! What stands beside the training for an objective: forward passes of a frozen reference or of a baseline, and its weights.
//!
//! Each example changes one thing of a fixed plan, so that the difference is the reference's alone.

use outlay::catalog::Catalog;
use outlay::core::forecast::{Forecast, cluster};
use outlay::core::memory;
use outlay::core::model::params;
use outlay::core::scenario::Scenario;
use outlay::core::scenario::recipe::{Beside, Recipe};
use outlay::core::step::calibration::Calibration;
use outlay::core::step::{Step, step};

const WHOLE: &str = "model = { base = \"llama-3.1-8b\" }\n\
     data = { tokens = \"20M\", seq_len = 2048 }\ntrain = { global_batch = 32, recompute = \"full\" }\n\
     hardware = { accelerators = [\"h100-sxm\"], gpus = 8, providers = [\"lambda\"] }\n\
     layout = { zero = \"fsdp\", micro_batch = 1, offload = \"none\" }\n";

const ADAPTERS: &str = "model = { base = \"llama-3.1-8b\" }\nmethod = { kind = \"lora\", rank = 16 }\n\
     data = { tokens = \"20M\", seq_len = 2048 }\ntrain = { global_batch = 32, recompute = \"full\" }\n\
     hardware = { accelerators = [\"h100-sxm\"], gpus = 1, providers = [\"lambda\"] }\n\
     layout = { micro_batch = 1, offload = \"none\" }\n";

/// The scenario and the forecast of a job with its plan pinned, as `train.objective` says.
fn exact(job: &str, objective: &str) -> (Scenario, Forecast) {
    let text = job.replace("recompute = \"full\"", &format!("recompute = \"full\", objective = \"{objective}\""));
    let catalog = Catalog::built_in();
    let request = outlay::parse(&text).unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
    let answer = outlay::plan(&request, &catalog, "2026-11-24").unwrap_or_else(|problems| panic!("{problems:?}"));
    let plan = answer.pick.clone().unwrap_or_else(|| panic!("{objective}: {}", answer.verdict));
    let pinned = outlay::pinned(&request, &answer, &plan).unwrap_or_else(|problems| panic!("{problems:?}"));
    let (resolved, forecast) = outlay::exact(&pinned, &catalog).unwrap_or_else(|problems| panic!("{problems:?}"));
    (resolved.scenario, forecast)
}

fn with(recipe: &Recipe, passes: u64, copy: bool) -> Recipe {
    Recipe { beside: Beside { passes, copy }, ..recipe.clone() }
}

/// One step of the same plan with so many passes beside.
fn timed(scenario: &Scenario, forecast: &Forecast, passes: u64) -> Step {
    let machines = cluster(&scenario.offers[0], forecast.plan.layout.accelerators());
    let recipe = with(&scenario.recipe, passes, false);
    step(&scenario.model, &recipe, &machines, &forecast.plan.layout, &Calibration::default())
}

#[test]
fn what_each_objective_reads_beside_the_model() {
    let beside = |job: &str, name: &str| exact(job, name).0.recipe.beside;
    let told: Vec<(u64, bool)> = ["next-token", "orpo", "reward", "dpo", "kto"]
        .into_iter()
        .map(|name| beside(WHOLE, name))
        .map(|Beside { passes, copy }| (passes, copy))
        .collect();
    // DPO: the reference reads both answers of a pair, one pass a sequence. KTO: it and the model read the mismatched pairs too.
    assert_eq!(told, [(0, false), (0, false), (0, false), (1, true), (3, true)]);
    // Adapters that are switched off are the reference.
    assert_eq!(beside(ADAPTERS, "dpo"), Beside { passes: 1, copy: false });
}

#[test]
fn a_pass_beside_takes_a_third_of_full_training_s_work_and_half_of_adapters() {
    // Forward, and backward for input and weights: 3 passes; a reference makes 4. Adapters on a frozen base: 2, then 3.
    for (job, ratio) in [(WHOLE, 4.0 / 3.0), (ADAPTERS, 3.0 / 2.0)] {
        let (scenario, forecast) = exact(job, "next-token");
        let work = |passes| timed(&scenario, &forecast, passes).model_flops.get();
        assert!((work(1) / work(0) / ratio - 1.0).abs() < 1e-12, "{} of {}", work(1), work(0));
    }
}

#[test]
fn passes_beside_take_the_time_of_forward_passes() {
    let (scenario, forecast) = exact(WHOLE, "next-token");
    let [none, one, three] = [0, 1, 3].map(|passes| timed(&scenario, &forecast, passes));
    assert_eq!(none.reference.get(), 0.0);
    assert!((three.reference.get() / one.reference.get() - 3.0).abs() < 1e-12);
    // Every layer is computed again: the pass beside takes that, and the head's forward part.
    assert!(one.reference.get() >= one.recompute.get(), "{} {}", one.reference.get(), one.recompute.get());
    assert!(one.reference.get() < 1.25 * one.recompute.get(), "{} {}", one.reference.get(), one.recompute.get());
    // What trains is untouched.
    assert_eq!(
        (one.gemm, one.attention, one.recompute, one.optimizer),
        (none.gemm, none.attention, none.recompute, none.optimizer)
    );
    let parts = one.total().get() - none.total().get();
    assert!(parts >= one.reference.get() * 0.99, "{parts} of {}", one.reference.get());
}

#[test]
fn a_copy_of_the_reference_weighs_two_bytes_a_parameter_sharded_like_the_model() {
    let (scenario, forecast) = exact(WHOLE, "next-token");
    let weights = |copy| {
        memory::footprint(&scenario.model, &with(&scenario.recipe, 1, copy), &forecast.plan.layout).weights.get()
    };
    let copy = 2.0 * params::total(&scenario.model) as f64 / 8.0;
    assert!((weights(true) - weights(false) - copy).abs() < 0.01 * copy, "{} {copy}", weights(true) - weights(false));
}

#[test]
fn a_pair_is_two_sequences() {
    let steps = |objective: &str| {
        let samples = "data = { samples = 6400, mean_len = 2048, seq_len = 2048, packing = true }";
        let text = WHOLE.replace("data = { tokens = \"20M\", seq_len = 2048 }", samples);
        exact(&text, objective).1.run.steps
    };
    assert_eq!(
        [steps("next-token"), steps("kto"), steps("dpo"), steps("orpo"), steps("reward")],
        [200, 200, 400, 400, 400]
    );
}

#[test]
fn a_step_of_the_lever_goes_to_the_objective_on_pairs_without_a_reference() {
    let steps = |objective: &str| -> Vec<(String, bool)> {
        let text = WHOLE.replace("recompute = \"full\"", &format!("recompute = \"full\", objective = \"{objective}\""));
        let request = outlay::parse(&text).unwrap_or_else(|problems| panic!("{problems:?}"));
        let told = outlay::levers(&request, &Catalog::built_in()).unwrap_or_else(|problems| panic!("{problems:?}"));
        let hours = told.standing.expect("a plan").hours;
        let of = told.levers.into_iter().filter(|step| step.lever == "train.objective");
        of.map(|step| (step.change, step.after.expect("a plan").hours < hours)).collect()
    };
    assert_eq!(steps("dpo"), [("dpo → orpo".to_owned(), true)]);
    assert_eq!(steps("orpo"), [("orpo → dpo".to_owned(), false)]);
    assert_eq!(steps("next-token"), []);
}

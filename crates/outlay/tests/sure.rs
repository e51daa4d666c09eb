//! What an answer says in parts: the bill's lines at the ends of its interval, the finishing time as a distribution, the memory of
//! each stage of a pipeline.

use outlay::catalog::Catalog;
use outlay::prices::Prices;
use outlay::response::{Finish, Line, Plan};

const TODAY: &str = "2026-11-24";

fn pick(job: &str, prices: &str) -> Plan {
    let priced = Prices::parse(prices).expect("well-formed").apply(&Catalog::built_in(), TODAY).expect("possible");
    let answer = outlay::plan(&outlay::parse(job).expect("well-formed"), &priced.catalog, TODAY).expect("possible");
    answer.pick.expect("feasible")
}

/// A fine-tuning of a few hours, bought as it is said, with every kind of line that may stand on a bill.
fn job(purchase: &str, more: &str) -> String {
    format!(
        "[model]\nbase = \"llama-3.1-8b\"\n[method]\nkind = \"lora\"\n[data]\ntokens = \"200M\"\nstored = \"400GB\"\n\
         location = \"aws:us-east-1\"\n[train]\nfailed_attempts = 0.2\nsweep = {{ kind = \"random\", trials = 3 }}\n\
         [extras]\nengineering_hours = 2\ntooling = \"$12\"\n[hardware]\naccelerators = [\"h100-sxm\"]\nmax_gpus = 8\n\
         purchase = [\"{purchase}\"]\n{more}"
    )
}

fn ends(line: &Line) -> (f64, f64) {
    line.interval.map_or((line.value, line.value), |interval| (interval.low, interval.high))
}

#[test]
fn the_lines_of_a_bill_add_up_at_both_ends_of_its_interval() {
    let discount = "[[discount]]\nprovider = \"*\"\noff = \"20%\"\n[[credit]]\nprovider = \"*\"\namount = \"$30\"\n";
    for (purchase, prices) in [("on-demand", ""), ("spot", ""), ("on-demand", discount), ("spot", discount)] {
        let plan = pick(&job(purchase, ""), prices);
        let (bill, cost) = (plan.terms.bill.as_ref().expect("priced"), plan.cost_usd.expect("priced"));
        let sums = bill.parts.iter().map(ends).fold((0.0, 0.0), |sum, end| (sum.0 + end.0, sum.1 + end.1));
        for (sum, end) in [(sums.0, cost.low), (sums.1, cost.high), (ends(bill).0, cost.low), (ends(bill).1, cost.high)]
        {
            assert!((sum / end - 1.0).abs() < 1e-9, "{sum} {end}: {purchase} {prices}");
        }
        for line in &bill.parts {
            let (low, high) = ends(line);
            // Those that take off grow with what they are taken off from.
            let grows = if line.value < 0.0 {
                low >= line.value && line.value >= high
            } else {
                low <= line.value && line.value <= high
            };
            assert!(grows, "{line:?}");
            assert_eq!(line.interval.is_some(), low != high, "{line:?}");
        }
        let of = |name: &str| bill.parts.iter().find(|line| line.name == name).unwrap_or_else(|| panic!("no {name}"));
        for (name, moves) in [
            ("machines", true),
            ("sweep", true),
            ("failed attempts", true),
            ("storage of data", true),
            ("storage of checkpoints", true),
            ("transfer of data", false),
            ("engineering", false),
            ("tools and services", false),
        ] {
            assert_eq!(of(name).interval.is_some(), moves && of(name).value != 0.0, "{:?}", of(name));
        }
    }
}

/// One factor alone moves a bill of machines alone: every line by the factor of the time.
#[test]
fn a_line_s_interval_is_as_wide_as_that_of_the_time() {
    let own = "[model]\nbase = \"llama-3.2-1b\"\n[method]\nkind = \"lora\"\n[data]\ntokens = \"500M\"\n[hardware]\n\
               accelerators = [\"rtx-4090\"]\ngpus = 1\npurchase = [\"owned\"]\nowned_price = \"$0.4\"\nelectricity = \"$0.3\"\n";
    let plan = pick(own, "");
    let bill = plan.terms.bill.as_ref().expect("priced");
    let time = plan.hours.high / plan.hours.mid;
    for line in bill.parts.iter().filter(|line| line.value > 0.0) {
        assert!((ends(line).1 / line.value / time - 1.0).abs() < 0.01, "{line:?} {time}");
    }
}

fn after(finish: &Finish, share: f64) -> f64 {
    finish.quantiles.iter().find(|quantile| quantile.share == share).expect("told").hours
}

#[test]
fn the_finishing_time_is_a_distribution_about_the_forecast() {
    for (purchase, close) in [("on-demand", 0.02), ("spot", 0.2)] {
        let plan = pick(&job(purchase, ""), "");
        let finish = plan.finish.as_ref().expect("of the pick");
        let ordered =
            |pair: &[outlay::response::Quantile]| pair[0].share < pair[1].share && pair[0].hours <= pair[1].hours;
        assert!(finish.quantiles.windows(2).all(ordered), "{finish:?}");
        // The interval is first order in how its factors mix; played out, they are not.
        for (share, end) in [(0.1, plan.hours.low), (0.5, plan.hours.mid), (0.9, plan.hours.high)] {
            let off = after(finish, share) / end - 1.0;
            assert!(off.abs() < close, "{off} at {share} of {purchase}");
        }
        assert_eq!((finish.deadline_hours, finish.in_time), (None, None));
    }
}

#[test]
fn a_deadline_is_met_with_a_chance() {
    let free = pick(&job("on-demand", ""), "");
    let finish = free.finish.as_ref().expect("of the pick");
    for share in [0.5, 0.8, 0.95] {
        let deadline = after(finish, share);
        let plan = pick(&job("on-demand", &format!("[limits]\ndeadline = \"{deadline}h\"\n")), "");
        let told = plan.finish.expect("of the pick");
        if plan.instance == free.instance && plan.accelerators == free.accelerators {
            assert!((told.in_time.expect("a deadline") - share).abs() < 0.02, "{told:?}");
        }
        assert!((told.deadline_hours.expect("a deadline") / deadline - 1.0).abs() < 1e-6);
    }
}

#[test]
fn the_fullest_stage_is_the_memory_of_the_plan() {
    let staged = "[model]\nbase = \"llama-3.1-70b\"\nstart = \"scratch\"\n[data]\ntokens = \"10B\"\nseq_len = 4096\n[train]\n\
                  global_batch = 256\nstack = \"megatron-core\"\n[hardware]\naccelerators = [\"h100-sxm\"]\ngpus = 64\n[layout]\n\
                  tp = 8\npp = 4\nmicro_batch = 1\nschedule = \"1f1b\"\n";
    let plan = pick(staged, "");
    assert_eq!(plan.stages.len(), 4);
    let sums = plan.stages.iter().map(|s| s.model_state_gib + s.activations_gib + s.buffers_gib + s.overhead_gib);
    let fullest = sums.clone().fold(0.0, f64::max);
    assert!((fullest / plan.memory_gib - 1.0).abs() < 1e-9, "{fullest} {}", plan.memory_gib);
    // The first stage keeps the most micro-batches for the backward pass.
    let kept: Vec<f64> = plan.stages.iter().map(|stage| stage.activations_gib).collect();
    assert!(kept[0] > kept[1] && kept[1] > kept[2], "{kept:?}");
    assert!(pick(&job("on-demand", ""), "").stages.is_empty());
}

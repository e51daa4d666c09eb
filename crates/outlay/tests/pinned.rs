//! A plan turned into a job gives that plan again: the same machines, the same layout, every figure to the last bit.

use outlay::catalog::Catalog;
use outlay::parse;
use outlay::response::Plan;

const TODAY: &str = "2026-11-24";

/// Jobs that differ in what they leave to the search.
const JOBS: &[(&str, &str)] = &[
    (
        "anything for adapters",
        "[model]\nbase = \"llama-3.1-8b\"\n[method]\nkind = \"qlora\"\n[data]\ntokens = \"12M\"\n[hardware]\npurchase = [\"any\"]\n",
    ),
    (
        "sharded, with parts of machines kept over interruptions",
        "[model]\nbase = \"llama-3.1-8b\"\n[data]\ntokens = \"100M\"\nseq_len = 4096\n[train]\nglobal_batch = 64\n\
         [hardware]\nmax_gpus = 32\npurchase = [\"spot\", \"mixed\"]\n",
    ),
    (
        "tensor and pipeline widths, some layers computed again",
        "[model]\nbase = \"llama-3.1-70b\"\nstart = \"scratch\"\n[data]\ntokens = \"300B\"\nseq_len = 8192\n\
         [train]\nglobal_batch = 1024\n[hardware]\naccelerators = [\"h100*\"]\ngpus = 512\n",
    ),
    (
        "experts",
        "[model]\nbase = \"mixtral-8x7b\"\nstart = \"scratch\"\n[data]\ntokens = \"50B\"\nseq_len = 4096\n\
         [train]\nglobal_batch = 1024\n[hardware]\naccelerators = [\"h100*\"]\ngpus = 256\n",
    ),
    (
        "machines of one's own",
        "[model]\nbase = \"llama-3.2-1b\"\n[data]\ntokens = \"50M\"\n[hardware]\naccelerators = [\"a100-80gb-sxm\"]\n\
         owned_price = \"$1.10\"\nmax_gpus = 8\n",
    ),
    (
        "keys that vary",
        "[model]\nbase = \"llama-3.2-1b\"\n[method]\nkind = \"lora\"\n[data]\ntokens = \"20M\"\n\
         [vary]\ntrain.precision = [\"bf16\", \"fp8\"]\ntrain.global_batch = [32, 64]\n[hardware]\nmax_gpus = 8\n",
    ),
    (
        "as many tokens as a budget buys",
        "[model]\nbase = \"llama-3.2-1b\"\nstart = \"scratch\"\n[limits]\nbudget = \"$200\"\n[goal]\nminimize = \"loss\"\n\
         [hardware]\naccelerators = [\"h100-sxm\"]\nmax_gpus = 8\n",
    ),
];

/// A plan without what only the search knows of it.
fn bare(plan: &Plan) -> Plan {
    Plan { choices: Vec::new(), loss: None, finish: None, ..plan.clone() }
}

#[test]
fn a_pinned_plan_is_forecast_alike() {
    let catalog = Catalog::built_in();
    let mut seen = 0;
    for (name, text) in JOBS {
        let request = parse(text).unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
        let answer = outlay::plan(&request, &catalog, TODAY).unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
        assert!(answer.pick.is_some(), "{name}: {}", answer.verdict);
        let plans = answer.pick.iter().chain(&answer.front).chain(answer.losers.iter().map(|loser| &loser.plan));
        for plan in plans {
            let job = outlay::pinned(&request, &answer, plan).unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
            let again = outlay::estimate(&job, &catalog, TODAY)
                .unwrap_or_else(|problems| panic!("{name}: {problems:?}\n{:?}\n{:?}", job.hardware, job.layout));
            let again = again.pick.expect("an estimate");
            assert_eq!(bare(&again), bare(plan), "{name}");
            seen += 1;
        }
    }
    assert!(seen > 40, "{seen} plans");
}

#[test]
fn an_instance_is_found_by_its_name_and_a_wrong_one_is_refused() {
    let catalog = Catalog::built_in();
    let job = |instance: &str| {
        let text = format!(
            "[model]\nbase = \"llama-3.1-8b\"\n[data]\ntokens = \"12M\"\n[hardware]\ngpus = 8\ninstance = \"{instance}\"\n"
        );
        outlay::estimate(&parse(&text).expect("a job"), &catalog, TODAY)
    };
    let plan = job("p5.48xlarge").expect("an estimate").pick.expect("a plan");
    assert_eq!((plan.provider.as_str(), plan.instance.as_str(), plan.nodes), ("aws", "p5.48xlarge", 1));
    let faults = job("p55.48xlarge").expect_err("no such machine");
    assert_eq!(faults[0].at, "hardware.instance");
}

//! The user's own prices: what they do to the pick, the bill and the search, and what is refused.

use outlay::Problem;
use outlay::catalog::Catalog;
use outlay::prices::{Priced, Prices};
use outlay::response::{Line, Plan, Response};

const TODAY: &str = "2026-11-24";

fn problems(text: &str) -> Vec<Problem> {
    match Prices::parse(text) {
        Err(problems) => problems,
        Ok(prices) => prices.apply(&Catalog::built_in(), TODAY).map(|_| ()).expect_err("refused"),
    }
}

fn priced(text: &str) -> Priced {
    Prices::parse(text).expect("well-formed").apply(&Catalog::built_in(), TODAY).expect("possible")
}

fn ask(job: &str, catalog: &Catalog) -> Response {
    outlay::plan(&outlay::parse(job).expect("well-formed"), catalog, TODAY).expect("possible")
}

fn pick(job: &str, prices: &str) -> Plan {
    ask(job, &priced(prices).catalog).pick.expect("feasible")
}

/// A small fine-tuning on H100s of one provider.
const JOB: &str = "model.base = \"llama-3.1-8b\"\nmethod.kind = \"lora\"\ndata.tokens = \"20M\"\n\
    hardware.accelerators = [\"h100-sxm\"]\nhardware.providers = [\"aws\"]\nhardware.max_gpus = 8\n";

fn line<'t>(bill: &'t Line, name: &str) -> Option<&'t Line> {
    bill.parts.iter().find(|part| part.name == name)
}

fn cost(plan: &Plan) -> f64 {
    plan.cost_usd.expect("priced").mid
}

#[test]
fn a_discount_is_a_line_of_the_bill() {
    let list = pick(JOB, "");
    let plan = pick(JOB, "[[discount]]\nprovider = \"aws\"\noff = \"20%\"\n");
    assert!((cost(&plan) / cost(&list) - 0.8).abs() < 0.01, "{} for {}", cost(&plan), cost(&list));
    let bill = plan.terms.bill.as_ref().expect("priced");
    let (machines, discount) = (line(bill, "machines").expect("there"), line(bill, "discount").expect("there"));
    assert!((discount.value + 0.2 * machines.value).abs() < 1e-9 * machines.value);
    let sum: f64 = bill.parts.iter().map(|part| part.value).sum();
    assert!((bill.value - sum).abs() < 1e-9 && (bill.value - cost(&plan)).abs() < 1e-9);
}

#[test]
fn of_several_discounts_the_last_holds_and_an_old_one_none() {
    let rules =
        "[[discount]]\nprovider = \"aws\"\noff = 0.2\n[[discount]]\naccelerator = \"h100-sxm\"\nprice = \"$2\"\n";
    let plan = pick(JOB, rules);
    assert!((plan.machine_usd_per_hour.expect("priced") - 2.0 * f64::from(8)).abs() < 1e-9 || plan.accelerators < 8);
    let old = priced("[[discount]]\nprovider = \"aws\"\noff = 0.2\nuntil = \"2026-11-23\"\n");
    assert_eq!(old.notes, ["discount[1] ended on 2026-11-23: it is not counted"]);
    assert_eq!(old.catalog.offers(), Catalog::built_in().offers());
}

#[test]
fn a_credit_is_taken_off_and_never_more_than_there_is_to_pay() {
    let list = pick(JOB, "");
    let some = pick(JOB, "[[credit]]\nprovider = \"aws\"\namount = \"$1\"\n");
    assert!((cost(&list) - cost(&some) - 1.0).abs() < 1e-9);
    let interval = some.cost_usd.expect("priced");
    assert!(interval.low < interval.mid && interval.mid < interval.high);
    let all = pick(JOB, "[[credit]]\nprovider = \"aws\"\namount = \"$1M\"\n");
    assert_eq!(cost(&all), 0.0);
    let bill = all.terms.bill.as_ref().expect("priced");
    assert!(line(bill, "credit").expect("there").value < 0.0);
    // It is not spent on hurrying: the same machines as without it.
    assert_eq!((all.accelerators, all.instance), (list.accelerators, list.instance));
}

#[test]
fn the_search_keeps_to_a_quota() {
    let free = "hardware.gpus = 8\n";
    let job = format!("{JOB}{free}").replace("hardware.max_gpus = 8\n", "");
    assert_eq!(pick(&job, "").accelerators, 8);
    let none = priced("[[quota]]\nprovider = \"aws\"\naccelerator = \"h100*\"\ngpus = 4\n");
    let answer = ask(&job, &none.catalog);
    assert!(answer.pick.is_none() && answer.verdict.starts_with("No plan is feasible"), "{}", answer.verdict);
    let answer = ask(JOB, &none.catalog);
    assert!(answer.pick.iter().chain(&answer.front).all(|plan| plan.accelerators <= 4));
}

#[test]
fn owned_machines_are_weighed_against_rented_ones() {
    let cheap = "[[owned]]\nname = \"lab\"\naccelerator = \"h100-sxm\"\ngpus = 16\nprice = \"$0.10\"\n";
    let open = JOB.replace("hardware.providers = [\"aws\"]\n", "");
    let plan = pick(&open, cheap);
    assert_eq!((plan.purchase.as_str(), plan.instance.as_str()), ("owned", "lab"));
    let dear = pick(&open, &cheap.replace("$0.10", "$90"));
    assert_ne!(dear.purchase, "owned");
    // A machine that was bought has an hour's price by its life and use: $280k over four years, 70 % used, 5 % upkeep.
    let bought = pick(&open, &cheap.replace("price = \"$0.10\"", "machine_cost = \"$28k\""));
    let hour = (28_000.0 / 4.0 + 0.05 * 28_000.0) / (8760.0 * 0.7);
    assert!((bought.machine_usd_per_hour.expect("priced") - hour).abs() < 1e-9);
}

#[test]
fn a_block_has_an_end_and_a_beginning() {
    let block = "[[block]]\nprovider = \"aws\"\naccelerator = \"h100-sxm\"\ngpus = 16\nprice = \"$0.90\"\nfrom = \"2026-12-01\"\nuntil = \"2026-12-08\"\n";
    let plan = pick(JOB, block);
    assert_eq!(plan.purchase, "block");
    let machine = plan.machine_usd_per_hour.expect("priced");
    // Seven days of the machines, used or not.
    assert!((plan.committed_usd.expect("a block obliges") - machine * 7.0 * 24.0 * plan.nodes as f64).abs() < 1e-6);
    // The deadline runs from today, the block is a week away.
    let soon = pick(&format!("{JOB}limits.deadline = \"3d\"\n"), block);
    assert_ne!(soon.purchase, "block");
    // What takes longer than the block lasts is not done on it.
    let long = JOB.replace("20M", "400B");
    assert_ne!(pick(&long, block).purchase, "block");
    assert_eq!(priced(&block.replace("2026-12", "2026-10")).notes, ["block[1] ended on 2026-10-08: it is not counted"]);
}

#[test]
fn a_commitment_has_the_price_that_was_agreed() {
    let rule = "[[commitment]]\nprovider = \"aws\"\naccelerator = \"h100-sxm\"\nyears = 1\nprice = \"$2.00\"\n";
    let plan = pick(&format!("{JOB}hardware.purchase = [\"reserved\"]\n"), rule);
    assert_eq!(plan.purchase, "reserved-1y");
    assert!(plan.price_source.contains("commitment[1]"), "{}", plan.price_source);
}

#[test]
fn time_is_billed_as_agreed() {
    let plan = pick(JOB, "[[billing]]\nprovider = \"aws\"\nminimum = \"100h\"\n");
    let machine = plan.machine_usd_per_hour.expect("priced");
    assert!(cost(&plan) >= 100.0 * machine);
}

#[test]
fn all_faults_at_once_with_the_way_out() {
    let form = problems("[[discont]]\noff = 1\n[discount]\nx = 1\n[[credit]]\namout = 5\n[[quota]]\ngpus = -1\n");
    let told: Vec<String> = form.iter().map(|p| format!("{} {}", p.at, p.message)).collect();
    assert_eq!(form.len(), 4, "{told:#?}");
    assert!(form.iter().any(|p| p.help.iter().any(|help| help.contains("`amount`"))), "{told:#?}");
    let values = problems(
        "[[discount]]\nprovider = \"awz\"\noff = \"120%\"\n[[discount]]\noff = 0.1\nprice = 2\n[[credit]]\nprovider = \"aws\"\n\
         [[owned]]\naccelerator = \"h100-sxm\"\ngpus = 8\n[[commitment]]\nyears = 2\noff = 0.4\n\
         [[block]]\nprovider = \"aws\"\naccelerator = \"h1000\"\ngpus = 0\nprice = 0\nfrom = \"soon\"\nuntil = \"2026-12-01\"\n\
         [[quota]]\nprovider = \"aws\"\n[[billing]]\nprovider = \"aws\"\n",
    );
    let told: Vec<String> = values.iter().map(|p| format!("{} {}", p.at, p.message)).collect();
    for at in [
        "discount[1].provider",
        "discount[1].off",
        "discount[2]",
        "credit[1].amount",
        "owned[1]",
        "commitment[1].years",
        "block[1].accelerator",
        "block[1].gpus",
        "block[1].price",
        "block[1].from",
        "quota[1].gpus",
        "billing[1]",
    ] {
        assert!(values.iter().any(|p| p.at == at), "{at} in {told:#?}");
    }
}

#[test]
fn the_text_of_prices_comes_back() {
    let text = "# a secret note\n[[discount]]\nprovider = \"aws\"\noff = \"20%\"\n\n[[quota]]\ngpus = 16\n";
    let prices = Prices::parse(text).expect("well-formed");
    let canonical = prices.canonical();
    assert!(!canonical.contains("secret"));
    assert_eq!(Prices::parse(&canonical).expect("well-formed"), prices);
}

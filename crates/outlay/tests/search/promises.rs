//! Limits are kept, memory never hurts, threads change nothing.

use outlay_core::forecast::Knowledge;
use outlay_core::layout::{Offload, Pins, Zero};
use outlay_core::scenario::offer::Purchase;
use outlay_core::scenario::recipe::Method;
use outlay_core::scenario::{Goal, Limits, Scenario, Size};
use outlay_core::search::{Change, Ranking, unwatched};
use outlay_core::units::{Bytes, Seconds, Share, Usd};
use proptest::prelude::*;

use crate::scenarios::{Sketch, model, qlora, recipe, scenario, scenarios};

fn ask(scenario: &Scenario) -> Ranking {
    outlay::plan::plan(scenario, &Knowledge::default(), &unwatched)
}

fn on_threads(threads: usize, scenario: &Scenario) -> Ranking {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool of threads");
    pool.install(|| ask(scenario))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn limits_are_kept(scenario in scenarios(), money in 0.2..3.0_f64, time in 0.2..3.0_f64) {
        let Some(free) = ask(&scenario).pick else { return Ok(()) };
        let limits = Limits {
            budget: Some(free.cost.mid * Share::new(money)),
            deadline: Some(free.time.mid * Share::new(time)),
        };
        let bound = Scenario { limits, ..scenario };
        let ranking = ask(&bound);
        for f in ranking.front.iter().chain(&ranking.pick) {
            prop_assert!(Some(f.cost.mid) <= limits.budget && Some(f.time.mid) <= limits.deadline);
        }
        prop_assert_eq!(ranking.pick.is_none(), ranking.front.is_empty());
        // Each relaxation of the limits is what it says.
        for relaxed in &ranking.relaxations {
            match relaxed.change {
                Change::Budget(most) => prop_assert!(relaxed.forecast.cost.mid <= most && Some(relaxed.forecast.time.mid) <= limits.deadline),
                Change::Deadline(most) => prop_assert!(relaxed.forecast.time.mid <= most && Some(relaxed.forecast.cost.mid) <= limits.budget),
                _ => {}
            }
        }
    }

    #[test]
    fn more_memory_never_makes_the_best_plan_dearer(scenario in scenarios(), more in 1.0..4.0_f64) {
        let small = Scenario { goal: Goal::Cost, ..scenario };
        let mut large = small.clone();
        for offer in &mut large.offers {
            offer.accelerator.memory = Bytes::new(offer.accelerator.memory.get() * more);
        }
        let (Some(small), large) = (ask(&small).pick, ask(&large).pick) else { return Ok(()) };
        // A tight pick may give way to one that fits for sure, at a price.
        if small.fit >= outlay_core::search::FITS {
            let large = large.expect("what fits the small cards fits the large ones");
            prop_assert!(large.cost.mid <= small.cost.mid, "{:?} after {:?}", large.plan, small.plan);
        }
    }

    #[test]
    fn threads_change_nothing(scenario in scenarios()) {
        let one = format!("{:?}", on_threads(1, &scenario));
        prop_assert_eq!(&one, &format!("{:?}", on_threads(2, &scenario)));
        prop_assert_eq!(&one, &format!("{:?}", on_threads(7, &scenario)));
    }

    /// Whatever the user fixes, there is an answer: a layout that keeps it, or the rule that stands against it.
    #[test]
    fn fixed_parts_are_kept_or_refused(scenario in scenarios(), pins in pins()) {
        let fixed = Scenario { pins, ..scenario };
        let ranking = ask(&fixed);
        let kept = |wanted: Option<u64>, got: u64| wanted.is_none_or(|wanted| wanted.max(1) == got);
        for layout in ranking.front.iter().map(|f| f.plan.layout) {
            prop_assert!(kept(pins.tp, layout.tp) && kept(pins.pp, layout.pp) && kept(pins.dp, layout.dp));
            prop_assert!(kept(pins.cp, layout.cp) && kept(pins.ep, layout.ep) && kept(pins.vpp, layout.vpp));
            prop_assert!(kept(pins.micro_batch, layout.micro_batch));
            prop_assert!(pins.zero.is_none_or(|zero| zero == layout.zero));
        }
        if ranking.counts.layouts == 0 && ranking.counts.surveyed > 0 {
            prop_assert!(ranking.obstacle.is_some());
        }
    }

    /// The front is sorted, cheapest first and slowest first.
    #[test]
    fn the_front_is_a_front(scenario in scenarios()) {
        let front = ask(&scenario).front;
        for pair in front.windows(2) {
            prop_assert!(pair[0].cost.mid < pair[1].cost.mid && pair[0].time.mid > pair[1].time.mid);
        }
    }
}

fn pins() -> impl Strategy<Value = Pins> {
    let width = || prop::sample::select(vec![None, None, None, Some(1), Some(2), Some(3), Some(u64::MAX)]);
    let zero = prop::sample::select(vec![None, Some(Zero::None), Some(Zero::Two), Some(Zero::Three)]);
    ((width(), width(), width(), width()), (width(), width(), width()), zero).prop_map(
        |((dp, tp, pp, vpp), (cp, ep, micro_batch), zero)| Pins {
            dp,
            tp,
            pp,
            vpp,
            cp,
            ep,
            micro_batch,
            zero,
            ..Pins::default()
        },
    )
}

const CARD: Sketch =
    Sketch { memory: 24.0, tera: 120.0, each: 1, network: 0.0, price: 1.0, purchase: Purchase::OnDemand };

/// An 8B-like model on one small card: the full method does not fit, and the way out that is named is QLoRA.
#[test]
fn the_way_out_of_a_small_card_is_named_and_works() {
    let mut full = scenario(model(32, 4096, 32, 8, 1), recipe(Method::Full, 2048, 16), &[CARD], Size::AtMost(1));
    full.pins.offload = Some(Offload::None);
    let ranking = ask(&full);
    assert!(ranking.pick.is_none(), "{:?}", ranking.pick);
    let quantised = ranking.relaxations.iter().any(|r| matches!(&r.change, Change::Method(Method::Lora(_))));
    assert!(quantised, "{:?}", ranking.relaxations);
    let small = scenario(model(32, 4096, 32, 8, 1), recipe(qlora(), 2048, 16), &[CARD], Size::AtMost(1));
    assert!(ask(&small).pick.is_some());
}

/// Spot at a fifth of the price wins; without checkpoints a long run on it would never end.
#[test]
fn spot_needs_checkpoints() {
    let spot = Sketch { price: 0.2, purchase: Purchase::Spot, ..CARD };
    let mut question = scenario(model(32, 4096, 32, 8, 1), recipe(qlora(), 2048, 16), &[CARD, spot], Size::AtMost(1));
    // Some days of work, whatever the card: preparing the data takes 20 s a step.
    question.data.tokens = 400_000_000;
    question.data.feed.prepared_per_cpu = Some(100);
    let bought = |question: &Scenario| {
        let pick = ask(question).pick.expect("a card is enough");
        question.offers[pick.plan.offer].purchase
    };
    assert_eq!(bought(&question), Purchase::Spot);
    question.operation.checkpoint = outlay_core::scenario::operation::Checkpoint::Never;
    assert_eq!(bought(&question), Purchase::OnDemand);
}

/// A budget that nothing meets is answered with the one that would do.
#[test]
fn the_budget_that_would_do_is_named() {
    let mut question = scenario(model(8, 1024, 8, 8, 1), recipe(Method::Full, 1024, 16), &[CARD], Size::AtMost(1));
    question.limits = Limits { budget: Some(Usd::new(0.01)), deadline: Some(Seconds::hours(1000.0)) };
    let ranking = ask(&question);
    assert!(ranking.pick.is_none());
    let Some(Change::Budget(enough)) = ranking.relaxations.first().map(|r| r.change.clone()) else {
        panic!("{:?}", ranking.relaxations)
    };
    question.limits.budget = Some(enough);
    assert!(ask(&question).pick.is_some());
}

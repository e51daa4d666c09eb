//! The search's answer against every legal plan, forecast one by one.

use outlay_core::forecast::{Forecast, Knowledge, cluster, forecast, timed};
use outlay_core::plan::{self, Plan};
use outlay_core::scenario::{Goal, Scenario};
use outlay_core::search::FITS;
use outlay_core::units::Share;
use proptest::prelude::*;

use crate::scenarios::scenarios;

/// Every plan there is; host memory only where nothing fits without.
pub(crate) fn every_plan(scenario: &Scenario) -> Vec<Forecast> {
    let knowledge = Knowledge::default();
    let mut all = Vec::new();
    for (at, offer) in scenario.offers.iter().enumerate() {
        for (nodes, accelerators) in plan::machine_counts(scenario.size, &offer.node) {
            let machines = cluster(offer, accelerators);
            for offload in plan::offloads(scenario) {
                let before = all.len();
                all.extend(plan::layouts(scenario, &machines, offload).map(|layout| {
                    forecast(scenario, &knowledge, Plan { offer: at, nodes, layout }).expect("the offer exists")
                }));
                if all[before..].iter().any(|f| f.fit >= FITS) {
                    break;
                }
            }
        }
    }
    all
}

fn worth(goal: Goal, f: &Forecast) -> (f64, f64) {
    let (cost, time) = (f.cost.mid.get(), f.time.mid.get());
    match goal {
        Goal::Cost => (cost, time),
        Goal::Time => (time, cost),
        Goal::CostTime => (cost * time, cost),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Nobody does better than the pick; and there is a pick whenever something fits.
    #[test]
    fn the_pick_is_the_best_of_all(scenario in scenarios()) {
        let ranking = outlay::plan::plan(&scenario, &Knowledge::default());
        let all = every_plan(&scenario);
        let sound = all.iter().filter(|f| f.fit >= FITS && f.run.ends());
        let best = sound.min_by(|a, b| worth(scenario.goal, a).partial_cmp(&worth(scenario.goal, b)).expect("numbers"));
        match (best, ranking.pick) {
            (Some(best), Some(pick)) => prop_assert_eq!(worth(scenario.goal, best), worth(scenario.goal, &pick)),
            (None, pick) => prop_assert!(pick.is_none_or(|pick| pick.fit < FITS)),
            (Some(best), None) => prop_assert!(false, "missed {:?}", best.plan),
        }
    }

    /// The pick alone, with machines dropped by their bound, is the pick of the whole search.
    #[test]
    fn the_pick_alone_is_the_same(scenario in scenarios()) {
        let knowledge = Knowledge::default();
        let whole = outlay::plan::plan(&scenario, &knowledge).pick;
        prop_assert_eq!(outlay::plan::pick(&scenario, &knowledge).map(|f| f.plan), whole.map(|f| f.plan));
    }

    /// No layout is quicker than the bound on its machines.
    #[test]
    fn no_layout_is_quicker_than_the_bound(scenario in scenarios()) {
        let knowledge = Knowledge::default();
        for f in every_plan(&scenario) {
            let machines = cluster(&scenario.offers[f.plan.offer], f.plan.layout.accelerators());
            let least = outlay_core::step::least(&scenario.model, &scenario.recipe, &machines, &knowledge.calibration);
            prop_assert!(f.step.total() >= least, "{:?}: {:?} below {:?}", f.plan, f.step.total(), least);
        }
    }

    /// No plan that fits beats a member of the front in both cost and time.
    #[test]
    fn nothing_dominates_the_front(scenario in scenarios()) {
        let ranking = outlay::plan::plan(&scenario, &Knowledge::default());
        let all = every_plan(&scenario);
        for member in ranking.front.iter().filter(|f| f.fit >= FITS) {
            for other in all.iter().filter(|f| f.fit >= FITS && f.run.ends()) {
                let dearer = other.cost.mid >= member.cost.mid;
                let slower = other.time.mid >= member.time.mid;
                prop_assert!(dearer || slower, "{:?} beats {:?}", other.plan, member.plan);
            }
        }
    }

    /// A forecast exists for every legal plan, and its figures are numbers that belong together.
    #[test]
    fn every_legal_plan_has_a_forecast(scenario in scenarios()) {
        for f in every_plan(&scenario) {
            let offer = &scenario.offers[f.plan.offer];
            let machines = cluster(offer, f.plan.layout.accelerators());
            prop_assert_eq!(plan::broken_rule(&scenario.model, &scenario.recipe, &machines, &f.plan.layout), None);
            prop_assert_eq!(f.plan.layout.accelerators(), machines.accelerators);
            prop_assert_eq!(f.plan.nodes, machines.nodes());
            prop_assert!(f.footprint.total().get() > 0.0 && f.step.total().get() > 0.0, "{:?}", f.plan);
            prop_assert!((Share::ZERO..=Share::ONE).contains(&f.fit));
            prop_assert!(f.time.low <= f.time.mid && f.time.mid <= f.time.high);
            prop_assert!(f.cost.low <= f.cost.mid && f.cost.mid <= f.cost.high);
            prop_assert!(!f.run.ends() || f.run.goodput() <= Share::ONE);
        }
    }

    /// What the search's shortcut rests on: a step never gets shorter with more recomputation.
    #[test]
    fn more_recomputation_is_never_quicker(scenario in scenarios()) {
        let knowledge = Knowledge::default();
        for offer in &scenario.offers {
            for (_, accelerators) in plan::machine_counts(scenario.size, &offer.node) {
                let machines = cluster(offer, accelerators);
                for split in plan::splits(&scenario, &machines) {
                    for size in split.micro_batches(&scenario.pins) {
                        let mut shortest = 0.0;
                        for recompute in plan::recomputes(&scenario) {
                            let Some(layout) = split.layout(size, recompute, plan::Offload::None) else { continue };
                            let step = timed(&scenario, &knowledge, &machines, &layout).total().get();
                            // What is cheap and whole layers are two ways; each is longer than none.
                            if recompute == outlay_core::layout::Recompute::Selective {
                                prop_assert!(step >= shortest * (1.0 - 1e-12), "step of {layout:?}: {step} after {shortest}");
                                continue;
                            }
                            prop_assert!(step >= shortest * (1.0 - 1e-12), "step of {layout:?}: {step} after {shortest}");
                            shortest = step;
                        }
                    }
                }
            }
        }
    }
}

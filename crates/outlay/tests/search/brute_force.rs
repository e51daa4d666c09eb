//! The search's answer against every legal plan, forecast one by one.

use outlay_core::against::{self, Side};
use outlay_core::forecast::{Forecast, Knowledge, cluster, forecast, timed};
use outlay_core::plan::{self, Plan};
use outlay_core::scenario::recipe::Method;
use outlay_core::scenario::{Limits, Scenario};
use outlay_core::search::{self, FITS, unwatched};
use outlay_core::term::Figure;
use outlay_core::units::{Seconds, Share, Usd};
use proptest::prelude::*;

use crate::scenarios::{qlora, scenarios};

/// Every plan there is.
pub(crate) fn every_plan(scenario: &Scenario) -> Vec<Forecast> {
    let knowledge = Knowledge::default();
    let mut all = Vec::new();
    for (at, offer) in scenario.offers.iter().enumerate() {
        for (nodes, accelerators) in plan::machine_counts(scenario.size, &offer.node) {
            if !offer.comes_in(nodes) {
                continue;
            }
            let machines = cluster(offer, accelerators);
            for offload in plan::offloads(scenario) {
                all.extend(plan::layouts(scenario, &machines, offload).map(|layout| {
                    forecast(scenario, &knowledge, Plan { variant: 0, offer: at, nodes, layout })
                        .expect("the offer exists")
                }));
            }
        }
    }
    all
}

/// Its machines are there to the end.
fn lasts(scenario: &Scenario, f: &Forecast) -> bool {
    scenario.limits.late(&scenario.offers[f.plan.offer], f.time.mid).is_none()
}

/// The goal's figure.
fn worth(scenario: &Scenario, f: &Forecast) -> f64 {
    search::worth(scenario, f).get()
}

/// Cost and time of the plans that none beats in both, cheapest first.
fn front(scenario: &Scenario, all: &[Forecast]) -> Vec<(Usd, Seconds)> {
    let within = |f: &&Forecast| scenario.limits.budget.is_none_or(|most| f.cost.mid <= most) && lasts(scenario, f);
    let mut points: Vec<(Usd, Seconds)> =
        all.iter().filter(|f| f.fit >= FITS && f.run.ends()).filter(within).map(|f| (f.cost.mid, f.time.mid)).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut quickest = f64::INFINITY;
    points.retain(|(_, time)| {
        let kept = time.get() < quickest;
        quickest = quickest.min(time.get());
        kept
    });
    points
}

/// Plans that differ only in what hides behind a waiting device come out alike but for the last digits, in which the order of a sum
/// shows.
const ROUNDING: f64 = 1e-12;

fn alike(got: f64, wanted: f64) -> bool {
    (got - wanted).abs() <= ROUNDING * wanted.abs()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Nobody does better than the pick; and there is a pick whenever something fits.
    #[test]
    fn the_pick_is_the_best_of_all(scenario in scenarios()) {
        let ranking = outlay::plan::plan(&scenario, &Knowledge::default(), &unwatched);
        let all = every_plan(&scenario);
        let sound = all.iter().filter(|f| f.fit >= FITS && f.run.ends() && lasts(&scenario, f));
        let best = sound.min_by(|a, b| worth(&scenario, a).total_cmp(&worth(&scenario, b)));
        match (best, ranking.pick) {
            (Some(best), Some(pick)) => {
                let (wanted, got) = (worth(&scenario, best), worth(&scenario, &pick));
                prop_assert!(alike(got, wanted), "{:?} for {:?}", best.plan, pick.plan);
            }
            (None, pick) => prop_assert!(pick.is_none_or(|pick| pick.fit < FITS)),
            (Some(best), None) => prop_assert!(false, "missed {:?}", best.plan),
        }
    }

    /// The front is the front of all plans, figure by figure, limits or none.
    #[test]
    fn the_front_is_that_of_all(scenario in scenarios(), money in 0.8..3.0_f64, time in 0.8..3.0_f64) {
        let knowledge = Knowledge::default();
        let Some(pick) = outlay::plan::plan(&scenario, &knowledge, &unwatched).pick.filter(|f| f.fit >= FITS) else {
            return Ok(());
        };
        let limits = Limits {
            budget: Some(pick.cost.mid * Share::new(money)),
            deadline: Some(pick.time.mid * Share::new(time)),
        };
        let all = every_plan(&scenario);
        for scenario in [scenario.clone(), Scenario { limits, ..scenario }] {
            let wanted = front(&scenario, &all);
            let ranking = outlay::plan::plan(&scenario, &knowledge, &unwatched);
            if !wanted.is_empty() {
                let got: Vec<_> = ranking.front.iter().map(|f| (f.cost.mid, f.time.mid)).collect();
                prop_assert_eq!(got.len(), wanted.len(), "{:?} {:?}", got, wanted);
                for (got, wanted) in got.iter().zip(&wanted) {
                    let same = alike(got.0.get(), wanted.0.get()) && alike(got.1.get(), wanted.1.get());
                    prop_assert!(same, "{:?} {:?}", got, wanted);
                }
            }
        }
    }

    /// With machines dropped by their bounds the answer is the same, losers included.
    #[test]
    fn bounds_change_nothing(scenario in scenarios(), money in 0.9..4.0_f64, time in 0.9..4.0_f64) {
        let knowledge = Knowledge::default();
        let free = outlay::plan::plan(&scenario, &knowledge, &unwatched).pick;
        let limits = free.map_or_else(Limits::default, |pick| Limits {
            budget: Some(pick.cost.mid * Share::new(money)),
            deadline: Some(pick.time.mid * Share::new(time)),
        });
        for scenario in [scenario.clone(), Scenario { limits, ..scenario }] {
            let (bounded, all) = (
                outlay::plan::plan(&scenario, &knowledge, &unwatched),
                search::unbounded(std::slice::from_ref(&scenario), &knowledge, &search::in_turn),
            );
            prop_assert_eq!(bounded.pick, all.pick);
            prop_assert_eq!(bounded.front, all.front);
            // Without a pick there are relaxations, and nothing is dropped.
            if bounded.pick.is_some() {
                prop_assert_eq!(bounded.losers, all.losers);
            }
            prop_assert!(bounded.counts.surveyed <= all.counts.surveyed);
        }
    }

    /// Searched together, the ways a job may be put give what they give one by one, with bounds or without.
    #[test]
    fn variants_are_searched_as_one(scenario in scenarios(), batch in prop::sample::select(vec![2, 8, 12])) {
        let knowledge = Knowledge::default();
        let mut other = scenario.clone();
        other.recipe.global_batch = batch;
        other.recipe.method = if scenario.recipe.method == Method::Full { qlora() } else { Method::Full };
        let together = [scenario, other];
        let ranking = outlay::plan::among(&together, &knowledge, &unwatched);
        let alone: Vec<Forecast> = together
            .iter()
            .filter_map(|one| outlay::plan::plan(one, &knowledge, &unwatched).pick.filter(|f| f.fit >= FITS))
            .collect();
        let best = alone.iter().map(|f| worth(&together[0], f)).fold(f64::INFINITY, f64::min);
        // The memory of the machines depends on the offer alone, which both have.
        if let Some(pick) = ranking.pick.filter(|_| best.is_finite()) {
            prop_assert!(alike(worth(&together[pick.plan.variant], &pick), best));
        }
        let all = search::unbounded(&together, &knowledge, &search::in_turn);
        prop_assert_eq!(ranking.pick, all.pick);
        prop_assert_eq!(ranking.front, all.front);
        if ranking.pick.is_some() {
            prop_assert_eq!(ranking.losers, all.losers);
        }
    }

    /// Where a plan stands is the number of better ones; its difference to the pick is the sum of its terms.
    #[test]
    fn a_named_plan_stands_where_it_is_said_to(scenario in scenarios(), at in any::<prop::sample::Index>()) {
        let knowledge = Knowledge::default();
        let all = every_plan(&scenario);
        let Some(pick) = outlay::plan::plan(&scenario, &knowledge, &unwatched).pick else { return Ok(()) };
        let named = at.get(&all);
        let figure = search::worth(&scenario, named);
        let (better, of) = outlay::plan::place(std::slice::from_ref(&scenario), &knowledge, figure);
        prop_assert!(better <= of);
        // Machines at an offer count once, with their quickest layout.
        let sound = |f: &&Forecast| f.fit >= FITS && f.run.ends() && lasts(&scenario, f);
        let under = |figure: f64| {
            let under = all.iter().filter(sound).filter(|f| search::worth(&scenario, f).get() < figure);
            under.map(|f| (f.plan.offer, f.plan.nodes)).collect::<std::collections::BTreeSet<_>>().len() as u64
        };
        let (least, most) = (under(figure.get() * (1.0 - ROUNDING)), under(figure.get() * (1.0 + ROUNDING)));
        prop_assert!((least..=most).contains(&better), "{better}, not {least} to {most}");
        let one = Side { forecast: &pick, offer: &scenario.offers[pick.plan.offer] };
        let other = Side { forecast: named, offer: &scenario.offers[named.plan.offer] };
        let (cost, time) = (against::cost(one, other), against::time(one, other));
        let close = |got: f64, wanted: f64, scale: f64| (got - wanted).abs() <= 1e-9 * (1.0 + scale);
        let (Figure::Usd(cost), Figure::Seconds(time)) = (cost.figure, time.figure) else { panic!("units") };
        prop_assert!(close(cost.get(), (named.cost.mid - pick.cost.mid).get(), named.cost.mid.get()));
        prop_assert!(close(time.get(), (named.time.mid - pick.time.mid).get(), named.time.mid.get()));
    }

    /// Ended early, the search says how much better another plan might be, and none is better than that.
    #[test]
    fn the_gap_is_proven(scenario in scenarios()) {
        let knowledge = Knowledge::default();
        let early = outlay::plan::plan(&scenario, &knowledge, &|_| false);
        if let (Some(pick), Some(least)) = (early.pick, early.unproven) {
            let best = outlay::plan::plan(&scenario, &knowledge, &unwatched).pick.expect("there is one");
            prop_assert!(worth(&scenario, &best) >= least.get().min(worth(&scenario, &pick)));
        }
    }

    /// The pick alone, with machines dropped by their bound, is the pick of the whole search.
    #[test]
    fn the_pick_alone_is_the_same(scenario in scenarios()) {
        let knowledge = Knowledge::default();
        let whole = outlay::plan::plan(&scenario, &knowledge, &unwatched).pick;
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
        let ranking = outlay::plan::plan(&scenario, &Knowledge::default(), &unwatched);
        let all = every_plan(&scenario);
        for member in ranking.front.iter().filter(|f| f.fit >= FITS) {
            for other in all.iter().filter(|f| f.fit >= FITS && f.run.ends() && lasts(&scenario, f)) {
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

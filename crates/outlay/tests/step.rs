//! Properties of a step's time: what must hold for every legal layout of every question.

#[path = "search/scenarios.rs"]
#[allow(dead_code)]
mod scenarios;

use outlay_core::forecast::cluster;
use outlay_core::layout::{Layout, Offload};
use outlay_core::plan::{layouts, machine_counts};
use outlay_core::scenario::Scenario;
use outlay_core::scenario::cluster::{Cluster, Link};
use outlay_core::step::calibration::Calibration;
use outlay_core::step::{Step, step};
use outlay_core::units::Share;
use proptest::prelude::*;
use scenarios::scenarios;

/// Some legal layouts on each offer.
fn legal(scenario: &Scenario) -> Vec<(Cluster, Layout)> {
    let mut found = Vec::new();
    for offer in &scenario.offers {
        for (_, accelerators) in machine_counts(scenario.size, &offer.node) {
            let cluster = cluster(offer, accelerators);
            let all: Vec<Layout> = layouts(scenario, &cluster, Offload::None).collect();
            let every = all.len() / 20 + 1;
            found.extend(all.into_iter().step_by(every).map(|layout| (cluster.clone(), layout)));
        }
    }
    found
}

fn timed(scenario: &Scenario, cluster: &Cluster, layout: &Layout) -> Step {
    step(&scenario.model, &scenario.recipe, cluster, layout, &Calibration::default())
}

fn parts(s: &Step) -> [f64; 18] {
    [
        s.gemm,
        s.experts,
        s.attention,
        s.scan,
        s.elementwise,
        s.dequantise,
        s.recompute,
        s.launch,
        s.comm_dp,
        s.comm_tp,
        s.comm_pp,
        s.comm_cp,
        s.comm_ep,
        s.bubble,
        s.optimizer,
        s.offload,
        s.straggler,
        s.loader,
    ]
    .map(|part| part.get())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn parts_are_finite_and_add_up(scenario in scenarios()) {
        for (cluster, layout) in legal(&scenario) {
            let step = timed(&scenario, &cluster, &layout);
            let parts = parts(&step);
            prop_assert!(parts.iter().all(|part| part.is_finite() && *part >= 0.0), "{layout:?}: {step:?}");
            let sum: f64 = parts.iter().sum();
            prop_assert!(sum > 0.0 && (sum - step.total().get()).abs() <= 1e-9 * sum, "{layout:?}: {step:?}");
        }
    }

    #[test]
    fn no_device_beats_its_peak(scenario in scenarios()) {
        for (cluster, layout) in legal(&scenario) {
            let step = timed(&scenario, &cluster, &layout);
            prop_assert!(step.mfu().get() > 0.0 && step.hfu().get() < 1.0, "{layout:?}: {step:?}");
            prop_assert!(step.hardware_flops >= step.model_flops);
            prop_assert!(step.model_flops_full >= step.model_flops);
        }
    }

    #[test]
    fn more_bandwidth_is_never_slower(scenario in scenarios(), more in 1.0..8.0_f64) {
        for (cluster, layout) in legal(&scenario) {
            let before = timed(&scenario, &cluster, &layout).total().get();
            let wider = |link: Link| Link { bandwidth: link.bandwidth * Share::new(more), ..link };
            let mut memory = cluster.clone();
            memory.accelerator.memory_bandwidth = cluster.accelerator.memory_bandwidth * Share::new(more);
            let mut inside = cluster.clone();
            inside.node.intra = wider(cluster.node.intra);
            let mut outside = cluster.clone();
            outside.node.inter = cluster.node.inter.map(wider);
            for faster in [memory, inside, outside] {
                let after = timed(&scenario, &faster, &layout).total().get();
                prop_assert!(after <= before * (1.0 + 1e-9), "{layout:?}: {before} s became {after} s");
            }
        }
    }
}

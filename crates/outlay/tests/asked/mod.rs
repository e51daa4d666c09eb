//! A job that is fully said, ready for timing, shared by the tests of a step's terms.

use outlay_core::forecast::cluster;
use outlay_core::layout::Layout;
use outlay_core::scenario::Scenario;
use outlay_core::scenario::cluster::Cluster;
use outlay_core::step::calibration::Calibration;
use outlay_core::step::{Step, step};

/// What a job asks, with the machines and layout it names.
pub(crate) fn asked(text: &str) -> (Scenario, Cluster, Layout) {
    let request = outlay::parse(text).unwrap_or_else(|problems| panic!("{problems:?}"));
    let (resolved, forecast) = outlay::exact(&request, &outlay::catalog::Catalog::built_in())
        .unwrap_or_else(|problems| panic!("{problems:?}"));
    let layout = forecast.plan.layout;
    let machines = cluster(&resolved.scenario.offers[forecast.plan.offer], layout.accelerators());
    (resolved.scenario, machines, layout)
}

/// Its step before calibration.
pub(crate) fn timed(scenario: &Scenario, cluster: &Cluster, layout: &Layout) -> Step {
    step(&scenario.model, &scenario.recipe, cluster, layout, &Calibration::default())
}

//! The finishing time with its tail: interruptions of many runs played out with a fixed seed.
//!
//! The core takes its random numbers from here, so that the same question has the same answer on every machine. Only the
//! plan that is shown first is played; the search lives on the closed form.

use outlay_core::forecast::Forecast;
use outlay_core::run::simulate::{self, Course};
use outlay_core::scenario::Scenario;
use outlay_core::scenario::offer::{Offer, Purchase};
use outlay_core::units::Share;
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng, SeedableRng};

use crate::response::Finish;

/// Stretches of work that are played in all: enough for a percent, few enough for a tenth of a second.
const STRETCHES: f64 = 3e6;
/// Fewest and most runs.
const RUNS: (f64, f64) = (300.0, 4000.0);
/// Seed of every answer.
const SEED: u64 = 1;

/// When the run is finished; `None` where nothing interrupts it.
pub(crate) fn played(scenario: &Scenario, offer: &Offer, forecast: &Forecast) -> Option<Finish> {
    let run = &forecast.run;
    let mean = run.mean_between?;
    let work = run.computing + run.evaluating;
    let interval = run.interval.unwrap_or(work);
    // Means between interruptions of spot machines differ by a factor of e from zone to zone, failures by less.
    let scatter = Share::new(if matches!(offer.purchase, Purchase::Spot | Purchase::Mixed) { 1.0 } else { 0.55 });
    let restart = scenario.operation.restart;
    let course = Course { work, interval, stall: run.stall, restart, mean, scatter };
    let stretches = (work / interval).get() + (run.wall() / mean).get() + 1.0;
    let runs = (STRETCHES / stretches).clamp(RUNS.0, RUNS.1) as u64;
    let mut numbers = Pcg64Mcg::seed_from_u64(SEED);
    let mut draw = || Share::new(((numbers.next_u64() >> 11) + 1) as f64 / (1_u64 << 53) as f64);
    let finish = simulate::finish(&course, runs, &mut draw);
    let before = run.sweeping + run.startup + run.fetching + run.waiting;
    let hours = |time: outlay_core::units::Seconds| (before + time).to_hours();
    Some(Finish {
        half: hours(finish.half),
        nine_in_ten: hours(finish.nine_in_ten),
        nearly_all: hours(finish.nearly_all),
    })
}

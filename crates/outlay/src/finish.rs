//! The finishing time as a distribution: everything uncertain of many runs played out with a fixed seed.
//!
//! The core takes its random numbers from here, so that the same question has the same answer on every machine. Only the
//! plan that is shown first is played; the search lives on the closed form.

use outlay_core::forecast::Forecast;
use outlay_core::interval::DEVIATIONS;
use outlay_core::run::simulate::{self, Course, Hazard};
use outlay_core::scenario::Scenario;
use outlay_core::scenario::offer::{Offer, Purchase};
use outlay_core::units::{Seconds, Share};
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng, SeedableRng};

use crate::response::{Finish, Quantile};

/// Interruptions that are played in all: enough for a percent, few enough for a millisecond or two.
const INTERRUPTIONS: f64 = 4e4;
/// Fewest and most runs.
const RUNS: (f64, f64) = (200.0, 600.0);
/// Seed of every answer.
const SEED: u64 = 1;
/// Shares of the runs whose finishing time is told.
const SHARES: [f64; 13] = [0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99];

/// When the run is finished.
pub(crate) fn played(scenario: &Scenario, offer: &Offer, forecast: &Forecast) -> Finish {
    let run = &forecast.run;
    let fleeting = matches!(offer.purchase, Purchase::Spot | Purchase::Mixed);
    let work = run.computing + run.evaluating;
    let hazard = run.mean_between.map(|mean| Hazard {
        mean,
        // Means between interruptions of spot machines differ by a factor of e from zone to zone, failures by less.
        scatter: Share::new(if fleeting { 1.0 } else { 0.55 }),
        restart: scenario.operation.restart,
        wait: if fleeting { scenario.operation.spot_wait } else { Seconds::ZERO },
    });
    // How long a step takes and how many there are, as one factor.
    let pace = |amount: Share| Share::new(forecast.spread.bound.get().hypot(amount.get().ln()) / DEVIATIONS.get());
    let course = Course {
        before: run.startup + run.fetching,
        ahead: run.sweeping,
        work,
        pace: (pace(scenario.data.band.0), pace(scenario.data.band.1)),
        interval: run.interval.unwrap_or(work),
        stall: run.stall,
        hazard,
    };
    let runs = (INTERRUPTIONS / (run.interruptions().get() + 1.0)).clamp(RUNS.0, RUNS.1) as u64;
    let mut numbers = Pcg64Mcg::seed_from_u64(SEED);
    let mut draw = || Share::new(((numbers.next_u64() >> 11) + 1) as f64 / (1_u64 << 53) as f64);
    let finish = simulate::finish(&course, runs, &mut draw);
    let deadline = scenario.limits.ends(offer);
    Finish {
        quantiles: SHARES
            .iter()
            .map(|share| Quantile { share: *share, hours: finish.at(Share::new(*share)).to_hours() })
            .collect(),
        deadline_hours: deadline.map(Seconds::to_hours),
        in_time: deadline.map(|deadline| finish.by(deadline).get()),
    }
}

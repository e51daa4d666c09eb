//! The search over threads.
//!
//! The core says what is to be surveyed and how; here it is spread over the processors. Surveys are pure and come back
//! in their order, so any number of threads gives the same bytes. The number is rayon's: all processors, or what
//! `RAYON_NUM_THREADS` or the caller's own pool says.

use outlay_core::forecast::{Forecast, Knowledge};
use outlay_core::scenario::Scenario;
use outlay_core::search::{self, Ranking, Survey, Watch};
use outlay_core::units::Share;

/// Searches every legal plan of a scenario; `watch` may end it early.
#[must_use]
pub fn plan(scenario: &Scenario, knowledge: &Knowledge, watch: Watch<'_>) -> Ranking {
    among(std::slice::from_ref(scenario), knowledge, watch)
}

/// Searches every legal plan of several scenarios that all would do.
#[must_use]
pub fn among(variants: &[Scenario], knowledge: &Knowledge, watch: Watch<'_>) -> Ranking {
    search::search(variants, knowledge, &map, watch)
}

/// How many plans do better than this figure of the goal, and how many there are: machines at offers.
#[must_use]
pub fn place(variants: &[Scenario], knowledge: &Knowledge, worth: Share) -> (u64, u64) {
    search::place(variants, knowledge, &map, worth)
}

/// The best plan of a scenario on the calling thread, and nothing beside it.
#[must_use]
pub fn pick(scenario: &Scenario, knowledge: &Knowledge) -> Option<Forecast> {
    search::pick(scenario, knowledge)
}

#[cfg(feature = "threads")]
fn map(count: usize, survey: &(dyn Fn(usize) -> Survey + Sync)) -> Vec<Survey> {
    use rayon::prelude::*;

    // One survey may take a thousand times as long as its neighbour: they are handed out one by one.
    (0..count).into_par_iter().with_max_len(1).map(survey).collect()
}

#[cfg(not(feature = "threads"))]
fn map(count: usize, survey: &(dyn Fn(usize) -> Survey + Sync)) -> Vec<Survey> {
    search::in_turn(count, survey)
}

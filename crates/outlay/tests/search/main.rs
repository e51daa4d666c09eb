//! What the search promises, on random scenarios.

mod brute_force;
mod counts;
mod promises;
mod scenarios;

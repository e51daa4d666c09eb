//! What the search promises, on random scenarios.

mod brute_force;
mod counts;
mod drafts;
mod promises;
mod scenarios;

//! One way to run a scenario: an offer, how many machines of it, and a layout.
//!
//! Does not know: whether it fits ([`crate::memory`]) or how fast it is ([`crate::step`]).

pub use crate::layout::{Layout, Offload, Pins, Recompute, Schedule, Zero};

/// One way to run a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Which offer: index into [`crate::scenario::Scenario::offers`].
    pub offer: usize,
    /// Machines rented.
    pub nodes: u64,
    /// How the job is laid out on them.
    pub layout: Layout,
}

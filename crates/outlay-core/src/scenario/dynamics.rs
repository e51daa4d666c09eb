//! How the model learns: where it starts, at which rate, what is tried before, when it stops.
//!
//! None of it changes a step; it decides how many there are, and how good the model becomes.

use alloc::vec::Vec;

use crate::learning::doubt::Pilot;
use crate::learning::numerics::Sparsity;
use crate::learning::rate::Schedule;
use crate::units::{Params, Share, Tokens};

/// How the model learns.
#[derive(Debug, Clone, PartialEq)]
pub struct Dynamics {
    /// Where it starts.
    pub start: Start,
    /// Peak learning rate; `None`: the recommended one.
    pub rate: Option<Share>,
    /// Its shape over the run.
    pub schedule: Schedule,
    /// Runs of the user's own on the same data.
    pub pilots: Vec<Pilot>,
    /// Search for settings before the run.
    pub sweep: Option<Sweep>,
    /// Stops when nothing improves any more.
    pub stopping: Option<Stopping>,
    /// Weights held at zero.
    pub sparsity: Option<Sparsity>,
}

impl Default for Dynamics {
    fn default() -> Self {
        Self {
            start: Start::Pretrained { closeness: Share::new(0.7) },
            rate: None,
            schedule: Schedule::Cosine,
            pilots: Vec::new(),
            sweep: None,
            stopping: None,
            sparsity: None,
        }
    }
}

/// Where training starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Start {
    /// Random weights.
    Scratch,
    /// A trained model.
    Pretrained {
        /// How close its text is to the new one: 0 far, 1 near.
        closeness: Share,
    },
}

/// A search for good settings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sweep {
    /// How trials are chosen and cut short.
    pub kind: SweepKind,
    /// Trials started.
    pub trials: u64,
    /// One in so many trials goes on at each rung.
    pub eta: u64,
    /// Trials at a time, each on machines of its own.
    pub parallel: u64,
    /// Share of the full run that a trial may take.
    pub length: Share,
    /// Trials that go on resume from where they were.
    pub resume: bool,
    /// Size and tokens of the small model that stands in for the large one; µTransfer alone.
    pub proxy: Option<(Params, Tokens)>,
}

/// How trials are chosen and cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SweepKind {
    /// Every point of a grid.
    Grid,
    /// Points at random.
    Random,
    /// The worst are dropped, rung by rung.
    Halving,
    /// Successive halving at several cuts.
    Hyperband,
    /// Halving without waiting for a rung to fill.
    Asha,
    /// A population that copies its best while it trains.
    Population,
    /// Each trial chosen by a model of the ones before.
    Bayesian,
    /// Tried on a small model, used on the large one.
    MuTransfer,
}

impl SweepKind {
    /// Every kind.
    pub const ALL: &[Self] = &[
        Self::Grid,
        Self::Random,
        Self::Halving,
        Self::Hyperband,
        Self::Asha,
        Self::Population,
        Self::Bayesian,
        Self::MuTransfer,
    ];

    /// As job files write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Grid => "grid",
            Self::Random => "random",
            Self::Halving => "halving",
            Self::Hyperband => "hyperband",
            Self::Asha => "asha",
            Self::Population => "pbt",
            Self::Bayesian => "bayesian",
            Self::MuTransfer => "mutransfer",
        }
    }
}

/// Stopping when nothing improves any more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stopping {
    /// Evaluations without improvement that are waited for.
    pub patience: u64,
    /// Evaluations in a pass over the data.
    pub per_pass: u64,
    /// Passes after which the model is expected to be best; `None`: it improves to the end.
    pub best: Option<Share>,
}

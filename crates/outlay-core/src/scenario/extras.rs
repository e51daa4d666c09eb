//! Lines of the bill that no machine makes: people, tools, licences, reviews, deployment, and work that is thrown away.

use alloc::vec::Vec;

use crate::units::{Share, Usd};

/// What is paid beside the run itself; all of it is nothing unless said.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Extras {
    /// Machine time of attempts that are thrown away, in full runs.
    pub attempts: Share,
    /// Time spent evaluating, as a share of training.
    pub evaluation: Share,
    /// Preparing the data before the run.
    pub preparation: Usd,
    /// Named lines, each with its sum.
    pub lines: Vec<Extra>,
}

/// A named line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Extra {
    /// What for.
    pub name: &'static str,
    /// How much.
    pub cost: Usd,
}

impl Extras {
    /// Sum of the named lines.
    #[must_use]
    pub fn named(&self) -> Usd {
        self.lines.iter().map(|line| line.cost).sum()
    }
}

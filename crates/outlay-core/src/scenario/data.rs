//! What is trained on and for how long.

use crate::units::Bytes;

/// The amount of training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Data {
    /// Distinct tokens.
    pub tokens: u64,
    /// Passes over them, in thousandths (so that 2.5 epochs stay exact).
    pub epochs_milli: u64,
    /// Stored size, if known: for storage and transfer.
    pub stored: Option<Bytes>,
    /// Tokens that one host processor prepares in a second (tokenising on the fly); `None`: prepared beforehand.
    pub prepared_per_cpu: Option<u64>,
}

impl Data {
    /// Tokens seen in training.
    #[must_use]
    pub fn trained_tokens(&self) -> u64 {
        ((u128::from(self.tokens) * u128::from(self.epochs_milli)) / 1000) as u64
    }
}

//! What is trained on and for how long.

use crate::units::{Bytes, UsdPerHour};

/// The amount of training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Data {
    /// Distinct tokens.
    pub tokens: u64,
    /// Passes over them, in thousandths (so that 2.5 epochs stay exact).
    pub epochs_milli: u64,
    /// Stored size, if known: for storage and transfer.
    pub stored: Option<Bytes>,
    /// Price of keeping data and checkpoints, for the whole run's storage, if known.
    pub storage_price: Option<UsdPerHour>,
}

impl Data {
    /// Tokens seen in training.
    #[must_use]
    pub fn trained_tokens(&self) -> u64 {
        ((u128::from(self.tokens) * u128::from(self.epochs_milli)) / 1000) as u64
    }
}

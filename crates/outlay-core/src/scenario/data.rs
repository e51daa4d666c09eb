//! What is trained on, for how long, and how it reaches the machines.

use crate::units::{Bytes, BytesPerSec, Share};

/// The amount of training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Data {
    /// Distinct tokens.
    pub tokens: u64,
    /// Passes over them, in thousandths (so that 2.5 epochs stay exact).
    pub epochs_milli: u64,
    /// Factors on the amount at the ends of an 80 % band; both 1 where it is given, not derived from a goal.
    pub band: (Share, Share),
    /// What a token is worth against ordinary text of its kind.
    pub quality: Share,
    /// Variants made of each sample: each pass sees another one.
    pub variants: Share,
    /// Stored size, if known: for storage and transfer.
    pub stored: Option<Bytes>,
    /// How it is fed to the machines.
    pub feed: Feed,
}

/// How data reach the machines.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Feed {
    /// Tokens that one host processor prepares in a second (tokenising on the fly); `None`: prepared beforehand.
    pub prepared_per_cpu: Option<u64>,
    /// Processes that prepare on one machine; `None`: as many as it has processors.
    pub workers: Option<u64>,
    /// What one machine reads from where the data lie; `None`: faster than it can matter.
    pub read: Option<BytesPerSec>,
    /// Bytes read for a token.
    pub bytes_each: Bytes,
    /// After the first pass they are read from the machine's own disk.
    pub cached: bool,
}

impl Data {
    /// Tokens seen in one pass, nothing else said.
    #[must_use]
    pub fn of(tokens: u64) -> Self {
        Self {
            tokens,
            epochs_milli: 1000,
            band: (Share::ONE, Share::ONE),
            quality: Share::ONE,
            variants: Share::ONE,
            stored: None,
            feed: Feed::default(),
        }
    }

    /// Tokens seen in training.
    #[must_use]
    pub fn trained_tokens(&self) -> u64 {
        ((u128::from(self.tokens) * u128::from(self.epochs_milli)) / 1000) as u64
    }

    /// Passes over the data.
    #[must_use]
    pub fn passes(&self) -> Share {
        Share::new(self.epochs_milli as f64 / 1000.0)
    }
}

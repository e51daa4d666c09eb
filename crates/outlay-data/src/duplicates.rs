//! Samples that stand in the set more than once, byte for byte.
//!
//! Each text is known by 64 bits of its hash: exact until the table is full, then only hashes that end in a zero are kept,
//! then in two, and so on. Which samples that leaves depends on their text alone, so repetitions stay together and the share
//! among the kept ones is a fair estimate. Two different texts of the same hash would be taken for one; among a million
//! samples the chance of a single such pair is below one in ten million.
//!
//! Does not know: near duplicates.

use std::collections::HashMap;

use crate::scan::Duplicates;

/// Hashes that are kept at once, some 40 MB: just below where the table would double.
const KEPT_MAX: usize = 1_800_000;

/// How often each hash was seen.
#[derive(Debug)]
pub(crate) struct Seen {
    times: HashMap<u64, u32>,
    /// Binary zeros that a hash has to end in.
    zeros: u32,
    most: usize,
}

impl Default for Seen {
    fn default() -> Self {
        Self { times: HashMap::new(), zeros: 0, most: KEPT_MAX }
    }
}

impl Seen {
    /// One more sample.
    pub(crate) fn add(&mut self, hash: u64) {
        if !self.wanted(hash) {
            return;
        }
        let times = self.times.entry(hash).or_default();
        *times = times.saturating_add(1);
        while self.times.len() > self.most && self.zeros < 63 {
            self.zeros += 1;
            let zeros = self.zeros;
            self.times.retain(|hash, _| hash.trailing_zeros() >= zeros);
        }
    }

    fn wanted(&self, hash: u64) -> bool {
        hash.trailing_zeros() >= self.zeros
    }

    /// As it is told.
    pub(crate) fn summary(&self) -> Duplicates {
        let samples: u64 = self.times.values().map(|times| u64::from(*times)).sum();
        let again = samples - self.times.len() as u64;
        let share = if samples == 0 { 0.0 } else { again as f64 / samples as f64 };
        Duplicates { share, exact: self.zeros == 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::Seen;

    fn hash(number: u64) -> u64 {
        // The finaliser of SplitMix64.
        let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    #[test]
    fn a_small_set_is_exact() {
        let mut seen = Seen::default();
        [1, 2, 2, 3, 2].map(hash).into_iter().for_each(|h| seen.add(h));
        let found = seen.summary();
        assert_eq!((found.share, found.exact), (0.4, true));
        assert_eq!(Seen::default().summary().share, 0.0);
    }

    #[test]
    fn a_full_table_estimates_within_bounds() {
        let mut seen = Seen { most: 1000, ..Seen::default() };
        // A quarter of all samples repeat one that stood before.
        (0..60_000u64).for_each(|n| seen.add(hash(1 + n % 45_000)));
        let found = seen.summary();
        assert!(!found.exact && seen.times.len() <= 1000);
        assert!((found.share - 0.25).abs() < 0.05, "{}", found.share);
    }
}

//! How long samples are: how many have each length.
//!
//! Lengths are kept whole up to 65,536 tokens and with thirteen binary digits above, so that the table stays below a few
//! hundred thousand rows whatever the set; counts and sums of tokens are exact all the same.
//!
//! Does not know: what the lengths are used for.

use std::collections::BTreeMap;

use crate::scan::{Bucket, Lengths};

/// Binary digits that are kept of a length.
const DIGITS: u32 = 17;
const DIGITS_ABOVE: u32 = 13;

/// Samples by length.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// For each length: how many samples, and the tokens of all of them.
    by_length: BTreeMap<u64, (u64, u64)>,
    pub(crate) samples: u64,
    pub(crate) tokens: u64,
    min: u64,
    max: u64,
}

impl Counts {
    /// One more.
    pub(crate) fn add(&mut self, length: u64) {
        self.min = if self.samples == 0 { length } else { self.min.min(length) };
        self.max = self.max.max(length);
        self.samples += 1;
        self.tokens += length;
        let entry = self.by_length.entry(rounded(length)).or_default();
        entry.0 += 1;
        entry.1 += length;
    }

    /// Length and number of samples, shortest first.
    pub(crate) fn rows(&self) -> impl DoubleEndedIterator<Item = (u64, u64)> + '_ {
        self.by_length.iter().map(|(length, (samples, _))| (*length, *samples))
    }

    /// The length that this share of the samples does not exceed, by nearest rank.
    fn quantile(&self, share: f64) -> u64 {
        let rank = ((share * self.samples as f64).ceil() as u64).clamp(1, self.samples.max(1));
        let mut below = 0;
        for (length, samples) in self.rows() {
            below += samples;
            if below >= rank {
                return length;
            }
        }
        self.max
    }

    /// As it is told.
    pub(crate) fn summary(&self) -> Lengths {
        let mut histogram: Vec<Bucket> = Vec::new();
        for (length, (samples, tokens)) in &self.by_length {
            let up_to = bound(*length);
            match histogram.last_mut() {
                Some(last) if last.up_to == up_to => {
                    last.samples += samples;
                    last.tokens += tokens;
                }
                _ => histogram.push(Bucket { up_to, samples: *samples, tokens: *tokens }),
            }
        }
        Lengths {
            min: self.min,
            mean: if self.samples == 0 { 0.0 } else { self.tokens as f64 / self.samples as f64 },
            median: self.quantile(0.5),
            p90: self.quantile(0.9),
            p99: self.quantile(0.99),
            max: self.max,
            histogram,
        }
    }
}

/// The length under which one is kept.
fn rounded(length: u64) -> u64 {
    let digits = u64::BITS - length.leading_zeros();
    if digits < DIGITS {
        return length;
    }
    let spare = digits - DIGITS_ABOVE;
    (length >> spare) << spare
}

/// The upper bound of a length's bucket: a quarter, a half, three quarters or the whole of the way to the next power of two.
fn bound(length: u64) -> u64 {
    if length <= 4 {
        return length;
    }
    // The octave (2^k, 2^(k+1)] that holds the length, in quarters.
    let below = 1u64 << (u64::BITS - 1 - (length - 1).leading_zeros());
    let quarter = below / 4;
    below + (length - below).div_ceil(quarter) * quarter
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Counts, bound, rounded};

    #[test]
    fn buckets_are_quarters_of_octaves() {
        let got = [0, 1, 4, 5, 6, 8, 9, 10, 11, 16, 17, 1000, 1024, 1025].map(bound);
        assert_eq!(got, [0, 1, 4, 5, 6, 8, 10, 10, 12, 16, 20, 1024, 1024, 1280]);
    }

    #[test]
    fn quantiles_by_nearest_rank() {
        let mut counts = Counts::default();
        (1..=100).for_each(|length| counts.add(length));
        let summary = counts.summary();
        assert_eq!((summary.min, summary.median, summary.p90, summary.p99, summary.max), (1, 50, 90, 99, 100));
        assert_eq!(summary.mean, 50.5);
    }

    proptest! {
        #[test]
        fn the_histogram_holds_every_sample_and_token(lengths in prop::collection::vec(0u64..3_000_000, 0..300)) {
            let mut counts = Counts::default();
            lengths.iter().for_each(|length| counts.add(*length));
            let histogram = counts.summary().histogram;
            prop_assert_eq!(histogram.iter().map(|b| b.samples).sum::<u64>(), lengths.len() as u64);
            prop_assert_eq!(histogram.iter().map(|b| b.tokens).sum::<u64>(), lengths.iter().sum::<u64>());
            prop_assert!(histogram.windows(2).all(|pair| pair[0].up_to < pair[1].up_to));
        }

        #[test]
        fn rounding_is_fine(length in 0u64..u64::MAX / 2) {
            let kept = rounded(length);
            prop_assert!(kept <= length && (length - kept) as f64 <= length as f64 / 4096.0);
            prop_assert!(length > 65_536 || kept == length);
        }
    }
}

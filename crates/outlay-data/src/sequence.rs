//! What lengths mean at a sequence length: how much of a batch is tokens, how much is padding, what is cut off.
//!
//! Everything follows from the number of samples of each length, so the whole set is looked at, not a sample of it: the best
//! fit of a hundred million samples takes as long as there are different lengths, not as there are samples.
//!
//! Does not know: packers that look at a window only (they reach less), or that split a sample over two sequences (they
//! waste nothing and cut attention instead).

use std::collections::BTreeMap;

use crate::lengths::Counts;
use crate::scan::Sequence;

/// Samples in the batch that is padded to its longest.
pub const PADDING_BATCH: u32 = 8;

/// At one sequence length; an empty set wastes nothing.
pub(crate) fn at(counts: &Counts, seq_len: u64) -> Sequence {
    let mut kept = 0u64;
    let mut squares = 0.0;
    let mut longer = 0u64;
    for (length, samples) in counts.rows() {
        let cut = length.min(seq_len);
        kept += cut * samples;
        squares += (cut as f64).powi(2) * samples as f64;
        longer += if length > seq_len { samples } else { 0 };
    }
    let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 1.0 };
    let kept = kept as f64;
    let samples = counts.samples as f64;
    let all: f64 = counts.rows().map(|(length, samples)| length as f64 * samples as f64).sum();
    Sequence {
        seq_len,
        packing: share(kept, bins(counts, seq_len) as f64 * seq_len as f64),
        padding_to_longest: share(share(kept, samples), longest(counts, seq_len)).min(1.0),
        padding_to_full: share(kept, samples * seq_len as f64),
        truncated_samples: if samples > 0.0 { longer as f64 / samples } else { 0.0 },
        truncated_tokens: if all > 0.0 { (1.0 - kept / all).max(0.0) } else { 0.0 },
        attention_share: share(squares, kept * seq_len as f64),
    }
}

/// Sequences that hold all samples, each whole: longest first, each into the fullest sequence that still has room.
fn bins(counts: &Counts, seq_len: u64) -> u64 {
    // How many sequences have this much room left.
    let mut room: BTreeMap<u64, u64> = BTreeMap::new();
    let mut opened = 0;
    for (length, samples) in counts.rows().rev() {
        let length = length.min(seq_len);
        let mut left = samples;
        while length > 0 && left > 0 {
            let Some((&space, &free)) = room.range(length..).next() else { break };
            let filled = free.min(left);
            left -= filled;
            if filled == free {
                room.remove(&space);
            } else {
                room.insert(space, free - filled);
            }
            *room.entry(space - length).or_default() += filled;
        }
        // Nothing has room: open sequences, each with as many samples of this length as it holds.
        if let Some(each) = seq_len.checked_div(length) {
            let (full, rest) = (left / each, left % each);
            opened += full + u64::from(rest > 0);
            if full > 0 {
                *room.entry(seq_len - each * length).or_default() += full;
            }
            if rest > 0 {
                *room.entry(seq_len - rest * length).or_default() += 1;
            }
        }
        room.remove(&0);
    }
    opened
}

/// Expected length of the longest of a batch of samples drawn at random.
///
/// # Formula
/// `Σ_l l · (F(l)^b − F(l−1)^b)`, with `F` the share of samples no longer than `l` and `b` the batch.
///
/// # Source
/// Order statistics of independent draws. Kind: derived.
///
/// # Valid when
/// The set is much larger than the batch; batches are not grouped by length.
fn longest(counts: &Counts, seq_len: u64) -> f64 {
    let (mut below, mut before, mut mean) = (0u64, 0.0, 0.0);
    for (length, samples) in counts.rows() {
        below += samples;
        let now = (below as f64 / counts.samples as f64).powi(PADDING_BATCH as i32);
        mean += length.min(seq_len) as f64 * (now - before);
        before = now;
    }
    mean
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{at, bins};
    use crate::lengths::Counts;

    fn counts(lengths: &[u64]) -> Counts {
        let mut counts = Counts::default();
        lengths.iter().for_each(|length| counts.add(*length));
        counts
    }

    /// Best fit one sample at a time.
    fn one_by_one(lengths: &[u64], seq_len: u64) -> u64 {
        let mut sorted: Vec<u64> = lengths.iter().map(|l| (*l).min(seq_len)).filter(|l| *l > 0).collect();
        sorted.sort_by(|a, b| b.cmp(a));
        let mut room: Vec<u64> = Vec::new();
        for length in sorted {
            match room.iter_mut().filter(|r| **r >= length).min() {
                Some(best) => *best -= length,
                None => room.push(seq_len - length),
            }
        }
        room.len() as u64
    }

    #[test]
    fn halves_and_quarters_fill_a_sequence() {
        let found = at(&counts(&[512, 256, 256, 1024]), 1024);
        assert_eq!((found.packing, found.padding_to_full), (1.0, 0.5));
        assert_eq!((found.truncated_samples, found.truncated_tokens), (0.0, 0.0));
        assert_eq!(
            found.attention_share,
            (512.0f64.powi(2) + 2.0 * 256.0f64.powi(2) + 1024.0f64.powi(2)) / 2048.0 / 1024.0
        );
    }

    #[test]
    fn what_is_longer_is_cut() {
        let found = at(&counts(&[100, 300]), 100);
        assert_eq!((found.truncated_samples, found.truncated_tokens, found.packing), (0.5, 0.5, 1.0));
    }

    #[test]
    fn nothing_wastes_nothing() {
        let found = at(&Counts::default(), 512);
        assert_eq!((found.packing, found.padding_to_longest, found.truncated_tokens), (1.0, 1.0, 0.0));
    }

    proptest! {
        #[test]
        fn by_length_packs_as_one_by_one(lengths in prop::collection::vec(0u64..900, 1..200), seq_len in 1u64..1000) {
            prop_assert_eq!(bins(&counts(&lengths), seq_len), one_by_one(&lengths, seq_len));
        }

        #[test]
        fn shares_are_shares(lengths in prop::collection::vec(1u64..100_000, 1..200), seq_len in 1u64..40_000) {
            let s = at(&counts(&lengths), seq_len);
            for share in [s.packing, s.padding_to_longest, s.padding_to_full, s.attention_share] {
                prop_assert!(0.0 < share && share <= 1.0 + 1e-12, "{s:?}");
            }
            prop_assert!(s.padding_to_full <= s.packing + 1e-12 && s.padding_to_full <= s.padding_to_longest + 1e-12);
            prop_assert!((0.0..=1.0).contains(&s.truncated_tokens));
        }
    }
}

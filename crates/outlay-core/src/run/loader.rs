//! Waiting for data: host processors that prepare tokens against accelerators that consume them.
//!
//! Storage bandwidth is left out: tokenised text needs a few megabytes a second even for large clusters.
//!
//! Does not know: cold caches, small files, a loader without prefetching.

use crate::units::Seconds;

/// Time of a step that the accelerators wait for data.
///
/// # Formula
/// `max(0, tokens / (processors · rate) − step)`.
///
/// # Source
/// Pipelining of two stages: the slower one sets the pace.
///
/// # Valid when
/// At least two batches are prefetched and all processors of the machines prepare data. No rate: prepared beforehand.
#[must_use]
pub fn stall(step: Seconds, tokens: u64, processors: Option<u64>, rate: Option<u64>) -> Seconds {
    let (Some(processors), Some(rate)) = (processors, rate) else { return Seconds::ZERO };
    let prepared = processors.max(1) as f64 * rate.max(1) as f64;
    (Seconds::new(tokens as f64 / prepared) - step).max(Seconds::ZERO)
}

#[cfg(test)]
mod tests {
    use super::stall;
    use crate::units::Seconds;

    #[test]
    fn the_slower_side_sets_the_pace() {
        let step = Seconds::new(1.0);
        assert_eq!(stall(step, 80_000, Some(8), Some(5_000)), Seconds::new(1.0));
        assert_eq!(stall(step, 80_000, Some(64), Some(5_000)), Seconds::ZERO);
        assert_eq!(stall(step, 80_000, Some(8), None), Seconds::ZERO);
    }
}

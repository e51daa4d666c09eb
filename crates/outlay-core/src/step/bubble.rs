//! Stages of a pipeline without work.
//!
//! Does not know: stages of unequal length, transfers between stages.

use crate::layout::Schedule;
use crate::units::Share;

/// Time that stages stand idle, beside the time they compute.
///
/// # Formula
/// `(p−1)/(v·m)` for GPipe and one forward, one backward; zero bubble `(p−1)(F+B−2W)`, DualPipe `(p/2−1)(F&B+B−3W)`, with
/// forward `F = W`, backward `B = 2W` and both at once `F&B = 3W`, beside `m·3W`.
///
/// # Source
/// `narayanan2021` section 2.2; `qi2023` (zero bubble); `deepseek-ai/DualPipe`.
///
/// # Valid when
/// Stages are equal, and forward, input-gradient and weight-gradient passes take equally long.
#[must_use]
pub fn bubble(schedule: Schedule, stages: u64, virtual_stages: u64, micro_batches: u64) -> Share {
    let (p, v, m) = (stages.max(1) as f64, virtual_stages.max(1) as f64, micro_batches.max(1) as f64);
    Share::new(match schedule {
        Schedule::GPipe | Schedule::OneFOneB => (p - 1.0) / (v * m),
        Schedule::ZeroBubble => (p - 1.0) / (3.0 * v * m),
        Schedule::DualPipe => (p / 2.0 - 1.0).max(0.0) * 2.0 / (3.0 * m),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worked_bubbles() {
        assert_eq!(bubble(Schedule::OneFOneB, 8, 4, 32).get(), 0.054_687_5);
        assert_eq!(bubble(Schedule::GPipe, 4, 1, 3).get(), 1.0);
        assert_eq!(bubble(Schedule::OneFOneB, 1, 1, 3).get(), 0.0);
    }
}

//! How many micro-batches' activations a pipeline stage holds at once.
//!
//! Does not know: schedules that cap what is in flight by hand.

use crate::layout::{Layout, Schedule};
use crate::units::Share;

/// Micro-batches whose activations stage `stage` holds, in units of one micro-batch through the stage's layers.
///
/// # Formula
/// GPipe: all `m`; one forward, one backward: `min(m, p − i)`, interleaved on the first stage `p(1 + (p−1)/(p·v))`, one less a
/// stage; DualPipe: `p + 1`.
///
/// # Source
/// `narayanan2021`, `korthikanti2022` section 4.2; `deepseek-ai/DualPipe`.
///
/// # Valid when
/// Zero-bubble schedules run in their memory-neutral form.
#[must_use]
pub fn in_flight(layout: &Layout, stage: u64) -> Share {
    let (stages, micro_batches) = (layout.pp.max(1) as f64, layout.accumulation.max(1) as f64);
    if layout.pp <= 1 {
        return Share::ONE;
    }
    let behind = (stages - stage as f64).max(1.0);
    Share::new(match layout.schedule {
        Schedule::GPipe => micro_batches,
        Schedule::OneFOneB | Schedule::ZeroBubble if layout.vpp > 1 => {
            (behind + (stages - 1.0) / layout.vpp as f64).min(micro_batches)
        }
        Schedule::OneFOneB | Schedule::ZeroBubble => behind.min(micro_batches),
        Schedule::DualPipe => (stages + 1.0).min(micro_batches.max(2.0)),
    })
}

/// Copies of its weights that a rank holds.
#[must_use]
pub(super) fn weight_copies(schedule: Schedule) -> f64 {
    if schedule == Schedule::DualPipe { 2.0 } else { 1.0 }
}

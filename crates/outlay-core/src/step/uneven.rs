//! Waiting for the slowest of many: expected maxima, for ranks that jitter and experts that are chosen unevenly.
//!
//! Independent normal deviates stand for both; a table of exact values is read in between rather than integrated again
//! for each of a search's many layouts.
//!
//! Does not know: a part that is slow for good, routers that were trained towards imbalance.

use crate::units::Share;

/// Expected maximum of `2^k` standard normal deviates, by `k`: the integral of `1 − Φⁿ` over the positive half-line less
/// that of `Φⁿ` over the negative one, evaluated to four places.
const MAXIMA: [f64; 21] = [
    0.0, 0.5642, 1.0294, 1.4236, 1.766, 2.0697, 2.3437, 2.5946, 2.8269, 3.0439, 3.2482, 3.4418, 3.6261, 3.8023, 3.9714,
    4.1341, 4.2911, 4.443, 4.5903, 4.7332, 4.8723,
];

/// Expected largest of `n` standard normal deviates.
///
/// # Formula
/// `∫₀^∞ (1 − Φⁿ) − ∫₋∞⁰ Φⁿ`, between powers of two linear in `log₂ n`.
///
/// # Source
/// Definition of the maximum's distribution.
///
/// # Valid when
/// Deviates are independent; beyond 2²⁰ of them the last value stands.
#[must_use]
pub fn expected_maximum(n: u64) -> Share {
    let at = libm::log2(n.max(1) as f64);
    let below = (at as usize).min(MAXIMA.len() - 2);
    let between = (at - below as f64).clamp(0.0, 1.0);
    Share::new(MAXIMA[below] + between * (MAXIMA[below + 1] - MAXIMA[below]))
}

/// Load of the fullest of `bins`, beside the mean, when assignments fall at random.
///
/// # Formula
/// `1 + E[max of bins] / √(assignments / bins)`.
///
/// # Source
/// Normal approximation of the counts.
///
/// # Valid when
/// Tens of assignments a bin; choices are independent and alike.
#[must_use]
pub fn fullest(assignments: u64, bins: u64) -> Share {
    let mean = assignments as f64 / bins.max(1) as f64;
    Share::new(1.0 + expected_maximum(bins).get() / libm::sqrt(mean.max(1.0)))
}

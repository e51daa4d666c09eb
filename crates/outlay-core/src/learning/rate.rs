//! The learning rate and its schedule: which to take, and what another one costs.
//!
//! A rate off its best by a factor loses a little quality, more with the square of the factor's logarithm, until training
//! diverges. Both are assumptions with wide bands: published sweeps agree on the shape, not on the scale.
//!
//! Does not know: warm-up, weight decay, parametrisations that move the best rate (µP).

use crate::units::{Flops, Nats, Params, Share, Tokens};

/// The best peak rate by compute.
///
/// # Formula
/// `0.3118·C^−0.1250`.
///
/// # Source
/// `deepseek2024`, equation 1.
///
/// # Valid when
/// AdamW, fitted from 10¹⁷ to 2·10¹⁹ FLOP.
#[must_use]
pub fn deepseek(compute: Flops) -> Share {
    Share::new(0.3118 * libm::pow(compute.get(), -0.1250))
}

/// The best peak rate by size and data.
///
/// # Formula
/// `1.79·N^−0.713·D^0.307`.
///
/// # Source
/// `steplaw2025`.
///
/// # Valid when
/// AdamW, dense and mixture models to 1 B parameters and 100 B tokens. Other work has the rate fall with data.
#[must_use]
pub fn step_law(params: Params, trained: Tokens) -> Share {
    Share::new(1.79 * libm::pow(params.get(), -0.713) * libm::pow(trained.get(), 0.307))
}

/// How much higher the best rate of adapters is than that of all weights, whatever their rank.
pub const ADAPTERS: Share = Share::new(10.0);
/// Standard deviation of the recommended rate in logs.
pub const SPREAD: Share = Share::new(0.5);
/// The best rate of fine-tuning all weights of a model of a billion parameters.
const FINE_TUNING: f64 = 2e-5;

/// The rate to take when training from scratch, for the best batch, and whether two laws disagree by more than three.
#[must_use]
pub fn recommended(params: Params, trained: Tokens) -> (Share, bool) {
    let (one, other) =
        (step_law(params, trained).get(), deepseek(Flops::new(6.0 * params.get() * trained.get())).get());
    (Share::new(libm::sqrt(one * other)), !(1.0 / 3.0..=3.0).contains(&(one / other)))
}

/// The rate to take for fine-tuning: all weights, or adapters.
///
/// # Formula
/// `2·10⁻⁵`, adapters ten times that.
///
/// # Source
/// Usual recipes; `schulman2025` fits 9.8 between adapters and all weights.
///
/// # Valid when
/// A few hundred to a few thousand updates of AdamW; standard deviation 0.5 in logs.
#[must_use]
pub fn fine_tuning(adapters: bool) -> Share {
    Share::new(FINE_TUNING) * if adapters { ADAPTERS } else { Share::ONE }
}

/// How the best rate follows the batch.
///
/// # Formula
/// `√(B/B_best)` for Adam and its kin, `B/B_best` for plain gradient descent.
///
/// # Source
/// `malladi2022`; `goyal2017`.
///
/// # Valid when
/// Below the critical batch.
#[must_use]
pub fn with_batch(batch: Tokens, best: Tokens, adaptive: bool) -> Share {
    let ratio = (batch / best).get();
    Share::new(if adaptive { libm::sqrt(ratio) } else { ratio })
}

/// Loss added by a rate that is not the best, for each squared natural logarithm of the factor.
const CURVATURE: f64 = 0.01;
/// Factor above the best rate at which every second run diverges, and how sharply.
const DIVERGES: (f64, f64) = (8.0, 0.45);

/// Loss that a rate off the best adds.
///
/// # Formula
/// `0.01·ln²(η/η*)` nats.
///
/// # Source
/// Assumed: a factor of two costs 0.005 nats, of ten 0.05, as in the basins of published sweeps; true to a factor of three.
///
/// # Valid when
/// The run does not diverge.
#[must_use]
pub fn penalty(rate: Share, best: Share) -> Nats {
    let off = libm::log(rate.get() / best.get());
    Nats::new(CURVATURE * off * off)
}

/// Chance that a rate makes a run diverge.
///
/// # Formula
/// `1 / (1 + e^{−(ln(η/η*) − ln 8)/0.45})`.
///
/// # Source
/// Assumed: an even chance at eight times the best rate, one in a hundred at the best.
///
/// # Valid when
/// Warm-up and gradient clipping are used.
#[must_use]
pub fn divergence(rate: Share, best: Share) -> Share {
    let off = (libm::log(rate.get() / best.get()) - libm::log(DIVERGES.0)) / DIVERGES.1;
    Share::new(1.0 / (1.0 + libm::exp(-off)))
}

/// Shape of the learning rate over a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Schedule {
    /// Half a cosine down to the end.
    Cosine,
    /// A straight line down to the end.
    Linear,
    /// Constant, then down over the last share of the run.
    Wsd(Share),
    /// Never down.
    Constant,
}

impl Schedule {
    /// As job files write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::Linear => "linear",
            Self::Wsd(_) => "wsd",
            Self::Constant => "constant",
        }
    }
}

/// What a rate that never came down costs: between 0.02 and 0.1 nats.
const NEVER_DOWN: f64 = 0.05;
/// A last stretch of this share brings what a cosine brings.
const COOLDOWN: f64 = 0.15;

/// Loss that a schedule adds against one that comes down to the very end.
///
/// # Formula
/// Cosine and linear 0; constant 0.05 nats; WSD `0.05·max(0, 1 − cooldown/0.15)`.
///
/// # Source
/// `hagele2024`: a cooldown of 10 to 20 % is worth a cosine; runs that were cut off before coming down are 0.02 to 0.1
/// nats high.
///
/// # Valid when
/// The rate comes down to a tenth of its peak or less.
#[must_use]
pub fn schedule_penalty(schedule: Schedule) -> Nats {
    Nats::new(match schedule {
        Schedule::Cosine | Schedule::Linear => 0.0,
        Schedule::Wsd(cooldown) => NEVER_DOWN * (1.0 - cooldown.get() / COOLDOWN).max(0.0),
        Schedule::Constant => NEVER_DOWN,
    })
}

/// Loss that stopping early adds, beyond that of the tokens not seen.
///
/// # Formula
/// Constant and WSD (which cools down where it stops) 0; cosine and linear `0.05·min(1, 2·(1 − done))`.
///
/// # Source
/// As [`schedule_penalty`]: a schedule cut off has a rate that is still up.
///
/// # Valid when
/// The stop was not planned for.
#[must_use]
pub fn cut_off(schedule: Schedule, done: Share) -> Nats {
    Nats::new(match schedule {
        Schedule::Cosine | Schedule::Linear => NEVER_DOWN * (2.0 * (1.0 - done.get())).clamp(0.0, 1.0),
        Schedule::Wsd(_) | Schedule::Constant => 0.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_rate_costs_nothing_and_any_other_something() {
        let best = Share::new(3e-4);
        assert_eq!(penalty(best, best), Nats::ZERO);
        assert!((penalty(Share::new(6e-4), best).get() - 0.0048).abs() < 1e-4);
        assert_eq!(penalty(Share::new(6e-4), best).get().to_bits(), penalty(Share::new(1.5e-4), best).get().to_bits());
        assert!((divergence(Share::new(24e-4), best).get() - 0.5).abs() < 1e-12);
        assert!(divergence(best, best).get() < 0.011);
    }

    #[test]
    fn a_cooldown_is_worth_a_cosine() {
        assert_eq!(schedule_penalty(Schedule::Wsd(Share::new(0.2))), Nats::ZERO);
        assert_eq!(schedule_penalty(Schedule::Cosine), Nats::ZERO);
        assert!(schedule_penalty(Schedule::Wsd(Share::new(0.05))) < schedule_penalty(Schedule::Constant));
        assert!(cut_off(Schedule::Cosine, Share::new(0.5)) > cut_off(Schedule::Wsd(Share::new(0.2)), Share::new(0.5)));
    }
}

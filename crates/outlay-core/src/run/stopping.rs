//! Stopping early: what it saves, and the chance that it stops too soon.
//!
//! Does not know: the learning curve; where it is best is assumed or said by the user.

use crate::scenario::dynamics::Stopping;
use crate::units::Share;

/// Chance that one evaluation shows no improvement while the model still improves.
const NOISE: f64 = 0.3;

/// Share of the planned passes that is not run.
///
/// # Formula
/// `1 − (best + patience)/most`, in evaluations; nothing where that is not positive.
///
/// # Source
/// Definition.
///
/// # Valid when
/// Nothing improves after the best.
#[must_use]
pub fn saved(best: Share, patience: Share, most: Share) -> Share {
    Share::new(1.0 - (best.get() + patience.get()) / most.get()).max(Share::ZERO)
}

/// Share of a run's planned passes that is expected not to be run.
#[must_use]
pub fn expected(stopping: &Stopping, passes: Share) -> Share {
    let Some(best) = stopping.best else { return Share::ZERO };
    let each = stopping.per_pass.max(1) as f64;
    let most = passes * Share::new(each);
    saved((best * Share::new(each)).min(most), Share::new(stopping.patience as f64), most)
}

/// Chance that it stops before the best.
///
/// # Formula
/// `1 − (1 − 0.3^patience)^k`, `k` evaluations before the best.
///
/// # Source
/// Assumed: three evaluations in ten show no improvement while there still is some.
///
/// # Valid when
/// Evaluations are independent.
#[must_use]
pub fn too_soon(stopping: &Stopping, passes: Share) -> Share {
    let each = stopping.per_pass.max(1) as f64;
    let before = stopping.best.map_or(passes, |best| best.min(passes)).get() * each;
    let run = libm::pow(NOISE, stopping.patience.max(1) as f64);
    Share::new(1.0 - libm::pow(1.0 - run, before.max(0.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stopping(patience: u64, best: Option<f64>) -> Stopping {
        Stopping { patience, per_pass: 1, best: best.map(Share::new) }
    }

    #[test]
    fn best_at_six_of_twenty_with_patience_two() {
        assert!((expected(&stopping(2, Some(6.0)), Share::new(20.0)).get() - 0.6).abs() < 1e-12);
        assert_eq!(expected(&stopping(2, None), Share::new(20.0)), Share::ZERO);
        assert_eq!(expected(&stopping(5, Some(2.0)), Share::new(3.0)), Share::ZERO);
    }

    #[test]
    fn patience_lowers_the_chance_of_stopping_too_soon() {
        let chance = |patience| too_soon(&stopping(patience, Some(6.0)), Share::new(20.0));
        assert!(chance(1) > chance(2) && chance(2) > chance(4));
    }
}

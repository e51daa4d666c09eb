//! Searching for settings: what a sweep costs in full runs, how long it takes, how likely it finds something good.
//!
//! Does not know: which settings; the price of a run.
//!
//! Reading order: [`cost`], [`wall`], [`chance`].

use crate::scenario::dynamics::{Sweep, SweepKind};
use crate::units::{Params, Share, Tokens};

/// Trials that a model of the earlier ones saves: one does for so many random ones, up to ten settings.
const GUIDED: f64 = 3.0;
/// How often a trial cut short ranks as it would have in the end.
const RANKS_RIGHT: f64 = 0.75;

/// A rung of successive halving: trials that reach it, and the resource each has had by its end.
fn rungs(trials: u64, eta: u64) -> impl Iterator<Item = (u64, f64)> {
    let eta = eta.max(2);
    let steps = trials.max(1).ilog(eta);
    (0..=steps).map(move |rung| (trials / eta.pow(rung), libm::pow(eta as f64, f64::from(rung) - f64::from(steps))))
}

/// Cost of successive halving from `trials` trials of `least` resource each.
///
/// # Formula
/// `Σᵢ ⌊n/ηⁱ⌋ · r·ηⁱ`, rungs until one trial is left; resumed, rungs after the first cost `1 − 1/η` of that.
///
/// # Source
/// `jamieson2016`; `li2018` (Hyperband), algorithm 1.
///
/// # Valid when
/// Resource and cost are proportional.
#[must_use]
pub fn halving(trials: u64, least: Share, eta: u64, resume: bool) -> Share {
    let first = rungs(trials, eta).next().map_or(1.0, |(_, resource)| resource);
    let saved = 1.0 - 1.0 / eta.max(2) as f64;
    let cost = rungs(trials, eta).enumerate().map(|(rung, (left, resource))| {
        let each = resource / first * least.get();
        left as f64 * each * if resume && rung > 0 { saved } else { 1.0 }
    });
    Share::new(cost.sum())
}

/// Cost of one bracket of Hyperband, in units of the resource.
///
/// # Formula
/// `n = ⌈(s_max + 1)/(s + 1)·η^s⌉` trials of `R·η^−s`, halved `s` times.
///
/// # Source
/// `li2018`, algorithm 1: for `R = 81, η = 3` brackets of 405, 363, 351, 378 and 405.
///
/// # Valid when
/// `R` is a power of `η`.
#[must_use]
pub fn bracket(most: u64, eta: u64, s: u32) -> Share {
    let eta = eta.max(2);
    let brackets = most.max(1).ilog(eta) + 1;
    let trials = (u64::from(brackets) * eta.pow(s)).div_ceil(u64::from(s) + 1);
    let cost = (0..=s).map(|rung| {
        let left = trials / eta.pow(rung);
        left as f64 * most as f64 * libm::pow(eta as f64, f64::from(rung) - f64::from(s))
    });
    Share::new(cost.sum())
}

/// Cost of µTransfer's trials against the run they are for.
///
/// # Formula
/// `trials · N_p·D_p / (N·D)`.
///
/// # Source
/// `yang2022`: 7 % of a 6.7 B run from a 40 M model, its other overheads included.
///
/// # Valid when
/// The model is parametrised for it; rate and initialisation carry over in width, not weight decay or the amount of data.
#[must_use]
pub fn proxy(trials: u64, proxy: (Params, Tokens), target: (Params, Tokens)) -> Share {
    Share::new(trials as f64 * (proxy.0.get() * proxy.1.get()) / (target.0.get() * target.1.get()))
}

/// Cost of a sweep in full runs; `target` is the run it is for.
#[must_use]
pub fn cost(sweep: &Sweep, target: (Params, Tokens)) -> Share {
    let full = match sweep.kind {
        SweepKind::Grid | SweepKind::Random | SweepKind::Population | SweepKind::Bayesian => {
            Share::new(sweep.trials as f64)
        }
        SweepKind::Halving | SweepKind::Asha => {
            let least = rungs(sweep.trials, sweep.eta).next().map_or(1.0, |(_, resource)| resource);
            halving(sweep.trials, Share::new(least), sweep.eta, sweep.resume)
        }
        SweepKind::Hyperband => {
            let most = hyperband_resource(sweep);
            let brackets = (0..=most.ilog(sweep.eta.max(2))).map(|s| bracket(most, sweep.eta, s).get());
            Share::new(brackets.sum::<f64>() / most as f64)
        }
        SweepKind::MuTransfer => match sweep.proxy {
            Some(small) => return proxy(sweep.trials, small, target),
            None => Share::new(sweep.trials as f64),
        },
    };
    full * sweep.length
}

/// Hyperband's largest resource: as many units as its widest bracket has trials.
fn hyperband_resource(sweep: &Sweep) -> u64 {
    let eta = sweep.eta.max(2);
    eta.pow(sweep.trials.max(1).ilog(eta))
}

/// Time of a sweep in full runs, with so many trials at a time.
///
/// # Formula
/// Whole runs: `⌈n/p⌉`. Halving: `Σᵢ ⌈nᵢ/p⌉·rᵢ`. ASHA and Hyperband: `cost/p`, at least one full run. Bayesian: one trial
/// waits for the ones before, so at most a quarter of them at a time helps.
///
/// # Source
/// Definitions.
///
/// # Valid when
/// Every trial takes its share of the full run's time on machines of its own.
#[must_use]
pub fn wall(sweep: &Sweep, target: (Params, Tokens)) -> Share {
    let parallel = sweep.parallel.max(1);
    let waves = |trials: u64, at_once: u64| Share::new(trials.div_ceil(at_once.max(1)) as f64) * sweep.length;
    match sweep.kind {
        SweepKind::Grid | SweepKind::Random | SweepKind::Population => waves(sweep.trials, parallel),
        SweepKind::Bayesian => waves(sweep.trials, parallel.min(sweep.trials.div_ceil(4))),
        SweepKind::Halving => {
            let saved = if sweep.resume { 1.0 - 1.0 / sweep.eta.max(2) as f64 } else { 1.0 };
            let time = rungs(sweep.trials, sweep.eta).enumerate().map(|(rung, (left, resource))| {
                left.div_ceil(parallel) as f64 * resource * if rung > 0 { saved } else { 1.0 }
            });
            Share::new(time.sum()) * sweep.length
        }
        SweepKind::Asha | SweepKind::Hyperband => {
            (cost(sweep, target) * Share::new(1.0 / parallel as f64)).max(sweep.length)
        }
        SweepKind::MuTransfer => cost(sweep, target) * Share::new(1.0 / parallel.min(sweep.trials.max(1)) as f64),
    }
}

/// Chance that a search at random finds one of the best `q` of all settings.
///
/// # Formula
/// `1 − (1 − q)^n`.
///
/// # Source
/// `bergstra2012`: 59 trials for one of the best twentieth, nineteen times in twenty.
///
/// # Valid when
/// Trials are independent.
#[must_use]
pub fn random_hits(trials: Share, top: Share) -> Share {
    Share::new(1.0 - libm::pow(1.0 - top.get(), trials.get()))
}

/// Random trials for a chance of finding one of the best `q`.
#[must_use]
pub fn random_trials(top: Share, chance: Share) -> u64 {
    libm::ceil(libm::log(1.0 - chance.get()) / libm::log(1.0 - top.get())) as u64
}

/// Chance that a sweep finds one of the best `q` of all settings.
///
/// # Formula
/// As [`random_hits`], with trials counted ×0.75 where they are cut short and ×3 where they are guided.
///
/// # Source
/// Rankings at a fraction of the budget agree with the last by 0.6 to 0.9; guided search needs 2 to 5 times fewer
/// trials. Both assumed.
///
/// # Valid when
/// Up to ten settings.
#[must_use]
pub fn chance(sweep: &Sweep, top: Share) -> Share {
    let trials = sweep.trials as f64;
    let counted = match sweep.kind {
        SweepKind::Grid | SweepKind::Random => trials,
        SweepKind::Halving | SweepKind::Asha | SweepKind::MuTransfer => trials * RANKS_RIGHT,
        SweepKind::Hyperband => {
            let (eta, most) = (sweep.eta.max(2), hyperband_resource(sweep));
            let steps = most.ilog(eta);
            let all = (0..=steps).map(|s| (u64::from(steps + 1) * eta.pow(s)).div_ceil(u64::from(s) + 1));
            all.sum::<u64>() as f64 * RANKS_RIGHT
        }
        SweepKind::Population | SweepKind::Bayesian => trials * GUIDED,
    };
    random_hits(Share::new(counted), top)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sweep(kind: SweepKind, trials: u64, parallel: u64) -> Sweep {
        Sweep { kind, trials, eta: 3, parallel, length: Share::ONE, resume: false, proxy: None }
    }

    const TARGET: (Params, Tokens) = (Params::new(6.7e9), Tokens::new(3e11));

    #[test]
    fn hyperband_s_brackets() {
        let brackets: [f64; 5] = core::array::from_fn(|s| bracket(81, 3, s as u32).get());
        assert_eq!(brackets, [405.0, 378.0, 351.0, 363.0, 405.0]);
        assert!((cost(&sweep(SweepKind::Hyperband, 81, 1), TARGET).get() - 1902.0 / 81.0).abs() < 1e-12);
    }

    #[test]
    fn halving_27_trials_costs_four_runs() {
        assert!((cost(&sweep(SweepKind::Halving, 27, 1), TARGET).get() - 4.0).abs() < 1e-12);
        let resumed = Sweep { resume: true, ..sweep(SweepKind::Halving, 27, 1) };
        assert!((cost(&resumed, TARGET).get() - 3.0).abs() < 1e-12);
        assert_eq!(halving(81, Share::ONE, 3, false), Share::new(405.0));
    }

    #[test]
    fn more_at_a_time_is_sooner_and_never_dearer() {
        for kind in SweepKind::ALL {
            let mut before = Share::new(f64::INFINITY);
            for parallel in [1, 2, 4, 9, 27, 100] {
                let one = sweep(*kind, 27, parallel);
                let time = wall(&one, TARGET);
                assert!(time <= before && time > Share::ZERO, "{kind:?} {parallel}");
                assert_eq!(cost(&one, TARGET), cost(&sweep(*kind, 27, 1), TARGET));
                before = time;
            }
        }
    }

    #[test]
    fn fifty_nine_random_trials() {
        assert_eq!(random_trials(Share::new(0.05), Share::new(0.95)), 59);
        assert!(chance(&sweep(SweepKind::Bayesian, 20, 1), Share::new(0.05)) > Share::new(0.95));
    }
}

//! Runs played out: the distribution of the finishing time, where the closed form gives its mean.
//!
//! The closed form of [`super::disruption`] is exact for the mean of a Poisson stream, and says nothing of the tail that a
//! deadline cares about. Here everything that is uncertain moves at once: how long the work takes, how often it is
//! interrupted, and when. What differs from run to run as a whole is spread evenly over the runs rather than drawn, so a
//! thousand of them are smooth; only the moments of interruptions are drawn. A run leaps from interruption to interruption:
//! how many saves lie between two is a division, so what a run costs to play does not grow with its saves. Random numbers
//! are handed in, one uniform draw at a time, so that the same seed gives the same answer everywhere.
//!
//! Does not know: where the draws come from.

use alloc::vec::Vec;

use super::disruption;
use crate::units::{Seconds, Share};

/// A uniform draw from above 0 to 1.
pub type Draw<'a> = &'a mut dyn FnMut() -> Share;

/// A run of uncertain length that may be interrupted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Course {
    /// Before the work, the same in every run.
    pub before: Seconds,
    /// Before the work, as long as the work is.
    pub ahead: Seconds,
    /// Useful work, as expected.
    pub work: Seconds,
    /// Standard deviations, in logs, of how long the work takes, of runs that are shorter and of those that are longer than
    /// expected.
    pub pace: (Share, Share),
    /// Work between saves.
    pub interval: Seconds,
    /// Standstill of a save.
    pub stall: Seconds,
    /// What interrupts it; `None`: nothing does.
    pub hazard: Option<Hazard>,
}

/// What interrupts a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hazard {
    /// Mean time between interruptions.
    pub mean: Seconds,
    /// Standard deviation, in logs, of that mean between one run and another.
    pub scatter: Share,
    /// From an interruption to work again, once there are machines.
    pub restart: Seconds,
    /// From an interruption until there are machines.
    pub wait: Seconds,
}

/// Finishing times of many runs, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Finish {
    times: Vec<f64>,
}

impl Finish {
    /// When such a share of the runs is done.
    #[must_use]
    pub fn at(&self, share: Share) -> Seconds {
        let place = libm::ceil(share.get() * self.times.len() as f64) as usize;
        Seconds::new(self.times[place.clamp(1, self.times.len()) - 1])
    }

    /// The share of the runs that are done by then.
    #[must_use]
    pub fn by(&self, time: Seconds) -> Share {
        Share::new(self.times.partition_point(|done| *done <= time.get()) as f64 / self.times.len() as f64)
    }

    /// Mean of all runs.
    #[must_use]
    pub fn mean(&self) -> Seconds {
        Seconds::new(self.times.iter().sum::<f64>() / self.times.len() as f64)
    }
}

/// Interruptions after which a run is given up, so that every run ends.
const MOST: u64 = 100_000;
/// Interruptions from which on a run is not played: of so many the sum is what is expected, within a few percent.
const MANY: f64 = 1000.0;
/// Fractional part of the golden ratio: multiples of it are spread evenly.
const GOLDEN: f64 = 0.618_033_988_749_894_9;

/// Plays a course so many times.
///
/// # Formula
/// `before + e^(p·z)·ahead + play(e^(p·z)·work, mean·e^(s·z'))` with the pace's deviation `p` on the side of `z`, the scatter `s` of the mean
/// between interruptions, and normal `z`, `z'` spread evenly; waits between interruptions are drawn, exponential.
///
/// # Source
/// Box and Muller's numbers over a golden lattice; interruptions as in `daly2006`, whose expected time is the mean of the plays.
///
/// # Valid when
/// As for [`disruption::expected_time`]; the length of a step stays the same over a run.
#[must_use]
pub fn finish(course: &Course, runs: u64, draw: Draw<'_>) -> Finish {
    let runs = runs.max(1);
    let one = |at: u64| {
        // Two normal numbers from a lattice that covers the square evenly (Box and Muller).
        let turns = (at as f64 + 1.0) * GOLDEN;
        let (x, y) = ((at as f64 + 0.5) / runs as f64, turns - libm::floor(turns));
        let (radius, angle) = (libm::sqrt(-2.0 * libm::log(x)), 2.0 * core::f64::consts::PI * y);
        let (slow, rare) = (radius * libm::cos(angle), radius * libm::sin(angle));
        let pace = if slow < 0.0 { course.pace.0 } else { course.pace.1 };
        let factor = libm::exp(pace.get() * slow);
        let work = course.work.get() * factor;
        let hazard = course
            .hazard
            .map(|hazard| Hazard { mean: hazard.mean * Share::new(libm::exp(hazard.scatter.get() * rare)), ..hazard });
        course.before.get() + course.ahead.get() * factor + play(course, work, hazard.as_ref(), draw)
    };
    let mut times: Vec<f64> = (0..runs).map(one).collect();
    times.sort_unstable_by(f64::total_cmp);
    Finish { times }
}

/// One run, from the first second of work to the last save.
fn play(course: &Course, work: f64, hazard: Option<&Hazard>, draw: Draw<'_>) -> f64 {
    let tau = course.interval.get().min(work);
    if tau <= 0.0 {
        return 0.0;
    }
    // The last stretch is saved as well, in proportion: it is the result.
    let stretch = tau + course.stall.get();
    let mut left = work / tau * stretch;
    let Some(hazard) = hazard else { return left };
    let (mean, restart) = (hazard.mean.get(), hazard.restart.get());
    let seconds = Seconds::new;
    let expected = disruption::expected_time(seconds(work), seconds(tau), course.stall, hazard.restart, hazard.mean);
    let often = expected.get() / mean;
    if often > MANY {
        return many(expected.get(), libm::ceil(work / tau) as u64, stretch / mean, draw) + often * hazard.wait.get();
    }
    let mut wait = || -mean * libm::log(draw().get().max(f64::MIN_POSITIVE));
    let (mut clock, mut free) = (0.0, wait());
    let mut restarting = false;
    for _ in 0..MOST {
        let needed = if restarting { restart + left } else { left };
        if needed <= free {
            return clock + needed;
        }
        // What was saved before the interruption stays; the stretch that was begun is lost, as is a restart.
        let useful = if restarting { free - restart } else { free };
        left -= libm::floor(useful.max(0.0) / stretch) * stretch;
        clock += free + hazard.wait.get();
        free = wait();
        restarting = true;
    }
    clock
}

/// A run of very many interruptions: each stretch is done after a time that is all but exponential where it hardly ever
/// succeeds; where it mostly does, their sum is what is expected.
fn many(expected: f64, stretches: u64, exposure: f64, draw: Draw<'_>) -> f64 {
    if exposure < 1.0 {
        return expected;
    }
    let drawn = stretches.clamp(1, 64);
    let sum: f64 = (0..drawn).map(|_| -libm::log(draw().get().max(f64::MIN_POSITIVE))).sum();
    expected * sum / drawn as f64
}

#[cfg(test)]
mod tests {
    use super::super::disruption::{daly_interval, expected_time};
    use super::*;

    /// A small generator for tests: SplitMix64.
    fn uniform(mut state: u64) -> impl FnMut() -> Share {
        move || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^= z >> 31;
            Share::new(((z >> 11) + 1) as f64 / (1u64 << 53) as f64)
        }
    }

    fn hazard(mean: f64, restart: f64) -> Hazard {
        let (mean, restart) = (Seconds::new(mean), Seconds::new(restart));
        Hazard { mean, scatter: Share::ZERO, restart, wait: Seconds::ZERO }
    }

    fn course(work: f64, interval: f64, stall: f64, hazard: Option<Hazard>) -> Course {
        let [work, interval, stall] = [work, interval, stall].map(Seconds::new);
        let (before, ahead) = (Seconds::ZERO, Seconds::ZERO);
        Course { before, ahead, work, pace: (Share::ZERO, Share::ZERO), interval, stall, hazard }
    }

    /// Mean finishing times of runs played out against the closed form: a large cluster, a quiet one, a spot machine.
    #[test]
    fn the_mean_is_the_closed_form_s() {
        for (stall, restart, mean) in [(60.0, 600.0, 11_124.0), (300.0, 600.0, 86_400.0), (60.0, 900.0, 14_400.0)] {
            let interval = daly_interval(Seconds::new(stall), Seconds::new(mean));
            // Whole intervals: the closed form counts a part of one as a part of its cost.
            let work = interval * 400;
            let course = course(work.get(), interval.get(), stall, Some(hazard(mean, restart)));
            let played = finish(&course, 2000, &mut uniform(1));
            let closed = expected_time(work, interval, course.stall, Seconds::new(restart), Seconds::new(mean));
            let off = (played.mean() / closed).get() - 1.0;
            assert!(off.abs() < 0.01, "{off} at {mean:?}");
        }
    }

    /// One run, save by save: slower, and plain.
    fn save_by_save(work: f64, course: &Course, hazard: &Hazard, draw: Draw<'_>) -> f64 {
        let mut wait = || -hazard.mean.get() * libm::log(draw().get());
        let tau = course.interval.get().min(work);
        let (mut clock, mut done, mut next) = (0.0, 0.0, wait());
        while done < work * (1.0 - 1e-12) {
            let segment = tau.min(work - done);
            let needed = segment + course.stall.get() * segment / tau;
            if clock + needed <= next {
                (clock, done) = (clock + needed, done + segment);
                continue;
            }
            loop {
                let now = next;
                next = now + wait();
                clock = now + hazard.restart.get();
                if clock <= next {
                    break;
                }
            }
        }
        clock
    }

    /// Leaping over the saves between two interruptions ends where going save by save does, with the same draws.
    #[test]
    fn a_leap_is_as_many_saves() {
        for (work, interval, stall, mean, restart) in [
            (72_000.0, 3600.0, 30.0, 10_800.0, 600.0),
            (1_000_000.0, 1777.0, 61.0, 11_124.0, 600.0),
            (5000.0, 9000.0, 12.0, 4000.0, 5000.0),
        ] {
            let hazard = hazard(mean, restart);
            let course = course(work, interval, stall, Some(hazard));
            for seed in 0..200 {
                let leapt = play(&course, work, Some(&hazard), &mut uniform(seed));
                let walked = save_by_save(work, &course, &hazard, &mut uniform(seed));
                assert!((leapt / walked - 1.0).abs() < 1e-9, "{leapt} {walked} at {mean} with seed {seed}");
            }
        }
    }

    /// Where nothing interrupts, what is left is the log-normal pace: one in ten is over 1.2816 deviations.
    #[test]
    fn the_pace_alone_is_log_normal() {
        let pace = (Share::new(0.1), Share::new(0.2));
        let course = Course { before: Seconds::new(50.0), pace, ..course(1000.0, 1000.0, 0.0, None) };
        let played = finish(&course, 1000, &mut uniform(1));
        let at = |share: f64| (played.at(Share::new(share)) - course.before).get() / 1000.0;
        for (share, deviations) in [(0.05, -1.6449), (0.1, -1.2816), (0.5, 0.0), (0.9, 1.2816), (0.95, 1.6449)] {
            let pace = if deviations < 0.0 { 0.1 } else { 0.2 };
            assert!((at(share) - libm::exp(pace * deviations)).abs() < 0.01, "{} at {share}", at(share));
        }
        assert!((played.by(Seconds::new(1050.0)).get() - 0.5).abs() < 0.01);
        assert_eq!((played.by(Seconds::ZERO), played.by(Seconds::hours(1e3))), (Share::ZERO, Share::ONE));
    }

    #[test]
    fn the_same_seed_gives_the_same_times() {
        let scattered = Hazard { scatter: Share::ONE, wait: Seconds::new(60.0), ..hazard(10_800.0, 600.0) };
        let wild = course(72_000.0, 3600.0, 30.0, Some(scattered));
        let calm = course(72_000.0, 3600.0, 30.0, Some(hazard(10_800.0, 600.0)));
        let late = |course: &Course| finish(course, 500, &mut uniform(7)).at(Share::new(0.99));
        assert_eq!(finish(&wild, 100, &mut uniform(7)), finish(&wild, 100, &mut uniform(7)));
        assert!(late(&wild) > late(&calm));
    }

    /// Interruptions beyond counting are not played one by one, and the mean stays the closed form's.
    #[test]
    fn a_hopeless_run_ends_too() {
        let hopeless = course(36_000.0, 36_000.0, 0.0, Some(hazard(3600.0, 0.0)));
        let mut draws = 0_u64;
        let mut numbers = uniform(3);
        let played = finish(&hopeless, 2000, &mut || {
            draws += 1;
            numbers()
        });
        let closed = expected_time(hopeless.work, hopeless.work, Seconds::ZERO, Seconds::ZERO, Seconds::new(3600.0));
        assert!(((played.mean() / closed).get() - 1.0).abs() < 0.05, "{:?} {closed:?}", played.mean());
        assert_eq!(draws, 2000);
        let never = Hazard { mean: Seconds::new(1.0), ..hazard(3600.0, 0.0) };
        let ages = finish(&course(36_000.0, 36_000.0, 0.0, Some(never)), 10, &mut uniform(3)).at(Share::ONE);
        assert!(ages.get().is_finite() && ages > Seconds::hours(1e6));
    }
}

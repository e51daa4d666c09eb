//! Interruptions played out: the distribution of the finishing time, where the closed form gives its mean.
//!
//! The closed form of [`super::disruption`] is exact for the mean of a Poisson stream, and says nothing of the tail that a
//! deadline cares about. Random numbers are handed in, one uniform draw at a time, so that the same seed gives the same
//! answer everywhere.
//!
//! Does not know: where the draws come from.

use alloc::vec::Vec;

use crate::units::{Seconds, Share};

/// A uniform draw from above 0 to 1.
pub type Draw<'a> = &'a mut dyn FnMut() -> Share;

/// A run that is interrupted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Course {
    /// Useful work.
    pub work: Seconds,
    /// Work between saves.
    pub interval: Seconds,
    /// Standstill of a save.
    pub stall: Seconds,
    /// From an interruption to work again.
    pub restart: Seconds,
    /// Mean time between interruptions.
    pub mean: Seconds,
    /// Standard deviation, in logs, of that mean between one run and another.
    pub scatter: Share,
}

/// Finishing times of many runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Finish {
    /// Their mean.
    pub mean: Seconds,
    /// Half of them are done by then.
    pub half: Seconds,
    /// Nine in ten are.
    pub nine_in_ten: Seconds,
    /// Ninety-nine in a hundred are.
    pub nearly_all: Seconds,
}

/// Interruptions after which a run is given up, so that a hopeless one ends too.
const MOST: u64 = 100_000;

/// Plays a course so many times.
#[must_use]
pub fn finish(course: &Course, runs: u64, draw: Draw<'_>) -> Finish {
    let mut times: Vec<f64> = (0..runs.max(1)).map(|_| play(course, draw)).collect();
    times.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = libm::ceil(share * times.len() as f64) as usize;
        Seconds::new(times[place.clamp(1, times.len()) - 1])
    };
    let mean = times.iter().sum::<f64>() / times.len() as f64;
    Finish { mean: Seconds::new(mean), half: at(0.5), nine_in_ten: at(0.9), nearly_all: at(0.99) }
}

/// One run from start to end.
fn play(course: &Course, draw: Draw<'_>) -> f64 {
    let mean = course.mean.get() * scatter(course.scatter, draw);
    let tau = course.interval.min(course.work).get();
    let mut next = wait(mean, draw);
    let (mut clock, mut done) = (0.0, 0.0);
    let mut interruptions = 0;
    while done < course.work.get() && tau > 0.0 {
        let segment = tau.min(course.work.get() - done);
        // The last stretch is saved as well: it is the result.
        let needed = segment + course.stall.get() * segment / tau;
        if clock + needed <= next {
            clock += needed;
            done += segment;
            continue;
        }
        clock = next;
        next = clock + wait(mean, draw);
        // An interruption while restarting starts the restart again.
        while clock + course.restart.get() > next && interruptions < MOST {
            clock = next;
            next = clock + wait(mean, draw);
            interruptions += 1;
        }
        clock += course.restart.get();
        interruptions += 1;
        if interruptions >= MOST {
            break;
        }
    }
    clock
}

fn wait(mean: f64, draw: Draw<'_>) -> f64 {
    -mean * libm::log(draw().get().max(f64::MIN_POSITIVE))
}

/// A log-normal factor of median one (Box and Muller).
fn scatter(deviation: Share, draw: Draw<'_>) -> f64 {
    if deviation.get() <= 0.0 {
        return 1.0;
    }
    let radius = libm::sqrt(-2.0 * libm::log(draw().get().max(f64::MIN_POSITIVE)));
    libm::exp(deviation.get() * radius * libm::cos(2.0 * core::f64::consts::PI * draw().get()))
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

    /// Mean finishing times of simulated runs against the closed form: a large cluster, a quiet one, a spot machine.
    #[test]
    fn the_mean_is_the_closed_form_s() {
        for (stall, restart, mean) in [(60.0, 600.0, 11_124.0), (300.0, 600.0, 86_400.0), (60.0, 900.0, 14_400.0)] {
            let (stall, restart, mean) = (Seconds::new(stall), Seconds::new(restart), Seconds::new(mean));
            let interval = daly_interval(stall, mean);
            // Whole intervals: the closed form counts a part of one as a part of its cost.
            let work = interval * 400;
            let course = Course { work, interval, stall, restart, mean, scatter: Share::ZERO };
            let played = finish(&course, 2000, &mut uniform(1));
            let closed = expected_time(work, interval, stall, restart, mean);
            let off = (played.mean / closed).get() - 1.0;
            assert!(off.abs() < 0.01, "{off} at {mean:?}");
            assert!(played.half <= played.nine_in_ten && played.nine_in_ten <= played.nearly_all);
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_times() {
        let course = Course {
            work: Seconds::hours(20.0),
            interval: Seconds::hours(1.0),
            stall: Seconds::new(30.0),
            restart: Seconds::new(600.0),
            mean: Seconds::hours(3.0),
            scatter: Share::new(1.0),
        };
        assert_eq!(finish(&course, 100, &mut uniform(7)), finish(&course, 100, &mut uniform(7)));
        let calm = Course { scatter: Share::ZERO, ..course };
        assert!(finish(&course, 500, &mut uniform(7)).nearly_all > finish(&calm, 500, &mut uniform(7)).nearly_all);
    }

    #[test]
    fn a_hopeless_run_is_given_up() {
        let course = Course {
            work: Seconds::hours(1000.0),
            interval: Seconds::hours(1000.0),
            stall: Seconds::ZERO,
            restart: Seconds::new(600.0),
            mean: Seconds::hours(1.0),
            scatter: Share::ZERO,
        };
        assert!(finish(&course, 2, &mut uniform(3)).mean > Seconds::hours(10_000.0));
    }
}

//! How sure a forecast is: residual factors of step time and of interruptions, carried to time, energy and money.
//!
//! A residual is one factor on the step time, a band in logs that held 80 % of what was measured on like hardware and
//! software. The run and its bill are computed again at both ends of the band, so time, energy and money move with
//! the same factor, spent once. Interruptions are a second, independent factor; the two are put together as the root
//! of squares in logs. We chose this over drawing samples because it is exact for one factor, needs no random
//! numbers and costs four evaluations; the price is first order in how the two factors mix.
//!
//! Does not know: how wide the residuals are (handed in with the calibration).

use alloc::string::String;
use alloc::vec::Vec;

use crate::units::Share;

/// What is known about how far forecasts of the step time were off, and about memory.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Residuals {
    /// Groups of like hardware and software; the one with neither is what everything else falls back to.
    pub groups: Vec<Residual>,
}

/// Half width of the 80 % band of one group.
#[derive(Debug, Clone, PartialEq)]
pub struct Residual {
    /// Accelerator architecture, if the group is of one.
    pub architecture: Option<String>,
    /// Training stack, if the group is of one.
    pub stack: Option<String>,
    /// Of mixtures of experts alone, or of other models alone; `None`: of both.
    pub mixture: Option<bool>,
    /// Bound of `|ln(measured / forecast)|`.
    pub bound: Share,
}

/// A figure with its 80 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval<T> {
    /// One in ten is below.
    pub low: T,
    /// The forecast.
    pub mid: T,
    /// One in ten is above.
    pub high: T,
}

impl<T> Interval<T> {
    /// The same after something that grows with the figure: bounds stay bounds.
    #[must_use]
    pub fn map<U>(self, change: impl Fn(T) -> U) -> Interval<U> {
        Interval { low: change(self.low), mid: change(self.mid), high: change(self.high) }
    }
}

/// The factor on the step time, as a band in logs around zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Half width in logs.
    pub bound: Share,
    /// It rests on measured runs of the same architecture.
    pub known_hardware: bool,
    /// It rests on measured runs of the same stack.
    pub known_stack: bool,
}

/// Band of a forecast nobody has measured anything like: 1.2816 standard deviations of .17 (unknown stack), and as
/// much again for unknown hardware.
const UNKNOWN: f64 = 0.3;
/// A source to come is none of those seen: how much wider where hardware or stack has no group.
const UNSEEN: f64 = 1.45;
/// Standard deviations of a normal number at the ends of its 80 % interval.
pub const DEVIATIONS: Share = Share::new(1.281_551_565_544_6);
/// 80 % bound, in logs, of the mean time between interruptions: standard deviation 1 for preemptions.
pub(crate) const INTERRUPTIONS_SPOT: f64 = 1.2816;
/// The same for failures, whose rates differ by a factor of three between fleets.
pub(crate) const INTERRUPTIONS: f64 = 0.7;

impl Residuals {
    /// The band for a model, a mixture of experts or not, with a stack on an architecture: the closest group, widened for
    /// what it has not seen.
    ///
    /// # Formula
    /// `architecture and stack` as it stands; one of the two `× 1.45`; the pooled group `× 1.45` or, the stack unknown too,
    /// `× 1.45²`; else 0.3. Of each, the group of such models alone where there is one.
    ///
    /// # Source
    /// Split conformal bounds by group; residuals are not exchangeable between stacks, inflation 1.3–1.5 is needed to
    /// keep the coverage when a whole stack is left out.
    ///
    /// # Valid when
    /// The bounds are of residuals with the row's own model (where both are given), or source, left out of the fit.
    #[must_use]
    pub fn spread(&self, architecture: &str, stack: &str, mixture: bool) -> Spread {
        let find = |hardware: Option<&str>, software: Option<&str>| {
            let of = |kind: Option<bool>| {
                let like = |group: &&Residual| {
                    let place = group.architecture.as_deref() == hardware && group.stack.as_deref() == software;
                    place && group.mixture == kind
                };
                self.groups.iter().find(like).map(|group| group.bound.get())
            };
            of(Some(mixture)).or_else(|| of(None))
        };
        let seen = |test: &dyn Fn(&Residual) -> bool| self.groups.iter().any(test);
        let known_hardware = seen(&|group| group.architecture.as_deref() == Some(architecture));
        let known_stack = seen(&|group| group.stack.as_deref() == Some(stack));
        let bound = find(Some(architecture), Some(stack))
            .or_else(|| find(Some(architecture), None).map(|bound| bound * UNSEEN))
            .or_else(|| find(None, Some(stack)).map(|bound| bound * UNSEEN))
            .or_else(|| find(None, None).map(|bound| bound * UNSEEN * if known_stack { 1.0 } else { UNSEEN }))
            .unwrap_or(UNKNOWN);
        Spread { bound: Share::new(bound), known_hardware, known_stack }
    }
}

/// Mean and standard deviation of a log after a measurement.
///
/// # Formula
/// `m = (w₀m₀ + w₁x)/(w₀ + w₁)`, `s = 1/√(w₀ + w₁)`, `w = 1/s²`.
///
/// # Source
/// Conjugate update of a normal mean.
///
/// # Valid when
/// What was thought and what is measured both scatter normally in logs.
#[must_use]
pub fn updated(thought: (Share, Share), measured: (Share, Share)) -> (Share, Share) {
    let weight = |deviation: Share| 1.0 / (deviation.get() * deviation.get());
    let (before, now) = (weight(thought.1), weight(measured.1));
    let mean = (before * thought.0.get() + now * measured.0.get()) / (before + now);
    (Share::new(mean), Share::new(1.0 / libm::sqrt(before + now)))
}

/// Bounds of a figure that two independent factors move: each pair is the figure at the factor's low and high end.
///
/// # Formula
/// `mid · exp(±√(Σ ln²(end / mid)))`, each side from the ends on that side.
///
/// # Source
/// First-order propagation of independent log-normal factors.
///
/// # Valid when
/// The figure is monotone in each factor and positive.
#[must_use]
pub fn combine(mid: Share, ends: &[(Share, Share)]) -> Interval<Share> {
    let side = |pick: &dyn Fn(f64) -> f64| {
        let squares = ends.iter().map(|(one, other)| {
            let (one, other) = (log_ratio(*one, mid), log_ratio(*other, mid));
            let end = pick(one).max(pick(other)).max(0.0);
            end * end
        });
        libm::sqrt(squares.sum())
    };
    let (down, up) = (side(&|x| -x), side(&|x| x));
    Interval { low: mid * Share::new(libm::exp(-down)), mid, high: mid * Share::new(libm::exp(up)) }
}

fn log_ratio(end: Share, mid: Share) -> f64 {
    if end.get() > 0.0 && mid.get() > 0.0 { libm::log(end.get() / mid.get()) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn group(architecture: Option<&str>, stack: Option<&str>, bound: f64) -> Residual {
        Residual {
            architecture: architecture.map(String::from),
            stack: stack.map(String::from),
            mixture: None,
            bound: Share::new(bound),
        }
    }

    #[test]
    fn unseen_hardware_and_stacks_are_wider() {
        let known = Residuals {
            groups: vec![
                group(Some("hopper"), Some("a"), 0.1),
                group(Some("hopper"), None, 0.15),
                group(None, None, 0.2),
            ],
        };
        let bound = |architecture, stack| known.spread(architecture, stack, false).bound.get();
        assert_eq!(bound("hopper", "a"), 0.1);
        assert_eq!(bound("hopper", "new"), 0.15 * 1.45);
        assert_eq!(bound("new", "a"), 0.2 * 1.45);
        assert_eq!(bound("new", "new"), 0.2 * 1.45 * 1.45);
        assert_eq!(Residuals::default().spread("hopper", "a", true).bound.get(), 0.3);
    }

    #[test]
    fn mixtures_have_a_band_of_their_own_where_they_have_a_group() {
        let of = |mixture, bound| Residual { mixture, ..group(Some("hopper"), Some("a"), bound) };
        let known =
            Residuals { groups: vec![of(None, 0.1), of(Some(true), 0.3), group(Some("volta"), Some("a"), 0.2)] };
        let bound = |architecture, mixture| known.spread(architecture, "a", mixture).bound.get();
        assert_eq!((bound("hopper", true), bound("hopper", false)), (0.3, 0.1));
        assert_eq!(bound("volta", true), 0.2);
    }

    #[test]
    fn independent_factors_add_in_squares() {
        let e = |x: f64| Share::new(libm::exp(x));
        let got = combine(Share::ONE, &[(e(-0.3), e(0.3)), (e(-0.4), e(0.4))]);
        assert!((libm::log(got.high.get()) - 0.5).abs() < 1e-12);
        assert!((libm::log(got.low.get()) + 0.5).abs() < 1e-12);
    }
}

//! What interrupts a run and what saving its state costs: failures, preemptions, checkpoints.
//!
//! Interruptions are taken as a Poisson stream (Daly 2006), which gives closed forms for the best interval and the
//! expected time. The price: real spot machines are heavy-tailed, so short jobs fare worse, and long ones better,
//! than this says; the interval around a forecast is widened for it ([`crate::interval`]).
//!
//! Does not know: waiting for new capacity after a preemption, silent slow-downs, infant failures of new fleets.
//!
//! Reading order: [`mean_time_between`], [`daly_interval`], [`expected_time`], [`checkpoint_bytes`].

use crate::dtype::Dtype;
use alloc::vec::Vec;

use crate::layout::{Layout, Recompute};
use crate::memory;
use crate::model::{Block, Linear, Model, Op};
use crate::scenario::adapters;
use crate::scenario::offer::Offer;
use crate::scenario::operation::Operation;
use crate::scenario::recipe::{Lora, Method, Recipe};
use crate::units::{Bytes, Seconds, Share};

/// Interruptions over a span of time.
///
/// # Formula
/// `events / (units · days) · 1000`: per thousand unit-days.
///
/// # Source
/// The usual normalisation of failure counts (`kokolis2024`, `llama3`).
///
/// # Valid when
/// The span is long against the mean time between events.
#[must_use]
pub fn per_thousand_unit_days(events: u64, units: u64, span: Seconds) -> Share {
    Share::new(events as f64 / (units as f64 * span.to_days()) * 1000.0)
}

/// Mean time between interruptions of the whole job; `None` if nothing interrupts it.
///
/// # Formula
/// `1 / (nodes/node_mtbf + 1/job_mtbf + nodes^(1−together)/preemption)`; the second term from `job_mtbf_from`
/// accelerators on, the third for spot machines alone and counting only those.
///
/// # Source
/// Hazards of independent causes add. `kokolis2024`: failures grow with nodes, but jobs of a thousand accelerators fail
/// more often than their nodes explain, hence the term that does not depend on size. The exponent for spot is our
/// assumption between independence and one common cause.
///
/// # Valid when
/// Causes are independent and rates constant over the run.
#[must_use]
pub fn mean_time_between(operation: &Operation, offer: &Offer, nodes: u64, accelerators: u64) -> Option<Seconds> {
    let machines = nodes as f64;
    let mut hazard = rate(Some(operation.node_mtbf)) * machines;
    if accelerators >= operation.job_mtbf_from {
        hazard += rate(operation.job_mtbf);
    }
    let fleeting = offer.taken_away(nodes).get();
    if fleeting > 0.0 {
        let alone = libm::pow(fleeting, 1.0 - operation.preemption_together.get());
        hazard += rate(Some(offer.preemption.unwrap_or(operation.preemption))) * alone;
    }
    (hazard > 0.0).then(|| Seconds::new(1.0 / hazard))
}

fn rate(mean: Option<Seconds>) -> f64 {
    mean.filter(|time| time.get() > 0.0).map_or(0.0, |time| 1.0 / time.get())
}

/// Thirty thousand years stand for never, so that no figure becomes infinite.
const NEVER: Seconds = Seconds::new(1e12);

/// The checkpoint interval that loses least time.
///
/// # Formula
/// `τ = √(2δM)·(1 + ⅓·√(δ/2M) + δ/(18M)) − δ` for `δ < 2M`, otherwise `M`.
///
/// # Source
/// `daly2006`, equation 37.
///
/// # Valid when
/// Interruptions are a Poisson stream of mean time `M`; each save stalls the run for `δ`.
#[must_use]
pub fn daly_interval(stall: Seconds, mean: Seconds) -> Seconds {
    let (delta, m) = (stall.get(), mean.get());
    if delta >= 2.0 * m {
        return mean;
    }
    let ratio = delta / (2.0 * m);
    Seconds::new(libm::sqrt(2.0 * delta * m) * (1.0 + libm::sqrt(ratio) / 3.0 + ratio / 9.0) - delta)
}

/// Expected time for `work` seconds of useful work under interruptions.
///
/// # Formula
/// `T = M·e^(R/M)·(e^((τ+δ)/M) − 1)·work/τ`.
///
/// # Source
/// `daly2006`, equation 20.
///
/// # Valid when
/// Interruptions are a Poisson stream of mean time `M` and may also strike during saves and restarts. An interval beyond
/// the work itself counts as one segment of all the work. What would take longer than ages is cut off there.
#[must_use]
pub fn expected_time(work: Seconds, interval: Seconds, stall: Seconds, restart: Seconds, mean: Seconds) -> Seconds {
    let m = mean.get();
    let tau = interval.min(work).get();
    if tau <= 0.0 {
        return Seconds::ZERO;
    }
    let expected = m * libm::exp(restart.get() / m) * libm::expm1((tau + stall.get()) / m) * work.get() / tau;
    Seconds::new(expected).min(NEVER)
}

/// Share of the time that is useful: `work / expected time`, for work much longer than the interval.
#[must_use]
pub fn goodput(interval: Seconds, stall: Seconds, restart: Seconds, mean: Seconds) -> Share {
    interval / expected_time(interval, interval, stall, restart, mean)
}

/// How much longer a run takes where machines come and go.
///
/// # Formula
/// `(up + down) / up`.
///
/// # Source
/// Traces of spot capacity: up 4.3 h, down 2.0 h on the average in one zone.
///
/// # Valid when
/// One zone, work waits while nothing can be had.
#[must_use]
pub fn makespan(up: Seconds, down: Seconds) -> Share {
    (up + down) / up
}

/// What a checkpoint holds: everything needed to go on as if nothing had happened.
///
/// # Formula
/// Trained weights + master copy + optimizer state; frozen weights are not saved again.
///
/// # Source
/// Definitions of the formats; 12–14 bytes a parameter for 16-bit training with AdamW (BLOOM's 2.3 TB: 13.1).
///
/// # Valid when
/// The state is saved once over all ranks, not once a rank.
#[must_use]
pub fn checkpoint_bytes(model: &Model, recipe: &Recipe) -> Bytes {
    // On one device nothing is shared out, so its footprint holds the whole state.
    let whole = memory::footprint(model, recipe, &Layout::single(1, 1, Recompute::Full));
    let (trained, format) = trained(model, recipe);
    format.bytes(trained) + whole.master + whole.optimizer + whole.host
}

/// Trained parameters and the format they are stored in.
fn trained(model: &Model, recipe: &Recipe) -> (u64, Dtype) {
    match &recipe.method {
        Method::Full | Method::Freeze { .. } => (adapters::trained(model, &recipe.method), recipe.precision.weights),
        Method::Lora(lora) => (targeted(model, lora), lora.adapter),
    }
}

/// Parameters of the adapters on projections.
fn targeted(model: &Model, lora: &Lora) -> u64 {
    let linears = |block: &Block| {
        block.ops.iter().filter_map(|op| if let Op::Linear(l) = op { Some(*l) } else { None }).collect::<Vec<_>>()
    };
    let size = |l: Linear| lora.rank * (l.input + l.output) + if lora.dora { l.output } else { 0 };
    model
        .blocks
        .iter()
        .map(|b| b.stored * linears(b).into_iter().filter(|l| memory::targeted(l, lora)).map(size).sum::<u64>())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, want: f64, relative: f64) {
        assert!((got - want).abs() <= relative * want.abs(), "got {got}, want {want}");
    }

    #[test]
    fn daly_examples() {
        for (delta, m, tau) in
            [(60.0, 11_124.0, 1_115.716_280), (600.0, 7200.0, 2_552.995_967), (5.0, 11_124.0, 330.201_606)]
        {
            close(daly_interval(Seconds::new(delta), Seconds::new(m)).get(), tau, 1e-8);
        }
        assert_eq!(daly_interval(Seconds::new(100.0), Seconds::new(50.0)), Seconds::new(50.0));
    }

    /// A one-minute stall, ten minutes to restart, Llama 3's three hours between interruptions; then a quiet cluster;
    /// then a spot machine that lasts four hours.
    #[test]
    fn goodput_examples() {
        for (delta, restart, m, want) in [
            (60.0, 600.0, 11_124.0, 0.852_459_372),
            (300.0, 600.0, 86_400.0, 0.912_605_631),
            (60.0, 900.0, 14_400.0, 0.856_246_162),
        ] {
            let (delta, restart, m) = (Seconds::new(delta), Seconds::new(restart), Seconds::new(m));
            close(goodput(daly_interval(delta, m), delta, restart, m).get(), want, 1e-8);
        }
    }

    /// 419 unexpected interruptions of 2,048 nodes in 54 days: every 3.09 hours.
    #[test]
    fn llama3_interruptions() {
        let span = Seconds::hours(54.0 * 24.0);
        close(per_thousand_unit_days(419, 2048, span).get(), 3.788_700_810, 1e-9);
        close((span / 419).to_hours(), 3.093, 1e-3);
    }

    #[test]
    fn short_work_is_one_segment() {
        let day = Seconds::hours(24.0);
        let got = expected_time(Seconds::new(600.0), day, Seconds::ZERO, Seconds::ZERO, day);
        close(got.get(), 86_400.0 * libm::expm1(600.0 / 86_400.0), 1e-12);
    }
}

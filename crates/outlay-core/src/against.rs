//! Why one plan costs more or takes longer than another: the difference, term by term.
//!
//! The parts add up to the difference exactly. Machine time is counted in accelerator-hours, so that plans on different
//! numbers of machines compare: what another price of an hour makes is one term, what more hours make is one for each
//! part of the step and of the run, at the other plan's price.
//!
//! Does not know: which plan is better, or why anybody names one.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::forecast::Forecast;
use crate::scenario::offer::Offer;
use crate::step::Step;
use crate::term::{Figure, Term};
use crate::units::{Seconds, Usd};

/// A plan with its offer.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// The forecast.
    pub forecast: &'a Forecast,
    /// What it rents.
    pub offer: &'a Offer,
}

impl Side<'_> {
    /// Accelerators that are paid for.
    fn installed(&self) -> f64 {
        (self.forecast.plan.nodes * self.offer.node.accelerators) as f64
    }

    /// Dollars for a second of an accelerator.
    fn price(&self) -> f64 {
        self.offer.price.get() / 3600.0 / self.offer.node.accelerators.max(1) as f64
    }

    /// Seconds of the run by part; useful steps by the parts of a step. They add up to the time on the clock.
    fn seconds(&self) -> Vec<(&'static str, f64)> {
        let Forecast { run, step, .. } = self.forecast;
        let total = step.total().get();
        let useful = run.computing.get();
        let mut all: Vec<(&'static str, f64)> = parts(step)
            .into_iter()
            .map(|(name, time)| (name, useful * time.get() / total.max(f64::MIN_POSITIVE)))
            .collect();
        all.extend([
            ("start-up", run.startup.get()),
            ("fetching data", run.fetching.get()),
            ("evaluation", run.evaluating.get()),
            ("saving checkpoints", run.saving.get()),
            ("interruptions", run.lost.get()),
            ("waiting for machines", run.waiting.get()),
            ("sweep", run.sweeping.get()),
        ]);
        all
    }
}

fn parts(step: &Step) -> [(&'static str, Seconds); 18] {
    [
        ("matrix products", step.gemm),
        ("experts", step.experts),
        ("attention", step.attention),
        ("recurrences", step.scan),
        ("element-wise operators", step.elementwise),
        ("dequantisation", step.dequantise),
        ("recomputation", step.recompute),
        ("launches", step.launch),
        ("data-parallel communication", step.comm_dp),
        ("tensor-parallel communication", step.comm_tp),
        ("pipeline communication", step.comm_pp),
        ("context-parallel communication", step.comm_cp),
        ("expert-parallel communication", step.comm_ep),
        ("pipeline bubble", step.bubble),
        ("optimizer", step.optimizer),
        ("host transfers", step.offload),
        ("stragglers", step.straggler),
        ("waiting for data", step.loader),
    ]
}

/// What `other` costs more than `one`.
///
/// # Formula
/// `Δ = (p₂ − p₁)·h₁ + p₂·Σ (h₂ − h₁) + Σ (lines₂ − lines₁)`, with `p` the price of an accelerator-hour and `h` the
/// accelerator-hours of each part; what counting time in whole pieces adds stands apart.
///
/// # Source
/// Definition; the parts add up to the difference.
///
/// # Valid when
/// Always.
#[must_use]
pub fn cost(one: Side<'_>, other: Side<'_>) -> Term {
    let money = |amount: f64| Figure::Usd(Usd::new(amount));
    let paid = |side: &Side<'_>| {
        let all = side.seconds().into_iter().filter(|(name, _)| !["waiting for machines", "sweep"].contains(name));
        all.map(|(name, time)| (name, time * side.installed())).collect::<Vec<_>>()
    };
    let (before, after) = (paid(&one), paid(&other));
    let hours: f64 = before.iter().map(|(_, time)| time).sum();
    let mut terms = Vec::from([Term::leaf(
        "price of an accelerator-hour",
        money((other.price() - one.price()) * hours),
        format!("${:.3} instead of ${:.3}", other.price() * 3600.0, one.price() * 3600.0),
    )]);
    for ((name, old), (_, new)) in before.iter().zip(&after) {
        let extra = other.price() * (new - old);
        let note = format!("{:.2} instead of {:.2} accelerator-hours", new / 3600.0, old / 3600.0);
        terms.push(Term::leaf(name, money(extra), note));
    }
    let (old, new) = (&one.forecast.bill, &other.forecast.bill);
    let line = |bill: Option<Usd>| bill.unwrap_or(Usd::ZERO).get();
    let hourly: f64 = (after.iter().map(|(_, time)| time).sum::<f64>()) * other.price() - hours * one.price();
    let counted = (new.compute - old.compute).get() - hourly;
    let others = [
        ("time billed in whole pieces", counted),
        ("sweep", (new.sweep - old.sweep).get()),
        ("failed attempts", (new.attempts - old.attempts).get()),
        ("storage", line(new.storage) - line(old.storage) + line(new.checkpoints) - line(old.checkpoints)),
        ("transfer of data", line(new.transfer) - line(old.transfer)),
        ("electricity", line(new.energy) - line(old.energy)),
        ("credit", (new.total() - new.gross() - old.total() + old.gross()).get()),
        ("preparation and named lines", (new.preparation + new.extras - old.preparation - old.extras).get()),
    ];
    terms.extend(others.into_iter().map(|(name, extra)| Term::leaf(name, money(extra), String::new())));
    sorted("cost", money(0.0), terms)
}

/// What `other` takes longer than `one`.
#[must_use]
pub fn time(one: Side<'_>, other: Side<'_>) -> Term {
    let seconds = |time: f64| Figure::Seconds(Seconds::new(time));
    let terms = one.seconds().into_iter().zip(other.seconds()).map(|((name, old), (_, new))| {
        let note = format!("{:.2} instead of {:.2} hours", new / 3600.0, old / 3600.0);
        Term::leaf(name, seconds(new - old), note)
    });
    sorted("time on the clock", seconds(0.0), terms.collect())
}

/// The largest first; what makes no difference is left out.
fn sorted(name: &str, zero: Figure, mut terms: Vec<Term>) -> Term {
    let size = |term: &Term| match term.figure {
        Figure::Usd(money) => libm::fabs(money.get()),
        Figure::Seconds(time) => libm::fabs(time.get()),
        Figure::Bytes(_) | Figure::Nats(_) => 0.0,
    };
    terms.retain(|term| size(term) > 1e-9);
    terms.sort_by(|one, other| size(other).total_cmp(&size(one)));
    Term::sum(name, zero, String::new(), terms)
}

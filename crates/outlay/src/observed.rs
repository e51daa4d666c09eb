//! A measurement of the user's own: what it says of the machines and the program, and how far that carries.
//!
//! In logs the forecast's error is a normal deviate whose spread the evidence gives; a measurement is another, much
//! narrower one. The posterior mean moves the factor of this program on this generation, the posterior spread becomes
//! the band. What was measured in one configuration carries to another with some loss.
//!
//! Does not know: peaks of memory.

use outlay_catalog::Catalog;
use outlay_core::forecast::Knowledge;
use outlay_core::interval::{self, Residual};
use outlay_core::step::calibration::PairFactor;
use outlay_core::units::Share;

use crate::amount::{self, Unit};
use crate::problem::{Code, Problem};
use crate::request::{ObservedRequest, Request};

/// Standard deviations of an 80 % band's half width.
const BAND: f64 = 1.2816;
/// Scatter of one configuration run again, in logs.
const AGAIN: f64 = 0.03;
/// Further scatter when the program is the same and the configuration another.
const CARRIED: f64 = 0.08;
/// A measurement this far from the forecast is a slip of units, not news.
const ABSURD: f64 = 8.0;

/// What a measurement changes.
#[derive(Debug, Clone)]
pub(crate) struct Sharpened {
    /// Constants and bands after it.
    pub(crate) knowledge: Knowledge,
    /// What to tell the user.
    pub(crate) note: String,
}

/// Updates the catalog's knowledge by the request's measurement; `None` without one.
pub(crate) fn sharpen(request: &Request, catalog: &Catalog) -> Result<Option<Sharpened>, Vec<Problem>> {
    let observed = &request.observed;
    if *observed == ObservedRequest::default() {
        return Ok(None);
    }
    let own = configuration(request)?;
    let (resolved, forecast) = crate::exact_as_known(&own, catalog)?;
    let scenario = &resolved.scenario;
    let accelerators = forecast.step.accelerators as f64;
    let tokens = (scenario.recipe.global_batch * scenario.recipe.seq_len) as f64 / accelerators;
    let seconds = match (&observed.tokens_per_s, &observed.step_time) {
        (Some(rate), None) => tokens / amount::read(rate, Unit::Count, "observed.tokens_per_s").map_err(|p| vec![p])?,
        (None, Some(time)) => amount::read(time, Unit::Time, "observed.step_time").map_err(|p| vec![p])?,
        (Some(_), Some(_)) => {
            let fault =
                Problem::new(Code::Contradiction, "observed.step_time", "speed and step time say the same thing");
            return Err(vec![fault.help("leave one of them out")]);
        }
        (None, None) => {
            let fault = Problem::new(Code::Missing, "observed", "nothing was measured");
            return Err(vec![fault.help("give tokens_per_s (per accelerator) or step_time")]);
        }
    };
    let expected = forecast.step_time.mid.get();
    let off = seconds / expected;
    if !(1.0 / ABSURD..=ABSURD).contains(&off) {
        let message = format!("a step of {seconds:.3} s, where {expected:.3} s is forecast");
        let fault = Problem::new(Code::OutOfRange, "observed", message);
        return Err(vec![
            fault.help("tokens_per_s counts tokens of one accelerator, step_time a whole optimizer step").help(
                "name the machines and the micro-batch it was measured with: observed.accelerator, gpus, micro_batch",
            ),
        ]);
    }
    let (architecture, stack) =
        (scenario.offers[forecast.plan.offer].accelerator.architecture.clone(), scenario.recipe.stack.program.clone());
    let mixture = scenario.model.experts().is_some();
    let prior = catalog.knowledge().residuals.spread(&architecture, &stack, mixture).bound.get() / BAND;
    let (mean, deviation) = posterior(prior, off.ln());
    let carried = if same_configuration(request, &own) { 0.0 } else { CARRIED };
    let band = BAND * deviation.hypot(carried);
    let mut knowledge = catalog.knowledge().clone();
    let pair = format!("{stack}@{architecture}");
    match knowledge.calibration.pairs.iter_mut().find(|known| known.pair == pair) {
        Some(known) => known.made_for = known.made_for * Share::new(mean.exp()),
        None => knowledge.calibration.pairs.push(PairFactor { pair, made_for: Share::new(mean.exp()) }),
    }
    let group = Residual {
        architecture: Some(architecture),
        stack: Some(stack),
        mixture: Some(mixture),
        bound: Share::new(band),
    };
    knowledge.residuals.groups.insert(0, group);
    let note = format!(
        "your measurement: a step of {seconds:.3} s where {expected:.3} s was forecast; everything on this hardware with this \
         program moves by {:+.0} %",
        (mean.exp() - 1.0) * 100.0
    );
    Ok(Some(Sharpened { knowledge, note }))
}

/// Mean and standard deviation after a measurement, of a factor whose log was thought to be normal around zero.
fn posterior(prior: f64, measured: f64) -> (f64, f64) {
    let (mean, deviation) =
        interval::updated((Share::ZERO, Share::new(prior)), (Share::new(measured), Share::new(AGAIN)));
    (mean.get(), deviation.get())
}

/// The job as it was measured.
fn configuration(request: &Request) -> Result<Request, Vec<Problem>> {
    let observed = &request.observed;
    let mut own = Request { observed: ObservedRequest::default(), ..request.clone() };
    if let Some(part) = &observed.accelerator {
        own.hardware.accelerators = vec![part.clone()];
    }
    if own.hardware.accelerators.len() != 1 && own.hardware.node.is_none() {
        let fault = Problem::new(Code::Missing, "observed.accelerator", "on which accelerator it was measured");
        return Err(vec![fault.help("for example accelerator = \"h100-sxm\"")]);
    }
    if let Some(gpus) = observed.gpus {
        own.hardware.gpus = Some(gpus);
        own.hardware.max_gpus = None;
    }
    own.layout.micro_batch = observed.micro_batch.or(own.layout.micro_batch);
    Ok(own)
}

/// The job asks about just what was measured.
fn same_configuration(request: &Request, own: &Request) -> bool {
    let asked = Request { observed: ObservedRequest::default(), ..request.clone() };
    asked == *own
}

#[cfg(test)]
mod tests {
    use super::posterior;

    #[test]
    fn the_worked_update() {
        // Thought: utilisation .40, spread .17; measured .33: the mean moves nearly all the way, to .332.
        let (mean, deviation) = posterior(0.17, (0.40_f64 / 0.33).ln());
        assert!((0.40 / mean.exp() - 0.332).abs() < 5e-4, "{}", 0.40 / mean.exp());
        assert!((deviation - 0.0295).abs() < 1e-4, "{deviation}");
    }
}

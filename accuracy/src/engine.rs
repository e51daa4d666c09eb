//! The product's own door as the engine that is scored.

use outlay::catalog::Catalog;
use outlay::core::dtype::Dtype;
use outlay::core::forecast::Forecast;
use outlay::core::interval::Interval;
use outlay::core::model::params;
use outlay::core::scenario::adapters;
use outlay::core::scenario::cluster::Vendor;
use outlay::core::scenario::recipe::Method;
use outlay::core::units::{Bytes, Flops, Seconds};
use outlay::problem::Code;
use outlay::request::Request;
use outlay::{Problem, core::scenario::Scenario};

use crate::rows::words::KnownAccelerator;
use crate::table::Unscorable;
use crate::traits::{ASSUMED, Traits};
use crate::validate::{Answer, Counts, Engine, Estimate};

/// The door with a catalog.
#[derive(Debug, Clone)]
pub struct Door {
    catalog: Catalog,
}

impl Door {
    /// With the tables that are compiled in.
    #[must_use]
    pub fn built_in() -> Self {
        Self::new(Catalog::built_in())
    }

    /// With tables handed in.
    #[must_use]
    pub const fn new(catalog: Catalog) -> Self {
        Self { catalog }
    }
}

impl Engine for Door {
    fn accelerators(&self) -> Vec<KnownAccelerator> {
        let known = |part: &outlay::catalog::Part| KnownAccelerator {
            id: part.accelerator.id.clone(),
            names: std::iter::once(part.accelerator.name.clone()).chain(part.aliases.clone()).collect(),
            memory_gib: part.nominal_gb,
        };
        self.catalog.parts().iter().map(known).collect()
    }

    fn ask(&self, request: &Request) -> Result<Answer, Unscorable> {
        let (resolved, forecast) = outlay::exact(request, &self.catalog).map_err(|problems| reason(&problems))?;
        Ok(answer(&resolved.scenario, &forecast))
    }

    fn count(&self, request: &Request) -> Result<Counts, Unscorable> {
        let (model, method) = outlay::architecture(request, &self.catalog).map_err(|problems| reason(&problems))?;
        Ok(Counts {
            total: params::total(&model),
            active: params::active(&model),
            trainable: adapters::trained(&model, &method),
        })
    }
}

/// The first problem by its kind and place: rows refused for one reason add up, whatever names stand in them.
fn reason(problems: &[Problem]) -> Unscorable {
    problems.first().map_or_else(
        || Unscorable::new("refused"),
        |problem| {
            // What follows a colon is the rule that was broken: no name of a model or part stands there.
            let rule = match problem.code {
                Code::DoesNotDivide | Code::Contradiction => problem.message.split_once(": ").map(|(_, rule)| rule),
                _ => None,
            };
            let rule = rule.map_or_else(String::new, |rule| format!(": {rule}"));
            Unscorable(format!("{} at {}{rule}", problem.code.text(), problem.at))
        },
    )
}

fn answer(scenario: &Scenario, forecast: &Forecast) -> Answer {
    let accelerators = forecast.step.accelerators as f64;
    let tokens = (scenario.recipe.global_batch * scenario.recipe.seq_len) as f64 / accelerators;
    let step = forecast.step_time;
    let inverse =
        |work: f64| Estimate { value: work / step.mid.get(), low: work / step.high.get(), high: work / step.low.get() };
    let tera = |flops: Flops| inverse(flops.get() / accelerators / 1e12);
    let seconds = |time: Interval<Seconds>, per: f64| Estimate {
        value: time.mid.get() / per,
        low: time.low.get() / per,
        high: time.high.get() / per,
    };
    let footprint = &forecast.footprint;
    let offer = &scenario.offers[forecast.plan.offer];
    let hours = seconds(forecast.time, 3600.0 / accelerators);
    Answer {
        tokens_per_second: inverse(tokens),
        step_seconds: seconds(step, 1.0),
        tflops_causal: tera(forecast.step.model_flops),
        tflops_full: tera(forecast.step.model_flops_full),
        tflops_hardware: tera(forecast.step.hardware_flops),
        live: around(footprint.live(), LIVE),
        reserved: around(footprint.live() + footprint.fragmentation, DEVICE),
        device: around(footprint.total(), DEVICE),
        device_hours: hours,
        group: format!("{}/{}", offer.accelerator.architecture, scenario.recipe.stack.program),
        traits: traits(scenario, forecast),
    }
}

fn traits(scenario: &Scenario, forecast: &Forecast) -> Traits {
    let Scenario { model, recipe, .. } = scenario;
    let part = &scenario.offers[forecast.plan.offer].accelerator;
    let consumer = ["RTX", "GTX", "TITAN"].iter().any(|word| part.name.contains(word));
    let method = match &recipe.method {
        Method::Lora(lora) if matches!(lora.base, Dtype::Nf4 | Dtype::Nf4Double) => "qlora",
        Method::Lora(_) => "lora",
        _ => "full",
    };
    let peak = part.peaks.of(recipe.precision.compute).map_or(forecast.step.peak.get(), |peak| peak.get());
    let tokens = (recipe.global_batch * recipe.seq_len) as f64;
    let usual = 6.0 * params::active(model) as f64 * tokens / (forecast.step.accelerators as f64 * peak * ASSUMED);
    Traits {
        mixture: model.experts().is_some(),
        datacentre: part.vendor == Vendor::Nvidia && !consumer,
        size_b: params::total(model) as f64 / 1e9,
        method,
        precision: recipe.precision.compute.name(),
        spreadsheet: usual / forecast.step_time.mid.get(),
        ..Traits::default()
    }
}

/// Half width of the 80 % band of live bytes, in logs.
const LIVE: f64 = 0.02;
/// The same of what a device holds: 1.28 standard deviations of the allocator's reserve as the forecast has it, and what
/// reports leave open.
const DEVICE: f64 = 0.2;

fn around(bytes: Bytes, band: f64) -> Estimate {
    let value = bytes.get();
    Estimate { value, low: value * (-band).exp(), high: value * band.exp() }
}

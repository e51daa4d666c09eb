//! What the tables hold, as rows for programs: models, accelerators, offers, training programs.
//!
//! Every shell lists the same rows: the command filters them, the page offers them as choices.
//!
//! Does not know: filters; how a row is shown.

use outlay_catalog::Catalog;
use outlay_core::model::params;
use outlay_core::scenario::cluster::Accelerator;
use outlay_core::scenario::offer::{Offer, Purchase};
use outlay_core::units::{FlopsPerSec, Watts};
use schemars::JsonSchema;
use serde::Serialize;

use crate::request::{ModelRequest, Request};

/// A model preset, with what follows from its architecture.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ModelRow {
    /// Name in a job.
    pub name: String,
    /// Other names.
    pub aliases: Vec<String>,
    /// `org/name` of the hub.
    pub hub: Option<String>,
    /// Family.
    pub family: String,
    /// Stored parameters.
    pub params: u64,
    /// Parameters a token passes through.
    pub active_params: u64,
    /// Layers.
    pub layers: u64,
    /// Width of the residual stream.
    pub hidden: u64,
}

/// An accelerator; peaks are dense, `null` where it has no such units.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct HardwareRow {
    /// Key.
    pub id: String,
    /// As people write it.
    pub name: String,
    /// Generation.
    pub architecture: String,
    /// Memory.
    pub memory_gib: f64,
    /// Memory bandwidth.
    pub memory_bandwidth_gb_s: f64,
    /// Peak in fp32.
    pub fp32_tflops: Option<f64>,
    /// Peak in fp16.
    pub fp16_tflops: Option<f64>,
    /// Peak in bf16.
    pub bf16_tflops: Option<f64>,
    /// Peak in fp8.
    pub fp8_tflops: Option<f64>,
    /// Peak in fp4.
    pub fp4_tflops: Option<f64>,
    /// Design power.
    pub tdp_w: Option<f64>,
    /// Lowest on-demand price of one for an hour; `null`: nobody offers it.
    pub lowest_usd_per_hour: Option<f64>,
    /// Who asks it.
    pub lowest_provider: Option<String>,
}

/// Something one can rent.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct OfferRow {
    /// Provider.
    pub provider: String,
    /// Region.
    pub region: String,
    /// The provider's machine.
    pub instance: String,
    /// Accelerator key.
    pub accelerator: String,
    /// Accelerators of one machine.
    pub accelerators: u64,
    /// How it is bought.
    pub purchase: String,
    /// Price of the machine.
    pub usd_per_hour: f64,
    /// Price of one of its accelerators.
    pub usd_per_accelerator_hour: f64,
    /// Day of the price.
    pub as_of: String,
    /// Where it was read.
    pub source: String,
}

/// The presets whose architecture can be read, in the table's order.
#[must_use]
pub fn models(catalog: &Catalog) -> Vec<ModelRow> {
    let row = |preset: &outlay_catalog::presets::Preset| {
        let model = ModelRequest { base: Some(preset.name.clone()), ..ModelRequest::default() };
        let (model, _) = crate::architecture(&Request { model, ..Request::default() }, catalog).ok()?;
        Some(ModelRow {
            name: preset.name.clone(),
            aliases: preset.aliases.clone(),
            hub: preset.hub.clone(),
            params: params::total(&model),
            active_params: params::active(&model),
            layers: model.depth(),
            hidden: model.hidden,
            family: model.family,
        })
    };
    catalog.presets().iter().filter_map(row).collect()
}

/// The accelerators, largest memory first.
#[must_use]
pub fn hardware(catalog: &Catalog) -> Vec<HardwareRow> {
    let mut parts: Vec<&Accelerator> = catalog.accelerators().collect();
    parts.sort_by(|a, b| b.memory.total_cmp(&a.memory).then_with(|| a.id.cmp(&b.id)));
    let tera = |rate: Option<FlopsPerSec>| rate.map(|rate| rate.to_tera());
    let row = |part: &&Accelerator| {
        let low = lowest(catalog, part);
        HardwareRow {
            id: part.id.clone(),
            name: part.name.clone(),
            architecture: part.architecture.clone(),
            memory_gib: part.memory.to_gib(),
            memory_bandwidth_gb_s: part.memory_bandwidth.get() / 1e9,
            fp32_tflops: tera(part.peaks.fp32),
            fp16_tflops: tera(part.peaks.fp16),
            bf16_tflops: tera(part.peaks.bf16),
            fp8_tflops: tera(part.peaks.fp8),
            fp4_tflops: tera(part.peaks.fp4),
            tdp_w: part.tdp.map(Watts::get),
            lowest_usd_per_hour: low.map(|(price, _)| price),
            lowest_provider: low.map(|(_, provider)| provider.to_owned()),
        }
    };
    parts.iter().map(row).collect()
}

/// Lowest on-demand price of one accelerator for an hour, and who asks it.
fn lowest<'a>(catalog: &'a Catalog, part: &Accelerator) -> Option<(f64, &'a str)> {
    let offers = catalog.offers().iter().filter(|o| o.accelerator.id == part.id && o.purchase == Purchase::OnDemand);
    offers.map(|offer| (each(offer), offer.provider.as_str())).min_by(|a, b| a.0.total_cmp(&b.0))
}

/// The offers, cheapest accelerator-hour first.
#[must_use]
pub fn offers(catalog: &Catalog) -> Vec<OfferRow> {
    let mut offers: Vec<&Offer> = catalog.offers().iter().collect();
    offers.sort_by(|a, b| each(a).total_cmp(&each(b)));
    let row = |offer: &&Offer| OfferRow {
        provider: offer.provider.clone(),
        region: offer.region.clone(),
        instance: offer.instance.clone(),
        accelerator: offer.accelerator.id.clone(),
        accelerators: offer.node.accelerators,
        purchase: offer.purchase.name().into(),
        usd_per_hour: offer.price.get(),
        usd_per_accelerator_hour: each(offer),
        as_of: offer.as_of.clone(),
        source: offer.source.clone(),
    };
    offers.iter().map(row).collect()
}

/// Names of the training programs.
#[must_use]
pub fn stacks(catalog: &Catalog) -> Vec<String> {
    catalog.programs().iter().map(|program| program.stack.id.clone()).collect()
}

fn each(offer: &Offer) -> f64 {
    offer.price.get() / offer.node.accelerators as f64
}

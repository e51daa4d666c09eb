//! The catalogs as lists: what a shell shows, a program reads and an agent looks up.
//!
//! Rows are made here rather than in a shell, so that every way in gives the same figures under the same names. `null`
//! means unknown.
//!
//! Does not know: how a list is laid out, or how many rows of it are wanted.

use outlay_catalog::Catalog;
use outlay_catalog::names::matches;
use outlay_catalog::presets::Preset;
use outlay_core::model::params;
use outlay_core::scenario::cluster::Accelerator;
use outlay_core::scenario::offer::{Offer, Purchase};
use outlay_core::units::{FlopsPerSec, Watts};
use schemars::JsonSchema;
use serde::Serialize;

use crate::request::{ModelRequest, Request};

/// A model preset, with what is derived from its architecture.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ModelRow {
    /// Its name, for `model.base`.
    pub name: String,
    /// Other names that are understood.
    pub aliases: Vec<String>,
    /// Its `org/name` on the Hugging Face hub; `null`: not there.
    pub hub: Option<String>,
    /// Family of architectures.
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

/// An accelerator. Peaks are dense; `null` where a format is not supported or the peak is unknown.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct AcceleratorRow {
    /// Its key, for `hardware.accelerators`.
    pub id: String,
    /// As people write it.
    pub name: String,
    /// Generation.
    pub architecture: String,
    /// Memory.
    pub memory_gib: f64,
    /// Bandwidth of that memory.
    pub memory_bandwidth_gb_s: f64,
    /// Dense peak in fp32.
    pub fp32_tflops: Option<f64>,
    /// Dense peak in fp16.
    pub fp16_tflops: Option<f64>,
    /// Dense peak in bf16.
    pub bf16_tflops: Option<f64>,
    /// Dense peak in fp8.
    pub fp8_tflops: Option<f64>,
    /// Dense peak in fp4.
    pub fp4_tflops: Option<f64>,
    /// Power it may draw.
    pub tdp_w: Option<f64>,
    /// Lowest on-demand price of one for an hour; `null`: nobody in the catalog rents it.
    pub lowest_usd_per_hour: Option<f64>,
    /// Who asks that.
    pub lowest_provider: Option<String>,
}

/// A machine at a price.
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
    /// `on-demand`, `spot`, `reserved-1y`, `reserved-3y`.
    pub purchase: String,
    /// Price of one machine for an hour.
    pub usd_per_hour: f64,
    /// The same for each accelerator.
    pub usd_per_accelerator_hour: f64,
    /// Day of the price.
    pub as_of: String,
    /// Where it was read.
    pub source: String,
}

/// Model presets, in the table's order; with `names`, those whose name contains one of them.
#[must_use]
pub fn models(catalog: &Catalog, names: &[String]) -> Vec<ModelRow> {
    let presets = catalog.presets().iter();
    let wanted = presets.filter(|preset| matches(names, &[&preset.name, preset.hub.as_deref().unwrap_or_default()]));
    wanted.filter_map(|preset| model(catalog, preset)).collect()
}

/// Accelerators, largest memory first; with `names`, those whose name contains one; with at least so much memory.
#[must_use]
pub fn accelerators(catalog: &Catalog, names: &[String], min_memory_gb: Option<f64>) -> Vec<AcceleratorRow> {
    let mut parts: Vec<&Accelerator> = catalog
        .accelerators()
        .filter(|part| matches(names, &[&part.id, &part.name, &part.architecture]))
        .filter(|part| min_memory_gb.is_none_or(|least| part.memory.to_gb() >= least))
        .collect();
    parts.sort_by(|a, b| b.memory.total_cmp(&a.memory).then_with(|| a.id.cmp(&b.id)));
    parts.into_iter().map(|part| accelerator(catalog, part)).collect()
}

/// Offers, cheapest accelerator-hour first; with `names`, of accelerators or machines whose name contains one; of this
/// provider.
#[must_use]
pub fn offers(catalog: &Catalog, names: &[String], provider: Option<&str>) -> Vec<OfferRow> {
    let mut rows: Vec<OfferRow> = catalog
        .offers()
        .iter()
        .filter(|offer| matches(names, &[&offer.accelerator.id, &offer.accelerator.name, &offer.instance]))
        .filter(|offer| provider.is_none_or(|provider| offer.provider.eq_ignore_ascii_case(provider)))
        .map(offer)
        .collect();
    rows.sort_by(|a, b| a.usd_per_accelerator_hour.total_cmp(&b.usd_per_accelerator_hour));
    rows
}

/// Names of the training programs.
#[must_use]
pub fn stacks(catalog: &Catalog) -> Vec<String> {
    catalog.programs().iter().map(|program| program.stack.id.clone()).collect()
}

/// A preset whose architecture can be read.
fn model(catalog: &Catalog, preset: &Preset) -> Option<ModelRow> {
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
}

fn accelerator(catalog: &Catalog, part: &Accelerator) -> AcceleratorRow {
    let tera = |rate: Option<FlopsPerSec>| rate.map(FlopsPerSec::to_tera);
    let on_demand = catalog.offers().iter().filter(|o| o.accelerator.id == part.id && o.purchase == Purchase::OnDemand);
    let lowest =
        on_demand.map(|offer| (each(offer), offer.provider.as_str())).min_by(|one, other| one.0.total_cmp(&other.0));
    AcceleratorRow {
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
        lowest_usd_per_hour: lowest.map(|(price, _)| price),
        lowest_provider: lowest.map(|(_, provider)| provider.to_owned()),
    }
}

fn offer(offer: &Offer) -> OfferRow {
    OfferRow {
        provider: offer.provider.clone(),
        region: offer.region.clone(),
        instance: offer.instance.clone(),
        accelerator: offer.accelerator.id.clone(),
        accelerators: offer.node.accelerators,
        purchase: offer.purchase.name().to_owned(),
        usd_per_hour: offer.price.get(),
        usd_per_accelerator_hour: each(offer),
        as_of: offer.as_of.clone(),
        source: offer.source.clone(),
    }
}

/// Price of one accelerator for an hour.
fn each(offer: &Offer) -> f64 {
    offer.price.get() / offer.node.accelerators as f64
}

#[cfg(test)]
mod tests {
    use super::{accelerators, models, offers};
    use outlay_catalog::Catalog;

    #[test]
    fn names_filter_and_order_holds() {
        let catalog = Catalog::built_in();
        let h100 = accelerators(&catalog, &["h100".into()], None);
        assert!(!h100.is_empty() && h100.iter().all(|row| row.id.contains("h100")), "{h100:?}");
        assert!(h100.windows(2).all(|pair| pair[0].memory_gib >= pair[1].memory_gib));
        assert!(accelerators(&catalog, &[], Some(100.0)).iter().all(|row| row.memory_gib > 90.0));
        let rented = offers(&catalog, &["h100".into()], None);
        assert!(rented.windows(2).all(|pair| pair[0].usd_per_accelerator_hour <= pair[1].usd_per_accelerator_hour));
        let one = &rented[0].provider;
        assert!(offers(&catalog, &[], Some(&one.to_uppercase())).iter().all(|row| &row.provider == one));
        assert_eq!(models(&catalog, &["llama-3.1-8b".into()])[0].params, 8_030_261_248);
        assert!(models(&catalog, &["no such model".into()]).is_empty());
    }
}

//! `outlay hardware`: the accelerators of the catalog, filtered and sorted.

use outlay::catalog::{Accelerator, Catalog, Purchase};
use serde_json::{Value, json};

use super::{Format, Names};
use crate::cli::Answer;
use crate::context::Context;
use crate::facts::{self, Source};
use crate::failure::Failure;
use crate::render::format::{UNKNOWN, gib, number, usd};
use crate::render::json;
use crate::render::table::{Table, figures, words};

/// List accelerators: memory, bandwidth, dense peaks, power, lowest price
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    names: Names,

    /// Only those with at least so much memory, in GB
    #[arg(long, value_name = "GB")]
    min_memory: Option<f64>,

    #[command(flatten)]
    format: Format,
}

/// Lists what matches, largest memory first.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Answer, Failure> {
    let facts = facts::of(&Source::default(), None, context)?;
    let catalog = facts.catalog;
    let mut parts: Vec<&Accelerator> = catalog
        .accelerators()
        .filter(|part| args.names.matches(&[&part.id, &part.name, &part.architecture]))
        .filter(|part| args.min_memory.is_none_or(|least| part.memory.to_gb() >= least))
        .collect();
    parts.sort_by(|a, b| b.memory.total_cmp(&a.memory).then_with(|| a.id.cmp(&b.id)));
    let text = if args.format.json {
        json::text(Ok(Value::from(parts.iter().map(|part| as_json(&catalog, part)).collect::<Vec<_>>())))?
    } else {
        let table = table(&catalog, &parts);
        if args.format.markdown { table.markdown() } else { table.terminal(context.width) }
    };
    let mut answer = Answer::new(text);
    if parts.is_empty() {
        answer.notes = args.names.none("accelerator");
    } else if !args.format.json {
        answer.notes = "peaks are dense, in TFLOP/s; price: lowest on-demand, one accelerator for an hour\n".into();
    }
    Ok(answer)
}

/// Lowest on-demand price of one accelerator for an hour, and who asks it.
fn lowest<'a>(catalog: &'a Catalog, part: &Accelerator) -> Option<(f64, &'a str)> {
    let offers = catalog.offers().iter().filter(|o| o.accelerator.id == part.id && o.purchase == Purchase::OnDemand);
    offers
        .map(|offer| (offer.price.get() / offer.node.accelerators as f64, offer.provider.as_str()))
        .min_by(|a, b| a.0.total_cmp(&b.0))
}

fn table(catalog: &Catalog, parts: &[&Accelerator]) -> Table {
    let mut table = Table::new(&[
        words("accelerator"),
        words("id"),
        figures("GiB"),
        figures("GB/s"),
        figures("bf16"),
        figures("fp8").spare(1),
        figures("W").spare(2),
        figures("$/h"),
        words("from").spare(3),
    ]);
    for part in parts {
        let peak = |rate: Option<outlay::core::units::FlopsPerSec>| rate.map_or(String::new(), |r| number(r.to_tera()));
        let low = lowest(catalog, part);
        table.row(vec![
            part.name.clone(),
            part.id.clone(),
            gib(part.memory.get()),
            number(part.memory_bandwidth.get() / 1e9),
            peak(part.peaks.bf16.or(part.peaks.fp16)),
            peak(part.peaks.fp8),
            part.tdp.map_or(String::new(), |watts| number(watts.get())),
            low.map_or(UNKNOWN.into(), |(price, _)| usd(price)),
            low.map_or(String::new(), |(_, provider)| provider.to_owned()),
        ]);
    }
    table
}

fn as_json(catalog: &Catalog, part: &Accelerator) -> Value {
    let tera = |rate: Option<outlay::core::units::FlopsPerSec>| rate.map(|r| r.to_tera());
    let low = lowest(catalog, part);
    json!({
        "id": part.id,
        "name": part.name,
        "architecture": part.architecture,
        "memory_gib": part.memory.to_gib(),
        "memory_bandwidth_gb_s": part.memory_bandwidth.get() / 1e9,
        "fp32_tflops": tera(part.peaks.fp32),
        "fp16_tflops": tera(part.peaks.fp16),
        "bf16_tflops": tera(part.peaks.bf16),
        "fp8_tflops": tera(part.peaks.fp8),
        "fp4_tflops": tera(part.peaks.fp4),
        "tdp_w": part.tdp.map(outlay::core::units::Watts::get),
        "lowest_usd_per_hour": low.map(|(price, _)| price),
        "lowest_provider": low.map(|(_, provider)| provider),
    })
}

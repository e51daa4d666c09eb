//! `outlay hardware`: the accelerators of the catalog, filtered and sorted.

use outlay::catalog::Catalog;
use outlay::lists::{self, HardwareRow};

use super::{Format, Names};
use crate::cli::Answer;
use crate::context::Context;
use crate::failure::Failure;
use crate::render::format::{GIB, UNKNOWN, number, usd};
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
    let catalog = Catalog::built_in();
    let mut parts = lists::hardware(&catalog);
    parts.retain(|part| {
        args.names.matches(&[&part.id, &part.name, &part.architecture])
            && args.min_memory.is_none_or(|least| part.memory_gib * GIB >= least * 1e9)
    });
    let text = if args.format.json {
        json::text(serde_json::to_value(&parts))?
    } else {
        let table = table(&parts);
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

fn table(parts: &[HardwareRow]) -> Table {
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
        let peak = |tera: Option<f64>| tera.map_or(String::new(), number);
        table.row(vec![
            part.name.clone(),
            part.id.clone(),
            format!("{:.1}", part.memory_gib),
            number(part.memory_bandwidth_gb_s),
            peak(part.bf16_tflops.or(part.fp16_tflops)),
            peak(part.fp8_tflops),
            part.tdp_w.map_or(String::new(), number),
            part.lowest_usd_per_hour.map_or(UNKNOWN.into(), usd),
            part.lowest_provider.clone().unwrap_or_default(),
        ]);
    }
    table
}

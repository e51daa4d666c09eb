//! `outlay hardware`: the accelerators of the catalog, filtered and sorted.

use outlay::lists::{self, AcceleratorRow};

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
    let rows = lists::accelerators(&facts.catalog, args.names.given(), args.min_memory);
    let text = if args.format.json {
        json::text(serde_json::to_value(&rows))?
    } else {
        let table = table(&rows);
        if args.format.markdown { table.markdown() } else { table.terminal(context.width) }
    };
    let mut answer = Answer::new(text);
    if rows.is_empty() {
        answer.notes = args.names.none("accelerator");
    } else if !args.format.json {
        answer.notes = "peaks are dense, in TFLOP/s; price: lowest on-demand, one accelerator for an hour\n".into();
    }
    Ok(answer)
}

/// As a table.
pub(crate) fn table(rows: &[AcceleratorRow]) -> Table {
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
    for row in rows {
        let known = |figure: Option<f64>| figure.map_or(String::new(), number);
        table.row(vec![
            row.name.clone(),
            row.id.clone(),
            gib(row.memory_gib),
            number(row.memory_bandwidth_gb_s),
            known(row.bf16_tflops.or(row.fp16_tflops)),
            known(row.fp8_tflops),
            known(row.tdp_w),
            row.lowest_usd_per_hour.map_or(UNKNOWN.into(), usd),
            row.lowest_provider.clone().unwrap_or_default(),
        ]);
    }
    table
}

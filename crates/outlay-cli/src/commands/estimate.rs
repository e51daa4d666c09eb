//! `outlay estimate`: this exact configuration, in memory, time and money.

use outlay::catalog::Catalog;

use super::Format;
use crate::cli::Answer;
use crate::context::Context;
use crate::failure::Failure;
use crate::job::JobArgs;
use crate::render::{answer, json};

/// Forecast exactly the machines and layout named: memory by part, step time by part, hours, money
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    job: JobArgs,

    /// Show memory, step time, run and bill term by term
    #[arg(long, help_heading = "Output")]
    explain: bool,

    #[command(flatten)]
    format: Format,
}

/// Forecasts.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Answer, Failure> {
    let catalog = Catalog::built_in();
    let request = args.job.request(&catalog, context)?;
    let response =
        outlay::estimate(&request, &catalog, &context.today).map_err(|problems| args.job.faults(problems))?;
    let text = if args.format.json {
        json::text(serde_json::to_value(&response))?
    } else if args.format.markdown {
        answer::markdown(&response)
    } else {
        answer::terminal(&response, context.width, args.explain)
    };
    Ok(Answer::new(text))
}

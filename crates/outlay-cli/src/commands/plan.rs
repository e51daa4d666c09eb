//! `outlay plan`: what to rent, how to lay the job out on it, for how long, for how much.

use outlay::catalog::Catalog;

use super::Format;
use crate::cli::Answer;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::job::JobArgs;
use crate::render::{answer, json};

/// Find the best hardware and layout for a job: what to rent, for how long, for how much
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

/// Plans; status 1 if nothing is feasible.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Answer, Failure> {
    let catalog = Catalog::built_in();
    let request = args.job.request(&catalog, context)?;
    let response = outlay::plan(&request, &catalog, &context.today).map_err(|problems| args.job.faults(problems))?;
    let text = if args.format.json {
        json::text(serde_json::to_value(&response))?
    } else if args.format.markdown {
        answer::markdown(&response)
    } else {
        answer::terminal(&response, context.width, args.explain)
    };
    let exit = if response.pick.is_some() { Exit::Answer } else { Exit::Infeasible };
    Ok(Answer { exit, ..Answer::new(text) })
}

//! `outlay why`: where a plan that somebody names stands beside the best, and which term makes it lose.

use outlay::response::Why;

use super::Format;
use crate::cli::Answer;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::job::JobArgs;
use crate::render::{answer, json};

/// Say why not the plan you name: the job file as it is against the same with these flags
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    job: JobArgs,

    #[command(flatten)]
    format: Format,
}

/// Answers.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Answer, Failure> {
    let facts = args.job.facts(context)?;
    let catalog = &facts.catalog;
    let (base, named) = (args.job.file_alone().request(catalog, context)?, args.job.request(catalog, context)?);
    let why = outlay::why(&base, &named, catalog, &facts.today).map_err(|problems| args.job.faults(problems))?;
    let text = if args.format.json {
        json::text(serde_json::to_value(&why))?
    } else if args.format.markdown {
        answer::why_markdown(&why)
    } else {
        answer::why_terminal(&why, context.width)
    };
    let exit = exit(&why);
    Ok(Answer { text, notes: facts.notes, exit })
}

/// As for a plan: status 1 if what was named is not feasible.
fn exit(why: &Why) -> Exit {
    if why.named.is_some() { Exit::Answer } else { Exit::Infeasible }
}

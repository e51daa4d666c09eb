//! `outlay plan`: what to rent, how to lay the job out on it, for how long, for how much.

use super::Question;
use crate::cli::Answer;
use crate::context::Context;
use crate::failure::Failure;

/// Find the best hardware and layout for a job: what to rent, for how long, for how much
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    question: Question,
}

/// Answers.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Answer, Failure> {
    args.question.ask(outlay::plan, context)
}

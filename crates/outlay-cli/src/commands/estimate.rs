//! `outlay estimate`: this exact configuration, in memory, time and money.

use super::Question;
use crate::cli::Answer;
use crate::context::Context;
use crate::failure::Failure;

/// Forecast exactly the machines and layout named: memory by part, step time by part, hours, money
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    question: Question,
}

/// Answers.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Answer, Failure> {
    args.question.ask(outlay::estimate, context)
}

//! `outlay diff`: what a change to a job does to its bill, for a terminal, a script or a pull request.

use std::path::PathBuf;

use outlay::response::{Diff, Moved};

use super::Format;
use crate::cli::Answer;
use crate::context::Context;
use crate::failure::{Exit, Failure, Fault};
use crate::job::JobArgs;
use crate::render::{difference, json};

/// Say what a change does to cost, time, memory, fit and quality: two job files, flags laid over both
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    job: JobArgs,

    /// The job after the change
    #[arg(value_name = "AFTER")]
    after: Option<PathBuf>,

    /// End with status 1 if the cost grows by more than this share, as 10%
    #[arg(long, value_name = "SHARE", help_heading = "Output", value_parser = share)]
    fail_over: Option<f64>,

    #[command(flatten)]
    format: Format,
}

pub(super) fn share(raw: &str) -> Result<f64, String> {
    let text = raw.trim();
    let (number, of) = text.strip_suffix('%').map_or((text, 1.0), |number| (number.trim(), 100.0));
    match number.parse::<f64>() {
        Ok(value) if value.is_finite() && value >= 0.0 => Ok(value / of),
        _ => Err("a share from 0 up is expected, as 10% or 0.1".into()),
    }
}

/// Answers.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Answer, Failure> {
    let Some(after) = args.after.as_ref().filter(|_| args.job.has_file()) else {
        let fault = Fault::new("missing", "two job files are compared", "outlay diff BEFORE AFTER");
        return Err(fault.help("for the effect of one flag: outlay why JOB FLAG, or outlay levers JOB").into());
    };
    let facts = args.job.facts(context)?;
    let (catalog, today) = (&facts.catalog, facts.today.as_str());
    let after = args.job.with_file(after.clone());
    let (one, other) = (args.job.request(catalog, context)?, after.request(catalog, context)?);
    let check = |job: &JobArgs, request| {
        outlay::plan(request, catalog, today).map(|_| ()).map_err(|problems| job.faults(problems))
    };
    let diff = outlay::diff(&one, &other, catalog, today).or_else(|problems| {
        // Said in the words of the file that has the fault.
        check(&args.job, &one)?;
        check(&after, &other)?;
        Err(args.job.faults(problems))
    })?;
    let text = if args.format.json {
        json::text(serde_json::to_value(&diff))?
    } else if args.format.markdown {
        difference::markdown(&diff)
    } else {
        difference::terminal(&diff, context.width)
    };
    let mut answer = Answer { notes: facts.notes, ..Answer::new(text) };
    let grown = |figure: &Moved| figure.name == "cost" && figure.change > args.fail_over;
    if diff.after.is_none() {
        answer.exit = Exit::Infeasible;
    } else if args.fail_over.is_some() && diff.figures.iter().any(grown) {
        answer.exit = Exit::Infeasible;
        answer.notes += &over(&diff, args.fail_over.unwrap_or_default());
    }
    Ok(answer)
}

pub(super) fn over(diff: &Diff, share: f64) -> String {
    let change = diff.figures.iter().find(|figure| figure.name == "cost").and_then(|figure| figure.change);
    format!("the cost grows by {:.1} %, more than {:.1} %\n", change.unwrap_or_default() * 100.0, share * 100.0)
}

//! `outlay lock`: writes down what a plan used, and later says whether it still comes out so and what moved.

use std::path::Path;

use outlay::response::{Diff, Response};
use serde_json::json;

use super::Format;
use super::diff::{over, share};
use crate::cli::Answer;
use crate::context::Context;
use crate::facts::{self, Facts};
use crate::failure::{Exit, Failure, Fault};
use crate::files;
use crate::job::JobArgs;
use crate::lock;
use crate::render::{difference, json};

/// Write down the prices and tables that a plan uses, to make it again later; with --check, say what moved since
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    job: JobArgs,

    /// Make the locked plan again, and hold it against today's
    #[arg(long)]
    check: bool,

    /// With --check: end with status 1 if the cost has grown by more than this share, as 10%
    #[arg(long, value_name = "SHARE", help_heading = "Output", value_parser = share, requires = "check")]
    fail_over: Option<f64>,

    #[command(flatten)]
    format: Format,
}

/// Answers.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Answer, Failure> {
    if args.job.source().locked {
        let fault = Fault::new("contradiction", "a lock is written from today's prices", "--locked");
        return Err(fault.help("`outlay lock --check JOB` makes the locked plan again").into());
    }
    let path = lock::path(args.job.source().lock.as_deref(), args.job.file());
    if args.check { check(args, &path, context) } else { write(args, &path, context) }
}

fn planned(args: &Args, facts: &Facts, context: &Context) -> Result<(outlay::request::Request, Response), Failure> {
    let request = args.job.request(&facts.catalog, context)?;
    let response =
        outlay::plan(&request, &facts.catalog, &facts.today).map_err(|problems| args.job.faults(problems))?;
    Ok((request, response))
}

/// The job's name, which is no path.
fn name(args: &Args) -> String {
    args.job.file().and_then(Path::file_name).map_or_else(|| "flags".into(), |name| name.to_string_lossy().into_owned())
}

fn write(args: &Args, path: &Path, context: &Context) -> Result<Answer, Failure> {
    let name = name(args);
    if args.job.source().lock.is_none() && path.is_file() {
        let other = lock::read(path)?.job.0;
        if other != name {
            let fault = Fault::new("lock-of-another", format!("the lock is of {other}"), path.display().to_string());
            return Err(fault.help("name another file with --lock FILE").into());
        }
    }
    let facts = facts::current(args.job.source(), args.job.file(), context)?;
    let (request, response) = planned(args, &facts, context)?;
    let text = lock::text(&name, &request, &response, &facts)?;
    files::write(path, &text)?;
    let said = if args.format.json {
        text
    } else {
        format!(
            "{}\nlocked in {}: {} rows of offers, as of {}\n",
            response.verdict,
            path.display(),
            facts.offers.lines().count() - 1,
            facts.today
        )
    };
    let exit = if response.pick.is_some() { Exit::Answer } else { Exit::Infeasible };
    Ok(Answer { text: said, notes: facts.notes, exit })
}

fn check(args: &Args, path: &Path, context: &Context) -> Result<Answer, Failure> {
    let lock = lock::read(path)?;
    let then = facts::locked(&lock, path)?;
    let now = facts::current(args.job.source(), args.job.file(), context)?;
    let (request, response) = planned(args, &then, context)?;
    let mut differs = lock.differences();
    if lock::asked(&request)? != lock.job.1 {
        differs.insert(0, "the job is not the one that was locked".into());
    }
    let same = lock::answered(&response)? == lock.answer;
    let diff = outlay::drift(&request, &then.catalog, &now.catalog, &now.today);
    let diff = diff.map_err(|problems| args.job.faults(problems))?;
    let text = if args.format.json {
        let diff = serde_json::to_value(&diff).map_err(|error| Failure::Internal(error.to_string()))?;
        json::text(Ok(
            json!({ "reproduced": same, "differs": differs, "locked_on": lock.day, "today": now.today, "drift": diff }),
        ))?
    } else {
        said(args, &lock.day, same, &differs, &diff, context)
    };
    let grown = args.fail_over.is_some()
        && diff.figures.iter().any(|figure| figure.name == "cost" && figure.change > args.fail_over);
    let mut answer = Answer { text, notes: now.notes, exit: Exit::Answer };
    if !same || diff.after.is_none() || grown {
        answer.exit = Exit::Infeasible;
    }
    if grown {
        answer.notes.push_str(&over(&diff, args.fail_over.unwrap_or_default()));
    }
    Ok(answer)
}

fn said(args: &Args, day: &str, same: bool, differs: &[String], diff: &Diff, context: &Context) -> String {
    let mut text = if same {
        format!("the plan locked on {day} comes out again, byte for byte\n")
    } else {
        format!("the plan locked on {day} does not come out again\n")
    };
    for what in differs {
        text.push_str(&format!("  {what}\n"));
    }
    text.push_str("\nthen and now:\n");
    text.push_str(&if args.format.markdown {
        difference::markdown(diff)
    } else {
        difference::drift(diff, context.width)
    });
    text
}

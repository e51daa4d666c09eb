//! `outlay export`: a plan as files of training programs and launchers.
//!
//! Nothing is overwritten unless asked; without a folder the files go to stdout, one after the other.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use outlay::catalog::Catalog;
use outlay::response::{Plan, Response};
use outlay_stacks::export::{self, Exported, Target};

use crate::cli::Answer;
use crate::context::Context;
use crate::failure::{Exit, Failure, Fault};
use crate::files;
use crate::job::JobArgs;
use crate::render::answer;

/// Write the plan for a job as files that run: a training program's config, a launcher's task, or both
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    job: JobArgs,

    /// What to write for: a program, a launcher with it, as axolotl@0.21,skypilot; `list` names them
    #[arg(long, value_name = "TARGETS", help_heading = "Output", default_value = "list", hide_default_value = true)]
    to: String,

    /// Which plan: 1 is the pick, then the others in the order in which `plan` lists them
    #[arg(long, value_name = "N", help_heading = "Output", default_value_t = 1)]
    plan: usize,

    /// Write the files into this folder
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    out: Option<PathBuf>,

    /// Replace files that are there
    #[arg(long, requires = "out", help_heading = "Output")]
    force: bool,
}

/// Answers.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Answer, Failure> {
    if args.to.trim() == "list" {
        return Ok(Answer::new(list()));
    }
    let wanted = export::targets(&args.to).map_err(faults)?;
    let catalog = Catalog::built_in();
    let (request, notes) = export::fit_to(&args.job.request(&catalog, context)?, &wanted);
    let response = outlay::plan(&request, &catalog, &context.today).map_err(|problems| args.job.faults(problems))?;
    let Some(plan) = chosen(&response, args.plan)? else {
        let text = answer::terminal(&response, context.width, false);
        return Ok(Answer { exit: Exit::Infeasible, ..Answer::new(text) });
    };
    let exported = export::export(&request, &response, plan, &wanted, &catalog).map_err(faults)?;
    let text = match &args.out {
        Some(folder) => write(&exported, folder, args.force)?,
        None => shown(&exported),
    };
    Ok(Answer { notes: talk(&exported, &notes), ..Answer::new(text) })
}

/// What the target has no setting for is told as it is: it stands in no file of the user's.
fn faults(problems: Vec<outlay::Problem>) -> Failure {
    Failure::Faults(problems.into_iter().map(Fault::from).collect())
}

fn list() -> String {
    let width = Target::all().map(|target| target.name().len()).max().unwrap_or_default();
    Target::all().fold(String::new(), |mut text, target| {
        let _ = writeln!(text, "{:<width$}  {}", target.name(), target.about());
        text
    })
}

fn chosen(response: &Response, number: usize) -> Result<Option<&Plan>, Fault> {
    if response.pick.is_none() {
        return Ok(None);
    }
    match number.checked_sub(1).and_then(|place| response.plans().nth(place)) {
        Some(plan) => Ok(Some(plan)),
        None => Err(Fault::new("out-of-range", format!("there is no plan {number}"), "--plan")
            .help(format!("the answer has {}; `outlay plan` lists them in this order", response.plans().count()))),
    }
}

fn shown(exported: &Exported) -> String {
    exported.files.iter().fold(String::new(), |mut text, file| {
        let gap = if text.is_empty() { "" } else { "\n" };
        let _ = write!(text, "{gap}# ==> {} <==\n{}", file.name, file.text);
        text
    })
}

/// Writes all files or none.
fn write(exported: &Exported, folder: &Path, force: bool) -> Result<String, Failure> {
    let paths: Vec<PathBuf> = exported.files.iter().map(|file| folder.join(&file.name)).collect();
    let there = |path: &&PathBuf| !force && path.exists();
    let fault = |path: &PathBuf| {
        Fault::new("file-exists", "there is such a file already", path.display().to_string())
            .help("name another folder with --out, or replace it with --force")
    };
    let faults: Vec<Fault> = paths.iter().filter(there).map(fault).collect();
    if !faults.is_empty() {
        return Err(Failure::Faults(faults));
    }
    let unmade = |error: std::io::Error| {
        Fault::new("file-not-written", format!("the folder could not be made: {error}"), folder.display().to_string())
    };
    std::fs::create_dir_all(folder).map_err(unmade)?;
    let mut text = String::new();
    for (path, file) in paths.iter().zip(&exported.files) {
        files::write(path, &file.text)?;
        let _ = writeln!(text, "{}", path.display());
    }
    Ok(text)
}

fn talk(exported: &Exported, notes: &[String]) -> String {
    let mut text = String::new();
    for note in notes.iter().chain(&exported.notes) {
        let _ = writeln!(text, "note: {note}");
    }
    for open in &exported.open {
        let _ = writeln!(text, "to fill in: {open}");
    }
    if let Some(command) = &exported.command {
        let _ = writeln!(text, "to start: {command}");
    }
    text
}

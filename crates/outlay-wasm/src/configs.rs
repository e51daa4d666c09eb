//! Configs of training programs for the page: one that is dropped becomes a job, a plan becomes files that run.
//!
//! Does not know: files beside the one that is handed in.

use outlay_stacks::export::{self, Target};
use outlay_stacks::{Around, import};
use serde::Serialize;
use wasm_bindgen::prelude::wasm_bindgen;

use super::{asked, catalog, fixed, written};

/// What a plan may be written for.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// Its name.
    name: &'static str,
    /// What it is.
    about: &'static str,
    /// It starts a program rather than being one.
    launcher: bool,
}

pub(crate) fn targets() -> Vec<Row> {
    Target::all()
        .map(|target| Row { name: target.name(), about: target.about(), launcher: target.is_launcher() })
        .collect()
}

/// A config as a job.
#[derive(Debug, Serialize)]
struct Taken {
    /// The program, as people write it.
    program: &'static str,
    /// The job.
    job: outlay::request::Request,
    /// What is unknown, not counted, or left open.
    warnings: Vec<String>,
}

/// A training program's config as a job, with what was not understood.
#[wasm_bindgen]
#[must_use]
pub fn read_stack(name: &str, text: &str) -> String {
    let taken = |imported: outlay_stacks::Imported| Taken {
        program: imported.name,
        job: imported.request,
        warnings: imported.warnings,
    };
    written(import(name, text, &Around::default()).map(taken))
}

/// A file of an export.
#[derive(Debug, Serialize)]
struct File {
    /// Its name, `/` between folders.
    name: String,
    /// Its text.
    text: String,
}

/// What an export wrote and says.
#[derive(Debug, Serialize)]
struct Written {
    /// The files.
    files: Vec<File>,
    /// What has to be filled in before they run.
    open: Vec<String>,
    /// What is worth knowing.
    notes: Vec<String>,
    /// The command that starts them, where one does.
    command: Option<String>,
}

/// One plan of the answer to a job, by its number, as files of a training program and, after a comma, a launcher.
#[wasm_bindgen]
#[must_use]
pub fn write_stack(job: &str, number: usize, to: &str, today: &str) -> String {
    asked(job, |request| {
        let wanted = export::targets(to)?;
        // The first is as the command exports it; another is fixed before the program is, so that it stays the same.
        let base = if number == 1 { request.clone() } else { fixed(request, number, today)? };
        let (request, mut notes) = export::fit_to(&base, &wanted);
        let response = outlay::plan(&request, catalog(), today)?;
        let Some(plan) = &response.pick else {
            let fault = outlay::Problem::new(outlay::problem::Code::Contradiction, "export", response.verdict.clone());
            return Err(vec![fault.help("choose another program, or another plan")]);
        };
        let exported = export::export(&request, &response, plan, &wanted, catalog())?;
        notes.extend(exported.notes);
        let file = |file: export::File| File { name: file.name, text: file.text };
        Ok(Written {
            files: exported.files.into_iter().map(file).collect(),
            open: exported.open,
            notes,
            command: exported.command,
        })
    })
}

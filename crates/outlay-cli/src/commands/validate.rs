//! `outlay validate`: the engine against measured runs.

use std::path::PathBuf;

use super::Format;
use crate::cli::Answer;
use crate::context::Context;
use crate::failure::{Failure, Fault};
use crate::render::json;

/// Score the engine against measured runs of others
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder of evidence tables, in place of the built-in ones
    #[arg(long, value_name = "DIR")]
    evidence: Option<PathBuf>,

    /// Write the scoreboard to this file
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "accuracy/SCOREBOARD.md")]
    write: Option<PathBuf>,

    /// Write the chapter on accuracy to this file
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "docs/accuracy.md")]
    page: Option<PathBuf>,

    /// Fit the calibration to the evidence and write it to this file
    #[arg(long, value_name = "FILE")]
    fit: Option<PathBuf>,

    #[command(flatten)]
    format: Format,
}

/// Scores every table.
pub(crate) fn run(args: &Args, _context: &Context) -> Result<Answer, Failure> {
    let evidence = match &args.evidence {
        None => accuracy::evidence::Evidence::committed(),
        Some(folder) => read(folder)?,
    };
    if let Some(path) = &args.fit {
        write(path, &accuracy::fit::calibration(&evidence))?;
        return Ok(Answer::new(format!("wrote {}\n", path.display())));
    }
    let report = accuracy::fit::report(&evidence);
    let text = if args.format.json {
        json::text(serde_json::to_value(&report))?
    } else {
        accuracy::scoreboard::render(&report)
    };
    if let Some(path) = &args.write {
        write(path, &accuracy::scoreboard::render(&report))?;
    }
    if let Some(path) = &args.page {
        write(path, &accuracy::page::render(&report))?;
    }
    Ok(Answer::new(text))
}

fn write(path: &std::path::Path, text: &str) -> Result<(), Fault> {
    std::fs::write(path, text).map_err(|error| {
        Fault::new("file-not-written", error.to_string(), path.display().to_string())
            .help("name a file in a folder that exists")
    })
}

/// The tables and configs of a folder; what is not there is not scored.
fn read(folder: &std::path::Path) -> Result<accuracy::evidence::Evidence, Failure> {
    let mut evidence = accuracy::evidence::Evidence::default();
    let shown = folder.display().to_string();
    let fault = |error: std::io::Error| Fault::new("file-not-found", error.to_string(), shown.clone());
    let mut found = false;
    for entry in std::fs::read_dir(folder).map_err(fault)? {
        let path = entry.map_err(fault)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if path.extension().is_some_and(|extension| extension == "csv") {
            let text = crate::files::read(&path, crate::files::EVIDENCE_MAX)?;
            found |= evidence.set(&name, text);
        }
    }
    let configs = folder.join("configs");
    if configs.is_dir() {
        for entry in std::fs::read_dir(&configs).map_err(fault)? {
            let path = entry.map_err(fault)?.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
            if path.extension().is_some_and(|extension| extension == "json") {
                evidence.configs.insert(stem, crate::files::read(&path, crate::files::CONFIG_MAX)?);
            }
        }
    }
    if found {
        Ok(evidence)
    } else {
        let names: Vec<&str> = accuracy::evidence::Evidence::FILES.to_vec();
        Err(Fault::new("no-evidence", "no table of evidence in this folder", shown)
            .help(format!("tables are {}", names.join(", ")))
            .into())
    }
}

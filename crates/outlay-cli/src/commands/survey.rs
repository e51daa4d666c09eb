//! `outlay import --survey`: every config of some folders read and forecast, counted stack by stack, the rest by reason.
//!
//! What a file cannot say is given: tokens, and accelerators in steps until a plan fits. Names are written as
//! `repository/path`, whether the files lie in folders or were saved flat with `__` for `/`.
//!
//! Does not know: the hub; a model that is no preset is a reason like any other.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use outlay::catalog::Catalog;
use outlay::request::{Amount, Request};

use crate::cli::Answer;
use crate::context::Context;
use crate::failure::{Failure, Fault};
use crate::files::{self, JOB_MAX};

/// Accelerators that are tried where a config does not say how many.
const GPUS: [u64; 4] = [8, 1, 64, 512];
/// Tokens, where it does not say how long it trains.
const TOKENS: f64 = 10e6;
/// The model, where a config names none, as settings over a recipe in Python, or a folder on its author's machine.
const MODEL: &str = "llama-3.1-8b";
/// How a fault begins that says that a config is a part of one.
const PART: &str = "a part of a config";
/// What is told of the whole, not of files that nobody recognises, to a depth that no honest folder reaches.
const DEPTH: usize = 12;

#[derive(Default)]
struct Stack {
    /// Files that this stack's reader recognises.
    files: usize,
    /// Those that train nothing, and those whose training is of another kind, by reason.
    other: BTreeMap<String, Vec<String>>,
    /// Read, forecast, with no unknown key.
    forecast: Vec<String>,
    /// Those among them that run out of memory as they stand.
    too_large: Vec<String>,
    /// Those among them with keys that their program leaves out.
    dropped: BTreeMap<String, Vec<String>>,
    /// Train a language model and are not among those, by reason.
    rest: BTreeMap<String, Vec<String>>,
    read: usize,
}

enum Outcome {
    Forecast { too_large: bool, dropped: Vec<String> },
    Other(String),
    Unread(String),
    Read(String),
}

/// Surveys folders.
pub(crate) fn run(folders: &[PathBuf], context: &Context) -> Result<Answer, Failure> {
    let catalog = Catalog::built_in();
    let mut stacks: BTreeMap<&'static str, Stack> = BTreeMap::new();
    let mut nobody_s = 0;
    for folder in folders {
        let mut found = Vec::new();
        walk(folder, 0, &mut found)
            .map_err(|error| Fault::new("file-not-found", error.to_string(), folder.display().to_string()))?;
        found.sort();
        for path in found {
            let Ok(text) = files::read(&path, JOB_MAX) else { continue };
            let name = shown(&path, folder);
            let Some(stack) = outlay_stacks::recognise(&name, &text) else {
                nobody_s += 1;
                continue;
            };
            let stack = stacks.entry(stack).or_default();
            stack.files += 1;
            match outcome(&path, &text, &catalog, &context.today) {
                Outcome::Forecast { too_large, dropped } => {
                    stack.read += 1;
                    for key in dropped {
                        stack.dropped.entry(key).or_default().push(name.clone());
                    }
                    if too_large {
                        stack.too_large.push(name.clone());
                    }
                    stack.forecast.push(name);
                }
                Outcome::Other(why) => stack.other.entry(why).or_default().push(name),
                Outcome::Unread(why) => stack.rest.entry(why).or_default().push(name),
                Outcome::Read(why) => {
                    stack.read += 1;
                    stack.rest.entry(why).or_default().push(name);
                }
            }
        }
    }
    Ok(Answer {
        notes: format!("{nobody_s} files are no config of a stack that is known\n"),
        ..Answer::new(page(&stacks))
    })
}

fn walk(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        let ends = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if kind.is_dir() && depth < DEPTH {
            walk(&path, depth + 1, found)?;
        } else if kind.is_file() && ["yml", "yaml", "json", "toml", "sh"].contains(&ends) {
            found.push(path);
        }
    }
    Ok(())
}

/// `repository/path`: what follows the folder that was named, or the file's own flattened name.
fn shown(path: &Path, folder: &Path) -> String {
    let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if file.contains("__") {
        return file.replace("__", "/");
    }
    let root = folder.file_name().map(PathBuf::from).unwrap_or_default();
    let inside = path.strip_prefix(folder).unwrap_or(path);
    root.join(inside).display().to_string().replace('\\', "/")
}

fn outcome(path: &Path, text: &str, catalog: &Catalog, today: &str) -> Outcome {
    let mut last = String::new();
    for gpus in GPUS {
        let around = outlay_stacks::Around { accelerators: Some(gpus), file: &|name| files::named(name, path) };
        let name = path.display().to_string();
        let imported = match outlay_stacks::import(&name, text, &outlay_stacks::Around { accelerators: None, ..around })
            .and_then(|alone| {
                if alone.request.hardware.gpus.is_some() {
                    Ok(alone)
                } else {
                    outlay_stacks::import(&name, text, &around)
                }
            }) {
            Ok(imported) => imported,
            Err(problems) => {
                let fault = &problems[0];
                let kinds = ["not-training", "not-forecast"];
                let other = problems.iter().find(|problem| kinds.contains(&problem.code.text()));
                return match other {
                    Some(fault) => Outcome::Other(fault.message.clone()),
                    None if fault.message.starts_with(PART) => Outcome::Other(fault.message.clone()),
                    None => Outcome::Unread(format!("{}: {}", fault.at, fault.message)),
                };
            }
        };
        if !imported.unknown.is_empty() {
            return Outcome::Read(format!("unknown keys: {}", imported.unknown.join(", ")));
        }
        let fixed = imported.request.hardware.gpus;
        let dropped = imported.dropped;
        match forecast(imported.request, catalog, today) {
            // Where the config leaves the number open, more are tried.
            Ok(fits) if fits || fixed.is_some_and(|fixed| fixed != gpus) => {
                return Outcome::Forecast { too_large: !fits, dropped };
            }
            Ok(_) => last = "no plan fits on 1 to 512 accelerators".to_owned(),
            Err(why) => {
                if last.is_empty() {
                    last = why;
                }
                if fixed != Some(gpus) {
                    break;
                }
            }
        }
    }
    Outcome::Read(last)
}

/// Whether a plan is found that fits, on cards that all stacks run on and else on any.
fn forecast(mut request: Request, catalog: &Catalog, today: &str) -> Result<bool, String> {
    let data = &mut request.data;
    if data.tokens.is_none() && data.samples.is_none() && data.steps.is_none() {
        data.tokens = Some(Amount::Number(TOKENS));
    }
    data.path = None;
    let model = &mut request.model;
    let named = model.base.is_some() || model.custom.is_some() || model.config.is_some();
    if !named || model.base.as_deref().is_some_and(|base| base.starts_with('/')) {
        model.base = Some(MODEL.into());
    }
    let Some(base) = request.model.base.clone() else {
        return plan(&request, catalog, today);
    };
    if !catalog.has_model(&base) {
        return Err(format!("its model is no preset: {base}"));
    }
    plan(&request, catalog, today)
}

/// Whether a plan fits. A config that names fewer accelerators than it needs is answered too: it runs out of memory.
fn plan(request: &Request, catalog: &Catalog, today: &str) -> Result<bool, String> {
    let mut request = request.clone();
    request.limits = outlay::request::LimitsRequest::default();
    let mut verdict = String::new();
    for cards in [&["h100*", "h200*"][..], &[]] {
        request.hardware.accelerators = cards.iter().map(|card| (*card).to_owned()).collect();
        match outlay::plan(&request, catalog, today) {
            Ok(response) if response.pick.is_some() => return Ok(true),
            Ok(response) if cards.is_empty() => {
                let full = |loser: &outlay::response::Loser| loser.reason == "runs out of memory";
                if !response.losers.is_empty() && response.losers.iter().all(full) {
                    return Ok(false);
                }
                verdict = response.verdict;
            }
            Ok(_) => {}
            Err(problems) => {
                return Err(problems.first().map(|one| format!("{}: {}", one.at, one.message)).unwrap_or_default());
            }
        }
    }
    let why = verdict.split("; the nearest way out").next().unwrap_or_default();
    Err(format!("the layout is fixed, and no plan is found with it: {why}"))
}

fn page(stacks: &BTreeMap<&'static str, Stack>) -> String {
    let mut text = String::from(
        "# Configs that are read\n\nPublic example configs, each read by `outlay import` and forecast by `outlay plan`. Written by\n\
         `outlay import --survey FOLDER…`; run it over your own.\n\n\
         - **train a language model**: recognised, and neither of another kind (pictures, sound, answers sampled in training) nor without a training, nor a\n  part of a config.\n\
         - **read**: made into a job without a fault.\n\
         - **forecast**: a plan was found, and no key of the config is unknown. Given where a config does not say it: 10 M tokens, 8 (else 1,\n  64 or 512) H100 or H200 (else any card), and Llama 3.1 8B where the model stands in a recipe in Python or in a folder of the author's. A model that is no\n  preset needs the hub or a `config.json`; here it counts as a miss.\n\
         - A config that names fewer accelerators than its model needs is forecast to run out of memory on every card; it counts, and is named.\n\
         - A key that the program itself does not know and leaves out without a word has no effect there: the forecast without it is the\n  right one. It counts, and is named. Only Axolotl is known to read so, and all keys of its schemas are known here.\n\n\
         | stack | files | train a language model | read | forecast | share |\n|---|---|---|---|---|---|\n",
    );
    for (name, stack) in stacks {
        let train = stack.files - stack.other.values().map(Vec::len).sum::<usize>();
        let share = if train == 0 {
            String::new()
        } else {
            format!("{:.0} %", 100.0 * stack.forecast.len() as f64 / train as f64)
        };
        let _ = writeln!(
            text,
            "| {name} | {} | {train} | {} | {} | {share} |",
            stack.files,
            stack.read,
            stack.forecast.len()
        );
    }
    for (name, stack) in stacks {
        let _ = writeln!(text, "\n## {name}");
        reasons(&mut text, "Not forecast", &stack.rest);
        reasons(&mut text, "Of another kind, or no training", &stack.other);
        reasons(&mut text, "Forecast, with keys that have no effect", &stack.dropped);
        if !stack.too_large.is_empty() {
            let why = "on every card, with as many as the config names".to_owned();
            reasons(&mut text, "Forecast to run out of memory", &BTreeMap::from([(why, stack.too_large.clone())]));
        }
        if !stack.forecast.is_empty() {
            let _ = writeln!(text, "\n<details><summary>Forecast: {}</summary>\n", stack.forecast.len());
            for name in &stack.forecast {
                let _ = writeln!(text, "- `{name}`");
            }
            let _ = writeln!(text, "\n</details>");
        }
    }
    text
}

fn reasons(text: &mut String, title: &str, reasons: &BTreeMap<String, Vec<String>>) {
    if reasons.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n### {title}\n");
    for (why, names) in reasons {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        let _ = writeln!(text, "- {why}: {}", names.join(", "));
    }
}

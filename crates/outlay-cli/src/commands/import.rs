//! `outlay import`: the config of a training program as a job, with what became of every key.

use std::fmt::Write as _;
use std::path::PathBuf;

use outlay_stacks::Imported;
use serde_json::{Value, json};

use super::survey;
use crate::cli::Answer;
use crate::context::Context;
use crate::failure::Failure;
use crate::job::JobArgs;
use crate::render::json;

/// Read the config of a training program (Axolotl, LLaMA-Factory, TRL, …) and print it as a job
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    job: JobArgs,

    /// Print what was read as JSON
    #[arg(long, help_heading = "Output")]
    json: bool,

    /// Read every config in these folders and say, stack by stack, which are forecast and why the rest are not
    #[arg(long, value_name = "FOLDER", num_args = 1.., help_heading = "Output", conflicts_with = "job")]
    survey: Vec<PathBuf>,
}

/// Answers.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Answer, Failure> {
    if !args.survey.is_empty() {
        return survey::run(&args.survey, context);
    }
    let mut imported = args.job.imported()?;
    imported.request.remarks = std::mem::take(&mut imported.warnings);
    imported.request = args.job.with_flags(imported.request)?;
    imported.warnings = std::mem::take(&mut imported.request.remarks);
    let warnings = &imported.warnings;
    imported.open.retain(|open| warnings.contains(open));
    let text = if args.json { json::text(Ok(as_json(&imported)))? } else { as_job(&imported) };
    Ok(Answer::new(text))
}

fn as_json(imported: &Imported) -> Value {
    let mapped: Vec<Value> = imported.mapped.iter().map(|one| json!({ "from": one.from, "to": one.to })).collect();
    json!({
        "program": imported.name,
        "request": bare(&serde_json::to_value(&imported.request).unwrap_or_default()),
        "mapped": mapped,
        "not_cost": imported.idle,
        "unknown": imported.unknown,
        "without_effect": imported.dropped,
        "open": imported.open,
        "warnings": imported.warnings,
    })
}

/// Without what is not written.
fn bare(value: &Value) -> Value {
    let kept = |value: &Value| match value {
        Value::Null => false,
        Value::Array(list) => !list.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        _ => true,
    };
    match value {
        Value::Object(fields) => {
            let fields = fields.iter().map(|(key, value)| (key.clone(), bare(value)));
            Value::Object(fields.filter(|(_, value)| kept(value)).collect())
        }
        other => other.clone(),
    }
}

/// The job as TOML; comments say where each key comes from, and what became of the rest.
fn as_job(imported: &Imported) -> String {
    let mut text = format!("# read from a config of {}\n", imported.name);
    let request = bare(&serde_json::to_value(&imported.request).unwrap_or_default());
    for (section, keys) in request.as_object().into_iter().flatten() {
        let Value::Object(keys) = keys else { continue };
        let lines: Vec<(String, String)> = keys
            .iter()
            .map(|(key, value)| (format!("{key} = {}", toml(value)), from(imported, &format!("{section}.{key}"))))
            .collect();
        let width = lines.iter().map(|(line, _)| line.chars().count()).max().unwrap_or_default().min(48);
        let _ = writeln!(text, "\n[{section}]");
        for (line, from) in lines {
            let _ = if from.is_empty() { writeln!(text, "{line}") } else { writeln!(text, "{line:width$}  # {from}") };
        }
    }
    let noted: Vec<&String> = imported.warnings.iter().filter(|warning| !imported.open.contains(warning)).collect();
    list(&mut text, "left open", &imported.open.iter().collect::<Vec<_>>());
    list(&mut text, "to know", &noted);
    if !imported.idle.is_empty() {
        let _ = write!(text, "\n# known, and not moving the cost:\n{}", wrapped(&imported.idle));
    }
    text
}

/// Which keys of the config a key comes from.
fn from(imported: &Imported, key: &str) -> String {
    let of = |one: &&outlay_stacks::Mapped| {
        one.to.strip_prefix(key).is_some_and(|rest| rest.starts_with(" ="))
            || ["method.rank", "method.targets"].contains(&key)
                && one.to.starts_with("method.kind")
                && one.to.contains("rank")
    };
    let found = imported.mapped.iter().rfind(of);
    found.map(|one| one.from.clone()).unwrap_or_default()
}

fn list(text: &mut String, title: &str, lines: &[&String]) {
    if !lines.is_empty() {
        let _ = writeln!(text, "\n# {title}:");
        for line in lines {
            let _ = writeln!(text, "# - {line}");
        }
    }
}

/// Names, as many on a comment's line as fit.
fn wrapped(names: &[String]) -> String {
    let mut text = String::new();
    let mut line = String::from("#");
    for (at, name) in names.iter().enumerate() {
        let comma = if at + 1 < names.len() { "," } else { "" };
        if line.len() + name.len() + 2 > 100 && line.len() > 1 {
            let _ = writeln!(text, "{line}");
            line = "#".into();
        }
        let _ = write!(line, " {name}{comma}");
    }
    let _ = writeln!(text, "{line}");
    text
}

/// A value as TOML writes it.
fn toml(value: &Value) -> String {
    match value {
        Value::Array(list) => format!("[{}]", list.iter().map(toml).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let fields: Vec<String> = fields.iter().map(|(key, value)| format!("{key} = {}", toml(value))).collect();
            format!("{{ {} }}", fields.join(", "))
        }
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 1e15 => format!("{float:.0}"),
            Some(float) if number.is_f64() && float.abs() < 1e-3 => format!("{float:e}"),
            _ => number.to_string(),
        },
        // JSON's escapes are TOML's.
        other => other.to_string(),
    }
}

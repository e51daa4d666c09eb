//! Text to [`Request`]: every unknown key and every wrong type at once, each with the nearest valid name.
//!
//! The list of valid keys is not written down again: it is what an empty request serialises to.

use outlay_catalog::names;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::problem::{Code, Problem};
use crate::request::{CustomModel, PilotRequest, Request, StoppingRequest, SweepRequest};

/// Reads a job file.
///
/// # Errors
/// All faults of form: broken TOML (then that one alone), unknown keys, wrong types.
pub fn parse(text: &str) -> Result<Request, Vec<Problem>> {
    let table: toml::Table = text.parse().map_err(|e: toml::de::Error| vec![syntax(text, &e, "the job file")])?;
    let mut endless = Vec::new();
    for (key, value) in &table {
        not_finite(key, value, &mut endless);
    }
    if !endless.is_empty() {
        return Err(endless);
    }
    let value =
        serde_json::to_value(&table).map_err(|e| vec![Problem::new(Code::BadSyntax, "the job file", e.to_string())])?;
    from_value(&value)
}

/// As [`job_file`], without a shell's own additions: the text of a `config.json` and what a scan measured are looked up again.
#[must_use]
pub fn to_toml(request: &Request) -> String {
    let mut shown = request.clone();
    shown.model.config = None;
    shown.data.measured = None;
    job_file(&shown).unwrap_or_default()
}

/// TOML knows `inf` and `nan`; no key of ours does.
pub(crate) fn not_finite(at: &str, value: &toml::Value, problems: &mut Vec<Problem>) {
    match value {
        toml::Value::Float(number) if !number.is_finite() => {
            problems.push(Problem::new(Code::OutOfRange, at, format!("{number} is not a finite number")));
        }
        toml::Value::Table(table) => {
            table.iter().for_each(|(key, value)| not_finite(&format!("{at}.{key}"), value, problems));
        }
        toml::Value::Array(list) => list.iter().for_each(|value| not_finite(at, value, problems)),
        _ => {}
    }
}

/// Reads a job in JSON: the same keys.
///
/// # Errors
/// As [`parse`].
pub fn from_json(text: &str) -> Result<Request, Vec<Problem>> {
    let value: Value = serde_json::from_str(text)
        .map_err(|e| vec![Problem::new(Code::BadSyntax, format!("line {}", e.line()), e.to_string())])?;
    from_value(&value)
}

/// Sections as a job file has them, those that say most first.
const ORDER: &[&str] = &[
    "model", "method", "data", "train", "hardware", "layout", "limits", "goal", "vary", "observed", "extras", "pilot",
];

/// The job file that says what a request says: [`parse`] reads it back.
///
/// # Errors
/// What TOML has no words for: `null`, as a `config.json` may hold.
pub fn job_file(request: &Request) -> Result<String, Vec<Problem>> {
    let fault = |e: toml::ser::Error| {
        let fault = Problem::new(Code::WrongType, "the job", format!("no job file can say it: {e}"));
        vec![fault.help("keep the config.json in a file of its own and name it as model.base")]
    };
    let whole = toml::Table::try_from(request).map_err(fault)?;
    let mut text = String::new();
    for (name, content) in ORDER.iter().filter_map(|name| Some((*name, said(whole.get(*name)?)?))) {
        let section = toml::Table::from_iter([(name.to_owned(), content)]);
        let gap = if text.is_empty() { "" } else { "\n" };
        text.push_str(gap);
        text.push_str(&toml::to_string(&section).map_err(fault)?);
    }
    Ok(text)
}

/// The value without what is empty.
fn said(value: &toml::Value) -> Option<toml::Value> {
    match value {
        toml::Value::Table(table) => {
            let inner: toml::Table =
                table.iter().filter_map(|(key, value)| Some((key.clone(), said(value)?))).collect();
            (!inner.is_empty()).then_some(toml::Value::Table(inner))
        }
        toml::Value::Array(list) if list.is_empty() => None,
        // Amounts are kept as reals; whole ones read better without a point.
        toml::Value::Float(real) if real.fract() == 0.0 && real.abs() < 9e15 => Some((*real as i64).into()),
        other => Some(other.clone()),
    }
}

pub(crate) fn syntax(text: &str, error: &toml::de::Error, what: &str) -> Problem {
    let place = error.span().map_or_else(
        || what.to_owned(),
        |span| {
            let before = text.get(..span.start).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
            format!("line {line}, column {column}")
        },
    );
    Problem::new(Code::BadSyntax, place, error.message().replace('\n', "; "))
}

/// Reads a job from a JSON value: the same keys.
///
/// # Errors
/// As [`parse`].
pub fn from_value(value: &Value) -> Result<Request, Vec<Problem>> {
    let Value::Object(sections) = value else {
        return Err(vec![Problem::new(Code::WrongType, "the job", "a job is a table of sections")]);
    };
    let known = known_keys();
    let mut problems = Vec::new();
    let mut good = Map::new();
    for (section, content) in sections {
        let no_keys = Map::new();
        let keys = match known.get(section) {
            Some(Value::Object(keys)) => Some(keys),
            Some(_) => Some(&no_keys),
            None => None,
        };
        let Some(keys) = keys else {
            problems.push(
                unknown(section, section, known.keys())
                    .help(format!("sections are {}", known.keys().map(String::as_str).collect::<Vec<_>>().join(", "))),
            );
            continue;
        };
        if section == "pilot" {
            problems.extend(pilots(content));
            good.insert(section.clone(), content.clone());
            continue;
        }
        if section == "remarks" {
            if let Err(error) = serde_json::from_value::<Vec<String>>(content.clone()) {
                problems.push(wrong_type(section, content, &error));
            } else {
                good.insert(section.clone(), content.clone());
            }
            continue;
        }
        if section == "vary" {
            // Any key of a job, with a list of values: read where they are put together.
            good.insert(section.clone(), content.clone());
            continue;
        }
        let Value::Object(content) = content else {
            let message = format!("`{section}` is a section, not a value");
            problems.push(
                Problem::new(Code::WrongType, section, message).help(format!("write [{section}] above its keys")),
            );
            continue;
        };
        let mut kept = Map::new();
        for (key, value) in content {
            let at = format!("{section}.{key}");
            if !keys.contains_key(key) {
                problems.push(elsewhere(&known, section, key, unknown(&at, key, keys.keys())));
            } else if let Some(faults) = faults(section, key, &at, value) {
                problems.extend(faults);
            } else {
                kept.insert(key.clone(), value.clone());
            }
        }
        good.insert(section.clone(), Value::Object(kept));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    serde_json::from_value(Value::Object(good))
        .map_err(|e| vec![Problem::new(Code::WrongType, "the job", e.to_string())])
}

/// Sections and their keys.
pub(crate) fn known_keys() -> Map<String, Value> {
    match serde_json::to_value(Request::default()) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

pub(crate) fn unknown<'a>(at: &str, key: &str, known: impl Iterator<Item = &'a String>) -> Problem {
    let near = names::nearest(key, known.map(String::as_str));
    let problem = Problem::new(Code::UnknownKey, at, format!("unknown key `{key}`"));
    if near.is_empty() { problem } else { problem.help(format!("did you mean {}?", crate::problem::either(&near))) }
}

/// The key may belong to another section.
fn elsewhere(known: &Map<String, Value>, section: &str, key: &str, problem: Problem) -> Problem {
    let home = known.iter().find(|(name, keys)| *name != section && keys.get(key).is_some());
    match home {
        Some((home, _)) => problem.help(format!("`{key}` belongs to [{home}]")),
        None => problem,
    }
}

/// What is wrong with the keys of one kind of table.
type Table = fn(&str, &Map<String, Value>) -> Vec<Problem>;

/// What is wrong with one value, found by reading a job that has nothing else.
fn faults(section: &str, key: &str, at: &str, value: &Value) -> Option<Vec<Problem>> {
    let table: Option<Table> = match (section, key) {
        ("model", "custom") => Some(inner::<CustomModel>),
        ("train", "sweep") => Some(inner::<SweepRequest>),
        ("train", "early_stopping") => Some(inner::<StoppingRequest>),
        _ => None,
    };
    match (table, value) {
        (Some(table), Value::Object(content)) => {
            let all = table(at, content);
            return (!all.is_empty()).then_some(all);
        }
        // A list would be read as the table's values in their order.
        (Some(_), Value::Array(_)) => {
            let fault = Problem::new(Code::WrongType, at, format!("{value} is no table"));
            return Some(vec![fault.help(format!("write `{key} = {{ … }}`"))]);
        }
        _ => {}
    }
    let alone = serde_json::json!({ section: { key: value } });
    serde_json::from_value::<Request>(alone).err().map(|e| vec![wrong_type(at, value, &e)])
}

/// What is wrong with the keys of a table within a section.
pub(crate) fn inner<T: Default + Serialize + DeserializeOwned>(at: &str, content: &Map<String, Value>) -> Vec<Problem> {
    let Ok(Value::Object(known)) = serde_json::to_value(T::default()) else { return Vec::new() };
    let each = content.iter().filter_map(|(key, value)| {
        let at = format!("{at}.{key}");
        if !known.contains_key(key) {
            return Some(unknown(&at, key, known.keys()));
        }
        let alone = serde_json::json!({ key: value });
        serde_json::from_value::<T>(alone).err().map(|e| wrong_type(&at, value, &e))
    });
    each.collect()
}

/// What is wrong with `[[pilot]]`.
fn pilots(content: &Value) -> Vec<Problem> {
    let Value::Array(list) = content else {
        let fault = Problem::new(Code::WrongType, "pilot", "pilots are a list of tables");
        return vec![fault.help("write [[pilot]] above params, tokens and loss of each")];
    };
    let each = list.iter().enumerate().flat_map(|(number, pilot)| match pilot {
        Value::Object(content) => inner::<PilotRequest>(&format!("pilot[{number}]"), content),
        _ => vec![Problem::new(Code::WrongType, format!("pilot[{number}]"), "a pilot is a table")],
    });
    each.collect()
}

fn wrong_type(at: &str, value: &Value, error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    let text = text.split(" at line").next().unwrap_or_default();
    let message = if text.contains("untagged") {
        format!("{value} is neither a number nor text")
    } else if text.contains("integer `-") || text.contains("floating point") && text.contains("u64") {
        format!("{value} is not a whole number from 0 up")
    } else {
        text.to_owned()
    };
    Problem::new(Code::WrongType, at, message)
}

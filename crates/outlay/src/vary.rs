//! `[vary]`: keys whose value the search may choose, because the one who asks would accept any.
//!
//! Each combination of values becomes a request of its own, and all of them are searched together. So anything that a
//! job can say can be varied without a word about it anywhere else; the price is that what the variants share is computed
//! anew for each.
//!
//! Does not know: which values make sense together; a combination that is no job is left out, and said so, unless none is
//! left.

use outlay_catalog::Catalog;
use outlay_core::scenario::dynamics::Start;
use serde_json::{Map, Value};

use crate::afford;
use crate::parse::{known_keys, unknown};
use crate::problem::{Code, Problem};
use crate::request::Request;
use crate::resolve::{self, Ask, Resolved};
use crate::taught::Taught;

/// Most combinations that are searched together.
const MOST: usize = 64;
/// A batch is allowed if the loss it leads to is this close to the best, in nats.
const CLOSE: f64 = 0.01;
/// Batches tried: so many halvings and doublings of the one that is written.
const OCTAVES: i32 = 3;

/// A value that a variant chose.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Choice {
    /// Dotted key of the job.
    pub(crate) key: String,
    /// Its value, as written.
    pub(crate) value: Value,
}

/// One way to put the job.
#[derive(Debug, Clone)]
pub(crate) struct Variant {
    /// What it chose; empty where nothing varies.
    pub(crate) choices: Vec<Choice>,
    /// What it means.
    pub(crate) resolved: Resolved,
}

/// A variant with the request that it is.
pub(crate) type Way = (Variant, Request);

/// Every way the job may be put, and what is to be said about those left out.
pub(crate) fn variants(request: &Request, catalog: &Catalog) -> Result<(Vec<Variant>, Vec<String>), Vec<Problem>> {
    if !afford::asked(request) {
        let (ways, notes) = ways(request, catalog)?;
        return Ok((ways.into_iter().map(|(variant, _)| variant).collect(), notes));
    }
    let (ways, mut notes) = ways(&afford::open(request), catalog)?;
    let (best, said) = afford::best(ways, catalog)?;
    notes.extend(said);
    Ok((best, notes))
}

/// The same, with the request that each is.
fn ways(request: &Request, catalog: &Catalog) -> Result<(Vec<Way>, Vec<String>), Vec<Problem>> {
    let plain = Request { vary: None, ..request.clone() };
    let Some(vary) = &request.vary else {
        let resolved = resolve::resolve(&plain, catalog, Ask::Plan)?;
        return Ok((vec![(Variant { choices: Vec::new(), resolved }, plain)], Vec::new()));
    };
    let axes = axes(vary, &plain, catalog)?;
    let mut all: Vec<Vec<Choice>> = vec![Vec::new()];
    for (key, values) in &axes {
        let with = |before: &Vec<Choice>, value: &Value| {
            before.iter().cloned().chain([Choice { key: key.clone(), value: value.clone() }]).collect::<Vec<_>>()
        };
        all = all.iter().flat_map(|before| values.iter().map(move |value| with(before, value))).collect();
        if all.len() > MOST {
            let message = format!("more than {MOST} combinations");
            return Err(vec![Problem::new(Code::OutOfRange, "vary", message).help("vary fewer keys at a time")]);
        }
    }
    let (mut good, mut notes, mut faults) = (Vec::new(), Vec::new(), Vec::new());
    for choices in all {
        let put = put(&plain, &choices)
            .and_then(|request| resolve::resolve(&request, catalog, Ask::Plan).map(|resolved| (resolved, request)));
        match put {
            Ok((resolved, request)) => good.push((Variant { choices, resolved }, request)),
            Err(problems) => {
                let why = problems.first().map_or_else(String::new, |problem| format!(": {}", problem.message));
                notes.push(format!("{} is no job{why}", words(&choices)));
                faults.extend(problems);
            }
        }
    }
    faults.dedup();
    if good.is_empty() { Err(faults) } else { Ok((good, notes)) }
}

/// Choices in words: `train.precision = fp8, method.kind = qlora`.
pub(crate) fn words(choices: &[Choice]) -> String {
    let one = |choice: &Choice| format!("{} = {}", choice.key, text(&choice.value));
    choices.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// A value without quotes.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The request with these values.
fn put(request: &Request, choices: &[Choice]) -> Result<Request, Vec<Problem>> {
    let broken = |at: &str, error: &serde_json::Error| vec![Problem::new(Code::WrongType, at, error.to_string())];
    let mut whole = serde_json::to_value(request).map_err(|error| broken("vary", &error))?;
    for choice in choices {
        let mut place = &mut whole;
        for name in choice.key.split('.') {
            if !place.is_object() {
                *place = Value::Object(Map::new());
            }
            place = &mut place[name];
        }
        *place = choice.value.clone();
    }
    let last = choices.last().map_or("vary", |choice| choice.key.as_str());
    serde_json::from_value(whole).map_err(|error| broken(&format!("vary.{last}"), &error))
}

/// The request with the values that an answer says were chosen.
///
/// They are looked up in the lists that were written, because an answer has them as text; a batch that was left to the
/// search is a number.
pub(crate) fn with(plain: &Request, vary: &Value, chosen: &[crate::response::Choice]) -> Result<Request, Vec<Problem>> {
    let mut lists = Vec::new();
    flatten("", vary, &mut lists);
    let written = |choice: &crate::response::Choice| {
        let list = lists.iter().find(|(key, _)| *key == choice.key).map(|(_, list)| list);
        let values = list.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let found = values.iter().find(|value| text(value) == choice.value).cloned();
        found.unwrap_or_else(|| choice.value.parse::<u64>().map_or_else(|_| choice.value.clone().into(), Value::from))
    };
    let choices: Vec<Choice> =
        chosen.iter().map(|choice| Choice { key: choice.key.clone(), value: written(choice) }).collect();
    put(plain, &choices)
}

/// The keys that vary with their values.
fn axes(vary: &Value, plain: &Request, catalog: &Catalog) -> Result<Vec<(String, Vec<Value>)>, Vec<Problem>> {
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    flatten("", vary, &mut found);
    let known = known_keys();
    let mut axes = Vec::new();
    for (key, value) in found {
        let at = format!("vary.{key}");
        let (section, name) = key.split_once('.').unwrap_or((&key, ""));
        let keys = known.get(section).and_then(Value::as_object);
        if ["limits", "goal", "observed"].contains(&section) {
            let message = format!("[{section}] is what variants are judged by: it is one for all");
            problems.push(Problem::new(Code::Contradiction, at, message).help("ask twice"));
            continue;
        }
        if !keys.is_some_and(|keys| keys.contains_key(name.split('.').next().unwrap_or_default())) {
            let names: Vec<String> = known
                .iter()
                .flat_map(|(section, keys)| {
                    keys.as_object().into_iter().flatten().map(move |(key, _)| format!("{section}.{key}"))
                })
                .collect();
            problems.push(unknown(&at, &key, names.iter()));
            continue;
        }
        let listed = match value {
            Value::Array(values) if !values.is_empty() => Ok(values),
            Value::String(auto) if auto == "auto" && key == "train.global_batch" => batches(plain, catalog),
            other => Err(vec![
                Problem::new(Code::WrongType, &at, format!("{other} is no list of values"))
                    .help("write a list of the values that would do; train.global_batch may be \"auto\""),
            ]),
        };
        match listed {
            Ok(values) => axes.push((key, values)),
            Err(more) => problems.extend(more),
        }
    }
    if problems.is_empty() { Ok(axes) } else { Err(problems) }
}

/// Keys may be nested tables, dotted, or both; several tables count as one.
fn flatten(at: &str, value: &Value, out: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                flatten(&if at.is_empty() { name.clone() } else { format!("{at}.{name}") }, inner, out);
            }
        }
        Value::Array(tables) if at.is_empty() => tables.iter().for_each(|table| flatten(at, table, out)),
        other => out.push((at.to_owned(), other.clone())),
    }
}

/// Batches around the written one with which the model becomes as good, up to a hundredth of a nat.
fn batches(plain: &Request, catalog: &Catalog) -> Result<Vec<Value>, Vec<Problem>> {
    let at = "vary.train.global_batch";
    let base = resolve::resolve(plain, catalog, Ask::Plan)?.scenario;
    if base.dynamics.start != Start::Scratch {
        let message = "no law says which batches a fine-tuning bears";
        return Err(vec![Problem::new(Code::Contradiction, at, message).help("list the batches that would do")]);
    }
    let written = base.recipe.global_batch;
    let sizes = (-OCTAVES..=OCTAVES).filter_map(|octave| {
        let factor = 1u64 << octave.unsigned_abs();
        if octave < 0 { written.is_multiple_of(factor).then(|| written / factor) } else { written.checked_mul(factor) }
    });
    let mut known = Vec::new();
    for size in sizes {
        let choices = [Choice { key: "train.global_batch".into(), value: Value::from(size) }];
        let Ok(resolved) = put(plain, &choices).and_then(|request| resolve::resolve(&request, catalog, Ask::Plan))
        else {
            continue;
        };
        known.push((size, Taught { scenario: &resolved.scenario }.quality().loss.mid));
    }
    let best = known.iter().map(|(_, loss)| *loss).fold(f64::INFINITY, f64::min);
    // The batch that was written is always allowed.
    let allowed = known.into_iter().filter(|(size, loss)| *size == written || *loss <= best + CLOSE);
    Ok(allowed.map(|(size, _)| Value::from(size)).collect())
}

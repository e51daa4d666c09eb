//! The door for the browser: text of JSON in, text of JSON out.
//!
//! The answer to a question is byte for byte what the command prints with `--json`; a request that is wrong is answered
//! with `{"problems": […]}`, each problem as everywhere. Strings cross the wall because they are what a page can store,
//! compare and send; the price is that they are read once more on the other side. The day is handed in: the engine has
//! no clock.
//!
//! Does not know: the page, the network, files.

pub mod configs;

use std::sync::OnceLock;

use outlay::catalog::Catalog;
use outlay::problem::Code;
use outlay::request::Request;
use outlay::{Problem, lists, schema};
use serde::Serialize;
use wasm_bindgen::prelude::wasm_bindgen;

/// Most targets of a curve.
const TARGETS: usize = 32;

type Outcome<T> = Result<T, Vec<Problem>>;

fn catalog() -> &'static Catalog {
    static CATALOG: OnceLock<Catalog> = OnceLock::new();
    CATALOG.get_or_init(Catalog::built_in)
}

/// As the command prints it.
fn pretty(value: &impl Serialize) -> String {
    let text = serde_json::to_value(value).and_then(|value| serde_json::to_string_pretty(&value));
    text.map_or_else(|error| told(&[internal(&error)]), |text| text + "\n")
}

fn internal(error: &serde_json::Error) -> Problem {
    Problem::new(Code::BadSyntax, "the answer", format!("it is not JSON: {error}"))
}

fn told(problems: &[Problem]) -> String {
    serde_json::json!({ "problems": problems }).to_string()
}

fn written<T: Serialize>(outcome: Outcome<T>) -> String {
    outcome.map_or_else(|problems| told(&problems), |answer| pretty(&answer))
}

fn asked<T: Serialize>(job: &str, answer: impl FnOnce(&Request) -> Outcome<T>) -> String {
    written(outlay::from_json(job).and_then(|request| answer(&request)))
}

/// What `outlay plan --json` prints for a job.
#[wasm_bindgen]
#[must_use]
pub fn plan(job: &str, today: &str) -> String {
    asked(job, |request| outlay::plan(request, catalog(), today))
}

/// What `outlay estimate --json` prints.
#[wasm_bindgen]
#[must_use]
pub fn estimate(job: &str, today: &str) -> String {
    asked(job, |request| outlay::estimate(request, catalog(), today))
}

/// What `outlay levers --json` prints.
#[wasm_bindgen]
#[must_use]
pub fn levers(job: &str) -> String {
    asked(job, |request| outlay::levers(request, catalog()))
}

/// What `outlay why --json` prints: the job against the same with parts of the plan fixed.
#[wasm_bindgen]
#[must_use]
pub fn why(job: &str, named: &str, today: &str) -> String {
    asked(job, |base| outlay::from_json(named).and_then(|named| outlay::why(base, &named, catalog(), today)))
}

/// What `outlay diff --json` prints.
#[wasm_bindgen]
#[must_use]
pub fn diff(before: &str, after: &str, today: &str) -> String {
    asked(before, |base| outlay::from_json(after).and_then(|after| outlay::diff(base, &after, catalog(), today)))
}

/// The order of work of a pipeline: its schedule as an answer names it, stages, pieces a stage, micro-batches of a step.
#[wasm_bindgen]
#[must_use]
pub fn pipeline(schedule: &str, stages: u32, pieces: u32, micro_batches: u32) -> String {
    written(outlay::pipeline(schedule, stages.into(), pieces.into(), micro_batches.into()))
}

/// One plan of the answer to a job by itself, by its number as `outlay export --plan` counts: what `outlay plan --json` prints for
/// the job with everything of that plan fixed.
#[wasm_bindgen]
#[must_use]
pub fn alone(job: &str, number: usize, today: &str) -> String {
    asked(job, |request| outlay::plan(&fixed(request, number, today)?, catalog(), today))
}

/// The job that asks for exactly the plan of this number.
fn fixed(request: &Request, number: usize, today: &str) -> Outcome<Request> {
    let response = outlay::plan(request, catalog(), today)?;
    let Some(plan) = number.checked_sub(1).and_then(|place| response.plans().nth(place)) else {
        let fault = Problem::new(Code::OutOfRange, "plan", format!("there is no plan {number}"));
        return Err(vec![fault.help(format!("the answer has {}", response.plans().count()))]);
    };
    outlay::pinned(request, &response, plan)
}

/// A list of the catalog: `models`, `hardware`, `offers` as the command prints them, `stacks`, or the `targets` of exports.
#[wasm_bindgen]
#[must_use]
pub fn list(what: &str) -> String {
    match what {
        "models" => pretty(&lists::models(catalog(), &[])),
        "hardware" => pretty(&lists::accelerators(catalog(), &[], None)),
        "offers" => pretty(&lists::offers(catalog(), &[], None)),
        "stacks" => pretty(&lists::stacks(catalog())),
        "targets" => pretty(&configs::targets()),
        other => told(&[Problem::new(Code::UnknownName, "list", format!("no list `{other}`"))
            .help("choices are models, hardware, offers, stacks, targets")]),
    }
}

/// A published schema: `request`, `response`, `why`, `diff`, `levers`, `scaling`, or the table of `errors`.
#[wasm_bindgen]
#[must_use]
pub fn schema(what: &str) -> String {
    match what {
        "request" => schema::request(),
        "response" => schema::response(),
        "why" => schema::why(),
        "diff" => schema::diff(),
        "levers" => schema::levers(),
        "scaling" => schema::scaling(),
        "errors" => schema::errors(),
        other => told(&[Problem::new(Code::UnknownName, "schema", format!("no schema `{other}`"))
            .help("choices are request, response, why, diff, levers, scaling, errors")]),
    }
}

/// A job file, TOML or JSON, as a request in JSON.
#[wasm_bindgen]
#[must_use]
pub fn read_job(text: &str) -> String {
    let json = text.trim_start().starts_with('{');
    written(if json { outlay::from_json(text) } else { outlay::parse(text) })
}

/// A request in JSON as the text of a job file.
#[wasm_bindgen]
#[must_use]
pub fn write_job(job: &str) -> String {
    let text = outlay::from_json(job).and_then(|request| outlay::job_file(&request));
    text.unwrap_or_else(|problems| told(&problems))
}

/// A `config.json`, which may hold what JSON has no words for (`NaN`), as JSON.
#[wasm_bindgen]
#[must_use]
pub fn read_config(text: &str) -> String {
    written(outlay::catalog::config_json(text).map_err(|error| {
        let fault = Problem::new(Code::BadSyntax, "model.config", format!("it is not valid JSON: {error}"));
        vec![fault.help("a weights file or an HTML page saved under this name looks like this: download it again")]
    }))
}

/// One point of loss against cost.
#[derive(Debug, Serialize)]
struct Point {
    /// Loss to reach, in nats a token.
    target_loss: f64,
    /// Its plan's cost in USD; `null`: no plan, or no price.
    cost_usd: Option<outlay::response::Interval>,
    /// Its time on the clock.
    hours: Option<f64>,
    /// Tokens trained on.
    tokens: Option<u64>,
}

/// Loss against cost: the plan of the same job for each of several target losses; what cannot be reached has no cost.
#[wasm_bindgen]
#[must_use]
pub fn targets(job: &str, losses: &[f64], today: &str) -> String {
    asked(job, |request| {
        let point = |loss: &f64| {
            let mut job = request.clone();
            job.train.target_loss = Some(*loss);
            let planned = outlay::plan(&job, catalog(), today).ok();
            let plan = planned.as_ref().and_then(|answer| answer.pick.as_ref());
            Point {
                target_loss: *loss,
                cost_usd: plan.and_then(|plan| plan.cost_usd),
                hours: plan.map(|plan| plan.hours.mid),
                tokens: plan.and(planned.as_ref()).map(|answer| answer.job.tokens),
            }
        };
        Ok(losses.iter().take(TARGETS).map(point).collect::<Vec<_>>())
    })
}

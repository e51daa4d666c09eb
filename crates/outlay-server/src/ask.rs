//! The questions: a body becomes requests, the door answers, the answer goes out as the command prints it.
//!
//! Nothing that a job names is opened on this machine: `data.path` and a path in `model.base` mean nothing here. A model
//! of the hub is looked up through what the command handed in.
//!
//! Does not know: HTTP beyond bodies and queries; what any figure means.

use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use outlay::Problem;
use outlay::problem::Code;
use outlay::request::{Amount, Request};
use outlay::scaling::{Aim, Wanted};
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::App;
use crate::answer;
use crate::fault::{Refusal, Why};
use crate::pool;
use crate::sent::{Pairs, Sent};
use crate::strict;

type Answered = Result<Response, Refusal>;

/// Two jobs, before and after a change.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DiffAsked {
    /// The job as it was.
    #[schemars(with = "Request")]
    before: Value,
    /// The job after the change.
    #[schemars(with = "Request")]
    after: Value,
}

/// A job, and the plan that is asked about.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WhyAsked {
    /// The job.
    #[schemars(with = "Request")]
    job: Value,
    /// What the plan fixes: keys laid over the job, as flags are laid over a file.
    #[schemars(with = "Request")]
    named: Value,
}

/// What is to be spent.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OptimumAsked {
    /// The job: machines, data, and the budget in `limits.budget`.
    #[serde(default = "nothing")]
    #[schemars(with = "Request")]
    job: Value,
    /// Compute to spend, in FLOP, instead of money.
    flops: Option<f64>,
    /// Tokens the model will serve in its life, besides.
    served: Option<Amount>,
}

/// A range of compute.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FrontierAsked {
    /// The job: machines and data.
    #[serde(default = "nothing")]
    #[schemars(with = "Request")]
    job: Value,
    /// Least compute, in FLOP.
    #[serde(default = "least")]
    from: f64,
    /// Most compute, in FLOP.
    #[serde(default = "most")]
    to: f64,
}

/// A table of runs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FitAsked {
    /// CSV with a header: params, tokens, loss, and dataset where there are several.
    table: String,
    /// Fit only runs of fewer parameters.
    fit_below: Option<f64>,
    /// Foresee measured runs of so many parameters and more, and compare.
    foresee_from: Option<f64>,
    /// Foresee these sizes.
    #[serde(default)]
    at: Vec<Place>,
}

/// A size after so many tokens.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    /// Parameters.
    params: f64,
    /// Tokens.
    tokens: f64,
}

/// Most sizes foreseen at once, and most points of a frontier's range that anybody needs.
const MOST_PLACES: usize = 1_000;

fn nothing() -> Value {
    Value::Object(serde_json::Map::new())
}

// What `outlay scaling frontier` takes where nobody says.
fn least() -> f64 {
    1e19
}

fn most() -> f64 {
    1e24
}

/// A body that is a job.
pub(crate) async fn job(app: &App, sent: &Sent) -> Result<Request, Refusal> {
    part(app, &strict::read(&sent.0)?, None).await
}

/// A job within a body, with the model's `config.json` in it where the model is one of the hub.
async fn part(app: &App, value: &Value, name: Option<&str>) -> Result<Request, Refusal> {
    let inside = |problems: Vec<Problem>| name.map_or(problems.clone(), |name| Refusal::within(problems, name));
    let mut request = outlay::from_value(value).map_err(inside)?;
    let Some(id) = crate::hub::wanted(app, &request) else { return Ok(request) };
    request.model.config = Some(crate::hub::config(app, id).await?);
    Ok(request)
}

/// A body of another form than a job.
pub(crate) fn form<T: DeserializeOwned>(sent: &Sent) -> Result<T, Refusal> {
    let value = strict::read(&sent.0)?;
    serde_json::from_value(value).map_err(|error| {
        let message = error.to_string();
        let code = if message.starts_with("unknown field") {
            Code::UnknownKey
        } else if message.starts_with("missing field") {
            Code::Missing
        } else {
            Code::WrongType
        };
        Problem::new(code, "the body", message).into()
    })
}

/// `outlay plan`.
pub(crate) async fn plan(State(app): State<App>, pairs: Pairs, headers: axum::http::HeaderMap, sent: Sent) -> Answered {
    let pairs = pairs.only(&["time_limit"])?;
    let limit = pairs.number::<f64>("time_limit")?.map_or(app.limits.search, |seconds| {
        std::time::Duration::try_from_secs_f64(seconds).map_or(app.limits.search, |time| time.min(app.limits.search))
    });
    let request = job(&app, &sent).await?;
    if crate::stream::wanted(&headers) {
        return Ok(crate::stream::plan(app, request, limit));
    }
    let (inner, waits) = (app.clone(), pool::Waits::new());
    let work = move |ticket: &pool::Ticket| {
        let watch = |_: &_| ticket.go_on();
        outlay::plan_watched(&request, &inner.catalog, &inner.today(), &watch)
            .map_err(Refusal::from)
            .and_then(|response| answer::text(&response))
    };
    Ok(answer::body(app.long.run_for(&waits, &app.closing, limit, work).await??))
}

/// `outlay estimate`.
pub(crate) async fn estimate(State(app): State<App>, pairs: Pairs, sent: Sent) -> Answered {
    pairs.only(&[])?;
    let today = app.today();
    if let Some(text) = app.kept.answer(&today, &sent.0) {
        return Ok(answer::body(text));
    }
    let request = job(&app, &sent).await?;
    // The hub's may be another tomorrow.
    let lasting = request.model.config.is_none();
    let inner = app.clone();
    let work = move |_: &pool::Ticket| {
        let text = Bytes::from(answer::text(&outlay::estimate(&request, &inner.catalog, &today)?)?);
        if lasting {
            inner.kept.keep(today, &sent.0, &text);
        }
        Ok::<_, Refusal>(text)
    };
    Ok(answer::body(app.quick.run(&app.closing, work).await??))
}

/// `outlay levers`.
pub(crate) async fn levers(State(app): State<App>, pairs: Pairs, sent: Sent) -> Answered {
    pairs.only(&[])?;
    let request = job(&app, &sent).await?;
    let inner = app.clone();
    let work = move |_: &pool::Ticket| answer::text(&outlay::levers(&request, &inner.catalog)?);
    Ok(answer::body(app.whole.run(&app.closing, work).await??))
}

/// `outlay why`.
pub(crate) async fn why(State(app): State<App>, pairs: Pairs, sent: Sent) -> Answered {
    pairs.only(&[])?;
    let WhyAsked { job, named } = form(&sent)?;
    // Said of the part that has the fault, before the two become one.
    part(&app, &named, Some("named")).await?;
    let base = part(&app, &job, Some("job")).await?;
    let named = part(&app, &over(job, &named), Some("named")).await?;
    let inner = app.clone();
    let work = move |ticket: &pool::Ticket| {
        let watch = |_: &_| ticket.go_on();
        let why = outlay::why_watched(&base, &named, &inner.catalog, &inner.today(), &watch);
        whole(ticket, answer::text(&why?)?)
    };
    Ok(answer::body(app.long.run(&app.closing, work).await??))
}

/// `outlay diff`.
pub(crate) async fn diff(State(app): State<App>, pairs: Pairs, sent: Sent) -> Answered {
    pairs.only(&[])?;
    let DiffAsked { before, after } = form(&sent)?;
    let (before, after) = (part(&app, &before, Some("before")).await?, part(&app, &after, Some("after")).await?);
    let inner = app.clone();
    let work = move |ticket: &pool::Ticket| {
        let (catalog, today) = (&inner.catalog, inner.today());
        // A search that ends at once says what is wrong with the job.
        for (name, job) in [("before", &before), ("after", &after)] {
            outlay::plan_watched(job, catalog, &today, &|_| false)
                .map_err(|problems| Refusal::Problems(Refusal::within(problems, name)))?;
        }
        let diff = outlay::diff_watched(&before, &after, catalog, &today, &|_| ticket.go_on());
        whole(ticket, answer::text(&diff?)?)
    };
    Ok(answer::body(app.long.run(&app.closing, work).await??))
}

/// Half a comparison is none: only a plan may be the best of what was seen.
fn whole(ticket: &pool::Ticket, text: String) -> Result<String, Refusal> {
    if ticket.go_on() {
        return Ok(text);
    }
    Err(if ticket.closing() {
        Refusal::new(Why::Busy, "", "the server is being shut down").help("ask again in a moment")
    } else {
        pool::late()
    })
}

/// `outlay scaling optimum`.
pub(crate) async fn optimum(State(app): State<App>, pairs: Pairs, sent: Sent) -> Answered {
    pairs.only(&[])?;
    let OptimumAsked { job, flops, served } = form(&sent)?;
    let request = part(&app, &job, Some("job")).await?;
    let inner = app.clone();
    let work = move |_: &pool::Ticket| {
        let wanted = Wanted { flops, served };
        answer::text(&outlay::scaling::optimum(&request, &wanted, &inner.catalog)?)
    };
    Ok(answer::body(app.whole.run(&app.closing, work).await??))
}

/// `outlay scaling frontier`.
pub(crate) async fn frontier(State(app): State<App>, pairs: Pairs, sent: Sent) -> Answered {
    pairs.only(&[])?;
    let FrontierAsked { job, from, to } = form(&sent)?;
    let request = part(&app, &job, Some("job")).await?;
    let inner = app.clone();
    let work = move |_: &pool::Ticket| answer::text(&outlay::scaling::frontier(&request, from, to, &inner.catalog)?);
    Ok(answer::body(app.whole.run(&app.closing, work).await??))
}

/// `outlay scaling fit`.
pub(crate) async fn fit(State(app): State<App>, pairs: Pairs, sent: Sent) -> Answered {
    pairs.only(&[])?;
    let FitAsked { table, fit_below, foresee_from, at } = form(&sent)?;
    let positive = |value: f64| value.is_finite() && value > 0.0;
    let mut faults = Vec::new();
    for (key, value) in [("fit_below", fit_below), ("foresee_from", foresee_from)] {
        if value.is_some_and(|value| !positive(value)) {
            faults.push(Problem::new(Code::OutOfRange, key, "a number above zero is expected"));
        }
    }
    if at.iter().any(|place| !positive(place.params) || !positive(place.tokens)) {
        faults.push(Problem::new(Code::OutOfRange, "at", "sizes and tokens are above zero"));
    }
    if at.len() > MOST_PLACES {
        faults.push(Problem::new(Code::OutOfRange, "at", format!("more than {MOST_PLACES} sizes at once")));
    }
    if !faults.is_empty() {
        return Err(faults.into());
    }
    let work = move |_: &pool::Ticket| {
        let at = at.iter().map(|place| (place.params, place.tokens)).collect();
        let aim = Aim { below: fit_below, from: foresee_from, at };
        answer::text(&outlay::scaling::fitted(&table, &aim)?)
    };
    Ok(answer::body(app.whole.run(&app.closing, work).await??))
}

/// One job's keys laid over another's.
fn over(mut base: Value, keys: &Value) -> Value {
    match (&mut base, keys) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, value) in new {
                let under = old.remove(key).unwrap_or(Value::Null);
                old.insert(key.clone(), over(under, value));
            }
            base
        }
        _ => keys.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn keys_are_laid_over_a_job() {
        let job = json!({"model": {"base": "a"}, "hardware": {"gpus": 8, "regions": ["us"]}});
        let named = json!({"hardware": {"gpus": 4, "regions": ["eu"]}, "layout": {"tp": 2}});
        let both = json!({"model": {"base": "a"}, "hardware": {"gpus": 4, "regions": ["eu"]}, "layout": {"tp": 2}});
        assert_eq!(super::over(job, &named), both);
    }
}

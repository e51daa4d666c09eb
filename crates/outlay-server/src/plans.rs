//! Saved plans and the links to them.
//!
//! A plan is the job that was asked, not its answer: whoever opens it gets today's prices. It is private, which means that
//! a token that may read is asked for wherever tokens are, unless it was stored as `shared`: then its address is
//! enough. Ids are 128 random bits, so nobody finds an address by trying.
//!
//! Does not know: the page, whose state is kept as it came.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use outlay::Problem;
use outlay::problem::Code;
use outlay::request::Request;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::App;
use crate::answer;
use crate::ask;
use crate::fault::{Refusal, Why};
use crate::guard::Caller;
use crate::sent::{Named, Pairs, Sent};
use crate::store::PlanRow;
use crate::token;

/// Longest title, in characters.
const TITLE: usize = 200;
/// Longest state of the page, in bytes: as the page has it.
const STATE: usize = 16_000;
/// Plans told at once.
const AT_ONCE: u64 = 100;

/// A plan to store.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPlan {
    /// The job.
    #[schemars(with = "Request")]
    job: Value,
    /// What people call it; at most 200 characters.
    #[serde(default)]
    #[schemars(length(max = 200))]
    title: String,
    /// Whoever has its address may read it, without a token.
    #[serde(default)]
    shared: bool,
    /// What stands after `#` in the page's address, where the page stores the plan.
    #[serde(default)]
    #[schemars(length(max = 16000), regex(pattern = r"^[A-Za-z0-9._~!$'()*+,;:@/?%&=-]*$"))]
    state: String,
}

/// A stored plan.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SavedPlan {
    /// By which it is found.
    id: String,
    /// What people call it.
    title: String,
    /// The job.
    #[schemars(with = "Request")]
    job: Value,
    /// Whoever has its address may read it.
    shared: bool,
    /// What stands after `#` in the page's address, or empty.
    state: String,
    /// When it was stored, in seconds since 1970.
    created_unix_s: i64,
    /// The link that opens it in the page.
    link: String,
}

impl From<PlanRow> for SavedPlan {
    fn from(row: PlanRow) -> Self {
        let PlanRow { id, title, job, state, shared, created } = row;
        let job = serde_json::from_str(&job).unwrap_or(Value::Null);
        let link = format!("/s/{id}");
        Self { id, title, job, shared, state, created_unix_s: created, link }
    }
}

/// What may stand after `#`: nothing that ends a header or opens a tag.
fn is_state(text: &str) -> bool {
    text.len() <= STATE && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._~!$'()*+,;:@/?%&=-".contains(&b))
}

/// Stores a plan.
pub(crate) async fn store(State(app): State<App>, pairs: Pairs, sent: Sent) -> Result<Response, Refusal> {
    pairs.only(&[])?;
    let NewPlan { job, title, shared, state } = ask::form(&sent)?;
    // A job that no reader could open is not stored; whether it is possible is asked when it is opened.
    let mut faults = outlay::from_value(&job).err().map(|faults| Refusal::within(faults, "job")).unwrap_or_default();
    if title.chars().count() > TITLE || title.chars().any(char::is_control) {
        let message = format!("a title has at most {TITLE} characters and stands in one line");
        faults.push(Problem::new(Code::OutOfRange, "title", message));
    }
    if !is_state(&state) {
        let message = format!("a state is at most {STATE} bytes of what may stand after # in an address");
        faults.push(Problem::new(Code::OutOfRange, "state", message));
    }
    if !faults.is_empty() {
        return Err(faults.into());
    }
    let id = token::random(16).map_err(|error| Refusal::new(Why::Internal, "", error.to_string()))?;
    let row = PlanRow { id, title, job: job.to_string(), state, shared, created: crate::now() };
    app.store.keep(&row).await?;
    let saved = SavedPlan::from(row);
    let place = format!("/api/v1/plans/{}", saved.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], answer::json(&saved)).into_response())
}

/// Stored plans, newest first.
pub(crate) async fn list(State(app): State<App>, pairs: Pairs) -> Result<Response, Refusal> {
    let pairs = pairs.only(&["limit", "offset"])?;
    let limit = pairs.number::<u64>("limit")?.unwrap_or(AT_ONCE);
    if limit == 0 || limit > AT_ONCE {
        return Err(Problem::new(Code::OutOfRange, "?limit", format!("1 to {AT_ONCE} plans at once")).into());
    }
    let offset = pairs.number::<u64>("offset")?.unwrap_or(0);
    let (limit, offset) = (i64::try_from(limit).unwrap_or(i64::MAX), i64::try_from(offset).unwrap_or(i64::MAX));
    let rows = app.store.plans(limit, offset).await?;
    Ok(answer::json(&rows.into_iter().map(SavedPlan::from).collect::<Vec<_>>()))
}

/// One stored plan.
pub(crate) async fn read(
    State(app): State<App>,
    caller: Caller,
    Named(id): Named<String>,
) -> Result<Response, Refusal> {
    let row = found(&app, &caller, &id).await?;
    Ok(answer::json(&SavedPlan::from(row)))
}

/// Deletes a plan.
pub(crate) async fn delete(State(app): State<App>, Named(id): Named<String>) -> Result<Response, Refusal> {
    if is_id(&id) && app.store.forget(&id).await? {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Err(unknown(&id))
}

/// Opens a plan in the page.
pub(crate) async fn open(
    State(app): State<App>,
    caller: Caller,
    Named(id): Named<String>,
) -> Result<Response, Refusal> {
    let row = found(&app, &caller, &id).await?;
    let state = if row.state.is_empty() { state(&row.job) } else { row.state };
    // The page takes no longer address; what it cannot show is shown as it is stored.
    let place = if state.len() > STATE { format!("/api/v1/plans/{}", row.id) } else { format!("/#{state}") };
    let headers = [(header::LOCATION, place), (header::CACHE_CONTROL, "no-store".into())];
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}

/// The state of the page that shows a job and nothing else: `1j`, the first version of its links, and JSON in base64url.
fn state(job: &str) -> String {
    format!("1j{}", URL_SAFE_NO_PAD.encode(format!("{{\"j\":{job}}}")))
}

/// A plan that this caller may read; who may not read it does not learn whether it exists.
async fn found(app: &App, caller: &Caller, id: &str) -> Result<PlanRow, Refusal> {
    let row = if is_id(id) { app.store.plan(id).await? } else { None };
    match row {
        Some(row) if row.shared || caller.may_read() => Ok(row),
        _ if !caller.may_read() => Err(crate::guard::no_token()),
        _ => Err(unknown(id)),
    }
}

fn is_id(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit())
}

fn unknown(id: &str) -> Refusal {
    let shown: String = id.chars().take(40).collect();
    Refusal::new(Why::NotFound, "the address", format!("no plan {shown:?}"))
}

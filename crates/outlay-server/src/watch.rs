//! Around every request: an id, the log, the counters, headers of safety, and a bound on the memory of the process.
//!
//! An id that a proxy sent is kept, so that its log and ours tell of the same request. Neither tokens nor bodies nor
//! queries are logged.
//!
//! Does not know: what is asked.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument;

use crate::App;
use crate::fault::{Refusal, Why};
use crate::{metrics, token};

const ID: HeaderName = HeaderName::from_static("x-request-id");

/// What a browser may do with what we send: scripts and wasm of ours alone, nobody frames us, nothing goes elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; style-src-attr 'unsafe-inline'; \
     img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const SAFETY: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Counts a request that is being answered, until dropped.
struct Running(App);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.metrics.running.dec();
    }
}

/// Answers a request and tells of it.
pub(crate) async fn around(State(app): State<App>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    app.metrics.running.inc();
    let running = Running(app);
    let app = &running.0;
    let id = id(request.headers());
    let method = name(request.method());
    let route = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
    let path = request.uri().path().to_owned();
    let mut response = match full(app, &route) {
        Some(refusal) => refusal.into_response(),
        // What goes wrong on the way is logged with the id.
        None => next.run(request).instrument(tracing::error_span!("asked", id)).await,
    };
    let (status, time) = (response.status().as_u16(), start.elapsed());
    app.metrics.answered(method, &route, status, time);
    // A client chooses the path; what breaks a line is no part of an address, or the request would not be here.
    tracing::info!(
        id,
        method,
        path = shortened(&path),
        route,
        status,
        us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX),
        "request"
    );
    let headers = response.headers_mut();
    for (name, value) in SAFETY {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(ID, id);
    }
    response
}

/// The process holds as much memory as it may.
fn full(app: &App, route: &str) -> Option<Refusal> {
    let most = app.limits.memory?;
    if route == "/healthz" || route == "/metrics" || metrics::resident().is_none_or(|held| held < most) {
        return None;
    }
    tracing::warn!(most, "memory is full");
    Some(Refusal::new(Why::Busy, "", "this server holds as much memory as it may").help("ask again in a moment"))
}

/// The id that a proxy gave, if it is one; else a new one.
fn id(headers: &HeaderMap) -> String {
    let given = headers.get(&ID).and_then(|id| id.to_str().ok()).filter(|id| {
        (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    });
    given.map_or_else(|| token::random(8).unwrap_or_else(|_| "none".into()), str::to_owned)
}

/// Methods that we know, so that nobody invents labels.
fn name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

fn shortened(path: &str) -> String {
    path.chars().take(200).collect()
}

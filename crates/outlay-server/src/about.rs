//! What the server says of itself: the OpenAPI document, the same for people, health, counters.
//!
//! Does not know: what the document says.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::time::Duration;

use crate::App;
use crate::{answer, page, reader};

/// Texts that are made once.
#[derive(Debug)]
pub(crate) struct Texts {
    document: (Bytes, String),
    reader: (Bytes, String),
    style: (Bytes, String),
}

impl Texts {
    /// From the table of routes.
    pub(crate) fn new() -> Self {
        let made = |text: String| {
            let tag = page::tag(&Sha256::digest(text.as_bytes()));
            (Bytes::from(text), tag)
        };
        Self {
            document: made(crate::openapi()),
            reader: made(reader::page(&crate::openapi::document())),
            style: made(reader::STYLE.into()),
        }
    }
}

/// How the server is.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Health {
    /// `ok`: it answers.
    status: &'static str,
    /// `ok` or `away`; forecasts need no database.
    database: &'static str,
    /// Of the program.
    version: &'static str,
}

/// A database that does not answer within this counts as away.
const PATIENCE: Duration = Duration::from_secs(1);

/// The OpenAPI document.
pub(crate) async fn document(State(app): State<App>, headers: HeaderMap) -> Response {
    let (text, tag) = &app.texts.document;
    page::sent(&headers, "application/json", "no-cache", tag, None, text.clone())
}

/// The same for people.
pub(crate) async fn docs(State(app): State<App>, headers: HeaderMap) -> Response {
    let (text, tag) = &app.texts.reader;
    page::sent(&headers, "text/html; charset=utf-8", "no-cache", tag, None, text.clone())
}

/// How that looks.
pub(crate) async fn style(State(app): State<App>, headers: HeaderMap) -> Response {
    let (text, tag) = &app.texts.style;
    page::sent(&headers, "text/css; charset=utf-8", "no-cache", tag, None, text.clone())
}

/// Whether the server answers.
pub(crate) async fn health(State(app): State<App>) -> Response {
    let answers = tokio::time::timeout(PATIENCE, app.store.ping()).await.is_ok_and(|ping| ping.is_ok());
    let database = if answers { "ok" } else { "away" };
    answer::json(&Health { status: "ok", database, version: env!("CARGO_PKG_VERSION") })
}

/// What is counted.
pub(crate) async fn metrics(State(app): State<App>) -> Response {
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")], app.metrics.text()).into_response()
}

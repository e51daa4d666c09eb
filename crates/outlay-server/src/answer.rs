//! Answers as bytes: the JSON that the command prints, byte for byte.
//!
//! Does not know: what is answered.

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::fault::{Refusal, Why};

/// JSON as the command prints it: keys in order, two spaces, a newline at the end.
pub(crate) fn text<T: Serialize>(value: &T) -> Result<String, Refusal> {
    let pretty = serde_json::to_value(value).and_then(|value| serde_json::to_string_pretty(&value));
    pretty.map(|text| text + "\n").map_err(|error| Refusal::new(Why::Internal, "", format!("not JSON: {error}")))
}

/// The same as a body.
pub(crate) fn json<T: Serialize>(value: &T) -> Response {
    text(value).map_or_else(
        // A refusal is plain text and strings alone: it always is JSON.
        |_| axum::http::StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        body,
    )
}

/// JSON text as a body.
pub(crate) fn body(text: impl Into<Body>) -> Response {
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], text.into()).into_response()
}

//! What a client sends: a body within its size and time, of the type it must have; the pairs of a query.
//!
//! Bodies that are being read share one allowance of memory, so that a thousand clients who each send a little less than
//! the limit cannot take all there is.
//!
//! Does not know: what is done with it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use outlay::Problem;
use outlay::catalog::names;
use outlay::problem::Code;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

use crate::App;
use crate::fault::{Refusal, Why};
use crate::pool;

/// How bodies are read.
#[derive(Debug)]
pub(crate) struct Bodies {
    /// KiB that all bodies together may take.
    allowance: Arc<Semaphore>,
    largest: usize,
    patience: Duration,
}

impl Bodies {
    /// Bodies of at most so many bytes, sent within so much time, together within so many bytes.
    pub(crate) fn new(largest: usize, together: usize, patience: Duration) -> Self {
        Self { allowance: Arc::new(Semaphore::new(kib(together))), largest, patience }
    }

    async fn read(&self, headers: &HeaderMap, body: Body) -> Result<Bytes, Refusal> {
        let told = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if told.is_some_and(|length| length > self.largest) {
            return Err(self.too_large());
        }
        let share = u32::try_from(kib(told.unwrap_or(self.largest))).unwrap_or(u32::MAX);
        let _held = self.allowance.try_acquire_many(share).map_err(|_| pool::busy())?;
        let reading = Limited::new(body, self.largest).collect();
        match tokio::time::timeout(self.patience, reading).await {
            Ok(Ok(read)) => Ok(read.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(self.too_large()),
            Ok(Err(error)) => Err(Problem::new(Code::BadSyntax, "the body", format!("it broke off: {error}")).into()),
            Err(_) => {
                let message = format!("the body did not arrive within {} s", self.patience.as_secs());
                Err(Refusal::new(Why::TooSlow, "the body", message))
            }
        }
    }

    fn too_large(&self) -> Refusal {
        let message = format!("the body is larger than {} bytes", self.largest);
        Refusal::new(Why::TooLarge, "the body", message)
            .help("a job is a few kilobytes; the operator may raise --max-body")
    }
}

fn kib(bytes: usize) -> usize {
    bytes.div_ceil(1024).max(1)
}

/// The bytes of a JSON body.
pub(crate) struct Sent(pub(crate) Bytes);

impl FromRequest<App> for Sent {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            // A page of another site can send anything but this without being asked.
            let message = format!("{essence:?} is not application/json");
            return Err(Refusal::new(Why::NotJson, "content-type", message).help("send JSON, and say so"));
        }
        app.bodies.read(&parts.headers, body).await.map(Self)
    }
}

/// The parts of the path that a route names.
pub(crate) struct Named<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Named<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let read = Path::from_request_parts(parts, app).await;
        read.map(|Path(named)| Self(named))
            .map_err(|error| Problem::new(Code::BadSyntax, "the address", error.body_text()).into())
    }
}

/// The pairs of a query, in their order.
pub(crate) struct Pairs(Vec<(String, String)>);

impl FromRequestParts<App> for Pairs {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Refusal> {
        Query::try_from_uri(&parts.uri)
            .map(|Query(pairs)| Self(pairs))
            .map_err(|error| Problem::new(Code::BadSyntax, "the query", error.to_string()).into())
    }
}

impl Pairs {
    /// Every key is one of these.
    pub(crate) fn only(self, known: &[&str]) -> Result<Self, Refusal> {
        let fault = |key: &str| {
            let problem = Problem::new(Code::UnknownKey, format!("?{key}"), format!("unknown parameter `{key}`"));
            match names::nearest(key, known.iter().copied()).as_slice() {
                [] if known.is_empty() => problem.help("this address takes none"),
                [] => problem.help(format!("there are {}", known.join(", "))),
                near => problem.help(format!("did you mean {}?", outlay::problem::either(near))),
            }
        };
        let faults: Vec<Problem> =
            self.0.iter().filter(|(key, _)| !known.contains(&key.as_str())).map(|(key, _)| fault(key)).collect();
        if faults.is_empty() { Ok(self) } else { Err(faults.into()) }
    }

    /// Every value of a key.
    pub(crate) fn all(&self, key: &str) -> Vec<String> {
        self.0.iter().filter(|(name, _)| name == key).map(|(_, value)| value.clone()).collect()
    }

    /// The value of a key that may stand once.
    pub(crate) fn one(&self, key: &str) -> Result<Option<String>, Refusal> {
        match self.all(key).as_slice() {
            [] => Ok(None),
            [value] => Ok(Some(value.clone())),
            _ => Err(Problem::new(Code::Contradiction, format!("?{key}"), "it stands more than once").into()),
        }
    }

    /// The same as a number from 0 up.
    pub(crate) fn number<T: std::str::FromStr + PartialOrd + Default>(&self, key: &str) -> Result<Option<T>, Refusal> {
        let Some(text) = self.one(key)? else { return Ok(None) };
        // `inf` and `nan` are numbers to the library.
        let plain = text.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'));
        match text.parse::<T>().ok().filter(|value| plain && *value >= T::default()) {
            Some(value) => Ok(Some(value)),
            None => {
                let message = format!("{text:?} is not a number from 0 up");
                Err(Problem::new(Code::BadAmount, format!("?{key}"), message).into())
            }
        }
    }
}

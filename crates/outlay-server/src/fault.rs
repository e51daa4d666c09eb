//! What is refused, and how it is told: the door's problems and the server's own, in one form.
//!
//! Every refusal is `{"problems": [...]}`, each with code, place, message and ways out, as the command prints them. The
//! status is that of the first problem. What only a server can refuse has its codes here; they are listed in
//! `docs/guide/server.md`.
//!
//! Does not know: who asked.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use outlay::Problem;
use schemars::JsonSchema;
use serde::Serialize;

/// One fault: what, where in the user's own words, and the way out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Fault {
    /// Stable name; `docs/reference/errors.md` and `docs/guide/server.md` list them.
    pub(crate) code: String,
    /// Where: a key of what was sent, or empty.
    pub(crate) at: String,
    /// What is wrong.
    pub(crate) message: String,
    /// Ways out.
    pub(crate) help: Vec<String>,
}

/// Everything that is wrong, at once.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Faults {
    /// One entry a fault.
    pub(crate) problems: Vec<Fault>,
}

macro_rules! whys {
    ($($name:ident = $text:literal, $status:ident, $again:expr;)*) => {
        /// What only a server refuses.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Why { $(#[doc = $text] $name,)* }

        impl Why {
            /// As it is written.
            pub(crate) const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)* }
            }

            /// Seconds after which asking again makes sense.
            const fn again(self) -> Option<u64> {
                match self { $(Self::$name => $again,)* }
            }

            /// Every one.
            #[cfg(test)]
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)*];
        }
    };
}

whys! {
    NotFound = "not-found", NOT_FOUND, None;
    WrongMethod = "wrong-method", METHOD_NOT_ALLOWED, None;
    NoToken = "no-token", UNAUTHORIZED, None;
    NotAllowed = "not-allowed", FORBIDDEN, None;
    WrongHost = "wrong-host", MISDIRECTED_REQUEST, None;
    NotJson = "not-json", UNSUPPORTED_MEDIA_TYPE, None;
    TooLarge = "too-large", PAYLOAD_TOO_LARGE, None;
    TooSlow = "too-slow", REQUEST_TIMEOUT, None;
    Busy = "busy", SERVICE_UNAVAILABLE, Some(1);
    TimedOut = "timed-out", SERVICE_UNAVAILABLE, Some(30);
    Database = "database-away", SERVICE_UNAVAILABLE, Some(5);
    DiskFull = "disk-full", INSUFFICIENT_STORAGE, Some(60);
    Internal = "internal", INTERNAL_SERVER_ERROR, None;
}

/// A request that gets no answer.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The job is at fault.
    Problems(Vec<Problem>),
    /// Anything else.
    Own(Why, Fault),
}

impl Refusal {
    /// A refusal of the server's own.
    pub(crate) fn new(why: Why, at: &str, message: impl Into<String>) -> Self {
        let fault = Fault { code: why.text().into(), at: at.into(), message: message.into(), help: Vec::new() };
        Self::Own(why, fault)
    }

    /// With a way out.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        if let Self::Own(_, fault) = &mut self {
            fault.help.push(help.into());
        }
        self
    }

    /// The same, said of a part of what was sent.
    pub(crate) fn within(problems: Vec<Problem>, part: &str) -> Vec<Problem> {
        let inside = |mut problem: Problem| {
            problem.at = format!("{part}.{}", problem.at);
            problem
        };
        problems.into_iter().map(inside).collect()
    }

    /// The status and what is told.
    pub(crate) fn told(self) -> (StatusCode, Option<u64>, Faults) {
        match self {
            Self::Problems(problems) => {
                let first = problems.first().map_or(500, |problem| problem.code.status());
                let status = StatusCode::from_u16(first).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                (status, None, Faults { problems: problems.into_iter().map(Fault::from).collect() })
            }
            Self::Own(why, fault) => (why.status(), why.again(), Faults { problems: vec![fault] }),
        }
    }
}

impl From<Vec<Problem>> for Refusal {
    fn from(problems: Vec<Problem>) -> Self {
        Self::Problems(problems)
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problems(vec![problem])
    }
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        let Problem { code, at, message, help } = problem;
        Self { code: code.text().into(), at, message, help }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let asks_for_token = matches!(self, Self::Own(Why::NoToken, _));
        let (status, again, faults) = self.told();
        let mut response = (status, crate::answer::json(&faults)).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = again {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if asks_for_token {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"outlay\""));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::Why;

    /// The guide lists what only a server refuses.
    #[test]
    fn every_code_stands_in_the_guide() {
        let guide = include_str!("../../../docs/guide/server.md");
        for why in Why::ALL {
            let row = format!("| `{}` | {} |", why.text(), why.status().as_u16());
            assert!(guide.contains(&row), "docs/guide/server.md lacks {row}");
        }
    }
}

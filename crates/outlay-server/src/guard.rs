//! Who may do what: tokens, and the names under which the server may be asked.
//!
//! Where tokens are on, every route but those for everybody asks for one. Where they are off, the server answers this
//! machine alone, and only under a name of this machine: a page of the outside world that has made its own name point
//! here is turned away.
//!
//! Does not know: how a token is kept.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::App;
use crate::fault::{Refusal, Why};
use crate::token::{self, Scope};

/// Whom the server trusts.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    /// Tokens are asked for.
    pub(crate) tokens: bool,
    /// Names it may be asked under, lower case; `None`: any.
    pub(crate) hosts: Option<Vec<String>>,
}

/// Who asks, as far as it matters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller(Option<Scope>);

impl Caller {
    /// May read what is private.
    pub(crate) fn may_read(self) -> bool {
        self.0.is_some()
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().copied().unwrap_or(Self(None)))
    }
}

/// What a route asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// Anybody.
    Open,
    /// Anybody; what is private is kept back by the route itself.
    Kept,
    /// A token of this scope.
    Locked(Scope),
}

/// Lets a caller through to a route, or not.
pub(crate) async fn check(State((app, door)): State<(App, Door)>, mut request: Request, next: Next) -> Response {
    match caller(&app, door, request.headers()).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

async fn caller(app: &App, door: Door, headers: &HeaderMap) -> Result<Caller, Refusal> {
    named(&app.guard, headers)?;
    if !app.guard.tokens {
        return Ok(Caller(Some(Scope::Write)));
    }
    if door == Door::Open {
        return Ok(Caller(None));
    }
    let scope = match bearer(headers) {
        None => None,
        Some(text) => Some(token::scope(&app.store, text).await?.ok_or_else(|| {
            Refusal::new(Why::NoToken, "authorization", "the token is not one of this server, or is revoked")
                .help("`outlay serve token list` shows those that are good")
        })?),
    };
    match (door, scope) {
        (Door::Locked(_), None) => Err(no_token()),
        (Door::Locked(needed), Some(scope)) if scope < needed => {
            let message = format!("the token may {}, which is not enough: this needs {}", scope.name(), needed.name());
            Err(Refusal::new(Why::NotAllowed, "authorization", message)
                .help("make one with `outlay serve token add NAME --scope write`"))
        }
        (_, scope) => Ok(Caller(scope)),
    }
}

/// No token was sent.
pub(crate) fn no_token() -> Refusal {
    Refusal::new(Why::NoToken, "authorization", "this server answers holders of a token")
        .help("send `Authorization: Bearer TOKEN`; the operator makes one with `outlay serve token add NAME`")
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// The server is asked under a name that it has.
fn named(guard: &Guard, headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(hosts) = &guard.hosts else { return Ok(()) };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = without_port(host).to_ascii_lowercase();
    if hosts.contains(&name) {
        return Ok(());
    }
    let refusal = Refusal::new(Why::WrongHost, "host", format!("this server is not called {host:?}"));
    Err(refusal.help("behind a proxy start it with --tokens, or name it with --host"))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port))
            if port.bytes().all(|b| b.is_ascii_digit()) && (!name.contains(':') || name.ends_with(']')) =>
        {
            name
        }
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::without_port;

    #[test]
    fn ports_are_no_part_of_a_name() {
        assert_eq!(without_port("localhost:8383"), "localhost");
        assert_eq!(without_port("[::1]:8383"), "[::1]");
        assert_eq!(without_port("[::1]"), "[::1]");
        assert_eq!(without_port("a.example"), "a.example");
    }
}

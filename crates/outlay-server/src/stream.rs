//! A plan as it is searched: `progress` events, then `answer` or `problems`, over server-sent events.
//!
//! The search ends when the stream is dropped, which is what happens to it when the client goes away.
//!
//! Does not know: what a plan is.

use std::convert::Infallible;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use outlay::core::search::Progress;
use outlay::request::Request;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::mpsc;

use crate::App;
use crate::answer;
use crate::fault::Refusal;
use crate::pool::{Ticket, Waits};

/// Progress is told so often at the most.
const APART: Duration = Duration::from_millis(100);
/// Something is sent so often at least, so that no proxy takes the stream for dead.
const ALIVE: Duration = Duration::from_secs(10);

/// The data of a `progress` event.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub(crate) struct Told {
    /// Machines with a number of them that have been looked into or dropped.
    settled: u64,
    /// All of them.
    machines: u64,
}

/// Whether a client wants events.
pub(crate) fn wanted(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    accepted
        .split(',')
        .any(|kind| kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/event-stream"))
}

/// The search as a stream of events.
pub(crate) fn plan(app: App, request: Request, limit: Duration) -> Response {
    let (tell, hear) = mpsc::channel::<Event>(8);
    let waits = Waits::new();
    let last = tell.clone();
    let search = {
        let app = app.clone();
        move |ticket: &Ticket| {
            let said = Mutex::new(None::<Instant>);
            let watch = |progress: &Progress| {
                let mut said = said.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                if said.is_none_or(|before| before.elapsed() >= APART) {
                    *said = Some(Instant::now());
                    let told = Told { settled: progress.settled, machines: progress.machines };
                    // A client that reads too slowly misses a progress, nothing else.
                    let _ = tell.try_send(event("progress", serde_json::to_string(&told).unwrap_or_default()));
                }
                ticket.go_on()
            };
            outlay::plan_watched(&request, &app.catalog, &app.today(), &watch)
                .map_err(Refusal::from)
                .and_then(|response| answer::text(&response))
        }
    };
    // The future that owns the stream's end of the channel also owns `waits`: both go when the client goes.
    let events = futures_util::stream::unfold((hear, waits, Some(start(app, search, limit, last))), next);
    Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE)).into_response()
}

type Search = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;
type Start = Box<dyn FnOnce(&Waits) -> Search + Send>;

/// What starts the search once somebody listens.
fn start(
    app: App,
    search: impl FnOnce(&Ticket) -> Result<String, Refusal> + Send + 'static,
    limit: Duration,
    last: mpsc::Sender<Event>,
) -> Start {
    Box::new(move |waits| {
        let watched = waits.share();
        Box::pin(async move {
            let done = app.long.run_for(&watched, &app.closing, limit, search).await.and_then(|answer| answer);
            let event = match done {
                Ok(text) => event("answer", text.trim_end().to_owned()),
                Err(refusal) => event("problems", answer::text(&refusal.told().2).unwrap_or_default()),
            };
            let _ = last.send(event).await;
        })
    })
}

type State = (mpsc::Receiver<Event>, Waits, Option<Start>);

async fn next((mut hear, waits, start): State) -> Option<(Result<Event, Infallible>, State)> {
    if let Some(start) = start {
        tokio::spawn(start(&waits));
    }
    let event = hear.recv().await?;
    Some((Ok(event), (hear, waits, None)))
}

fn event(name: &str, data: String) -> Event {
    Event::default().event(name).data(data)
}

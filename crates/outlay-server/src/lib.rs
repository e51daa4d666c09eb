//! `outlay serve`: the HTTP API that teams script against, and the host of the page. The only async code of the house.
//!
//! Answers are the door's, in the bytes that the command prints with `--json`. What the outside supplies is handed in: the
//! day, the model hub, where the database is. Nothing that a request names is opened on this machine.
//!
//! ```text
//! listen ─► watch (id, log, counters) ─► guard (host, token) ─► sent (size, time, strict JSON) ─► ask (kept?) ─► pool ─► door
//! ```
//!
//! The table of [`routes`] makes both the router and the OpenAPI document. The price of building that document ourselves,
//! rather than with a crate of attributes, is two hundred lines; the gain is that types are described once, by the door.
//!
//! Does not know: files and terminals; what any figure means.
//!
//! Reading order: `routes`, `ask`, `pool`, `guard`, `listen`.

mod about;
mod answer;
mod ask;
mod fault;
mod guard;
mod hub;
mod kept;
mod listen;
mod lists;
mod metrics;
mod openapi;
mod page;
mod plans;
mod pool;
mod reader;
mod routes;
mod sent;
mod settings;
mod store;
mod stream;
mod strict;
#[cfg(test)]
mod tests;
mod token;
mod watch;

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use outlay::catalog::Catalog;

pub use hub::Hub;
pub use openapi::openapi;
pub use settings::{
    Access, Level, Limits, Log, Settings, TokenInfo, Trouble, add_token, revoke_token, serve, sqlite, tokens,
};
pub use token::Scope;

/// What every request may look at.
#[derive(Clone)]
pub(crate) struct App(Arc<Inner>);

/// The same, once.
pub(crate) struct Inner {
    pub(crate) catalog: Catalog,
    pub(crate) lists: lists::Lists,
    pub(crate) hub: Arc<dyn Hub>,
    pub(crate) store: store::Store,
    pub(crate) guard: guard::Guard,
    pub(crate) limits: Limits,
    pub(crate) bodies: sent::Bodies,
    pub(crate) kept: kept::Kept,
    /// Forecasts.
    pub(crate) quick: pool::Lane,
    /// Searches, which end when nobody waits for them.
    pub(crate) long: pool::Lane,
    /// Many searches in one, which do not.
    pub(crate) whole: pool::Lane,
    /// Questions to the hub.
    pub(crate) asks: pool::Lane,
    pub(crate) metrics: metrics::Metrics,
    pub(crate) texts: about::Texts,
    /// The server is on its way out.
    pub(crate) closing: Arc<AtomicBool>,
    day: settings::Day,
}

impl Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl App {
    pub(crate) fn new(
        store: store::Store,
        guard: guard::Guard,
        limits: Limits,
        hub: Arc<dyn Hub>,
        day: settings::Day,
    ) -> Self {
        let catalog = Catalog::built_in();
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self(Arc::new(Inner {
            lists: lists::Lists::of(&catalog),
            catalog,
            hub,
            store,
            guard,
            bodies: sent::Bodies::new(limits.body, limits.bodies, limits.body_time),
            kept: kept::Kept::new(),
            quick: pool::Lane::new(cores, QUICK_WAIT, limits.patience),
            // A search spreads over the processors by itself: two at once keep all of them busy.
            long: pool::Lane::new(2, limits.searches, limits.patience),
            whole: pool::Lane::new(1, limits.searches, limits.patience),
            asks: pool::Lane::new(4, HUB_WAIT, HUB_PATIENCE),
            limits,
            metrics: metrics::Metrics::new(),
            texts: about::Texts::new(),
            closing: Arc::new(AtomicBool::new(false)),
            day,
        }))
    }

    /// The day on which prices are judged.
    pub(crate) fn today(&self) -> String {
        (self.0.day)()
    }
}

/// Forecasts that may wait: at half a millisecond each, a second's worth.
const QUICK_WAIT: usize = 2_000;
/// Questions to the hub that may wait.
const HUB_WAIT: usize = 32;
/// The hub's client gives up by itself before.
const HUB_PATIENCE: Duration = Duration::from_secs(60);

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    i64::try_from(since).unwrap_or(i64::MAX)
}

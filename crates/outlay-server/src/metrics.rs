//! What the server counts, for Prometheus: requests and their time by route, what runs, memory.
//!
//! Labels are routes of the table, methods and statuses, nothing that a client chooses: their number is bounded.
//!
//! Does not know: who reads it.

use std::sync::atomic::AtomicI64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Where {
    route: String,
}

/// The counters.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Labels, Counter>,
    seconds: Family<Where, Histogram>,
    /// Requests that are being answered.
    pub(crate) running: Gauge,
    /// Connections that are open.
    pub(crate) connections: Gauge<i64, AtomicI64>,
    memory: Gauge,
}

/// Bounds of the histogram, from a forecast to a long search, in seconds.
const BOUNDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 15.0, 60.0];

impl Metrics {
    /// Nothing counted yet.
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("outlay");
        let requests = Family::<Labels, Counter>::default();
        let seconds = Family::<Where, Histogram>::new_with_constructor(|| Histogram::new(BOUNDS));
        let (running, connections, memory) = (Gauge::default(), Gauge::default(), Gauge::default());
        registry.register("http_requests", "Requests answered", requests.clone());
        registry.register_with_unit(
            "http_request_duration",
            "Time to the head of the answer",
            Unit::Seconds,
            seconds.clone(),
        );
        registry.register("http_requests_running", "Requests being answered", running.clone());
        registry.register("connections", "Open connections", connections.clone());
        registry.register_with_unit("memory_resident", "Memory held by the process", Unit::Bytes, memory.clone());
        Self { registry, requests, seconds, running, connections, memory }
    }

    /// Counts an answer.
    pub(crate) fn answered(&self, method: &'static str, route: &str, status: u16, time: Duration) {
        self.requests.get_or_create(&Labels { method, route: route.into(), status }).inc();
        self.seconds.get_or_create(&Where { route: route.into() }).observe(time.as_secs_f64());
    }

    /// The text that Prometheus reads.
    pub(crate) fn text(&self) -> String {
        self.memory.set(resident().and_then(|bytes| i64::try_from(bytes).ok()).unwrap_or(0));
        let mut text = String::new();
        // Writing into a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// Bytes of memory that the process holds, where the system says.
pub(crate) fn resident() -> Option<u64> {
    let pages: u64 = std::fs::read_to_string("/proc/self/statm").ok()?.split_whitespace().nth(1)?.parse().ok()?;
    // Linux on every platform that we build for has pages of 4 KiB or says more than there is.
    Some(pages * 4096)
}

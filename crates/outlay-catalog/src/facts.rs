//! Small tables: link technologies, storage prices, failure rates.

use outlay_core::step::calibration::{Adapters, LinkFactor};
use outlay_core::units::{BytesPerSec, Seconds, Share, UsdPerGb, UsdPerGbMonth};
use serde::Deserialize;

use crate::error::TableError;
use crate::nodes::link_kind;

pub(crate) const NETWORKS: &str = include_str!("../data/networks.toml");
pub(crate) const STORAGE: &str = include_str!("../data/storage.toml");
pub(crate) const FAILURES: &str = include_str!("../data/failures.toml");

/// What a link technology reaches.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// Which technology, and what it reaches before evidence.
    pub link: LinkFactor,
    /// Key in `sources.toml`.
    pub source: String,
    /// Measured, not a rule of thumb.
    pub verified: bool,
}

/// A provider's prices of keeping and moving bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Storage {
    /// Whose.
    pub provider: String,
    /// Object storage.
    pub object: Option<UsdPerGbMonth>,
    /// Leaving for the internet, first tier.
    pub egress: Option<UsdPerGb>,
    /// Between regions of the provider.
    pub inter_region: Option<UsdPerGb>,
    /// Day of the price.
    pub as_of: String,
    /// Key in `sources.toml`.
    pub source: String,
}

/// How often machines fail or are taken away.
#[derive(Debug, Clone, PartialEq)]
pub struct Failures {
    /// Failures of one machine in 1000 days.
    pub per_1000_node_days: f64,
    /// Mean hours between failures that do not depend on size.
    pub job_mtbf_hours: f64,
    /// Accelerators from which on those count.
    pub job_mtbf_from: u64,
    /// Mean hours between preemptions of a spot machine.
    pub preemption_hours: f64,
    /// How much machines are preempted together, 0 to 1.
    pub together: f64,
}

/// Spot capacity of one machine type in one zone, watched for weeks.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// Provider and day, zone, machine.
    pub what: String,
    /// Machines asked for.
    pub nodes: u64,
    /// Share of the time that any could be had.
    pub availability: Share,
    /// How long they lasted on the average.
    pub up: Seconds,
    /// How long half of them lasted: far shorter, because few last very long.
    pub up_median: Seconds,
    /// How long none could be had on the average.
    pub down: Seconds,
}

#[derive(Deserialize)]
struct TraceRow {
    what: String,
    nodes: u64,
    availability: f64,
    mean_up_hours: f64,
    median_up_hours: f64,
    mean_down_hours: f64,
}

#[derive(Deserialize)]
struct Traces {
    trace: Vec<TraceRow>,
}

#[derive(Deserialize)]
struct NetworkRow {
    kind: String,
    share: f64,
    latency_us: f64,
    hop_us: f64,
    adapter_gbps: Option<f64>,
    source: String,
    verified: bool,
}

#[derive(Deserialize)]
struct StorageRow {
    provider: String,
    object_usd_gb_month: Option<f64>,
    egress_usd_gb: Option<f64>,
    inter_region_usd_gb: Option<f64>,
    as_of: String,
    source: String,
}

#[derive(Deserialize)]
struct FailuresFile {
    failure: FailureRow,
    preemption: PreemptionRow,
}

#[derive(Deserialize)]
struct FailureRow {
    per_1000_node_days: f64,
    job_mtbf_hours: f64,
    job_mtbf_from: u64,
}

#[derive(Deserialize)]
struct PreemptionRow {
    mean_hours: f64,
    together: f64,
}

#[derive(Deserialize)]
struct Networks {
    network: Vec<NetworkRow>,
}

#[derive(Deserialize)]
struct Storages {
    storage: Vec<StorageRow>,
}

fn table<'a, T: Deserialize<'a>>(name: &str, text: &'a str) -> Result<T, Vec<TableError>> {
    toml::from_str(text).map_err(|e| vec![TableError::new(name, "-", e.message())])
}

pub(crate) fn networks(text: &str) -> Result<Vec<Network>, Vec<TableError>> {
    let rows: Networks = table("networks", text)?;
    rows.network
        .into_iter()
        .map(|row| {
            let kind =
                link_kind(&row.kind).ok_or_else(|| vec![TableError::new("networks", &row.kind, "unknown link")])?;
            let adapters =
                row.adapter_gbps.map(|gbps| Adapters { each: BytesPerSec::new(gbps * 1e9 / 8.0), busy: Share::ONE });
            let link = LinkFactor {
                kind,
                share: Share::new(row.share),
                latency: Seconds::micros(row.latency_us),
                hop: Seconds::micros(row.hop_us),
                adapters,
            };
            Ok(Network { link, source: row.source, verified: row.verified })
        })
        .collect()
}

pub(crate) fn storage(text: &str) -> Result<Vec<Storage>, Vec<TableError>> {
    let rows: Storages = table("storage", text)?;
    let each = |row: StorageRow| Storage {
        provider: row.provider,
        object: row.object_usd_gb_month.map(UsdPerGbMonth::new),
        egress: row.egress_usd_gb.map(UsdPerGb::new),
        inter_region: row.inter_region_usd_gb.map(UsdPerGb::new),
        as_of: row.as_of,
        source: row.source,
    };
    Ok(rows.storage.into_iter().map(each).collect())
}

pub(crate) fn failures(text: &str) -> Result<Failures, Vec<TableError>> {
    let FailuresFile { failure, preemption } = table("failures", text)?;
    Ok(Failures {
        per_1000_node_days: failure.per_1000_node_days,
        job_mtbf_hours: failure.job_mtbf_hours,
        job_mtbf_from: failure.job_mtbf_from,
        preemption_hours: preemption.mean_hours,
        together: preemption.together,
    })
}

pub(crate) fn traces(text: &str) -> Result<Vec<Trace>, Vec<TableError>> {
    let rows: Traces = table("failures", text)?;
    let each = |row: TraceRow| Trace {
        what: row.what,
        nodes: row.nodes,
        availability: Share::new(row.availability),
        up: Seconds::hours(row.mean_up_hours),
        up_median: Seconds::hours(row.median_up_hours),
        down: Seconds::hours(row.mean_down_hours),
    };
    Ok(rows.trace.into_iter().map(each).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_technology_has_a_ceiling() {
        let networks = networks(NETWORKS).expect("the table is well-formed");
        assert_eq!(networks.len(), crate::nodes::link_kinds().len());
        assert!(networks.iter().all(|n| (0.1..=1.1).contains(&n.link.share.get())));
        let sources = crate::sources::ids();
        assert!(networks.iter().all(|n| sources.contains(&n.source)));
    }

    #[test]
    fn storage_and_failures_are_plausible() {
        for row in storage(STORAGE).expect("the table is well-formed") {
            assert!(row.object.is_some_and(|p| (0.001..1.0).contains(&p.get())), "{}", row.provider);
            assert!(crate::offers::day(&row.as_of).is_some());
        }
        for trace in traces(FAILURES).expect("the table is well-formed") {
            assert!((0.05..=1.0).contains(&trace.availability.get()), "{}", trace.what);
            assert!(trace.up_median <= trace.up && trace.up < Seconds::hours(48.0), "{}", trace.what);
            // One machine: what share of the time it can be had is what up and down come to.
            let share = (trace.up / (trace.up + trace.down)).get();
            assert!(trace.nodes > 1 || (share - trace.availability.get()).abs() < 0.13, "{}: {share}", trace.what);
        }
        let failures = failures(FAILURES).expect("the table is well-formed");
        assert!((0.5..50.0).contains(&failures.per_1000_node_days));
    }
}

//! Waiting for data: host processors that prepare tokens against accelerators that consume them.
//!
//! Storage is rarely the limit: tokenised text needs a few megabytes a second even for large clusters; tokenising on the
//! fly, small files and far-away buckets are.
//!
//! Does not know: small files, a loader without prefetching.

use crate::scenario::cluster::Node;
use crate::scenario::data::{Data, Feed};
use crate::units::{BytesPerSec, Seconds, Share};

/// Time of a step that the accelerators wait for data.
///
/// # Formula
/// `max(0, t_cpu/W − t_gpu)`; `t_cpu/W = tokens / (workers · rate)` or, if longer, the time to read them.
///
/// # Source
/// Pipelining of stages: the slowest sets the pace.
///
/// # Valid when
/// At least two batches are prefetched. No rate: prepared beforehand, or read faster than it can matter.
#[must_use]
pub fn stall(step: Seconds, tokens: u64, feed: &Feed, node: &Node, nodes: u64) -> Seconds {
    let processors = feed.workers.or(node.vcpus).map(|each| each * nodes);
    let prepared = feed.prepared_per_cpu.zip(processors).map_or(Seconds::ZERO, |(rate, workers)| {
        Seconds::new(tokens as f64 / (workers.max(1) as f64 * rate.max(1) as f64))
    });
    // Read again in every pass but from the machine's own disk, if that is how it is done: the first pass is as slow.
    let read = feed.read.filter(|_| !feed.cached).map_or(Seconds::ZERO, |rate| {
        let rate = BytesPerSec::new(rate.get() * nodes as f64);
        feed.bytes_each * tokens / rate
    });
    (prepared.max(read) - step).max(Seconds::ZERO)
}

/// Workers on one machine with which the accelerators do not wait; `None`: nothing is prepared on the fly.
///
/// # Formula
/// `⌈tokens / (rate · step · machines)⌉`.
///
/// # Source
/// As [`stall`].
///
/// # Valid when
/// As [`stall`].
#[must_use]
pub fn workers_needed(step: Seconds, tokens: u64, feed: &Feed, nodes: u64) -> Option<u64> {
    let rate = feed.prepared_per_cpu?.max(1) as f64;
    Some(libm::ceil(tokens as f64 / (rate * step.get() * nodes as f64)).max(1.0) as u64)
}

/// Share of a step that is waited for a loader, from the time one worker needs for a step's data.
#[must_use]
pub fn stalled(compute: Seconds, one_worker: Seconds, workers: u64) -> Share {
    let wait = (one_worker / workers.max(1) - compute).max(Seconds::ZERO);
    wait / (compute + wait)
}

/// Time to bring data to the machines before the first step.
///
/// # Formula
/// `bytes / (rate of a machine · machines)`.
///
/// # Source
/// Definition; a line gives about four fifths of what it is called.
///
/// # Valid when
/// Every machine fetches its part.
#[must_use]
pub fn fetch(data: &Data, rate: BytesPerSec, nodes: u64) -> Seconds {
    data.stored.map_or(Seconds::ZERO, |stored| stored / BytesPerSec::new(rate.get() * nodes as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::cluster::{Link, LinkKind};
    use crate::units::Bytes;

    fn node(vcpus: u64) -> Node {
        let intra = Link { kind: LinkKind::Pcie, bandwidth: BytesPerSec::gb(32.0) };
        Node {
            id: "n".into(),
            accelerators: 1,
            domain: 1,
            intra,
            inter: None,
            host_memory: None,
            vcpus: Some(vcpus),
            local_disk: None,
        }
    }

    #[test]
    fn the_slower_side_sets_the_pace() {
        let step = Seconds::new(1.0);
        let feed = Feed { prepared_per_cpu: Some(5_000), ..Feed::default() };
        assert_eq!(stall(step, 80_000, &feed, &node(8), 1), Seconds::new(1.0));
        assert_eq!(stall(step, 80_000, &feed, &node(64), 1), Seconds::ZERO);
        assert_eq!(stall(step, 80_000, &Feed { workers: Some(8), ..feed }, &node(64), 1), Seconds::new(1.0));
        assert_eq!(stall(step, 80_000, &Feed::default(), &node(8), 1), Seconds::ZERO);
        assert_eq!(workers_needed(step, 80_000, &feed, 1), Some(16));
    }

    #[test]
    fn slow_storage_is_waited_for_until_it_is_cached() {
        let step = Seconds::new(1.0);
        let feed = Feed { read: Some(BytesPerSec::new(1e6)), bytes_each: Bytes::new(4.0), ..Feed::default() };
        assert_eq!(stall(step, 500_000, &feed, &node(8), 1), Seconds::new(1.0));
        assert_eq!(stall(step, 500_000, &feed, &node(8), 2), Seconds::ZERO);
        assert_eq!(stall(step, 500_000, &Feed { cached: true, ..feed }, &node(8), 1), Seconds::ZERO);
    }

    #[test]
    fn eight_workers_for_three_seconds_of_work() {
        let share = stalled(Seconds::new(0.25), Seconds::new(3.2), 8).get();
        assert!((share - 0.375).abs() < 1e-12);
    }

    #[test]
    fn five_terabytes_over_five_gigabits() {
        let data = Data { stored: Some(Bytes::gb(5000.0)), ..Data::of(1) };
        assert_eq!(fetch(&data, BytesPerSec::gb(0.5), 1), Seconds::new(10_000.0));
    }
}

//! Collectives: latency and bandwidth by level of the network.
//!
//! A group lies on the fast link as far as its domain reaches and on the network beyond; the two levels add up. Chosen
//! over tables of sweeps because it extends to clusters nobody measured; small messages, where protocols switch, are the
//! price.

use super::calibration::{Adapters, CONTENTION, Calibration};
use super::larger;
use crate::scenario::cluster::{Cluster, Link};
use crate::units::{Bytes, BytesPerSec, Seconds, Share};

/// Time of an all-reduce on one level.
///
/// # Formula
/// `α + 2(n−1)/n · S/B`.
///
/// # Source
/// Ring algorithm; bandwidth `B` as bus bandwidth.
///
/// # Valid when
/// One level of the network; `S` is the whole buffer.
#[must_use]
pub fn all_reduce(ranks: u64, buffer: Bytes, latency: Seconds, bus: BytesPerSec) -> Seconds {
    if ranks <= 1 {
        return Seconds::ZERO;
    }
    latency + buffer * Share::new(2.0 * (ranks - 1) as f64 / ranks as f64) / bus
}

/// Latency of a ring, as NCCL's own model has it.
///
/// # Formula
/// `base + steps · hop`, `steps = 2(n−1)` for all-reduce, `n−1` otherwise.
///
/// # Source
/// NCCL `tuning.cc`, microseconds by protocol (LL, LL128, Simple).
///
/// # Valid when
/// One NVLink domain.
#[must_use]
pub fn nccl_ring_latency(ranks: u64, protocol: Protocol, halves: u64) -> Seconds {
    let (base, hop) = match protocol {
        Protocol::Ll => (6.6, 0.6),
        Protocol::Ll128 => (14.0, 1.9),
        Protocol::Simple => (8.4, 3.4),
    };
    Seconds::micros(base + (halves * ranks.saturating_sub(1)) as f64 * hop)
}

/// NCCL's wire protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Low latency.
    Ll,
    /// Low latency over 128-byte lines.
    Ll128,
    /// Full bandwidth.
    Simple,
}

/// Bytes of the residual stream of so many tokens: what a split layer reduces once, and a pipeline stage hands on.
#[must_use]
pub fn boundary_bytes(tokens: u64, hidden: u64, bytes_each: Share) -> Bytes {
    Bytes::count(tokens) * hidden * bytes_each
}

/// Bytes of keys and values that a rank of a ring receives in one layer's forward pass.
///
/// # Formula
/// `(c−1) · (s/c) · width`, with `width` elements of keys and values together.
///
/// # Source
/// `liu2023` (ring attention).
///
/// # Valid when
/// The sequence is cut evenly and every rank sees every key.
#[must_use]
pub fn ring_bytes(tokens: u64, ranks: u64, width: u64, bytes_each: Share) -> Bytes {
    let ranks = ranks.max(1);
    Bytes::count(tokens) / ranks * (ranks - 1) * width * bytes_each
}

/// Bytes that a rank sends to experts and back in one layer's forward pass, all of them elsewhere.
///
/// # Formula
/// `T · k · h · (dispatch + combine)`.
///
/// # Source
/// Counting; `deepseek-v3` dispatches in 8 bit and combines in 16.
///
/// # Valid when
/// No token is dropped, and each travels once for each expert; for programs that send it once to each machine and
/// accelerator see [`distinct`].
#[must_use]
pub fn routed_bytes(tokens: u64, top_k: u64, hidden: u64, dispatch: Share, combine: Share) -> Bytes {
    Bytes::count(tokens) * top_k * hidden * (dispatch + combine)
}

/// Gain of an all-reduce that the switch adds up, over a ring through the same switch.
///
/// # Source
/// `ml-engineering`: sweeps on eight H200 with and without NVLS.
///
/// # Valid when
/// Switches of the Hopper generation and later; no gain up to four ranks.
#[must_use]
pub fn in_switch_gain(ranks: u64) -> Share {
    Share::new(match ranks {
        0..=4 => 1.0,
        5..=7 => 1.14,
        _ => 1.31,
    })
}

/// Time of an all-reduce in the switch, where a ring reaches this rate.
///
/// # Source
/// As [`in_switch_gain`]; 40 µs fitted to the same sweep.
///
/// # Valid when
/// One NVSwitch domain.
#[must_use]
pub fn all_reduce_in_switch(ranks: u64, buffer: Bytes, ring: BytesPerSec) -> Seconds {
    all_reduce(ranks, buffer, Seconds::micros(40.0), ring * in_switch_gain(ranks))
}

/// Expected number of `bins` that at least one of `copies` falls into.
///
/// # Formula
/// `b · (1 − (1 − 1/b)^k)`.
///
/// # Source
/// Each bin is missed by every copy with `(1 − 1/b)^k`.
///
/// # Valid when
/// Copies choose alike and independently of each other; routers that choose among a few machines first reach fewer.
#[must_use]
pub fn distinct(copies: Share, bins: Share) -> Share {
    let (copies, bins) = (copies.get(), bins.get());
    Share::new(if bins <= 1.0 { 1.0 } else { bins * (1.0 - libm::pow(1.0 - 1.0 / bins, copies)) })
}

/// Seconds of a collective on each level.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Traffic {
    /// Inside the domain of the fast link.
    pub(super) near: f64,
    /// Between domains.
    pub(super) far: f64,
}

impl Traffic {
    pub(super) fn total(self) -> f64 {
        self.near + self.far
    }
}

impl core::ops::Mul<f64> for Traffic {
    type Output = Self;
    fn mul(self, times: f64) -> Self {
        Self { near: self.near * times, far: self.far * times }
    }
}

impl core::ops::Add for Traffic {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { near: self.near + other.near, far: self.far + other.far }
    }
}

/// What a level of the network reaches: bytes/s, and seconds of an operation and of each step of its ring.
#[derive(Debug, Clone, Copy)]
struct Level {
    rate: f64,
    /// Ranks on one machine whose ports a group uses together, at the most.
    ports: f64,
    base: f64,
    hop: f64,
}

impl Level {
    /// Seconds of one message of so many bytes.
    fn carry(self, bytes: f64) -> f64 {
        self.base + bytes / self.rate
    }
}

/// Levels of the network a group lies on.
#[derive(Debug, Clone, Copy)]
pub struct Fabric {
    intra: Level,
    inter: Level,
    domain: f64,
    on_node: f64,
    exchange: f64,
    contention: f64,
}

impl Fabric {
    /// The network of a cluster, at what its links reach.
    #[must_use]
    pub fn of(cluster: &Cluster, calibration: &Calibration) -> Self {
        let node = &cluster.node;
        let over = |link: &Link| {
            let reached = calibration.link(link.kind);
            let rate = link.bandwidth.get() * reached.share.get();
            let together = |a: Adapters| a.busy.get() * a.each.get() / link.bandwidth.get();
            let ports = reached.adapters.map_or(f64::INFINITY, together);
            Level { rate, ports, base: reached.latency.get(), hop: reached.hop.get() }
        };
        let intra = over(&node.intra);
        // Machines that cannot be joined never form a group; a trickle keeps the function total.
        let inter = node.inter.map_or(Level { rate: 1e6, ports: 1.0, base: 1e-3, hop: 0.0 }, |link| over(&link));
        let common = &calibration.common;
        Self {
            intra,
            inter,
            domain: node.domain.max(1) as f64,
            on_node: node.accelerators.max(1) as f64,
            exchange: common.exchange.get(),
            contention: CONTENTION.get() * common.contention.get(),
        }
    }

    /// Accelerators that share a host.
    pub(super) fn on_node(&self) -> f64 {
        self.on_node
    }

    /// Times in which each of `n` ranks, every `stride`-th of the cluster, passes `bytes` around once, in so many `pieces`
    /// (all-gathers or reduce-scatters of buffers of `bytes` in all): each piece goes from rank to rank along a ring, as
    /// [`nccl_ring_latency`] has it, and machines are the longer steps.
    pub(super) fn gather(&self, n: u64, stride: u64, bytes: f64, pieces: f64) -> Traffic {
        if n <= 1 || bytes <= 0.0 {
            return Traffic::default();
        }
        let n = n as f64;
        let here = libm::floor(self.domain / stride.max(1) as f64).max(1.0).min(n);
        let far = n / here;
        let near = if here > 1.0 {
            pieces * (self.intra.base + (here - 1.0) * self.intra.hop) + (here - 1.0) / here * bytes / self.intra.rate
        } else {
            0.0
        };
        // Every local rank carries its part of the buffer over its own port, where a group can drive them all.
        let far = if far > 1.0 {
            // The first machine's steps are counted above.
            let steps = (far - 1.0) * (self.inter.hop + (here - 1.0) * self.intra.hop);
            let ports = here.min(larger(1.0, self.inter.ports));
            pieces * (self.inter.base + steps) + (far - 1.0) / far * bytes / ports / self.inter.rate
        } else {
            0.0
        };
        Traffic { near, far }
    }

    /// Seconds of an all-to-all in which each rank sends `bytes` in all. `merged`: of so many copies of a token, only one goes
    /// to each machine, which hands it on to each rank that wants it.
    pub(super) fn exchange(&self, n: u64, stride: u64, bytes: f64, merged: Option<f64>) -> Traffic {
        if n <= 1 || bytes <= 0.0 {
            return Traffic::default();
        }
        let n = n as f64;
        let here = libm::floor(self.domain / stride.max(1) as f64).max(1.0).min(n);
        let bytes = bytes / self.exchange;
        let (outside, inside) = merged.map_or(((n - here) / n, (here - 1.0) / n), |copies| {
            let others =
                |bins: f64| distinct(Share::new(copies), Share::new(bins)).get() * (bins - 1.0) / bins / copies;
            (others(n / here), others(n))
        });
        let far = if outside > 0.0 { self.inter.carry(outside * bytes) } else { 0.0 };
        Traffic { near: self.intra.carry(inside * bytes), far }
    }

    /// What hidden traffic costs the computation it runs beside: the part inside the machine moves by the same units.
    pub(super) fn contention(&self, traffic: Traffic, hidden: f64) -> f64 {
        let total = traffic.total();
        if total > 0.0 { self.contention * hidden * traffic.near / total } else { 0.0 }
    }

    /// Seconds to hand `bytes` to the next of a chain whose links are `stride` ranks long.
    pub(super) fn hand_on(&self, stride: u64, bytes: f64) -> Traffic {
        if (stride as f64) < self.domain {
            Traffic { near: self.intra.carry(bytes), far: 0.0 }
        } else {
            Traffic { near: 0.0, far: self.inter.carry(bytes) }
        }
    }
}

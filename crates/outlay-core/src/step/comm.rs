//! Collectives: latency and bandwidth by level of the network.
//!
//! A group lies on the fast link as far as its domain reaches and on the network beyond; the two levels add up. Chosen
//! over tables of sweeps because it extends to clusters nobody measured; small messages, where protocols switch, are the
//! price.

use crate::scenario::cluster::{Cluster, LinkKind};
use crate::units::{Bytes, BytesPerSec, Seconds, Share};

/// What a technology reaches of its printed rate with large messages, and the fixed cost of an operation.
const fn reached(kind: LinkKind) -> (f64, f64) {
    match kind {
        LinkKind::NvLink => (0.78, 20e-6),
        LinkKind::NvSwitch => (0.82, 20e-6),
        LinkKind::Pcie => (0.65, 25e-6),
        LinkKind::InfinityFabric => (0.70, 30e-6),
        LinkKind::RoceOnChip => (0.75, 30e-6),
        LinkKind::Ici => (0.80, 10e-6),
        LinkKind::NeuronLink => (0.70, 30e-6),
        LinkKind::InfiniBand => (0.80, 30e-6),
        LinkKind::Roce => (0.80, 35e-6),
        LinkKind::Efa => (0.75, 50e-6),
        LinkKind::OmniPath => (0.75, 35e-6),
        LinkKind::Tcp => (0.60, 70e-6),
    }
}

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
/// No token is dropped, and none is sent once for two experts of one machine.
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

/// Time of an all-reduce in the switch, over links of this printed rate.
///
/// # Source
/// As [`in_switch_gain`]; 40 µs fitted to the same sweep.
///
/// # Valid when
/// One NVSwitch domain.
#[must_use]
pub fn all_reduce_in_switch(ranks: u64, buffer: Bytes, printed: BytesPerSec) -> Seconds {
    let (share, _) = reached(LinkKind::NvSwitch);
    all_reduce(ranks, buffer, Seconds::micros(40.0), printed * Share::new(share) * in_switch_gain(ranks))
}

/// Levels of the network a group lies on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fabric {
    intra: (f64, f64),
    inter: (f64, f64),
    domain: f64,
}

impl Fabric {
    pub(super) fn of(cluster: &Cluster) -> Self {
        let node = &cluster.node;
        let (share, alpha) = reached(node.intra.kind);
        let intra = (node.intra.bandwidth.get() * share, alpha);
        // Machines that cannot be joined never form a group; a trickle keeps the function total.
        let inter = node.inter.map_or((1e6, 1e-3), |link| {
            let (share, alpha) = reached(link.kind);
            (link.bandwidth.get() * share, alpha)
        });
        Self { intra, inter, domain: node.domain.max(1) as f64 }
    }

    /// Seconds in which each of `n` ranks, every `stride`-th of the cluster, passes `bytes` around once
    /// (all-gather or reduce-scatter of a buffer of `bytes`).
    pub(super) fn gather(&self, n: u64, stride: u64, bytes: f64) -> f64 {
        if n <= 1 || bytes <= 0.0 {
            return 0.0;
        }
        let n = n as f64;
        let here = libm::floor(self.domain / stride.max(1) as f64).max(1.0).min(n);
        let far = n / here;
        let near = if here > 1.0 { self.intra.1 + (here - 1.0) / here * bytes / self.intra.0 } else { 0.0 };
        // Every local rank carries its part of the buffer over its own port.
        let beyond = if far > 1.0 {
            self.inter.1 * (1.0 + libm::log2(far) / 4.0) + (far - 1.0) / far * bytes / here / self.inter.0
        } else {
            0.0
        };
        near + beyond
    }

    /// Seconds of an all-to-all in which each rank sends `bytes` in all.
    pub(super) fn exchange(&self, n: u64, stride: u64, bytes: f64) -> f64 {
        if n <= 1 || bytes <= 0.0 {
            return 0.0;
        }
        let n = n as f64;
        let here = libm::floor(self.domain / stride.max(1) as f64).max(1.0).min(n);
        let outside = (n - here) / n;
        let inside = (here - 1.0) / n;
        let beyond = if outside > 0.0 { self.inter.1 + outside * bytes / self.inter.0 } else { 0.0 };
        self.intra.1 + inside * bytes / self.intra.0 + beyond
    }

    /// Seconds to hand `bytes` to the next of a chain whose links are `stride` ranks long.
    pub(super) fn hand_on(&self, stride: u64, bytes: f64) -> f64 {
        let link = if (stride as f64) < self.domain { self.intra } else { self.inter };
        link.1 + bytes / link.0
    }
}

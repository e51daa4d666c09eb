//! Constants of the mechanisms, handed in from the catalog's `calibration.toml`, which a command fits to evidence.
//!
//! Each belongs to a generation of accelerators, to a link technology, to a training program or to a mechanism; none to
//! a model, a source or a row. All are factors above zero, so that a fit can work in their logs.
//!
//! Does not know: which of them evidence has moved, and how far each may be wrong (see the file).

use alloc::string::String;
use alloc::vec::Vec;

use crate::scenario::cluster::LinkKind;
use crate::units::{BytesPerSec, Seconds, Share};

/// Everything fitted.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Calibration {
    /// By accelerator architecture.
    pub hardware: Vec<HardwareFactor>,
    /// By training program.
    pub stacks: Vec<StackFactor>,
    /// By program and architecture together, beside the program's own factor.
    pub pairs: Vec<PairFactor>,
    /// By link technology.
    pub links: Vec<LinkFactor>,
    /// Of mechanisms, wherever they act.
    pub common: Common,
}

/// Shares of the printed figures that one generation reaches.
#[derive(Debug, Clone, PartialEq)]
pub struct HardwareFactor {
    /// Architecture (`hopper`, …).
    pub architecture: String,
    /// Of the dense peak, by large matrix products in 16 bit.
    pub gemm: Share,
    /// Of the dense peak, by the forward pass of the best attention kernel.
    pub attention: Share,
    /// Of [`HardwareFactor::attention`], by kernels of the second flash generation.
    pub flash2: Share,
    /// Of the memory bandwidth, by streaming operators.
    pub memory: Share,
    /// Of [`HardwareFactor::gemm`], by products in an 8-bit format beside its own peak.
    pub eight_bit: Share,
    /// The same of a 4-bit format, some of whose products stay wider.
    pub four_bit: Share,
}

/// Residual factor of a training program on the time of a step: what its mechanisms leave out.
#[derive(Debug, Clone, PartialEq)]
pub struct StackFactor {
    /// Key of the stacks' table.
    pub stack: String,
    /// Factor on the time of a step.
    pub time: Share,
}

/// How much better or worse a program is made for one generation than for the others.
#[derive(Debug, Clone, PartialEq)]
pub struct PairFactor {
    /// Key of the stacks' table, `@`, architecture.
    pub pair: String,
    /// Factor on the time of a step.
    pub made_for: Share,
}

/// What collectives reach over a link technology.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinkFactor {
    /// Technology.
    pub kind: LinkKind,
    /// Of the printed bandwidth, with large messages.
    pub share: Share,
    /// Fixed cost of an operation.
    pub latency: Seconds,
    /// What each rank that a ring passes over this technology adds.
    pub hop: Seconds,
    /// Adapters of a machine that one group keeps busy; `None`: all.
    pub adapters: Option<Adapters>,
}

/// How many of a machine's adapters the ranks of one group drive together, where that is not all of them. Groups side by side
/// drive others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adapters {
    /// Printed bandwidth of one.
    pub each: BytesPerSec,
    /// Kept busy.
    pub busy: Share,
}

/// Constants of mechanisms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Common {
    /// Host time of one kernel launch, in units of [`LAUNCH`].
    pub launch: Share,
    /// Host time of one tensor made in a narrow format, in units of [`NARROW`].
    pub narrow: Share,
    /// Host time that one mixture layer exposes in a pass when its routing is read back, in units of [`READ_BACK`].
    pub read_back: Share,
    /// The same where attention and routing are replayed from graphs, so that the host is soon ahead again, in units of
    /// [`REPLAYED`].
    pub replayed: Share,
    /// Of plain products' rate, by grouped products of the same shapes.
    pub grouped: Share,
    /// Of the time of hidden traffic inside a machine, added to the computation it runs beside: both want the same units and
    /// memory. In units of [`CONTENTION`].
    pub contention: Share,
    /// Of the usual rate, by products whose sides are no multiples of 64 (128 in 8 bit).
    pub misaligned: Share,
    /// Traffic of attention scores that are written out, beside its count.
    pub written: Share,
    /// Traffic of casts to narrow formats, beside its count.
    pub casts: Share,
    /// Traffic of memory-bound operators, beside its count.
    pub traffic: Share,
    /// Of a link's share, by all-to-all exchanges.
    pub exchange: Share,
    /// Spread of ranks' times around their mean.
    pub jitter: Share,
    /// Time of a step in which no accelerator computes, in units of [`PAUSE`].
    pub pause: Share,
    /// Power of the share of processors that tiles fill: 1 if the best tile is always found and nothing else waits.
    pub tiles: Share,
    /// Inner length at which half of the steady rate is reached, in units of 256.
    pub depth: Share,
}

impl Default for Common {
    fn default() -> Self {
        let one = Share::ONE;
        Self {
            launch: one,
            narrow: one,
            read_back: one,
            replayed: one,
            grouped: one,
            contention: one,
            misaligned: one,
            written: one,
            casts: one,
            traffic: one,
            exchange: one,
            jitter: one,
            pause: one,
            tiles: one,
            depth: one,
        }
    }
}

/// Time of one kernel launch from an eager program, before calibration.
pub const LAUNCH: Seconds = Seconds::micros(5.0);

/// Time for which a device runs dry while its host reads back how tokens were routed.
pub const READ_BACK: Seconds = Seconds::micros(1000.0);

/// The same where what follows the experts is in a graph, before calibration.
pub const REPLAYED: Seconds = Seconds::micros(500.0);

/// Host time of making one tensor in a narrow format from Python, before calibration.
pub const NARROW: Seconds = Seconds::micros(25.0);

/// What hidden traffic costs the computation it runs beside, before calibration.
pub const CONTENTION: Share = Share::new(0.2);

/// Host work around a step (next batch, clipping, logging, schedules), before calibration.
pub const PAUSE: Seconds = Seconds::micros(10_000.0);

/// What a generation reaches that nobody has measured: products, attention, flash 2, memory, 8 and 4 bit.
const UNKNOWN: [f64; 6] = [0.70, 0.45, 0.85, 0.80, 0.85, 0.70];

/// What a technology reaches that nobody has measured.
const UNKNOWN_LINK: [f64; 3] = [0.7, 30e-6, 4e-6];

/// Shares of one generation under one program, ready for arithmetic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reached {
    /// Of the dense peak, by matrix products.
    pub gemm: Share,
    /// Of the dense peak, by attention.
    pub attention: Share,
    /// Of [`Reached::attention`], by kernels of the second flash generation.
    pub flash2: Share,
    /// Of the memory bandwidth.
    pub memory: Share,
    /// Of [`Reached::gemm`], in an 8-bit format.
    pub eight_bit: Share,
    /// Of [`Reached::gemm`], in a 4-bit format.
    pub four_bit: Share,
    /// Factor on the time of a step.
    pub time: Share,
    /// Constants of mechanisms.
    pub common: Common,
}

impl Calibration {
    /// What a program reaches on a generation; the unknown's habit where there is none.
    #[must_use]
    pub fn reached(&self, architecture: &str, stack: &str) -> Reached {
        let time = self.stacks.iter().find(|s| s.stack == stack).map_or(Share::ONE, |s| s.time);
        let pair = self.pairs.iter().find(|p| p.pair.split_once('@') == Some((stack, architecture)));
        let time = time * pair.map_or(Share::ONE, |p| p.made_for);
        let known = self.hardware.iter().find(|h| h.architecture == architecture);
        let [gemm, attention, flash2, memory, eight_bit, four_bit] = known
            .map_or(UNKNOWN.map(Share::new), |h| [h.gemm, h.attention, h.flash2, h.memory, h.eight_bit, h.four_bit]);
        Reached { gemm, attention, flash2, memory, eight_bit, four_bit, time, common: self.common }
    }

    /// What collectives reach over a technology.
    #[must_use]
    pub fn link(&self, kind: LinkKind) -> LinkFactor {
        let [share, latency, hop] = UNKNOWN_LINK;
        let [latency, hop] = [latency, hop].map(Seconds::new);
        let unknown = LinkFactor { kind, share: Share::new(share), latency, hop, adapters: None };
        self.links.iter().find(|link| link.kind == kind).copied().unwrap_or(unknown)
    }

    /// Hands every constant to `visit` under its name, `scope.constant`, in a fixed order.
    pub fn each(&mut self, visit: &mut dyn FnMut(&str, &str, &mut Share)) {
        for h in &mut self.hardware {
            let scope = h.architecture.as_str();
            visit(scope, "gemm", &mut h.gemm);
            visit(scope, "attention", &mut h.attention);
            visit(scope, "flash2", &mut h.flash2);
            visit(scope, "memory", &mut h.memory);
            visit(scope, "eight_bit", &mut h.eight_bit);
            visit(scope, "four_bit", &mut h.four_bit);
        }
        for s in &mut self.stacks {
            visit(&s.stack, "time", &mut s.time);
        }
        for p in &mut self.pairs {
            visit(&p.pair, "made_for", &mut p.made_for);
        }
        for link in &mut self.links {
            visit(link.kind.name(), "share", &mut link.share);
            if let Some(adapters) = &mut link.adapters {
                visit(link.kind.name(), "adapters", &mut adapters.busy);
            }
        }
        let c = &mut self.common;
        let common = [
            ("launch", &mut c.launch),
            ("narrow", &mut c.narrow),
            ("read_back", &mut c.read_back),
            ("replayed", &mut c.replayed),
            ("grouped", &mut c.grouped),
            ("contention", &mut c.contention),
            ("misaligned", &mut c.misaligned),
            ("written", &mut c.written),
            ("casts", &mut c.casts),
            ("traffic", &mut c.traffic),
            ("exchange", &mut c.exchange),
            ("jitter", &mut c.jitter),
            ("pause", &mut c.pause),
            ("tiles", &mut c.tiles),
            ("depth", &mut c.depth),
        ];
        for (name, constant) in common {
            visit("common", name, constant);
        }
    }
}

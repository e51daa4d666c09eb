//! The shape of a model beside its size: what depth, gates, shared layers, heads and masks do to the loss.
//!
//! Small effects from published ablations, most of them assumed to carry to other sizes: good for the sign and the order
//! of magnitude of a change, no more.
//!
//! Does not know: state-space layers, anything about speed.

use crate::learning::laws;
use crate::model::{Mask, Model, Op, Role, params};
use crate::units::{Nats, Params, Share};

/// Parameters that stand in for the model in a law of scale.
///
/// # Formula
/// Stored parameters; a mixture and layers that share weights count `√(through which a token passes · stored)`, layers
/// counted as often as they run.
///
/// # Source
/// [`laws::dense_equivalent`]; the same rule for shared layers is our assumption (`lan2019`: a shared model is worth more
/// than what it stores, less than what it runs).
///
/// # Valid when
/// As there.
#[must_use]
pub fn worth(model: &Model) -> Params {
    let stored = params::total(model) as f64;
    let run = model.lasting().map(|block| {
        let one: u64 = block.ops.iter().map(params::active_of_op).sum();
        (block.count.max(block.stored) * one) as f64
    });
    let run: f64 = run.sum();
    let active = params::active(model) as f64;
    // Dense and unshared: all three are one. A mixture runs less than it stores, a shared model more.
    let through = if active < stored { active } else { run };
    laws::dense_equivalent(Params::new(through), Params::new(stored))
}

/// Width over depth that published models share.
const ASPECT: f64 = 90.0;
/// Share of the loss for each squared logarithm of the aspect.
const BENT: f64 = 0.002;
/// Loss of a feed-forward without a gate, at equal parameters.
const UNGATED: f64 = 0.02;
/// Loss for each halving of the query heads that share one pair of keys and values.
const SHARED_HEADS: f64 = 0.003;
/// Loss for each halving of what a query sees, where no layer sees all.
const SHORT_SIGHT: f64 = 0.01;

/// Loss that a model's shape adds.
///
/// # Formula
/// `0.002·L·ln²(width/depth/90) + 0.02 (no gate) + 0.003·log₂(query heads per key head) + 0.01·log₂(keys/seen)`.
///
/// # Source
/// `kaplan2020` (a factor of 40 in aspect costs a few percent), `shazeer2020` (gates), `ainslie2023` (shared heads);
/// the sight term is assumed, for models none of whose layers see everything.
///
/// # Valid when
/// Decoders; equal parameters otherwise.
#[must_use]
pub fn penalty(model: &Model, loss: Nats, seq_len: u64) -> Nats {
    let depth = model.depth().max(1) as f64;
    let aspect = libm::log(model.hidden as f64 / depth / ASPECT);
    let ops = || model.blocks.iter().filter(|block| block.role == Role::Layer).flat_map(|block| &block.ops);
    let gates = ops().find_map(|op| match op {
        Op::Activation(activation) => Some(activation.gated),
        Op::Experts(experts) => Some(experts.gated),
        _ => None,
    });
    let gate = if gates == Some(false) { UNGATED } else { 0.0 };
    let groups = model.attention().map_or(1.0, |a| (a.heads / a.kv_heads.max(1)).max(1) as f64);
    let seen = ops().filter_map(|op| if let Op::Attention(a) = op { Some(sight(a.mask, seq_len)) } else { None });
    let widest = seen.fold(0.0, f64::max);
    let sight = if widest > 0.0 { libm::log2(seq_len as f64 / widest).max(0.0) } else { 0.0 };
    Nats::new(BENT * loss.get() * aspect * aspect + gate + SHARED_HEADS * libm::log2(groups) + SHORT_SIGHT * sight)
}

/// Keys that the last query of a sequence sees.
fn sight(mask: Mask, seq_len: u64) -> f64 {
    let seen = match mask {
        Mask::Full | Mask::Causal => seq_len,
        Mask::Window { window } | Mask::Local { window } => window,
        Mask::Chunked { chunk } => chunk,
        // Every stride-th key of all: what is between reaches the query through the layer below.
        Mask::Strided { .. } => seq_len,
    };
    seen.min(seq_len).max(1) as f64
}

/// Weights that are not zero, as a share of all.
#[must_use]
pub fn kept(zeros: Share) -> Share {
    Share::new((1.0 - zeros.get()).clamp(0.0, 1.0))
}

//! Parameters: how many numbers the model stores, and how many a token passes through.
//!
//! Exact integers. Adapters are counted here too, since their size follows from the same list.
//!
//! Does not know: buffers (router bias corrections, rotary tables), multi-token-prediction heads, padding of the vocabulary.

use super::{Block, Model, Op};

/// Parameters of one operator.
///
/// # Formula
/// Linear: `in·out (+ out)`; embedding: `rows·width`; experts: `E·(matrices·h·f (+ biases))`; the rest as declared.
///
/// # Source
/// Definitions of the layers; closed forms checked against instantiated models (`transformers` 5.23).
///
/// # Valid when
/// Tied weights are stored once; the tied user counts 0.
#[must_use]
pub fn of_op(op: &Op) -> u64 {
    match op {
        Op::Embedding(e) => {
            if e.trained {
                e.rows * e.width
            } else {
                0
            }
        }
        Op::Linear(l) => (if l.tied { 0 } else { l.input * l.output }) + if l.bias { l.output } else { 0 },
        Op::Norm(n) => n.weights + n.biases,
        Op::Router(r) => r.input * r.experts + if r.bias { r.experts } else { 0 },
        Op::Experts(e) => e.experts * per_expert(e),
        Op::Conv(c) => c.channels * c.kernel + if c.bias { c.channels } else { 0 },
        Op::Weights(w) => w.elements,
        Op::Rotary(_)
        | Op::Attention(_)
        | Op::Activation(_)
        | Op::Scan(_)
        | Op::Residual(_)
        | Op::Dropout(_)
        | Op::Loss(_) => 0,
    }
}

/// Parameters of a single expert.
#[must_use]
pub fn per_expert(e: &super::Experts) -> u64 {
    let inputs = if e.gated { 2 } else { 1 };
    (inputs + 1) * e.input * e.ffn + if e.bias { inputs * e.ffn + e.input } else { 0 }
}

/// Parameters of one operator that a single token passes through: `top_k` of the experts, everything else whole.
#[must_use]
pub fn active_of_op(op: &Op) -> u64 {
    match op {
        Op::Experts(e) => e.top_k * per_expert(e),
        other => of_op(other),
    }
}

/// Parameters of one layer of this kind.
#[must_use]
pub fn of_block(block: &Block) -> u64 {
    block.ops.iter().map(of_op).sum()
}

/// All parameters the model stores, those left out that only training has.
#[must_use]
pub fn total(model: &Model) -> u64 {
    model.lasting().map(|block| block.stored * of_block(block)).sum()
}

/// Parameters that one token passes through, experts counted top-k of E, everything else whole.
#[must_use]
pub fn active(model: &Model) -> u64 {
    model.lasting().map(|block| block.stored * block.ops.iter().map(active_of_op).sum::<u64>()).sum()
}

//! Floating-point operations of the forward pass, operator by operator.
//!
//! The backward pass of a trained matrix is twice its forward, of a frozen one once; who is trained is the recipe's
//! affair. A multiply-add counts two. Element-wise work is left out: it is bound by memory, and below 0.1 %.

use super::{Attention, Mask, Model, Op, Role, Scan, ScanKind, Stream};
use crate::units::{Flops, Share};

/// Lengths of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lengths {
    /// Sequences.
    pub batch: u64,
    /// Tokens of a sequence of the main stream.
    pub seq: u64,
    /// Tokens of a source sequence.
    pub source: u64,
}

/// How attention under a causal mask is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Convention {
    /// Only the pairs that the mask keeps.
    Causal,
    /// All pairs (PaLM's convention); windows still count as windows.
    Full,
}

/// Mean keys that a query sees.
///
/// # Formula
/// Full `s`; causal `(s+1)/2`; window `w`: `(w·s − w(w−1)/2)/s`; local `w`; chunks of `c`: `(c+1)/2`; strided `ℓ + s/ℓ`.
///
/// # Source
/// Counting; strided after `child2019`.
///
/// # Valid when
/// Queries and keys are of one sequence of `s` tokens.
#[must_use]
pub fn keys_per_query(mask: Mask, seq: u64) -> Share {
    let s = seq.max(1) as f64;
    Share::new(match mask {
        Mask::Full => s,
        Mask::Causal => (s + 1.0) / 2.0,
        Mask::Window { window } => {
            let w = (window as f64).min(s);
            (w * s - w * (w - 1.0) / 2.0) / s
        }
        Mask::Local { window } => (window as f64).min(s),
        Mask::Chunked { chunk } => ((chunk as f64).min(s) + 1.0) / 2.0,
        Mask::Strided { stride } => (stride as f64 + s / stride.max(1) as f64).min(s),
    })
}

/// Forward work of attention scores and weighted sums for `tokens` queries.
#[must_use]
pub fn of_attention(a: &Attention, tokens: u64, lengths: Lengths, convention: Convention) -> Flops {
    let keys = match (a.cross, a.mask, convention) {
        (true, ..) => lengths.source as f64,
        (false, Mask::Causal, Convention::Full) => lengths.seq as f64,
        (false, mask, _) => keys_per_query(mask, lengths.seq).get(),
    };
    Flops::new(2.0 * keys * a.heads as f64 * (a.qk_dim + a.v_dim) as f64 * tokens as f64)
}

/// Forward work of a recurrence for `tokens` tokens.
///
/// # Formula
/// Mamba-1 `9·d·n` a token; Mamba-2 over chunks of `Q`: `2Q·g·n + 2Q·d + 4·n·d`; delta rule as Mamba-2 with its state;
/// RWKV `8·d`.
///
/// # Source
/// `gu2023`, `dao2024`; operation counts of the reference algorithms.
///
/// # Valid when
/// The chunked algorithms run over full chunks.
#[must_use]
pub fn of_scan(s: &Scan, tokens: u64) -> Flops {
    let (d, n, g, q) = (s.channels as f64, s.state as f64, s.groups.max(1) as f64, s.chunk.max(1) as f64);
    let each = match s.kind {
        ScanKind::Mamba1 => 9.0 * d * n,
        ScanKind::Mamba2 => 2.0 * q * g * n + 2.0 * q * d + 4.0 * n * d,
        ScanKind::DeltaRule => 4.0 * q * d + 6.0 * n * d,
        ScanKind::Rwkv => 8.0 * d,
    };
    Flops::new(each * tokens as f64)
}

/// Tokens that an operator of a block runs on.
#[must_use]
pub fn tokens(stream: Stream, on_source: bool, lengths: Lengths) -> u64 {
    let length = if stream == Stream::Source || on_source { lengths.source } else { lengths.seq };
    lengths.batch.saturating_mul(length)
}

/// Forward work of one operator of a block.
#[must_use]
pub fn of_op(op: &Op, stream: Stream, lengths: Lengths, convention: Convention) -> Flops {
    let own = tokens(stream, false, lengths);
    let own_lengths = if stream == Stream::Source { Lengths { seq: lengths.source, ..lengths } } else { lengths };
    match op {
        Op::Linear(l) => {
            Flops::new(2.0 * l.input as f64 * l.output as f64 * tokens(stream, l.on_source, lengths) as f64)
        }
        Op::Router(r) => Flops::new(2.0 * r.input as f64 * r.experts as f64 * own as f64),
        Op::Experts(e) => {
            let matrices = if e.gated { 3.0 } else { 2.0 };
            Flops::new(2.0 * matrices * e.input as f64 * e.ffn as f64 * e.top_k as f64 * own as f64)
        }
        Op::Attention(a) => of_attention(a, own, own_lengths, convention),
        Op::Scan(s) => of_scan(s, own),
        Op::Conv(c) => Flops::new(2.0 * c.channels as f64 * c.kernel as f64 * own as f64),
        _ => Flops::ZERO,
    }
}

/// Forward work of the whole model.
#[must_use]
pub fn forward(model: &Model, lengths: Lengths, convention: Convention) -> Flops {
    let block = |b: &super::Block| -> Flops {
        let once: Flops = b.ops.iter().map(|op| of_op(op, b.stream, lengths, convention)).sum();
        once * b.count
    };
    model.blocks.iter().map(block).sum()
}

/// Forward work of attention alone: the part whose backward a flash kernel does two and a half times.
#[must_use]
pub fn forward_attention(model: &Model, lengths: Lengths, convention: Convention) -> Flops {
    let block = |b: &super::Block| -> Flops {
        let attention = b.ops.iter().filter(|op| matches!(op, Op::Attention(_)));
        let once: Flops = attention.map(|op| of_op(op, b.stream, lengths, convention)).sum();
        once * b.count
    };
    model.blocks.iter().filter(|b| b.role == Role::Layer).map(block).sum()
}

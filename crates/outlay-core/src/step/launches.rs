//! Kernels that an eager program launches, operator by operator.
//!
//! Counted on `transformers` with a dispatch mode: a Llama layer is 38 forward and 71 backward operators in 16 bit, 48
//! and 87 under autocast. The counts of operators not in Llama follow the same code. A scan of Mamba-2 (`mamba-ssm` 2.3, 8,192 tokens)
//! kept the host of an H100 for as long as 50 launches forward and 285 backward, with all autotuning done.

use crate::model::{ActivationKind, Block, NormKind, Op, ScanKind};
use crate::scenario::recipe::{AttentionKernel, Method, Recipe};

/// Kernels that sort tokens to experts and back, forward and backward.
const AROUND: (u64, u64) = (12, 20);

/// Kernels of a scan, forward and backward with what is done again.
const SCAN: (u64, u64) = (5, 20);

/// Launches of one layer's forward and backward pass, on a rank that has one `ep`-th of the experts; `cast`: operators cast
/// what they multiply.
#[must_use]
pub fn of_block(block: &Block, recipe: &Recipe, ep: u64, cast: bool) -> (u64, u64) {
    sum(block, |op| of_op(op, recipe, ep, cast))
}

pub(super) fn of_op(op: &Op, recipe: &Recipe, ep: u64, cast: bool) -> (u64, u64) {
    let stack = &recipe.stack;
    let casts = u64::from(cast);
    match op {
        // Written out: up-cast, square, mean, add, root, product, down-cast, scale.
        Op::Norm(n) if n.kind != NormKind::Layer && !stack.fused_norm => {
            if cast {
                (6, 18)
            } else {
                (8, 17)
            }
        }
        Op::Norm(_) => (1, 2),
        Op::Linear(l) => {
            // Under autocast the weight is cast, and so is what comes from the residual stream.
            let stream = matches!(l.part, crate::model::Part::AttentionIn | crate::model::Part::FfnIn);
            let input = casts * u64::from(stream);
            let adapter = match &recipe.method {
                Method::Lora(lora) if crate::memory::targeted(l, lora) => {
                    super::adapters::Adapters::of(recipe, lora).launches()
                }
                _ => (0, 0),
            };
            let own = (1 + u64::from(l.bias) / 2 + casts + input, 2 + u64::from(l.shares_input) + casts + input);
            (own.0 + adapter.0, own.1 + adapter.1)
        }
        Op::Rotary(_) if stack.fused_rotary => (1, 1),
        Op::Rotary(_) => (10, 14),
        Op::Attention(_) => match recipe.attention {
            AttentionKernel::Eager => (6, 8),
            AttentionKernel::FusedSoftmax => (3, 5),
            _ => (1, 1),
        },
        Op::Activation(a) if a.kind == ActivationKind::GeluNew && !stack.fused_activation => (8 + casts, 14 + casts),
        Op::Activation(a) if a.gated && !stack.fused_activation => (2, 3),
        Op::Activation(_) => (1, 1),
        Op::Residual(_) => (1 + casts, 1 + casts),
        Op::Router(_) => (8, 10),
        // Each expert's rows are multiplied twice, and cast before it where the format is narrow.
        Op::Experts(e) => {
            let each = e.experts / ep.max(1) * if recipe.precision.compute.is_narrow() { 2 } else { 1 };
            (AROUND.0 + 2 * each, AROUND.1 + 4 * each)
        }
        // Kernels in Triton, which the host launches from Python at leisure.
        Op::Scan(s) if in_triton(s.kind) => (50, 285),
        Op::Scan(_) => (4, 6),
        Op::Conv(_) | Op::Embedding(_) | Op::Dropout(_) => (1, 1),
        Op::Loss(_) => (4, 3),
        Op::Weights(_) => (0, 0),
    }
}

/// Kernels of one layer's forward and backward pass that follow one another on the device: those of experts run side by side.
pub(super) fn in_turn(block: &Block, recipe: &Recipe, cast: bool) -> (u64, u64) {
    sum(block, |op| match op {
        Op::Experts(_) => AROUND,
        Op::Scan(s) if in_triton(s.kind) => SCAN,
        _ => of_op(op, recipe, 1, cast),
    })
}

fn sum(block: &Block, of: impl Fn(&Op) -> (u64, u64)) -> (u64, u64) {
    block.ops.iter().map(of).fold((0, 0), |sum, each| (sum.0 + each.0, sum.1 + each.1))
}

/// Operators that a compiler makes one kernel of, where there is one.
pub(super) fn merged(recipe: &Recipe) -> f64 {
    if recipe.stack.compiled { 3.0 } else { 1.0 }
}

fn in_triton(kind: ScanKind) -> bool {
    matches!(kind, ScanKind::Mamba2 | ScanKind::DeltaRule)
}

/// Narrow tensors that the host makes for one expert after another, forward and backward: what enters each of two products, and
/// the gradients of what leaves them.
#[must_use]
pub fn narrow_tensors(block: &Block, recipe: &Recipe, ep: u64) -> u64 {
    let local = |op: &Op| if let Op::Experts(e) = op { e.experts / ep.max(1) } else { 0 };
    if recipe.precision.compute.is_narrow() { 2 * block.ops.iter().map(local).sum::<u64>() } else { 0 }
}

//! Trained parameters by method: all of them, adapters, or the last layers.
//!
//! Adapters are counted as `peft` makes them: one pair of matrices for each targeted module. Where a model keeps the
//! experts of a layer as stacked tensors, a gated input matrix is two matrices in one, and its adapter has twice the rank.
//!
//! Does not know: modules that are trained whole beside adapters (`modules_to_save`).

use alloc::vec::Vec;

use super::recipe::{Lora, Method, Targets};
use crate::model::{Block, Linear, Model, Op, Part, Role, params};

/// Parameters that a method trains.
#[must_use]
pub fn trained(model: &Model, method: &Method) -> u64 {
    match method {
        Method::Full => params::total(model),
        Method::Lora(lora) => model.blocks.iter().map(|block| block.stored * of_block(block, lora)).sum(),
        Method::Freeze { trained_layers } => last_layers(model, *trained_layers),
    }
}

/// Parameters of the adapters on one layer.
#[must_use]
pub fn of_block(block: &Block, lora: &Lora) -> u64 {
    block.ops.iter().map(|op| of_op(op, block.role, lora)).sum()
}

/// Parameters of the adapters on one operator.
///
/// # Formula
/// `r·(in + out)`, DoRA adds `out`; stacked gated experts `2r·(h + 2f) + r·(f + h)` each.
///
/// # Source
/// `hu2021` (LoRA), `liu2024` (DoRA); counts of `peft` on instantiated models.
///
/// # Valid when
/// The rank is the same for all targets.
#[must_use]
pub fn of_op(op: &Op, role: Role, lora: &Lora) -> u64 {
    let rank = lora.rank;
    match op {
        Op::Linear(linear) if targets(linear, role, &lora.targets) => {
            rank * (linear.input + linear.output) + if lora.dora { linear.output } else { 0 }
        }
        Op::Router(router) if role == Role::Layer && named(&lora.targets, router.name, true) => {
            rank * (router.input + router.experts) + if lora.dora { router.experts } else { 0 }
        }
        Op::Experts(e) if role == Role::Layer && named(&lora.targets, "experts", true) => {
            let (into, width) = if e.gated { (2 * rank, 2 * e.ffn) } else { (rank, e.ffn) };
            let magnitudes = if lora.dora { width + e.input } else { 0 };
            e.experts * (into * (e.input + width) + rank * (e.ffn + e.input) + magnitudes)
        }
        _ => 0,
    }
}

/// A projection gets an adapter.
#[must_use]
pub fn targets(linear: &Linear, role: Role, targets: &Targets) -> bool {
    match targets {
        Targets::AllLinear => role == Role::Layer && linear.part != Part::Head,
        Targets::Attention => matches!(linear.part, Part::AttentionIn | Part::AttentionOut),
        Targets::Names(names) => names.iter().any(|name| name == linear.name),
    }
}

/// Names of the modules that can have an adapter, each once, in order of execution.
#[must_use]
pub fn modules(model: &Model) -> Vec<&'static str> {
    let mut names = Vec::new();
    for op in model.blocks.iter().flat_map(|block| &block.ops) {
        let name = match op {
            Op::Linear(linear) => linear.name,
            Op::Router(router) => router.name,
            Op::Experts(_) => "experts",
            _ => continue,
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn named(targets: &Targets, name: &str, all: bool) -> bool {
    match targets {
        Targets::AllLinear => all,
        Targets::Attention => false,
        Targets::Names(names) => names.iter().any(|given| given == name),
    }
}

/// The head, and the last layers in order of execution.
fn last_layers(model: &Model, trained: u64) -> u64 {
    let mut left = trained;
    let layers = model.blocks.iter().rev().filter(|block| block.role == Role::Layer).map(|block| {
        let here = block.stored.min(left);
        left -= here;
        here * params::of_block(block)
    });
    let layers: u64 = layers.sum();
    let head = model.blocks.iter().filter(|block| block.role == Role::Head);
    layers + head.map(|block| block.stored * params::of_block(block)).sum::<u64>()
}

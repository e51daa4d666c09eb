//! Seconds of one optimizer step, by part.
//!
//! Three layers, from what rarely changes to what always does: a [`Pace`] is one model under one recipe on one kind of
//! accelerator; a [`Micro`] what one rank of a [`Shape`] computes for a micro-batch, the walk over all operators; a [`Step`] the
//! arithmetic that a whole layout adds. A search makes few of the first, some of the second, millions of the last.

mod adapters;
pub mod bubble;
pub mod calibration;
pub mod comm;
mod explain;
mod exposed;
pub mod gemm;
pub mod launches;
mod layer;
mod pace;
pub mod turns;
pub mod uneven;

use crate::model::Model;
use crate::plan::Layout;
use crate::scenario::cluster::Cluster;
use crate::scenario::recipe::Recipe;
use crate::units::{Flops, FlopsPerSec, Seconds, Share};
use calibration::Calibration;
pub use comm::Fabric;
pub use layer::dequantise;
pub use pace::{Micro, Pace, Shape};

/// Seconds of one optimizer step on the slowest rank, by part. Parts add up to [`Step::total`].
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Step {
    /// Matrix products with weights.
    pub gemm: Seconds,
    /// Routed experts' matrix products.
    pub experts: Seconds,
    /// Attention core.
    pub attention: Seconds,
    /// Recurrences.
    pub scan: Seconds,
    /// Element-wise and reducing operators, bound by memory.
    pub elementwise: Seconds,
    /// Dequantisation of frozen weights.
    pub dequantise: Seconds,
    /// Work done again in the backward pass.
    pub recompute: Seconds,
    /// Forward passes beside the training: a frozen reference's.
    pub reference: Seconds,
    /// Time the device waits for launches.
    pub launch: Seconds,
    /// Exposed data-parallel and FSDP communication.
    pub comm_dp: Seconds,
    /// Exposed tensor-parallel communication.
    pub comm_tp: Seconds,
    /// Exposed pipeline communication.
    pub comm_pp: Seconds,
    /// Exposed context-parallel communication.
    pub comm_cp: Seconds,
    /// Exposed expert-parallel communication.
    pub comm_ep: Seconds,
    /// Pipeline bubble.
    pub bubble: Seconds,
    /// Update of the weights.
    pub optimizer: Seconds,
    /// Transfers to and from host memory that do not hide.
    pub offload: Seconds,
    /// Waiting for the slowest of many ranks.
    pub straggler: Seconds,
    /// Waiting for data.
    pub loader: Seconds,
    /// FLOP of the model for the whole step over all ranks, causal attention counted half, nothing counted twice.
    pub model_flops: Flops,
    /// The same with full attention (PaLM's convention).
    pub model_flops_full: Flops,
    /// FLOP executed, recomputation included, causal convention.
    pub hardware_flops: Flops,
    /// Dense peak of one accelerator that utilisation refers to (16 bit).
    pub peak: FlopsPerSec,
    /// Accelerators.
    pub accelerators: u64,
}

impl Step {
    /// The whole step.
    #[must_use]
    pub fn total(&self) -> Seconds {
        self.gemm
            + self.experts
            + self.attention
            + self.scan
            + self.elementwise
            + self.dequantise
            + self.recompute
            + self.reference
            + self.launch
            + self.comm_dp
            + self.comm_tp
            + self.comm_pp
            + self.comm_cp
            + self.comm_ep
            + self.bubble
            + self.optimizer
            + self.offload
            + self.straggler
            + self.loader
    }

    /// Model FLOP utilisation, causal convention.
    #[must_use]
    pub fn mfu(&self) -> Share {
        (self.model_flops / self.total()) / (self.peak * self.accelerators)
    }

    /// Hardware FLOP utilisation, causal convention.
    #[must_use]
    pub fn hfu(&self) -> Share {
        (self.hardware_flops / self.total()) / (self.peak * self.accelerators)
    }
}

/// What a step takes at the least on so many accelerators, however it is laid out: [`Pace::least`] of one question.
#[must_use]
pub fn least(model: &Model, recipe: &Recipe, cluster: &Cluster, calibration: &Calibration) -> Seconds {
    Pace::new(model, recipe, &cluster.accelerator, calibration).least(cluster.accelerators)
}

/// Seconds of one optimizer step: [`Pace::step`] of one layout.
#[must_use]
pub fn step(model: &Model, recipe: &Recipe, cluster: &Cluster, layout: &Layout, calibration: &Calibration) -> Step {
    let pace = Pace::new(model, recipe, &cluster.accelerator, calibration);
    pace.step(&Fabric::of(cluster, calibration), layout, &pace.micro(Shape::of(layout)))
}

fn larger(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

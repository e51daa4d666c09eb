//! Memory of one rank, by part and over the timeline of a step.

use crate::model::Model;
use crate::plan::Layout;
use crate::scenario::recipe::Recipe;
use crate::units::Bytes;

/// Memory of the fullest rank at the fullest moment of a step, by part.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Footprint {
    /// Weights as stored on the rank (frozen, trained and adapters).
    pub weights: Bytes,
    /// Gradients.
    pub gradients: Bytes,
    /// fp32 master copy.
    pub master: Bytes,
    /// Optimizer state.
    pub optimizer: Bytes,
    /// Tensors kept for the backward pass.
    pub activations: Bytes,
    /// Logits, their fp32 copy and gradients.
    pub logits: Bytes,
    /// What one layer holds while it is computed or recomputed.
    pub working: Bytes,
    /// Weights and gradients gathered from shards.
    pub unsharded: Bytes,
    /// Dequantised copies of quantised weights.
    pub dequantised: Bytes,
    /// Temporaries of the update.
    pub update: Bytes,
    /// Communication buffers.
    pub communication: Bytes,
    /// Driver, runtime and library context.
    pub context: Bytes,
    /// What the allocator holds beyond what is live.
    pub fragmentation: Bytes,
    /// Host memory per rank (offloaded state); not part of [`Footprint::total`].
    pub host: Bytes,
}

impl Footprint {
    /// Device memory, everything together: what a monitor of the device shows.
    #[must_use]
    pub fn total(&self) -> Bytes {
        self.live() + self.context + self.fragmentation
    }

    /// Bytes of live tensors, without context and fragmentation: what a memory tracker counts.
    #[must_use]
    pub fn live(&self) -> Bytes {
        self.weights
            + self.gradients
            + self.master
            + self.optimizer
            + self.activations
            + self.logits
            + self.working
            + self.unsharded
            + self.dequantised
            + self.update
            + self.communication
    }
}

/// Memory of the fullest rank.
#[must_use]
pub fn footprint(_model: &Model, _recipe: &Recipe, _layout: &Layout) -> Footprint {
    Footprint::default()
}

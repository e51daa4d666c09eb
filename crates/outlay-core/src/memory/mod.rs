//! Memory of one rank, by part and over the timeline of a step.
//!
//! A step has a few moments at which memory can peak: the end of the forward pass, the loss's backward, the output
//! projection's backward, the backward pass's start and end, and the update. Each is a sum of parts; the fullest moment
//! of the fullest pipeline stage is the footprint. What does not depend on the layout is summed once per model and
//! recipe ([`ModelMemory`]), so that a search can ask for many layouts without allocating.
//!
//! Does not know: the order of allocations (a lognormal reserve stands for it, see [`fits`]), middle pipeline stages,
//! imbalance of expert routing.
//!
//! Reading order: [`Footprint`], [`ModelMemory`], `timeline.rs`, then one file a part.

mod fits;
mod kept;
mod logits;
mod pipeline;
mod timeline;
mod weights;

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use crate::layout::Layout;
use crate::model::Model;
use crate::scenario::recipe::Recipe;
use crate::term::{Figure, Term};
use crate::units::Bytes;

pub use fits::fits;
pub use kept::{Kept, cache_per_token, of_block as kept_of_block, targeted};
pub use logits::{PerLogit, per_logit};
pub use pipeline::in_flight;
pub use timeline::ModelMemory;
pub use weights::state_bytes;

/// A moment of the step at which memory can peak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Moment {
    /// The forward pass has ended and the loss is computed.
    #[default]
    ForwardEnd,
    /// The loss's own backward.
    LossBackward,
    /// The output projection's backward.
    HeadBackward,
    /// The last layer's backward: all activations alive, few gradients.
    BackwardStart,
    /// The first layer's backward: few activations, all gradients.
    BackwardEnd,
    /// The optimizer's update.
    Update,
}

impl Moment {
    /// In words.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::ForwardEnd => "at the end of the forward pass",
            Self::LossBackward => "in the loss's backward",
            Self::HeadBackward => "in the output projection's backward",
            Self::BackwardStart => "when the backward pass reaches the last layer",
            Self::BackwardEnd => "when the backward pass reaches the first layer",
            Self::Update => "in the optimizer's update",
        }
    }
}

/// Memory of the fullest rank at the fullest moment of a step, by part.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Footprint {
    /// When it is fullest.
    pub moment: Moment,
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
    /// Host memory per rank that holds activations; not part of [`Footprint::total`].
    pub parked: Bytes,
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

    /// The footprint as a tree of named terms.
    #[must_use]
    pub fn explain(&self) -> Term {
        let groups = vec![
            sum(
                "model state",
                vec![
                    leaf("weights", self.weights, "stored weights, frozen and trained, and adapters"),
                    leaf("gradients", self.gradients, "gradients alive at this moment"),
                    leaf("master weights", self.master, "fp32 copy of trained weights"),
                    leaf("optimizer state", self.optimizer, "moments in the state's format"),
                ],
            ),
            sum(
                "activations",
                vec![
                    leaf("kept for backward", self.activations, "summed over operators, micro-batches in flight"),
                    leaf("logits and loss", self.logits, "bytes of a logit × tokens × vocabulary"),
                    leaf("working set of a layer", self.working, "temporaries of the layer being computed"),
                ],
            ),
            sum(
                "buffers",
                vec![
                    leaf(
                        "unsharded weights and gradients",
                        self.unsharded,
                        "current and prefetched block, ends of the model",
                    ),
                    leaf("dequantised weights", self.dequantised, "largest quantised matrix in the compute format"),
                    leaf("update temporaries", self.update, "of the optimizer's execution"),
                    leaf("communication", self.communication, "buckets and exchanged activations"),
                ],
            ),
            sum(
                "overhead",
                vec![
                    leaf("context", self.context, "driver, libraries, communicators; assumed"),
                    leaf(
                        "allocator reserve",
                        self.fragmentation,
                        "6 % of live bytes on one device, 12 % on several, median; assumed",
                    ),
                ],
            ),
        ];
        let note = format!("peak {}", self.moment.describe());
        Term::sum("memory", Figure::Bytes(Bytes::ZERO), note, groups)
    }
}

fn leaf(name: &str, bytes: Bytes, note: &str) -> Term {
    Term::leaf(name, Figure::Bytes(bytes), note.into())
}

fn sum(name: &str, parts: Vec<Term>) -> Term {
    Term::sum(name, Figure::Bytes(Bytes::ZERO), String::new(), parts)
}

/// Memory of the fullest rank.
#[must_use]
pub fn footprint(model: &Model, recipe: &Recipe, layout: &Layout) -> Footprint {
    ModelMemory::new(model, recipe).footprint(layout)
}

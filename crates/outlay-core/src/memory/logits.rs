//! Logits and loss: often the largest single tensor of a step.
//!
//! The eager loss of PyTorch programs upcasts the logits and keeps log-probabilities and two gradients in fp32; fused
//! kernels overwrite the logits with their gradient; chunked ones never hold them whole.
//!
//! Does not know: which tokens are masked out of the loss (all are computed).

use crate::model::{Model, Op};
use crate::scenario::recipe::{LossKernel, Recipe};
use crate::units::{Bytes, Share};

/// Bytes of one logit (one token and one entry of the vocabulary) at the two fullest moments of the loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PerLogit {
    /// When the forward pass ends.
    pub forward: Share,
    /// In the loss's own backward.
    pub backward: Share,
}

/// Bytes of one logit.
///
/// # Formula
/// Eager, 16 bit: forward `2 + 4 + 4` (logits, fp32 copy, log-probabilities), backward `4 + 4 + 4` (log-probabilities,
/// their gradient, the copy's gradient); fp32: forward `4 + 4`. A program that holds on to the logits adds their width
/// to the backward: 14 and 16. Fused: the logits alone.
///
/// # Source
/// Live storage of `transformers` 5.23 on PyTorch 2.15, operator by operator.
///
/// # Valid when
/// The loss is cross-entropy over the vocabulary; logits that a tanh caps are kept once more.
#[must_use]
pub fn per_logit(recipe: &Recipe, outputs_held: bool, soft_cap: bool) -> PerLogit {
    let width = recipe.precision.activations().bytes_each().get();
    let held = if outputs_held { width } else { 0.0 };
    let capped = if soft_cap { width } else { 0.0 };
    let (forward, backward) = match recipe.loss {
        LossKernel::Eager => (width + 4.0 + if width < 4.0 { 4.0 } else { 0.0 }, 12.0 + held),
        LossKernel::Fused => (width, width),
        LossKernel::Chunked => (0.0, 0.0),
    };
    PerLogit { forward: Share::new(forward + capped), backward: Share::new(backward + capped) }
}

/// What the loss of one model holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Loss {
    vocab: f64,
    /// Times the loss is computed in a forward pass; its logits wait for their backward.
    runs: f64,
    hidden: f64,
    width: f64,
    forward: f64,
    backward: f64,
    chunked: bool,
}

/// Bytes of the loss at its moments, on one rank.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Held {
    pub(super) forward: Bytes,
    pub(super) backward: Bytes,
    /// While the output projection runs backward.
    pub(super) projection: Bytes,
}

impl Loss {
    pub(super) fn new(model: &Model, recipe: &Recipe) -> Self {
        let loss = model.blocks.iter().flat_map(|block| &block.ops).find_map(|op| match op {
            Op::Loss(loss) => Some(*loss),
            _ => None,
        });
        let per = per_logit(recipe, false, loss.is_some_and(|loss| loss.soft_cap));
        Self {
            vocab: loss.map_or(0, |loss| loss.vocab) as f64,
            runs: (1 + model.further()) as f64,
            hidden: model.hidden as f64,
            width: recipe.precision.activations().bytes_each().get(),
            forward: per.forward.get(),
            backward: per.backward.get(),
            chunked: recipe.loss == LossKernel::Chunked,
        }
    }

    pub(super) fn held(&self, tokens: f64, tensor_parallel: f64) -> Held {
        let vocab = self.vocab / tensor_parallel;
        if self.chunked && self.vocab > 0.0 {
            // As many tokens at a time as make the chunk's logits the size of the hidden states.
            let chunk = (tokens * self.hidden / self.vocab).max(1.0).min(tokens);
            let held = Bytes::new(chunk * vocab * (self.width + 4.0) + tokens * self.hidden * self.width);
            return Held { forward: held, backward: held, projection: held };
        }
        let logits = tokens * vocab * self.runs;
        Held {
            forward: Bytes::new(logits * self.forward),
            backward: Bytes::new(logits * self.backward),
            projection: Bytes::new(logits * self.width + tokens * self.hidden * self.width),
        }
    }
}

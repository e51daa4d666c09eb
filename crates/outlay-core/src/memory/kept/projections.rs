//! Norms, matrix products with weights, and adapters on them.
//!
//! Does not know: kernels that fuse a norm with the product behind it.

use super::{Flow, Walk, saved};
use crate::model::{Linear, Norm, NormKind, Part};
use crate::scenario::recipe::{Lora, Method, Targets};

impl Walk<'_> {
    /// # Formula
    /// Root mean square written out in 16 bit: an fp32 copy, the inverse deviation and, where the scale is trained, the
    /// normalised tensor; on an fp32 stream the input itself. One kernel: the input and the statistics.
    ///
    /// # Source
    /// Saved tensors of `transformers` 5.23.
    ///
    /// # Valid when
    /// Statistics are kept in fp32.
    pub(super) fn norm(&mut self, norm: &Norm) {
        let split = norm.on_heads;
        if self.beside == Some(Part::FfnIn) && !split {
            self.flow = self.entry;
            self.beside = None;
        }
        let width = (norm.width * norm.rows) as f64;
        let scaled = self.trained && norm.weights > 0;
        if self.reached || scaled {
            let rows = norm.rows as f64;
            let before = if split { self.out.split } else { self.out.replicated };
            let fused = self.fused_norm() || norm.kind == NormKind::Layer;
            let element = if split { self.act } else { self.flow.element };
            let source = Flow { width, element, kept: !split && self.flow.kept, split };
            if fused || element > 2.0 {
                if !source.kept {
                    self.keep(source.bytes(), split);
                }
                self.entry.kept |= !split && self.beside.is_some();
            } else {
                self.keep(4.0 * width, split);
            }
            let statistics = rows * if norm.kind == NormKind::Layer { 8.0 } else { 4.0 };
            self.keep(statistics, split);
            self.out.statistics += statistics;
            if !fused && scaled {
                let scaled_in = if norm.kind == NormKind::RmsWide { 4.0 } else { element };
                self.keep(scaled_in * width, split);
            }
            let made = if split { self.out.split } else { self.out.replicated } - before;
            if split {
                self.out.cheap_split += made;
            } else {
                // The layer's input stays; what is made from it can be made again.
                self.out.cheap_replicated += (made - source.bytes()).max(0.0);
            }
            self.work(if fused { 2.0 * element } else { 12.0 } * width, split);
        }
        self.reached |= scaled;
        if !split {
            let element = self.flow.element;
            self.flow = Flow { width, element, kept: false, split: false };
        }
    }

    pub(super) fn linear(&mut self, linear: &Linear) {
        if linear.shares_input {
            self.flow = self.shared;
        } else if linear.part == Part::AttentionIn {
            self.projections_in = 0;
        }
        if linear.part == Part::AttentionIn {
            self.projections_in += 1;
        } else if linear.part == Part::FfnIn && self.beside == Some(Part::FfnIn) {
            self.flow = self.normed;
            self.beside = None;
        }
        let input = linear.input as f64;
        self.flow.width = input;
        let numel = (linear.input * linear.output) as f64;
        let before = self.out.replicated;
        if self.recipe.precision.autocast {
            if self.reached && self.recipe.casts() {
                self.out.weights += self.act * numel;
            }
            if self.trained && self.flow.element > self.act {
                // Every projection casts its own copy; none is shared.
                self.keep(self.act * input, self.flow.split);
            } else if self.trained {
                self.keep_flow();
            }
        } else if self.trained {
            self.keep_input();
        }
        if !self.flow.split && linear.part != Part::Head {
            self.out.cheap_replicated += self.out.replicated - before;
        }
        self.work(self.act * (input + linear.output as f64), self.flow.split || linear.part == Part::FfnIn);
        if let Method::Lora(lora) = &self.recipe.method
            && targeted(linear, lora)
        {
            self.adapter(linear, lora);
        }
        self.reached |= self.trained;
        self.shared = self.flow;
        match linear.part {
            Part::AttentionIn if !linear.shares_input => self.normed = self.flow,
            Part::AttentionOut => self.beside = self.beside.map(|_| Part::FfnIn),
            _ => {}
        }
        let split = linear.part.splits_output();
        self.flow = Flow { width: linear.output as f64, element: self.act, kept: false, split };
    }

    /// The input of a product whose weight is trained: in the narrow format where the program keeps what it multiplied.
    fn keep_input(&mut self) {
        let saved = saved(self.recipe);
        if saved < self.flow.element && !self.flow.kept {
            self.keep(saved * self.flow.width, self.flow.split);
            self.flow.kept = true;
        } else {
            self.keep_flow();
        }
    }

    fn adapter(&mut self, linear: &Linear, lora: &Lora) {
        let input = linear.input as f64;
        let stored = lora.adapter.bytes_each().get();
        // Autocast multiplies in the compute format, from a copy of its own where the formats differ.
        let autocast = self.recipe.precision.autocast;
        let element = if autocast { self.act } else { stored };
        let split = self.flow.split;
        if lora.dropout {
            self.keep(input * (self.mask_element() + element), split);
        } else if element > self.flow.element || (autocast && stored > self.act) {
            self.keep(input * element, split);
        } else {
            self.keep_flow();
        }
        self.keep(lora.rank as f64 * element, split);
        if lora.dora {
            // The output before its magnitude, and the products that the weight's norm needs.
            self.keep(linear.output as f64 * self.act, split);
            self.out.weights += self.act * input * (linear.output as f64 + input);
        }
        self.reached = true;
    }
}

/// Whether a projection gets an adapter.
#[must_use]
pub fn targeted(linear: &Linear, lora: &Lora) -> bool {
    match &lora.targets {
        Targets::AllLinear => !matches!(linear.part, Part::Head),
        Targets::Attention => matches!(linear.part, Part::AttentionIn | Part::AttentionOut),
        Targets::Names(names) => names.iter().any(|name| name == linear.name),
    }
}

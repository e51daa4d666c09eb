//! Activations, routers and experts.
//!
//! Does not know: capacity factors and dropped tokens; routing is balanced.

use super::{Flow, Walk, saved};
use crate::model::{Activation, ActivationKind, Experts, Router};

impl Walk<'_> {
    pub(super) fn activation(&mut self, activation: &Activation) {
        let bytes = activation.width as f64 * self.act;
        let mut kept = false;
        if self.reached {
            let inputs = if activation.gated { 2.0 } else { 1.0 };
            let (inner, own_output) = inner(activation.kind);
            // Behind a gate the product keeps the non-linearity's result whether or not that kept it itself.
            let made = match (self.fused_activation(), activation.gated) {
                (true, _) => 0.0,
                (false, true) => inner,
                (false, false) => inner - 1.0,
            };
            let output_kept = own_output && !activation.gated && !self.fused_activation();
            let of_inputs = if own_output && !self.fused_activation() { inputs - 1.0 } else { inputs };
            self.keep(bytes * (of_inputs + made), true);
            if self.recipe.precision.autocast
                && activation.kind == ActivationKind::GeluNew
                && !self.fused_activation()
                && !self.on_cpu()
            {
                // Autocast of devices raises powers in fp32, and so the tanh and one plus the tanh are; a copy of the input as well.
                self.keep(6.0 * activation.width as f64, true);
            }
            self.out.cheap_split += bytes * (made + 1.0);
            if output_kept {
                self.keep(bytes, true);
                kept = true;
            }
            self.work((inputs + 1.0) * bytes, true);
        }
        self.flow = Flow { width: activation.width as f64, element: self.act, kept, split: true };
    }

    pub(super) fn router(&mut self, router: &Router) {
        if self.trained {
            if self.flow.element > self.act {
                self.keep(self.act * self.flow.width, false);
            } else {
                self.keep_flow();
            }
            self.reached = true;
        }
        if self.reached {
            // Probabilities in fp32; chosen indices, their order and weights.
            self.keep((4 * router.experts + 36 * router.top_k) as f64, false);
        }
        self.shared = self.flow;
    }

    /// # Formula
    /// `k` copies of the input and of the output, and per copy the feed-forward's inner tensors.
    ///
    /// # Source
    /// Saved tensors of the grouped-matrix experts of `transformers` 5.23, which autocast does not reach.
    ///
    /// # Valid when
    /// Routing is balanced.
    pub(super) fn experts(&mut self, experts: &Experts) {
        let element = self.stream;
        let copies = experts.top_k as f64;
        let (wide, narrow) = (copies * experts.input as f64 * element, copies * experts.ffn as f64 * element);
        self.reached |= self.trained;
        if self.reached {
            let inputs = if experts.gated { 2.0 } else { 1.0 };
            let made = if self.fused_activation() || !experts.gated { 0.0 } else { 1.0 };
            // A program that keeps what it multiplied weighs the experts' inner tensors, not their outputs.
            let saved = saved(self.recipe);
            let inputs_kept = if saved < element { saved / element * wide } else { 2.0 * wide };
            self.keep(if self.trained { inputs_kept } else { wide }, false);
            let multiplied = if saved < element { saved / element } else { 1.0 };
            self.keep(narrow * (inputs + made + if self.trained { multiplied } else { 0.0 }), true);
            self.out.cheap_split += narrow * (made + 1.0);
            self.work(2.0 * wide, false);
            self.work((inputs + 1.0) * narrow, true);
        }
        self.flow = Flow { width: experts.input as f64, element, kept: false, split: false };
    }
}

/// How many tensors of its width a non-linearity keeps, and whether one of them is its own output.
fn inner(kind: ActivationKind) -> (f64, bool) {
    match kind {
        ActivationKind::Gelu | ActivationKind::GeluTanh | ActivationKind::Silu => (1.0, false),
        ActivationKind::Relu | ActivationKind::Tanh => (1.0, true),
        // The input, its half, the tanh and one plus the tanh.
        ActivationKind::GeluNew => (4.0, false),
        ActivationKind::Relu2 => (1.0, false),
    }
}

//! A step as a tree of named terms.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::Step;
use crate::term::{Figure, Term};
use crate::units::Seconds;

impl Step {
    /// The step as a tree of named terms.
    #[must_use]
    pub fn explain(&self) -> Term {
        let leaf = |name: &str, time: Seconds, note: &str| Term::leaf(name, Figure::Seconds(time), note.into());
        let sum = |name: &str, parts: Vec<Term>| Term::sum(name, Figure::Seconds(Seconds::ZERO), String::new(), parts);
        let groups = vec![
            sum(
                "computing",
                vec![
                    leaf("matrix products", self.gemm, "by shape: peak × share reached × tiles filled"),
                    leaf("experts", self.experts, "grouped matrix products, the fullest rank"),
                    leaf("attention", self.attention, "by kernel, head size and mask"),
                    leaf("recurrences", self.scan, "state-space and linear attention"),
                    leaf("element-wise", self.elementwise, "bytes moved over memory bandwidth, gaps between kernels"),
                    leaf("dequantisation", self.dequantise, "frozen weights, every pass"),
                    leaf("recomputation", self.recompute, "work done again in the backward pass"),
                    leaf("reference", self.reference, "forward passes of a frozen reference"),
                    leaf("launches", self.launch, "device waiting for the host"),
                    leaf("optimizer", self.optimizer, "state read and written"),
                ],
            ),
            sum(
                "exposed communication",
                vec![
                    leaf("data-parallel", self.comm_dp, "gradients and gathered weights that do not hide"),
                    leaf("tensor-parallel", self.comm_tp, "activations, every layer"),
                    leaf("pipeline", self.comm_pp, "activations between stages"),
                    leaf("context-parallel", self.comm_cp, "keys and values around the ring"),
                    leaf("expert-parallel", self.comm_ep, "tokens to their experts and back"),
                    leaf("host transfers", self.offload, "offloaded state and activations that do not hide"),
                ],
            ),
            sum(
                "waiting",
                vec![
                    leaf("pipeline bubble", self.bubble, "stages without work"),
                    leaf("stragglers", self.straggler, "the slowest of all ranks"),
                    leaf("loader", self.loader, "data not ready"),
                ],
            ),
        ];
        Term::sum("step", Figure::Seconds(Seconds::ZERO), String::new(), groups)
    }
}

//! Operators that mix tokens: attention, recurrences, convolutions.
//!
//! Does not know: kernels that skip blocks of a mask while writing scores out.

use super::{Flow, Walk};
use crate::model::{Attention, Conv, Scan, ScanKind};
use crate::scenario::recipe::AttentionKernel;

impl Walk<'_> {
    /// # Formula
    /// Flash: `q + k + v + o` and `4·heads`. Written out: `q`, repeated `k` and `v`, and per head and key the softmax in
    /// fp32 and its 16-bit copy; with dropout the mask and the dropped scores take the copy's place.
    ///
    /// # Source
    /// Saved tensors of `transformers` 5.23; `korthikanti2022` (`5·a·s`) for the fused softmax.
    ///
    /// # Valid when
    /// A written-out kernel computes all scores, whatever the mask.
    pub(super) fn attention(&mut self, attention: &Attention) {
        if !self.reached {
            self.flow =
                Flow { width: (attention.heads * attention.v_dim) as f64, element: self.act, kept: false, split: true };
            return;
        }
        let (heads, act) = (attention.heads as f64, self.act);
        let query = heads * attention.qk_dim as f64;
        let grouped = attention.kv_heads as f64 * (attention.qk_dim + attention.v_dim) as f64;
        let repeated = heads * (attention.qk_dim + attention.v_dim) as f64;
        let output = heads * attention.v_dim as f64;
        let keys = if attention.cross { self.recipe.source_len } else { self.recipe.seq_len } as f64;
        let scores = heads * keys;
        let written = self.written(attention);
        match written {
            Some(per_score) => {
                let of_inputs = match self.recipe.attention {
                    AttentionKernel::FusedSoftmax => act * (query + grouped),
                    AttentionKernel::SdpaCpu => 4.0 * (query + repeated),
                    _ => act * (query + repeated),
                };
                self.keep(of_inputs, true);
                self.keep(per_score * scores, true);
                self.out.core += per_score * scores;
                // The gradient of the scores, and in 16 bit its fp32 copy.
                let gradient = if self.recipe.attention == AttentionKernel::SdpaCpu { 4.0 } else { 2.0 + act };
                self.work(gradient * scores, true);
            }
            None => {
                let masked = self.recipe.stack.explicit_mask
                    && matches!(self.recipe.attention, AttentionKernel::Sdpa | AttentionKernel::SdpaCpu);
                // One key/value head is broadcast, not copied.
                let copied = masked && attention.kv_heads > 1;
                self.keep(act * (query + if copied { repeated } else { grouped } + output), true);
                self.keep(4.0 * heads, true);
                self.out.statistics += 4.0 * heads;
                if masked {
                    self.keep(act * keys, false);
                }
                if self.packed_values(attention, masked) {
                    self.keep(act * (query + attention.kv_heads as f64 * attention.qk_dim as f64), true);
                }
                self.work(2.0 * act * (query + grouped), true);
            }
        }
        let copied = self.rotary.is_some_and(|dim| dim < attention.qk_dim) && !self.recipe.stack.fused_rotary;
        self.flow = Flow { width: output, element: act, kept: written.is_none() && !copied, split: true };
    }

    /// Values stay a view of the joint projection, which then lives whole, while queries and keys are turned into copies.
    fn packed_values(&self, attention: &Attention, masked: bool) -> bool {
        let repeats = masked && attention.kv_heads != attention.heads;
        self.projections_in == 1
            && self.rotary.is_some()
            && !repeats
            && !self.recipe.stack.fused_rotary
            && !self.recipe.stack.compiled
    }

    /// Bytes kept for each score, if the kernel writes scores out.
    fn written(&self, attention: &Attention) -> Option<f64> {
        let act = self.act;
        let capped = if attention.soft_cap { act } else { 0.0 };
        let eager = || {
            capped
                + if self.score_dropout {
                    4.0 + self.mask_element() + act
                } else if act < 4.0 {
                    4.0 + act
                } else {
                    4.0
                }
        };
        match self.recipe.attention {
            AttentionKernel::Eager => Some(eager()),
            AttentionKernel::FusedSoftmax => {
                Some(act + if self.score_dropout { self.mask_element() + act } else { 0.0 })
            }
            AttentionKernel::SdpaCpu if self.score_dropout => Some(12.0),
            AttentionKernel::Sdpa | AttentionKernel::SdpaCpu if attention.soft_cap => Some(eager()),
            _ => None,
        }
    }

    /// # Formula
    /// Fused kernels keep their inputs, their output and the state at chunk ends.
    ///
    /// # Source
    /// Interfaces of the reference kernels (`mamba_ssm`, `flash-linear-attention`).
    ///
    /// # Valid when
    /// The fused kernels run; the element-wise fallback keeps every state.
    pub(super) fn scan(&mut self, scan: &Scan) {
        let (channels, state) = (scan.channels as f64, scan.state as f64);
        if self.reached || self.trained {
            let at_ends = if scan.chunk > 0 { 4.0 * channels * state / scan.chunk as f64 } else { 0.0 };
            let inputs = match scan.kind {
                ScanKind::Mamba1 => 4.0 * channels + 2.0 * state,
                ScanKind::Mamba2 => 3.0 * channels + 2.0 * scan.groups as f64 * state + scan.heads as f64,
                ScanKind::Rwkv => 5.0 * channels,
                ScanKind::DeltaRule => 4.0 * channels + 2.0 * scan.heads as f64,
            };
            self.keep(self.act * inputs + at_ends, true);
            self.work(self.act * inputs, true);
            self.reached = true;
        }
        self.flow = Flow { width: channels, element: self.act, kept: true, split: true };
    }

    pub(super) fn conv(&mut self, conv: &Conv) {
        let bytes = conv.channels as f64 * self.act;
        if self.reached || self.trained {
            self.keep(2.0 * bytes, true);
            self.work(2.0 * bytes, true);
            self.reached = true;
        }
        self.flow = Flow { width: conv.channels as f64, element: self.act, kept: true, split: true };
    }
}

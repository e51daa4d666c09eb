//! What number formats and zeros do to learning: lost capacity, lost updates, overflow.
//!
//! Down to 8 bit with careful scales training loses next to nothing; below, it behaves like a smaller model. The measured
//! law comes from small models and its authors say its constants will not carry; it is used for ratios between formats.
//!
//! Does not know: speed and memory of a format ([`crate::dtype`], [`crate::step`]).

use crate::dtype::Dtype;
use crate::units::{Nats, Params, Share, Tokens};

/// A tensor that is kept in few bits while training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tensor {
    /// Weights.
    Weights,
    /// Inputs of matrix products.
    Activations,
    /// Keys and values.
    KeysValues,
}

impl Tensor {
    /// Every tensor.
    pub const ALL: &[Self] = &[Self::Weights, Self::Activations, Self::KeysValues];

    /// Sensitivity `γ` and offset `n`.
    const fn constants(self) -> (f64, f64) {
        match self {
            Self::Weights => (2.6745, 0.3037),
            Self::Activations => (2.2102, 1.4072),
            Self::KeysValues => (0.9578, 2.4185),
        }
    }
}

/// Share of a model's capacity that is left when a tensor is trained in so many integer bits.
///
/// # Formula
/// `1 − e^{−P/γ + n}`, at least 0; weights `(2.67, 0.30)`, activations `(2.21, 1.41)`, keys and values `(0.96, 2.42)`.
///
/// # Source
/// `kumar2024`, appendix K, table 2; the sign of `n` is inferred from their divergence at 3 bit.
///
/// # Valid when
/// 30 to 220 M parameters, integer quantisation in training; ratios only.
#[must_use]
pub fn capacity_left(tensor: Tensor, bits: Share) -> Share {
    let (gamma, offset) = tensor.constants();
    Share::new(1.0 - libm::exp(-bits.get() / gamma + offset)).max(Share::ZERO)
}

/// Loss added by training in few bits, of models of the law's own kind.
///
/// # Formula
/// `A·((N·Π left)^−α − (N·Π left at 16 bit)^−α)`, `A = 4299`, `α = 0.4965`.
///
/// # Source
/// `kumar2024`, appendix K.
///
/// # Valid when
/// As [`capacity_left`].
#[must_use]
pub fn quantised_training(params: Params, bits: &[(Tensor, Share)]) -> Nats {
    let left: f64 = bits.iter().map(|(tensor, bits)| capacity_left(*tensor, *bits).get()).product();
    let whole: f64 = bits.iter().map(|(tensor, _)| capacity_left(*tensor, Share::new(16.0)).get()).product();
    let of = |size: f64| 4.299e3 / libm::pow(size, 0.4965);
    Nats::new(of(params.get() * left) - of(params.get() * whole))
}

/// How many times worse quantising after training becomes with more tokens.
///
/// # Formula
/// `(D₂/D₁)^0.5068`.
///
/// # Source
/// `kumar2024`: the damage goes with `D^0.5068 / N^0.3439 · e^{−P/0.5907}`.
///
/// # Valid when
/// The same model and format; over-trained small models suffer most.
#[must_use]
pub fn quantised_after(from: Tokens, to: Tokens) -> Share {
    Share::new(libm::pow((to / from).get(), 0.5068))
}

/// Loss that training in a format adds, as a share of the loss, with the half width of an 80 % band.
///
/// # Formula
/// 16 bit with fp32 sums 0; fp8 and MX 0.1 % ± 0.15 %; int8 0.1 % ± 0.3 %; fp4 1 % ± 0.7 %. Weights updated in bf16 alone
/// 1 % ± 0.8 % from scratch, nothing for fine-tuning.
///
/// # Source
/// `deepseek-v3` (fp8 within 0.25 %), torchao's int8 runs, published fp4 recipes; bf16 alone is our assumption.
///
/// # Valid when
/// Recipes with scales by block or tensor, sensitive layers left in 16 bit.
#[must_use]
pub fn format_penalty(compute: Dtype, bf16_alone: bool, scratch: bool) -> (Share, Share) {
    let (mid, half) = match compute {
        Dtype::Fp32 | Dtype::Tf32 | Dtype::Bf16 | Dtype::Fp16 => (0.0, 0.0),
        Dtype::Fp8 | Dtype::Fp8Row | Dtype::MxFp8 => (0.001, 0.0015),
        Dtype::Int8 => (0.001, 0.003),
        Dtype::Fp4 | Dtype::Nf4 | Dtype::Nf4Double => (0.01, 0.007),
    };
    let (more, wider) = if bf16_alone && scratch { (0.01, 0.008) } else { (0.0, 0.0) };
    (Share::new(mid + more), Share::new(libm::sqrt(half * half + wider * wider)))
}

/// Loss that a frozen base in few bits adds to fine-tuning, as a share of the loss, with half the width of its band.
///
/// # Formula
/// 16 bit and int8 0; NF4 0.2 % ± 0.4 %.
///
/// # Source
/// `dettmers2023`: adapters on an NF4 base match 16-bit ones; bases trained on very many tokens lose more ([`quantised_after`]).
///
/// # Valid when
/// Adapters on all linear layers.
#[must_use]
pub fn base_penalty(base: Dtype) -> (Share, Share) {
    match base {
        Dtype::Nf4 | Dtype::Nf4Double | Dtype::Fp4 => (Share::new(0.002), Share::new(0.004)),
        _ => (Share::ZERO, Share::ZERO),
    }
}

/// Steps skipped until dynamic loss scaling has come down to a scale that does not overflow.
///
/// # Formula
/// `⌈log(first/usable) / log(1/backoff)⌉`.
///
/// # Source
/// PyTorch's gradient scaler: starts at 65 536, halves at each infinity, doubles after 2000 good steps.
///
/// # Valid when
/// fp16.
#[must_use]
pub fn skipped_steps(first: Share, usable: Share, backoff: Share) -> u64 {
    let steps = libm::log((first.get() / usable.get()).max(1.0)) / -libm::log(backoff.get());
    // A power of the backoff is met exactly, whatever the logarithms' last digit.
    libm::ceil(steps - 1e-9) as u64
}

/// Share of weights that are zero, and whether the hardware can make use of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sparsity {
    /// Share of zeros.
    pub zeros: Share,
    /// Two of each four: what sparse tensor cores skip.
    pub two_of_four: bool,
}

/// What a weight is worth in a sparse model, in dense ones of the same number of weights that are not zero.
///
/// # Formula
/// Capacity term `· (16.8·(1−S)^0.722 + 45) / (16.8 + 45)` at equal non-zero weights: half of them zero, 0.89.
///
/// # Source
/// `frantar2023`, the T5 fit; constants from memory, not verified.
///
/// # Valid when
/// Gradual pruning in training to the end; 2-of-4 a little worse than unstructured.
#[must_use]
pub fn sparse_capacity(zeros: Share) -> Share {
    let left = (1.0 - zeros.get()).clamp(0.0, 1.0);
    Share::new((16.8 * libm::pow(left, 0.722) + 45.0) / (16.8 + 45.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_bits_leave_less() {
        for tensor in Tensor::ALL {
            let left = |bits: f64| capacity_left(*tensor, Share::new(bits));
            assert!(left(16.0) > left(8.0) && left(8.0) > left(4.0) && left(3.0) >= Share::ZERO, "{tensor:?}");
        }
        assert_eq!(capacity_left(Tensor::Activations, Share::new(3.0)), Share::ZERO);
    }

    #[test]
    fn six_halvings_to_a_scale_of_a_thousand() {
        assert_eq!(skipped_steps(Share::new(65_536.0), Share::new(1024.0), Share::new(0.5)), 6);
        assert_eq!(skipped_steps(Share::new(65_536.0), Share::new(70_000.0), Share::new(0.5)), 0);
    }

    #[test]
    fn wider_formats_cost_no_loss() {
        assert_eq!(format_penalty(Dtype::Bf16, false, true).0, Share::ZERO);
        assert!(format_penalty(Dtype::Fp4, false, true).0 > format_penalty(Dtype::Fp8, false, true).0);
        assert!((sparse_capacity(Share::new(0.5)).get() - 0.893).abs() < 1e-3);
        assert_eq!(sparse_capacity(Share::ZERO), Share::ONE);
    }
}

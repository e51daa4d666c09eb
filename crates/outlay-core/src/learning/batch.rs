//! The batch: how many steps and tokens it costs to learn the same with larger ones, and which one to take.
//!
//! Below the critical batch size twice the batch halves the steps; above it, tokens are wasted. The laws for it disagree
//! by factors, so that each figure here stands with a wide spread and more than one opinion.
//!
//! Does not know: memory and speed of a batch.
//!
//! Reading order: [`steps`], [`critical`], [`recommended`], [`tokens_worth`].

use crate::units::{Flops, Nats, Params, Share, Tokens};

/// Standard deviation, in logs, of the recommended and of the critical batch.
pub const SPREAD: Share = Share::new(0.7);

/// Optimizer steps to a loss with a batch, in units of the batch.
///
/// # Formula
/// `S = S_min·(1 + B_c/B)`, `B_c = E_min/S_min`.
///
/// # Source
/// `mccandlish2018`, equation 2.11.
///
/// # Valid when
/// The learning rate is the best for each batch.
#[must_use]
pub fn steps(fewest: Share, least: Tokens, batch: Tokens) -> Share {
    let critical = least.get() / fewest.get();
    Share::new(fewest.get() * (1.0 + critical / batch.get()))
}

/// The critical batch at a loss.
///
/// # Formula
/// `B_c = 2.1·10⁸ / L^{1/0.21}` tokens.
///
/// # Source
/// `kaplan2020`, equation 5.3.
///
/// # Valid when
/// WebText2 and its tokenizer; as a second opinion only.
#[must_use]
pub fn critical_at(loss: Nats, scale: Tokens, exponent: Share) -> Tokens {
    Tokens::new(scale.get() / libm::pow(loss.get(), 1.0 / exponent.get()))
}

/// Scale and exponent of [`critical_at`].
pub const KAPLAN: (Tokens, Share) = (Tokens::new(2.1e8), Share::new(0.21));

/// The batch size that gradient noise suggests, from squared gradient norms at two batches.
///
/// # Formula
/// `|G|² = (B₂|G₂|² − B₁|G₁|²)/(B₂ − B₁)`, `S = (|G₁|² − |G₂|²)/(1/B₁ − 1/B₂)`, `B = S/|G|²`.
///
/// # Source
/// `mccandlish2018`, appendix A.1.
///
/// # Valid when
/// Norms are averages over many steps; under-estimates the critical batch late in training (`merrill2025`).
#[must_use]
pub fn noise_scale(small: (Tokens, Share), large: (Tokens, Share)) -> Tokens {
    let ((b1, g1), (b2, g2)) = ((small.0.get(), small.1.get()), (large.0.get(), large.1.get()));
    let gradient = (b2 * g2 - b1 * g1) / (b2 - b1);
    let noise = (g1 - g2) / (1.0 / b1 - 1.0 / b2);
    Tokens::new(noise / gradient)
}

/// How the critical batch grows with the tokens trained on, nearly whatever the size of the model.
const CRITICAL_EXPONENT: f64 = 0.47;
/// Where it ends for models of 1 to 7 B parameters: 4096 documents of 4096 tokens.
const PLATEAU: (u64, u64) = (4096, 4096);

/// The plateau of the critical batch, in tokens.
///
/// # Formula
/// `documents · tokens each`: 4096 · 4096.
///
/// # Source
/// `merrill2025`, figure 2.
///
/// # Valid when
/// Late in the training of models of 1 to 7 B parameters.
#[must_use]
pub fn plateau(documents: u64, each: u64) -> Tokens {
    Tokens::new((documents * each) as f64)
}

/// How many times the critical batch grows from one amount of training to another.
///
/// # Formula
/// `(D₂/D₁)^0.47`.
///
/// # Source
/// `zhang2024`.
///
/// # Valid when
/// 85 M to 1.2 B parameters; nearly independent of the size.
#[must_use]
pub fn growth(from: Tokens, to: Tokens) -> Share {
    Share::new(libm::pow((to / from).get(), CRITICAL_EXPONENT))
}

/// The batch above which a fifth of the tokens or more are wasted.
///
/// # Formula
/// `min(22.91·D^0.47, 4096·4096)` tokens.
///
/// # Source
/// `zhang2024` (the exponent is sure, the unit of the coefficient is not: 29 % either way), capped where `merrill2025`
/// sees it end.
///
/// # Valid when
/// Pre-training; standard deviation 0.7 in logs.
#[must_use]
pub fn critical(trained: Tokens) -> Tokens {
    Tokens::new(22.91 * libm::pow(trained.get().max(1.0), CRITICAL_EXPONENT)).min(plateau(PLATEAU.0, PLATEAU.1))
}

/// The best batch by compute.
///
/// # Formula
/// `0.2920·C^0.3271` tokens.
///
/// # Source
/// `deepseek2024`, equation 1.
///
/// # Valid when
/// Fitted from 10¹⁷ to 2·10¹⁹ FLOP.
#[must_use]
pub fn deepseek(compute: Flops) -> Tokens {
    Tokens::new(0.2920 * libm::pow(compute.get(), 0.3271))
}

/// The best batch by data.
///
/// # Formula
/// `0.58·D^0.571` tokens.
///
/// # Source
/// `steplaw2025`.
///
/// # Valid when
/// Dense and mixture models to 1 B parameters and 100 B tokens; other fits find exponents from 0.37 to 0.57.
#[must_use]
pub fn step_law(trained: Tokens) -> Tokens {
    Tokens::new(0.58 * libm::pow(trained.get(), 0.571))
}

/// The batch to take: the geometric mean of two laws, and whether they disagree by more than three.
#[must_use]
pub fn recommended(params: Params, trained: Tokens) -> (Tokens, bool) {
    let (one, other) = (step_law(trained).get(), deepseek(Flops::new(6.0 * params.get() * trained.get())).get());
    let ratio = one / other;
    (Tokens::new(libm::sqrt(one * other)), !(1.0 / 3.0..=3.0).contains(&ratio))
}

/// What tokens in a large batch are worth, as a share of what they are worth in the best one.
///
/// # Formula
/// `(1 + B_best/B_c) / (1 + B/B_c)` for `B > B_best`, else 1.
///
/// # Source
/// The hyperbola of [`steps`], read as examples: `E = E_min·(1 + B/B_c)`.
///
/// # Valid when
/// The learning rate follows the batch. Below the best batch nothing is gained or lost in this form.
#[must_use]
pub fn tokens_worth(batch: Tokens, best: Tokens, critical: Tokens) -> Share {
    if batch <= best {
        return Share::ONE;
    }
    Share::new((1.0 + (best / critical).get()) / (1.0 + (batch / critical).get()))
}

/// Steps that a batch which grows during training saves against its first size.
///
/// # Formula
/// `1 − Σ tokensᵢ/batchᵢ / (tokens/batch₁)`.
///
/// # Source
/// `merrill2025`, table 1: 43 % at equal loss.
///
/// # Valid when
/// Each batch stays below the critical one of its stretch.
#[must_use]
pub fn steps_saved(stretches: &[(Tokens, Tokens)]) -> Share {
    let Some((_, first)) = stretches.first() else { return Share::ZERO };
    let steps: f64 = stretches.iter().map(|(tokens, batch)| (*tokens / *batch).get()).sum();
    let all: f64 = stretches.iter().map(|(tokens, _)| tokens.get()).sum();
    Share::new(1.0 - steps / (all / first.get()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_the_critical_batch_twice_the_steps() {
        let critical = Tokens::new(1e6);
        assert_eq!(steps(Share::new(1e4), Tokens::new(1e10), critical), Share::new(2e4));
    }

    #[test]
    fn only_large_batches_waste_tokens() {
        let (best, critical) = (Tokens::new(1e6), Tokens::new(4e6));
        assert_eq!(tokens_worth(Tokens::new(5e5), best, critical), Share::ONE);
        let worth = |batch: f64| tokens_worth(Tokens::new(batch), best, critical).get();
        assert!((worth(4e6) - 1.25 / 2.0).abs() < 1e-12);
        assert!(worth(8e6) < worth(4e6) && worth(4e6) < worth(2e6));
    }

    #[test]
    fn the_critical_batch_grows_and_ends() {
        assert!(critical(Tokens::new(1e9)) < critical(Tokens::new(1e11)));
        assert_eq!(critical(Tokens::new(1e14)).get(), 16_777_216.0);
    }
}

//! Starting from a trained model: how many tokens that is worth, and what adapters can hold.
//!
//! Does not know: any law for instruction tuning or its benchmarks; there is none. What stands here gives an index of the
//! loss on the new text, good for comparing, wide in itself.

use crate::units::{Params, Share, Tokens};

/// How a base model's text and the new one are related: `k`, `α`, `β` of [`transferred`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Kinship {
    /// Scale, in characters.
    pub scale: Share,
    /// Exponent of the tokens to fine-tune on.
    pub data: Share,
    /// Exponent of the size.
    pub size: Share,
}

/// English text to Python code: far.
pub const FAR: Kinship = Kinship { scale: Share::new(1.9e4), data: Share::new(0.18), size: Share::new(0.38) };
/// Text and code to Python code: near.
pub const NEAR: Kinship = Kinship { scale: Share::new(2.1e5), data: Share::new(0.096), size: Share::new(0.38) };

impl Kinship {
    /// Between far (0) and near (1).
    #[must_use]
    pub fn of(closeness: Share) -> Self {
        let c = closeness.get().clamp(0.0, 1.0);
        let between = |far: f64, near: f64| far + (near - far) * c;
        Self {
            scale: Share::new(libm::exp(between(libm::log(FAR.scale.get()), libm::log(NEAR.scale.get())))),
            data: Share::new(between(FAR.data.get(), NEAR.data.get())),
            size: FAR.size,
        }
    }
}

/// Characters of the new text that a trained start is worth.
///
/// # Formula
/// `D_T = k·D_F^α·N^β`, in characters, parameters without embeddings.
///
/// # Source
/// `hernandez2021`, equation 1.1, table 1.
///
/// # Valid when
/// The new text is at most a tenth of what training from scratch would need; much of it and a small model can end worse
/// than from scratch.
#[must_use]
pub fn transferred(kin: Kinship, characters: Share, params: Params) -> Share {
    let worth = libm::pow(characters.get(), kin.data.get()) * libm::pow(params.get(), kin.size.get());
    Share::new(kin.scale.get() * worth)
}

/// Characters of a token of English.
pub const CHARACTERS: f64 = 4.5;
/// Bits that a trained parameter holds.
const HELD: f64 = 2.0;
/// Bits there are to learn in a token of instruction data.
const TAUGHT: f64 = 1.0;
/// What a token beyond the capacity still teaches.
const BEYOND: f64 = 0.3;

/// How full the trained parameters are after so many distinct tokens: above 1, adapters fall behind full training.
///
/// # Formula
/// `tokens · 1 bit / (trained parameters · 2 bit)`.
///
/// # Source
/// `schulman2025`: adapters match full training while the data fit; `biderman2024`: they lag on ten billion tokens.
///
/// # Valid when
/// As a rule of thumb, to a factor of four.
#[must_use]
pub fn fullness(distinct: Tokens, trained: Params) -> Share {
    Share::new(distinct.get() * TAUGHT / (trained.get().max(1.0) * HELD))
}

/// Share of the tokens' worth that trained parameters of this fullness take up.
///
/// # Formula
/// `1` up to fullness 1, then `(1 + 0.3·(f − 1))/f`.
///
/// # Source
/// Assumed: beyond its capacity an adapter still averages over what it sees.
///
/// # Valid when
/// As [`fullness`].
#[must_use]
pub fn taken_up(fullness: Share) -> Share {
    let f = fullness.get();
    if f <= 1.0 { Share::ONE } else { Share::new((1.0 + BEYOND * (f - 1.0)) / f) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worked_transfer() {
        let worth = transferred(FAR, Share::new(3e5), Params::new(4e7)).get();
        assert!((worth / 142_369_914.265 - 1.0).abs() < 1e-9, "{worth}");
    }

    #[test]
    fn a_closer_start_is_worth_more() {
        let worth = |c: f64| transferred(Kinship::of(Share::new(c)), Share::new(1e8), Params::new(8e9)).get();
        assert!(worth(0.0) < worth(0.5) && worth(0.5) < worth(1.0));
        assert!((worth(0.0) / transferred(FAR, Share::new(1e8), Params::new(8e9)).get() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn small_adapters_fill_up() {
        let rank_16 = Params::new(42e6);
        assert!(fullness(Tokens::new(6e6), rank_16).get() < 0.1);
        assert!(taken_up(fullness(Tokens::new(1e10), rank_16)).get() < 0.5);
    }
}

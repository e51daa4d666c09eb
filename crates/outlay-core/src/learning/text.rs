//! Text as data: tokens in bytes, quality as tokens, what padding and packing leave.
//!
//! Does not know: languages and tokenizers (tables of the catalog); a real data set (measured by those who can read one).

use crate::units::{Bytes, BytesPerSec, Nats, Share, Tokens};

/// Tokens in so many bytes of text.
#[must_use]
pub fn tokens(bytes: Bytes, per_byte: Share) -> Tokens {
    Tokens::new(bytes.get() * per_byte.get())
}

/// Bits a byte of a loss, which compares models with different tokenizers.
///
/// # Formula
/// `nats · tokens per byte / ln 2`.
///
/// # Source
/// Definition.
///
/// # Valid when
/// Both factors are of the same text.
#[must_use]
pub fn bits_per_byte(loss: Nats, per_byte: Share) -> Share {
    Share::new(loss.get() * per_byte.get() / core::f64::consts::LN_2)
}

/// What a loader must read while training runs.
///
/// # Formula
/// `tokens/s · bytes a token`: 2 to 4 tokenised, 5 to 6 as text.
///
/// # Source
/// Definition.
///
/// # Valid when
/// Nothing is cached.
#[must_use]
pub fn reading(tokens_per_second: Share, bytes_each: Bytes) -> BytesPerSec {
    BytesPerSec::new(tokens_per_second.get() * bytes_each.get())
}

/// Share of a padded batch that carries data.
///
/// # Formula
/// `Σ length / (n · longest)`.
///
/// # Source
/// Definition.
///
/// # Valid when
/// The batch is padded to its longest sample.
#[must_use]
pub fn padding_efficiency(lengths: &[u64]) -> Share {
    let longest = lengths.iter().copied().max().unwrap_or(0);
    if longest == 0 {
        return Share::ONE;
    }
    Share::new(lengths.iter().sum::<u64>() as f64 / (longest * lengths.len() as u64) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_and_bits() {
        assert_eq!(padding_efficiency(&[100, 400, 900, 2000]), Share::new(0.425));
        assert_eq!(padding_efficiency(&[]), Share::ONE);
        assert!((bits_per_byte(Nats::new(2.0), Share::new(0.22)).get() - 0.6348).abs() < 1e-4);
        assert_eq!(tokens(Bytes::new(1000.0), Share::new(0.2)), Tokens::new(200.0));
        assert_eq!(reading(Share::new(515_636.0), Bytes::new(4.0)), BytesPerSec::new(2_062_544.0));
    }
}

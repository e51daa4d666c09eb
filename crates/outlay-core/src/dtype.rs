//! Number formats and their widths.

use crate::units::{Bytes, Share};

/// A number format that a tensor is stored or multiplied in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dtype {
    /// IEEE single precision.
    Fp32,
    /// Stored as fp32, multiplied with 10 mantissa bits on tensor cores.
    Tf32,
    /// bfloat16.
    Bf16,
    /// IEEE half precision.
    Fp16,
    /// 8-bit float with one scale for a tensor (e4m3 / e5m2).
    Fp8,
    /// 8-bit float with one scale for each row of what is multiplied.
    Fp8Row,
    /// 8-bit float with one scale for each 32 elements (OCP MX).
    MxFp8,
    /// 4-bit float with block scales (NVFP4 / MXFP4).
    Fp4,
    /// 8-bit integer.
    Int8,
    /// 4-bit NormalFloat, blocks of 64, one fp32 scale each.
    Nf4,
    /// NF4 whose scales are themselves quantised (8 bit, blocks of 256).
    Nf4Double,
}

impl Dtype {
    /// As job files and tables write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fp32 => "fp32",
            Self::Tf32 => "tf32",
            Self::Bf16 => "bf16",
            Self::Fp16 => "fp16",
            Self::Fp8 => "fp8",
            Self::Fp8Row => "fp8-rowwise",
            Self::MxFp8 => "mxfp8",
            Self::Fp4 => "nvfp4",
            Self::Int8 => "int8",
            Self::Nf4 | Self::Nf4Double => "nf4",
        }
    }

    /// Largest value of the 8-bit float with four exponent bits.
    pub const E4M3_MAX: Share = Share::new(448.0);
    /// Largest value of the 8-bit float with five exponent bits.
    pub const E5M2_MAX: Share = Share::new(57_344.0);

    /// Largest finite value; `None` for formats that are scaled block by block.
    #[must_use]
    pub const fn largest(self) -> Option<Share> {
        match self {
            Self::Fp32 | Self::Tf32 => Some(Share::new(f32::MAX as f64)),
            Self::Bf16 => Some(Share::new(3.389_531_389_251_535_5e38)),
            Self::Fp16 => Some(Share::new(65_504.0)),
            _ => None,
        }
    }

    /// Distance from one to the next larger value; `None` for formats that are scaled block by block.
    #[must_use]
    pub const fn epsilon(self) -> Option<Share> {
        match self {
            Self::Fp32 => Some(Share::new(f32::EPSILON as f64)),
            Self::Tf32 | Self::Fp16 => Some(Share::new(1.0 / 1024.0)),
            Self::Bf16 => Some(Share::new(1.0 / 128.0)),
            _ => None,
        }
    }

    /// Storage of one element, scales included.
    ///
    /// # Formula
    /// NF4: `1/2 + 4/64`; with double quantisation `1/2 + 1/64 + 4/(64·256)`.
    ///
    /// # Source
    /// `dettmers2023` (QLoRA), section 3.
    ///
    /// # Valid when
    /// Tensors much larger than one block of 64 elements.
    #[must_use]
    pub const fn bytes_each(self) -> Share {
        Share::new(match self {
            Self::Fp32 | Self::Tf32 => 4.0,
            Self::Bf16 | Self::Fp16 => 2.0,
            Self::Fp8 | Self::Fp8Row | Self::Int8 => 1.0,
            Self::MxFp8 => 1.0 + 1.0 / 32.0,
            Self::Fp4 => 0.5 + 1.0 / 16.0,
            Self::Nf4 => 0.5 + 4.0 / 64.0,
            Self::Nf4Double => 0.5 + 1.0 / 64.0 + 4.0 / (64.0 * 256.0),
        })
    }

    /// Narrower than 16 bit.
    #[must_use]
    pub fn is_narrow(self) -> bool {
        self.bytes_each().get() < 2.0
    }

    /// Storage of `elements` numbers.
    #[must_use]
    pub fn bytes(self, elements: u64) -> Bytes {
        Bytes::count(elements) * self.bytes_each()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nf4_widths_are_the_published_ones() {
        assert_eq!(Dtype::Nf4.bytes_each().get(), 0.5625);
        assert_eq!(Dtype::Nf4Double.bytes_each().get(), 0.515_869_140_625);
    }
}

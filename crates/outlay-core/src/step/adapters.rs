//! What low-rank adapters cost beside their few FLOPs: the memory they move and the kernels they launch.
//!
//! Written out as `peft` and its kin run them, `base(x) + B(A(x)) · scale`: every operator reads what it takes and writes what it
//! makes. The products are thin, so that their long sides decide. The price: libraries with kernels of their own for the whole of it
//! are predicted too slow by what those save.
//!
//! Does not know: adapters on stacked experts; the products of a magnitude (DoRA).

use crate::scenario::recipe::{Lora, Recipe};

/// How an adapter's formats meet those of the activations.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Formats {
    /// Both are 16 bit.
    Narrow,
    /// The input is cast up to the adapter's fp32, and autocast casts it back before the product.
    Recast,
    /// All is done in fp32.
    Wide,
}

/// How adapters are run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Adapters {
    formats: Formats,
    /// A compiler fuses what stands between the products.
    fused: bool,
    dropout: bool,
    dora: bool,
}

impl Adapters {
    pub(super) fn of(recipe: &Recipe, lora: &Lora) -> Self {
        let wide = lora.adapter.bytes_each() > recipe.precision.activations().bytes_each();
        let formats = match (wide, recipe.precision.autocast) {
            (false, _) => Formats::Narrow,
            (true, true) => Formats::Recast,
            (true, false) => Formats::Wide,
        };
        Self { formats, fused: recipe.stack.compiled, dropout: lora.dropout, dora: lora.dora }
    }

    /// Bytes that the adapter on a projection of these widths moves for a token, forward and backward.
    ///
    /// # Formula
    /// `input · a + output · b` for each direction. Of the input: the cast up (6) and back (6) where the adapter is fp32 under
    /// autocast, the read by `A` (2, 4 in fp32), dropout. Of the output: what `B` writes (2), the scaling (4), the sum with the
    /// base's output (6); one pass less where a compiler fuses the two. Backward the same passes of the gradients, the products for
    /// the weights' gradients, and the sum into the input's gradient.
    ///
    /// # Source
    /// Counting of reads and writes of `peft` 0.21's `Linear.forward` and its gradients; formats by the rules of `torch.autocast`.
    ///
    /// # Valid when
    /// The rank is small beside the widths it lies between.
    pub(super) fn moved(self, input: u64, output: u64) -> (f64, f64) {
        let (element, of_input, of_output) = match (self.formats, self.fused) {
            (Formats::Narrow, false) => (2.0, (2.0, 10.0), (12.0, 8.0)),
            (Formats::Recast, false) => (4.0, (14.0, 22.0), (12.0, 8.0)),
            // A compiler leaves out casts there and back.
            (Formats::Narrow | Formats::Recast, true) => (2.0, (2.0, 10.0), (8.0, 6.0)),
            (Formats::Wide, false) => (4.0, (10.0, 20.0), (28.0, 22.0)),
            (Formats::Wide, true) => (4.0, (8.0, 14.0), (12.0, 12.0)),
        };
        // Reads and writes the input, and a mask of one byte.
        let dropped = if self.dropout { 2.0 * element + 1.0 } else { 0.0 };
        let (wide, long) = (input as f64, output as f64);
        (wide * (of_input.0 + dropped) + long * of_output.0, wide * (of_input.1 + dropped) + long * of_output.1)
    }

    /// Kernels that the adapter on a projection launches, forward and backward.
    pub(super) fn launches(self) -> (u64, u64) {
        let dropout = u64::from(self.dropout);
        // The input there and back, and both matrices.
        let casts = match self.formats {
            _ if self.fused => 0,
            Formats::Narrow => 0,
            Formats::Recast => 4,
            Formats::Wide => 2,
        };
        // Two products, the scaling, the sum; backward two products each, the scaling, the sum.
        let base = if self.fused { (3, 5) } else { (4, 6) };
        let magnitude = if self.dora { (6, 8) } else { (0, 0) };
        (base.0 + casts + dropout + magnitude.0, base.1 + casts + dropout + magnitude.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The query projection of an 8-billion Llama: 26 and 30 bytes an element with fp32 adapters under autocast, 14 and 18 with
    /// bf16 ones.
    #[test]
    fn a_square_projection_of_llama() {
        let peft = Adapters { formats: Formats::Recast, fused: false, dropout: false, dora: false };
        assert_eq!(peft.moved(4096, 4096), (106_496.0, 122_880.0));
        assert_eq!(peft.launches(), (8, 10));
        let narrow = Adapters { formats: Formats::Narrow, ..peft };
        assert_eq!(narrow.moved(4096, 4096), (57_344.0, 73_728.0));
        assert_eq!(narrow.launches(), (4, 6));
    }

    #[test]
    fn a_compiler_never_moves_more_and_dropout_never_less() {
        for formats in [Formats::Narrow, Formats::Recast, Formats::Wide] {
            let plain = Adapters { formats, fused: false, dropout: false, dora: false };
            let (fused, dropped) = (Adapters { fused: true, ..plain }, Adapters { dropout: true, ..plain });
            let all = [plain, fused, dropped].map(|adapters| adapters.moved(4096, 14_336));
            assert!(all[1].0 < all[0].0 && all[1].1 < all[0].1 && all[2].0 > all[0].0 && all[2].1 > all[0].1);
            assert!(fused.launches().0 < plain.launches().0 && dropped.launches().0 > plain.launches().0);
        }
    }
}

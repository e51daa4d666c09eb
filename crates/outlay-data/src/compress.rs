//! How far the text compresses: what it would take on a disk or a wire.
//!
//! Some of each batch is put aside until sixteen megabytes are; from then on every other piece is dropped and only every
//! second batch gives one, so that the pieces stay spread over the set. They are compressed together, at zstd's usual level.
//!
//! Does not know: file formats, which add or save a little of their own.

use std::io::Write as _;

/// Text that is put aside of a batch.
pub(crate) const PIECE: usize = 256 << 10;
/// Text that is put aside at once.
const POOL_MAX: usize = 16 << 20;
const LEVEL: i32 = 3;

/// Text put aside.
#[derive(Debug)]
pub(crate) struct Pool {
    pieces: Vec<Vec<u8>>,
    every: u64,
    batches: u64,
}

impl Default for Pool {
    fn default() -> Self {
        Self { pieces: Vec::new(), every: 1, batches: 0 }
    }
}

impl Pool {
    /// Whether the next batch should give a piece.
    pub(crate) fn wants(&self) -> bool {
        self.batches.is_multiple_of(self.every)
    }

    /// The piece of a batch, empty if none was wanted.
    pub(crate) fn add(&mut self, piece: Vec<u8>) {
        self.batches += 1;
        if !piece.is_empty() {
            self.pieces.push(piece);
        }
        if self.pieces.iter().map(Vec::len).sum::<usize>() > POOL_MAX {
            let mut place = 0;
            self.pieces.retain(|_| {
                place += 1;
                place % 2 == 1
            });
            self.every *= 2;
        }
    }

    /// Compressed size over raw size.
    pub(crate) fn share(&self) -> Option<f64> {
        let raw: usize = self.pieces.iter().map(Vec::len).sum();
        let mut encoder = zstd::Encoder::new(Vec::new(), LEVEL).ok()?;
        for piece in &self.pieces {
            encoder.write_all(piece).ok()?;
        }
        let packed = encoder.finish().ok()?;
        (raw > 0).then(|| packed.len() as f64 / raw as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::{POOL_MAX, Pool};

    #[test]
    fn repetition_compresses_and_the_pool_stays_small() {
        let mut pool = Pool::default();
        assert_eq!(pool.share(), None);
        for _ in 0..1000 {
            let piece = if pool.wants() { b"all work and no play ".repeat(10_000) } else { Vec::new() };
            pool.add(piece);
            assert!(pool.pieces.iter().map(Vec::len).sum::<usize>() <= POOL_MAX);
        }
        assert!(pool.pieces.len() > 30 && pool.share().is_some_and(|share| share < 0.01));
    }
}

//! Matrix products: a roofline over compute and memory, with tiles and waves.

use super::calibration::Common;
use crate::scenario::cluster::Accelerator;
use crate::units::{Bytes, Flops, FlopsPerSec, Seconds, Share};

/// Inner length at which half of the steady rate is reached, before calibration.
const HALF_DEPTH: f64 = 256.0;
/// Output tiles tried, rows × columns; the best counts.
const TILES: [(f64, f64); 3] = [(256.0, 128.0), (128.0, 128.0), (128.0, 64.0)];
/// What a narrower tile costs beside the widest: operands are read more often.
const NARROW: [f64; 3] = [1.0, 0.95, 0.85];

/// Share of the processors' time that tiles of an `m × n` output fill.
///
/// # Formula
/// `m·n / (⌈⌈m/t⌉·⌈n/u⌉ / units⌉ · units · t·u)`.
///
/// # Source
/// Wave quantisation, `nvidia-matmul-guide`.
///
/// # Valid when
/// One tile a processor at a time; no split along the inner dimension.
#[must_use]
pub fn wave_efficiency(m: u64, n: u64, tile: (u64, u64), units: u64) -> Share {
    let (t, u) = (tile.0.max(1), tile.1.max(1));
    let tiles = m.div_ceil(t) * n.div_ceil(u);
    let waves = tiles.div_ceil(units.max(1)).max(1);
    Share::new((m * n) as f64 / (waves * units.max(1) * t * u) as f64)
}

/// Arithmetic intensity of a matrix product.
#[must_use]
pub fn intensity(m: u64, n: u64, k: u64, bytes_each: Share) -> Share {
    let moved = (m * k + k * n + m * n) as f64 * bytes_each.get();
    Share::new(2.0 * m as f64 * n as f64 * k as f64 / moved)
}

/// Time of a matrix product at the roofline of printed figures.
#[must_use]
pub fn roofline(m: u64, n: u64, k: u64, part: &Accelerator, peak: FlopsPerSec) -> Seconds {
    let compute = Flops::new(2.0 * m as f64 * n as f64 * k as f64) / peak;
    let memory = Bytes::new(2.0 * (m * k + k * n + m * n) as f64) / part.memory_bandwidth;
    compute.max(memory)
}

/// A device as far as matrix products go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Device {
    /// FLOP/s that large products reach in the compute format.
    pub(super) rate: f64,
    /// Bytes/s that streaming reaches.
    pub(super) bandwidth: f64,
    /// Processors that tiles are spread over; 0: unknown, no quantisation.
    pub(super) units: f64,
    /// Sides of products want to be multiples of this.
    pub(super) grain: f64,
    /// Constants of mechanisms.
    pub(super) common: Common,
}

impl Device {
    /// Seconds of `count` products of one shape run together.
    pub(super) fn products(&self, count: f64, m: f64, n: f64, k: f64) -> f64 {
        self.products_into(count, m, n, k, 2.0)
    }

    /// The same where so many bytes move for each element that comes out.
    pub(super) fn products_into(&self, count: f64, m: f64, n: f64, k: f64, out: f64) -> f64 {
        if count <= 0.0 || m <= 0.0 || n <= 0.0 || k <= 0.0 {
            return 0.0;
        }
        let flops = 2.0 * m * n * k * count;
        let filled = if self.units > 0.0 { libm::pow(self.filled(count, m, n), self.common.tiles.get()) } else { 1.0 };
        let off = |side: f64| libm::fmod(side, self.grain) != 0.0;
        let aligned = if off(n) || off(k) { self.common.misaligned.get() } else { 1.0 };
        let deep = k / (k + HALF_DEPTH * self.common.depth.get());
        let compute = flops / (self.rate * filled * aligned * deep);
        let memory = count * (2.0 * (m * k + k * n) + out * m * n) / self.bandwidth;
        if compute > memory { compute } else { memory }
    }

    fn filled(&self, count: f64, m: f64, n: f64) -> f64 {
        let mut best = 0.0;
        for ((t, u), narrow) in TILES.iter().zip(NARROW) {
            let tiles = count * libm::ceil(m / t) * libm::ceil(n / u);
            // A stream of tiles evens out over a few waves: only the last one is quantised.
            let waves = libm::ceil(tiles / self.units);
            let share = narrow * (count * m * n) / (waves * self.units * t * u);
            if share > best {
                best = share;
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worked_waves() {
        assert!((wave_efficiency(2304, 4096, (256, 128), 108).get() - 0.888_888_888_888_888_8).abs() < 1e-12);
        assert!((wave_efficiency(4096, 4096, (256, 128), 132).get() - 0.969_696_969_696_969_6).abs() < 1e-12);
    }
}

//! Does it fit: the footprint against a capacity, with what the allocator adds beyond live tensors.
//!
//! The allocator's reserve is a lognormal factor on live bytes. It is one-sided and wide, because it depends on the order of
//! allocations, which nothing here simulates.
//!
//! Does not know: other programs on the device.

use super::Footprint;
use crate::units::{Bytes, Share};

/// Median of reserved over live bytes on one device, and where ranks exchange tensors: what another stream still reads cannot be
/// given out again at once.
pub(super) const RESERVE_MEDIAN: (f64, f64) = (1.06, 1.12);
/// Spread of its logarithm, together with the spread of the live bytes themselves: four in five of the peaks that runs on
/// real devices report lie between 0.77 and 1.24 of the forecast (`docs/accuracy.md`), a part of it slips of the reports.
const RESERVE_SPREAD: f64 = 0.12;

/// Probability that the footprint fits into `capacity`.
///
/// # Formula
/// `Φ((ln((capacity − context)/live) − ln r) / 0.12)`, with `r` the median of reserved over live bytes: 1.06 on one device, 1.12
/// on several.
///
/// # Source
/// Ratios of reserved to allocated memory reported by PyTorch programs, 1.02–1.15, and published peaks; assumed lognormal.
///
/// # Valid when
/// The program uses a caching allocator and sequences of one length.
#[must_use]
pub fn fits(footprint: &Footprint, capacity: Bytes) -> Share {
    let live = footprint.live().get();
    let room = capacity.get() - footprint.context.get();
    if room <= 0.0 {
        return Share::ZERO;
    }
    if live <= 0.0 {
        return Share::ONE;
    }
    let median = 1.0 + footprint.fragmentation.get() / live;
    let z = libm::log(room / live / median) / RESERVE_SPREAD;
    Share::new(0.5 * libm::erfc(-z / core::f64::consts::SQRT_2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_reserve_fits_half_of_the_time() {
        let footprint = Footprint {
            weights: Bytes::gib(10.0),
            context: Bytes::gib(1.0),
            fragmentation: Bytes::gib(0.6),
            ..Footprint::default()
        };
        assert!((fits(&footprint, Bytes::gib(11.6)).get() - 0.5).abs() < 1e-9);
        assert!(fits(&footprint, Bytes::gib(17.0)).get() > 0.999);
        // Φ(ln(9 / 10.6) / 0.12) = Φ(−1.3636).
        assert!((fits(&footprint, Bytes::gib(10.0)).get() - 0.0864).abs() < 1e-3);
        assert_eq!(fits(&footprint, Bytes::gib(0.5)), Share::ZERO);
    }
}

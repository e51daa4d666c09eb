//! Efficiency factors fitted to evidence, handed in from the catalog's `calibration.toml`.

use alloc::string::String;
use alloc::vec::Vec;

use crate::units::Share;

/// Everything fitted.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Calibration {
    /// By accelerator architecture.
    pub hardware: Vec<HardwareFactor>,
}

/// Factors of one accelerator architecture.
#[derive(Debug, Clone, PartialEq)]
pub struct HardwareFactor {
    /// Architecture (`hopper`, …).
    pub architecture: String,
    /// Share of the printed dense peak that large matrix products reach.
    pub gemm: Share,
}

//! Efficiency factors fitted to evidence, handed in from the catalog's `calibration.toml`.
//!
//! Each belongs to a generation of accelerators or to a training program, none to a model or a row.

use alloc::string::String;
use alloc::vec::Vec;

use crate::units::{Seconds, Share};

/// Everything fitted.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Calibration {
    /// By accelerator architecture.
    pub hardware: Vec<HardwareFactor>,
    /// By training program.
    pub stacks: Vec<StackFactor>,
}

/// Shares of the printed figures that one generation reaches.
#[derive(Debug, Clone, PartialEq)]
pub struct HardwareFactor {
    /// Architecture (`hopper`, …).
    pub architecture: String,
    /// Of the dense peak, by large matrix products.
    pub gemm: Share,
    /// Of the dense peak, by the forward pass of the best attention kernel.
    pub attention: Share,
    /// Of the memory bandwidth, by streaming operators.
    pub memory: Share,
    /// Residual factor on the time of a step.
    pub residual: Share,
}

/// Residual factor of a training program on the time of a step: what its mechanisms leave out.
#[derive(Debug, Clone, PartialEq)]
pub struct StackFactor {
    /// Key of the stacks' table.
    pub stack: String,
    /// Factor on the time of a step.
    pub residual: Share,
}

/// Time of one kernel launch from an eager program.
pub const LAUNCH: Seconds = Seconds::micros(5.0);

/// What a generation reaches that nobody has measured.
const UNKNOWN: (f64, f64, f64, f64) = (0.70, 0.45, 0.80, 1.0);

/// Shares of one generation, ready for arithmetic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reached {
    /// Of the dense peak, by matrix products.
    pub gemm: Share,
    /// Of the dense peak, by attention.
    pub attention: Share,
    /// Of the memory bandwidth.
    pub memory: Share,
    /// Factor on the time of a step, hardware and program together.
    pub residual: Share,
}

impl Calibration {
    /// What a program reaches on a generation; the unknown's habit where there is none.
    #[must_use]
    pub fn reached(&self, architecture: &str, stack: &str) -> Reached {
        let stack = self.stacks.iter().find(|s| s.stack == stack).map_or(Share::ONE, |s| s.residual);
        let known = self.hardware.iter().find(|h| h.architecture == architecture);
        let (gemm, attention, memory, residual) = known.map_or(
            (Share::new(UNKNOWN.0), Share::new(UNKNOWN.1), Share::new(UNKNOWN.2), Share::new(UNKNOWN.3)),
            |h| (h.gemm, h.attention, h.memory, h.residual),
        );
        Reached { gemm, attention, memory, residual: residual * stack }
    }
}

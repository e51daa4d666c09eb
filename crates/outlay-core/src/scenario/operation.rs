//! How the run is kept going: start-up, failures, checkpoints, power.
//!
//! Assumptions about the world that are not the offer's and not the recipe's; the door fills them from its defaults
//! and the catalog's table of failures, and notes each.

use crate::units::{BytesPerSec, Seconds, Share, UsdPerKwh};

/// How the run is kept going.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Operation {
    /// From the first paid second to the first step: machine, image, weights, compilation.
    pub startup: Seconds,
    /// From a failure to the first step again, lost work not counted.
    pub restart: Seconds,
    /// Mean time between failures of one machine.
    pub node_mtbf: Seconds,
    /// Mean time between failures that do not depend on size (software, people); `None`: left out.
    pub job_mtbf: Option<Seconds>,
    /// Accelerators from which on `job_mtbf` counts: small jobs are not watched by a crew that breaks them.
    pub job_mtbf_from: u64,
    /// Mean time between preemptions of one spot machine, where the offer does not say.
    pub preemption: Seconds,
    /// How much machines of one zone are preempted together: 0 each alone, 1 all at once.
    pub preemption_together: Share,
    /// Wait for another spot machine after a preemption; not paid.
    pub spot_wait: Seconds,
    /// When the state is saved.
    pub checkpoint: Checkpoint,
    /// What one machine writes to lasting storage.
    pub checkpoint_write: BytesPerSec,
    /// The run goes on while a checkpoint is written: only the copy to the host stalls it.
    pub checkpoint_async: bool,
    /// Copy of one accelerator's part to the host.
    pub staging: BytesPerSec,
    /// Checkpoints kept at a time.
    pub checkpoints_kept: u64,
    /// Average draw of an accelerator under training, as a share of its design power.
    pub draw: Share,
    /// Power of the whole server over that of its accelerators.
    pub server_power: Share,
    /// Power of the building over that of its servers.
    pub pue: Share,
    /// Price of electricity, for owned machines.
    pub electricity: Option<UsdPerKwh>,
    /// What one machine draws in from afar, for data that lie elsewhere.
    pub fetch: BytesPerSec,
}

/// When the state is saved.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Checkpoint {
    /// At the interval that loses least time.
    Auto,
    /// Only at the end.
    Never,
    /// At this interval.
    Every(Seconds),
}

//! The split of a job over accelerators: widths of each kind of parallelism, sharding, micro-batch, recomputation.
//!
//! Plain data. Does not know: which layouts are legal or worth trying ([`crate::plan`]), whether one fits
//! ([`crate::memory`]), how fast it is ([`crate::step`]).

use crate::units::Share;

/// How the model and the batch are split.
///
/// `dp · tp · pp · cp` accelerators; expert parallelism re-uses data-, context- and tensor-parallel ranks and must divide
/// `dp · cp · tp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Layout {
    /// Data-parallel replicas (FSDP ranks included).
    pub dp: u64,
    /// Tensor-parallel width.
    pub tp: u64,
    /// Pipeline stages.
    pub pp: u64,
    /// Virtual stages per pipeline rank (1: not interleaved).
    pub vpp: u64,
    /// Layers of a full pipeline stage; the last has what is left. 0: as few as it takes.
    pub stage_layers: u64,
    /// Context-parallel width.
    pub cp: u64,
    /// Expert-parallel width.
    pub ep: u64,
    /// What is sharded over data-parallel ranks.
    pub zero: Zero,
    /// Data-parallel ranks that share one sharded copy: `dp`, or less for hybrid sharding.
    pub shard: u64,
    /// Norm and residual regions are split along the sequence over tensor-parallel ranks.
    pub sequence_parallel: bool,
    /// Sequences of one forward pass on one replica.
    pub micro_batch: u64,
    /// Micro-batches of one optimizer step on one replica.
    pub accumulation: u64,
    /// Order of work on the pipeline.
    pub schedule: Schedule,
    /// What is computed again in the backward pass.
    pub recompute: Recompute,
    /// What lives in host memory.
    pub offload: Offload,
}

impl Layout {
    /// One accelerator, nothing split.
    #[must_use]
    pub const fn single(micro_batch: u64, accumulation: u64, recompute: Recompute) -> Self {
        Self {
            dp: 1,
            tp: 1,
            pp: 1,
            vpp: 1,
            stage_layers: 0,
            cp: 1,
            ep: 1,
            zero: Zero::None,
            shard: 1,
            sequence_parallel: false,
            micro_batch,
            accumulation,
            schedule: Schedule::OneFOneB,
            recompute,
            offload: Offload::None,
        }
    }

    /// Weights are sharded and gathered layer by layer.
    #[must_use]
    pub const fn gathers(&self) -> bool {
        matches!(self.zero, Zero::Three) && self.shard.saturating_mul(self.cp) > 1
    }

    /// Layers of a full pipeline stage of so many in all.
    #[must_use]
    pub const fn full_stage(&self, depth: u64) -> u64 {
        let stages = if self.pp == 0 { 1 } else { self.pp };
        let least = depth.div_ceil(stages);
        if self.stage_layers > least { self.stage_layers } else { least }
    }

    /// Layers that the full stages leave to the last one.
    #[must_use]
    pub const fn last_stage(&self, depth: u64) -> u64 {
        depth.saturating_sub(self.full_stage(depth).saturating_mul(self.pp.saturating_sub(1)))
    }

    /// Accelerators it needs.
    #[must_use]
    pub const fn accelerators(&self) -> u64 {
        self.dp.saturating_mul(self.tp).saturating_mul(self.pp).saturating_mul(self.cp)
    }
}

/// What is sharded over data-parallel ranks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Zero {
    /// Nothing: every replica holds all (DDP).
    None,
    /// Optimizer state and master weights.
    One,
    /// And gradients.
    Two,
    /// And weights: gathered layer by layer (ZeRO-3, FSDP full shard).
    Three,
}

/// Order of work on the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Schedule {
    /// All forwards, then all backwards.
    GPipe,
    /// One forward, one backward (interleaved when `vpp > 1`).
    OneFOneB,
    /// Weight gradients fill the bubble, memory as 1F1B.
    ZeroBubble,
    /// Both directions at once, two copies of the weights.
    DualPipe,
}

/// What is computed again in the backward pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Recompute {
    /// Nothing.
    None,
    /// Cheap operators: the attention core where it is written out, norms and activations.
    Selective,
    /// Whole layers from their kept input, so many of each eight.
    Layers(u8),
    /// Every layer from its kept input.
    Full,
}

impl Recompute {
    /// Share of the layers that are computed again whole.
    #[must_use]
    pub fn of_layers(self) -> Share {
        Share::new(match self {
            Self::None | Self::Selective => 0.0,
            Self::Layers(eighths) => f64::from(eighths.min(8)) / 8.0,
            Self::Full => 1.0,
        })
    }
}

/// What lives in host memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Offload {
    /// Nothing.
    None,
    /// Optimizer state and master weights; the update runs on the host.
    Optimizer,
    /// And parameters, streamed in layer by layer.
    OptimizerAndParameters,
}

/// The parts of a layout that are fixed by the one who asks; the rest is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pins {
    /// Data-parallel replicas.
    pub dp: Option<u64>,
    /// Tensor-parallel width.
    pub tp: Option<u64>,
    /// Pipeline stages.
    pub pp: Option<u64>,
    /// Virtual stages per pipeline rank.
    pub vpp: Option<u64>,
    /// Layers of a full pipeline stage.
    pub stage_layers: Option<u64>,
    /// Context-parallel width.
    pub cp: Option<u64>,
    /// Expert-parallel width.
    pub ep: Option<u64>,
    /// What is sharded over data-parallel ranks.
    pub zero: Option<Zero>,
    /// Ranks that share one sharded copy.
    pub shard: Option<u64>,
    /// Norm regions split along the sequence.
    pub sequence_parallel: Option<bool>,
    /// Sequences of one forward pass on one replica.
    pub micro_batch: Option<u64>,
    /// Order of work on the pipeline.
    pub schedule: Option<Schedule>,
    /// What is computed again in the backward pass.
    pub recompute: Option<Recompute>,
    /// What lives in host memory.
    pub offload: Option<Offload>,
}

//! The machines: accelerators, nodes and the links within and between them.

use alloc::string::String;

use crate::dtype::Dtype;
use crate::units::{Bytes, BytesPerSec, FlopsPerSec, UsdPerHour, Watts};

/// One accelerator type. Absent figures are unknown, not zero.
#[derive(Debug, Clone, PartialEq)]
pub struct Accelerator {
    /// Its key in the catalog.
    pub id: String,
    /// As people write it.
    pub name: String,
    /// Who makes it.
    pub vendor: Vendor,
    /// Generation (`hopper`, `cdna3`, …): calibration factors hang on it.
    pub architecture: String,
    /// Device memory a program can allocate from, before driver and context.
    pub memory: Bytes,
    /// Memory bandwidth, as printed by the vendor.
    pub memory_bandwidth: BytesPerSec,
    /// Dense peaks by format.
    pub peaks: Peaks,
    /// Multiprocessors / compute units / tensor cores that tiles are spread over.
    pub units: Option<u64>,
    /// Thermal design power.
    pub tdp: Option<Watts>,
    /// Host link, one direction.
    pub host_link: Option<BytesPerSec>,
    /// Street price, for owned machines.
    pub capex_hint: Option<UsdPerHour>,
}

/// Maker of an accelerator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Vendor {
    /// NVIDIA.
    Nvidia,
    /// AMD.
    Amd,
    /// Intel (Gaudi).
    Intel,
    /// Google (TPU).
    Google,
    /// AWS (Trainium).
    Aws,
}

/// Dense matrix peaks; `None` where the part lacks the format.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Peaks {
    /// fp32 outside tensor cores.
    pub fp32: Option<FlopsPerSec>,
    /// TF32 on tensor cores.
    pub tf32: Option<FlopsPerSec>,
    /// fp16 on tensor cores, fp32 accumulation.
    pub fp16: Option<FlopsPerSec>,
    /// bf16 on tensor cores.
    pub bf16: Option<FlopsPerSec>,
    /// fp8.
    pub fp8: Option<FlopsPerSec>,
    /// fp4.
    pub fp4: Option<FlopsPerSec>,
    /// int8, in operations per second.
    pub int8: Option<FlopsPerSec>,
}

impl Peaks {
    /// Dense peak of matrix products in `format`; `None` if the part cannot run it natively.
    #[must_use]
    pub fn of(&self, format: Dtype) -> Option<FlopsPerSec> {
        match format {
            Dtype::Fp32 => self.fp32,
            Dtype::Tf32 => self.tf32.or(self.fp32),
            Dtype::Fp16 => self.fp16,
            Dtype::Bf16 => self.bf16,
            Dtype::Fp8 | Dtype::Fp8Row | Dtype::MxFp8 => self.fp8,
            Dtype::Fp4 => self.fp4,
            Dtype::Int8 => self.int8,
            // Storage formats: multiplied in 16 bit after dequantisation.
            Dtype::Nf4 | Dtype::Nf4Double => self.bf16.or(self.fp16),
        }
    }
}

/// A link between accelerators.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Link {
    /// What it is.
    pub kind: LinkKind,
    /// Bandwidth of one accelerator, one direction, as printed.
    pub bandwidth: BytesPerSec,
}

/// Technology of a link: decides latency, protocol and achievable share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinkKind {
    /// NVLink without a switch (pairs, cubes).
    NvLink,
    /// NVLink through NVSwitch, all to all within the domain.
    NvSwitch,
    /// PCI Express through the host.
    Pcie,
    /// AMD Infinity Fabric.
    InfinityFabric,
    /// Ethernet ports on the accelerator (Gaudi).
    RoceOnChip,
    /// TPU inter-chip interconnect.
    Ici,
    /// AWS NeuronLink.
    NeuronLink,
    /// InfiniBand.
    InfiniBand,
    /// RDMA over Ethernet.
    Roce,
    /// AWS Elastic Fabric Adapter.
    Efa,
    /// Intel Omni-Path.
    OmniPath,
    /// Plain TCP.
    Tcp,
}

impl LinkKind {
    /// Every technology.
    pub const ALL: &[Self] = &[
        Self::NvLink,
        Self::NvSwitch,
        Self::Pcie,
        Self::InfinityFabric,
        Self::RoceOnChip,
        Self::Ici,
        Self::NeuronLink,
        Self::InfiniBand,
        Self::Roce,
        Self::Efa,
        Self::OmniPath,
        Self::Tcp,
    ];

    /// As job files and tables write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NvLink => "nvlink",
            Self::NvSwitch => "nvswitch",
            Self::Pcie => "pcie",
            Self::InfinityFabric => "infinity-fabric",
            Self::RoceOnChip => "roce-on-chip",
            Self::Ici => "ici",
            Self::NeuronLink => "neuronlink",
            Self::InfiniBand => "infiniband",
            Self::Roce => "roce",
            Self::Efa => "efa",
            Self::OmniPath => "omni-path",
            Self::Tcp => "tcp",
        }
    }
}

/// One machine shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its key in the catalog (`aws:p5.48xlarge`, `generic:h100-sxm-8`).
    pub id: String,
    /// Accelerators in it.
    pub accelerators: u64,
    /// Accelerators reached over the fast link: the node, or more for rack-scale domains.
    pub domain: u64,
    /// Link between accelerators of one domain.
    pub intra: Link,
    /// Network of the node, per accelerator, one direction; `None` for machines that cannot be joined.
    pub inter: Option<Link>,
    /// Host memory of the whole node.
    pub host_memory: Option<Bytes>,
    /// Host processors.
    pub vcpus: Option<u64>,
    /// Local disk.
    pub local_disk: Option<Bytes>,
}

/// What a plan runs on: so many nodes of one shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    /// The part.
    pub accelerator: Accelerator,
    /// The machine.
    pub node: Node,
    /// Accelerators used, at most `nodes · node.accelerators`.
    pub accelerators: u64,
}

impl Cluster {
    /// Machines used.
    #[must_use]
    pub fn nodes(&self) -> u64 {
        self.accelerators.div_ceil(self.node.accelerators)
    }
}

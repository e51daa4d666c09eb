//! Accelerators: one table a part in `data/accelerators.toml`, looked up by the names people use.
//!
//! Memory is what the driver shows as total where somebody published it, else the nominal size in GB: the smaller
//! reading, so that a plan does not fit by rounding. Host link rates follow from the PCIe generation.

use outlay_core::scenario::cluster::{Accelerator, Link, LinkKind, Node, Peaks, Vendor};
use outlay_core::units::{Bytes, BytesPerSec, FlopsPerSec, Watts};
use serde::Deserialize;

use crate::error::TableError;
use crate::names::{key, nearest};

/// The table that is compiled in.
pub(crate) const TEXT: &str = include_str!("../data/accelerators.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    accelerator: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    name: String,
    aliases: Vec<String>,
    vendor: String,
    architecture: String,
    year: u16,
    form: String,
    memory_gb: f64,
    memory_mib: Option<f64>,
    bandwidth_gb_s: f64,
    units: Option<u64>,
    tdp_w: Option<f64>,
    fp32_tflops: Option<f64>,
    tf32_tflops: Option<f64>,
    fp16_tflops: Option<f64>,
    bf16_tflops: Option<f64>,
    fp8_tflops: Option<f64>,
    fp4_tflops: Option<f64>,
    int8_tops: Option<f64>,
    link_gb_s_bidirectional: Option<f64>,
    pcie_gen: Option<u32>,
    sources: Vec<String>,
    verified: bool,
}

/// A part with what the table says beyond the mathematics.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// What the mathematics needs.
    pub accelerator: Accelerator,
    /// Memory it is sold with, GB.
    pub nominal_gb: f64,
    /// Other names.
    pub aliases: Vec<String>,
    /// Year of introduction.
    pub year: u16,
    /// Form factor.
    pub form: String,
    /// Fast link of the part itself, one direction; `None`: host link only.
    pub link: Option<BytesPerSec>,
    /// Keys in `sources.toml`.
    pub sources: Vec<String>,
    /// Checked against its source.
    pub verified: bool,
}

impl Part {
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let own = [self.accelerator.id.as_str(), self.accelerator.name.as_str()];
        own.into_iter().chain(self.aliases.iter().map(String::as_str))
    }
}

/// Reads the table.
pub(crate) fn read(text: &str) -> Result<Vec<Part>, Vec<TableError>> {
    let file: File = toml::from_str(text).map_err(|e| vec![TableError::new("accelerators", "-", e.message())])?;
    let mut parts = Vec::new();
    let mut errors = Vec::new();
    for row in file.accelerator {
        match part(row) {
            Ok(part) => parts.push(part),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(parts) } else { Err(errors) }
}

fn part(row: Row) -> Result<Part, TableError> {
    let vendor = match row.vendor.as_str() {
        "nvidia" => Vendor::Nvidia,
        "amd" => Vendor::Amd,
        "intel" => Vendor::Intel,
        "google" => Vendor::Google,
        "aws" => Vendor::Aws,
        other => return Err(TableError::new("accelerators", &row.id, format!("unknown vendor {other}"))),
    };
    let tera = |x: Option<f64>| x.map(FlopsPerSec::tera);
    let memory = row.memory_mib.map_or_else(|| Bytes::gb(row.memory_gb), |mib| Bytes::new(mib * 1_048_576.0));
    Ok(Part {
        accelerator: Accelerator {
            id: row.id,
            name: row.name,
            vendor,
            architecture: row.architecture,
            memory,
            memory_bandwidth: BytesPerSec::gb(row.bandwidth_gb_s),
            peaks: Peaks {
                fp32: tera(row.fp32_tflops),
                tf32: tera(row.tf32_tflops),
                fp16: tera(row.fp16_tflops),
                bf16: tera(row.bf16_tflops),
                fp8: tera(row.fp8_tflops),
                fp4: tera(row.fp4_tflops),
                int8: tera(row.int8_tops),
            },
            units: row.units,
            tdp: row.tdp_w.map(Watts::new),
            host_link: row.pcie_gen.and_then(pcie),
            capex_hint: None,
        },
        nominal_gb: row.memory_gb,
        aliases: row.aliases,
        year: row.year,
        form: row.form,
        link: row.link_gb_s_bidirectional.map(|both| BytesPerSec::gb(both / 2.0)),
        sources: row.sources,
        verified: row.verified,
    })
}

/// One direction of a sixteen-lane host link: 1 GB/s a lane for generation 3, doubling with each.
fn pcie(generation: u32) -> Option<BytesPerSec> {
    (3..=6).contains(&generation).then(|| BytesPerSec::gb(16.0 * f64::from(1u32 << (generation - 3))))
}

/// The part people mean by a name; else the nearest names.
pub(crate) fn find<'a>(parts: &'a [Part], name: &str) -> Result<&'a Part, Vec<String>> {
    let wanted = key(name);
    let exact = |part: &&Part| part.names().any(|each| key(each) == wanted);
    // `4090` for `rtx-4090`: the shortest name that ends so.
    let ends = |part: &&Part| wanted.len() >= 2 && part.names().any(|each| key(each).ends_with(&wanted));
    // `h100-80gb`: a name with its memory written behind it.
    let sized = |part: &&Part| part.names().any(|each| format!("{}{}gb", key(each), part.nominal_gb) == wanted);
    let found = parts
        .iter()
        .find(exact)
        .or_else(|| parts.iter().find(sized))
        .or_else(|| parts.iter().filter(ends).min_by_key(|part| part.accelerator.id.len()));
    found.ok_or_else(|| nearest(name, parts.iter().flat_map(Part::names)))
}

/// The usual machine of so many of a part, for people who own theirs or whose provider's shape nobody wrote down.
///
/// Network: what machines of the generation are sold with; consumer and work-station cards get 25 Gbit/s Ethernet.
pub(crate) fn usual_node(part: &Part, accelerators: u64) -> Node {
    let accelerator = &part.accelerator;
    let board = matches!(part.form.as_str(), "PCIe");
    let host = accelerator.host_link.unwrap_or(BytesPerSec::gb(16.0));
    let (kind, bandwidth) = match (accelerator.vendor, part.link) {
        (Vendor::Nvidia, Some(link)) if !board => {
            let switched = !matches!(accelerator.architecture.as_str(), "pascal" | "volta");
            (if switched { LinkKind::NvSwitch } else { LinkKind::NvLink }, link)
        }
        (Vendor::Amd, Some(link)) if !board => (LinkKind::InfinityFabric, link),
        (Vendor::Intel, Some(link)) => (LinkKind::RoceOnChip, link),
        (Vendor::Google, Some(link)) => (LinkKind::Ici, link),
        (Vendor::Aws, Some(link)) => (LinkKind::NeuronLink, link),
        _ => (LinkKind::Pcie, host),
    };
    // Rack-scale NVLink domains and torus pods reach beyond the node.
    let domain = match (accelerator.vendor, part.form.as_str(), accelerator.architecture.as_str()) {
        (Vendor::Nvidia, "Superchip", "blackwell" | "blackwell-ultra") => 72,
        (Vendor::Google, ..) => 4096,
        _ => accelerators,
    };
    let inter = match (accelerator.vendor, accelerator.architecture.as_str(), board) {
        (_, _, true) => Link { kind: LinkKind::Tcp, bandwidth: BytesPerSec::gb(25.0 / 8.0 / accelerators as f64) },
        (Vendor::Nvidia, "volta" | "pascal", _) => {
            Link { kind: LinkKind::InfiniBand, bandwidth: BytesPerSec::gb(12.5) }
        }
        (Vendor::Nvidia, "ampere", _) => Link { kind: LinkKind::InfiniBand, bandwidth: BytesPerSec::gb(25.0) },
        (Vendor::Nvidia, "blackwell-ultra", _) => {
            Link { kind: LinkKind::InfiniBand, bandwidth: BytesPerSec::gb(100.0) }
        }
        (Vendor::Nvidia, ..) => Link { kind: LinkKind::InfiniBand, bandwidth: BytesPerSec::gb(50.0) },
        (Vendor::Amd, ..) => Link { kind: LinkKind::Roce, bandwidth: BytesPerSec::gb(50.0) },
        (Vendor::Intel, ..) => Link { kind: LinkKind::Roce, bandwidth: BytesPerSec::gb(37.5) },
        (Vendor::Google, ..) => Link { kind: LinkKind::Tcp, bandwidth: BytesPerSec::gb(12.5) },
        (Vendor::Aws, ..) => Link { kind: LinkKind::Efa, bandwidth: BytesPerSec::gb(6.25) },
    };
    Node {
        id: format!("generic:{}-{accelerators}", accelerator.id),
        accelerators,
        domain: domain.max(accelerators),
        intra: Link { kind, bandwidth },
        inter: Some(inter),
        host_memory: None,
        vcpus: None,
        local_disk: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// As price feeds write them.
    #[test]
    fn names_of_feeds_are_known() {
        let catalog = crate::Catalog::built_in();
        for (name, id) in [
            ("A100-80G-PCIe", "a100-80gb-pcie"),
            ("A100-80G-PCIe-NVLink", "a100-80gb-pcie"),
            ("H100-80G-PCIe", "h100-pcie"),
            ("H100-80G-SXM5", "h100-sxm"),
            ("RTX-A6000", "rtx-a6000"),
        ] {
            assert_eq!(catalog.accelerator(name).map(|part| part.id.as_str()), Ok(id), "{name}");
        }
    }

    #[test]
    fn every_part_is_plausible() {
        let parts = read(TEXT).expect("the table is well-formed");
        assert!(parts.len() >= 60, "{}", parts.len());
        let sources = crate::sources::ids();
        let mut seen = BTreeSet::new();
        for part in &parts {
            let a = &part.accelerator;
            assert!(seen.insert(a.id.clone()), "{} twice", a.id);
            let gib = a.memory.to_gib();
            assert!((8.0..600.0).contains(&gib), "{}: {gib} GiB", a.id);
            let peak = a.peaks.bf16.or(a.peaks.fp16).or(a.peaks.fp32);
            if let Some(peak) = peak {
                let ratio = peak.get() / a.memory_bandwidth.get();
                // A sparse figure taken for a dense one, or TB for GB, falls out of this band.
                assert!((5.0..650.0).contains(&ratio), "{}: {ratio} FLOP/byte", a.id);
            }
            assert!((2010..=2027).contains(&part.year), "{}", a.id);
            assert!(!part.sources.is_empty() && part.sources.iter().all(|s| sources.contains(s)), "{}: source", a.id);
        }
    }

    #[test]
    fn people_s_names_are_understood() {
        let parts = read(TEXT).expect("the table is well-formed");
        for (name, id) in [
            ("H100", "h100-sxm"),
            ("h100:80GB", "h100-sxm"),
            ("a100 80gb", "a100-80gb-sxm"),
            ("A100-80GB-SXM", "a100-80gb-sxm"),
            ("4090", "rtx-4090"),
            ("A10G", "a10g"),
            ("l4", "l4"),
            ("MI300X", "mi300x"),
        ] {
            assert_eq!(find(&parts, name).map(|p| p.accelerator.id.as_str()), Ok(id), "{name}");
        }
        assert!(find(&parts, "h1000").is_err_and(|near| near.iter().any(|n| n == "H100")));
    }
}

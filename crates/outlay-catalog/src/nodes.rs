//! Machine shapes of providers, with their links, from `data/nodes.toml`.

use outlay_core::scenario::cluster::{Link, LinkKind, Node};
use outlay_core::units::{Bytes, BytesPerSec};
use serde::Deserialize;

use crate::error::TableError;

/// The table that is compiled in.
pub(crate) const TEXT: &str = include_str!("../data/nodes.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    node: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    accelerator: String,
    accelerators: u64,
    domain: u64,
    link: String,
    link_gb_s_bidirectional: f64,
    network: Option<String>,
    network_gbit: Option<f64>,
    local_disk_tb: Option<f64>,
    host_memory_gb: Option<f64>,
    vcpus: Option<u64>,
    sources: Vec<String>,
    verified: bool,
}

/// A machine shape with what it holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// What the mathematics needs.
    pub node: Node,
    /// Key of its accelerator.
    pub accelerator: String,
    /// Keys in `sources.toml`.
    pub sources: Vec<String>,
    /// Checked against its source.
    pub verified: bool,
}

/// A link technology by its name in tables and job files.
#[must_use]
pub fn link_kind(name: &str) -> Option<LinkKind> {
    LinkKind::ALL.iter().copied().find(|kind| kind.name() == name)
}

/// Names that [`link_kind`] knows.
#[must_use]
pub fn link_kinds() -> Vec<&'static str> {
    LinkKind::ALL.iter().map(|kind| kind.name()).collect()
}

/// Reads the table.
pub(crate) fn read(text: &str) -> Result<Vec<Shape>, Vec<TableError>> {
    let file: File = toml::from_str(text).map_err(|e| vec![TableError::new("nodes", "-", e.message())])?;
    let mut shapes = Vec::new();
    let mut errors = Vec::new();
    for row in file.node {
        match shape(&row) {
            Ok(shape) => shapes.push(shape),
            Err(message) => errors.push(TableError::new("nodes", &row.id, message)),
        }
    }
    if errors.is_empty() { Ok(shapes) } else { Err(errors) }
}

fn shape(row: &Row) -> Result<Shape, String> {
    if row.accelerators == 0 {
        return Err("a machine has at least one accelerator".into());
    }
    let kind = |name: &str| link_kind(name).ok_or_else(|| format!("unknown link {name}"));
    let inter = match (&row.network, row.network_gbit) {
        (Some(network), Some(gbit)) => Some(Link {
            kind: kind(network)?,
            // Printed for the whole machine; each accelerator has its part of it.
            bandwidth: BytesPerSec::gb(gbit / 8.0 / row.accelerators as f64),
        }),
        _ => None,
    };
    let intra = Link { kind: kind(&row.link)?, bandwidth: BytesPerSec::gb(row.link_gb_s_bidirectional / 2.0) };
    Ok(Shape {
        node: Node {
            id: row.id.clone(),
            accelerators: row.accelerators,
            domain: row.domain,
            intra,
            inter,
            host_memory: row.host_memory_gb.map(Bytes::gb),
            vcpus: row.vcpus,
            local_disk: row.local_disk_tb.map(|tb| Bytes::gb(tb * 1000.0)),
        },
        accelerator: row.accelerator.clone(),
        sources: row.sources.clone(),
        verified: row.verified,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_is_plausible() {
        let shapes = read(TEXT).expect("the table is well-formed");
        let sources = crate::sources::ids();
        let parts = crate::accelerators::read(crate::accelerators::TEXT).expect("the table is well-formed");
        let mut ids: Vec<&str> = shapes.iter().map(|s| s.node.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), shapes.len(), "an id stands twice");
        for shape in &shapes {
            let id = &shape.node.id;
            assert!(parts.iter().any(|p| p.accelerator.id == shape.accelerator), "{id}: {}", shape.accelerator);
            assert!(shape.sources.iter().all(|s| sources.contains(s)), "{id}: source");
            assert!((1.0..3000.0).contains(&(shape.node.intra.bandwidth.get() / 1e9)), "{id}: link");
            if let Some(inter) = shape.node.inter {
                assert!((0.05..150.0).contains(&(inter.bandwidth.get() / 1e9)), "{id}: network");
            }
        }
    }

    #[test]
    fn every_name_of_a_link_is_known() {
        assert!(link_kinds().iter().all(|name| link_kind(name).is_some()));
    }
}

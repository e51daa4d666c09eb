//! `own_runs.csv`: runs that a script of this project measured, with every setting known.
//!
//! They are asked for as rows of `throughput.csv` are, with the model's config and the adapters' settings exactly as they ran.
//! No fit sees them.

use outlay::request::{ModelRequest, Request};

use super::library::Library;
use super::memory::{self, MemoryRow};
use super::throughput::{self, ThroughputRow};
use super::words::KnownAccelerator;
use crate::evidence::Evidence;
use crate::table::{Row, Unscorable};

/// The row's speed.
///
/// # Errors
/// Why it cannot be scored.
pub fn read_speed(
    row: &Row<'_>,
    evidence: &Evidence,
    library: &Library,
    known: &[KnownAccelerator],
) -> Result<ThroughputRow, Unscorable> {
    let mut read = throughput::read(row, library, known)?;
    exactly(row, evidence, &mut read.request)?;
    let recomputed = if read.request.train.recompute.as_deref() == Some("full") { ", recomputed" } else { "" };
    read.regime = format!("{}{recomputed}", read.request.method.kind.as_deref().unwrap_or("full"));
    Ok(read)
}

/// The row's peak.
///
/// # Errors
/// Why it cannot be scored.
pub fn read_peak(
    row: &Row<'_>,
    evidence: &Evidence,
    library: &Library,
    known: &[KnownAccelerator],
) -> Result<MemoryRow, Unscorable> {
    let mut read = memory::read_published(row, evidence, library, known)?;
    exactly(row, evidence, &mut read.request)?;
    Ok(read)
}

fn exactly(row: &Row<'_>, evidence: &Evidence, request: &mut Request) -> Result<(), Unscorable> {
    let name = row.text("model_config_name").ok_or_else(|| Unscorable::new("no model named"))?;
    let text = evidence.config(name).ok_or_else(|| Unscorable(format!("no config {name}")))?;
    let config = outlay::catalog::config_json(text).map_err(|_| Unscorable(format!("config {name} is not JSON")))?;
    request.model = ModelRequest { base: Some(name.into()), config: Some(config), ..ModelRequest::default() };
    request.method.targets = row.text("lora_targets").map(memory::targets);
    request.method.dropout = row.number("lora_dropout")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{read_peak, read_speed};
    use crate::evidence::Evidence;
    use crate::rows::library::Library;
    use crate::rows::throughput::Measured;
    use crate::rows::words::KnownAccelerator;
    use crate::table::Table;

    #[test]
    fn a_run_of_ours_asks_for_exactly_its_settings() {
        let evidence = Evidence::committed();
        let text = evidence.own_runs.clone().unwrap_or_default();
        let table = Table::read(&text);
        let library = Library::of(&evidence);
        let known = [KnownAccelerator { id: "h100-sxm".into(), names: Vec::new(), memory_gib: 80.0 }];
        let row = table.rows().find(|row| row.id() == "own-016").unwrap();
        let speed = read_speed(&row, &evidence, &library, &known).unwrap();
        assert!(matches!(speed.measured, Measured::StepSeconds(seconds) if (seconds - 0.51399).abs() < 1e-4));
        assert_eq!((speed.request.method.rank, speed.request.method.dropout), (Some(8), Some(0.05)));
        assert_eq!(speed.regime, "lora, recomputed");
        let peak = read_peak(&row, &evidence, &library, &known).unwrap();
        assert_eq!(peak.request, speed.request);
    }
}

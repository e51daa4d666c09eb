//! Efficiency factors and interval bounds, from `data/calibration.toml`, which a command writes.

use outlay_core::forecast::Knowledge;
use outlay_core::interval::{Residual, Residuals};
use outlay_core::step::calibration::{Calibration, HardwareFactor, StackFactor};
use outlay_core::units::Share;
use serde::Deserialize;

use crate::error::TableError;

/// The table that is compiled in.
pub(crate) const TEXT: &str = include_str!("../data/calibration.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    hardware: Vec<Hardware>,
    #[serde(default)]
    stack: Vec<StackRow>,
    #[serde(default)]
    interval: Vec<IntervalRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hardware {
    architecture: String,
    gemm: f64,
    attention: f64,
    memory: f64,
    residual: f64,
    /// Evidence rows behind the residual.
    #[serde(rename = "rows")]
    _rows: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StackRow {
    stack: String,
    residual: f64,
    #[serde(rename = "rows")]
    _rows: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IntervalRow {
    architecture: Option<String>,
    stack: Option<String>,
    bound: f64,
    #[serde(rename = "rows")]
    _rows: u64,
}

pub(crate) fn read(text: &str) -> Result<Knowledge, Vec<TableError>> {
    let file: File = toml::from_str(text).map_err(|e| vec![TableError::new("calibration", "-", e.message())])?;
    let share = |row: &str, name: &str, value: f64| {
        if value.is_finite() && value > 0.0 {
            Ok(Share::new(value))
        } else {
            Err(vec![TableError::new("calibration", row, format!("{name} = {value} is not above zero"))])
        }
    };
    let hardware = file.hardware.iter().map(|h| -> Result<HardwareFactor, Vec<TableError>> {
        Ok(HardwareFactor {
            architecture: h.architecture.clone(),
            gemm: share(&h.architecture, "gemm", h.gemm)?,
            attention: share(&h.architecture, "attention", h.attention)?,
            memory: share(&h.architecture, "memory", h.memory)?,
            residual: share(&h.architecture, "residual", h.residual)?,
        })
    });
    let stacks = file.stack.iter().map(|s| -> Result<StackFactor, Vec<TableError>> {
        Ok(StackFactor { stack: s.stack.clone(), residual: share(&s.stack, "residual", s.residual)? })
    });
    let groups = file.interval.iter().map(|i| -> Result<Residual, Vec<TableError>> {
        let bound = share("interval", "bound", i.bound)?;
        Ok(Residual { architecture: i.architecture.clone(), stack: i.stack.clone(), bound })
    });
    Ok(Knowledge {
        calibration: Calibration {
            hardware: hardware.collect::<Result<_, _>>()?,
            stacks: stacks.collect::<Result<_, _>>()?,
        },
        residuals: Residuals { groups: groups.collect::<Result<_, _>>()? },
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_generation_of_the_catalog_has_its_factors() {
        let knowledge = super::read(super::TEXT).expect("the table is well-formed");
        let parts = crate::accelerators::read(crate::accelerators::TEXT).expect("the table is well-formed");
        for part in parts {
            let known = &knowledge.calibration.hardware;
            assert!(
                known.iter().any(|h| h.architecture == part.accelerator.architecture),
                "{}",
                part.accelerator.architecture
            );
        }
        for h in &knowledge.calibration.hardware {
            assert!(h.gemm.get() <= 1.0 && h.attention.get() <= 1.0 && h.memory.get() <= 1.0, "{}", h.architecture);
        }
    }
}

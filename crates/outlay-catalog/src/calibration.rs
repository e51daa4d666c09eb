//! Constants of the mechanisms and interval bounds, from `data/calibration.toml`, which a command writes.

use outlay_core::forecast::Knowledge;
use outlay_core::interval::{Residual, Residuals};
use outlay_core::step::calibration::{Calibration, HardwareFactor, PairFactor, StackFactor};
use outlay_core::units::Share;
use serde::Deserialize;

use crate::error::TableError;
use crate::facts::Network;

/// The table that is compiled in.
pub(crate) const TEXT: &str = include_str!("../data/calibration.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    constant: Vec<Constant>,
    #[serde(default)]
    interval: Vec<IntervalRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Constant {
    /// `scope.name`: an architecture, a training program, a link technology or `common`, and what of it.
    name: String,
    value: f64,
    /// Where the fit began.
    #[serde(rename = "prior")]
    _prior: Option<f64>,
    /// Standard error in logs after the fit.
    #[serde(rename = "error")]
    _error: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IntervalRow {
    architecture: Option<String>,
    stack: Option<String>,
    mixture: Option<bool>,
    bound: f64,
    #[serde(rename = "rows")]
    _rows: u64,
}

/// Reads the table; latencies of links come from theirs.
pub(crate) fn read(text: &str, networks: &[Network]) -> Result<Knowledge, Vec<TableError>> {
    let file: File = toml::from_str(text).map_err(|e| vec![TableError::new("calibration", "-", e.message())])?;
    let mut errors = Vec::new();
    for row in &file.constant {
        if !(row.value.is_finite() && row.value > 0.0) {
            errors.push(TableError::new("calibration", &row.name, format!("{} is not above zero", row.value)));
        }
    }
    let mut calibration = scopes(&file.constant, networks);
    let mut known = vec![false; file.constant.len()];
    calibration.each(&mut |scope, name, value| {
        let at = file.constant.iter().position(|row| row.name.split_once('.') == Some((scope, name)));
        match at {
            Some(at) => {
                known[at] = true;
                *value = Share::new(file.constant[at].value);
            }
            None => errors.push(TableError::new("calibration", format!("{scope}.{name}"), "no value")),
        }
    });
    let unknown = file.constant.iter().zip(known).filter(|(_, known)| !known);
    errors.extend(unknown.map(|(row, _)| TableError::new("calibration", &row.name, "no mechanism has this constant")));
    let groups = file.interval.iter().filter_map(|row| {
        let good = row.bound.is_finite() && row.bound > 0.0;
        if !good {
            errors.push(TableError::new("calibration", "interval", format!("bound = {} is not above zero", row.bound)));
        }
        let bound = Share::new(row.bound);
        good.then(|| Residual {
            architecture: row.architecture.clone(),
            stack: row.stack.clone(),
            mixture: row.mixture,
            bound,
        })
    });
    let groups: Vec<Residual> = groups.collect();
    if errors.is_empty() { Ok(Knowledge { calibration, residuals: Residuals { groups } }) } else { Err(errors) }
}

/// A calibration with every architecture and program that the constants speak of, values still to come.
fn scopes(constants: &[Constant], networks: &[Network]) -> Calibration {
    let of = |name: &str| {
        let all = constants.iter().filter_map(move |row| row.name.split_once('.'));
        let mut scopes: Vec<String> =
            all.filter(|(_, constant)| *constant == name).map(|(scope, _)| scope.to_owned()).collect();
        scopes.dedup();
        scopes
    };
    let one = Share::ONE;
    let hardware = |architecture| HardwareFactor {
        architecture,
        gemm: one,
        attention: one,
        flash2: one,
        memory: one,
        eight_bit: one,
        four_bit: one,
    };
    Calibration {
        hardware: of("gemm").into_iter().map(hardware).collect(),
        stacks: of("time").into_iter().map(|stack| StackFactor { stack, time: one }).collect(),
        pairs: of("made_for").into_iter().map(|pair| PairFactor { pair, made_for: one }).collect(),
        links: networks.iter().map(|network| network.link).collect(),
        common: Default::default(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_generation_of_the_catalog_has_its_factors() {
        let networks = crate::facts::networks(crate::facts::NETWORKS).expect("the table is well-formed");
        let knowledge = super::read(super::TEXT, &networks).expect("the table is well-formed");
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

    #[test]
    fn a_constant_too_many_or_too_few_is_named() {
        let networks = crate::facts::networks(crate::facts::NETWORKS).expect("the table is well-formed");
        let text = format!(
            "{}\n[[constant]]\nname = \"common.luck\"\nvalue = 1.0\n",
            super::TEXT.split("\n[[interval]]").next().unwrap_or("")
        );
        let errors = super::read(&text.replace("common.launch", "common.lunch"), &networks).err().unwrap_or_default();
        let names: Vec<&str> = errors.iter().map(|error| error.row.as_str()).collect();
        assert_eq!(names, ["common.launch", "common.lunch", "common.luck"]);
    }
}

//! Where the fit begins: every constant's value before evidence, and how far evidence may move it.

use serde::Deserialize;

const TEXT: &str = include_str!("../../priors.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    prior: Vec<Prior>,
}

/// A constant before evidence.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prior {
    /// `scope.name`.
    pub name: String,
    /// Value.
    pub value: f64,
    /// Standard deviation of its log; 0: fixed.
    pub spread: f64,
    /// Where the value comes from.
    pub source: String,
}

/// All of them, in the order of their file.
///
/// # Panics
/// If the compiled-in file is malformed, which a test rules out.
#[must_use]
pub fn priors() -> Vec<Prior> {
    let file: File = toml::from_str(TEXT).unwrap_or_else(|e| panic!("priors.toml: {e}"));
    file.prior
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_prior_has_a_source_and_a_sane_value() {
        for prior in super::priors() {
            assert!(prior.value > 0.0 && (0.0..=1.5).contains(&prior.spread) && prior.source.len() > 4, "{prior:?}");
        }
    }
}

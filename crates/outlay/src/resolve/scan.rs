//! What a scan of the data set found, as far as a forecast uses it.
//!
//! The shape is that of `outlay data scan --json`; what is missing in it is unknown here.

use serde::Deserialize;

use crate::problem::{Code, Problem};
use crate::request::DataRequest;

/// A scan.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Scan {
    pub(super) bytes: u64,
    pub(super) tokens: u64,
    pub(super) samples: u64,
    pub(super) estimated: bool,
    lengths: Lengths,
    sequence: Vec<Sequence>,
    duplicates: Duplicates,
    rates: Rates,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Lengths {
    mean: f64,
    max: u64,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Sequence {
    seq_len: u64,
    packing: f64,
    padding_to_longest: f64,
    truncated_tokens: f64,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Duplicates {
    share: f64,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Rates {
    settled_mb_per_s_per_core: Option<f64>,
}

/// Reads the scan of a job, if there is one.
pub(super) fn read(request: &DataRequest) -> Result<Option<Scan>, Problem> {
    let Some(measured) = &request.measured else {
        return match &request.scan {
            None => Ok(None),
            Some(path) => Err(Problem::new(Code::UnreadableFile, "data.scan", format!("{path} was not read"))
                .help("give what stands in it as data.measured")),
        };
    };
    let bad = |why: String| {
        Problem::new(Code::UnreadableFile, "data.scan", why).help("write it with `outlay data scan PATH --json`")
    };
    let scan: Scan = serde_json::from_value(measured.clone()).map_err(|e| bad(e.to_string()))?;
    if scan.tokens == 0 || scan.samples == 0 {
        return Err(bad("it counts no tokens".into()));
    }
    Ok(Some(scan))
}

impl Scan {
    /// Mean tokens of a sample.
    pub(super) fn mean(&self) -> f64 {
        if self.lengths.mean > 0.0 { self.lengths.mean } else { self.tokens as f64 / self.samples as f64 }
    }

    /// Tokens of the longest sample.
    pub(super) fn longest(&self) -> u64 {
        self.lengths.max
    }

    /// Share of a sequence that carries data, by the nearest sequence length that was measured.
    pub(super) fn fill(&self, seq_len: u64, packed: bool) -> Option<f64> {
        let off = |row: &&Sequence| (row.seq_len as f64 / seq_len as f64).ln().abs();
        let row = self.sequence.iter().min_by(|a, b| off(a).total_cmp(&off(b)))?;
        Some(if packed { row.packing } else { row.padding_to_longest }).filter(|fill| (0.001..=1.0).contains(fill))
    }

    /// Share of the tokens that are cut off at a sequence length.
    pub(super) fn cut_off(&self, seq_len: u64) -> f64 {
        self.sequence.iter().find(|row| row.seq_len == seq_len).map_or(0.0, |row| row.truncated_tokens)
    }

    /// Share of samples that occurred before.
    pub(super) fn duplicates(&self) -> f64 {
        self.duplicates.share
    }

    /// Tokens one processor prepares in a second, with the library that training programs use.
    pub(super) fn prepared(&self) -> Option<f64> {
        let each = self.tokens as f64 / self.bytes.max(1) as f64;
        self.rates.settled_mb_per_s_per_core.map(|rate| rate * 1e6 * each).filter(|rate| *rate >= 1.0)
    }
}

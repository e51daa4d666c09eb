//! Residual quantiles for the intervals, from the scored evidence.
//!
//! Split conformal prediction on `|ln(measured / predicted)|`, in groups of like hardware and stack where a group has
//! enough rows, pooled otherwise. Rows of one source are not independent and a source to come is none of those seen,
//! so what counts are residuals with the row's source left out: its group's bias is taken from the other sources.
//!
//! Does not know: how the quantiles are spread over hardware, stack and family when they are carried through a forecast.

use std::collections::BTreeMap;

use crate::score::{Kind, Prediction};
use crate::stats::{conformal_bound, median, sorted};

/// Fewest rows for which a group gets its own quantile.
pub const GROUP_ROWS: usize = 20;

/// Share of rows an interval is to hold.
const HELD: f64 = 0.8;

/// Half width of the interval, in logs, for one group.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupQuantile {
    /// Name of the group: `architecture/stack`, `architecture`, or `pooled`.
    pub group: String,
    /// Rows it rests on.
    pub rows: usize,
    /// 80 % bound of the absolute residual, in logs, sources left out.
    pub bound: f64,
}

/// Quantiles by group, the widest group (`pooled`) last; groups too small are left to it.
#[must_use]
pub fn quantiles(rows: &[Prediction]) -> Vec<GroupQuantile> {
    let measured: Vec<&Prediction> = rows.iter().filter(|row| row.kind == Kind::Measured).collect();
    let mut groups: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let mut pooled = Vec::new();
    for row in &measured {
        let residual = row.residual().abs();
        let architecture = row.group.split('/').next().unwrap_or_default();
        groups.entry(row.group.clone()).or_default().push(residual);
        if architecture != row.group {
            groups.entry(architecture.to_owned()).or_default().push(residual);
        }
        pooled.push(residual);
    }
    let mut all: Vec<GroupQuantile> = groups
        .into_iter()
        .filter(|(_, residuals)| residuals.len() >= GROUP_ROWS)
        .filter_map(|(group, residuals)| bound(group, residuals))
        .collect();
    all.extend(bound("pooled".into(), pooled));
    all
}

fn bound(group: String, residuals: Vec<f64>) -> Option<GroupQuantile> {
    let residuals = sorted(residuals);
    Some(GroupQuantile { group, rows: residuals.len(), bound: conformal_bound(&residuals, HELD)? })
}

/// Predictions with the bias of their group taken from other sources alone: what a score on a new source would be.
///
/// Where a group has no other source, the prediction stays as it is made without any bias.
#[must_use]
pub fn source_left_out(rows: &[Prediction]) -> Vec<Prediction> {
    rows.iter()
        .map(|row| {
            let others = rows
                .iter()
                .filter(|other| other.kind == Kind::Measured && other.group == row.group && other.source != row.source);
            let bias = median(others.map(Prediction::residual)).unwrap_or(0.0).exp();
            Prediction { predicted: row.predicted * bias, low: row.low * bias, high: row.high * bias, ..row.clone() }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::quantiles;
    use crate::score::Kind;
    use crate::score::tests::prediction;

    #[test]
    fn small_groups_are_pooled() {
        let mut rows: Vec<_> = (0..30_u32)
            .map(|at| prediction("a", 100.0 * (f64::from(at) / 100.0).exp(), 100.0, Kind::Measured))
            .collect();
        for (at, row) in rows.iter_mut().enumerate() {
            row.group = if at < 25 { "hopper/x".into() } else { "volta/y".into() };
        }
        let found = quantiles(&rows);
        let names: Vec<_> = found.iter().map(|each| each.group.as_str()).collect();
        assert_eq!(names, ["hopper", "hopper/x", "pooled"]);
        // ceil(26 · 0.8) = 21st of 0.00 … 0.24.
        assert!((found[1].bound - 0.20).abs() < 1e-9, "{found:?}");
    }
}

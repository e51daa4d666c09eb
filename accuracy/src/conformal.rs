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

/// Predictions with the bias of their group taken from rows that `part` tells apart (another source, another model)
/// alone: what a score on a new source or model would be.
///
/// Where a group has no other rows, the prediction stays as it is.
pub fn left_out<'a>(rows: &'a [Prediction], part: impl Fn(&'a Prediction) -> &'a str) -> Vec<Prediction> {
    let mut groups: BTreeMap<&str, Vec<&Prediction>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.kind == Kind::Measured) {
        groups.entry(&row.group).or_default().push(row);
    }
    let mut known: BTreeMap<(&str, &str), f64> = BTreeMap::new();
    let mut moved = Vec::with_capacity(rows.len());
    for row in rows {
        let own = part(row);
        let bias = *known.entry((&row.group, own)).or_insert_with(|| {
            let group = groups.get(row.group.as_str()).map_or(&[][..], Vec::as_slice);
            let others = group.iter().filter(|other| part(other) != own).map(|other| other.residual());
            median(others).unwrap_or(0.0).exp()
        });
        moved.push(Prediction {
            predicted: row.predicted * bias,
            low: row.low * bias,
            high: row.high * bias,
            ..row.clone()
        });
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::{left_out, quantiles};
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

    #[test]
    fn a_left_out_source_is_judged_by_the_others() {
        let mut rows = [110.0, 120.0, 130.0].map(|measured| prediction("a", measured, 100.0, Kind::Measured)).to_vec();
        rows[0].source = "first".into();
        let moved = left_out(&rows, |row| &row.source);
        // The median of ln 1.2 and ln 1.3 for the first, ln 1.1 for the others.
        assert!((moved[0].predicted - 100.0 * (1.2_f64 * 1.3).sqrt()).abs() < 1e-9);
        assert!((moved[1].predicted - 110.0).abs() < 1e-9);
    }
}

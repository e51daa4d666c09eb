//! Whether the engine tells the better of two layouts: measured alternatives for one job, pair by pair.
//!
//! Rows are of one job when source, date, model, machines, batch, length and format agree and the layout does not. Pairs
//! that measured within two percent of each other have no better one: a run repeated scatters by as much.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::score::{Kind, Prediction};

/// Difference below which two measurements are the same.
const SAME: f64 = 0.02;

/// How well alternatives are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Ranking {
    /// Jobs with at least two alternatives.
    pub jobs: usize,
    /// Pairs that measured differently.
    pub pairs: usize,
    /// Share of them ordered rightly.
    pub right: Option<f64>,
    /// Mean of what the engine's pick costs over the measured best, percent.
    pub regret_pct: Option<f64>,
}

/// Speed of a row, higher is better: measured and predicted.
fn speeds(row: &Prediction) -> (f64, f64) {
    if row.quantity == "s/step" { (1.0 / row.measured, 1.0 / row.predicted) } else { (row.measured, row.predicted) }
}

/// Orders every job's alternatives.
#[must_use]
pub fn rank(rows: &[Prediction]) -> Ranking {
    let mut jobs: BTreeMap<&str, Vec<&Prediction>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.kind == Kind::Measured) {
        jobs.entry(&row.traits.job).or_default().push(row);
    }
    let (mut pairs, mut right, mut regrets) = (0_usize, 0_usize, Vec::new());
    for rows in jobs.values() {
        let mut layouts: Vec<&str> = rows.iter().map(|row| row.traits.layout.as_str()).collect();
        layouts.sort_unstable();
        layouts.dedup();
        if layouts.len() < 2 {
            continue;
        }
        for (at, a) in rows.iter().enumerate() {
            for b in rows[at + 1..].iter().filter(|b| b.traits.layout != a.traits.layout) {
                let ((measured_a, predicted_a), (measured_b, predicted_b)) = (speeds(a), speeds(b));
                if (measured_a / measured_b).ln().abs() < SAME {
                    continue;
                }
                pairs += 1;
                right +=
                    usize::from((measured_a > measured_b) == (predicted_a > predicted_b) && predicted_a != predicted_b);
            }
        }
        let best = rows.iter().map(|row| speeds(row).0).fold(0.0, f64::max);
        let pick = rows.iter().max_by(|a, b| speeds(a).1.total_cmp(&speeds(b).1));
        regrets.extend(pick.map(|pick| (best / speeds(pick).0 - 1.0) * 100.0));
    }
    let count = regrets.len();
    Ranking {
        jobs: count,
        pairs,
        right: (pairs > 0).then(|| digits(right as f64 / pairs as f64)),
        regret_pct: (count > 0).then(|| digits(regrets.iter().sum::<f64>() / count as f64)),
    }
}

fn digits(x: f64) -> f64 {
    (x * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::rank;
    use crate::score::Kind;
    use crate::score::tests::prediction;

    #[test]
    fn pairs_of_one_job_are_ordered() {
        let row = |job: &str, layout: &str, measured, predicted| {
            let mut row = prediction(layout, measured, predicted, Kind::Measured);
            row.traits.job = job.into();
            row.traits.layout = layout.into();
            row
        };
        let rows = [
            row("j", "a", 100.0, 90.0),
            row("j", "b", 120.0, 80.0),
            row("j", "c", 50.0, 40.0),
            row("other", "a", 10.0, 10.0),
        ];
        let ranking = rank(&rows);
        // a before c and b before c are right, a before b is not; the pick is a, a fifth slower than b.
        assert_eq!((ranking.jobs, ranking.pairs), (1, 3));
        assert_eq!(ranking.right, Some(0.6667));
        assert!((ranking.regret_pct.unwrap_or_default() - 20.0).abs() < 1e-9);
    }
}

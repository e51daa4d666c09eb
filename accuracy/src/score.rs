//! Predictions against measurements: errors, bias, coverage of the 80 % interval and its width, whole and by group.
//!
//! An error is `|predicted / measured − 1|`, in percent. It is what a reader expects of "15 % off"; the price is that it
//! punishes a prediction twice too high more than one twice too low, so the signed median stands beside it as bias.
//! Figures count measured rows only; rows converted from a utilisation or quoted from a vendor are shown apart.
//!
//! Does not know: how a prediction was made.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::stats::{median, quantile, sorted};
use crate::table::Unscorable;
use crate::traits::Traits;

/// What kind of evidence a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Read off a clock, a counter or an allocator.
    Measured,
    /// Converted from a published utilisation with the convention it states.
    Derived,
    /// Published by a seller without the configuration it was measured in.
    VendorClaim,
}

/// A row with its prediction.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prediction {
    /// The row's identifier.
    pub id: String,
    /// What is compared, with its unit.
    pub quantity: &'static str,
    /// The row's figure.
    pub measured: f64,
    /// Ours.
    pub predicted: f64,
    /// Lower end of the 80 % interval.
    pub low: f64,
    /// Upper end of the 80 % interval.
    pub high: f64,
    /// What kind of evidence it is.
    pub kind: Kind,
    /// Who published it.
    #[serde(skip)]
    pub source: String,
    /// Which model, in the row's words.
    #[serde(skip)]
    pub model: String,
    /// On which accelerator.
    #[serde(skip)]
    pub gpu: String,
    /// In which circumstances, in the words of the table.
    #[serde(skip)]
    pub regime: String,
    /// Groups of the interval's residuals, see [`crate::conformal`].
    #[serde(skip)]
    pub group: String,
    /// What the row is.
    #[serde(skip)]
    pub traits: Traits,
}

impl Prediction {
    /// Signed error, percent.
    #[must_use]
    pub fn error_pct(&self) -> f64 {
        (self.predicted / self.measured - 1.0) * 100.0
    }

    /// `ln(measured / predicted)`: the residual that intervals are made of.
    #[must_use]
    pub fn residual(&self) -> f64 {
        (self.measured / self.predicted).ln()
    }

    /// Architecture and training program of its group; blank where it has none.
    #[must_use]
    pub fn hardware_and_program(&self) -> (&str, &str) {
        self.group.split_once('/').unwrap_or((&self.group, ""))
    }

    fn covered(&self) -> bool {
        self.low <= self.measured && self.measured <= self.high
    }

    fn width_pct(&self) -> f64 {
        (self.high - self.low) / self.predicted * 100.0
    }

    fn usable(&self) -> bool {
        let positive = |x: f64| x.is_finite() && x > 0.0;
        positive(self.predicted) && positive(self.measured)
    }
}

/// Figures of a group of rows; `None` where the group is empty.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Summary {
    /// Rows counted.
    pub scored: usize,
    /// Median of the absolute error.
    pub median_abs_pct: Option<f64>,
    /// Its 90th percentile.
    pub p90_abs_pct: Option<f64>,
    /// Median of the signed error: above zero, predictions are too high.
    pub bias_pct: Option<f64>,
    /// Share of rows whose measured figure lies in the 80 % interval.
    pub coverage80: Option<f64>,
    /// Median of the interval's width, as a share of the prediction.
    pub median_width_pct: Option<f64>,
}

impl Summary {
    /// Of some rows.
    pub fn of<'a>(rows: impl Iterator<Item = &'a Prediction> + Clone) -> Self {
        let errors = sorted(rows.clone().map(|row| row.error_pct().abs()));
        let scored = errors.len();
        let covered = rows.clone().filter(|row| row.covered()).count();
        Self {
            scored,
            median_abs_pct: quantile(&errors, 0.5).map(round),
            p90_abs_pct: quantile(&errors, 0.9).map(round),
            bias_pct: median(rows.clone().map(Prediction::error_pct)).map(round),
            coverage80: (scored > 0).then(|| round(covered as f64 / scored as f64)),
            median_width_pct: median(rows.map(Prediction::width_pct)).map(round),
        }
    }
}

/// Ten-thousandths: below that, figures only show how a sum was ordered.
fn round(x: f64) -> f64 {
    (x * 1e4).round() / 1e4
}

/// The score of one table.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct TableScore {
    /// Rows of the table.
    pub rows: usize,
    /// Rows with a prediction, of every kind.
    pub scored: usize,
    /// The others, by reason.
    pub unscorable: BTreeMap<String, usize>,
    /// Median of the absolute error of measured rows.
    pub median_abs_pct: Option<f64>,
    /// Its 90th percentile.
    pub p90_abs_pct: Option<f64>,
    /// Median of the signed error.
    pub bias_pct: Option<f64>,
    /// Share of measured rows inside the 80 % interval.
    pub coverage80: Option<f64>,
    /// Median width of the interval, as a share of the prediction.
    pub median_width_pct: Option<f64>,
    /// The same by source.
    pub by_source: BTreeMap<String, Summary>,
    /// By accelerator.
    pub by_gpu: BTreeMap<String, Summary>,
    /// By circumstances.
    pub by_regime: BTreeMap<String, Summary>,
    /// Rows that are not measured, by kind.
    pub apart: BTreeMap<Kind, Summary>,
    /// Every prediction, in the table's order.
    pub predictions: Vec<Prediction>,
    /// Why each row without a prediction has none, in the table's order.
    #[serde(skip)]
    pub reasons: Vec<(String, Unscorable)>,
}

impl TableScore {
    /// From rows in the table's order, each with its identifier.
    #[must_use]
    pub fn of(rows: Vec<(String, Result<Prediction, Unscorable>)>) -> Self {
        let mut score = Self { rows: rows.len(), ..Self::default() };
        for (id, row) in rows {
            match row {
                Ok(prediction) if prediction.usable() => score.predictions.push(prediction),
                Ok(_) => score.refuse(id, Unscorable::new("prediction or measurement is not a positive number")),
                Err(reason) => score.refuse(id, reason),
            }
        }
        score.scored = score.predictions.len();
        let measured = || score.predictions.iter().filter(|row| row.kind == Kind::Measured);
        let whole = Summary::of(measured());
        let by_source = grouped(measured(), |row| row.source.clone());
        let by_gpu = grouped(measured(), |row| row.gpu.clone());
        let by_regime = grouped(measured(), |row| row.regime.clone());
        let apart = grouped(score.predictions.iter().filter(|row| row.kind != Kind::Measured), |row| row.kind);
        Self {
            median_abs_pct: whole.median_abs_pct,
            p90_abs_pct: whole.p90_abs_pct,
            bias_pct: whole.bias_pct,
            coverage80: whole.coverage80,
            median_width_pct: whole.median_width_pct,
            by_source,
            by_gpu,
            by_regime,
            apart,
            ..score
        }
    }

    fn refuse(&mut self, id: String, reason: Unscorable) {
        *self.unscorable.entry(reason.0.clone()).or_default() += 1;
        self.reasons.push((id, reason));
    }
}

fn grouped<'a, K: Ord>(
    rows: impl Iterator<Item = &'a Prediction>,
    key: impl Fn(&Prediction) -> K,
) -> BTreeMap<K, Summary> {
    let mut groups: BTreeMap<K, Vec<&Prediction>> = BTreeMap::new();
    for row in rows {
        groups.entry(key(row)).or_default().push(row);
    }
    groups.into_iter().map(|(name, rows)| (name, Summary::of(rows.into_iter()))).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{Kind, Prediction, TableScore};
    use crate::table::Unscorable;
    use crate::traits::Traits;

    pub(crate) fn prediction(id: &str, measured: f64, predicted: f64, kind: Kind) -> Prediction {
        Prediction {
            id: id.into(),
            quantity: "tokens/s/GPU",
            measured,
            predicted,
            low: predicted * 0.9,
            high: predicted * 1.1,
            kind,
            source: "s".into(),
            model: "m".into(),
            gpu: "g".into(),
            regime: "r".into(),
            group: "hopper".into(),
            traits: Traits::default(),
        }
    }

    #[test]
    fn only_measured_rows_count_and_every_row_is_accounted_for() {
        let rows = [
            Ok(prediction("a", 100.0, 105.0, Kind::Measured)),
            Ok(prediction("b", 100.0, 80.0, Kind::Measured)),
            Ok(prediction("c", 100.0, 500.0, Kind::Derived)),
            Ok(prediction("d", 100.0, f64::INFINITY, Kind::Measured)),
            Err(Unscorable::new("no sequence length")),
        ];
        let score = TableScore::of(rows.into_iter().map(|row| ("x".to_owned(), row)).collect());
        assert_eq!((score.rows, score.scored), (5, 3));
        assert_eq!(score.unscorable.values().sum::<usize>(), 2);
        assert_eq!(score.median_abs_pct, Some(12.5));
        assert_eq!(score.bias_pct, Some(-7.5));
        assert_eq!(score.coverage80, Some(0.5));
        assert_eq!(score.apart[&Kind::Derived].median_abs_pct, Some(400.0));
    }
}

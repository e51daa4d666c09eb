//! The fit itself: constants in logs that make measured rows likely, starting from their priors.
//!
//! Least squares on `ln(predicted / measured)` with a normal prior on the log of each constant, by Gauss and Newton on
//! numeric derivatives. Rows that lie far out count less (they are bad configurations, other software, slips of the
//! pen); so do rows of one source and model together, which are not independent. The price of heavy tails is that a
//! start matters in principle; every fit starts at the priors or at a fit that did.
//!
//! Does not know: which layouts the rows had where they did not say ([`super::bench`]).

use nalgebra::{DMatrix, DVector};
use outlay::core::step::calibration::Calibration;

use super::bench::{Frozen, with};
use super::priors::Prior;

/// Scatter of a row around its mechanisms, in logs: other clocks, other versions, other days.
const SCATTER: f64 = 0.08;
/// Residual beyond which a row counts less, in units of the scatter.
const FAR: f64 = 2.0;
/// Weight of a row whose source warns of its own figures.
const DOUBTFUL: f64 = 0.5;
/// Rounds at the end of a fit that count outliers for less; as many as a fit from another fit has.
const LATER: usize = 8;
/// Width of the numeric derivative, in logs.
const DELTA: f64 = 0.01;
/// Constants that are shares of a printed ceiling: none of them passes one, whatever the rows say.
const SHARES: [&str; 4] = ["gemm", "attention", "memory", "share"];
/// Longest step of any constant at once, in logs.
const LONGEST: f64 = 0.4;

/// Constants after a fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    /// Logs of the constants, in the order of the priors.
    pub logs: Vec<f64>,
    /// Standard errors of those.
    pub errors: Vec<f64>,
}

/// A row in one round: how far off, and which constants would move it how fast.
struct Pull<'r> {
    row: &'r Frozen,
    weight: f64,
    residual: f64,
    derivatives: Vec<(usize, f64)>,
}

/// What is fitted to what.
#[derive(Debug)]
pub struct Problem<'a> {
    /// Calibration whose scopes are filled with constants.
    pub calibration: &'a Calibration,
    /// Constants that may move.
    pub priors: &'a [Prior],
    /// Their names.
    pub names: Vec<String>,
}

impl<'a> Problem<'a> {
    /// The constants of `priors` in a calibration.
    #[must_use]
    pub fn new(calibration: &'a Calibration, priors: &'a [Prior]) -> Self {
        Self { calibration, priors, names: priors.iter().map(|prior| prior.name.clone()).collect() }
    }

    /// The priors' own constants.
    #[must_use]
    pub fn start(&self) -> Vec<f64> {
        self.priors.iter().map(|prior| prior.value.ln()).collect()
    }

    /// Fits to rows from a start, in so many rounds.
    #[must_use]
    pub fn solve(&self, rows: &[&Frozen], start: &[f64], rounds: usize) -> Solution {
        let weights = weights(rows);
        let n = self.priors.len();
        let mut logs = start.to_vec();
        let mut errors = vec![0.0; n];
        for round in 0..rounds {
            // The first rounds of a long fit hear every row alike, so that the start does not choose who is an outlier.
            let tails = if round + LATER < rounds { 0.0 } else { 1.0 };
            let (mut hessian, mut slope) = (DMatrix::<f64>::zeros(n, n), DVector::<f64>::zeros(n));
            for (at, prior) in self.priors.iter().enumerate() {
                let precision = prior.spread.powi(-2);
                hessian[(at, at)] += precision;
                slope[at] += precision * (logs[at] - prior.value.ln());
            }
            for Pull { weight, residual, derivatives, .. } in self.rows(rows, &weights, &logs) {
                let far = residual / (FAR * SCATTER);
                let weight = weight / (SCATTER * SCATTER) / (1.0 + tails * far * far);
                for (i, di) in &derivatives {
                    slope[*i] += weight * di * residual;
                    for (j, dj) in &derivatives {
                        hessian[(*i, *j)] += weight * di * dj;
                    }
                }
            }
            let Some(factor) = hessian.cholesky() else { break };
            let step = factor.solve(&slope);
            for (at, log) in logs.iter_mut().enumerate() {
                *log -= step[at].clamp(-LONGEST, LONGEST);
                *log = log.min(highest(&self.names[at]));
            }
            let inverse = factor.inverse();
            errors = (0..n).map(|at| inverse[(at, at)].sqrt()).collect();
        }
        Solution { logs, errors }
    }

    /// Residual and derivatives of each row.
    fn rows<'r>(&self, rows: &[&'r Frozen], weights: &[f64], logs: &[f64]) -> Vec<Pull<'r>> {
        let base = with(self.calibration, &self.names, logs);
        let mut all: Vec<_> = rows
            .iter()
            .zip(weights)
            .map(|(row, weight)| Pull {
                row,
                weight: *weight,
                residual: row.predict(&base) - row.measured,
                derivatives: Vec::new(),
            })
            .collect();
        for (at, name) in self.names.iter().enumerate() {
            let scope = name.split_once('.').map_or("", |(scope, _)| scope);
            let mut moved = logs.to_vec();
            moved[at] += DELTA;
            let knowledge = with(self.calibration, &self.names, &moved);
            for Pull { row, residual, derivatives, .. } in &mut all {
                if row.concerns(scope) {
                    let slope = (row.predict(&knowledge) - row.measured - *residual) / DELTA;
                    if slope != 0.0 {
                        derivatives.push((at, slope));
                    }
                }
            }
        }
        all
    }
}

/// The most that a constant of this name can be, in logs.
fn highest(name: &str) -> f64 {
    let share = name.rsplit_once('.').is_some_and(|(_, constant)| SHARES.contains(&constant));
    if share { 0.0 } else { f64::INFINITY }
}

/// Rows of one source and model count together as the root of their number.
fn weights(rows: &[&Frozen]) -> Vec<f64> {
    let key = |row: &Frozen| (row.source.clone(), row.model.clone());
    let mut counts = std::collections::BTreeMap::new();
    for row in rows {
        *counts.entry(key(row)).or_insert(0.0) += 1.0;
    }
    let weight = |row: &&Frozen| if row.doubtful { DOUBTFUL } else { 1.0 } / f64::sqrt(counts[&key(row)]);
    rows.iter().map(weight).collect()
}

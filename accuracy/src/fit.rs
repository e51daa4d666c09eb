//! The fit of the calibration's residual factors: one by accelerator architecture, one by training program.
//!
//! In logs, a row's residual is its architecture's factor plus its program's factor plus noise. Rows of one source are not
//! independent, so each source counts by the root of its rows, with its median; every factor is shrunk towards none.
//! Interval bounds are quantiles of residuals with each row's own source left out. Same evidence, same bytes.
//!
//! Does not know: factors inside the mechanisms (shares of peaks), which come from measured kernels.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use outlay::catalog::Catalog;
use outlay::core::forecast::Knowledge;
use outlay::core::interval::Residuals;
use outlay::core::step::calibration::StackFactor;
use outlay::core::units::Share;

use crate::conformal;
use crate::engine::Door;
use crate::evidence::Evidence;
use crate::score::{Kind, Prediction, Summary};
use crate::stats::median;
use crate::validate::{self, Report};

/// Weight of "no factor": as much as a source of nine rows.
const SHRINK: f64 = 3.0;
/// Alternations; the factors settle after a few.
const ROUNDS: usize = 30;

/// Factors on the time of a step, in logs, and the rows behind each.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Factors {
    /// By architecture.
    pub hardware: BTreeMap<String, (f64, usize)>,
    /// By training program.
    pub stacks: BTreeMap<String, (f64, usize)>,
}

/// Fits the factors to rows that were predicted without any.
#[must_use]
pub fn factors(rows: &[Prediction]) -> Factors {
    let rows: Vec<Row<'_>> = rows.iter().filter(|row| row.kind == Kind::Measured).map(Row::of).collect();
    let mut hardware: BTreeMap<&str, f64> = BTreeMap::new();
    let mut stacks: BTreeMap<&str, f64> = BTreeMap::new();
    for _ in 0..ROUNDS {
        hardware = group(&rows, |row| row.hardware, |row| row.residual - stacks.get(row.stack).unwrap_or(&0.0));
        stacks = group(&rows, |row| row.stack, |row| row.residual - hardware.get(row.hardware).unwrap_or(&0.0));
    }
    let counted = |fitted: BTreeMap<&str, f64>, of: &dyn Fn(&Row<'_>) -> String| {
        let count = |name: &str| rows.iter().filter(|row| of(row) == name).count();
        fitted.into_iter().map(|(name, factor)| (name.to_owned(), (factor, count(name)))).collect()
    };
    Factors {
        hardware: counted(hardware, &|row| row.hardware.to_owned()),
        stacks: counted(stacks, &|row| row.stack.to_owned()),
    }
}

/// A row as the fit sees it.
struct Row<'a> {
    hardware: &'a str,
    stack: &'a str,
    source: &'a str,
    /// Of the time, in logs: positive where the run was slower than predicted.
    residual: f64,
}

impl<'a> Row<'a> {
    fn of(row: &'a Prediction) -> Self {
        let (hardware, stack) = row.group.split_once('/').unwrap_or((&row.group, ""));
        let slower = if row.quantity == "s/step" { row.residual() } else { -row.residual() };
        Self { hardware, stack, source: &row.source, residual: slower }
    }
}

/// The shrunk mean of the sources' medians, by group.
fn group<'a>(
    rows: &[Row<'a>],
    by: impl Fn(&Row<'a>) -> &'a str,
    residual: impl Fn(&Row<'a>) -> f64,
) -> BTreeMap<&'a str, f64> {
    let mut sources: BTreeMap<(&str, &str), Vec<f64>> = BTreeMap::new();
    for row in rows {
        sources.entry((by(row), row.source)).or_default().push(residual(row));
    }
    let mut sums: BTreeMap<&'a str, (f64, f64)> = BTreeMap::new();
    for ((name, _), residuals) in sources {
        let weight = (residuals.len() as f64).sqrt();
        let sum = sums.entry(name).or_default();
        sum.0 += weight * median(residuals).unwrap_or(0.0);
        sum.1 += weight;
    }
    sums.into_iter().map(|(name, (sum, weight))| (name, sum / (weight + SHRINK))).collect()
}

/// Knowledge with these factors and no intervals.
fn knowledge(plain: &Knowledge, factors: &Factors) -> Knowledge {
    let mut known = plain.clone();
    for hardware in &mut known.calibration.hardware {
        let fitted = factors.hardware.get(&hardware.architecture).map_or(0.0, |(factor, _)| *factor);
        hardware.residual = rounded(fitted);
    }
    known.calibration.stacks = factors
        .stacks
        .iter()
        .map(|(stack, (factor, _))| StackFactor { stack: stack.clone(), residual: rounded(*factor) })
        .collect();
    known.residuals = Residuals::default();
    known
}

/// Four digits: what is written is what is used.
fn rounded(log: f64) -> Share {
    Share::new((log.exp() * 1e4).round() / 1e4)
}

/// The score of the product, with left-out figures from factors fitted again without each row's source or model.
#[must_use]
pub fn report(evidence: &Evidence) -> Report {
    let catalog = Catalog::built_in();
    let mut report = validate::validate(evidence, &Door::new(catalog.clone()));
    let base = speeds(evidence, &catalog, &knowledge(catalog.knowledge(), &Factors::default()));
    let known = report.tables.get("throughput").map_or(&[][..], |table| table.predictions.as_slice());
    let summary = |rows: &[Prediction]| Summary::of(rows.iter().filter(|row| row.kind == Kind::Measured));
    let other_sources = refitted(&base, known, |row| &row.source);
    let other_models = refitted(&base, known, |row| &row.model);
    report.source_left_out = summary(&other_sources);
    report.model_left_out = summary(&other_models);
    report.intervals = conformal::quantiles(&other_sources);
    report
}

/// Predictions of speed under some knowledge.
fn speeds(evidence: &Evidence, catalog: &Catalog, known: &Knowledge) -> Vec<Prediction> {
    let door = Door::new(catalog.clone().with_knowledge(known.clone()));
    validate::speeds(evidence, &door).map_or(Vec::new(), |table| table.predictions)
}

/// Each row as it would have been predicted by factors fitted without the rows that `part` puts together with it; the
/// relative width of its interval stays that of `known`.
fn refitted<'a>(
    base: &'a [Prediction],
    known: &[Prediction],
    part: impl Fn(&'a Prediction) -> &'a str,
) -> Vec<Prediction> {
    let mut without: BTreeMap<&str, Factors> = BTreeMap::new();
    for row in base {
        without.entry(part(row)).or_insert_with(|| {
            let others: Vec<Prediction> = base.iter().filter(|other| part(other) != part(row)).cloned().collect();
            factors(&others)
        });
    }
    let moved = |(row, known): (&'a Prediction, &Prediction)| {
        let fitted = &without[part(row)];
        let (hardware, stack) = row.group.split_once('/').unwrap_or((&row.group, ""));
        let of =
            |table: &BTreeMap<String, (f64, usize)>, name: &str| table.get(name).map_or(0.0, |(factor, _)| *factor);
        let slower = of(&fitted.hardware, hardware) + of(&fitted.stacks, stack);
        let factor = if row.quantity == "s/step" { slower.exp() } else { (-slower).exp() };
        let predicted = row.predicted * factor;
        Prediction {
            predicted,
            low: predicted * known.low / known.predicted,
            high: predicted * known.high / known.predicted,
            ..row.clone()
        }
    };
    base.iter().zip(known).map(moved).collect()
}

/// The calibration file, fitted to the evidence.
#[must_use]
pub fn calibration(evidence: &Evidence) -> String {
    let catalog = Catalog::built_in();
    let plain = knowledge(catalog.knowledge(), &Factors::default());
    let base = speeds(evidence, &catalog, &plain);
    let factors = factors(&base);
    let known = knowledge(&plain, &factors);
    let quantiles = conformal::quantiles(&refitted(&base, &base, |row| &row.source));
    let mut text = String::from(
        "# Written by `outlay validate --fit`. `gemm`, `attention`, `memory`: shares of printed figures that large operators reach\n\
         # (measured kernels where published, else the neighbouring generation). `residual`: factor on the time of a step, fitted to\n\
         # the evidence and shrunk towards 1; `rows`: measured rows behind it. `[[interval]]`: 80 % bounds of |ln(measured/forecast)|\n\
         # with each row's source left out.\n",
    );
    for hardware in &known.calibration.hardware {
        let rows = factors.hardware.get(&hardware.architecture).map_or(0, |(_, rows)| *rows);
        let _ = write!(
            text,
            "\n[[hardware]]\narchitecture = {:?}\ngemm = {:?}\nattention = {:?}\nmemory = {:?}\nresidual = {:?}\nrows = {rows}\n",
            hardware.architecture,
            hardware.gemm.get(),
            hardware.attention.get(),
            hardware.memory.get(),
            hardware.residual.get()
        );
    }
    for stack in &known.calibration.stacks {
        let rows = factors.stacks.get(&stack.stack).map_or(0, |(_, rows)| *rows);
        let _ = write!(
            text,
            "\n[[stack]]\nstack = {:?}\nresidual = {:?}\nrows = {rows}\n",
            stack.stack,
            stack.residual.get()
        );
    }
    text + &conformal::to_toml(&quantiles)
}

#[cfg(test)]
mod tests {
    use super::refitted;
    use crate::score::Kind;
    use crate::score::tests::prediction;

    /// Speeds of one group, the first row from a source of its own.
    fn rows(first: f64) -> Vec<crate::score::Prediction> {
        let mut rows = [first, 120.0, 130.0].map(|measured| prediction("a", measured, 100.0, Kind::Measured)).to_vec();
        for row in &mut rows {
            row.group = "hopper/x".into();
        }
        rows[0].source = "first".into();
        rows
    }

    #[test]
    fn a_left_out_source_is_judged_by_the_others() {
        let judged = |first: f64| refitted(&rows(first), &rows(first), |row| &row.source)[0].predicted;
        // Its own measurement does not matter, the others' do: they ran faster than predicted.
        assert_eq!(judged(110.0), judged(11.0));
        assert!(judged(110.0) > 100.0);
        // What the others make of it depends on the first alone.
        let others = |first: f64| refitted(&rows(first), &rows(first), |row| &row.source)[1].predicted;
        assert!(others(110.0) > others(90.0));
    }
}

//! The fit of the calibration's constants to the evidence, and what it is worth on rows it did not see.
//!
//! Every constant has a prior ([`priors`]); rows move it as far as they can tell ([`solve`]). What is left out is left
//! out truly: for each model, and for each source, everything is fitted again without its rows, and those rows are
//! predicted by that fit. Interval bounds are quantiles of such residuals. Same evidence, same bytes.
//!
//! Does not know: architecture of constants, which is the core's; evidence other than the committed one.

pub mod bench;
pub mod priors;
pub mod solve;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use outlay::catalog::Catalog;

use crate::conformal;
use crate::engine::Door;
use crate::evidence::Evidence;
use crate::ranking::rank;
use crate::score::{Kind, Prediction, TableScore};
use crate::validate::{self, Report};
use bench::{Frozen, with};
use priors::{Prior, priors};
use solve::{Problem, Solution};

/// Rounds of a fit from the priors.
const ROUNDS: usize = 12;
/// Rounds of a fit that starts from one with a few rows more.
const ROUNDS_AGAIN: usize = 3;
/// Times that layouts left open are chosen again under the constants so far.
const FREEZES: usize = 2;

/// Priors that rows can tell something of, the rows, and the fit to all of them.
#[derive(Debug)]
struct Fitted {
    catalog: Catalog,
    priors: Vec<Prior>,
    rows: Vec<Frozen>,
    solution: Solution,
}

impl Fitted {
    fn of(evidence: &Evidence) -> Self {
        let all = priors();
        let names: Vec<String> = all.iter().map(|prior| prior.name.clone()).collect();
        let logs: Vec<f64> = all.iter().map(|prior| prior.value.ln()).collect();
        let built_in = Catalog::built_in();
        let start = with(&built_in.knowledge().calibration, &names, &logs);
        let mut catalog = built_in.with_knowledge(start);
        let mut fitted = None;
        for _ in 0..FREEZES {
            let rows = Frozen::all(evidence, &catalog);
            let used: Vec<&Frozen> = rows.iter().filter(|row| row.kind == Kind::Measured).collect();
            let tells = |prior: &Prior| {
                let scope = prior.name.split_once('.').map_or("", |(scope, _)| scope);
                prior.spread > 0.0 && used.iter().any(|row| row.concerns(scope))
            };
            let free: Vec<Prior> = all.iter().filter(|prior| tells(prior)).cloned().collect();
            let problem = Problem::new(&catalog.knowledge().calibration, &free);
            let solution = rounded(problem.solve(&used, &problem.start(), ROUNDS));
            let knowledge = with(&catalog.knowledge().calibration, &problem.names, &solution.logs);
            catalog = catalog.with_knowledge(knowledge);
            fitted = Some((free, rows, solution));
        }
        let (priors, rows, solution) =
            fitted.unwrap_or_else(|| (Vec::new(), Vec::new(), Solution { logs: Vec::new(), errors: Vec::new() }));
        Self { catalog, priors, rows, solution }
    }

    /// Predicted logs of seconds of rows by fits without the rows that `part` puts together with each.
    fn left_out<'a>(
        &'a self,
        asked: &'a [Frozen],
        part: impl Fn(&'a Frozen) -> &'a str + Sync,
    ) -> BTreeMap<&'a str, f64> {
        let problem = Problem::new(&self.catalog.knowledge().calibration, &self.priors);
        let keys: BTreeSet<&str> = asked.iter().map(&part).collect();
        let keys: Vec<&str> = keys.into_iter().collect();
        let refit = |key: &'a str| -> Vec<(&'a str, f64)> {
            let others: Vec<&Frozen> =
                self.rows.iter().filter(|row| row.kind == Kind::Measured && part(row) != key).collect();
            let solution = problem.solve(&others, &self.solution.logs, ROUNDS_AGAIN);
            let knowledge = with(problem.calibration, &problem.names, &solution.logs);
            let own = asked.iter().filter(|row| part(row) == key);
            own.map(|row| (row.id.as_str(), row.predict(&knowledge))).collect()
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            let deal = |start: usize| {
                let (keys, refit) = (&keys, &refit);
                scope.spawn(move || {
                    keys.iter().skip(start).step_by(threads).flat_map(|key| refit(key)).collect::<Vec<_>>()
                })
            };
            let hands: Vec<_> = (0..threads).map(deal).collect();
            hands.into_iter().flat_map(|hand| hand.join().unwrap_or_default()).collect()
        })
    }
}

/// Four digits: what is written is what is used.
fn rounded(solution: Solution) -> Solution {
    let logs = solution.logs.iter().map(|log| digits(log.exp()).ln()).collect();
    Solution { logs, ..solution }
}

fn digits(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// The score of the product, with left-out figures from constants fitted again without each row's source or model.
#[must_use]
pub fn report(evidence: &Evidence) -> Report {
    let catalog = Catalog::built_in();
    let mut report = validate::validate(evidence, &Door::new(catalog));
    // What is fitted is fitted to the committed evidence, whatever is asked about.
    let fitted = Fitted::of(&Evidence::committed());
    let asked = Frozen::all(evidence, &fitted.catalog);
    let known = report.tables.get("throughput").map_or(&[][..], |table| table.predictions.as_slice());
    let by_source = moved(&fitted, &asked, known, &fitted.left_out(&asked, |row| &row.source));
    let by_model = moved(&fitted, &asked, known, &fitted.left_out(&asked, |row| &row.model));
    report.intervals = conformal::quantiles(&by_model, &by_source);
    let table = |rows: Vec<Prediction>| TableScore::of(rows.into_iter().map(|row| (row.id.clone(), Ok(row))).collect());
    let by_model_banded = conformal::banded(&by_model, &by_model, &by_source, |row| &row.model);
    let by_source = conformal::banded(&by_source, &by_model, &by_source, |row| &row.source);
    let by_model = by_model_banded;
    report.ranking = rank(&by_model);
    report.left_out = BTreeMap::from([("model", table(by_model)), ("source", table(by_source))]);
    report.constants = fitted.priors.len();
    report
}

/// Predictions moved to what another fit says of their rows; the relative width of each interval stays.
fn moved(fitted: &Fitted, asked: &[Frozen], known: &[Prediction], seconds: &BTreeMap<&str, f64>) -> Vec<Prediction> {
    let own: BTreeMap<&str, f64> =
        asked.iter().map(|row| (row.id.as_str(), row.predict(fitted.catalog.knowledge()))).collect();
    let move_one = |row: &Prediction| {
        let id = row.id.as_str();
        let (Some(now), Some(then)) = (own.get(id), seconds.get(id)) else { return row.clone() };
        let slower = then - now;
        let factor = if row.quantity == "s/step" { slower.exp() } else { (-slower).exp() };
        Prediction { predicted: row.predicted * factor, low: row.low * factor, high: row.high * factor, ..row.clone() }
    };
    known.iter().map(move_one).collect()
}

/// A constant of the built-in calibration.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(from = "Written")]
pub struct Constant {
    /// `scope.name`.
    pub name: String,
    /// Its value.
    pub value: f64,
    /// Where the fit began, and the standard error of its log after it; `None` where evidence says nothing.
    pub fitted: Option<(f64, f64)>,
}

#[derive(serde::Deserialize)]
struct Written {
    name: String,
    value: f64,
    prior: Option<f64>,
    error: Option<f64>,
}

impl From<Written> for Constant {
    fn from(row: Written) -> Self {
        Self { name: row.name, value: row.value, fitted: row.prior.zip(row.error) }
    }
}

/// The constants as they ship, in the order of their file.
#[must_use]
pub fn constants() -> Vec<Constant> {
    #[derive(serde::Deserialize)]
    struct File {
        constant: Vec<Constant>,
    }
    let text = outlay::catalog::CALIBRATION;
    toml::from_str::<File>(text).map_or_else(|_| Vec::new(), |file| file.constant)
}

/// The calibration file, fitted to the evidence.
#[must_use]
pub fn calibration(evidence: &Evidence) -> String {
    let fitted = Fitted::of(evidence);
    let mut text = String::from(
        "# Written by `outlay validate --fit`. Constants of mechanisms, by architecture, training program, link technology or\n\
         # `common`; `prior` and `error` (standard error in logs) stand where evidence moved one, the others are as\n\
         # `accuracy/priors.toml` has them. `[[interval]]`: 80 % bounds of |ln(measured/forecast)| by fits without\n\
         # the row's model where architecture and program are both given, without its source otherwise.\n",
    );
    for prior in priors() {
        let at = fitted.priors.iter().position(|free| free.name == prior.name);
        let value = at.map_or(prior.value, |at| digits(fitted.solution.logs[at].exp()));
        let _ = write!(text, "\n[[constant]]\nname = {:?}\nvalue = {value:?}\n", prior.name);
        if let Some(at) = at {
            let _ = write!(text, "prior = {:?}\nerror = {:.3}\n", prior.value, fitted.solution.errors[at]);
        }
    }
    let door = Door::new(fitted.catalog.clone());
    let known = validate::speeds(evidence, &door).map_or(Vec::new(), |table| table.predictions);
    let by_source = moved(&fitted, &fitted.rows, &known, &fitted.left_out(&fitted.rows, |row| &row.source));
    let by_model = moved(&fitted, &fitted.rows, &known, &fitted.left_out(&fitted.rows, |row| &row.model));
    text + &conformal::to_toml(&conformal::quantiles(&by_model, &by_source))
}

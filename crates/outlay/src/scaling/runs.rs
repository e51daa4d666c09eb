//! A law fitted to a table of runs, its intervals by resampling, and how well it foresees larger ones.
//!
//! Does not know: files; the table is handed in as text.

use outlay_core::learning::doubt::{self, Pilot};
use outlay_core::learning::fit::{self, SCATTER};
use outlay_core::learning::laws::Law;
use outlay_core::units::{Nats, Params, Share, Tokens};
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng, SeedableRng};

use crate::problem::{Code, Problem};
use crate::response::{FittedLaw, Foreseen, Interval, ScalingFit, VERSION};

/// What to do with the runs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Aim {
    /// Only runs below so many parameters are fitted.
    pub below: Option<f64>,
    /// Runs of so many and more are foreseen and compared.
    pub from: Option<f64>,
    /// Sizes and tokens to foresee besides.
    pub at: Vec<(f64, f64)>,
}

/// Resamples that the intervals come from.
const RESAMPLES: usize = 200;
/// Fewest runs of a corpus that are fitted.
const FEWEST: usize = 4;
/// Names that columns go by.
const PARAMS: &[&str] = &["params", "parameters", "n"];
const TOKENS: &[&str] = &["tokens", "d"];
const LOSS: &[&str] = &["loss", "val_loss", "validation_loss", "c4_val_loss", "eval_loss"];
const CORPUS: &[&str] = &["dataset", "corpus", "data", "group"];

/// A run with its corpus.
struct Run {
    corpus: String,
    pilot: Pilot,
}

/// Fits a law to each corpus of a table (CSV with a header: params, tokens, loss, and corpus where there are several).
///
/// # Errors
/// Every row that is no run; too few of them.
pub fn fitted(text: &str, aim: &Aim) -> Result<ScalingFit, Vec<Problem>> {
    let runs = read(text)?;
    let mut corpora: Vec<&str> = runs.iter().map(|run| run.corpus.as_str()).collect();
    corpora.sort_unstable();
    corpora.dedup();
    let mut laws = Vec::new();
    let mut problems = Vec::new();
    for corpus in corpora {
        let own: Vec<Pilot> = runs.iter().filter(|run| run.corpus == corpus).map(|run| run.pilot).collect();
        let seen: Vec<Pilot> =
            own.iter().filter(|run| aim.below.is_none_or(|most| run.params.get() < most)).copied().collect();
        if seen.len() < FEWEST {
            let message = format!("{} runs of {corpus:?} are fewer than {FEWEST}", seen.len());
            problems.push(Problem::new(Code::Missing, "the table", message).help("more runs, or a wider --fit-below"));
            continue;
        }
        laws.push(one(corpus, &seen, &own, aim));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let held: Vec<&Foreseen> =
        laws.iter().flat_map(|law: &FittedLaw| &law.foreseen).filter(|run| run.measured.is_some()).collect();
    let share = |test: &dyn Fn(&Foreseen, f64) -> bool| {
        let right = held.iter().filter(|run| run.measured.is_some_and(|loss| test(run, loss))).count();
        (!held.is_empty()).then(|| right as f64 / held.len() as f64)
    };
    Ok(ScalingFit {
        version: VERSION,
        within: share(&|run, loss| (run.loss.mid - loss).abs() <= 0.12),
        covered: share(&|run, loss| (run.loss.low..=run.loss.high).contains(&loss)),
        compared: held.len(),
        laws,
    })
}

fn one(corpus: &str, seen: &[Pilot], own: &[Pilot], aim: &Aim) -> FittedLaw {
    let law = fit::law(seen, &vec![Share::ONE; seen.len()]);
    let mut numbers = Pcg64Mcg::seed_from_u64(1);
    let others: Vec<Law> = (0..RESAMPLES)
        .map(|_| {
            let mut counts = vec![0.0; seen.len()];
            for _ in 0..seen.len() {
                counts[(numbers.next_u64() % seen.len() as u64) as usize] += 1.0;
            }
            fit::law(seen, &counts.into_iter().map(Share::new).collect::<Vec<_>>())
        })
        .collect();
    let foresee = |params: Params, tokens: Tokens, measured: Option<f64>| {
        let loss = law.loss(params, tokens).get();
        let off = |other: &Law| (other.loss(params, tokens).get() - loss).powi(2);
        let deviation = (others.iter().map(off).sum::<f64>() / RESAMPLES as f64).sqrt().hypot(SCATTER.get());
        let half = doubt::BAND.get() * deviation;
        let loss = Interval { mid: loss, low: loss - half, high: loss + half };
        Foreseen { params: params.get(), tokens: tokens.get(), loss, measured }
    };
    let held = own.iter().filter(|run| aim.from.is_some_and(|least| run.params.get() >= least));
    let mut foreseen: Vec<Foreseen> = held.map(|run| foresee(run.params, run.tokens, Some(run.loss.get()))).collect();
    foreseen.extend(aim.at.iter().map(|(params, tokens)| foresee(Params::new(*params), Tokens::new(*tokens), None)));
    let off = |run: &Pilot| (law.loss(run.params, run.tokens) - run.loss).get().abs();
    let mut offs: Vec<f64> = seen.iter().map(off).collect();
    offs.sort_by(f64::total_cmp);
    FittedLaw {
        corpus: corpus.into(),
        runs: seen.len(),
        floor: law.floor.get(),
        a: law.a.get(),
        alpha: law.alpha.get(),
        b: law.b.get(),
        beta: law.beta.get(),
        median_error: offs[offs.len() / 2],
        foreseen,
    }
}

fn read(text: &str) -> Result<Vec<Run>, Vec<Problem>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let broken = |error: csv::Error| vec![Problem::new(Code::BadSyntax, "the table", error.to_string())];
    let header: Vec<String> = reader.headers().map_err(broken)?.iter().map(|name| name.trim().to_lowercase()).collect();
    let place = |names: &[&str]| names.iter().find_map(|name| header.iter().position(|column| column == name));
    let mut problems = Vec::new();
    let mut need = |names: &[&str]| {
        place(names).unwrap_or_else(|| {
            let message = format!("no column {}", names.join(" or "));
            problems.push(Problem::new(Code::Missing, "the table's header", message));
            0
        })
    };
    let (params, tokens, loss) = (need(PARAMS), need(TOKENS), need(LOSS));
    if !problems.is_empty() {
        return Err(problems);
    }
    let corpus = place(CORPUS);
    let mut runs = Vec::new();
    for (number, row) in reader.records().enumerate() {
        let line = number + 2;
        let row = match row {
            Ok(row) => row,
            Err(error) => {
                problems.push(Problem::new(Code::BadSyntax, format!("line {line}"), error.to_string()));
                continue;
            }
        };
        let mut read = |at: usize, least: f64, most: f64| {
            let cell = row.get(at).unwrap_or_default().trim();
            let value = cell.parse::<f64>().ok().filter(|value| (least..=most).contains(value));
            if value.is_none() {
                let message = format!("{cell:?} is no {} from {least:e} to {most:e}", header[at]);
                problems.push(Problem::new(Code::OutOfRange, format!("line {line}"), message));
            }
            value
        };
        let (params, tokens, loss) = (read(params, 1e3, 1e14), read(tokens, 1e3, 1e16), read(loss, 0.05, 20.0));
        if let (Some(params), Some(tokens), Some(loss)) = (params, tokens, loss) {
            let pilot = Pilot { params: Params::new(params), tokens: Tokens::new(tokens), loss: Nats::new(loss) };
            let corpus = corpus.and_then(|at| row.get(at)).unwrap_or_default();
            runs.push(Run { corpus: corpus.into(), pilot });
        }
    }
    if problems.is_empty() { Ok(runs) } else { Err(problems) }
}

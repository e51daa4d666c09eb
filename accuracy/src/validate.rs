//! The whole score: every table of the evidence through the door, row by row.
//!
//! The door is handed in behind a small trait, so that scoring with other calibrations (a source left out) and tests with
//! a made-up engine need no second path. Rows are independent; they are spread over threads and gathered in order, so the
//! report does not depend on how many there are.

use std::collections::BTreeMap;

use outlay::request::Request;
use serde::Serialize;

use crate::conformal::GroupQuantile;
use crate::evidence::Evidence;
use crate::ranking::Ranking;
use crate::rows::library::Library;
use crate::rows::memory::{self, Definition, MemoryRow};
use crate::rows::throughput::{self, Convention, Measured, ThroughputRow};
use crate::rows::words::KnownAccelerator;
use crate::rows::{counts, own, runs};
use crate::score::{Kind, Prediction, TableScore};
use crate::table::{Row, Table, Unscorable};
use crate::traits::Traits;

/// A figure with its 80 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Estimate {
    /// Most likely.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Estimate {
    /// A figure that is known.
    #[must_use]
    pub const fn exact(value: f64) -> Self {
        Self { value, low: value, high: value }
    }
}

/// What the engine answers about one configuration.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    /// Tokens per second and accelerator.
    pub tokens_per_second: Estimate,
    /// Seconds of a step.
    pub step_seconds: Estimate,
    /// TFLOP/s and accelerator: model, causal.
    pub tflops_causal: Estimate,
    /// TFLOP/s and accelerator: model, attention counted whole.
    pub tflops_full: Estimate,
    /// TFLOP/s and accelerator: executed.
    pub tflops_hardware: Estimate,
    /// Bytes of live tensors.
    pub live: Estimate,
    /// Bytes that the allocator holds.
    pub reserved: Estimate,
    /// Bytes that a monitor of the device shows.
    pub device: Estimate,
    /// Accelerator-hours of the whole run.
    pub device_hours: Estimate,
    /// Group of its interval's residuals: `architecture/stack`.
    pub group: String,
    /// What is run.
    pub traits: Traits,
}

/// Exact counts of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Parameters.
    pub total: u64,
    /// Parameters that a token passes through.
    pub active: u64,
    /// Parameters that are trained.
    pub trainable: u64,
}

/// What the score needs of the engine.
pub trait Engine: Sync {
    /// The catalog's accelerators.
    fn accelerators(&self) -> Vec<KnownAccelerator>;
    /// Forecasts one configuration.
    ///
    /// # Errors
    /// Why it has no forecast, in words that count the same for all such rows.
    fn ask(&self, request: &Request) -> Result<Answer, Unscorable>;
    /// Counts a model's parameters.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn count(&self, request: &Request) -> Result<Counts, Unscorable>;
}

/// The score of every table.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Report {
    /// By table.
    pub tables: BTreeMap<&'static str, TableScore>,
    /// `throughput` as fits that had not seen each row's `model` or `source` predict it, see [`crate::fit`]; empty until
    /// it is made.
    pub left_out: BTreeMap<&'static str, TableScore>,
    /// Constants that evidence moved.
    pub constants: usize,
    /// How measured alternatives for one job are ordered by fits that had not seen the model.
    pub ranking: Ranking,
    /// Bounds for the intervals, from residuals with each row's source left out.
    pub intervals: Vec<GroupQuantile>,
}

/// Scores the engine on evidence; what is left out of the fit is [`crate::fit::report`]'s to add.
#[must_use]
pub fn validate(evidence: &Evidence, engine: &impl Engine) -> Report {
    let known = engine.accelerators();
    let library = Library::of(evidence);
    let scored = |text: &Option<String>, score: &(dyn Fn(&Row<'_>) -> Result<Prediction, Unscorable> + Sync)| {
        text.as_deref().map(|text| TableScore::of(each(text, score)))
    };
    let tables = [
        ("throughput", speeds(evidence, engine)),
        (
            "memory_tracked",
            scored(&evidence.memory_tracked, &|row| {
                peak(row, memory::read_tracked(row, evidence, &known)?, "peak live bytes", engine)
            }),
        ),
        (
            "memory_published",
            scored(&evidence.memory_published, &|row| {
                peak(row, memory::read_published(row, evidence, &library, &known)?, "peak bytes", engine)
            }),
        ),
        (
            "memory_of_throughput",
            scored(&evidence.throughput, &|row| {
                peak(row, memory::read_published(row, evidence, &library, &known)?, "peak bytes", engine)
            })
            .map(without_blanks),
        ),
        (
            "params",
            scored(&evidence.params, &|row| exact(row, counts::read_params(row, evidence)?, engine, |c| c.total)),
        ),
        ("params_active", scored(&evidence.params, &|row| active(row, counts::read_params(row, evidence)?, engine))),
        (
            "lora_params",
            scored(&evidence.lora_params, &|row| {
                exact(row, counts::read_lora(row, evidence)?, engine, |c| c.trainable)
            }),
        ),
        (
            "own_speed",
            scored(&evidence.own_runs, &|row| pace(row, own::read_speed(row, evidence, &library, &known)?, engine)),
        ),
        (
            "own_memory",
            scored(&evidence.own_runs, &|row| {
                peak(row, own::read_peak(row, evidence, &library, &known)?, "peak bytes", engine)
            }),
        ),
        ("runs", scored(&evidence.runs, &|row| run(row, &library, &known, engine))),
    ];
    let tables: BTreeMap<_, _> = tables.into_iter().filter_map(|(name, score)| Some((name, score?))).collect();
    Report { tables, ..Report::default() }
}

/// Scores the table of speeds alone, as [`validate`] does; `None` without that table.
#[must_use]
pub fn speeds(evidence: &Evidence, engine: &impl Engine) -> Option<TableScore> {
    let known = engine.accelerators();
    let library = Library::of(evidence);
    let rows = each(evidence.throughput.as_deref()?, &|row| speed(row, &library, &known, engine));
    Some(TableScore::of(rows))
}

/// Most rows of `throughput` report no peak; those are no rows of the table of peaks.
fn without_blanks(mut score: TableScore) -> TableScore {
    score.rows -= score.unscorable.remove(memory::NO_PEAK).unwrap_or(0);
    score.reasons.retain(|(_, reason)| reason.0 != memory::NO_PEAK);
    score
}

/// Every row of a table through `score`, on as many threads as there are, in order.
fn each(
    text: &str,
    score: &(dyn Fn(&Row<'_>) -> Result<Prediction, Unscorable> + Sync),
) -> Vec<(String, Result<Prediction, Unscorable>)> {
    let table = Table::read(text);
    let rows: Vec<Row<'_>> = table.rows().collect();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    // Neighbouring rows cost alike: dealing them out in turn keeps the threads even.
    let mut dealt: Vec<Vec<_>> = std::thread::scope(|scope| {
        let deal = |start: usize| {
            let rows = &rows;
            scope.spawn(move || rows.iter().skip(start).step_by(threads).map(|row| (row.id(), score(row))).collect())
        };
        let hands: Vec<_> = (0..threads).map(deal).collect();
        hands.into_iter().map(|hand| hand.join().unwrap_or_default()).collect()
    });
    for hand in &mut dealt {
        hand.reverse();
    }
    (0..rows.len()).filter_map(|at| dealt.get_mut(at % threads)?.pop()).collect()
}

fn speed(
    row: &Row<'_>,
    library: &Library,
    known: &[KnownAccelerator],
    engine: &impl Engine,
) -> Result<Prediction, Unscorable> {
    pace(row, throughput::read(row, library, known)?, engine)
}

fn pace(row: &Row<'_>, read: ThroughputRow, engine: &impl Engine) -> Result<Prediction, Unscorable> {
    let answer = engine.ask(&read.request)?;
    let (quantity, measured, estimate) = match read.measured {
        Measured::TokensPerSecond(rate) => ("tokens/s/GPU", rate, answer.tokens_per_second),
        Measured::StepSeconds(seconds) => ("s/step", seconds, answer.step_seconds),
        Measured::Tflops(rate, Convention::ModelCausal) => ("TFLOP/s/GPU", rate, answer.tflops_causal),
        Measured::Tflops(rate, Convention::ModelFull) => ("TFLOP/s/GPU", rate, answer.tflops_full),
        Measured::Tflops(rate, Convention::Hardware) => ("TFLOP/s/GPU", rate, answer.tflops_hardware),
    };
    Ok(Prediction {
        kind: read.kind,
        source: read.source,
        gpu: read.gpu,
        regime: read.regime,
        group: answer.group,
        traits: Traits { job: job(row), layout: layout(row), ..answer.traits },
        ..prediction(row, quantity, measured, estimate)
    })
}

/// What the row had to do, and on what: everything but the layout.
fn job(row: &Row<'_>) -> String {
    let columns = [
        "source_name",
        "date",
        "model",
        "gpu",
        "gpus",
        "framework",
        "precision",
        "task",
        "seq_len",
        "global_batch_seqs",
        "layers",
        "hidden",
        "heads",
        "compile_flag",
        "attention_impl",
    ];
    columns.map(|column| row.text(column).unwrap_or("-")).join("|")
}

/// How it was laid out.
fn layout(row: &Row<'_>) -> String {
    let columns =
        ["tp", "pp", "vpp", "cp", "ep", "dp", "micro_batch", "activation_recompute", "zero_or_fsdp", "offload"];
    columns.map(|column| row.text(column).unwrap_or("-")).join("|")
}

fn peak(
    row: &Row<'_>,
    read: MemoryRow,
    quantity: &'static str,
    engine: &impl Engine,
) -> Result<Prediction, Unscorable> {
    let answer = engine.ask(&read.request)?;
    let estimate = match read.definition {
        Definition::Allocated => answer.live,
        Definition::Reserved => answer.reserved,
        Definition::Device => answer.device,
    };
    Ok(Prediction {
        source: read.source,
        gpu: read.gpu,
        regime: read.regime,
        group: answer.group,
        ..prediction(row, quantity, read.peak, estimate)
    })
}

fn run(
    row: &Row<'_>,
    library: &Library,
    known: &[KnownAccelerator],
    engine: &impl Engine,
) -> Result<Prediction, Unscorable> {
    let read = runs::read(row, library, known)?;
    let answer = engine.ask(&read.request)?;
    Ok(Prediction {
        source: read.source,
        gpu: read.gpu,
        regime: read.regime,
        group: answer.group,
        ..prediction(row, "accelerator-hours", read.device_hours, answer.device_hours)
    })
}

fn exact(
    row: &Row<'_>,
    read: counts::CountRow,
    engine: &impl Engine,
    which: impl Fn(Counts) -> u64,
) -> Result<Prediction, Unscorable> {
    let counted = which(engine.count(&read.request)?);
    Ok(Prediction {
        source: "instantiated models".into(),
        gpu: "any".into(),
        regime: read.family,
        ..prediction(row, "parameters", read.parameters as f64, Estimate::exact(counted as f64))
    })
}

fn active(row: &Row<'_>, read: counts::CountRow, engine: &impl Engine) -> Result<Prediction, Unscorable> {
    let parameters = read.active.ok_or_else(|| Unscorable::new("no active parameter count"))?;
    exact(row, counts::CountRow { parameters, ..read }, engine, |counts| counts.active)
}

fn prediction(row: &Row<'_>, quantity: &'static str, measured: f64, estimate: Estimate) -> Prediction {
    Prediction {
        id: row.id(),
        quantity,
        measured,
        predicted: estimate.value,
        low: estimate.low,
        high: estimate.high,
        kind: Kind::Measured,
        source: String::new(),
        model: row.text("model").or_else(|| row.text("model_config_name")).unwrap_or_default().into(),
        gpu: String::new(),
        regime: String::new(),
        group: String::new(),
        traits: Traits::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Counts, Engine, Estimate, validate};
    use crate::evidence::Evidence;
    use crate::rows::words::KnownAccelerator;
    use crate::table::Unscorable;
    use outlay::request::Request;

    /// Answers every question with the same figure.
    struct Constant;

    impl Engine for Constant {
        fn accelerators(&self) -> Vec<KnownAccelerator> {
            vec![KnownAccelerator { id: "h100-sxm".into(), names: Vec::new(), memory_gib: 80.0 }]
        }
        fn ask(&self, request: &Request) -> Result<Answer, Unscorable> {
            match request.hardware.gpus {
                Some(3) => Err(Unscorable::new("no node of three")),
                _ => Ok(Answer {
                    tokens_per_second: Estimate { value: 100.0, low: 80.0, high: 120.0 },
                    ..Answer::default()
                }),
            }
        }
        fn count(&self, _: &Request) -> Result<Counts, Unscorable> {
            Ok(Counts { total: 7, active: 7, trainable: 7 })
        }
    }

    #[test]
    fn every_row_ends_as_a_prediction_or_a_reason_in_order() {
        let mut evidence = Evidence::default();
        let row = |id: &str, gpus: &str, rate: &str| format!("{id},llama-3.1-8b,2048,H100-SXM,{gpus},{rate}\n");
        let rows: String = (0..9).map(|at| row(&format!("r{at}"), if at == 4 { "3" } else { "8" }, "110")).collect();
        let ragged = "x,\"unclosed\n";
        evidence.set("throughput.csv", format!("id,model,seq_len,gpu,gpus,tokens_per_s_per_gpu\n{rows}{ragged}"));
        let report = validate(&evidence, &Constant);
        let score = &report.tables["throughput"];
        assert_eq!((score.rows, score.scored), (10, 8));
        assert_eq!(score.unscorable["no node of three"], 1);
        let ids: Vec<_> = score.predictions.iter().map(|row| row.id.as_str()).collect();
        assert_eq!(ids, ["r0", "r1", "r2", "r3", "r5", "r6", "r7", "r8"]);
        assert_eq!(score.coverage80, Some(1.0));
        assert!(!report.tables.contains_key("runs"), "absent files give no table");
    }
}

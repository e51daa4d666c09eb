//! What was written is read again: a file that its program would run in another way than the plan costs something else than
//! was forecast, so it is refused, with the setting that got lost.
//!
//! A foreign file holds a part of a job. Of each program this table says which keys those are; they are taken from the file, the
//! rest from the job, and the two must come to the same forecast.
//!
//! Does not know: how any file is written or read.

use outlay::Problem;
use outlay::catalog::Catalog;
use outlay::core::model::{Mask, Model, Op, params};
use outlay::problem::Code;
use outlay::request::{ModelRequest, Request};
use serde_json::{Map, Value};

use super::Exported;
use super::chosen::Chosen;
use crate::{Around, import};

/// What every program's file holds.
const COMMON: &[&str] = &[
    "train.global_batch",
    "train.optimizer",
    "train.recompute",
    "train.learning_rate",
    "layout.micro_batch",
    "layout.zero",
];
/// The method, with its adapters.
const METHOD: &[&str] = &["method.kind", "method.rank", "method.targets", "method.double_quant", "method.base_dtype"];
/// How samples become sequences.
const SEQUENCES: &[&str] = &["data.seq_len", "data.packing"];
/// Widths of parallelism beyond the data's.
const WIDTHS: &[&str] = &["layout.tp", "layout.pp", "layout.vpp", "layout.cp", "layout.ep"];
/// What Transformers' arguments hold beside [`COMMON`].
const ARGUMENTS: &[&str] = &["train.loss", "train.schedule", "layout.offload"];
/// What programs around Transformers add to those.
const AROUND: &[&str] = &["model.base", "data.epochs", "train.precision", "train.attention"];

/// What lies in host memory between the passes.
const PARKED: &[&str] = &["train.activation_offload"];

/// Of each program that is read and written: its file, and the keys of a job that it holds.
const HELD: &[(&str, &str, &[&[&str]])] = &[
    ("axolotl", "axolotl.yaml", &[COMMON, METHOD, SEQUENCES, ARGUMENTS, AROUND, PARKED]),
    ("llama-factory", "llama-factory.yaml", &[COMMON, METHOD, SEQUENCES, ARGUMENTS, AROUND]),
    ("trl", "sft.yaml", &[COMMON, METHOD, SEQUENCES, ARGUMENTS, AROUND, PARKED]),
    // Neither the model nor its method nor the data: those are the script's.
    ("transformers", "training_args.json", &[COMMON, ARGUMENTS]),
    (
        "litgpt",
        "litgpt.yaml",
        &[COMMON, METHOD, SEQUENCES, &["train.precision", "train.loss", "train.compile", "train.schedule"]],
    ),
    (
        "torchtune",
        "torchtune.yaml",
        &[
            COMMON,
            METHOD,
            SEQUENCES,
            PARKED,
            &[
                "model.base",
                "train.precision",
                "train.optimizer_execution",
                "train.loss",
                "train.compile",
                "layout.offload",
            ],
        ],
    ),
    (
        "torchtitan",
        "torchtitan.toml",
        &[
            COMMON,
            WIDTHS,
            &["model.base", "method.kind", "data.seq_len", "train.precision", "train.compile", "train.schedule"],
            &["layout.shard", "layout.schedule", "layout.offload"],
        ],
    ),
    (
        "megatron-lm",
        "megatron.sh",
        &[
            COMMON,
            WIDTHS,
            &["method.kind", "data.seq_len", "train.precision", "train.schedule"],
            &["layout.offload", "layout.sequence_parallel"],
        ],
    ),
    (
        "megatron-bridge",
        "bridge.yaml",
        &[
            COMMON,
            WIDTHS,
            SEQUENCES,
            &["method.kind", "method.rank", "method.targets", "train.precision", "train.schedule", "train.loss"],
            &["layout.offload", "layout.sequence_parallel"],
        ],
    ),
    (
        "maxtext",
        "maxtext.yml",
        &[
            COMMON,
            WIDTHS,
            METHOD,
            SEQUENCES,
            &["train.precision", "train.schedule", "train.loss"],
            &["layout.shard", "layout.offload", "layout.sequence_parallel"],
        ],
    ),
];

/// The file that a program's export is read back from, and the keys of a job that it holds; `None`: none is.
#[must_use]
pub fn held(program: &str) -> Option<(&'static str, Vec<&'static str>)> {
    HELD.iter().find(|(name, ..)| *name == program).map(|(_, file, keys)| (*file, keys.concat()))
}

/// Reads the file of `program` again.
///
/// # Errors
/// Every setting that would come out otherwise.
pub(crate) fn check(
    chosen: &Chosen<'_>,
    program: &str,
    exported: &Exported,
    catalog: &Catalog,
) -> Result<(), Vec<Problem>> {
    let Some((file, keys)) = held(program) else { return Ok(()) };
    let text = |name: &str| exported.files.iter().find(|one| one.name == name).map(|one| one.text.clone());
    let around = Around { accelerators: Some(chosen.plan.accelerators), file: &text };
    let imported = import(file, &text(file).unwrap_or_default(), &around)?;
    weighs(chosen, program, &imported.request, catalog)?;
    let same = |keys: &[&str]| {
        let again = outlay::exact(&completed(&imported.request, chosen.request, keys), catalog);
        again.is_ok_and(|(_, forecast)| forecast == chosen.forecast)
    };
    if same(&keys) {
        return Ok(());
    }
    let (ours, theirs) = (value(chosen.request), value(&imported.request));
    let shown = |job: &Value, key: &str| {
        let value = key.split_once('.').and_then(|(section, key)| job.get(section)?.get(key)).cloned();
        value.filter(|value| !value.is_null()).map(|value| value.to_string())
    };
    let mut lost: Vec<&str> = keys.iter().copied().filter(|key| !same(&[*key])).collect();
    if lost.is_empty() {
        lost = keys.iter().copied().filter(|key| shown(&ours, key) != shown(&theirs, key)).collect();
    }
    let problem = |key: &&str| {
        let (ours, theirs) = (shown(&ours, key), shown(&theirs, key));
        let unset = || "unset".to_owned();
        let (with, without) = (theirs.clone().unwrap_or_else(unset), ours.unwrap_or_else(unset));
        let message = format!("{program} would run with {key} = {with}, not {without}, which costs something else");
        let way = theirs.map_or_else(|| format!("leave {key} out"), |theirs| format!("fix {key} = {theirs}"));
        Problem::new(Code::NotExpressible, *key, message).help(format!("{way}, or export to another program"))
    };
    Err(lost.iter().map(problem).collect())
}

/// A model that a file describes by numbers is the one that was planned, as far as its layers' parameters and masks tell:
/// what has no number there would be trained as something else. Embeddings, which programs pad, are left aside.
fn weighs(chosen: &Chosen<'_>, program: &str, imported: &Request, catalog: &Catalog) -> Result<(), Vec<Problem>> {
    let model = &imported.model;
    let known = model.base.as_deref().is_some_and(|base| catalog.preset(base).is_ok());
    if !known && model.custom.is_none() && model.config.is_none() {
        return Ok(());
    }
    let mut request = chosen.request.clone();
    request.model = ModelRequest { start: request.model.start.take(), ..model.clone() };
    let (resolved, _) = outlay::exact(&request, catalog)?;
    let (ours, theirs) = (layers(&chosen.scenario.model), layers(&resolved.scenario.model));
    let (more, less) = (ours.0.max(theirs.0), ours.0.min(theirs.0));
    // Biases and norms of single heads are in none of the descriptions.
    if ours.1 == theirs.1 && (more - less) * 200 <= more {
        return Ok(());
    }
    let millions = |count: u64| format!("{:.0} million parameters", count as f64 / 1e6);
    let message = match ours.1 == theirs.1 {
        true => format!("{program} would train layers of {}, not of {}", millions(theirs.0), millions(ours.0)),
        false => format!("{program} would train {} layers with a window, not {}", theirs.1, ours.1),
    };
    let fault = Problem::new(Code::NotExpressible, "model.base", format!("{message}: some of it has no setting there"));
    Err(vec![fault.help("axolotl and trl take any model of the hub: --to axolotl")])
}

/// Parameters of all layers, and how many of them see less than all keys before a token.
fn layers(model: &Model) -> (u64, u64) {
    let seen = |op: &Op| matches!(op, Op::Attention(attention) if attention.mask != Mask::Causal);
    let windows = model.layers().filter(|block| block.ops.iter().any(seen)).map(|block| block.count).sum();
    (model.layers().map(|block| params::of_block(block) * block.stored).sum(), windows)
}

/// The imported job, and of the other what the file does not hold.
fn completed(imported: &Request, pinned: &Request, keys: &[&str]) -> Request {
    let (mut whole, imported) = (value(pinned), value(imported));
    for (section, key) in keys.iter().filter_map(|key| key.split_once('.')) {
        let found = imported.get(section).and_then(|inner| inner.get(key)).cloned().unwrap_or(Value::Null);
        if let Some(Value::Object(inner)) = whole.get_mut(section) {
            inner.insert(key.to_owned(), found);
        }
    }
    serde_json::from_value(without_nulls(whole)).unwrap_or_else(|_| pinned.clone())
}

fn value(request: &Request) -> Value {
    serde_json::to_value(request).unwrap_or_default()
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(key, value)| (key, without_nulls(value))).collect::<Map<_, _>>())
        }
        other => other,
    }
}

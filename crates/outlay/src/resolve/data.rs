//! `[data]`: how much is trained on.

use outlay_core::model::{Model, params};
use outlay_core::scenario::data::Data;
use outlay_core::scenario::recipe::Recipe;
use outlay_core::units::Bytes;

use super::Ask;
use super::defaults::Notes;
use crate::amount::{self, Unit};
use crate::problem::{Code, Problem};
use crate::request::DataRequest;

pub(super) fn resolve(
    request: &DataRequest,
    scratch: bool,
    model: Option<&Model>,
    recipe: Option<&Recipe>,
    ask: Ask,
    notes: &mut Notes,
) -> Result<Data, Vec<Problem>> {
    let mut problems = Vec::new();
    for (one, other) in [("tokens", "samples"), ("epochs", "steps")] {
        let set = |key: &str| match key {
            "tokens" => request.tokens.is_some(),
            "samples" => request.samples.is_some(),
            "epochs" => request.epochs.is_some(),
            _ => request.steps.is_some(),
        };
        if set(one) && set(other) {
            let message = format!("`{one}` and `{other}` both say how much is trained on");
            problems.push(
                Problem::new(Code::Contradiction, format!("data.{other}"), message).help("leave one of them out"),
            );
        }
    }
    let mut read = |value: &Option<crate::request::Amount>, unit, at: &str| {
        value.as_ref().and_then(|value| amount::read(value, unit, at).map_err(|p| problems.push(p)).ok())
    };
    let tokens = read(&request.tokens, Unit::Count, "data.tokens");
    let samples = read(&request.samples, Unit::Count, "data.samples");
    let stored = read(&request.stored, Unit::Size, "data.stored");
    let step_tokens = recipe.map_or(1, |recipe| recipe.global_batch.saturating_mul(recipe.seq_len));
    let sample_len = request.mean_len.or(recipe.map(|recipe| recipe.seq_len)).unwrap_or(1).max(1);
    let known = tokens.or_else(|| samples.map(|samples| samples * sample_len as f64));
    if samples.is_some() && request.mean_len.is_none() {
        notes.assume("data.mean_len", sample_len, "tokens of a sample: a full sequence");
    }
    for (at, value) in [("data.steps", request.steps), ("data.mean_len", request.mean_len)] {
        problems.extend(value.and_then(|value| super::positive(at, value, 1_000_000_000).err()));
    }
    let epochs = match request.epochs {
        Some(epochs) if epochs.is_finite() && (0.001..=100_000.0).contains(&epochs) => Some(epochs),
        Some(epochs) => {
            let message = format!("{epochs} is not a number of passes (0.001 to 100000)");
            problems.push(Problem::new(Code::OutOfRange, "data.epochs", message));
            None
        }
        None => None,
    };
    if !problems.is_empty() {
        return Err(problems);
    }
    if let Some(steps) = request.steps {
        // So many steps are so many tokens; how often the data are seen does not change the time.
        let tokens = steps.saturating_mul(step_tokens);
        return Ok(Data { tokens, epochs_milli: 1000, stored: stored.map(Bytes::new), prepared_per_cpu: None });
    }
    let tokens = match known {
        Some(tokens) => tokens,
        None if ask == Ask::Estimate => {
            notes.assume("data.steps", 1, "nobody said how much data: the figures of one step");
            step_tokens as f64
        }
        None if scratch => {
            let tokens = model.map_or(1e9, |model| 20.0 * params::active(model) as f64);
            notes.assume("data.tokens", format!("{tokens:.3e}"), "twenty tokens a parameter, compute-optimal");
            tokens
        }
        None => {
            let tokens = notes.number("tokens_finetune");
            notes.assume("data.tokens", tokens, Notes::reason("tokens_finetune"));
            tokens
        }
    };
    let epochs = epochs.unwrap_or_else(|| {
        if known.is_some() {
            notes.assume("data.epochs", 1, Notes::reason("epochs"));
        }
        1.0
    });
    Ok(Data {
        tokens: tokens.round() as u64,
        epochs_milli: (epochs * 1000.0).round() as u64,
        stored: stored.map(Bytes::new),
        prepared_per_cpu: None,
    })
}

//! `[data]`: how much is trained on, and how it reaches the machines.

use outlay_catalog::Catalog;
use outlay_catalog::languages::Tokenizer;
use outlay_core::learning::laws;
use outlay_core::learning::text;
use outlay_core::model::{Model, params};
use outlay_core::run::quality::{self, Lesson};
use outlay_core::scenario::data::{Data, Feed};
use outlay_core::scenario::dynamics::Dynamics;
use outlay_core::scenario::recipe::Recipe;
use outlay_core::units::{Bytes, BytesPerSec, Nats, Share};

use super::defaults::Notes;
use super::scan::{self, Scan};
use super::{Ask, choice, within};
use crate::amount::{self, Unit};
use crate::problem::{Code, Problem};
use crate::request::{Amount, DataRequest, Request};

/// What the amount of training may depend on.
pub(super) type Known<'a> = (&'a Model, &'a Recipe, &'a Dynamics);

pub(super) fn resolve(
    request: &Request,
    catalog: &Catalog,
    scratch: bool,
    known: Option<Known<'_>>,
    ask: Ask,
    notes: &mut Notes,
) -> Result<Data, Vec<Problem>> {
    let wanted = &request.data;
    let mut problems = contradictions(request);
    let scan = scan::read(wanted).unwrap_or_else(|problem| {
        problems.push(problem);
        None
    });
    let mut read = |value: &Option<Amount>, unit, at: &str| {
        value.as_ref().and_then(|value| amount::read(value, unit, at).map_err(|p| problems.push(p)).ok())
    };
    let tokens = read(&wanted.tokens, Unit::Count, "data.tokens");
    let samples = read(&wanted.samples, Unit::Count, "data.samples");
    let stored = read(&wanted.stored, Unit::Size, "data.stored").or(scan.as_ref().map(|scan| scan.bytes as f64));
    let feed = feed(wanted, scan.as_ref(), notes, &mut problems);
    let mut bounded = |at: &str, value: Option<f64>, least: f64, most: f64| {
        value.map_or(1.0, |value| {
            within(at, value, least, most).unwrap_or_else(|problem| {
                problems.push(problem);
                1.0
            })
        })
    };
    let quality = bounded("data.quality", wanted.quality, 0.01, 100.0);
    let variants = bounded("data.variants", wanted.variants, 1.0, 1000.0);
    if let Some(recipe) = known.map(|known| known.1) {
        hints(scan.as_ref(), recipe, notes);
    }
    let by_size = known.and_then(|(model, ..)| by_size(wanted, stored, model.vocab, catalog, notes, &mut problems));
    // A padded sample is one sequence, however much of it carries data; a packed one takes as much as it has.
    let sequence = known.map_or(1.0, |(_, recipe, _)| recipe.seq_len as f64 * recipe.fill.get());
    let sample_len = match wanted.mean_len {
        Some(len) if wanted.packing == Some(false) => (len as f64).min(sequence),
        Some(len) => len as f64,
        None => sequence,
    };
    let sample_len = sample_len.max(1.0);
    if samples.is_some() && wanted.mean_len.is_none() {
        notes.assume("data.mean_len", sample_len.round(), "tokens of a sample: a full sequence");
    }
    // A pair of answers is two sequences.
    let pair = matches!(request.train.objective.as_deref(), Some("dpo" | "orpo" | "reward"));
    let sequences = if pair { 2.0 } else { 1.0 };
    let given = tokens
        .or_else(|| samples.map(|samples| samples * sequences * sample_len))
        .or_else(|| scan.as_ref().map(|scan| scan.tokens as f64))
        .or(by_size);
    for (at, value) in [("data.steps", wanted.steps), ("data.mean_len", wanted.mean_len)] {
        problems.extend(value.and_then(|value| super::positive(at, value, 1_000_000_000).err()));
    }
    if let Some(epochs) = wanted.epochs {
        problems.extend(within("data.epochs", epochs, 0.001, 100_000.0).err());
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let told = Data {
        quality: Share::new(quality),
        variants: Share::new(variants),
        stored: stored.map(Bytes::new),
        feed,
        ..Data::of(0)
    };
    let mut data = amount(request, told, given, scratch, known, ask, notes).map_err(|problem| vec![problem])?;
    if data.stored.is_none() {
        let each = notes.number("bytes_per_token_text");
        notes.assume("data.stored", format!("{each} bytes a token"), Notes::reason("bytes_per_token_text"));
        data.stored = Some(Bytes::new(data.tokens as f64 * each));
    }
    Ok(data)
}

fn contradictions(request: &Request) -> Vec<Problem> {
    let (data, train) = (&request.data, &request.train);
    let ways = [
        ("data.tokens", data.tokens.is_some()),
        ("data.samples", data.samples.is_some()),
        ("data.epochs", data.epochs.is_some()),
        ("data.steps", data.steps.is_some()),
        ("train.target_loss", train.target_loss.is_some()),
        ("train.target_error", train.target_error.is_some()),
    ];
    let set = |key: &str| ways.iter().any(|(name, set)| *name == key && *set);
    let clashes = [
        ("data.tokens", "data.samples"),
        ("data.epochs", "data.steps"),
        ("data.epochs", "train.target_loss"),
        ("data.epochs", "train.target_error"),
        ("data.steps", "train.target_loss"),
        ("data.steps", "train.target_error"),
        ("train.target_loss", "train.target_error"),
    ];
    let clash = |(one, other): &(&str, &str)| {
        let bare = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
        let message = format!("`{}` and `{}` both say how much is trained on", bare(one), bare(other));
        Problem::new(Code::Contradiction, *other, message).help("leave one of them out")
    };
    clashes.iter().filter(|(one, other)| set(one) && set(other)).map(clash).collect()
}

/// Tokens by the size of the text and its language.
fn by_size(
    request: &DataRequest,
    stored: Option<f64>,
    vocab: u64,
    catalog: &Catalog,
    notes: &mut Notes,
    problems: &mut Vec<Problem>,
) -> Option<f64> {
    let name = match &request.language {
        Some(name) => name.as_str(),
        // A size alone was given for storage, unless it is that of the named file.
        None if request.path.is_some() => "English",
        None => return None,
    };
    let languages = catalog.languages();
    let found = languages.iter().find(|l| l.language.eq_ignore_ascii_case(name) || l.code.eq_ignore_ascii_case(name));
    let Some(language) = found else {
        let near = outlay_catalog::names::nearest(name, languages.iter().map(|l| l.language.as_str()));
        problems.push(Problem::unknown_name("data.language", "language", name, &near));
        return None;
    };
    let each = language.usual_per_byte(Tokenizer::of(vocab));
    let tokens = text::tokens(Bytes::new(stored?), each);
    notes.assume(
        "data.tokens",
        format!("{:.3e}", tokens.get()),
        &format!(
            "{:.3} tokens a byte of {} text, true to 20 %; `outlay data scan` counts them",
            each.get(),
            language.language
        ),
    );
    Some(tokens.get())
}

/// How data reach the machines.
fn feed(request: &DataRequest, scan: Option<&Scan>, notes: &mut Notes, problems: &mut Vec<Problem>) -> Feed {
    let choices = [("done", 0), ("before", 1), ("on-the-fly", 2)];
    let when =
        request.prepare.as_deref().map_or(Ok(0), |name| choice("data.prepare", "time to prepare", name, &choices));
    let when = when.unwrap_or_else(|problem| {
        problems.push(problem);
        0
    });
    let mut read = |value: &Option<Amount>, unit, at: &str| {
        value.as_ref().and_then(|value| amount::read(value, unit, at).map_err(|p| problems.push(p)).ok())
    };
    let given = read(&request.prepare_rate, Unit::Count, "data.prepare_rate");
    let read_rate = read(&request.read_rate, Unit::Size, "data.read_rate");
    let rate = (when == 2).then(|| {
        given.or(scan.and_then(Scan::prepared)).unwrap_or_else(|| {
            let rate = notes.number("prepare_tokens_s");
            notes.assume("data.prepare_rate", rate, Notes::reason("prepare_tokens_s"));
            rate
        })
    });
    if let Some(workers) = request.workers {
        problems.extend(super::positive("data.workers", workers, 100_000).err());
    }
    let text = notes.number("bytes_per_token_text");
    Feed {
        prepared_per_cpu: rate.map(|rate| rate.max(1.0) as u64),
        workers: request.workers,
        read: read_rate.map(BytesPerSec::new),
        // Token numbers take four bytes, text a little more.
        bytes_each: Bytes::new(if when == 2 { text } else { 4.0 }),
        cached: request.cached.unwrap_or(false),
    }
}

/// What a scan says beside the amount.
fn hints(scan: Option<&Scan>, recipe: &Recipe, notes: &mut Notes) {
    let Some(scan) = scan else { return };
    if scan.estimated {
        notes.warn("the scan had no tokenizer: its tokens are an estimate, true to 20 %");
    }
    if scan.duplicates() > 0.02 {
        notes.warn(format!(
            "{:.0} % of the samples occur twice or more: they count as repeated passes, not as new text",
            scan.duplicates() * 100.0
        ));
    }
    let cut = scan.cut_off(recipe.seq_len);
    if cut > 0.01 {
        notes.warn(format!(
            "{:.0} % of the tokens lie beyond {} and are cut off; the longest sample has {}",
            cut * 100.0,
            recipe.seq_len,
            scan.longest()
        ));
    }
}

/// Tokens and passes.
fn amount(
    request: &Request,
    told: Data,
    given: Option<f64>,
    scratch: bool,
    known: Option<Known<'_>>,
    ask: Ask,
    notes: &mut Notes,
) -> Result<Data, Problem> {
    let step_tokens = known.map_or(1, |(_, recipe, _)| recipe.global_batch.saturating_mul(recipe.seq_len));
    if let Some(steps) = request.data.steps {
        // So many steps are so many tokens, padding aside; how often the data are seen does not change the time.
        let fill = known.map_or(1.0, |(_, recipe, _)| recipe.fill.get());
        let tokens = (steps as f64 * step_tokens as f64 * fill).floor() as u64;
        return Ok(Data { tokens: tokens.max(1), ..told });
    }
    if request.train.target_loss.is_some() || request.train.target_error.is_some() {
        // Without a model there is no law; its own problem has been told.
        return known.map_or(Ok(Data { tokens: 1, ..told }), |known| target(request, told, given, known, notes));
    }
    let tokens = match given {
        Some(tokens) => tokens,
        None if ask == Ask::Estimate => {
            notes.assume("data.steps", 1, "nobody said how much data: the figures of one step");
            step_tokens as f64
        }
        None if scratch => {
            let tokens = known.map_or(1e9, |(model, ..)| 20.0 * params::active(model) as f64);
            notes.assume("data.tokens", format!("{tokens:.3e}"), "twenty tokens a parameter, compute-optimal");
            tokens
        }
        None => {
            let tokens = notes.number("tokens_finetune");
            notes.assume("data.tokens", tokens, Notes::reason("tokens_finetune"));
            tokens
        }
    };
    let epochs = request.data.epochs.unwrap_or_else(|| {
        if given.is_some() {
            notes.assume("data.epochs", 1, Notes::reason("epochs"));
        }
        1.0
    });
    let seen = epochs * told.variants.get();
    if !scratch && seen > 4.0 && epochs > 3.0 {
        notes.warn(format!(
            "{epochs} passes: fine-tuning mostly overfits after two to five; early_stopping watches for it"
        ));
    }
    Ok(Data { tokens: tokens.round() as u64, epochs_milli: (epochs * 1000.0).round() as u64, ..told })
}

/// The training that reaches a loss.
fn target(
    request: &Request,
    told: Data,
    unique: Option<f64>,
    (model, recipe, dynamics): Known<'_>,
    notes: &mut Notes,
) -> Result<Data, Problem> {
    let (at, wanted) = match (request.train.target_loss, request.train.target_error) {
        (Some(loss), _) => ("train.target_loss", within("train.target_loss", loss, 0.05, 15.0)?),
        (None, error) => {
            let error = within("train.target_error", error.unwrap_or_default(), 0.001, 0.999)?;
            let (worst, scale, rate) = laws::SEVENTEEN_TASKS;
            let loss = laws::loss_for_error(Share::new(error), worst, scale, rate).ok_or_else(|| {
                let message = format!("an error of {error} is more than guessing makes ({})", worst.get());
                Problem::new(Code::OutOfRange, "train.target_error", message)
            })?;
            notes.assume(
                "train.target_error",
                format!("a loss of {:.3}", loss.get()),
                "the mean of seventeen tasks by loss",
            );
            ("train.target_error", loss.get())
        }
    };
    let lesson = Lesson { model, recipe, data: &told, dynamics };
    let unique = unique.map(|tokens| tokens.round().max(1.0) as u64);
    let needed = quality::tokens_for(&lesson, Nats::new(wanted), unique).ok_or_else(|| {
        let most = Data { tokens: unique.unwrap_or(u64::MAX / 1_000_000), epochs_milli: 1_000_000, ..told };
        let best = quality::quality(&Lesson { data: &most, ..lesson }).loss().get();
        let message =
            format!("a loss of {wanted:.3} is out of reach: with data without end this model comes to about {best:.3}");
        Problem::new(Code::OutOfRange, at, message)
            .help("a larger model, more or better data, or a higher loss; [[pilot]] runs tell how your data differ")
    })?;
    if needed.may_never {
        notes
            .warn("more than one chance in ten that no amount of training reaches this loss; [[pilot]] runs narrow it");
    }
    notes.assume(
        "data.tokens",
        format!("{:.3e}", needed.unique as f64 * needed.passes_milli as f64 / 1000.0),
        &format!(
            "what a loss of {wanted:.3} takes; one chance in ten each that it is {:.2} or {:.1} times that",
            needed.band.0.get(),
            needed.band.1.get()
        ),
    );
    Ok(Data { tokens: needed.unique, epochs_milli: needed.passes_milli, band: needed.band, ..told })
}

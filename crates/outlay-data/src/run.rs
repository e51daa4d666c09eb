//! A scan from end to end: read a batch while the one before is counted, add up in order, tell.
//!
//! Does not know: file formats, tokenizers' insides.

use std::hash::{DefaultHasher, Hasher};
use std::time::Instant;

use rayon::prelude::*;
use tokenizers_next::pipeline::PipelineToken;

use crate::compress::PIECE;
use crate::fault::Fault;
use crate::files::{self, Kind};
use crate::read::{Manner, Source};
use crate::record::{self, Batch, Form, Record, Sample};
use crate::request::{Progress, Request, SEQ_LENS, TextUnit};
use crate::scan::{Broken, BrokenRecord, Rates, Scan, VERSION};
use crate::sequence;
use crate::tally::{Found, Part, Tally};
use crate::tokens::{Counter, JUDGED};

/// Records that a thread takes at once.
const SHARE: usize = 32;
/// Longest sequence that is looked at.
const SEQ_LEN_MAX: u64 = 1 << 30;

/// Reads a data set and measures it.
///
/// # Errors
/// Everything that is wrong with the request and with any of the files, at once. Some unreadable records do not make a
/// file broken: they are counted and named in the result. A file most of whose records are unreadable is broken.
pub fn scan(request: &Request, progress: &mut dyn Progress) -> Result<Scan, Vec<Fault>> {
    let start = Instant::now();
    let mut faults = Vec::new();
    if request.seq_lens.iter().any(|len| !(1..=SEQ_LEN_MAX).contains(len)) {
        let fault =
            Fault::new("bad-seq-len", "a sequence length has to be 1 token or more, and at most 2^30", "--seq-len");
        faults.push(fault.help("give lengths in tokens, as in 2048,4096"));
    }
    let counter = Counter::open(request.tokenizer.as_deref()).map_err(|fault| faults.push(fault));
    let listing = files::list(&request.path).map_err(|more| faults.extend(more));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(request.threads.unwrap_or(0)).build();
    let pool = pool.map_err(|error| faults.push(Fault::new("no-threads", error.to_string(), "")));
    let (Ok(counter), Ok(listing), Ok(pool), true) = (counter, listing, pool, faults.is_empty()) else {
        return Err(faults);
    };
    let manner = Manner { field: request.field.clone(), tokenizer: counter.is_exact(), text: request.text };
    let size = listing.entries.iter().map(|entry| entry.size).sum();
    let mut tally = Tally::new(listing.entries.len());
    let mut source = Source::new(listing.entries, manner);
    let counter = pool.install(|| count(&mut source, counter, &mut tally, progress, size));
    faults.append(&mut source.faults);
    faults.extend(tally.faults(&source.entries));
    faults.sort_by(|a, b| a.at.cmp(&b.at));
    if faults.is_empty() && tally.counts.samples == 0 {
        let fault = Fault::new("data-no-samples", "there is no text in it", request.path.display().to_string());
        faults.push(fault.help("every record is empty; does another field hold the text? name it with --field"));
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let notes = notes(request, &counter, &tally, &source, listing.left_out);
    let seconds = start.elapsed().as_secs_f64();
    Ok(tell(request, &counter, tally, &source, notes, (seconds, pool.current_num_threads() as u64)))
}

/// Counts all batches and returns what counted them.
fn count(
    source: &mut Source,
    mut counter: Counter,
    tally: &mut Tally,
    progress: &mut dyn Progress,
    size: u64,
) -> Counter {
    let mut batch = source.next();
    let mut first = true;
    while !batch.records.is_empty() {
        if first && let Counter::Tokenizer(pair) = &mut counter {
            let (agree, bytes, nanos) = judge(&batch, pair);
            (tally.settled_bytes, tally.settled_nanos) = (bytes, nanos);
            if !agree {
                pair.dismiss_candidate();
            }
        }
        first = false;
        let piece = if tally.pool.wants() { PIECE } else { 0 };
        let (next, parts) = rayon::join(|| source.next(), || parts(&batch, &counter, piece));
        tally.add(&batch, parts);
        progress.read(source.behind().min(size), size);
        batch = next;
    }
    counter
}

/// Counts a batch; of its first bytes, so many are handed back as a piece of the text.
fn parts(batch: &Batch, counter: &Counter, piece: usize) -> Vec<Part> {
    let count = |records: &[Record]| {
        let (mut part, mut ids) = (Part::default(), Vec::new());
        for record in records {
            let found = found(record, batch, counter, piece, &mut part, &mut ids);
            part.found.push(found);
        }
        part
    };
    batch.records.par_chunks(SHARE).map(count).collect()
}

fn found(
    record: &Record,
    batch: &Batch,
    counter: &Counter,
    piece: usize,
    part: &mut Part,
    ids: &mut Vec<PipelineToken>,
) -> Found {
    let sample = match text(record, batch) {
        Ok(Some(sample)) => sample,
        Ok(None) => return Found::Empty,
        Err(reason) => return Found::Broken(reason),
    };
    let bytes = match &sample {
        Borrowed::Text(text) => text.as_bytes(),
        Borrowed::Ids(ids) => ids,
    };
    if record.span.start < piece {
        part.piece.extend_from_slice(&bytes[..bytes.len().min(piece - record.span.start)]);
    }
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    let (hash, length) = (hasher.finish(), bytes.len() as u64);
    match sample {
        Borrowed::Ids(ids) => Found::Sample { tokens: ids.len() as u64 / 4, bytes: length, hash, ids: true },
        Borrowed::Text(text) => {
            let start = Instant::now();
            let tokens = match counter.count(&text, ids) {
                Ok(tokens) => tokens,
                Err(error) => return Found::Broken(format!("the tokenizer refuses it: {error}")),
            };
            part.nanos += start.elapsed().as_nanos() as u64;
            part.bytes += length;
            part.tokens += tokens;
            Found::Sample { tokens, bytes: length, hash, ids: false }
        }
    }
}

/// A sample, copied only where its record is written differently.
enum Borrowed<'a> {
    Text(std::borrow::Cow<'a, str>),
    Ids(std::borrow::Cow<'a, [u8]>),
}

/// The sample of a record; nothing if it is empty.
fn text<'a>(record: &Record, batch: &'a Batch) -> Result<Option<Borrowed<'a>>, String> {
    let bytes = &batch.buffer[record.span.clone()];
    if bytes.trim_ascii().is_empty() && !matches!(record.form, Form::Ids | Form::Broken(_)) {
        return Ok(None);
    }
    let sample = match &record.form {
        Form::Broken(reason) => return Err(reason.clone()),
        Form::Ids => Borrowed::Ids(bytes.into()),
        Form::Text => {
            let text = std::str::from_utf8(bytes);
            Borrowed::Text(text.map_err(|e| format!("not UTF-8 at byte {}", e.valid_up_to() + 1))?.into())
        }
        Form::Json(shape) => match record::from_json(bytes, shape)? {
            Sample::Text(text) => Borrowed::Text(text.into()),
            Sample::Ids(ids) => Borrowed::Ids(ids.into()),
        },
    };
    let empty = match &sample {
        Borrowed::Text(text) => text.is_empty(),
        Borrowed::Ids(ids) => ids.is_empty(),
    };
    Ok((!empty).then_some(sample))
}

/// Whether both releases count the first samples alike; and bytes and nanoseconds of the settled one.
fn judge(batch: &Batch, pair: &crate::tokens::Pair) -> (bool, u64, u64) {
    let records: Vec<&Record> = batch.records.iter().take_while(|record| record.span.start < JUDGED).collect();
    let one = |record: &&Record| {
        let Ok(Some(Borrowed::Text(text))) = text(record, batch) else { return (true, 0, 0) };
        let start = Instant::now();
        let settled = pair.by_settled(&text);
        let nanos = start.elapsed().as_nanos() as u64;
        (pair.count(&text, &mut Vec::new()).ok() == settled.ok(), text.len() as u64, nanos)
    };
    records.par_iter().map(one).reduce(|| (true, 0, 0), |a, b| (a.0 && b.0, a.1 + b.1, a.2 + b.2))
}

fn tell(
    request: &Request,
    counter: &Counter,
    tally: Tally,
    source: &Source,
    notes: Vec<String>,
    (seconds, threads): (f64, u64),
) -> Scan {
    let mut lens = if request.seq_lens.is_empty() { SEQ_LENS.to_vec() } else { request.seq_lens.clone() };
    lens.sort_unstable();
    lens.dedup();
    let name = |place: usize| source.entries.get(place).map_or(String::new(), |entry| entry.path.display().to_string());
    let named = tally.named.iter().map(|(file, line, reason)| BrokenRecord {
        file: name(*file),
        line: *line,
        reason: reason.clone(),
    });
    let (bytes, tokens, nanos) = tally.tokenised;
    let per_core = |count: u64, nanos: u64| (nanos > 0 && count > 0).then(|| count as f64 * 1e9 / nanos as f64);
    let exact = counter.is_exact() && bytes > 0;
    Scan {
        version: VERSION,
        path: request.path.display().to_string(),
        files: source.entries.len() as u64,
        samples: tally.counts.samples,
        bytes: tally.bytes,
        tokens: tally.counts.tokens,
        estimated: !counter.is_exact() && tally.ids < tally.counts.samples,
        tokens_per_byte: (tally.ids == 0).then(|| tally.counts.tokens as f64 / tally.bytes.max(1) as f64),
        tokenizer: match counter {
            Counter::Tokenizer(pair) if exact => Some(pair.about.clone()),
            _ => None,
        },
        empty: tally.empty,
        broken: Broken { records: tally.broken, first: named.collect() },
        lengths: tally.counts.summary(),
        sequence: lens.into_iter().map(|len| sequence::at(&tally.counts, len)).collect(),
        duplicates: tally.seen.summary(),
        compressed_share: tally.pool.share(),
        rates: Rates {
            read_mb_s: source.rate(),
            tokens_per_s_per_core: per_core(tokens, nanos).filter(|_| exact),
            mb_per_s_per_core: per_core(bytes, nanos).filter(|_| exact).map(|rate| rate / 1e6),
            settled_mb_per_s_per_core: per_core(tally.settled_bytes, tally.settled_nanos).map(|rate| rate / 1e6),
            seconds,
            threads,
        },
        notes,
    }
}

fn notes(request: &Request, counter: &Counter, tally: &Tally, source: &Source, left_out: u64) -> Vec<String> {
    let mut notes = Vec::new();
    let text = tally.ids < tally.counts.samples;
    match counter {
        Counter::Estimate if text => notes.push(
            "tokens are estimated from bytes: 0.22 a byte, right within 20 % for English prose, too few for source code and \
             most other languages; name a tokenizer.json with --tokenizer to count them"
                .into(),
        ),
        Counter::Tokenizer(pair) if text => {
            if pair.cuts {
                notes.push("the tokenizer asks for samples to be cut; they were counted whole".into());
            }
            if !pair.has_candidate() {
                notes.push(
                    "this tokenizer was counted with the slower, settled release of its library: the faster one does not read \
                     it alike"
                        .into(),
                );
            }
        }
        _ => {}
    }
    if tally.ids > 0 {
        notes.push("samples stored as token ids are counted as they are".into());
    }
    for shape in &source.shapes {
        notes.push(format!("text of a sample: {shape}"));
    }
    if source.shapes.iter().any(|shape| {
        ["messages", "conversations", "prompt + completion", "prompt + response"].contains(&shape.as_str())
    }) {
        notes.push("no chat template is applied: a template adds some 3 to 10 tokens a turn".into());
    }
    if source.entries.iter().any(|entry| entry.kind == Kind::Text) {
        notes.push(match request.text {
            TextUnit::Block => "in plain text, lines up to a blank one are a sample".into(),
            TextUnit::File => "each file of plain text is a sample".into(),
        });
    }
    if left_out > 0 {
        notes.push(format!("{left_out} files in the folder are not data and were left out"));
    }
    if !tally.seen.summary().exact {
        notes.push("duplicates are estimated from a fair part of the samples".into());
    }
    notes
}

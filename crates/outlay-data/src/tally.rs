//! What the batches of a set add up to, record by record in the order they stand in.
//!
//! Does not know: where a record came from, what counted it.

use crate::compress::Pool;
use crate::duplicates::Seen;
use crate::fault::Fault;
use crate::files::{Entry, Kind};
use crate::lengths::Counts;
use crate::record::{Batch, Record};

/// Broken records that are named.
const NAMED: usize = 5;

/// What is in a record.
#[derive(Debug)]
pub(crate) enum Found {
    Sample { tokens: u64, bytes: u64, hash: u64, ids: bool },
    Empty,
    Broken(String),
}

/// Some records of a batch, counted.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pub(crate) found: Vec<Found>,
    pub(crate) piece: Vec<u8>,
    /// Text that was tokenised, its tokens, and the time that took.
    pub(crate) bytes: u64,
    pub(crate) tokens: u64,
    pub(crate) nanos: u64,
}

/// What a file gave.
#[derive(Debug, Clone, Default)]
struct PerFile {
    records: u64,
    broken: u64,
    first: Option<(u64, String)>,
}

/// What all batches so far gave.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) counts: Counts,
    pub(crate) bytes: u64,
    /// Samples that were stored as ids.
    pub(crate) ids: u64,
    pub(crate) empty: u64,
    pub(crate) broken: u64,
    pub(crate) named: Vec<(usize, u64, String)>,
    files: Vec<PerFile>,
    pub(crate) seen: Seen,
    pub(crate) pool: Pool,
    pub(crate) tokenised: (u64, u64, u64),
    pub(crate) settled_bytes: u64,
    pub(crate) settled_nanos: u64,
}

impl Tally {
    pub(crate) fn new(files: usize) -> Self {
        Self {
            counts: Counts::default(),
            bytes: 0,
            ids: 0,
            empty: 0,
            broken: 0,
            named: Vec::new(),
            files: vec![PerFile::default(); files],
            seen: Seen::default(),
            pool: Pool::default(),
            tokenised: (0, 0, 0),
            settled_bytes: 0,
            settled_nanos: 0,
        }
    }

    pub(crate) fn add(&mut self, batch: &Batch, parts: Vec<Part>) {
        let mut piece = Vec::new();
        let mut records = batch.records.iter();
        for part in parts {
            piece.extend(part.piece);
            self.tokenised.0 += part.bytes;
            self.tokenised.1 += part.tokens;
            self.tokenised.2 += part.nanos;
            for (found, record) in part.found.into_iter().zip(&mut records) {
                self.one(found, record);
            }
        }
        self.pool.add(piece);
    }

    fn one(&mut self, found: Found, record: &Record) {
        let file = &mut self.files[record.file];
        file.records += 1;
        match found {
            Found::Sample { tokens, bytes, hash, ids } => {
                self.counts.add(tokens);
                self.seen.add(hash);
                self.bytes += bytes;
                self.ids += u64::from(ids);
            }
            Found::Empty => self.empty += 1,
            Found::Broken(reason) => {
                self.broken += 1;
                file.broken += 1;
                if self.named.len() < NAMED {
                    self.named.push((record.file, record.line, reason.clone()));
                }
                file.first.get_or_insert((record.line, reason));
            }
        }
    }

    /// Files most of whose records cannot be read.
    pub(crate) fn faults(&self, entries: &[Entry]) -> Vec<Fault> {
        let broken = self.files.iter().zip(entries).filter(|(file, _)| file.broken * 2 > file.records);
        broken
            .filter_map(|(file, entry)| {
                let (line, reason) = file.first.as_ref()?;
                let message =
                    format!("{} of {} records cannot be read; the first: {reason}", file.broken, file.records);
                let fault = Fault::new("data-broken-file", message, format!("{}:{line}", entry.path.display()));
                Some(fault.help(match entry.kind {
                    Kind::Text => "save it as UTF-8 text",
                    _ => "does another field hold the text? name it with --field",
                }))
            })
            .collect()
    }
}

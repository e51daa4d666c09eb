//! From files to batches of records, one file after the other, in bounded memory.
//!
//! A file that turns out to be broken becomes a fault and the next one is opened, so that all broken files are named at once.
//!
//! Does not know: what is in a record.

mod columns;
mod disk;
mod framed;
mod framing;

use std::sync::Arc;

use crate::fault::Fault;
use crate::files::{Entry, Kind, unreadable};
use crate::record::Batch;
use crate::request::TextUnit;
use columns::Table;
use disk::Meter;
use framed::Framed;

/// Bytes of records in a batch, unless a single one is larger.
const BATCH: usize = 8 << 20;
/// Records in a batch.
const RECORDS: usize = 1 << 16;

/// What is wrong with a file: where in it, what, and the way out.
#[derive(Debug)]
pub(crate) struct Trouble {
    line: Option<u64>,
    what: String,
    help: &'static str,
}

impl Trouble {
    fn new(line: Option<u64>, what: impl Into<String>, help: &'static str) -> Self {
        Self { line, what: what.into(), help }
    }

    fn fault(self, entry: &Entry) -> Fault {
        let at = match self.line {
            Some(line) => format!("{}:{line}", entry.path.display()),
            None => entry.path.display().to_string(),
        };
        Fault::new("data-broken-file", self.what, at).help(self.help)
    }
}

/// How records are to be read.
#[derive(Debug, Clone)]
pub(crate) struct Manner {
    /// The field that was asked for.
    pub(crate) field: Option<String>,
    /// Whether text can be tokenised; token ids are preferred otherwise.
    pub(crate) tokenizer: bool,
    pub(crate) text: TextUnit,
}

#[derive(Debug)]
enum Reader {
    Framed(Framed),
    Table(Table),
}

/// The records of all files.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) entries: Vec<Entry>,
    manner: Manner,
    place: usize,
    open: Option<Reader>,
    meter: Arc<Meter>,
    /// Bytes of the files that are done with, and what the meter showed then.
    done: (u64, u64),
    pub(crate) faults: Vec<Fault>,
    /// The fields that were read, by the names of their shapes.
    pub(crate) shapes: Vec<String>,
}

impl Source {
    pub(crate) fn new(entries: Vec<Entry>, manner: Manner) -> Self {
        let meter = Arc::default();
        Self { entries, manner, place: 0, open: None, meter, done: (0, 0), faults: Vec::new(), shapes: Vec::new() }
    }

    /// The next batch; empty at the end.
    pub(crate) fn next(&mut self) -> Batch {
        let mut batch = Batch::default();
        while batch.buffer.len() < BATCH && batch.records.len() < RECORDS {
            let Some(entry) = self.entries.get(self.place) else { break };
            let more = match self.open.take() {
                Some(mut reader) => {
                    let more = match &mut reader {
                        Reader::Framed(framed) => framed.fill(&mut batch, self.place, &self.manner),
                        Reader::Table(table) => table.fill(&mut batch, self.place),
                    };
                    let shape = match &reader {
                        Reader::Framed(framed) => framed.shape(),
                        Reader::Table(table) => Some(table.shape()),
                    };
                    if let Some(name) = shape.map(|shape| shape.name()).filter(|name| !self.shapes.contains(name)) {
                        self.shapes.push(name);
                    }
                    more.map(|more| more.then_some(reader)).map_err(|trouble| trouble.fault(entry))
                }
                None => open(entry, &self.manner, &self.meter).map(Some),
            };
            match more {
                Ok(Some(reader)) => self.open = Some(reader),
                Ok(None) => self.close(),
                Err(fault) => {
                    self.faults.push(fault);
                    self.close();
                }
            }
        }
        batch
    }

    fn close(&mut self) {
        self.done = (self.done.0 + self.entries[self.place].size, self.meter.bytes());
        self.place += 1;
    }

    /// Bytes of the files that are behind us.
    pub(crate) fn behind(&self) -> u64 {
        let here = self.entries.get(self.place).map_or(0, |entry| entry.size);
        self.done.0 + (self.meter.bytes() - self.done.1).min(here)
    }

    /// Millions of bytes a second that reading gave, if there were enough of them to tell.
    pub(crate) fn rate(&self) -> Option<f64> {
        self.meter.rate()
    }
}

fn open(entry: &Entry, manner: &Manner, meter: &Arc<Meter>) -> Result<Reader, Fault> {
    let at = entry.path.display().to_string();
    let file = std::fs::File::open(&entry.path).map_err(|error| unreadable(&error, &at))?;
    let table = match entry.kind {
        Kind::Parquet => columns::parquet(file, meter, manner),
        Kind::Arrow => columns::arrow(file, meter, manner),
        Kind::Lines | Kind::Json | Kind::Text => {
            let source = disk::unpacked(file, entry.packing, meter).map_err(|error| unreadable(&error, &at))?;
            return Ok(Reader::Framed(Framed::new(source, entry.kind, manner.text)));
        }
    };
    table.map(Reader::Table).map_err(|trouble| trouble.fault(entry))
}

//! Records out of a stream of bytes: lines, elements of an array, blocks of text.

use std::io::Read;
use std::sync::Arc;

use super::framing::Framing;
use super::{Manner, Trouble};
use crate::files::Kind;
use crate::record::{Batch, Form, Record, Shape, names};
use crate::request::TextUnit;

/// Bytes that are asked for at once.
const CHUNK: usize = 4 << 20;
/// The largest record: more than any honest sample, and what still fits in memory a few times over.
const RECORD_MAX: usize = 64 << 20;
/// The byte order mark that some editors put before UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";
/// Records that are tried for the shape of a file.
const TRIED: usize = 100;

const ONE_A_LINE: &str = "write one JSON object a line (.jsonl), or one array of objects (.json)";

/// A stream and where its records end.
pub(super) struct Framed {
    source: Box<dyn Read + Send>,
    kind: Kind,
    /// Absent until the first bytes are seen.
    framing: Option<Framing>,
    text: TextUnit,
    /// Bytes behind the last whole record.
    rest: Vec<u8>,
    /// Absent until the first record is seen.
    form: Option<Form>,
}

impl std::fmt::Debug for Framed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Framed").field("kind", &self.kind).field("framing", &self.framing).finish_non_exhaustive()
    }
}

impl Framed {
    pub(super) fn new(source: Box<dyn Read + Send>, kind: Kind, text: TextUnit) -> Self {
        let form = (kind == Kind::Text).then_some(Form::Text);
        Self { source, kind, framing: None, text, rest: Vec::new(), form }
    }

    /// What the records look like, once that is known.
    pub(super) fn shape(&self) -> Option<&Shape> {
        match &self.form {
            Some(Form::Json(shape)) => Some(shape),
            _ => None,
        }
    }

    /// Adds some records; whether there may be more.
    pub(super) fn fill(&mut self, batch: &mut Batch, file: usize, manner: &Manner) -> Result<bool, Trouble> {
        let Batch { buffer, records } = batch;
        let start = buffer.len();
        buffer.append(&mut self.rest);
        let (mut spans, mut ask) = (Vec::new(), CHUNK);
        let end = loop {
            let got = (&mut self.source).take(ask as u64).read_to_end(buffer).map_err(|error| broken_off(&error))?;
            let end = got < ask;
            if self.framing.is_none() && buffer[start..].starts_with(MARK) {
                buffer.drain(start..start + MARK.len());
            }
            let split = self.framing(&buffer[start..]).split(&buffer[start..], end, &mut spans);
            let done = split.map_err(|what| Trouble::new(None, what, ONE_A_LINE))?;
            if end || !spans.is_empty() {
                self.rest = buffer.split_off(start + done);
                break end;
            }
            if buffer.len() - start > RECORD_MAX {
                let what = format!("a record is larger than {} MiB", RECORD_MAX >> 20);
                return Err(Trouble::new(None, what, "is each sample on a line of its own?"));
            }
            ask *= 2;
        };
        if self.form.is_none() && !spans.is_empty() {
            let lines = spans.iter().map(|(span, line)| (&buffer[start + span.start..start + span.end], *line));
            self.form = shape(lines, manner)?.map(|shape| Form::Json(Arc::new(shape)));
        }
        records.extend(spans.into_iter().map(|(span, line)| Record {
            form: self.form.clone().unwrap_or(Form::Text),
            span: start + span.start..start + span.end,
            file,
            line,
        }));
        Ok(!end)
    }

    fn framing(&mut self, bytes: &[u8]) -> &mut Framing {
        let (kind, text) = (self.kind, self.text);
        self.framing.get_or_insert_with(|| match (kind, text) {
            (Kind::Text, TextUnit::File) => Framing::Whole,
            (Kind::Text, TextUnit::Block) => Framing::Blocks { line: 0 },
            _ => {
                let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
                if kind == Kind::Json && first == Some(&b'[') {
                    Framing::Array { begun: false, closed: false, number: 0 }
                } else {
                    Framing::Lines { line: 0 }
                }
            }
        })
    }
}

/// The shape of the first record that can be read; nothing if all are blank.
fn shape<'a>(lines: impl Iterator<Item = (&'a [u8], u64)>, manner: &Manner) -> Result<Option<Shape>, Trouble> {
    let mut first: Option<Trouble> = None;
    let full = lines.map(|(bytes, line)| (bytes.trim_ascii(), line)).filter(|(bytes, _)| !bytes.is_empty());
    for (bytes, line) in full.take(TRIED) {
        match names(bytes) {
            Ok(names) => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                let shape = Shape::of(&names, manner.field.as_deref(), manner.tokenizer);
                return shape.map(Some).map_err(|what| Trouble::new(Some(line), what, super::columns::FIELD));
            }
            Err(what) => {
                first.get_or_insert_with(|| {
                    Trouble::new(Some(line), format!("its records are not JSON objects: {what}"), ONE_A_LINE)
                });
            }
        }
    }
    first.map_or(Ok(None), Err)
}

fn broken_off(error: &std::io::Error) -> Trouble {
    use std::io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
    match error.kind() {
        UnexpectedEof => Trouble::new(None, "the compressed file ends too early", "was it copied or downloaded whole?"),
        InvalidData | InvalidInput | Other => Trouble::new(
            None,
            format!("it cannot be unpacked: {error}"),
            "does its ending (.gz, .zst) tell the truth? Was it copied or downloaded whole?",
        ),
        _ => Trouble::new(
            None,
            format!("it could not be read: {error}"),
            "is the disk or the network share still there?",
        ),
    }
}

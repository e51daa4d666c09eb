//! Tokens of a text.
//!
//! Two releases of one library read the same `tokenizer.json`. The candidate of 1.0 counts, three to thirty times as fast; the
//! settled release, which training programs run, judges it on the first samples and replaces it wherever the two could
//! differ (docs/decisions/007). Cutting and padding that the file asks for are switched off: the data set is counted as it is.
//!
//! Does not know: chat templates, special tokens around a sample.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use tokenizers_next::pipeline::{EncodeOptions, Override, PipelineToken, PipelineTokenizer};

use crate::fault::Fault;
use crate::scan;

/// Tokens of a hundred bytes where no tokenizer is at hand: English prose under vocabularies of 50 to 150 thousand tokens
/// has 0.20 to 0.25 a byte, source code up to 0.35.
const PER_HUNDRED_BYTES: u64 = 22;
/// Text on which the settled release judges the candidate.
pub(crate) const JUDGED: usize = 1 << 20;

/// Counts tokens.
#[derive(Debug)]
pub(crate) enum Counter {
    /// From the number of bytes.
    Estimate,
    /// With a tokenizer.
    Tokenizer(Box<Pair>),
}

/// A tokenizer, read by both releases.
pub(crate) struct Pair {
    settled: tokenizers::Tokenizer,
    /// Absent if it cannot read the file, or has lost its case.
    candidate: Option<PipelineTokenizer>,
    options: EncodeOptions,
    pub(crate) about: scan::Tokenizer,
    /// Whether the file asks for samples to be cut.
    pub(crate) cuts: bool,
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pair").field("about", &self.about).finish_non_exhaustive()
    }
}

impl Counter {
    /// The tokenizer of a file, or of a folder that holds a `tokenizer.json`.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, Fault> {
        match path {
            None => Ok(Self::Estimate),
            Some(path) => Pair::open(path).map(|pair| Self::Tokenizer(Box::new(pair))),
        }
    }

    /// Whether it can read text rather than guess.
    pub(crate) fn is_exact(&self) -> bool {
        matches!(self, Self::Tokenizer(_))
    }

    /// Tokens of a text.
    pub(crate) fn count(&self, text: &str, ids: &mut Vec<PipelineToken>) -> Result<u64, String> {
        match self {
            Self::Estimate => Ok((text.len() as u64 * PER_HUNDRED_BYTES).div_ceil(100)),
            Self::Tokenizer(pair) => pair.count(text, ids),
        }
    }
}

impl Pair {
    fn open(path: &Path) -> Result<Self, Fault> {
        let inside = path.join("tokenizer.json");
        let file: PathBuf = if path.is_dir() { inside } else { path.into() };
        let at = file.display().to_string();
        let bytes = std::fs::read(&file).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Fault::new("file-not-found", "there is no such tokenizer", at.clone())
                .help("name a tokenizer.json, or a model's folder that holds one; without --tokenizer, tokens are estimated"),
            _ => Fault::new("file-not-readable", format!("the tokenizer could not be read: {error}"), at.clone()),
        })?;
        let mut settled = tokenizers::Tokenizer::from_bytes(&bytes).map_err(|error| {
            Fault::new("tokenizer-unreadable", format!("this is not a tokenizer.json: {error}"), at.clone())
                .help("other formats (tokenizer.model, vocab.json with merges.txt) have to be converted: save_pretrained of a fast tokenizer writes tokenizer.json")
        })?;
        let cuts = settled.get_truncation().is_some();
        settled.with_padding(None);
        settled.with_truncation(None).map_err(|error| {
            Fault::new("tokenizer-unreadable", format!("its truncation cannot be switched off: {error}"), at.clone())
        })?;
        // A candidate that falls over a file is no worse than one that refuses it.
        let candidate = std::str::from_utf8(&bytes).ok().and_then(|text| {
            catch_unwind(AssertUnwindSafe(|| {
                let text = tokenizers_next::canonicalize_str(text).ok()?;
                tokenizers_next::from_json(&text).ok()
            }))
            .ok()?
        });
        let options =
            EncodeOptions { truncation: Override::Off, padding: Override::Off, ..EncodeOptions::no_specials() };
        let vocab_size = settled.get_vocab_size(true) as u64;
        let about = scan::Tokenizer { file: short(&file), vocab_size };
        Ok(Self { settled, candidate, options, about, cuts })
    }

    /// Tokens of a text; `ids` is room to work in.
    pub(crate) fn count(&self, text: &str, ids: &mut Vec<PipelineToken>) -> Result<u64, String> {
        match &self.candidate {
            Some(candidate) if text.is_ascii() || text.chars().all(settled_long_ago) => {
                ids.clear();
                candidate.encode_into(text, &self.options, ids).map_err(|error| error.to_string())?;
                Ok(ids.len() as u64)
            }
            _ => self.by_settled(text),
        }
    }

    /// Tokens of a text as training programs count them.
    pub(crate) fn by_settled(&self, text: &str) -> Result<u64, String> {
        let encoding = self.settled.encode_fast(text, false).map_err(|error| error.to_string())?;
        Ok(encoding.len() as u64)
    }

    /// Leaves everything to the settled release.
    pub(crate) fn dismiss_candidate(&mut self) {
        self.candidate = None;
    }

    /// Whether the candidate counts.
    pub(crate) fn has_candidate(&self) -> bool {
        self.candidate.is_some()
    }
}

/// The file's name with its folder's: most files have the same name.
fn short(file: &Path) -> String {
    let name = |path: &Path| path.file_name().map(|n| n.to_string_lossy().into_owned());
    match (file.parent().and_then(name), name(file)) {
        (Some(folder), Some(file)) => format!("{folder}/{file}"),
        (_, file) => file.unwrap_or_default(),
    }
}

/// Whether a character lies in a block all of which was assigned by Unicode 6.
///
/// Normal forms of assigned characters never change, so releases with older and newer tables agree on these.
fn settled_long_ago(c: char) -> bool {
    matches!(c,
        '\0'..='\u{377}'               // Latin, IPA, combining marks, first Greek
        | '\u{384}'..='\u{38a}' | '\u{38e}'..='\u{3a1}' | '\u{3a3}'..='\u{523}' // Greek, Cyrillic
        | '\u{531}'..='\u{556}' | '\u{561}'..='\u{587}' | '\u{5d0}'..='\u{5ea}' // Armenian, Hebrew
        | '\u{621}'..='\u{65e}' | '\u{660}'..='\u{70d}'                         // Arabic
        | '\u{904}'..='\u{939}' | '\u{93c}'..='\u{94d}' | '\u{964}'..='\u{970}' // Devanagari
        | '\u{e01}'..='\u{e3a}' | '\u{e3f}'..='\u{e5b}'                         // Thai
        | '\u{1e00}'..='\u{1eff}'                                               // Latin with marks
        | '\u{2000}'..='\u{2064}' | '\u{20a0}'..='\u{20b5}' | '\u{2100}'..='\u{2188}' // punctuation, currency
        | '\u{2190}'..='\u{23e8}' | '\u{2460}'..='\u{26cd}' | '\u{2701}'..='\u{2704}' | '\u{2706}'..='\u{2709}'
        | '\u{270c}'..='\u{2727}' | '\u{2729}'..='\u{274b}' | '\u{2756}' | '\u{2758}'..='\u{275e}'
        | '\u{2761}'..='\u{2794}' | '\u{2798}'..='\u{27af}'                     // arrows, boxes, dingbats
        | '\u{3000}'..='\u{303f}' | '\u{3041}'..='\u{3096}' | '\u{3099}'..='\u{30ff}' // kana
        | '\u{4e00}'..='\u{9fa5}' | '\u{ac00}'..='\u{d7a3}'                     // Han, Hangul
        | '\u{fe0f}' | '\u{feff}' | '\u{ff01}'..='\u{ff9f}' | '\u{fffd}'
        | '\u{1f300}'..='\u{1f320}' | '\u{1f330}'..='\u{1f335}' | '\u{1f337}'..='\u{1f37c}' // pictures
        | '\u{1f400}'..='\u{1f43e}' | '\u{1f442}'..='\u{1f4f7}' | '\u{1f600}'..='\u{1f640}')
}

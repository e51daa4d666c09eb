//! Tokens in a byte of text, by language and kind of tokenizer.
//!
//! Counts of one text that exists in all of these languages, the Universal Declaration of Human Rights. It is formal
//! prose: web text has about a fifth more tokens a byte. Only the counts are kept, not the text.
//!
//! Does not know: code, tables, mixtures; sampling a megabyte of the data at hand is far better.

use outlay_core::units::Share;
use serde::Deserialize;

use crate::error::TableError;

pub(crate) const TEXT: &str = include_str!("../data/languages.csv");

/// How much denser the declaration is than web text.
const FORMAL: f64 = 1.2;

/// One language's counts.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Language {
    /// Its name in English.
    pub language: String,
    /// ISO 639-3 code.
    pub code: String,
    bytes: u64,
    p50k: u64,
    cl100k: u64,
    o200k: u64,
    deepseek: u64,
}

/// A kind of tokenizer, by the size of its vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tokenizer {
    /// 50 000 entries, English.
    P50k,
    /// 100 000 entries.
    Cl100k,
    /// 200 000 entries, many languages.
    O200k,
    /// 129 000 entries, English and Chinese.
    Deepseek,
}

impl Tokenizer {
    /// The nearest kind for a vocabulary of this size.
    #[must_use]
    pub const fn of(vocab: u64) -> Self {
        match vocab {
            0..=75_000 => Self::P50k,
            75_001..=128_999 => Self::Cl100k,
            129_000..=131_000 => Self::Deepseek,
            131_001..=149_999 => Self::Cl100k,
            _ => Self::O200k,
        }
    }
}

impl Language {
    /// Tokens in a byte of formal text, as counted.
    #[must_use]
    pub fn per_byte(&self, tokenizer: Tokenizer) -> Share {
        let tokens = match tokenizer {
            Tokenizer::P50k => self.p50k,
            Tokenizer::Cl100k => self.cl100k,
            Tokenizer::O200k => self.o200k,
            Tokenizer::Deepseek => self.deepseek,
        };
        Share::new(tokens as f64 / self.bytes as f64)
    }

    /// Tokens in a byte of ordinary text: a fifth more.
    #[must_use]
    pub fn usual_per_byte(&self, tokenizer: Tokenizer) -> Share {
        self.per_byte(tokenizer) * Share::new(FORMAL)
    }

    /// Tokens for the same text, against another language.
    #[must_use]
    pub fn premium(&self, other: &Self, tokenizer: Tokenizer) -> Share {
        let tokens = |of: &Self| of.per_byte(tokenizer).get() * of.bytes as f64;
        Share::new(tokens(self) / tokens(other))
    }
}

pub(crate) fn read(text: &str) -> Result<Vec<Language>, Vec<TableError>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let mut rows = Vec::new();
    let mut errors = Vec::new();
    for (number, row) in reader.deserialize::<Language>().enumerate() {
        match row {
            Ok(row) if row.bytes > 0 => rows.push(row),
            Ok(row) => errors.push(TableError::new("languages", number + 2, format!("{} has no text", row.language))),
            Err(error) => errors.push(TableError::new("languages", number + 2, error)),
        }
    }
    if errors.is_empty() { Ok(rows) } else { Err(errors) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_is_plausible() {
        let rows = read(TEXT).expect("the table is well-formed");
        assert!(rows.len() >= 30);
        for row in &rows {
            for tokenizer in [Tokenizer::P50k, Tokenizer::Cl100k, Tokenizer::O200k, Tokenizer::Deepseek] {
                let rate = row.per_byte(tokenizer).get();
                assert!((0.05..1.2).contains(&rate), "{} {tokenizer:?}: {rate}", row.language);
            }
        }
    }
}

//! What a scan found, as it is written to JSON and read back.
//!
//! Everything but [`Rates`] depends on the files, the tokenizer and the request alone: not on threads, clock or machine.
//!
//! Does not know: how any figure came about; each says so where it is made.

use serde::{Deserialize, Serialize};

/// Version of this shape; rises when a field changes its meaning or goes.
pub const VERSION: u32 = 1;

/// A data set, measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scan {
    /// [`VERSION`] of the program that wrote it.
    pub version: u32,
    /// The path that was asked for, as it was written.
    pub path: String,
    /// Files that were read.
    pub files: u64,
    /// Samples with text.
    pub samples: u64,
    /// Bytes of the samples' text in UTF-8, without the file format around it; four a token where only ids are stored.
    pub bytes: u64,
    /// Tokens of all samples, without special tokens; an estimate where `tokenizer` is absent and the set holds text.
    pub tokens: u64,
    /// Whether `tokens` and all lengths are estimated from bytes.
    pub estimated: bool,
    /// Tokens a byte of text; absent where only ids are stored.
    pub tokens_per_byte: Option<f64>,
    /// What counted the tokens; absent if they were estimated or stored.
    pub tokenizer: Option<Tokenizer>,
    /// Records without any text; left out of all other figures.
    pub empty: u64,
    /// Records that could not be read; left out of all other figures.
    pub broken: Broken,
    /// Lengths of samples, in tokens.
    pub lengths: Lengths,
    /// What the lengths mean at each sequence length.
    pub sequence: Vec<Sequence>,
    /// Samples that stand in the set more than once.
    pub duplicates: Duplicates,
    /// Compressed size over raw size of the text (zstd, level 3).
    pub compressed_share: Option<f64>,
    /// How fast this machine did it.
    pub rates: Rates,
    /// What a reader of these figures should know.
    pub notes: Vec<String>,
}

/// A tokenizer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokenizer {
    /// Name of its file, with the folder that holds it.
    pub file: String,
    /// Tokens it knows, added ones included.
    pub vocab_size: u64,
}

/// Records that could not be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broken {
    /// How many.
    pub records: u64,
    /// The first few.
    pub first: Vec<BrokenRecord>,
}

/// A record that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokenRecord {
    /// Its file.
    pub file: String,
    /// Its line, or its number among the file's records where they are no lines; from 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// Lengths of samples, in tokens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lengths {
    /// The shortest.
    pub min: u64,
    /// The average.
    pub mean: f64,
    /// Half of the samples are no longer than this.
    pub median: u64,
    /// Nine in ten are no longer.
    pub p90: u64,
    /// Ninety-nine in a hundred are no longer.
    pub p99: u64,
    /// The longest.
    pub max: u64,
    /// Samples and tokens by length, four buckets an octave, empty ones left out.
    pub histogram: Vec<Bucket>,
}

/// Samples of like length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// The longest that counts here; the bound below it is the one of the bucket before.
    pub up_to: u64,
    /// Samples of such length.
    pub samples: u64,
    /// Their tokens.
    pub tokens: u64,
}

/// What the lengths mean at one sequence length. Samples that are longer are cut.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sequence {
    /// Tokens in a sequence.
    pub seq_len: u64,
    /// Share of positions that hold a token when samples are packed whole, best fit, longest first.
    pub packing: f64,
    /// The same when each sample is padded to the longest of its batch of eight, drawn at random.
    pub padding_to_longest: f64,
    /// The same when each sample is padded to the sequence length.
    pub padding_to_full: f64,
    /// Share of samples that are longer than a sequence.
    pub truncated_samples: f64,
    /// Share of tokens that cutting loses.
    pub truncated_tokens: f64,
    /// Work of attention when no token sees another sample, over that of full sequences with as many tokens.
    pub attention_share: f64,
}

/// Samples that stand in the set more than once.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Duplicates {
    /// Share of samples whose text had stood before, byte for byte.
    pub share: f64,
    /// Whether every sample was compared; otherwise a fair part of them was.
    pub exact: bool,
}

/// How fast this machine was; differs from run to run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    /// Millions of bytes a second that reading the files gave, from memory if the system still held them.
    pub read_mb_s: Option<f64>,
    /// Tokens a second that one core counts with this program.
    pub tokens_per_s_per_core: Option<f64>,
    /// The same in millions of bytes of text.
    pub mb_per_s_per_core: Option<f64>,
    /// The same with the release of the tokenizer library that training programs run, on the first samples.
    pub settled_mb_per_s_per_core: Option<f64>,
    /// Seconds from start to end.
    pub seconds: f64,
    /// Threads that counted.
    pub threads: u64,
}

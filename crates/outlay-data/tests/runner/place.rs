//! A folder of data files, and a small tokenizer trained on this project's own text.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use outlay_data::{Fault, Request, Scan, scan};
use serde_json::json;
use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::normalizers::unicode::NFC;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, Tokenizer};

/// Prose and code.
pub(crate) const PROSE: &str = include_str!("../../../../ARCHITECTURE.md");
pub(crate) const CODE: &str = include_str!("../../src/run.rs");

/// A folder to read from.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a working test place") }
    }

    pub(crate) fn file(self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a working test place")).expect("a working test place");
        std::fs::write(path, bytes).expect("a working test place");
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Scans a file in it, or all of it, with the small tokenizer.
    pub(crate) fn scan(&self, name: &str) -> Result<Scan, Vec<Fault>> {
        scan(&self.request(name), &mut ())
    }

    pub(crate) fn request(&self, name: &str) -> Request {
        Request { tokenizer: Some(tokenizer().into()), ..Request::new(self.path(name)) }
    }
}

/// Samples of all sizes, some twice, some with characters that are rare or new.
pub(crate) fn samples() -> Vec<String> {
    let mut samples: Vec<String> = Vec::new();
    for text in [PROSE, CODE] {
        samples.extend(text.split("\n\n").map(|block| block.trim_end().to_string()).filter(|block| !block.is_empty()));
        samples.push(text.into());
    }
    samples.extend(
        ["naïve café – “quoted”", "e\u{301}te\u{301} 한국어 日本語 🙂", "\u{1ccd6}\u{16d68}\u{ab69}", "<|end|> x"]
            .map(String::from),
    );
    samples.push(samples[0].clone());
    samples
}

pub(crate) fn jsonl(samples: &[String]) -> String {
    samples.iter().map(|text| format!("{}\n", json!({"id": 7, "text": text, "meta": {"text": "no"}}))).collect()
}

pub(crate) fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

/// A byte-level BPE tokenizer with a normaliser and an added token, trained once.
pub(crate) fn tokenizer() -> &'static Path {
    static FOLDER: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a working test place");
        let path = folder.path().join("tokenizer.json");
        trained().save(&path, false).expect("a working test place");
        (folder, path)
    });
    path
}

fn trained() -> Tokenizer {
    let mut tokenizer = Tokenizer::new(BPE::default());
    tokenizer.with_normalizer(Some(NFC)).expect("no vocabulary to upset");
    tokenizer.with_pre_tokenizer(Some(ByteLevel::default().add_prefix_space(false)));
    let trainer = BpeTrainer::builder()
        .show_progress(false)
        .vocab_size(600)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect());
    let mut trainer: TrainerWrapper = trainer.build().into();
    tokenizer.train(&mut trainer, [PROSE, CODE].into_iter()).expect("a tokenizer");
    tokenizer.add_special_tokens([AddedToken::from("<|end|>", true)]).expect("a tokenizer");
    tokenizer
}

/// What the library itself counts.
pub(crate) fn by_library(samples: &[String]) -> u64 {
    let tokenizer = Tokenizer::from_file(tokenizer()).expect("the tokenizer");
    samples.iter().map(|text| tokenizer.encode(text.as_str(), false).expect("tokens").len() as u64).sum()
}

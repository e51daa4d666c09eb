//! What can be asked of a scan.

use std::path::PathBuf;

/// Sequence lengths looked at if none is asked for.
pub const SEQ_LENS: [u64; 7] = [512, 1024, 2048, 4096, 8192, 16_384, 32_768];

/// What one sample of a plain text file is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TextUnit {
    /// Lines up to a blank one.
    #[default]
    Block,
    /// The whole file.
    File,
}

/// A data set, and how to read it.
#[derive(Debug, Clone)]
pub struct Request {
    /// A file, or a folder that is searched for files.
    pub path: PathBuf,
    /// `tokenizer.json`, or a folder that holds it; without one, tokens are estimated from bytes.
    pub tokenizer: Option<PathBuf>,
    /// The field that holds a sample's text; found by its name if left out.
    pub field: Option<String>,
    /// Sequence lengths to look at; [`SEQ_LENS`] if empty.
    pub seq_lens: Vec<u64>,
    /// What a sample of plain text is.
    pub text: TextUnit,
    /// Threads to count on; as many as there are cores if left out.
    pub threads: Option<usize>,
}

impl Request {
    /// A scan with nothing but defaults.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            tokenizer: None,
            field: None,
            seq_lens: Vec::new(),
            text: TextUnit::default(),
            threads: None,
        }
    }
}

/// Hears how far a scan has come.
pub trait Progress: Send {
    /// So many bytes of the files on disk are read, of so many.
    fn read(&mut self, done: u64, of: u64);
}

/// Nobody listens.
impl Progress for () {
    fn read(&mut self, _done: u64, _of: u64) {}
}

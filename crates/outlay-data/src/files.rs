//! Which files make up a data set, and how each is read.
//!
//! A folder is searched for every file of a kind we know, in the order of their paths. What accompanies a data set without
//! being part of it is left out: hidden files, the notes that Hugging Face's `datasets` keeps beside its tables, its caches of
//! derived ones, and plain text beside tables (a README).
//!
//! Does not know: what is in the files.

use std::path::{Path, PathBuf};

use crate::fault::Fault;

/// Deepest folder below the one that was named.
const DEPTH_MAX: usize = 32;
/// Notes that `datasets` keeps beside its tables.
const METADATA: [&str; 5] =
    ["dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json", "tokenizer.json"];
/// What every message about an unknown kind offers.
pub(crate) const KNOWN: &str =
    ".jsonl, .ndjson, .json, .txt, .md (each also with .gz or .zst), .parquet and .arrow can be read";

/// How a file is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A record a line.
    Lines,
    /// A record a line, or one array of records.
    Json,
    /// Plain text.
    Text,
    /// Parquet.
    Parquet,
    /// Arrow IPC, file or stream.
    Arrow,
}

/// How a file is compressed as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

/// A file of the data set.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) path: PathBuf,
    pub(crate) kind: Kind,
    pub(crate) packing: Packing,
    pub(crate) size: u64,
}

/// The files of a data set, and how many others were left out.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) entries: Vec<Entry>,
    pub(crate) left_out: u64,
}

/// Finds them.
pub(crate) fn list(path: &Path) -> Result<Listing, Vec<Fault>> {
    let at = path.display().to_string();
    let about = std::fs::metadata(path).map_err(|error| vec![unreadable(&error, &at)])?;
    if !about.is_dir() {
        let Some((kind, packing)) = kind(path) else {
            return Err(vec![
                Fault::new("data-unknown-format", "what kind of file this is cannot be told", at).help(KNOWN),
            ]);
        };
        return Ok(Listing {
            entries: vec![Entry { path: path.into(), kind, packing, size: about.len() }],
            left_out: 0,
        });
    }
    let mut faults = Vec::new();
    let (mut entries, mut left_out) = (Vec::new(), 0);
    walk(path, 0, &mut entries, &mut left_out, &mut faults);
    if !faults.is_empty() {
        return Err(faults);
    }
    if entries.iter().any(|entry| entry.kind != Kind::Text) {
        let all = entries.len();
        entries.retain(|entry| entry.kind != Kind::Text);
        left_out += (all - entries.len()) as u64;
    }
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    if entries.is_empty() {
        let message = match left_out {
            0 => "the folder holds no file".into(),
            n => format!("none of the {n} files in this folder can be read as data"),
        };
        return Err(vec![Fault::new("data-empty-folder", message, at).help(KNOWN)]);
    }
    Ok(Listing { entries, left_out })
}

fn walk(folder: &Path, depth: usize, entries: &mut Vec<Entry>, left_out: &mut u64, faults: &mut Vec<Fault>) {
    let inside = match std::fs::read_dir(folder) {
        Ok(inside) => inside,
        Err(error) => return faults.push(unreadable(&error, &folder.display().to_string())),
    };
    for item in inside {
        let path = match item {
            Ok(item) => item.path(),
            Err(error) => return faults.push(unreadable(&error, &folder.display().to_string())),
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        // Links to files are followed, as caches of the hub need it; links to folders are not: they may form circles.
        let about = match std::fs::metadata(&path) {
            Ok(about) => about,
            Err(error) => {
                faults.push(unreadable(&error, &path.display().to_string()));
                continue;
            }
        };
        if about.is_dir() {
            if depth < DEPTH_MAX && !path.is_symlink() {
                walk(&path, depth + 1, entries, left_out, faults);
            }
            continue;
        }
        let derived = name.starts_with("cache-") && name.ends_with(".arrow");
        match kind(&path).filter(|_| !derived && !METADATA.contains(&name.as_str())) {
            Some((kind, packing)) => entries.push(Entry { path, kind, packing, size: about.len() }),
            None => *left_out += 1,
        }
    }
}

fn kind(path: &Path) -> Option<(Kind, Packing)> {
    let extension = |path: &Path| path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    let packing = match extension(path)?.as_str() {
        "gz" => Packing::Gzip,
        "zst" | "zstd" => Packing::Zstd,
        _ => Packing::Plain,
    };
    let inner = if packing == Packing::Plain { path.to_path_buf() } else { path.with_extension("") };
    let kind = match extension(&inner)?.as_str() {
        "jsonl" | "ndjson" => Kind::Lines,
        "json" => Kind::Json,
        "txt" | "md" | "text" => Kind::Text,
        "parquet" if packing == Packing::Plain => Kind::Parquet,
        "arrow" if packing == Packing::Plain => Kind::Arrow,
        _ => return None,
    };
    Some((kind, packing))
}

/// A path that cannot be opened.
pub(crate) fn unreadable(error: &std::io::Error, at: &str) -> Fault {
    match error.kind() {
        std::io::ErrorKind::NotFound => Fault::new("file-not-found", "there is no such file or folder", at)
            .help("name a file or folder of samples; a data set of the hub has to be downloaded first"),
        std::io::ErrorKind::PermissionDenied => {
            Fault::new("file-not-readable", "it may not be read", at).help("check its permissions")
        }
        _ => Fault::new("file-not-readable", format!("it could not be read: {error}"), at),
    }
}

//! Reading what the user names: job files, `config.json`, folders that hold one.
//!
//! Everything is read whole, as UTF-8, under a size that no honest file of its kind reaches; what is wrong is said with
//! the path as the user wrote it.
//!
//! Does not know: what the text means.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::failure::Fault;

/// Largest job file.
pub(crate) const JOB_MAX: u64 = 1 << 20;
/// Largest `config.json`: the longest published ones list per-layer quantisation and stay below a megabyte.
pub(crate) const CONFIG_MAX: u64 = 8 << 20;
/// Largest table of evidence.
pub(crate) const EVIDENCE_MAX: u64 = 256 << 20;

/// Largest result of a scan.
pub(crate) const SCAN_MAX: u64 = 8 << 20;

/// A path as it is named in a job: sought beside the job file first and in the current folder then.
pub(crate) fn beside(name: &str, job: Option<&Path>) -> PathBuf {
    let beside = job.and_then(Path::parent).map(|folder| folder.join(name)).filter(|path| path.exists());
    beside.unwrap_or_else(|| PathBuf::from(name))
}

/// The text of a small file that a config names, sought beside the config, in the folders around it and in the current one:
/// such names are mostly written from a repository's root.
pub(crate) fn named(name: &str, config: &Path) -> Option<String> {
    let readable = ["json", "yaml", "yml", "toml"];
    let ends = Path::new(name).extension()?.to_str()?;
    if !readable.contains(&ends) {
        return None;
    }
    let around = config.ancestors().skip(1).map(|folder| folder.join(name));
    let path = around.chain([PathBuf::from(name)]).find(|path| path.is_file())?;
    read(&path, JOB_MAX).ok()
}

/// Bytes of a file, or of all files in a folder.
pub(crate) fn size(path: &Path) -> Result<u64, Fault> {
    let fault = |error: &std::io::Error| {
        Fault::new(
            "file-not-found",
            format!("the data set could not be looked at: {error}"),
            path.display().to_string(),
        )
        .help("name a file or a folder, or give data.tokens")
    };
    let about = std::fs::metadata(path).map_err(|error| fault(&error))?;
    if !about.is_dir() {
        return Ok(about.len());
    }
    let mut bytes = 0;
    for entry in std::fs::read_dir(path).map_err(|error| fault(&error))? {
        let entry = entry.map_err(|error| fault(&error))?;
        // Links may lead anywhere, also back; only what lies here is counted.
        let kind = entry.file_type().map_err(|error| fault(&error))?;
        if kind.is_dir() {
            bytes += size(&entry.path())?;
        } else if kind.is_file() {
            bytes += entry.metadata().map_err(|error| fault(&error))?.len();
        }
    }
    Ok(bytes)
}

/// The text of a file; `-` is the standard input.
pub(crate) fn read(path: &Path, most: u64) -> Result<String, Fault> {
    let at = path.display().to_string();
    let bytes = if path == Path::new("-") {
        read_from(std::io::stdin().lock(), most)
    } else {
        File::open(path).and_then(|file| {
            if file.metadata()?.is_dir() { Err(ErrorKind::IsADirectory.into()) } else { read_from(file, most) }
        })
    };
    let bytes = bytes.map_err(|error| unreadable(&error, &at))?;
    if bytes.len() as u64 > most {
        return Err(Fault::new("file-too-large", format!("the file is larger than {} MiB", most >> 20), at)
            .help("a job file or a config.json is a few kilobytes of text; is this another file?"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        Fault::new("file-not-utf8", format!("the file is not UTF-8 text (first bad byte at offset {place})"), at)
            .help("save it as UTF-8; if it is a weights file, name the config.json beside it instead")
    })
}

/// The bytes of a file under this size.
pub(crate) fn bytes(path: &Path, most: u64) -> Result<Vec<u8>, Fault> {
    let at = path.display().to_string();
    let bytes = File::open(path).and_then(|file| read_from(file, most)).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Fault::new("file-not-found", "there is no such file or folder", &at),
        _ => Fault::new("file-not-readable", format!("the file could not be read: {error}"), &at),
    })?;
    if bytes.len() as u64 > most {
        return Err(Fault::new("file-too-large", format!("the file is larger than {} MiB", most >> 20), at));
    }
    Ok(bytes)
}

/// Writes a file that the user named.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Fault> {
    std::fs::write(path, text).map_err(|error| {
        Fault::new("file-not-written", format!("the file could not be written: {error}"), path.display().to_string())
            .help("check the folder and its permissions")
    })
}

fn read_from(source: impl Read, most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(most + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn unreadable(error: &std::io::Error, at: &str) -> Fault {
    match error.kind() {
        ErrorKind::NotFound => Fault::new("file-not-found", "there is no such file", at)
            .help("name a job file, or leave it out and use flags: outlay plan --model llama-3.1-8b --method qlora --tokens 6M"),
        ErrorKind::IsADirectory => Fault::new("file-is-a-folder", "this is a folder, a file is expected", at)
            .help("name the job file in it; a model's folder goes to --model"),
        ErrorKind::PermissionDenied => {
            Fault::new("file-not-readable", "the file may not be read", at).help("check its permissions")
        }
        _ => Fault::new("file-not-readable", format!("the file could not be read: {error}"), at),
    }
}

/// The `config.json` that a model's name points to, if it is a path: the file itself or the one in the folder, sought
/// beside the job file first and in the current folder then.
pub(crate) fn config_json(base: &str, job: Option<&Path>) -> Option<PathBuf> {
    let beside = job.and_then(Path::parent).map(|folder| folder.join(base));
    beside.into_iter().chain([PathBuf::from(base)]).find_map(|path| {
        let inside = path.join("config.json");
        if path.is_file() {
            Some(path)
        } else if inside.is_file() {
            Some(inside)
        } else {
            None
        }
    })
}

/// Whether a name can only have been meant as a path.
pub(crate) fn looks_like_a_path(base: &str) -> bool {
    base.starts_with(['.', '/', '~', '\\'])
        || base.contains('\\')
        || base.matches('/').count() > 1
        || base.ends_with('/')
        || Path::new(base).extension().is_some_and(|e| e.eq_ignore_ascii_case("json"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{config_json, looks_like_a_path, read};

    #[test]
    fn what_is_wrong_with_a_file_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("job.toml");
        assert_eq!(read(&path, 10).unwrap_err().code, "file-not-found");
        std::fs::write(&path, [b'a', 0xff]).unwrap();
        let fault = read(&path, 10).unwrap_err();
        assert!(fault.code == "file-not-utf8" && fault.message.contains("offset 1"), "{fault:?}");
        std::fs::write(&path, "0123456789a").unwrap();
        assert_eq!(read(&path, 10).unwrap_err().code, "file-too-large");
        assert_eq!(read(&path, 11).unwrap(), "0123456789a");
        assert_eq!(read(folder.path(), 10).unwrap_err().code, "file-is-a-folder");
    }

    #[test]
    fn a_config_is_sought_beside_the_job_first() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("my-model");
        std::fs::create_dir(&model).unwrap();
        assert_eq!(config_json("my-model", Some(&folder.path().join("job.toml"))), None);
        std::fs::write(model.join("config.json"), "{}").unwrap();
        let found = Some(model.join("config.json"));
        assert_eq!(config_json("my-model", Some(&folder.path().join("job.toml"))), found);
        assert_eq!(config_json("my-model/config.json", Some(&folder.path().join("job.toml"))), found);
        assert_eq!(config_json(model.to_str().unwrap(), None), found);
        assert_eq!(config_json("my-model", Some(Path::new("elsewhere.toml"))), None);
    }

    #[test]
    fn paths_and_names() {
        assert!(["./x", "a/b/c", "/x", "x.json", "org/config.json", "a\\b"].into_iter().all(looks_like_a_path));
        assert!(!["llama-3.1-8b", "org/name", "qwen2.5-7b"].into_iter().any(looks_like_a_path));
    }
}

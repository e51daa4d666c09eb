//! Fetching price tables: from a file, a folder, a zip, an address, or a feed that is published.
//!
//! What comes back is text with the provider that its name says; what the text means is the catalog's. Everything is read
//! under a size that no honest table reaches. A folder or a feed may hold other things than price tables: those are
//! named and passed over; a single file that is none is a fault.
//!
//! Does not know: prices.

use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use outlay::catalog::feeds::{Public, form, public};

use crate::failure::Fault;
use crate::files;

/// Largest table, unpacked.
const MOST: u64 = 64 << 20;
/// Folders below the one that is named.
const DEPTH: usize = 4;

/// A table and whose it is.
pub(crate) struct Table {
    /// The provider its name says.
    pub(crate) provider: String,
    /// Where it was read.
    pub(crate) from: String,
    /// The text.
    pub(crate) text: String,
}

/// What a source held.
#[derive(Default)]
pub(crate) struct Fetched {
    /// Tables of prices.
    pub(crate) tables: Vec<Table>,
    /// What was passed over, and why.
    pub(crate) passed: Vec<String>,
}

/// Fetches one `--from`.
pub(crate) fn fetch(source: &str) -> Result<Fetched, Fault> {
    let (name, place) = source.split_once('=').map_or((source, None), |(name, place)| (name, Some(place)));
    if let Some(feed) = public().iter().find(|feed| feed.name == name) {
        return match place {
            Some(place) if !is_address(place) => folder_or_file(Path::new(place)),
            place => published(feed, place.unwrap_or(&feed.address).trim_end_matches('/')),
        };
    }
    if is_address(source) {
        let bytes = get(source)?.map_err(|status| refused(source, status))?;
        let path = source.split(['?', '#']).next().unwrap_or(source);
        return single(path, source, bytes);
    }
    folder_or_file(Path::new(source))
}

fn is_address(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

fn folder_or_file(path: &Path) -> Result<Fetched, Fault> {
    if path.is_dir() {
        let mut files = Vec::new();
        walk(path, DEPTH, &mut files)?;
        files.sort();
        let mut all = Fetched::default();
        for file in &files {
            let shown = file.display().to_string();
            let bytes = files::bytes(file, MOST)?;
            match single(&shown, &shown, bytes) {
                Ok(more) => {
                    all.tables.extend(more.tables);
                    all.passed.extend(more.passed);
                }
                Err(fault) => all.passed.push(format!("{}: {}", fault.at, fault.message)),
            }
        }
        if all.tables.is_empty() {
            let fault = Fault::new("feed-unreadable", "no price table is in this folder", path.display().to_string());
            let passed = all.passed.into_iter().fold(fault, Fault::help);
            return Err(
                passed.help("tables end in .csv or .zip: a SkyPilot or gpuhunt catalog, or a sheet in our columns")
            );
        }
        return Ok(all);
    }
    let shown = path.display().to_string();
    single(&shown, &shown, files::bytes(path, MOST)?)
}

fn walk(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), Fault> {
    let fault = |error: std::io::Error| {
        Fault::new("file-not-readable", format!("the folder could not be read: {error}"), folder.display().to_string())
    };
    for entry in std::fs::read_dir(folder).map_err(fault)? {
        let entry = entry.map_err(fault)?;
        // Links may lead anywhere, also back.
        let kind = entry.file_type().map_err(fault)?;
        let path = entry.path();
        if kind.is_dir() && depth > 0 {
            walk(&path, depth - 1, files)?;
        } else if kind.is_file() && path.extension().is_some_and(|end| end == "csv" || end == "zip") {
            files.push(path);
        }
    }
    Ok(())
}

/// A feed that is published, provider by provider; a provider that it no longer has is passed over.
fn published(feed: &Public, base: &str) -> Result<Fetched, Fault> {
    let mut all = Fetched::default();
    for provider in &feed.providers {
        let address = match feed.name.as_str() {
            "gpuhunt" => match get(&format!("{base}/{provider}/version"))? {
                Ok(version) => {
                    let version = String::from_utf8_lossy(&version).trim().to_owned();
                    let plain =
                        !version.is_empty() && version.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
                    if !plain {
                        all.passed.push(format!("{provider}: its version is not one"));
                        continue;
                    }
                    format!("{base}/{provider}/{version}/catalog.zip")
                }
                Err(status) => {
                    all.passed.push(format!("{provider}: HTTP {status}"));
                    continue;
                }
            },
            _ => format!("{base}/{provider}/vms.csv"),
        };
        match get(&address)? {
            Ok(bytes) => match single(&address, &address, bytes) {
                Ok(more) => all.tables.extend(more.tables),
                Err(fault) => all.passed.push(format!("{provider}: {}", fault.message)),
            },
            Err(status) => all.passed.push(format!("{provider}: HTTP {status}")),
        }
    }
    if all.tables.is_empty() {
        let fault = Fault::new("feed-unreadable", format!("{} has no table that can be read", feed.name), base);
        return Err(all.passed.into_iter().fold(fault, Fault::help));
    }
    Ok(all)
}

/// The tables of one file: a zip holds several.
fn single(path: &str, from: &str, bytes: Vec<u8>) -> Result<Fetched, Fault> {
    if bytes.starts_with(b"PK") || path.ends_with(".zip") {
        return unzip(from, bytes);
    }
    let text = String::from_utf8(bytes).map_err(|_| {
        Fault::new("feed-unreadable", "it is not UTF-8 text", from).help("a price table is CSV, or CSV in a zip")
    })?;
    form(&text).map_err(|why| {
        Fault::new("feed-unreadable", why, from)
            .help("tables that are read: SkyPilot's vms.csv, gpuhunt's CSV or catalog.zip, a sheet in our columns")
    })?;
    Ok(Fetched { tables: vec![Table { provider: provider(path), from: from.to_owned(), text }], passed: Vec::new() })
}

fn unzip(from: &str, bytes: Vec<u8>) -> Result<Fetched, Fault> {
    let broken = |why: String| {
        Fault::new("feed-unreadable", format!("the zip is cut short or broken: {why}"), from).help("fetch it again")
    };
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| broken(error.to_string()))?;
    let mut all = Fetched::default();
    for at in 0..archive.len() {
        let file = archive.by_index(at).map_err(|error| broken(error.to_string()))?;
        let name = file.name().map_err(|error| broken(error.to_string()))?.into_owned();
        if !name.ends_with(".csv") {
            continue;
        }
        let mut bytes = Vec::new();
        file.take(MOST + 1).read_to_end(&mut bytes).map_err(|error| broken(error.to_string()))?;
        if bytes.len() as u64 > MOST {
            return Err(too_large(from));
        }
        let more = single(&name, &format!("{from}, {name}"), bytes)?;
        all.tables.extend(more.tables);
    }
    if all.tables.is_empty() {
        return Err(Fault::new("feed-unreadable", "no CSV is in the zip", from));
    }
    Ok(all)
}

/// Whose table a path is: `aws/vms.csv`, `aws.csv`.
fn provider(path: &str) -> String {
    let mut parts = path.rsplit(['/', '\\']);
    let file = parts.next().unwrap_or_default();
    let stem = file.split('.').next().unwrap_or(file);
    match (stem, parts.next()) {
        ("vms" | "catalog", Some(folder)) => folder.to_owned(),
        (stem, _) => stem.to_owned(),
    }
}

/// The body, or the status of a refusal.
fn get(address: &str) -> Result<Result<Vec<u8>, u16>, Fault> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(120)))
        .timeout_connect(Some(Duration::from_secs(10)))
        .http_status_as_error(false)
        .user_agent(concat!("outlay/", env!("CARGO_PKG_VERSION")))
        .build()
        .into();
    let unreachable = |error: &ureq::Error| {
        let why = match error {
            ureq::Error::Timeout(_) => "no answer in time".to_owned(),
            ureq::Error::HostNotFound => "the host was not found".to_owned(),
            other => other.to_string(),
        };
        Fault::new("feed-unreachable", format!("the feed could not be asked: {why}"), address)
            .help("check the network; without one, fetch the table elsewhere and give its file: --from FILE")
            .help("nothing was changed: the prices known before still answer")
    };
    let mut answer = agent.get(address).call().map_err(|error| unreachable(&error))?;
    if !answer.status().is_success() {
        return Ok(Err(answer.status().as_u16()));
    }
    match answer.body_mut().with_config().limit(MOST).read_to_vec() {
        Ok(bytes) => Ok(Ok(bytes)),
        Err(ureq::Error::BodyExceedsLimit(_)) => Err(too_large(address)),
        Err(error) => Err(unreachable(&error)),
    }
}

fn refused(address: &str, status: u16) -> Fault {
    Fault::new("feed-unreachable", format!("the feed answered HTTP {status}"), address).help("check the address")
}

fn too_large(from: &str) -> Fault {
    Fault::new("feed-unreadable", format!("the table is larger than {} MiB", MOST >> 20), from)
        .help("no price table is that large; is this another file?")
}

#[cfg(test)]
mod tests {
    use super::provider;

    #[test]
    fn a_table_is_named_after_its_provider() {
        assert_eq!(
            ["a/aws/vms.csv", "azure.csv", "http://x/v8/gcp/vms.csv", "lambda"].map(provider),
            ["aws", "azure", "gcp", "lambda"]
        );
    }
}

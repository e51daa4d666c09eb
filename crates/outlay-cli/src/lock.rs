//! `outlay.lock`: what a forecast used, so that it can be made again and held against today's.
//!
//! JSON with sorted keys and one row of offers a line: equal facts give equal bytes, and a diff of two locks reads. It
//! holds the offers and the user's prices themselves, since both change from day to day; tables that change with the
//! program stand in it as hashes, and where one differs that is said. No path, no token, no comment of the user's files.

use std::path::{Path, PathBuf};

use outlay::catalog::Catalog;
use outlay::request::Request;
use outlay::response::Response;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::facts::Facts;
use crate::failure::{Failure, Fault};
use crate::files;

/// Its usual name.
const NAME: &str = "outlay.lock";
/// Largest lock: tens of thousands of offers.
const MOST: u64 = 64 << 20;
/// Version of the form.
const VERSION: u64 = 1;

/// A lock, read.
#[derive(Debug, Clone)]
pub(crate) struct Lock {
    /// The day it was made for.
    pub(crate) day: String,
    /// The offers, as a table.
    pub(crate) offers: String,
    /// The user's prices.
    pub(crate) prices: Option<String>,
    /// The job: name of its file, hash of what it asks.
    pub(crate) job: (String, String),
    /// The answer's hash.
    pub(crate) answer: String,
    outlay: String,
    tables: Map<String, Value>,
}

/// Where a lock lies: as it is named, or beside the job.
pub(crate) fn path(named: Option<&Path>, job: Option<&Path>) -> PathBuf {
    let beside = || job.filter(|path| *path != Path::new("-")).map(|path| path.with_file_name(NAME));
    named.map(Path::to_path_buf).or_else(beside).unwrap_or_else(|| PathBuf::from(NAME))
}

/// `sha256:…` of a text.
fn hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

fn tables() -> Map<String, Value> {
    Catalog::tables().into_iter().map(|(name, text)| (name.to_owned(), Value::from(hash(text)))).collect()
}

/// What a job asks, as one hash: defaults, flags and the model's config included.
pub(crate) fn asked(request: &Request) -> Result<String, Failure> {
    serde_json::to_value(request).map(|value| hash(&value.to_string())).map_err(|e| Failure::Internal(e.to_string()))
}

/// An answer as one hash.
pub(crate) fn answered(response: &Response) -> Result<String, Failure> {
    serde_json::to_value(response).map(|value| hash(&value.to_string())).map_err(|e| Failure::Internal(e.to_string()))
}

/// The text of a lock.
pub(crate) fn text(name: &str, request: &Request, response: &Response, facts: &Facts) -> Result<String, Failure> {
    let pick = response.pick.as_ref();
    let lock = json!({
        "version": VERSION,
        "about": "what a forecast used; `outlay plan JOB --locked` gives it again, `outlay lock --check JOB` compares it",
        "outlay": env!("CARGO_PKG_VERSION"),
        "day": facts.today,
        "job": { "file": name, "hash": asked(request)? },
        "answer": {
            "hash": answered(response)?,
            "verdict": response.verdict,
            "cost_usd": pick.and_then(|plan| plan.cost_usd),
            "hours": pick.map(|plan| plan.hours),
            "memory_gib": pick.map(|plan| plan.memory_gib),
            "provider": pick.map(|plan| &plan.provider),
            "instance": pick.map(|plan| &plan.instance),
            "machine_usd_per_hour": pick.and_then(|plan| plan.machine_usd_per_hour),
            "price_as_of": pick.map(|plan| &plan.price_as_of),
        },
        "tables": tables(),
        "prices": facts.prices.as_ref().map(outlay::prices::Prices::canonical),
        "offers": facts.offers.lines().collect::<Vec<_>>(),
    });
    let text = serde_json::to_string_pretty(&lock).map_err(|error| Failure::Internal(error.to_string()))?;
    Ok(text + "\n")
}

/// Reads a lock.
pub(crate) fn read(path: &Path) -> Result<Lock, Fault> {
    let at = || path.display().to_string();
    let text = files::read(path, MOST).map_err(|fault| match fault.code.as_str() {
        "file-not-found" => Fault::new("lock-not-found", "there is no such lock file", at())
            .help("write one with `outlay lock JOB`, or name it with --lock FILE"),
        _ => fault,
    })?;
    let broken = |what: String| {
        Fault::new("lock-unreadable", what, at()).help("it is written by `outlay lock`: restore it, or write it again")
    };
    let value: Value = serde_json::from_str(&text).map_err(|error| broken(format!("not JSON: {error}")))?;
    match value["version"].as_u64() {
        Some(VERSION) => {}
        Some(other) => return Err(broken(format!("its form is {other}, this outlay reads {VERSION}"))),
        None => return Err(broken("not a lock file: it has no version".into())),
    }
    let word = |value: &Value, name: &str| {
        value.as_str().map(str::to_owned).ok_or_else(|| broken(format!("`{name}` is missing or is no text")))
    };
    let rows = value["offers"].as_array().ok_or_else(|| broken("`offers` is missing".into()))?;
    let rows: Vec<String> = rows.iter().map(|row| word(row, "offers")).collect::<Result<_, _>>()?;
    Ok(Lock {
        day: word(&value["day"], "day")?,
        offers: rows.join("\n") + "\n",
        prices: value["prices"].as_str().map(str::to_owned),
        job: (word(&value["job"]["file"], "job.file")?, word(&value["job"]["hash"], "job.hash")?),
        answer: word(&value["answer"]["hash"], "answer.hash")?,
        outlay: word(&value["outlay"], "outlay")?,
        tables: value["tables"].as_object().cloned().unwrap_or_default(),
    })
}

impl Lock {
    /// What of the program is not as it was.
    pub(crate) fn differences(&self) -> Vec<String> {
        let mut all = Vec::new();
        if self.outlay != env!("CARGO_PKG_VERSION") {
            all.push(format!("the lock is of outlay {}, this is {}", self.outlay, env!("CARGO_PKG_VERSION")));
        }
        let other: Vec<String> = tables()
            .into_iter()
            .filter(|(name, hash)| self.tables.get(name) != Some(hash))
            .map(|(name, _)| name)
            .collect();
        if !other.is_empty() {
            all.push(format!("other than in the lock: {}", other.join(", ")));
        }
        all
    }
}

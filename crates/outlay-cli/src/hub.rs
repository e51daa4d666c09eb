//! A `config.json` of the Hugging Face hub: from its local cache, or by one request for that one file.
//!
//! Our own hundred lines rather than the hub's client library, which brings some three hundred crates; the price is that
//! only this one file can be had. The cache is the one `huggingface_hub` keeps, read and written in its layout
//! (`models--org--name/refs/main` names a commit, `snapshots/<commit>/` holds the files), so that what Python has
//! fetched is found here and the other way round. A file is written as itself, not as a link into `blobs/`: that is
//! the library's own layout where links are not possible.
//!
//! Does not know: what is in the file, other revisions than `main`.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::failure::Fault;
use crate::files::{self, CONFIG_MAX};

/// Where the hub is, who asks, and where its files are kept.
#[derive(Debug, Clone)]
pub(crate) struct Hub {
    endpoint: String,
    token: Option<String>,
    cache: Option<PathBuf>,
    offline: bool,
    timeout: Duration,
}

/// A fetched text and where it came from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fetched {
    /// The file.
    pub(crate) text: String,
    /// Cache path or address.
    pub(crate) from: String,
}

impl Hub {
    /// The settings that `huggingface_hub` reads, by the same names.
    pub(crate) fn from_env(env: &dyn Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| env(name).filter(|value| !value.trim().is_empty());
        let on = |name: &str| {
            set(name).is_some_and(|v| matches!(v.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on"))
        };
        let home = set("HF_HOME").map(PathBuf::from).or_else(|| {
            let cache = set("XDG_CACHE_HOME").map(PathBuf::from);
            let user = || set("HOME").or_else(|| set("USERPROFILE")).map(|home| PathBuf::from(home).join(".cache"));
            cache.or_else(user).map(|cache| cache.join("huggingface"))
        });
        let token_file =
            set("HF_TOKEN_PATH").map(PathBuf::from).or_else(|| home.as_ref().map(|home| home.join("token")));
        let stored = || {
            if on("HF_HUB_DISABLE_IMPLICIT_TOKEN") { None } else { fs::read_to_string(token_file?).ok() }
        };
        let token = set("HF_TOKEN").or_else(stored).map(|t| t.trim().to_string()).filter(|t| !t.is_empty());
        Self {
            endpoint: set("HF_ENDPOINT").unwrap_or("https://huggingface.co".into()).trim_end_matches('/').into(),
            token,
            cache: set("HF_HUB_CACHE").map(PathBuf::from).or_else(|| home.map(|home| home.join("hub"))),
            offline: on("HF_HUB_OFFLINE"),
            timeout: Duration::from_secs(20),
        }
    }

    /// The `config.json` of `org/name`.
    pub(crate) fn config(&self, id: &str) -> Result<Fetched, Fault> {
        if let Some(fetched) = self.cached(id)? {
            return Ok(fetched);
        }
        if self.offline {
            return Err(Fault::new(
                "hub-offline",
                format!("{id} is not in the hub cache and HF_HUB_OFFLINE is set"),
                "model.base",
            )
            .help(self.way_out()));
        }
        self.fetch(id)
    }

    fn way_out(&self) -> String {
        "give a config.json instead: --model path/to/config.json, a preset (outlay models), or --layers, --hidden, …"
            .into()
    }

    fn repo(&self, id: &str) -> Option<PathBuf> {
        Some(self.cache.as_ref()?.join(format!("models--{}", id.replace('/', "--"))))
    }

    fn cached(&self, id: &str) -> Result<Option<Fetched>, Fault> {
        let Some(repo) = self.repo(id) else { return Ok(None) };
        let Ok(commit) = fs::read_to_string(repo.join("refs/main")) else { return Ok(None) };
        let commit = commit.trim();
        let path = repo.join("snapshots").join(commit).join("config.json");
        if !is_commit(commit) || !path.is_file() {
            return Ok(None);
        }
        let text = files::read(&path, CONFIG_MAX)?;
        Ok(Some(Fetched { text, from: path.display().to_string() }))
    }

    /// Best effort: an answer in hand is worth more than a cache that could not be written.
    fn keep(&self, id: &str, commit: &str, text: &str) {
        let Some(repo) = self.repo(id).filter(|_| is_commit(commit)) else { return };
        let _ = write_whole(&repo.join("snapshots").join(commit).join("config.json"), text)
            .and_then(|()| write_whole(&repo.join("refs/main"), commit));
    }

    fn fetch(&self, id: &str) -> Result<Fetched, Fault> {
        let first = format!("{}/{id}/resolve/main/config.json", self.endpoint);
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_global(Some(self.timeout))
            .timeout_connect(Some(self.timeout / 2))
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("outlay/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        let mut address = first.clone();
        let mut commit = None;
        // Redirects are followed by hand: the commit stands in the first answer, and the token goes to the endpoint alone.
        for _ in 0..5 {
            let mut request = agent.get(&address);
            if let Some(token) = self.token.as_ref().filter(|_| same_host(&address, &self.endpoint)) {
                request = request.header("Authorization", format!("Bearer {token}"));
            }
            let mut answer = request.call().map_err(|error| self.unreachable(id, &error))?;
            let header =
                |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(String::from);
            commit = commit.or_else(|| header("x-repo-commit"));
            let next = header("location").filter(|_| answer.status().is_redirection());
            if let Some(next) = next {
                address = absolute(&address, &next);
                continue;
            }
            if !answer.status().is_success() {
                return Err(self.refused(id, answer.status().as_u16(), header("x-error-code").as_deref()));
            }
            let text = answer.body_mut().with_config().limit(CONFIG_MAX).read_to_string();
            let text = text.map_err(|error| self.unreachable(id, &error))?;
            if let Some(commit) = &commit {
                self.keep(id, commit, &text);
            }
            return Ok(Fetched { text, from: first });
        }
        Err(Fault::new("hub-unreachable", format!("{} redirects in a circle for {id}", self.endpoint), "model.base")
            .help(self.way_out()))
    }

    fn unreachable(&self, id: &str, error: &ureq::Error) -> Fault {
        let why = match error {
            ureq::Error::Timeout(_) => format!("no answer within {} s", self.timeout.as_secs()),
            ureq::Error::HostNotFound => "the host was not found".into(),
            other => other.to_string(),
        };
        Fault::new("hub-unreachable", format!("{} could not be asked for {id}: {why}", self.endpoint), "model.base")
            .help("check the network, or set HF_ENDPOINT to a mirror")
            .help(self.way_out())
    }

    fn refused(&self, id: &str, status: u16, code: Option<&str>) -> Fault {
        let gated = code == Some("GatedRepo");
        match status {
            401 | 403 if gated || self.token.is_some() => {
                Fault::new("hub-gated", format!("access to {id} is not granted (HTTP {status})"), "model.base")
                    .help(format!(
                        "accept its licence at {}/{id}, then set HF_TOKEN to a token of that account",
                        self.endpoint
                    ))
                    .help(self.way_out())
            }
            // The hub answers 401, not 404, to strangers who ask for what does not exist.
            401 | 403 => {
                Fault::new("hub-not-found", format!("{id} does not exist or is private (HTTP {status})"), "model.base")
                    .help("check the spelling; for a private or gated model set HF_TOKEN")
                    .help(self.way_out())
            }
            404 if code == Some("EntryNotFound") => {
                Fault::new("hub-no-config", format!("{id} has no config.json"), "model.base").help(self.way_out())
            }
            404 => Fault::new("hub-not-found", format!("{id} was not found on {}", self.endpoint), "model.base")
                .help("check the spelling")
                .help(self.way_out()),
            _ => Fault::new(
                "hub-unreachable",
                format!("{} answered HTTP {status} for {id}", self.endpoint),
                "model.base",
            )
            .help("try again later, or set HF_ENDPOINT to a mirror")
            .help(self.way_out()),
        }
    }
}

/// Whether a name has the form of a hub id: `org/name`.
pub(crate) fn is_id(name: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && part.len() <= 96
            && !part.starts_with(['.', '-'])
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    name.split_once('/').is_some_and(|(org, name)| part(org) && part(name))
}

fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// `scheme://host:port` of an address.
fn origin(address: &str) -> &str {
    let host = address.find("://").map_or(0, |at| at + 3);
    address[host..].find(['/', '?', '#']).map_or(address, |end| &address[..host + end])
}

fn same_host(one: &str, other: &str) -> bool {
    origin(one).eq_ignore_ascii_case(origin(other))
}

/// Where a redirect leads; the hub sends paths and whole addresses.
fn absolute(from: &str, to: &str) -> String {
    if to.contains("://") { to.into() } else { format!("{}/{}", origin(from), to.trim_start_matches('/')) }
}

/// Writes beside and renames, so that nobody reads half a file.
fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let beside = folder.join(format!(".outlay-{}", std::process::id()));
    let written = fs::File::create(&beside).and_then(|mut file| file.write_all(text.as_bytes()));
    written.and_then(|()| fs::rename(&beside, path)).inspect_err(|_| drop(fs::remove_file(&beside)))
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::path::Path;
    use std::sync::mpsc::{Receiver, channel};

    use super::{Hub, is_id};

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    /// Answers one connection after the other with these texts; the requests' heads come out of the receiver.
    fn serve(answers: Vec<String>) -> (String, Receiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (heads, received) = channel();
        std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut head = String::new();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
                heads.send(head).unwrap();
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        (address, received)
    }

    fn answer(status: &str, headers: &str, body: &str) -> String {
        format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len())
    }

    fn hub(endpoint: &str, home: &Path, more: &[(&str, &str)]) -> Hub {
        let home = home.display().to_string();
        Hub::from_env(&|name| match name {
            "HF_ENDPOINT" => Some(endpoint.into()),
            "HF_HOME" => Some(home.clone()),
            other => more.iter().find(|(name, _)| *name == other).map(|(_, value)| (*value).into()),
        })
    }

    #[test]
    fn a_config_is_fetched_once_and_then_read_from_the_cache() {
        let home = tempfile::tempdir().unwrap();
        let header = format!("X-Repo-Commit: {COMMIT}\r\n");
        let (address, heads) = serve(vec![
            answer("307 Temporary Redirect", &format!("{header}Location: /api/resolve-cache/x\r\n"), ""),
            answer("200 OK", "", r#"{"model_type":"llama"}"#),
        ]);
        let hub = hub(&address, home.path(), &[("HF_TOKEN", "secret")]);
        let got = hub.config("org/name").unwrap();
        assert_eq!(got.text, r#"{"model_type":"llama"}"#);
        let head = heads.recv().unwrap();
        assert!(head.starts_with("GET /org/name/resolve/main/config.json HTTP/1.1\r\n"), "{head}");
        assert!(head.to_ascii_lowercase().contains("authorization: bearer secret\r\n"), "{head}");
        assert!(heads.recv().unwrap().starts_with("GET /api/resolve-cache/x "));
        let again = hub.config("org/name").unwrap();
        assert_eq!(again.text, got.text);
        assert!(Path::new(&again.from).ends_with(format!("models--org--name/snapshots/{COMMIT}/config.json")));
    }

    #[test]
    fn the_token_stays_with_the_endpoint() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("token"), "stored\n").unwrap();
        let (other, other_heads) = serve(vec![answer("200 OK", "", "{}")]);
        let (address, heads) = serve(vec![answer("302 Found", &format!("Location: {other}/cdn\r\n"), "")]);
        hub(&address, home.path(), &[]).config("org/name").unwrap();
        assert!(heads.recv().unwrap().contains("Bearer stored"));
        assert!(!other_heads.recv().unwrap().contains("stored"));
    }

    #[test]
    fn refusals_name_the_way_out() {
        let home = tempfile::tempdir().unwrap();
        let ask = |status: &str, headers: &str, more: &[(&str, &str)]| {
            let (address, _heads) = serve(vec![answer(status, headers, "")]);
            hub(&address, home.path(), more).config("org/name").unwrap_err()
        };
        let gated = ask("401 Unauthorized", "X-Error-Code: GatedRepo\r\n", &[]);
        assert!(gated.code == "hub-gated" && gated.help[0].contains("HF_TOKEN"), "{gated:?}");
        assert_eq!(ask("401 Unauthorized", "", &[]).code, "hub-not-found");
        assert_eq!(ask("403 Forbidden", "", &[("HF_TOKEN", "x")]).code, "hub-gated");
        assert_eq!(ask("404 Not Found", "", &[]).code, "hub-not-found");
        assert_eq!(ask("404 Not Found", "X-Error-Code: EntryNotFound\r\n", &[]).code, "hub-no-config");
        assert_eq!(ask("503 Service Unavailable", "", &[]).code, "hub-unreachable");
    }

    #[test]
    fn offline_and_unreachable() {
        let home = tempfile::tempdir().unwrap();
        let offline =
            hub("http://127.0.0.1:9", home.path(), &[("HF_HUB_OFFLINE", "1")]).config("org/name").unwrap_err();
        assert!(offline.code == "hub-offline" && offline.help[0].contains("config.json"), "{offline:?}");
        let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let fault = hub(&format!("http://{gone}"), home.path(), &[]).config("org/name").unwrap_err();
        assert_eq!(fault.code, "hub-unreachable");
    }

    #[test]
    fn ids() {
        assert!(is_id("meta-llama/Llama-3.1-8B") && is_id("a/b_c.d"));
        assert!(!["llama", "a/b/c", "../x", "a/..", "a/", "a/b c", "-a/b"].into_iter().any(is_id));
    }
}

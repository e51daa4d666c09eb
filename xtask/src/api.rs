//! The HTTP API against its own description: schemathesis makes requests from the OpenAPI document, good ones and bad ones,
//! and checks every answer against it. A job that the schema allows need not be one that can be (a batch that nothing
//! divides, a name that nobody has), so that check alone is left out.
//!
//! The tool comes from PyPI into a virtual environment of its own below `target`; the server runs with an empty database
//! and a hub that knows no model, so that nothing is asked of the outside.
//!
//! Does not know: any route.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// What is installed.
const TOOL: &str = "schemathesis==4.32.5";
/// Requests of a kind to each route, and seconds for all.
const EXAMPLES: &str = "5";
const SECONDS: &str = "75";
/// Where the server keeps what it is sent.
const DATABASE: &str = "sqlite:x.db";

/// Ends the server with this process.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // Gone already is gone.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Fails if an answer is not what the description says.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let folder = root.join("target/api");
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let tool = tool(&folder)?;
    crate::product::built(root)?;
    for old in ["x.db", "x.db-wal", "x.db-shm"] {
        let _ = fs::remove_file(folder.join(old));
    }
    let token = token(root, &folder)?;
    let (server, address) = server(root, &folder)?;
    let outcome = done(
        Command::new(tool)
            .arg("run")
            .arg(format!("{address}/api/v1/openapi.json"))
            .args([
                "--header",
                &format!("Authorization: Bearer {token}"),
                "--exclude-checks",
                "positive_data_acceptance",
            ])
            .args(["--max-examples", EXAMPLES, "--max-time", SECONDS, "--phases", "examples,coverage,fuzzing,stateful"])
            .args(["--seed", "1", "--no-shrink", "--warnings", "off", "--request-timeout", "60"])
            .current_dir(&folder),
    );
    drop(server);
    outcome
}

/// The tool, installed if it is not there.
fn tool(folder: &Path) -> Result<std::path::PathBuf, String> {
    let (place, mark) = (folder.join("venv"), folder.join("installed"));
    if fs::read_to_string(&mark).unwrap_or_default() != TOOL {
        done(Command::new("python3").args(["-m", "venv"]).arg(&place))?;
        done(Command::new(place.join("bin/pip")).args(["install", "--quiet", "--disable-pip-version-check", TOOL]))?;
        fs::write(&mark, TOOL).map_err(|e| format!("{}: {e}", mark.display()))?;
    }
    Ok(place.join("bin/schemathesis"))
}

/// A token that may do everything.
fn token(root: &Path, folder: &Path) -> Result<String, String> {
    let made = Command::new(root.join("target/debug/outlay"))
        .args(["serve", "token", "add", "schemathesis", "--scope", "write", "--database", DATABASE])
        .current_dir(folder)
        .output()
        .map_err(|e| format!("outlay serve token: {e}"))?;
    let text = String::from_utf8(made.stdout).map_err(|e| e.to_string())?;
    if made.status.success() { Ok(text.trim().to_owned()) } else { Err("outlay serve token failed".into()) }
}

/// A server with an empty database, and its address.
fn server(root: &Path, folder: &Path) -> Result<(Server, String), String> {
    let mut child = Command::new(root.join("target/debug/outlay"))
        .args(["serve", "--listen", "127.0.0.1:0", "--tokens", "--log-level", "error", "--max-search", "2"])
        .args(["--database", DATABASE])
        .env("HF_ENDPOINT", hub()?)
        .env("HF_HOME", folder.join("hub"))
        .current_dir(folder)
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| format!("outlay serve: {e}"))?;
    let stderr = child.stderr.take();
    let server = Server(child);
    let mut lines = BufReader::new(stderr.ok_or("outlay serve has no stderr")?);
    let mut said = String::new();
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line).map_err(|e| e.to_string())? == 0 {
            return Err(format!("outlay serve did not start: {said}"));
        }
        if let Some((_, address)) = line.trim().split_once("listens on ") {
            let address = address.to_owned();
            // What it says from now on is for whoever looks on.
            std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::stderr()));
            return Ok((server, address));
        }
        said.push_str(&line);
    }
}

/// A hub that knows no model.
fn hub() -> Result<String, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            // The head of a request is all that comes; who asks and for what does not matter.
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        }
    });
    Ok(format!("http://{address}"))
}

fn done(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|e| format!("{}: {e}", command.get_program().display()))?;
    if status.success() { Ok(()) } else { Err(format!("{} failed", command.get_program().display())) }
}

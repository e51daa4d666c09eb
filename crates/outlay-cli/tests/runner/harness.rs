//! Runs the command in a folder of its own, without network, clock or the caller's settings.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A folder to run in.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a working test place") }
    }

    /// With a file in it.
    pub(crate) fn file(self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a working test place")).expect("a working test place");
        std::fs::write(path, bytes).expect("a working test place");
        self
    }

    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The text of a file in it.
    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).expect("a working test place")
    }

    /// The command with these arguments, ready to run here.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_outlay"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HF_HUB_OFFLINE", "1")
            .env("HF_HOME", self.folder.path())
            .env("OUTLAY_TODAY", "2026-11-24")
            .env("COLUMNS", "100")
            .stdin(Stdio::null());
        command
    }

    /// Runs it.
    pub(crate) fn output(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("a working test place")
    }

    /// Status, stdout and stderr in one text.
    pub(crate) fn run(&self, args: &[&str]) -> String {
        shown(&self.output(args))
    }
}

/// Runs in an empty folder.
pub(crate) fn run(args: &[&str]) -> String {
    Place::new().run(args)
}

/// Status, stdout and stderr in one text.
pub(crate) fn shown(output: &Output) -> String {
    let mut text = format!("status {}\n", output.status.code().map_or("none".into(), |code| code.to_string()));
    for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
        if !bytes.is_empty() {
            let _ = write!(text, "--- {name}\n{}", String::from_utf8_lossy(bytes));
        }
    }
    text
}

/// The repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("a working test place")
}

/// Every figure replaced by `#`: what is said, without how much.
pub(crate) fn without_figures(text: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for line in text.lines() {
        for c in line.chars() {
            let digit = c.is_ascii_digit() || (inside && matches!(c, '.' | ','));
            if digit && !inside {
                out.push('#');
            }
            inside = digit;
            if !digit {
                out.push(c);
            }
        }
        inside = false;
        out.push('\n');
    }
    out
}

//! The Python package as a user gets it: a fresh virtual environment, `pip install .`, the tests of the package.
//!
//! The dev profile and the workspace's own target folder keep it short. The environment is in `target/python` and is made
//! anew each time, so that what is tested is what a fresh install gives.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;

/// What the tests need beside the package.
const NEEDS: &[&str] = &["pytest", "pandas"];

/// Installs and tests.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let venv = root.join("target/python");
    if venv.exists() {
        fs::remove_dir_all(&venv).map_err(|e| format!("{}: {e}", venv.display()))?;
    }
    let made = step(root, "python3", ["-m", "venv", "target/python"]);
    made.map_err(|why| format!("{why}\nthe Python package is tested with Python 3.10 or newer, with its venv module"))?;
    let bin = venv.join(if cfg!(windows) { "Scripts" } else { "bin" });
    let python = bin.join("python");
    let pip = ["-m", "pip", "--disable-pip-version-check", "--quiet", "install"];
    step(root, &python, pip.iter().chain(NEEDS))?;
    step(root, &python, pip.iter().chain(&["."]))?;
    // The answers are compared with those of the command.
    crate::product::built(root)?;
    step(root, &python, ["-m", "pytest", "-q", "-p", "no:cacheprovider"])
}

fn step(
    root: &Path,
    program: impl AsRef<OsStr>,
    args: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Result<(), String> {
    let mut command = Command::new(program);
    command
        .args(args)
        .current_dir(root)
        .env("CARGO_TARGET_DIR", root.join("target"))
        .env("MATURIN_PEP517_ARGS", "--profile dev")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env_remove("PYTHONPATH");
    let shown = format!("{command:?}");
    let status = command.status().map_err(|e| format!("{shown}: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("failed: {shown}")) }
}

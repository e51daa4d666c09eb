//! Every committed figure that follows from the engine, written anew in its order: the calibration, the scoreboard and the
//! chapter on accuracy, the README, the pages whose examples are run, the page's engine.
//!
//! Each is held by a test or a step of CI, which says that it is stale; this is what to run then. Read the diff.
//!
//! Does not know: which of them a change moves; it writes them all.

use std::path::Path;
use std::process::Command;

const CALIBRATION: &str = "crates/outlay-catalog/data/calibration.toml";

/// Writes them.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let outlay = crate::product::built(root)?;
    let outlay = outlay.to_str().ok_or("the path of the repository is no text")?;
    let steps: &[(&str, &[&str])] = &[
        (outlay, &["validate", "--fit", CALIBRATION]),
        ("cargo", &["test", "--quiet", "--workspace", "--locked", "--no-run"]),
        (outlay, &["validate", "--write", "--page"]),
        ("cargo", &["test", "--workspace", "--locked", "--test", "targets", "--test", "runner", "readme"]),
        ("cargo", &["xtask", "python"]),
        ("cargo", &["xtask", "web"]),
    ];
    for (program, args) in steps {
        let mut command = Command::new(program);
        let status = command.args(*args).current_dir(root).env("OUTLAY_UPDATE", "1").status();
        let status = status.map_err(|e| format!("{program}: {e}"))?;
        if !status.success() {
            return Err(format!("failed: {command:?}"));
        }
    }
    Ok(())
}

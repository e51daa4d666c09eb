//! The product's own command, for the steps that ask it something.
//!
//! It is built as `cargo test --workspace` builds it: with other arguments cargo would choose other features and build
//! everything once more, minutes for nothing.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds it where it is not current, and says where it is.
pub(crate) fn built(root: &Path) -> Result<PathBuf, String> {
    let mut build = Command::new("cargo");
    build.args(["test", "--quiet", "--workspace", "--locked", "--no-run"]).current_dir(root);
    let status = build.status().map_err(|e| format!("cargo: {e}"))?;
    if status.success() { Ok(root.join("target/debug/outlay")) } else { Err(format!("failed: {build:?}")) }
}

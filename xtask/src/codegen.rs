//! Generated files: committed, and made again to the same bytes by the product's own commands.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{concepts, dataclasses};

/// A committed file and the arguments of `outlay` that print it.
const GENERATED: &[(&str, &[&str])] = &[
    ("docs/reference/request.schema.json", &["schema", "request"]),
    ("docs/reference/response.schema.json", &["schema", "response"]),
    ("docs/reference/prices.schema.json", &["schema", "prices"]),
    ("docs/reference/why.schema.json", &["schema", "why"]),
    ("docs/reference/diff.schema.json", &["schema", "diff"]),
    ("docs/reference/levers.schema.json", &["schema", "levers"]),
    ("docs/reference/scaling.schema.json", &["schema", "scaling"]),
    ("docs/reference/lists.schema.json", &["schema", "lists"]),
    ("docs/reference/openapi.json", &["schema", "openapi"]),
    ("docs/reference/errors.md", &["schema", "errors"]),
];

/// What the built command `program` prints.
fn said(root: &Path, program: &Path, args: &[&str]) -> Result<String, String> {
    let out = Command::new(program).args(args).current_dir(root).output();
    let out = out.map_err(|e| format!("outlay: {e}"))?;
    if out.status.success() {
        String::from_utf8(out.stdout).map_err(|e| format!("outlay {}: {e}", args.join(" ")))
    } else {
        Err(format!("outlay {}: {}", args.join(" "), String::from_utf8_lossy(&out.stderr)))
    }
}

/// Writes every generated file.
pub(crate) fn write(root: &Path) -> Result<(), String> {
    let outlay = crate::product::built(root)?;
    for (path, args) in GENERATED {
        fs::write(root.join(path), said(root, &outlay, args)?).map_err(|e| format!("{path}: {e}"))?;
        eprintln!("wrote {path}");
    }
    let (path, text) = dataclasses::file(root)?;
    fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
    eprintln!("wrote {}", dataclasses::PATH);
    for (path, text) in concepts::pages(root)? {
        fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    eprintln!("wrote docs/concepts");
    Ok(())
}

/// Fails if a generated file differs from what would be written.
pub(crate) fn check(root: &Path) -> Result<(), String> {
    concepts::check(root)?;
    dataclasses::check(root)?;
    let outlay = crate::product::built(root)?;
    let mut stale = Vec::new();
    for (path, args) in GENERATED {
        if fs::read_to_string(root.join(path)).unwrap_or_default() != said(root, &outlay, args)? {
            stale.push((*path).to_owned());
        }
    }
    if stale.is_empty() { Ok(()) } else { Err(format!("stale: {}; run `cargo xtask codegen`", stale.join(", "))) }
}

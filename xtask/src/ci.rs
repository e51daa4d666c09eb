//! The CI steps, in the order in which they fail fastest. Each is an ordinary cargo command a person could type.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

const STEPS: &[(&str, &[&str])] = &[
    ("format", &["fmt", "--all", "--check"]),
    ("house rules", &["xtask", "tidy"]),
    // Files that the product prints are compared by its own tests: asking for them here would build it a second time.
    ("pages", &["xtask", "pages"]),
    ("lints", &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]),
    ("tests", &["test", "--workspace", "--locked"]),
    ("documentation", &["xtask", "docs"]),
    ("page", &["xtask", "web", "--check"]),
    ("page in a browser", &["xtask", "web", "--test"]),
    ("Python package", &["xtask", "python"]),
    ("API", &["xtask", "api"]),
    ("exports", &["xtask", "exports"]),
];

/// Runs every step; stops at the first that fails.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    for (name, args) in STEPS {
        eprintln!("== {name}: cargo {}", args.join(" "));
        let start = Instant::now();
        let status = Command::new("cargo").args(*args).current_dir(root).status().map_err(|e| format!("cargo: {e}"))?;
        if !status.success() {
            return Err(format!("{name} failed: cargo {}", args.join(" ")));
        }
        eprintln!("== {name}: ok after {:.0?}", start.elapsed());
    }
    Ok(())
}

//! The documentation as a book, and what its pages promise: every page is in the contents, every link leads somewhere, every
//! command line works.
//!
//! mdBook is installed as a program below `target/`, in a fixed version, rather than taken as a library: a hundred crates
//! that nothing else of ours needs. The price is one build of two minutes on a fresh machine.
//!
//! Does not know: what the product answers; only that it answers.

mod commands;
mod links;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const MDBOOK: &str = "0.5.4";
/// Pages beside those of `docs/`.
const BESIDE: &[&str] = &["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"];

/// One page.
pub(crate) struct Page {
    /// Where it stands, from the root of the tree.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// Checks every page, runs its command lines, builds the book into `target/book`.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let pages = pages(root)?;
    let (followed, mut complaints) = links::check(&pages, &|path| root.join(path).exists());
    complaints.extend(links::unlisted(&pages));
    eprintln!("{} pages, {followed} links followed", pages.len());
    crate::product::built(root)?;
    complaints.extend(commands::check(root, &pages)?);
    if !complaints.is_empty() {
        return Err(format!("the documentation is wrong:\n  {}", complaints.join("\n  ")));
    }
    book(root)
}

/// Every page, in the order of their names.
fn pages(root: &Path) -> Result<Vec<Page>, String> {
    let mut paths: Vec<PathBuf> = BESIDE.iter().map(|name| root.join(name)).collect();
    paths.extend(crate::tidy::files(&root.join("docs"), "md")?);
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(Page { name: path.strip_prefix(root).unwrap_or(path).display().to_string(), text })
    };
    paths.iter().map(read).collect()
}

fn book(root: &Path) -> Result<(), String> {
    let home = root.join("target/mdbook");
    let program = home.join("bin/mdbook");
    let version = Command::new(&program).arg("--version").output().map(|said| said.stdout).unwrap_or_default();
    if !String::from_utf8_lossy(&version).trim().ends_with(MDBOOK) {
        let mut install = Command::new("cargo");
        install.args(["install", "mdbook", "--quiet", "--locked", "--version", MDBOOK]);
        install.args(["--no-default-features", "--features", "search", "--force", "--root"]).arg(&home);
        done(install.arg("--target-dir").arg(home.join("build")))?;
    }
    done(Command::new(program).arg("build").arg(root.join("docs")))
}

fn done(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|e| format!("{}: {e}", command.get_program().display()))?;
    if status.success() { Ok(()) } else { Err(format!("failed: {command:?}")) }
}

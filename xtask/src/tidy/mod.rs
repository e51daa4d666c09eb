//! The rules of ARCHITECTURE.md that a compiler does not keep, as a program.
//!
//! Every rule is a function from text to complaints, so that each can be tested on a text that breaks it; only
//! [`run`] reads the tree. Reading sources line by line is crude and can be fooled on purpose; it is meant for slips.

mod docs;
mod manifests;
mod sources;

use std::fs;
use std::path::{Path, PathBuf};

/// One breach: where, and which rule.
pub(crate) type Complaint = String;

/// Checks the whole tree; all complaints at once.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let complaints = check(root)?;
    if complaints.is_empty() {
        Ok(())
    } else {
        Err(format!("{} house rules broken:\n  {}", complaints.len(), complaints.join("\n  ")))
    }
}

fn check(root: &Path) -> Result<Vec<Complaint>, String> {
    let mut complaints = Vec::new();
    for dir in manifests::members(root)? {
        let manifest = read(&root.join(&dir).join("Cargo.toml"))?;
        complaints.extend(manifests::check(&dir, &manifest));
        for file in files(&root.join(&dir), "rs")? {
            let text = read(&file)?;
            let shown = file.strip_prefix(root).unwrap_or(&file).display().to_string();
            complaints.extend(sources::check(&shown, &text));
        }
    }
    let core = root.join("crates/outlay-core/src");
    let order = sources::module_order(&read(&core.join("lib.rs"))?);
    for file in files(&core, "rs")? {
        let inner = file.strip_prefix(&core).unwrap_or(&file).display().to_string();
        complaints.extend(sources::knowledge(&order, &inner, &read(&file)?));
    }
    complaints.extend(docs::check_architecture(&read(&root.join("ARCHITECTURE.md"))?, &manifests::members(root)?));
    for file in text_files(root)? {
        let shown = file.strip_prefix(root).unwrap_or(&file).display().to_string();
        complaints.extend(docs::check_words(&shown, &read(&file)?));
    }
    Ok(complaints)
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

/// Files with this extension below a folder, sorted, build outputs left out.
pub(crate) fn files(dir: &Path, extension: &str) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).map_err(|e| format!("{}: {e}", dir.display()))? {
            let path = entry.map_err(|e| e.to_string())?.path();
            if path.is_dir() {
                if !["target", ".git", "node_modules"].iter().any(|name| path.ends_with(name)) {
                    open.push(path);
                }
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn text_files(root: &Path) -> Result<Vec<PathBuf>, String> {
    let mut all = Vec::new();
    for extension in ["rs", "md", "toml", "py", "sh"] {
        all.extend(files(root, extension)?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    /// The tree itself keeps the rules.
    #[test]
    fn the_house_is_tidy() {
        let root = crate::workspace_root();
        let complaints = super::check(&root).expect("the tree can be read");
        assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    }
}

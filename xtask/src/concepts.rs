//! The pages of `docs/concepts`: formulas in them are taken from the documentation of the code, so that both say the same.
//!
//! A page names a file of the core and functions in it between two comments; what stands between them is made anew:
//!
//! ```text
//! <!-- formulas: learning/batch.rs: steps, critical -->
//! <!-- end -->
//! ```

use std::fs;
use std::path::{Path, PathBuf};

const BEGIN: &str = "<!-- formulas: ";
const END: &str = "<!-- end -->";

/// Every page with its text made anew.
pub(crate) fn pages(root: &Path) -> Result<Vec<(PathBuf, String)>, String> {
    let folder = root.join("docs/concepts");
    let mut paths: Vec<PathBuf> = fs::read_dir(&folder)
        .map_err(|e| format!("{}: {e}", folder.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "md"))
        .collect();
    paths.sort();
    let mut pages = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let made = filled(root, &text).map_err(|e| format!("{}: {e}", path.display()))?;
        pages.push((path, made));
    }
    Ok(pages)
}

/// Fails if a page says other than the code, or a work is not explained.
pub(crate) fn check(root: &Path) -> Result<(), String> {
    let missing = unexplained(root)?;
    if !missing.is_empty() {
        return Err(format!("docs/concepts/sources.md does not explain {}", missing.join(", ")));
    }
    let stale: Vec<String> = pages(root)?
        .into_iter()
        .filter(|(path, text)| fs::read_to_string(path).unwrap_or_default() != *text)
        .map(|(path, _)| path.display().to_string())
        .collect();
    if stale.is_empty() { Ok(()) } else { Err(format!("stale: {}; run `cargo xtask codegen`", stale.join(", "))) }
}

/// Keys of works that the code names and `sources.md` does not explain.
fn unexplained(root: &Path) -> Result<Vec<String>, String> {
    let page = root.join("docs/concepts/sources.md");
    let known = fs::read_to_string(&page).map_err(|e| format!("{}: {e}", page.display()))?;
    let mut missing = Vec::new();
    let mut folders = vec![root.join("crates/outlay-core/src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))? {
            let path = entry.map_err(|e| e.to_string())?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let code = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
            let docs = code.lines().filter(|line| line.trim_start().starts_with("//"));
            for word in docs.flat_map(|line| line.split('`').skip(1).step_by(2)) {
                if is_key(word) && !known.contains(&format!("| `{word}` |")) {
                    missing.push(word.to_owned());
                }
            }
        }
    }
    missing.sort();
    missing.dedup();
    Ok(missing)
}

/// `author2024`.
fn is_key(word: &str) -> bool {
    let name = word.trim_end_matches(|c: char| c.is_ascii_digit());
    word.len() == name.len() + 4 && !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase())
}

fn filled(root: &Path, text: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        out.push_str(line);
        out.push('\n');
        let Some(wanted) = line.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(" -->")) else { continue };
        let (file, names) = wanted.split_once(':').ok_or_else(|| format!("`{wanted}` is not FILE: NAMES"))?;
        let source = root.join("crates/outlay-core/src").join(file.trim());
        let code = fs::read_to_string(&source).map_err(|e| format!("{}: {e}", source.display()))?;
        for name in names.split(',').map(str::trim) {
            let doc = doc(&code, name).ok_or_else(|| format!("{file} has no documented function {name}"))?;
            out.push_str(&block(name, &doc));
        }
        if !lines.by_ref().any(|line| line == END) {
            return Err(format!("`{BEGIN}{wanted}` has no end"));
        }
        out.push_str(END);
        out.push('\n');
    }
    Ok(out)
}

/// Lines of the documentation above a public function.
fn doc(code: &str, name: &str) -> Option<Vec<String>> {
    let mut doc: Vec<String> = Vec::new();
    for line in code.lines() {
        let line = line.trim_start();
        if let Some(rest) = line.strip_prefix("///") {
            doc.push(rest.strip_prefix(' ').unwrap_or(rest).to_owned());
        } else if line.starts_with("#[") {
        } else {
            let plain = line.replace("const ", "");
            let is = plain
                .strip_prefix("pub fn ")
                .is_some_and(|rest| rest.strip_prefix(name).is_some_and(|rest| rest.starts_with(['(', '<'])));
            if is {
                return (!doc.is_empty()).then_some(doc);
            }
            doc.clear();
        }
    }
    None
}

/// A function as a page shows it.
fn block(name: &str, doc: &[String]) -> String {
    let mut text = format!("\n**`{name}`** ");
    let mut heading = false;
    for line in doc {
        if let Some(title) = line.strip_prefix("# ") {
            text.push_str(&format!("\n- *{title}:* "));
            heading = true;
        } else if line.is_empty() {
            // Sections are set apart by their marks, paragraphs are not needed.
        } else {
            if !text.ends_with(' ') {
                text.push(' ');
            }
            text.push_str(&unlinked(line));
        }
    }
    text.push('\n');
    if heading { text.replacen("\n- *", "\n\n- *", 1) + "\n" } else { text + "\n" }
}

/// Links of the code's documentation as plain names.
fn unlinked(line: &str) -> String {
    line.replace("[`", "`").replace("`]", "`").replace("super::", "").replace("crate::", "")
}

#[cfg(test)]
mod tests {
    use super::{block, doc, is_key};

    const CODE: &str = "/// What it is.\n///\n/// # Formula\n/// `a + b` as [`c`] has it.\n///\n/// # Source\n/// A book.\n#[must_use]\npub fn sum(a: u64) -> u64 {\n";

    #[test]
    fn keys_are_names_with_a_year() {
        assert!(is_key("hoffmann2022") && !is_key("2022") && !is_key("fp16") && !is_key("h100"));
    }

    #[test]
    fn documentation_becomes_a_block() {
        let found = doc(CODE, "sum").expect("documented");
        assert_eq!(
            block("sum", &found),
            "\n**`sum`** What it is.\n\n- *Formula:* `a + b` as `c` has it.\n- *Source:* A book.\n\n"
        );
        assert_eq!(doc(CODE, "su"), None);
    }
}

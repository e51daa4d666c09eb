//! Command lines of pages, run as a reader would: in the order of the page, beside the examples, with no network.
//!
//! A line of a fenced block that begins with `outlay` (or `cargo run … --`) is run by a shell in a temporary folder, one a
//! page. It must end with status 0, or with what the fence says: ```` ```sh status=1 ````. A block of ```` ```sh no-run ````
//! needs a network, a terminal or files of the reader's: it is not run, and counted. The folder holds `examples/` and
//! `job.toml`, the first of them.
//!
//! Does not know: what the command answers.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use super::Page;

const JOB: &str = "examples/llama-3.1-8b-qlora.toml";
/// Prices age: the day on which the pages were written.
const TODAY: &str = "2026-11-24";
/// Far longer than any of them takes.
const PATIENCE: Duration = Duration::from_secs(120);
/// Folders that the shells of a reader have.
const SHELLS: &[&str] = &[".local/share/bash-completion/completions", ".zfunc", ".config/fish/completions"];

/// A command line of a page.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    number: usize,
    text: String,
    /// The status it is to end with; nothing where it is not run.
    status: Option<i32>,
}

/// Runs every command line; complaints about those that end otherwise than the page says.
pub(crate) fn check(root: &Path, pages: &[Page]) -> Result<Vec<String>, String> {
    let place = root.join("target/docs");
    let (mut ran, mut left, mut complaints) = (0, 0, Vec::new());
    for page in pages {
        let lines = lines(&page.text).map_err(|e| format!("{}: {e}", page.name))?;
        if lines.is_empty() {
            continue;
        }
        let folder = place.join(page.name.replace(['/', '.'], "-"));
        lay_out(root, &folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        for Line { number, text, status } in lines {
            let Some(status) = status else {
                left += 1;
                continue;
            };
            ran += 1;
            if let Err(fault) = ends(&folder, &text, status) {
                complaints.push(format!("{}:{number}: `{text}` {fault}", page.name));
            }
        }
    }
    eprintln!("{ran} command lines run, {left} not (they need a network, a terminal or files of the reader's)");
    Ok(complaints)
}

/// The command lines of a page.
fn lines(text: &str) -> Result<Vec<Line>, String> {
    let (mut found, mut fence): (Vec<Line>, Option<String>) = (Vec::new(), None);
    let mut long = String::new();
    for (event, at) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
        match (event, &fence) {
            (Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(words))), _) => fence = Some(words.into_string()),
            (Event::End(TagEnd::CodeBlock), _) => fence = None,
            (Event::Text(block), Some(words)) => {
                let status = status(words)?;
                let first = text[..at.start].matches('\n').count() + 1;
                for (number, line) in (first..).zip(block.lines()) {
                    if let Some(begun) = line.strip_suffix('\\') {
                        long.push_str(begun);
                        continue;
                    }
                    let whole = std::mem::take(&mut long) + line;
                    if let Some(text) = command(&whole) {
                        found.push(Line { number, text, status });
                    }
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

/// What the words behind a fence say of its lines.
fn status(words: &str) -> Result<Option<i32>, String> {
    let mut status = Some(0);
    for word in words.split_whitespace().skip(1) {
        status = match word.strip_prefix("status=").map(str::parse) {
            Some(Ok(number)) => Some(number),
            None if word == "no-run" => None,
            _ => return Err(format!("```{words}: `{word}` is neither no-run nor status=NUMBER")),
        };
    }
    Ok(status)
}

/// The line with `outlay` in front, if it is one of the command's.
fn command(line: &str) -> Option<String> {
    let line = line.trim_start().trim_start_matches("$ ");
    if line.starts_with("outlay ") {
        return Some(line.into());
    }
    let (_, arguments) = line.strip_prefix("cargo run ")?.split_once("-- ")?;
    Some(format!("outlay {arguments}"))
}

/// A folder as it was before the reader began.
fn lay_out(root: &Path, folder: &Path) -> std::io::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder.join("examples"))?;
    for dir in SHELLS {
        fs::create_dir_all(folder.join("home").join(dir))?;
    }
    for entry in fs::read_dir(root.join("examples"))? {
        let entry = entry?;
        fs::copy(entry.path(), folder.join("examples").join(entry.file_name()))?;
    }
    fs::copy(root.join(JOB), folder.join("job.toml"))?;
    Ok(())
}

/// Fails if the line does not end with this status.
fn ends(folder: &Path, line: &str, status: i32) -> Result<(), String> {
    // Pagers want a terminal.
    let script = format!("set -o pipefail; less() {{ cat; }}; man() {{ cat; }}; {line}");
    let mut child = Command::new("bash")
        .args(["-c", &script])
        .current_dir(folder)
        .env_clear()
        .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", folder.join("../../debug").display()))
        .env("HOME", folder.join("home"))
        .env("OUTLAY_TODAY", TODAY)
        .env("HF_HUB_OFFLINE", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| format!("cannot be run: {e}"))?;
    let mut stderr = child.stderr.take().ok_or("has no stderr")?;
    let reader = thread::spawn(move || {
        let mut said = String::new();
        // What is no text is no message.
        let _ = stderr.read_to_string(&mut said);
        said
    });
    let begun = Instant::now();
    let ended = loop {
        match child.try_wait().map_err(|e| e.to_string())? {
            Some(ended) => break ended,
            None if begun.elapsed() > PATIENCE => {
                child.kill().map_err(|e| e.to_string())?;
                return Err(format!("does not end within {PATIENCE:?}"));
            }
            None => thread::sleep(Duration::from_millis(10)),
        }
    };
    if ended.code() == Some(status) {
        return Ok(());
    }
    let said = reader.join().unwrap_or_default();
    Err(format!("ends with {ended}, not {status}: {}", said.lines().take(6).collect::<Vec<_>>().join(" / ")))
}

#[cfg(test)]
mod tests {
    use super::{Line, ends, lines};

    #[test]
    fn lines_of_the_command_are_found() {
        let text = "Say `outlay plan`:\n\n```sh\noutlay plan a.toml \\\n  --json    # why\ncurl x\n$ outlay man\n```\n\n\
                    ```\ncargo run --release -- plan b.toml\n```\n\n```sh status=2\noutlay nothing\n```\n\n\
                    ```console no-run\noutlay serve\n```\n";
        let line = |number, text: &str, status| Line { number, text: text.into(), status };
        assert_eq!(
            lines(text).expect("known words"),
            [
                line(5, "outlay plan a.toml   --json    # why", Some(0)),
                line(7, "outlay man", Some(0)),
                line(11, "outlay plan b.toml", Some(0)),
                line(15, "outlay nothing", Some(2)),
                line(19, "outlay serve", None),
            ]
        );
    }

    #[test]
    fn a_line_that_ends_otherwise_than_the_page_says_is_told() {
        let folder = std::env::temp_dir();
        assert_eq!(ends(&folder, "exit 2 | cat", 2), Ok(()));
        let fault = ends(&folder, "echo what is wrong >&2; exit 1", 0).expect_err("status 1");
        assert!(fault.contains("not 0: what is wrong"), "{fault}");
        assert!(ends(&folder, "true", 1).is_err());
    }

    #[test]
    fn a_word_that_means_nothing_is_refused() {
        assert!(lines("```sh norun\noutlay x\n```\n").is_err_and(|fault| fault.contains("norun")));
    }
}

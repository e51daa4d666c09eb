//! The README keeps its word: the answer it shows is the one that comes.

use crate::harness::{root, run, without_figures};

/// Shortened: lines may be left out, none may be changed or moved. `OUTLAY_UPDATE=1` writes today's figures into the lines
/// that are shown.
#[test]
fn the_answer_of_the_readme_is_real() {
    let path = root().join("README.md");
    let readme = std::fs::read_to_string(&path).expect("a working test place");
    let (before, rest) = readme.split_once("A real answer (shortened):\n\n```\n").expect("the answer");
    let (shown, after) = rest.split_once("\n```").expect("its end");
    let job = root().join("examples/llama-3.1-8b-qlora.toml");
    let real = run(&["plan", job.to_str().expect("a working test place")]);
    let update = std::env::var_os("OUTLAY_UPDATE").is_some();
    let same = |real: &str, line: &str| real == line || (update && without_figures(real) == without_figures(line));
    let mut lines = real.lines();
    let mut new = Vec::new();
    for line in shown.lines() {
        let found = if line.is_empty() { Some("") } else { lines.find(|real| same(real, line)) };
        new.push(found.unwrap_or_else(|| panic!("not (or not here) in the answer: {line}\n\n{real}")));
    }
    if update {
        let text = format!("{before}A real answer (shortened):\n\n```\n{}\n```{after}", new.join("\n"));
        std::fs::write(path, text).expect("a working test place");
    }
}

//! The README keeps its word: the answer it shows is the one that comes.

use crate::harness::{root, run};

#[test]
fn the_answer_it_shows_is_real() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("a working test place");
    let (_, after) = readme.split_once("A real answer (shortened):\n\n```\n").expect("the answer");
    let (shown, _) = after.split_once("\n```").expect("its end");
    let job = root().join("examples/llama-3.1-8b-qlora.toml");
    let real = run(&["plan", job.to_str().expect("a working test place")]);
    // Shortened: lines may be left out, none may be changed or moved.
    let mut lines = real.lines();
    for line in shown.lines().filter(|line| !line.is_empty()) {
        assert!(lines.any(|real| real == line), "not (or not here) in the answer: {line}\n\n{real}");
    }
}

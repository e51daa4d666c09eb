//! House rules, code generation and the CI steps, in Rust so that a fresh machine needs nothing else.
//!
//! `cargo xtask ci` is the one test command; `cargo xtask tidy` checks the rules of ARCHITECTURE.md against the
//! manifests and sources; `cargo xtask codegen` rewrites the committed generated files (`--check`: only compares); `cargo
//! xtask pages` compares the formulas of `docs/concepts` alone; `cargo xtask exports` feeds exported files to the programs
//! they are written for.
//!
//! Does not know: anything of the product; it reads the tree as text and calls the product's own commands.

mod ci;
mod codegen;
mod concepts;
mod exports;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask <ci | tidy | pages | exports | codegen [--check]>";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let root = workspace_root();
    let outcome = match words.as_slice() {
        ["ci"] => ci::run(&root),
        ["tidy"] => tidy::run(&root),
        ["codegen"] => codegen::write(&root),
        ["codegen", "--check"] => codegen::check(&root),
        ["exports"] => exports::run(&root),
        ["pages"] => concepts::check(&root),
        _ => Err(USAGE.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

//! House rules, code generation and the CI steps, in Rust so that a fresh machine needs nothing else.
//!
//! `cargo xtask ci` is the one test command; `cargo xtask tidy` checks the rules of ARCHITECTURE.md against the
//! manifests and sources; `cargo xtask codegen` rewrites the committed generated files (`--check`: only compares); `cargo
//! xtask pages` compares the formulas of `docs/concepts` and the dataclasses of Python alone; `cargo xtask docs` builds the book of
//! `docs/`, follows its links and runs its command lines; `cargo xtask python` installs the Python package as a user would and tests it; `cargo xtask api` tries the HTTP API against its description; `cargo xtask
//! web` builds the page (`--check`: only compares; `--test`: in a browser); `cargo xtask exports` feeds exported files to the
//! programs they are written for; `cargo xtask figures` writes every committed figure that follows from the engine anew.
//!
//! Does not know: anything of the product; it reads the tree as text and calls the product's own commands.

mod api;
mod ci;
mod codegen;
mod concepts;
mod dataclasses;
mod docs;
mod exports;
mod figures;
mod product;
mod python;
mod tidy;
mod web;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask <ci | api | tidy | pages | docs | python | exports | figures | codegen [--check] | web [--check | --test]>";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let root = workspace_root();
    let outcome = match words.as_slice() {
        ["ci"] => ci::run(&root),
        ["api"] => api::run(&root),
        ["tidy"] => tidy::run(&root),
        ["codegen"] => codegen::write(&root),
        ["codegen", "--check"] => codegen::check(&root),
        ["pages"] => concepts::check(&root).and_then(|()| dataclasses::check(&root)),
        ["docs"] => docs::run(&root),
        ["python"] => python::run(&root),
        ["web"] => web::run(&root, None),
        ["web", what] => web::run(&root, Some(what)),
        ["exports"] => exports::run(&root),
        ["figures"] => figures::run(&root),
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

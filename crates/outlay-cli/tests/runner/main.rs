//! What a person sees: status, stdout and stderr of whole command lines, in one test binary.
//!
//! Figures that rest on the calibration are replaced by markers, so that a better fit does not rewrite every snapshot.
//! `INSTA_UPDATE=always cargo test -p outlay-cli --test runner` writes the snapshots anew; read the diff.

mod action;
mod bad_input;
mod catalogs;
mod data;
mod harness;
mod imports;
mod levers;
mod mcp;
mod observed;
mod plans;
mod prices;
mod readme;
mod serve;
mod shell;

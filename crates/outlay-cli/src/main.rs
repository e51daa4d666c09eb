//! The command `outlay`: reads what the user names, asks the door, prints.
//!
//! Data goes to stdout, talk to stderr. Exit status: 0 an answer, 1 no feasible plan, 2 bad input, 3 a fault of ours; a
//! reader who closes the pipe has had enough, which is no fault. Arithmetic on results happens elsewhere: here they are
//! only formatted.
//!
//! Reading order: [`cli`] (what can be asked), one file of [`commands`], [`render`].

mod cli;
mod commands;
mod context;
mod facts;
mod failure;
mod feeds;
mod files;
mod flags;
mod home;
mod hub;
mod job;
mod ledger;
mod lock;
mod render;

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(cli::run() as u8)
}

//! `outlay completions` and `outlay man`: what a shell and `man` want to know, made from the command line's own definition.

use std::path::PathBuf;

use clap_complete::Shell;

use crate::cli::{self, Answer};
use crate::context::Context;
use crate::failure::{Failure, Fault};

/// Print completions for a shell
///
/// bash: outlay completions bash > ~/.local/share/bash-completion/completions/outlay
/// zsh: outlay completions zsh > ~/.zfunc/_outlay (with ~/.zfunc in fpath)
/// fish: outlay completions fish > ~/.config/fish/completions/outlay.fish
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// For which shell
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

/// Print the manual page, or write the pages of all commands into a folder
///
/// outlay man | man -l -
/// outlay man ~/.local/share/man/man1
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct ManArgs {
    /// Where to write them; it is made if it is not there
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Prints completions.
pub(crate) fn run(args: &Args, _context: &Context) -> Result<Answer, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut cli::definition(), "outlay", &mut text);
    printed(text)
}

/// Prints or writes manual pages.
pub(crate) fn man(args: &ManArgs, _context: &Context) -> Result<Answer, Failure> {
    let Some(dir) = &args.dir else {
        let mut text = Vec::new();
        clap_mangen::Man::new(cli::definition()).render(&mut text).map_err(|e| Failure::Internal(e.to_string()))?;
        return printed(text);
    };
    let written = std::fs::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(cli::definition(), dir));
    written.map_err(|error| {
        let message = format!("the pages could not be written: {error}");
        Fault::new("file-not-written", message, dir.display().to_string()).help("check the folder and its permissions")
    })?;
    let notes = format!("wrote the pages outlay.1, outlay-plan.1, … into {}\n", dir.display());
    Ok(Answer { notes, ..Answer::new(String::new()) })
}

fn printed(text: Vec<u8>) -> Result<Answer, Failure> {
    String::from_utf8(text).map(Answer::new).map_err(|error| Failure::Internal(error.to_string()))
}

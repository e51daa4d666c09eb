//! What can be asked on the command line, and the way from there to an exit status.
//!
//! A command answers with text or with a failure; only this file touches the streams. Whatever panics below is caught
//! and told as a fault of ours.
//!
//! Does not know: what any command does.

use std::io::{ErrorKind, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use clap::{ColorChoice, Parser, Subcommand};

use crate::commands::{
    data, diff, estimate, export, hardware, levers, models, offers, plan, scaling, schema, validate, why,
};
use crate::context::Context;
use crate::failure::{Exit, Failure};

/// What will it cost to train this model, how long will it take, on which hardware, will it fit, and how sure is that?
#[derive(Debug, Parser)]
#[command(name = "outlay", version, max_term_width = 110, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    /// When to use colour (NO_COLOR is honoured)
    #[arg(long, value_name = "WHEN", default_value = "auto", global = true, hide_short_help = true)]
    color: ColorChoice,

    /// The day prices are judged on, as YYYY-MM-DD; today if left out
    #[arg(long, value_name = "DATE", env = "OUTLAY_TODAY", global = true, hide_short_help = true)]
    today: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Plan(plan::Args),
    Estimate(estimate::Args),
    Why(why::Args),
    Diff(diff::Args),
    Export(export::Args),
    Levers(levers::Args),
    Scaling(scaling::Args),
    Models(models::Args),
    Hardware(hardware::Args),
    Offers(offers::Args),
    Data(data::Args),
    Validate(validate::Args),
    Schema(schema::Args),
}

/// What a command has to say.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Data, for stdout.
    pub(crate) text: String,
    /// Talk, for stderr.
    pub(crate) notes: String,
    /// What the shell hears.
    pub(crate) exit: Exit,
}

impl Answer {
    /// An answer without talk.
    pub(crate) fn new(text: String) -> Self {
        Self { text, notes: String::new(), exit: Exit::Answer }
    }
}

/// Runs the command line of this process.
pub(crate) fn run() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too. A closed pipe is not worth a message.
            let _ = error.print();
            return if error.use_stderr() { Exit::BadInput } else { Exit::Answer };
        }
    };
    color(cli.color).write_global();
    std::panic::set_hook(Box::new(|_| {}));
    let result = catch_unwind(AssertUnwindSafe(|| {
        let context = Context::of_this_process(cli.today.clone())?;
        answer(&cli.command, &context)
    }));
    let _ = std::panic::take_hook();
    let result = result.unwrap_or_else(|panic| Err(Failure::Internal(words(panic.as_ref()))));
    match result {
        Ok(answer) => {
            say(&answer.notes);
            print(&answer.text).map_or(Exit::Internal, |()| answer.exit)
        }
        Err(failure) => {
            say(&failure.tell());
            failure.exit()
        }
    }
}

fn answer(command: &Command, context: &Context) -> Result<Answer, Failure> {
    match command {
        Command::Plan(args) => plan::run(args, context),
        Command::Estimate(args) => estimate::run(args, context),
        Command::Diff(args) => diff::run(args, context),
        Command::Export(args) => export::run(args, context),
        Command::Why(args) => why::run(args, context),
        Command::Levers(args) => levers::run(args, context),
        Command::Scaling(args) => scaling::run(args, context),
        Command::Models(args) => models::run(args, context),
        Command::Hardware(args) => hardware::run(args, context),
        Command::Offers(args) => offers::run(args, context),
        Command::Data(args) => data::run(args, context),
        Command::Validate(args) => validate::run(args, context),
        Command::Schema(args) => schema::run(args, context),
    }
}

fn color(choice: ColorChoice) -> anstream::ColorChoice {
    match choice {
        ColorChoice::Auto => anstream::ColorChoice::Auto,
        ColorChoice::Always => anstream::ColorChoice::Always,
        ColorChoice::Never => anstream::ColorChoice::Never,
    }
}

/// Writes data; a reader that has gone is no error.
fn print(text: &str) -> Result<(), ()> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(error) => {
            say(&format!("error: the answer could not be written: {error}\n"));
            Err(())
        }
    }
}

/// Writes talk; there is nobody left to tell if that fails.
fn say(text: &str) {
    let mut err = anstream::stderr().lock();
    let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_string());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "unknown".into())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}

//! What can go wrong in a command, and how it is told: one fault a paragraph, each with its way out.
//!
//! Faults of the user's input come in numbers and end with status 2; a fault of ours ends with 3. A closed pipe is
//! neither: whoever reads has had enough.
//!
//! Does not know: colours; the stream it is written to strips or keeps them.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const HELP: Style = AnsiColor::Cyan.on_default();

/// What the shell hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// There is an answer.
    Answer = 0,
    /// The answer is that no plan is feasible.
    Infeasible = 1,
    /// The request was wrong.
    BadInput = 2,
    /// The fault is ours.
    Internal = 3,
}

/// One fault: what, where in the user's words, and the way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Stable name.
    pub(crate) code: String,
    /// What is wrong.
    pub(crate) message: String,
    /// Where; empty if nowhere in particular.
    pub(crate) at: String,
    /// What to do.
    pub(crate) help: Vec<String>,
}

impl Fault {
    /// A fault found by the command itself rather than by the door.
    pub(crate) fn new(code: &str, message: impl Into<String>, at: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), at: at.into(), help: Vec::new() }
    }

    /// With a way out.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }
}

impl From<outlay::Problem> for Fault {
    fn from(problem: outlay::Problem) -> Self {
        let outlay::Problem { code, at, message, help } = problem;
        Self { code: code.text().into(), message, at, help }
    }
}

/// Why a command ended without an answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The request was wrong, in these ways.
    Faults(Vec<Fault>),
    /// Something that only we can break.
    Internal(String),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Faults(vec![fault])
    }
}

impl Failure {
    /// What the shell hears.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Faults(_) => Exit::BadInput,
            Self::Internal(_) => Exit::Internal,
        }
    }

    /// What a person reads.
    pub(crate) fn tell(&self) -> String {
        match self {
            Self::Faults(faults) => {
                let mut text = faults.iter().map(tell).collect::<Vec<_>>().join("\n");
                if faults.len() > 1 {
                    let _ = write!(text, "\n{} faults; nothing was computed\n", faults.len());
                }
                text
            }
            Self::Internal(what) => format!(
                "{ERROR}internal error{ERROR:#}: {what}\n  this is a fault of outlay, not of your input\n  \
                 {HELP}help{HELP:#}: please report it with the command line and the job file\n"
            ),
        }
    }
}

fn tell(fault: &Fault) -> String {
    let Fault { code, message, at, help } = fault;
    let mut text = format!("{ERROR}error[{code}]{ERROR:#}: {message}\n");
    if !at.is_empty() {
        let _ = writeln!(text, "  at {at}");
    }
    for line in help {
        let _ = writeln!(text, "  {HELP}help{HELP:#}: {line}");
    }
    text
}

//! `outlay plan`: what to rent, how to lay the job out on it, for how long, for how much.
//!
//! A long search tells a terminal how far it is, and can be ended with the best so far. What then comes out depends on the
//! speed of the machine, so the answer says so and how much better another plan might be.

use std::cell::Cell;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use outlay::core::search::Progress;

use super::Question;
use crate::cli::Answer;
use crate::context::Context;
use crate::failure::{Failure, Fault};

/// A search that takes longer than this says how far it is.
const PATIENCE: Duration = Duration::from_millis(500);

/// Find the best hardware and layout for a job: what to rent, for how long, for how much
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    question: Question,

    /// Say how many plans were legal, bounded away and evaluated
    #[arg(long, help_heading = "Output")]
    explain_search: bool,

    /// End the search after so many seconds with the best so far, and say what another plan might save at the most
    #[arg(long, value_name = "SECONDS", help_heading = "Output")]
    time_limit: Option<f64>,
}

/// Answers.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Answer, Failure> {
    let limit = match args.time_limit {
        None => None,
        Some(seconds) => match Duration::try_from_secs_f64(seconds) {
            Ok(limit) => Some(limit),
            Err(_) => {
                let fault = Fault::new("bad-time", format!("{seconds} s is no time to search for"), "--time-limit");
                return Err(fault.help("give seconds, as 2 or 0.5").into());
            }
        },
    };
    let watched = Watched { start: Instant::now(), limit, said: Cell::new(false) };
    let told = |progress: &Progress| watched.tell(progress);
    let answer = args.question.ask_with(
        |request, catalog, today| outlay::plan_watched(request, catalog, today, &told),
        args.explain_search,
        context,
    );
    watched.wipe();
    answer
}

/// A search as it is watched.
struct Watched {
    start: Instant,
    limit: Option<Duration>,
    said: Cell<bool>,
}

impl Watched {
    /// Says how far the search is; whether it may go on.
    fn tell(&self, progress: &Progress) -> bool {
        let elapsed = self.start.elapsed();
        let mut err = std::io::stderr().lock();
        if elapsed > PATIENCE && err.is_terminal() {
            self.said.set(true);
            // There is nobody left to tell if that fails.
            let _ = write!(err, "\r{} of {} kinds of machines settled", progress.settled, progress.machines);
            let _ = err.flush();
        }
        self.limit.is_none_or(|limit| elapsed < limit)
    }

    /// Takes the line back.
    fn wipe(&self) {
        if self.said.get() {
            let mut err = std::io::stderr().lock();
            let _ = write!(err, "\r{:60}\r", "");
            let _ = err.flush();
        }
    }
}

//! From one step to the whole run: tokens to steps, steps to time on the clock.
//!
//! The clock starts with the search for settings or, without one, when machines are paid for; it stops when the last
//! checkpoint is written. What lies between are parts that add up: the sweep, start-up, fetching data, useful steps,
//! evaluating, saving, work done again with its restarts, and waiting for new machines.
//!
//! Does not know: how good the model becomes ([`quality`]); the price of any of it ([`crate::bill`]).

use alloc::format;
use alloc::string::String;
use alloc::vec;

use crate::scenario::Scenario;
use crate::scenario::data::Data;
use crate::scenario::operation::Checkpoint;
use crate::scenario::recipe::Recipe;
use crate::term::{Figure, Term};
use crate::units::{Bytes, Params, Seconds, Share, Tokens};

pub mod disruption;
pub mod loader;
pub mod quality;
pub mod shape;
pub mod simulate;
pub mod stopping;
pub mod sweep;

/// A whole run on the clock. The parts add up to [`Run::wall`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Run {
    /// Tokens trained on, all passes, padding not counted.
    pub tokens: u64,
    /// Optimizer steps planned.
    pub steps: u64,
    /// Looking for settings before the run.
    pub sweeping: Seconds,
    /// Before the first step.
    pub startup: Seconds,
    /// Bringing data that lie elsewhere.
    pub fetching: Seconds,
    /// Useful steps; those that early stopping is expected to save are not among them.
    pub computing: Seconds,
    /// Evaluating.
    pub evaluating: Seconds,
    /// Standing still while state is saved.
    pub saving: Seconds,
    /// Work done again after interruptions, and restarts.
    pub lost: Seconds,
    /// Waiting for other machines after preemptions; not paid.
    pub waiting: Seconds,
    /// Machine time of the sweep, on as many machines as the run has.
    pub sweep: Seconds,
    /// Share of the planned steps that early stopping is expected to save.
    pub saved: Share,
    /// Between checkpoints; `None`: saved only at the end.
    pub interval: Option<Seconds>,
    /// Stall of one checkpoint.
    pub stall: Seconds,
    /// Size of one checkpoint.
    pub checkpoint: Bytes,
    /// Mean time between interruptions; `None`: nothing interrupts.
    pub mean_between: Option<Seconds>,
}

/// A run that loses this many times what it computes is not one anybody finishes.
const HOPELESS: f64 = 20.0;

impl Run {
    /// Time on the clock.
    #[must_use]
    pub fn wall(&self) -> Seconds {
        self.sweeping + self.paid() + self.waiting
    }

    /// Time the machines of the run itself are paid for.
    #[must_use]
    pub fn paid(&self) -> Seconds {
        self.startup + self.fetching + self.computing + self.evaluating + self.saving + self.lost
    }

    /// Useful share of the run's time after start-up.
    #[must_use]
    pub fn goodput(&self) -> Share {
        let after = self.computing + self.evaluating + self.saving + self.lost + self.waiting;
        if after > Seconds::ZERO { self.computing / after } else { Share::ONE }
    }

    /// Interruptions to expect.
    #[must_use]
    pub fn interruptions(&self) -> Share {
        self.mean_between.map_or(Share::ZERO, |mean| self.paid() / mean)
    }

    /// The time on the clock as a tree of named terms.
    #[must_use]
    pub fn explain(&self, step: Seconds) -> Term {
        let leaf = |name: &str, time: Seconds, note: String| Term::leaf(name, Figure::Seconds(time), note);
        let saves = match self.interval {
            Some(interval) => format!(
                "{:.1} GB in {:.0} s of standstill, every {:.0} s",
                self.checkpoint.to_gb(),
                self.stall.get(),
                interval.get()
            ),
            None => format!("{:.1} GB once, at the end", self.checkpoint.to_gb()),
        };
        let lost = match self.mean_between {
            Some(mean) => {
                format!("an interruption every {:.1} h: {:.1} expected", mean.to_hours(), self.interruptions().get())
            }
            None => "nothing interrupts it".into(),
        };
        let fewer = if self.saved > Share::ZERO {
            format!(", of which early stopping saves {:.0} %", self.saved.get() * 100.0)
        } else {
            String::new()
        };
        let parts = vec![
            leaf("sweep", self.sweeping, "search for settings before the run".into()),
            leaf("start-up", self.startup, "from the first paid second to the first step; assumed".into()),
            leaf("fetching data", self.fetching, "from where they lie".into()),
            leaf("steps", self.computing, format!("{} steps of {:.3} s{fewer}", self.steps, step.get())),
            leaf("evaluation", self.evaluating, "as a share of the steps".into()),
            leaf("saving checkpoints", self.saving, saves),
            leaf("interruptions", self.lost, lost),
            leaf("waiting for machines", self.waiting, "after preemptions; not paid".into()),
        ];
        Term::sum("time on the clock", Figure::Seconds(Seconds::ZERO), String::new(), parts)
    }

    /// It ends within a human life's planning: unsaved work under frequent interruptions never does.
    #[must_use]
    pub fn ends(&self) -> bool {
        self.wall().to_days() < 36_525.0 && self.lost.get() <= HOPELESS * (self.computing + self.startup).get()
    }
}

/// Optimizer steps of a recipe over its data: whole steps, at least one.
#[must_use]
pub fn steps(recipe: &Recipe, data: &Data) -> u64 {
    let tokens = data.trained_tokens() as f64;
    let each = recipe.global_batch as f64 * recipe.seq_len as f64 * recipe.fill.get();
    (libm::ceil(tokens / each) as u64).max(1)
}

/// Where and under what a run goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conditions {
    /// Machines.
    pub nodes: u64,
    /// Accelerators on them.
    pub accelerators: u64,
    /// The data must be brought first.
    pub apart: bool,
    /// Machines are taken away and replaced.
    pub preempted: bool,
    /// Mean time between interruptions; `None`: nothing interrupts.
    pub mean_between: Option<Seconds>,
    /// Factor on the amount of training.
    pub amount: Share,
}

/// The run of so many steps of this length.
///
/// # Formula
/// Useful time `W = steps · step`, less what early stopping saves; expected time from [`disruption::expected_time`] with the
/// chosen interval; saving is `stall · W / interval`, the last save among them; what is left is lost. The sweep is as many
/// full runs as [`sweep::cost`] says. Saved asynchronously, only the copy to the host stalls, and the interval is at least
/// the time of a write.
///
/// # Source
/// `daly2006`.
///
/// # Valid when
/// All machines write at once.
#[must_use]
pub fn run(scenario: &Scenario, at: &Conditions, step: Seconds, checkpoint: Bytes) -> Run {
    let Scenario { recipe, data, operation, dynamics, extras, .. } = scenario;
    let steps = steps(recipe, data);
    let saved = dynamics.stopping.map_or(Share::ZERO, |stopping| stopping::expected(&stopping, data.passes()));
    let computing = step * steps * at.amount * Share::new(1.0 - saved.get());
    let evaluating = computing * extras.evaluation;
    let written = checkpoint / (operation.checkpoint_write * Share::new(at.nodes as f64));
    let stall = if operation.checkpoint_async {
        (checkpoint / (operation.staging * Share::new(at.accelerators as f64))).min(written)
    } else {
        written
    };
    let least = if operation.checkpoint_async { written.max(step) } else { step };
    let work = computing + evaluating;
    // Where saving as it suits best would come after the end, the save at the end is the only one.
    let interval = match (operation.checkpoint, at.mean_between) {
        (Checkpoint::Never, _) | (Checkpoint::Auto, None) => None,
        (Checkpoint::Auto, Some(mean)) => Some(disruption::daly_interval(stall, mean).max(least)),
        (Checkpoint::Every(time), _) => Some(time.max(least)),
    }
    .filter(|interval| *interval < work);
    let tau = interval.unwrap_or(work);
    // Without an interval, or without work, the save at the end is the one there is.
    let saving = stall * interval.map_or(Share::ONE, |interval| work / interval);
    let expected = match at.mean_between {
        Some(mean) => disruption::expected_time(work, tau, stall, operation.restart, mean),
        None => work + saving,
    };
    let lost = (expected - work - saving).max(Seconds::ZERO);
    let interruptions = at.mean_between.map_or(Share::ZERO, |mean| expected / mean);
    let (sweep, sweeping) = dynamics.sweep.as_ref().map_or((Seconds::ZERO, Seconds::ZERO), |sweep| {
        let target = (shape::worth(&scenario.model), Tokens::new(data.trained_tokens() as f64));
        let target = (target.0.max(Params::new(1.0)), target.1.max(Tokens::new(1.0)));
        (work * sweep::cost(sweep, target), work * sweep::wall(sweep, target))
    });
    Run {
        tokens: data.trained_tokens(),
        steps,
        sweeping,
        startup: operation.startup,
        fetching: if at.apart { loader::fetch(data, operation.fetch, at.nodes) } else { Seconds::ZERO },
        computing,
        evaluating,
        saving,
        lost,
        waiting: if at.preempted { operation.spot_wait * interruptions } else { Seconds::ZERO },
        sweep,
        saved,
        interval,
        stall,
        checkpoint,
        mean_between: at.mean_between,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_adds_up() {
        let seconds = Seconds::new;
        let run = Run {
            tokens: 1,
            steps: 100,
            sweeping: seconds(500.0),
            startup: seconds(60.0),
            fetching: seconds(5.0),
            computing: seconds(1000.0),
            evaluating: seconds(20.0),
            saving: seconds(30.0),
            lost: seconds(10.0),
            waiting: seconds(40.0),
            sweep: seconds(2000.0),
            saved: Share::ZERO,
            interval: Some(seconds(500.0)),
            stall: seconds(15.0),
            checkpoint: Bytes::gb(15.0),
            mean_between: Some(Seconds::hours(2.0)),
        };
        let tree = run.explain(seconds(10.0));
        assert_eq!(tree.figure, Figure::Seconds(run.wall()));
        assert_eq!(run.wall(), seconds(1665.0));
        assert_eq!(run.paid(), seconds(1125.0));
        assert!((run.goodput().get() - 1000.0 / 1100.0).abs() < 1e-15);
        assert!(run.ends() && !Run { lost: seconds(30_000.0), ..run }.ends());
    }
}

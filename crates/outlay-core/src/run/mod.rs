//! From one step to the whole run: tokens to steps, steps to time on the clock.
//!
//! The clock starts when machines are paid for and stops when the last checkpoint is written. Everything between is
//! one of five parts that add up: start-up, useful steps, saving, work done again and restarting.
//!
//! Does not know: how many tokens a target loss needs; the price of any of it ([`crate::bill`]).

use alloc::format;
use alloc::string::String;
use alloc::vec;

use crate::scenario::Scenario;
use crate::scenario::data::Data;
use crate::scenario::operation::Checkpoint;
use crate::scenario::recipe::Recipe;
use crate::term::{Figure, Term};
use crate::units::{Bytes, Seconds, Share};

pub mod disruption;
pub mod loader;

/// A whole run on the clock. The parts add up to [`Run::wall`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Run {
    /// Tokens trained on, all passes, padding not counted.
    pub tokens: u64,
    /// Optimizer steps.
    pub steps: u64,
    /// Before the first step.
    pub startup: Seconds,
    /// Useful steps.
    pub computing: Seconds,
    /// Standing still while state is saved.
    pub saving: Seconds,
    /// Work done again after interruptions, and restarts.
    pub lost: Seconds,
    /// Between checkpoints; `None`: saved only at the end.
    pub interval: Option<Seconds>,
    /// Stall of one checkpoint.
    pub stall: Seconds,
    /// Size of one checkpoint.
    pub checkpoint: Bytes,
    /// Mean time between interruptions; `None`: nothing interrupts.
    pub mean_between: Option<Seconds>,
}

impl Run {
    /// Time on the clock.
    #[must_use]
    pub fn wall(&self) -> Seconds {
        self.startup + self.computing + self.saving + self.lost
    }

    /// Useful share of the time after start-up.
    #[must_use]
    pub fn goodput(&self) -> Share {
        let after = self.computing + self.saving + self.lost;
        if after > Seconds::ZERO { self.computing / after } else { Share::ONE }
    }

    /// Interruptions to expect.
    #[must_use]
    pub fn interruptions(&self) -> Share {
        self.mean_between.map_or(Share::ZERO, |mean| self.wall() / mean)
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
        let parts = vec![
            leaf("start-up", self.startup, "from the first paid second to the first step; assumed".into()),
            leaf("steps", self.computing, format!("{} steps of {:.3} s", self.steps, step.get())),
            leaf("saving checkpoints", self.saving, saves),
            leaf("interruptions", self.lost, lost),
        ];
        Term::sum("time on the clock", Figure::Seconds(Seconds::ZERO), String::new(), parts)
    }

    /// It ends within a human life's planning: unsaved work under frequent interruptions never does.
    #[must_use]
    pub fn ends(&self) -> bool {
        self.wall().to_days() < 36_525.0
    }
}

/// Optimizer steps of a recipe over its data: whole steps, at least one.
#[must_use]
pub fn steps(recipe: &Recipe, data: &Data) -> u64 {
    let tokens = data.trained_tokens() as f64;
    let each = recipe.global_batch as f64 * recipe.seq_len as f64 * recipe.fill.get();
    (libm::ceil(tokens / each) as u64).max(1)
}

/// The run of so many steps of this length.
///
/// # Formula
/// Useful time `W = steps · step`; expected time from [`disruption::expected_time`] with the chosen interval; saving is
/// `stall · W / interval`, the last save among them; what is left is lost.
///
/// # Source
/// `daly2006`.
///
/// # Valid when
/// Every checkpoint is written while the run stands still, all machines writing at once.
#[must_use]
pub fn run(scenario: &Scenario, nodes: u64, step: Seconds, checkpoint: Bytes, mean_between: Option<Seconds>) -> Run {
    let Scenario { recipe, data, operation, .. } = scenario;
    let steps = steps(recipe, data);
    let computing = step * steps;
    let stall = checkpoint / (operation.checkpoint_write * Share::new(nodes as f64));
    // Where saving as it suits best would come after the end, the save at the end is the only one.
    let interval = match (operation.checkpoint, mean_between) {
        (Checkpoint::Never, _) | (Checkpoint::Auto, None) => None,
        (Checkpoint::Auto, Some(mean)) => Some(disruption::daly_interval(stall, mean).max(step)),
        (Checkpoint::Every(time), _) => Some(time.max(step)),
    }
    .filter(|interval| *interval < computing);
    let tau = interval.unwrap_or(computing);
    // Without an interval, or without work, the save at the end is the one there is.
    let saving = stall * interval.map_or(Share::ONE, |interval| computing / interval);
    let expected = match mean_between {
        Some(mean) => disruption::expected_time(computing, tau, stall, operation.restart, mean),
        None => computing + saving,
    };
    Run {
        tokens: data.trained_tokens(),
        steps,
        startup: operation.startup,
        computing,
        saving,
        lost: (expected - computing - saving).max(Seconds::ZERO),
        interval,
        stall,
        checkpoint,
        mean_between,
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
            startup: seconds(60.0),
            computing: seconds(1000.0),
            saving: seconds(30.0),
            lost: seconds(10.0),
            interval: Some(seconds(500.0)),
            stall: seconds(15.0),
            checkpoint: Bytes::gb(15.0),
            mean_between: Some(Seconds::hours(2.0)),
        };
        let tree = run.explain(seconds(10.0));
        assert_eq!(tree.figure, Figure::Seconds(run.wall()));
        assert_eq!(tree.parts.len(), 4);
        assert!((run.goodput().get() - 1000.0 / 1040.0).abs() < 1e-15);
    }
}

//! How good the model becomes, as it is answered: the expected loss, the sweep, early stopping, and what is worth a word.
//!
//! Does not know: any figure of its own; [`outlay_core::run::quality`] makes them.

use outlay_core::dtype::Dtype;
use outlay_core::learning::numerics::skipped_steps;
use outlay_core::learning::{doubt, laws};
use outlay_core::run::quality::{self, Lesson};
use outlay_core::run::{self, shape, stopping, sweep};
use outlay_core::scenario::Scenario;
use outlay_core::scenario::dynamics::{Start, SweepKind};
use outlay_core::units::{Share, Tokens};

use crate::answer::term_tree;
use crate::response::{Interval, Quality, Stopping, Sweep};

/// A scenario as a lesson.
pub(crate) struct Taught<'a> {
    pub(crate) scenario: &'a Scenario,
}

/// Fewest updates with which fine-tuning is known to work.
const UPDATES: u64 = 200;
/// A rate this far from the best is worth a word.
const FAR: f64 = 4.0;

impl Taught<'_> {
    fn found(&self) -> quality::Quality {
        let Scenario { model, recipe, data, dynamics, .. } = self.scenario;
        quality::quality(&Lesson { model, recipe, data, dynamics })
    }

    fn scratch(&self) -> bool {
        self.scenario.dynamics.start == Start::Scratch
    }

    pub(crate) fn quality(&self) -> Quality {
        let found = self.found();
        let (loss, half) = (found.loss().get(), found.deviation.get() * doubt::BAND.get());
        let (worst, scale, rate) = laws::SEVENTEEN_TASKS;
        let error = || laws::downstream_error(found.loss(), worst, scale, rate).get().clamp(0.0, 1.0);
        Quality {
            loss: Interval { mid: loss, low: (loss - half).max(0.0), high: loss + half },
            terms: term_tree(&found.explain(), 1.0),
            updates: run::steps(&self.scenario.recipe, &self.scenario.data),
            best_learning_rate: found.best_rate.get(),
            best_batch_tokens: found.best_batch.get(),
            critical_batch_tokens: found.critical_batch.get(),
            divergence: found.divergence.get(),
            fullness: found.fullness.map(Share::get),
            downstream_error: self.scratch().then(error),
        }
    }

    pub(crate) fn sweep(&self) -> Option<Sweep> {
        let Scenario { model, data, dynamics, .. } = self.scenario;
        let asked = dynamics.sweep.as_ref()?;
        let target = (shape::worth(model), Tokens::new(data.trained_tokens().max(1) as f64));
        Some(Sweep {
            kind: asked.kind.name().into(),
            trials: asked.trials,
            full_runs: sweep::cost(asked, target).get(),
            full_runs_of_time: sweep::wall(asked, target).get(),
            finds_best_twentieth: sweep::chance(asked, Share::new(0.05)).get(),
        })
    }

    pub(crate) fn stopping(&self) -> Option<Stopping> {
        let Scenario { data, dynamics, .. } = self.scenario;
        let asked = dynamics.stopping.as_ref()?;
        Some(Stopping {
            saved: stopping::expected(asked, data.passes()).get(),
            too_soon: stopping::too_soon(asked, data.passes()).get(),
        })
    }

    /// What is legal but will disappoint.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let Scenario { recipe, data, dynamics, .. } = self.scenario;
        let found = self.found();
        let mut all = Vec::new();
        if found.divergence.get() > 0.1 {
            all.push(format!(
                "learning rate: about {:.0} % chance that training diverges; {:.1e} is the usual best here",
                found.divergence.get() * 100.0,
                found.best_rate.get()
            ));
        } else if let Some(chosen) = dynamics.rate
            && !(1.0 / FAR..=FAR).contains(&(chosen.get() / found.best_rate.get()))
        {
            all.push(format!(
                "learning rate {:.1e} is far from the usual best of {:.1e}",
                chosen.get(),
                found.best_rate.get()
            ));
        }
        let updates = run::steps(recipe, data);
        if !self.scratch() && (2..UPDATES).contains(&updates) {
            all.push(format!("{updates} updates are few: below {UPDATES} a smaller global_batch teaches more"));
        }
        let batch = recipe.global_batch as f64 * recipe.seq_len as f64 * recipe.fill.get();
        if self.scratch() && batch > found.critical_batch.get() {
            all.push(format!(
                "a batch of {batch:.1e} tokens is above the critical one of about {:.1e}: tokens are wasted",
                found.critical_batch.get()
            ));
        }
        if let Some(full) = found.fullness.filter(|full| full.get() > 1.0) {
            all.push(format!(
                "the data hold {:.1} times what the trained parameters can take up: a higher rank, or full training",
                full.get()
            ));
        }
        if recipe.precision.compute == Dtype::Fp16 {
            let skipped = skipped_steps(Share::new(65_536.0), Share::new(1024.0), Share::new(0.5));
            all.push(format!(
                "fp16 overflows above 65 504 and loses gradients below 6e-8: loss scaling skips about {skipped} steps at \
                 first, and large models may diverge; bf16 does neither"
            ));
        }
        if let Some(sweep) = &dynamics.sweep {
            let cut = matches!(sweep.kind, SweepKind::Halving | SweepKind::Hyperband | SweepKind::Asha);
            if cut && matches!(dynamics.schedule.name(), "cosine" | "linear") {
                all.push(format!(
                    "trials of {} are cut short before a {} schedule comes down: compare them under wsd or a constant rate",
                    sweep.kind.name(),
                    dynamics.schedule.name()
                ));
            }
        }
        if let Some(asked) = &dynamics.stopping {
            let chance = stopping::too_soon(asked, data.passes()).get();
            if chance > 0.2 {
                all.push(format!(
                    "early stopping: {:.0} % chance that it stops too soon; more patience",
                    chance * 100.0
                ));
            }
        }
        all
    }
}

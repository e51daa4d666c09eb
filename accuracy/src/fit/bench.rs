//! Measured rows made ready for the fit: resolved once, with the layout that the product chose, so that only the
//! mechanisms run again for other constants.
//!
//! The price: where a row leaves its layout open, the one chosen under the constants at hand stays while they move; the
//! fit freezes the rows again until nothing changes.

use outlay::catalog::Catalog;
use outlay::core::forecast::{self, Knowledge};
use outlay::core::layout::Layout;
use outlay::core::scenario::Scenario;
use outlay::core::scenario::cluster::Cluster;
use outlay::core::step::Step;
use outlay::core::step::calibration::Calibration;

use crate::engine::Door;
use crate::evidence::Evidence;
use crate::rows::library::Library;
use crate::rows::throughput::{self, Convention, Measured};
use crate::score::Kind;
use crate::table::Table;
use crate::validate::Engine;

/// A row whose prediction is a function of the constants alone.
#[derive(Debug, Clone)]
pub struct Frozen {
    /// The row's identifier.
    pub id: String,
    /// Who published it.
    pub source: String,
    /// Which model, in the row's words.
    pub model: String,
    /// What kind of evidence it is.
    pub kind: Kind,
    /// Measured seconds of a step, in logs.
    pub measured: f64,
    /// The source itself warns that its figures scatter widely.
    pub doubtful: bool,
    scenario: Scenario,
    cluster: Cluster,
    layout: Layout,
}

impl Frozen {
    /// Predicted seconds of a step, in logs.
    #[must_use]
    pub fn predict(&self, knowledge: &Knowledge) -> f64 {
        self.step(knowledge).total().get().ln()
    }

    /// Predicted seconds of a step, by part.
    #[must_use]
    pub fn step(&self, knowledge: &Knowledge) -> Step {
        forecast::timed(&self.scenario, knowledge, &self.cluster, &self.layout)
    }

    /// Whether a constant of this scope can change the prediction.
    #[must_use]
    pub fn concerns(&self, scope: &str) -> bool {
        let node = &self.cluster.node;
        let pair = |(stack, architecture)| {
            stack == self.scenario.recipe.stack.program && architecture == self.cluster.accelerator.architecture
        };
        scope == "common"
            || scope.split_once('@').is_some_and(pair)
            || scope == self.cluster.accelerator.architecture
            || scope == self.scenario.recipe.stack.program
            || scope == node.intra.kind.name()
            || node.inter.is_some_and(|link| scope == link.kind.name())
    }

    /// Freezes every row that the product can answer, under the catalog's constants.
    #[must_use]
    pub fn all(evidence: &Evidence, catalog: &Catalog) -> Vec<Self> {
        let known = Door::new(catalog.clone()).accelerators();
        let library = Library::of(evidence);
        let Some(text) = evidence.throughput.as_deref() else { return Vec::new() };
        let table = Table::read(text);
        let rows = table.rows().filter_map(|row| {
            let read = throughput::read(&row, &library, &known).ok()?;
            let (resolved, forecast) = outlay::exact(&read.request, catalog).ok()?;
            let scenario = resolved.scenario;
            let step = &forecast.step;
            let tokens = (scenario.recipe.global_batch * scenario.recipe.seq_len) as f64;
            let accelerators = step.accelerators as f64;
            let seconds = match read.measured {
                Measured::TokensPerSecond(rate) => tokens / accelerators / rate,
                Measured::StepSeconds(seconds) => seconds,
                Measured::Tflops(rate, convention) => {
                    let flops = match convention {
                        Convention::ModelCausal => step.model_flops,
                        Convention::ModelFull => step.model_flops_full,
                        Convention::Hardware => step.hardware_flops,
                    };
                    flops.get() / accelerators / 1e12 / rate
                }
            };
            let offer = &scenario.offers[forecast.plan.offer];
            Some(Self {
                id: row.id(),
                source: read.source,
                model: row.text("model").unwrap_or_default().into(),
                kind: read.kind,
                measured: seconds.ln(),
                doubtful: row.notes_say(&["trust:c"]),
                cluster: forecast::cluster(offer, step.accelerators),
                layout: forecast.plan.layout,
                scenario,
            })
        });
        rows.collect()
    }
}

/// Knowledge with these constants, by name, and no intervals.
#[must_use]
pub fn with(calibration: &Calibration, names: &[String], logs: &[f64]) -> Knowledge {
    let mut calibration = calibration.clone();
    calibration.each(&mut |scope, name, value| {
        let known = names.iter().position(|other| other.split_once('.') == Some((scope, name)));
        if let Some(at) = known {
            *value = outlay::core::units::Share::new(logs[at].exp());
        }
    });
    Knowledge { calibration, residuals: Default::default() }
}

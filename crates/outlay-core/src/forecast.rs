//! The calculation from end to end: a plan to its memory, step, run, bill and intervals.
//!
//! Total: every legal plan has a forecast, also one that does not fit (it says so).

use core::ops::{Div, Mul};

use crate::bill::{self, Bill};
use crate::interval::{self, Interval, Residuals, Spread};
use crate::memory::{self, Footprint, ModelMemory};
use crate::plan::{Layout, Plan};
use crate::run::{self, Conditions, Run, disruption, loader};
use crate::scenario::Scenario;
use crate::scenario::cluster::Cluster;
use crate::scenario::offer::{Offer, Purchase};
use crate::step::calibration::Calibration;
use crate::step::{Fabric, Micro, Pace, Shape, Step};
use crate::units::{Bytes, Joules, Seconds, Share, Usd};

/// What was learnt from measured runs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Knowledge {
    /// Efficiency factors.
    pub calibration: Calibration,
    /// How far forecasts were off.
    pub residuals: Residuals,
}

/// What a plan needs, takes and costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Forecast {
    /// The plan.
    pub plan: Plan,
    /// Memory of the fullest rank.
    pub footprint: Footprint,
    /// Probability that it fits.
    pub fit: Share,
    /// One optimizer step.
    pub step: Step,
    /// The whole run.
    pub run: Run,
    /// What it costs, line by line.
    pub bill: Bill,
    /// The same at the ends of the cost's interval; their lines add up to these.
    pub bill_ends: (Bill, Bill),
    /// The residual factor's band.
    pub spread: Spread,
    /// Seconds of a step.
    pub step_time: Interval<Seconds>,
    /// Time on the clock.
    pub time: Interval<Seconds>,
    /// The bill's sum.
    pub cost: Interval<Usd>,
    /// Energy at the meter; `None` where the accelerator's power is unknown.
    pub energy: Option<Interval<Joules>>,
}

/// Machines that a scenario may run on, ready for many layouts: none of them allocates.
#[derive(Debug, Clone)]
pub struct Site<'a> {
    scenario: &'a Scenario,
    cluster: &'a Cluster,
    memory: &'a ModelMemory,
    pace: Pace<'a>,
    fabric: Fabric,
    saved: Bytes,
}

impl<'a> Site<'a> {
    /// Sums what no layout changes.
    #[must_use]
    pub fn new(scenario: &'a Scenario, knowledge: &Knowledge, cluster: &'a Cluster, memory: &'a ModelMemory) -> Self {
        let Scenario { model, recipe, .. } = scenario;
        Self {
            scenario,
            cluster,
            memory,
            pace: Pace::new(model, recipe, &cluster.accelerator, &knowledge.calibration),
            fabric: Fabric::of(cluster, &knowledge.calibration),
            saved: disruption::checkpoint_bytes(model, recipe),
        }
    }

    /// The machines.
    #[must_use]
    pub const fn cluster(&self) -> &Cluster {
        self.cluster
    }

    /// What one rank of this shape computes for one micro-batch: the walk over all operators, once for all layouts that have it.
    #[must_use]
    pub fn micro(&self, shape: Shape) -> Micro {
        self.pace.micro(shape)
    }

    /// One step, waiting for data included; `micro` is that of the layout's shape.
    #[must_use]
    pub fn step(&self, layout: &Layout, micro: &Micro) -> Step {
        let mut step = self.pace.step(&self.fabric, layout, micro);
        let Scenario { recipe, data, .. } = self.scenario;
        // Padding is not prepared.
        let tokens = (Share::new((recipe.global_batch * recipe.seq_len) as f64) * recipe.fill).get() as u64;
        step.loader += loader::stall(step.total(), tokens, &data.feed, &self.cluster.node, self.cluster.nodes());
        step
    }

    /// Whether the device waits for launches in this step.
    #[must_use]
    pub fn waits(&self, step: &Step) -> bool {
        self.pace.waits(step)
    }

    /// Memory of the fullest rank, and the probability that it fits.
    #[must_use]
    pub fn weigh(&self, layout: &Layout) -> (Footprint, Share) {
        let footprint = self.memory.footprint(layout);
        (footprint, fit(&footprint, self.cluster))
    }

    /// Run and bill of steps of this length at an offer of these machines, as expected.
    #[must_use]
    pub fn spend(&self, offer: &Offer, step: Seconds) -> (Run, Bill) {
        let nodes = self.cluster.nodes();
        let outcome = outcome(self.scenario, offer, nodes, self.cluster.accelerators, step, self.saved, Luck::PLAIN);
        (outcome.run, outcome.bill)
    }
}

/// The forecast of one plan; `None` if the scenario has no such offer.
#[must_use]
pub fn forecast(scenario: &Scenario, knowledge: &Knowledge, plan: Plan) -> Option<Forecast> {
    let offer = scenario.offers.get(plan.offer)?;
    let cluster = cluster(offer, plan.layout.accelerators());
    let memory = ModelMemory::new(&scenario.model, &scenario.recipe);
    let site = Site::new(scenario, knowledge, &cluster, &memory);
    let (footprint, fit) = site.weigh(&plan.layout);
    let step = site.step(&plan.layout, &site.micro(Shape::of(&plan.layout)));
    let saved = disruption::checkpoint_bytes(&scenario.model, &scenario.recipe);
    let mixture = scenario.model.experts().is_some();
    let spread = knowledge.residuals.spread(&cluster.accelerator.architecture, &scenario.recipe.stack.program, mixture);
    let at = |step_factor: f64, calm: f64, amount: Share| {
        let step = step.total() * Share::new(libm::exp(step_factor));
        let luck = Luck { calm: Share::new(libm::exp(calm)), amount };
        outcome(scenario, offer, plan.nodes, cluster.accelerators, step, saved, luck)
    };
    let bound = spread.bound.get();
    let calm = if matches!(offer.purchase, Purchase::Spot | Purchase::Mixed) {
        interval::INTERRUPTIONS_SPOT
    } else {
        interval::INTERRUPTIONS
    };
    let around = Around {
        mid: at(0.0, 0.0, Share::ONE),
        step: (at(-bound, 0.0, Share::ONE), at(bound, 0.0, Share::ONE)),
        calm: (at(0.0, calm, Share::ONE), at(0.0, -calm, Share::ONE)),
        amount: (at(0.0, 0.0, scenario.data.band.0), at(0.0, 0.0, scenario.data.band.1)),
    };
    let gross = around.interval(&|at| at.bill.gross());
    Some(Forecast {
        plan,
        footprint,
        fit,
        step,
        run: around.mid.run,
        bill: around.mid.bill,
        bill_ends: around.bills(gross),
        spread,
        step_time: around.interval(&|at| at.step),
        time: around.interval(&|at| at.run.wall()),
        cost: gross.map(|gross| around.mid.bill.credited(gross)),
        energy: around.mid.energy.map(|_| around.interval(&|at| at.energy.unwrap_or_default())),
    })
}

/// The machines of an offer as one cluster.
#[must_use]
pub fn cluster(offer: &Offer, accelerators: u64) -> Cluster {
    Cluster { accelerator: offer.accelerator.clone(), node: offer.node.clone(), accelerators }
}

/// Probability that a footprint fits the device (and the host, for what lives there).
#[must_use]
pub fn fit(footprint: &Footprint, cluster: &Cluster) -> Share {
    let ranks = cluster.accelerators.min(cluster.node.accelerators);
    let host = (footprint.host + footprint.parked) * ranks;
    // Nobody builds a machine with less host memory than one of its accelerators has: the least an unknown one holds.
    let least = cluster.accelerator.memory;
    if host > cluster.node.host_memory.unwrap_or(least) {
        return Share::ZERO;
    }
    memory::fits(footprint, cluster.accelerator.memory)
}

/// One step on a cluster, waiting for data included.
#[must_use]
pub fn timed(scenario: &Scenario, knowledge: &Knowledge, cluster: &Cluster, layout: &Layout) -> Step {
    let memory = ModelMemory::new(&scenario.model, &scenario.recipe);
    let site = Site::new(scenario, knowledge, cluster, &memory);
    site.step(layout, &site.micro(Shape::of(layout)))
}

/// What follows from the length of a step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    /// The step.
    pub(crate) step: Seconds,
    /// The run.
    pub(crate) run: Run,
    /// Its bill.
    pub(crate) bill: Bill,
    /// Its energy.
    pub(crate) energy: Option<Joules>,
}

/// Factors on what nobody can know beforehand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Luck {
    /// On the mean time between interruptions.
    pub(crate) calm: Share,
    /// On the amount of training.
    pub(crate) amount: Share,
}

impl Luck {
    /// As expected.
    pub(crate) const PLAIN: Self = Self { calm: Share::ONE, amount: Share::ONE };
}

/// Run, bill and energy of steps of this length.
pub(crate) fn outcome(
    scenario: &Scenario,
    offer: &Offer,
    nodes: u64,
    accelerators: u64,
    step: Seconds,
    saved: Bytes,
    luck: Luck,
) -> Outcome {
    let operation = &scenario.operation;
    let between = disruption::mean_time_between(operation, offer, nodes, accelerators).map(|mean| mean * luck.calm);
    let conditions = Conditions {
        nodes,
        accelerators,
        apart: offer.apart,
        preempted: matches!(offer.purchase, Purchase::Spot | Purchase::Mixed),
        mean_between: between,
        amount: luck.amount,
    };
    let run = run::run(scenario, &conditions, step, saved);
    let installed = nodes * offer.node.accelerators;
    Outcome {
        step,
        run,
        bill: bill::bill(scenario, offer, nodes, &run),
        energy: bill::energy(operation, offer.accelerator.tdp, installed, run.paid() + run.sweep),
    }
}

/// A forecast's outcome, and what it would be at both ends of each uncertain factor.
struct Around {
    mid: Outcome,
    step: (Outcome, Outcome),
    calm: (Outcome, Outcome),
    amount: (Outcome, Outcome),
}

impl Around {
    fn interval<T>(&self, figure: &dyn Fn(&Outcome) -> T) -> Interval<T>
    where
        T: Copy + Mul<Share, Output = T> + Div<Output = Share>,
    {
        let mid = figure(&self.mid);
        // What costs nothing is sure to.
        let ratio = |at: &Outcome| Some(figure(at) / mid).filter(|ratio| ratio.get().is_finite()).unwrap_or(Share::ONE);
        let ends = [&self.step, &self.calm, &self.amount].map(|(low, high)| (ratio(low), ratio(high)));
        let factor = interval::combine(Share::ONE, &ends);
        Interval { low: mid * factor.low, mid, high: mid * factor.high }
    }

    /// The bills at the ends of their sum's interval.
    ///
    /// # Formula
    /// `line + (end of the line's own interval − line) · (end of the sum − sum) / Σ (end of a line's own interval − line)`.
    ///
    /// # Source
    /// All lines grow with the same factors, so they are at an end together, and quantiles of such add up; what the root of
    /// squares leaves over or short is shared out by how far each line moves by itself.
    ///
    /// # Valid when
    /// As for [`interval::combine`]. A line that no factor moves is the same in all three bills.
    fn bills(&self, sum: Interval<Usd>) -> (Bill, Bill) {
        let bill = &self.mid.bill;
        let end = |pick: fn(Interval<Usd>) -> Usd| {
            let own = bill.lines(|line| pick(self.interval(&|at| line(&at.bill))));
            let moved = own.gross() - bill.gross();
            let part = if moved == Usd::ZERO { Share::ONE } else { (pick(sum) - sum.mid) / moved };
            bill.lines(|line| line(bill) + (line(&own) - line(bill)) * part)
        };
        (end(|interval| interval.low), end(|interval| interval.high))
    }
}

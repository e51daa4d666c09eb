//! The answer: plain numbers with their units in their names. Versioned; a published schema; nothing else serializes.
//!
//! `null` means unknown, never zero. Money is in USD, times in the unit of the name, memory in GiB (2^30).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

/// Version of these shapes.
pub const VERSION: u32 = 1;

/// The answer to `plan` and `estimate`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Response {
    /// Version of this shape.
    pub version: u32,
    /// A sentence that says it all.
    pub verdict: String,
    /// What was asked about.
    pub job: Job,
    /// The best plan; `null`: none is feasible.
    pub pick: Option<Plan>,
    /// Plans that no other beats in both cost and time, cheapest first.
    pub front: Vec<Plan>,
    /// The nearest alternatives and why each lost.
    pub losers: Vec<Loser>,
    /// The smallest changes that would make a plan feasible, if none is.
    pub relaxations: Vec<Relaxation>,
    /// How good the model becomes.
    pub quality: Quality,
    /// The search for settings, if there is one.
    pub sweep: Option<Sweep>,
    /// What stopping early is expected to do, if it is on.
    pub stopping: Option<Stopping>,
    /// Hosted services that train such a model, cheapest first.
    pub hosted: Vec<Hosted>,
    /// Defaults that were used.
    pub assumptions: Vec<Assumption>,
    /// What is legal but surprising.
    pub warnings: Vec<String>,
    /// How much was looked at.
    pub search: Search,
}

impl Response {
    /// The plans in the order in which they are numbered: the pick is 1, then the others that are named, then those that are
    /// cheaper or faster.
    pub fn plans(&self) -> impl Iterator<Item = &Plan> + Clone {
        self.pick.iter().chain(self.losers.iter().map(|loser| &loser.plan)).chain(&self.front)
    }
}

/// The job as it was understood.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Job {
    /// Model name.
    pub model: String,
    /// Stored parameters.
    pub params: u64,
    /// Parameters a token passes through.
    pub active_params: u64,
    /// Parameters that are trained.
    pub trained_params: u64,
    /// Method.
    pub method: String,
    /// Training program.
    pub stack: String,
    /// Tokens trained on, all passes.
    pub tokens: u64,
    /// Tokens of a sequence.
    pub seq_len: u64,
    /// Sequences of a step.
    pub global_batch: u64,
}

/// A figure with its 80 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Interval {
    /// The forecast.
    pub mid: f64,
    /// One in ten is below.
    pub low: f64,
    /// One in ten is above.
    pub high: f64,
}

/// A key that varies and the value chosen.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Choice {
    /// Dotted key of the job.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// A plan and its forecast.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Plan {
    /// What was chosen of the keys that vary; empty where none does.
    pub choices: Vec<Choice>,
    /// Expected loss, where keys vary: some of them change how good the model becomes.
    pub loss: Option<f64>,
    /// Provider.
    pub provider: String,
    /// Region.
    pub region: String,
    /// The provider's machine.
    pub instance: String,
    /// `on-demand`, `spot`, `reserved-1y`, `reserved-3y`, `owned`, `block`, or a mixture such as `2 in 4 on-demand, spot`.
    pub purchase: String,
    /// Price of one machine for an hour; `null`: unknown.
    pub machine_usd_per_hour: Option<f64>,
    /// Day of the price; empty where there is none.
    pub price_as_of: String,
    /// Age of the price in days; `null`: unknown.
    pub price_age_days: Option<i64>,
    /// Where the price was read.
    pub price_source: String,
    /// Accelerator key.
    pub accelerator: String,
    /// Accelerator as people write it.
    pub accelerator_name: String,
    /// Accelerators used.
    pub accelerators: u64,
    /// Machines rented.
    pub nodes: u64,
    /// How the work is split.
    pub layout: Layout,
    /// `fits`, `tight` or `does-not-fit`.
    pub fit: String,
    /// Probability that it fits.
    pub fit_probability: f64,
    /// Memory of the fullest accelerator, everything together.
    pub memory_gib: f64,
    /// Memory an accelerator has.
    pub capacity_gib: f64,
    /// Memory of each pipeline stage, first to last; empty without a pipeline.
    pub stages: Vec<Stage>,
    /// Seconds of an optimizer step.
    pub step_s: Interval,
    /// Tokens per second and accelerator.
    pub tokens_per_s_per_accelerator: Interval,
    /// Model FLOP utilisation; attention counted causal, recomputation not counted.
    pub mfu: f64,
    /// Hardware FLOP utilisation; recomputation counted.
    pub hfu: f64,
    /// Optimizer steps.
    pub steps: u64,
    /// Time on the clock.
    pub hours: Interval,
    /// Useful share of the time after start-up.
    pub goodput: f64,
    /// Money; `null`: the price is unknown.
    pub cost_usd: Option<Interval>,
    /// A line of the bill has no known price: the cost is a lower bound.
    pub cost_at_least: bool,
    /// Energy at the meter; `null`: power unknown.
    pub energy_kwh: Option<Interval>,
    /// Carbon dioxide emitted, in kilograms; `null`: the grid or the power is unknown.
    pub carbon_kg: Option<f64>,
    /// What a commitment obliges to in all, used or not; `null` where there is none.
    pub committed_usd: Option<f64>,
    /// When it is finished, everything that is uncertain played out; `null`: not played, as it is for the pick alone.
    pub finish: Option<Finish>,
    /// How data are fed to the machines; `null` where nothing is prepared on the fly.
    pub loader: Option<Loader>,
    /// The interval rests on runs of this generation of accelerators.
    pub known_hardware: bool,
    /// The interval rests on runs of this training program.
    pub known_stack: bool,
    /// Memory, step, run and bill term by term; the parent is the sum of its parts.
    pub terms: Terms,
}

/// Memory of the fullest accelerator of a pipeline stage, at its own fullest moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Stage {
    /// Weights, gradients, optimizer state.
    pub model_state_gib: f64,
    /// What is kept for the backward pass, logits, the layer at work.
    pub activations_gib: f64,
    /// Gathered weights, temporaries, communication.
    pub buffers_gib: f64,
    /// Driver and allocator.
    pub overhead_gib: f64,
}

/// When a run is finished: how long its steps take, how many it needs and what interrupts it, played out for many runs.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Finish {
    /// Shares of the runs and when they are done, in order.
    pub quantiles: Vec<Quantile>,
    /// The latest end, by the deadline or by how long the machines are there; `null`: any time will do.
    pub deadline_hours: Option<f64>,
    /// Chance that it is done by then.
    pub in_time: Option<f64>,
}

/// A point of a distribution of times.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Quantile {
    /// Such a share of the runs is done
    pub share: f64,
    /// after so many hours on the clock.
    pub hours: f64,
}

/// How data are fed to the machines.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Loader {
    /// Processes on one machine with which the accelerators do not wait.
    pub workers_needed: u64,
    /// Share of a step that is waited.
    pub waiting: f64,
}

/// How good the model becomes: the expected loss on the data's own text. An index for a pretrained start.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Quality {
    /// Nats a token.
    pub loss: Interval,
    /// The loss part by part.
    pub terms: Term,
    /// Optimizer steps.
    pub updates: u64,
    /// The best peak learning rate for this batch.
    pub best_learning_rate: f64,
    /// The best batch, in tokens.
    pub best_batch_tokens: f64,
    /// The batch above which a fifth of the tokens are wasted.
    pub critical_batch_tokens: f64,
    /// Chance that training diverges at this rate.
    pub divergence: f64,
    /// How full the trained parameters are, where not all are trained: above 1 they hold less than there is to learn.
    pub fullness: Option<f64>,
    /// Share of downstream questions answered wrongly, the mean of seventeen tasks; from scratch alone.
    pub downstream_error: Option<f64>,
}

/// A search for settings.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Sweep {
    /// How trials are chosen and cut short.
    pub kind: String,
    /// Trials started.
    pub trials: u64,
    /// What it costs, in full runs.
    pub full_runs: f64,
    /// How long it takes, in full runs.
    pub full_runs_of_time: f64,
    /// Chance that it finds one of the best twentieth of all settings.
    pub finds_best_twentieth: f64,
}

/// What stopping early is expected to do.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Stopping {
    /// Share of the planned steps it saves.
    pub saved: f64,
    /// Chance that it stops before the best.
    pub too_soon: f64,
}

/// A hosted service that trains such a model.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Hosted {
    /// Who.
    pub provider: String,
    /// Which of its offers.
    pub tier: String,
    /// What this job would cost there.
    pub usd: f64,
    /// Tokens from which on training oneself is cheaper; `null`: never, or always.
    pub break_even_tokens: Option<f64>,
    /// Day of the price.
    pub as_of: String,
}

/// How the work is split.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Layout {
    /// Data-parallel replicas.
    pub dp: u64,
    /// Tensor-parallel width.
    pub tp: u64,
    /// Pipeline stages.
    pub pp: u64,
    /// Virtual stages.
    pub vpp: u64,
    /// Layers of a full stage, where they are dealt out by hand; 0: evenly.
    pub stage_layers: u64,
    /// Context-parallel width.
    pub cp: u64,
    /// Expert-parallel width.
    pub ep: u64,
    /// `none`, `zero1`, `zero2`, `zero3`.
    pub zero: String,
    /// Ranks that share one sharded copy.
    pub shard: u64,
    /// Sequences of one forward pass.
    pub micro_batch: u64,
    /// Micro-batches of a step.
    pub accumulation: u64,
    /// `none`, `selective`, `4/8 of layers`, `full`.
    pub recompute: String,
    /// `none`, `optimizer`, `optimizer+parameters`.
    pub offload: String,
    /// `gpipe`, `1f1b`, `zero-bubble`, `dualpipe`.
    pub schedule: String,
}

/// The explanation trees of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Terms {
    /// GiB.
    pub memory: Term,
    /// Seconds of a step.
    pub step: Term,
    /// Hours.
    pub run: Term,
    /// USD; `null`: the price is unknown.
    pub bill: Option<Line>,
}

/// A line of a bill, or its sum.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Line {
    /// What it is.
    pub name: String,
    /// How much, in the unit of its tree.
    pub value: f64,
    /// What it is at both ends of the sum's 80 % interval: lines grow with the time together, so their ends add up to those of
    /// the sum. `null`: it is the same whatever the time.
    pub interval: Option<Interval>,
    /// Unit: `USD`.
    pub unit: String,
    /// How it comes about.
    pub note: String,
    /// What it is the sum of.
    pub parts: Vec<Line>,
}

/// A named figure and what it is the sum of.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Term {
    /// What it is.
    pub name: String,
    /// How much, in the unit of its tree.
    pub value: f64,
    /// Unit: `GiB`, `s`, `h`, `USD`.
    pub unit: String,
    /// How it comes about.
    pub note: String,
    /// What it is the sum of.
    pub parts: Vec<Term>,
}

/// An alternative to the pick.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Loser {
    /// What is different: `accelerator`, `provider`, `purchase`, `count`, `layout`.
    pub differs: String,
    /// Why it lost, in words.
    pub reason: String,
    /// What it is.
    pub plan: Plan,
}

/// A change under which a plan exists.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Relaxation {
    /// What to change, in words.
    pub change: String,
    /// The plan that then is the best.
    pub plan: Plan,
}

/// A default that was used.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Assumption {
    /// The key that sets it.
    pub key: String,
    /// What was assumed.
    pub value: String,
    /// Why that.
    pub reason: String,
}

/// How much was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Search {
    /// Offers considered.
    pub offers: u64,
    /// Distinct machine shapes with a count.
    pub machines: u64,
    /// Of these, looked into; the others cannot be picked, stand on the front or be named, by their bound.
    pub surveyed: u64,
    /// Legal layouts on those looked into.
    pub layouts: u64,
    /// Of these, layouts whose step was timed.
    pub timed: u64,
    /// Of these, layouts whose memory was weighed.
    pub weighed: u64,
    /// Plans that the layouts stand for, each at every offer of its machines.
    pub covered: u64,
    /// Plans priced: the quickest layout of machines at one offer.
    pub plans: u64,
    /// The pick is the best there is; `false`: the search was ended early.
    pub proven: bool,
    /// What a plan that was not seen might do better at the most, as a share of the pick's figure.
    pub gap: f64,
}

/// The answer to `why`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Why {
    /// Version of this shape.
    pub version: u32,
    /// In a sentence.
    pub verdict: String,
    /// The best plan; `null`: none is feasible.
    pub pick: Option<Plan>,
    /// The plan that was named; `null`: none is feasible.
    pub named: Option<Plan>,
    /// Plans that do better than the named one: the quickest layout of machines at one offer.
    pub better: u64,
    /// Machines at offers in all.
    pub of: u64,
    /// What it costs more, term by term, USD.
    pub cost: Option<Term>,
    /// What it takes longer, term by term, hours.
    pub time: Option<Term>,
    /// What would have to give for the named plan to be feasible.
    pub relaxations: Vec<Relaxation>,
}

/// The answer to `diff`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Diff {
    /// Version of this shape.
    pub version: u32,
    /// In a sentence.
    pub verdict: String,
    /// Keys that are written differently.
    pub changes: Vec<Changed>,
    /// Figures before and after.
    pub figures: Vec<Moved>,
    /// What it costs more, term by term, USD.
    pub cost: Option<Term>,
    /// What it takes longer, term by term, hours.
    pub time: Option<Term>,
    /// The best plan before; `null`: none was feasible.
    pub before: Option<Plan>,
    /// The best plan after; `null`: none is feasible.
    pub after: Option<Plan>,
}

/// A key that is written differently.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Changed {
    /// Dotted key of the job.
    pub key: String,
    /// Its value before; `null`: it was not written.
    pub before: Option<String>,
    /// Its value after; `null`: it is no longer written.
    pub after: Option<String>,
}

/// A figure before and after.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Moved {
    /// What it is.
    pub name: String,
    /// Unit; empty for counts and shares.
    pub unit: String,
    /// Before; `null`: unknown.
    pub before: Option<f64>,
    /// After; `null`: unknown.
    pub after: Option<f64>,
    /// Share by which it grew; `null`: unknown.
    pub change: Option<f64>,
}

/// The answer to `levers`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Levers {
    /// Version of this shape.
    pub version: u32,
    /// Where the job stands; `null`: no plan is feasible.
    pub standing: Option<Standing>,
    /// Every step of every lever, those that move the goal most first; what is impossible last.
    pub levers: Vec<Lever>,
}

/// Where a job stands.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Standing {
    /// On which machines.
    pub machines: String,
    /// Money.
    pub cost_usd: f64,
    /// Time on the clock.
    pub hours: f64,
    /// Memory of the fullest accelerator.
    pub memory_gib: f64,
    /// The same as a share of what it has.
    pub memory_share: f64,
    /// Expected loss, in nats a token; an index for a pretrained start.
    pub loss: f64,
    /// Chance that training diverges.
    pub divergence: f64,
}

/// A step of one lever.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Lever {
    /// `hardware`, `architecture`, `method`, `dynamics`, `precision`, `sweep`, `lasting`, `layout`, `data`.
    pub group: String,
    /// Key of the job.
    pub lever: String,
    /// From what to what.
    pub change: String,
    /// What it does, in a line.
    pub why: String,
    /// The keys that take the step, dotted, each with its new value; `null`: the key is left out.
    pub set: BTreeMap<String, serde_json::Value>,
    /// Where the job stands after it; `null`: impossible.
    pub after: Option<Standing>,
    /// It does not fit the machines of the plan, or is about machines: these are others.
    pub other_machines: bool,
    /// Why it cannot be done.
    pub impossible: Option<String>,
}

/// The answer to `scaling optimum`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Optimum {
    /// Version of this shape.
    pub version: u32,
    /// The model that makes the most of the budget.
    pub best: Sized,
    /// What several laws would do with the same compute.
    pub opinions: Vec<Opinion>,
}

/// A compute-optimal model, planned.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Sized {
    /// Training compute, and that of serving where it was asked about.
    pub flops: f64,
    /// Parameters.
    pub params: f64,
    /// Tokens to train on.
    pub tokens: f64,
    /// Nats a token, on the text of the law or of the pilots.
    pub loss: Interval,
    /// Money; `null`: no plan is feasible.
    pub cost_usd: Option<Interval>,
    /// Time on the clock.
    pub hours: Option<f64>,
    /// On which machines.
    pub machines: Option<String>,
}

/// What a law would do with an amount of compute.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Opinion {
    /// Which law.
    pub law: String,
    /// Parameters.
    pub params: f64,
    /// Tokens.
    pub tokens: f64,
}

/// The answer to `scaling fit`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ScalingFit {
    /// Version of this shape.
    pub version: u32,
    /// A law for each corpus.
    pub laws: Vec<FittedLaw>,
    /// Measured runs that were not fitted but foreseen.
    pub compared: usize,
    /// Share of them within 0.12 nats; `null`: none to compare.
    pub within: Option<f64>,
    /// Share of them within their 80 % interval.
    pub covered: Option<f64>,
}

/// A law fitted to the runs of one corpus: `loss = floor + a/params^alpha + b/tokens^beta`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct FittedLaw {
    /// Which corpus; empty where the table names none.
    pub corpus: String,
    /// Runs fitted.
    pub runs: usize,
    /// What nothing brings down.
    pub floor: f64,
    /// Scale of what parameters bring down.
    pub a: f64,
    /// How fast they do.
    pub alpha: f64,
    /// Scale of what tokens bring down.
    pub b: f64,
    /// How fast they do.
    pub beta: f64,
    /// Median distance of the fitted runs from their law, in nats.
    pub median_error: f64,
    /// Runs foreseen.
    pub foreseen: Vec<Foreseen>,
}

/// A run foreseen by a law.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Foreseen {
    /// Parameters.
    pub params: f64,
    /// Tokens.
    pub tokens: f64,
    /// Nats a token.
    pub loss: Interval,
    /// As measured; `null`: nobody has.
    pub measured: Option<f64>,
}

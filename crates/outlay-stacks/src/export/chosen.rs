//! A plan as exporters see it: the job with everything pinned, what it means, its forecast, and the words for comments.
//!
//! Does not know: any stack or launcher.

use outlay::Problem;
use outlay::catalog::Catalog;
use outlay::core::forecast::Forecast;
use outlay::core::layout::{Layout, Recompute, Zero};
use outlay::core::model::{Op, Part};
use outlay::core::scenario::Scenario;
use outlay::core::scenario::dynamics::Start;
use outlay::core::scenario::offer::Purchase;
use outlay::core::scenario::recipe::{Lora, Method, Targets};
use outlay::core::units::Share;
use outlay::problem::Code;
use outlay::request::Request;
use outlay::response::{Interval, Plan, Response};
use serde_json::Value;

/// A plan, ready to be written in the words of others.
pub(crate) struct Chosen<'a> {
    /// The job with everything pinned.
    pub(crate) request: &'a Request,
    pub(crate) response: &'a Response,
    pub(crate) plan: &'a Plan,
    pub(crate) scenario: Scenario,
    pub(crate) forecast: Forecast,
    /// Where the model lies: an id of the hub, or a path.
    pub(crate) model: Place,
    /// Its name in the catalog, where it stands there.
    pub(crate) preset: Option<String>,
    /// Its family, as its `config.json` has it in `model_type`.
    pub(crate) family: Option<String>,
}

/// Where something lies that a run needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Known(String),
    /// Nobody said; this stands for it until somebody fills it in.
    Open(String),
}

impl Place {
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Known(text) | Self::Open(text) => text,
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self, Self::Open(_))
    }
}

impl<'a> Chosen<'a> {
    pub(crate) fn new(
        request: &'a Request,
        response: &'a Response,
        plan: &'a Plan,
        catalog: &Catalog,
    ) -> Result<Self, Vec<Problem>> {
        let (resolved, forecast) = outlay::exact(request, catalog)?;
        let (model, family) = (model(request, catalog), family(request, catalog));
        let preset = request.model.base.as_deref().and_then(|base| Some(catalog.preset(base).ok()?.name.clone()));
        let preset = preset.filter(|_| request.model.config.is_none());
        Ok(Self { request, response, plan, scenario: resolved.scenario, forecast, model, preset, family })
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.forecast.plan.layout
    }

    pub(crate) fn lora(&self) -> Option<&Lora> {
        match &self.scenario.recipe.method {
            Method::Lora(lora) => Some(lora),
            _ => None,
        }
    }

    /// Adapters' scale: twice the rank, as most recipes have it.
    pub(crate) fn alpha(&self) -> u64 {
        self.lora().map_or(0, |lora| lora.rank.saturating_mul(2))
    }

    /// Modules that get an adapter; `None`: all linear ones.
    pub(crate) fn targets(&self) -> Option<Vec<String>> {
        match &self.lora()?.targets {
            Targets::AllLinear => None,
            Targets::Names(names) => Some(names.clone()),
            Targets::Attention => {
                let mut names: Vec<String> = Vec::new();
                for op in self.scenario.model.blocks.iter().flat_map(|block| &block.ops) {
                    if let Op::Linear(linear) = op
                        && matches!(linear.part, Part::AttentionIn | Part::AttentionOut)
                        && !names.iter().any(|name| name == linear.name)
                    {
                        names.push(linear.name.into());
                    }
                }
                Some(names)
            }
        }
    }

    /// Steps in which a rate of warm-up, plateau and decay comes down.
    pub(crate) fn cooldown_steps(&self, cooldown: Share) -> u64 {
        (self.plan.steps as f64 * cooldown.get()).round().max(1.0) as u64
    }

    /// Batches of evaluation after each so many steps of training: a batch is read forward alone, a third of a step.
    pub(crate) fn evaluation_batches(&self, every: u64) -> u64 {
        (self.request.train.evaluation.unwrap_or(0.0) * 3.0 * every as f64).round().max(0.0) as u64
    }

    /// Layers of a stage that come nearest to a share in eighths.
    pub(crate) fn of_a_stage(&self, eighths: u8) -> u64 {
        let layout = self.layout();
        let stage = layout.full_stage(self.scenario.model.depth()) / layout.vpp.max(1);
        (stage * u64::from(eighths) + 4) / 8
    }

    pub(crate) fn scratch(&self) -> bool {
        self.scenario.dynamics.start == Start::Scratch
    }

    /// Peak learning rate: the job's, or the one recommended for this batch.
    pub(crate) fn learning_rate(&self) -> f64 {
        self.request.train.learning_rate.unwrap_or(self.response.quality.best_learning_rate)
    }

    pub(crate) fn precision(&self) -> String {
        self.request.train.precision.as_deref().unwrap_or("bf16").trim().to_lowercase()
    }

    pub(crate) fn optimizer(&self) -> String {
        let quantised = self.lora().is_some_and(|lora| {
            use outlay::core::dtype::Dtype;
            matches!(lora.base, Dtype::Nf4 | Dtype::Nf4Double)
        });
        let default = if quantised { "paged-adamw-8bit" } else { "adamw" };
        self.request.train.optimizer.as_deref().unwrap_or(default).trim().to_lowercase()
    }

    /// The job keeps activations in host memory.
    pub(crate) fn parks(&self) -> bool {
        self.request.train.activation_offload == Some(true)
    }

    pub(crate) fn packing(&self) -> bool {
        self.request.data.packing.unwrap_or(true)
    }

    /// How long it trains.
    pub(crate) fn length(&self) -> Length {
        let data = &self.request.data;
        let goal = self.request.train.target_loss.or(self.request.train.target_error);
        if data.steps.is_some() || goal.is_some() {
            Length::Steps(self.plan.steps)
        } else {
            Length::Epochs(data.epochs.unwrap_or(1.0))
        }
    }

    /// Steps between checkpoints; `None`: saved at the end alone.
    pub(crate) fn save_steps(&self) -> Option<u64> {
        let every = self.forecast.run.interval?.get() / self.forecast.step_time.mid.get();
        Some(every.round().clamp(1.0, self.plan.steps.max(1) as f64) as u64)
    }

    /// Machines may be taken away.
    pub(crate) fn may_be_interrupted(&self) -> bool {
        self.scenario.offers.first().is_some_and(|offer| matches!(offer.purchase, Purchase::Spot | Purchase::Mixed))
    }

    /// Accelerators of one machine that are used.
    pub(crate) fn per_node(&self) -> u64 {
        self.plan.accelerators.div_ceil(self.plan.nodes.max(1))
    }

    /// Where the data lie.
    pub(crate) fn data(&self) -> Place {
        match &self.request.data.path {
            Some(path) => Place::Known(path.clone()),
            None => Place::Open("data/train.jsonl".into()),
        }
    }

    /// A name for jobs and folders: lower case, digits and dashes.
    pub(crate) fn name(&self) -> String {
        let method = self.response.job.method.split([' ', ',']).next().unwrap_or("train");
        let model = self.request.model.base.as_deref().unwrap_or(&self.response.job.model);
        let model = model.trim_end_matches("/config.json").rsplit('/').next().unwrap_or("model");
        let mut name = String::new();
        for c in format!("{model}-{method}").to_lowercase().chars() {
            let c = if c.is_ascii_alphanumeric() { c } else { '-' };
            if c != '-' || !name.ends_with('-') {
                name.push(c);
            }
        }
        let name = name.trim_matches('-');
        // Names of pods must begin with a letter and leave room for what is appended.
        let name = if name.starts_with(|c: char| c.is_ascii_digit()) { format!("m{name}") } else { name.to_owned() };
        name.chars().take(40).collect::<String>().trim_end_matches('-').to_owned()
    }

    /// What is expected of the run, for the head of a file.
    pub(crate) fn expected(&self) -> Vec<String> {
        let Plan { hours, cost_usd, .. } = self.plan;
        let machines = if self.plan.nodes == 1 { String::new() } else { format!(", {} machines", self.plan.nodes) };
        let place = [self.plan.provider.as_str(), &self.plan.region, &self.plan.instance, &self.plan.purchase]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(", ");
        let least = if self.plan.cost_at_least { "at least " } else { "" };
        let money = cost_usd.map_or_else(
            || "price unknown".into(),
            |cost| format!("{least}${:.2} (80 %: ${:.2} to ${:.2})", cost.mid, cost.low, cost.high),
        );
        let Interval { mid, low, high } = hours;
        vec![
            format!("{}× {} ({place}){machines}", self.plan.accelerators, self.plan.accelerator_name),
            format!("{mid:.1} h (80 %: {low:.1} to {high:.1}), {money}"),
            format!(
                "{} steps of {:.1} s; {:.0} tokens/s and {:.1} of {:.1} GiB a device",
                self.plan.steps,
                self.plan.step_s.mid,
                self.plan.tokens_per_s_per_accelerator.mid,
                self.plan.memory_gib,
                self.plan.capacity_gib
            ),
        ]
    }
}

/// How long a run trains.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Length {
    Epochs(f64),
    Steps(u64),
}

fn model(request: &Request, catalog: &Catalog) -> Place {
    let Some(base) = &request.model.base else { return Place::Open("path/to/model".into()) };
    match catalog.preset(base) {
        Ok(preset) => match &preset.hub {
            Some(hub) => Place::Known(hub.clone()),
            None => Place::Open(preset.name.clone()),
        },
        // A folder holds the weights beside its config.
        Err(_) => Place::Known(base.strip_suffix("/config.json").unwrap_or(base).to_owned()),
    }
}

fn family(request: &Request, catalog: &Catalog) -> Option<String> {
    let own = |config: &Value| config.get("model_type").and_then(Value::as_str).map(str::to_owned);
    match (&request.model.config, &request.model.base) {
        (Some(config), _) => own(config),
        (None, Some(base)) => own(&serde_json::from_str(catalog.preset(base).ok()?.config).ok()?),
        (None, None) => None,
    }
}

/// What a stack has no setting for, and who has.
pub(crate) fn cannot(stack: &str, at: &str, what: &str, others: &str) -> Problem {
    Problem::new(Code::NotExpressible, at, format!("{stack} has no setting for {what}")).help(others)
}

/// The fault of a stack that knows no frozen layers, where the job has some.
pub(crate) fn no_frozen_layers(chosen: &Chosen<'_>, stack: &str, problems: &mut Vec<Problem>) {
    if let Method::Freeze { .. } = chosen.scenario.recipe.method {
        problems.push(cannot(stack, "method.kind", "frozen layers", "llama-factory has one: --to llama-factory"));
    }
}

/// The faults of a stack whose adapters are plain ones beside pretrained weights.
pub(crate) fn plain_adapters(chosen: &Chosen<'_>, stack: &str, problems: &mut Vec<Problem>) {
    let Some(lora) = chosen.lora() else { return };
    if lora.dora {
        problems.push(cannot(stack, "method.kind", "DoRA", "axolotl, trl and torchtune have it: --to trl"));
    }
    if chosen.scratch() {
        problems.push(cannot(stack, "model.start", "adapters on random weights", "fix model.start = \"pretrained\""));
    }
}

/// The faults of a stack that has no setting for what gradients are summed in, where the job chooses.
pub(crate) fn usual_gradients(chosen: &Chosen<'_>, stack: &str, problems: &mut Vec<Problem>) {
    if chosen.request.train.gradients.is_some() {
        let help = "leave train.gradients out; Megatron-LM has one: --to megatron-lm";
        problems.push(cannot(stack, "train.gradients", "the format that gradients are summed in", help));
    }
}

/// The faults of a stack that has no setting for CUDA graphs, where the job chooses.
pub(crate) fn usual_graphs(chosen: &Chosen<'_>, stack: &str, problems: &mut Vec<Problem>) {
    if chosen.request.train.cuda_graphs.is_some() {
        let help = "leave train.cuda_graphs out; Megatron-Core has them: --to megatron-lm";
        problems.push(cannot(stack, "train.cuda_graphs", "CUDA graphs", help));
    }
}

/// The faults of a program that does not keep in host memory what the job keeps there.
pub(crate) fn parked(chosen: &Chosen<'_>, program: &str, able: bool, problems: &mut Vec<Problem>) {
    if !chosen.parks() {
        return;
    }
    let at = "train.activation_offload";
    if !able {
        let help = "axolotl, trl and torchtune have one: --to trl";
        problems.push(cannot(program, at, "activations in host memory", help));
    } else if chosen.layout().recompute != Recompute::Full {
        let what = "activations in host memory beside layers that are not computed again";
        problems.push(cannot(program, at, what, "fix train.recompute = \"full\""));
    }
}

/// Megatron-Core's words for CUDA graphs, where the job chooses: who makes them, and of what.
pub(crate) fn graphs(chosen: &Chosen<'_>) -> Option<(&'static str, Vec<&'static str>)> {
    let stack = &chosen.scenario.recipe.stack;
    chosen.request.train.cuda_graphs.as_ref()?;
    Some(match (stack.graphs, stack.graphs_of_parts) {
        (true, _) => ("local", vec!["full_iteration"]),
        (_, true) if chosen.scenario.model.mixtures() > 0 => {
            ("transformer_engine", vec!["attn", "moe_router", "moe_preprocess"])
        }
        (_, true) => ("transformer_engine", vec!["attn"]),
        _ => ("none", Vec::new()),
    })
}

/// A module gets an adapter; `None`: all linear ones do.
pub(crate) fn adapted(targets: Option<&[String]>, name: &str) -> bool {
    targets.is_none_or(|targets| targets.iter().any(|target| target == name))
}

/// How much of the layers is computed again, in words.
pub(crate) fn recomputed(recompute: Recompute) -> &'static str {
    match recompute {
        Recompute::None => "no recomputation",
        Recompute::Selective => "recomputing cheap operators alone",
        Recompute::Layers(_) => "recomputing some of the layers",
        Recompute::Full => "recomputing every layer",
    }
}

/// Widths that split anything but the batch.
pub(crate) fn widths(layout: &Layout) -> [(&'static str, &'static str, u64); 4] {
    [
        ("layout.tp", "tensor parallelism", layout.tp),
        ("layout.pp", "pipeline parallelism", layout.pp),
        ("layout.cp", "context parallelism", layout.cp),
        ("layout.ep", "expert parallelism", layout.ep),
    ]
}

/// The stage of sharding as a number.
pub(crate) fn stage(zero: Zero) -> u64 {
    match zero {
        Zero::None => 0,
        Zero::One => 1,
        Zero::Two => 2,
        Zero::Three => 3,
    }
}

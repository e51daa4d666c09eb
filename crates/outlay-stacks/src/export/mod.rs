//! A plan to files that run: the config of a training program, and of a launcher that starts it on the machines of the plan.
//!
//! Each target is one file here. A program's file has the plan's layout, micro-batch, recomputation, formats and adapters; what
//! the program has no setting for is refused, with who has one, because a file that trains in another way would cost
//! something else than was forecast. What the plan does not decide stays the program's default. Beside them stands a
//! job file with everything pinned, which gives the same forecast again and holds what the foreign file cannot.
//!
//! Does not know: files; secrets (none is ever written).
//!
//! Reading order: [`fit_to`], [`export`], [`Target`], then one file a target.

mod again;
mod axolotl;
mod bridge;
mod cards;
mod chosen;
mod decoder;
mod deepspeed;
mod dstack;
mod hf;
mod jobset;
mod launch;
mod litgpt;
mod llama_factory;
mod maxtext;
mod megatron;
mod node;
mod ray;
mod script;
mod skypilot;
mod slurm;
mod torchtitan;
mod torchtune;
mod trainjob;
mod transformers;
mod trl;

use outlay::Problem;
use outlay::catalog::{Catalog, names};
use outlay::problem::Code;
use outlay::request::Request;
use outlay::response::{Plan, Response};
use serde_json::{Map, Value, json};

pub use again::held;
use chosen::Chosen;
use launch::Start;

/// A file to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name, `/` between folders.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// Files, and what their reader should know.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Exported {
    /// The files, the first being the one that was asked for first.
    pub files: Vec<File>,
    /// What has to be filled in before they run.
    pub open: Vec<String>,
    /// What is worth knowing.
    pub notes: Vec<String>,
    /// The command that starts them, where one does.
    pub command: Option<String>,
}

impl Exported {
    pub(crate) fn file(&mut self, name: &str, text: String) {
        self.files.push(File { name: name.into(), text });
    }

    pub(crate) fn open(&mut self, what: impl Into<String>) {
        let what = what.into();
        if !self.open.contains(&what) {
            self.open.push(what);
        }
    }
}

/// What a plan may be written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target(&'static Entry);

/// A row of the table of targets.
#[derive(Debug)]
struct Entry {
    name: &'static str,
    about: &'static str,
    /// Versions that are written, the newest first; what is written for a name alone.
    versions: &'static [&'static str],
    kind: Kind,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Entry {}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Program(Program),
    Launcher(Launcher),
}

/// A training program.
#[derive(Debug, Clone, Copy)]
struct Program {
    /// Its row in the stacks' table.
    stack: &'static str,
    /// Recomputation that it has settings for, as a job writes it.
    recompute: &'static [&'static str],
    /// It can keep activations in host memory, where every layer is computed again.
    parks: bool,
    write: Writer,
}

/// Writes what a program decides by itself into a job that leaves it open, and says so.
type Fit = fn(&mut Request, &mut Vec<String>);

/// Writes a program's files, for a version of it where one is named, and says how it is started.
type Writer = fn(&Chosen<'_>, Option<&str>, &mut Exported) -> Result<Start, Vec<Problem>>;

type Launcher = fn(&Chosen<'_>, &Start, &mut Exported) -> Result<(), Vec<Problem>>;

const ALL_OR_NONE: &[&str] = &["none", "full"];
const EIGHTHS: &[&str] = &["none", "selective", "1/8", "2/8", "3/8", "4/8", "5/8", "6/8", "7/8", "full"];

const fn program(name: &'static str, about: &'static str, versions: &'static [&'static str], of: Program) -> Entry {
    Entry { name, about, versions, kind: Kind::Program(of) }
}

const fn launcher(name: &'static str, about: &'static str, write: Launcher) -> Entry {
    Entry { name, about, versions: &[], kind: Kind::Launcher(write) }
}

static TARGETS: &[Entry] = &[
    program(
        "axolotl",
        "Axolotl's YAML",
        &["0.21", "0.19"],
        Program { stack: "axolotl", recompute: ALL_OR_NONE, parks: true, write: axolotl::write },
    ),
    program(
        "llama-factory",
        "LLaMA-Factory's YAML",
        &["0.9"],
        Program { stack: "llama-factory", recompute: ALL_OR_NONE, parks: false, write: llama_factory::write },
    ),
    program(
        "trl",
        "TRL's YAML for supervised fine-tuning",
        &["1"],
        Program { stack: "hf-transformers", recompute: ALL_OR_NONE, parks: true, write: trl::write },
    ),
    program(
        "transformers",
        "TrainingArguments as JSON, for a script of your own",
        &["5"],
        Program { stack: "hf-transformers", recompute: ALL_OR_NONE, parks: false, write: transformers::write },
    ),
    program(
        "deepspeed",
        "DeepSpeed's JSON, for a script of your own",
        &["0.19"],
        Program { stack: "deepspeed", recompute: ALL_OR_NONE, parks: false, write: deepspeed::write },
    ),
    program(
        "torchtune",
        "a torchtune recipe's YAML",
        &["0.6"],
        Program { stack: "torchtune", recompute: ALL_OR_NONE, parks: true, write: torchtune::write },
    ),
    program(
        "litgpt",
        "LitGPT's YAML",
        &["0.5"],
        Program { stack: "torchtune", recompute: ALL_OR_NONE, parks: false, write: litgpt::write },
    ),
    program(
        "torchtitan",
        "torchtitan's TOML, as releases up to 0.2 read it",
        &["0.2"],
        Program {
            stack: "torchtitan",
            recompute: &["none", "selective", "full"],
            parks: false,
            write: torchtitan::write,
        },
    ),
    program(
        "megatron-lm",
        "Megatron-LM's arguments, in a script",
        &["0.19"],
        Program { stack: "megatron-core", recompute: EIGHTHS, parks: false, write: megatron::write },
    ),
    program(
        "megatron-bridge",
        "NeMo's Megatron-Bridge: settings in YAML, and the script that trains with them",
        &["0.6"],
        Program { stack: "megatron-core", recompute: EIGHTHS, parks: false, write: bridge::write },
    ),
    program(
        "maxtext",
        "MaxText's YAML, for JAX on GPUs and TPUs",
        &["0.2"],
        Program { stack: "maxtext", recompute: &["none", "selective", "full"], parks: false, write: maxtext::write },
    ),
    launcher("skypilot", "a SkyPilot task", skypilot::write),
    launcher("dstack", "a dstack task", dstack::write),
    launcher("slurm", "a Slurm batch script", slurm::write),
    launcher("ray", "a driver for `ray job submit`", ray::write),
    launcher("jobset", "a Kubernetes JobSet", jobset::write),
    launcher("trainjob", "a Kubeflow TrainJob", trainjob::write),
    launcher("torchrun", "a script to run on each machine", script::write),
];

/// Programs that decide by themselves what others leave to the config.
static FITS: &[(&str, Fit)] = &[("litgpt", litgpt::fit), ("megatron-bridge", bridge::fit), ("maxtext", maxtext::fit)];

/// What people call a target too.
const ALSO: &[(&str, &str)] = &[("nemo", "megatron-bridge")];

impl Target {
    /// Every target.
    pub fn all() -> impl Iterator<Item = Self> {
        TARGETS.iter().map(Self)
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0.name
    }

    /// What it is, in a few words.
    #[must_use]
    pub const fn about(self) -> &'static str {
        self.0.about
    }

    /// It starts a training program, rather than being one.
    #[must_use]
    pub const fn is_launcher(self) -> bool {
        matches!(self.0.kind, Kind::Launcher(_))
    }
}

/// Targets with the versions that were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    program: Option<(Target, Option<String>)>,
    launcher: Option<Target>,
}

/// Reads `axolotl@0.21,skypilot`: at most one training program and one launcher.
///
/// # Errors
/// Names that are none, versions that are not written, two programs or two launchers.
pub fn targets(text: &str) -> Result<Wanted, Vec<Problem>> {
    let mut wanted = Wanted { program: None, launcher: None };
    let mut problems = Vec::new();
    for one in text.split(',').map(str::trim).filter(|one| !one.is_empty()) {
        let (name, version) = one.split_once('@').map_or((one, None), |(name, version)| (name, Some(version)));
        let key = names::key;
        let name = ALSO.iter().find(|(also, _)| key(also) == key(name)).map_or(name, |(_, name)| *name);
        let Some(entry) = TARGETS.iter().find(|entry| key(entry.name) == key(name)) else {
            let all: Vec<&str> = TARGETS.iter().map(|entry| entry.name).collect();
            let near = names::nearest(name, all.iter().copied());
            let fault = Problem::unknown_name("--to", "target", name, &near);
            problems.push(fault.help(format!("targets are {}", all.join(", "))));
            continue;
        };
        // 0.21.0 is written as 0.21 is.
        let known = |version: &str| {
            entry.versions.iter().any(|known| version == *known || version.starts_with(&format!("{known}.")))
        };
        if let Some(version) = version.filter(|version| !known(version)) {
            let fault = Problem::new(Code::UnknownName, "--to", format!("{} {version} is not written", entry.name));
            problems.push(match entry.versions {
                [] => fault.help("leave the version out"),
                versions => fault.help(format!("versions are {}", versions.join(", "))),
            });
            continue;
        }
        let double = match entry.kind {
            Kind::Program(_) => wanted.program.replace((Target(entry), version.map(str::to_owned))).is_some(),
            Kind::Launcher(_) => wanted.launcher.replace(Target(entry)).is_some(),
        };
        if double {
            let message = "one training program and one launcher are written at a time";
            problems.push(Problem::new(Code::Contradiction, "--to", message).help("export twice"));
        }
    }
    if wanted.program.is_none() && wanted.launcher.is_none() && problems.is_empty() {
        problems.push(Problem::new(Code::Missing, "--to", "what the plan is written for"));
    }
    if wanted.program.is_none() && problems.is_empty() {
        let fault = Problem::new(Code::Missing, "--to", "a launcher starts a training program, and none is named");
        problems.push(fault.help("name both, as --to trl,skypilot"));
    }
    if problems.is_empty() { Ok(wanted) } else { Err(problems) }
}

/// The job as this target's program would train it, so that the search chooses among what can be written down; and what was
/// changed, in words.
#[must_use]
pub fn fit_to(request: &Request, wanted: &Wanted) -> (Request, Vec<String>) {
    let mut request = request.clone();
    let mut notes = Vec::new();
    let Some((Target(Entry { name, kind: Kind::Program(program), .. }), _)) = &wanted.program else {
        return (request, notes);
    };
    match &request.train.stack {
        Some(stack) if names::key(stack) != names::key(program.stack) => {
            notes.push(format!("planned for {} instead of {stack}, because that is exported", program.stack));
        }
        _ => {}
    }
    request.train.stack = Some(program.stack.into());
    if let Some((_, fit)) = FITS.iter().find(|(of, _)| of == name) {
        fit(&mut request, &mut notes);
    }
    let open = request.train.recompute.as_deref().is_none_or(|how| how.trim().eq_ignore_ascii_case("auto"));
    if open && !varies(&request, "train.recompute") && !program.recompute.contains(&"1/8") {
        let mut vary = vec![json!({ "train.recompute": program.recompute })];
        match request.vary.take() {
            Some(Value::Array(more)) => vary.extend(more),
            Some(one) => vary.push(one),
            None => {}
        }
        request.vary = Some(Value::from(vary));
        let among = program.recompute.join(" and ");
        notes.push(format!("{name} computes again as a whole: the plan chooses between {among}"));
    }
    (request, notes)
}

/// The job leaves this key to the search.
fn varies(request: &Request, key: &str) -> bool {
    fn within(value: &Value, key: &str) -> bool {
        let at = |map: &Map<String, Value>| {
            map.contains_key(key)
                || key
                    .split_once('.')
                    .is_some_and(|(head, rest)| map.get(head).is_some_and(|inner| within(inner, rest)))
        };
        match value {
            Value::Object(map) => at(map),
            Value::Array(list) => list.iter().any(|one| within(one, key)),
            _ => false,
        }
    }
    request.vary.as_ref().is_some_and(|vary| within(vary, key))
}

/// Writes a plan of the answer to `request` for these targets.
///
/// # Errors
/// Everything about the plan that the program or the launcher has no setting for.
pub fn export(
    request: &Request,
    response: &Response,
    plan: &Plan,
    wanted: &Wanted,
    catalog: &Catalog,
) -> Result<Exported, Vec<Problem>> {
    let pinned = outlay::pinned(request, response, plan)?;
    let chosen = Chosen::new(&pinned, response, plan, catalog)?;
    let mut exported = Exported::default();
    let Some((Target(Entry { name, kind: Kind::Program(program), .. }), version)) = &wanted.program else {
        return Err(vec![Problem::new(Code::Missing, "--to", "no training program is named")]);
    };
    let mut problems = Vec::new();
    chosen::parked(&chosen, name, program.parks, &mut problems);
    // Megatron-Core's programs refuse for themselves.
    if program.stack != "megatron-core" {
        chosen::usual_gradients(&chosen, name, &mut problems);
        chosen::usual_graphs(&chosen, name, &mut problems);
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut start = (program.write)(&chosen, version.as_deref(), &mut exported)?;
    // A setting of CUDA, of whatever program.
    if chosen.scenario.recipe.stack.launch_blocking {
        start.env.push(("CUDA_LAUNCH_BLOCKING", "1".into()));
    }
    again::check(&chosen, name, &exported, catalog)?;
    if chosen.model.is_open() {
        exported
            .open(format!("the model: an id of the hub or a folder with weights in place of {}", chosen.model.text()));
    }
    exported.command = Some(start.by_hand(&chosen));
    if let Some(Target(Entry { kind: Kind::Launcher(write), .. })) = wanted.launcher {
        write(&chosen, &start, &mut exported)?;
    }
    let mut job = head(&chosen, "the job of this plan: `outlay estimate` gives its forecast again", &[]);
    job.push_str(&outlay::to_toml(&pinned));
    exported.file("outlay.toml", job);
    Ok(exported)
}

/// The first lines of a file, as comments behind `#`.
fn head(chosen: &Chosen<'_>, what: &str, open: &[String]) -> String {
    let mut lines = vec![format!("{what}; written by outlay {}", env!("CARGO_PKG_VERSION"))];
    lines.extend(chosen.expected());
    lines.extend(open.iter().map(|open| format!("to fill in: {open}")));
    lines.iter().map(|line| format!("# {line}\n")).collect()
}

//! Configs of training stacks to [`outlay::request::Request`]: the file a user already has, read in its own words.
//!
//! Each stack is one file here and says of every key whether it moves the cost, is known not to, or is unknown; what is
//! unknown is listed, never dropped in silence. Defaults are the stack's own. What such a file cannot say (how many
//! accelerators, how much data) is left open for flags.
//!
//! Does not know: files and flags; secrets (a value is only ever repeated where it is a number, a switch or a name that is
//! mapped).
//!
//! Reading order: [`import`], [`Imported`], then one file a stack.

mod axolotl;
mod command;
mod common;
mod defaults;
pub mod export;
mod fields;
mod gpt_neox;
mod hf;
mod interpolate;
mod litgpt;
mod llama_factory;
mod llm_foundry;
mod maxtext;
mod megatron;
mod models;
mod nanotron;
mod nemo;
mod objective;
mod open_instruct;
mod parse;
mod second;
mod sharding;
mod shell;
mod swift;
mod torchtitan;
mod torchtune;
mod trl;

use outlay::Problem;
use outlay::problem::Code;
use outlay::request::Request;
use serde_json::{Map, Value};

use fields::Fields;

/// What a config does not hold itself: how it is launched, and files that it names.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    /// Accelerators it runs on, one process each.
    pub accelerators: Option<u64>,
    /// The text of a file that the config names, as it names it; `None` if there is none.
    pub file: &'a dyn Fn(&str) -> Option<String>,
}

impl Default for Around<'_> {
    fn default() -> Self {
        Self { accelerators: None, file: &|_| None }
    }
}

/// A stack whose configs are read.
struct Reader {
    /// The program; by its name in the stacks' table, unless the reader names another whose figures stand in for it.
    program: &'static str,
    /// As people write it.
    name: &'static str,
    /// By keys that no stack further down has.
    recognises: fn(&Map<String, Value>) -> bool,
    read: fn(&mut Fields<'_>),
}

/// Every stack that is read, those with the most telling keys first.
const READERS: &[Reader] = &[
    Reader { program: "axolotl", name: "Axolotl", recognises: axolotl::recognises, read: axolotl::read },
    Reader {
        program: "llama-factory",
        name: "LLaMA-Factory",
        recognises: llama_factory::recognises,
        read: llama_factory::read,
    },
    Reader {
        program: "llama-factory",
        name: "LLaMA-Factory v1",
        recognises: llama_factory::recognises_v1,
        read: llama_factory::read_v1,
    },
    Reader { program: "hf-transformers", name: "ms-swift", recognises: swift::recognises, read: swift::read },
    Reader {
        program: "hf-transformers",
        name: "open-instruct",
        recognises: open_instruct::recognises,
        read: open_instruct::read,
    },
    Reader { program: "torchtune", name: "torchtune", recognises: torchtune::recognises, read: torchtune::read },
    Reader { program: "torchtitan", name: "torchtitan", recognises: torchtitan::recognises, read: torchtitan::read },
    Reader { program: "litgpt", name: "LitGPT", recognises: litgpt::recognises, read: litgpt::read },
    Reader { program: "megatron-lm", name: "Megatron-LM", recognises: megatron::recognises, read: megatron::read },
    Reader {
        program: "llm-foundry",
        name: "llm-foundry",
        recognises: llm_foundry::recognises,
        read: llm_foundry::read,
    },
    Reader { program: "nanotron", name: "nanotron", recognises: nanotron::recognises, read: nanotron::read },
    Reader { program: "maxtext", name: "MaxText", recognises: maxtext::recognises, read: maxtext::read },
    Reader { program: "nemo", name: "NeMo", recognises: nemo::recognises, read: nemo::read },
    Reader { program: "gpt-neox", name: "GPT-NeoX", recognises: gpt_neox::recognises, read: gpt_neox::read },
    Reader { program: "hf-transformers", name: "TRL", recognises: trl::recognises, read: trl::read },
];

/// A config as a job.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The stack; `request.train.stack` names the row of the stacks' table that stands for it.
    pub stack: &'static str,
    /// The program whose config it is, as people write it.
    pub name: &'static str,
    /// What the config says.
    pub request: Request,
    /// What was read and how, key by key.
    pub mapped: Vec<Mapped>,
    /// Keys that are known and do not move the cost.
    pub idle: Vec<String>,
    /// Keys that nobody knows.
    pub unknown: Vec<String>,
    /// Keys that the program itself does not know and leaves out without a word: they have no effect.
    pub dropped: Vec<String>,
    /// What such a config cannot say, and who can: also among the warnings.
    pub open: Vec<String>,
    /// What the reader should know: what is unknown, not counted, or left open.
    pub warnings: Vec<String>,
}

/// A key of a config and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapped {
    /// The config's key.
    pub from: String,
    /// The job's key with its value.
    pub to: String,
}

/// Reads a config of any stack that is known; `name` is the file's, whose ending tells TOML and scripts from YAML.
///
/// # Errors
/// Text that is none of these, a config of no stack that is known, a value of a wrong type.
pub fn import(name: &str, text: &str, around: &Around<'_>) -> Result<Imported, Vec<Problem>> {
    import_with(name, text, around, &Beside::default())
}

/// What stands beside a config.
#[derive(Clone, Copy, Default)]
pub struct Beside<'a> {
    /// Second files: a launcher's, DeepSpeed's or PEFT's config, each by name and text.
    pub with: &'a [(String, String)],
    /// The program's version whose defaults hold, as `trl@0.16` or `0.16`; the newest that is known without.
    pub version: Option<&'a str>,
    /// Whether a data file of this name is there.
    pub there: Option<&'a dyn Fn(&str) -> bool>,
}

/// As [`import`], with second files and a version of the program.
///
/// # Errors
/// As [`import`], and second files that are none of those known.
pub fn import_with(name: &str, text: &str, around: &Around<'_>, beside: &Beside<'_>) -> Result<Imported, Vec<Problem>> {
    let (config, stack, warnings) = read(name, text, around)?;
    let Some(reader) = reader(&config, stack) else {
        return Err(vec![nobody_s(&config)]);
    };
    let mut fields = Fields::new(config, around);
    for warning in warnings {
        fields.warn(warning);
    }
    fields.there = beside.there;
    fields.version = version(beside.version, reader.name)?;
    for (name, text) in beside.with {
        second::put(&mut fields, name, text, around)?;
    }
    (reader.read)(&mut fields);
    let mut imported = fields.done(reader.program)?;
    imported.name = reader.name;
    replicated(&mut imported);
    Ok(imported)
}

/// A quantised base stands whole on every rank under ZeRO-1 and 2, which shard what little belongs to the adapters: as good as unsharded.
fn replicated(imported: &mut Imported) {
    let request = &mut imported.request;
    let quantised = request.method.kind.as_deref() == Some("qlora")
        || matches!(request.method.base_dtype.as_deref(), Some("nf4" | "int8"));
    if quantised && matches!(request.layout.zero.as_deref(), Some("zero1" | "zero2")) {
        request.layout.zero = Some("none".into());
        let said = "ZeRO-1 and 2 shard the state of the adapters alone, the quantised base is whole on every rank: taken as unsharded";
        imported.warnings.push(said.into());
    }
}

/// The stack whose config a text is, as people write it; `None`: no stack is recognised in it.
#[must_use]
pub fn recognise(name: &str, text: &str) -> Option<&'static str> {
    let (config, stack, _) = read(name, text, &Around::default()).ok()?;
    reader(&config, stack).map(|reader| reader.name)
}

type Read = (Map<String, Value>, Option<&'static str>, Vec<String>);

/// The keys of a config or a command line, and the stack where a command calls it by name.
fn read(name: &str, text: &str, around: &Around<'_>) -> Result<Read, Vec<Problem>> {
    if parse::may_be_a_script(name, text)
        && let Some(spoken) = command::read(text, around)
    {
        return Ok((spoken.config, spoken.stack, spoken.warnings));
    }
    let warnings = parse::repeated(text).into_iter().collect();
    Ok((parse::read(name, text)?, None, warnings))
}

fn reader(config: &Map<String, Value>, stack: Option<&'static str>) -> Option<&'static Reader> {
    let called = READERS.iter().find(|reader| Some(reader.name) == stack);
    called.or_else(|| READERS.iter().find(|reader| (reader.recognises)(config)))
}

/// Nobody's config: perhaps one that goes with another.
fn nobody_s(config: &Map<String, Value>) -> Problem {
    if let Some(kind) = second::kind(config) {
        let fault = Problem::new(
            Code::NotTraining,
            "the config",
            format!("this is {}, which goes with a training config", kind.text()),
        );
        return fault.help("name the training config, and this file with --with FILE");
    }
    let fault = Problem::new(Code::UnknownName, "the config", "no training stack is recognised in it");
    let mut known: Vec<&str> = READERS.iter().map(|reader| reader.name).collect();
    known.dedup();
    fault.help(format!("known are {}; a job of outlay's own is a TOML file", known.join(", ")))
}

/// The version of `STACK@VERSION`, where the stack is this one.
fn version(wanted: Option<&str>, name: &str) -> Result<Option<String>, Vec<Problem>> {
    let Some(wanted) = wanted else { return Ok(None) };
    let (stack, version) = wanted.split_once('@').map_or((None, wanted), |(stack, version)| (Some(stack), version));
    let plain = |text: &str| text.to_ascii_lowercase().replace(['-', '_', ' '], "");
    let transformers = ["transformers", "hf", "alignmenthandbook"];
    let same =
        |stack: &str| plain(stack) == plain(name) || name == "TRL" && transformers.contains(&plain(stack).as_str());
    if let Some(stack) = stack.filter(|stack| !same(stack)) {
        let fault = Problem::new(Code::Contradiction, "--for", format!("the config is one of {name}, not of {stack}"));
        return Err(vec![fault.help("leave --for out, or name the program whose config it is")]);
    }
    if version.split('.').next().is_none_or(|part| part.parse::<u64>().is_err()) {
        let fault = Problem::new(Code::WrongType, "--for", format!("no version `{version}`"));
        return Err(vec![fault.help("as in --for trl@0.16")]);
    }
    Ok(Some(version.to_owned()))
}

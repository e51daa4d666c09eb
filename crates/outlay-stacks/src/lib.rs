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
pub mod export;
mod fields;
mod hf;
mod llama_factory;
mod parse;
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
    /// The program, by its name in the stacks' table.
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
    Reader { program: "hf-transformers", name: "TRL", recognises: trl::recognises, read: trl::read },
];

/// A config as a job.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The stack, by its name in the stacks' table.
    pub stack: &'static str,
    /// What the config says.
    pub request: Request,
    /// What was read and how, key by key.
    pub mapped: Vec<Mapped>,
    /// Keys that nobody knows.
    pub unknown: Vec<String>,
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
    let config = parse::read(name, text)?;
    let Some(reader) = READERS.iter().find(|reader| (reader.recognises)(&config)) else {
        let fault = Problem::new(Code::UnknownName, "the config", "no training stack is recognised in it");
        let known: Vec<&str> = READERS.iter().map(|reader| reader.name).collect();
        return Err(vec![fault.help(format!("known are {}; a job of outlay's own is a TOML file", known.join(", ")))]);
    };
    let mut fields = Fields::new(config, around);
    (reader.read)(&mut fields);
    fields.done(reader.program)
}

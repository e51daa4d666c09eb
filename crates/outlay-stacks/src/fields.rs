//! A config while it is read: which keys were used, what they became, what is left over.
//!
//! Keys are dotted paths (`training.seq_len`). Whatever was neither asked for nor stands in a stack's list of keys that do
//! not move the cost is unknown, and is told; a key that stands for a section covers all that is in it.
//!
//! Does not know: any stack.

use std::collections::BTreeSet;

use outlay::Problem;
use outlay::catalog::names::nearest;
use outlay::problem::Code;
use outlay::request::Request;
use serde_json::{Map, Value};

use crate::{Around, Imported, Mapped, defaults};

/// A config while it is read.
pub(crate) struct Fields<'a> {
    config: Map<String, Value>,
    used: BTreeSet<String>,
    known: BTreeSet<&'static str>,
    pub(crate) around: &'a Around<'a>,
    /// Processes, one for each accelerator: as handed in, or as the config says.
    pub(crate) accelerators: Option<u64>,
    pub(crate) request: Request,
    mapped: Vec<Mapped>,
    warnings: Vec<String>,
    problems: Vec<Problem>,
    /// What only flags or further files can say.
    open: Vec<String>,
    /// Values of the program's version where the config has none.
    defaults: Option<&'static Map<String, Value>>,
    /// Version of the program, where somebody named one.
    pub(crate) version: Option<String>,
    /// Whether a file of this name is there.
    pub(crate) there: Option<&'a dyn Fn(&str) -> bool>,
    /// Devices that share one batch (tensor and context parallel).
    pub(crate) sharing: u64,
    /// Sequences that one sample makes: two for a pair of answers.
    pub(crate) per_sample: u64,
    /// The program and its newest version whose keys are all known, where it leaves out other keys without a word.
    drops: Option<&'static str>,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(config: Map<String, Value>, around: &'a Around<'a>) -> Self {
        Self {
            open: Vec::new(),
            defaults: None,
            version: None,
            there: None,
            sharing: 1,
            per_sample: 1,
            drops: None,
            config,
            used: BTreeSet::new(),
            known: BTreeSet::new(),
            around,
            accelerators: around.accelerators,
            request: Request::default(),
            mapped: Vec::new(),
            warnings: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// Keys that the stack knows and that do not move the cost: a line each, `name.*` and `name*` for all that begin so.
    pub(crate) fn knows(&mut self, list: &'static str) {
        self.known.extend(list.lines().filter(|line| !line.starts_with('#') && !line.is_empty()));
    }

    /// The program leaves out keys it does not know, and the list has all that it does know, up to this version of it.
    pub(crate) fn drops_unknown(&mut self, program: &'static str) {
        self.drops = Some(program);
    }

    /// The config itself, to bring its keys into the form a reader asks for.
    pub(crate) fn config(&mut self) -> &mut Map<String, Value> {
        &mut self.config
    }

    /// A fault of the config.
    pub(crate) fn fault(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// The first of these keys that has a value, `null` and empty text aside.
    pub(crate) fn get(&mut self, keys: &[&'static str]) -> Option<(&'static str, Value)> {
        let mut found = None;
        for key in keys {
            let Some(value) = at(&self.config, key) else { continue };
            self.used.insert((*key).to_owned());
            let empty = value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty());
            if !empty && found.is_none() {
                found = Some((*key, value.clone()));
            }
        }
        found
    }

    /// A number, which may be written as text.
    pub(crate) fn number(&mut self, keys: &[&'static str]) -> Option<f64> {
        let (key, value) = self.get(keys)?;
        let number =
            value.as_f64().or_else(|| value.as_str().and_then(|text| text.trim().replace('_', "").parse().ok()));
        if number.is_none_or(|number| !number.is_finite()) {
            // "auto" leaves the choice to the program, a reference that could not be followed to whoever runs it.
            if value.as_str().is_some_and(|text| text.contains('$') || text == "???") {
                self.warnings.push(format!("{key} is not said here: it depends on what stands elsewhere"));
            } else if value.as_str() != Some("auto") {
                self.problems.push(Problem::new(Code::WrongType, key, "a number is expected"));
            }
            return None;
        }
        number
    }

    /// A whole number from 0 up.
    pub(crate) fn count(&mut self, keys: &[&'static str]) -> Option<u64> {
        let number = self.number(keys)?;
        if number < 0.0 || number.fract() != 0.0 || number > 1e15 {
            // A negative count means none in most stacks.
            if number >= 0.0 {
                let message = "a whole number is expected";
                self.problems.push(Problem::new(Code::WrongType, keys[0], message));
            }
            return None;
        }
        Some(number as u64)
    }

    /// A switch, which may be written as text; `auto` is none.
    pub(crate) fn switch(&mut self, keys: &[&'static str]) -> Option<bool> {
        let (_, value) = self.get(keys)?;
        match &value {
            Value::Bool(on) => Some(*on),
            Value::Number(number) => number.as_f64().map(|number| number != 0.0),
            Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => Some(true),
                "false" | "no" | "off" | "0" | "none" => Some(false),
                _ => None,
            },
            // A table of settings switches on what it sets.
            Value::Object(_) => Some(true),
            _ => None,
        }
    }

    /// A name.
    pub(crate) fn text(&mut self, keys: &[&'static str]) -> Option<String> {
        let (_, value) = self.get(keys)?;
        value.as_str().map(|text| text.trim().to_owned())
    }

    /// Names, one or several, or separated by commas.
    pub(crate) fn names(&mut self, keys: &[&'static str]) -> Vec<String> {
        match self.get(keys) {
            Some((_, Value::Array(list))) => list.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect(),
            Some((_, Value::String(text))) => {
                text.split(',').map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect()
            }
            _ => Vec::new(),
        }
    }

    /// From here on, defaults are those of this program.
    pub(crate) fn program(&mut self, program: &str) {
        self.defaults = defaults::of(program, self.version.as_deref());
    }

    /// What the program takes for a key that is not written.
    pub(crate) fn default(&self, key: &str) -> Option<&'static Value> {
        self.defaults?.get(key)
    }

    /// A whole number, or the program's own.
    pub(crate) fn count_or(&mut self, keys: &[&'static str]) -> Option<u64> {
        self.count(keys).or_else(|| self.default(keys[0]).and_then(Value::as_u64))
    }

    /// A number, or the program's own.
    pub(crate) fn number_or(&mut self, keys: &[&'static str]) -> Option<f64> {
        self.number(keys).or_else(|| self.default(keys[0]).and_then(Value::as_f64))
    }

    /// A switch, or the program's own.
    pub(crate) fn switch_or(&mut self, keys: &[&'static str]) -> bool {
        self.switch(keys).or_else(|| self.default(keys[0]).and_then(Value::as_bool)).unwrap_or(false)
    }

    /// Whether the config has a key with a value; asking is not using.
    pub(crate) fn has(&self, key: &str) -> bool {
        at(&self.config, key).is_some_and(|value| !value.is_null() && value.as_str() != Some(""))
    }

    /// Whether a key is set to nothing, against what it would be otherwise; asking is using.
    pub(crate) fn is_nothing(&mut self, key: &'static str) -> bool {
        let nothing = at(&self.config, key).is_some_and(Value::is_null);
        if nothing {
            self.used.insert(key.to_owned());
        }
        nothing
    }

    /// Puts a value where the config has none: what a second file says.
    pub(crate) fn put(&mut self, key: &str, value: Value) {
        self.config.insert(key.to_owned(), value);
    }

    /// What the config cannot say, and who can.
    pub(crate) fn open(&mut self, what: impl Into<String>) {
        self.open.push(what.into());
    }

    /// There is no answer for such a config.
    pub(crate) fn refuse(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Notes what a key became.
    pub(crate) fn became(&mut self, from: &str, to: impl Into<String>) {
        self.mapped.push(Mapped { from: from.to_owned(), to: to.into() });
    }

    pub(crate) fn warn(&mut self, warning: impl Into<String>) {
        self.warnings.push(warning.into());
    }

    /// What every stack's batch comes to: samples of a device, accumulation, devices.
    pub(crate) fn batch(&mut self, each: u64, accumulation: u64, keys: &str) {
        let micro = each.saturating_mul(self.per_sample);
        self.request.layout.micro_batch = Some(micro);
        self.became(keys, format!("layout.micro_batch = {micro}, accumulated {accumulation} times"));
        let replicas = (self.accelerators.unwrap_or(self.sharing) / self.sharing.max(1)).max(1);
        let global = micro.saturating_mul(accumulation).saturating_mul(replicas);
        self.request.train.global_batch = Some(global);
        self.devices();
    }

    /// The number of accelerators, or that nobody said it.
    pub(crate) fn devices(&mut self) {
        if let Some(devices) = self.accelerators {
            self.request.hardware.gpus = Some(devices);
            self.became("(processes)", format!("hardware.gpus = {devices}"));
        } else {
            self.open(
                "hardware.gpus: such a config does not say on how many accelerators it runs, so the batch is that of one \
                 replica; give --gpus N, or the launcher's config with --with FILE",
            );
        }
    }

    /// The length of the run: passes, or steps where they are given and above zero.
    pub(crate) fn length(&mut self, epochs: Option<f64>, steps: Option<u64>) {
        if let Some(steps) = steps.filter(|steps| *steps > 0) {
            self.request.data.steps = Some(steps);
            self.became("max_steps", format!("data.steps = {steps}"));
            return;
        }
        if let Some(epochs) = epochs {
            self.request.data.epochs = Some(epochs);
            self.became("epochs", format!("data.epochs = {epochs}"));
        }
        let data = &self.request.data;
        if data.tokens.is_none() && data.samples.is_none() && data.path.is_none() {
            self.open(
                "data.tokens: such a config does not say how much data it has; give --tokens or --samples, or count it \
                 with `outlay data scan`",
            );
        }
    }

    /// The result, or all faults at once.
    pub(crate) fn done(self, stack: &'static str) -> Result<Imported, Vec<Problem>> {
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        let Self { config, used, known, mut request, mapped, mut warnings, open, drops, .. } = self;
        request.train.stack.get_or_insert_with(|| stack.to_owned());
        let (mut unknown, mut idle) = (Vec::new(), Vec::new());
        left_over(
            &config,
            "",
            &|key| used.contains(key) || covers(&known, key),
            &|key| inside(&used, &known, key),
            &mut unknown,
        );
        left_over(
            &config,
            "",
            &|key| used.contains(key) || !covers(&known, key) && !inside(&used, &known, key),
            &|key| inside(&used, &known, key),
            &mut idle,
        );
        let mut dropped = Vec::new();
        if let Some(program) = drops {
            dropped = std::mem::take(&mut unknown);
            warnings.extend(dropped.iter().map(|key| without_effect(key, program, &known)));
        }
        if !unknown.is_empty() {
            warnings.push(format!("unknown keys, not counted: {}", unknown.join(", ")));
        }
        warnings.extend(open.iter().cloned());
        Ok(Imported { stack, name: stack, request, mapped, idle, unknown, dropped, open, warnings })
    }
}

/// A key that its program leaves out does nothing there, so the forecast without it is the right one.
fn without_effect(key: &str, program: &str, known: &BTreeSet<&'static str>) -> String {
    let alike = |name: &&str| !name.ends_with('*') && name.len().abs_diff(key.len()) <= 2;
    let near = nearest(key, known.iter().copied().filter(alike));
    let near = near.first().map_or_else(String::new, |near| format!("; near is {near}"));
    format!("{key} is no key of {program}, which leaves it out without a word: it has no effect{near}")
}

/// The value at a dotted path.
fn at<'v>(config: &'v Map<String, Value>, path: &str) -> Option<&'v Value> {
    // A key may have dots of its own.
    if let Some(value) = config.get(path) {
        return Some(value);
    }
    let (head, rest) = path.split_once('.')?;
    at(config.get(head)?.as_object()?, rest)
}

/// The key stands in the list, by name or by how it begins.
fn covers(known: &BTreeSet<&'static str>, key: &str) -> bool {
    known.contains(key)
        || known.contains(format!("{key}.*").as_str())
        || key.char_indices().any(|(end, c)| known.contains(format!("{}*", &key[..end + c.len_utf8()]).as_str()))
}

/// Some of the section was asked for, or is listed, so that the rest of it has to be looked at.
fn inside(used: &BTreeSet<String>, known: &BTreeSet<&'static str>, key: &str) -> bool {
    let section = format!("{key}.");
    used.iter().any(|used| used.starts_with(&section)) || known.iter().any(|known| known.starts_with(&section))
}

/// Paths that nobody knows: of a section nobody knows anything about, the section alone.
fn left_over(
    config: &Map<String, Value>,
    before: &str,
    known: &dyn Fn(&str) -> bool,
    inside: &dyn Fn(&str) -> bool,
    unknown: &mut Vec<String>,
) {
    for (key, value) in config {
        let path = if before.is_empty() { key.clone() } else { format!("{before}.{key}") };
        if known(&path) {
            continue;
        }
        match value {
            Value::Object(section) if inside(&path) => left_over(section, &path, known, inside, unknown),
            _ => unknown.push(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_left_over_is_told_by_its_path() {
        let around = Around::default();
        let Value::Object(config) = json!({
            "training": { "seq_len": 2048, "colour": "red", "log": 1 }, "wandb_run": "x", "model": { "name": "y" },
            "other": { "deep": 1 }, "steps": "5"
        }) else {
            unreachable!()
        };
        let mut fields = Fields::new(config, &around);
        fields.knows("training.log\nwandb_*\nmodel");
        assert_eq!((fields.count(&["training.seq_len"]), fields.count(&["max_steps", "steps"])), (Some(2048), Some(5)));
        assert_eq!(fields.done("axolotl").unwrap().unknown, ["other", "training.colour"]);
    }
}

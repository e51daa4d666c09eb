//! A job as the command line gives it: a file, flags, or both, made into one request.
//!
//! Flags win over the file, key by key. The model's name is looked up here as far as files and the network go: a preset
//! stays a name, a path or hub id becomes the text of a `config.json`.
//!
//! Does not know: defaults, what is possible.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command};
use outlay::catalog::Catalog;
use outlay::request::Request;
use serde_json::Value;

use crate::context::Context;
use crate::facts::{self, Facts, Source};
use crate::failure::{Failure, Fault};
use crate::files::{self, CONFIG_MAX, JOB_MAX, SCAN_MAX};
use crate::flags::{self, Flag};
use crate::hub;

/// Title of what only another program's config needs.
const CONFIGS: &str = "Config of a training program";

/// File and flags of a job.
#[derive(Debug, Clone)]
pub(crate) struct JobArgs {
    file: Option<PathBuf>,
    flags: Vec<(&'static Flag, Value)>,
    /// Files that go with a training program's config.
    with: Vec<PathBuf>,
    /// Its version.
    version: Option<String>,
    source: Source,
}

impl clap::FromArgMatches for JobArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self {
            file: matches.get_one::<PathBuf>("job").cloned(),
            flags: flags::given(matches),
            with: matches.get_many::<PathBuf>("with").into_iter().flatten().cloned().collect(),
            version: matches.get_one::<String>("for").cloned(),
            source: Source::from_arg_matches(matches)?,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl clap::Args for JobArgs {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new("job")
            .value_name("JOB")
            .value_parser(clap::value_parser!(PathBuf))
            .help("Job file (TOML; - for stdin) or a training program's config; flags go over what it says");
        let with = Arg::new("with")
            .long("with")
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .action(clap::ArgAction::Append)
            .help_heading(CONFIGS)
            .help(
                "A file that goes with the config: Accelerate's, DeepSpeed's, PEFT's, or the script that launches it",
            );
        let version = Arg::new("for")
            .long("for")
            .value_name("STACK@VERSION")
            .help_heading(CONFIGS)
            .hide_short_help(true)
            .help("The program's version whose defaults hold, as trl@0.16; the newest known if left out");
        Source::augment_args(flags::augment(command.arg(file)).arg(with).arg(version))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl JobArgs {
    /// The request, with the model's `config.json` in it where the model is not a preset.
    pub(crate) fn request(&self, catalog: &Catalog, context: &Context) -> Result<Request, Failure> {
        let mut request = match &self.file {
            Some(path) => self.written(path)?,
            None => Request::default(),
        };
        if !self.flags.is_empty() {
            request = over(&request, self.flags.iter().map(|(flag, value)| (flag.key, value)))?;
        }
        self.settle(&mut request);
        look_up(&mut request, self.folder(), catalog, context).map_err(|fault| self.in_words(fault))?;
        Ok(request)
    }

    /// What a config left open is closed where a flag says it, or a flag that says it in another way.
    fn settle(&self, request: &mut Request) {
        let given = |key: &str| self.flags.iter().any(|(flag, _)| flag.key == key);
        let length = ["data.tokens", "data.samples", "data.path", "data.scan", "data.steps", "train.target_loss"]
            .into_iter()
            .any(given);
        request.remarks.retain(|remark| {
            let key = remark.split(": ").next().unwrap_or_default();
            !(given(key) || key == "data.tokens" && length)
        });
        if request.data.steps.is_some() && request.data.epochs.is_some() {
            if given("data.steps") {
                request.data.epochs = None;
            } else if given("data.epochs") {
                request.data.steps = None;
            }
        }
        if given("data.tokens") && !given("data.samples") {
            request.data.samples = None;
        } else if given("data.samples") && !given("data.tokens") {
            request.data.tokens = None;
        }
    }

    /// A file's job: ours, or what a training program's config comes to.
    fn written(&self, path: &Path) -> Result<Request, Failure> {
        let text = files::read(path, JOB_MAX)?;
        match outlay::parse(&text) {
            Ok(_) if !self.with.is_empty() || self.version.is_some() => {
                let fault = Fault::new("contradiction", "--with and --for go with a training program's config", path.display().to_string());
                Err(fault.help("this is a job of outlay's own: leave them out").into())
            }
            Ok(request) => Ok(request),
            Err(problems) if self.is_foreign(path, &text) => self.import(path, &text).map(told).map_err(|theirs| {
                // What is no config either may well be a job with a fault.
                let nobody_s = matches!(&theirs, Failure::Faults(faults) if faults.iter().any(|fault| fault.code == "unknown-name"));
                let toml = path.extension().is_some_and(|extension| extension == "toml");
                if nobody_s && toml { self.faults(problems) } else { theirs }
            }),
            Err(problems) => Err(self.faults(problems)),
        }
    }

    /// A text that is no job of ours is a training program's config: by what stands in it, or by its name.
    fn is_foreign(&self, path: &Path, text: &str) -> bool {
        let ends = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        ["yml", "yaml", "sh", "json"].contains(&ends)
            || outlay_stacks::recognise(&path.display().to_string(), text).is_some()
    }

    /// The config that was named, read; flags are not laid over it.
    pub(crate) fn imported(&self) -> Result<outlay_stacks::Imported, Failure> {
        let Some(path) = &self.file else {
            let fault = Fault::new("missing", "no config is named", "outlay import FILE");
            return Err(fault.help("name the config of a training program, as outlay import train.yaml").into());
        };
        let text = files::read(path, JOB_MAX)?;
        if outlay::parse(&text).is_ok() && outlay_stacks::recognise(&path.display().to_string(), &text).is_none() {
            let fault =
                Fault::new("contradiction", "this is a job of outlay's own already", path.display().to_string());
            return Err(fault.help("give it to outlay plan as it is").into());
        }
        self.import(path, &text)
    }

    fn import(&self, path: &Path, text: &str) -> Result<outlay_stacks::Imported, Failure> {
        let with: Result<Vec<(String, String)>, Fault> =
            self.with.iter().map(|path| Ok((path.display().to_string(), files::read(path, JOB_MAX)?))).collect();
        let with = with?;
        let gpus =
            self.flags.iter().find(|(flag, _)| flag.key == "hardware.gpus").and_then(|(_, value)| value.as_u64());
        let around = outlay_stacks::Around { accelerators: gpus, file: &|name| files::named(name, path) };
        let there = |name: &str| files::beside(name, self.folder()).is_file();
        let beside = outlay_stacks::Beside { with: &with, version: self.version.as_deref(), there: Some(&there) };
        outlay_stacks::import_with(&path.display().to_string(), text, &around, &beside)
            .map_err(|problems| self.faults(problems))
    }

    /// Flags laid over what a config says.
    pub(crate) fn with_flags(&self, request: Request) -> Result<Request, Failure> {
        let mut request = if self.flags.is_empty() {
            request
        } else {
            over(&request, self.flags.iter().map(|(flag, value)| (flag.key, value)))?
        };
        self.settle(&mut request);
        Ok(request)
    }

    /// The job without its flags.
    pub(crate) fn file_alone(&self) -> Self {
        Self { flags: Vec::new(), ..self.clone() }
    }

    /// Another file under the same flags.
    pub(crate) fn with_file(&self, file: PathBuf) -> Self {
        Self { file: Some(file), ..self.clone() }
    }

    /// What the answer is made from: the prices named, found or locked.
    pub(crate) fn facts(&self, context: &Context) -> Result<Facts, Failure> {
        facts::of(&self.source, self.file(), context)
    }

    /// Where its prices come from.
    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    /// The file that was named.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// A file was named.
    pub(crate) fn has_file(&self) -> bool {
        self.file.is_some()
    }

    fn folder(&self) -> Option<&Path> {
        self.file.as_deref().filter(|path| *path != Path::new("-"))
    }

    /// Problems of the door in the user's words.
    pub(crate) fn faults(&self, problems: Vec<outlay::Problem>) -> Failure {
        Failure::Faults(problems.into_iter().map(|problem| self.in_words(problem.into())).collect())
    }

    /// Names the flag that a person typed, or the file, rather than a bare key.
    fn in_words(&self, mut fault: Fault) -> Fault {
        let of = |flag: &Flag| {
            fault.at.strip_prefix(flag.key).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        if let Some((flag, _)) = self.flags.iter().find(|(flag, _)| of(flag)) {
            fault.at = format!("--{}", flag.long);
        } else if let Some(file) = self.file.as_ref().filter(|_| !fault.at.contains(['/', '\\'])) {
            let file = file.display();
            fault.at = if fault.at.is_empty() { file.to_string() } else { format!("{} in {file}", fault.at) };
        }
        fault
    }
}

/// What a config says, with the reader's talk about it.
fn told(imported: outlay_stacks::Imported) -> Request {
    let outlay_stacks::Imported { mut request, warnings, .. } = imported;
    request.remarks = warnings;
    request
}

/// Values laid over a request, each at its dotted key.
pub(crate) fn over<'a>(
    request: &Request,
    values: impl IntoIterator<Item = (&'a str, &'a Value)>,
) -> Result<Request, Failure> {
    let mut whole = serde_json::to_value(request).map_err(|error| Failure::Internal(error.to_string()))?;
    for (key, value) in values {
        let mut place = &mut whole;
        for name in key.split('.') {
            if !place.is_object() {
                *place = Value::Object(serde_json::Map::new());
            }
            place = &mut place[name];
        }
        *place = value.clone();
    }
    serde_json::from_value(whole).map_err(|error| Failure::Internal(format!("flags do not fit the request: {error}")))
}

/// Puts into a request what its names stand for: the `config.json` of a model that is no preset, what a scan wrote, the size
/// of a data set. Paths are sought beside `job` first, and in the current folder then.
pub(crate) fn look_up(
    request: &mut Request,
    job: Option<&Path>,
    catalog: &Catalog,
    context: &Context,
) -> Result<(), Fault> {
    look_at_data(request, job)?;
    let Some(base) = request.model.base.clone() else { return Ok(()) };
    if request.model.config.is_some() || request.model.custom.is_some() || catalog.has_model(&base) {
        return Ok(());
    }
    let (text, from) = if let Some(path) = files::config_json(&base, job) {
        (files::read(&path, CONFIG_MAX)?, path.display().to_string())
    } else if files::looks_like_a_path(&base) {
        return Err(Fault::new("file-not-found", format!("no config.json at {base}"), "model.base")
            .help("name a config.json or the folder that holds it; it is sought beside the job file, then in the current folder"));
    } else if hub::is_id(&base) {
        let fetched = context.hub.config(&base)?;
        (fetched.text, fetched.from)
    } else {
        // Neither path nor hub id: a misspelt preset, which the door answers with the nearest one.
        return Ok(());
    };
    let config = outlay::catalog::config_json(&text).map_err(|error| {
        Fault::new("config-not-json", format!("the config.json is not valid JSON: {error}"), from)
            .help("download it again; a weights file or an HTML page saved under this name looks like this")
    })?;
    request.model.config = Some(config);
    Ok(())
}

/// What a scan wrote, and the size of a data set that was only named.
fn look_at_data(request: &mut Request, job: Option<&Path>) -> Result<(), Fault> {
    let data = &mut request.data;
    if let (Some(scan), None) = (&data.scan, &data.measured) {
        let path = files::beside(scan, job);
        let text = files::read(&path, SCAN_MAX)?;
        data.measured = Some(serde_json::from_str(&text).map_err(|error| {
            Fault::new("scan-not-json", format!("not what a scan writes: {error}"), path.display().to_string())
                .help("write it with `outlay data scan PATH --json`")
        })?);
    }
    let counted = data.tokens.is_some() || data.samples.is_some() || data.measured.is_some();
    if let (Some(path), None, false) = (&data.path, &data.stored, counted) {
        let bytes = files::size(&files::beside(path, job))?;
        data.stored = Some(outlay::request::Amount::Number(bytes as f64));
    }
    Ok(())
}

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
use crate::failure::{Failure, Fault};
use crate::files::{self, CONFIG_MAX, JOB_MAX, SCAN_MAX};
use crate::flags::{self, Flag};
use crate::hub;

/// File and flags of a job.
#[derive(Debug, Clone)]
pub(crate) struct JobArgs {
    file: Option<PathBuf>,
    flags: Vec<(&'static Flag, Value)>,
}

impl clap::FromArgMatches for JobArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self { file: matches.get_one::<PathBuf>("job").cloned(), flags: flags::given(matches) })
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
            .help("Job file (TOML or JSON; - for stdin); flags go over what it says");
        flags::augment(command.arg(file))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl JobArgs {
    /// The request, with the model's `config.json` in it where the model is not a preset.
    pub(crate) fn request(&self, catalog: &Catalog, context: &Context) -> Result<Request, Failure> {
        let mut request = match &self.file {
            Some(path) => {
                let text = files::read(path, JOB_MAX)?;
                outlay::parse(&text).map_err(|problems| self.faults(problems))?
            }
            None => Request::default(),
        };
        if !self.flags.is_empty() {
            request = over(&request, self.flags.iter().map(|(flag, value)| (flag.key, value)))?;
        }
        look_up(&mut request, self.folder(), catalog, context).map_err(|fault| self.in_words(fault))?;
        Ok(request)
    }

    /// The job without its flags.
    pub(crate) fn file_alone(&self) -> Self {
        Self { file: self.file.clone(), flags: Vec::new() }
    }

    /// Another file under the same flags.
    pub(crate) fn with_file(&self, file: PathBuf) -> Self {
        Self { file: Some(file), flags: self.flags.clone() }
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

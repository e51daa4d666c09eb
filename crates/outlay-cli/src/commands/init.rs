//! `outlay init`: asks the few questions that matter and writes a job file that `outlay plan` accepts.
//!
//! Any flag of a job answers its question beforehand; `--yes` takes the default of the others. Every answer is put to the
//! door at once, so that what is wrong is said where it was typed; there is no second list of what is allowed. Questions
//! are plain lines, not menus: they work over any terminal, and can be tested without one.
//!
//! Does not know: which values are possible.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Arg, ArgAction, ArgMatches, Command};
use outlay::catalog::Catalog;
use outlay::request::Request;
use outlay::response::Response;
use serde_json::Value;

use crate::cli::Answer;
use crate::context::Context;
use crate::failure::{Failure, Fault};
use crate::files;
use crate::flags;
use crate::job::{look_up, over};

/// What the file is called if nobody says.
const FILE: &str = "job.toml";
/// The search for the verdict that is shown ends after so long.
const PATIENCE: Duration = Duration::from_secs(5);

/// Ask a few questions and write a job file
///
/// A flag of a job answers its question beforehand; --yes takes the default of all others, and asks nothing.
#[derive(Debug)]
pub(crate) struct Args {
    file: PathBuf,
    yes: bool,
    force: bool,
    given: BTreeMap<String, Value>,
}

impl clap::FromArgMatches for Args {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self {
            file: matches.get_one::<PathBuf>("file").cloned().unwrap_or_else(|| FILE.into()),
            yes: matches.get_flag("yes"),
            force: matches.get_flag("force"),
            given: flags::given(matches).into_iter().map(|(flag, value)| (flag.key.to_owned(), value)).collect(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl clap::Args for Args {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new("file")
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("Where to write the job; - for stdout [default: job.toml]");
        let yes = Arg::new("yes")
            .long("yes")
            .short('y')
            .action(ArgAction::SetTrue)
            .help("Ask nothing: take the default wherever no flag says otherwise");
        let force =
            Arg::new("force").long("force").action(ArgAction::SetTrue).help("Overwrite the file if there is one");
        let command = command
            .about("Ask a few questions and write a job file")
            .long_about(
                "Ask a few questions and write a job file\n\nA flag of a job answers its question beforehand; --yes \
                 takes the default of all others and asks nothing.",
            )
            .args([file, yes, force]);
        flags::augment(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// Asks and writes.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Answer, Failure> {
    let to_stdout = args.file == Path::new("-");
    if !to_stdout && !args.force && args.file.exists() {
        let fault = Fault::new("file-exists", "there is such a file already", args.file.display().to_string());
        return Err(fault.help("name another file, or overwrite it with --force").into());
    }
    let stdin = std::io::stdin();
    if !args.yes && !stdin.is_terminal() {
        let fault =
            Fault::new("nobody-to-ask", "stdin is no terminal, so that no question can be asked", "outlay init");
        return Err(fault
            .help("--yes asks nothing and takes the default of what no flag says")
            .help("outlay init --yes --model llama-3.1-8b --method qlora --tokens 6M")
            .into());
    }
    let catalog = Catalog::built_in();
    let checker = Checker { catalog: &catalog, context, job: &args.file };
    let values = if args.yes {
        ask(args.given.clone(), &mut Defaults, &checker)?
    } else {
        let mut person = Person { from: stdin.lock(), to: std::io::stderr().lock() };
        person.say("A job in a few questions. Enter takes what stands in brackets; ctrl-c ends without a file.\n");
        ask(args.given.clone(), &mut person, &checker)?
    };
    let request = checker.request(&values)?;
    let start = Instant::now();
    let patient = |_: &outlay::core::search::Progress| start.elapsed() < PATIENCE;
    let response = outlay::plan_watched(&request, &catalog, &context.today, &patient).map_err(faults)?;
    let text = job(&values, &response, &args.file)?;
    if to_stdout {
        return Ok(Answer { notes: format!("{}\n", response.verdict), ..Answer::new(text) });
    }
    write(&args.file, &text, args.force)?;
    let file = args.file.display();
    let notes = format!("{}\n\nwrote {file}; the whole answer: outlay plan {file}\n", response.verdict);
    Ok(Answer { notes, ..Answer::new(String::new()) })
}

/// Writes the file; one that appeared in the meantime stays as it is.
fn write(path: &Path, text: &str, force: bool) -> Result<(), Fault> {
    if force {
        return files::write(path, text);
    }
    let written = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
    written.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| {
        let message = format!("the file could not be written: {error}");
        Fault::new("file-not-written", message, path.display().to_string()).help("check the folder and its permissions")
    })
}

fn faults(problems: Vec<outlay::Problem>) -> Failure {
    Failure::Faults(problems.into_iter().map(Fault::from).collect())
}

/// Values of a job, each at its dotted key.
type Values = BTreeMap<String, Value>;

/// Puts half a job to the door.
struct Checker<'a> {
    catalog: &'a Catalog,
    context: &'a Context,
    job: &'a Path,
}

impl Checker<'_> {
    /// The job that these values are, with what its names stand for.
    fn request(&self, values: &Values) -> Result<Request, Failure> {
        let mut request =
            over(&Request::default(), values.iter().map(|(key, value)| (key.as_str(), value))).map_err(|failure| {
                match failure {
                    Failure::Internal(what) => Fault::new("wrong-type", what, "").into(),
                    told => told,
                }
            })?;
        look_up(&mut request, Some(self.job), self.catalog, self.context)?;
        Ok(request)
    }

    /// What is wrong with one of these keys.
    fn complaints(&self, values: &Values, keys: &[&str]) -> Vec<Fault> {
        let found = match self.request(values) {
            Ok(request) => outlay::check(&request, self.catalog).map_err(faults),
            Err(failure) => Err(failure),
        };
        match found {
            Ok(()) | Err(Failure::Internal(_)) => Vec::new(),
            Err(Failure::Faults(faults)) => faults
                .into_iter()
                .filter(|fault| fault.at.is_empty() || keys.iter().any(|key| fault.at.starts_with(key)))
                .collect(),
        }
    }
}

/// Who answers.
trait Answers {
    /// The answer to a question; empty for its default.
    fn answer(&mut self, question: &str, default: &str) -> Result<String, Fault>;
    /// Told what is wrong with the answer; whether another one may come.
    fn refused(&mut self, faults: &[Fault]) -> bool;
}

/// `--yes`: the default of everything.
struct Defaults;

impl Answers for Defaults {
    fn answer(&mut self, _: &str, _: &str) -> Result<String, Fault> {
        Ok(String::new())
    }

    fn refused(&mut self, _: &[Fault]) -> bool {
        false
    }
}

/// Somebody at a terminal.
struct Person<R, W> {
    from: R,
    to: W,
}

impl<R: BufRead, W: Write> Person<R, W> {
    /// Nobody is left to tell if that fails.
    fn say(&mut self, text: &str) {
        let _ = self.to.write_all(text.as_bytes()).and_then(|()| self.to.flush());
    }
}

impl<R: BufRead, W: Write> Answers for Person<R, W> {
    fn answer(&mut self, question: &str, default: &str) -> Result<String, Fault> {
        self.say(&format!("{question} [{default}]: "));
        let mut line = String::new();
        match self.from.read_line(&mut line) {
            Ok(0) | Err(_) => {
                self.say("\n");
                let message = format!("the input ended at the question: {question}");
                Err(Fault::new("nobody-to-ask", message, "outlay init")
                    .help("--yes takes the defaults; nothing was written"))
            }
            Ok(_) => Ok(line.trim().to_owned()),
        }
    }

    fn refused(&mut self, faults: &[Fault]) -> bool {
        for fault in faults {
            let mut text = format!("  {}\n", fault.message);
            for help in &fault.help {
                let _ = writeln!(text, "  {help}");
            }
            self.say(&text);
        }
        true
    }
}

/// Words that mean that nothing is said.
const NOTHING: [&str; 3] = ["none", "any", "no"];

/// One question: its keys are set from the answer by `take`, and checked; asked again until it is right.
fn question(
    values: &mut Values,
    answers: &mut dyn Answers,
    checker: &Checker<'_>,
    (words, default): (&str, &str),
    take: &dyn Fn(&str) -> Result<Values, String>,
) -> Result<(), Failure> {
    loop {
        let answer = answers.answer(words, default)?;
        let answer = if answer.is_empty() { default } else { &answer };
        let faults = match take(answer) {
            Err(rule) => vec![Fault::new("wrong-type", format!("{answer:?}: {rule}"), "")],
            Ok(new) => {
                let mut with = values.clone();
                with.extend(new.clone());
                let keys: Vec<&str> = new.keys().map(String::as_str).collect();
                let faults = checker.complaints(&with, &keys);
                if faults.is_empty() {
                    *values = with;
                    return Ok(());
                }
                faults
            }
        };
        if !answers.refused(&faults) {
            return Err(Failure::Faults(faults));
        }
    }
}

/// The value of one key, or nothing for a word that means so.
fn one(key: &'static str) -> impl Fn(&str) -> Result<Values, String> {
    move |raw| {
        if NOTHING.contains(&raw) {
            return Ok(Values::new());
        }
        Ok(Values::from([(key.to_owned(), flags::read(key, raw)?)]))
    }
}

/// All questions that no flag has answered.
fn ask(given: Values, answers: &mut dyn Answers, checker: &Checker<'_>) -> Result<Values, Failure> {
    let mut values = given.clone();
    let said = |keys: &[&str]| given.keys().any(|have| keys.iter().any(|key| have.starts_with(key)));
    if !said(&["model.base", "model.custom"]) {
        let words = "Which model? A preset (outlay models), org/name of the hub, or a config.json";
        question(&mut values, answers, checker, (words, "llama-3.1-8b"), &one("model.base"))?;
    }
    if !said(&["method.kind", "model.start"]) {
        let words = "How? qlora, lora, dora, full, freeze; or scratch, for training from nothing";
        let take = |raw: &str| match raw {
            "scratch" => Ok(Values::from([
                ("method.kind".to_owned(), Value::from("full")),
                ("model.start".to_owned(), Value::from("scratch")),
            ])),
            raw => one("method.kind")(raw),
        };
        question(&mut values, answers, checker, (words, "qlora"), &take)?;
    }
    let scratch = values.get("model.start").and_then(Value::as_str) == Some("scratch");
    data(&mut values, answers, checker, &said, scratch)?;
    machines(&mut values, answers, checker, &said, scratch)?;
    if !said(&["limits.budget"]) {
        let words = "The most it may cost? As $500, or none";
        question(&mut values, answers, checker, (words, "none"), &one("limits.budget"))?;
    }
    if !said(&["limits.deadline"]) {
        let words = "The most time it may take? As 48h or 3d, or none";
        question(&mut values, answers, checker, (words, "none"), &one("limits.deadline"))?;
    }
    if !said(&["goal.minimize"]) {
        let words = "What is to be least? cost, time, cost*time, worst-cost, card";
        question(&mut values, answers, checker, (words, "cost"), &one("goal.minimize"))?;
    }
    Ok(values)
}

fn data(
    values: &mut Values,
    answers: &mut dyn Answers,
    checker: &Checker<'_>,
    said: &dyn Fn(&[&str]) -> bool,
    scratch: bool,
) -> Result<(), Failure> {
    let amount = ["data.tokens", "data.samples", "data.path", "data.scan", "data.steps", "train.target"];
    if !said(&amount) {
        let words = "How much text? Tokens, as 6M or 25B, or a file or folder of it";
        let take = |raw: &str| {
            let key = if Path::new(raw).exists() { "data.path" } else { "data.tokens" };
            Ok(Values::from([(key.to_owned(), flags::read(key, raw)?)]))
        };
        question(values, answers, checker, (words, if scratch { "25B" } else { "6M" }), &take)?;
    }
    if !said(&["data.epochs", "data.steps", "train.target"]) {
        let words = "Passes over it (epochs)?";
        question(values, answers, checker, (words, if scratch { "1" } else { "3" }), &one("data.epochs"))?;
    }
    if !said(&["data.seq_len"]) {
        let words = "Tokens of a training sequence?";
        question(values, answers, checker, (words, if scratch { "4096" } else { "2048" }), &one("data.seq_len"))?;
    }
    Ok(())
}

fn machines(
    values: &mut Values,
    answers: &mut dyn Answers,
    checker: &Checker<'_>,
    said: &dyn Fn(&[&str]) -> bool,
    scratch: bool,
) -> Result<(), Failure> {
    if !said(&["hardware.purchase", "hardware.owned"]) {
        let words = "Machines? rent, spot (rented, may be interrupted), own";
        let take = |raw: &str| {
            let kinds = match raw {
                "rent" => vec!["on-demand"],
                "spot" => vec!["on-demand", "spot"],
                // Without a price nobody's machines are in the catalog; what they cost is asked below.
                "own" => return Ok(owned(0.15)),
                _ => return Err("rent, spot or own is expected".into()),
            };
            Ok(Values::from([("hardware.purchase".to_owned(), Value::from(kinds))]))
        };
        question(values, answers, checker, (words, "rent"), &take)?;
    }
    let own = values.get("hardware.purchase") == owned(0.15).get("hardware.purchase");
    if !said(&["hardware.accelerators", "hardware.node"]) {
        let words = if own {
            "Which accelerator do you have? (outlay hardware lists them)"
        } else {
            "Which accelerators? As h100* or a100*,l40s (outlay hardware), or any"
        };
        let default = if own { "rtx-4090" } else { "any" };
        question(values, answers, checker, (words, default), &one("hardware.accelerators"))?;
    }
    if !said(&["hardware.gpus", "hardware.max_gpus", "hardware.node"]) {
        let (words, key, default) = match (own, scratch) {
            (true, _) => ("How many?", "hardware.gpus", "1"),
            (false, true) => ("At most how many?", "hardware.max_gpus", "64"),
            (false, false) => ("At most how many?", "hardware.max_gpus", "8"),
        };
        question(values, answers, checker, (words, default), &one(key))?;
    }
    if own && !said(&["hardware.owned"]) {
        let words = "What does an hour of one of them cost you? Power alone is about $0.15";
        question(values, answers, checker, (words, "$0.15"), &one("hardware.owned_price"))?;
    }
    Ok(())
}

/// One's own machines at a price.
fn owned(usd: f64) -> Values {
    Values::from([
        ("hardware.purchase".to_owned(), Value::from(vec!["owned"])),
        ("hardware.owned_price".to_owned(), Value::from(usd)),
    ])
}

/// Sections of a job, in the order in which people think of them.
const SECTIONS: [&str; 12] =
    ["model", "method", "data", "train", "hardware", "layout", "limits", "goal", "observed", "extras", "pilot", "vary"];

/// The job file: what was said with what it means, and what was assumed as comments.
fn job(values: &Values, response: &Response, file: &Path) -> Result<String, Failure> {
    let name = if file == Path::new("-") { Path::new(FILE) } else { file }.display();
    let mut text = format!(
        "# A job for outlay. What stands behind # is a comment; keys that are not set have defaults.\n#\n\
         #   outlay plan {name}        what to rent, for how long, for how much\n\
         #   outlay levers {name}      which change would move the bill most\n\
         #   outlay plan --help        every key, as a flag\n"
    );
    for section in SECTIONS {
        let of = |key: &str| key.split('.').next() == Some(section);
        let mut lines: Vec<(String, &str)> = Vec::new();
        let mut below = String::new();
        for (key, value) in values.iter().filter(|(key, _)| of(key)) {
            let (name, value) = match key.split_once('.') {
                Some((_, name)) => (name.to_owned(), value),
                // One flag stands for the whole section.
                None => {
                    below.push_str(&section_of(section, value)?);
                    continue;
                }
            };
            lines.push((format!("{name} = {}", toml(value)?), flags::help(key)));
        }
        let assumed: Vec<_> = response.assumptions.iter().filter(|assumption| of(&assumption.key)).collect();
        if lines.is_empty() && assumed.is_empty() {
            text.push_str(&below);
            continue;
        }
        // A section that one flag stands for is written as it is, and has its head already.
        if below.is_empty() {
            let _ = write!(text, "\n[{section}]\n");
        }
        text.push_str(&below);
        let width = lines.iter().map(|(line, _)| line.chars().count()).max().unwrap_or(0).min(40);
        for (line, help) in lines {
            let _ = writeln!(text, "{line:width$}    # {help}");
        }
        for assumption in assumed {
            let key = assumption.key.split_once('.').map_or(assumption.key.as_str(), |(_, name)| name);
            let _ = writeln!(text, "# {key}: {} is assumed: {}", assumption.value, assumption.reason);
        }
    }
    Ok(text)
}

/// `[observed]`, `[extras]`, `[[pilot]]`, `[vary]`, as TOML writes them.
fn section_of(section: &str, value: &Value) -> Result<String, Failure> {
    // Several flags `--vary` are a list of tables, of which a section is the sum.
    let merged = match value {
        Value::Array(tables) if section == "vary" => Value::Object(
            tables.iter().filter_map(Value::as_object).flatten().map(|(k, v)| (k.clone(), v.clone())).collect(),
        ),
        other => other.clone(),
    };
    let table = serde_json::json!({ section: merged });
    let text = toml::to_string(&table).map_err(|error| Failure::Internal(error.to_string()))?;
    Ok(format!("\n{text}"))
}

/// A value as TOML writes it in a line.
fn toml(value: &Value) -> Result<String, Failure> {
    // Amounts are kept as reals; whole ones read better without a point.
    let whole = value.as_f64().filter(|real| real.fract() == 0.0 && real.abs() < 9e15);
    let value = whole.map_or_else(|| value.clone(), |real| Value::from(real as i64));
    toml::Value::try_from(&value).map(|value| value.to_string()).map_err(|error| Failure::Internal(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use outlay::catalog::Catalog;
    use serde_json::json;

    use super::{Checker, Failure, Person, Values, ask};
    use crate::context::Context;

    /// What comes of these lines, and what was said.
    fn dialog(given: Values, lines: &str) -> (Result<Values, Failure>, String) {
        let context = Context::of_this_process(Some("2026-11-24".into()), None).unwrap();
        let catalog = Catalog::built_in();
        let checker = Checker { catalog: &catalog, context: &context, job: "job.toml".as_ref() };
        let mut said = Vec::new();
        let result = ask(given, &mut Person { from: lines.as_bytes(), to: &mut said }, &checker);
        (result, String::from_utf8(said).unwrap())
    }

    #[test]
    fn enter_takes_what_stands_in_brackets() {
        let (values, said) = dialog(BTreeMap::new(), &"\n".repeat(12));
        let values = values.unwrap();
        assert_eq!(values["model.base"], json!("llama-3.1-8b"));
        assert_eq!(values["hardware.purchase"], json!(["on-demand"]));
        assert!(!values.contains_key("limits.budget") && !values.contains_key("hardware.accelerators"), "{values:?}");
        assert_eq!(said.matches("]: ").count(), 11, "{said}");
    }

    #[test]
    fn a_wrong_answer_is_asked_again_with_the_reason() {
        let lines = "lama-3.1-8b\nllama-3.2-1b\nscratch\nmany\n5B\n\n\nlease\nrent\nh1000\nh100*\n\n-5\n$900\n\n\n";
        let (values, said) = dialog(BTreeMap::new(), lines);
        let values = values.unwrap();
        assert_eq!(values["model.start"], json!("scratch"));
        assert_eq!(values["data.tokens"], json!("5B"));
        assert_eq!(values["data.seq_len"], json!(4096));
        assert_eq!(values["hardware.accelerators"], json!(["h100*"]));
        assert_eq!(values["limits.budget"], json!("$900"));
        for reason in ["did you mean `llama-3.1-8b`", "\"many\" is not an amount", "rent, spot or own", "h1000", "-5"] {
            assert!(said.contains(reason), "no {reason} in {said}");
        }
    }

    #[test]
    fn one_s_own_machines_have_their_price_asked() {
        let given = Values::from([
            ("model.base".to_owned(), json!("llama-3.1-8b")),
            ("method.kind".to_owned(), json!("qlora")),
            ("data.tokens".to_owned(), json!("6M")),
        ]);
        let (values, _) = dialog(given, "1\n\nown\nrtx-3090\n2\n$0.30\n\n\n\n");
        let values = values.unwrap();
        assert_eq!(values["hardware.purchase"], json!(["owned"]));
        assert_eq!(values["hardware.owned_price"], json!("$0.30"));
        assert_eq!(values["hardware.gpus"], json!(2));
    }

    #[test]
    fn an_input_that_ends_is_said() {
        let (values, _) = dialog(BTreeMap::new(), "llama-3.1-8b\n");
        let Err(Failure::Faults(faults)) = values else { panic!("an answer to half a dialog") };
        assert!(faults[0].code == "nobody-to-ask" && faults[0].help[0].contains("--yes"), "{faults:?}");
    }
}

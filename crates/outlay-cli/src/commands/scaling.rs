//! `outlay scaling`: how large a model, for how many tokens, at which loss and cost; a law of one's own.

use std::path::PathBuf;

use clap::Subcommand;
use outlay::response::{FittedLaw, Optimum, ScalingFit, Sized};
use outlay::scaling::{Aim, Wanted};

use super::Format;
use crate::cli::Answer;
use crate::context::Context;
use crate::failure::{Failure, Fault};
use crate::files;
use crate::job::JobArgs;
use crate::render::format::{UNKNOWN, duration, interval, number, percent, si, usd};
use crate::render::table::{Table, figures, words};
use crate::render::{curves, json};

/// Choose a model's size and tokens: for a budget, along the frontier of loss and cost, by a law of your own
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Optimum(OptimumArgs),
    Frontier(FrontierArgs),
    Fit(FitArgs),
}

/// The size and tokens that make the most of a budget (--budget '$10k') or of compute (--flops 1e22), within 90 days
/// unless --deadline says otherwise
#[derive(Debug, clap::Args)]
struct OptimumArgs {
    #[command(flatten)]
    job: JobArgs,
    /// Compute to spend, in FLOP, instead of money
    #[arg(long, value_name = "FLOP")]
    flops: Option<f64>,
    /// Tokens the model will serve in its life, besides
    #[arg(long, value_name = "N")]
    served: Option<String>,
    #[command(flatten)]
    format: Format,
}

/// Loss against cost, from small to large compute-optimal models
#[derive(Debug, clap::Args)]
struct FrontierArgs {
    #[command(flatten)]
    job: JobArgs,
    /// Least compute, in FLOP
    #[arg(long, value_name = "FLOP", default_value_t = 1e19)]
    from: f64,
    /// Most compute
    #[arg(long, value_name = "FLOP", default_value_t = 1e24)]
    to: f64,
    /// Also draw it into this file
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    svg: Option<PathBuf>,
    #[command(flatten)]
    format: Format,
}

/// Fit a law to a table of runs (CSV: params, tokens, loss, and dataset where there are several)
#[derive(Debug, clap::Args)]
struct FitArgs {
    /// The table; - for stdin
    file: PathBuf,
    /// Fit only runs of fewer parameters, as 500M
    #[arg(long, value_name = "N", value_parser = count)]
    fit_below: Option<f64>,
    /// Foresee measured runs of so many parameters and more, and compare
    #[arg(long, value_name = "N", value_parser = count)]
    foresee_from: Option<f64>,
    /// Foresee this size after so many tokens, as 7B:140B
    #[arg(long, value_name = "PARAMS:TOKENS", value_parser = place)]
    at: Vec<(f64, f64)>,
    /// Also draw the law into this file
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    svg: Option<PathBuf>,
    #[command(flatten)]
    format: Format,
}

/// Largest table of runs.
const TABLE_MAX: u64 = 64 << 20;

fn count(raw: &str) -> Result<f64, String> {
    let raw = raw.trim().to_lowercase();
    let (digits, factor) = match raw.strip_suffix(['k', 'm', 'b', 't']) {
        Some(digits) => (
            digits,
            if raw.ends_with('k') {
                1e3
            } else if raw.ends_with('m') {
                1e6
            } else if raw.ends_with('b') {
                1e9
            } else {
                1e12
            },
        ),
        None => (raw.as_str(), 1.0),
    };
    let value: f64 = digits.parse().map_err(|_| "a number is expected, as 500M".to_string())?;
    let value = value * factor;
    if value.is_finite() && value > 0.0 { Ok(value) } else { Err("a number above zero is expected".into()) }
}

fn place(raw: &str) -> Result<(f64, f64), String> {
    let (params, tokens) = raw.split_once(':').ok_or("PARAMS:TOKENS is expected, as 7B:140B")?;
    Ok((count(params)?, count(tokens)?))
}

/// Answers.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Answer, Failure> {
    match &args.what {
        What::Optimum(args) => optimum(args, context),
        What::Frontier(args) => frontier(args, context),
        What::Fit(args) => fit(args, context),
    }
}

fn optimum(args: &OptimumArgs, context: &Context) -> Result<Answer, Failure> {
    let facts = args.job.facts(context)?;
    let catalog = &facts.catalog;
    let request = args.job.request(catalog, context)?;
    let served = args.served.clone().map(outlay::request::Amount::Text);
    let wanted = Wanted { flops: args.flops, served };
    let found = outlay::scaling::optimum(&request, &wanted, catalog).map_err(|faults| args.job.faults(faults))?;
    let text = if args.format.json {
        json::text(serde_json::to_value(&found))?
    } else {
        let (sizes, opinions) = (sizes(std::slice::from_ref(&found.best)), opinions(&found));
        let parts = if args.format.markdown {
            [sizes.markdown(), opinions.markdown()]
        } else {
            [sizes.terminal(context.width), opinions.terminal(context.width)]
        };
        format!("{}\n\n{}\nthe same compute by other laws\n{}", best(&found), parts[0], parts[1])
    };
    Ok(Answer::new(text))
}

fn best(found: &Optimum) -> String {
    let best = &found.best;
    let cost = best.cost_usd.map_or(UNKNOWN.into(), |cost| usd(cost.mid));
    format!("{} parameters on {} tokens: {cost}, loss {:.2}", si(best.params), si(best.tokens), best.loss.mid)
}

fn frontier(args: &FrontierArgs, context: &Context) -> Result<Answer, Failure> {
    let facts = args.job.facts(context)?;
    let catalog = &facts.catalog;
    let request = args.job.request(catalog, context)?;
    let found =
        outlay::scaling::frontier(&request, args.from, args.to, catalog).map_err(|faults| args.job.faults(faults))?;
    if let Some(path) = &args.svg {
        files::write(path, &curves::frontier(&found))?;
    }
    let text = if args.format.json {
        json::text(serde_json::to_value(&found))?
    } else if args.format.markdown {
        sizes(&found).markdown()
    } else {
        sizes(&found).terminal(context.width)
    };
    Ok(Answer::new(text))
}

fn sizes(rows: &[Sized]) -> Table {
    let mut table = Table::new(&[
        figures("FLOP"),
        figures("parameters"),
        figures("tokens"),
        figures("loss"),
        figures("80 %").spare(3),
        figures("cost"),
        figures("80 %").spare(4),
        figures("time"),
        words("machines"),
    ]);
    for row in rows {
        table.row(vec![
            format!("{:.1e}", row.flops),
            si(row.params),
            si(row.tokens),
            format!("{:.2}", row.loss.mid),
            interval(row.loss.low, row.loss.high, |nats| format!("{nats:.2}")),
            row.cost_usd.map_or(UNKNOWN.into(), |cost| usd(cost.mid)),
            row.cost_usd.map_or(String::new(), |cost| interval(cost.low, cost.high, usd)),
            row.hours.map_or(UNKNOWN.into(), |hours| duration(hours * 3600.0)),
            row.machines.clone().unwrap_or_else(|| "no plan is feasible".into()),
        ]);
    }
    table
}

fn opinions(found: &Optimum) -> Table {
    let mut table = Table::new(&[words("law"), figures("parameters"), figures("tokens")]);
    for opinion in &found.opinions {
        table.row(vec![opinion.law.clone(), si(opinion.params), si(opinion.tokens)]);
    }
    table
}

fn fit(args: &FitArgs, context: &Context) -> Result<Answer, Failure> {
    let text = files::read(&args.file, TABLE_MAX)?;
    let aim = Aim { below: args.fit_below, from: args.foresee_from, at: args.at.clone() };
    let found = outlay::scaling::fitted(&text, &aim).map_err(|problems| {
        Failure::Faults(problems.into_iter().map(|problem| in_file(problem.into(), args)).collect())
    })?;
    if let Some(path) = &args.svg {
        files::write(path, &curves::laws(&found))?;
    }
    let text = if args.format.json {
        json::text(serde_json::to_value(&found))?
    } else {
        let (laws, foreseen) = (laws(&found.laws), foreseen(&found));
        let [laws, foreseen] = if args.format.markdown {
            [laws.markdown(), foreseen.markdown()]
        } else {
            [laws.terminal(context.width), foreseen.terminal(context.width)]
        };
        let compared = found.within.zip(found.covered).map_or(String::new(), |(within, covered)| {
            format!(
                "\n{} measured runs foreseen: {} within 0.12 nats, {} within their 80 % interval\n",
                found.compared,
                percent(within),
                percent(covered)
            )
        });
        let foreseen =
            if found.laws.iter().all(|law| law.foreseen.is_empty()) { String::new() } else { format!("\n{foreseen}") };
        format!("loss = E + A/params^α + B/tokens^β\n\n{laws}{foreseen}{compared}")
    };
    Ok(Answer::new(text))
}

/// Names the file where only a line was named.
fn in_file(mut fault: Fault, args: &FitArgs) -> Fault {
    fault.at = format!("{} of {}", fault.at, args.file.display());
    fault
}

fn laws(laws: &[FittedLaw]) -> Table {
    let mut table = Table::new(&[
        words("corpus"),
        figures("runs"),
        figures("E"),
        figures("A"),
        figures("α"),
        figures("B"),
        figures("β"),
        figures("median off"),
    ]);
    for law in laws {
        table.row(vec![
            law.corpus.clone(),
            law.runs.to_string(),
            format!("{:.3}", law.floor),
            number(law.a),
            format!("{:.3}", law.alpha),
            number(law.b),
            format!("{:.3}", law.beta),
            format!("{:.3}", law.median_error),
        ]);
    }
    table
}

fn foreseen(found: &ScalingFit) -> Table {
    let mut table = Table::new(&[
        words("corpus"),
        figures("parameters"),
        figures("tokens"),
        figures("loss"),
        figures("80 %"),
        figures("measured"),
        figures("off"),
    ]);
    for law in &found.laws {
        for run in &law.foreseen {
            table.row(vec![
                law.corpus.clone(),
                si(run.params),
                si(run.tokens),
                format!("{:.3}", run.loss.mid),
                interval(run.loss.low, run.loss.high, |nats| format!("{nats:.3}")),
                run.measured.map_or(String::new(), |loss| format!("{loss:.3}")),
                run.measured.map_or(String::new(), |loss| format!("{:+.3}", run.loss.mid - loss)),
            ]);
        }
    }
    table
}

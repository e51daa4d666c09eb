//! `outlay levers`: which lever changes the bill most.

use std::path::PathBuf;

use outlay::response::{Lever, Levers, Standing};

use super::Format;
use crate::cli::Answer;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::job::JobArgs;
use crate::render::format::{duration, number, percent, usd};
use crate::render::table::{Table, figures, words};
use crate::render::{json, tornado};

/// Move every lever one step each way: what it does to cost, time, memory and the expected loss
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    job: JobArgs,

    /// At most so many rows; 0: all
    #[arg(long, value_name = "N", default_value_t = 30, help_heading = "Output")]
    limit: usize,

    /// Also draw the levers as a tornado chart into this file
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    svg: Option<PathBuf>,

    #[command(flatten)]
    format: Format,
}

/// Answers.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Answer, Failure> {
    let facts = args.job.facts(context)?;
    let request = args.job.request(&facts.catalog, context)?;
    let levers = outlay::levers(&request, &facts.catalog).map_err(|problems| args.job.faults(problems))?;
    let exit = if levers.standing.is_some() { Exit::Answer } else { Exit::Infeasible };
    if let (Some(path), Some(standing)) = (&args.svg, &levers.standing) {
        files::write(path, &tornado::chart(standing, &levers.levers))?;
    }
    let text =
        if args.format.json { json::text(serde_json::to_value(&levers))? } else { told(args, &levers, context.width) };
    let moving = levers.levers.iter().filter(|lever| lever.after.is_some()).count();
    let mut answer = Answer { text, notes: facts.notes, exit };
    if !args.format.json && args.limit > 0 && moving > args.limit {
        answer.notes += &format!("{} of {moving} steps; --limit 0 shows all\n", args.limit);
    }
    Ok(answer)
}

/// What is said where there is no plan to start from.
const NOTHING: &str = "No plan is feasible within these limits; `outlay plan` says what would have to give\n";

fn told(args: &Args, levers: &Levers, width: usize) -> String {
    let limit = if args.limit == 0 { usize::MAX } else { args.limit };
    if args.format.markdown {
        return markdown(levers, limit);
    }
    let Some(here) = &levers.standing else { return NOTHING.into() };
    head(here) + "\n\n" + &table(here, &levers.levers, limit).terminal(width) + &stuck(levers)
}

/// As Markdown, at most so many rows.
pub(crate) fn markdown(levers: &Levers, limit: usize) -> String {
    let Some(here) = &levers.standing else { return NOTHING.into() };
    format!("**{}**\n\n{}", head(here), table(here, &levers.levers, limit).markdown())
}

/// Where the job stands, in a line.
fn head(here: &Standing) -> String {
    let (hours, cost, memory) = (duration(here.hours * 3600.0), usd(here.cost_usd), number(here.memory_gib));
    format!("{}: {hours}, {cost}, {memory} GiB, loss {:.2}", here.machines, here.loss)
}

fn table(here: &Standing, levers: &[Lever], limit: usize) -> Table {
    let mut table = Table::new(&[
        words("lever").whole(),
        words("step"),
        figures("cost"),
        figures("time"),
        figures("memory").spare(2),
        figures("loss"),
        words("machines").spare(3),
        words("why"),
    ]);
    for lever in levers.iter().filter(|lever| lever.after.is_some()).take(limit) {
        let Some(after) = &lever.after else { continue };
        table.row(vec![
            lever.lever.clone(),
            step(lever, after),
            relative(after.cost_usd, here.cost_usd),
            relative(after.hours, here.hours),
            signed(after.memory_gib - here.memory_gib, |gib| format!("{} GiB", number(gib))),
            signed(after.loss - here.loss, |nats| format!("{nats:.3}")),
            if lever.other_machines { after.machines.clone() } else { "the same".into() },
            lever.why.clone(),
        ]);
    }
    table
}

/// The change; with its machines where they are others and the lever is not about them.
fn step(lever: &Lever, after: &Standing) -> String {
    if lever.other_machines && lever.group != "hardware" {
        format!("{}, on {}", lever.change, after.machines)
    } else {
        lever.change.clone()
    }
}

/// `+12 %`, `−40 %`, `×3.2`.
fn relative(after: f64, before: f64) -> String {
    if before <= 0.0 {
        return String::new();
    }
    let ratio = after / before;
    if ratio >= 3.0 {
        return format!("×{}", number(ratio));
    }
    // A tenth of a percent is below what any forecast here can tell.
    if (ratio - 1.0).abs() < 0.001 { "=".into() } else { signed(ratio - 1.0, percents) }
}

fn percents(share: f64) -> String {
    if share < 0.0995 { format!("{:.1} %", share * 100.0) } else { percent(share) }
}

fn signed(value: f64, text: impl Fn(f64) -> String) -> String {
    if value.abs() < 0.0005 {
        return "=".into();
    }
    if value > 0.0 { format!("+{}", text(value)) } else { format!("−{}", text(-value)) }
}

/// What cannot be moved, and why.
fn stuck(levers: &Levers) -> String {
    let stuck: Vec<String> = levers
        .levers
        .iter()
        .filter_map(|lever| Some(format!("  {} {}: {}\n", lever.lever, lever.change, lever.impossible.as_ref()?)))
        .collect();
    if stuck.is_empty() { String::new() } else { format!("\nnot possible here\n{}", stuck.concat()) }
}

//! The difference of two jobs as people read it, in a terminal and under a pull request.
//!
//! Does not know: how any figure came about.

use std::fmt::Write as _;

use anstyle::Style;
use outlay::response::{Diff, Moved, Plan};

use super::answer::{difference, layout};
use super::format::{UNKNOWN, duration, number, percent, si, usd};
use super::table::{Table, figures, words};
use super::tree::tree;

const BOLD: Style = Style::new().bold();
/// Values longer than this are cut in tables.
const LONG: usize = 60;

/// For a terminal of this many columns.
pub(crate) fn terminal(diff: &Diff, width: usize) -> String {
    let mut text = format!("{BOLD}{}{BOLD:#}\n", diff.verdict);
    if diff.changes.is_empty() {
        text.push_str("\nNothing is written differently.\n");
    } else {
        let _ = write!(text, "\n{BOLD}changed{BOLD:#}\n{}", changes(diff).terminal(width));
    }
    text.push_str(&effect(diff, width));
    text
}

/// What other facts did to one job, for a terminal.
pub(crate) fn drift(diff: &Diff, width: usize) -> String {
    format!("{BOLD}{}{BOLD:#}\n{}", diff.verdict, effect(diff, width))
}

fn effect(diff: &Diff, width: usize) -> String {
    let mut text = format!("\n{BOLD}effect{BOLD:#}\n{}", effects(diff).terminal(width));
    for (head, term) in [("what it costs more", &diff.cost), ("what it takes longer", &diff.time)] {
        if let Some(term) = term.as_ref().filter(|term| !term.parts.is_empty()) {
            let _ = writeln!(text, "\n{BOLD}{head}{BOLD:#}");
            text.push_str(&tree(&difference(term), width));
        }
    }
    text
}

/// As Markdown, for a pull request.
pub(crate) fn markdown(diff: &Diff) -> String {
    let mut text = format!("**{}**\n\n{}", diff.verdict, effects(diff).markdown());
    if !diff.changes.is_empty() {
        let _ =
            write!(text, "\n<details><summary>what changed</summary>\n\n{}\n</details>\n", changes(diff).markdown());
    }
    if let Some(term) = diff.cost.as_ref().filter(|term| !term.parts.is_empty()) {
        text.push_str("\n<details><summary>why</summary>\n\n");
        for part in &difference(term).parts {
            let note = if part.note.is_empty() { String::new() } else { format!(" ({})", part.note) };
            let _ = writeln!(text, "- {}: {}{note}", part.name, part.figure);
        }
        text.push_str("\n</details>\n");
    }
    text
}

fn changes(diff: &Diff) -> Table {
    let mut table = Table::new(&[words("key"), words("before"), words("after")]);
    let cell = |value: &Option<String>| {
        let text = value.as_deref().unwrap_or("not written");
        if text.chars().count() > LONG {
            format!("{}…", text.chars().take(LONG).collect::<String>())
        } else {
            text.into()
        }
    };
    for change in &diff.changes {
        table.row(vec![change.key.clone(), cell(&change.before), cell(&change.after)]);
    }
    table
}

/// In place of a figure of a plan that there is not.
const NONE: &str = "–";

fn effects(diff: &Diff) -> Table {
    let mut table = Table::new(&[words(""), figures("before"), figures("after"), figures("change")]);
    let machines = |plan: &Option<Plan>| {
        plan.as_ref().map_or("not feasible".into(), |plan| {
            format!("{}× {} ({} {})", plan.accelerators, plan.accelerator_name, plan.provider, plan.purchase)
        })
    };
    table.row(vec!["machines".into(), machines(&diff.before), machines(&diff.after), String::new()]);
    let laid_out = |plan: &Option<Plan>| plan.as_ref().map_or(NONE.into(), layout);
    // A plan that there is not has no figures, which is another thing than one that nobody knows.
    let lacking = diff.before.is_none() || diff.after.is_none();
    let shown = |moved: &Moved, plan: &Option<Plan>, value: Option<f64>| match (plan, value) {
        (None, None) => NONE.into(),
        _ => figure(moved, value),
    };
    table.row(vec!["layout".into(), laid_out(&diff.before), laid_out(&diff.after), String::new()]);
    for moved in &diff.figures {
        let change = moved.change.map_or(if lacking { NONE.into() } else { UNKNOWN.into() }, |change| match change {
            change if change.abs() < 0.0005 => "=".into(),
            change => format!("{}{}", if change > 0.0 { "+" } else { "−" }, percent(change.abs())),
        });
        let (before, after) = (shown(moved, &diff.before, moved.before), shown(moved, &diff.after, moved.after));
        table.row(vec![moved.name.clone(), before, after, change]);
    }
    table
}

fn figure(moved: &Moved, value: Option<f64>) -> String {
    let Some(value) = value else { return UNKNOWN.into() };
    match moved.unit.as_str() {
        "USD" => usd(value),
        "h" => duration(value * 3600.0),
        "s" => duration(value),
        "" if moved.name.starts_with("probability") => percent(value),
        "" if value >= 1e4 => si(value),
        "" => number(value),
        unit => format!("{} {unit}", number(value)),
    }
}

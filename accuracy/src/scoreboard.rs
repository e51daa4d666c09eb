//! The report as the page `SCOREBOARD.md`: what a reader should believe, and where not.
//!
//! Written only from the report, in a fixed order, so that a change of any figure is a line of a diff.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::score::{Summary, TableScore};
use crate::validate::Report;

const INTRODUCTION: &str = "\
# Scoreboard

Written by `outlay validate --write`; do not edit. Each row of the evidence becomes the request that a user would have
written, and the answer is compared with what was measured.

- *error*: `|predicted / measured − 1|`. *bias*: median of the signed error; above zero, predictions are too high.
- *held*: share of measured figures inside the forecast's 80 % interval. *width*: median of its width over the prediction.
- Only measured rows count. Rows that a source computed back from a utilisation stand apart.
- Constants were fitted to these same rows (*in-sample*), except where a line says *left out*: there they were fitted again
  without every row of that model, or of that source.

";

/// What each table is about.
const TITLES: [(&str, &str); 10] = [
    ("throughput", "Speed of a training configuration"),
    ("memory_tracked", "Peak of live bytes, as PyTorch's tracker counts them"),
    ("memory_published", "Published peaks on real devices"),
    ("memory_of_throughput", "Peaks that the rows of `throughput` report"),
    ("own_speed", "Runs of our own on one H100, which no fit has seen: seconds of a step"),
    ("own_memory", "The same runs: what the device's monitor showed"),
    ("params", "Parameters"),
    ("params_active", "Parameters that a token passes through"),
    ("lora_params", "Trainable parameters of adapters"),
    ("runs", "Accelerator-hours of whole runs"),
];

/// The page.
#[must_use]
pub fn render(report: &Report) -> String {
    let mut page = String::from(INTRODUCTION);
    let tables = || TITLES.iter().filter_map(|(name, title)| Some((*name, *title, report.tables.get(name)?)));
    page.push_str("| table | rows | scored | median error | p90 error | bias | held | width |\n");
    page.push_str("|---|---:|---:|---:|---:|---:|---:|---:|\n");
    for (name, _, score) in tables() {
        overview(&mut page, name, score);
        if name == "throughput" {
            for (what, score) in &report.left_out {
                line(&mut page, &format!("| … {what} left out | | {} {}", score.scored, cells(&whole(score))));
            }
        }
    }
    if !report.left_out.is_empty() {
        crate::page::unseen(&mut page, report);
    }
    for (name, title, score) in tables() {
        line(&mut page, &format!("\n## {title} (`{name}`)"));
        groups(&mut page, "source", &score.by_source);
        groups(&mut page, "accelerator", &score.by_gpu);
        groups(&mut page, "circumstances", &score.by_regime);
        let apart = score.apart.iter().map(|(kind, summary)| (format!("{kind:?}").to_lowercase(), summary.clone()));
        groups(&mut page, "not counted above", &apart.collect());
        refused(&mut page, score);
    }
    page
}

fn overview(page: &mut String, name: &str, score: &TableScore) {
    line(page, &format!("| `{name}` | {} | {} {}", score.rows, score.scored, cells(&whole(score))));
}

fn whole(score: &TableScore) -> Summary {
    Summary {
        scored: score.scored,
        median_abs_pct: score.median_abs_pct,
        p90_abs_pct: score.p90_abs_pct,
        bias_pct: score.bias_pct,
        coverage80: score.coverage80,
        median_width_pct: score.median_width_pct,
    }
}

pub(crate) fn groups(page: &mut String, what: &str, by: &BTreeMap<String, Summary>) {
    // One group says what the overview has said.
    if by.is_empty() || (by.len() == 1 && what != "not counted above") {
        return;
    }
    line(page, &format!("\n| {what} | scored | median error | p90 error | bias | held | width |"));
    line(page, "|---|---:|---:|---:|---:|---:|---:|");
    for (name, summary) in by {
        line(page, &format!("| {} | {} {}", name.replace('|', "\\|"), summary.scored, cells(summary)));
    }
}

fn refused(page: &mut String, score: &TableScore) {
    if score.unscorable.is_empty() {
        return;
    }
    line(page, "\n| no score because | rows |");
    line(page, "|---|---:|");
    for (reason, rows) in &score.unscorable {
        line(page, &format!("| {} | {rows} |", reason.replace('|', "\\|")));
    }
}

pub(crate) fn cells(summary: &Summary) -> String {
    let percent = |x: Option<f64>| x.map_or_else(|| "–".into(), |x| format!("{x:.1} %"));
    let share = summary.coverage80.map(|x| x * 100.0);
    format!(
        "| {} | {} | {} | {} | {} |",
        percent(summary.median_abs_pct),
        percent(summary.p90_abs_pct),
        summary.bias_pct.map_or_else(|| "–".into(), |x| format!("{x:+.1} %")),
        share.map_or_else(|| "–".into(), |x| format!("{x:.0} %")),
        percent(summary.median_width_pct),
    )
}

fn line(page: &mut String, text: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(page, "{text}");
}

#[cfg(test)]
mod tests {
    use super::render;
    use crate::score::tests::prediction;
    use crate::score::{Kind, TableScore};
    use crate::table::Unscorable;
    use crate::validate::Report;

    #[test]
    fn a_page_shows_measured_rows_and_the_rest_apart() {
        let rows = [
            Ok(prediction("a", 100.0, 105.0, Kind::Measured)),
            Ok(prediction("b", 100.0, 150.0, Kind::Derived)),
            Err(Unscorable::new("no sequence length")),
        ];
        let score = TableScore::of(rows.into_iter().map(|row| ("x".to_owned(), row)).collect());
        let page = render(&Report { tables: [("throughput", score)].into(), ..Report::default() });
        assert!(page.contains("| `throughput` | 3 | 2 | 5.0 % | 5.0 % | +5.0 % | 100 % | 20.0 % |"), "{page}");
        assert!(page.contains("| derived | 1 | 50.0 %"), "{page}");
        assert!(page.contains("| no sequence length | 1 |"), "{page}");
    }
}

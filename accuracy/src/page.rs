//! The report as a chapter for readers, `docs/accuracy.md`: how right, where, beside what, and the worst of it.
//!
//! Every figure is of rows whose model the fit had not seen, unless it says otherwise. Written only from the report.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::fit::{Constant, constants};
use crate::score::{Kind, Prediction, Summary};
use crate::scoreboard::{cells, groups};
use crate::traits::{ASSUMED, size};
use crate::validate::Report;

const INTRODUCTION: &str = "\
# How right it is

Written by `outlay validate --page`; do not edit.

Each measured run of `accuracy/evidence/throughput.csv` becomes the job file its author might have written: model, lengths,
batch, machines, program, layout as far as it was published. What was not published is left open, as a user would leave it, and
the engine chooses. Its answer is compared with what was measured. Before a row is predicted here, every constant is fitted
again **without any row of its model**; the first table also shows fits without any row of its source. The scoreboard
(`accuracy/SCOREBOARD.md`) has the figures of the constants as they ship.

*error*: `|predicted / measured − 1|`. *bias*: median signed error of the speed; above zero, we promise too much. *held*: share of
measured figures inside the 80 % interval. *width*: median width of that interval over the prediction.
";

/// A way to cut the rows: its name, and what it says of a row.
type Cut<'a, T> = (&'a str, &'a dyn Fn(&Prediction) -> T);

/// The chapter.
#[must_use]
pub fn render(report: &Report) -> String {
    let mut page = String::from(INTRODUCTION);
    let Some(rows) = report.left_out.get("model").map(|table| measured(&table.predictions)) else { return page };
    unseen(&mut page, report);
    spreadsheet(&mut page, report);
    let cuts: [Cut<'_, String>; 6] = [
        ("accelerator", &|row| row.gpu.clone()),
        ("training program", &|row| row.hardware_and_program().1.into()),
        ("parameters", &|row| size(row.traits.size_b).into()),
        ("method", &|row| row.traits.method.into()),
        ("number format", &|row| row.traits.precision.into()),
        ("circumstances", &|row| row.regime.clone()),
    ];
    let _ = writeln!(page, "\n## By hardware, program, size, method");
    for (what, key) in cuts {
        let mut cut: BTreeMap<String, Vec<&Prediction>> = BTreeMap::new();
        for row in &rows {
            cut.entry(key(row)).or_default().push(row);
        }
        let cut = cut.into_iter().map(|(name, rows)| (name, Summary::of(rows.into_iter()))).collect();
        groups(&mut page, what, &cut);
    }
    worst(&mut page, &rows);
    fitted(&mut page);
    page
}

fn measured(rows: &[Prediction]) -> Vec<&Prediction> {
    rows.iter().filter(|row| row.kind == Kind::Measured).collect()
}

/// Figures of what the fit had not seen, whole and in the parts people ask about.
pub fn unseen(page: &mut String, report: &Report) {
    let _ = writeln!(page, "\n## Rows that the fit had not seen\n");
    let _ = writeln!(page, "| left out | rows | scored | median error | p90 error | bias | held | width |");
    let _ = writeln!(page, "|---|---|---:|---:|---:|---:|---:|---:|");
    for (what, table) in &report.left_out {
        let rows = measured(&table.predictions);
        let parts: [Cut<'_, bool>; 4] = [
            ("all", &|_| true),
            ("NVIDIA data-centre parts", &|row| row.traits.datacentre),
            ("mixtures of experts", &|row| row.traits.mixture),
            ("dense models", &|row| !row.traits.mixture),
        ];
        for (name, keep) in parts {
            let summary = Summary::of(rows.iter().copied().filter(|row| keep(row)));
            let _ = writeln!(page, "| {what} | {name} | {} {}", summary.scored, cells(&summary));
        }
    }
    let percent = |share: Option<f64>| share.map_or_else(|| "–".into(), |share| format!("{:.0} %", share * 100.0));
    let ranking = &report.ranking;
    let _ = writeln!(
        page,
        "\nAlternatives measured for one job: of {} pairs in {} jobs, {} are ordered rightly; the layout we would pick is on average\n\
         {:.1} % slower than the best that was measured. Constants that evidence moved: {}.",
        ranking.pairs,
        ranking.jobs,
        percent(ranking.right),
        ranking.regret_pct.unwrap_or_default(),
        report.constants,
    );
}

/// The figures that the README gives, in its words: `None` where a table is missing.
#[must_use]
pub fn figures(report: &Report) -> Option<String> {
    let speed = report.tables.get("throughput")?;
    let rows = measured(&speed.predictions);
    let left_out = |what: &str| Some(Summary::of(measured(&report.left_out.get(what)?.predictions).into_iter()));
    let (model, source) = (left_out("model")?, left_out("source")?);
    let formula: Vec<Prediction> = rows.iter().map(|row| usual(row)).collect();
    let formula = Summary::of(formula.iter());
    let devices = report.tables.get("memory_of_throughput")?;
    let (own_speed, own_memory) = (report.tables.get("own_speed")?, report.tables.get("own_memory")?);
    let tracked = report.tables.get("memory_tracked")?;
    let (one, none) = (
        |x: Option<f64>| format!("{:.1}", x.unwrap_or(f64::NAN)),
        |x: Option<f64>| format!("{:.0}", x.unwrap_or(f64::NAN)),
    );
    let share = |x: Option<f64>| none(x.map(|x| x * 100.0));
    Some(format!(
        "As committed: speed of {} of {} measured\n\
         configurations, median error {} % (90th percentile {} %) with every row of the model left out of the fit, {} % ({} %)\n\
         with the whole source left out; the usual `6·N·D` over 40 % of the peak is {} % off ({} %) on the same rows. Of what was\n\
         left out, {} and {} % lies inside the 80 % interval. {} runs of our own, never fitted: {} % ({} %) of speed, {} % ({} %)\n\
         of peak memory. Peaks as PyTorch's tracker counts them, {} of {}: median error {} %; {} reported from real devices:\n\
         {} % ({} %).",
        speed.scored,
        speed.rows,
        one(model.median_abs_pct),
        none(model.p90_abs_pct),
        one(source.median_abs_pct),
        none(source.p90_abs_pct),
        none(formula.median_abs_pct),
        none(formula.p90_abs_pct),
        share(model.coverage80),
        share(source.coverage80),
        own_speed.scored,
        one(own_speed.median_abs_pct),
        none(own_speed.p90_abs_pct),
        one(own_memory.median_abs_pct),
        none(own_memory.p90_abs_pct),
        tracked.scored,
        tracked.rows,
        one(tracked.median_abs_pct),
        devices.scored,
        one(devices.median_abs_pct),
        none(devices.p90_abs_pct),
    ))
}

fn spreadsheet(page: &mut String, report: &Report) {
    let Some(table) = report.tables.get("throughput") else { return };
    let _ = writeln!(
        page,
        "\n## Beside the usual formula\n\n\
         The same rows by `6·N·D / (peak × {ASSUMED})`, with active parameters and the peak of the format that is computed in. Our own\n\
         figures here are of the constants as they ship, which saw these rows.\n"
    );
    let _ = writeln!(page, "| rows | by | scored | median error | p90 error | bias | held | width |");
    let _ = writeln!(page, "|---|---|---:|---:|---:|---:|---:|---:|");
    let rows = measured(&table.predictions);
    for (name, mixture) in [("all", None), ("dense models", Some(false)), ("mixtures of experts", Some(true))] {
        let part: Vec<&Prediction> =
            rows.iter().copied().filter(|row| mixture.is_none_or(|mixture| row.traits.mixture == mixture)).collect();
        let usual: Vec<Prediction> = part.iter().map(|row| usual(row)).collect();
        let ours = Summary::of(part.iter().copied());
        let theirs = Summary { coverage80: None, median_width_pct: None, ..Summary::of(usual.iter()) };
        for (by, summary) in [("outlay", ours), ("formula", theirs)] {
            let _ = writeln!(page, "| {name} | {by} | {} {}", summary.scored, cells(&summary));
        }
    }
}

/// What the usual formula says of a row.
fn usual(row: &Prediction) -> Prediction {
    let slower = row.traits.spreadsheet;
    let factor = if row.quantity == "s/step" { slower } else { 1.0 / slower };
    Prediction { predicted: row.predicted * factor, ..row.clone() }
}

fn worst(page: &mut String, rows: &[&Prediction]) {
    let _ = writeln!(
        page,
        "\n## The ten worst\n\n\
         One row of each model, machine and program. Positive: we promise too much. A layout is tp, pp, vpp, cp, ep, dp, micro-batch,\n\
         recomputation, sharding, offload, as published (`-`: not published).\n"
    );
    let _ = writeln!(page, "| row | model | accelerator | program | layout | error of speed |");
    let _ = writeln!(page, "|---|---|---|---|---|---:|");
    let mut sorted: Vec<&&Prediction> = rows.iter().collect();
    sorted.sort_by(|a, b| b.residual().abs().total_cmp(&a.residual().abs()).then_with(|| a.id.cmp(&b.id)));
    let mut seen = Vec::new();
    for row in sorted {
        let key = (&row.model, &row.gpu, &row.group);
        if seen.contains(&key) {
            continue;
        }
        seen.push(key);
        let slower = if row.quantity == "s/step" { row.measured / row.predicted } else { row.predicted / row.measured };
        let stack = row.hardware_and_program().1;
        let layout = row.traits.layout.replace('|', " ");
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {stack} | {layout} | {:+.0} % |",
            row.id,
            row.model,
            row.gpu,
            (slower - 1.0) * 100.0
        );
        if seen.len() == 10 {
            break;
        }
    }
    page.push_str(KNOWN);
}

/// What is known about the worst, by cause.
const KNOWN: &str = "
What is known about them:

- *Consumer cards in groups*: transfers between cards without peer access go through the host, which the links' table does not
  say.
- *Sharded training over Omni-Path* (V100, 2021): the source itself warns of ±40 % between runs on that network; at small
  micro-batches whatever the network did is most of the step.
- *Small models on hundreds of accelerators*: a step of tens of milliseconds is ruled by the host; one pause for all programs
  is too coarse.
- *Mixtures in early releases*: the same program doubled its speed on one configuration within months. Two versions of it are
  told apart, not each release. Mixtures with recurrences and hundreds of small experts (Nemotron 3 Super) run slower than
  their products and traffic account for, and gain next to nothing from 4 bits.
- *Limited power*: one source ran Blackwell parts below their rated power and does not say how far.
- *Scaling by row* (8 bit, over tensor-parallel ranks): forecast as scaling by tensor, which is faster.
";

fn fitted(page: &mut String) {
    let _ = writeln!(
        page,
        "\n## Constants\n\n\
         What evidence moved, and how sure it is: the standard error is of the log, so 0.05 is five percent.\n"
    );
    let _ = writeln!(page, "| constant | before | after | error |");
    let _ = writeln!(page, "|---|---:|---:|---:|");
    for Constant { name, value, fitted } in constants() {
        if let Some((prior, error)) = fitted {
            let _ = writeln!(page, "| `{name}` | {prior} | {value} | {error:.3} |");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{render, usual};
    use crate::score::tests::prediction;
    use crate::score::{Kind, TableScore};
    use crate::validate::Report;

    #[test]
    fn the_formula_moves_rates_and_times_against_each_other() {
        let mut row = prediction("a", 100.0, 100.0, Kind::Measured);
        row.traits.spreadsheet = 2.0;
        assert_eq!(usual(&row).predicted, 50.0);
        row.quantity = "s/step";
        assert_eq!(usual(&row).predicted, 200.0);
    }

    #[test]
    fn the_worst_row_of_each_kind_is_named_once() {
        let rows = [("a", 400.0), ("b", 300.0), ("c", 100.0)].map(|(id, predicted)| {
            let mut row = prediction(id, 100.0, predicted, Kind::Measured);
            row.model = if id == "c" { "small" } else { "large" }.into();
            (id.to_owned(), Ok(row))
        });
        let left_out = [("model", TableScore::of(rows.to_vec()))].into();
        let page = render(&Report { left_out, ..Report::default() });
        assert!(page.contains("| `a` | large | g |") && !page.contains("| `b` |"), "{page}");
        assert!(page.contains("+300 %") && page.contains("| `c` | small |"), "{page}");
    }
}

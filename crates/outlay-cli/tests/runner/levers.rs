//! `outlay levers` and `outlay scaling`: every example, the chart, the law of public runs, what is refused.

use crate::harness::{Place, root};
use serde_json::Value;

fn json(place: &Place, args: &[&str]) -> Value {
    let output = place.output(args);
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{args:?}: {e}\n{}", String::from_utf8_lossy(&output.stderr)))
}

fn rows(answer: &Value) -> &[Value] {
    answer["levers"].as_array().expect("levers")
}

#[test]
fn every_example_has_levers_of_every_group() {
    for entry in std::fs::read_dir(root().join("examples")).expect("a working test place") {
        let path = entry.expect("a working test place").path();
        let answer = json(&Place::new(), &["levers", path.to_str().expect("a working test place"), "--json"]);
        let moved = |group: &str| rows(&answer).iter().any(|row| row["group"] == group && !row["after"].is_null());
        for group in ["architecture", "dynamics", "precision", "sweep", "lasting", "layout", "data"] {
            assert!(moved(group), "{}: {group}", path.display());
        }
        for row in rows(&answer) {
            assert!(row["after"].is_null() != row["impossible"].is_null(), "{row}");
            assert!(row["why"].as_str().is_some_and(|why| why.len() > 10), "{row}");
        }
    }
}

#[test]
fn levers_that_move_the_bill_most_come_first() {
    let place = Place::new();
    let args = ["levers", "--model", "llama-3.1-8b", "--method", "lora", "--tokens", "6M", "--json"];
    let answer = json(&place, &args);
    let here = answer["standing"]["cost_usd"].as_f64().expect("a cost");
    let moves: Vec<f64> = rows(&answer)
        .iter()
        .filter_map(|row| row["after"]["cost_usd"].as_f64())
        .map(|cost| (cost / here).ln().abs())
        .collect();
    assert!(moves.len() > 40 && moves.is_sorted_by(|one, other| one >= other), "{moves:?}");
    // One thread and many give the same bytes.
    let alone = place.command(&args).env("RAYON_NUM_THREADS", "1").output().expect("a working test place");
    assert_eq!(alone.stdout, place.output(&args).stdout);
}

#[test]
fn the_tornado_is_an_svg() {
    let place = Place::new();
    let shown = place.run(&["levers", "--model", "llama-3.2-1b", "--tokens", "6M", "--svg", "t.svg", "--limit", "3"]);
    assert!(shown.starts_with("status 0\n"), "{shown}");
    assert!(shown.contains("steps; --limit 0 shows all"), "{shown}");
    let drawn = place.read("t.svg");
    assert!(drawn.starts_with("<svg") && drawn.trim_end().ends_with("</svg>"), "{}", &drawn[..200.min(drawn.len())]);
    assert!(drawn.contains("What moves the bill") && drawn.matches("<rect").count() > 10);
}

#[test]
fn a_law_of_small_public_runs_foresees_the_large_ones() {
    let table = root().join("accuracy/evidence/openlm_scaling.csv");
    let table = table.to_str().expect("a working test place");
    let args = ["scaling", "fit", table, "--fit-below", "500M", "--foresee-from", "1B", "--json"];
    let answer = json(&Place::new(), &args);
    let share = |key: &str| answer[key].as_f64().expect("a share");
    assert_eq!(answer["compared"], 9);
    assert!(share("within") >= 0.9, "{answer}");
    assert!((0.75..=0.9).contains(&share("covered")), "{answer}");
}

#[test]
fn a_budget_buys_a_model() {
    let place = Place::new();
    let size = |budget: &str| {
        let answer = json(&place, &["scaling", "optimum", "--budget", budget, "--gpu", "h100-sxm", "--json"]);
        let best = &answer["best"];
        let cost = best["cost_usd"]["mid"].as_f64().expect("a cost");
        assert!(cost <= budget.trim_start_matches('$').parse().expect("a budget"), "{answer}");
        assert!(answer["opinions"].as_array().is_some_and(|all| all.len() >= 4));
        best["params"].as_f64().expect("a size")
    };
    assert!(size("$100") < size("$1000") && size("$1000") < size("$10000"));
}

#[test]
fn a_broken_table_is_told_line_by_line() {
    let place = Place::new().file("runs.csv", "params,tokens,loss\n1e8,2e9,3.4\nmany,2e9,3.4\n1e8,2e9,-1\n");
    let shown = place.run(&["scaling", "fit", "runs.csv"]);
    assert!(shown.starts_with("status 2\n"), "{shown}");
    assert!(shown.contains("line 3 of runs.csv") && shown.contains("line 4 of runs.csv"), "{shown}");
    let shown = Place::new().file("runs.csv", "a,b\n1,2\n").run(&["scaling", "fit", "runs.csv"]);
    assert!(shown.contains("no column params") && shown.contains("no column loss"), "{shown}");
    let shown = Place::new().run(&["scaling", "optimum"]);
    assert!(shown.starts_with("status 2\n") && shown.contains("--budget"), "{shown}");
}

#[test]
fn a_scan_feeds_the_job() {
    let sample = |words: usize| format!("{{\"text\": \"{}\"}}\n", "word ".repeat(words));
    let lines: String = (0..400).map(|at| sample(50 + at % 300)).collect();
    let place = Place::new().file("set.jsonl", lines);
    let scan = place.output(&["data", "scan", "set.jsonl", "--json"]);
    let place = place.file("scan.json", scan.stdout);
    let args = ["plan", "--model", "llama-3.2-1b", "--method", "lora", "--seq-len", "512", "--json"];
    let measured = json(&place, &[&args[..], &["--scan", "scan.json"]].concat());
    let counted: Value = serde_json::from_str(&place.read("scan.json")).expect("a scan");
    assert_eq!(measured["job"]["tokens"], counted["tokens"]);
    // A file that is only named is counted by its size.
    let sized = json(&place, &[&args[..], &["--data", "set.jsonl"]].concat());
    let tokens = |answer: &Value| answer["job"]["tokens"].as_f64().expect("tokens");
    assert!((tokens(&sized) / tokens(&measured)).ln().abs() < 0.5, "{} {}", tokens(&sized), tokens(&measured));
    let shown = place.run(&["plan", "--model", "llama-3.2-1b", "--scan", "set.jsonl"]);
    assert!(shown.starts_with("status 2\n") && shown.contains("scan-not-json"), "{shown}");
}

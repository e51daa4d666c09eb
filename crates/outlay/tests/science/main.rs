//! Worked examples of the literature: every case of `cases.csv`, computed by the product's own functions.
//!
//! One module a lever. A module's `value` maps a case's function name and inputs to the product's answer; a case
//! without an answer fails, so none can be skipped silently. Levers not yet listed in `LEVERS` have no code yet.

mod learning;
mod lever1;
mod lever2;
mod lever3;
mod lever9;
#[path = "../search/scenarios.rs"]
#[allow(dead_code)]
mod scenarios;
mod spending;

use serde_json::Value;

/// One row of `cases.csv`.
struct Case {
    id: String,
    inputs: Value,
    expected: f64,
    tolerance: String,
}

fn cases(lever: &str) -> Vec<Case> {
    let mut reader = csv::Reader::from_reader(include_str!("cases.csv").as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("a well-formed row")).collect();
    rows.iter()
        .filter(|row| &row[1] == lever)
        .map(|row| Case {
            id: row[0].to_string(),
            inputs: serde_json::from_str(&row[2]).expect("inputs are JSON"),
            expected: row[3].parse().expect("a number"),
            tolerance: row[5].to_string(),
        })
        .collect()
}

fn within(got: f64, case: &Case) -> bool {
    let (kind, bound) = case.tolerance.split_once(':').expect("kind:bound");
    let bound: f64 = bound.parse().expect("a number");
    let off = (got - case.expected).abs();
    match kind {
        "rel" => off <= bound * case.expected.abs(),
        "abs" => off <= bound,
        other => panic!("{}: unknown tolerance {other}", case.id),
    }
}

/// Runs every case of a lever and reports all that fail.
fn check(lever: &str, value: fn(&str, &Inputs) -> Option<f64>) {
    let cases = cases(lever);
    assert!(!cases.is_empty(), "no cases for lever {lever}");
    let mut failed = Vec::new();
    for case in &cases {
        let inputs = Inputs(&case.inputs);
        match value(inputs.text("fn"), &inputs) {
            None => failed.push(format!("{}: nothing computes {}", case.id, case.inputs)),
            Some(got) if !within(got, case) => {
                failed.push(format!("{}: got {got}, want {} ({})", case.id, case.expected, case.tolerance));
            }
            Some(_) => {}
        }
    }
    assert!(failed.is_empty(), "{} of {} fail:\n{}", failed.len(), cases.len(), failed.join("\n"));
}

/// A case's inputs, read by name.
struct Inputs<'a>(&'a Value);

#[allow(dead_code)]
impl Inputs<'_> {
    fn has(&self, key: &str) -> bool {
        self.0.get(key).is_some()
    }
    fn number(&self, key: &str) -> f64 {
        self.0[key].as_f64().unwrap_or_else(|| panic!("{key} is not a number in {}", self.0))
    }
    fn count(&self, key: &str) -> u64 {
        self.number(key) as u64
    }
    fn numbers(&self, key: &str) -> Vec<f64> {
        self.0[key].as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
    }
    fn flag(&self, key: &str) -> bool {
        self.0.get(key).and_then(Value::as_bool).unwrap_or(false)
    }
    fn text(&self, key: &str) -> &str {
        self.0[key].as_str().unwrap_or_else(|| panic!("{key} is not text in {}", self.0))
    }
}

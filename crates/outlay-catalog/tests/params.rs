//! Every config of the evidence that is read has exactly the published parameter counts.

use outlay_catalog::model;
use outlay_core::model::params;

const EVIDENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../accuracy/evidence");

fn config(name: &str) -> serde_json::Value {
    let path = format!("{EVIDENCE}/configs/{name}.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    model::json(&text).unwrap_or_else(|e| panic!("{path}: {e}"))
}

#[test]
fn counts_are_exact() {
    let mut reader = csv::Reader::from_path(format!("{EVIDENCE}/params.csv")).expect("the table is there");
    let (mut read, mut unread, mut off) = (0, Vec::new(), Vec::new());
    for row in reader.records() {
        let row = row.expect("a well-formed row");
        let (name, total, active) = (&row[0], &row[2], &row[3]);
        match model::read(name, &config(name)) {
            Err(errors) => unread.push(format!("{name}: {}", errors[0])),
            Ok(model) => {
                read += 1;
                let got = (params::total(&model), params::active(&model));
                let want: (u64, u64) = (total.parse().expect("a count"), active.parse().expect("a count"));
                if got != want {
                    let diff = (got.0 as i64 - want.0 as i64, got.1 as i64 - want.1 as i64);
                    off.push(format!("{name} ({}): got {got:?}, want {want:?}, off by {diff:?}", &row[1]));
                }
            }
        }
    }
    assert!(
        off.is_empty(),
        "{} of {read} read are off:\n{}\nunread:\n{}",
        off.len(),
        off.join("\n"),
        unread.join("\n")
    );
}

#[test]
fn nearly_every_config_is_read() {
    let mut names: Vec<String> = std::fs::read_dir(format!("{EVIDENCE}/configs"))
        .expect("the folder is there")
        .filter_map(|entry| Some(entry.ok()?.file_name().to_str()?.strip_suffix(".json")?.to_owned()))
        .collect();
    names.sort();
    let unread: Vec<String> = names
        .iter()
        .filter_map(|name| model::read(name, &config(name)).err().map(|e| format!("{name}: {}", e[0])))
        .collect();
    let share = 1.0 - unread.len() as f64 / names.len() as f64;
    assert!(share >= READ_AT_LEAST, "{:.1} % read; unread:\n{}", share * 100.0, unread.join("\n"));
}

/// Share of all configs that must be read.
const READ_AT_LEAST: f64 = 0.95;

#[test]
fn a_qwen_window_is_off_unless_switched_on() {
    use outlay_core::model::Mask;
    let mask = |family: &str, switch: Option<bool>| {
        let mut config = config("llama-2-7b");
        config["model_type"] = family.into();
        config["sliding_window"] = 1024.into();
        config["use_sliding_window"] = switch.map_or(serde_json::Value::Null, Into::into);
        let model = model::read("a", &config).unwrap_or_else(|e| panic!("{}", e[0]));
        model.attention().map(|a| a.mask)
    };
    assert_eq!(mask("qwen2", None), Some(Mask::Causal));
    assert_eq!(mask("qwen2", Some(true)), Some(Mask::Window { window: 1024 }));
    assert_eq!(mask("mistral", None), Some(Mask::Window { window: 1024 }));
}

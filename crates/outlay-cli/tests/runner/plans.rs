//! Plans and estimates: the examples, flags without a file, promises about what is offered.

use crate::harness::{Place, root, run, without_figures};

fn json(args: &[&str]) -> serde_json::Value {
    let output = Place::new().output(args);
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{args:?}: {e}\n{}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn every_example_is_answered() {
    let folder = root().join("examples");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .expect("a working test place")
        .map(|entry| entry.expect("a working test place").path())
        .collect();
    files.sort();
    assert!(files.len() >= 7);
    for file in files {
        let shown = run(&["plan", file.to_str().expect("a working test place")]);
        assert!(shown.starts_with("status 0\n") || shown.starts_with("status 1\n"), "{}: {shown}", file.display());
        assert!(shown.contains("assumed"), "{shown}");
    }
}

#[test]
fn flags_need_no_file() {
    let shown = run(&["plan", "--model", "llama-3.1-8b", "--method", "qlora", "--tokens", "6M", "--epochs", "3"]);
    assert!(shown.starts_with("status 0\n"), "{shown}");
    let text = without_figures(&shown);
    assert!(text.contains("GiB, fits") && text.contains("80 %: ") | text.contains("# %: "), "{text}");
}

#[test]
fn qlora_of_eight_billion_runs_on_a_small_card() {
    let answer = json(&["plan", "--model", "llama-3.1-8b", "--method", "qlora", "--tokens", "6M", "--json"]);
    let capacity = answer["pick"]["capacity_gib"].as_f64().expect("a pick");
    assert!(capacity <= 24.0, "{capacity} GiB");
    assert_eq!(answer["pick"]["fit"], "fits");
}

#[test]
fn full_fine_tuning_of_seventy_billion_never_offers_what_cannot_fit() {
    let answer =
        json(&["plan", "--model", "llama3.1-70b", "--method", "full", "--tokens", "10M", "--max-gpus", "64", "--json"]);
    let front = answer["front"].as_array().expect("a list");
    let offered = front.iter().chain(answer["pick"].as_object().map(|_| &answer["pick"]));
    for plan in offered {
        assert_eq!(plan["fit"], "fits", "{plan}");
        assert!(plan["memory_gib"].as_f64() <= plan["capacity_gib"].as_f64(), "{plan}");
    }
}

#[test]
fn an_impossible_budget_is_answered_with_a_way_out() {
    let shown = run(&["plan", "--model", "llama-3.1-8b", "--method", "qlora", "--tokens", "1B", "--budget", "$0.01"]);
    assert!(shown.starts_with("status 1\n"), "{shown}");
    assert!(shown.contains("a budget of $"), "{shown}");
}

#[test]
fn the_same_question_gives_the_same_bytes_on_any_number_of_threads() {
    let args = ["plan", "--model", "llama-3.1-8b", "--method", "lora", "--tokens", "6M", "--json"];
    let with = |threads: &str| {
        let place = Place::new();
        let mut command = place.command(&args);
        command.env("RAYON_NUM_THREADS", threads).output().expect("a working test place").stdout
    };
    let one = with("1");
    assert!(!one.is_empty());
    assert_eq!(one, with("2"));
    assert_eq!(one, with("2"));
}

#[test]
fn an_estimate_shows_its_terms() {
    let shown = run(&["estimate", "--model", "llama-3.1-8b", "--gpu", "h100-sxm", "--gpus", "8", "--explain"]);
    assert!(shown.starts_with("status 0\n"), "{shown}");
    for term in ["memory", "weights", "step", "matrix products", "time on the clock", "machines"] {
        assert!(shown.contains(term), "no {term} in {shown}");
    }
}

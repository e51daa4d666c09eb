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

const TUNE: &str = "[model]\nbase = \"llama-3.1-8b\"\n[method]\nkind = \"qlora\"\n[data]\ntokens = \"6M\"\n";

#[test]
fn a_named_plan_is_told_why_it_loses() {
    let place = Place::new().file("job.toml", TUNE);
    let shown = place.run(&["why", "job.toml", "--gpu", "l4"]);
    assert!(shown.starts_with("status 0\n"), "{shown}");
    for part in ["dearer", "plans do better; against it: ", "what it costs more", "what it takes longer"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    let answer = place.output(&["why", "job.toml", "--gpu", "l4", "--json"]);
    let answer: serde_json::Value = serde_json::from_slice(&answer.stdout).expect("JSON");
    let figure = |of: &serde_json::Value| of["cost_usd"]["mid"].as_f64().expect("a price");
    let parts = answer["cost"]["parts"].as_array().expect("terms");
    let sum: f64 = parts.iter().map(|part| part["value"].as_f64().expect("a figure")).sum();
    assert!((sum - figure(&answer["named"]) + figure(&answer["pick"])).abs() < 1e-6);
    assert!(place.run(&["why", "job.toml"]).contains("is the pick"));
    let shown = place.run(&["why", "job.toml", "--gpu", "l4", "--budget", "$0.01"]);
    assert!(shown.starts_with("status 1\n") && shown.contains("feasible with"), "{shown}");
}

#[test]
fn the_search_says_how_much_it_looked_at() {
    let place = Place::new().file("job.toml", TUNE);
    let shown = place.run(&["plan", "job.toml", "--explain-search"]);
    for part in ["kinds of machines", "bounded away", "legal layouts", "weighed", "no plan is better"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    let answer = json(&["plan", "--model", "llama-3.1-8b", "--method", "qlora", "--tokens", "6M", "--json"]);
    let count = |key: &str| answer["search"][key].as_u64().expect("a count");
    assert!(count("surveyed") <= count("machines") && count("weighed") <= count("timed"));
    assert!(count("timed") <= count("layouts") && count("layouts") <= count("covered"));
    assert_eq!(answer["search"]["proven"], true);
}

#[test]
fn a_time_limit_gives_the_best_so_far_and_what_is_proven() {
    let job = ["plan", "--model", "llama-3.1-405b", "--start", "scratch", "--tokens", "15.6T", "--seq-len", "8192"];
    let job = [&job[..], &["--global-batch", "2048", "--max-gpus", "8192", "--time-limit", "0", "--json"]].concat();
    let answer = json(&job);
    assert_eq!(answer["search"]["proven"], false);
    assert!(answer["search"]["gap"].as_f64().is_some_and(|gap| (0.0..1.0).contains(&gap)));
    assert!(answer["warnings"].to_string().contains("ended early"));
    for wrong in ["-1", "nan", "1e300"] {
        let shown = run(&["plan", "--model", "llama-3.1-8b", "--tokens", "1M", &format!("--time-limit={wrong}")]);
        assert!(shown.starts_with("status 2\n") && shown.contains("--time-limit"), "{shown}");
    }
}

#[test]
fn a_change_of_a_job_is_weighed() {
    let changed = TUNE.replace("6M", "12M").replace("[data]", "rank = 64\n[data]");
    let place = Place::new().file("a.toml", TUNE).file("b.toml", changed);
    let shown = place.run(&["diff", "a.toml", "b.toml", "--fail-over", "10%"]);
    assert!(shown.starts_with("status 1\n") && shown.contains("more than 10.0 %"), "{shown}");
    for part in ["data.tokens  6M           12M", "method.rank  not written  64", "what it costs more"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    assert!(place.run(&["diff", "a.toml", "b.toml", "--fail-over", "500%"]).starts_with("status 0\n"));
    let same = place.run(&["diff", "a.toml", "a.toml", "--fail-over", "0"]);
    assert!(same.starts_with("status 0\n") && same.contains("Nothing is written differently"), "{same}");
    let comment = place.run(&["diff", "a.toml", "b.toml", "--markdown"]);
    assert!(comment.contains("| cost |") && comment.contains("<details><summary>what changed"), "{comment}");
    let answer = place.output(&["diff", "a.toml", "b.toml", "--json"]);
    let answer: serde_json::Value = serde_json::from_slice(&answer.stdout).expect("JSON");
    let cost = answer["figures"].as_array().and_then(|all| all.iter().find(|f| f["name"] == "cost")).expect("a cost");
    let terms = answer["cost"]["value"].as_f64().expect("a sum");
    let moved = cost["after"].as_f64().expect("after") - cost["before"].as_f64().expect("before");
    assert!((terms - moved).abs() < 1e-6, "{terms} and {moved}");
    // Flags go over both; a budget that only the first keeps to is the status.
    let poor = place.run(&["diff", "a.toml", "b.toml", "--budget", "$0.30"]);
    assert!(poor.starts_with("status 1\n") && poor.contains("No longer feasible"), "{poor}");
    assert!(place.run(&["diff", "a.toml"]).starts_with("status 2\n"));
    let broken = place.file("c.toml", "[model]\nbase = \"llama-3.1-8c\"\n").run(&["diff", "a.toml", "c.toml"]);
    assert!(broken.starts_with("status 2\n") && broken.contains("c.toml"), "{broken}");
}

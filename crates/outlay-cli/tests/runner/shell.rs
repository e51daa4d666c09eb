//! What a shell gets: completions, manual pages, a job file to begin with.

use crate::harness::{Place, run};

#[test]
fn completions_know_the_commands_and_flags() {
    for (shell, mark) in [("bash", "_outlay()"), ("zsh", "#compdef outlay"), ("fish", "complete -c outlay")] {
        let shown = run(&["completions", shell]);
        assert!(shown.starts_with("status 0\n") && shown.contains(mark), "{shell}");
        assert!(shown.contains("levers") && shown.contains("global-batch"), "{shell}");
    }
    for shell in ["elvish", "powershell"] {
        assert!(run(&["completions", shell]).contains("global-batch"), "{shell}");
    }
    assert!(run(&["completions", "tcsh"]).starts_with("status 2\n"));
}

#[test]
fn manual_pages_are_printed_or_written() {
    let shown = run(&["man"]);
    assert!(shown.contains(".TH outlay 1") && shown.contains("Examples:"), "{shown}");
    let place = Place::new();
    let said = place.run(&["man", "pages/man1"]);
    assert!(said.starts_with("status 0\n") && said.contains("outlay-plan.1"), "{said}");
    assert!(place.read("pages/man1/outlay-plan.1").contains("global\\-batch"));
    assert!(place.read("pages/man1/outlay-data-scan.1").contains("tokenizer"));
    let said = Place::new().file("taken", "").run(&["man", "taken"]);
    assert!(said.starts_with("status 2\n") && said.contains("file-not-written"), "{said}");
}

#[test]
fn help_is_enough() {
    let shown = run(&["--help"]);
    for word in ["Examples:", "outlay init", "Exit status", "mcp", "completions"] {
        assert!(shown.contains(word), "no {word} in {shown}");
    }
}

#[test]
fn a_job_from_flags_alone_is_one_that_plan_accepts() {
    let place = Place::new();
    let said = place.run(&["init", "--yes"]);
    assert!(said.starts_with("status 0\n") && said.contains("wrote job.toml"), "{said}");
    assert!(place.run(&["plan", "job.toml"]).starts_with("status 0\n"));
    let text = place.read("job.toml");
    let (settings, comments): (Vec<&str>, Vec<&str>) =
        text.lines().filter(|line| !line.is_empty()).partition(|line| !line.starts_with('#'));
    insta::assert_snapshot!(settings.join("\n"), @r#"
    [model]
    base = "llama-3.1-8b"    # Preset name, path of a config.json or its folder, or org/name of the hub
    [method]
    kind = "qlora"    # full, lora, qlora, dora or freeze
    [data]
    epochs = 3        # Passes over the data
    seq_len = 2048    # Tokens of a training sequence
    tokens = "6M"     # Distinct tokens, as 6M or 1.2B
    [train]
    [hardware]
    max_gpus = 8                # At most so many accelerators
    purchase = ["on-demand"]    # on-demand, spot, reserved, owned, block, mixed
    [goal]
    minimize = "cost"    # cost, time, cost*time, worst-cost, card or loss
    "#);
    assert!(comments.iter().any(|line| line.contains("is assumed: ")), "{text}");
}

#[test]
fn flags_answer_their_questions() {
    let place = Place::new();
    let said = place.run(&[
        "init",
        "mine.toml",
        "-y",
        "--model",
        "mistral-7b-v0.1",
        "--method",
        "lora",
        "--rank",
        "8",
        "--samples",
        "20000",
        "--mean-len",
        "450",
        "--gpu",
        "a100*,h100*",
        "--purchase",
        "spot",
        "--budget",
        "$50",
        "--vary",
        "train.precision=bf16,fp8",
        "--vary",
        "train.global_batch=16,32",
        "--layers",
        "3",
        "--observed",
        "tokens_per_s=3500,accelerator=a100-80gb-sxm,gpus=1",
    ]);
    // A model by hand beside a named one is a contradiction, which the door knows.
    assert!(said.starts_with("status 2\n"), "{said}");
    let said = place.run(&[
        "init",
        "mine.toml",
        "-y",
        "--model",
        "mistral-7b-v0.1",
        "--method",
        "lora",
        "--rank",
        "8",
        "--samples",
        "20000",
        "--mean-len",
        "450",
        "--gpu",
        "a100*,h100*",
        "--purchase",
        "spot",
        "--budget",
        "$50",
        "--vary",
        "method.rank=8,16",
        "--vary",
        "train.global_batch=16,32",
        "--extras",
        "engineering_hours=4",
        "--deadline",
        "2d",
    ]);
    assert!(said.starts_with("status 0\n"), "{said}");
    let text = place.read("mine.toml");
    for line in ["rank = 8 ", "accelerators = [\"a100*\", \"h100*\"]", "budget = \"$50\"", "[vary]", "[extras]"] {
        assert!(text.contains(line), "no {line} in\n{text}");
    }
    let flags = place.output(&[
        "plan",
        "--model",
        "mistral-7b-v0.1",
        "--method",
        "lora",
        "--rank",
        "8",
        "--samples",
        "20000",
        "--mean-len",
        "450",
        "--epochs",
        "3",
        "--seq-len",
        "2048",
        "--max-gpus",
        "8",
        "--goal",
        "cost",
        "--gpu",
        "a100*,h100*",
        "--purchase",
        "spot",
        "--budget",
        "$50",
        "--vary",
        "method.rank=8,16",
        "--vary",
        "train.global_batch=16,32",
        "--extras",
        "engineering_hours=4",
        "--deadline",
        "2d",
        "--json",
    ]);
    assert_eq!(place.output(&["plan", "mine.toml", "--json"]).stdout, flags.stdout);
}

#[test]
fn nothing_is_overwritten_unasked() {
    let place = Place::new().file("job.toml", "precious");
    let said = place.run(&["init", "--yes"]);
    assert!(said.starts_with("status 2\n") && said.contains("file-exists") && said.contains("--force"), "{said}");
    assert_eq!(place.read("job.toml"), "precious");
    assert!(place.run(&["init", "--yes", "--force"]).starts_with("status 0\n"));
    assert!(place.read("job.toml").contains("[model]"));
}

#[test]
fn without_a_terminal_the_way_out_is_said() {
    let place = Place::new();
    let said = place.run(&["init"]);
    assert!(said.starts_with("status 2\n") && said.contains("nobody-to-ask") && said.contains("--yes"), "{said}");
    assert!(place.run(&["plan", "job.toml"]).contains("file-not-found"));
}

#[test]
fn the_job_can_go_to_stdout() {
    let place = Place::new();
    let output = place.output(&["init", "-", "--yes", "--tokens", "1M"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.starts_with("# A job for outlay") && text.contains("tokens = \"1M\""), "{text}");
}

#[test]
fn what_is_wrong_with_a_flag_is_said_before_anything_is_written() {
    let place = Place::new();
    let said = place.run(&["init", "--yes", "--model", "lama-3.1-8b"]);
    assert!(said.starts_with("status 2\n") && said.contains("llama-3.1-8b"), "{said}");
    assert!(place.run(&["plan", "job.toml"]).contains("file-not-found"));
}

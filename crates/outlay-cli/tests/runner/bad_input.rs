//! Bad input: status 2, all problems at once, each with its place and way out.

use crate::harness::{Place, run};

/// Status 2, and every one of these in what is said.
fn refused(shown: &str, words: &[&str]) {
    assert!(shown.starts_with("status 2\n"), "{shown}");
    for word in words {
        assert!(shown.contains(word), "no `{word}` in:\n{shown}");
    }
    assert!(!shown.contains("panicked"), "{shown}");
}

#[test]
fn all_slips_of_a_file_are_named_at_once() {
    let place = Place::new().file(
        "job.toml",
        "[model]\nbase = \"llama-3.1-8b\"\n[data]\nepohcs = 3\ntokens = true\n[hardware]\nmaxgpus = 8\n[modle]\n",
    );
    let shown = place.run(&["plan", "job.toml"]);
    refused(&shown, &["epohcs", "did you mean `epochs`", "data.tokens", "maxgpus", "`max_gpus`", "modle", "4 faults"]);
}

#[test]
fn broken_toml_has_its_line() {
    let place = Place::new().file("job.toml", "[model]\nbase = \"x\n");
    refused(&place.run(&["plan", "job.toml"]), &["bad-syntax", "line 2"]);
}

#[test]
fn files_that_are_not_there_or_not_text() {
    refused(&run(&["plan", "nowhere.toml"]), &["nowhere.toml"]);
    let place = Place::new().file("job.toml", [0xff, 0xfe, 0x00]);
    refused(&place.run(&["plan", "job.toml"]), &["UTF-8"]);
}

#[test]
fn names_get_their_nearest() {
    refused(&run(&["plan", "--model", "lama-3.1-8b"]), &["unknown-model", "llama-3.1-8b"]);
    refused(&run(&["plan", "--model", "llama-3.1-8b", "--gpu", "h1000"]), &["h1000", "H100"]);
}

#[test]
fn absurd_and_contradictory_values() {
    let shown = run(&["plan", "--model", "llama-3.1-8b", "--tokens", "1e30", "--budget", "-5", "--epochs", "0"]);
    refused(&shown, &["--tokens", "--budget", "--epochs"]);
    let shown = run(&["plan", "--model", "llama-3.1-8b", "--tokens", "1M", "--samples", "10"]);
    refused(&shown, &["contradiction"]);
}

#[test]
fn a_config_without_a_field_says_which() {
    let place = Place::new().file("m/config.json", r#"{"model_type": "llama", "hidden_size": 64}"#);
    refused(&place.run(&["plan", "--model", "./m"]), &["num_attention_heads", "vocab_size"]);
    let place = Place::new().file("m/config.json", r#"{"model_type": "lama"}"#);
    refused(&place.run(&["plan", "--model", "./m"]), &["lama", "[model.custom]"]);
}

#[test]
fn a_hub_model_offline_says_the_way_out() {
    refused(&run(&["plan", "--model", "nobody/nothing"]), &["offline"]);
}

#[test]
fn numbers_without_end_and_widths_of_zero() {
    let text = "[model]\nbase = \"llama-3.1-8b\"\n[data]\nepochs = nan\n[limits]\nbudget = inf\n";
    let place = Place::new().file("job.toml", text);
    refused(&place.run(&["plan", "job.toml"]), &["data.epochs", "limits.budget"]);
    let text = "[model]\nbase = \"llama-3.1-8b\"\n[hardware]\ndomain = 0\nnetwork_gbit = -1.0\n[data]\nsteps = 0\n";
    let place = Place::new().file("job.toml", text);
    refused(&place.run(&["plan", "job.toml"]), &["hardware.domain", "hardware.network_gbit", "data.steps"]);
}

#[test]
fn what_the_part_cannot_do() {
    let estimate = |more: &[&str]| {
        let mut args = vec!["estimate", "--model", "llama-3.1-8b", "--tokens", "1M"];
        args.extend(more);
        run(&args)
    };
    refused(
        &estimate(&["--gpu", "v100-32gb", "--precision", "fp8", "--attention", "flash2"]),
        &["2 faults", "not-on-this-part", "fp8 arithmetic", "attention = \"auto\""],
    );
    refused(&estimate(&["--gpu", "a100-80gb-sxm", "--attention", "flash3"]), &["not-on-this-part", "A100"]);
    let plan =
        run(&["plan", "--model", "llama-3.1-8b", "--tokens", "1M", "--gpu", "v100-32gb", "--precision", "mxfp8"]);
    refused(&plan, &["not-on-this-part", "mxfp8 arithmetic"]);
}

#[test]
fn one_slip_does_not_hide_the_next() {
    let text = "[model]\nbase = \"llama-3.1-8b\"\n[method]\nkind = \"lorra\"\nrank = 0\n[train]\nstack = \"torchtun\"\n\
        precision = \"bf61\"\n[layout]\ntp = 5\n";
    let place = Place::new().file("job.toml", text);
    let words = ["5 faults", "`lora`", "method.rank", "torchtune", "train.precision", "layout.tp"];
    refused(&place.run(&["plan", "job.toml"]), &words);
}

#[test]
fn adapters_go_on_modules_of_the_model() {
    let text = "[model]\nbase = \"llama-3.1-8b\"\n[method]\nkind = \"lora\"\ntargets = [\"q_porj\", \"v_proj\"]\n[data]\ntokens = \"1M\"\n";
    let place = Place::new().file("job.toml", text);
    refused(&place.run(&["plan", "job.toml"]), &["method.targets", "q_porj", "did you mean `q_proj`", "all-linear"]);
}

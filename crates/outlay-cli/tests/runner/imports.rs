//! Configs of training programs: what is read of them, and every command that takes one.

use crate::harness::Place;

const AXOLOTL: &str = "\
base_model: NousResearch/Meta-Llama-3-8B
datasets: [{path: org/set, type: alpaca}]
sequence_len: 2048
micro_batch_size: 2
gradient_accumulation_steps: 4
num_epochs: 1
learning_rate: 2e-4
adapter: qlora
lora_r: 32
lora_target_linear: true
sample_packing: true
gradient_checkpointing: true
deepspeed: zero2.json
wandb_project: mine
hf_token: hf_secret
colour: red
";

const LAUNCHER: &str = "distributed_type: MULTI_GPU\nnum_machines: 1\nnum_processes: 4\nmixed_precision: bf16\n";

fn place() -> Place {
    let settings = r#"{"zero_optimization": {"stage": 2}}"#;
    Place::new().file("train.yml", AXOLOTL).file("zero2.json", settings).file("launch.yaml", LAUNCHER)
}

#[test]
fn a_config_as_a_job() {
    insta::assert_snapshot!(place().run(&["import", "train.yml"]), @"");
}

#[test]
fn the_printed_job_is_one() {
    let place = place();
    let job = place.output(&["import", "train.yml", "--with", "launch.yaml", "--tokens", "10M"]);
    let text = String::from_utf8(job.stdout).expect("text");
    assert!(text.contains("gpus = 4") && text.contains("tokens = 10000000") && !text.contains("secret"), "{text}");
    let place = place.file("job.toml", text);
    let plan = |args: &[&str]| String::from_utf8(place.output(args).stdout).expect("text");
    let first = |text: String| text.lines().next().map(str::to_owned);
    let ours = first(plan(&["plan", "job.toml"]));
    let theirs = first(plan(&["plan", "train.yml", "--with", "launch.yaml", "--tokens", "10M"]));
    assert!(ours.as_deref().is_some_and(|line| line.starts_with("4× ")), "{ours:?}");
    assert_eq!(ours, theirs);
}

#[test]
fn warnings_stand_in_the_answer() {
    let place = place();
    let json = |args: &[&str]| String::from_utf8(place.output(args).stdout).expect("text");
    let open = json(&["plan", "train.yml", "--tokens", "10M", "--json"]);
    assert!(open.contains("hardware.gpus: such a config does not say"), "{open}");
    assert!(open.contains("unknown keys, not counted: colour"), "{open}");
    assert!(!open.contains("data.tokens: such a config"), "what a flag says is no longer open");
    let closed =
        json(&["estimate", "train.yml", "--tokens", "10M", "--gpus", "4", "--accelerators", "h100-sxm", "--json"]);
    assert!(!closed.contains("hardware.gpus: such"), "{closed}");
}

#[test]
fn two_configs_are_compared() {
    let place = place().file("new.yml", AXOLOTL.replace("adapter: qlora", "adapter: lora"));
    let args = ["diff", "train.yml", "new.yml", "--gpus", "4", "--tokens", "10M", "--accelerators", "h100-sxm"];
    let text = String::from_utf8(place.output(&args).stdout).expect("text");
    assert!(text.contains("method.kind") && text.contains("qlora") && !text.contains("remarks"), "{text}");
}

#[test]
fn what_is_no_training_is_told() {
    insta::assert_snapshot!(place().run(&["plan", "launch.yaml"]), @"");
    let grpo = Place::new().file("grpo.yml", format!("{AXOLOTL}rl: grpo\n"));
    insta::assert_snapshot!(grpo.run(&["plan", "grpo.yml"]), @"");
    insta::assert_snapshot!(Place::new().file("x.yml", "hello: world\n").run(&["import", "x.yml"]), @"");
    let job = Place::new().file("job.toml", "[model]\nbase = \"llama-3.1-8b\"\n");
    insta::assert_snapshot!(job.run(&["import", "job.toml"]), @"");
}

#[test]
fn a_survey_counts_by_stack() {
    let place = Place::new()
        .file("repo/a.yml", AXOLOTL)
        .file("repo/b.yml", AXOLOTL.replace("colour: red\n", ""))
        .file("repo/c.yml", format!("{AXOLOTL}rl: grpo\n"))
        .file("repo/note.yml", "hello: world\n");
    insta::assert_snapshot!(place.run(&["import", "--survey", "repo"]), @"");
}

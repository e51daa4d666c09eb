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
    insta::assert_snapshot!(place().run(&["import", "train.yml"]), @r#"
    status 0
    --- stdout
    # read from a config of Axolotl

    [data]
    epochs = 1      # epochs
    packing = true  # sample_packing
    seq_len = 2048  # sequence_len

    [layout]
    micro_batch = 2  # micro_batch_size
    zero = "none"    # deepspeed

    [method]
    double_quant = true
    dropout = 0
    kind = "qlora"          # adapter
    rank = 32               # adapter
    targets = "all-linear"  # adapter

    [model]
    base = "NousResearch/Meta-Llama-3-8B"  # base_model

    [train]
    global_batch = 8
    learning_rate = 2e-4  # learning_rate
    optimizer = "adamw"   # optim
    precision = "bf16"    # bf16, fp16, fp8
    recompute = "full"    # gradient_checkpointing
    schedule = "cosine"   # lr_scheduler
    stack = "axolotl"

    # left open:
    # - hardware.gpus: such a config does not say on how many accelerators it runs, so the batch is that of one replica; give --gpus N, or the launcher's config with --with FILE
    # - data.tokens: such a config does not say how much data it has; give --tokens or --samples, or count it with `outlay data scan`

    # to know:
    # - colour is no key of Axolotl up to 0.21, which leaves it out without a word: it has no effect
    # - hf_token is no key of Axolotl up to 0.21, which leaves it out without a word: it has no effect; near is hub_token
    # - ZeRO-1 and 2 shard the state of the adapters alone, the quantised base is whole on every rank: taken as unsharded

    # known, and not moving the cost:
    # wandb_project
    "#);
}

#[test]
fn the_printed_job_is_one() {
    let place = place();
    let job = place.output(&["import", "train.yml", "--with", "launch.yaml", "--tokens", "10M"]);
    let text = String::from_utf8(job.stdout).expect("text");
    assert!(text.contains("gpus = 4") && text.contains("tokens = \"10M\"") && !text.contains("secret"), "{text}");
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
    assert!(open.contains("colour is no key of Axolotl"), "{open}");
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
    insta::assert_snapshot!(place().run(&["plan", "launch.yaml"]), @r####"
    status 2
    --- stderr
    error[not-training]: this is a launcher's config (Accelerate), which goes with a training config
      at the config in launch.yaml
      help: name the training config, and this file with --with FILE
    "####);
    let grpo = Place::new().file("grpo.yml", format!("{AXOLOTL}rl: grpo\n"));
    insta::assert_snapshot!(grpo.run(&["plan", "grpo.yml"]), @r####"
    status 2
    --- stderr
    error[not-forecast]: grpo samples answers, or asks another model, while it trains
      at the config in grpo.yml
      help: the time of that is nowhere in the config: forecast the part that trains with a job of its own
    "####);
    insta::assert_snapshot!(Place::new().file("x.yml", "hello: world\n").run(&["import", "x.yml"]), @"
    status 2
    --- stderr
    error[unknown-name]: no training stack is recognised in it
      at the config in x.yml
      help: known are Axolotl, LLaMA-Factory, LLaMA-Factory v1, ms-swift, open-instruct, torchtune, torchtitan, LitGPT, Megatron-LM, llm-foundry, nanotron, MaxText, NeMo, GPT-NeoX, TRL; a job of outlay's own is a TOML file
    ");
    let job = Place::new().file("job.toml", "[model]\nbase = \"llama-3.1-8b\"\n");
    insta::assert_snapshot!(job.run(&["import", "job.toml"]), @r####"
    status 2
    --- stderr
    error[contradiction]: this is a job of outlay's own already
      at job.toml
      help: give it to outlay plan as it is
    "####);
}

#[test]
fn a_survey_counts_by_stack() {
    let place = Place::new()
        .file("repo/a.yml", AXOLOTL)
        .file("repo/b.yml", AXOLOTL.replace("colour: red\n", ""))
        .file("repo/c.yml", format!("{AXOLOTL}rl: grpo\n"))
        .file("repo/note.yml", "hello: world\n");
    insta::assert_snapshot!(place.run(&["import", "--survey", "repo"]), @"
    status 0
    --- stdout
    # Configs that are read

    Public example configs, each read by `outlay import` and forecast by `outlay plan`. Written by
    `outlay import --survey FOLDER…`; run it over your own.

    - **train a language model**: recognised, and neither of another kind (pictures, sound, answers sampled in training) nor without a training, nor a
      part of a config.
    - **read**: made into a job without a fault.
    - **forecast**: a plan was found, and no key of the config is unknown. Given where a config does not say it: 10 M tokens, 8 (else 1,
      64 or 512) H100 or H200 (else any card), and Llama 3.1 8B where the model stands in a recipe in Python or in a folder of the author's. A model that is no
      preset needs the hub or a `config.json`; here it counts as a miss.
    - A config that names fewer accelerators than its model needs is forecast to run out of memory on every card; it counts, and is named.
    - A key that the program itself does not know and leaves out without a word has no effect there: the forecast without it is the
      right one. It counts, and is named. Only Axolotl is known to read so, and all keys of its schemas are known here.

    | stack | files | train a language model | read | forecast | share |
    |---|---|---|---|---|---|
    | Axolotl | 3 | 2 | 2 | 2 | 100 % |

    ## Axolotl

    ### Of another kind, or no training

    - grpo samples answers, or asks another model, while it trains: `repo/c.yml`

    ### Forecast, with keys that have no effect

    - colour: `repo/a.yml`
    - hf_token: `repo/a.yml`, `repo/b.yml`

    <details><summary>Forecast: 2</summary>

    - `repo/a.yml`
    - `repo/b.yml`

    </details>
    --- stderr
    1 files are no config of a stack that is known
    ");
}

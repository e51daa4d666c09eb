//! Configs of the Hugging Face family, each a minimal case of our own: what they come to, and what is said of the rest.

use outlay::Problem;
use outlay::request::{Amount, Request};
use outlay_stacks::{Around, Beside, Imported, import, import_with, recognise};
use proptest::prelude::*;
use serde_json::{Value, json};

const AXOLOTL: &str = "
base_model: NousResearch/Meta-Llama-3-8B
datasets: [{path: org/set, type: alpaca}]
sequence_len: 4096
micro_batch_size: 2
gradient_accumulation_steps: 4
num_epochs: 3
learning_rate: 2e-4
optimizer: paged_adamw_8bit
adapter: qlora
load_in_4bit: true
lora_r: 32
lora_target_linear: true
sample_packing: true
gradient_checkpointing: true
bf16: auto
flash_attention: true
val_set_size: 0.1
evals_per_epoch: 2
wandb_project:
colour: red
";

const FACTORY: &str = "
model_name_or_path: Qwen/Qwen3-8B
stage: sft
do_train: true
finetuning_type: full
deepspeed: examples/deepspeed/ds_z3_offload.json
dataset: a,b
template: qwen3
cutoff_len: 2048
per_device_train_batch_size: 1
gradient_accumulation_steps: 2
num_train_epochs: 3.0
bf16: true
";

fn around(accelerators: Option<u64>) -> Around<'static> {
    Around { accelerators, ..Around::default() }
}

fn read(name: &str, text: &str, gpus: Option<u64>) -> Imported {
    import(name, text, &around(gpus)).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn refused(text: &str) -> Vec<Problem> {
    import("config.yaml", text, &Around::default()).expect_err("it is refused")
}

/// What is written in a section.
fn section(request: &Request, name: &str) -> Value {
    let whole = serde_json::to_value(request).expect("a request serialises");
    let fields = whole[name].as_object().expect("a section").clone();
    Value::Object(fields.into_iter().filter(|(_, value)| !value.is_null()).collect())
}

#[test]
fn axolotl_says_what_each_key_became() {
    let imported = read("config.yml", AXOLOTL, Some(8));
    let request = &imported.request;
    assert_eq!(imported.name, "Axolotl");
    let method = json!({ "kind": "qlora", "rank": 32, "targets": "all-linear", "dropout": 0.0, "double_quant": true });
    assert_eq!(section(request, "method"), method);
    assert_eq!(section(request, "data"), json!({ "seq_len": 4096, "packing": true, "epochs": 3.0 }));
    assert_eq!(
        (request.layout.micro_batch, request.train.global_batch, request.hardware.gpus),
        (Some(2), Some(64), Some(8))
    );
    assert_eq!(request.train.optimizer.as_deref(), Some("paged-adamw-8bit"));
    assert_eq!(request.train.learning_rate, Some(2e-4), "a number that PyYAML takes for text");
    // A tenth held back, read twice a pass, at a third of the work.
    assert!(request.train.evaluation.is_some_and(|share| (share - 0.1 / 0.9 * 2.0 / 3.0).abs() < 1e-12));
    assert_eq!(imported.dropped, ["colour"]);
    assert!(imported.idle.contains(&"wandb_project".to_owned()));
}

#[test]
fn what_the_file_cannot_say_is_left_open() {
    let imported = read("config.yml", AXOLOTL, None);
    assert_eq!(imported.request.hardware.gpus, None);
    let open: Vec<&str> = imported.open.iter().filter_map(|open| open.split(": ").next()).collect();
    assert_eq!(open, ["hardware.gpus", "data.tokens"]);
    assert!(imported.open.iter().all(|open| imported.warnings.contains(open)));
}

#[test]
fn fsdp_in_all_its_spellings() {
    let with = |lines: &str| {
        let layout = read("config.yml", &format!("{AXOLOTL}\n{lines}"), Some(8)).request.layout;
        format!("{} {}", layout.zero.unwrap_or_default(), layout.offload.unwrap_or_default())
    };
    let parked = "fsdp optimizer+parameters";
    assert_eq!(with("fsdp: [full_shard, auto_wrap]\nfsdp_config: {fsdp_offload_params: true}"), parked);
    assert_eq!(with("fsdp: full_shard auto_wrap offload"), parked);
    assert_eq!(with("fsdp_config: {fsdp_sharding_strategy: FULL_SHARD, fsdp_offload_params: false}"), "fsdp ");
    assert_eq!(with("fsdp_version: 2\nfsdp_config: {reshard_after_forward: true}"), "fsdp ");
    assert_eq!(with("fsdp_config: {reshard_after_forward: false}"), "none ");
    assert_eq!(with("fsdp:\nfsdp_config:"), " ");
}

#[test]
fn activations_in_host_memory_in_all_their_spellings() {
    let train = |text: &str| read("config.yml", text, Some(8)).request.train;
    let axolotl = |lines: &str| train(&AXOLOTL.replace("gradient_checkpointing: true", lines));
    for lines in [
        "gradient_checkpointing: offload",
        "gradient_checkpointing: true\nactivation_offloading: true",
        "gradient_checkpointing: true\nactivation_offloading: legacy",
    ] {
        let train = axolotl(lines);
        assert_eq!((train.recompute.as_deref(), train.activation_offload), (Some("full"), Some(true)), "{lines}");
    }
    assert_eq!(axolotl("gradient_checkpointing: true\nactivation_offloading: false").activation_offload, None);
    let disk = read("x.yml", &AXOLOTL.replace("checkpointing: true", "checkpointing: offload_disk"), Some(8));
    assert!(disk.warnings.iter().any(|warning| warning.contains("the disk is taken to be as quick")));
    let factory = train(&format!("{FACTORY}use_unsloth_gc: true\n"));
    assert_eq!((factory.recompute.as_deref(), factory.activation_offload), (Some("full"), Some(true)));
    let trl = "model_name_or_path: Qwen/Qwen3-8B\ndataset_name: a/b\nmax_length: 1024\nactivation_offloading: true\n";
    assert_eq!(train(trl).activation_offload, Some(true));
}

#[test]
fn deepspeed_is_read_from_the_file_it_names() {
    let settings = r#"{"zero_optimization": {"stage": 3, "offload_optimizer": {"device": "cpu"}, "offload_param": {"device": "cpu"}}}"#;
    let file = |name: &str| (name == "examples/deepspeed/ds_z3_offload.json").then(|| settings.to_owned());
    let there = import("x.yaml", FACTORY, &Around { accelerators: Some(8), file: &file }).expect("it is read");
    let layout = json!({ "micro_batch": 1, "zero": "zero3", "offload": "optimizer+parameters" });
    assert_eq!(section(&there.request, "layout"), layout);
    assert!(there.warnings.iter().all(|warning| !warning.contains("not at hand")));
    let missing = read("x.yaml", FACTORY, Some(8));
    assert_eq!(missing.request.layout.zero.as_deref(), Some("zero3"));
    assert!(
        missing.warnings.iter().any(|warning| warning.contains("is not at hand: its stage is taken from its name"))
    );
}

#[test]
fn defaults_are_those_of_the_version() {
    let text = "model_name_or_path: Qwen/Qwen3-8B\nstage: sft\ndo_train: true\nfinetuning_type: lora\n";
    let length = |version| {
        let beside = Beside { version, ..Beside::default() };
        import_with("x.yaml", text, &Around::default(), &beside).map(|imported| imported.request.data.seq_len)
    };
    assert_eq!(length(None), Ok(Some(2048)));
    assert_eq!(length(Some("llama-factory@0.9.0")), Ok(Some(1024)));
    let wrong = length(Some("axolotl@0.9.0")).expect_err("another program");
    assert!(wrong[0].message.contains("not of axolotl"), "{wrong:?}");
    assert!(length(Some("llama-factory@new")).is_err());
}

#[test]
fn a_launcher_s_config_says_the_accelerators() {
    let text = "model_name_or_path: Qwen/Qwen3-8B\nper_device_train_batch_size: 2\nmax_steps: 100\n";
    let launcher = "
distributed_type: FSDP
num_machines: 2
num_processes: 16
mixed_precision: bf16
fsdp_config: {fsdp_version: 2, fsdp_reshard_after_forward: true, fsdp_cpu_ram_efficient_loading: true}
parallelism_config: {parallelism_config_dp_replicate_size: 2, parallelism_config_dp_shard_size: 4, parallelism_config_tp_size: 2}
";
    let with = [("fsdp.yaml".to_owned(), launcher.to_owned())];
    let beside = Beside { with: &with, ..Beside::default() };
    let imported = import_with("x.yaml", text, &Around::default(), &beside).expect("it is read");
    let request = &imported.request;
    assert_eq!(section(request, "layout"), json!({ "micro_batch": 2, "tp": 2, "shard": 4, "zero": "fsdp" }));
    assert_eq!((request.hardware.gpus, request.hardware.gpus_per_node), (Some(16), Some(8)));
    // Two devices share a batch.
    assert_eq!((request.train.global_batch, request.data.steps), (Some(16), Some(100)));
    assert!(imported.unknown.is_empty() && imported.open.is_empty(), "{imported:?}");
    assert!(refused(launcher)[0].message.contains("goes with a training config"));
}

#[test]
fn a_script_is_read_and_not_run() {
    let script = r#"#!/bin/bash
MODEL=Qwen/Qwen3-8B   # the base
export HF_TOKEN=hf_secretsecret
accelerate launch --num_processes 4 \
    --mixed_precision bf16 \
    trl/scripts/sft.py \
    --model_name_or_path $MODEL \
    --dataset_name "org/set" --max_length ${LEN:-2048} \
    --per_device_train_batch_size=2 --gradient_accumulation_steps 4 \
    --use_peft --lora_target_modules q_proj v_proj --no_gradient_checkpointing
"#;
    let imported = read("train.sh", script, None);
    let request = &imported.request;
    assert_eq!((imported.name, request.model.base.as_deref()), ("TRL", Some("Qwen/Qwen3-8B")));
    assert_eq!((request.hardware.gpus, request.train.global_batch), (Some(4), Some(32)));
    assert_eq!((request.data.seq_len, request.train.recompute.as_deref()), (Some(2048), Some("none")));
    assert_eq!(section(request, "method")["targets"], json!(["q_proj", "v_proj"]));
    assert!(imported.unknown.is_empty(), "{:?}", imported.unknown);
    assert!(!format!("{imported:?}").contains("secret"));
}

#[test]
fn a_launcher_s_argument_without_its_value_is_no_command() {
    let problems = import("run.sh", "accelerate launch --num_processes", &Around::default());
    assert!(problems.is_err(), "{problems:?}");
}

#[test]
fn swift_s_command_line() {
    let script = "NPROC_PER_NODE=2 swift sft --model Qwen/Qwen2.5-7B-Instruct --train_type lora \\\n --dataset 'a/b#1000' \
                  'c/d#500' --split_dataset_ratio 0 --per_device_train_batch_size 1 --max_length 2048 --deepspeed zero2\n";
    let imported = read("run.sh", script, None);
    let request = &imported.request;
    assert_eq!((imported.name, request.hardware.gpus, request.train.global_batch), ("ms-swift", Some(2), Some(16)));
    assert_eq!(request.data.samples, Some(Amount::Number(1500.0)));
    assert_eq!(request.layout.zero.as_deref(), Some("zero2"));
    assert!(imported.unknown.is_empty(), "{:?}", imported.unknown);
}

#[test]
fn a_preference_is_two_sequences_and_a_reference() {
    let text = format!("{FACTORY}pref_beta: 0.1\n").replace("stage: sft", "stage: dpo");
    let imported = read("x.yaml", &text, Some(8)).request;
    assert_eq!(imported.train.objective.as_deref(), Some("dpo"));
    assert_eq!((imported.layout.micro_batch, imported.train.global_batch), (Some(2), Some(32)));
    let orpo = read("x.yaml", &format!("{text}pref_loss: orpo\n"), Some(8));
    assert_eq!(orpo.request.train.objective.as_deref(), Some("orpo"));
}

#[test]
fn what_is_not_forecast_is_refused_with_a_reason() {
    let code = |text: &str| refused(text)[0].code.text();
    assert_eq!(code(&format!("{AXOLOTL}rl: grpo\n")), "not-forecast");
    assert_eq!(code(&format!("{AXOLOTL}processor_type: AutoProcessor\n")), "not-forecast");
    assert_eq!(code("model_name_or_path: a/b\nnum_generations: 8\nreward_funcs: [x]\n"), "not-forecast");
    assert_eq!(code("model_name_or_path: a/b\ntemplate: x\nexport_dir: out\n"), "not-training");
    assert_eq!(code("model_name_or_path: a/b\ntemplate: x\ninfer_backend: vllm\n"), "not-training");
    assert_eq!(code("zero_optimization: {stage: 2}\n"), "not-training");
    assert_eq!(code("hello: world\n"), "unknown-name");
}

#[test]
fn the_newer_form_of_llama_factory() {
    let text = "model: Qwen/Qwen3-4B\ntrain_dataset: data/x.yaml\nmicro_batch_size: 1\nglobal_batch_size: 16\nmax_steps: 10\n\
                peft_config: {name: lora, r: 16, target_modules: all}\nquant_config: {name: bnb, quantization_bit: 4}\n\
                dist_config: {name: fsdp2, cp_size: 2, dcp_path: null}\n";
    let imported = read("x.yaml", text, Some(8));
    let request = &imported.request;
    assert_eq!(imported.name, "LLaMA-Factory v1");
    assert_eq!(section(request, "layout"), json!({ "micro_batch": 1, "cp": 2, "zero": "fsdp" }));
    assert_eq!((request.method.kind.as_deref(), request.train.global_batch), (Some("qlora"), Some(16)));
    assert!(imported.unknown.is_empty(), "{:?}", imported.unknown);
}

#[test]
fn training_arguments_alone_leave_the_model_open() {
    let text = r#"{"output_dir": "out", "per_device_train_batch_size": 4, "learning_rate": 1e-5, "bf16": true}"#;
    let bare = read("args.json", text, Some(1));
    assert!(bare.open.iter().any(|open| open.starts_with("model.base: ")), "{:?}", bare.open);
    // Loaded in 32 bit, which is what Transformers does unless told.
    assert_eq!(bare.request.train.precision.as_deref(), Some("bf16-autocast"));
}

#[test]
fn bad_input_is_told_and_secrets_are_not() {
    for text in ["a: [", "\t- x", "- 1\n- 2", "", "base_model: x\n: :\n  - {"] {
        assert!(!refused(text).is_empty(), "{text}");
    }
    let secret = "hf_abcdefghijklmnop";
    let with =
        format!("{AXOLOTL}hf_token: {secret}\nwandb_api_key: {secret}\nhub_token: {secret}\nunheard_of: {secret}\n");
    assert!(!format!("{:?}", read("x.yaml", &with, Some(8))).contains(secret));
    let broken = refused(&format!("hub_token: \"{secret}\nbase_model: [x\n"));
    assert!(!format!("{broken:?}").contains(secret), "{broken:?}");
    let wrong = refused(&AXOLOTL.replace("sequence_len: 4096", &format!("sequence_len: {secret}")));
    assert!(wrong[0].at == "sequence_len" && !format!("{wrong:?}").contains(secret), "{wrong:?}");
    let twice = read("x.yaml", &format!("{AXOLOTL}micro_batch_size: 4\n"), Some(8));
    assert_eq!(twice.request.layout.micro_batch, Some(4));
    assert!(twice.warnings.iter().any(|warning| warning.contains("stands twice")), "{:?}", twice.warnings);
}

#[test]
fn what_unfolds_without_end_is_refused() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let inner = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb += &format!("a{level}: &a{level} [{inner}]\n");
    }
    assert!(!refused(&bomb).is_empty());
    assert!(!refused(&format!("base_model: {}{}", "[".repeat(100_000), "]".repeat(100_000))).is_empty());
}

#[test]
fn templates_are_told() {
    let template = refused("{{- if .Values.x }}\nbase_model: {{ .Values.model }}\n{{- end }}\n");
    assert!(template[0].message.contains("template"), "{template:?}");
}

#[test]
fn jobs_of_ours_are_nobody_s() {
    assert_eq!(recognise("job.toml", "[model]\nbase = \"llama-3.1-8b\"\n[data]\ntokens = \"6M\"\n"), None);
    assert_eq!(recognise("x.yml", AXOLOTL), Some("Axolotl"));
}

/// Values that no key expects.
const VALUES: [&str; 15] = [
    "null",
    "-1",
    "0",
    "1e400",
    "99999999999999999999",
    "[]",
    "{}",
    "[[1]]",
    "'text'",
    "true",
    "auto",
    ".nan",
    "{a: {b: 1}}",
    "0.5",
    "''",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_mutated_config_never_panics(which in 0_usize..3, at in 0_usize..2000, len in 0_usize..12, put in "[\\PC\\n]{0,12}") {
        let script = "accelerate launch --num_processes 4 sft.py --model_name_or_path a/b --beta 0.1 --x '${y:-z}' \\\n --fsdp \"full_shard\"";
        let chars: Vec<char> = [AXOLOTL, FACTORY, script][which].chars().collect();
        let start = at % (chars.len() + 1);
        let end = (start + len).min(chars.len());
        let mutated: String = chars[..start].iter().copied().chain(put.chars()).chain(chars[end..].iter().copied()).collect();
        for name in ["x.yaml", "x.sh"] {
            let _ = import(name, &mutated, &Around::default());
        }
    }

    #[test]
    fn any_value_of_any_key_is_taken_or_refused(key in 0_usize..1000, value in 0_usize..15) {
        let bases = [
            (AXOLOTL, include_str!("../data/axolotl.txt")),
            (FACTORY, include_str!("../data/hf.txt")),
            (FACTORY, include_str!("../data/llama-factory.txt")),
            ("model: a/b\ntuner_type: lora\n", include_str!("../data/swift.txt")),
        ];
        for (base, list) in bases {
            let keys: Vec<&str> = list.lines().filter(|line| !line.starts_with('#') && !line.contains('*')).collect();
            let text = format!("{base}\n{}: {}\n", keys[key % keys.len()], VALUES[value]);
            let _ = import("x.yaml", &text, &around(Some(8)));
        }
    }
}

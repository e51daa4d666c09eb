//! Configs of training programs.

use outlay::catalog::Catalog;
use outlay::parse;
use outlay_stacks::export;

use super::{FULL, QLORA, SCRATCH, STAGED, WIDE, written};

#[test]
fn axolotl() {
    insta::assert_snapshot!(written(QLORA, "axolotl,torchrun", "axolotl.yaml"), @r#"
    base_model: meta-llama/Llama-3.1-8B
    adapter: qlora
    load_in_4bit: true
    lora_r: 32
    lora_alpha: 64  # twice the rank; a plan does not depend on it
    lora_dropout: 0.0
    lora_target_linear: true
    datasets:  # the type says how samples are put into words
      - path: data/train.jsonl
        ds_type: json
        type: chat_template
    sequence_len: 2048
    sample_packing: true
    pad_to_sequence_len: true
    micro_batch_size: 2
    gradient_accumulation_steps: 32
    num_epochs: 1.0
    learning_rate: 0.0001  # the job's
    lr_scheduler: cosine
    optimizer: paged_adamw_8bit
    bf16: true
    gradient_checkpointing: false
    attn_implementation: sdpa
    output_dir: "./out"
    save_strategy: "no"  # the result alone is saved: interruptions are rarer than that pays for
    "#);
}

#[test]
fn llama_factory() {
    insta::assert_snapshot!(written(FULL, "llama-factory", "llama-factory.yaml"), @r#"
    model_name_or_path: meta-llama/Llama-3.1-8B
    stage: sft
    do_train: true
    finetuning_type: full
    dataset: train
    dataset_dir: "."
    template: llama3  # how samples are put into words; `default` suits no chat model
    cutoff_len: 2048
    packing: true
    output_dir: out
    per_device_train_batch_size: 2
    gradient_accumulation_steps: 4
    num_train_epochs: 1.0
    learning_rate: 2.0e-05  # the job's
    lr_scheduler_type: cosine
    optim: adamw_torch_fused
    bf16: true
    save_strategy: "no"  # the result alone is saved: interruptions are rarer than that pays for
    disable_gradient_checkpointing: true
    flash_attn: sdpa
    enable_liger_kernel: true
    fsdp: full_shard
    fsdp_config:
      auto_wrap_policy: TRANSFORMER_BASED_WRAP
      reshard_after_forward: true
      state_dict_type: SHARDED_STATE_DICT
      cpu_ram_efficient_loading: true
      activation_checkpointing: false
    "#);
}

#[test]
fn trl() {
    insta::assert_snapshot!(written(QLORA, "trl", "sft.yaml"), @r#"
    model_name_or_path: meta-llama/Llama-3.1-8B
    dtype: bfloat16
    attn_implementation: sdpa
    datasets:
      - path: json
        data_files: data/train.jsonl
    max_length: 2048
    packing: true
    output_dir: out
    per_device_train_batch_size: 2
    gradient_accumulation_steps: 32
    num_train_epochs: 1.0
    learning_rate: 0.0001  # the job's
    lr_scheduler_type: cosine
    optim: paged_adamw_8bit
    bf16: true
    save_strategy: "no"  # the result alone is saved: interruptions are rarer than that pays for
    gradient_checkpointing: false
    use_peft: true
    load_in_4bit: true
    use_bnb_nested_quant: true
    lora_r: 32
    lora_alpha: 64  # twice the rank; a plan does not depend on it
    lora_dropout: 0.0
    lora_target_modules: all-linear
    "#);
}

#[test]
fn accelerate() {
    insta::assert_snapshot!(written(FULL, "trl", "accelerate.yaml"), @"
    compute_environment: LOCAL_MACHINE
    distributed_type: MULTI_GPU
    num_machines: 1
    num_processes: 8  # of all machines together
    machine_rank: 0  # of this machine, or --machine_rank
    mixed_precision: bf16
    ");
}

#[test]
fn transformers() {
    insta::assert_snapshot!(written(FULL, "transformers", "training_args.json"), @r#"
    {
      "output_dir": "out",
      "per_device_train_batch_size": 2,
      "gradient_accumulation_steps": 4,
      "num_train_epochs": 1.0,
      "learning_rate": 2.0e-05,
      "lr_scheduler_type": "cosine",
      "optim": "adamw_torch_fused",
      "bf16": true,
      "save_strategy": "no",
      "gradient_checkpointing": false,
      "use_liger_kernel": true,
      "fsdp": "full_shard",
      "fsdp_config": {
        "auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
        "reshard_after_forward": true,
        "state_dict_type": "SHARDED_STATE_DICT",
        "cpu_ram_efficient_loading": true,
        "activation_checkpointing": false
      }
    }
    "#);
}

#[test]
fn deepspeed() {
    insta::assert_snapshot!(written(STAGED, "deepspeed", "deepspeed-zero2-offload.json"), @r#"
    {
      "train_batch_size": 64,
      "train_micro_batch_size_per_gpu": 4,
      "gradient_accumulation_steps": 2,
      "bf16": {
        "enabled": true
      },
      "zero_optimization": {
        "stage": 2,
        "overlap_comm": true,
        "contiguous_gradients": true,
        "offload_optimizer": {
          "device": "cpu",
          "pin_memory": true
        }
      },
      "optimizer": {
        "type": "AdamW",
        "params": {
          "lr": 2.0e-05
        }
      }
    }
    "#);
}

#[test]
fn torchtune() {
    insta::assert_snapshot!(written(QLORA, "torchtune", "torchtune.yaml"), @r#"
    output_dir: "./out"
    model:
      _component_: torchtune.models.llama3_1.qlora_llama3_1_8b
      lora_attn_modules: [q_proj, k_proj, v_proj, output_proj]
      apply_lora_to_mlp: true
      apply_lora_to_output: false
      lora_rank: 32
      lora_alpha: 64
      lora_dropout: 0.0
    tokenizer:
      _component_: torchtune.models.llama3.llama3_tokenizer
      path: "./Llama-3.1-8B/original/tokenizer.model"
      max_seq_len: 2048
    checkpointer:
      _component_: torchtune.training.FullModelHFCheckpointer
      checkpoint_dir: "./Llama-3.1-8B"
      checkpoint_files: [model.safetensors]
      output_dir: "./out"
      model_type: LLAMA3
    resume_from_checkpoint: false
    dataset:
      _component_: torchtune.datasets.chat_dataset
      source: json
      data_files: data/train.jsonl
      conversation_column: messages
      conversation_style: openai
      packed: true
    seed: 0
    shuffle: true
    batch_size: 4
    gradient_accumulation_steps: 16
    epochs: 1
    optimizer:
      _component_: bitsandbytes.optim.PagedAdamW8bit
      lr: 0.0001
    lr_scheduler:
      _component_: torchtune.training.lr_schedulers.get_cosine_schedule_with_warmup
      num_warmup_steps: 3
    loss:
      _component_: torchtune.modules.loss.CEWithChunkedOutputLoss
    compile: false
    device: cuda
    dtype: bf16  # weights too: torchtune has no mixed precision
    enable_activation_checkpointing: false
    enable_activation_offloading: false
    metric_logger:
      _component_: torchtune.training.metric_logging.DiskLogger
      log_dir: "./out/logs"
    log_every_n_steps: 1
    log_peak_memory_stats: true
    "#);
}

#[test]
fn litgpts_adapters() {
    insta::assert_snapshot!(written(QLORA, "litgpt", "litgpt.yaml"), @"
    checkpoint_dir: checkpoints/meta-llama/Llama-3.1-8B
    out_dir: out
    precision: bf16-true
    devices: 1
    num_nodes: 1
    quantize: bnb.nf4-dq
    lora_r: 32
    lora_alpha: 64  # twice the rank; a plan does not depend on it
    lora_dropout: 0.0
    lora_query: true
    lora_key: true
    lora_value: true
    lora_projection: true
    lora_mlp: true
    lora_head: false
    data:
      class_path: litgpt.data.JSON
      init_args:
        json_path: data/train.jsonl
        val_split_fraction: 0.02
    train:
      save_interval: …
      global_batch_size: 64
      micro_batch_size: 4
      lr_warmup_steps: 5
      epochs: 1
      max_seq_length: 2048
    optimizer:
      class_path: torch.optim.AdamW
      init_args:
        lr: 0.0001
    ");
}

#[test]
fn litgpts_pre_training() {
    insta::assert_snapshot!(written(SCRATCH, "litgpt", "litgpt.yaml"), @"
    model_name: Llama-3.2-1B
    out_dir: out
    precision: bf16-true
    devices: 8
    num_nodes: 1
    data:
      class_path: litgpt.data.TextFiles
      init_args:
        train_data_path: data/texts
    train:
      save_interval: …
      global_batch_size: 256
      micro_batch_size: 4
      lr_warmup_steps: 158
      max_tokens: 5000658944
      max_norm: 1.0
      max_seq_length: 4096
    optimizer:
      class_path: torch.optim.AdamW
      init_args:
        lr: 0.0003
    resume: auto
    ");
}

#[test]
fn torchtitan() {
    insta::assert_snapshot!(written(WIDE, "torchtitan", "torchtitan.toml"), @r#"

    [job]
    dump_folder = "./out"

    [model]
    name = "llama3"
    flavor = "8B"
    hf_assets_path = "./assets/Llama-3.1-8B"

    [optimizer]
    name = "AdamW"
    lr = 0.0003
    implementation = "fused"

    [lr_scheduler]
    decay_type = "cosine"

    [training]
    local_batch_size = 1
    global_batch_size = 64
    seq_len = 8192
    steps = 1908
    dtype = "float32"
    mixed_precision_param = "bfloat16"

    [parallelism]
    data_parallel_shard_degree = 8
    data_parallel_replicate_degree = 1
    fsdp_reshard_after_forward = "always"
    tensor_parallel_degree = 2
    context_parallel_degree = 1
    expert_parallel_degree = 1
    pipeline_parallel_degree = 1

    [activation_checkpoint]
    mode = "none"

    [compile]
    enable = false

    [checkpoint]
    enable = true
    interval = …
    keep_latest_k = 2
    async_mode = "disabled"
    "#);
}

#[test]
fn what_litgpt_cannot_do_is_refused_with_the_way_out() {
    let catalog = Catalog::built_in();
    let wanted = export::targets("litgpt").expect("a target");
    let text =
        FULL.replace("learning_rate = 2e-5", "learning_rate = 2e-5\nprecision = \"bf16\"\nschedule = \"linear\"");
    let request = parse(&text.replace("[data]\n", "[data]\npacking = true\n")).expect("a job");
    let (request, _) = export::fit_to(&request, &wanted);
    let answer = outlay::plan(&request, &catalog, "2026-11-24").expect("an answer");
    let plan = answer.pick.clone().expect("a plan");
    let problems = export::export(&request, &answer, &plan, &wanted, &catalog).expect_err("a refusal");
    let told: Vec<String> = problems.iter().map(|problem| format!("{}: {}\n", problem.at, problem.message)).collect();
    insta::assert_snapshot!(told.concat(), @"
    data.packing: LitGPT has no setting for packed samples in fine-tuning
    train.schedule: LitGPT has no setting for any schedule but cosine
    train.precision: LitGPT has no setting for the format bf16
    ");
}

/// Scales of rows and of tensors are two recipes of torchtitan, and come back as they went.
#[test]
fn torchtitan_names_the_scales_of_eight_bit() {
    for (precision, line) in
        [("fp8-rowwise", "recipe_name = \"rowwise\""), ("fp8", "enable_fsdp_float8_all_gather = true")]
    {
        let job = WIDE.replace("[train]\n", &format!("[train]\nprecision = \"{precision}\"\n"));
        let text = written(&job, "torchtitan", "torchtitan.toml");
        assert!(text.contains(line), "{text}");
        let text = text.replace('…', "100");
        let read = outlay_stacks::import("torchtitan.toml", &text, &outlay_stacks::Around::default());
        let read = read.unwrap_or_else(|problems| panic!("{problems:?}"));
        assert_eq!(read.request.train.precision.as_deref(), Some(precision));
    }
}

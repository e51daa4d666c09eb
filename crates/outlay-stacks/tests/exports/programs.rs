//! Configs of training programs.

use outlay::catalog::Catalog;
use outlay::parse;
use outlay_stacks::export;

use super::{FULL, PIPED, QLORA, SCRATCH, STAGED, WIDE, written};

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
fn megatron() {
    insta::assert_snapshot!(written(PIPED, "megatron-lm", "megatron.sh"), @r#"
    #!/usr/bin/env bash
    set -euo pipefail
    ARGUMENTS=(
      --num-layers 32
      --hidden-size 4096
      --ffn-hidden-size 14336
      --num-attention-heads 32
      --kv-channels 128
      --group-query-attention
      --num-query-groups 8
      --seq-length 8192
      --max-position-embeddings 131072
      --vocab-size 128256
      --position-embedding-type rope
      --normalization RMSNorm
      --swiglu
      --untie-embeddings-and-output-weights
      --disable-bias-linear
      --attention-dropout 0.0
      --hidden-dropout 0.0
      --tensor-model-parallel-size 2
      --pipeline-model-parallel-size 2
      --context-parallel-size 1
      --sequence-parallel
      --num-layers-per-virtual-pipeline-stage 4
      --use-distributed-optimizer
      --overlap-grad-reduce
      --overlap-param-gather
      --micro-batch-size 1
      --global-batch-size 64
      --train-iters 1908
      --lr 0.0003
      --lr-decay-style cosine
      --optimizer adam
      --bf16
      --transformer-impl transformer_engine
      --data-path data/tokens
      --tokenizer-type HuggingFaceTokenizer
      --tokenizer-model meta-llama/Llama-3.1-8B
      --save out
      --save-interval …
      --ckpt-format torch_dist
      --load out
      --eval-iters 0
      --log-interval 10
      --log-throughput
    )
    exec torchrun "$@" pretrain_gpt.py "${ARGUMENTS[@]}"
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

/// What Megatron-LM's own parser and cross checks ask of its FSDP, and refuse.
#[test]
fn megatrons_fsdp_is_written_as_its_checks_want_it() {
    let sharded = PIPED.replace("pp = 2\nzero = \"zero1\"", "pp = 1\nzero = \"fsdp\"");
    let script = written(&sharded, "megatron-lm", "megatron.sh");
    assert!(script.contains("--use-megatron-fsdp") && script.contains("--ckpt-format fsdp_dtensor"), "{script}");
    assert!(!written(&sharded, "megatron-lm,torchrun", "run.sh").contains("CUDA_DEVICE_MAX_CONNECTIONS"));
    assert!(written(PIPED, "megatron-lm,torchrun", "run.sh").contains("CUDA_DEVICE_MAX_CONNECTIONS=1"));
}

/// Adapters on a model of the hub.
const ADAPTED: &str = "[model]\nbase = \"llama-3.1-8b\"\n[method]\nkind = \"lora\"\nrank = 32\ntargets = \"attention\"\n\
     [data]\ntokens = \"12M\"\npath = \"data/train.jsonl\"\n[train]\nlearning_rate = 1e-4\n[hardware]\naccelerators = [\"h100-sxm\"]\n\
     gpus = 8\n[layout]\nzero = \"zero1\"\n";

#[test]
fn megatron_bridge() {
    insta::assert_snapshot!(written(PIPED, "megatron-bridge", "bridge.yaml"), @r#"
    model:
      hf_model_id: meta-llama/Llama-3.1-8B
      num_layers: 32
      seq_length: 8192
      tensor_model_parallel_size: 2
      pipeline_model_parallel_size: 2
      context_parallel_size: 1
      expert_model_parallel_size: 1
      sequence_parallel: true
      virtual_pipeline_model_parallel_size: 4
      recompute_granularity: null
      recompute_method: null
      recompute_num_layers: null
    train:
      train_iters: 1908
      global_batch_size: 64
      micro_batch_size: 1
    validation:
      eval_interval: 1000
      eval_iters: 0
    optimizer:
      optimizer: adam
      lr: 0.0003
      min_lr: 0.0
      weight_decay: 0.1
      adam_beta2: 0.95
      use_distributed_optimizer: true
    scheduler:
      lr_decay_style: cosine
      lr_warmup_iters: 63
      start_weight_decay: 0.1
      end_weight_decay: 0.1
      weight_decay_incr_style: constant
    ddp:
      use_distributed_optimizer: true
      overlap_grad_reduce: true
      overlap_param_gather: true
    mixed_precision: bf16_mixed
    dataset:
      seq_length: 8192
      data_path: data/tokens
      split: "1,0,0"
    tokenizer:
      tokenizer_type: HuggingFaceTokenizer
      tokenizer_model: meta-llama/Llama-3.1-8B
    checkpoint:
      save: out
      save_interval: …
      load: out
      ckpt_format: torch_dist
    logger:
      log_interval: 10
      log_throughput: true
    "#);
    insta::assert_snapshot!(written(ADAPTED, "nemo@0.6.2", "bridge.yaml"), @"
    model:
      hf_model_id: meta-llama/Llama-3.1-8B
      num_layers: 32
      seq_length: 2048
      tensor_model_parallel_size: 1
      pipeline_model_parallel_size: 1
      context_parallel_size: 1
      expert_model_parallel_size: 1
      sequence_parallel: false
      virtual_pipeline_model_parallel_size: null
      recompute_granularity: null
      recompute_method: null
      recompute_num_layers: null
    train:
      train_iters: 92
      global_batch_size: 64
      micro_batch_size: 1
    validation:
      eval_interval: 1000
      eval_iters: 0
    optimizer:
      optimizer: adam
      lr: 0.0001
      min_lr: 0.0
      weight_decay: 0.1
      adam_beta2: 0.95
      use_distributed_optimizer: true
    scheduler:
      lr_decay_style: cosine
      lr_warmup_iters: 3
      start_weight_decay: 0.1
      end_weight_decay: 0.1
      weight_decay_incr_style: constant
    ddp:
      use_distributed_optimizer: true
      overlap_grad_reduce: true
      overlap_param_gather: true
    mixed_precision: bf16_mixed
    dataset:
      seq_length: 2048
      dataset_root: data
      do_validation: false
      do_test: false
      enable_offline_packing: true
      offline_packing_specs:
        packed_sequence_size: 2048
        pad_seq_to_mult: 1
    tokenizer:
      tokenizer_type: HuggingFaceTokenizer
      tokenizer_model: meta-llama/Llama-3.1-8B
    checkpoint:
      save: out
      save_interval: …
      load: out
      ckpt_format: torch_dist
      pretrained_checkpoint: pretrained
    peft:
      target_modules: [linear_qkv, linear_proj]
      dim: 32
      alpha: 64  # twice the rank; a plan does not depend on it
      dropout: 0.0
    logger:
      log_interval: 10
      log_throughput: true
    ");
    insta::assert_snapshot!(written(ADAPTED, "megatron-bridge", "bridge.py"), @r#"
    import dataclasses

    import yaml
    from megatron.bridge import AutoBridge
    from megatron.bridge.data.builders import ChatSFTPreprocessingConfig
    from megatron.bridge.data.packing import PackedSequenceSpecs
    from megatron.bridge.peft.lora import LoRA
    from megatron.bridge.training import config as c
    from megatron.bridge.training.finetune import finetune
    from megatron.bridge.training.gpt_step import forward_step
    from megatron.bridge.training.utils.omegaconf_utils import process_config_with_overrides

    config = c.ConfigContainer(
        model=AutoBridge.from_hf_pretrained("meta-llama/Llama-3.1-8B").to_megatron_provider(load_weights=False),
        train=c.TrainingConfig(),
        optimizer=c.OptimizerConfig(),
        scheduler=c.SchedulerConfig(),
        ddp=c.DistributedDataParallelConfig(),
        dataset=c.GPTSFTDatasetConfig(seq_length=2048, preprocessing=ChatSFTPreprocessingConfig(), offline_packing_specs=PackedSequenceSpecs()),
        logger=c.LoggerConfig(),
        tokenizer=c.TokenizerConfig(),
        checkpoint=c.CheckpointConfig(),
        peft=LoRA(),
    )

    with open("bridge.yaml") as text:
        for section, settings in yaml.safe_load(text).items():
            of = getattr(config, section)
            fields = {field.name for field in dataclasses.fields(of)} if dataclasses.is_dataclass(of) else set()
            unknown = set(settings) - fields if isinstance(settings, dict) else set()
            if unknown:
                raise SystemExit(f"{section} has no {', '.join(sorted(unknown))}")

    config = process_config_with_overrides(config, config_filepath="bridge.yaml")

    if __name__ == "__main__":
        finetune(config, forward_step)
    "#);
    insta::assert_snapshot!(written(ADAPTED, "megatron-bridge,torchrun", "run.sh"), @"
    #!/usr/bin/env bash
    set -euo pipefail
    export CUDA_DEVICE_MAX_CONNECTIONS=1
    torchrun --standalone --nproc-per-node=8 bridge.py
    ");
}

#[test]
fn maxtext() {
    insta::assert_snapshot!(written(WIDE, "maxtext,slurm", "maxtext.yml"), @r#"
    base_config: base.yml
    run_name: out
    base_output_directory: "."  # checkpoints go to out/checkpoints
    hardware: gpu
    model_name: llama3.1-8b
    ici_data_parallelism: 1
    ici_fsdp_parallelism: 8
    ici_tensor_sequence_parallelism: 2
    per_device_batch_size: 1.0
    gradient_accumulation_steps: 4
    max_target_length: 8192
    steps: 1908
    remat_policy: "none"
    dtype: bfloat16
    weight_dtype: float32
    opt_type: adamw
    learning_rate: 0.0003
    lr_schedule_type: cosine
    warmup_steps_fraction: 0.03
    attention: cudnn_flash_te
    enable_checkpointing: true
    save_checkpoint_on_start: false
    checkpoint_period: 1908
    async_checkpointing: false
    max_num_checkpoints_to_keep: 2
    packing: true
    dataset_type: hf
    hf_path: json
    hf_train_files: data/tokens
    train_split: train
    train_data_columns: [text]
    tokenizer_type: huggingface
    tokenizer_path: meta-llama/Llama-3.1-8B
    "#);
    insta::assert_snapshot!(written(WIDE, "maxtext,slurm", "train.sbatch"), @r#"
    #!/bin/bash
    #SBATCH --job-name=llama-3-1-8b-full
    #SBATCH --nodes=2
    #SBATCH --ntasks-per-node=1
    #SBATCH --gpus-per-node=8
    #SBATCH --time=…
    #SBATCH --output=%x-%j.out
    ##SBATCH --partition=gpu
    ##SBATCH --account=
    set -euo pipefail
    MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
    export MASTER_ADDR MASTER_PORT=29500
    srun bash -c 'NNODES=$SLURM_NNODES NODE_RANK=$SLURM_NODEID JAX_COORDINATOR_IP=$MASTER_ADDR JAX_COORDINATOR_PORT=29500 python3 -m maxtext.trainers.pre_train.train maxtext.yml'
    "#);
    let staged = PIPED
        .replace("zero = \"zero1\"", "zero = \"fsdp\"\nvpp = 2\nmicro_batch = 1")
        .replace("llama-3.1-8b", "qwen1.5-7b");
    insta::assert_snapshot!(written(&staged, "maxtext", "maxtext.yml"), @r#"
    base_config: base.yml
    run_name: out
    base_output_directory: "."  # checkpoints go to out/checkpoints
    hardware: gpu
    decoder_block: llama2
    base_num_decoder_layers: 32
    base_emb_dim: 4096
    base_mlp_dim: 11008
    base_num_query_heads: 32
    base_num_kv_heads: 32
    head_dim: 128
    vocab_size: 151936
    mlp_activations: [silu, linear]
    logits_via_embedding: false
    attention_bias: true
    ici_data_parallelism: 1
    ici_fsdp_parallelism: 4
    ici_tensor_sequence_parallelism: 2
    ici_pipeline_parallelism: 2
    num_layers_per_pipeline_stage: 8
    num_pipeline_repeats: 2
    num_pipeline_microbatches: 16
    scan_layers: false
    per_device_batch_size: 4.0
    gradient_accumulation_steps: 1
    max_target_length: 8192
    steps: 1908
    remat_policy: full
    dtype: bfloat16
    weight_dtype: float32
    opt_type: adamw
    learning_rate: 0.0003
    lr_schedule_type: cosine
    warmup_steps_fraction: 0.03
    attention: cudnn_flash_te
    enable_checkpointing: true
    save_checkpoint_on_start: false
    checkpoint_period: 1908
    async_checkpointing: false
    max_num_checkpoints_to_keep: 2
    packing: true
    dataset_type: hf
    hf_path: json
    hf_train_files: data/tokens
    train_split: train
    train_data_columns: [text]
    tokenizer_type: huggingface
    tokenizer_path: qwen1.5-7b
    "#);
    insta::assert_snapshot!(written(ADAPTED, "maxtext,trainjob", "maxtext.yml"), @r#"
    base_config: post_train/sft.yml
    run_name: out
    base_output_directory: "."  # checkpoints go to out/checkpoints
    hardware: gpu
    model_name: llama3.1-8b
    shard_optimizer_over_data: true
    ici_data_parallelism: 8
    ici_fsdp_parallelism: 1
    per_device_batch_size: 4.0
    gradient_accumulation_steps: 2
    max_target_length: 2048
    steps: 92
    remat_policy: "none"
    dtype: bfloat16
    weight_dtype: bfloat16
    opt_type: adamw
    learning_rate: 0.0001
    lr_schedule_type: cosine
    warmup_steps_fraction: 0.03
    attention: cudnn_flash_te
    lora:
      enable_lora: true
      lora_rank: 32
      lora_alpha: 64.0  # twice the rank; a plan does not depend on it
      lora_module_path: "decoder/layers/.*(self_attention/query|self_attention/key|self_attention/value|self_attention/out)"
    enable_checkpointing: true
    save_checkpoint_on_start: false
    checkpoint_period: 92
    async_checkpointing: false
    max_num_checkpoints_to_keep: 2
    use_sft: true
    load_parameters_path: pretrained/0/items
    packing: true
    dataset_type: hf
    hf_path: json
    hf_train_files: data/train.jsonl
    train_split: train
    train_data_columns: [messages]
    tokenizer_type: huggingface
    tokenizer_path: meta-llama/Llama-3.1-8B
    "#);
}

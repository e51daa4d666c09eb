//! Configs of programs that split the model: Megatron-LM, Megatron-Bridge, MaxText.

use outlay::catalog::Catalog;
use outlay::parse;
use outlay_stacks::export;

use super::{FULL, PIPED, WIDE, written};

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
    max_segments_per_seq: 128
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
    max_segments_per_seq: 128
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
    max_segments_per_seq: 32
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

/// What the program has no setting for in a plan of this job.
fn refused(text: &str, to: &str) -> String {
    let catalog = Catalog::built_in();
    let wanted = export::targets(to).expect("a target");
    let request = parse(text).unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
    let (request, _) = export::fit_to(&request, &wanted);
    let answer = outlay::plan(&request, &catalog, "2026-11-24").unwrap_or_else(|problems| panic!("{to}: {problems:?}"));
    let plan = answer.pick.clone().unwrap_or_else(|| panic!("{to}: {}", answer.verdict));
    let problems = export::export(&request, &answer, &plan, &wanted, &catalog).expect_err("a refusal");
    problems
        .iter()
        .map(|problem| format!("{}: {}\n  {}\n", problem.at, problem.message, problem.help.join("; ")))
        .collect()
}

#[test]
fn what_megatron_bridge_cannot_do_is_refused_with_the_way_out() {
    let job = ADAPTED
        .replace("kind = \"lora\"", "kind = \"qlora\"")
        .replace("targets = \"attention\"", "targets = [\"q_proj\", \"v_proj\"]")
        .replace("zero = \"zero1\"", "zero = \"none\"\nmicro_batch = 2")
        .replace("[hardware]", "optimizer = \"adamw-8bit\"\nloss = \"chunked\"\n[hardware]");
    insta::assert_snapshot!(refused(&job, "megatron-bridge"), @r#"
    layout.micro_batch: Megatron-Bridge has no setting for more than one packed sequence at a time
      fix layout.micro_batch = 1, or data.packing = false
    train.loss: Megatron-Bridge has no setting for a chunked loss
      fix train.loss = "fused"; axolotl, trl and maxtext have one
    train.optimizer: Megatron-Bridge has no setting for the optimizer adamw-8bit
      adamw, sgd and muon can be written
    method.base_dtype: Megatron-Bridge has no setting for a quantised base
      fix method.kind = "lora" or method.base_dtype = "bf16"; axolotl and trl have it: --to trl
    method.targets: Megatron-Bridge has no setting for an adapter on some of q_proj, k_proj, v_proj, which it keeps as one
      fix method.targets = "all-linear" or "attention"; axolotl and trl keep them apart
    "#);
    let unknown = PIPED.replace("llama-3.1-8b", "mixtral-8x7b").replace("start = \"scratch\"\n", "");
    insta::assert_snapshot!(refused(&unknown.replace("pp = 2", "pp = 2\nmicro_batch = 1"), "megatron-bridge"), @"
    model.base: Megatron-Bridge has no setting for the weights of mistralai/Mixtral-8x7B-v0.1
      axolotl and trl take any model of the hub; its bridges are for Llama, Mistral, Qwen, Gemma, GPT-OSS, DeepSeek, GLM and Nemotron
    ");
}

#[test]
fn what_maxtext_cannot_do_is_refused_with_the_way_out() {
    let job = PIPED.replace("zero = \"zero1\"", "zero = \"zero1\"\ncp = 2\nschedule = \"1f1b\"\nsequence_parallel = false").replace(
        "[hardware]",
        "schedule = \"linear\"\nrecompute = \"half\"\nattention = \"flash2\"\nprecision = \"fp16\"\ncompile = false\n[hardware]",
    );
    insta::assert_snapshot!(refused(&job, "maxtext"), @r#"
    train.compile: MaxText has no setting for running uncompiled
      fix train.compile = true
    layout.zero: MaxText has no setting for whole weights on ranks that split sequences or experts
      fix layout.zero = "fsdp": it shards weights over those ranks too
    layout.sequence_parallel: MaxText has no setting for norms that tensor parallelism does not split
      fix layout.sequence_parallel = true
    layout.schedule: MaxText has no setting for any order of work but all forward, then all backward
      fix layout.schedule = "gpipe"; megatron-lm and torchtitan have others
    train.recompute: MaxText has no setting for recomputing some of the layers
      fix train.recompute = "none", "selective" or "full"
    train.precision: MaxText has no setting for the format fp16 on this accelerator
      bf16, bf16-pure, fp32 and fp8 can be written, mxfp8 and nvfp4 for NVIDIA, int8 for TPUs
    train.schedule: MaxText has no setting for any schedule but cosine and wsd
      fix train.schedule = "cosine" or "wsd"
    train.attention: MaxText has no setting for the kernel flash2
      fix train.attention = "auto", which is cuDNN's on GPUs and Splash attention on TPUs, or "eager"
    "#);
    insta::assert_snapshot!(refused(&WIDE.replace("llama-3.1-8b", "gpt2-xl").replace("8192", "1024").replace("tp = 2\n", ""), "maxtext"), @"
    model.base: MaxText has no setting for a decoder other than of gated SiLU, RMSNorm and rotary positions without biases
      megatron-lm has GELU, LayerNorm and biases: --to megatron-lm
    ");
    insta::assert_snapshot!(refused(&ADAPTED.replace("llama-3.1-8b", "qwen1.5-7b").replace("\"lora\"", "\"dora\""), "maxtext"), @"
    model.base: MaxText has no setting for the weights of qwen1.5-7b
      axolotl and trl take any model of the hub: --to axolotl
    method.kind: MaxText has no setting for DoRA
      axolotl, trl and torchtune have it: --to trl
    ");
}

/// A model that has no number for a part of it would be trained as another one.
#[test]
fn a_model_that_would_come_out_as_another_is_refused() {
    let windows = WIDE.replace("llama-3.1-8b", "gpt-oss-20b").replace("tp = 2", "tp = 1");
    insta::assert_snapshot!(refused(&windows, "megatron-lm"), @"
    model.base: megatron-lm would train 0 layers with a window, not 12: some of it has no setting there
      axolotl and trl take any model of the hub: --to axolotl
    ");
    let shared = WIDE.replace("llama-3.1-8b", "qwen1.5-moe-a2.7b").replace("tp = 2", "tp = 1");
    insta::assert_snapshot!(refused(&shared, "megatron-lm"), @"
    model.base: megatron-lm would train layers of 12863 million parameters, not of 13693 million parameters: some of it has no setting there
      axolotl and trl take any model of the hub: --to axolotl
    ");
    insta::assert_snapshot!(refused(&shared, "maxtext"), @"
    model.base: maxtext would train layers of 12863 million parameters, not of 13693 million parameters: some of it has no setting there
      axolotl and trl take any model of the hub: --to axolotl
    ");
}

/// Formats of gradients and CUDA graphs go to Megatron-Core's programs and come back; others refuse them.
#[test]
fn gradients_and_graphs_are_megatrons_to_set() {
    let job = |train: &str| PIPED.replace("[train]\n", &format!("[train]\n{train}\n"));
    let text = written(&job("gradients = \"bf16\"\ncuda_graphs = \"parts\""), "megatron-lm", "megatron.sh");
    for part in ["--grad-reduce-in-bf16", "--cuda-graph-impl transformer_engine", "--cuda-graph-scope attn\n"] {
        assert!(text.contains(part), "{text}");
    }
    let text = written(&job("cuda_graphs = \"step\""), "megatron-lm", "megatron.sh");
    assert!(text.contains("--cuda-graph-impl local") && text.contains("--cuda-graph-scope full_iteration"), "{text}");
    assert!(!written(PIPED, "megatron-lm", "megatron.sh").contains("graph"));
    let text = written(&job("cuda_graphs = \"parts\""), "megatron-bridge", "bridge.yaml");
    assert!(text.contains("cuda_graph_impl: transformer_engine"), "{text}");
    for (train, to) in [
        ("gradients = \"bf16\"", "megatron-bridge"),
        ("gradients = \"bf16\"", "torchtitan"),
        ("cuda_graphs = \"parts\"", "torchtitan"),
    ] {
        let job = WIDE.replace("[train]\n", &format!("[train]\n{train}\n"));
        assert!(refused(&job, to).contains("has no setting for"), "{to}");
    }
}

/// Activations in host memory go where there is a setting for them; other programs refuse them, and so do all without
/// recomputation.
#[test]
fn activations_in_host_memory() {
    let job = |recompute: &str| {
        let train = format!("[train]\nactivation_offload = true\nrecompute = \"{recompute}\"\n");
        FULL.replace("[train]\n", &train)
    };
    for (to, file, setting) in [
        ("torchtune", "torchtune.yaml", "enable_activation_offloading: true"),
        ("trl", "sft.yaml", "activation_offloading: true"),
        ("axolotl", "axolotl.yaml", "activation_offloading: true"),
    ] {
        let text = written(&job("full"), to, file);
        assert!(text.contains(setting) && !text.contains("checkpointing: false\nactivation"), "{to}: {text}");
        assert!(refused(&job("none"), to).contains("layers that are not computed again"), "{to}");
    }
    insta::assert_snapshot!(refused(&job("full"), "torchtitan"), @"
    train.activation_offload: torchtitan has no setting for activations in host memory
      axolotl, trl and torchtune have one: --to trl
    ");
}

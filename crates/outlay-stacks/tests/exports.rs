//! What each exporter writes, one representative plan each; the head's comments, which hold prices, aside.

use outlay::catalog::Catalog;
use outlay::parse;
use outlay_stacks::export;

const QLORA: &str = "[model]\nbase = \"llama-3.1-8b\"\n[method]\nkind = \"qlora\"\nrank = 32\n[data]\ntokens = \"12M\"\n\
     path = \"data/train.jsonl\"\n[train]\nlearning_rate = 1e-4\n[hardware]\naccelerators = [\"h100-sxm\"]\ngpus = 1\n";
const FULL: &str = "[model]\nbase = \"llama-3.1-8b\"\n[data]\ntokens = \"50M\"\npath = \"data/train.jsonl\"\n\
     [train]\nlearning_rate = 2e-5\nloss = \"chunked\"\n[hardware]\naccelerators = [\"h100-sxm\"]\ngpus = 8\nproviders = [\"lambda\"]\n\
     [layout]\nzero = \"fsdp\"\noffload = \"none\"\n";
const STAGED: &str = "[model]\nbase = \"llama-3.1-8b\"\n[data]\ntokens = \"50M\"\npath = \"data/train.jsonl\"\n\
     [train]\nlearning_rate = 2e-5\n[hardware]\naccelerators = [\"h200-sxm\"]\ngpus = 8\n[layout]\nzero = \"zero2\"\noffload = \"optimizer\"\n";
const WIDE: &str = "[model]\nbase = \"llama-3.1-8b\"\nstart = \"scratch\"\n[data]\ntokens = \"1B\"\npath = \"data/tokens\"\n\
     seq_len = 8192\n[train]\nlearning_rate = 3e-4\nglobal_batch = 64\n[hardware]\naccelerators = [\"h100-sxm\"]\ngpus = 16\n\
     [layout]\ntp = 2\npp = 1\nzero = \"fsdp\"\n";
const PIPED: &str = "[model]\nbase = \"llama-3.1-8b\"\nstart = \"scratch\"\n[data]\ntokens = \"1B\"\npath = \"data/tokens\"\n\
     seq_len = 8192\n[train]\nlearning_rate = 3e-4\nglobal_batch = 64\n[hardware]\naccelerators = [\"h100-sxm\"]\ngpus = 16\n\
     [layout]\ntp = 2\npp = 2\nzero = \"zero1\"\n";
const SCRATCH: &str = "[model]\nbase = \"llama-3.2-1b\"\nstart = \"scratch\"\n[data]\ntokens = \"5B\"\npath = \"data/texts\"\nseq_len = 4096\n\
     [train]\nlearning_rate = 3e-4\n[hardware]\naccelerators = [\"h100-sxm\"]\ngpus = 8\nproviders = [\"lambda\"]\n";

/// The file of this name that is written for a job.
fn written(text: &str, to: &str, file: &str) -> String {
    let catalog = Catalog::built_in();
    let wanted = export::targets(to).unwrap_or_else(|problems| panic!("{to}: {problems:?}"));
    let request = parse(text).unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
    let (request, _) = export::fit_to(&request, &wanted);
    let answer = outlay::plan(&request, &catalog, "2026-11-24").unwrap_or_else(|problems| panic!("{to}: {problems:?}"));
    let plan = answer.pick.clone().unwrap_or_else(|| panic!("{to}: {}", answer.verdict));
    let exported = export::export(&request, &answer, &plan, &wanted, &catalog)
        .unwrap_or_else(|problems| panic!("{to}: {problems:?}"));
    let names: Vec<&str> = exported.files.iter().map(|file| file.name.as_str()).collect();
    let one =
        exported.files.iter().find(|one| one.name == file).unwrap_or_else(|| panic!("{file} is none of {names:?}"));
    one.text.lines().filter(|line| !line.trim_start().starts_with("# ")).map(|line| format!("{line}\n")).collect()
}

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
      save_interval: 153  # the result alone is saved
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
      save_interval: 4393
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
    interval = 1908
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
      --save-interval 1908
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
fn skypilot() {
    insta::assert_snapshot!(written(WIDE, "torchtitan,skypilot", "skypilot.yaml"), @r#"
    name: llama-3-1-8b-full
    resources:
      accelerators: "H100:8"
      infra: aws/us-east-1
      instance_type: p5.48xlarge
      use_spot: false
    num_nodes: 2
    workdir: "."
    setup: |
      pip install 'torchtitan==0.2.*'
    run: |
      FIRST=$(echo "$SKYPILOT_NODE_IPS" | head -n 1)
      torchrun --nnodes=$SKYPILOT_NUM_NODES --node-rank=$SKYPILOT_NODE_RANK --nproc-per-node=8 --master-addr=$FIRST --master-port=29500 -m torchtitan.train --job.config_file torchtitan.toml
    "#);
}

#[test]
fn dstack() {
    insta::assert_snapshot!(written(FULL, "trl,dstack", "train.dstack.yml"), @r#"
    type: task
    name: llama-3-1-8b-full
    python: "3.12"
    nodes: 1
    files: [sft.yaml, accelerate.yaml]
    commands:
      - |
        pip install 'trl[peft]>=1,<2' 'transformers>=5,<6'
      - |
        pip install liger-kernel
      - |
        torchrun --standalone --nproc-per-node=8 -m trl.scripts.sft --config sft.yaml
    resources:
      gpu: "H100:72GB..:8"
    backends: [lambda]
    spot_policy: on-demand
    max_price: 35.12  # of one machine and hour: a tenth over the plan's
    max_duration: "1h"  # one run in ten takes longer than that
    "#);
}

#[test]
fn slurm() {
    insta::assert_snapshot!(written(WIDE, "torchtitan,slurm", "train.sbatch"), @r#"
    #!/bin/bash
    #SBATCH --job-name=llama-3-1-8b-full
    #SBATCH --nodes=2
    #SBATCH --ntasks-per-node=1
    #SBATCH --gpus-per-node=8
    #SBATCH --time=0-03:37:00
    #SBATCH --output=%x-%j.out
    ##SBATCH --partition=gpu
    ##SBATCH --account=
    set -euo pipefail
    MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
    export MASTER_ADDR MASTER_PORT=29500
    srun bash -c 'torchrun --nnodes=$SLURM_NNODES --node-rank=$SLURM_NODEID --nproc-per-node=8 --master-addr=$MASTER_ADDR --master-port=29500 -m torchtitan.train --job.config_file torchtitan.toml'
    "#);
}

#[test]
fn ray() {
    insta::assert_snapshot!(written(FULL, "trl,ray", "ray_job.py"), @r#"
    import os
    import subprocess

    import ray
    from ray.util.placement_group import placement_group
    from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

    NODES = 1
    GPUS = 8
    COMMAND = "torchrun --standalone --nproc-per-node=8 -m trl.scripts.sft --config sft.yaml"


    def environment(rank, first):
        return dict(os.environ, NNODES=str(NODES), NODE_RANK=str(rank), MASTER_ADDR=first, MASTER_PORT="29500")


    @ray.remote(num_gpus=GPUS, max_retries=0)
    def train(rank, first):
        subprocess.run(["bash", "-c", COMMAND], env=environment(rank, first), check=True)


    @ray.remote(num_cpus=0)
    def address():
        return ray.util.get_node_ip_address()


    ray.init()
    group = placement_group([{"GPU": GPUS, "CPU": 1}] * NODES, strategy="STRICT_SPREAD")
    ray.get(group.ready())


    def on(rank):
        return PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=rank)


    for attempt in range(3):
        first = ray.get(address.options(scheduling_strategy=on(0)).remote())
        tasks = [train.options(scheduling_strategy=on(rank)).remote(rank, first) for rank in range(NODES)]
        try:
            ray.get(tasks)
            break
        except ray.exceptions.RayError as error:
            print(f"attempt {attempt}: {error}")
            for task in tasks:
                ray.cancel(task, force=True)
    else:
        raise SystemExit("gave up")
    "#);
}

#[test]
fn jobset() {
    insta::assert_snapshot!(written(WIDE, "torchtitan,jobset", "jobset.yaml"), @r#"
    apiVersion: jobset.x-k8s.io/v1alpha2
    kind: JobSet
    metadata:
      name: llama-3-1-8b-full
    spec:
      failurePolicy:
        maxRestarts: 3
      network:
        enableDNSHostnames: true
      replicatedJobs:
        - name: workers
          replicas: 1
          template:
            spec:
              parallelism: 2
              completions: 2
              completionMode: Indexed
              backoffLimit: 0
              template:
                spec:
                  restartPolicy: Never
                  containers:
                    - name: train
                      image: "python:3.12"
                      command: [bash, "-c"]
                      args:
                        - |
                          set -euo pipefail
                          mkdir -p /job && cd /job
                          cat > torchtitan.toml <<'OUTLAY'

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
                          interval = 1908
                          keep_latest_k = 2
                          async_mode = "disabled"
                          OUTLAY
                          pip install 'torchtitan==0.2.*'
                          torchrun --nnodes=$NNODES --node-rank=$JOB_COMPLETION_INDEX --nproc-per-node=8 --master-addr=$MASTER_ADDR --master-port=29500 -m torchtitan.train --job.config_file torchtitan.toml
                      env:
                        - name: NNODES
                          value: "2"
                        - name: MASTER_ADDR
                          value: llama-3-1-8b-full-workers-0-0.llama-3-1-8b-full
                      resources:
                        limits:
                          nvidia.com/gpu: "8"
                      volumeMounts:
                        - name: out
                          mountPath: /job/out
                        - name: shm
                          mountPath: /dev/shm
                  volumes:
                    - name: out
                      persistentVolumeClaim:
                        claimName: outlay-out
                    - name: shm
                      emptyDir:
                        medium: Memory
    "#);
}

#[test]
fn trainjob() {
    insta::assert_snapshot!(written(FULL, "trl,trainjob", "trainjob.yaml"), @r#"
    apiVersion: trainer.kubeflow.org/v1alpha1
    kind: TrainJob
    metadata:
      name: llama-3-1-8b-full
    spec:
      runtimeRef:
        name: torch-distributed
      trainer:
        numNodes: 1
        numProcPerNode: 8
        image: "python:3.12"
        command: [bash, "-c"]
        args:
          - |
            set -euo pipefail
            mkdir -p /job && cd /job
            cat > sft.yaml <<'OUTLAY'
            model_name_or_path: meta-llama/Llama-3.1-8B
            dtype: float32
            attn_implementation: sdpa
            datasets:
              - path: json
                data_files: data/train.jsonl
            max_length: 2048
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
            gradient_checkpointing: false
            use_liger_kernel: true
            fsdp: full_shard
            fsdp_config:
              auto_wrap_policy: TRANSFORMER_BASED_WRAP
              reshard_after_forward: true
              state_dict_type: SHARDED_STATE_DICT
              cpu_ram_efficient_loading: true
              activation_checkpointing: false
            OUTLAY
            cat > accelerate.yaml <<'OUTLAY'
            compute_environment: LOCAL_MACHINE
            distributed_type: MULTI_GPU
            num_machines: 1
            num_processes: 8  # of all machines together
            machine_rank: 0  # of this machine, or --machine_rank
            mixed_precision: bf16
            OUTLAY
            pip install 'trl[peft]>=1,<2' 'transformers>=5,<6'
            pip install liger-kernel
            torchrun -m trl.scripts.sft --config sft.yaml
        resourcesPerNode:
          limits:
            nvidia.com/gpu: "8"
    "#);
}

#[test]
fn torchrun() {
    insta::assert_snapshot!(written(WIDE, "torchtitan,torchrun", "run.sh"), @r#"
    #!/usr/bin/env bash
    set -euo pipefail
    : "${NNODES:=2}"
    : "${NODE_RANK:?which machine this is, from 0}"
    : "${MASTER_ADDR:?address of the first machine}"
    torchrun --nnodes=$NNODES --node-rank=$NODE_RANK --nproc-per-node=8 --master-addr=$MASTER_ADDR --master-port=29500 -m torchtitan.train --job.config_file torchtitan.toml
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

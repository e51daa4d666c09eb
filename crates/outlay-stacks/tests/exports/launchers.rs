//! Tasks of launchers, each around a program's config.

use super::{FULL, WIDE, written};

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
    max_duration: …
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
    #SBATCH --time=…
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
                          interval = …
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

/// A setting of CUDA belongs to the environment, whatever program is launched.
#[test]
fn launches_that_wait_are_set_in_the_environment() {
    let job = WIDE.replace("[train]\n", "[train]\nlaunch_blocking = true\n");
    for (to, file) in [("torchtitan,slurm", "train.sbatch"), ("torchtitan,skypilot", "skypilot.yaml")] {
        let text = written(&job, to, file);
        assert!(text.contains("CUDA_LAUNCH_BLOCKING"), "{text}");
    }
    assert!(!written(WIDE, "torchtitan,slurm", "train.sbatch").contains("CUDA_LAUNCH_BLOCKING"));
}

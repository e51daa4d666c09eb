//! Minimal configs, one or two a program.

pub(crate) const TORCHTUNE: (&str, &str) = ("x.yaml", "
model: {_component_: torchtune.models.qwen2_5.qlora_qwen2_5_7b_base, lora_attn_modules: [q_proj, output_proj], apply_lora_to_mlp: true, lora_rank: 16, lora_alpha: 32}
tokenizer: {_component_: torchtune.models.qwen2_5.qwen2_5_tokenizer, max_seq_len: 1024}
optimizer: {_component_: torch.optim.AdamW, fused: true, lr: 3e-4}
lr_scheduler: {_component_: torchtune.training.lr_schedulers.get_cosine_schedule_with_warmup}
loss: {_component_: torchtune.modules.loss.LinearCrossEntropyLoss}
dataset: {_component_: torchtune.datasets.alpaca_dataset, packed: true}
batch_size: 2
gradient_accumulation_steps: 4
epochs: 2
max_steps_per_epoch: 100
dtype: bf16
compile: false
enable_activation_checkpointing: true
fsdp_cpu_offload: true
output_dir: ${nowhere}/x
shade: 1
");

pub(crate) const TORCHTITAN: (&str, &str) = (
    "x.toml",
    r#"
[model]
name = "llama3"
flavor = "70B"
converters = ["float8"]
[optimizer]
name = "AdamW"
lr = 1.5e-4
[training]
local_batch_size = 8
seq_len = 8192
steps = 1000
[parallelism]
tensor_parallel_degree = 8
pipeline_parallel_degree = 2
pipeline_parallel_schedule = "Interleaved1F1B"
[activation_checkpoint]
mode = "full"
[checkpoint]
enable = true
async_mode = "async"
keep_latest_k = 3
[validation]
enable = true
freq = 500
steps = 100
[colour]
of = "sky"
"#,
);

pub(crate) const TORCHTITAN_AGAIN: (&str, &str) = (
    "x.sh",
    "NGPU=8 torchrun --nproc_per_node=8 -m torchtitan.train --module llama3 --config llama3_8b --training.local-batch-size 4 --compile.enable --shade 1",
);

pub(crate) const LITGPT: (&str, &str) = (
    "x.yaml",
    "
checkpoint_dir: checkpoints/meta-llama/Meta-Llama-3.1-8B
precision: bf16-true
quantize: bnb.nf4-dq
devices: 1
num_nodes: 1
lora_r: 32
lora_query: true
lora_mlp: true
train: {global_batch_size: 8, micro_batch_size: 1, epochs: 2, max_seq_length: 512, save_interval: 200}
eval: {interval: 100, max_iters: 100}
optimizer: {class_path: torch.optim.AdamW, init_args: {lr: 0.0002}}
shade: 1
",
);

pub(crate) const LITGPT_AGAIN: (&str, &str) = (
    "x.yaml",
    "
model_name: pythia-160m
train: {global_batch_size: 512, micro_batch_size: 4, max_tokens: 3000000000, max_seq_length: 2048}
",
);

pub(crate) const MEGATRON_LM: (&str, &str) = (
    "x.sh",
    r#"#!/bin/bash
#SBATCH --nodes=4 --gpus-per-node=h100:8
MODEL=(
  --num-layers 32 --hidden-size 4096 --ffn-hidden-size 14336 --num-attention-heads 32
  --group-query-attention --num-query-groups 8 --seq-length 8192 --max-position-embeddings 8192
  --position-embedding-type rope --normalization RMSNorm --swiglu --disable-bias-linear
  --untie-embeddings-and-output-weights
)
TRAIN=(
  --micro-batch-size 1 --global-batch-size 128 --train-iters 1000 --bf16 "--fp8-format hybrid" --lr 3e-4
  --lr-decay-style cosine --attention-dropout 0.0 --hidden-dropout 0.0 --eval-iters 10 --eval-interval 1000 --save x
  --recompute-granularity full --recompute-method block --recompute-num-layers 4 --no-mmap-bin-files
)
torchrun ${LAUNCH[@]} pretrain_gpt.py ${MODEL[@]} ${TRAIN[@]} --tensor-model-parallel-size 2 --sequence-parallel \
  --pipeline-model-parallel-size 2 --num-layers-per-virtual-pipeline-stage 8 --use-distributed-optimizer \
  --tokenizer-type HuggingFaceTokenizer --tokenizer-model meta-llama/Llama-3.1-8B --shade 1
"#,
);

pub(crate) const MEGATRON_LM_AGAIN: (&str, &str) = (
    "model_config.yaml",
    "
MODEL_ARGS:
  --num-layers: 16
  --hidden-size: 1024
  --ffn-hidden-size: 4096
  --num-attention-heads: 32
  --multi-latent-attention: true
  --kv-lora-rank: 512
  --num-experts: 32
  --moe-layer-freq: ([0]*1+[1]*15)
  --moe-ffn-hidden-size: 1024
  --moe-router-topk: 4
  --moe-shared-expert-intermediate-size: 2048
  --swiglu: true
  --vocab-size: 32000
  --micro-batch-size: 4
  --global-batch-size: 32
  --train-samples: 6400
  --expert-model-parallel-size: 4
  --use-megatron-fsdp: true
  --data-parallel-sharding-strategy: optim_grads_params
  --bf16: true
",
);

pub(crate) const NEMO: (&str, &str) = (
    "x.yaml",
    "
name: megatron_llama
trainer: {devices: 8, num_nodes: 2, precision: bf16, max_steps: 1000, val_check_interval: 100, limit_val_batches: 50}
model:
  micro_batch_size: 1
  global_batch_size: 64
  tensor_model_parallel_size: 2
  encoder_seq_length: 4096
  max_position_embeddings: ${.encoder_seq_length}
  num_layers: 32
  hidden_size: 4096
  ffn_hidden_size: 11008
  num_attention_heads: 32
  num_query_groups: ${model.num_attention_heads}
  normalization: rmsnorm
  bias: false
  activation: fast-swiglu
  position_embedding_type: rope
  share_embeddings_and_output_weights: false
  activations_checkpoint_granularity: selective
  hidden_dropout: 0.0
  attention_dropout: 0.0
  optim: {name: distributed_fused_adam, lr: 2e-4, sched: {name: CosineAnnealing}}
  shade: 1
",
);

pub(crate) const NEMO_AGAIN: (&str, &str) = (
    "x.yaml",
    "
train: {train_iters: 100, global_batch_size: 128, micro_batch_size: 2, eval_iters: 10, eval_interval: 50}
dataset: {seq_length: 4096}
model: {tensor_model_parallel_size: 2}
optimizer: {lr: 0.0001}
peft: {dim: 8, target_modules: [linear_qkv, linear_fc2]}
",
);

pub(crate) const NANOTRON: (&str, &str) = ("x.yaml", "
model:
  dtype: bfloat16
  make_vocab_size_divisible_by: 1
  model_config: {is_llama_config: true, hidden_act: silu, hidden_size: 2048, intermediate_size: 8192, num_attention_heads: 32, num_hidden_layers: 16, num_key_value_heads: 8, tie_word_embeddings: true, vocab_size: 128256}
optimizer:
  zero_stage: 1
  optimizer_factory: {name: adamW, torch_adam_is_fused: true}
  learning_rate_scheduler: {learning_rate: 3e-4, lr_decay_style: 1-sqrt, lr_decay_starting_step: 900}
parallelism: {dp: 4, tp: 2, pp: 1, pp_engine: 1f1b, tp_mode: REDUCE_SCATTER, recompute_layer: true}
tokens: {micro_batch_size: 2, batch_accumulation_per_replica: 4, sequence_length: 4096, train_steps: 1000}
shade: 1
");

pub(crate) const GPT_NEOX: (&str, &str) = (
    "x.yml",
    r#"
{
  "pipe-parallel-size": 2, "model-parallel-size": 2, "num-layers": 32, "hidden-size": 4096,
  "num-attention-heads": 32, "seq-length": 2048, "max-position-embeddings": 2048, "pos-emb": "rotary",
  "no-weight-tying": true, "norm": "rmsnorm", "activation": "swiglu", "intermediate_size": 32768,
  "mlp_multiple_of": 256, "use_bias_in_mlp": False, "use_bias_in_attn_linear": false,
  "make_vocab_size_divisible_by": 1, "attention-config": [[["flash"], 32]],
}
---
{
  "optimizer": {"type": "Adam", "params": {"lr": 0.0002}}, "zero_optimization": {"stage": 1},
  "train_micro_batch_size_per_gpu": 4, "gradient_accumulation_steps": 2, "checkpoint_activations": true,
  "hidden_dropout": 0, "attention_dropout": 0, "fp16": {"enabled": true}, "train_iters": 1000,
  "lr_decay_style": "cosine", "eval_interval": 1000, "eval_iters": 10, "tokenizer_type": "SPMTokenizer", "shade": 1,
}
"#,
);

pub(crate) const LLM_FOUNDRY: (&str, &str) = ("x.yaml", "
variables: {max_seq_len: 2048}
max_seq_len: ${variables.max_seq_len}
model: {name: mpt_causal_lm, d_model: 1024, n_heads: 16, n_layers: 24, expansion_ratio: 4, max_seq_len: '${max_seq_len}', vocab_size: 50368, no_bias: true, attn_config: {attn_impl: flash, alibi: true}, loss_fn: fused_crossentropy}
train_loader: {name: text}
scheduler: {name: cosine_with_warmup, t_warmup: 100ba}
optimizer: {name: decoupled_lionw, lr: 1.0e-4}
max_duration: 13400ba
eval_interval: 500ba
eval_subset_num_batches: 100
device_eval_batch_size: 16
global_train_batch_size: 256
device_train_microbatch_size: 16
precision: amp_bf16
fsdp_config: {sharding_strategy: SHARD_GRAD_OP, activation_checkpointing: true}
shade: 1
");

pub(crate) const MAXTEXT: (&str, &str) = (
    "x.yml",
    "
base_config: base.yml
model_name: llama2-7b
per_device_batch_size: 4
max_target_length: 4096
steps: 100
dcn_data_parallelism: 2
ici_fsdp_parallelism: 8
remat_policy: minimal
quantization: fp8
optimizer_memory_host_offload: true
enable_checkpointing: false
shade: 1
",
);

pub(crate) const MAXTEXT_AGAIN: (&str, &str) = (
    "x.yml",
    "base_config: base.yml\nmodel_name: mixtral-8x7b\nbase_num_decoder_layers: 8\nper_device_batch_size: 1\n",
);

pub(crate) const MAXTEXT_SPLIT: (&str, &str) = (
    "x.yml",
    "
base_config: base.yml
model_name: mixtral-8x7b
per_device_batch_size: 2
ici_data_parallelism: 2
ici_fsdp_parallelism: 2
ici_expert_parallelism: 4
ici_tensor_sequence_parallelism: 2
ici_pipeline_parallelism: 4
num_layers_per_pipeline_stage: 4
num_pipeline_repeats: 2
num_pipeline_microbatches: 8
opt_type: sgd
",
);

pub(crate) const MAXTEXT_TUNED: (&str, &str) = (
    "x.yml",
    "
base_config: post_train/sft.yml
model_name: llama3.1-8b
per_device_batch_size: 1
ici_data_parallelism: 8
ici_fsdp_parallelism: 1
shard_optimizer_over_data: true
weight_dtype: bfloat16
lora:
  enable_lora: true
  lora_rank: 8
  lora_module_path: decoder/layers/.*(self_attention/(query|value))
  lora_weight_qtype: nf4
",
);

pub(crate) const BRIDGE_WHOLE: (&str, &str) = (
    "x.yaml",
    "
model:
  num_layers: 24
  hidden_size: 2048
  num_attention_heads: 16
  ffn_hidden_size: 5632
  vocab_size: 32000
  gated_linear_unit: true
  activation_func: silu
  normalization: RMSNorm
  add_bias_linear: false
  position_embedding_type: rope
  share_embeddings_and_output_weights: false
  window_size: [1023, 0]
  pipeline_model_parallel_size: 2
  virtual_pipeline_model_parallel_size: null
  recompute_granularity: null
train: {train_iters: 100, global_batch_size: 64, micro_batch_size: 1}
optimizer: {optimizer: sgd, sgd_momentum: 0.0, use_distributed_optimizer: true}
ddp: {use_distributed_optimizer: true}
mixed_precision: null
dataset: {seq_length: 4096, enable_offline_packing: false}
",
);

pub(crate) const VALUES_OF_WRONG_TYPES_ARE_ALL_TOLD: (&str, &str) = (
    "x.yml",
    "
num_layers: [1]
num_attention_heads: twelve
hidden_size: 7.5
seq_length: -1
train_micro_batch_size_per_gpu: {}
",
);

/// Every sample.
pub(crate) const ALL: [(&str, &str); 18] = [
    TORCHTUNE,
    TORCHTITAN,
    TORCHTITAN_AGAIN,
    LITGPT,
    LITGPT_AGAIN,
    MEGATRON_LM,
    MEGATRON_LM_AGAIN,
    NEMO,
    NEMO_AGAIN,
    NANOTRON,
    GPT_NEOX,
    LLM_FOUNDRY,
    MAXTEXT,
    MAXTEXT_SPLIT,
    MAXTEXT_TUNED,
    BRIDGE_WHOLE,
    MAXTEXT_AGAIN,
    VALUES_OF_WRONG_TYPES_ARE_ALL_TOLD,
];

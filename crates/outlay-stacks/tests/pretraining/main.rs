//! What each key of the programs that are not Hugging Face's becomes, and what is refused.

use outlay_stacks::{Around, import};
use serde_json::json;

mod samples;

use samples::*;

/// Everything that is told of a config: its keys, the warnings, what is unknown; or the faults.
fn told((name, text): (&str, &str), accelerators: Option<u64>) -> String {
    let around = Around { accelerators, file: &|_| None };
    match import(name, text, &around) {
        Ok(read) => {
            let keys = read.mapped.iter().map(|one| format!("{}: {}", one.from, one.to));
            let custom = read.request.model.custom.as_ref().map(|custom| json!(custom));
            let model = read.request.model.config.clone().or(custom).map(|model| {
                let told = model.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
                format!("= {}", told.map(|(key, value)| format!("{key} {value}")).collect::<Vec<_>>().join(", "))
            });
            let warnings = read.warnings.iter().map(|warning| format!("! {warning}"));
            let lines: Vec<String> =
                std::iter::once(read.stack.to_owned()).chain(keys).chain(model).chain(warnings).collect();
            lines.join("\n")
        }
        Err(problems) => problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    }
}

#[test]
fn torchtune() {
    insta::assert_snapshot!(told(TORCHTUNE, Some(4)), @"
    torchtune
    model._component_: model.base = qwen2-7b
    model._component_: method.kind = qlora
    model.lora_rank: method.rank = 16
    model.lora_dropout: method.dropout = 0
    model._component_: method.base_dtype = nf4
    model.lora_attn_modules: method.targets = q_proj, o_proj, gate_proj, up_proj, down_proj
    dtype: method.adapter_dtype = bf16
    tokenizer.max_seq_len: data.seq_len = 1024
    dataset.packed: data.packing = true
    batch_size: layout.micro_batch = 2
    batch_size: train.global_batch = 32
    max_steps_per_epoch: data.tokens = 6553600
    dtype: train.precision = bf16
    optimizer._component_: train.optimizer = adamw
    optimizer_in_bwd, optimizer.fused: train.optimizer_execution = fused
    optimizer.lr: train.learning_rate = 0.0003
    lr_scheduler._component_: train.schedule = cosine
    compile: train.compile = false
    loss._component_: train.loss = chunked
    enable_activation_checkpointing: train.recompute = full
    fsdp_cpu_offload: layout.offload = optimizer+parameters
    (processes): layout.zero = fsdp
    ! unknown keys, not counted: shade
    ");
}

#[test]
fn torchtitan() {
    insta::assert_snapshot!(told(TORCHTITAN, Some(64)), @r"
    torchtitan
    model.flavor: model.base = llama3-70b
    checkpoint.initial_load_path: model.start = scratch
    model.name: method.kind = full
    training.seq_len: data.seq_len = 8192
    parallelism.tensor_parallel_degree: layout.tp = 8
    parallelism.pipeline_parallel_degree: layout.pp = 2
    parallelism.pipeline_parallel_schedule: layout.schedule = 1f1b
    parallelism.pipeline_parallel_schedule: layout.vpp = 2
    training.local_batch_size: layout.micro_batch = 1
    training.local_batch_size: train.global_batch = 32
    training.steps: data.tokens = 262144000
    training.mixed_precision_param, model.converters: train.precision = fp8
    optimizer.name: train.optimizer = adamw
    optimizer.implementation: train.optimizer_execution = fused
    optimizer.lr: train.learning_rate = 0.00015
    lr_scheduler.decay_type: train.schedule = linear
    activation_checkpoint.mode: train.recompute = full
    compile.enable: train.compile = false
    attention: train.attention = sdpa
    checkpoint.keep_latest_k: train.checkpoints_kept = 3
    checkpoint.async_mode: train.checkpoint_async = true
    validation.freq: train.evaluation = 0.066667
    ! sharding beside a pipeline is left to the search
    ! unknown keys, not counted: colour
    ");
    insta::assert_snapshot!(told(TORCHTITAN_AGAIN, None), @r"
    torchtitan
    the launcher: hardware.gpus = 8
    model.flavor: model.base = llama-3.1-8b
    checkpoint.initial_load_path: model.start = scratch
    model.name: method.kind = full
    training.seq_len: data.seq_len = 8192
    parallelism.data_parallel_shard_degree: layout.zero = fsdp
    training.local_batch_size: layout.micro_batch = 4
    training.local_batch_size: train.global_batch = 32
    training.steps: data.tokens = 262144000
    training.mixed_precision_param, model.converters: train.precision = bf16
    optimizer.name: train.optimizer = adamw
    optimizer.implementation: train.optimizer_execution = fused
    optimizer.lr: train.learning_rate = 0.0003
    lr_scheduler.decay_type: train.schedule = linear
    activation_checkpoint.mode: train.recompute = selective
    compile.enable: train.compile = true
    loss: train.loss = chunked
    attention: train.attention = sdpa
    checkpoint.enable: train.checkpoint = none
    ! unknown keys, not counted: shade
    ");
}

#[test]
fn litgpt() {
    insta::assert_snapshot!(told(LITGPT, None), @"
    litgpt
    checkpoint_dir: model.start = pretrained
    model: model.base = llama-3.1-8b
    devices, num_nodes: hardware.gpus = 1
    train.max_seq_length: data.seq_len = 512
    data: data.packing = false
    train.global_batch_size, train.micro_batch_size: layout.micro_batch = 1
    train.global_batch_size, train.micro_batch_size: train.global_batch = 8
    epochs: data.epochs = 2
    precision: train.precision = bf16
    optimizer: train.optimizer = paged-adamw
    optimizer.init_args.lr: train.learning_rate = 0.0002
    lr: train.schedule = cosine
    compile: train.compile = false
    attention: train.attention = sdpa
    devices: train.recompute = none
    loss: train.loss = chunked
    eval: train.evaluation = 0.041667
    quantize: method.kind = qlora
    quantize: method.base_dtype = nf4
    quantize: method.double_quant = true
    lora_r: method.rank = 32
    lora_dropout: method.dropout = 0.05
    lora_query, lora_key, …: method.targets = q_proj, v_proj, gate_proj, up_proj, down_proj
    program: train.stack = torchtune
    ! LitGPT has no figures of its own: those of torchtune, which runs on the same parts, are taken
    ! unknown keys, not counted: shade
    ! data.tokens: such a config does not say how much data it has; give --tokens or --samples, or count it with `outlay data scan`
    ");
    insta::assert_snapshot!(told(LITGPT_AGAIN, Some(8)), @r#"
    litgpt
    checkpoint_dir: model.start = scratch
    model: model.custom: 12 layers, hidden 768, ffn 3072, 12 heads, vocab 50304
    train.max_seq_length: data.seq_len = 2048
    data: data.packing = true
    train.global_batch_size, train.micro_batch_size: layout.micro_batch = 4
    train.global_batch_size, train.micro_batch_size: train.global_batch = 512
    train.max_tokens: data.tokens = 3000000000
    precision: train.precision = bf16-pure
    optimizer: train.optimizer = adamw
    lr: train.schedule = cosine
    compile: train.compile = true
    attention: train.attention = sdpa
    devices: train.recompute = none
    loss: train.loss = eager
    lora_r: method.kind = full
    devices: layout.zero = fsdp
    program: train.stack = torchtune
    = activation "gelu", bias true, ffn 3072, gated false, heads 12, hidden 768, layers 12, norm "layer", vocab 50304
    ! LitGPT has no figures of its own: those of torchtune, which runs on the same parts, are taken
    "#);
}

#[test]
fn megatron_lm() {
    insta::assert_snapshot!(told(MEGATRON_LM, None), @r"
    megatron-lm
    the launcher: hardware.gpus = 32
    --tensor-model-parallel-size: layout.tp = 2
    --pipeline-model-parallel-size: layout.pp = 2
    virtual pipeline stages: layout.vpp = 2
    sequence parallelism: layout.sequence_parallel = true
    distributed optimizer: layout.zero = zero1
    --seq-length: data.seq_len = 8192
    tokenizer: model.custom.vocab = 128256
    model by its dimensions: model.custom: 32 layers, hidden 4096, ffn 14336, 32 heads, vocab 128256
    --finetune: model.start = scratch
    the program: method.kind = full
    --global-batch-size: layout.micro_batch = 1
    --global-batch-size: train.global_batch = 128
    --train-iters: data.tokens = 1048576000
    --bf16, --fp16, --fp8-format: train.precision = fp8
    recompute: train.recompute = half
    --optimizer: train.optimizer = adamw
    --lr: train.learning_rate = 0.0003
    --lr-decay-style: train.schedule = cosine
    --attention-dropout, --hidden-dropout: train.dropout = false
    --eval-iters: train.evaluation = 0.003333
    the program: train.stack = megatron-core
    = bias false, ffn 14336, gated true, heads 32, hidden 4096, kv_heads 8, layers 32, tied false, vocab 128256
    ! unknown keys, not counted: --shade
    ");
    insta::assert_snapshot!(told(MEGATRON_LM_AGAIN, Some(8)), @r#"
    megatron-lm
    --expert-model-parallel-size: layout.ep = 4
    distributed optimizer: layout.zero = fsdp
    --seq-length: data.seq_len = 2048
    multi-latent attention: model.config: a config of the family deepseek_v3
    --finetune: model.start = scratch
    the program: method.kind = full
    --global-batch-size: layout.micro_batch = 4
    --global-batch-size: train.global_batch = 32
    --train-samples: data.tokens = 13107200
    --bf16, --fp16, --fp8-format: train.precision = bf16
    recompute: train.recompute = none
    --optimizer: train.optimizer = adamw
    --lr-decay-style: train.schedule = linear
    --attention-dropout, --hidden-dropout: train.dropout = true
    --eval-iters: train.evaluation = 0.033333
    --save: train.checkpoint = none
    the program: train.stack = megatron-core
    = first_k_dense_replace 1, hidden_size 1024, intermediate_size 4096, kv_lora_rank 512, model_type "deepseek_v3", moe_intermediate_size 1024, n_routed_experts 32, n_shared_experts 2, num_attention_heads 32, num_experts_per_tok 4, num_hidden_layers 16, qk_nope_head_dim 128, qk_rope_head_dim 64, tie_word_embeddings true, v_head_dim 128, vocab_size 32000
    "#);
}

#[test]
fn nemo() {
    insta::assert_snapshot!(told(NEMO, None), @r"
    nemo
    trainer.devices, trainer.num_nodes: hardware.gpus = 16
    model.tensor_model_parallel_size: layout.tp = 2
    model.encoder_seq_length: data.seq_len = 4096
    model.data: data.packing = true
    tokenizer: model.custom.vocab = 32000
    model by its dimensions: model.custom: 32 layers, hidden 4096, ffn 11008, 32 heads, vocab 32000
    model.restore_from_path: model.start = scratch
    model.peft.peft_scheme: method.kind = full
    model.micro_batch_size, model.global_batch_size: layout.micro_batch = 1
    model.micro_batch_size, model.global_batch_size: train.global_batch = 64
    trainer.max_steps: data.tokens = 262144000
    trainer.precision, model.fp8: train.precision = bf16
    recompute: train.recompute = selective
    model.optim.name: train.optimizer = adamw
    model.optim.name: layout.zero = zero1
    model.optim.lr: train.learning_rate = 0.0002
    model.optim.sched.name: train.schedule = cosine
    model.hidden_dropout, model.attention_dropout: train.dropout = false
    trainer.val_check_interval: train.evaluation = 0.166667
    the program: train.stack = megatron-core
    = bias false, ffn 11008, gated true, heads 32, hidden 4096, kv_heads 32, layers 32, tied false, vocab 32000
    ! unknown keys, not counted: model.shade
    ");
    insta::assert_snapshot!(told(NEMO_AGAIN, Some(8)), @"
    nemo
    model.tensor_model_parallel_size: layout.tp = 2
    dataset.seq_length: data.seq_len = 4096
    dataset.enable_offline_packing: data.packing = true
    checkpoint.pretrained_checkpoint: model.start = pretrained
    peft: method.kind = lora
    peft.dim: method.rank = 8
    peft.dropout: method.dropout = 0
    train.global_batch_size: layout.micro_batch = 2
    train.global_batch_size: train.global_batch = 128
    train.train_iters: data.tokens = 52428800
    optimizer.lr: train.learning_rate = 0.0001
    train.eval_iters: train.evaluation = 0.066667
    the program: train.stack = megatron-core
    ! the model is that of the recipe, which is no part of this file: name it with model.base
    ");
}

#[test]
fn nanotron() {
    insta::assert_snapshot!(told(NANOTRON, None), @r"
    nanotron
    parallelism: hardware.gpus = 8
    parallelism.tp: layout.tp = 2
    parallelism.tp_mode: layout.sequence_parallel = true
    optimizer.zero_stage: layout.zero = zero1
    tokens.sequence_length: data.seq_len = 4096
    model.model_config: model.custom: 16 layers, hidden 2048, ffn 8192, 32 heads, vocab 128256
    model.init_method.path: model.start = scratch
    model: method.kind = full
    tokens.micro_batch_size: layout.micro_batch = 2
    tokens.micro_batch_size: train.global_batch = 32
    tokens.train_steps: data.tokens = 131072000
    model.dtype: train.precision = bf16
    optimizer.optimizer_factory.name: train.optimizer = adamw
    optimizer.torch_adam_is_fused: train.optimizer_execution = fused
    optimizer.learning_rate_scheduler.learning_rate: train.learning_rate = 0.0003
    optimizer.learning_rate_scheduler: train.schedule = wsd
    parallelism.recompute_layer: train.recompute = full
    model.model_config._attn_implementation: train.attention = flash2
    the program: train.stack = megatron-core-2025
    = ffn 8192, gated true, heads 32, hidden 2048, kv_heads 8, layers 16, tied true, vocab 128256
    ! nanotron has no figures of its own: those of Megatron-Core, whose layouts it shares, are taken
    ! unknown keys, not counted: shade
    ");
}

#[test]
fn gpt_neox() {
    insta::assert_snapshot!(told(GPT_NEOX, Some(16)), @r#"
    gpt-neox
    model_parallel_size: layout.tp = 2
    pipe_parallel_size: layout.pp = 2
    zero_optimization.stage: layout.zero = zero1
    seq_length: data.seq_len = 2048
    pack_impl: data.packing = true
    tokenizer_type, vocab_file: model.custom.vocab = 32000, before it is padded
    model by its dimensions: model.custom: 32 layers, hidden 4096, ffn 11008, 32 heads, vocab 32000
    attention_config: train.attention = flash2
    finetune: model.start = scratch
    finetune: method.kind = full
    train_micro_batch_size_per_gpu: layout.micro_batch = 4
    train_micro_batch_size_per_gpu: train.global_batch = 32
    train_iters: data.tokens = 65536000
    fp16, bf16, precision: train.precision = fp16
    optimizer.type: train.optimizer = adamw
    optimizer.params.lr: train.learning_rate = 0.0002
    lr_decay_style: train.schedule = cosine
    checkpoint_activations: train.recompute = full
    hidden_dropout, attention_dropout: train.dropout = false
    eval_iters: train.evaluation = 0.003333
    the program: train.stack = megatron-deepspeed
    = activation "silu", bias false, ffn 11008, gated true, heads 32, hidden 4096, layers 32, tied false, vocab 32000
    ! unknown keys, not counted: shade
    "#);
}

#[test]
fn llm_foundry() {
    insta::assert_snapshot!(told(LLM_FOUNDRY, Some(8)), @r#"
    llm-foundry
    max_seq_len: data.seq_len = 2048
    train_loader.dataset.packing_ratio: data.packing = true
    model by its dimensions: model.custom: 24 layers, hidden 1024, ffn 4096, 16 heads, vocab 50368
    load_path: model.start = scratch
    model.peft_config: method.kind = full
    model.attn_config.attn_impl: train.attention = flash2
    model.loss_fn: train.loss = fused
    global_train_batch_size: layout.micro_batch = 16
    global_train_batch_size: train.global_batch = 256
    max_duration: data.tokens = 7025459200
    eval_interval: train.evaluation = 0.033333
    fsdp_config.sharding_strategy: layout.zero = zero2
    fsdp_config.activation_checkpointing: train.recompute = full
    precision: train.precision = bf16
    optimizer.name: train.optimizer = lion
    optimizer.lr: train.learning_rate = 0.0001
    scheduler.name: train.schedule = cosine
    save_folder: train.checkpoint = none
    the program: train.stack = llm-foundry
    = activation "gelu", bias false, ffn 4096, gated false, heads 16, hidden 1024, layers 24, norm "layer", tied true, vocab 50368
    ! unknown keys, not counted: shade
    "#);
}

#[test]
fn maxtext() {
    insta::assert_snapshot!(told(MAXTEXT, None), @r"
    maxtext
    ici_*_parallelism, dcn_*_parallelism: hardware.gpus = 16
    ici_fsdp_parallelism: layout.zero = fsdp
    ici_fsdp_parallelism: layout.shard = 8
    optimizer_memory_host_offload: layout.offload = optimizer
    max_target_length: data.seq_len = 4096
    packing: data.packing = true
    model_name: model.base = llama-2-7b
    load_parameters_path: model.start = scratch
    use_sft: method.kind = full
    per_device_batch_size: layout.micro_batch = 4
    per_device_batch_size: train.global_batch = 64
    steps: data.tokens = 26214400
    dtype, weight_dtype, quantization: train.precision = fp8
    opt_type: train.optimizer = adamw
    learning_rate: train.learning_rate = 0.00003
    lr_schedule_type: train.schedule = cosine
    remat_policy: train.recompute = selective
    attention: train.attention = flash2
    dropout_rate: train.dropout = false
    enable_checkpointing: train.checkpoint = none
    the program: train.stack = maxtext
    ! unknown keys, not counted: shade
    ");
    insta::assert_snapshot!(told(MAXTEXT_AGAIN, Some(8)), @r"
    maxtext
    ici_fsdp_parallelism: layout.zero = fsdp
    max_target_length: data.seq_len = 2048
    packing: data.packing = true
    model_name: model.custom: 8 layers, hidden 4096, ffn 14336, 32 heads, vocab 32000, 8 experts
    load_parameters_path: model.start = scratch
    use_sft: method.kind = full
    per_device_batch_size: layout.micro_batch = 1
    per_device_batch_size: train.global_batch = 8
    steps: data.tokens = 2457616384
    dtype, weight_dtype, quantization: train.precision = bf16
    opt_type: train.optimizer = adamw
    learning_rate: train.learning_rate = 0.00003
    lr_schedule_type: train.schedule = cosine
    remat_policy: train.recompute = full
    attention: train.attention = flash2
    dropout_rate: train.dropout = false
    async_checkpointing: train.checkpoint_async = true
    the program: train.stack = maxtext
    = experts 8, ffn 14336, heads 32, hidden 4096, kv_heads 8, layers 8, top_k 2, vocab 32000
    ");
}

#[test]
fn activations_in_host_memory() {
    let parked = |(name, text): (&str, &str), was: &str, is: &str| {
        assert!(text.contains(was), "{name} has no {was}");
        told((name, &text.replacen(was, is, 1)), Some(8))
    };
    let said = [
        parked(TORCHTUNE, "loss: {", "enable_activation_offloading: true\nloss: {"),
        parked(GPT_NEOX, "\"no-weight-tying\"", "\"checkpoint-in-cpu\": true, \"no-weight-tying\""),
        parked(LLM_FOUNDRY, "fsdp_config: {", "fsdp_config: {activation_cpu_offload: true, "),
        parked(MAXTEXT, "remat_policy: minimal\n", "remat_policy: minimal_offloaded\n"),
    ];
    for said in said {
        assert!(said.contains("train.activation_offload = true"), "{said}");
    }
}

#[test]
fn what_trains_no_language_model_is_refused_by_its_kind() {
    let refused = [
        ("flux.toml", "[model]\nname = \"flux\"\nflavor = \"flux-dev\"\n"),
        ("ppo.yaml", "policy_model: {_component_: torchtune.models.mistral.mistral_7b}\nppo_epochs: 2\n"),
        ("vision.yaml", "model: {_component_: torchtune.models.llama3_2_vision.llama3_2_vision_11b}\n"),
        ("kd.yaml", "model: {_component_: torchtune.models.qwen2.qwen2_0_5b}\nkd_ratio: 0.5\n"),
        ("gen.yaml", "model: {_component_: torchtune.models.llama2.llama2_7b}\nmax_new_tokens: 300\n"),
        ("bert.yaml", "name: PretrainingBERT\ntrainer: {devices: 1}\nmodel: {language_model: {}}\n"),
        ("infer.yaml", "inference: {greedy: false}\ntrainer: {devices: 1}\n"),
        ("rwkv.yml", "num_layers: 12\nnum_attention_heads: 12\nattention_config: [[[rwkv], 12]]\n"),
        ("t5.sh", "torchrun pretrain_t5.py --encoder-num-layers 12 --num-layers 12\n"),
        ("rl.yml", "base_config: base.yml\nuse_grpo: true\nper_device_batch_size: 1\n"),
        ("part.yml", "checkpoint_activations: true\n"),
        ("empty.yml", "# nothing\n"),
    ];
    let all: Vec<String> = refused
        .iter()
        .map(|(name, text)| match import(name, text, &Around::default()) {
            Ok(read) => format!("{name}: read as {}", read.stack),
            Err(problems) => format!("{name}: {}", problems[0].message),
        })
        .collect();
    insta::assert_snapshot!(all.join("\n"), @r"
    flux.toml: no language model is trained here: a model of images
    ppo.yaml: no language model is trained here: reinforcement learning
    vision.yaml: no language model is trained here: a model of images and text
    kd.yaml: no language model is trained here: distillation from a teacher
    gen.yaml: no language model is trained here: inference or evaluation
    bert.yaml: no language model is trained here: an encoder, as BERT
    infer.yaml: no language model is trained here: inference or evaluation
    rwkv.yml: no language model is trained here: a model without attention, as RWKV or gMLP
    t5.sh: no language model is trained here: an encoder with a decoder, as T5
    rl.yml: no language model is trained here: reinforcement learning
    part.yml: a part of a config: no num_layers in it
    empty.yml: a part of a config: nothing stands in it
    ");
}

#[test]
fn values_of_wrong_types_are_all_told() {
    insta::assert_snapshot!(told(VALUES_OF_WRONG_TYPES_ARE_ALL_TOLD, None), @r"
    error[wrong-type]: a number is expected
      at num_layers
    error[wrong-type]: a whole number is expected
      at hidden_size
    error[wrong-type]: a number is expected
      at num_attention_heads
    error[wrong-type]: a number is expected
      at train_micro_batch_size_per_gpu
    ");
}

#[test]
fn mutated_configs_never_panic() {
    const JUNK: [&str; 8] = ["", "-1", "1e999", "18446744073709551615", "[1, x]", "{a: {b: 1}}", "${a.b}", "é"];
    let mut read = 0;
    for (name, text) in ALL {
        // Cut off anywhere.
        for (end, _) in text.char_indices().step_by(23) {
            let _ = told((name, &text[..end]), Some(8));
        }
        let lines: Vec<&str> = text.lines().collect();
        for (n, line) in lines.iter().enumerate() {
            // A line dropped, or a value of it replaced.
            let mut without = lines.clone();
            without.remove(n);
            let _ = told((name, &without.join("\n")), None);
            for (at, mark) in line.match_indices([':', '=', ' ']) {
                for junk in JUNK {
                    let changed = format!("{}{mark} {junk}", &line[..at]);
                    let mut all = lines.clone();
                    all[n] = &changed;
                    read += usize::from(!told((name, &all.join("\n")), Some(8)).starts_with("error"));
                }
            }
        }
    }
    assert!(read > 500, "{read}");
}

#[test]
fn what_exports_of_maxtext_and_megatron_bridge_hold() {
    insta::assert_snapshot!(told(MAXTEXT_SPLIT, None), @"
    maxtext
    ici_tensor_parallelism: layout.tp = 2
    ici_pipeline_parallelism: layout.pp = 4
    ici_pipeline_parallelism: layout.schedule = gpipe
    num_pipeline_repeats: layout.vpp = 2
    ici_tensor_sequence_parallelism: layout.sequence_parallel = true
    ici_expert_parallelism: layout.ep = 4
    ici_*_parallelism, dcn_*_parallelism: hardware.gpus = 128
    ici_fsdp_parallelism: layout.zero = fsdp
    ici_fsdp_parallelism: layout.shard = 8
    max_target_length: data.seq_len = 2048
    packing: data.packing = true
    model_name: model.base = mixtral-8x7b
    load_parameters_path: model.start = scratch
    use_sft: method.kind = full
    per_device_batch_size: layout.micro_batch = 2
    per_device_batch_size: train.global_batch = 256
    steps: data.tokens = 78643724288
    dtype, weight_dtype, quantization: train.precision = bf16
    opt_type: train.optimizer = sgd-momentum
    opt_type: train.optimizer = sgd
    learning_rate: train.learning_rate = 0.00003
    lr_schedule_type: train.schedule = cosine
    remat_policy: train.recompute = full
    attention: train.attention = flash2
    dropout_rate: train.dropout = false
    async_checkpointing: train.checkpoint_async = true
    the program: train.stack = maxtext
    ");
    insta::assert_snapshot!(told(MAXTEXT_TUNED, None), @"
    maxtext
    ici_*_parallelism, dcn_*_parallelism: hardware.gpus = 8
    ici_fsdp_parallelism: layout.zero = zero1
    max_target_length: data.seq_len = 2048
    packing: data.packing = true
    model_name: model.base = llama-3.1-8b
    load_parameters_path: model.start = pretrained
    use_sft: method.kind = full
    enable_lora: method.kind = qlora
    lora_weight_qtype: method.double_quant = false
    lora_rank: method.rank = 8
    per_device_batch_size: layout.micro_batch = 1
    per_device_batch_size: train.global_batch = 8
    steps: data.tokens = 2457616384
    dtype, weight_dtype, quantization: train.precision = bf16
    opt_type: train.optimizer = adamw
    learning_rate: train.learning_rate = 0.00003
    lr_schedule_type: train.schedule = cosine
    remat_policy: train.recompute = full
    attention: train.attention = flash2
    dropout_rate: train.dropout = false
    async_checkpointing: train.checkpoint_async = true
    the program: train.stack = maxtext
    ! ZeRO-1 and 2 shard the state of the adapters alone, the quantised base is whole on every rank: taken as unsharded
    ");
    insta::assert_snapshot!(told(BRIDGE_WHOLE, Some(8)), @"
    nemo
    model.pipeline_model_parallel_size: layout.pp = 2
    virtual pipeline stages: layout.vpp = 1
    distributed optimizer: layout.zero = zero1
    dataset.seq_length: data.seq_len = 4096
    dataset.enable_offline_packing: data.packing = false
    model by its dimensions: model.custom: 24 layers, hidden 2048, ffn 5632, 16 heads, vocab 32000
    checkpoint.pretrained_checkpoint: model.start = scratch
    peft: method.kind = full
    train.global_batch_size: layout.micro_batch = 1
    train.global_batch_size: train.global_batch = 64
    train.train_iters: data.tokens = 26214400
    mixed_precision: train.precision = fp32
    recompute: train.recompute = none
    optimizer.optimizer: train.optimizer = sgd-momentum
    optimizer.sgd_momentum: train.optimizer = sgd
    the program: train.stack = megatron-core
    = bias false, ffn 5632, gated true, heads 16, hidden 2048, layers 24, tied false, vocab 32000, window 1024
    ");
}

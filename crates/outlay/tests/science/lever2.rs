//! Lever 2: memory, from saved tensors of one layer to whole model states.

use outlay_core::dtype::Dtype;
use outlay_core::layout::{Layout, Recompute, Schedule, Zero};
use outlay_core::memory;
use outlay_core::model::{
    Activation, ActivationKind, Attention, Block, Dropout, Linear, Mask, Model, Norm, NormKind, Op, Part, Residual,
    Role, Rotary, Stream,
};
use outlay_core::scenario::recipe::{
    AttentionKernel, Lora, LossKernel, Method, Optimizer, OptimizerExecution, OptimizerKind, Parked, Precision, Recipe,
    Stack, Targets,
};
use outlay_core::units::Share;

use super::{Inputs, check};

fn linear(name: &'static str, input: u64, output: u64, part: Part, shares_input: bool) -> Op {
    Op::Linear(Linear { name, input, output, bias: false, shares_input, tied: false, on_source: false, part })
}

fn norm(kind: NormKind, width: u64) -> Op {
    Op::Norm(Norm { kind, width, rows: 1, weights: width, biases: 0, on_heads: false })
}

fn attention(heads: u64, kv_heads: u64, dim: u64) -> Op {
    Op::Attention(Attention {
        heads,
        kv_heads,
        qk_dim: dim,
        v_dim: dim,
        mask: Mask::Causal,
        cross: false,
        score_bias: false,
        soft_cap: false,
    })
}

fn layers(count: u64, ops: Vec<Op>) -> Block {
    Block { role: Role::Layer, stream: Stream::Main, count, stored: count, ops }
}

fn model(hidden: u64, blocks: Vec<Block>) -> Model {
    Model { name: "worked case".into(), family: String::new(), hidden, vocab: 0, max_positions: None, blocks }
}

fn llama_layer(count: u64, h: u64, kv: u64, f: u64, heads: u64) -> Block {
    let dim = h / heads;
    layers(
        count,
        vec![
            norm(NormKind::Rms, h),
            linear("q_proj", h, h, Part::AttentionIn, false),
            linear("k_proj", h, kv, Part::AttentionIn, true),
            linear("v_proj", h, kv, Part::AttentionIn, true),
            Op::Rotary(Rotary { heads, kv_heads: kv / dim, dim }),
            attention(heads, kv / dim, dim),
            linear("o_proj", h, h, Part::AttentionOut, false),
            Op::Residual(Residual { width: h }),
            norm(NormKind::Rms, h),
            linear("gate_proj", h, f, Part::FfnIn, false),
            linear("up_proj", h, f, Part::FfnIn, true),
            Op::Activation(Activation { kind: ActivationKind::Silu, width: f, gated: true }),
            linear("down_proj", f, h, Part::FfnOut, false),
            Op::Residual(Residual { width: h }),
        ],
    )
}

/// The layer of Korthikanti 2022, figure 2: dropout on scores and after both blocks, a feed-forward of 4h.
fn classic_layer(h: u64, heads: u64) -> Block {
    let dropout = |width, on_scores| Op::Dropout(Dropout { width, on_scores });
    layers(
        1,
        vec![
            norm(NormKind::Layer, h),
            linear("query_key_value", h, 3 * h, Part::AttentionIn, false),
            attention(heads, heads, h / heads),
            dropout(0, true),
            linear("dense", h, h, Part::AttentionOut, false),
            dropout(h, false),
            Op::Residual(Residual { width: h }),
            norm(NormKind::Layer, h),
            linear("dense_h_to_4h", h, 4 * h, Part::FfnIn, false),
            Op::Activation(Activation { kind: ActivationKind::Gelu, width: 4 * h, gated: false }),
            linear("dense_4h_to_h", 4 * h, h, Part::FfnOut, false),
            dropout(h, false),
            Op::Residual(Residual { width: h }),
        ],
    )
}

fn adamw(kind: OptimizerKind, state: Dtype) -> Optimizer {
    Optimizer { kind, state, paged: false, execution: OptimizerExecution::Fused }
}

fn recipe(mode: &str, seq_len: u64) -> Recipe {
    let (compute, weights, autocast) = match mode {
        "autocast" => (Dtype::Bf16, Dtype::Fp32, true),
        "fp32" => (Dtype::Fp32, Dtype::Fp32, false),
        _ => (Dtype::Bf16, Dtype::Bf16, false),
    };
    Recipe {
        method: Method::Full,
        optimizer: adamw(OptimizerKind::AdamW, weights),
        precision: Precision { compute, weights, gradients: weights, master: false, autocast },
        attention: AttentionKernel::Flash2,
        loss: LossKernel::Eager,
        stack: Stack {
            id: "unfused".into(),
            program: "unfused".into(),
            fused_norm: false,
            fused_activation: false,
            fused_rotary: false,
            explicit_mask: false,
            saves_narrow: false,
            graphs_of_parts: false,
            launch_blocking: false,
            fuses_accumulation: false,
            sync_free: false,
            sends_once: false,
            selective_products: false,
            both_gradients: false,
            bucket: None,
            widens_gradients: false,
            all_experts: false,
            gathers_ahead: None,
            keeps_within: None,
            parks: Parked::Nothing,
            overlap_host: Share::ZERO,
            recomputes_some: false,
            uneven_stages: false,
            zero_bubble: None,
            dualpipe: false,
            data_parallel_only: false,
            gathers_narrow: false,
            compiled: false,
            graphs: false,
            overlap_dp: Share::ONE,
            overlap_tp: Share::ONE,
            overlap_pp: Share::ONE,
            overlap_cp: Share::ONE,
            overlap_ep: Share::ONE,
            overlap_ep_interleaved: Share::ONE,
        },
        seq_len,
        source_len: 0,
        global_batch: 1,
        fill: Share::ONE,
        dropout: true,
        two_of_four: false,
        beside: outlay_core::scenario::recipe::Beside::default(),
    }
}

/// Bytes one layer keeps, weights' casts included.
fn kept(block: &Block, recipe: &Recipe, tokens: f64, trained: bool) -> f64 {
    let kept = memory::kept_of_block(block, recipe, trained, true);
    kept.per_token().get() * tokens + kept.weights.get()
}

fn llama(inputs: &Inputs) -> Block {
    llama_layer(1, inputs.count("h"), inputs.count("kv"), inputs.count("f"), inputs.count("heads"))
}

fn korthikanti(inputs: &Inputs) -> f64 {
    let (seq, batch, h) = (inputs.count("s"), inputs.count("b"), inputs.count("h"));
    let recipe = Recipe { attention: AttentionKernel::FusedSoftmax, ..recipe("bf16", seq) };
    let kept = memory::kept_of_block(&classic_layer(h, inputs.count("a")), &recipe, true, true);
    let split = inputs.number("t");
    // Table 2's row for full recompute is without sequence parallelism.
    let around = if inputs.flag("sp") { split } else { 1.0 };
    // The paper leaves out row statistics; the layer norms' are the only ones here.
    let replicated = (kept.replicated.get() - kept.statistics.get()) / around;
    let tokens = (seq * batch) as f64;
    tokens
        * match inputs.text("mode") {
            "none" => replicated + kept.split.get() / split,
            "selective" => replicated + (kept.split - kept.core).get() / split,
            _ => kept.input.get(),
        }
}

fn zero_state(inputs: &Inputs) -> f64 {
    let stage = match inputs.count("stage") {
        1 => Zero::One,
        2 => Zero::Two,
        3 => Zero::Three,
        _ => Zero::None,
    };
    let params = (inputs.number("params_b") * 1e9) as u64;
    let matrix = linear("all", 1000, params / 1000, Part::Other, false);
    let model = model(1000, vec![layers(1, vec![matrix])]);
    let mut recipe = recipe("bf16", 1);
    recipe.optimizer = adamw(OptimizerKind::AdamW, Dtype::Fp32);
    recipe.precision.master = inputs.count("K") == 12;
    let dp = inputs.count("dp");
    let layout = Layout { dp, shard: dp, zero: stage, ..Layout::single(1, 1, Recompute::None) };
    let timeline = memory::ModelMemory::new(&model, &recipe).timeline(&layout);
    let update = timeline[5];
    (update.weights + update.gradients + update.master + update.optimizer).to_gb()
}

fn in_flight(schedule: Schedule, inputs: &Inputs, stage: u64, micro_batches: u64) -> f64 {
    let pp = inputs.count("p");
    let layout = Layout { pp, schedule, ..Layout::single(1, micro_batches, Recompute::None) };
    memory::in_flight(&layout, stage).get()
}

fn optimizer_delta(inputs: &Inputs) -> f64 {
    let n = inputs.count("params");
    let of = |label: &str| {
        let optimizer = match label {
            label if label.contains("8-bit") => adamw(OptimizerKind::AdamW8bit, Dtype::Bf16),
            label if label.contains("4-bit") => adamw(OptimizerKind::AdamW4bit, Dtype::Bf16),
            _ => adamw(OptimizerKind::AdamW, Dtype::Bf16),
        };
        memory::state_bytes(optimizer, n, 1, true)
    };
    (of(inputs.text("a")) - of(inputs.text("b"))).to_gib()
}

fn quantised_weights(inputs: &Inputs) -> f64 {
    let projection = linear("all", 1, inputs.count("linear_params"), Part::FfnIn, false);
    let rest = linear("lm_head", 1, inputs.count("other_params"), Part::Head, false);
    let head = Block { role: Role::Head, ..layers(1, vec![rest]) };
    let model = model(1, vec![layers(1, vec![projection]), head]);
    let footprint =
        memory::footprint(&model, &qlora(Targets::Names(vec![]), 0), &Layout::single(1, 1, Recompute::None));
    footprint.weights.get()
}

fn qlora(targets: Targets, rank: u64) -> Recipe {
    let lora = Lora { rank, targets, dropout: false, adapter: Dtype::Bf16, base: Dtype::Nf4Double, dora: false };
    Recipe { method: Method::Lora(lora), ..recipe("bf16", 1) }
}

fn dequantised(inputs: &Inputs) -> f64 {
    let size = |place: usize| inputs.0["largest_linear"][place].as_u64().expect("a size");
    let model = model(1, vec![layers(2, vec![linear("down_proj", size(1), size(0), Part::FfnOut, false)])]);
    let memory = memory::ModelMemory::new(&model, &qlora(Targets::AllLinear, 8));
    memory.timeline(&Layout::single(1, 1, Recompute::None))[3].dequantised.get()
}

fn value(name: &str, inputs: &Inputs) -> Option<f64> {
    Some(match name {
        "act_bytes_layer_hf_llama" => {
            kept(&llama(inputs), &recipe(inputs.text("mode"), 1), inputs.number("tokens"), true)
        }
        "act_bytes_layer_hf_llama_eager_attn" => {
            let seq = inputs.count("seq");
            let recipe = Recipe { attention: AttentionKernel::Eager, ..recipe(inputs.text("mode"), seq) };
            kept(&llama(inputs), &recipe, (seq * inputs.count("batch")) as f64, true)
        }
        "act_bytes_layer_lora" => {
            let lora = Lora {
                rank: inputs.count("rank"),
                targets: Targets::AllLinear,
                dropout: false,
                adapter: Dtype::Bf16,
                base: Dtype::Bf16,
                dora: false,
            };
            let recipe = Recipe { method: Method::Lora(lora), ..recipe(inputs.text("mode"), 1) };
            kept(&llama(inputs), &recipe, inputs.number("tokens"), false)
        }
        "ce_peak_bytes" => {
            let mode = if inputs.text("mode").starts_with("fp32") { "fp32" } else { "bf16" };
            // The tracked program held on to the logits.
            let per = memory::per_logit(&recipe(mode, 1), true, false).backward.get();
            per * inputs.number("tokens") * inputs.number("vocab")
        }
        "korthikanti_layer_bytes" => korthikanti(inputs),
        "zero_model_state_gb" => zero_state(inputs),
        "bytes_per_param" => {
            let format = if inputs.flag("double_quant") { Dtype::Nf4Double } else { Dtype::Nf4 };
            format.bytes_each().get()
        }
        "optimizer_bytes_per_param" => {
            let optimizer = adamw(OptimizerKind::AdamW8bit, Dtype::Fp32);
            memory::state_bytes(optimizer, 4096, 4096, true).get() / (4096.0 * 4096.0)
        }
        "adafactor_state_bytes" => {
            let optimizer = adamw(OptimizerKind::Adafactor, Dtype::Fp32);
            memory::state_bytes(optimizer, inputs.count("rows"), inputs.count("cols"), true).get()
        }
        "mem_delta_gib" => optimizer_delta(inputs),
        "pipeline_in_flight_microbatches" => {
            in_flight(Schedule::OneFOneB, inputs, inputs.count("stage"), inputs.count("m"))
        }
        "pipeline_activation_factor" => in_flight(Schedule::DualPipe, inputs, 0, 1000),
        "weights_bytes_qlora" => quantised_weights(inputs),
        "dequant_buffer_bytes" => dequantised(inputs),
        "kv_bytes_per_token" => {
            let (count, kv) = (inputs.count("layers"), inputs.count("kv"));
            let model = model(4096, vec![llama_layer(count, 4096, kv, 14_336, 32)]);
            memory::cache_per_token(&model, Dtype::Bf16).get()
        }
        _ => return None,
    })
}

#[test]
fn every_case_holds() {
    check("2", value);
}

/// Closed forms of one Llama layer's kept bytes per token, exact against measurement.
#[test]
fn a_llama_layer_keeps_what_was_measured() {
    let (h, kv, f, a, r) = (4096.0, 1024.0, 14_336.0, 32.0, 16.0);
    let block = llama_layer(1, 4096, 1024, 14_336, 32);
    let of = |recipe: &Recipe, trained| memory::kept_of_block(&block, recipe, trained, true).per_token().get();
    let lora = |dropout, adapter| {
        let lora = Lora { rank: 16, targets: Targets::AllLinear, dropout, adapter, base: Dtype::Bf16, dora: false };
        Recipe { method: Method::Lora(lora), ..recipe("bf16", 1) }
    };
    let mut fused = recipe("bf16", 1);
    (fused.stack.fused_norm, fused.stack.fused_activation) = (true, true);

    let rest = 4.0 * kv + 4.0 * a + 8.0;
    assert_eq!(of(&recipe("bf16", 1), true), 20.0 * h + 8.0 * f + rest);
    assert_eq!(of(&recipe("autocast", 1), true), 30.0 * h + 8.0 * f + rest);
    assert_eq!(of(&recipe("fp32", 1), true), 32.0 * h + 16.0 * f + rest + 4.0 * kv);
    assert_eq!(of(&fused, true), 12.0 * h + 6.0 * f + rest);
    assert_eq!(of(&lora(false, Dtype::Bf16), false), 16.0 * h + 8.0 * f + 14.0 * r + rest);
    assert_eq!(of(&lora(false, Dtype::Fp32), false), 36.0 * h + 10.0 * f + 28.0 * r + rest);
    assert_eq!(of(&lora(true, Dtype::Bf16), false), 30.0 * h + 9.0 * f + 14.0 * r + rest);
}

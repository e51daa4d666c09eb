//! Lever 3: how long a step takes, operator by operator and collective by collective.

use outlay_core::dtype::Dtype;
use outlay_core::layout::Schedule;
use outlay_core::model::flops::{self, Convention, Lengths};
use outlay_core::model::{
    Activation, ActivationKind, Attention, Block, Linear, Mask, Model, Norm, NormKind, Op, Part, Residual, Role,
    Rotary, Stream,
};
use outlay_core::scenario::cluster::Accelerator;
use outlay_core::scenario::offer::Purchase;
use outlay_core::scenario::recipe::{AttentionKernel, Method};
use outlay_core::step::{Step, bubble, comm, dequantise, gemm, launches, uneven};
use outlay_core::units::{Bytes, BytesPerSec, Flops, FlopsPerSec, Seconds, Share};

use super::scenarios::{Sketch, offer, recipe};
use super::{Inputs, check};

/// Bandwidth of an H200's NVLink, one direction, as printed.
const NVLINK: BytesPerSec = BytesPerSec::gb(450.0);

fn value(name: &str, inputs: &Inputs) -> Option<f64> {
    let n = |key| inputs.count(key);
    match name {
        "wave_efficiency" => {
            let tile = &inputs.0["tile"];
            Some(gemm::wave_efficiency(n("M"), n("N"), (tile[0].as_u64()?, tile[1].as_u64()?), n("sms")).get())
        }
        "gemm_intensity" => Some(gemm::intensity(n("M"), n("N"), n("K"), Share::new(inputs.number("bytes"))).get()),
        "gemm_roofline_time" => {
            let part = Accelerator { memory_bandwidth: BytesPerSec::new(inputs.number("bw")), ..part() };
            Some(gemm::roofline(n("M"), n("N"), n("K"), &part, FlopsPerSec::new(inputs.number("peak"))).get())
        }
        "mamf_fraction" => Some(of_peak(inputs.number("mamf_tflops"), inputs.number("peak_tflops"))),
        "flash_attn_fraction" => Some(of_peak(inputs.number("tflops"), inputs.number("peak"))),
        "compile_speedup" => Some(of_peak(inputs.number("compiled"), inputs.number("eager"))),
        "nvls_gain" => Some(comm::in_switch_gain(n("gpus")).get()),
        "nf4_dequant_time_per_pass" => {
            Some(dequantise(n("linear_params"), Dtype::Nf4Double, BytesPerSec::new(inputs.number("bw"))).get())
        }
        "pipeline_bubble" => Some(bubble::bubble(schedule(inputs)?, n("p"), inputs.virtual_stages(), n("m")).get()),
        "straggler_expected_max_sigma" => Some(uneven::expected_maximum(n("n")).get()),
        "moe_max_over_mean_load" => Some(uneven::fullest(n("assignments"), n("experts")).get()),
        "eager_kernels_per_layer" => Some(kernels(inputs.text("impl").contains("autocast"))),
        "mfu" | "mfu_mosaic" => Some(utilisation(inputs)),
        "hfu_regression" => Some(regression(inputs)),
        "gpu_hours_mfu" => {
            let work = Flops::new(6.0 * inputs.number("params") * inputs.number("tokens"));
            Some((work / Seconds::hours(inputs.number("gpu_hours")) / FlopsPerSec::new(inputs.number("peak"))).get())
        }
        other => collective(other, inputs),
    }
}

fn collective(name: &str, inputs: &Inputs) -> Option<f64> {
    let n = |key| inputs.count(key);
    let bytes = |key| Bytes::new(inputs.number(key));
    let one = BytesPerSec::new(1.0);
    match name {
        "allreduce_bus_to_alg" => Some(comm::all_reduce(n("n"), Bytes::new(1.0), Seconds::ZERO, one).get()),
        "allreduce_alg_bw" => {
            let carried = comm::all_reduce(n("n"), bytes("bytes"), Seconds::ZERO, one).get();
            Some((Bytes::new(carried) / Seconds::micros(inputs.number("time_us"))).get() / 1e9)
        }
        "allreduce_time_alpha_beta" => {
            let (alpha, bus) = (Seconds::micros(inputs.number("alpha_us")), BytesPerSec::gb(inputs.number("bus_gbps")));
            Some(comm::all_reduce(n("n"), bytes("bytes"), alpha, bus).get() * 1e6)
        }
        "allreduce_time_measured" => {
            Some(comm::all_reduce_in_switch(8, bytes("bytes"), NVLINK * Share::new(0.82)).get() * 1e6)
        }
        "nccl_ring_latency_us" => {
            let protocol = match inputs.text("proto") {
                "LL" => comm::Protocol::Ll,
                "LL128" => comm::Protocol::Ll128,
                _ => comm::Protocol::Simple,
            };
            let halves = if inputs.text("coll") == "allreduce" { 2 } else { 1 };
            Some(comm::nccl_ring_latency(n("n"), protocol, halves).get() * 1e6)
        }
        "tp_allreduce_bytes_layer" => {
            let once = comm::boundary_bytes(n("s") * n("b"), n("h"), Share::new(inputs.number("bytes")));
            Some((once * n("per_layer_fwd_bwd")).get())
        }
        "cp_ring_bytes_layer" => {
            Some(comm::ring_bytes(n("s"), n("cp"), 2 * n("kv"), Share::new(inputs.number("bytes"))).get())
        }
        "moe_a2a_bytes_layer" => {
            let (out, back) = (inputs.number("dispatch_bytes"), inputs.number("combine_bytes"));
            Some(comm::routed_bytes(n("tokens"), n("topk"), n("h"), Share::new(out), Share::new(back)).get())
        }
        _ => None,
    }
}

fn of_peak(reached: f64, printed: f64) -> f64 {
    (FlopsPerSec::tera(reached) / FlopsPerSec::tera(printed)).get()
}

fn part() -> Accelerator {
    let sketch = Sketch { memory: 80.0, tera: 989.0, each: 8, network: 50.0, price: 1.0, purchase: Purchase::OnDemand };
    offer(0, sketch).accelerator
}

fn schedule(inputs: &Inputs) -> Option<Schedule> {
    match inputs.text("schedule") {
        "1f1b" | "interleaved" => Some(Schedule::OneFOneB),
        "gpipe" => Some(Schedule::GPipe),
        "zb1p" => Some(Schedule::ZeroBubble),
        "dualpipe" => Some(Schedule::DualPipe),
        _ => None,
    }
}

impl Inputs<'_> {
    fn virtual_stages(&self) -> u64 {
        if self.has("v") { self.count("v") } else { 1 }
    }
}

/// Shape of a decoder.
struct Shape {
    layers: u64,
    hidden: u64,
    heads: u64,
    kv_heads: u64,
    ffn: u64,
    gated: bool,
    vocab: u64,
}

fn linear(name: &'static str, input: u64, output: u64, shares_input: bool, part: Part) -> Op {
    Op::Linear(Linear { name, input, output, bias: false, shares_input, tied: false, on_source: false, part })
}

/// Operators of one layer, in Llama's order.
fn layer(shape: &Shape) -> Block {
    let Shape { hidden, heads, kv_heads, ffn, gated, .. } = *shape;
    let dim = hidden / heads;
    let norm =
        Op::Norm(Norm { kind: NormKind::Rms, width: hidden, rows: 1, weights: hidden, biases: 0, on_heads: false });
    let attention = Attention {
        heads,
        kv_heads,
        qk_dim: dim,
        v_dim: dim,
        mask: Mask::Causal,
        cross: false,
        score_bias: false,
        soft_cap: false,
    };
    let mut ops = vec![
        norm,
        linear("q_proj", hidden, hidden, false, Part::AttentionIn),
        linear("k_proj", hidden, kv_heads * dim, true, Part::AttentionIn),
        linear("v_proj", hidden, kv_heads * dim, true, Part::AttentionIn),
        Op::Rotary(Rotary { heads, kv_heads, dim }),
        Op::Attention(attention),
        linear("o_proj", hidden, hidden, false, Part::AttentionOut),
        Op::Residual(Residual { width: hidden }),
        norm,
        linear("up_proj", hidden, ffn, false, Part::FfnIn),
    ];
    if gated {
        ops.push(linear("gate_proj", hidden, ffn, true, Part::FfnIn));
    }
    ops.push(Op::Activation(Activation { kind: ActivationKind::Silu, width: ffn, gated }));
    ops.push(linear("down_proj", ffn, hidden, false, Part::FfnOut));
    ops.push(Op::Residual(Residual { width: hidden }));
    Block { role: Role::Layer, stream: Stream::Main, count: shape.layers, stored: shape.layers, ops }
}

fn decoder(shape: &Shape) -> Model {
    let head = vec![linear("lm_head", shape.hidden, shape.vocab, false, Part::Head)];
    let head = Block { role: Role::Head, stream: Stream::Main, count: 1, stored: 1, ops: head };
    Model {
        name: "decoder".into(),
        family: "decoder".into(),
        hidden: shape.hidden,
        vocab: shape.vocab,
        max_positions: None,
        blocks: vec![layer(shape), head],
    }
}

/// Utilisation by the convention of the publications: every query against every key, three forward passes.
fn utilisation(inputs: &Inputs) -> f64 {
    let n = |key| inputs.count(key);
    let rows = |layers, hidden, vocab| Shape {
        layers,
        hidden,
        heads: hidden / 128,
        kv_heads: hidden / 128,
        ffn: 4 * hidden,
        gated: false,
        vocab,
    };
    let llama = Shape { layers: 32, hidden: 4096, heads: 32, kv_heads: 8, ffn: 14_336, gated: true, vocab: 128_256 };
    let (shape, seq, batch, time, accelerators) = match inputs.text("model") {
        "llama3-8b" => (llama, n("seq"), 1, inputs.number("seq") / inputs.number("tps_per_gpu"), 1),
        "mpt-70b" => (rows(n("L"), n("d"), 50_368), n("s"), 1, inputs.number("s") / inputs.number("tps_per_gpu"), 1),
        _ => (rows(n("l"), n("h"), n("V")), n("s"), n("B"), inputs.number("iter_s"), n("gpus")),
    };
    let forward = flops::forward(&decoder(&shape), Lengths { batch, seq, source: 0 }, Convention::Full);
    let peak = FlopsPerSec::new(inputs.number("peak"));
    Step { gemm: Seconds::new(time), model_flops: forward * 3, peak, accelerators, ..Step::default() }.mfu().get()
}

/// Kernels that eager code launches for one Llama layer, forward and backward.
fn kernels(autocast: bool) -> f64 {
    let mut recipe = recipe(Method::Full, 2048, 1);
    recipe.stack.fused_norm = false;
    recipe.stack.fused_activation = false;
    recipe.stack.fused_rotary = false;
    recipe.precision.autocast = autocast;
    recipe.attention = AttentionKernel::Sdpa;
    let shape = Shape { layers: 1, hidden: 4096, heads: 32, kv_heads: 8, ffn: 14_336, gated: true, vocab: 128_256 };
    let (forward, backward) = launches::of_block(&layer(&shape), &recipe, 1, autocast);
    (forward + backward) as f64
}

/// A regression on whole rows, kept as a check of magnitude: the mechanisms replace it.
fn regression(inputs: &Inputs) -> f64 {
    let c = |key: &str| inputs.0["coef"][key].as_f64().expect("a coefficient");
    let attention = inputs.number("attn_share");
    let newer = if inputs.text("gpu").starts_with("h100") { 1.0 } else { 0.0 };
    let recomputed = if inputs.flag("ckpt") { 1.0 } else { 0.0 };
    (c("c")
        + c("h100") * newer
        + c("log_d_4096") * (inputs.number("d") / 4096.0).ln()
        + (c("attn_share") + c("h100_x_attn") * newer) * attention
        + c("log2_nodes") * inputs.number("nodes").log2()
        + c("ckpt") * recomputed
        + c("log_mbtok_16k") * (inputs.number("mb_tokens") / 16_384.0).ln())
    .exp()
}

#[test]
fn every_case_holds() {
    check("3", value);
}

//! Small random scenarios: models of a few layers, offers of made-up machines.

use outlay_core::dtype::Dtype;
use outlay_core::layout::Pins;
use outlay_core::model::{
    Activation, ActivationKind, Attention, Block, Embedding, Experts, Linear, Loss, Mask, Model, Norm, NormKind, Op,
    Part, Residual, Role, Rotary, Router, Stream,
};
use outlay_core::scenario::cluster::{Accelerator, Link, LinkKind, Node, Peaks, Vendor};
use outlay_core::scenario::data::{Data, Feed};
use outlay_core::scenario::dynamics::Dynamics;
use outlay_core::scenario::extras::Extras;
use outlay_core::scenario::offer::{Base, Contract, Offer, Purchase};
use outlay_core::scenario::operation::{Checkpoint, Operation};
use outlay_core::scenario::recipe::{
    AttentionKernel, Lora, LossKernel, Method, Optimizer, OptimizerExecution, OptimizerKind, Parked, Precision, Recipe,
    Stack, Targets,
};
use outlay_core::scenario::{Goal, Limits, Scenario, Size};
use outlay_core::units::{
    Bytes, BytesPerSec, FlopsPerSec, Seconds, Share, Usd, UsdPerGb, UsdPerGbMonth, UsdPerHour, UsdPerKwh, Watts,
};
use proptest::prelude::*;

fn linear(name: &'static str, input: u64, output: u64, shares_input: bool, part: Part) -> Op {
    Op::Linear(Linear { name, input, output, bias: false, shares_input, tied: false, on_source: false, part })
}

fn norm(width: u64) -> Op {
    Op::Norm(Norm { kind: NormKind::Rms, width, rows: 1, weights: width, biases: 0, on_heads: false })
}

/// A decoder of the usual kind, with experts if asked.
pub(crate) fn model(layers: u64, hidden: u64, heads: u64, kv_heads: u64, experts: u64) -> Model {
    let dim = hidden / heads;
    let ffn = 3 * hidden;
    let kind = ActivationKind::Silu;
    let mut ops = vec![
        norm(hidden),
        linear("q_proj", hidden, hidden, false, Part::AttentionIn),
        linear("k_proj", hidden, kv_heads * dim, true, Part::AttentionIn),
        linear("v_proj", hidden, kv_heads * dim, true, Part::AttentionIn),
        Op::Rotary(Rotary { heads, kv_heads, dim }),
        Op::Attention(Attention {
            heads,
            kv_heads,
            qk_dim: dim,
            v_dim: dim,
            mask: Mask::Causal,
            cross: false,
            score_bias: false,
            soft_cap: false,
        }),
        linear("o_proj", hidden, hidden, false, Part::AttentionOut),
        Op::Residual(Residual { width: hidden }),
        norm(hidden),
    ];
    if experts > 1 {
        ops.push(Op::Router(Router { input: hidden, experts, top_k: 2, bias: false, name: "gate" }));
        ops.push(Op::Experts(Experts::gated(experts, 2, hidden, ffn, kind)));
    } else {
        ops.push(linear("gate_proj", hidden, ffn, false, Part::FfnIn));
        ops.push(linear("up_proj", hidden, ffn, true, Part::FfnIn));
        ops.push(Op::Activation(Activation { kind, width: ffn, gated: true }));
        ops.push(linear("down_proj", ffn, hidden, false, Part::FfnOut));
    }
    ops.push(Op::Residual(Residual { width: hidden }));
    let vocab = 32_000;
    let embedding = Op::Embedding(Embedding { name: "embed_tokens", rows: vocab, width: hidden, trained: true });
    let head = vec![
        norm(hidden),
        linear("lm_head", hidden, vocab, false, Part::Head),
        Op::Loss(Loss { vocab, soft_cap: false }),
    ];
    let block = |role, count, ops| Block { role, stream: Stream::Main, count, stored: count, ops };
    Model {
        name: "small".into(),
        family: "llama".into(),
        hidden,
        vocab,
        max_positions: None,
        blocks: vec![
            block(Role::Embedding, 1, vec![embedding]),
            block(Role::Layer, layers, ops),
            block(Role::Head, 1, head),
        ],
    }
}

/// A recipe in 16 bit with fp32 masters.
pub(crate) fn recipe(method: Method, seq_len: u64, global_batch: u64) -> Recipe {
    Recipe {
        method,
        optimizer: Optimizer {
            kind: OptimizerKind::AdamW,
            state: Dtype::Fp32,
            paged: false,
            execution: OptimizerExecution::Fused,
        },
        precision: Precision {
            compute: Dtype::Bf16,
            weights: Dtype::Bf16,
            gradients: Dtype::Bf16,
            master: true,
            autocast: false,
        },
        attention: AttentionKernel::Flash2,
        loss: LossKernel::Fused,
        stack: Stack {
            id: "plain".into(),
            program: "plain".into(),
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
            recomputes_some: true,
            uneven_stages: true,
            zero_bubble: Some(1),
            dualpipe: true,
            data_parallel_only: false,
            gathers_narrow: false,
            fused_norm: true,
            fused_activation: true,
            fused_rotary: true,
            compiled: false,
            graphs: false,
            overlap_dp: Share::new(0.8),
            overlap_tp: Share::new(0.2),
            overlap_pp: Share::new(0.5),
            overlap_cp: Share::new(0.5),
            overlap_ep: Share::ZERO,
            overlap_ep_interleaved: Share::ZERO,
        },
        seq_len,
        source_len: 0,
        global_batch,
        fill: Share::ONE,
        dropout: false,
        two_of_four: false,
        beside: outlay_core::scenario::recipe::Beside::default(),
    }
}

/// QLoRA of rank 16 on every projection.
pub(crate) fn qlora() -> Method {
    Method::Lora(Lora {
        rank: 16,
        targets: Targets::AllLinear,
        dropout: false,
        adapter: Dtype::Bf16,
        base: Dtype::Nf4Double,
        dora: false,
    })
}

/// What an offer is made from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sketch {
    /// GiB of device memory.
    pub(crate) memory: f64,
    /// Dense 16-bit peak.
    pub(crate) tera: f64,
    /// Accelerators of a machine.
    pub(crate) each: u64,
    /// GB/s between machines, zero for none.
    pub(crate) network: f64,
    /// Price of an accelerator-hour.
    pub(crate) price: f64,
    /// How it is bought.
    pub(crate) purchase: Purchase,
}

/// A machine and its price.
pub(crate) fn offer(at: usize, sketch: Sketch) -> Offer {
    let tera = FlopsPerSec::tera;
    let accelerator = Accelerator {
        id: format!("card-{}-{}", sketch.memory, sketch.tera),
        name: "Card".into(),
        vendor: Vendor::Nvidia,
        architecture: "ampere".into(),
        memory: Bytes::gib(sketch.memory),
        memory_bandwidth: BytesPerSec::gb(6.0 * sketch.tera),
        peaks: Peaks {
            fp32: Some(tera(sketch.tera / 16.0)),
            tf32: Some(tera(sketch.tera / 2.0)),
            fp16: Some(tera(sketch.tera)),
            bf16: Some(tera(sketch.tera)),
            ..Peaks::default()
        },
        units: Some(108),
        tdp: Some(Watts::new(400.0)),
        host_link: Some(BytesPerSec::gb(25.0)),
        capex_hint: None,
    };
    let link = |kind, gb| Link { kind, bandwidth: BytesPerSec::gb(gb) };
    let node = Node {
        id: format!("shape-{at}"),
        accelerators: sketch.each,
        domain: sketch.each,
        intra: link(LinkKind::NvSwitch, 300.0),
        inter: (sketch.network > 0.0).then(|| link(LinkKind::InfiniBand, sketch.network)),
        host_memory: Some(Bytes::gib(256.0 * sketch.each as f64)),
        vcpus: Some(16 * sketch.each),
        local_disk: None,
    };
    Offer {
        provider: format!("provider-{}", at % 3),
        region: "here".into(),
        instance: format!("machine-{at}"),
        accelerator,
        node,
        purchase: sketch.purchase,
        price: UsdPerHour::new(sketch.price * sketch.each as f64),
        contract: Contract::default(),
        base: (sketch.purchase == Purchase::Mixed).then_some(Base {
            purchase: Purchase::OnDemand,
            price: UsdPerHour::new(2.0 * sketch.price * sketch.each as f64),
            quarters: 2,
        }),
        preemption: None,
        storage: Some(UsdPerGbMonth::new(0.02)),
        transfer: Some(UsdPerGb::ZERO),
        apart: false,
        billing: None,
        carbon: None,
        as_of: "2026-01-01".into(),
        source: "made up".into(),
    }
}

/// Some offers come with a discount, a credit, a quota, or an end.
fn contract(at: usize, offer: &Offer) -> Contract {
    match at % 5 {
        1 => Contract { list: Some(offer.price * Share::new(1.25)), ..Contract::default() },
        2 => Contract { credit: Usd::new(0.05), ..Contract::default() },
        3 => Contract { most: Some(2 * offer.node.accelerators), ..Contract::default() },
        4 => Contract { window: Some(Seconds::hours(0.5)), starts_in: Seconds::hours(1.0), ..Contract::default() },
        _ => Contract::default(),
    }
}

/// The usual assumptions.
pub(crate) fn operation() -> Operation {
    Operation {
        startup: Seconds::new(600.0),
        restart: Seconds::new(600.0),
        node_mtbf: Seconds::hours(4000.0),
        job_mtbf: Some(Seconds::hours(10.0)),
        job_mtbf_from: 128,
        preemption: Seconds::hours(4.0),
        preemption_together: Share::new(0.5),
        checkpoint: Checkpoint::Auto,
        spot_wait: Seconds::new(1800.0),
        checkpoint_write: BytesPerSec::gb(1.0),
        checkpoint_async: false,
        staging: BytesPerSec::gb(25.0),
        checkpoints_kept: 2,
        draw: Share::new(0.8),
        server_power: Share::new(1.8),
        pue: Share::new(1.2),
        electricity: Some(UsdPerKwh::new(0.08)),
        fetch: BytesPerSec::gb(0.5),
    }
}

/// A question about a model on offers, without limits.
pub(crate) fn scenario(model: Model, recipe: Recipe, sketches: &[Sketch], size: Size) -> Scenario {
    Scenario {
        model,
        recipe,
        data: Data {
            stored: Some(Bytes::gb(0.1)),
            feed: Feed { prepared_per_cpu: Some(20_000), ..Feed::default() },
            ..Data::of(20_000_000)
        },
        dynamics: Dynamics::default(),
        extras: Extras::default(),
        offers: sketches.iter().enumerate().map(|(at, sketch)| offer(at, *sketch)).collect(),
        beyond: Vec::new(),
        pins: Pins::default(),
        size,
        limits: Limits::default(),
        goal: Goal::Cost,
        operation: operation(),
    }
}

fn sketches() -> impl Strategy<Value = Vec<Sketch>> {
    let sketch = (
        prop::sample::select(vec![4.0, 8.0, 16.0, 40.0, 80.0]),
        prop::sample::select(vec![60.0, 120.0, 300.0]),
        prop::sample::select(vec![1, 2, 4]),
        prop::sample::select(vec![0.0, 3.0, 25.0]),
        1..80_u32,
        prop::sample::select(vec![
            Purchase::OnDemand,
            Purchase::Spot,
            Purchase::Owned,
            Purchase::Reserved1y,
            Purchase::Mixed,
        ]),
    );
    let made = sketch.prop_map(|(memory, tera, each, network, dimes, purchase)| Sketch {
        memory,
        tera,
        each,
        network,
        price: f64::from(dimes) / 10.0,
        purchase,
    });
    prop::collection::vec(made, 1..4)
}

/// Questions small enough for brute force.
pub(crate) fn scenarios() -> impl Strategy<Value = Scenario> {
    let models =
        prop::sample::select(vec![(4, 512, 8, 2, 1), (8, 2048, 16, 16, 1), (6, 1024, 8, 4, 4), (12, 4096, 32, 8, 1)]);
    let methods = prop::sample::select(vec![Method::Full, qlora()]);
    let batch = prop::sample::select(vec![1, 4, 6, 16]);
    let lengths = prop::sample::select(vec![512, 4096, 32_768]);
    let sizes = prop::sample::select(vec![
        Size::AtMost(1),
        Size::AtMost(4),
        Size::AtMost(6),
        Size::Exactly(2),
        Size::Exactly(3),
    ]);
    let goals = prop::sample::select(vec![Goal::Cost, Goal::Time, Goal::CostTime, Goal::Robust, Goal::Card]);
    (models, methods, batch, lengths, sketches(), sizes, goals).prop_map(
        |((layers, hidden, heads, kv, experts), method, batch, length, sketches, size, goal)| {
            let model = model(layers, hidden, heads, kv, experts);
            let mut scenario = scenario(model, recipe(method, length, batch), &sketches, size);
            for (at, offer) in scenario.offers.iter_mut().enumerate() {
                offer.contract = contract(at + (layers + batch) as usize, offer);
            }
            Scenario { goal, ..scenario }
        },
    )
}

//! Properties of memory over random models, recipes and layouts.

use outlay_core::dtype::Dtype;
use outlay_core::layout::{Layout, Offload, Recompute, Schedule, Zero};
use outlay_core::memory::{self, Footprint, ModelMemory};
use outlay_core::model::{
    Activation, ActivationKind, Attention, Block, Embedding, Experts, Linear, Loss, Mask, Model, Norm, NormKind, Op,
    Part, Residual, Role, Rotary, Router, Stream,
};
use outlay_core::scenario::recipe::{
    AttentionKernel, Lora, LossKernel, Method, Optimizer, OptimizerExecution, OptimizerKind, Parked, Precision, Recipe,
    Stack, Targets,
};
use outlay_core::term::{Figure, Term};
use outlay_core::units::{Bytes, Share};
use proptest::prelude::*;

/// A decoder's dimensions.
#[derive(Debug, Clone, Copy)]
struct Shape {
    layers: u64,
    head: u64,
    heads: u64,
    group: u64,
    ffn: u64,
    vocab: u64,
    experts: u64,
    gated: bool,
    rms: bool,
    tied: bool,
}

fn shapes() -> impl Strategy<Value = Shape> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (4..40_u64, 1..3_u64, 3..6_u32, 0..3_u32, 1..5_u64, 1..5_u64, prop_oneof![Just(0_u64), Just(8)], flags).prop_map(
        |(layers, head, heads, group, ffn, vocab, experts, (gated, rms, tied))| {
            let heads = 1 << heads;
            let (head, ffn) = (64 * head, 64 * head * heads * ffn);
            Shape { layers, head, heads, group: 1 << group, ffn, vocab: 8192 * vocab, experts, gated, rms, tied }
        },
    )
}

fn linear(name: &'static str, input: u64, output: u64, part: Part, shares_input: bool) -> Op {
    Op::Linear(Linear { name, input, output, bias: false, shares_input, tied: false, on_source: false, part })
}

fn norm(shape: Shape, width: u64) -> Op {
    let kind = if shape.rms { NormKind::Rms } else { NormKind::Layer };
    Op::Norm(Norm { kind, width, rows: 1, weights: width, biases: 0, on_heads: false })
}

fn layer(shape: Shape) -> Vec<Op> {
    let Shape { head, heads, group, ffn, gated, experts, .. } = shape;
    let (h, kv_heads) = (head * heads, heads / group);
    let attention = Attention {
        heads,
        kv_heads,
        qk_dim: head,
        v_dim: head,
        mask: Mask::Causal,
        cross: false,
        score_bias: false,
        soft_cap: false,
    };
    let mut ops = vec![
        norm(shape, h),
        linear("q_proj", h, h, Part::AttentionIn, false),
        linear("k_proj", h, kv_heads * head, Part::AttentionIn, true),
        linear("v_proj", h, kv_heads * head, Part::AttentionIn, true),
        Op::Rotary(Rotary { heads, kv_heads, dim: head }),
        Op::Attention(attention),
        linear("o_proj", h, h, Part::AttentionOut, false),
        Op::Residual(Residual { width: h }),
        norm(shape, h),
    ];
    let kind = if gated { ActivationKind::Silu } else { ActivationKind::Gelu };
    if experts > 0 {
        ops.push(Op::Router(Router { input: h, experts, top_k: 2, bias: false, name: "gate" }));
        ops.push(Op::Experts(Experts { experts, top_k: 2, input: h, ffn, gated, bias: false, clamped: false, kind }));
    } else {
        ops.push(linear("up_proj", h, ffn, Part::FfnIn, false));
        if gated {
            ops.push(linear("gate_proj", h, ffn, Part::FfnIn, true));
        }
        ops.push(Op::Activation(Activation { kind, width: ffn, gated }));
        ops.push(linear("down_proj", ffn, h, Part::FfnOut, false));
    }
    ops.push(Op::Residual(Residual { width: h }));
    ops
}

fn decoder(shape: Shape) -> Model {
    let (h, vocab) = (shape.head * shape.heads, shape.vocab);
    let block = |role, count, ops| Block { role, stream: Stream::Main, count, stored: count, ops };
    let head = Linear {
        name: "lm_head",
        input: h,
        output: vocab,
        bias: false,
        shares_input: false,
        tied: shape.tied,
        on_source: false,
        part: Part::Head,
    };
    let embedding = Op::Embedding(Embedding { name: "embed_tokens", rows: vocab, width: h, trained: true });
    Model {
        name: "random".into(),
        family: String::new(),
        hidden: h,
        vocab,
        max_positions: None,
        blocks: vec![
            block(Role::Embedding, 1, vec![embedding]),
            block(Role::Layer, shape.layers, layer(shape)),
            block(Role::Head, 1, vec![norm(shape, h), Op::Linear(head), Op::Loss(Loss { vocab, soft_cap: false })]),
        ],
    }
}

fn recipes() -> impl Strategy<Value = Recipe> {
    let kernels = prop_oneof![
        Just(AttentionKernel::Eager),
        Just(AttentionKernel::FusedSoftmax),
        Just(AttentionKernel::Sdpa),
        Just(AttentionKernel::Flash2)
    ];
    let losses = prop_oneof![Just(LossKernel::Eager), Just(LossKernel::Fused), Just(LossKernel::Chunked)];
    let kinds = prop_oneof![
        Just(OptimizerKind::AdamW),
        Just(OptimizerKind::AdamW8bit),
        Just(OptimizerKind::Adafactor),
        Just(OptimizerKind::Lion),
        Just(OptimizerKind::Sgd),
        Just(OptimizerKind::Muon)
    ];
    let executions =
        prop_oneof![Just(OptimizerExecution::Fused), Just(OptimizerExecution::Foreach), Just(OptimizerExecution::Loop)];
    (kernels, losses, kinds, executions, 0..4_u8, 0..3_u8, any::<[bool; 3]>(), 7..13_u32).prop_map(
        |(attention, loss, kind, execution, mode, method, [norm, activation, explicit_mask], seq)| {
            let (compute, weights, autocast, master) = match mode {
                0 => (Dtype::Bf16, Dtype::Bf16, false, false),
                1 => (Dtype::Bf16, Dtype::Fp32, true, false),
                2 => (Dtype::Fp32, Dtype::Fp32, false, false),
                _ => (Dtype::Bf16, Dtype::Bf16, false, true),
            };
            let gradients = if master { Dtype::Fp32 } else { weights };
            let lora = |dropout, base| Lora {
                rank: 16,
                targets: Targets::AllLinear,
                dropout,
                adapter: Dtype::Bf16,
                base,
                dora: false,
            };
            Recipe {
                method: match method {
                    0 => Method::Full,
                    1 => Method::Lora(lora(true, weights)),
                    _ => Method::Lora(lora(false, Dtype::Nf4Double)),
                },
                optimizer: Optimizer { kind, state: weights, paged: false, execution },
                precision: Precision { compute, weights, gradients, master, autocast },
                attention,
                loss,
                stack: Stack {
                    id: "any".into(),
                    program: "any".into(),
                    fused_norm: norm,
                    fused_activation: activation,
                    fused_rotary: activation,
                    explicit_mask,
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
                seq_len: 1 << seq,
                source_len: 0,
                global_batch: 64,
                fill: Share::ONE,
                dropout: false,
                two_of_four: false,
                beside: outlay_core::scenario::recipe::Beside::default(),
            }
        },
    )
}

fn layouts() -> impl Strategy<Value = Layout> {
    let widths = (0..4_u32, 0..3_u32, 0..3_u32, 0..2_u32, 0..2_u32);
    let zeros = prop_oneof![Just(Zero::None), Just(Zero::One), Just(Zero::Two), Just(Zero::Three)];
    let recomputes = prop_oneof![
        Just(Recompute::None),
        Just(Recompute::Selective),
        (1..8_u8).prop_map(Recompute::Layers),
        Just(Recompute::Full)
    ];
    let schedules = prop_oneof![
        Just(Schedule::GPipe),
        Just(Schedule::OneFOneB),
        Just(Schedule::ZeroBubble),
        Just(Schedule::DualPipe)
    ];
    (widths, zeros, recomputes, schedules, any::<bool>(), 1..9_u64, 1..9_u64).prop_map(
        |((dp, tp, pp, cp, ep), zero, recompute, schedule, sequence_parallel, micro_batch, accumulation)| Layout {
            dp: 1 << dp,
            tp: 1 << tp,
            pp: 1 << pp,
            vpp: 1,
            stage_layers: 0,
            cp: 1 << cp,
            ep: 1 << ep,
            zero,
            shard: 1 << dp,
            sequence_parallel,
            micro_batch,
            accumulation,
            schedule,
            recompute,
            offload: Offload::None,
        },
    )
}

fn whole(footprint: &Footprint) -> f64 {
    footprint.total().get()
}

fn bytes(term: &Term) -> f64 {
    match term.figure {
        Figure::Bytes(bytes) => bytes.get(),
        _ => f64::NAN,
    }
}

fn sums(term: &Term) -> bool {
    let parts: f64 = term.parts.iter().map(bytes).sum();
    let here = term.parts.is_empty() || (parts - bytes(term)).abs() <= 1e-9 * bytes(term).abs();
    here && term.parts.iter().all(sums)
}

/// Rounding of sums in another order.
const ALMOST: f64 = 1.0 + 1e-9;

proptest! {
    #[test]
    fn every_part_is_a_number_and_the_parts_make_the_whole(
        shape in shapes(), recipe in recipes(), layout in layouts()
    ) {
        let footprint = memory::footprint(&decoder(shape), &recipe, &layout);
        let tree = footprint.explain();
        prop_assert!(sums(&tree));
        prop_assert!((bytes(&tree) - whole(&footprint)).abs() <= 1e-9 * whole(&footprint));
        let leaves = tree.parts.iter().flat_map(|group| &group.parts);
        for leaf in leaves {
            prop_assert!(bytes(leaf).is_finite() && bytes(leaf) >= 0.0, "{} is {}", leaf.name, bytes(leaf));
        }
    }

    #[test]
    fn the_footprint_is_the_fullest_moment(shape in shapes(), recipe in recipes(), micro_batch in 1..9_u64) {
        let memory = ModelMemory::new(&decoder(shape), &recipe);
        let layout = Layout::single(micro_batch, 1, Recompute::None);
        let fullest = memory.timeline(&layout).iter().map(whole).fold(0.0, f64::max);
        prop_assert_eq!(whole(&memory.footprint(&layout)), fullest);
    }

    #[test]
    fn a_larger_micro_batch_never_needs_less(shape in shapes(), recipe in recipes(), layout in layouts()) {
        let memory = ModelMemory::new(&decoder(shape), &recipe);
        let larger = Layout { micro_batch: layout.micro_batch + 1, ..layout };
        prop_assert!(whole(&memory.footprint(&layout)) <= ALMOST * whole(&memory.footprint(&larger)));
    }

    #[test]
    fn kept_tensors_are_linear_in_the_micro_batch(shape in shapes(), recipe in recipes(), k in 2..9_u64) {
        let memory = ModelMemory::new(&decoder(shape), &recipe);
        let at = |micro_batch| memory.timeline(&Layout::single(micro_batch, 1, Recompute::None))[1].activations.get();
        // Casts of weights do not grow with the batch: differences are linear.
        let (step, many) = (at(2) - at(1), at(k) - at(1));
        prop_assert!((many - (k - 1) as f64 * step).abs() <= 1e-9 * at(k));
    }

    #[test]
    fn what_is_parked_leaves_the_device_for_the_host(
        shape in shapes(), recipe in recipes(), layout in layouts(), all in any::<bool>()
    ) {
        let model = decoder(shape);
        let of = |parks| {
            let mut recipe = recipe.clone();
            recipe.stack.parks = parks;
            let memory = ModelMemory::new(&model, &recipe);
            (memory.timeline(&layout), memory.parked(&layout).get())
        };
        let (plain, nothing) = of(Parked::Nothing);
        let (parked, moved) = of(if all { Parked::All } else { Parked::Checkpoints });
        prop_assert_eq!(nothing, 0.0);
        let host = parked[0].parked.get();
        let left = plain[0].activations.get() - parked[0].activations.get();
        prop_assert!((host - left).abs() <= 1e-9 * plain[0].activations.get());
        prop_assert!(host >= 0.0 && moved <= ALMOST * host);
        // Two layers' stay: one is on its way while the next is at work.
        let kept_whole = matches!(layout.recompute, Recompute::None | Recompute::Selective);
        let none = shape.layers.div_ceil(layout.pp) <= 2 || kept_whole && !all;
        prop_assert_eq!(moved == 0.0, none);
        prop_assert!(whole(&parked[0]) <= whole(&plain[0]) * (1.0 + 1e-9));
        prop_assert_eq!((parked[0].host, plain[0].parked.get()), (plain[0].host, 0.0), "a checkpoint holds the state alone");
    }

    #[test]
    fn more_recompute_keeps_less(shape in shapes(), recipe in recipes(), layout in layouts()) {
        let memory = ModelMemory::new(&decoder(shape), &recipe);
        let kept = |recompute| {
            let layout = Layout { recompute, pp: 1, ..layout };
            memory.timeline(&layout)[1].activations.get()
        };
        // The mask that checkpointed layers are handed is the price of full recompute.
        let mask = if recipe.stack.explicit_mask && recipe.attention == AttentionKernel::Sdpa {
            (layout.micro_batch * recipe.seq_len * recipe.seq_len / layout.cp) as f64
        } else {
            0.0
        };
        prop_assert!(kept(Recompute::Selective) <= ALMOST * kept(Recompute::None));
        // Without sequence parallelism a layer's input is not split, its inner tensors are.
        if layout.tp == 1 || layout.sequence_parallel {
            prop_assert!(kept(Recompute::Full) <= ALMOST * kept(Recompute::Selective) + mask);
        }
    }

    #[test]
    fn sharding_more_never_stores_more(shape in shapes(), recipe in recipes(), layout in layouts()) {
        let memory = ModelMemory::new(&decoder(shape), &recipe);
        let state = |zero| {
            let update = memory.timeline(&Layout { zero, ..layout })[5];
            (update.weights + update.gradients + update.master + update.optimizer).get()
        };
        prop_assert!(state(Zero::Three) <= ALMOST * state(Zero::Two));
        prop_assert!(state(Zero::Two) <= ALMOST * state(Zero::One));
        prop_assert!(state(Zero::One) <= ALMOST * state(Zero::None));
    }

    #[test]
    fn wider_splits_never_store_more_weights(shape in shapes(), recipe in recipes(), layout in layouts()) {
        let memory = ModelMemory::new(&decoder(shape), &recipe);
        let weights = |layout: Layout| memory.timeline(&layout)[5].weights.get();
        let now = ALMOST * weights(layout);
        let wider = [
            Layout { tp: 2 * layout.tp, ..layout },
            Layout { ep: 2 * layout.ep, ..layout },
            Layout { dp: 2 * layout.dp, shard: 2 * layout.shard, ..layout },
            Layout { pp: 2 * layout.pp, ..layout },
        ];
        for layout in wider {
            prop_assert!(weights(layout) <= now, "{:?}", layout);
        }
    }

    #[test]
    fn offloading_moves_bytes_to_the_host(shape in shapes(), recipe in recipes(), layout in layouts()) {
        let memory = ModelMemory::new(&decoder(shape), &recipe);
        let here = memory.footprint(&layout);
        let away = memory.footprint(&Layout { offload: Offload::Optimizer, ..layout });
        prop_assert!(away.total() <= here.total() && away.host >= here.host);
        prop_assert_eq!(away.optimizer + away.master, Bytes::ZERO);
    }

    /// Who gathers weights casts them: autocast finds nothing left to do. On replicated weights it keeps its copies.
    #[test]
    fn gathered_weights_are_cast_once(shape in shapes(), recipe in recipes(), layout in layouts()) {
        let model = decoder(shape);
        let cast = Precision { autocast: true, ..recipe.precision };
        let autocast = Recipe { precision: cast, ..recipe };
        let both = [&autocast, &autocast.gathered()].map(|recipe| memory::footprint(&model, recipe, &layout));
        if layout.gathers() {
            prop_assert_eq!(both[0], both[1]);
        } else {
            prop_assert!(whole(&both[0]) >= whole(&both[1]) * 0.999 || autocast.precision.weights != Dtype::Fp32);
        }
    }

    #[test]
    fn more_capacity_fits_no_worse(shape in shapes(), recipe in recipes(), layout in layouts(), gib in 1..200_u32) {
        let footprint = memory::footprint(&decoder(shape), &recipe, &layout);
        let at = |gib| memory::fits(&footprint, Bytes::gib(f64::from(gib)));
        prop_assert!(at(gib) <= at(gib + 1));
    }
}

/// Rajbhandari 2020, figure 1: 7.5 billion parameters on 64 devices.
#[test]
fn sharded_states_are_the_published_ones() {
    let matrix = linear("all", 1000, 7_500_000, Part::Other, false);
    let block = Block { role: Role::Layer, stream: Stream::Main, count: 1, stored: 1, ops: vec![matrix] };
    let shape = Shape {
        layers: 1,
        head: 1,
        heads: 1,
        group: 1,
        ffn: 1,
        vocab: 1,
        experts: 0,
        gated: false,
        rms: true,
        tied: true,
    };
    let model = Model { blocks: vec![block], ..decoder(shape) };
    let recipe = Recipe {
        method: Method::Full,
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
            id: "any".into(),
            program: "any".into(),
            fused_norm: true,
            fused_activation: true,
            fused_rotary: true,
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
        seq_len: 1,
        source_len: 0,
        global_batch: 64,
        fill: Share::ONE,
        dropout: false,
        two_of_four: false,
        beside: outlay_core::scenario::recipe::Beside::default(),
    };
    let memory = ModelMemory::new(&model, &recipe);
    let state = |zero| {
        let layout = Layout { dp: 64, shard: 64, zero, ..Layout::single(1, 1, Recompute::None) };
        let update = memory.timeline(&layout)[5];
        (update.weights + update.gradients + update.master + update.optimizer).to_gb()
    };
    let close = |got: f64, want: f64| assert!((got - want).abs() < 0.05, "{got} GB, published {want} GB");
    close(state(Zero::None), 120.0);
    close(state(Zero::One), 31.4);
    close(state(Zero::Two), 16.6);
    close(state(Zero::Three), 1.9);
    // As DeepSpeed has them: in bf16 gradients are summed in fp32 beside those in 16 bit, 2 + 4 + 2 + 12/64 bytes a parameter;
    // in fp16 a rank's shard of them is written out in fp32 for the update; half a billion are reduced together.
    let with = |change: &dyn Fn(&mut Recipe)| {
        let mut recipe = recipe.clone();
        change(&mut recipe);
        let layout = Layout { dp: 64, shard: 64, zero: Zero::One, ..Layout::single(1, 1, Recompute::None) };
        ModelMemory::new(&model, &recipe).timeline(&layout)[5]
    };
    let both = with(&|recipe| {
        recipe.precision.gradients = Dtype::Fp32;
        recipe.stack.both_gradients = true;
    });
    close((both.weights + both.gradients + both.master + both.optimizer).to_gb(), 7.5 * (8.0 + 12.0 / 64.0));
    let widened = with(&|recipe| {
        recipe.stack.widens_gradients = true;
        recipe.stack.bucket = Some(500_000_000);
    });
    close(widened.update.to_gb(), 7.5 * 4.0 / 64.0);
    close(widened.communication.to_gb(), 3.0);
}

/// A Llama layer of 8 billion parameters: its input, queries, values, one of the two products into the feed-forward, the product
/// out of it, and attention's result, two bytes each.
#[test]
fn selective_recomputation_by_products_keeps_every_second_one() {
    let text = "[model]\nbase = \"llama-3.1-8b\"\nstart = \"scratch\"\n[data]\ntokens = \"1B\"\n[train]\nstack = \"torchtitan\"\n\
                precision = \"bf16-pure\"\n[hardware]\naccelerators = [\"h200-sxm\"]\ngpus = 8\n";
    let request = outlay::parse(text).expect("a job");
    let (resolved, _) = outlay::exact(&request, &outlay::catalog::Catalog::built_in()).expect("a forecast");
    let layer = resolved.scenario.model.layers().next().expect("layers");
    let kept = memory::kept_of_block(layer, &resolved.scenario.recipe, true, true);
    assert_eq!((kept.products_replicated + kept.products_split).get(), 63_488.0);
    assert!(kept.per_token().get() > 90_000.0);
}

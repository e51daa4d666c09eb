//! Recurrent models: Mamba, Mamba-2, RWKV-4, and Jamba's mix of Mamba, attention and experts.

use outlay_core::model::{
    Activation, ActivationKind, Conv, Experts, Mask, Model, Norm, NormKind, Op, Part, Residual, Router, Scan, ScanKind,
    Weights,
};
use serde_json::Value;

use super::delta::in_place_of_attention;
use super::error::ReadError;
use super::fields::Fields;
use super::layer::{Attn, Ends, Feed, Ffn, LAYER, Layer, NormStyle, Order, RMS, decoder, linear, shared};
use super::llama::QKV;

type Read = Result<Model, Vec<ReadError>>;

fn ends(f: &Fields<'_>, hidden: u64, norm: NormStyle, tied: bool) -> Ends {
    Ends {
        names: ["embeddings", ""],
        ..Ends::plain(f.count(&["vocab_size"]), hidden, norm, f.flag_or("tie_word_embeddings", tied))
    }
}

/// The selective state-space mixer of Mamba-1.
struct Mixer {
    hidden: u64,
    inner: u64,
    state: u64,
    kernel: u64,
    rank: u64,
    /// Norms on the time step and the two state projections (Jamba).
    normed: bool,
}

impl Mixer {
    fn ops(&self) -> Vec<Op> {
        let Self { hidden, inner, state, kernel, rank, normed } = *self;
        let mut ops = vec![
            Op::Linear(linear("in_proj", hidden, 2 * inner, false, Part::MixerIn)),
            Op::Conv(Conv { channels: inner, kernel, bias: true }),
            Op::Activation(Activation { kind: ActivationKind::Silu, width: inner, gated: false }),
            Op::Linear(linear("x_proj", inner, rank + 2 * state, false, Part::Other)),
        ];
        if normed {
            ops.extend([rank, state, state].map(|width| RMS.op(width)));
        }
        ops.extend([
            Op::Linear(linear("dt_proj", rank, inner, true, Part::MixerIn)),
            Op::Weights(Weights { name: "A_log", elements: inner * state }),
            Op::Weights(Weights { name: "D", elements: inner }),
            Op::Scan(Scan { kind: ScanKind::Mamba1, channels: inner, state, heads: 1, groups: 1, chunk: 0 }),
            Op::Activation(Activation { kind: ActivationKind::Silu, width: inner, gated: true }),
            Op::Linear(linear("out_proj", inner, hidden, false, Part::MixerOut)),
        ]);
        ops
    }
}

/// Mamba and Falcon-Mamba.
pub(super) fn mamba(name: &str, family: &str, config: &Value) -> Read {
    let f = Fields::new(config);
    let hidden = f.count(&["hidden_size", "d_model"]);
    let inner = f.maybe(&["intermediate_size"]).unwrap_or(f.count_or(&["expand"], 2) * hidden);
    let mixer = Mixer {
        hidden,
        inner,
        state: f.count_or(&["state_size"], 16),
        kernel: f.count_or(&["conv_kernel"], 4),
        rank: if f.text(&["time_step_rank"]).is_some() {
            hidden.div_ceil(16)
        } else {
            f.count_or(&["time_step_rank"], hidden.div_ceil(16))
        },
        normed: false,
    };
    let mut ops = vec![RMS.op(hidden)];
    ops.extend(mixer.ops());
    ops.push(Op::Residual(Residual { width: hidden }));
    let layers = vec![(f.count(&["num_hidden_layers", "n_layer"]), ops)];
    f.done(decoder(name, family, &ends(&f, hidden, RMS, true), layers, None))
}

/// The mixer of Mamba-2, without the norm before it.
pub(super) struct Mixer2 {
    pub(super) hidden: u64,
    pub(super) inner: u64,
    pub(super) heads: u64,
    pub(super) groups: u64,
    pub(super) state: u64,
    pub(super) kernel: u64,
    pub(super) chunk: u64,
    /// The gate is applied within a norm; else it is a product alone.
    pub(super) normed: bool,
}

impl Mixer2 {
    pub(super) fn ops(&self) -> Vec<Op> {
        let Self { hidden, inner, heads, groups, state, kernel, chunk, normed } = *self;
        let wide = inner + 2 * groups * state;
        let gate = if normed {
            Op::Norm(Norm {
                kind: NormKind::GatedRms,
                width: inner,
                rows: 1,
                weights: inner,
                biases: 0,
                on_heads: false,
            })
        } else {
            Op::Activation(Activation { kind: ActivationKind::Silu, width: inner, gated: true })
        };
        vec![
            Op::Linear(linear("in_proj", hidden, inner + wide + heads, false, Part::MixerIn)),
            Op::Conv(Conv { channels: wide, kernel, bias: true }),
            Op::Activation(Activation { kind: ActivationKind::Silu, width: wide, gated: false }),
            Op::Weights(Weights { name: "A_log, D, dt_bias", elements: 3 * heads }),
            Op::Scan(Scan { kind: ScanKind::Mamba2, channels: inner, state, heads, groups, chunk }),
            gate,
            Op::Linear(linear("out_proj", inner, hidden, false, Part::MixerOut)),
        ]
    }
}

/// A norm, what it feeds, and the residual.
fn around(hidden: u64, inner: Vec<Op>) -> Vec<Op> {
    let mut ops = vec![RMS.op(hidden)];
    ops.extend(inner);
    ops.push(Op::Residual(Residual { width: hidden }));
    ops
}

/// Mamba-2.
pub(super) fn mamba2(name: &str, family: &str, config: &Value) -> Read {
    let f = Fields::new(config);
    let hidden = f.count(&["hidden_size"]);
    let mixer = Mixer2 {
        hidden,
        inner: f.count_or(&["expand"], 2) * hidden,
        heads: f.count(&["num_heads"]),
        groups: f.count_or(&["n_groups"], 8),
        state: f.count_or(&["state_size"], 128),
        kernel: f.count_or(&["conv_kernel"], 4),
        chunk: f.count_or(&["chunk_size"], 256),
        normed: true,
    };
    let layers = vec![(f.count(&["num_hidden_layers"]), around(hidden, mixer.ops()))];
    f.done(decoder(name, family, &ends(&f, hidden, RMS, true), layers, None))
}

/// Nemotron-H and Nemotron 3: Mamba-2, attention, feed-forward and mixture layers by a pattern (`M`, `*`, `-`, `E`).
pub(super) fn nemotron(name: &str, family: &str, config: &Value) -> Read {
    let f = Fields::new(config);
    let (hidden, heads) = (f.count(&["hidden_size"]), f.count(&["num_attention_heads"]));
    let head = f.count_or(&["attention_head_dim", "head_dim"], 128);
    let mixer = Mixer2 {
        hidden,
        inner: f.count(&["mamba_num_heads"]).saturating_mul(f.count_or(&["mamba_head_dim"], 64)),
        heads: f.count(&["mamba_num_heads"]),
        groups: f.count_or(&["n_groups"], 8),
        state: f.count_or(&["ssm_state_size"], 128),
        kernel: f.count_or(&["conv_kernel"], 4),
        chunk: f.count_or(&["chunk_size"], 256),
        normed: true,
    };
    let attn = Attn {
        projection: QKV,
        out: "o_proj",
        heads,
        kv_heads: f.count_or(&["num_key_value_heads"], heads),
        qk_dim: head,
        v_dim: head,
        bias: f.flag_or("attention_bias", false),
        out_bias: f.flag_or("attention_bias", false),
        rotary: 0,
        mask: Mask::Causal,
        ..Attn::PLAIN
    };
    let ffn = Ffn {
        into: ["up_proj", "up_proj"],
        out: "down_proj",
        width: f.count_or(&["intermediate_size"], 4 * hidden),
        gated: false,
        fused: false,
        bias: f.flag_or("mlp_bias", false),
        kind: f.activation_or(&["mlp_hidden_act"], ActivationKind::Relu2),
    };
    let pattern = f.text(&["hybrid_override_pattern"]).unwrap_or_else(|| {
        f.fault(ReadError::Missing("hybrid_override_pattern".into()));
        ""
    });
    let (mut attends, mut feeds) = (Vec::new(), Vec::new());
    attn.ops(hidden, RMS, false, &mut attends);
    ffn.ops(hidden, false, &mut feeds);
    let count = |kind: char| pattern.chars().filter(|c| *c == kind).count() as u64;
    let layers = vec![
        (count('M'), around(hidden, mixer.ops())),
        (count('*'), around(hidden, attends)),
        (count('-'), around(hidden, feeds)),
        (count('E'), if count('E') > 0 { around(hidden, mixture(&f, hidden, ffn)) } else { Vec::new() }),
    ];
    f.done(decoder(name, family, &ends(&f, hidden, RMS, false), layers, f.maybe(&["max_position_embeddings"])))
}

/// A mixture without gates, its experts in a narrower space where the config says so, beside a shared feed-forward.
fn mixture(f: &Fields<'_>, hidden: u64, ffn: Ffn) -> Vec<Op> {
    let routed = f.count(&["n_routed_experts"]);
    let top_k = f.chosen(&["num_experts_per_tok"], routed);
    let latent = f.maybe(&["moe_latent_size"]);
    let input = latent.unwrap_or(hidden);
    let experts = Experts {
        experts: routed,
        top_k,
        input,
        ffn: f.count(&["moe_intermediate_size"]),
        gated: false,
        bias: false,
        clamped: false,
        kind: ffn.kind,
    };
    let mut ops = vec![Op::Router(Router { input: hidden, experts: routed, top_k, bias: false, name: "gate" })];
    ops.extend(latent.map(|width| shared(linear("fc1_latent_proj", hidden, width, false, Part::Other))));
    ops.push(Op::Experts(experts));
    ops.extend(latent.map(|width| Op::Linear(linear("fc2_latent_proj", width, hidden, false, Part::Other))));
    if f.natural_or(&["n_shared_experts"], 0) > 0 {
        Ffn { width: f.count(&["moe_shared_expert_intermediate_size"]), ..ffn }.ops(hidden, true, &mut ops);
    }
    ops
}

/// RWKV-4.
pub(super) fn rwkv(name: &str, family: &str, config: &Value) -> Read {
    let f = Fields::new(config);
    let hidden = f.count(&["hidden_size"]);
    let wide = f.count_or(&["attention_hidden_size"], hidden);
    let width = f.count_or(&["intermediate_size"], 4 * hidden);
    let layer = |first: bool| {
        let mut ops = Vec::new();
        ops.extend(first.then(|| LAYER.op(hidden)));
        ops.extend([
            LAYER.op(hidden),
            Op::Weights(Weights { name: "time_mix", elements: 3 * hidden }),
            Op::Linear(linear("key", hidden, wide, false, Part::MixerIn)),
            shared(linear("value", hidden, wide, false, Part::MixerIn)),
            shared(linear("receptance", hidden, wide, false, Part::MixerIn)),
            Op::Weights(Weights { name: "time_decay, time_first", elements: 2 * wide }),
            Op::Scan(Scan { kind: ScanKind::Rwkv, channels: wide, state: 1, heads: 1, groups: 1, chunk: 0 }),
            Op::Linear(linear("output", wide, hidden, false, Part::MixerOut)),
            Op::Residual(Residual { width: hidden }),
            LAYER.op(hidden),
            Op::Weights(Weights { name: "time_mix", elements: 2 * hidden }),
            Op::Linear(linear("key", hidden, width, false, Part::FfnIn)),
            shared(linear("receptance", hidden, hidden, false, Part::Other)),
            Op::Activation(Activation { kind: ActivationKind::Relu2, width, gated: false }),
            Op::Linear(linear("value", width, hidden, false, Part::FfnOut)),
            Op::Residual(Residual { width: hidden }),
        ]);
        ops
    };
    let depth = f.count(&["num_hidden_layers"]);
    let layers = vec![(1, layer(true)), (depth - 1, layer(false))];
    f.done(decoder(name, family, &ends(&f, hidden, LAYER, false), layers, f.maybe(&["context_length"])))
}

/// Jamba: an attention layer in eight, experts in every second layer.
pub(super) fn jamba(name: &str, family: &str, config: &Value) -> Read {
    let f = Fields::new(config);
    let (hidden, heads) = (f.count(&["hidden_size"]), f.count(&["num_attention_heads"]));
    let kv_heads = f.count_or(&["num_key_value_heads"], heads);
    f.divides("num_attention_heads", heads, "hidden_size", hidden);
    let mixer = Mixer {
        hidden,
        inner: f.count_or(&["mamba_expand"], 2) * hidden,
        state: f.count_or(&["mamba_d_state"], 16),
        kernel: f.count_or(&["mamba_d_conv"], 4),
        rank: f.count_or(&["mamba_dt_rank"], hidden.div_ceil(16)),
        normed: true,
    };
    let width = f.count(&["intermediate_size"]);
    let kind = f.activation_or(&["hidden_act"], ActivationKind::Silu);
    let ffn =
        Ffn { into: ["gate_proj", "up_proj"], out: "down_proj", width, gated: true, fused: false, bias: false, kind };
    let (routed, top_k) = (f.count_or(&["num_experts"], 16), f.count_or(&["num_experts_per_tok"], 2));
    let sparse = Feed::Moe {
        router: Router { input: hidden, experts: routed, top_k: top_k.min(routed), bias: false, name: "router" },
        experts: Experts::gated(routed, top_k.min(routed), hidden, width, kind),
        shared: None,
    };
    let attn = Attn {
        projection: QKV,
        out: "o_proj",
        heads,
        kv_heads,
        qk_dim: hidden / heads,
        v_dim: hidden / heads,
        bias: false,
        out_bias: false,
        rotary: 0,
        mask: Mask::Causal,
        ..Attn::PLAIN
    };
    let layer = |attends: bool, feed: Feed| {
        let ops = Layer { hidden, norm: RMS, order: Order::Pre, attn, feed, dropout: false }.ops();
        if attends { ops } else { in_place_of_attention(&ops, mixer.ops()) }
    };
    let depth = f.count(&["num_hidden_layers"]);
    let (every, offset) = (f.count_or(&["attn_layer_period"], 8), f.natural_or(&["attn_layer_offset"], 4));
    let (expert_every, expert_offset) =
        (f.count_or(&["expert_layer_period"], 2), f.natural_or(&["expert_layer_offset"], 1));
    let mut counts = [[0u64; 2]; 2];
    for at in 0..depth.min(10_000) {
        let attends = usize::from(at % every == offset % every);
        let routes = usize::from(at % expert_every == expert_offset % expert_every);
        counts[attends][routes] += 1;
    }
    let mut layers = Vec::new();
    for (attends, row) in counts.iter().enumerate() {
        layers.push((row[0], layer(attends == 1, Feed::Dense(ffn))));
        layers.push((row[1], layer(attends == 1, sparse)));
    }
    f.done(decoder(name, family, &ends(&f, hidden, RMS, false), layers, f.maybe(&["max_position_embeddings"])))
}

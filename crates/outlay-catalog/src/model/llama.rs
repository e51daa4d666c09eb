//! Llama and its many cousins: pre-norm decoders with rotary embeddings that differ in norms, biases and order.

use outlay_core::model::{ActivationKind, Mask, Model, NormKind, Op, Weights};
use serde_json::Value;

use super::error::ReadError;
use super::fields::Fields;
use super::layer::{
    Attn, Ends, Feed, Ffn, LAYER, LAYER_BARE, Layer, NormStyle, Order, Projection, QkNorm, RMS, RMS_WIDE, decoder,
};

/// Names of the projections in this family.
pub(super) const QKV: Projection = Projection::Split(["q_proj", "k_proj", "v_proj"]);

/// What a family does differently.
struct Habits {
    norm: NormStyle,
    order: Order,
    projection: Projection,
    /// Bias of queries, keys and values when the config is silent.
    qkv_bias: bool,
    out_bias: bool,
    qk_norm: QkNorm,
    gated: bool,
    fused: bool,
    kind: ActivationKind,
    tied: bool,
    rotary: f64,
    /// Without `head_dim` in the config.
    names: [&'static str; 3],
    /// Every how many-th layer sees everything when there is a window; 0: none.
    global_every: u64,
}

const PLAIN: Habits = Habits {
    norm: RMS,
    order: Order::Pre,
    projection: QKV,
    qkv_bias: false,
    out_bias: false,
    qk_norm: QkNorm::None,
    gated: true,
    fused: false,
    kind: ActivationKind::Silu,
    tied: false,
    rotary: 1.0,
    names: ["gate_proj", "up_proj", "down_proj"],
    global_every: 0,
};

fn habits(family: &str, f: &Fields<'_>) -> Habits {
    match family {
        "qwen2" => Habits { qkv_bias: true, ..PLAIN },
        "qwen3" => Habits { qk_norm: QkNorm::Head, ..PLAIN },
        "smollm3" => Habits { tied: true, ..PLAIN },
        "olmo" => Habits { norm: NormStyle { kind: NormKind::Layer, weight: false, bias: false }, ..PLAIN },
        "olmo2" => Habits { norm: RMS_WIDE, order: Order::PostInner, qk_norm: QkNorm::Whole, ..PLAIN },
        "phi3" => Habits {
            projection: Projection::Fused("qkv_proj"),
            fused: true,
            names: ["gate_up_proj", "gate_up_proj", "down_proj"],
            ..PLAIN
        },
        "stablelm" => {
            let qk_norm = if f.flag_or("qk_layernorm", false) { QkNorm::HeadOwn } else { QkNorm::None };
            let qkv_bias = f.flag_or("use_qkv_bias", false);
            let order = if f.flag_or("use_parallel_residual", false) { Order::ParallelOne } else { Order::Pre };
            Habits { norm: LAYER, qk_norm, qkv_bias, order, rotary: 0.25, ..PLAIN }
        }
        "starcoder2" => {
            let bias = f.flag_or("use_bias", true);
            let names = ["c_fc", "c_fc", "c_proj"];
            let kind = ActivationKind::GeluTanh;
            Habits { norm: LAYER, qkv_bias: bias, out_bias: bias, gated: false, kind, tied: true, names, ..PLAIN }
        }
        // Two matrices without a gate.
        "arcee" => Habits { gated: false, kind: ActivationKind::Relu2, ..PLAIN },
        "apertus" => Habits { gated: false, kind: ActivationKind::GeluNew, qk_norm: QkNorm::Head, ..PLAIN },
        "glm4" => Habits {
            order: Order::Sandwich,
            qkv_bias: true,
            rotary: 0.5,
            fused: true,
            names: ["gate_up_proj", "gate_up_proj", "down_proj"],
            ..PLAIN
        },
        "nemotron" => Habits { norm: LAYER, gated: false, kind: ActivationKind::Relu2, rotary: 0.5, ..PLAIN },
        "cohere" | "cohere2" => {
            let qk_norm = if f.flag_or("use_qk_norm", false) { QkNorm::HeadOwn } else { QkNorm::None };
            let global_every = if family == "cohere2" { 4 } else { 0 };
            Habits { norm: LAYER_BARE, order: Order::ParallelOne, qk_norm, tied: true, global_every, ..PLAIN }
        }
        _ => PLAIN,
    }
}

/// Reads a config of the group.
pub(super) fn read(name: &str, family: &str, config: &Value) -> Result<Model, Vec<ReadError>> {
    let f = Fields::new(config);
    let habits = habits(family, &f);
    let (hidden, heads) = (f.count(&["hidden_size"]), f.count(&["num_attention_heads"]));
    let kv_heads = f.count_or(&["num_key_value_heads"], heads);
    f.divides("num_key_value_heads", kv_heads, "num_attention_heads", heads);
    let head = f.maybe(&["head_dim"]).unwrap_or_else(|| {
        f.divides("num_attention_heads", heads, "hidden_size", hidden);
        hidden / heads
    });
    let bias = f.flag_or("attention_bias", habits.qkv_bias);
    let out_bias = habits.out_bias || (f.has("attention_bias") && bias && !matches!(family, "qwen2" | "glm4"));
    let mlp_bias = f.flag_or("mlp_bias", habits.out_bias);
    let rotary = f.share_or(&["partial_rotary_factor", "rope_pct"], habits.rotary);
    let depth = f.count(&["num_hidden_layers"]);
    // Qwen's configs carry a window that is off unless they say otherwise; the other families' is on.
    let window = f.maybe(&["sliding_window"]).filter(|_| f.flag_or("use_sliding_window", !family.starts_with("qwen")));
    let layer = |mask| Layer {
        hidden,
        norm: habits.norm,
        order: habits.order,
        attn: Attn {
            projection: habits.projection,
            out: "o_proj",
            heads,
            kv_heads,
            qk_dim: head,
            v_dim: head,
            bias,
            out_bias,
            qk_norm: habits.qk_norm,
            rotary: (head as f64 * rotary) as u64,
            mask,
            ..Attn::PLAIN
        },
        feed: Feed::Dense(Ffn {
            into: [habits.names[0], habits.names[1]],
            out: habits.names[2],
            width: f.count(&["intermediate_size"]),
            gated: habits.gated,
            fused: habits.fused,
            bias: mlp_bias,
            kind: f.activation_or(&["hidden_act"], habits.kind),
        }),
        dropout: false,
    };
    let masked = |mask| {
        let mut ops = layer(mask).ops();
        if family == "apertus" {
            // xIELU has two trained scalars a layer.
            ops.push(Op::Weights(Weights { name: "act_fn", elements: 2 }));
        }
        ops
    };
    let layers = match window {
        None => vec![(depth, masked(Mask::Causal))],
        Some(window) => {
            // Qwen's first layers see everything.
            let first = if family.starts_with("qwen") { f.natural_or(&["max_window_layers"], 0).min(depth) } else { 0 };
            let global = depth.checked_div(habits.global_every).unwrap_or(first);
            vec![(depth - global, masked(Mask::Window { window })), (global, masked(Mask::Causal))]
        }
    };
    let ends =
        Ends::plain(f.count(&["vocab_size"]), hidden, habits.norm, f.flag_or("tie_word_embeddings", habits.tied));
    let model = decoder(name, family, &ends, layers, f.maybe(&["max_position_embeddings"]));
    f.done(model)
}

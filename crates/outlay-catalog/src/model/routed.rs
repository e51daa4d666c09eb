//! Mixtures whose first layers are dense, or whose attention differs from Llama's: GLM-4.5, Trinity, DBRX.

use outlay_core::model::{Activation, ActivationKind, Experts, Mask, Model, Op, Part, Router};
use serde_json::Value;

use super::error::ReadError;
use super::fields::Fields;
use super::layer::{Attn, Ends, Feed, Ffn, LAYER_BARE, Layer, Order, Projection, QkNorm, RMS, decoder, linear, shared};
use super::llama::QKV;

type Read = Result<Model, Vec<ReadError>>;

fn ffn(width: u64, kind: ActivationKind) -> Ffn {
    Ffn { into: ["gate_proj", "up_proj"], out: "down_proj", width, gated: true, fused: false, bias: false, kind }
}

/// Experts beside those that every token passes, `together` of them; `biased`: the choice has a bias an expert.
fn mixture(f: &Fields<'_>, hidden: u64, routed: u64, together: u64, biased: bool) -> Feed {
    let top_k = f.chosen(&["num_experts_per_tok"], routed);
    let kind = f.activation_or(&["hidden_act"], ActivationKind::Silu);
    let width = f.count(&["moe_intermediate_size"]);
    Feed::Moe {
        router: Router { input: hidden, experts: routed, top_k, bias: biased, name: "gate" },
        experts: Experts::gated(routed, top_k, hidden, width, kind),
        shared: (together > 0).then(|| (ffn(together.saturating_mul(width), kind), false)),
    }
}

fn heads(f: &Fields<'_>) -> (u64, u64) {
    let heads = f.count(&["num_attention_heads"]);
    let kv_heads = f.count_or(&["num_key_value_heads"], heads);
    f.divides("num_key_value_heads", kv_heads, "num_attention_heads", heads);
    (heads, kv_heads)
}

/// GLM-4.5 and 4.6: grouped attention with half of each head turned, the first layers dense.
pub(super) fn glm(name: &str, family: &str, config: &Value) -> Read {
    let f = Fields::new(config);
    let hidden = f.count(&["hidden_size"]);
    let (heads, kv_heads) = heads(&f);
    let head = f.maybe(&["head_dim"]).unwrap_or(hidden / heads);
    let attn = Attn {
        projection: QKV,
        heads,
        kv_heads,
        qk_dim: head,
        v_dim: head,
        bias: f.flag_or("attention_bias", false),
        qk_norm: if f.flag_or("use_qk_norm", false) { QkNorm::Head } else { QkNorm::None },
        rotary: (head as f64 * f.share_or(&["partial_rotary_factor"], 0.5)) as u64,
        mask: Mask::Causal,
        ..Attn::PLAIN
    };
    let kind = f.activation_or(&["hidden_act"], ActivationKind::Silu);
    let layer = |feed| Layer { hidden, norm: RMS, order: Order::Pre, attn, feed, dropout: false }.ops();
    let depth = f.count(&["num_hidden_layers"]);
    let dense = f.natural_or(&["first_k_dense_replace"], 1).min(depth);
    let routed = f.count(&["n_routed_experts"]);
    let sparse = mixture(&f, hidden, routed, f.natural_or(&["n_shared_experts"], 1), false);
    let layers =
        vec![(dense, layer(Feed::Dense(ffn(f.count(&["intermediate_size"]), kind)))), (depth - dense, layer(sparse))];
    let ends = Ends::plain(f.count(&["vocab_size"]), hidden, RMS, f.flag_or("tie_word_embeddings", false));
    f.done(decoder(name, family, &ends, layers, f.maybe(&["max_position_embeddings"])))
}

/// Trinity: a gate on the output of attention, norms around both halves, three of four layers windowed and turned.
pub(super) fn afmoe(name: &str, family: &str, config: &Value) -> Read {
    let f = Fields::new(config);
    let hidden = f.count(&["hidden_size"]);
    let (heads, kv_heads) = heads(&f);
    let head = f.count_or(&["head_dim"], 128);
    let bias = f.flag_or("attention_bias", false);
    let kind = f.activation_or(&["hidden_act"], ActivationKind::Silu);
    let layer = |mask, rotary, feed| {
        let attn = Attn {
            projection: QKV,
            heads,
            kv_heads,
            qk_dim: head,
            v_dim: head,
            bias,
            out_bias: bias,
            qk_norm: QkNorm::Head,
            rotary,
            mask,
            ..Attn::PLAIN
        };
        let mut ops = Layer { hidden, norm: RMS, order: Order::Sandwich, attn, feed, dropout: false }.ops();
        // The gate is a projection of the layer's input; its sigmoid multiplies what attention gives.
        let first = ops.iter().position(|op| matches!(op, Op::Linear(_))).unwrap_or(0);
        let wide = heads.saturating_mul(head);
        ops.insert(first + 1, shared(linear("gate_proj", hidden, wide, false, Part::AttentionIn)));
        let core = ops.iter().position(|op| matches!(op, Op::Attention(_))).unwrap_or(0);
        ops.insert(core + 1, Op::Activation(Activation { kind: ActivationKind::Silu, width: wide, gated: true }));
        ops
    };
    let depth = f.count(&["num_hidden_layers"]);
    let dense = f.natural_or(&["num_dense_layers"], 1).min(depth);
    let every = f.count_or(&["global_attn_every_n_layers"], 4);
    let window = f.count_or(&["sliding_window"], 1024);
    let routed = f.count(&["num_experts"]);
    let sparse = mixture(&f, hidden, routed, f.natural_or(&["num_shared_experts"], 2), true);
    let plain = Feed::Dense(ffn(f.count(&["intermediate_size"]), kind));
    let kinds = f.list("layer_types");
    let mut counts = [[0u64; 2]; 2];
    for at in 0..depth.min(10_000) {
        let sees_all = kinds
            .and_then(|kinds| kinds.get(at as usize))
            .and_then(Value::as_str)
            .map_or_else(|| (at + 1).is_multiple_of(every), |kind| kind == "full_attention");
        counts[usize::from(at >= dense)][usize::from(sees_all)] += 1;
    }
    let mut layers = Vec::new();
    for (row, feed) in counts.iter().zip([plain, sparse]) {
        layers.extend([(row[0], layer(Mask::Window { window }, head, feed)), (row[1], layer(Mask::Causal, 0, feed))]);
    }
    let ends = Ends::plain(f.count(&["vocab_size"]), hidden, RMS, f.flag_or("tie_word_embeddings", false));
    f.done(decoder(name, family, &ends, layers, f.maybe(&["max_position_embeddings"])))
}

/// DBRX: one fused projection, layer norms without biases, every layer a mixture; its dimensions lie in sections.
pub(super) fn dbrx(name: &str, family: &str, config: &Value) -> Read {
    let f = Fields::new(config);
    let empty = Value::Object(serde_json::Map::new());
    let section = |name: &str| config.get(name).unwrap_or(&empty);
    let (attention, feeding) = (Fields::new(section("attn_config")), Fields::new(section("ffn_config")));
    let (hidden, heads) = (f.count(&["d_model"]), f.count(&["n_heads"]));
    f.divides("n_heads", heads, "d_model", hidden);
    let head = hidden / heads;
    let attn = Attn {
        projection: Projection::Fused("Wqkv"),
        out: "out_proj",
        heads,
        kv_heads: attention.count_or(&["kv_n_heads"], 1),
        qk_dim: head,
        v_dim: head,
        rotary: head,
        mask: Mask::Causal,
        ..Attn::PLAIN
    };
    let experts = feeding.count_or(&["moe_num_experts"], 4);
    let top_k = feeding.count_or(&["moe_top_k"], 1).min(experts);
    let feed = Feed::Moe {
        router: Router { input: hidden, experts, top_k, bias: false, name: "layer" },
        experts: Experts {
            experts,
            top_k,
            input: hidden,
            ffn: feeding.count_or(&["ffn_hidden_size"], 3584),
            gated: true,
            bias: false,
            clamped: false,
            kind: ActivationKind::Silu,
        },
        shared: None,
    };
    let layer = Layer { hidden, norm: LAYER_BARE, order: Order::Pre, attn, feed, dropout: false }.ops();
    let layers = vec![(f.count(&["n_layers"]), layer)];
    let ends = Ends::plain(f.count(&["vocab_size"]), hidden, LAYER_BARE, f.flag_or("tie_word_embeddings", false));
    let model = decoder(name, family, &ends, layers, f.maybe(&["max_seq_len"]));
    let model = feeding.done(model).and_then(|model| attention.done(model));
    model.and_then(|model| f.done(model))
}

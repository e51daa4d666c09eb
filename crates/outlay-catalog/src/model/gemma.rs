//! Gemma 1 to 4 (text): wide heads, scaled norms around both halves, windows between global layers, capped logits.

use outlay_core::model::{ActivationKind, Experts, Mask, Model, Op, Residual, Router, Weights};
use serde_json::Value;

use super::error::ReadError;
use super::fields::Fields;
use super::layer::{Attn, Ends, Feed, Ffn, Layer, NormStyle, Order, Projection, QkNorm, RMS_WIDE, decoder};
use super::llama::QKV;

/// Reads a config of the group.
pub(super) fn read(name: &str, family: &str, config: &Value) -> Result<Model, Vec<ReadError>> {
    let f = Fields::new(config);
    let (first, third) = (family == "gemma", family == "gemma3_text");
    let hidden = f.count(&["hidden_size"]);
    let heads = f.count(&["num_attention_heads"]);
    let kv_heads = f.count(&["num_key_value_heads"]);
    f.divides("num_key_value_heads", kv_heads, "num_attention_heads", heads);
    let head = f.count_or(&["head_dim"], 256);
    let depth = f.count(&["num_hidden_layers"]);
    let layer = |mask| {
        let attn = Attn {
            projection: QKV,
            out: "o_proj",
            heads,
            kv_heads,
            qk_dim: head,
            v_dim: head,
            bias: f.flag_or("attention_bias", false),
            out_bias: f.flag_or("attention_bias", false),
            qk_norm: if third { QkNorm::Head } else { QkNorm::None },
            rotary: head,
            mask,
            soft_cap: family == "gemma2",
            ..Attn::PLAIN
        };
        let feed = Feed::Dense(Ffn {
            into: ["gate_proj", "up_proj"],
            out: "down_proj",
            width: f.count(&["intermediate_size"]),
            gated: true,
            fused: false,
            bias: false,
            kind: f.activation_or(&["hidden_activation"], ActivationKind::GeluTanh),
        });
        let order = if first { Order::Pre } else { Order::Sandwich };
        Layer { hidden, norm: RMS_WIDE, order, attn, feed, dropout: false }.ops()
    };
    let layers = if first {
        vec![(depth, layer(Mask::Causal))]
    } else {
        // Gemma 2 alternates; Gemma 3 has one global layer in six.
        let every = if third { f.count_or(&["sliding_window_pattern"], 6) } else { 2 };
        let window = f.count_or(&["sliding_window"], 4096);
        let global = depth / every;
        vec![(depth - global, layer(Mask::Window { window })), (global, layer(Mask::Causal))]
    };
    let ends = ends(&f, hidden, family == "gemma2");
    let model = decoder(name, family, &ends, layers, f.maybe(&["max_position_embeddings"]));
    f.done(model)
}

fn ends(f: &Fields<'_>, hidden: u64, soft_cap: bool) -> Ends {
    Ends { soft_cap, ..Ends::plain(f.count(&["vocab_size"]), hidden, RMS_WIDE, f.flag_or("tie_word_embeddings", true)) }
}

/// Gemma 4: wider heads and shared keys and values in global layers; experts beside the dense feed-forward.
pub(super) fn fourth(name: &str, family: &str, config: &Value) -> Result<Model, Vec<ReadError>> {
    let f = Fields::new(config);
    for unknown in ["hidden_size_per_layer_input", "num_kv_shared_layers"] {
        if let other @ 1.. = f.natural_or(&[unknown], 0) {
            let rule = "0: the on-device variants' inputs by layer and shared caches are not described yet".into();
            f.fault(ReadError::Invalid(unknown.into(), other.to_string(), rule));
        }
    }
    let hidden = f.count(&["hidden_size"]);
    let heads = f.count(&["num_attention_heads"]);
    let kv_heads = f.count(&["num_key_value_heads"]);
    let head = f.count_or(&["head_dim"], 256);
    let wide = f.count_or(&["global_head_dim"], 512);
    let one = f.flag_or("attention_k_eq_v", false);
    let global_kv = if one { f.count_or(&["num_global_key_value_heads"], kv_heads) } else { kv_heads };
    f.divides("num_key_value_heads", kv_heads, "num_attention_heads", heads);
    f.divides("num_global_key_value_heads", global_kv, "num_attention_heads", heads);
    let bias = f.flag_or("attention_bias", false);
    let kind = f.activation_or(&["hidden_activation"], ActivationKind::GeluTanh);
    let mixture = f.flag_or("enable_moe_block", false).then(|| {
        let routed = f.count(&["num_experts"]);
        let top_k = f.chosen(&["top_k_experts"], routed);
        let ffn = f.count(&["moe_intermediate_size"]);
        Experts::gated(routed, top_k, hidden, ffn, kind)
    });
    let layer = |global: bool, mask| {
        let (width, kv) = if global { (wide, global_kv) } else { (head, kv_heads) };
        let attn = Attn {
            projection: if global && one { Projection::KeysAreValues(["q_proj", "k_proj"]) } else { QKV },
            out: "o_proj",
            heads,
            kv_heads: kv,
            qk_dim: width,
            v_dim: width,
            bias,
            out_bias: bias,
            qk_norm: QkNorm::Head,
            rotary: if global { width / 4 } else { width },
            mask,
            ..Attn::PLAIN
        };
        let feed = Feed::Dense(Ffn {
            into: ["gate_proj", "up_proj"],
            out: "down_proj",
            width: f.count(&["intermediate_size"]),
            gated: true,
            fused: false,
            bias: false,
            kind,
        });
        let mut ops = Layer { hidden, norm: RMS_WIDE, order: Order::Sandwich, attn, feed, dropout: false }.ops();
        // The values have a norm too, without weights, before they meet the queries and keys.
        let core = ops.iter().position(|op| matches!(op, Op::Rotary(_))).unwrap_or(0);
        ops.insert(core, Op::Norm(NormStyle { weight: false, ..RMS_WIDE }.over(width, kv, 0, true)));
        if let Some(experts) = mixture {
            // Experts run beside the dense half: a norm each way, and one more around the sum.
            let last = ops.len() - 2;
            let router =
                Router { input: hidden, experts: experts.experts, top_k: experts.top_k, bias: false, name: "proj" };
            ops.splice(
                last..last,
                [
                    RMS_WIDE.op(hidden),
                    RMS_WIDE.op(hidden),
                    Op::Router(router),
                    Op::Weights(Weights { name: "router scales", elements: hidden + experts.experts }),
                    Op::Experts(experts),
                    RMS_WIDE.op(hidden),
                    Op::Residual(Residual { width: hidden }),
                ],
            );
        }
        ops
    };
    let depth = f.count(&["num_hidden_layers"]);
    let window = f.count_or(&["sliding_window"], 512);
    let global = f
        .list("layer_types")
        .map_or(depth / 6, |types| types.iter().filter(|kind| kind.as_str() == Some("full_attention")).count() as u64);
    let global = global.min(depth);
    let layers = vec![(depth - global, layer(false, Mask::Window { window })), (global, layer(true, Mask::Causal))];
    let model = decoder(name, family, &ends(&f, hidden, true), layers, f.maybe(&["max_position_embeddings"]));
    f.done(model)
}

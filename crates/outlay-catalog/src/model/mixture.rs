//! Mixtures of experts on a Llama-like decoder.

use outlay_core::model::{ActivationKind, Experts, Mask, Model, Op, Router, Weights};
use serde_json::Value;

use super::error::ReadError;
use super::fields::Fields;
use super::layer::{Attn, Ends, Feed, Ffn, LAYER, Layer, Order, QkNorm, RMS, decoder};
use super::llama::QKV;

/// Reads a config of the group.
pub(super) fn read(name: &str, family: &str, config: &Value) -> Result<Model, Vec<ReadError>> {
    let f = Fields::new(config);
    let (hidden, heads) = (f.count(&["hidden_size"]), f.count(&["num_attention_heads"]));
    let kv_heads = f.count_or(&["num_key_value_heads"], heads);
    f.divides("num_key_value_heads", kv_heads, "num_attention_heads", heads);
    let head = f.maybe(&["head_dim"]).unwrap_or_else(|| {
        f.divides("num_attention_heads", heads, "hidden_size", hidden);
        hidden / heads
    });
    let oss = family == "gpt_oss";
    let qkv_bias = f.flag_or("attention_bias", matches!(family, "qwen2_moe") || oss);
    let qkv_bias = f.flag_or("qkv_bias", qkv_bias);
    let qk_norm = match family {
        "qwen3_moe" => QkNorm::Head,
        "olmoe" | "minimax_m2" => QkNorm::Whole,
        "llama4_text" if f.flag_or("use_qk_norm", true) => QkNorm::Bare,
        _ => QkNorm::None,
    };
    let out_bias = qkv_bias && matches!(family, "gpt_oss" | "phimoe");
    let norm = if family == "phimoe" { LAYER } else { RMS };
    let kind = f.activation_or(&["hidden_act"], ActivationKind::Silu);
    let routed = f.count(&["num_local_experts", "num_experts"]);
    let top_k = f.chosen(&["num_experts_per_tok", "experts_per_token"], routed);
    let width = f.count(&["moe_intermediate_size", "intermediate_size"]);
    let ffn = |width| Ffn {
        into: ["gate_proj", "up_proj"],
        out: "down_proj",
        width,
        gated: true,
        fused: false,
        bias: false,
        kind,
    };
    let together = match family {
        "qwen2_moe" => Some((ffn(f.count(&["shared_expert_intermediate_size"])), true)),
        "llama4_text" => Some((ffn(f.count(&["intermediate_size"])), false)),
        _ => None,
    };
    let sparse = Feed::Moe {
        router: Router {
            input: hidden,
            experts: routed,
            top_k,
            bias: oss,
            name: if family == "gpt_oss" || family == "llama4_text" { "router" } else { "gate" },
        },
        experts: Experts {
            bias: oss,
            clamped: f.has("swiglu_limit"),
            ..Experts::gated(routed, top_k, hidden, width, kind)
        },
        shared: together,
    };
    let layer = |mask, feed| {
        let attn = Attn {
            projection: QKV,
            out: "o_proj",
            heads,
            kv_heads,
            qk_dim: head,
            v_dim: head,
            bias: qkv_bias,
            out_bias,
            qk_norm,
            rotary: f.count_or(&["rotary_dim"], head),
            mask,
            ..Attn::PLAIN
        };
        let mut ops = Layer { hidden, norm, order: Order::Pre, attn, feed, dropout: false }.ops();
        if oss {
            // One learned sink a head joins the softmax.
            let at = ops.iter().position(|op| matches!(op, Op::Attention(_))).unwrap_or(0);
            ops.insert(at, Op::Weights(Weights { name: "sinks", elements: heads }));
        }
        ops
    };
    let depth = f.count(&["num_hidden_layers"]);
    let dense = match family {
        // Counted below, with what each layer sees.
        "llama4_text" => 0,
        _ => {
            let step = f.count_or(&["decoder_sparse_step"], 1);
            let skipped = f.list("mlp_only_layers").map_or(0, |list| list.len() as u64);
            (depth - depth / step + skipped).min(depth)
        }
    };
    let dense_width = if family == "llama4_text" {
        f.count_or(&["intermediate_size_mlp"], 1)
    } else {
        f.count(&["intermediate_size"])
    };
    let window = f.maybe(&["sliding_window"]).filter(|_| f.flag_or("use_sliding_window", !family.starts_with("qwen")));
    let plain = Feed::Dense(ffn(dense_width));
    let mut layers = Vec::new();
    if family != "llama4_text" {
        layers.push((dense, layer(Mask::Causal, plain)));
    }
    let rest = depth - dense;
    match (family, window) {
        ("gpt_oss", Some(window)) => {
            let local = f.list("layer_types").map_or(rest / 2, |types| {
                types.iter().filter(|kind| kind.as_str() == Some("sliding_attention")).count() as u64
            });
            let local = local.min(rest);
            layers
                .extend([(local, layer(Mask::Window { window }, sparse)), (rest - local, layer(Mask::Causal, sparse))]);
        }
        ("llama4_text", _) => {
            let chunk = f.count_or(&["attention_chunk_size"], 8192);
            // Every fourth layer sees everything; where mixtures are every second layer, those are among them.
            let step = f.count_or(&["interleave_moe_layer_step"], 1);
            let mut counts = [[0u64; 2]; 2];
            for at in 1..=depth.min(10_000) {
                counts[usize::from(at % step == 0)][usize::from(at % 4 == 0)] += 1;
            }
            for (row, feed) in counts.iter().zip([plain, sparse]) {
                layers.extend([(row[0], layer(Mask::Chunked { chunk }, feed)), (row[1], layer(Mask::Causal, feed))]);
            }
        }
        (_, Some(window)) => layers.push((rest, layer(Mask::Window { window }, sparse))),
        (_, None) => layers.push((rest, layer(Mask::Causal, sparse))),
    }
    let ends = Ends {
        head_bias: f.flag_or("lm_head_bias", false),
        ..Ends::plain(f.count(&["vocab_size"]), hidden, norm, f.flag_or("tie_word_embeddings", false))
    };
    let model = decoder(name, family, &ends, layers, f.maybe(&["max_position_embeddings"]));
    f.done(model)
}

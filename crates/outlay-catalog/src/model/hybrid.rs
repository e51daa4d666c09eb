//! Attention and Mamba-2 in one model: Falcon-H1 side by side in each layer, Granite 4 in layers of their own.

use outlay_core::model::{ActivationKind, Experts, Mask, Model, Op, Residual, Router};
use serde_json::Value;

use super::delta::in_place_of_attention;
use super::error::ReadError;
use super::fields::Fields;
use super::layer::{Attn, Ends, Feed, Ffn, Layer, Order, RMS, decoder};
use super::llama::QKV;
use super::ssm::Mixer2;

type Read = Result<Model, Vec<ReadError>>;

/// The mixer by the names both families use, `inner` wide.
fn mixer(f: &Fields<'_>, hidden: u64, inner: u64, normed: bool) -> Mixer2 {
    Mixer2 {
        hidden,
        inner,
        heads: f.count(&["mamba_n_heads"]),
        groups: f.count_or(&["mamba_n_groups"], 1),
        state: f.count_or(&["mamba_d_state"], 256),
        kernel: f.count_or(&["mamba_d_conv"], 4),
        chunk: f.count_or(&["mamba_chunk_size"], 256),
        normed,
    }
}

fn attn(f: &Fields<'_>, hidden: u64, turned: bool) -> Attn {
    let heads = f.count(&["num_attention_heads"]);
    let kv_heads = f.count_or(&["num_key_value_heads"], heads);
    f.divides("num_key_value_heads", kv_heads, "num_attention_heads", heads);
    let head = f.maybe(&["head_dim"]).unwrap_or_else(|| {
        f.divides("num_attention_heads", heads, "hidden_size", hidden);
        hidden / heads
    });
    let bias = f.flag_or("attention_bias", false);
    Attn {
        projection: QKV,
        heads,
        kv_heads,
        qk_dim: head,
        v_dim: head,
        bias,
        out_bias: bias,
        rotary: if turned { head } else { 0 },
        mask: Mask::Causal,
        ..Attn::PLAIN
    }
}

fn ends(f: &Fields<'_>, hidden: u64) -> Ends {
    Ends::plain(f.count(&["vocab_size"]), hidden, RMS, f.flag_or("tie_word_embeddings", false))
}

/// Falcon-H1: one norm feeds attention and the mixer, whose outputs are added; then a feed-forward.
pub(super) fn falcon(name: &str, family: &str, config: &Value) -> Read {
    let f = Fields::new(config);
    let hidden = f.count(&["hidden_size"]);
    let inner = f.maybe(&["mamba_d_ssm"]).unwrap_or_else(|| f.count_or(&["mamba_expand"], 2).saturating_mul(hidden));
    let ffn = Ffn {
        into: ["gate_proj", "up_proj"],
        out: "down_proj",
        width: f.count(&["intermediate_size"]),
        gated: true,
        fused: false,
        bias: f.flag_or("mlp_bias", false),
        kind: f.activation_or(&["hidden_act"], ActivationKind::Silu),
    };
    let residual = || Op::Residual(Residual { width: hidden });
    let mut ops = vec![RMS.op(hidden)];
    ops.extend(mixer(&f, hidden, inner, f.flag_or("mamba_rms_norm", false)).ops());
    attn(&f, hidden, true).ops(hidden, RMS, true, &mut ops);
    ops.extend([residual(), residual(), RMS.op(hidden)]);
    ffn.ops(hidden, false, &mut ops);
    ops.push(residual());
    let layers = vec![(f.count(&["num_hidden_layers"]), ops)];
    f.done(decoder(name, family, &ends(&f, hidden), layers, f.maybe(&["max_position_embeddings"])))
}

/// Granite 4: layers of Mamba-2 or of attention by a list, each with experts beside a shared feed-forward, or that alone.
pub(super) fn granite(name: &str, family: &str, config: &Value) -> Read {
    let f = Fields::new(config);
    let hidden = f.count(&["hidden_size"]);
    let kind = f.activation_or(&["hidden_act"], ActivationKind::Silu);
    let together = Ffn {
        into: ["input_linear", "input_linear"],
        out: "output_linear",
        width: f.count(&["shared_intermediate_size"]),
        gated: true,
        fused: true,
        bias: false,
        kind,
    };
    let routed = f.natural_or(&["num_local_experts"], 8);
    let feed = if routed == 0 {
        Feed::Dense(together)
    } else {
        let top_k = f.chosen(&["num_experts_per_tok"], routed);
        let ffn = f.count(&["intermediate_size"]);
        Feed::Moe {
            router: Router { input: hidden, experts: routed, top_k, bias: false, name: "router" },
            experts: Experts::gated(routed, top_k, hidden, ffn, kind),
            shared: Some((together, false)),
        }
    };
    let attn = attn(&f, hidden, f.text(&["position_embedding_type"]) == Some("rope"));
    let inner = f.count_or(&["mamba_expand"], 2).saturating_mul(hidden);
    let attends = Layer { hidden, norm: RMS, order: Order::Pre, attn, feed, dropout: false }.ops();
    let depth = f.count(&["num_hidden_layers"]);
    let kinds = f.list("layer_types");
    let full = kinds.map_or(0, |kinds| kinds.iter().filter(|kind| kind.as_str() == Some("attention")).count() as u64);
    let full = full.min(depth);
    let mut layers = vec![(full, attends.clone())];
    if full < depth {
        layers.push((depth - full, in_place_of_attention(&attends, mixer(&f, hidden, inner, true).ops())));
    }
    f.done(decoder(name, family, &ends(&f, hidden), layers, f.maybe(&["max_position_embeddings"])))
}

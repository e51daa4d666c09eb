//! DeepSeek-V2/V3 and those built like it: low-rank attention, leading dense layers, shared experts.

use outlay_core::model::{ActivationKind, Experts, Mask, Model, Router};
use serde_json::Value;

use super::error::ReadError;
use super::fields::Fields;
use super::layer::{Attn, Ends, Feed, Ffn, Layer, Order, Projection, RMS, decoder};

/// Reads a config of the group.
pub(super) fn read(name: &str, family: &str, config: &Value) -> Result<Model, Vec<ReadError>> {
    let f = Fields::new(config);
    let (hidden, heads) = (f.count(&["hidden_size"]), f.count(&["num_attention_heads"]));
    let rope = f.count(&["qk_rope_head_dim"]);
    let attn = Attn {
        projection: Projection::Latent { query: f.maybe(&["q_lora_rank"]), kv: f.count(&["kv_lora_rank"]), rope },
        out: "o_proj",
        heads,
        kv_heads: heads,
        qk_dim: f.count(&["qk_nope_head_dim"]) + rope,
        v_dim: f.count(&["v_head_dim"]),
        bias: f.flag_or("attention_bias", false),
        out_bias: f.flag_or("attention_bias", false),
        rotary: rope,
        mask: Mask::Causal,
        ..Attn::PLAIN
    };
    let ffn = |width| Ffn {
        into: ["gate_proj", "up_proj"],
        out: "down_proj",
        width,
        gated: true,
        fused: false,
        bias: false,
        kind: ActivationKind::Silu,
    };
    let routed = f.count(&["n_routed_experts"]);
    let top_k = f.chosen(&["num_experts_per_tok"], routed);
    let width = f.count(&["moe_intermediate_size"]);
    let shared = f.natural_or(&["n_shared_experts"], 0);
    let sparse = Feed::Moe {
        router: Router { input: hidden, experts: routed, top_k, bias: false, name: "gate" },
        experts: Experts::gated(routed, top_k, hidden, width, ActivationKind::Silu),
        shared: (shared > 0).then(|| (ffn(shared.saturating_mul(width)), false)),
    };
    let depth = f.count(&["num_hidden_layers"]);
    let dense = f.natural_or(&["first_k_dense_replace"], 0).min(depth);
    let layer = |feed| Layer { hidden, norm: RMS, order: Order::Pre, attn, feed, dropout: false }.ops();
    let layers =
        vec![(dense, layer(Feed::Dense(ffn(f.count(&["intermediate_size"]))))), (depth - dense, layer(sparse))];
    let ends = Ends::plain(f.count(&["vocab_size"]), hidden, RMS, f.flag_or("tie_word_embeddings", false));
    let model = decoder(name, family, &ends, layers, f.maybe(&["max_position_embeddings"]));
    f.done(model)
}

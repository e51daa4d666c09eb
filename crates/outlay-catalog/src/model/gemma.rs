//! Gemma 1 to 3 (text): wide heads, scaled norms around both halves, windows between global layers, capped logits.

use outlay_core::model::{ActivationKind, Mask, Model};
use serde_json::Value;

use super::error::ReadError;
use super::fields::Fields;
use super::layer::{Attn, EMBED, Ends, Feed, Ffn, Layer, Order, QkNorm, RMS_WIDE, decoder};
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
    let ends = Ends {
        vocab: f.count(&["vocab_size"]),
        hidden,
        positions: None,
        embedding_norm: false,
        dropout: false,
        norm: RMS_WIDE,
        final_norm: true,
        tied: f.flag_or("tie_word_embeddings", true),
        head_bias: false,
        soft_cap: family == "gemma2",
        names: EMBED,
    };
    let model = decoder(name, family, &ends, layers, f.maybe(&["max_position_embeddings"]));
    f.done(model)
}

//! The GPT line: layer norms with biases, plain feed-forwards, learned positions, ALiBi or partial rotary embeddings.

use outlay_core::model::{ActivationKind, Mask, Model};
use serde_json::Value;

use super::error::ReadError;
use super::fields::Fields;
use super::layer::{Attn, Ends, Feed, Ffn, LAYER, LAYER_BARE, Layer, Order, Projection, decoder};

type Read = Result<Model, Vec<ReadError>>;

/// Attention with the family's usual settings.
fn attn(f: &Fields<'_>, hidden: u64, heads: u64, projection: Projection, out: &'static str) -> Attn {
    f.divides("the number of heads", heads, "the hidden size", hidden);
    let head = hidden / heads;
    Attn {
        projection,
        out,
        heads,
        kv_heads: heads,
        qk_dim: head,
        v_dim: head,
        bias: true,
        out_bias: true,
        rotary: 0,
        mask: Mask::Causal,
        ..Attn::PLAIN
    }
}

fn feed(names: [&'static str; 2], width: u64, bias: bool, kind: ActivationKind) -> Feed {
    Feed::Dense(Ffn { into: [names[0], names[0]], out: names[1], width, gated: false, fused: false, bias, kind })
}

fn ends(vocab: u64, hidden: u64, tied: bool) -> Ends {
    Ends::plain(vocab, hidden, LAYER, tied)
}

/// GPT-2, and BTLM, which may have ALiBi in place of learned positions and a gate in its feed-forward.
pub(super) fn gpt2(name: &str, family: &str, config: &Value) -> Read {
    let f = Fields::new(config);
    let (hidden, heads) = (f.count(&["n_embd", "hidden_size"]), f.count(&["n_head", "num_attention_heads"]));
    let width = f.maybe(&["n_inner"]).unwrap_or(4 * hidden);
    let positions = f.count_or(&["n_positions", "max_position_embeddings"], 1024);
    let dropout = f.share_or(&["resid_pdrop"], 0.1) > 0.0;
    let alibi = f.text(&["position_embedding_type"]) == Some("alibi");
    let kind = f.activation_or(&["activation_function"], ActivationKind::GeluNew);
    let gated = f.text(&["activation_function"]) == Some("swiglu");
    let ffn = Ffn { into: ["c_fc2", "c_fc"], out: "c_proj", width, gated, fused: false, bias: true, kind };
    let layer = Layer {
        hidden,
        norm: LAYER,
        order: Order::Pre,
        attn: Attn {
            dropout: f.share_or(&["attn_pdrop"], 0.1) > 0.0,
            score_bias: alibi,
            ..attn(&f, hidden, heads, Projection::Fused("c_attn"), "c_proj")
        },
        feed: Feed::Dense(ffn),
        dropout,
    };
    let ends = Ends {
        positions: (!alibi).then_some(positions),
        dropout: f.share_or(&["embd_pdrop"], 0.1) > 0.0,
        names: ["wte", "wpe"],
        ..ends(f.count(&["vocab_size"]), hidden, f.flag_or("tie_word_embeddings", true))
    };
    let layers = vec![(f.count(&["n_layer", "num_hidden_layers"]), layer.ops())];
    f.done(decoder(name, family, &ends, layers, Some(positions)))
}

/// StarCoder: GPT-2 with one key/value head.
pub(super) fn bigcode(name: &str, family: &str, config: &Value) -> Read {
    let f = Fields::new(config);
    let (hidden, heads) = (f.count(&["n_embd"]), f.count(&["n_head"]));
    let kv_heads = if f.flag_or("multi_query", true) { 1 } else { heads };
    let positions = f.count_or(&["n_positions"], 1024);
    let layer = Layer {
        hidden,
        norm: LAYER,
        order: Order::Pre,
        attn: Attn {
            kv_heads,
            dropout: f.share_or(&["attn_pdrop"], 0.1) > 0.0,
            ..attn(&f, hidden, heads, Projection::Fused("c_attn"), "c_proj")
        },
        feed: feed(
            ["c_fc", "c_proj"],
            f.maybe(&["n_inner"]).unwrap_or(4 * hidden),
            true,
            f.activation_or(&["activation_function"], ActivationKind::GeluTanh),
        ),
        dropout: f.share_or(&["resid_pdrop"], 0.1) > 0.0,
    };
    let ends = Ends {
        positions: Some(positions),
        dropout: f.share_or(&["embd_pdrop"], 0.1) > 0.0,
        names: ["wte", "wpe"],
        ..ends(f.count(&["vocab_size"]), hidden, f.flag_or("tie_word_embeddings", true))
    };
    f.done(decoder(name, family, &ends, vec![(f.count(&["n_layer"]), layer.ops())], Some(positions)))
}

/// GPT-Neo: local and global layers in turn, no biases on queries, keys and values.
pub(super) fn neo(name: &str, family: &str, config: &Value) -> Read {
    let f = Fields::new(config);
    let (hidden, heads) = (f.count(&["hidden_size"]), f.count(&["num_heads", "num_attention_heads"]));
    let depth = f.count(&["num_layers", "num_hidden_layers"]);
    let positions = f.count_or(&["max_position_embeddings"], 2048);
    let width = f.maybe(&["intermediate_size"]).unwrap_or(4 * hidden);
    let layer = |mask| {
        let projection = Projection::Split(["q_proj", "k_proj", "v_proj"]);
        let attn = Attn { bias: false, mask, ..attn(&f, hidden, heads, projection, "out_proj") };
        let kind = f.activation_or(&["activation_function"], ActivationKind::GeluNew);
        Layer {
            hidden,
            norm: LAYER,
            order: Order::Pre,
            attn,
            feed: feed(["c_fc", "c_proj"], width, true, kind),
            dropout: false,
        }
        .ops()
    };
    let local = if f.has("attention_types") { depth / 2 } else { 0 };
    let window = f.count_or(&["window_size"], 256);
    let layers = vec![(depth - local, layer(Mask::Causal)), (local, layer(Mask::Window { window }))];
    let ends = Ends {
        positions: Some(positions),
        names: ["wte", "wpe"],
        ..ends(f.count(&["vocab_size"]), hidden, f.flag_or("tie_word_embeddings", true))
    };
    f.done(decoder(name, family, &ends, layers, Some(positions)))
}

/// GPT-J: attention and feed-forward side by side on one norm, no attention biases, a biased head.
pub(super) fn gptj(name: &str, family: &str, config: &Value) -> Read {
    let f = Fields::new(config);
    let (hidden, heads) = (f.count(&["n_embd"]), f.count(&["n_head"]));
    let projection = Projection::Split(["q_proj", "k_proj", "v_proj"]);
    let layer = Layer {
        hidden,
        norm: LAYER,
        order: Order::ParallelOne,
        attn: Attn {
            bias: false,
            out_bias: false,
            rotary: f.count_or(&["rotary_dim"], 64),
            ..attn(&f, hidden, heads, projection, "out_proj")
        },
        feed: feed(
            ["fc_in", "fc_out"],
            f.maybe(&["n_inner"]).unwrap_or(4 * hidden),
            true,
            f.activation_or(&["activation_function"], ActivationKind::GeluNew),
        ),
        dropout: false,
    };
    let ends = Ends {
        head_bias: true,
        names: ["wte", "wpe"],
        ..ends(f.count(&["vocab_size"]), hidden, f.flag_or("tie_word_embeddings", false))
    };
    f.done(decoder(name, family, &ends, vec![(f.count(&["n_layer"]), layer.ops())], f.maybe(&["n_positions"])))
}

/// GPT-NeoX and Pythia: side by side, each half with its norm.
pub(super) fn neox(name: &str, family: &str, config: &Value) -> Read {
    let f = Fields::new(config);
    let (hidden, heads) = (f.count(&["hidden_size"]), f.count(&["num_attention_heads"]));
    let base = attn(&f, hidden, heads, Projection::Fused("query_key_value"), "dense");
    let parallel = f.flag_or("use_parallel_residual", true);
    let layer = Layer {
        hidden,
        norm: LAYER,
        order: if parallel { Order::ParallelTwo } else { Order::Pre },
        attn: Attn {
            rotary: (base.qk_dim as f64 * f.share_or(&["rotary_pct", "partial_rotary_factor"], 0.25)) as u64,
            bias: f.flag_or("attention_bias", true),
            out_bias: f.flag_or("attention_bias", true),
            ..base
        },
        feed: feed(
            ["dense_h_to_4h", "dense_4h_to_h"],
            f.count(&["intermediate_size"]),
            true,
            f.activation_or(&["hidden_act"], ActivationKind::Gelu),
        ),
        dropout: f.share_or(&["hidden_dropout"], 0.0) > 0.0,
    };
    let ends = Ends {
        names: ["embed_in", ""],
        ..ends(f.count(&["vocab_size"]), hidden, f.flag_or("tie_word_embeddings", false))
    };
    let layers = vec![(f.count(&["num_hidden_layers"]), layer.ops())];
    f.done(decoder(name, family, &ends, layers, f.maybe(&["max_position_embeddings"])))
}

/// OPT.
pub(super) fn opt(name: &str, family: &str, config: &Value) -> Read {
    let f = Fields::new(config);
    let (hidden, heads) = (f.count(&["hidden_size"]), f.count(&["num_attention_heads"]));
    let positions = f.count_or(&["max_position_embeddings"], 2048);
    let before = f.flag_or("do_layer_norm_before", true);
    if f.maybe(&["word_embed_proj_dim"]).is_some_and(|width| width != hidden) {
        let rule = "projected embeddings are not described".to_owned();
        f.fault(ReadError::Invalid("word_embed_proj_dim".into(), "not hidden_size".into(), rule));
    }
    let projection = Projection::Split(["q_proj", "k_proj", "v_proj"]);
    let dropout = f.share_or(&["dropout"], 0.1) > 0.0;
    let layer = Layer {
        hidden,
        norm: LAYER,
        order: if before { Order::Pre } else { Order::Post },
        attn: Attn {
            dropout: f.share_or(&["attention_dropout"], 0.0) > 0.0,
            ..attn(&f, hidden, heads, projection, "out_proj")
        },
        feed: feed(
            ["fc1", "fc2"],
            f.count_or(&["ffn_dim"], 4 * hidden),
            true,
            f.activation_or(&["activation_function"], ActivationKind::Relu),
        ),
        dropout,
    };
    let ends = Ends {
        // Two rows stand before the first position.
        positions: Some(positions + 2),
        final_norm: before,
        ..ends(f.count(&["vocab_size"]), hidden, f.flag_or("tie_word_embeddings", true))
    };
    f.done(decoder(name, family, &ends, vec![(f.count(&["num_hidden_layers"]), layer.ops())], Some(positions)))
}

/// BLOOM: ALiBi, a norm after the embedding.
pub(super) fn bloom(name: &str, family: &str, config: &Value) -> Read {
    let f = Fields::new(config);
    let (hidden, heads) = (f.count(&["hidden_size", "n_embed"]), f.count(&["n_head", "num_attention_heads"]));
    let layer = Layer {
        hidden,
        norm: LAYER,
        order: Order::Pre,
        attn: Attn { score_bias: true, ..attn(&f, hidden, heads, Projection::Fused("query_key_value"), "dense") },
        feed: feed(["dense_h_to_4h", "dense_4h_to_h"], 4 * hidden, true, ActivationKind::GeluNew),
        dropout: false,
    };
    let ends = Ends {
        embedding_norm: true,
        names: ["word_embeddings", ""],
        ..ends(f.count(&["vocab_size"]), hidden, f.flag_or("tie_word_embeddings", true))
    };
    let layers = vec![(f.count(&["n_layer", "num_hidden_layers"]), layer.ops())];
    f.done(decoder(name, family, &ends, layers, f.maybe(&["seq_length"])))
}

/// Falcon, in its three layouts.
pub(super) fn falcon(name: &str, family: &str, config: &Value) -> Read {
    let f = Fields::new(config);
    let (hidden, heads) = (f.count(&["hidden_size"]), f.count(&["num_attention_heads"]));
    let new = f.flag_or("new_decoder_architecture", false);
    let bias = f.flag_or("bias", false);
    let alibi = f.flag_or("alibi", false);
    let kv_heads = match (new, f.flag_or("multi_query", true)) {
        (true, _) => f.count_or(&["num_kv_heads"], heads),
        (false, true) => 1,
        (false, false) => heads,
    };
    let order = match (new, f.flag_or("parallel_attn", true)) {
        (true, _) if f.count_or(&["num_ln_in_parallel_attn"], 2) == 2 => Order::ParallelTwo,
        (true, _) | (false, true) => Order::ParallelOne,
        (false, false) => Order::Pre,
    };
    let base = attn(&f, hidden, heads, Projection::Fused("query_key_value"), "dense");
    let layer = Layer {
        hidden,
        norm: LAYER,
        order,
        attn: Attn {
            kv_heads,
            bias,
            out_bias: bias,
            score_bias: alibi,
            rotary: if alibi { 0 } else { base.qk_dim },
            ..base
        },
        feed: feed(
            ["dense_h_to_4h", "dense_4h_to_h"],
            f.maybe(&["ffn_hidden_size", "intermediate_size"]).unwrap_or(4 * hidden),
            bias,
            f.activation_or(&["activation"], ActivationKind::Gelu),
        ),
        dropout: false,
    };
    let ends = Ends {
        names: ["word_embeddings", ""],
        ..ends(f.count(&["vocab_size"]), hidden, f.flag_or("tie_word_embeddings", true))
    };
    let layers = vec![(f.count(&["num_hidden_layers"]), layer.ops())];
    f.done(decoder(name, family, &ends, layers, f.maybe(&["max_position_embeddings"])))
}

/// MPT: ALiBi, norms and projections without biases.
pub(super) fn mpt(name: &str, family: &str, config: &Value) -> Read {
    let f = Fields::new(config);
    let (hidden, heads) = (f.count(&["d_model"]), f.count(&["n_heads"]));
    let layer = Layer {
        hidden,
        norm: LAYER_BARE,
        order: Order::Pre,
        attn: Attn {
            bias: false,
            out_bias: false,
            score_bias: true,
            ..attn(&f, hidden, heads, Projection::Fused("Wqkv"), "out_proj")
        },
        feed: feed(["up_proj", "down_proj"], f.count_or(&["expansion_ratio"], 4) * hidden, false, ActivationKind::Gelu),
        dropout: false,
    };
    let ends = Ends { norm: LAYER_BARE, names: ["wte", ""], ..ends(f.count(&["vocab_size"]), hidden, true) };
    f.done(decoder(name, family, &ends, vec![(f.count(&["n_layers"]), layer.ops())], f.maybe(&["max_seq_len"])))
}

/// Phi-1 to 2: side by side on one norm, biases everywhere.
pub(super) fn phi(name: &str, family: &str, config: &Value) -> Read {
    let f = Fields::new(config);
    let (hidden, heads) = (f.count(&["hidden_size"]), f.count(&["num_attention_heads"]));
    let base = attn(&f, hidden, heads, Projection::Split(["q_proj", "k_proj", "v_proj"]), "dense");
    let layer = Layer {
        hidden,
        norm: LAYER,
        order: Order::ParallelOne,
        attn: Attn {
            kv_heads: f.count_or(&["num_key_value_heads"], heads),
            rotary: (base.qk_dim as f64 * f.share_or(&["partial_rotary_factor"], 0.5)) as u64,
            ..base
        },
        feed: feed(
            ["fc1", "fc2"],
            f.count(&["intermediate_size"]),
            true,
            f.activation_or(&["hidden_act"], ActivationKind::GeluNew),
        ),
        dropout: false,
    };
    let ends =
        Ends { head_bias: true, ..ends(f.count(&["vocab_size"]), hidden, f.flag_or("tie_word_embeddings", false)) };
    let layers = vec![(f.count(&["num_hidden_layers"]), layer.ops())];
    f.done(decoder(name, family, &ends, layers, f.maybe(&["max_position_embeddings"])))
}

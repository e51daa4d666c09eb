//! Encoders trained on masked tokens: BERT, RoBERTa, DistilBERT, ALBERT with shared layers, ModernBERT.

use outlay_core::model::{
    Activation, ActivationKind, Block, Embedding, Linear, Loss, Mask, Model, Op, Part, Role, Stream,
};
use serde_json::Value;

use super::error::ReadError;
use super::fields::Fields;
use super::layer::{Attn, Feed, Ffn, LAYER, LAYER_BARE, Layer, NormStyle, Order, Projection, end, linear};

type Read = Result<Model, Vec<ReadError>>;

fn table(name: &'static str, rows: u64, width: u64) -> Op {
    Op::Embedding(Embedding { name, rows, width, trained: true })
}

fn attn(f: &Fields<'_>, hidden: u64, heads: u64, projection: Projection, out: &'static str, bias: bool) -> Attn {
    f.divides("the number of heads", heads, "the hidden size", hidden);
    Attn {
        projection,
        out,
        heads,
        kv_heads: heads,
        qk_dim: hidden / heads,
        v_dim: hidden / heads,
        bias,
        out_bias: bias,
        rotary: 0,
        mask: Mask::Full,
        ..Attn::PLAIN
    }
}

/// Transform, norm, tied projection with a bias, loss.
fn head(hidden: u64, width: u64, vocab: u64, norm: NormStyle, bias: bool) -> Vec<Op> {
    vec![
        Op::Linear(linear("dense", hidden, width, bias, Part::Other)),
        Op::Activation(Activation { kind: ActivationKind::Gelu, width, gated: false }),
        norm.op(width),
        Op::Linear(Linear { tied: true, ..linear("decoder", width, vocab, true, Part::Head) }),
        Op::Loss(Loss { vocab, soft_cap: false }),
    ]
}

/// BERT, RoBERTa and DistilBERT.
pub(super) fn bert(name: &str, family: &str, config: &Value) -> Read {
    let f = Fields::new(config);
    let hidden = f.count(&["hidden_size", "dim"]);
    let heads = f.count(&["num_attention_heads", "n_heads"]);
    let vocab = f.count(&["vocab_size"]);
    let positions = f.count_or(&["max_position_embeddings"], 512);
    let types = if family == "distilbert" { 0 } else { f.count_or(&["type_vocab_size"], 2) };
    let dropout = f.share_or(&["hidden_dropout_prob", "dropout"], 0.1) > 0.0;
    let layer = Layer {
        hidden,
        norm: LAYER,
        order: Order::Post,
        attn: Attn {
            dropout: f.share_or(&["attention_probs_dropout_prob", "attention_dropout"], 0.1) > 0.0,
            ..attn(&f, hidden, heads, Projection::Split(["query", "key", "value"]), "dense", true)
        },
        feed: Feed::Dense(Ffn {
            into: ["dense", "dense"],
            out: "dense",
            width: f.count(&["intermediate_size", "hidden_dim"]),
            gated: false,
            fused: false,
            bias: true,
            kind: f.activation_or(&["hidden_act", "activation"], ActivationKind::Gelu),
        }),
        dropout,
    };
    let mut first = vec![table("word_embeddings", vocab, hidden), table("position_embeddings", positions, hidden)];
    first.extend((types > 0).then(|| table("token_type_embeddings", types, hidden)));
    first.push(LAYER.op(hidden));
    let depth = f.count(&["num_hidden_layers", "n_layers"]);
    let blocks = vec![
        end(Role::Embedding, Stream::Main, first),
        super::layer::block(depth, layer.ops()),
        end(Role::Head, Stream::Main, head(hidden, hidden, vocab, LAYER, true)),
    ];
    f.done(Model { name: name.into(), family: family.into(), hidden, vocab, max_positions: Some(positions), blocks })
}

/// ALBERT: a factorised embedding, and layers that share their weights.
pub(super) fn albert(name: &str, family: &str, config: &Value) -> Read {
    let f = Fields::new(config);
    let (hidden, heads) = (f.count(&["hidden_size"]), f.count(&["num_attention_heads"]));
    let (vocab, width) = (f.count(&["vocab_size"]), f.count_or(&["embedding_size"], 128));
    let positions = f.count_or(&["max_position_embeddings"], 512);
    let layer = Layer {
        hidden,
        norm: LAYER,
        order: Order::Post,
        attn: attn(&f, hidden, heads, Projection::Split(["query", "key", "value"]), "dense", true),
        feed: Feed::Dense(Ffn {
            into: ["ffn", "ffn"],
            out: "ffn_output",
            width: f.count(&["intermediate_size"]),
            gated: false,
            fused: false,
            bias: true,
            kind: f.activation_or(&["hidden_act"], ActivationKind::GeluNew),
        }),
        dropout: false,
    };
    let first = vec![
        table("word_embeddings", vocab, width),
        table("position_embeddings", positions, width),
        table("token_type_embeddings", f.count_or(&["type_vocab_size"], 2), width),
        LAYER.op(width),
        Op::Linear(linear("embedding_hidden_mapping_in", width, hidden, true, Part::Other)),
    ];
    let depth = f.count(&["num_hidden_layers"]);
    let groups = f.count_or(&["num_hidden_groups"], 1) * f.count_or(&["inner_group_num"], 1);
    let blocks = vec![
        end(Role::Embedding, Stream::Main, first),
        Block { role: Role::Layer, stream: Stream::Main, count: depth, stored: groups.min(depth), ops: layer.ops() },
        end(Role::Head, Stream::Main, head(hidden, width, vocab, LAYER, true)),
    ];
    f.done(Model { name: name.into(), family: family.into(), hidden, vocab, max_positions: Some(positions), blocks })
}

/// ModernBERT: pre-norm without biases, gated feed-forward, two local layers for each global one.
pub(super) fn modern(name: &str, family: &str, config: &Value) -> Read {
    let f = Fields::new(config);
    let (hidden, heads) = (f.count(&["hidden_size"]), f.count(&["num_attention_heads"]));
    let (vocab, depth) = (f.count(&["vocab_size"]), f.count(&["num_hidden_layers"]));
    let base = attn(&f, hidden, heads, Projection::Fused("Wqkv"), "Wo", false);
    let layer = |mask| {
        let attn = Attn { rotary: hidden / heads, mask, ..base };
        let feed = Feed::Dense(Ffn {
            into: ["Wi", "Wi"],
            out: "Wo",
            width: f.count(&["intermediate_size"]),
            gated: true,
            fused: true,
            bias: false,
            kind: f.activation_or(&["hidden_activation"], ActivationKind::Gelu),
        });
        Layer { hidden, norm: LAYER_BARE, order: Order::Pre, attn, feed, dropout: false }.ops()
    };
    let every = f.count_or(&["global_attn_every_n_layers"], 3);
    let global = depth.div_ceil(every);
    let window = f.count_or(&["local_attention"], 128);
    // The very first layer reads the embedding's norm instead of one of its own.
    let mut first = layer(Mask::Full);
    first.remove(0);
    let mut blocks =
        vec![end(Role::Embedding, Stream::Main, vec![table("tok_embeddings", vocab, hidden), LAYER_BARE.op(hidden)])];
    let kinds =
        [(1, first), (global.saturating_sub(1), layer(Mask::Full)), (depth - global, layer(Mask::Local { window }))];
    blocks
        .extend(kinds.into_iter().filter(|(count, _)| *count > 0).map(|(count, ops)| super::layer::block(count, ops)));
    let mut last = vec![LAYER_BARE.op(hidden)];
    last.extend(head(hidden, hidden, vocab, LAYER_BARE, false));
    blocks.push(end(Role::Head, Stream::Main, last));
    let max_positions = f.maybe(&["max_position_embeddings"]);
    f.done(Model { name: name.into(), family: family.into(), hidden, vocab, max_positions, blocks })
}

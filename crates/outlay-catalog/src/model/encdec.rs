//! Encoder–decoders: BART, T5 and mT5. The encoder runs on the source sequence, the decoder also attends to it.

use outlay_core::model::{
    ActivationKind, Block, Embedding, Linear, Loss, Mask, Model, Op, Part, Residual, Role, Stream, Weights,
};
use serde_json::Value;

use super::error::ReadError;
use super::fields::Fields;
use super::layer::{Attn, Feed, Ffn, LAYER, Layer, NormStyle, Order, Projection, RMS, end, linear};

/// What the two families differ in.
struct Shape {
    hidden: u64,
    heads: u64,
    head: u64,
    bias: bool,
    names: [&'static str; 4],
    norm: NormStyle,
    order: Order,
    score_bias: bool,
}

impl Shape {
    fn attn(&self, mask: Mask) -> Attn {
        let [q, k, v, out] = self.names;
        Attn {
            projection: Projection::Split([q, k, v]),
            out,
            heads: self.heads,
            kv_heads: self.heads,
            qk_dim: self.head,
            v_dim: self.head,
            bias: self.bias,
            out_bias: self.bias,
            rotary: 0,
            mask,
            score_bias: self.score_bias,
            ..Attn::PLAIN
        }
    }

    fn layer(&self, mask: Mask, ffn: Ffn) -> Vec<Op> {
        let Self { hidden, norm, order, .. } = *self;
        Layer { hidden, norm, order, attn: self.attn(mask), feed: Feed::Dense(ffn), dropout: false }.ops()
    }

    /// A decoder layer: attention to the source stands between its own attention and the feed-forward.
    fn decoder_layer(&self, ffn: Ffn) -> Vec<Op> {
        let mut ops = self.layer(Mask::Causal, ffn);
        let [q, k, v, out] = self.names;
        let inner = self.heads * self.head;
        let source = |name| Linear {
            on_source: true,
            shares_input: name == v,
            ..linear(name, self.hidden, inner, self.bias, Part::AttentionIn)
        };
        let Op::Attention(core) = self.attn(Mask::Full).core() else { return ops };
        let mut cross = vec![
            Op::Linear(linear(q, self.hidden, inner, self.bias, Part::AttentionIn)),
            Op::Linear(source(k)),
            Op::Linear(source(v)),
            Op::Attention(outlay_core::model::Attention { cross: true, score_bias: false, ..core }),
            Op::Linear(linear(out, inner, self.hidden, self.bias, Part::AttentionOut)),
            Op::Residual(Residual { width: self.hidden }),
        ];
        // Behind the first residual (and the norm that follows it in post-norm layers).
        let first = ops.iter().position(|op| matches!(op, Op::Residual(_))).unwrap_or(0) + 1;
        let norm = self.norm.op(self.hidden);
        let at = if self.order == Order::Post {
            cross.push(norm);
            first + 1
        } else {
            cross.insert(0, norm);
            first
        };
        ops.splice(at..at, cross);
        ops
    }
}

fn layers(stream: Stream, count: u64, ops: Vec<Op>) -> Block {
    Block { role: Role::Layer, stream, count, stored: count, ops }
}

fn table(name: &'static str, rows: u64, width: u64) -> Op {
    Op::Embedding(Embedding { name, rows, width, trained: true })
}

fn output(hidden: u64, vocab: u64, tied: bool) -> Vec<Op> {
    vec![
        Op::Linear(Linear { tied, ..linear("lm_head", hidden, vocab, false, Part::Head) }),
        Op::Loss(Loss { vocab, soft_cap: false }),
    ]
}

/// BART.
pub(super) fn bart(name: &str, family: &str, config: &Value) -> Result<Model, Vec<ReadError>> {
    let f = Fields::new(config);
    let (hidden, vocab) = (f.count(&["d_model"]), f.count(&["vocab_size"]));
    let positions = f.count_or(&["max_position_embeddings"], 1024);
    let shape = |heads: u64| {
        f.divides("the number of heads", heads, "d_model", hidden);
        let names = ["q_proj", "k_proj", "v_proj", "out_proj"];
        let head = hidden / heads;
        Shape { hidden, heads, head, bias: true, names, norm: LAYER, order: Order::Post, score_bias: false }
    };
    let ffn = |width| Ffn {
        into: ["fc1", "fc1"],
        out: "fc2",
        width,
        gated: false,
        fused: false,
        bias: true,
        kind: f.activation_or(&["activation_function"], ActivationKind::Gelu),
    };
    let encoder = shape(f.count(&["encoder_attention_heads"]));
    let decoder = shape(f.count(&["decoder_attention_heads"]));
    // Two rows stand before the first position.
    let place = |name| vec![table(name, positions + 2, hidden), LAYER.op(hidden)];
    let mut first = vec![table("shared", vocab, hidden)];
    first.extend(place("embed_positions"));
    let blocks = vec![
        end(Role::Embedding, Stream::Source, first),
        layers(
            Stream::Source,
            f.count(&["encoder_layers"]),
            encoder.layer(Mask::Full, ffn(f.count(&["encoder_ffn_dim"]))),
        ),
        end(Role::Embedding, Stream::Main, place("embed_positions")),
        layers(Stream::Main, f.count(&["decoder_layers"]), decoder.decoder_layer(ffn(f.count(&["decoder_ffn_dim"])))),
        end(Role::Head, Stream::Main, output(hidden, vocab, true)),
    ];
    f.done(Model { name: name.into(), family: family.into(), hidden, vocab, max_positions: Some(positions), blocks })
}

/// T5 and mT5: relative positions as a bias on the scores, one table a stack.
pub(super) fn t5(name: &str, family: &str, config: &Value) -> Result<Model, Vec<ReadError>> {
    let f = Fields::new(config);
    let (hidden, vocab) = (f.count(&["d_model"]), f.count(&["vocab_size"]));
    let heads = f.count(&["num_heads"]);
    let shape = Shape {
        hidden,
        heads,
        head: f.count(&["d_kv"]),
        bias: false,
        names: ["q", "k", "v", "o"],
        norm: RMS,
        order: Order::Pre,
        score_bias: true,
    };
    let kind = f.text(&["feed_forward_proj"]).unwrap_or("relu");
    let gated = kind.starts_with("gated-");
    let ffn = Ffn {
        into: if gated { ["wi_0", "wi_1"] } else { ["wi", "wi"] },
        out: "wo",
        width: f.count(&["d_ff"]),
        gated,
        fused: false,
        bias: false,
        kind: if gated { ActivationKind::GeluNew } else { ActivationKind::Relu },
    };
    let depth = f.count(&["num_layers"]);
    let buckets = f.count_or(&["relative_attention_num_buckets"], 32);
    let positions = || Op::Weights(Weights { name: "relative_attention_bias", elements: buckets * heads });
    let mut last = vec![RMS.op(hidden)];
    // The family always projects with its embedding, whatever the flag of newer configs says.
    last.extend(output(hidden, vocab, true));
    let blocks = vec![
        end(Role::Embedding, Stream::Source, vec![table("shared", vocab, hidden), positions()]),
        layers(Stream::Source, depth, shape.layer(Mask::Full, ffn)),
        end(Role::Head, Stream::Source, vec![RMS.op(hidden)]),
        end(Role::Embedding, Stream::Main, vec![positions()]),
        layers(Stream::Main, f.count_or(&["num_decoder_layers"], depth), shape.decoder_layer(ffn)),
        end(Role::Head, Stream::Main, last),
    ];
    f.done(Model { name: name.into(), family: family.into(), hidden, vocab, max_positions: None, blocks })
}

//! Layers from their description: what families differ in is data here, the order of operators is written once.

use outlay_core::model::{
    Activation, ActivationKind, Attention, Block, Dropout, Embedding, Experts, Linear, Loss, Mask, Model, Norm,
    NormKind, Op, Part, Residual, Role, Rotary, Router, Stream,
};

/// Norms of a family.
#[derive(Debug, Clone, Copy)]
pub(super) struct NormStyle {
    pub(super) kind: NormKind,
    pub(super) weight: bool,
    pub(super) bias: bool,
}

pub(super) const RMS: NormStyle = NormStyle { kind: NormKind::Rms, weight: true, bias: false };
/// RMS with the scale applied in fp32 (Gemma, OLMo 2).
pub(super) const RMS_WIDE: NormStyle = NormStyle { kind: NormKind::RmsWide, weight: true, bias: false };
pub(super) const LAYER: NormStyle = NormStyle { kind: NormKind::Layer, weight: true, bias: true };
/// Layer norm with a weight alone.
pub(super) const LAYER_BARE: NormStyle = NormStyle { kind: NormKind::Layer, weight: true, bias: false };

impl NormStyle {
    pub(super) fn op(self, width: u64) -> Op {
        Op::Norm(self.over(width, 1, width, false))
    }

    /// Over `rows` rows of `width`; `weights` elements of weight.
    pub(super) fn over(self, width: u64, rows: u64, weights: u64, on_heads: bool) -> Norm {
        Norm {
            kind: self.kind,
            width,
            rows,
            weights: if self.weight { weights } else { 0 },
            biases: if self.bias { weights } else { 0 },
            on_heads,
        }
    }
}

/// Where the norms stand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Order {
    /// Before attention and before the feed-forward.
    Pre,
    /// After each of them, before the residual (OLMo 2).
    PostInner,
    /// Before and after each of them (Gemma 2).
    Sandwich,
    /// After each residual (BERT, OPT-350M).
    Post,
    /// Attention and feed-forward side by side on one norm.
    ParallelOne,
    /// Side by side, each with its norm.
    ParallelTwo,
}

/// How queries, keys and values are projected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Projection {
    /// Three matrices of these names.
    Split([&'static str; 3]),
    /// One matrix of this name.
    Fused(&'static str),
    /// Queries, and keys that are the values too (Gemma 4).
    KeysAreValues([&'static str; 2]),
    /// Low-rank: query rank (none: full), key/value rank, rotary part, other part of a head (DeepSeek).
    Latent {
        /// Rank of the queries.
        query: Option<u64>,
        /// Rank of keys and values.
        kv: u64,
        /// Rotary elements of a head.
        rope: u64,
    },
}

/// Query and key norms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum QkNorm {
    /// None.
    None,
    /// Over each head, one weight for all heads.
    Head,
    /// Over each head, a weight for each head (StableLM, Cohere).
    HeadOwn,
    /// Over all heads together.
    Whole,
    /// Over each head, without weights.
    Bare,
}

/// Attention of a layer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attn {
    pub(super) projection: Projection,
    pub(super) out: &'static str,
    pub(super) heads: u64,
    pub(super) kv_heads: u64,
    pub(super) qk_dim: u64,
    pub(super) v_dim: u64,
    pub(super) bias: bool,
    pub(super) out_bias: bool,
    pub(super) qk_norm: QkNorm,
    /// Turned elements of a head; 0: no rotary embedding.
    pub(super) rotary: u64,
    pub(super) mask: Mask,
    pub(super) soft_cap: bool,
    pub(super) score_bias: bool,
    pub(super) dropout: bool,
    /// Queries carry a gate of their own width (Qwen 3.5).
    pub(super) gated: bool,
}

/// Feed-forward of a layer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ffn {
    /// Names of the matrices in: gate (if gated) and up; one name twice: one fused matrix.
    pub(super) into: [&'static str; 2],
    pub(super) out: &'static str,
    pub(super) width: u64,
    pub(super) gated: bool,
    pub(super) fused: bool,
    pub(super) bias: bool,
    pub(super) kind: ActivationKind,
}

/// What follows attention.
#[derive(Debug, Clone, Copy)]
pub(super) enum Feed {
    /// A plain feed-forward.
    Dense(Ffn),
    /// A mixture.
    Moe {
        /// Router and routed experts.
        router: Router,
        /// The experts.
        experts: Experts,
        /// Experts that every token passes, as one feed-forward, and whether a gate of one output weighs them.
        shared: Option<(Ffn, bool)>,
    },
}

/// A layer of a decoder or encoder.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layer {
    pub(super) hidden: u64,
    pub(super) norm: NormStyle,
    pub(super) order: Order,
    pub(super) attn: Attn,
    pub(super) feed: Feed,
    /// Dropout on what goes to the residual.
    pub(super) dropout: bool,
}

/// A projection; the first of its tensor.
pub(super) fn linear(name: &'static str, input: u64, output: u64, bias: bool, part: Part) -> Linear {
    Linear { name, input, output, bias, shares_input: false, tied: false, on_source: false, part }
}

/// A further projection of the same tensor.
pub(super) fn shared(linear: Linear) -> Op {
    Op::Linear(Linear { shares_input: true, ..linear })
}

impl Attn {
    /// What most families leave at rest; the dimensions are each reader's to give.
    pub(super) const PLAIN: Self = Self {
        projection: Projection::Split(["q_proj", "k_proj", "v_proj"]),
        out: "o_proj",
        heads: 1,
        kv_heads: 1,
        qk_dim: 1,
        v_dim: 1,
        bias: false,
        out_bias: false,
        qk_norm: QkNorm::None,
        rotary: 0,
        mask: Mask::Causal,
        soft_cap: false,
        score_bias: false,
        dropout: false,
        gated: false,
    };

    /// Projections, rotary embedding, core and output projection.
    pub(super) fn ops(&self, hidden: u64, norm: NormStyle, shares: bool, ops: &mut Vec<Op>) {
        let (q, k, v) = (self.heads * self.qk_dim, self.kv_heads * self.qk_dim, self.kv_heads * self.v_dim);
        let q_out = if self.gated { 2 * q } else { q };
        let into = |name, output| linear(name, hidden, output, self.bias, Part::AttentionIn);
        let first = |linear: Linear| Op::Linear(Linear { shares_input: shares, ..linear });
        match self.projection {
            Projection::Split([a, b, c]) => {
                ops.extend([first(into(a, q_out)), shared(into(b, k)), shared(into(c, v))]);
            }
            Projection::KeysAreValues([a, b]) => ops.extend([first(into(a, q_out)), shared(into(b, k))]),
            Projection::Fused(name) => ops.push(first(into(name, q_out + k + v))),
            Projection::Latent { query, kv, rope } => {
                let down = linear("kv_a_proj_with_mqa", hidden, kv + rope, self.bias, Part::AttentionIn);
                let up =
                    linear("kv_b_proj", kv, self.heads * (self.qk_dim - rope + self.v_dim), false, Part::AttentionIn);
                match query {
                    None => ops.extend([first(linear("q_proj", hidden, q, false, Part::AttentionIn)), shared(down)]),
                    // Both steps down read the layer's input; the norms follow, each before its step up.
                    Some(rank) => ops.extend([
                        first(linear("q_a_proj", hidden, rank, self.bias, Part::AttentionIn)),
                        shared(down),
                        RMS.op(rank),
                        Op::Linear(linear("q_b_proj", rank, q, false, Part::AttentionIn)),
                    ]),
                }
                ops.extend([RMS.op(kv), Op::Linear(up)]);
            }
        }
        self.qk_norms(q, k, norm, ops);
        if self.rotary > 0 {
            ops.push(Op::Rotary(Rotary { heads: self.heads, kv_heads: self.kv_heads, dim: self.rotary }));
        }
        ops.push(self.core());
        if self.dropout {
            ops.push(Op::Dropout(Dropout { width: 0, on_scores: true }));
        }
        ops.push(Op::Linear(linear(self.out, self.heads * self.v_dim, hidden, self.out_bias, Part::AttentionOut)));
    }

    pub(super) fn core(&self) -> Op {
        Op::Attention(Attention {
            heads: self.heads,
            kv_heads: self.kv_heads,
            qk_dim: self.qk_dim,
            v_dim: self.v_dim,
            mask: self.mask,
            cross: false,
            score_bias: self.score_bias,
            soft_cap: self.soft_cap,
        })
    }

    fn qk_norms(&self, q: u64, k: u64, norm: NormStyle, ops: &mut Vec<Op>) {
        let d = self.qk_dim;
        let pair: [Norm; 2] = match self.qk_norm {
            QkNorm::None => return,
            QkNorm::Head => [norm.over(d, self.heads, d, true), norm.over(d, self.kv_heads, d, true)],
            QkNorm::HeadOwn => {
                let bare = NormStyle { bias: false, ..norm };
                [bare.over(d, self.heads, q, true), bare.over(d, self.kv_heads, k, true)]
            }
            QkNorm::Whole => [norm.over(q, 1, q, true), norm.over(k, 1, k, true)],
            QkNorm::Bare => {
                let bare = NormStyle { weight: false, bias: false, ..norm };
                [bare.over(d, self.heads, 0, true), bare.over(d, self.kv_heads, 0, true)]
            }
        };
        ops.extend(pair.map(Op::Norm));
    }
}

impl Ffn {
    /// Matrices in, activation, matrix out.
    pub(super) fn ops(&self, hidden: u64, shares: bool, ops: &mut Vec<Op>) {
        let into =
            |name, output| Linear { shares_input: shares, ..linear(name, hidden, output, self.bias, Part::FfnIn) };
        if self.gated && self.fused {
            ops.push(Op::Linear(into(self.into[0], 2 * self.width)));
        } else if self.gated {
            ops.extend([Op::Linear(into(self.into[0], self.width)), shared(into(self.into[1], self.width))]);
        } else {
            ops.push(Op::Linear(into(self.into[1], self.width)));
        }
        ops.push(Op::Activation(Activation { kind: self.kind, width: self.width, gated: self.gated }));
        ops.push(Op::Linear(linear(self.out, self.width, hidden, self.bias, Part::FfnOut)));
    }
}

impl Feed {
    fn ops(&self, hidden: u64, shares: bool, ops: &mut Vec<Op>) {
        match self {
            Self::Dense(ffn) => ffn.ops(hidden, shares, ops),
            Self::Moe { router, experts, shared: together } => {
                ops.extend([Op::Router(*router), Op::Experts(*experts)]);
                if let Some((ffn, weighed)) = together {
                    ffn.ops(hidden, true, ops);
                    if *weighed {
                        ops.push(shared(linear("shared_expert_gate", hidden, 1, false, Part::Other)));
                    }
                }
            }
        }
    }
}

impl Layer {
    /// The layer's operators in order.
    pub(super) fn ops(&self) -> Vec<Op> {
        let h = self.hidden;
        let mut ops = Vec::new();
        let norm = || self.norm.op(h);
        let residual = Op::Residual(Residual { width: h });
        let drop = self.dropout.then_some(Op::Dropout(Dropout { width: h, on_scores: false }));
        let before = matches!(self.order, Order::Pre | Order::Sandwich | Order::ParallelOne | Order::ParallelTwo);
        let inner = matches!(self.order, Order::PostInner | Order::Sandwich);
        if before {
            ops.push(norm());
        }
        self.attn.ops(h, self.norm, false, &mut ops);
        ops.extend(drop);
        match self.order {
            Order::ParallelOne => self.feed.ops(h, true, &mut ops),
            Order::ParallelTwo => {
                ops.push(norm());
                self.feed.ops(h, false, &mut ops);
            }
            _ => {
                ops.extend(inner.then(norm));
                ops.push(residual);
                ops.extend((self.order == Order::Post).then(norm));
                ops.extend(before.then(norm));
                self.feed.ops(h, false, &mut ops);
            }
        }
        ops.extend(drop);
        ops.extend(inner.then(norm));
        ops.push(residual);
        ops.extend((self.order == Order::Post).then(norm));
        if matches!(self.order, Order::ParallelOne | Order::ParallelTwo) {
            ops.push(residual);
        }
        ops
    }
}

/// The ends of a decoder.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends {
    pub(super) vocab: u64,
    pub(super) hidden: u64,
    /// Learned positions: rows.
    pub(super) positions: Option<u64>,
    /// A norm right after the embedding (BLOOM).
    pub(super) embedding_norm: bool,
    /// Dropout right after the embedding.
    pub(super) dropout: bool,
    pub(super) norm: NormStyle,
    pub(super) final_norm: bool,
    pub(super) tied: bool,
    pub(super) head_bias: bool,
    pub(super) soft_cap: bool,
    pub(super) names: [&'static str; 2],
}

impl Ends {
    /// What most families have: one table of tokens, a norm after the last layer, a head without bias.
    pub(super) fn plain(vocab: u64, hidden: u64, norm: NormStyle, tied: bool) -> Self {
        Self {
            vocab,
            hidden,
            positions: None,
            embedding_norm: false,
            dropout: false,
            norm,
            final_norm: true,
            tied,
            head_bias: false,
            soft_cap: false,
            names: EMBED,
        }
    }
}

/// Names of the tables of tokens and positions in most families.
pub(super) const EMBED: [&str; 2] = ["embed_tokens", "embed_positions"];

/// A block of `count` layers that own their weights.
pub(super) fn block(count: u64, ops: Vec<Op>) -> Block {
    Block { role: Role::Layer, stream: Stream::Main, count, stored: count, ops }
}

/// A block executed once.
pub(super) fn end(role: Role, stream: Stream, ops: Vec<Op>) -> Block {
    Block { role, stream, count: 1, stored: 1, ops }
}

/// A decoder: ends around layer kinds with counts.
pub(super) fn decoder(
    name: &str,
    family: &str,
    ends: &Ends,
    layers: Vec<(u64, Vec<Op>)>,
    max_positions: Option<u64>,
) -> Model {
    let h = ends.hidden;
    let table = |name, rows| Op::Embedding(Embedding { name, rows, width: h, trained: true });
    let mut first = vec![table(ends.names[0], ends.vocab)];
    first.extend(ends.positions.map(|rows| table(ends.names[1], rows)));
    first.extend(ends.embedding_norm.then(|| ends.norm.op(h)));
    first.extend(ends.dropout.then_some(Op::Dropout(Dropout { width: h, on_scores: false })));
    let mut last = Vec::new();
    last.extend(ends.final_norm.then(|| ends.norm.op(h)));
    last.push(Op::Linear(Linear { tied: ends.tied, ..linear("lm_head", h, ends.vocab, ends.head_bias, Part::Head) }));
    last.push(Op::Loss(Loss { vocab: ends.vocab, soft_cap: ends.soft_cap }));
    let mut blocks = vec![end(Role::Embedding, Stream::Main, first)];
    blocks.extend(layers.into_iter().filter(|(count, _)| *count > 0).map(|(count, ops)| block(count, ops)));
    blocks.push(end(Role::Head, Stream::Main, last));
    Model { name: name.into(), family: family.into(), hidden: h, vocab: ends.vocab, max_positions, blocks }
}

//! A decoder by its dimensions, read off the list of operators: what programs are told that know a model by numbers.
//!
//! Decoders with attention, norms and a feed-forward or experts can be said so; recurrences and latent attention cannot.
//! Whatever a program has no number for shows when its file is read again, in what the model then weighs.
//!
//! Does not know: any program's words for them.

use outlay::Problem;
use outlay::core::model::{ActivationKind, Attention, Experts, Mask, Model, NormKind, Op, Part};

use super::chosen::{Chosen, cannot};

/// Dimensions of a decoder.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decoder {
    pub(crate) attention: Attention,
    pub(crate) experts: Option<Experts>,
    /// Width of the feed-forward, or of one expert where there is none beside them.
    pub(crate) ffn: u64,
    pub(crate) kind: ActivationKind,
    pub(crate) gated: bool,
    /// Norms are those with a mean (LayerNorm), not RMSNorm.
    pub(crate) centred: bool,
    /// Queries and keys are normalised head by head.
    pub(crate) norm_on_heads: bool,
    pub(crate) rotary: bool,
    /// Keys that a query sees, where every layer sees as many.
    pub(crate) window: Option<u64>,
    /// Input and output embeddings are one table.
    pub(crate) tied: bool,
    /// All projections have biases.
    pub(crate) bias: bool,
    /// Queries, keys and values have.
    pub(crate) qkv_bias: bool,
}

impl Decoder {
    /// The dimensions of the chosen model; a fault for `stack` where it has others.
    pub(crate) fn of(chosen: &Chosen<'_>, stack: &str, problems: &mut Vec<Problem>) -> Option<Self> {
        let found = read(&chosen.scenario.model);
        if found.is_none() {
            let help = "plain attention can be written; deepseek and mamba have scripts of their own in Megatron-LM";
            problems.push(cannot(stack, "model.base", "recurrent layers or latent attention", help));
        }
        found
    }
}

fn read(model: &Model) -> Option<Decoder> {
    let ops = || model.layers().flat_map(|block| &block.ops);
    let plain = !ops().any(|op| matches!(op, Op::Scan(_) | Op::Conv(_)));
    let attention =
        model.attention().filter(|attention| plain && !attention.cross && attention.qk_dim == attention.v_dim)?;
    let linear = |part: Part| {
        model.blocks.iter().flat_map(|block| &block.ops).find_map(move |op| match op {
            Op::Linear(linear) if linear.part == part => Some(*linear),
            _ => None,
        })
    };
    let experts = model.experts();
    let activation = ops().find_map(|op| if let Op::Activation(a) = op { Some((a.kind, a.gated)) } else { None });
    let (kind, gated) = experts.map(|e| (e.kind, e.gated)).or(activation).unwrap_or((ActivationKind::Gelu, false));
    let norm = ops().find_map(|op| if let Op::Norm(norm) = op { Some(*norm) } else { None });
    let bias = linear(Part::FfnOut).is_some_and(|out| out.bias);
    Some(Decoder {
        attention,
        experts,
        ffn: linear(Part::FfnOut).map(|out| out.input).or(experts.map(|e| e.ffn)).unwrap_or(4 * model.hidden),
        kind,
        gated,
        centred: norm.is_some_and(|norm| norm.kind == NormKind::Layer),
        norm_on_heads: ops().any(|op| matches!(op, Op::Norm(norm) if norm.on_heads)),
        window: window(model),
        rotary: ops().any(|op| matches!(op, Op::Rotary(_))),
        tied: linear(Part::Head).is_some_and(|head| head.tied),
        bias,
        qkv_bias: linear(Part::AttentionIn).is_some_and(|q| q.bias) && !bias,
    })
}

/// The window of all layers, where they have one and the same.
fn window(model: &Model) -> Option<u64> {
    let of = |op: &Op| match op {
        Op::Attention(attention) => {
            Some(if let Mask::Window { window } = attention.mask { Some(window) } else { None })
        }
        _ => None,
    };
    let mut all = model.layers().flat_map(|block| &block.ops).filter_map(of);
    let first = all.next()??;
    all.all(|window| window == Some(first)).then_some(first)
}

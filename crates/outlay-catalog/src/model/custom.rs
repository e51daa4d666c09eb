//! A decoder described by its dimensions, for models without a config.

use outlay_core::model::{ActivationKind, Experts, Mask, Model, Router};

use super::error::ReadError;
use super::fields::activation;
use super::layer::{Attn, Ends, Feed, Ffn, LAYER, Layer, Order, RMS, decoder};
use super::llama::QKV;

/// Dimensions of a decoder; what is blank is the usual choice.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Dimensions {
    /// Repeated layers.
    pub layers: Option<u64>,
    /// Width of the residual stream.
    pub hidden: Option<u64>,
    /// Width of the feed-forward (of one expert, for a mixture).
    pub ffn: Option<u64>,
    /// Query heads.
    pub heads: Option<u64>,
    /// Key/value heads.
    pub kv_heads: Option<u64>,
    /// Elements of a head.
    pub head_dim: Option<u64>,
    /// Rows of the embedding.
    pub vocab: Option<u64>,
    /// The feed-forward has a gate.
    pub gated: Option<bool>,
    /// Non-linear function.
    pub activation: Option<String>,
    /// Input and output embeddings are one table.
    pub tied: Option<bool>,
    /// Projections have biases.
    pub bias: Option<bool>,
    /// `rms` or `layer`.
    pub norm: Option<String>,
    /// Rows of a learned position table.
    pub learned_positions: Option<u64>,
    /// Experts of each mixture layer.
    pub experts: Option<u64>,
    /// Experts a token passes through.
    pub top_k: Option<u64>,
    /// Feed-forward width of all shared experts together.
    pub shared_ffn: Option<u64>,
    /// Leading layers without experts.
    pub dense_layers: Option<u64>,
    /// Feed-forward width of those.
    pub dense_ffn: Option<u64>,
    /// Keys a query sees.
    pub window: Option<u64>,
    /// Every how many-th layer sees all keys.
    pub global_every: Option<u64>,
}

/// Largest dimension.
const MOST: u64 = 1 << 26;

/// Reads a description by hand.
///
/// # Errors
/// Every dimension that is missing or cannot be.
pub fn custom(d: &Dimensions) -> Result<Model, Vec<ReadError>> {
    let mut errors = Vec::new();
    let given = [
        ("kv_heads", d.kv_heads),
        ("head_dim", d.head_dim),
        ("experts", d.experts),
        ("top_k", d.top_k),
        ("shared_ffn", d.shared_ffn),
        ("dense_layers", d.dense_layers),
        ("dense_ffn", d.dense_ffn),
        ("window", d.window),
        ("global_every", d.global_every),
        ("learned_positions", d.learned_positions),
    ];
    let bad = |name: &str, value: u64| {
        let rule = format!("a whole number from 1 to {MOST}");
        ReadError::Invalid(name.into(), value.to_string(), rule)
    };
    errors.extend(
        given.iter().filter_map(|(name, value)| value.filter(|v| !(1..=MOST).contains(v)).map(|v| bad(name, v))),
    );
    let mut need = |name: &str, value: Option<u64>| match value {
        Some(value @ 1..=MOST) => value,
        Some(value) => {
            errors.push(bad(name, value));
            1
        }
        None => {
            errors.push(ReadError::Missing(name.into()));
            1
        }
    };
    let (depth, hidden, width) = (need("layers", d.layers), need("hidden", d.hidden), need("ffn", d.ffn));
    let (heads, vocab) = (need("heads", d.heads), need("vocab", d.vocab));
    let kv_heads = d.kv_heads.unwrap_or(heads);
    if kv_heads > 0 && !heads.is_multiple_of(kv_heads) {
        errors.push(ReadError::Invalid(
            "kv_heads".into(),
            kv_heads.to_string(),
            format!("it must divide heads = {heads}"),
        ));
    }
    if d.head_dim.is_none() && !hidden.is_multiple_of(heads) {
        errors.push(ReadError::Invalid("heads".into(), heads.to_string(), format!("it must divide hidden = {hidden}")));
    }
    let gated = d.gated.unwrap_or(true);
    let default = if gated { ActivationKind::Silu } else { ActivationKind::GeluTanh };
    let kind = d.activation.as_deref().map_or(Some(default), activation).unwrap_or_else(|| {
        let found = d.activation.clone().unwrap_or_default();
        errors.push(ReadError::Invalid("activation".into(), found, "silu, gelu, relu, relu2 or tanh".into()));
        default
    });
    let norm = match d.norm.as_deref() {
        None | Some("rms") => RMS,
        Some("layer") => LAYER,
        Some(other) => {
            errors.push(ReadError::Invalid("norm".into(), other.into(), "rms or layer".into()));
            RMS
        }
    };
    let top_k = match (d.experts, d.top_k) {
        (Some(experts), Some(top_k)) if top_k > experts => {
            let rule = format!("no more than the {experts} experts");
            errors.push(ReadError::Invalid("top_k".into(), top_k.to_string(), rule));
            1
        }
        (Some(_), None) => {
            errors.push(ReadError::Missing("top_k".into()));
            1
        }
        (_, top_k) => top_k.unwrap_or(1),
    };
    if !errors.is_empty() {
        return Err(errors);
    }
    let head = d.head_dim.unwrap_or(hidden / heads);
    let bias = d.bias.unwrap_or(false);
    let ffn = |width| Ffn { into: ["gate_proj", "up_proj"], out: "down_proj", width, gated, fused: false, bias, kind };
    let sparse = d.experts.map(|experts| Feed::Moe {
        router: Router { input: hidden, experts, top_k, bias: false, name: "gate" },
        experts: Experts { experts, top_k, input: hidden, ffn: width, gated, bias, clamped: false, kind },
        shared: d.shared_ffn.map(|width| (ffn(width), false)),
    });
    let layer = |mask, feed| {
        let attn = Attn {
            projection: QKV,
            out: "o_proj",
            heads,
            kv_heads,
            qk_dim: head,
            v_dim: head,
            bias,
            out_bias: bias,
            rotary: if d.learned_positions.is_some() { 0 } else { head },
            mask,
            ..Attn::PLAIN
        };
        Layer { hidden, norm, order: Order::Pre, attn, feed, dropout: false }.ops()
    };
    let dense = Feed::Dense(ffn(if d.experts.is_some() { d.dense_ffn.unwrap_or(width) } else { width }));
    let leading = if sparse.is_some() { d.dense_layers.unwrap_or(0).min(depth) } else { depth };
    let kinds = [(leading, dense), (depth - leading, sparse.unwrap_or(dense))];
    let mut layers = Vec::new();
    for (count, feed) in kinds {
        match d.window {
            None => layers.push((count, layer(Mask::Causal, feed))),
            Some(window) => {
                let global = d.global_every.map_or(0, |every| count / every);
                layers.push((count - global, layer(Mask::Window { window }, feed)));
                layers.push((global, layer(Mask::Causal, feed)));
            }
        }
    }
    let ends = Ends { positions: d.learned_positions, ..Ends::plain(vocab, hidden, norm, d.tied.unwrap_or(false)) };
    Ok(decoder("custom", "custom", &ends, layers, d.learned_positions))
}

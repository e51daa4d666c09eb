//! Gated delta rule between full attention: Qwen3-Next and Qwen3.5, dense or with experts.

use outlay_core::model::{
    Activation, ActivationKind, Conv, Experts, Mask, Model, Norm, NormKind, Op, Part, Router, Scan, ScanKind, Weights,
};
use serde_json::Value;

use super::error::ReadError;
use super::fields::Fields;
use super::layer::{Attn, Ends, Feed, Ffn, Layer, Order, QkNorm, RMS, decoder, linear, shared};
use super::llama::QKV;

/// Tokens of a chunk in the published kernels.
const CHUNK: u64 = 64;

/// The mixer: a short convolution over queries, keys and values, then the recurrence, then a gated norm.
struct Mixer {
    hidden: u64,
    key_heads: u64,
    key_dim: u64,
    value_heads: u64,
    value_dim: u64,
    kernel: u64,
    /// Two fused projections instead of four (Qwen3-Next).
    fused: bool,
}

impl Mixer {
    fn read(f: &Fields<'_>, hidden: u64, fused: bool) -> Self {
        let mixer = Self {
            hidden,
            key_heads: f.count(&["linear_num_key_heads"]),
            key_dim: f.count(&["linear_key_head_dim"]),
            value_heads: f.count(&["linear_num_value_heads"]),
            value_dim: f.count(&["linear_value_head_dim"]),
            kernel: f.count_or(&["linear_conv_kernel_dim"], 4),
            fused,
        };
        f.divides("linear_num_key_heads", mixer.key_heads, "linear_num_value_heads", mixer.value_heads);
        mixer
    }

    fn ops(&self) -> Vec<Op> {
        let (keys, values) = (self.key_heads * self.key_dim, self.value_heads * self.value_dim);
        let wide = 2 * keys + values;
        let into = |name, output| linear(name, self.hidden, output, false, Part::MixerIn);
        let mut ops = if self.fused {
            vec![Op::Linear(into("in_proj_qkvz", wide + values)), shared(into("in_proj_ba", 2 * self.value_heads))]
        } else {
            vec![
                Op::Linear(into("in_proj_qkv", wide)),
                shared(into("in_proj_z", values)),
                shared(into("in_proj_b", self.value_heads)),
                shared(into("in_proj_a", self.value_heads)),
            ]
        };
        let gated = Norm {
            kind: NormKind::GatedRms,
            width: self.value_dim,
            rows: self.value_heads,
            weights: self.value_dim,
            biases: 0,
            on_heads: false,
        };
        ops.extend([
            Op::Conv(Conv { channels: wide, kernel: self.kernel, bias: false }),
            Op::Activation(Activation { kind: ActivationKind::Silu, width: wide, gated: false }),
            Op::Weights(Weights { name: "A_log, dt_bias", elements: 2 * self.value_heads }),
            Op::Scan(Scan {
                kind: ScanKind::DeltaRule,
                channels: values,
                state: self.key_dim,
                heads: self.value_heads,
                groups: self.key_heads,
                chunk: CHUNK,
            }),
            Op::Norm(gated),
            Op::Linear(linear("out_proj", values, self.hidden, false, Part::MixerOut)),
        ]);
        ops
    }
}

/// Reads a text config of the group.
pub(super) fn read(name: &str, family: &str, config: &Value) -> Result<Model, Vec<ReadError>> {
    let f = Fields::new(config);
    let (hidden, heads) = (f.count(&["hidden_size"]), f.count(&["num_attention_heads"]));
    let kv_heads = f.count_or(&["num_key_value_heads"], heads);
    f.divides("num_key_value_heads", kv_heads, "num_attention_heads", heads);
    let head = f.count_or(&["head_dim"], 256);
    // The rotated share stands beside the other rotary parameters or at the top.
    let turned =
        config.get("rope_parameters").and_then(|rope| rope.get("partial_rotary_factor")).and_then(Value::as_f64);
    let turned = turned
        .filter(|share| (0.0..=1.0).contains(share))
        .unwrap_or_else(|| f.share_or(&["partial_rotary_factor"], 0.25));
    let bias = f.flag_or("attention_bias", false);
    let attn = Attn {
        projection: QKV,
        out: "o_proj",
        heads,
        kv_heads,
        qk_dim: head,
        v_dim: head,
        bias,
        out_bias: bias,
        qk_norm: QkNorm::Head,
        rotary: (head as f64 * turned) as u64,
        mask: Mask::Causal,
        gated: f.flag_or("attn_output_gate", true),
        ..Attn::PLAIN
    };
    let kind = f.activation_or(&["hidden_act"], ActivationKind::Silu);
    let ffn = |width| Ffn {
        into: ["gate_proj", "up_proj"],
        out: "down_proj",
        width,
        gated: true,
        fused: false,
        bias: false,
        kind,
    };
    let feed = if f.has("num_experts") {
        let routed = f.count(&["num_experts"]);
        let top_k = f.chosen(&["num_experts_per_tok"], routed);
        let width = f.count(&["moe_intermediate_size"]);
        Feed::Moe {
            router: Router { input: hidden, experts: routed, top_k, bias: false, name: "gate" },
            experts: Experts::gated(routed, top_k, hidden, width, kind),
            shared: Some((ffn(f.count(&["shared_expert_intermediate_size"])), true)),
        }
    } else {
        Feed::Dense(ffn(f.count(&["intermediate_size"])))
    };
    let attends = Layer { hidden, norm: RMS, order: Order::Pre, attn, feed, dropout: false }.ops();
    let mixes = in_place_of_attention(&attends, Mixer::read(&f, hidden, family == "qwen3_next").ops());
    let depth = f.count(&["num_hidden_layers"]);
    let full = f.list("layer_types").map_or(depth / f.count_or(&["full_attention_interval"], 4), |types| {
        types.iter().filter(|kind| kind.as_str() == Some("full_attention")).count() as u64
    });
    let full = full.min(depth);
    let ends = Ends::plain(f.count(&["vocab_size"]), hidden, RMS, f.flag_or("tie_word_embeddings", false));
    let layers = vec![(depth - full, mixes), (full, attends)];
    let model = decoder(name, family, &ends, layers, f.maybe(&["max_position_embeddings"]));
    f.done(model)
}

/// A layer with another mixer in the place of attention: between the first norm and the first residual.
pub(super) fn in_place_of_attention(layer: &[Op], mixer: Vec<Op>) -> Vec<Op> {
    let residual = layer.iter().position(|op| matches!(op, Op::Residual(_))).unwrap_or(layer.len());
    let mut mixed = vec![layer[0]];
    mixed.extend(mixer);
    mixed.extend_from_slice(&layer[residual..]);
    mixed
}

//! Models of the tracked rows, from the fields of their configs.

use outlay_core::model::{
    Activation, ActivationKind, Attention, Block, Dropout, Embedding, Experts, Linear, Loss, Mask, Model, Norm,
    NormKind, Op, Part, Residual, Role, Rotary, Router, Stream,
};
use serde_json::Value;

/// What the families of these rows differ in.
struct Traits {
    norm: NormKind,
    /// One projection for queries, keys and values; one for both inputs of a gate.
    joint: bool,
    bias: bool,
    activation: ActivationKind,
    gated: bool,
    /// Learned positions, and dropout as the family's config defaults it.
    learned: bool,
    score_dropout: bool,
    /// Norms on queries and keys: per head, or over all of them.
    head_norms: Option<bool>,
    /// Norms behind attention and feed-forward instead of before.
    post_norms: bool,
    /// Attention and feed-forward side by side, each with a norm, or sharing one.
    parallel: Option<bool>,
    rotary_share: f64,
    tied: bool,
}

fn traits(family: &str) -> Traits {
    let plain = Traits {
        norm: NormKind::Rms,
        joint: false,
        bias: false,
        activation: ActivationKind::Silu,
        gated: true,
        learned: false,
        score_dropout: false,
        head_norms: None,
        post_norms: false,
        parallel: None,
        rotary_share: 1.0,
        tied: false,
    };
    let classic = |activation| Traits {
        norm: NormKind::Layer,
        bias: true,
        activation,
        gated: false,
        learned: true,
        tied: true,
        ..traits("plain")
    };
    match family {
        "gpt2" => Traits { joint: true, score_dropout: true, ..classic(ActivationKind::GeluNew) },
        "opt" => classic(ActivationKind::Relu),
        "gpt_neox" => Traits {
            joint: true,
            learned: false,
            tied: false,
            parallel: Some(true),
            rotary_share: 0.25,
            ..classic(ActivationKind::Gelu)
        },
        "falcon" => {
            Traits { joint: true, bias: false, learned: false, parallel: Some(false), ..classic(ActivationKind::Gelu) }
        }
        "stablelm" => Traits { norm: NormKind::Layer, ..plain },
        "phi3" => Traits { joint: true, ..plain },
        "qwen3" | "qwen3_moe" => Traits { head_norms: Some(true), ..plain },
        "olmoe" => Traits { head_norms: Some(false), ..plain },
        "olmo2" => Traits { norm: NormKind::RmsWide, head_norms: Some(false), post_norms: true, ..plain },
        _ => plain,
    }
}

fn linear(name: &'static str, input: u64, output: u64, part: Part, shares_input: bool, bias: bool) -> Op {
    Op::Linear(Linear { name, input, output, bias, shares_input, tied: false, on_source: false, part })
}

fn norm(kind: NormKind, width: u64, rows: u64, on_heads: bool) -> Op {
    let biases = if kind == NormKind::Layer { width } else { 0 };
    Op::Norm(Norm { kind, width, rows, weights: width, biases, on_heads })
}

fn dropout(width: u64, on_scores: bool) -> Op {
    Op::Dropout(Dropout { width, on_scores })
}

/// A decoder of one of the families in the table.
pub(crate) fn decoder(config: &Value) -> Model {
    let first = |names: &[&str]| names.iter().find_map(|name| config.get(*name)?.as_u64());
    let family = config["model_type"].as_str().expect("a family");
    let traits = traits(family);
    let hidden = first(&["hidden_size", "n_embd"]).expect("a width");
    let vocab = first(&["vocab_size"]).expect("a vocabulary");
    let layers = first(&["num_hidden_layers", "n_layer"]).expect("layers");
    let block = |role, count, ops| Block { role, stream: Stream::Main, count, stored: count, ops };
    let tied = config["tie_word_embeddings"].as_bool().unwrap_or(traits.tied);
    let mut start = vec![Op::Embedding(Embedding { name: "tokens", rows: vocab, width: hidden, trained: true })];
    if traits.learned {
        // OPT's table starts two positions in.
        let rows = first(&["n_positions"]).unwrap_or(if family == "opt" { 2050 } else { 1024 });
        start.push(Op::Embedding(Embedding { name: "positions", rows, width: hidden, trained: true }));
    }
    if traits.score_dropout {
        start.push(dropout(hidden, false));
    }
    let head = Linear {
        name: "lm_head",
        input: hidden,
        output: vocab,
        bias: false,
        shares_input: false,
        tied,
        on_source: false,
        part: Part::Head,
    };
    let end = vec![norm(traits.norm, hidden, 1, false), Op::Linear(head), Op::Loss(Loss { vocab, soft_cap: false })];
    Model {
        name: family.into(),
        family: family.into(),
        hidden,
        vocab,
        max_positions: None,
        blocks: vec![
            block(Role::Embedding, 1, start),
            block(Role::Layer, layers, layer(config, &traits, hidden)),
            block(Role::Head, 1, end),
        ],
    }
}

fn layer(config: &Value, traits: &Traits, hidden: u64) -> Vec<Op> {
    let mut ops = Vec::new();
    if !traits.post_norms {
        ops.push(norm(traits.norm, hidden, 1, false));
    }
    attention(config, traits, hidden, &mut ops);
    if traits.post_norms {
        ops.push(norm(traits.norm, hidden, 1, false));
    }
    if traits.parallel.is_none() {
        ops.push(Op::Residual(Residual { width: hidden }));
    }
    if !traits.post_norms && traits.parallel != Some(false) {
        ops.push(norm(traits.norm, hidden, 1, false));
    }
    feed_forward(config, traits, hidden, &mut ops);
    if traits.post_norms {
        ops.push(norm(traits.norm, hidden, 1, false));
    }
    ops.push(Op::Residual(Residual { width: hidden }));
    ops
}

fn attention(config: &Value, traits: &Traits, hidden: u64, ops: &mut Vec<Op>) {
    let count = |name: &str| config.get(name).and_then(Value::as_u64);
    let heads = count("num_attention_heads").or(count("n_head")).unwrap_or(12);
    let one_key_head = config["model_type"] == "falcon";
    let kv_heads = if one_key_head { 1 } else { count("num_key_value_heads").unwrap_or(heads) };
    let dim = count("head_dim").unwrap_or(hidden / heads);
    let (queries, keys) = (heads * dim, kv_heads * dim);
    if traits.joint {
        ops.push(linear("qkv_proj", hidden, queries + 2 * keys, Part::AttentionIn, false, traits.bias));
    } else {
        let bias = traits.bias || config["model_type"] == "qwen2";
        ops.push(linear("q_proj", hidden, queries, Part::AttentionIn, false, bias));
        ops.push(linear("k_proj", hidden, keys, Part::AttentionIn, true, bias));
        ops.push(linear("v_proj", hidden, keys, Part::AttentionIn, true, bias));
    }
    match traits.head_norms {
        Some(true) => ops.extend([norm(traits.norm, dim, heads, true), norm(traits.norm, dim, kv_heads, true)]),
        Some(false) => ops.extend([norm(traits.norm, queries, 1, true), norm(traits.norm, keys, 1, true)]),
        None => {}
    }
    if !traits.learned {
        let share = config.get("partial_rotary_factor").and_then(Value::as_f64).unwrap_or(traits.rotary_share);
        ops.push(Op::Rotary(Rotary { heads, kv_heads, dim: (dim as f64 * share) as u64 }));
    }
    if traits.score_dropout {
        ops.push(dropout(0, true));
    }
    ops.push(Op::Attention(Attention {
        heads,
        kv_heads,
        qk_dim: dim,
        v_dim: dim,
        mask: Mask::Causal,
        cross: false,
        score_bias: false,
        soft_cap: false,
    }));
    ops.push(linear("o_proj", queries, hidden, Part::AttentionOut, false, traits.bias));
    if traits.learned {
        ops.push(dropout(hidden, false));
    }
}

fn feed_forward(config: &Value, traits: &Traits, hidden: u64, ops: &mut Vec<Op>) {
    let count = |name: &str| config.get(name).and_then(Value::as_u64);
    let ffn = count("intermediate_size").or(count("ffn_dim")).unwrap_or(4 * hidden);
    let (kind, gated, bias) = (traits.activation, traits.gated, traits.bias);
    if let Some(experts) = count("num_local_experts").or(count("num_experts")) {
        let top_k = count("num_experts_per_tok").expect("a top-k");
        let ffn = count("moe_intermediate_size").unwrap_or(ffn);
        ops.push(Op::Router(Router { input: hidden, experts, top_k, bias: false, name: "gate" }));
        ops.push(Op::Experts(Experts { experts, top_k, input: hidden, ffn, gated, bias: false, clamped: false, kind }));
        return;
    }
    if traits.joint && gated {
        ops.push(linear("gate_up_proj", hidden, 2 * ffn, Part::FfnIn, false, bias));
    } else {
        ops.push(linear("up_proj", hidden, ffn, Part::FfnIn, false, bias));
        if gated {
            ops.push(linear("gate_proj", hidden, ffn, Part::FfnIn, true, bias));
        }
    }
    ops.push(Op::Activation(Activation { kind, width: ffn, gated }));
    ops.push(linear("down_proj", ffn, hidden, Part::FfnOut, false, bias));
    if traits.learned {
        ops.push(dropout(hidden, false));
    }
}

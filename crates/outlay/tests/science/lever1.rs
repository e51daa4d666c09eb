//! Lever 1: parameters and FLOPs, by the readers and the walks over the list of operators.

use outlay_catalog::model::read;
use outlay_core::dtype::Dtype;
use outlay_core::model::flops::{self, Convention, Lengths};
use outlay_core::model::{Mask, Model, Role, params};
use outlay_core::scenario::adapters;
use outlay_core::scenario::recipe::{Lora, Method, Targets};
use serde_json::{Value, json};

use super::{Inputs, check};

fn value(name: &str, i: &Inputs) -> Option<f64> {
    let total = |config: &Value| params::total(&model(config)) as f64;
    Some(match name {
        "params_decoder" => total(&decoder(i)),
        "params_moe" | "params_mla_moe" => {
            let config = if name == "params_moe" { mixture(i) } else { latent(i) };
            let model = model(&config);
            if i.has("active_k") { params::active(&model) as f64 } else { params::total(&model) as f64 }
        }
        "params_bert" | "params_albert" => encoder(i, name) as f64,
        "params_t5" => {
            let untied = if i.flag("tied") { 0 } else { i.count("V") * i.count("h") };
            total(&t5(i)) + untied as f64
        }
        "params_mamba1" => total(&json!({
            "model_type": "mamba", "vocab_size": i.count("V"), "hidden_size": i.count("h"),
            "num_hidden_layers": i.count("L"), "state_size": i.count("n"), "conv_kernel": i.count("k"),
            "expand": i.count("e"), "tie_word_embeddings": i.flag("tied"),
        })),
        "params_mamba2" => total(&json!({
            "model_type": "mamba2", "vocab_size": i.count("V"), "hidden_size": i.count("h"),
            "num_hidden_layers": i.count("L"), "state_size": i.count("n"), "conv_kernel": i.count("k"),
            "expand": i.count("e"), "num_heads": i.count("nh"), "n_groups": i.count("g"),
            "tie_word_embeddings": i.flag("tied"),
        })),
        "params_jamba" => total(&json!({
            "model_type": "jamba", "vocab_size": i.count("V"), "hidden_size": i.count("h"),
            "num_hidden_layers": i.count("L"), "num_attention_heads": i.count("nq"),
            "num_key_value_heads": i.count("nkv"), "intermediate_size": i.count("f"), "num_experts": i.count("E"),
            "mamba_d_state": i.count("n"), "mamba_d_conv": i.count("k"), "mamba_expand": i.count("e"),
            "attn_layer_period": i.count("L") / i.count("n_attn"),
            "expert_layer_period": i.count("L") / i.count("n_moe"),
        })),
        "flops_fwd_decoder_full_attention" => forward(&decoder(i), i),
        "flops_bwd_decoder_full_attention_unfused" => 2.0 * forward(&decoder(i), i),
        "flops_bwd_decoder_flash_hw" => {
            let model = model(&decoder(i));
            let attention = flops::forward_attention(&model, lengths(i), Convention::Full).get();
            2.0 * forward(&decoder(i), i) + 0.5 * attention
        }
        "flops_fwd_t5" => {
            let config = json!({
                "model_type": "t5", "vocab_size": i.count("V"), "d_model": i.count("h"), "num_heads": i.count("nh"),
                "d_kv": i.count("dkv"), "d_ff": i.count("f"), "num_layers": i.count("L"),
                "feed_forward_proj": FEED,
            });
            let lengths = Lengths { batch: 1, seq: i.count("dec_seq"), source: i.count("enc_seq") };
            flops::forward(&model(&config), lengths, Convention::Full).get()
        }
        "flops_fwd_mla_moe" => forward(&latent(i), i),
        "keys_per_query" => {
            assert_eq!(i.text("mode"), "strided");
            flops::keys_per_query(Mask::Strided { stride: i.count("stride") }, i.count("seq")).get()
        }
        "megatron_flops_per_iteration_full_recompute" => megatron(i),
        "lora_flop_ratio_vs_full" => {
            // Of the three products of a projection, the one for its weight's gradient falls away.
            let units = i.number("fwd") + i.number("bwd_act");
            units / (units + i.number("bwd_weight"))
        }
        "lora_params" => {
            let config = json!({
                "model_type": "llama", "vocab_size": 128_256, "hidden_size": 4096, "intermediate_size": 14_336,
                "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
            });
            assert_eq!((i.text("model"), i.text("targets")), ("llama3-8b", "all 7 linear"));
            let lora = Lora {
                rank: i.count("rank"),
                targets: Targets::AllLinear,
                dropout: false,
                adapter: Dtype::Bf16,
                base: Dtype::Bf16,
                dora: false,
            };
            adapters::trained(&model(&config), &Method::Lora(lora)) as f64
        }
        _ => return None,
    })
}

/// The counted T5 has the plain feed-forward of the first version.
const FEED: &str = "relu";

fn model(config: &Value) -> Model {
    read("case", config).unwrap_or_else(|errors| panic!("{config}: {errors:?}"))
}

fn lengths(i: &Inputs) -> Lengths {
    let batch = if i.has("batch") { i.count("batch") } else { 1 };
    Lengths { batch, seq: i.count("seq"), source: 0 }
}

fn forward(config: &Value, i: &Inputs) -> f64 {
    flops::forward(&model(config), lengths(i), Convention::Full).get()
}

/// A decoder as the family of that shape writes it.
fn decoder(i: &Inputs) -> Value {
    let or = |key: &str, default: bool| if i.has(key) { i.flag(key) } else { default };
    if i.has("pos") {
        return json!({
            "model_type": "gpt2", "vocab_size": i.count("V"), "n_embd": i.count("h"), "n_layer": i.count("L"),
            "n_head": i.count("nq"), "n_inner": i.count("f"), "n_positions": i.count("pos"),
        });
    }
    let family = match (i.has("norms_per_layer"), or("qkv_bias", false)) {
        (true, _) => "gemma2",
        (false, true) => "qwen2",
        (false, false) => "llama",
    };
    json!({
        "model_type": family, "vocab_size": i.count("V"), "hidden_size": i.count("h"),
        "num_hidden_layers": i.count("L"), "num_attention_heads": i.count("nq"),
        "num_key_value_heads": i.count("nkv"), "head_dim": i.count("dh"), "intermediate_size": i.count("f"),
        "tie_word_embeddings": or("tied", false),
    })
}

fn mixture(i: &Inputs) -> Value {
    let family = if i.flag("qk_norm") { "qwen3_moe" } else { "mixtral" };
    json!({
        "model_type": family, "vocab_size": i.count("V"), "hidden_size": i.count("h"),
        "num_hidden_layers": i.count("L"), "num_attention_heads": i.count("nq"),
        "num_key_value_heads": i.count("nkv"), "head_dim": i.count("dh"), "num_experts": i.count("E"),
        "intermediate_size": i.count("fe"), "moe_intermediate_size": i.count("fe"),
        "num_experts_per_tok": if i.has("active_k") { i.count("active_k") } else { 1 },
    })
}

fn latent(i: &Inputs) -> Value {
    let chosen = ["active_k", "k"].into_iter().find(|key| i.has(key)).map_or(1, |key| i.count(key));
    let rank = i.count("rq");
    json!({
        "model_type": "deepseek_v3", "vocab_size": i.count("V"), "hidden_size": i.count("h"),
        "num_hidden_layers": i.count("L"), "num_attention_heads": i.count("nh"), "qk_nope_head_dim": i.count("dn"),
        "qk_rope_head_dim": i.count("dr"), "v_head_dim": i.count("dv"), "kv_lora_rank": i.count("rkv"),
        "q_lora_rank": (rank > 0).then_some(rank), "n_routed_experts": i.count("E"),
        "moe_intermediate_size": i.count("fe"), "n_shared_experts": i.count("nshared"),
        "first_k_dense_replace": i.count("kdense"), "intermediate_size": i.count("fdense"),
        "num_experts_per_tok": chosen,
    })
}

/// The encoder with its pooler instead of the head for masked tokens.
fn encoder(i: &Inputs, name: &str) -> u64 {
    let h = i.count("h");
    let config = if name == "params_bert" {
        json!({
            "model_type": "bert", "vocab_size": i.count("V"), "hidden_size": h, "num_attention_heads": h / 64,
            "num_hidden_layers": i.count("L"), "intermediate_size": i.count("f"),
        })
    } else {
        json!({
            "model_type": "albert", "vocab_size": i.count("V"), "embedding_size": i.count("e"), "hidden_size": h,
            "num_attention_heads": h / 64, "num_hidden_layers": 12, "intermediate_size": i.count("f"),
            "num_hidden_groups": i.count("groups"),
        })
    };
    let model = model(&config);
    let body = model.blocks.iter().filter(|block| block.role != Role::Head);
    body.map(|block| block.stored * params::of_block(block)).sum::<u64>() + h * h + h
}

fn t5(i: &Inputs) -> Value {
    json!({
        "model_type": "t5", "vocab_size": i.count("V"), "d_model": i.count("h"), "num_heads": i.count("nh"),
        "d_kv": i.count("dkv"), "d_ff": i.count("f"), "num_layers": i.count("L"),
        "feed_forward_proj": if i.flag("gated") { "gated-gelu" } else { "relu" },
    })
}

/// Work of an iteration with full recomputation: four forward passes of the layers, three of the head.
fn megatron(i: &Inputs) -> f64 {
    let (h, layers) = (i.count("h"), i.count("l"));
    let config = json!({
        "model_type": "gpt2", "vocab_size": i.count("V"), "n_embd": h, "n_layer": layers, "n_head": h / 128,
        "n_positions": i.count("s"),
    });
    let model = model(&config);
    let lengths = Lengths { batch: i.count("B"), seq: i.count("s"), source: 0 };
    let of = |role: Role| -> f64 {
        let blocks = model.blocks.iter().filter(|block| block.role == role);
        let work = |block: &outlay_core::model::Block| -> f64 {
            let ops = block.ops.iter().map(|op| flops::of_op(op, block.stream, lengths, Convention::Full).get());
            block.count as f64 * ops.sum::<f64>()
        };
        blocks.map(work).sum()
    };
    4.0 * of(Role::Layer) + 3.0 * of(Role::Head)
}

#[test]
fn every_case_holds() {
    check("1", value);
}

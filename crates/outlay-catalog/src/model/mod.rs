//! Readers of `config.json`, one file a group of families, into the one list of layers and operators.
//!
//! A reader copies only what fixes memory and work, takes the reference implementation's defaults for what is absent,
//! and gathers every fault. What families share is written once in `layer`.
//!
//! Does not know: weights, tokenizers, generation settings, vision and audio towers.

mod custom;
mod deepseek;
mod delta;
mod encdec;
mod encoder;
mod error;
mod fields;
pub mod further;
mod gemma;
mod gpt;
mod hybrid;
mod json;
mod layer;
mod llama;
mod mixture;
mod routed;
mod ssm;
mod vision;

pub use custom::{Dimensions, custom};
pub use error::ReadError;
pub use json::json;

use outlay_core::model::Model;
use serde_json::Value;

use crate::names::nearest;

/// A reader of one group of families.
type Reader = fn(&str, &str, &Value) -> Result<Model, Vec<ReadError>>;

/// Every known `model_type` with its reader.
const READERS: &[(&str, Reader)] = &[
    ("llama", llama::read),
    ("mistral", llama::read),
    ("ministral", llama::read),
    ("ministral3", llama::read),
    ("arcee", llama::read),
    ("apertus", llama::read),
    ("glm4", llama::read),
    ("qwen2", llama::read),
    ("qwen3", llama::read),
    ("granite", llama::read),
    ("smollm3", llama::read),
    ("olmo", llama::read),
    ("olmo2", llama::read),
    ("phi3", llama::read),
    ("stablelm", llama::read),
    ("starcoder2", llama::read),
    ("nemotron", llama::read),
    ("cohere", llama::read),
    ("cohere2", llama::read),
    ("gemma", gemma::read),
    ("gemma2", gemma::read),
    ("gemma3_text", gemma::read),
    ("gpt2", gpt::gpt2),
    ("btlm", gpt::gpt2),
    ("gpt_bigcode", gpt::bigcode),
    ("gpt_neo", gpt::neo),
    ("gptj", gpt::gptj),
    ("gpt_neox", gpt::neox),
    ("opt", gpt::opt),
    ("bloom", gpt::bloom),
    ("falcon", gpt::falcon),
    ("mpt", gpt::mpt),
    ("phi", gpt::phi),
    ("mixtral", mixture::read),
    ("qwen2_moe", mixture::read),
    ("qwen3_moe", mixture::read),
    ("olmoe", mixture::read),
    ("granitemoe", mixture::read),
    ("phimoe", mixture::read),
    ("minimax_m2", mixture::read),
    ("gpt_oss", mixture::read),
    ("llama4_text", mixture::read),
    ("glm4_moe", routed::glm),
    ("afmoe", routed::afmoe),
    ("dbrx", routed::dbrx),
    ("qwen3_next", delta::read),
    ("qwen3_5_text", delta::read),
    ("qwen3_5_moe_text", delta::read),
    ("gemma4_text", gemma::fourth),
    ("llama4", vision::read),
    ("gemma3", vision::read),
    ("mistral3", vision::read),
    ("gemma4", vision::read),
    ("qwen3_5", vision::read),
    ("qwen3_5_moe", vision::read),
    ("deepseek_v2", deepseek::read),
    ("deepseek_v3", deepseek::read),
    ("kimi_k2", deepseek::read),
    ("glm4_moe_lite", deepseek::read),
    ("mistral4", deepseek::read),
    ("bert", encoder::bert),
    ("roberta", encoder::bert),
    ("distilbert", encoder::bert),
    ("albert", encoder::albert),
    ("modernbert", encoder::modern),
    ("bart", encdec::bart),
    ("t5", encdec::t5),
    ("mt5", encdec::t5),
    ("mamba", ssm::mamba),
    ("falcon_mamba", ssm::mamba),
    ("mamba2", ssm::mamba2),
    ("nemotron_h", ssm::nemotron),
    ("falcon_h1", hybrid::falcon),
    ("granitemoehybrid", hybrid::granite),
    ("rwkv", ssm::rwkv),
    ("jamba", ssm::jamba),
];

/// Not language models.
const OTHERS: &[&str] = &["vit", "whisper", "clip", "siglip", "wav2vec2", "hubert", "dinov2", "sam"];

/// Reads a `config.json`.
///
/// # Errors
/// Every field that is missing or cannot be; an unknown architecture.
pub fn read(name: &str, config: &Value) -> Result<Model, Vec<ReadError>> {
    let Some(family) = config.get("model_type").and_then(Value::as_str) else {
        return Err(vec![ReadError::Missing("model_type".into())]);
    };
    if OTHERS.contains(&family) {
        return Err(vec![ReadError::OutOfScope(family.into())]);
    }
    match READERS.iter().find(|(known, _)| *known == family) {
        Some((_, reader)) => reader(name, family, config),
        None if config.get("vision_config").is_some() => Err(vec![ReadError::OutOfScope(family.into())]),
        None => {
            let near = nearest(family, READERS.iter().map(|(known, _)| *known));
            Err(vec![ReadError::UnknownType(family.into(), near)])
        }
    }
}

/// Every `model_type` that can be read.
pub fn families() -> impl Iterator<Item = &'static str> {
    READERS.iter().map(|(family, _)| *family)
}

//! Text models inside multimodal checkpoints: the text model, and the vision tower as weights that are stored.
//!
//! Training on text does not run the tower; its parameters are counted and kept in memory, its work is not.

use outlay_core::model::{Block, Model, Op, Role, Stream, Weights};
use serde_json::Value;

use super::error::ReadError;
use super::fields::Fields;
use super::{deepseek, delta, gemma, llama, mixture};

/// Reads a multimodal config whose text model is known.
pub(super) fn read(name: &str, family: &str, config: &Value) -> Result<Model, Vec<ReadError>> {
    let Some(text) = config.get("text_config").filter(|text| text.is_object()) else {
        return Err(vec![ReadError::Missing("text_config".into())]);
    };
    let empty = Value::Object(serde_json::Map::new());
    let tower = Fields::new(config.get("vision_config").unwrap_or(&empty));
    let model = match family {
        "llama4" => mixture::read(name, "llama4_text", text),
        "qwen3_5" | "qwen3_5_moe" => delta::read(name, family, text),
        "gemma4" => gemma::fourth(name, "gemma4_text", text),
        "mistral3" => match text.get("model_type").and_then(Value::as_str) {
            Some("mistral4") => deepseek::read(name, "mistral4", text),
            kind => llama::read(name, kind.unwrap_or("mistral"), text),
        },
        _ => gemma::read(name, "gemma3_text", text),
    };
    let elements = model.as_ref().map_or(0, |model| match family {
        "llama4" => pixel_shuffle(&tower, model.hidden),
        "qwen3_5" | "qwen3_5_moe" => merged(&tower, model.hidden),
        "gemma4" => pooled(&tower, model.hidden),
        "mistral3" => pixtral(&tower, model.hidden, &Fields::new(config)),
        _ => siglip(&tower, model.hidden),
    });
    let model = model?;
    let ops = vec![Op::Weights(Weights { name: "vision_tower", elements })];
    let block = Block { role: Role::Embedding, stream: Stream::Main, count: 1, stored: 1, ops };
    let blocks = std::iter::once(block).chain(model.blocks).collect();
    tower.done(Model { family: family.into(), blocks, ..model })
}

/// Parameters of transformer layers with biases and two layer norms.
fn layers(count: u64, hidden: u64, width: u64) -> u64 {
    let attention = 4 * (hidden * hidden + hidden);
    let feed = 2 * hidden * width + width + hidden;
    count * (attention + feed + 4 * hidden)
}

/// SigLIP without its pooling head, and Gemma 3's projector.
fn siglip(f: &Fields<'_>, text: u64) -> u64 {
    let hidden = f.count_or(&["hidden_size"], 1152);
    let (image, patch) = (f.count_or(&["image_size"], 896), f.count_or(&["patch_size"], 14));
    let side = image / patch.max(1);
    let embedding = 3 * patch * patch * hidden + hidden + side * side * hidden;
    let body = layers(f.count_or(&["num_hidden_layers"], 27), hidden, f.count_or(&["intermediate_size"], 4304));
    embedding + body + 2 * hidden + hidden * text + hidden
}

/// Llama 4's encoder with its pixel-shuffle adapter and projector.
fn pixel_shuffle(f: &Fields<'_>, text: u64) -> u64 {
    let hidden = f.count_or(&["hidden_size"], 768);
    let width = f.count_or(&["intermediate_size"], 5632);
    let (image, patch) = (f.count_or(&["image_size"], 448), f.count_or(&["patch_size"], 14));
    let side = image / patch.max(1);
    let embedding = 3 * patch * patch * hidden + hidden + (side * side + 1) * hidden + 4 * hidden;
    let body = layers(f.count_or(&["num_hidden_layers"], 34), hidden, width);
    let (into, out) = (f.count_or(&["projector_input_dim"], 4096), f.count_or(&["projector_output_dim"], 4096));
    embedding + body + width * into + into * out + f.count_or(&["vision_output_dim"], 7680) * text
}

/// Qwen's tower: patches over two frames, learned positions, and a merger of neighbouring patches.
fn merged(f: &Fields<'_>, text: u64) -> u64 {
    let hidden = f.count_or(&["hidden_size"], 1152);
    let (patch, frames) = (f.count_or(&["patch_size"], 16), f.count_or(&["temporal_patch_size"], 2));
    let embedding = f.count_or(&["in_channels"], 3) * frames * patch * patch * hidden + hidden;
    let positions = f.count_or(&["num_position_embeddings"], 2304) * hidden;
    let body = layers(f.count_or(&["depth"], 27), hidden, f.count_or(&["intermediate_size"], 4304));
    let side = f.count_or(&["spatial_merge_size"], 2);
    let together = side * side * hidden;
    let out = f.count_or(&["out_hidden_size"], text);
    embedding + positions + body + 2 * hidden + together * together + together + together * out + out
}

/// Pixtral's tower: gated layers without biases, and Mistral's merger of patches with its projector.
fn pixtral(f: &Fields<'_>, text: u64, around: &Fields<'_>) -> u64 {
    let hidden = f.count_or(&["hidden_size"], 1024);
    let patch = f.count_or(&["patch_size"], 16);
    let layer = 4 * hidden * hidden + 3 * hidden * f.count_or(&["intermediate_size"], 4096) + 2 * hidden;
    let embedding = f.count_or(&["num_channels"], 3) * patch * patch * hidden + hidden;
    let side = around.count_or(&["spatial_merge_size"], 2);
    let bias = if around.flag_or("multimodal_projector_bias", false) { 2 * text } else { 0 };
    let projector = hidden + side * side * hidden * hidden + hidden * text + text * text + bias;
    embedding + f.count_or(&["num_hidden_layers"], 24) * layer + projector
}

/// Gemma 4's tower: gated layers without biases between norms, positions by two axes, and a projector.
fn pooled(f: &Fields<'_>, text: u64) -> u64 {
    let hidden = f.count_or(&["hidden_size"], 1152);
    let (heads, patch) = (f.count_or(&["num_attention_heads"], 16), f.count_or(&["patch_size"], 16));
    let (head, kv) = (f.count_or(&["head_dim"], 72), f.count_or(&["num_key_value_heads"], heads));
    let attention = 2 * hidden * heads * head + 2 * hidden * kv * head + 2 * head;
    let feed = 3 * hidden * f.count_or(&["intermediate_size"], 4304);
    let body = f.count_or(&["num_hidden_layers"], 27) * (attention + feed + 4 * hidden);
    let positions = 2 * f.count_or(&["position_embedding_size"], 10240) * hidden;
    3 * patch * patch * hidden + positions + body + hidden * text
}

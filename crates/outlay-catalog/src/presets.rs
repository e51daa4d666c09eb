//! Model presets: configs of published checkpoints, compiled in, found by the names people use.
//!
//! Only the fields that fix memory and work are kept. The list below is checked against the folder and the index.

use serde::Deserialize;

use crate::error::TableError;
use crate::names::{is, key, nearest};

const INDEX: &str = include_str!("../data/models/index.toml");

/// A model that needs no file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preset {
    /// Its name.
    pub name: String,
    /// Other names.
    pub aliases: Vec<String>,
    /// Where its checkpoint lies on the model hub.
    pub hub: Option<String>,
    /// Other ids there whose checkpoints have the same architecture.
    pub also: Vec<String>,
    /// Where the config was read.
    pub source: String,
    /// Its `config.json`.
    pub config: &'static str,
}

impl Preset {
    /// Whether a name is one of this preset's own, rather than one that is only like them.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        self.has(&key(name))
    }

    /// One of its names has this key.
    fn has(&self, wanted: &str) -> bool {
        let others = self.aliases.iter().chain(&self.hub).chain(&self.also);
        std::iter::once(&self.name).chain(others).any(|own| is(own, wanted))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    model: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    aliases: Vec<String>,
    hub: Option<String>,
    #[serde(default)]
    also: Vec<String>,
    source: String,
}

pub(crate) fn read() -> Result<Vec<Preset>, Vec<TableError>> {
    let file: File = toml::from_str(INDEX).map_err(|e| vec![TableError::new("models", "-", e.message())])?;
    let preset = |row: Row| {
        let config = CONFIGS.iter().find(|(name, _)| *name == row.name).map(|(_, text)| *text);
        let config = config.ok_or_else(|| vec![TableError::new("models", &row.name, "no config of this name")])?;
        let Row { name, aliases, hub, also, source } = row;
        Ok(Preset { name, aliases, hub, also, source, config })
    };
    file.model.into_iter().map(preset).collect()
}

/// The preset people mean by a name; else the nearest names.
pub(crate) fn find<'a>(presets: &'a [Preset], name: &str) -> Result<&'a Preset, Vec<String>> {
    let wanted = key(name);
    let own = |preset: &&Preset| preset.has(&wanted);
    let names =
        || presets.iter().flat_map(|p| std::iter::once(p.name.as_str()).chain(p.aliases.iter().map(String::as_str)));
    let found = presets.iter().find(own).or_else(|| by_likeness(presets, name));
    found.ok_or_else(|| nearest(name, names()))
}

/// What a re-upload adds to a checkpoint's name without another architecture: how it was tuned, quantised or packed.
const ADDED: &[&str] = &[
    "instruct",
    "chat",
    "hf",
    "it",
    "pt",
    "base",
    "bnb",
    "4bit",
    "8bit",
    "gptq",
    "awq",
    "fp8",
    "gguf",
    "bf16",
    "fp16",
    "nf4",
    "nvfp4",
    "mxfp4",
    "int4",
    "int8",
    "unsloth",
    "sft",
    "dpo",
    "orpo",
    "kto",
    "deduped",
    "dynamic",
    "quantized",
    "prequantized",
    "linearized",
    "thinking",
    "reasoning",
    "meta",
    "mlx",
    "smashed",
    "abliterated",
];

/// A re-upload, a quantised form or a tuned form of a preset, by the name of a hub's repository alone.
pub(crate) fn by_likeness<'a>(presets: &'a [Preset], name: &str) -> Option<&'a Preset> {
    let (_, repository) = name.split_once('/').filter(|(org, rest)| !org.is_empty() && !rest.contains('/'))?;
    let bare = bare(repository);
    let same = |other: &str| !bare.is_empty() && self::bare(other.rsplit('/').next().unwrap_or(other)) == bare;
    let names = |preset: &&Preset| {
        same(&preset.name)
            || preset.aliases.iter().any(|alias| same(alias))
            || preset.hub.iter().chain(&preset.also).any(|hub| same(hub))
    };
    presets.iter().find(names)
}

/// A name without what re-uploads add, and without the month of a release.
fn bare(name: &str) -> String {
    let month = |word: &str| word.len() == 4 && word.parse::<u32>().is_ok_and(|n| (2301..=2712).contains(&n));
    let words =
        name.split(['-', '_']).filter(|word| !ADDED.contains(&word.to_ascii_lowercase().as_str()) && !month(word));
    key(&words.collect::<String>())
}

const CONFIGS: &[(&str, &str)] = &[
    ("afm-4.5b", include_str!("../data/models/afm-4.5b.json")),
    ("albert-base-v2", include_str!("../data/models/albert-base-v2.json")),
    ("albert-large-v2", include_str!("../data/models/albert-large-v2.json")),
    ("albert-xlarge-v2", include_str!("../data/models/albert-xlarge-v2.json")),
    ("albert-xxlarge-v2", include_str!("../data/models/albert-xxlarge-v2.json")),
    ("apertus-8b", include_str!("../data/models/apertus-8b.json")),
    ("aya-23-8b", include_str!("../data/models/aya-23-8b.json")),
    ("bart-large", include_str!("../data/models/bart-large.json")),
    ("bert-base-uncased", include_str!("../data/models/bert-base-uncased.json")),
    ("bert-large-uncased", include_str!("../data/models/bert-large-uncased.json")),
    ("bloom-176b", include_str!("../data/models/bloom-176b.json")),
    ("bloom-1b1", include_str!("../data/models/bloom-1b1.json")),
    ("bloom-7b1", include_str!("../data/models/bloom-7b1.json")),
    ("btlm-3b-8k", include_str!("../data/models/btlm-3b-8k.json")),
    ("codellama-13b", include_str!("../data/models/codellama-13b.json")),
    ("codellama-34b", include_str!("../data/models/codellama-34b.json")),
    ("codellama-7b", include_str!("../data/models/codellama-7b.json")),
    ("codestral-mamba-7b", include_str!("../data/models/codestral-mamba-7b.json")),
    ("command-r7b", include_str!("../data/models/command-r7b.json")),
    ("dbrx", include_str!("../data/models/dbrx.json")),
    ("deepseek-67b", include_str!("../data/models/deepseek-67b.json")),
    ("deepseek-coder-1.3b", include_str!("../data/models/deepseek-coder-1.3b.json")),
    ("deepseek-llm-7b", include_str!("../data/models/deepseek-llm-7b.json")),
    ("deepseek-v2", include_str!("../data/models/deepseek-v2.json")),
    ("deepseek-v2-lite", include_str!("../data/models/deepseek-v2-lite.json")),
    ("deepseek-v3", include_str!("../data/models/deepseek-v3.json")),
    ("distilbert-base", include_str!("../data/models/distilbert-base.json")),
    ("distilgpt2", include_str!("../data/models/distilgpt2.json")),
    ("falcon-180b", include_str!("../data/models/falcon-180b.json")),
    ("falcon-7b", include_str!("../data/models/falcon-7b.json")),
    ("falcon-h1-0.5b", include_str!("../data/models/falcon-h1-0.5b.json")),
    ("falcon-h1-1.5b-deep", include_str!("../data/models/falcon-h1-1.5b-deep.json")),
    ("falcon-h1-34b", include_str!("../data/models/falcon-h1-34b.json")),
    ("falcon-h1-3b", include_str!("../data/models/falcon-h1-3b.json")),
    ("falcon-mamba-7b", include_str!("../data/models/falcon-mamba-7b.json")),
    ("falcon-rw-1b", include_str!("../data/models/falcon-rw-1b.json")),
    ("falcon3-10b", include_str!("../data/models/falcon3-10b.json")),
    ("falcon3-1b", include_str!("../data/models/falcon3-1b.json")),
    ("falcon3-3b", include_str!("../data/models/falcon3-3b.json")),
    ("flan-t5-base", include_str!("../data/models/flan-t5-base.json")),
    ("flan-t5-large", include_str!("../data/models/flan-t5-large.json")),
    ("flan-t5-small", include_str!("../data/models/flan-t5-small.json")),
    ("flan-t5-xxl", include_str!("../data/models/flan-t5-xxl.json")),
    ("gemma-2-27b", include_str!("../data/models/gemma-2-27b.json")),
    ("gemma-2-2b", include_str!("../data/models/gemma-2-2b.json")),
    ("gemma-2-9b", include_str!("../data/models/gemma-2-9b.json")),
    ("gemma-2b", include_str!("../data/models/gemma-2b.json")),
    ("gemma-3-12b-text", include_str!("../data/models/gemma-3-12b-text.json")),
    ("gemma-3-1b", include_str!("../data/models/gemma-3-1b.json")),
    ("gemma-3-27b-text", include_str!("../data/models/gemma-3-27b-text.json")),
    ("gemma-7b", include_str!("../data/models/gemma-7b.json")),
    ("gemma3-12b", include_str!("../data/models/gemma3-12b.json")),
    ("gemma3-270m", include_str!("../data/models/gemma3-270m.json")),
    ("gemma3-27b", include_str!("../data/models/gemma3-27b.json")),
    ("gemma3-4b", include_str!("../data/models/gemma3-4b.json")),
    ("gemma3-4b-text", include_str!("../data/models/gemma3-4b-text.json")),
    ("gemma4-26b-a4b", include_str!("../data/models/gemma4-26b-a4b.json")),
    ("glm-4-32b", include_str!("../data/models/glm-4-32b.json")),
    ("glm-4.5-air", include_str!("../data/models/glm-4.5-air.json")),
    ("glm-4.7-flash", include_str!("../data/models/glm-4.7-flash.json")),
    ("gpt-j-6b", include_str!("../data/models/gpt-j-6b.json")),
    ("gpt-neo-1.3b", include_str!("../data/models/gpt-neo-1.3b.json")),
    ("gpt-neo-125m", include_str!("../data/models/gpt-neo-125m.json")),
    ("gpt-neo-2.7b", include_str!("../data/models/gpt-neo-2.7b.json")),
    ("gpt-neox-20b", include_str!("../data/models/gpt-neox-20b.json")),
    ("gpt-oss-120b", include_str!("../data/models/gpt-oss-120b.json")),
    ("gpt-oss-20b", include_str!("../data/models/gpt-oss-20b.json")),
    ("gpt2-large", include_str!("../data/models/gpt2-large.json")),
    ("gpt2-medium", include_str!("../data/models/gpt2-medium.json")),
    ("gpt2-xl", include_str!("../data/models/gpt2-xl.json")),
    ("granite-3-1b-a400m", include_str!("../data/models/granite-3-1b-a400m.json")),
    ("granite-3-2b", include_str!("../data/models/granite-3-2b.json")),
    ("granite-3-8b", include_str!("../data/models/granite-3-8b.json")),
    ("granite-4.0-tiny-preview", include_str!("../data/models/granite-4.0-tiny-preview.json")),
    ("jamba-1.5-large", include_str!("../data/models/jamba-1.5-large.json")),
    ("jamba-v0.1", include_str!("../data/models/jamba-v0.1.json")),
    ("kimi-k2", include_str!("../data/models/kimi-k2.json")),
    ("llama-1-33b", include_str!("../data/models/llama-1-33b.json")),
    ("llama-1-65b", include_str!("../data/models/llama-1-65b.json")),
    ("llama-2-13b", include_str!("../data/models/llama-2-13b.json")),
    ("llama-2-70b", include_str!("../data/models/llama-2-70b.json")),
    ("llama-2-7b", include_str!("../data/models/llama-2-7b.json")),
    ("llama-3.1-8b", include_str!("../data/models/llama-3.1-8b.json")),
    ("llama-3.2-1b", include_str!("../data/models/llama-3.2-1b.json")),
    ("llama-3.2-3b", include_str!("../data/models/llama-3.2-3b.json")),
    ("llama-7b", include_str!("../data/models/llama-7b.json")),
    ("llama3-70b", include_str!("../data/models/llama3-70b.json")),
    ("llama3.1-405b", include_str!("../data/models/llama3.1-405b.json")),
    ("llama3.1-70b", include_str!("../data/models/llama3.1-70b.json")),
    ("llama4-maverick", include_str!("../data/models/llama4-maverick.json")),
    ("llama4-scout", include_str!("../data/models/llama4-scout.json")),
    ("mamba-1.4b", include_str!("../data/models/mamba-1.4b.json")),
    ("mamba-130m", include_str!("../data/models/mamba-130m.json")),
    ("mamba-2.8b", include_str!("../data/models/mamba-2.8b.json")),
    ("mamba-370m", include_str!("../data/models/mamba-370m.json")),
    ("mamba2-1.3b", include_str!("../data/models/mamba2-1.3b.json")),
    ("mamba2-130m", include_str!("../data/models/mamba2-130m.json")),
    ("mamba2-2.7b", include_str!("../data/models/mamba2-2.7b.json")),
    ("mamba2-370m", include_str!("../data/models/mamba2-370m.json")),
    ("mamba2-780m", include_str!("../data/models/mamba2-780m.json")),
    ("minimax-m2.5", include_str!("../data/models/minimax-m2.5.json")),
    ("ministral-3-3b-text", include_str!("../data/models/ministral-3-3b-text.json")),
    ("ministral-3-8b-text", include_str!("../data/models/ministral-3-8b-text.json")),
    ("ministral-8b", include_str!("../data/models/ministral-8b.json")),
    ("mistral-7b-v0.1", include_str!("../data/models/mistral-7b-v0.1.json")),
    ("mistral-7b-v0.2", include_str!("../data/models/mistral-7b-v0.2.json")),
    ("mistral-7b-v0.3", include_str!("../data/models/mistral-7b-v0.3.json")),
    ("mistral-large-123b", include_str!("../data/models/mistral-large-123b.json")),
    ("mistral-nemo-12b", include_str!("../data/models/mistral-nemo-12b.json")),
    ("mistral-small-24b", include_str!("../data/models/mistral-small-24b.json")),
    ("mistral-small-4-119b-text", include_str!("../data/models/mistral-small-4-119b-text.json")),
    ("mixtral-8x22b", include_str!("../data/models/mixtral-8x22b.json")),
    ("mixtral-8x7b", include_str!("../data/models/mixtral-8x7b.json")),
    ("modernbert-base", include_str!("../data/models/modernbert-base.json")),
    ("modernbert-large", include_str!("../data/models/modernbert-large.json")),
    ("moonlight-16b-a3b", include_str!("../data/models/moonlight-16b-a3b.json")),
    ("mpt-7b", include_str!("../data/models/mpt-7b.json")),
    ("mt5-small", include_str!("../data/models/mt5-small.json")),
    ("nemotron-3-nano-30b-a3b", include_str!("../data/models/nemotron-3-nano-30b-a3b.json")),
    ("nemotron-3-super-120b-a12b", include_str!("../data/models/nemotron-3-super-120b-a12b.json")),
    ("nemotron-h-56b", include_str!("../data/models/nemotron-h-56b.json")),
    ("nemotron-mini-4b", include_str!("../data/models/nemotron-mini-4b.json")),
    ("olmo-1b", include_str!("../data/models/olmo-1b.json")),
    ("olmo-7b", include_str!("../data/models/olmo-7b.json")),
    ("olmo2-13b", include_str!("../data/models/olmo2-13b.json")),
    ("olmo2-1b", include_str!("../data/models/olmo2-1b.json")),
    ("olmo2-32b", include_str!("../data/models/olmo2-32b.json")),
    ("olmo2-7b", include_str!("../data/models/olmo2-7b.json")),
    ("olmoe-1b-7b", include_str!("../data/models/olmoe-1b-7b.json")),
    ("open-llama-3b", include_str!("../data/models/open-llama-3b.json")),
    ("opt-1.3b", include_str!("../data/models/opt-1.3b.json")),
    ("opt-125m", include_str!("../data/models/opt-125m.json")),
    ("opt-66b", include_str!("../data/models/opt-66b.json")),
    ("phi-1_5", include_str!("../data/models/phi-1_5.json")),
    ("phi-2", include_str!("../data/models/phi-2.json")),
    ("phi-3-medium", include_str!("../data/models/phi-3-medium.json")),
    ("phi-3-mini", include_str!("../data/models/phi-3-mini.json")),
    ("phi-4-mini", include_str!("../data/models/phi-4-mini.json")),
    ("phi3.5-moe", include_str!("../data/models/phi3.5-moe.json")),
    ("phi4", include_str!("../data/models/phi4.json")),
    ("pythia-1.4b", include_str!("../data/models/pythia-1.4b.json")),
    ("pythia-12b", include_str!("../data/models/pythia-12b.json")),
    ("pythia-14m", include_str!("../data/models/pythia-14m.json")),
    ("pythia-160m", include_str!("../data/models/pythia-160m.json")),
    ("pythia-1b", include_str!("../data/models/pythia-1b.json")),
    ("pythia-2.8b", include_str!("../data/models/pythia-2.8b.json")),
    ("pythia-410m", include_str!("../data/models/pythia-410m.json")),
    ("pythia-6.9b", include_str!("../data/models/pythia-6.9b.json")),
    ("pythia-70m", include_str!("../data/models/pythia-70m.json")),
    ("qwen1.5-0.5b", include_str!("../data/models/qwen1.5-0.5b.json")),
    ("qwen1.5-1.8b", include_str!("../data/models/qwen1.5-1.8b.json")),
    ("qwen1.5-110b", include_str!("../data/models/qwen1.5-110b.json")),
    ("qwen1.5-14b", include_str!("../data/models/qwen1.5-14b.json")),
    ("qwen1.5-4b", include_str!("../data/models/qwen1.5-4b.json")),
    ("qwen1.5-72b", include_str!("../data/models/qwen1.5-72b.json")),
    ("qwen1.5-7b", include_str!("../data/models/qwen1.5-7b.json")),
    ("qwen1.5-moe-a2.7b", include_str!("../data/models/qwen1.5-moe-a2.7b.json")),
    ("qwen2-57b-a14b", include_str!("../data/models/qwen2-57b-a14b.json")),
    ("qwen2-72b", include_str!("../data/models/qwen2-72b.json")),
    ("qwen2-7b", include_str!("../data/models/qwen2-7b.json")),
    ("qwen2.5-0.5b", include_str!("../data/models/qwen2.5-0.5b.json")),
    ("qwen2.5-1.5b", include_str!("../data/models/qwen2.5-1.5b.json")),
    ("qwen2.5-14b", include_str!("../data/models/qwen2.5-14b.json")),
    ("qwen2.5-32b", include_str!("../data/models/qwen2.5-32b.json")),
    ("qwen2.5-3b", include_str!("../data/models/qwen2.5-3b.json")),
    ("qwen2.5-72b", include_str!("../data/models/qwen2.5-72b.json")),
    ("qwen3-0.6b", include_str!("../data/models/qwen3-0.6b.json")),
    ("qwen3-1.7b", include_str!("../data/models/qwen3-1.7b.json")),
    ("qwen3-14b", include_str!("../data/models/qwen3-14b.json")),
    ("qwen3-235b-a22b", include_str!("../data/models/qwen3-235b-a22b.json")),
    ("qwen3-30b-a3b", include_str!("../data/models/qwen3-30b-a3b.json")),
    ("qwen3-32b", include_str!("../data/models/qwen3-32b.json")),
    ("qwen3-4b", include_str!("../data/models/qwen3-4b.json")),
    ("qwen3-8b", include_str!("../data/models/qwen3-8b.json")),
    ("qwen3-coder-480b-a35b", include_str!("../data/models/qwen3-coder-480b-a35b.json")),
    ("qwen3-next-80b-a3b", include_str!("../data/models/qwen3-next-80b-a3b.json")),
    ("qwen3.5-122b-a10b", include_str!("../data/models/qwen3.5-122b-a10b.json")),
    ("qwen3.5-27b", include_str!("../data/models/qwen3.5-27b.json")),
    ("qwen3.5-397b-a17b", include_str!("../data/models/qwen3.5-397b-a17b.json")),
    ("qwen3.5-35b-a3b", include_str!("../data/models/qwen3.5-35b-a3b.json")),
    ("redpajama-incite-3b", include_str!("../data/models/redpajama-incite-3b.json")),
    ("roberta-base", include_str!("../data/models/roberta-base.json")),
    ("roberta-large", include_str!("../data/models/roberta-large.json")),
    ("rwkv-4-14b", include_str!("../data/models/rwkv-4-14b.json")),
    ("rwkv-4-1b5", include_str!("../data/models/rwkv-4-1b5.json")),
    ("rwkv-4-3b", include_str!("../data/models/rwkv-4-3b.json")),
    ("rwkv-4-430m", include_str!("../data/models/rwkv-4-430m.json")),
    ("rwkv-4-7b", include_str!("../data/models/rwkv-4-7b.json")),
    ("smollm2-1.7b", include_str!("../data/models/smollm2-1.7b.json")),
    ("smollm2-135m", include_str!("../data/models/smollm2-135m.json")),
    ("smollm2-360m", include_str!("../data/models/smollm2-360m.json")),
    ("smollm3-3b", include_str!("../data/models/smollm3-3b.json")),
    ("solar-10.7b", include_str!("../data/models/solar-10.7b.json")),
    ("stablelm-2-1.6b", include_str!("../data/models/stablelm-2-1.6b.json")),
    ("stablelm-3b-4e1t", include_str!("../data/models/stablelm-3b-4e1t.json")),
    ("starcoder-15b", include_str!("../data/models/starcoder-15b.json")),
    ("starcoder2-15b", include_str!("../data/models/starcoder2-15b.json")),
    ("starcoder2-3b", include_str!("../data/models/starcoder2-3b.json")),
    ("t5-3b", include_str!("../data/models/t5-3b.json")),
    ("t5-base", include_str!("../data/models/t5-base.json")),
    ("tinyllama-1.1b", include_str!("../data/models/tinyllama-1.1b.json")),
    ("trinity-mini", include_str!("../data/models/trinity-mini.json")),
    ("trinity-nano", include_str!("../data/models/trinity-nano.json")),
    ("yi-34b", include_str!("../data/models/yi-34b.json")),
    ("yi-6b", include_str!("../data/models/yi-6b.json")),
    ("yi-9b", include_str!("../data/models/yi-9b.json")),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn list_index_and_folder_agree() {
        let presets = read().expect("the index is well-formed");
        assert!(presets.len() >= 60, "{}", presets.len());
        let listed: BTreeSet<String> = CONFIGS.iter().map(|(name, _)| (*name).to_owned()).collect();
        let indexed: BTreeSet<String> = presets.iter().map(|preset| preset.name.clone()).collect();
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/data/models");
        let files: BTreeSet<String> = std::fs::read_dir(folder)
            .expect("the folder is there")
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".json").map(str::to_owned))
            .collect();
        assert_eq!(listed, indexed);
        assert_eq!(listed, files);
        let mut names = BTreeSet::new();
        let own = |p: &Preset| {
            [vec![p.name.clone()], p.aliases.clone(), p.hub.iter().chain(&p.also).cloned().collect()].concat()
        };
        for name in &presets.iter().flat_map(own).collect::<BTreeSet<String>>() {
            assert!(names.insert(key(name)), "{name} names two presets");
        }
    }

    #[test]
    fn likeness_does_not_reach_too_far() {
        let presets = read().expect("the index is well-formed");
        for name in
            ["org/qwen3-9b", "org/llama-3.1-8b-vision", "org/qwen2.5-vl-7b", "base", "org/instruct", "a/b/llama-3.1-8b"]
        {
            assert!(find(&presets, name).is_err(), "{name}");
        }
    }

    #[test]
    fn people_s_names_are_understood() {
        let presets = read().expect("the index is well-formed");
        for (name, want) in [
            ("Llama 3.1 8B", "llama-3.1-8b"),
            ("mistral-7b", "mistral-7b-v0.1"),
            ("meta-llama/Llama-3.1-8B", "llama-3.1-8b"),
            ("NousResearch/Meta-Llama-3-8B", "llama-3.1-8b"),
            ("meta-llama/Llama-3.1-8B-Instruct", "llama-3.1-8b"),
            ("unsloth/Llama-3.2-1B-Instruct-bnb-4bit", "llama-3.2-1b"),
            ("unsloth/mistral-7b-instruct-v0.3-bnb-4bit", "mistral-7b-v0.3"),
            ("Qwen/Qwen3-8B", "qwen3-8b"),
            ("Qwen/Qwen3-4B-Instruct-2507", "qwen3-4b"),
            ("TheBloke/Llama-2-7B-GPTQ", "llama-2-7b"),
            ("Qwen/Qwen2.5-7B-Instruct", "qwen2-7b"),
            ("google/gemma-3-12b-it", "gemma3-12b"),
            ("google/gemma-2-9b-it", "gemma-2-9b"),
        ] {
            assert_eq!(find(&presets, name).map(|p| p.name.as_str()), Ok(want));
        }
    }
}

//! Axolotl's YAML.

use outlay::request::Targets;
use serde_json::{Map, Value};

use crate::fields::Fields;
use crate::hf::{self, Adapters};

const KEYS: &str = include_str!("../data/axolotl.txt");

pub(crate) fn recognises(config: &Map<String, Value>) -> bool {
    let rest = ["sequence_len", "micro_batch_size", "datasets", "pretraining_dataset", "adapter"];
    config.contains_key("base_model") && rest.iter().any(|key| config.contains_key(*key))
}

pub(crate) fn read(fields: &mut Fields<'_>) {
    fields.knows(KEYS);
    fields.knows(hf::KEYS);
    if let Some(model) = fields.text(&["base_model"]) {
        fields.became("base_model", format!("model.base = {model}"));
        fields.request.model.base = Some(model);
    }
    let seq = fields.count(&["sequence_len"]).unwrap_or(512);
    fields.request.data.seq_len = Some(seq);
    fields.became("sequence_len", format!("data.seq_len = {seq}"));
    let packed = fields.switch(&["sample_packing"]).unwrap_or(false) || fields.get(&["pretraining_dataset"]).is_some();
    fields.request.data.packing = Some(packed);
    fields.became("sample_packing", format!("data.packing = {packed}"));
    let each = fields.count(&["micro_batch_size"]).unwrap_or(1).max(1);
    let whole = fields.count(&["batch_size"]);
    let devices = fields.accelerators.unwrap_or(1).max(1);
    let accumulation = fields
        .count(&["gradient_accumulation_steps"])
        .or_else(|| whole.map(|whole| (whole / each / devices).max(1)))
        .unwrap_or(1)
        .max(1);
    fields.batch(each, accumulation, "micro_batch_size");
    let (epochs, steps) = (fields.number(&["num_epochs"]).unwrap_or(1.0), fields.count(&["max_steps"]));
    fields.length(Some(epochs), steps);
    hf::optimizer(fields, "adamw_torch_fused");
    hf::schedule(fields, "cosine");
    hf::precision(fields, true);
    hf::recompute(fields, false);
    hf::sharding(fields);
    let flash = fields.switch(&["flash_attention"]) == Some(true);
    let sdpa = fields.switch(&["sdp_attention"]) == Some(true);
    let named = fields.text(&["attn_implementation"]);
    let attention = named.or(if flash {
        Some("flash_attention_2".into())
    } else if sdpa {
        Some("sdpa".into())
    } else {
        None
    });
    hf::attention(fields, attention);
    method(fields);
    hf::fused_loss(fields, &["cut_cross_entropy"]);
    hf::fused_loss(fields, &["liger_fused_linear_cross_entropy"]);
    if fields.switch(&["torch_compile"]) == Some(true) {
        fields.request.train.compile = Some(true);
        fields.became("torch_compile", "train.compile = true");
    }
    widths(fields);
    hf::not_counted(
        fields,
        &["rl"],
        "preference and reward training are not counted: the figures are those of plain training",
    );
    hf::not_counted(fields, &["unfrozen_parameters"], "all parameters are taken as trained");
}

fn widths(fields: &mut Fields<'_>) {
    if let Some(tp) = fields.count(&["tensor_parallel_size"]).filter(|tp| *tp > 1) {
        fields.request.layout.tp = Some(tp);
        fields.became("tensor_parallel_size", format!("layout.tp = {tp}"));
    }
    if let Some(cp) = fields.count(&["context_parallel_size", "sequence_parallel_degree"]).filter(|cp| *cp > 1) {
        fields.request.layout.cp = Some(cp);
        fields.became("context_parallel_size", format!("layout.cp = {cp}"));
    }
}

fn method(fields: &mut Fields<'_>) {
    let adapter = fields.text(&["adapter"]);
    let four = fields.switch(&["load_in_4bit"]) == Some(true);
    let eight = fields.switch(&["load_in_8bit"]) == Some(true);
    let rank = fields.count(&["lora_r"]).unwrap_or(8);
    let dropout = fields.number(&["lora_dropout"]).unwrap_or(0.0);
    let dora = fields.switch(&["peft_use_dora"]) == Some(true);
    let linear = fields.switch(&["lora_target_linear"]) == Some(true);
    let names = fields.names(&["lora_target_modules"]);
    match adapter.as_deref() {
        Some(kind @ ("lora" | "qlora")) => {
            let targets = match (linear || names.is_empty(), names) {
                (true, _) => Targets::One("all-linear".into()),
                (false, names) => Targets::Many(names),
            };
            let base = if four || kind == "qlora" && !eight {
                "nf4"
            } else if eight {
                "int8"
            } else {
                "bf16"
            };
            hf::adapters(fields, Adapters { rank, targets, dropout, base, dora, double_quant: true });
        }
        Some(other) => fields.warn(format!("adapter {other} is not known: every parameter is taken as trained")),
        None => {
            fields.request.method.kind = Some("full".into());
            fields.became("adapter", "method.kind = full");
        }
    }
}

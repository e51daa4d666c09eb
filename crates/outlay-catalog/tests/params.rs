//! Every config of the evidence that is read has exactly the published parameter counts.

use outlay_catalog::model;
use outlay_core::model::params;

const EVIDENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../accuracy/evidence");

fn config(name: &str) -> serde_json::Value {
    let path = format!("{EVIDENCE}/configs/{name}.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    model::json(&text).unwrap_or_else(|e| panic!("{path}: {e}"))
}

#[test]
fn counts_are_exact() {
    let mut reader = csv::Reader::from_path(format!("{EVIDENCE}/params.csv")).expect("the table is there");
    let (mut read, mut unread, mut off) = (0, Vec::new(), Vec::new());
    for row in reader.records() {
        let row = row.expect("a well-formed row");
        let (name, total, active) = (&row[0], &row[2], &row[3]);
        match model::read(name, &config(name)) {
            Err(errors) => unread.push(format!("{name}: {}", errors[0])),
            Ok(model) => {
                read += 1;
                let got = (params::total(&model), params::active(&model));
                let want: (u64, u64) = (total.parse().expect("a count"), active.parse().expect("a count"));
                if got != want {
                    let diff = (got.0 as i64 - want.0 as i64, got.1 as i64 - want.1 as i64);
                    off.push(format!("{name} ({}): got {got:?}, want {want:?}, off by {diff:?}", &row[1]));
                }
            }
        }
    }
    assert!(
        off.is_empty(),
        "{} of {read} read are off:\n{}\nunread:\n{}",
        off.len(),
        off.join("\n"),
        unread.join("\n")
    );
}

#[test]
fn nearly_every_config_is_read() {
    let mut names: Vec<String> = std::fs::read_dir(format!("{EVIDENCE}/configs"))
        .expect("the folder is there")
        .filter_map(|entry| Some(entry.ok()?.file_name().to_str()?.strip_suffix(".json")?.to_owned()))
        .collect();
    names.sort();
    let unread: Vec<String> = names
        .iter()
        .filter_map(|name| model::read(name, &config(name)).err().map(|e| format!("{name}: {}", e[0])))
        .collect();
    let share = 1.0 - unread.len() as f64 / names.len() as f64;
    assert!(share >= READ_AT_LEAST, "{:.1} % read; unread:\n{}", share * 100.0, unread.join("\n"));
}

/// Share of all configs that must be read.
const READ_AT_LEAST: f64 = 0.95;

#[test]
fn a_qwen_window_is_off_unless_switched_on() {
    use outlay_core::model::Mask;
    let mask = |family: &str, switch: Option<bool>| {
        let mut config = config("llama-2-7b");
        config["model_type"] = family.into();
        config["sliding_window"] = 1024.into();
        config["use_sliding_window"] = switch.map_or(serde_json::Value::Null, Into::into);
        let model = model::read("a", &config).unwrap_or_else(|e| panic!("{}", e[0]));
        model.attention().map(|a| a.mask)
    };
    assert_eq!(mask("qwen2", None), Some(Mask::Causal));
    assert_eq!(mask("qwen2", Some(true)), Some(Mask::Window { window: 1024 }));
    assert_eq!(mask("mistral", None), Some(Mask::Window { window: 1024 }));
}

/// Parameters of published checkpoints, as their model cards and weights count them.
const PRESETS: &[(&str, u64)] = &[
    ("afm-4.5b", 4_619_189_760),
    ("apertus-8b", 8_053_338_176),
    ("btlm-3b-8k", 2_646_255_744),
    ("codellama-13b", 13_016_028_160),
    ("dbrx", 131_596_523_520),
    ("falcon-7b", 6_921_720_704),
    ("falcon-h1-0.5b", 521_411_104),
    ("falcon-h1-1.5b-deep", 1_554_770_832),
    ("falcon-h1-34b", 33_642_516_224),
    ("falcon-h1-3b", 3_149_256_192),
    ("gemma-7b", 8_537_680_896),
    ("glm-4-32b", 32_566_081_536),
    ("glm-4.5-air", 106_852_245_504),
    ("glm-4.7-flash", 29_943_390_976),
    ("granite-3-2b", 2_533_531_648),
    ("granite-3-8b", 8_170_848_256),
    ("granite-4.0-tiny-preview", 6_673_296_960),
    ("llama4-maverick", 401_167_027_200),
    ("ministral-3-3b-text", 3_429_006_336),
    ("ministral-3-8b-text", 8_489_553_920),
    ("mistral-7b-v0.2", 7_241_732_096),
    ("mistral-7b-v0.3", 7_248_023_552),
    ("mistral-nemo-12b", 12_247_782_400),
    ("mistral-small-4-119b-text", 118_972_826_624),
    ("mpt-7b", 6_649_286_656),
    ("olmo2-13b", 13_716_198_400),
    ("olmo2-32b", 32_234_279_936),
    ("phi-2", 2_779_683_840),
    ("phi-3-medium", 13_960_238_080),
    ("phi-3-mini", 3_821_079_552),
    ("phi-4-mini", 3_836_021_760),
    ("pythia-12b", 11_846_072_320),
    ("pythia-1b", 1_011_781_632),
    ("pythia-2.8b", 2_775_208_960),
    ("pythia-6.9b", 6_857_302_016),
    ("qwen1.5-0.5b", 463_987_712),
    ("qwen1.5-1.8b", 1_836_828_672),
    ("qwen1.5-4b", 3_950_369_280),
    ("qwen1.5-moe-a2.7b", 14_315_784_192),
    ("qwen2.5-14b", 14_770_033_664),
    ("qwen2.5-32b", 32_763_876_352),
    ("qwen2.5-3b", 3_085_938_688),
    ("qwen3-0.6b", 596_049_920),
    ("qwen3-1.7b", 1_720_574_976),
    ("qwen3-32b", 32_762_123_264),
    ("qwen3-4b", 4_022_468_096),
    ("qwen3-8b", 8_190_735_360),
    ("qwen3-next-80b-a3b", 79_674_391_296),
    ("qwen3.5-122b-a10b", 122_562_817_776),
    ("qwen3.5-397b-a17b", 396_802_360_816),
    ("redpajama-incite-3b", 2_775_864_320),
    ("smollm2-1.7b", 1_711_376_384),
    ("smollm2-135m", 134_515_008),
    ("stablelm-2-1.6b", 1_644_515_328),
    ("tinyllama-1.1b", 1_100_048_384),
    ("trinity-mini", 26_123_974_400),
    ("trinity-nano", 6_120_003_328),
];

#[test]
fn presets_without_a_row_of_evidence_count_exactly() {
    let catalog = outlay_catalog::Catalog::built_in();
    let mut off = Vec::new();
    for (name, want) in PRESETS {
        let preset = catalog.preset(name).expect("a preset");
        let config = model::json(preset.config).expect("JSON");
        let got = params::total(&model::read(name, &config).unwrap_or_else(|errors| panic!("{name}: {errors:?}")));
        if got != *want {
            off.push(format!("{name}: got {got}, want {want}"));
        }
    }
    assert!(off.is_empty(), "{}", off.join("\n"));
}

#[test]
fn mistrals_tower_and_projector_count_exactly() {
    let config = serde_json::json!({
        "model_type": "mistral3", "multimodal_projector_bias": false, "spatial_merge_size": 2,
        "text_config": {
            "model_type": "mistral", "head_dim": 128, "hidden_size": 5120, "intermediate_size": 32768,
            "num_attention_heads": 32, "num_hidden_layers": 40, "num_key_value_heads": 8, "vocab_size": 131_072,
        },
        "vision_config": {
            "hidden_size": 1024, "intermediate_size": 4096, "num_attention_heads": 16, "num_hidden_layers": 24,
            "patch_size": 14,
        },
    });
    let model = model::read("mistral-small-3.1", &config).unwrap_or_else(|errors| panic!("{errors:?}"));
    assert_eq!(params::total(&model), 24_011_361_280);
}

#[test]
fn granites_hybrid_counts_exactly() {
    let kinds: Vec<&str> = (0..40).map(|at| if at % 10 == 5 { "attention" } else { "mamba" }).collect();
    let config = serde_json::json!({
        "model_type": "granitemoehybrid", "hidden_size": 1536, "intermediate_size": 512, "layer_types": kinds,
        "mamba_d_state": 128, "mamba_n_heads": 48, "num_attention_heads": 12, "num_experts_per_tok": 6,
        "num_hidden_layers": 40, "num_key_value_heads": 4, "num_local_experts": 64, "position_embedding_type": "nope",
        "shared_intermediate_size": 1024, "tie_word_embeddings": true, "vocab_size": 100_352,
    });
    let model = model::read("granite", &config).unwrap_or_else(|errors| panic!("{errors:?}"));
    assert_eq!(params::total(&model), 6_939_037_248);
}

#[test]
fn every_other_layer_of_maverick_is_dense_and_sees_a_chunk() {
    use outlay_core::model::{Mask, Op};
    let preset = outlay_catalog::Catalog::built_in().preset("llama4-maverick").expect("a preset").config;
    let model = model::read("maverick", &model::json(preset).expect("JSON")).unwrap_or_else(|e| panic!("{}", e[0]));
    let count = |mixture: bool, whole: bool| -> u64 {
        let is = |ops: &[Op]| {
            ops.iter().any(|op| matches!(op, Op::Experts(_))) == mixture
                && ops.iter().any(|op| matches!(op, Op::Attention(a) if (a.mask == Mask::Causal) == whole))
        };
        model.blocks.iter().filter(|block| is(&block.ops)).map(|block| block.count).sum()
    };
    assert_eq!([count(false, false), count(false, true), count(true, false), count(true, true)], [24, 0, 12, 12]);
}

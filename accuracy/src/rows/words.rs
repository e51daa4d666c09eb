//! The words of evidence tables for hardware, kernels and settings, in the words of a job file.
//!
//! Each function reads the conventions of the field ("4x100Gb/s … per node"), not particular rows. Blank stays blank.

use outlay::request::{HardwareRequest, TrainRequest};

use super::library::key;
use crate::table::{Row, Unscorable};

/// An accelerator of the catalog, as far as a row's name for it must be recognised.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownAccelerator {
    /// Its key.
    pub id: String,
    /// Its name and other names.
    pub names: Vec<String>,
    /// Its memory, GiB.
    pub memory_gib: f64,
}

/// The key of the accelerator that a row means by a name and a memory size.
///
/// A name may say more than the catalog's (`… 96GB 500W`) or less (`A100`); the longest common name wins, then the
/// memory nearest to the one stated.
#[must_use]
pub fn accelerator(name: &str, memory_gb: Option<f64>, known: &[KnownAccelerator]) -> Option<String> {
    let wanted = key(name);
    if wanted.is_empty() {
        return None;
    }
    let length = |part: &KnownAccelerator| {
        let names = part.names.iter().chain([&part.id]).map(|each| key(each));
        names.map(|each| agreement(&wanted, &each)).max().unwrap_or(0)
    };
    let memory_gb = memory_gb.or_else(|| memory_in(&wanted).map(|(_, _, size)| size));
    let distance = |part: &KnownAccelerator| memory_gb.map_or(0.0, |gb| (part.memory_gib / gb).ln().abs());
    let best = known.iter().map(length).max().filter(|length| *length > 0)?;
    let near = known.iter().filter(|part| length(part) == best);
    near.min_by(|a, b| distance(a).total_cmp(&distance(b)).then_with(|| a.id.cmp(&b.id))).map(|part| part.id.clone())
}

/// Letters in which two names agree, one being the beginning of the other once memory sizes are left out.
fn agreement(a: &str, b: &str) -> usize {
    let (a, b) = (without_memory(a), without_memory(b));
    if a == b {
        return 2 * a.len();
    }
    let shorter = a.len().min(b.len());
    if shorter > 0 && (a.starts_with(&b) || b.starts_with(&a)) { shorter } else { 0 }
}

/// A key without its maker and without `80gb` and the like.
fn without_memory(key: &str) -> String {
    let makers = ["nvidia", "amd", "intel", "google", "aws", "geforce", "instinct", "tesla"];
    let bare = makers.iter().find_map(|maker| key.strip_prefix(maker)).unwrap_or(key);
    memory_in(bare).map_or_else(|| bare.to_owned(), |(at, end, _)| format!("{}{}", &bare[..at], &bare[end..]))
}

/// A memory size in a key: where it begins and ends, and the size. `gb200` holds none, `a10080gb` holds 80.
fn memory_in(key: &str) -> Option<(usize, usize, f64)> {
    let end = key.find("gb").filter(|at| *at > 0)?;
    let digits = key[..end].chars().rev().take_while(char::is_ascii_digit).count();
    // Three digits only where they are a size that exists; the digits before belong to the part's number.
    let three = ["128", "141", "144", "180", "186", "192", "256", "268", "279", "288"];
    let length = if digits >= 3 && three.contains(&&key[end - 3..end]) { 3 } else { digits.min(2) };
    let size = key[end - length..end].parse().ok()?;
    Some((end - length, end + 2, size))
}

/// Bandwidth of a network in Gbit/s for each accelerator, from text such as `4x100Gb/s Omni-Path per node`.
///
/// A rate "per GPU" is taken as it stands; `4x100` and "per node" are a node's; a bare rate above 800, which no single
/// port reaches, is a node's too.
#[must_use]
pub fn network_gbit(text: &str, per_node: u64) -> Option<f64> {
    let text = text.to_lowercase();
    let at = ["gb/s", "gbps", "gbit/s"].iter().filter_map(|unit| text.find(unit)).min()?;
    let before = &text[..at];
    let number = |s: &str| -> String {
        let reversed: String = s.trim_end().chars().rev().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
        reversed.chars().rev().collect()
    };
    let rate_text = number(before);
    let rate: f64 = rate_text.parse().ok()?;
    let rest = &before.trim_end()[..before.trim_end().len() - rate_text.len()];
    let ports: Option<f64> = rest.trim_end().strip_suffix('x').and_then(|rest| number(rest).parse().ok());
    let each = ["per gpu", "per accelerator", "per card", "per chip"].iter().any(|word| text.contains(word));
    let whole = ports.is_some() || text.contains("per node") || rate > 800.0;
    let total = rate * ports.unwrap_or(1.0);
    Some(if each || !whole { total } else { total / per_node.max(1) as f64 })
}

/// Technology of the network between nodes.
#[must_use]
pub fn network(text: &str) -> Option<&'static str> {
    let text = text.to_lowercase();
    let known = [
        ("omni-path", "omni-path"),
        ("infiniband", "infiniband"),
        (" ib", "infiniband"),
        ("roce", "roce"),
        ("efa", "efa"),
        ("dcn", "tcp"),
        ("tcp", "tcp"),
        ("ethernet", "tcp"),
    ];
    known.iter().find(|(word, _)| text.contains(word)).map(|(_, technology)| *technology)
}

/// Accelerators of one fast domain, from `…NVL72`.
#[must_use]
pub fn domain(text: &str) -> Option<u64> {
    let lower = text.to_lowercase();
    let rest = &lower
        [lower.find("nvl").filter(|at| !lower[*at..].starts_with("nvlink")).or_else(|| lower.rfind("nvl"))? + 3..];
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok().filter(|n| *n > 8)
}

/// Technology of the link inside a node, where the row's words say another than its accelerator usually has.
#[must_use]
pub fn link(text: &str) -> Option<&'static str> {
    text.to_lowercase().contains("pcie").then_some("pcie")
}

/// The machines of a row.
///
/// # Errors
/// The row names no known accelerator or no number of them.
pub fn hardware(row: &Row<'_>, known: &[KnownAccelerator]) -> Result<HardwareRequest, Unscorable> {
    let name = row.text("gpu").ok_or_else(|| Unscorable::new("no accelerator stated"))?;
    let id = accelerator(name, row.positive("gpu_mem_gb")?, known)
        .ok_or_else(|| Unscorable(format!("accelerator {name} not in the catalog")))?;
    let gpus = row.count("gpus")?.filter(|n| *n > 0).ok_or_else(|| Unscorable::new("no number of accelerators"))?;
    let per_node = row.count("gpus_per_node")?.filter(|n| *n > 0);
    let intra = row.text("intra_link").unwrap_or_default();
    let inter = row.text("inter_link").unwrap_or_default();
    Ok(HardwareRequest {
        accelerators: vec![id],
        gpus: Some(gpus),
        gpus_per_node: per_node,
        network_gbit: network_gbit(inter, per_node.unwrap_or(8)),
        network: network(inter).map(str::to_owned),
        link: link(intra).map(str::to_owned),
        domain: domain(intra),
        ..HardwareRequest::default()
    })
}

/// First month of the releases that the stacks' table has as the current ones, where it has older ones too.
const CURRENT: &[(&str, &str, &str)] =
    &[("megatron-core", "2026-06", "megatron-core-2025"), ("paxml", "2024", "paxml-2023")];

/// What the recipes behind NVIDIA's tables of performance set beside what the tables print: gradients are summed in 16 bit
/// throughout, and mixtures on cards of an NVL72 and on B300 replay attention and routing from CUDA graphs, until releases that keep
/// a transformer's mixture on the device of an NVL72 altogether.
pub fn recipe(source: &str, family: &str, gpu: &str, train: &mut TrainRequest) {
    let bridge = source.contains("Megatron-Bridge");
    if bridge || source.contains("dgxc-benchmarking") {
        train.gradients = Some("bf16".into());
    }
    let whole = family == "moe" && gpu.starts_with("gb") && train.stack.as_deref() == Some("megatron-core");
    if bridge && family.contains("moe") && (gpu.starts_with("gb") || gpu == "b300") && !whole {
        train.cuda_graphs = Some("parts".into());
    }
}

/// The training program: an identifier of the stacks' table, in the release of the row's date; blank where no stack is
/// meant.
#[must_use]
pub fn stack(framework: &str, date: &str) -> Option<&'static str> {
    let known = program(framework)?;
    let older = CURRENT.iter().find(|(id, since, _)| *id == known && !date.is_empty() && date < *since);
    Some(older.map_or(known, |(.., older)| older))
}

fn program(framework: &str) -> Option<&'static str> {
    let framework = framework.to_lowercase();
    // More telling words first: "Megatron-DeepSpeed" is not Megatron-LM.
    let known = [
        ("megatron-deepspeed", "megatron-deepspeed"),
        ("megatron+deepspeed", "megatron-deepspeed"),
        ("megatron-bridge", "megatron-core"),
        ("nemo-megatron-neuron", "neuronx"),
        ("neuron", "neuronx"),
        ("primus", "primus"),
        ("nemo", "megatron-core"),
        ("megatron-core", "megatron-core"),
        ("megatron", "megatron-lm"),
        ("foundry", "llm-foundry"),
        ("composer", "llm-foundry"),
        ("torchtitan", "torchtitan"),
        ("torchtune", "torchtune"),
        ("torchao", "torchtitan"),
        ("maxtext", "maxtext"),
        ("pax", "paxml"),
        ("jax", "maxtext"),
        ("habana", "optimum-habana"),
        ("unsloth", "unsloth"),
        ("axolotl", "axolotl"),
        ("flash-attn", "flash-attn"),
        ("deepspeed", "deepspeed"),
        ("transformers", "hf-transformers"),
        ("hf trainer", "hf-transformers"),
        ("trl", "hf-transformers"),
        ("peft", "hf-transformers"),
    ];
    known.iter().find(|(word, _)| framework.contains(word)).map(|(_, id)| *id)
}

/// Number formats.
///
/// # Errors
/// The row is not sure of its own precision, or names one that is not modelled.
pub fn precision(text: &str, framework: &str) -> Result<Option<&'static str>, Unscorable> {
    let text = text.to_lowercase();
    if text.is_empty() {
        return Ok(None);
    }
    if text.contains('?') {
        return Err(Unscorable::new("precision unclear"));
    }
    // Its "bf16" keeps weights, gradients and state in 16 bit; elsewhere it means mixed precision.
    let pure = framework.to_lowercase().contains("torchtune");
    Ok(Some(match text.as_str() {
        "bf16" | "nf4+bf16" if pure => "bf16-pure",
        "bf16" | "nf4+bf16" | "bf16-mixed" | "amp_bf16" => "bf16",
        // Stochastic rounding replaces the fp32 copy.
        "bf16-pure" | "bf16-sr" => "bf16-pure",
        "fp16" => "fp16",
        "fp32" => "fp32",
        "tf32" => "tf32",
        "mxfp8" => "mxfp8",
        "nvfp4" | "fp4" | "mxfp4" => "nvfp4",
        "fp8-rowwise" => "fp8-rowwise",
        text if text.starts_with("fp8") => "fp8",
        text if text.starts_with("int8") => "int8",
        _ => return Err(Unscorable(format!("precision {text} not modelled"))),
    }))
}

/// Attention kernel; `nvidia`: the row runs on NVIDIA parts, elsewhere "flash" is the vendor's own best kernel.
#[must_use]
pub fn attention(text: &str, framework: &str, nvidia: bool) -> Option<&'static str> {
    let text = text.to_lowercase();
    let fused_scores = text.contains("fused-softmax") || text.contains("fused softmax");
    Some(match text.as_str() {
        "" => return None,
        _ if fused_scores => "fused-softmax",
        // Megatron's unfused attention has always had a fused scale–mask–softmax.
        text if text.contains("unfused") && framework.to_lowercase().contains("megatron") => "fused-softmax",
        // The compiler fuses scale, mask and softmax between the two products.
        "xla" => "fused-softmax",
        text if text.contains("unfused") || text == "eager" => "eager",
        text if text.contains("cudnn") || text.contains("te fused") => "cudnn",
        text if text.contains("sdpa") => "sdpa",
        text if text.contains("flash1") => "flash1",
        text if text.contains("flash2") => "flash2",
        text if text.contains("flash3") => "flash3",
        text if text.contains("flash") && nvidia => "flash2",
        text if text.contains("flash") || text.contains("splash") => "cudnn",
        _ => return None,
    })
}

/// Update rule and how it runs.
pub fn optimizer(text: &str, train: &mut TrainRequest) {
    let text = text.to_lowercase();
    let paged = text.contains("paged");
    let rule = match text.as_str() {
        "" => return,
        text if text.contains("4bit") || text.contains("4-bit") => "adamw-4bit",
        text if text.contains("8bit") || text.contains("8-bit") => {
            if paged {
                "paged-adamw-8bit"
            } else {
                "adamw-8bit"
            }
        }
        text if text.contains("adafactor") => "adafactor",
        text if text.contains("adam") => "adamw",
        text if text.contains("muon") => "muon",
        text if text.contains("lion") => "lion",
        text if text.contains("momentum") => "sgd-momentum",
        text if text.contains("sgd") => "sgd",
        _ => return,
    };
    train.optimizer = Some(rule.into());
    let execution = match text.as_str() {
        text if text.contains("in bwd") || text.contains("in backward") || text.contains("in_bwd") => {
            Some("in-backward")
        }
        text if text.contains("fused") => Some("fused"),
        text if text.contains("foreach") => Some("foreach"),
        text if text.contains("loop") => Some("loop"),
        _ => None,
    };
    train.optimizer_execution = execution.map(str::to_owned);
}

#[cfg(test)]
mod tests {
    use super::{
        KnownAccelerator, TrainRequest, accelerator, attention, domain, network_gbit, precision, recipe, stack,
    };

    fn parts() -> Vec<KnownAccelerator> {
        let part = |id: &str, names: &[&str], memory_gib| KnownAccelerator {
            id: id.into(),
            names: names.iter().map(|&name| name.to_owned()).collect(),
            memory_gib,
        };
        vec![
            part("a100-40gb-sxm", &["A100", "A100 SXM4 40GB"], 40.0),
            part("a100-80gb-sxm", &["A100-80GB"], 80.0),
            part("a100-80gb-pcie", &["A100 PCIe 80GB"], 80.0),
            part("gb200", &["GB200 NVL72 (per GPU)"], 186.0),
            part("b200-sxm", &["B200"], 180.0),
            part("h100-sxm", &["H100"], 80.0),
            part("h100-pcie", &[], 80.0),
            part("rtx-4090", &["GeForce RTX 4090"], 24.0),
            part("tpu-v7", &["Ironwood", "TPU7x"], 192.0),
            part("v100-32gb", &["V100 SXM2 32GB"], 32.0),
            part("v100-16gb", &["V100 SXM2"], 16.0),
        ]
    }

    #[test]
    fn accelerators_are_recognised_by_name_and_memory() {
        let cases = [
            ("A100-SXM", Some(40.0), "a100-40gb-sxm"),
            ("A100-SXM", Some(80.0), "a100-80gb-sxm"),
            ("A100-80GB", None, "a100-80gb-sxm"),
            ("H100-SXM-96GB-HBM2e-500W", Some(96.0), "h100-sxm"),
            ("GB200", Some(186.0), "gb200"),
            ("B200", Some(180.0), "b200-sxm"),
            ("RTX4090", Some(24.0), "rtx-4090"),
            ("TPU7x(Ironwood)", Some(192.0), "tpu-v7"),
            ("V100-SXM2", Some(32.0), "v100-32gb"),
        ];
        for (name, memory, id) in cases {
            assert_eq!(accelerator(name, memory, &parts()).as_deref(), Some(id), "{name}");
        }
        assert_eq!(accelerator("K9000", None, &parts()), None);
    }

    #[test]
    fn network_rates_are_per_accelerator() {
        assert_eq!(network_gbit("4x100Gb/s Omni-Path per node (x)", 8), Some(50.0));
        assert_eq!(network_gbit("400Gb/s IB per GPU", 8), Some(400.0));
        assert_eq!(network_gbit("8x200Gb/s HDR IB", 8), Some(200.0));
        assert_eq!(network_gbit("1600Gbps RoCE", 8), Some(200.0));
        assert_eq!(network_gbit("InfiniBand", 8), None);
        assert_eq!((domain("NVLink5-NVL72"), domain("NVLink4")), (Some(72), None));
    }

    #[test]
    fn recipes_behind_tables_of_performance() {
        let of = |source, family, gpu| {
            let mut train = TrainRequest::default();
            recipe(source, family, gpu, &mut train);
            (train.gradients, train.cuda_graphs)
        };
        let (bf16, parts) = (Some("bf16".to_owned()), Some("parts".to_owned()));
        assert_eq!(of("NVIDIA Megatron-Bridge performance summary", "moe", "gb200"), (bf16.clone(), parts));
        assert_eq!(of("NVIDIA Megatron-Bridge performance summary", "moe", "b200"), (bf16.clone(), None));
        assert_eq!(of("NVIDIA/dgxc-benchmarking v25.04", "dense", "h100"), (bf16, None));
        assert_eq!(of("pytorch/torchtitan", "moe", "gb200"), (None, None));
    }

    #[test]
    fn words_of_stacks_and_kernels() {
        assert_eq!(stack("Megatron+DeepSpeed ZeRO-3", ""), Some("megatron-deepspeed"));
        assert_eq!(stack("something new", ""), None);
        assert_eq!(stack("Megatron-Bridge", "2026-02"), Some("megatron-core-2025"));
        assert_eq!(stack("Megatron-Bridge", "2026-08"), Some("megatron-core"));
        assert_eq!((stack("PAXML/JAX", "2023-09"), stack("PAXML/JAX", "2024")), (Some("paxml-2023"), Some("paxml")));
        assert_eq!(attention("unfused", "HF transformers", true), Some("eager"));
        assert_eq!(attention("unfused", "Megatron-LM", true), Some("fused-softmax"));
        assert_eq!(attention("xla", "PAXML", true), Some("fused-softmax"));
        assert_eq!(attention("splash", "MaxText", false), Some("cudnn"));
        assert!(precision("int8/fp8 quantised?", "").is_err());
        assert_eq!(precision("fp8-rowwise", ""), Ok(Some("fp8-rowwise")));
    }
}

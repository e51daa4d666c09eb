//! What several stacks say alike: setting a key of the job and telling it, widths and batches, the length of a run, models
//! described by numbers, and configs that train no language model.
//!
//! Does not know: any stack's names.

use outlay::Problem;
use outlay::problem::Code;
use outlay::request::{Amount, CustomModel};

use crate::fields::Fields;

/// Sets a key of the job and tells what it came from: `put!(fields, "tp", layout.tp = 8u64)`.
macro_rules! put {
    ($fields:expr, $from:expr, $section:ident . $key:ident = $value:expr) => {{
        let value = $value;
        $fields.became($from, format!("{}.{} = {}", stringify!($section), stringify!($key), value));
        $fields.request.$section.$key = Some(value.into());
    }};
}
pub(crate) use put;

/// The config is of a kind that is not forecast; `why` names the kind, in few and always the same words.
pub(crate) fn refuse(fields: &mut Fields<'_>, key: &str, why: &str) {
    let problem = Problem::new(Code::NotForecast, key, format!("no language model is trained here: {why}"));
    fields.fault(problem.help("only training and fine-tuning of language models is forecast"));
}

/// The config is a part of one; `what` is missing.
pub(crate) fn fragment(fields: &mut Fields<'_>, what: &str) {
    let problem = Problem::new(Code::Missing, "the config", format!("a part of a config: {what}"));
    fields
        .fault(problem.help("hand in the files it is used with, one after the other, with a line `---` between them"));
}

/// Accelerators as the config itself counts them, unless the user said.
pub(crate) fn world(fields: &mut Fields<'_>, key: &str, count: Option<u64>) {
    let Some(count) = count.filter(|count| *count > 0) else { return };
    if fields.accelerators.is_none() {
        fields.accelerators = Some(count);
        fields.became(key, format!("hardware.gpus = {count}"));
    }
}

/// Accelerators as the launcher of a script was told, or the batch system.
pub(crate) fn launched(fields: &mut Fields<'_>) {
    let each = [
        "launch.--nproc_per_node",
        "launch.--nproc-per-node",
        "launch.--gpus-per-node",
        "launch.--num_gpus",
        "launch.sbatch.--gpus-per-node",
        "launch.sbatch.--gres",
        "launch.sbatch.--ntasks-per-node",
    ];
    let nodes =
        ["launch.--nnodes", "launch.--num_nodes", "launch.--num-nodes", "launch.--nodes", "launch.sbatch.--nodes"];
    // `8`, `h100:8`, `gpu:h100:8`, `1:4` for a range; variables say nothing.
    let mut last = |keys: &[&'static str]| {
        keys.iter().find_map(|key| fields.text(&[*key])?.rsplit(':').next()?.trim().parse::<u64>().ok())
    };
    let (each, nodes) = (last(&each), last(&nodes).unwrap_or(1));
    world(fields, "the launcher", each.map(|each| each.saturating_mul(nodes)));
}

/// Whole copies of the model: accelerators over the ranks that share one; `None` as long as nobody said how many.
fn replicas(fields: &Fields<'_>) -> Option<u64> {
    let layout = &fields.request.layout;
    let share = [layout.tp, layout.pp, layout.cp].iter().flatten().fold(1u64, |all, n| all.saturating_mul(*n));
    fields.accelerators.map(|count| (count / share.max(1)).max(1))
}

/// How a config says its batch: the whole of it, or accumulation steps.
#[derive(Clone, Copy)]
pub(crate) enum Batch {
    /// Sequences of one optimizer step over all devices.
    Whole(u64),
    /// Micro-batches of one replica.
    Accumulated(u64),
}

/// The batch of a step; widths must be read before.
pub(crate) fn batch(fields: &mut Fields<'_>, key: &str, micro: Option<u64>, batch: Batch) {
    let replicas = replicas(fields);
    fields.request.hardware.gpus = fields.accelerators;
    if let Some(micro) = micro {
        put!(fields, key, layout.micro_batch = micro);
    }
    let whole = match batch {
        Batch::Whole(whole) => whole,
        Batch::Accumulated(steps) => {
            let layout = &fields.request.layout;
            let (tp, pp, cp) = (layout.tp.unwrap_or(1), layout.pp.unwrap_or(1), layout.cp.unwrap_or(1));
            if replicas.is_none() {
                let one = tp.saturating_mul(pp).saturating_mul(cp);
                fields.warn(format!(
                    "such a config does not say on how many accelerators it runs: the batch is that of {one}; give --gpus for more"
                ));
            }
            micro.unwrap_or(1).saturating_mul(steps.max(1)).saturating_mul(replicas.unwrap_or(1))
        }
    };
    put!(fields, key, train.global_batch = whole);
    if fields.accelerators.is_none() && matches!(batch, Batch::Whole(_)) {
        fields.warn("such a config does not say on how many accelerators it runs; give --gpus to fix it");
    }
}

/// A run of so many full optimizer steps; batch and length of a sequence must be read before.
pub(crate) fn steps(fields: &mut Fields<'_>, key: &str, steps: u64) {
    match (fields.request.train.global_batch, fields.request.data.seq_len) {
        (Some(batch), Some(seq)) => tokens(fields, key, steps as f64 * batch as f64 * seq as f64),
        _ => put!(fields, key, data.steps = steps),
    }
}

/// A run of so many tokens, each seen once.
pub(crate) fn tokens(fields: &mut Fields<'_>, key: &str, tokens: f64) {
    fields.request.data.tokens = Some(Amount::Number(tokens));
    fields.request.data.epochs = Some(1.0);
    fields.became(key, format!("data.tokens = {tokens}"));
}

/// Evaluation as a share of training: so many batches every so many steps, a forward pass being a third of a step.
pub(crate) fn evaluation(fields: &mut Fields<'_>, key: &str, batches: Option<f64>, every: Option<f64>) {
    if let (Some(batches), Some(every)) = (batches, every)
        && batches > 0.0
        && every > 0.0
    {
        let share = (batches / every / 3.0).min(10.0);
        let share = (share * 1e6).round() / 1e6;
        put!(fields, key, train.evaluation = share);
    }
}

/// A model described by numbers, trained from scratch unless the config starts from weights.
pub(crate) fn custom(fields: &mut Fields<'_>, key: &str, custom: CustomModel) {
    let count = |n: Option<u64>| n.map_or_else(|| "?".to_owned(), |n| n.to_string());
    let experts = custom.experts.map_or_else(String::new, |experts| format!(", {experts} experts"));
    let told = format!(
        "model.custom: {} layers, hidden {}, ffn {}, {} heads, vocab {}{experts}",
        count(custom.layers),
        count(custom.hidden),
        count(custom.ffn),
        count(custom.heads),
        count(custom.vocab)
    );
    fields.became(key, told);
    fields.request.model.base = None;
    fields.request.model.custom = Some(custom);
}

/// Whether training starts from weights.
pub(crate) fn start(fields: &mut Fields<'_>, key: &str, pretrained: bool) {
    let start = if pretrained { "pretrained" } else { "scratch" };
    put!(fields, key, model.start = start);
    if !pretrained {
        fields.request.method.kind = Some("full".into());
    }
}

/// A width of the layout, where it is more than one: `width!(fields, ["tp", "old_name"], layout.tp)`.
macro_rules! width {
    ($fields:expr, $keys:expr, layout . $width:ident) => {
        if let Some((key, ranks)) = $crate::common::ranks($fields, &$keys) {
            $crate::common::put!($fields, key, layout.$width = ranks);
        }
    };
}
pub(crate) use width;

/// The key that says how many ranks, and how many, where there is more than one.
pub(crate) fn ranks(fields: &mut Fields<'_>, keys: &[&'static str]) -> Option<(&'static str, u64)> {
    let (key, _) = fields.get(keys)?;
    let ranks = fields.count(keys).filter(|ranks| *ranks > 1)?;
    Some((key, ranks))
}

/// Rows of an embedding as Megatron pads them: to a multiple for each tensor-parallel rank.
pub(crate) fn padded(vocab: u64, multiple: u64, tp: u64) -> u64 {
    vocab.next_multiple_of(multiple.max(1).saturating_mul(tp.max(1)).max(1))
}

/// Names of optimizers as most stacks write them, by what stands in the name.
pub(crate) fn optimizer(fields: &mut Fields<'_>, key: &str, name: &str) {
    let low = name.to_ascii_lowercase();
    let has = |word: &str| low.contains(word);
    let ours = match () {
        () if has("paged") && has("8bit") => "paged-adamw-8bit",
        () if has("paged") => "paged-adamw",
        () if has("adam") && (has("8bit") || has("int8")) => "adamw-8bit",
        () if has("adam") && has("4bit") => "adamw-4bit",
        () if has("muon") => "muon",
        () if has("adafactor") => "adafactor",
        () if has("lion") => "lion",
        () if has("adam") => "adamw",
        () if has("sgd") => "sgd-momentum",
        () => {
            fields.warn(format!("{key}: optimizer {name} is taken for adamw"));
            "adamw"
        }
    };
    put!(fields, key, train.optimizer = ours);
}

/// Names of schedules as most stacks write them.
pub(crate) fn schedule(fields: &mut Fields<'_>, key: &str, name: &str) {
    let low = name.to_ascii_lowercase();
    let has = |word: &str| low.contains(word);
    let ours = match () {
        () if has("cosine") => "cosine",
        () if has("wsd") || has("stable") || has("1-sqrt") => "wsd",
        () if has("linear") || has("polynomial") || has("inverse") || has("noam") || has("exponential") => "linear",
        () if has("constant") || has("none") => "constant",
        () => {
            fields.warn(format!("{key}: schedule {name} is taken for cosine"));
            "cosine"
        }
    };
    put!(fields, key, train.schedule = ours);
}

//! The table of flags: every key of the job file, the flag that sets it, and how its value is written.
//!
//! A table rather than a struct of options, because the same row serves four readers: the parser, the help, the merge
//! of flags over the file, and messages that name the flag a person typed instead of the key they never saw.
//! A test walks the keys of a request and finds each of them here.
//!
//! Does not know: which values are possible; the door decides that for files and flags alike.

use clap::{Arg, ArgAction, ArgMatches, Command, builder::ValueParser, parser::ValueSource};
use serde_json::Value;

/// How the value of a flag is written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// Any text.
    Text,
    /// A whole number.
    Count,
    /// A number.
    Real,
    /// Nothing, or `=true` / `=false`.
    Switch,
    /// A number with or without a unit.
    Amount,
    /// One or more texts, separated by commas.
    List,
    /// One text, or several separated by commas.
    OneOrMore,
    /// The keys of a whole section, `key=value` separated by commas.
    Section(fn(&str) -> Result<Value, String>),
    /// The same, and the flag may be given several times.
    Sections(fn(&str) -> Result<Value, String>),
}

/// A flag.
#[derive(Debug)]
pub(crate) struct Flag {
    /// Dotted key of the job file.
    pub(crate) key: &'static str,
    /// Its name, without dashes.
    pub(crate) long: &'static str,
    /// Other names.
    pub(crate) aliases: &'static [&'static str],
    /// How the value is written.
    pub(crate) kind: Kind,
    /// What stands for the value in the help.
    value: &'static str,
    /// Help.
    help: &'static str,
    /// Shown by `-h`; the others by `--help` alone.
    common: bool,
}

const fn flag(key: &'static str, long: &'static str, kind: Kind, value: &'static str, help: &'static str) -> Flag {
    Flag { key, long, aliases: &[], kind, value, help, common: false }
}

impl Flag {
    const fn common(self) -> Self {
        Self { common: true, ..self }
    }

    const fn or(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    /// Title of its section in the help.
    fn heading(&self) -> &'static str {
        match self.key.split('.').next() {
            _ if self.key.starts_with("model.custom") => "Model by hand",
            Some("model") => "Model",
            Some("method") => "Method",
            Some("data") => "Data",
            Some("train") => "Training",
            Some("hardware") => "Hardware",
            Some("layout") => "Layout (what is given is fixed, the rest is searched)",
            _ => "Limits and goal",
        }
    }

    fn arg(&self) -> Arg {
        let arg = Arg::new(self.key)
            .long(self.long)
            .value_name(self.value)
            .help(self.help)
            .help_heading(self.heading())
            .hide_short_help(!self.common)
            .allow_negative_numbers(true)
            .value_parser(self.parser());
        let arg = match self.kind {
            Kind::Switch => arg.num_args(0..=1).require_equals(true).default_missing_value("true"),
            Kind::List => arg.value_delimiter(',').action(ArgAction::Append),
            Kind::Sections(_) => arg.action(ArgAction::Append),
            _ => arg,
        };
        self.aliases.iter().fold(arg, |arg, alias| arg.visible_alias(*alias))
    }

    fn parser(&self) -> ValueParser {
        match self.kind {
            Kind::Text | Kind::List => ValueParser::from(text),
            Kind::Count => ValueParser::from(count),
            Kind::Real => ValueParser::from(real),
            Kind::Switch => ValueParser::from(switch),
            Kind::Amount => ValueParser::from(amount),
            Kind::OneOrMore => ValueParser::from(one_or_more),
            Kind::Section(read) => ValueParser::from(read),
            Kind::Sections(read) => ValueParser::from(read),
        }
    }
}

// clap wants `Result` of every parser, also of those that cannot fail.
#[allow(clippy::unnecessary_wraps)]
fn text(raw: &str) -> Result<Value, String> {
    Ok(Value::from(raw.trim()))
}

fn count(raw: &str) -> Result<Value, String> {
    let plain = raw.trim().replace('_', "");
    plain.parse::<u64>().map(Value::from).map_err(|_| "a whole number from 0 is expected".into())
}

fn real(raw: &str) -> Result<Value, String> {
    let value: f64 = raw.trim().parse().map_err(|_| "a number is expected".to_string())?;
    serde_json::Number::from_f64(value).map(Value::Number).ok_or_else(|| "a finite number is expected".into())
}

fn switch(raw: &str) -> Result<Value, String> {
    raw.trim().parse::<bool>().map(Value::from).map_err(|_| "true or false is expected".into())
}

#[allow(clippy::unnecessary_wraps)]
fn amount(raw: &str) -> Result<Value, String> {
    Ok(real(raw).unwrap_or_else(|_| Value::from(raw.trim())))
}

#[allow(clippy::unnecessary_wraps)]
fn one_or_more(raw: &str) -> Result<Value, String> {
    let all: Vec<&str> = raw.split(',').map(str::trim).filter(|one| !one.is_empty()).collect();
    Ok(if let [one] = all.as_slice() { Value::from(*one) } else { Value::from(all) })
}

/// The keys of a section or table that has one flag for all: `key=value,key=value`.
fn keyed(raw: &str, known: Value) -> Result<Value, String> {
    let known = known.as_object().cloned().unwrap_or_default();
    let names = || known.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let mut fields = serde_json::Map::new();
    for pair in raw.split(',').filter(|pair| !pair.trim().is_empty()) {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(format!("key=value is expected; keys are {}", names()));
        };
        let key = key.trim();
        if !known.contains_key(key) {
            return Err(format!("no key {key}; keys are {}", names()));
        }
        let value = match key {
            "gpus" | "micro_batch" | "trials" | "eta" | "parallel" | "patience" | "per_epoch" => count(value)?,
            "loss" | "length" | "best_epoch" | "engineering_hours" => real(value)?,
            "resume" => switch(value)?,
            "accelerator" | "kind" => Value::from(value.trim()),
            _ => amount(value)?,
        };
        fields.insert(key.into(), value);
    }
    Ok(Value::Object(fields))
}

fn observed(raw: &str) -> Result<Value, String> {
    keyed(raw, serde_json::to_value(outlay::request::ObservedRequest::default()).unwrap_or_default())
}

fn sweep(raw: &str) -> Result<Value, String> {
    keyed(raw, serde_json::to_value(outlay::request::SweepRequest::default()).unwrap_or_default())
}

fn stopping(raw: &str) -> Result<Value, String> {
    keyed(raw, serde_json::to_value(outlay::request::StoppingRequest::default()).unwrap_or_default())
}

fn extras(raw: &str) -> Result<Value, String> {
    keyed(raw, serde_json::to_value(outlay::request::ExtrasRequest::default()).unwrap_or_default())
}

fn pilot(raw: &str) -> Result<Value, String> {
    keyed(raw, serde_json::to_value(outlay::request::PilotRequest::default()).unwrap_or_default())
}

/// A key of the job and the values that would do: `train.precision=bf16,fp8`.
fn vary(raw: &str) -> Result<Value, String> {
    let Some((key, values)) = raw.split_once('=') else { return Err("KEY=VALUE,VALUE is expected".into()) };
    let values = values.trim();
    if values == "auto" {
        return Ok(serde_json::json!({ key.trim(): "auto" }));
    }
    let all = values.split(',').filter(|one| !one.trim().is_empty());
    let all: Result<Vec<Value>, String> = all.map(|one| count(one).or_else(|_| amount(one))).collect();
    Ok(serde_json::json!({ key.trim(): all? }))
}

use Kind::{Amount, Count, List, OneOrMore, Real, Section, Sections, Switch, Text};

/// Every key of the job file that a flag can set.
pub(crate) const FLAGS: &[Flag] = &[
    flag(
        "model.base",
        "model",
        Text,
        "MODEL",
        "Preset name, path of a config.json or its folder, or org/name of the hub",
    )
    .common(),
    flag("model.start", "start", Text, "HOW", "pretrained or scratch"),
    flag("model.custom.layers", "layers", Count, "N", "Repeated layers"),
    flag("model.custom.hidden", "hidden", Count, "N", "Width of the residual stream"),
    flag("model.custom.ffn", "ffn", Count, "N", "Width of the feed-forward, of one expert for a mixture"),
    flag("model.custom.heads", "heads", Count, "N", "Query heads"),
    flag("model.custom.kv_heads", "kv-heads", Count, "N", "Key/value heads"),
    flag("model.custom.head_dim", "head-dim", Count, "N", "Elements of a head"),
    flag("model.custom.vocab", "vocab", Count, "N", "Rows of the embedding"),
    flag("model.custom.gated", "gated", Switch, "BOOL", "The feed-forward has a gate (SwiGLU)"),
    flag("model.custom.activation", "activation", Text, "NAME", "Activation function: silu, gelu, relu, …"),
    flag("model.custom.tied", "tied", Switch, "BOOL", "Input and output embeddings are one table"),
    flag("model.custom.bias", "bias", Switch, "BOOL", "Projections have biases"),
    flag("model.custom.norm", "norm", Text, "NAME", "Normalisation: rms or layer"),
    flag("model.custom.learned_positions", "learned-positions", Count, "N", "Rows of a learned position table"),
    flag("model.custom.experts", "experts", Count, "N", "Experts of each mixture layer"),
    flag("model.custom.top_k", "top-k", Count, "N", "Experts a token passes through"),
    flag("model.custom.shared_ffn", "shared-ffn", Count, "N", "Feed-forward width of all shared experts together"),
    flag("model.custom.dense_layers", "dense-layers", Count, "N", "Leading layers without experts"),
    flag("model.custom.dense_ffn", "dense-ffn", Count, "N", "Feed-forward width of the dense layers of a mixture"),
    flag("model.custom.window", "window", Count, "N", "Keys a query sees"),
    flag("model.custom.global_every", "global-every", Count, "N", "Every how many-th layer sees all keys"),
    flag(
        "model.closeness",
        "closeness",
        Amount,
        "HOW",
        "How close the base model's text is: far, related, near, 0 to 1",
    ),
    flag("model.window", "attention-window", Count, "N", "Keys a query sees, in every layer"),
    flag("model.stride", "attention-stride", Count, "N", "Strided attention: the last N keys and every N-th before"),
    flag("model.shared_layers", "shared-layers", Count, "N", "Layers that run one after the other on the same weights"),
    flag("model.mtp", "mtp", Count, "N", "Tokens predicted beside the next in training (multi-token prediction)"),
    flag("model.sparsity", "sparsity", Amount, "SHARE", "Weights held at zero: 2:4, or a share"),
    flag("method.kind", "method", Text, "KIND", "full, lora, qlora, dora or freeze").common(),
    flag("method.rank", "rank", Count, "N", "Rank of the adapters").common(),
    flag("method.targets", "targets", OneOrMore, "NAMES", "all-linear, attention, or module names").common(),
    flag("method.dropout", "adapter-dropout", Real, "P", "Dropout on the adapters' input"),
    flag("method.adapter_dtype", "adapter-dtype", Text, "FORMAT", "Format of the adapters: bf16 or fp32"),
    flag("method.base_dtype", "base-dtype", Text, "FORMAT", "Format of the frozen base: bf16, int8, nf4"),
    flag("method.double_quant", "double-quant", Switch, "BOOL", "Scales of the quantised base are quantised too"),
    flag("method.trained_layers", "trained-layers", Count, "N", "Layers that stay trainable under freeze"),
    flag("data.path", "data", Text, "FILE", "A data file; its size stands in for the tokens").common(),
    flag("data.tokens", "tokens", Amount, "N", "Distinct tokens, as 6M or 1.2B").common(),
    flag("data.samples", "samples", Amount, "N", "Samples, an alternative to tokens").common(),
    flag("data.mean_len", "mean-len", Count, "N", "Mean tokens of a sample"),
    flag("data.seq_len", "seq-len", Count, "N", "Tokens of a training sequence").common(),
    flag("data.source_len", "source-len", Count, "N", "Tokens of a source sequence (encoder-decoder)"),
    flag("data.packing", "packing", Switch, "BOOL", "Samples are packed into full sequences, not padded"),
    flag("data.epochs", "epochs", Real, "N", "Passes over the data").common(),
    flag("data.steps", "steps", Count, "N", "Optimizer steps, an alternative to epochs").common(),
    flag("data.location", "location", Text, "PLACE", "Where the data lies, as provider:region"),
    flag("data.stored", "stored", Amount, "SIZE", "Stored size of the data, as 40GB"),
    flag("data.language", "language", Text, "NAME", "Language of the text, to count tokens by its size"),
    flag("data.quality", "quality", Real, "X", "What a token is worth against ordinary text of its kind"),
    flag("data.variants", "variants", Real, "N", "Variants made of each sample (augmentation)"),
    flag("data.prepare", "prepare", Text, "WHEN", "When text becomes tokens: done, before or on-the-fly"),
    flag("data.workers", "workers", Count, "N", "Processes that prepare data on one machine"),
    flag("data.prepare_rate", "prepare-rate", Amount, "N", "Tokens that one process prepares in a second"),
    flag("data.read_rate", "read-rate", Amount, "SIZE", "What one machine reads from storage in a second, as 200MB"),
    flag("data.cached", "cached", Switch, "BOOL", "After the first pass data are read from the machine's own disk"),
    flag("data.scan", "scan", Text, "FILE", "What `outlay data scan --json` wrote about the data"),
    flag("train.global_batch", "global-batch", Count, "N", "Sequences of one optimizer step over all devices").common(),
    flag("train.precision", "precision", Text, "NAME", "fp32, tf32, bf16, bf16-pure, fp16, fp8, mxfp8, nvfp4, …")
        .common(),
    flag(
        "train.optimizer",
        "optimizer",
        Text,
        "NAME",
        "adamw, adamw-8bit, paged-adamw-8bit, adafactor, lion, sgd, muon, …",
    )
    .common(),
    flag("train.optimizer_execution", "optimizer-execution", Text, "HOW", "fused, foreach, loop or in-backward"),
    flag("train.recompute", "recompute", Text, "HOW", "none, selective, full or auto").common(),
    flag(
        "train.attention",
        "attention",
        Text,
        "NAME",
        "eager, fused-softmax, sdpa, flash1, flash2, flash3, cudnn or auto",
    ),
    flag("train.loss", "loss", Text, "NAME", "eager, fused or chunked"),
    flag("train.stack", "stack", Text, "NAME", "The training program"),
    flag("train.compile", "compile", Switch, "BOOL", "Layers go through a compiler"),
    flag("train.gradients", "gradients", Text, "FORMAT", "What gradients are summed in: fp32, bf16 or fp16"),
    flag("train.cuda_graphs", "cuda-graphs", Text, "KIND", "CUDA graphs: none, parts or step"),
    flag(
        "train.activation_offload",
        "activation-offload",
        Switch,
        "BOOL",
        "What layers keep for their backward pass lies in host memory meanwhile",
    ),
    flag(
        "train.launch_blocking",
        "launch-blocking",
        Switch,
        "BOOL",
        "The host waits for each kernel: CUDA_LAUNCH_BLOCKING=1",
    ),
    flag("train.dropout", "dropout", Switch, "BOOL", "Dropout is active where the model has it"),
    flag("train.checkpoint", "checkpoint", Amount, "TIME", "auto, none, or a time between checkpoints, as 30m"),
    flag("train.checkpoint_async", "checkpoint-async", Switch, "BOOL", "The run goes on while a checkpoint is written"),
    flag("train.checkpoints_kept", "checkpoints-kept", Count, "N", "Checkpoints kept at a time"),
    flag("train.learning_rate", "learning-rate", Real, "X", "Peak learning rate").or(&["lr"]),
    flag("train.schedule", "lr-schedule", Text, "NAME", "cosine, linear, wsd or constant"),
    flag("train.cooldown", "cooldown", Real, "SHARE", "Share of the run over which a wsd schedule comes down"),
    flag("train.target_loss", "target-loss", Real, "NATS", "Loss to reach, instead of epochs, steps or tokens")
        .common(),
    flag("train.target_error", "target-error", Real, "SHARE", "Downstream error to reach, instead of a loss"),
    flag(
        "train.early_stopping",
        "early-stopping",
        Section(stopping),
        "KEY=VALUE,…",
        "Stop early, as patience=2,best_epoch=2",
    ),
    flag(
        "train.sweep",
        "sweep",
        Section(sweep),
        "KEY=VALUE,…",
        "Search for settings first, as kind=asha,trials=27,eta=3",
    ),
    flag("train.objective", "objective", Text, "NAME", "What is learned: next-token, dpo, orpo, kto or reward"),
    flag("train.evaluation", "evaluation", Real, "SHARE", "Time spent evaluating, as a share of training"),
    flag("train.failed_attempts", "failed-attempts", Real, "RUNS", "Attempts that are thrown away, in full runs"),
    flag("hardware.accelerators", "accelerators", List, "NAMES", "Accelerators, with *, separated by commas")
        .or(&["gpu"])
        .common(),
    flag("hardware.gpus", "gpus", Count, "N", "Exactly so many accelerators").common(),
    flag("hardware.max_gpus", "max-gpus", Count, "N", "At most so many accelerators").common(),
    flag("hardware.purchase", "purchase", List, "KINDS", "on-demand, spot, reserved, owned, block, mixed").common(),
    flag("hardware.regions", "regions", List, "NAMES", "Regions, with *").common(),
    flag("hardware.providers", "providers", List, "NAMES", "Providers").common(),
    flag("hardware.instance", "instance", Text, "NAME", "The provider's name for the machine, as p5.48xlarge"),
    flag("hardware.node", "node", Text, "NAME", "A node shape of the catalog"),
    flag("hardware.gpus_per_node", "gpus-per-node", Count, "N", "Accelerators of one node"),
    flag("hardware.network_gbit", "network-gbit", Real, "GBIT", "Network between nodes, Gbit/s per accelerator"),
    flag("hardware.network", "network", Text, "NAME", "That network: infiniband, roce, efa, tcp, …"),
    flag("hardware.link", "link", Text, "NAME", "Link inside a node: nvlink, nvswitch, pcie, …"),
    flag("hardware.domain", "domain", Count, "N", "Accelerators reached over the fast link"),
    flag("hardware.owned_price", "owned-price", Amount, "USD", "Price of one accelerator-hour of one's own machines"),
    flag("hardware.owned_capex", "owned-capex", Amount, "USD", "What one machine of one's own cost"),
    flag("hardware.owned_life", "owned-life", Real, "YEARS", "Years it is used"),
    flag("hardware.owned_use", "owned-use", Real, "SHARE", "Share of the hours it does useful work"),
    flag("hardware.electricity", "electricity", Amount, "USD", "Price of a kilowatt-hour for one's own machines"),
    flag("hardware.preemption", "preemption", Amount, "TIME", "Mean time between preemptions of one spot machine"),
    flag("hardware.node_mtbf", "node-mtbf", Amount, "TIME", "Mean time between failures of one machine"),
    flag("layout.dp", "dp", Count, "N", "Data-parallel replicas"),
    flag("layout.tp", "tp", Count, "N", "Tensor-parallel width"),
    flag("layout.pp", "pp", Count, "N", "Pipeline stages"),
    flag("layout.vpp", "vpp", Count, "N", "Virtual stages per pipeline rank"),
    flag("layout.stage_layers", "stage-layers", Count, "N", "Layers of a full pipeline stage; the last has the rest"),
    flag("layout.cp", "cp", Count, "N", "Context-parallel width"),
    flag("layout.ep", "ep", Count, "N", "Expert-parallel width"),
    flag("layout.zero", "zero", Text, "STAGE", "none, zero1, zero2, zero3 or fsdp"),
    flag("layout.shard", "shard", Count, "N", "Ranks that share one sharded copy (hybrid sharding)"),
    flag("layout.sequence_parallel", "sequence-parallel", Switch, "BOOL", "Norm regions are split along the sequence"),
    flag("layout.micro_batch", "micro-batch", Count, "N", "Sequences of one forward pass on one replica"),
    flag("layout.schedule", "schedule", Text, "NAME", "gpipe, 1f1b, zero-bubble or dualpipe"),
    flag("layout.offload", "offload", Text, "WHAT", "none, optimizer or optimizer+parameters"),
    flag("limits.budget", "budget", Amount, "USD", "Most money, as $500").common(),
    flag("limits.deadline", "deadline", Amount, "TIME", "Most time, as 48h or 3d").common(),
    flag("goal.minimize", "goal", Text, "WHAT", "cost, time, cost*time, worst-cost, card or loss")
        .or(&["minimize"])
        .common(),
    flag("observed", "observed", Section(observed), "KEY=VALUE,…", "Your own measurement, as tokens_per_s=3500,gpus=8")
        .common(),
    flag("extras", "extras", Section(extras), "KEY=VALUE,…", "What is paid beside the run, as engineering_hours=40"),
    flag(
        "vary",
        "vary",
        Sections(vary),
        "KEY=VALUE,…",
        "A key whose value the search may choose, as train.precision=bf16,fp8",
    )
    .common(),
    flag(
        "pilot",
        "pilot",
        Sections(pilot),
        "KEY=VALUE,…",
        "A small run on the same data, as params=100M,tokens=2B,loss=3.1",
    ),
];

/// The value of a key as a person writes it, read as its flag reads it.
pub(crate) fn read(key: &str, raw: &str) -> Result<Value, String> {
    let Some(flag) = FLAGS.iter().find(|flag| flag.key == key) else { return text(raw) };
    match flag.kind {
        Text => text(raw),
        Count => count(raw),
        Real => real(raw),
        Switch => switch(raw),
        Amount => amount(raw),
        List => Ok(Value::from(raw.split(',').map(str::trim).filter(|one| !one.is_empty()).collect::<Vec<_>>())),
        OneOrMore => one_or_more(raw),
        Section(read) | Sections(read) => read(raw),
    }
}

/// What a key means, in a line; empty for one that no flag sets.
pub(crate) fn help(key: &str) -> &'static str {
    FLAGS.iter().find(|flag| flag.key == key).map_or("", |flag| flag.help)
}

/// Adds every flag to a command.
pub(crate) fn augment(command: Command) -> Command {
    FLAGS.iter().fold(command, |command, flag| command.arg(flag.arg()))
}

/// The flags that were given, with their values, in the order of the table.
pub(crate) fn given(matches: &ArgMatches) -> Vec<(&'static Flag, Value)> {
    let mut all = Vec::new();
    for flag in FLAGS {
        if matches.value_source(flag.key) != Some(ValueSource::CommandLine) {
            continue;
        }
        let values: Vec<Value> = matches.get_many::<Value>(flag.key).into_iter().flatten().cloned().collect();
        let value = if matches!(flag.kind, List | Sections(_)) {
            Value::from(values)
        } else {
            values.into_iter().last().unwrap_or(Value::Null)
        };
        all.push((flag, value));
    }
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{FLAGS, amount, augment, count, given, one_or_more, real};
    use outlay::request::{CustomModel, Request};
    use serde_json::{Value, json};

    fn keys(at: &str, value: &Value, out: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                for (name, inner) in fields {
                    let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                    keys(&path, inner, out);
                }
            }
            _ => {
                out.insert(at.to_string());
            }
        }
    }

    #[test]
    fn every_key_of_a_request_has_a_flag() {
        let mut request = Request::default();
        request.model.custom = Some(CustomModel::default());
        let mut expected = BTreeSet::new();
        keys("", &serde_json::to_value(&request).unwrap(), &mut expected);
        // What a shell fetched; nobody types a whole config.json.
        expected.remove("model.config");
        expected.remove("data.measured");
        // What a reader of another program's config has to say.
        expected.remove("remarks");
        // One flag for the whole section.
        expected.retain(|key| !key.starts_with("observed.") && !key.starts_with("extras."));
        expected.extend(["observed".into(), "extras".into()]);
        let flagged: BTreeSet<String> = FLAGS.iter().map(|flag| flag.key.to_string()).collect();
        assert_eq!(flagged, expected);
    }

    #[test]
    fn clap_accepts_the_table() {
        augment(clap::Command::new("x")).debug_assert();
    }

    #[test]
    fn values_become_json() {
        assert_eq!(count("4_096"), Ok(json!(4096)));
        assert!(count("-1").is_err() && count("1e30").is_err());
        assert_eq!(real("0.5"), Ok(json!(0.5)));
        assert!(real("nan").is_err());
        assert_eq!(amount("6M"), Ok(json!("6M")));
        assert_eq!(amount("1e6"), Ok(json!(1e6)));
        assert_eq!(one_or_more("all-linear"), Ok(json!("all-linear")));
        assert_eq!(one_or_more("q_proj, v_proj"), Ok(json!(["q_proj", "v_proj"])));
    }

    #[test]
    fn lists_may_be_repeated_and_switches_stand_alone() {
        let line = ["x", "--gpu", "h100*,l4", "--gpu", "a100-80gb", "--packing", "--tied=false", "--rank", "8"];
        let matches = augment(clap::Command::new("x")).try_get_matches_from(line).unwrap();
        let got: Vec<(&str, Value)> = given(&matches).into_iter().map(|(flag, value)| (flag.long, value)).collect();
        assert_eq!(
            got,
            [
                ("tied", json!(false)),
                ("rank", json!(8)),
                ("packing", json!(true)),
                ("accelerators", json!(["h100*", "l4", "a100-80gb"])),
            ]
        );
    }
}

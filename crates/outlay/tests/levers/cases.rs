//! The cases: lever by lever, a job, where it starts from, the change, and what must move.

/// One case.
pub(crate) struct Case {
    /// Named in the table of levers.
    pub(crate) name: &'static str,
    /// The job.
    pub(crate) base: &'static str,
    /// Laid over it first.
    pub(crate) from: &'static str,
    /// The change.
    pub(crate) change: &'static str,
    /// What must happen to `cost`, `time`, `memory`, `loss`, `carbon`: `+`, `-` or `=`.
    pub(crate) expected: &'static str,
}

const fn case(
    name: &'static str,
    base: &'static str,
    from: &'static str,
    change: &'static str,
    expected: &'static str,
) -> Case {
    Case { name, base, from, change, expected }
}

/// Adapters on an 8 B model, one H100.
const TUNE: &str = r#"
model = { base = "llama-3.1-8b" }
method = { kind = "lora", rank = 16 }
data = { tokens = "20M", seq_len = 2048, epochs = 2, packing = true }
train = { global_batch = 32 }
hardware = { accelerators = ["h100-sxm"], gpus = 1, providers = ["lambda"] }
"#;

/// A billion parameters from scratch, one machine of eight.
const PRETRAIN: &str = r#"
model = { start = "scratch", custom = { layers = 16, hidden = 2048, ffn = 8192, heads = 32, kv_heads = 8, vocab = 128256 } }
data = { tokens = "20B", seq_len = 4096 }
train = { global_batch = 256 }
hardware = { accelerators = ["h100-sxm"], gpus = 8, providers = ["aws"], regions = ["us-east-1"] }
"#;

/// Every parameter of an 8 B model over eight H100s, its layout fixed.
const WHOLE: &str = r#"
model = { base = "llama-3.1-8b" }
data = { tokens = "20M", seq_len = 2048 }
train = { global_batch = 32, recompute = "full" }
hardware = { accelerators = ["h100-sxm"], gpus = 8, providers = ["lambda"] }
layout = { zero = "fsdp", micro_batch = 1, offload = "none" }
"#;

/// A layout that the search leaves as it is.
const FIXED: &str = "train = { recompute = \"full\" }\nlayout = { micro_batch = 1, offload = \"none\" }";
const FIXED_DPO: &str =
    "train = { recompute = \"full\", objective = \"dpo\" }\nlayout = { micro_batch = 1, offload = \"none\" }";

/// The cases.
pub(crate) const CASES: &[Case] = &[
    // Hardware.
    case("accelerator", TUNE, "", r#"hardware = { accelerators = ["a10-24gb"] }"#, "time+"),
    case("provider", TUNE, "", r#"hardware = { providers = ["hyperbolic"] }"#, "time= loss="),
    case("region", PRETRAIN, "", r#"hardware = { regions = ["ap-south-1"] }"#, "carbon+ loss="),
    case("spot", PRETRAIN, "", r#"hardware = { purchase = ["spot"] }"#, "cost- time+ loss="),
    case("reserved", PRETRAIN, "", r#"hardware = { purchase = ["reserved"] }"#, "cost- time="),
    case("owned", PRETRAIN, "", r#"hardware = { owned_capex = "$280k", gpus_per_node = 8 }"#, "cost- loss="),
    case(
        "owned-use",
        PRETRAIN,
        r#"hardware = { owned_capex = "$280k" }"#,
        "hardware = { owned_use = 0.2 }",
        "cost+ time=",
    ),
    // Architecture.
    case(
        "depth",
        PRETRAIN,
        "[layout]\nmicro_batch = 2\nzero = \"zero1\"\n[train]\nrecompute = \"none\"",
        "[model]\ncustom = { layers = 24, hidden = 2048, ffn = 8192, heads = 32, kv_heads = 8, vocab = 128256 }",
        "cost+ time+ memory+ loss-",
    ),
    case(
        "width",
        PRETRAIN,
        "",
        "[model]\ncustom = { layers = 16, hidden = 3072, ffn = 8192, heads = 32, kv_heads = 8, vocab = 128256 }",
        "cost+ time+ loss-",
    ),
    case("rank", TUNE, "layout = { micro_batch = 2 }", "method = { rank = 64 }", "cost+ memory+ loss="),
    case(
        "sparsity-2:4",
        TUNE,
        "layout = { micro_batch = 2 }",
        r#"model = { sparsity = "2:4" }"#,
        "time- memory= loss+",
    ),
    case("sparsity-scattered", TUNE, "", r#"model = { sparsity = 0.5 }"#, "cost= time= memory= loss+"),
    case("window", PRETRAIN, "layout = { micro_batch = 2 }", "model = { window = 512 }", "cost- time- loss+"),
    case("strided", PRETRAIN, "layout = { micro_batch = 2 }", "model = { stride = 64 }", "cost- time-"),
    case(
        "grouped-heads",
        PRETRAIN,
        "layout = { micro_batch = 2 }",
        "[model]\ncustom = { layers = 16, hidden = 2048, ffn = 8192, heads = 32, kv_heads = 32, vocab = 128256 }",
        "time+ memory+",
    ),
    case(
        "gate",
        PRETRAIN,
        "layout = { micro_batch = 2 }",
        "[model]\ncustom = { layers = 16, hidden = 2048, ffn = 8192, heads = 32, kv_heads = 8, vocab = 128256, gated = false }",
        "time- loss+",
    ),
    case("shared-layers", PRETRAIN, "layout = { micro_batch = 2 }", "model = { shared_layers = 2 }", "memory- loss+"),
    case(
        "tied",
        PRETRAIN,
        "layout = { micro_batch = 2 }",
        "[model]\ncustom = { layers = 16, hidden = 2048, ffn = 8192, heads = 32, kv_heads = 8, vocab = 128256, tied = true }",
        "memory- loss+",
    ),
    case("mtp", PRETRAIN, "layout = { micro_batch = 2 }", "model = { mtp = 1 }", "time+ memory+"),
    // Dynamics.
    case("batch", PRETRAIN, "", "train = { global_batch = 4096 }", "loss+"),
    case(
        "micro-batch",
        TUNE,
        "[layout]\nmicro_batch = 1\n[train]\nrecompute = \"none\"",
        "layout = { micro_batch = 2 }",
        "memory+ loss=",
    ),
    case("rate", TUNE, "train = { learning_rate = 2e-4 }", "train = { learning_rate = 2e-3 }", "cost= loss+"),
    case("schedule", PRETRAIN, "", r#"train = { schedule = "constant" }"#, "cost= loss+"),
    case("precision-fp8", PRETRAIN, "layout = { micro_batch = 2 }", r#"train = { precision = "fp8" }"#, "time- loss+"),
    case("precision-fp32", TUNE, "layout = { micro_batch = 1 }", r#"train = { precision = "fp32" }"#, "cost+ time+"),
    case("quantised-base", TUNE, "layout = { micro_batch = 1 }", r#"method = { kind = "qlora" }"#, "memory- loss+"),
    case("sweep", TUNE, "", r#"train = { sweep = { kind = "random", trials = 8 } }"#, "cost+ time+ loss="),
    case(
        "sweep-halving",
        TUNE,
        r#"train = { sweep = { kind = "random", trials = 27 } }"#,
        r#"train = { sweep = { kind = "asha", trials = 27 } }"#,
        "cost- time-",
    ),
    case(
        "sweep-parallel",
        TUNE,
        r#"train = { sweep = { kind = "random", trials = 8 } }"#,
        r#"train = { sweep = { kind = "random", trials = 8, parallel = 4 } }"#,
        "time-",
    ),
    case(
        "mutransfer",
        PRETRAIN,
        r#"train = { sweep = { kind = "random", trials = 16 } }"#,
        r#"train = { sweep = { kind = "mutransfer", trials = 16 } }"#,
        "cost- time-",
    ),
    case(
        "checkpoint",
        PRETRAIN,
        r#"hardware = { purchase = ["spot"] }"#,
        r#"train = { checkpoint = "10h" }"#,
        "cost+ time+",
    ),
    case(
        "checkpoint-async",
        PRETRAIN,
        r#"hardware = { purchase = ["spot"] }"#,
        "train = { checkpoint_async = true }",
        "cost- time-",
    ),
    case("checkpoints-kept", PRETRAIN, "", "train = { checkpoints_kept = 50 }", "cost+ time="),
    case("objective-orpo", TUNE, "", r#"train = { objective = "orpo" }"#, "time= memory="),
    case("objective-dpo", TUNE, FIXED, r#"train = { objective = "dpo" }"#, "cost+ time+ memory="),
    case("objective-kto", TUNE, FIXED_DPO, r#"train = { objective = "kto" }"#, "cost+ time+ memory="),
    case("objective-copy", WHOLE, "", r#"train = { objective = "dpo" }"#, "cost+ time+ memory+"),
    case(
        "early-stopping",
        TUNE,
        "data = { epochs = 10 }",
        "train = { early_stopping = { patience = 1, best_epoch = 2 } }",
        "cost- time-",
    ),
    // Performance.
    case(
        "start",
        TUNE,
        "[model]\nbase = \"llama-3.2-1b\"\n[method]\nkind = \"full\"\nrank = \"(left out)\"\n[data]\ntokens = \"500M\"",
        r#"model = { start = "scratch" }"#,
        "loss+",
    ),
    case("closeness", TUNE, r#"model = { closeness = "near" }"#, r#"model = { closeness = "far" }"#, "cost= loss+"),
    case(
        "tensor-parallel",
        PRETRAIN,
        "layout = { tp = 1, micro_batch = 2 }",
        "layout = { tp = 2, micro_batch = 2 }",
        "time+ memory-",
    ),
    case(
        "zero",
        PRETRAIN,
        r#"layout = { zero = "none", tp = 1, pp = 1, micro_batch = 2 }"#,
        r#"layout = { zero = "zero3" }"#,
        "memory- loss=",
    ),
    case("pipeline", PRETRAIN, "layout = { tp = 1, pp = 1, micro_batch = 2 }", "layout = { pp = 2 }", "time+ memory-"),
    case("nodes", PRETRAIN, "", "hardware = { gpus = 16 }", "time- loss="),
    case(
        "attention-kernel",
        PRETRAIN,
        "layout = { micro_batch = 1 }",
        r#"train = { attention = "eager" }"#,
        "time+ loss=",
    ),
    case(
        "recompute",
        PRETRAIN,
        "[layout]\nmicro_batch = 2\n[train]\nrecompute = \"none\"",
        r#"train = { recompute = "full" }"#,
        "time+ memory-",
    ),
    case(
        "activation-offload",
        PRETRAIN,
        "layout = { micro_batch = 2 }\ntrain = { recompute = \"full\" }",
        "train = { activation_offload = true }",
        "time+ memory- loss=",
    ),
    case(
        "optimizer",
        PRETRAIN,
        r#"layout = { micro_batch = 2, zero = "none", tp = 1, pp = 1 }"#,
        r#"train = { optimizer = "adamw-8bit" }"#,
        "memory-",
    ),
    // Data.
    case("tokens", PRETRAIN, "", r#"data = { tokens = "40B" }"#, "cost+ time+ loss-"),
    case("epochs", PRETRAIN, "", "data = { epochs = 2 }", "cost+ time+ loss-"),
    case(
        "location",
        PRETRAIN,
        r#"data = { location = "aws:us-east-1", stored = "5 TB" }"#,
        r#"data = { location = "gcp:us-central1" }"#,
        "cost+ time+ loss=",
    ),
    case(
        "workers",
        TUNE,
        r#"data = { prepare = "on-the-fly", prepare_rate = 500, workers = 64 }"#,
        "data = { workers = 1 }",
        "cost+ time+",
    ),
    case("storage-rate", TUNE, r#"data = { read_rate = "1 GB" }"#, r#"data = { read_rate = "10 KB" }"#, "cost+ time+"),
    case("cached", TUNE, r#"data = { read_rate = "10 KB" }"#, "data = { cached = true }", "cost- time-"),
    case("preparation", PRETRAIN, "", r#"data = { prepare = "before" }"#, "cost+ time= loss="),
    case("quality", PRETRAIN, "", "data = { quality = 2.0 }", "cost= loss-"),
    case("variants", PRETRAIN, "data = { epochs = 8 }", "data = { variants = 4.0 }", "cost= loss-"),
    case("packing", TUNE, "", "data = { packing = false }", "cost+ time+"),
    case(
        "length",
        PRETRAIN,
        "layout = { micro_batch = 1 }",
        "[data]\nseq_len = 8192\n[train]\nglobal_batch = 128",
        "time+ memory+",
    ),
    case(
        "language",
        TUNE,
        "[data]\ntokens = \"(left out)\"\nstored = \"100 MB\"\nlanguage = \"English\"",
        r#"data = { language = "Tamil" }"#,
        "cost+ time+",
    ),
    // How much training.
    case(
        "target-loss",
        PRETRAIN,
        "[data]\ntokens = \"(left out)\"\n[train]\ntarget_loss = 2.6",
        "train = { target_loss = 2.5 }",
        "cost+ time+ loss-",
    ),
    case(
        "target-error",
        PRETRAIN,
        "[data]\ntokens = \"(left out)\"\n[train]\ntarget_error = 0.55",
        "train = { target_error = 0.52 }",
        "cost+ time+ loss-",
    ),
    case(
        "pilots",
        PRETRAIN,
        "",
        "pilot = [{ params = \"100M\", tokens = \"2B\", loss = 4.0 }, { params = \"150M\", tokens = \"3B\", loss = 3.9 }]",
        "cost= loss+",
    ),
    // What is lost, and what else is paid.
    case(
        "failures",
        PRETRAIN,
        r#"hardware = { node_mtbf = "200d" }"#,
        r#"hardware = { node_mtbf = "2d" }"#,
        "cost+ time+",
    ),
    case(
        "preemptions",
        PRETRAIN,
        r#"hardware = { purchase = ["spot"], preemption = "10h" }"#,
        r#"hardware = { preemption = "2h" }"#,
        "cost+ time+",
    ),
    case(
        "electricity",
        PRETRAIN,
        r#"hardware = { owned_price = "$1", electricity = "$0.05" }"#,
        r#"hardware = { electricity = "$0.30" }"#,
        "cost+ time=",
    ),
    case("evaluation", PRETRAIN, "", "train = { evaluation = 0.1 }", "cost+ time+"),
    case("failed-attempts", PRETRAIN, "", "train = { failed_attempts = 0.5 }", "cost+ time="),
    case("people", TUNE, "", "extras = { engineering_hours = 40 }", "cost+ time="),
    case(
        "other-lines",
        TUNE,
        "",
        r#"extras = { tooling = "$10", licences = "$20", safety = "$30", deployment = "$40", other = "$50" }"#,
        "cost+ time=",
    ),
];

//! `throughput.csv`: a measured training configuration.
//!
//! Tokens per second and accelerator are compared first, seconds of a step where those are blank, FLOP/s last and only
//! with a stated convention. A row that ran out of memory has no speed to compare.

use outlay::request::{DataRequest, LayoutRequest, MethodRequest, Request, Targets, TrainRequest};

use super::library::Library;
use super::model;
use super::words::{self, KnownAccelerator};
use crate::score::Kind;
use crate::table::{Row, Unscorable};

/// What a row measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Measured {
    /// Tokens per second and accelerator.
    TokensPerSecond(f64),
    /// Seconds of one optimizer step.
    StepSeconds(f64),
    /// TFLOP/s and accelerator, in a convention.
    Tflops(f64, Convention),
}

/// What is counted as FLOP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Convention {
    /// The model's, causal attention counted half.
    ModelCausal,
    /// The model's, attention counted whole.
    ModelFull,
    /// Executed, recomputation included.
    Hardware,
}

/// A row as a question and its answer.
#[derive(Debug, Clone)]
pub struct ThroughputRow {
    /// What a user would have asked.
    pub request: Request,
    /// What was measured.
    pub measured: Measured,
    /// What kind of evidence it is.
    pub kind: Kind,
    /// Who published it.
    pub source: String,
    /// Accelerator as the row names it.
    pub gpu: String,
    /// Circumstances.
    pub regime: String,
}

/// Reads a row.
///
/// # Errors
/// Why it cannot be scored.
pub fn read(row: &Row<'_>, library: &Library, known: &[KnownAccelerator]) -> Result<ThroughputRow, Unscorable> {
    let measured = measured(row)?;
    let seq_len = row.count("seq_len")?.filter(|n| *n > 0).ok_or_else(|| Unscorable::new("no sequence length"))?;
    let request = question(row, library, known, seq_len)?;
    Ok(ThroughputRow {
        regime: regime(&request),
        request,
        measured,
        kind: kind(row),
        source: row.text("source_name").or_else(|| row.text("source")).unwrap_or("unnamed").into(),
        gpu: row.text("gpu").unwrap_or_default().into(),
    })
}

/// What a user with the row's model, machines and settings would have asked.
///
/// # Errors
/// The row leaves open, or contradicts, what has to be known.
pub fn question(
    row: &Row<'_>,
    library: &Library,
    known: &[KnownAccelerator],
    seq_len: u64,
) -> Result<Request, Unscorable> {
    let hardware = words::hardware(row, known)?;
    let gpus = hardware.gpus.unwrap_or(1);
    let layout = layout(row, gpus)?;
    let batch = global_batch(row, &layout, gpus)?;
    Ok(Request {
        model: model::request(row, library, seq_len)?,
        method: method(row)?,
        data: DataRequest {
            seq_len: Some(seq_len),
            packing: Some(!row.notes_say(&["unpacked", "padded to"])),
            // Passages and questions of 117 words on average (`clark2019`), in tokens.
            mean_len: row.notes_say(&["boolq"]).then_some(150),
            ..DataRequest::default()
        },
        train: train(row, batch)?,
        hardware,
        layout,
        ..Request::default()
    })
}

fn measured(row: &Row<'_>) -> Result<Measured, Unscorable> {
    if let Some(rate) = row.positive("tokens_per_s_per_gpu")? {
        return Ok(Measured::TokensPerSecond(rate));
    }
    if let Some(seconds) = row.positive("step_time_s")? {
        return Ok(Measured::StepSeconds(seconds));
    }
    if row.notes_say(&["oom"]) {
        return Err(Unscorable::new("ran out of memory: no speed measured"));
    }
    match (row.positive("tflops_per_gpu")?, convention(row)) {
        (Some(rate), Some(convention)) => Ok(Measured::Tflops(rate, convention)),
        (Some(_), None) => Err(Unscorable::new("TFLOP/s without a convention")),
        (None, _) => Err(Unscorable::new("no tokens/s or step time")),
    }
}

fn convention(row: &Row<'_>) -> Option<Convention> {
    if row.notes_say(&["hardware", "incl. full recompute", "incl. recompute"]) {
        Some(Convention::Hardware)
    } else if row.notes_say(&["non-causal", "12lhs", "12*l*h*s"]) {
        Some(Convention::ModelFull)
    } else {
        row.notes_say(&["causal"]).then_some(Convention::ModelCausal)
    }
}

/// Speeds that a source computed back from a utilisation are not what it measured.
fn kind(row: &Row<'_>) -> Kind {
    if row.notes_say(&["tokens/s derived from", "step_time derived from", "step derived"]) {
        Kind::Derived
    } else if row.notes_say(&["vendor claim", "marketing"]) {
        Kind::VendorClaim
    } else {
        Kind::Measured
    }
}

fn regime(request: &Request) -> String {
    let layout = &request.layout;
    let scale = match request.hardware.gpus.unwrap_or(1) {
        1 => "one device",
        n if n <= request.hardware.gpus_per_node.unwrap_or(8) => "one node",
        _ => "many nodes",
    };
    let split = |degree: Option<u64>| degree.is_some_and(|n| n > 1);
    let how = if split(layout.pp) {
        ", pipelined"
    } else if split(layout.tp) || split(layout.cp) || split(layout.ep) {
        ", model-parallel"
    } else {
        ""
    };
    format!("{scale}{how}")
}

fn layout(row: &Row<'_>, gpus: u64) -> Result<LayoutRequest, Unscorable> {
    let degree = |column| row.count(column).map(|n| n.filter(|n| *n > 0));
    let mut layout = LayoutRequest {
        dp: degree("dp")?,
        tp: degree("tp")?,
        pp: degree("pp")?,
        vpp: degree("vpp")?,
        cp: degree("cp")?,
        ep: degree("ep")?,
        zero: zero(&row.lower("zero_or_fsdp"))?.map(str::to_owned),
        micro_batch: degree("micro_batch")?,
        schedule: schedule(row).map(str::to_owned),
        offload: offload(&row.lower("offload"))?.map(str::to_owned),
        sequence_parallel: sequence_parallel(row),
        ..LayoutRequest::default()
    };
    devices(row, gpus, &mut layout)?;
    stages(row, &mut layout)?;
    Ok(layout)
}

/// What a row with pipeline stages leaves unsaid: nothing is interleaved but where it says so, and a program that splits
/// a local batch into one micro-batch a stage did.
fn stages(row: &Row<'_>, layout: &mut LayoutRequest) -> Result<(), Unscorable> {
    let Some(stages) = layout.pp.filter(|pp| *pp > 1) else { return Ok(()) };
    if layout.vpp.is_none() && row.notes_say(&["1f1b"]) {
        layout.vpp = Some(if row.notes_say(&["interleaved"]) { 2 } else { 1 });
    }
    if layout.micro_batch.is_none() && row.notes_say(&["split into pp micro"]) {
        let ranks = layout.dp.unwrap_or(1).saturating_mul(stages).max(1);
        layout.micro_batch = row.count("global_batch_seqs")?.map(|batch| batch / ranks).filter(|each| *each > 0);
    }
    Ok(())
}

/// Makes the degrees multiply to the number of devices, or finds that they contradict it.
fn devices(row: &Row<'_>, gpus: u64, layout: &mut LayoutRequest) -> Result<(), Unscorable> {
    let contradiction = || Unscorable::new("parallel degrees do not multiply to the number of accelerators");
    let (Some(tp), Some(pp)) = (layout.tp, layout.pp) else { return Ok(()) };
    let model = tp.saturating_mul(pp).saturating_mul(layout.cp.unwrap_or(1));
    let Some(dp) = layout.dp else {
        layout.dp = Some(gpus / model);
        return if gpus.is_multiple_of(model) { Ok(()) } else { Err(contradiction()) };
    };
    let ranks = model.saturating_mul(dp);
    if ranks == gpus {
        return Ok(());
    }
    // Degrees may count the cores of a device that holds several: those share its work as tensor parallelism does.
    let cores = ranks / gpus;
    if !row.notes_say(&["cores"]) || cores < 2 || !ranks.is_multiple_of(gpus) {
        return Err(contradiction());
    }
    if tp.is_multiple_of(cores) {
        layout.tp = Some(tp / cores);
    } else if dp.is_multiple_of(cores) {
        layout.dp = Some(dp / cores);
    } else {
        return Err(contradiction());
    }
    Ok(())
}

fn global_batch(row: &Row<'_>, layout: &LayoutRequest, gpus: u64) -> Result<Option<u64>, Unscorable> {
    if let Some(batch) = row.count("global_batch_seqs")?.filter(|n| *n > 0) {
        return Ok(Some(batch));
    }
    let Some(micro) = layout.micro_batch else { return Ok(None) };
    // Stages need work to overlap; a row that states no batch ran at least as many micro-batches as stages.
    Ok(Some(micro.saturating_mul(layout.dp.unwrap_or(gpus)).saturating_mul(layout.pp.unwrap_or(1))))
}

fn zero(text: &str) -> Result<Option<&'static str>, Unscorable> {
    Ok(Some(match text {
        "" | "unknown" => return Ok(None),
        text if text.contains('?') => return Ok(None),
        "none" | "ddp" | "no" => "none",
        "zero1" | "zero-1" | "distopt" => "zero1",
        "zero2" | "zero-2" | "shard_grad_op" => "zero2",
        "zero3" | "zero-3" => "zero3",
        "fsdp" | "fsdp1" | "fsdp2" | "full_shard" => "fsdp",
        "hsdp" | "hybrid_shard" => "fsdp",
        _ => return Err(Unscorable(format!("sharding {text} not modelled"))),
    }))
}

fn offload(text: &str) -> Result<Option<&'static str>, Unscorable> {
    Ok(Some(match text {
        "" => return Ok(None),
        "none" | "no" => "none",
        // Stands in `train`.
        "activation-cpu" => "none",
        "cpu" | "full-cpu" => "optimizer+parameters",
        text if text.contains("param") => "optimizer+parameters",
        text if text.contains("optimizer") => "optimizer",
        _ => return Err(Unscorable(format!("offload {text} not modelled"))),
    }))
}

/// Whether what layers keep for the backward pass lies in host memory.
fn parks(row: &Row<'_>) -> bool {
    row.lower("offload").contains("activation")
        || row.notes_say(&["checkpoint-in-cpu"]) && !row.notes_say(&["no checkpoint-in-cpu"])
}

fn schedule(row: &Row<'_>) -> Option<&'static str> {
    if row.notes_say(&["zero bubble", "zero-bubble", "zb1p", "zbv"]) {
        Some("zero-bubble")
    } else if row.notes_say(&["dualpipe"]) {
        Some("dualpipe")
    } else if row.notes_say(&["gpipe"]) {
        Some("gpipe")
    } else {
        row.notes_say(&["1f1b"]).then_some("1f1b")
    }
}

fn sequence_parallel(row: &Row<'_>) -> Option<bool> {
    if row.notes_say(&["no sequence-parallel", "no sequence parallel", "without sequence parallel"]) {
        Some(false)
    } else {
        // Nobody had it before it was published.
        let older = row.text("date").is_some_and(|date| date < "2022-05");
        row.notes_say(&["sequence-parallel", "sequence parallel"]).then_some(true).or(older.then_some(false))
    }
}

fn method(row: &Row<'_>) -> Result<MethodRequest, Unscorable> {
    let rank = row.count("lora_rank")?.filter(|n| *n > 0);
    let many = |names: &[&str]| Some(Targets::Many(names.iter().map(|name| (*name).into()).collect()));
    let targets = match row.text("source_name") {
        _ if row.notes_say(&["q,v targets"]) => many(&["q_proj", "v_proj"]),
        // The recipes behind the table adapt `linear_qkv` alone.
        Some(source) if source.contains("Megatron-Bridge") => many(&["q_proj", "k_proj", "v_proj"]),
        _ => None,
    };
    let kind = match row.lower("task").as_str() {
        "" | "pretrain" | "pre-train" | "pretraining" | "sft" | "full" | "finetune" => "full",
        "lora" => "lora",
        "qlora" => "qlora",
        "dora" => "dora",
        other => return Err(Unscorable(format!("task {other} not modelled"))),
    };
    let adapters = kind != "full";
    Ok(MethodRequest {
        kind: Some(kind.into()),
        rank: rank.filter(|_| adapters),
        targets: targets.filter(|_| adapters),
        ..MethodRequest::default()
    })
}

/// The cross-entropy, where remarks or the release tell it: torchtitan compiles its own since 2025.
fn loss(row: &Row<'_>, framework: &str) -> Option<String> {
    let date = row.text("date").unwrap_or_default();
    let before = framework.to_lowercase().contains("torchtitan") && !date.is_empty() && date < "2025";
    let chunked = row.notes_say(&["chunked ce", "chunked cross"]).then_some("chunked");
    chunked.or(before.then_some("eager")).map(str::to_owned)
}

/// The attention kernel, where remarks alone tell it too.
fn kernel(row: &Row<'_>) -> String {
    match row.lower("attention_impl") {
        said if !said.is_empty() => said,
        _ if row.notes_say(&["; te;"]) => "te cudnn".into(),
        // One kernel, by the compiler's pattern, which knows a mask and no lengths.
        _ if row.notes_say(&["; native;"]) => "sdpa".into(),
        none => none,
    }
}

fn train(row: &Row<'_>, batch: Option<u64>) -> Result<TrainRequest, Unscorable> {
    let framework = row.text("framework").unwrap_or_default();
    let gpu = row.lower("gpu");
    let elsewhere = ["tpu", "mi2", "mi3", "gaudi", "trainium", "trn"].iter().any(|word| gpu.contains(word));
    let recompute = match row.lower("activation_recompute").as_str() {
        "none" | "no" | "0" => "none",
        "full" | "yes" | "1" => "full",
        "selective" => "selective",
        _ => "auto",
    };
    let compile = match row.lower("compile_flag").as_str() {
        "yes" | "1" | "true" => Some(true),
        "no" | "0" | "false" => Some(false),
        _ => None,
    };
    let mut train = TrainRequest {
        global_batch: batch,
        precision: words::precision(&row.lower("precision"), framework)?.map(str::to_owned),
        recompute: Some(recompute.into()),
        attention: words::attention(&kernel(row), framework, !elsewhere).map(str::to_owned),
        loss: loss(row, framework),
        stack: words::stack(framework, row.text("date").unwrap_or_default()).map(str::to_owned),
        compile,
        activation_offload: parks(row).then_some(true),
        launch_blocking: row.notes_say(&["launch_blocking"]).then_some(true),
        ..TrainRequest::default()
    };
    words::optimizer(&row.lower("optimizer"), &mut train);
    words::recipe(row.text("source_name").unwrap_or_default(), &row.lower("arch_family"), &gpu, &mut train);
    Ok(train)
}

#[cfg(test)]
mod tests {
    use super::{Measured, read};
    use crate::evidence::Evidence;
    use crate::rows::library::Library;
    use crate::rows::words::KnownAccelerator;
    use crate::score::Kind;
    use crate::table::{Table, Unscorable};

    const HEADER: &str = "id,model,params_total_b,layers,hidden,ffn,heads,kv_heads,vocab,seq_len,gpu,gpus,gpus_per_node,\
                          inter_link,framework,precision,tp,pp,dp,micro_batch,global_batch_seqs,tokens_per_s_per_gpu,\
                          step_time_s,notes\n";

    fn row(text: &str) -> Result<super::ThroughputRow, Unscorable> {
        let table = Table::read(&format!("{HEADER}{text}\n"));
        let known = [KnownAccelerator { id: "h100-sxm".into(), names: Vec::new(), memory_gib: 80.0 }];
        read(&table.rows().next().unwrap(), &Library::of(&Evidence::committed()), &known)
    }

    #[test]
    fn a_row_becomes_what_a_user_would_write() {
        let row =
            row("a,GPT,174.6,96,12288,49152,96,96,51200,2048,H100-SXM,64,8,400Gb/s IB per GPU,Megatron-LM,fp16,8,8,,\
                       1,64,113,18.1,\"trust:A; full recompute, no sequence parallel\"")
            .unwrap();
        assert_eq!(row.measured, Measured::TokensPerSecond(113.0));
        assert_eq!(row.request.layout.dp, Some(1));
        assert_eq!(row.request.layout.sequence_parallel, Some(false));
        assert_eq!(row.request.hardware.network_gbit, Some(400.0));
        assert_eq!(row.request.train.stack.as_deref(), Some("megatron-lm"));
        assert_eq!((row.regime.as_str(), row.kind), ("many nodes, pipelined", Kind::Measured));
    }

    #[test]
    fn degrees_of_cores_become_degrees_of_devices() {
        let text = |notes| {
            format!("a,GPT,174.6,96,12288,49152,96,96,51200,2048,H100-SXM,64,8,,x,bf16,8,8,2,1,64,113,,{notes}")
        };
        assert_eq!(row(&text("degrees count cores")).unwrap().request.layout.tp, Some(4));
        let reason = row(&text("")).unwrap_err();
        assert_eq!(reason.0, "parallel degrees do not multiply to the number of accelerators");
    }

    #[test]
    fn remarks_say_how_a_pipeline_ran() {
        let layout = |notes| {
            let text =
                format!("a,GPT,174.6,96,12288,49152,96,96,51200,2048,H100-SXM,512,8,,x,bf16,8,8,8,,256,113,,{notes}");
            let layout = row(&text).unwrap().request.layout;
            (layout.vpp, layout.micro_batch)
        };
        assert_eq!(layout("Interleaved 1F1B; local batch 32 split into PP microbatches"), (Some(2), Some(4)));
        assert_eq!(layout("schedule 1F1B"), (Some(1), None));
        assert_eq!(layout(""), (None, None));
    }

    #[test]
    fn what_is_missing_is_said() {
        let reason = |text| row(text).unwrap_err().0;
        assert_eq!(reason("a,,,,,,,,,,H100-SXM,8,,,,,,,,,,5,,"), "no sequence length");
        assert_eq!(reason("a,,,,,,,,,2048,H100-SXM,8,,,,,,,,,,,,"), "no tokens/s or step time");
        assert_eq!(reason("a,,,,,,,,,2048,Z9,8,,,,,,,,,,5,,"), "accelerator Z9 not in the catalog");
        assert_eq!(reason("a,,,,,,,,,2048,H100-SXM,eight,,,,,,,,,,5,,"), "gpus is not a number");
    }
}

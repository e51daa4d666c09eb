//! `memory_tracked.csv` and `memory_published.csv`: a peak of memory, and what was counted.
//!
//! Both tables are read with the same reader: they name settings alike, and a folder handed in may spell a column in the
//! way of `throughput.csv`. What a published peak counts decides which figure of ours it is compared with.

use outlay::request::{
    DataRequest, HardwareRequest, LayoutRequest, MethodRequest, ModelRequest, Request, Targets, TrainRequest,
};

use super::library::Library;
use super::throughput;
use super::words::{self, KnownAccelerator};
use crate::evidence::Evidence;
use crate::table::{Row, Unscorable};

/// The reason of a row that reports no peak.
pub const NO_PEAK: &str = "no peak";

/// What a peak counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Definition {
    /// Live tensors: a tracker's or the allocator's "allocated".
    Allocated,
    /// What the allocator holds from the device.
    Reserved,
    /// What the device's monitor shows, context included.
    Device,
}

/// A row as a question and its answer.
#[derive(Debug, Clone)]
pub struct MemoryRow {
    /// What a user would have asked.
    pub request: Request,
    /// Measured peak, bytes.
    pub peak: f64,
    /// What it counts.
    pub definition: Definition,
    /// Who published it.
    pub source: String,
    /// Accelerator as the row names it.
    pub gpu: String,
    /// Circumstances.
    pub regime: String,
}

/// Reads a row of `memory_tracked.csv`.
///
/// # Errors
/// Why it cannot be scored.
pub fn read_tracked(row: &Row<'_>, evidence: &Evidence, known: &[KnownAccelerator]) -> Result<MemoryRow, Unscorable> {
    let peak = row.positive("peak_bytes")?.ok_or_else(|| Unscorable::new(NO_PEAK))?;
    let request = tracked_request(row, evidence, known)?;
    let torch = row.text("torch_version").map_or_else(String::new, |version| format!(" {version}"));
    let method = row.text("method").unwrap_or("full");
    let saved = if request.train.recompute.as_deref() == Some("full") { ", recomputed" } else { "" };
    Ok(MemoryRow {
        peak,
        definition: Definition::Allocated,
        source: format!("tracker of PyTorch{torch}"),
        gpu: "any".into(),
        regime: format!("{method}, {}{saved}", row.text("dtype_mode").unwrap_or("bf16")),
        request,
    })
}

fn tracked_request(row: &Row<'_>, evidence: &Evidence, known: &[KnownAccelerator]) -> Result<Request, Unscorable> {
    let name = row.text("model_config_name").ok_or_else(|| Unscorable::new("no model named"))?;
    let text = evidence.config(name).ok_or_else(|| Unscorable(format!("no config {name}")))?;
    let config = outlay::catalog::config_json(text).map_err(|_| Unscorable(format!("config {name} is not JSON")))?;
    let batch = row.count("batch")?.filter(|n| *n > 0).ok_or_else(|| Unscorable::new("no batch size"))?;
    let seq_len = row.count("seq")?.filter(|n| *n > 0).ok_or_else(|| Unscorable::new("no sequence length"))?;
    let precision = match row.lower("dtype_mode").as_str() {
        "bf16" | "" => "bf16-pure",
        "autocast" => "bf16-autocast",
        "fp32" => "fp32",
        other => return Err(Unscorable(format!("dtype_mode {other} not modelled"))),
    };
    let checkpointed = row.text("grad_ckpt").is_some_and(|cell| !matches!(cell, "0" | "False" | "false" | "no"));
    let mut train = TrainRequest {
        global_batch: Some(batch),
        precision: Some(precision.into()),
        recompute: Some(if checkpointed { "full" } else { "none" }.into()),
        // The tracker ran on a CPU, whose kernel differs from a device's where scores are dropped out.
        attention: words::attention(&row.lower("attention"), "", true)
            .map(|kernel| if kernel == "sdpa" { "sdpa-cpu" } else { kernel }.to_owned()),
        stack: Some("hf-transformers".into()),
        compile: Some(false),
        dropout: Some(true),
        ..TrainRequest::default()
    };
    words::optimizer(&row.lower("optimizer"), &mut train);
    // PyTorch batches the update over tensors unless told otherwise.
    train.optimizer_execution.get_or_insert_with(|| "foreach".into());
    Ok(Request {
        model: ModelRequest { base: Some(name.into()), config: Some(config), ..ModelRequest::default() },
        method: adapters(row)?,
        data: DataRequest { seq_len: Some(seq_len), packing: Some(true), ..DataRequest::default() },
        train,
        hardware: single(known),
        layout: LayoutRequest { micro_batch: Some(batch), ..on_one() },
        ..Request::default()
    })
}

/// Live bytes do not depend on the device: the largest stands in.
fn single(known: &[KnownAccelerator]) -> HardwareRequest {
    let largest = known.iter().max_by(|a, b| a.memory_gib.total_cmp(&b.memory_gib).then_with(|| b.id.cmp(&a.id)));
    HardwareRequest {
        accelerators: largest.map(|part| part.id.clone()).into_iter().collect(),
        gpus: Some(1),
        ..HardwareRequest::default()
    }
}

fn on_one() -> LayoutRequest {
    LayoutRequest {
        dp: Some(1),
        tp: Some(1),
        pp: Some(1),
        cp: Some(1),
        zero: Some("none".into()),
        ..LayoutRequest::default()
    }
}

fn adapters(row: &Row<'_>) -> Result<MethodRequest, Unscorable> {
    let kind = row.lower("method");
    match kind.as_str() {
        "" | "full" => Ok(MethodRequest { kind: Some("full".into()), ..MethodRequest::default() }),
        "lora" | "qlora" | "dora" => Ok(MethodRequest {
            rank: row.count("lora_rank")?,
            targets: row.text("lora_targets").map(targets),
            adapter_dtype: ["bf16", "fp32"]
                .into_iter()
                .find(|format| row.notes_say(&[&format!("adapters {format}")]))
                .map(str::to_owned),
            // Injected by hand around the projections: nothing is dropped, nothing quantised that the row does not say.
            dropout: Some(0.0),
            kind: Some(kind),
            ..MethodRequest::default()
        }),
        other => Err(Unscorable(format!("method {other} not modelled"))),
    }
}

/// `all-linear` or `q_proj+v_proj`.
#[must_use]
pub fn targets(text: &str) -> Targets {
    if text.contains('+') {
        Targets::Many(text.split('+').map(|name| name.trim().to_owned()).collect())
    } else {
        Targets::One(text.into())
    }
}

/// Reads a row of `memory_published.csv`, whose settings stand in the columns of either other table.
///
/// # Errors
/// Why it cannot be scored.
pub fn read_published(
    row: &Row<'_>,
    evidence: &Evidence,
    library: &Library,
    known: &[KnownAccelerator],
) -> Result<MemoryRow, Unscorable> {
    let (peak, definition) = peak(row)?;
    let seq_len =
        first(row, &["seq_len", "seq", "max_seq_len"])?.ok_or_else(|| Unscorable::new("no sequence length"))?;
    let mut request = throughput::question(row, library, known, seq_len)?;
    if let Some(config) =
        row.text("model_config_name").or_else(|| row.text("config")).and_then(|name| evidence.config(name))
    {
        request.model.custom = None;
        request.model.config = outlay::catalog::config_json(config).ok();
    }
    let micro = first(row, &["micro_batch", "batch", "batch_size", "per_device_batch"])?;
    request.layout.micro_batch = request.layout.micro_batch.or(micro);
    let devices = request.layout.dp.unwrap_or(1);
    request.train.global_batch =
        request.train.global_batch.or_else(|| request.layout.micro_batch.map(|micro| micro.saturating_mul(devices)));
    Ok(MemoryRow {
        request,
        peak,
        definition,
        source: row.text("source_name").or_else(|| row.text("source")).unwrap_or("unnamed").into(),
        gpu: row.text("gpu").unwrap_or_default().into(),
        regime: format!("{definition:?}").to_lowercase(),
    })
}

/// The peak that a row of `throughput.csv` reports beside its speed, if any.
///
/// # Errors
/// It reports none.
pub fn peak(row: &Row<'_>) -> Result<(f64, Definition), Unscorable> {
    const GIB: f64 = 1_073_741_824.0;
    let columns = [
        ("peak_bytes", 1.0),
        ("peak_gib", GIB),
        ("peak_mem_gib", GIB),
        ("peak_memory_gib", GIB),
        // Tools print GiB and call it GB.
        ("peak_mem_gb", GIB),
        ("peak_gb", GIB),
        ("peak_memory_gb", GIB),
        ("peak_mib", GIB / 1024.0),
        ("peak_mb", GIB / 1024.0),
        ("peak", GIB),
    ];
    for (column, unit) in columns {
        if let Some(value) = row.positive(column)? {
            return Ok((value * unit, definition(row)));
        }
    }
    Err(Unscorable::new(NO_PEAK))
}

fn definition(row: &Row<'_>) -> Definition {
    let stated = row.lower("definition");
    let says =
        |words: &[&str]| words.iter().any(|word| stated.contains(word)) || (stated.is_empty() && row.notes_say(words));
    if says(&["reserved"]) {
        Definition::Reserved
    } else if says(&["allocated"]) {
        Definition::Allocated
    } else {
        // A monitor's figure, and the cautious reading of one that does not say.
        Definition::Device
    }
}

fn first(row: &Row<'_>, columns: &[&str]) -> Result<Option<u64>, Unscorable> {
    for column in columns {
        if let Some(value) = row.count(column)?.filter(|n| *n > 0) {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::{Definition, peak, read_tracked, targets};
    use crate::evidence::Evidence;
    use crate::table::Table;
    use outlay::request::Targets;

    #[test]
    fn a_tracked_row_asks_for_exactly_its_settings() {
        let table = Table::read(
            "id,model_config_name,batch,seq,dtype_mode,attention,grad_ckpt,method,lora_rank,lora_targets,optimizer,peak_bytes,\
             notes\na,llama-3.1-8b-l2,2,1024,autocast,eager,1,lora,16,q_proj+v_proj,adamw_loop,1000,adapters fp32\n",
        );
        let row = read_tracked(&table.rows().next().unwrap(), &Evidence::default(), &[]).unwrap();
        let request = &row.request;
        assert_eq!(request.train.recompute.as_deref(), Some("full"));
        assert_eq!(request.train.optimizer_execution.as_deref(), Some("loop"));
        assert_eq!(request.method.adapter_dtype.as_deref(), Some("fp32"));
        assert_eq!((request.layout.micro_batch, request.train.global_batch), (Some(2), Some(2)));
        assert_eq!((row.peak, row.definition), (1000.0, Definition::Allocated));
    }

    #[test]
    fn a_peak_says_what_it_counts() {
        let table = Table::read("peak_gib,definition,notes\n2,reserved,\n1,,memory=max reserved GiB\n3,unknown,\n,,\n");
        let peaks: Vec<_> =
            table.rows().map(|row| peak(&row).map(|(bytes, definition)| (bytes as u64 >> 30, definition))).collect();
        assert_eq!(peaks[0], Ok((2, Definition::Reserved)));
        assert_eq!(peaks[1], Ok((1, Definition::Reserved)));
        assert_eq!(peaks[2], Ok((3, Definition::Device)));
        assert!(peaks[3].is_err());
        assert_eq!(targets("all-linear"), Targets::One("all-linear".into()));
    }
}

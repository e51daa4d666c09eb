//! `runs.csv`: a whole training run, and what it took in accelerator-hours.
//!
//! These rows name a model, its size, the tokens and the part, and leave nearly everything else open. What they leave
//! open is asked the way a planner would: a batch of a few million tokens, and the layout left to the search.

use outlay::request::{
    Amount, DataRequest, HardwareRequest, LayoutRequest, MethodRequest, ModelRequest, Request, TrainRequest,
};

use super::library::Library;
use super::model;
use super::words::{self, KnownAccelerator};
use crate::table::{Row, Unscorable};

/// A row as a question and its answer.
#[derive(Debug, Clone)]
pub struct RunRow {
    /// What a user would have asked.
    pub request: Request,
    /// Accelerator-hours that it took.
    pub device_hours: f64,
    /// Who published it.
    pub source: String,
    /// Accelerator as the row names it.
    pub gpu: String,
    /// Circumstances.
    pub regime: String,
}

/// Accelerators of a large run that does not say: the hours hardly depend on it.
const USUAL_CLUSTER: u64 = 512;
/// Sequence length of a run that does not say.
const USUAL_SEQUENCE: u64 = 4096;
/// Sequences of a step of such a run: four million tokens.
const USUAL_BATCH: u64 = 1024;
/// Above so many billions of tokens a run is a pre-training.
const PRETRAINING_B: f64 = 50.0;

/// Reads a row.
///
/// # Errors
/// Why it cannot be scored.
pub fn read(row: &Row<'_>, library: &Library, known: &[KnownAccelerator]) -> Result<RunRow, Unscorable> {
    let tokens_b = row.positive("tokens_b")?.ok_or_else(|| Unscorable::new("no number of tokens"))?;
    let gpus = row.count("gpus")?.filter(|n| *n > 0);
    let device_hours = device_hours(row, gpus)?;
    let gpu = row.text("gpu").ok_or_else(|| Unscorable::new("no accelerator stated"))?;
    let id = words::accelerator(gpu, None, known)
        .ok_or_else(|| Unscorable(format!("accelerator {gpu} not in the catalog")))?;
    let name = row.text("model").unwrap_or_default();
    let pretraining = tokens_b > PRETRAINING_B;
    let method = if name.to_lowercase().contains("qlora") {
        "qlora"
    } else if name.to_lowercase().contains("lora") {
        "lora"
    } else {
        "full"
    };
    let model = named(name, row.positive("params_b")?, library)?;
    let request = Request {
        model: ModelRequest { start: pretraining.then(|| "scratch".into()), ..model },
        method: MethodRequest { kind: Some(method.into()), ..MethodRequest::default() },
        data: DataRequest {
            tokens: Some(Amount::Number(tokens_b * 1e9)),
            epochs: Some(1.0),
            seq_len: Some(if pretraining { USUAL_SEQUENCE } else { USUAL_SEQUENCE / 2 }),
            packing: Some(true),
            ..DataRequest::default()
        },
        train: TrainRequest {
            global_batch: pretraining.then_some(USUAL_BATCH),
            precision: row.notes_say(&["fp8"]).then(|| "fp8".into()),
            recompute: Some("auto".into()),
            ..TrainRequest::default()
        },
        hardware: HardwareRequest {
            accelerators: vec![id],
            gpus: gpus.or(Some(if pretraining { USUAL_CLUSTER } else { 1 })),
            ..HardwareRequest::default()
        },
        layout: LayoutRequest::default(),
        ..Request::default()
    };
    Ok(RunRow {
        request,
        device_hours,
        source: row.text("source").unwrap_or("unnamed").into(),
        gpu: gpu.into(),
        regime: if pretraining { "pre-training" } else { "fine-tuning" }.into(),
    })
}

fn device_hours(row: &Row<'_>, gpus: Option<u64>) -> Result<f64, Unscorable> {
    if let Some(hours) = row.positive("gpu_hours")? {
        return Ok(hours);
    }
    match (row.positive("wall_days")?, gpus) {
        (Some(days), Some(gpus)) => Ok(days * 24.0 * gpus as f64),
        _ => Err(Unscorable::new("no accelerator-hours")),
    }
}

fn named(name: &str, total_b: Option<f64>, library: &Library) -> Result<ModelRequest, Unscorable> {
    if let Some((known, config)) = library.by_text(name, total_b) {
        return Ok(ModelRequest { base: Some(known.into()), config: Some(config.clone()), ..ModelRequest::default() });
    }
    let total_b = total_b.ok_or_else(|| Unscorable::new("model neither known nor its size stated"))?;
    Ok(ModelRequest { custom: Some(model::of_size(total_b, 1)), ..ModelRequest::default() })
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::evidence::Evidence;
    use crate::rows::library::Library;
    use crate::rows::words::KnownAccelerator;
    use crate::table::Table;

    #[test]
    fn a_run_is_recognised_by_its_words_or_its_size() {
        let table = Table::read(
            "id,model,params_b,tokens_b,gpu,gpus,gpu_hours,wall_days\n\
             a,Llama-2 70B,68.977,2000,A100-80GB,,1720320,\n\
             b,Something 6.7B,6.738,1000,A100-80GB,8,,2\n\
             c,PaLM 540B,540,780,A100-80GB,8,1,\n\
             d,x,1,,A100-80GB,8,1,\n",
        );
        let library = Library::of(&Evidence::committed());
        let known = [KnownAccelerator { id: "a100-80gb-sxm".into(), names: Vec::new(), memory_gib: 80.0 }];
        let rows: Vec<_> = table.rows().map(|row| read(&row, &library, &known)).collect();
        let base = |at: usize| rows[at].as_ref().unwrap().request.model.base.clone();
        assert!(base(0).is_some_and(|name| name.ends_with("2-70b")));
        assert!(base(1).is_some());
        assert_eq!(rows[1].as_ref().unwrap().device_hours, 384.0);
        assert_eq!(base(2), None);
        assert_eq!(rows[3].as_ref().unwrap_err().0, "no number of tokens");
    }
}

//! `params.csv` and `lora_params.csv`: exact counts, which ours must equal and not merely approach.

use outlay::request::{MethodRequest, ModelRequest, Request};

use super::memory::targets;
use crate::evidence::Evidence;
use crate::table::{Row, Unscorable};

/// A model and its counts.
#[derive(Debug, Clone)]
pub struct CountRow {
    /// The model, and adapters where the table is about them.
    pub request: Request,
    /// Parameters: of the whole model, or of its adapters.
    pub parameters: u64,
    /// Parameters that a token passes through, if stated.
    pub active: Option<u64>,
    /// Architecture family, to group by.
    pub family: String,
}

/// Reads a row of `params.csv`.
///
/// # Errors
/// Why it cannot be scored.
pub fn read_params(row: &Row<'_>, evidence: &Evidence) -> Result<CountRow, Unscorable> {
    let parameters = row.count("total_params")?.ok_or_else(|| Unscorable::new("no parameter count"))?;
    Ok(CountRow {
        request: Request { model: model(row, evidence)?, ..Request::default() },
        parameters,
        active: row.count("active_params_per_token")?,
        family: row.text("model_type").unwrap_or("unnamed").into(),
    })
}

/// Reads a row of `lora_params.csv`.
///
/// # Errors
/// Why it cannot be scored.
pub fn read_lora(row: &Row<'_>, evidence: &Evidence) -> Result<CountRow, Unscorable> {
    let parameters = row.count("trainable_params")?.ok_or_else(|| Unscorable::new("no parameter count"))?;
    let named = row.text("target_modules").or_else(|| row.text("target_set"));
    let method = MethodRequest {
        kind: Some(row.text("method").unwrap_or("lora").into()),
        rank: row.count("rank")?,
        targets: named.map(targets),
        ..MethodRequest::default()
    };
    Ok(CountRow {
        request: Request { model: model(row, evidence)?, method, ..Request::default() },
        parameters,
        active: None,
        family: row.text("target_set").unwrap_or("unnamed").into(),
    })
}

fn model(row: &Row<'_>, evidence: &Evidence) -> Result<ModelRequest, Unscorable> {
    let name = row.text("name").ok_or_else(|| Unscorable::new("no model named"))?;
    let text = evidence.config(name).ok_or_else(|| Unscorable(format!("no config {name}")))?;
    let config = outlay::catalog::config_json(text).map_err(|_| Unscorable(format!("config {name} is not JSON")))?;
    Ok(ModelRequest { base: Some(name.into()), config: Some(config), ..ModelRequest::default() })
}

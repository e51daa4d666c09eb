//! A plan back into a job: everything that was chosen is written down, so that an estimate gives that plan again.
//!
//! Machines are named by provider, region, instance and purchase; the layout part by part; of the keys that vary, the values
//! chosen; the tokens, where the limits decided them. What stays open in the answer stays as it was asked.
//!
//! Does not know: a measurement of the user's own. `[observed]` is a comparison with the job as it was asked, and another
//! job would read it otherwise; it is left out, and figures that it moved are then those without it.

use crate::problem::{Code, Problem};
use crate::request::{Amount, LayoutRequest, ObservedRequest, Request};
use crate::response::{Plan, Response};
use crate::vary;

/// The job that asks for exactly this plan of an answer to `request`.
///
/// # Errors
/// Values of keys that vary which do not fit their keys; an answer made from the same request has none.
pub fn pinned(request: &Request, response: &Response, plan: &Plan) -> Result<Request, Vec<Problem>> {
    let mut job = Request { vary: None, observed: ObservedRequest::default(), ..request.clone() };
    if let Some(vary) = &request.vary {
        job = vary::with(&job, vary, &plan.choices)?;
    }
    if crate::afford::asked(request) {
        let epochs = job.data.epochs.unwrap_or(1.0);
        job.data.tokens = Some(Amount::Number((response.job.tokens as f64 / epochs).round()));
        job.goal.minimize = Some("cost".into());
    }
    machines(&mut job, plan);
    let layout = &plan.layout;
    job.layout = LayoutRequest {
        dp: Some(layout.dp),
        tp: Some(layout.tp),
        pp: Some(layout.pp),
        vpp: Some(layout.vpp),
        // Left open, a program that deals layers out by hand would have another plan.
        stage_layers: (layout.pp > 1).then_some(layout.stage_layers),
        cp: Some(layout.cp),
        ep: Some(layout.ep),
        zero: Some(layout.zero.clone()),
        shard: Some(layout.shard),
        // Beside tensor parallelism it is on unless the job switched it off.
        sequence_parallel: job.layout.sequence_parallel,
        micro_batch: Some(layout.micro_batch),
        schedule: Some(layout.schedule.clone()),
        offload: Some(layout.offload.clone()),
    };
    job.train.recompute = Some(recompute(&layout.recompute)?);
    Ok(job)
}

fn machines(job: &mut Request, plan: &Plan) {
    let hardware = &mut job.hardware;
    let limit = hardware.gpus.or(hardware.max_gpus);
    hardware.accelerators = vec![plan.accelerator.clone()];
    hardware.gpus = Some(plan.accelerators);
    hardware.max_gpus = None;
    if plan.purchase == "owned" || hardware.node.is_some() || plan.provider == "unknown" {
        // One's own machines are described by the job, but for how many accelerators each has: that hangs on the limit.
        if hardware.node.is_none() && hardware.gpus_per_node.is_none() {
            hardware.gpus_per_node = Some(limit.unwrap_or(8).min(8));
        }
        return;
    }
    hardware.providers = vec![plan.provider.clone()];
    hardware.regions = if plan.region.is_empty() { Vec::new() } else { vec![plan.region.clone()] };
    hardware.instance = Some(plan.instance.clone());
    hardware.purchase = vec![plan.purchase.clone()];
}

/// A share of the layers as a job writes it.
fn recompute(written: &str) -> Result<String, Vec<Problem>> {
    let Some(eighths) = written.strip_suffix("/8 of layers") else { return Ok(written.into()) };
    match eighths {
        "1" | "2" | "3" | "4" | "5" | "6" | "7" => Ok(format!("{eighths}/8")),
        _ => Err(vec![Problem::new(Code::WrongType, "layout.recompute", format!("{written} is no recomputation"))]),
    }
}

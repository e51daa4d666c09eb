//! How the run is kept going: failures, checkpoints, power.

use outlay_catalog::Catalog;
use outlay_core::scenario::operation::{Checkpoint, Operation};
use outlay_core::units::{BytesPerSec, Seconds, Share, UsdPerKwh};

use super::defaults::Notes;
use super::positive;
use crate::amount::{self, Unit};
use crate::problem::Problem;
use crate::request::{Amount, Request};

pub(super) fn resolve(request: &Request, catalog: &Catalog, notes: &mut Notes) -> Result<Operation, Vec<Problem>> {
    let (train, hardware) = (&request.train, &request.hardware);
    let mut problems = Vec::new();
    let failures = catalog.failures();
    let checkpoint = match &train.checkpoint {
        None => Checkpoint::Auto,
        Some(Amount::Text(text)) if text == "auto" => Checkpoint::Auto,
        Some(Amount::Text(text)) if text == "none" => Checkpoint::Never,
        Some(other) => match amount::read(other, Unit::Time, "train.checkpoint") {
            Ok(time) => Checkpoint::Every(Seconds::new(time)),
            Err(problem) => {
                problems.push(problem.help("or \"auto\", or \"none\""));
                Checkpoint::Auto
            }
        },
    };
    let mut read = |value: &Option<Amount>, unit, at: &str| {
        value.as_ref().and_then(|value| amount::read(value, unit, at).map_err(|p| problems.push(p)).ok())
    };
    let preemption = read(&hardware.preemption, Unit::Time, "hardware.preemption").map(Seconds::new);
    let node_mtbf = read(&hardware.node_mtbf, Unit::Time, "hardware.node_mtbf").map(Seconds::new);
    let electricity = read(&hardware.electricity, Unit::Usd, "hardware.electricity");
    let kept = train.checkpoints_kept.map(|kept| positive("train.checkpoints_kept", kept, 1_000_000));
    let kept = match kept {
        Some(Ok(kept)) => kept,
        Some(Err(problem)) => {
            problems.push(problem);
            1
        }
        None => notes.number("checkpoints_kept") as u64,
    };
    if !problems.is_empty() {
        return Err(problems);
    }
    let minutes = |key: &str, notes: &mut Notes| Seconds::new(notes.number(key) * 60.0);
    Ok(Operation {
        startup: minutes("startup_minutes", notes),
        restart: minutes("restart_minutes", notes),
        node_mtbf: node_mtbf.unwrap_or(Seconds::hours(24_000.0 / failures.per_1000_node_days)),
        job_mtbf: Some(Seconds::hours(failures.job_mtbf_hours)),
        job_mtbf_from: failures.job_mtbf_from,
        preemption: preemption.unwrap_or(Seconds::hours(failures.preemption_hours)),
        preemption_together: Share::new(failures.together),
        spot_wait: minutes("spot_wait_minutes", notes),
        checkpoint,
        checkpoint_write: BytesPerSec::gb(notes.number("checkpoint_write_gb_s")),
        checkpoint_async: train.checkpoint_async.unwrap_or(false),
        staging: BytesPerSec::gb(notes.number("staging_gb_s")),
        checkpoints_kept: kept,
        draw: Share::new(notes.number("draw")),
        server_power: Share::new(notes.number("server_power")),
        pue: Share::new(notes.number("pue")),
        electricity: Some(UsdPerKwh::new(electricity.unwrap_or(notes.number("electricity_usd_kwh")))),
        fetch: BytesPerSec::gb(notes.number("fetch_gb_s")),
    })
}

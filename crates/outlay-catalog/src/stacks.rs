//! Training stacks, from `data/stacks.toml`: what a program fuses, overlaps and keeps.

use outlay_core::dtype::Dtype;
use outlay_core::layout::Zero;
use outlay_core::scenario::cluster::Vendor;
use outlay_core::scenario::recipe::{LossKernel, OptimizerExecution, Parked, Precision, Stack};
use outlay_core::units::Share;
use serde::Deserialize;

use crate::error::TableError;
use crate::names::{key, nearest};

pub(crate) const TEXT: &str = include_str!("../data/stacks.toml");

/// A training program with its habits.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    /// Its mechanisms.
    pub stack: Stack,
    /// Other names.
    pub aliases: Vec<String>,
    /// What its 16-bit mixed precision keeps when every parameter is trained; `compute` is bf16.
    pub mixed: Precision,
    /// Format its gradients are kept in when `compute` is fp16.
    pub fp16_gradients: Dtype,
    /// Format it keeps the weights of adapters in.
    pub adapters: Dtype,
    /// Its usual cross-entropy.
    pub loss: LossKernel,
    /// A compiler, where one is used, takes in the cross-entropy too.
    pub compiles_loss: bool,
    /// How it runs the update.
    pub execution: OptimizerExecution,
    /// Trains the modules for multi-token prediction that a config has, when every parameter is trained.
    pub trains_mtp: bool,
    /// What it shards by habit.
    pub sharding: Zero,
    /// Accelerators it runs on.
    pub vendors: Vec<Vendor>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    stack: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    release_of: Option<String>,
    aliases: Vec<String>,
    fused_norm: bool,
    fused_activation: bool,
    fused_rotary: bool,
    #[serde(default)]
    explicit_mask: bool,
    compiled: bool,
    graphs: bool,
    #[serde(default)]
    sync_free: bool,
    #[serde(default)]
    sends_once: bool,
    #[serde(default)]
    fuses_accumulation: bool,
    #[serde(default)]
    all_experts: bool,
    gathers_ahead: Option<u64>,
    keeps_within: Option<u64>,
    #[serde(default)]
    recomputes_some: bool,
    #[serde(default)]
    selective_products: bool,
    #[serde(default)]
    both_gradients: bool,
    #[serde(default)]
    widens_gradients: bool,
    gradients_fp16: Option<String>,
    bucket: Option<u64>,
    #[serde(default)]
    uneven_stages: bool,
    zero_bubble: Option<u64>,
    #[serde(default)]
    dualpipe: bool,
    #[serde(default)]
    data_parallel_only: bool,
    #[serde(default)]
    compiles_loss: bool,
    #[serde(default)]
    trains_mtp: bool,
    #[serde(default)]
    gathers_narrow: bool,
    #[serde(default)]
    saves_narrow: bool,
    overlap_dp: f64,
    overlap_tp: f64,
    overlap_pp: f64,
    overlap_cp: f64,
    overlap_ep: f64,
    overlap_ep_interleaved: Option<f64>,
    #[serde(default)]
    overlap_host: f64,
    #[serde(default)]
    parks_checkpoints: bool,
    weights: String,
    gradients: String,
    master: bool,
    autocast: bool,
    adapters: String,
    loss: String,
    optimizer_execution: String,
    sharding: String,
    vendors: Vec<String>,
}

pub(crate) fn read(text: &str) -> Result<Vec<Program>, Vec<TableError>> {
    let file: File = toml::from_str(text).map_err(|e| vec![TableError::new("stacks", "-", e.message())])?;
    let (good, bad): (Vec<_>, Vec<_>) = file.stack.into_iter().map(program).partition(Result::is_ok);
    let errors: Vec<TableError> = bad.into_iter().filter_map(Result::err).collect();
    if errors.is_empty() { Ok(good.into_iter().filter_map(Result::ok).collect()) } else { Err(errors) }
}

fn program(row: Row) -> Result<Program, TableError> {
    let id = row.id.clone();
    let bad = |what: &str, value: &str| TableError::new("stacks", &id, format!("unknown {what} {value}"));
    let dtype = |name: &str| match name {
        "fp32" => Ok(Dtype::Fp32),
        "bf16" => Ok(Dtype::Bf16),
        "fp16" => Ok(Dtype::Fp16),
        other => Err(bad("format", other)),
    };
    let vendor = |name: &String| match name.as_str() {
        "nvidia" => Ok(Vendor::Nvidia),
        "amd" => Ok(Vendor::Amd),
        "intel" => Ok(Vendor::Intel),
        "google" => Ok(Vendor::Google),
        "aws" => Ok(Vendor::Aws),
        other => Err(bad("vendor", other)),
    };
    Ok(Program {
        mixed: Precision {
            compute: Dtype::Bf16,
            weights: dtype(&row.weights)?,
            gradients: dtype(&row.gradients)?,
            master: row.master,
            autocast: row.autocast,
        },
        fp16_gradients: dtype(row.gradients_fp16.as_ref().unwrap_or(&row.gradients))?,
        adapters: dtype(&row.adapters)?,
        loss: match row.loss.as_str() {
            "eager" => LossKernel::Eager,
            "fused" => LossKernel::Fused,
            "chunked" => LossKernel::Chunked,
            other => return Err(bad("loss", other)),
        },
        execution: match row.optimizer_execution.as_str() {
            "fused" => OptimizerExecution::Fused,
            "foreach" => OptimizerExecution::Foreach,
            other => return Err(bad("execution", other)),
        },
        sharding: match row.sharding.as_str() {
            "none" => Zero::None,
            "zero1" => Zero::One,
            "zero2" => Zero::Two,
            "zero3" | "fsdp" => Zero::Three,
            other => return Err(bad("sharding", other)),
        },
        compiles_loss: row.compiles_loss,
        trains_mtp: row.trains_mtp,
        vendors: row.vendors.iter().map(vendor).collect::<Result<_, _>>()?,
        aliases: row.aliases,
        stack: Stack {
            program: row.release_of.unwrap_or_else(|| row.id.clone()),
            id: row.id,
            fused_norm: row.fused_norm,
            fused_activation: row.fused_activation,
            fused_rotary: row.fused_rotary,
            compiled: row.compiled,
            graphs: row.graphs,
            graphs_of_parts: false,
            launch_blocking: false,
            fuses_accumulation: row.fuses_accumulation,
            sync_free: row.sync_free,
            sends_once: row.sends_once,
            all_experts: row.all_experts,
            gathers_ahead: row.gathers_ahead,
            keeps_within: row.keeps_within,
            recomputes_some: row.recomputes_some,
            selective_products: row.selective_products,
            both_gradients: row.both_gradients,
            bucket: row.bucket,
            widens_gradients: row.widens_gradients,
            parks: if row.parks_checkpoints { Parked::Checkpoints } else { Parked::Nothing },
            uneven_stages: row.uneven_stages,
            zero_bubble: row.zero_bubble,
            dualpipe: row.dualpipe,
            data_parallel_only: row.data_parallel_only,
            gathers_narrow: row.gathers_narrow,
            saves_narrow: row.saves_narrow,
            explicit_mask: row.explicit_mask,
            overlap_dp: Share::new(row.overlap_dp),
            overlap_tp: Share::new(row.overlap_tp),
            overlap_pp: Share::new(row.overlap_pp),
            overlap_cp: Share::new(row.overlap_cp),
            overlap_ep: Share::new(row.overlap_ep),
            overlap_ep_interleaved: Share::new(row.overlap_ep_interleaved.unwrap_or(row.overlap_ep)),
            overlap_host: Share::new(row.overlap_host),
        },
    })
}

/// The program people mean by a name; else the nearest names.
pub(crate) fn find<'a>(programs: &'a [Program], name: &str) -> Result<&'a Program, Vec<String>> {
    let wanted = key(name);
    let own = |program: &Program| key(&program.stack.id) == wanted || program.aliases.iter().any(|a| key(a) == wanted);
    programs
        .iter()
        .find(|program| own(program))
        .ok_or_else(|| nearest(name, programs.iter().map(|program| program.stack.id.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stack_is_well_formed() {
        let programs = read(TEXT).expect("the table is well-formed");
        assert!(programs.len() >= 15);
        for program in &programs {
            let s = &program.stack;
            let overlaps = [
                s.overlap_dp,
                s.overlap_tp,
                s.overlap_pp,
                s.overlap_cp,
                s.overlap_ep,
                s.overlap_ep_interleaved,
                s.overlap_host,
            ];
            assert!(overlaps.iter().all(|o| (0.0..=1.0).contains(&o.get())), "{}", s.id);
            assert!(!program.vendors.is_empty(), "{}", s.id);
            assert!(find(&programs, &s.id).is_ok());
            // A release shares the constants of a program that stands in the table itself and is nobody's release.
            let of = find(&programs, &s.program).expect("a program of the table");
            assert_eq!(of.stack.program, of.stack.id, "{}", s.id);
        }
    }
}

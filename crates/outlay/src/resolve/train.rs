//! `[train]`: precision, optimizer, kernels, lengths and the training program.

use outlay_catalog::Catalog;
use outlay_catalog::stacks::Program;
use outlay_core::dtype::Dtype;
use outlay_core::model::Model;
use outlay_core::scenario::recipe::{
    AttentionKernel, Beside, LossKernel, Method, Optimizer, OptimizerExecution, OptimizerKind, Parked, Precision,
    Recipe,
};
use outlay_core::units::Share;

use super::defaults::Notes;
use super::{choice, positive};
use crate::problem::Problem;
use crate::request::{Amount, Request};

/// A recipe with the program behind it.
#[derive(Debug, Clone)]
pub(super) struct Trained {
    pub(super) recipe: Recipe,
    pub(super) program: Program,
}

/// Keeps the value, or notes the problem and goes on with something.
fn or<T>(problems: &mut Vec<Problem>, result: Result<T, Problem>, otherwise: T) -> T {
    result.unwrap_or_else(|problem| {
        problems.push(problem);
        otherwise
    })
}

pub(super) fn resolve(
    request: &Request,
    catalog: &Catalog,
    scratch: bool,
    model: Option<&Model>,
    method: Option<Method>,
    notes: &mut Notes,
) -> Result<Trained, Vec<Problem>> {
    let train = &request.train;
    let mut problems = Vec::new();
    let mut method = method.unwrap_or(Method::Full);
    let wanted =
        notes.text_or("train.stack", train.stack.as_deref(), if scratch { "stack_pretrain" } else { "stack_finetune" });
    let program = match catalog.program(&wanted) {
        Ok(program) => program.clone(),
        Err(near) => {
            problems.push(Problem::unknown_name("train.stack", "training program", &wanted, &near));
            // Any program lets the rest of the section be read.
            catalog.programs()[0].clone()
        }
    };
    if let (Method::Lora(lora), None) = (&mut method, &request.method.adapter_dtype) {
        lora.adapter = program.adapters;
    }
    let adapters = matches!(method, Method::Lora(_));
    let precision = precision(request, &program, adapters, notes, &mut problems);
    let optimizer = optimizer(request, &program, &method, precision, notes, &mut problems);
    let attention = attention(train.attention.as_deref(), &mut problems);
    let losses = [("eager", LossKernel::Eager), ("fused", LossKernel::Fused), ("chunked", LossKernel::Chunked)];
    let mut stack = program.stack.clone();
    stack.compiled = train.compile.unwrap_or(stack.compiled);
    let graphs = [("none", (false, false)), ("parts", (false, true)), ("step", (true, false))];
    if let Some(name) = train.cuda_graphs.as_deref() {
        let usual = (stack.graphs, stack.graphs_of_parts);
        (stack.graphs, stack.graphs_of_parts) =
            or(&mut problems, choice("train.cuda_graphs", "kind of graph", name, &graphs), usual);
    }
    stack.parks = match train.activation_offload {
        Some(true) => Parked::All,
        Some(false) => Parked::Nothing,
        None => stack.parks,
    };
    stack.launch_blocking = train.launch_blocking.unwrap_or(false);
    let usual = if program.compiles_loss && stack.compiled { LossKernel::Fused } else { program.loss };
    let loss = train.loss.as_deref().map_or(Ok(usual), |name| choice("train.loss", "loss", name, &losses));
    let loss = or(&mut problems, loss, usual);
    let seq_len = seq_len(request, scratch, model, notes, &mut problems);
    let source_len = request.data.source_len.map_or(Ok(seq_len), |n| positive("data.source_len", n, 1 << 24));
    let source_len = or(&mut problems, source_len, seq_len);
    let global_batch = global_batch(request, scratch, seq_len, notes, &mut problems);
    let packed = request.data.packing.unwrap_or_else(|| {
        notes.assume("data.packing", true, Notes::reason("packing"));
        true
    });
    // A broken scan is told where the amount of data is read.
    let scan = super::scan::read(&request.data).ok().flatten();
    let measured = scan.as_ref().and_then(|scan| scan.fill(seq_len, packed));
    let fill = match measured {
        Some(fill) => fill,
        None if packed => 1.0,
        None => match scan.as_ref().map(|scan| scan.mean()).or(request.data.mean_len.map(|len| len as f64)) {
            // What is longer is cut off.
            Some(mean) => (mean / seq_len as f64).clamp(0.001, 1.0),
            None => {
                let padded = notes.number("fill_padded");
                notes.assume(
                    "data.packing",
                    format!("{padded} of the tokens carry data"),
                    Notes::reason("fill_padded"),
                );
                padded
            }
        },
    };
    let sparse = matches!(&request.model.sparsity, Some(Amount::Text(text)) if text.trim() == "2:4");
    let beside = objective(train.objective.as_deref(), adapters, &mut problems);
    let recipe = Recipe {
        method,
        optimizer,
        precision,
        attention,
        loss,
        stack,
        seq_len,
        source_len,
        global_batch,
        fill: Share::new(fill),
        dropout: train.dropout.unwrap_or(true),
        two_of_four: sparse,
        beside,
    };
    if problems.is_empty() { Ok(Trained { recipe, program }) } else { Err(problems) }
}

/// What each way of learning reads beside the model: a frozen reference, which adapters that are switched off can be, and for
/// `kto` the mismatched pairs of its baseline, by both.
fn objective(name: Option<&str>, adapters: bool, problems: &mut Vec<Problem>) -> Beside {
    let choices = [("next-token", 0), ("orpo", 0), ("reward", 0), ("dpo", 1), ("kto", 3)];
    let passes = name.map_or(Ok(0), |name| choice("train.objective", "objective", name, &choices));
    let passes = or(problems, passes, 0);
    Beside { passes, copy: passes > 0 && !adapters }
}

fn precision(
    request: &Request,
    program: &Program,
    adapters: bool,
    notes: &mut Notes,
    problems: &mut Vec<Problem>,
) -> Precision {
    let name = notes.text_or("train.precision", request.train.precision.as_deref(), "precision");
    let pure =
        |format| Precision { compute: format, weights: format, gradients: format, master: false, autocast: false };
    let half = |compute| {
        if adapters {
            // The frozen base stands in 16 bit; adapters have their own format.
            let autocast = program.mixed.autocast;
            Precision { compute, weights: Dtype::Bf16, gradients: Dtype::Fp32, master: false, autocast }
        } else {
            Precision { compute, ..program.mixed }
        }
    };
    let choices = [
        ("fp32", pure(Dtype::Fp32)),
        ("tf32", Precision { compute: Dtype::Tf32, ..pure(Dtype::Fp32) }),
        ("bf16", half(Dtype::Bf16)),
        ("bf16-pure", pure(Dtype::Bf16)),
        ("bf16-autocast", Precision { compute: Dtype::Bf16, autocast: true, ..pure(Dtype::Fp32) }),
        ("fp16", fp16(half(Dtype::Fp16), program, adapters)),
        ("fp8", half(Dtype::Fp8)),
        ("fp8-rowwise", half(Dtype::Fp8Row)),
        ("mxfp8", half(Dtype::MxFp8)),
        ("nvfp4", half(Dtype::Fp4)),
        ("int8", half(Dtype::Int8)),
    ];
    let precision = or(problems, choice("train.precision", "precision", &name, &choices), half(Dtype::Bf16));
    let formats = [("fp32", Dtype::Fp32), ("bf16", Dtype::Bf16), ("fp16", Dtype::Fp16)];
    let gradients = request
        .train
        .gradients
        .as_deref()
        .map_or(Ok(precision.gradients), |name| choice("train.gradients", "format", name, &formats));
    Precision { gradients: or(problems, gradients, precision.gradients), ..precision }
}

/// What stands in 16 bit stands in fp16.
fn fp16(precision: Precision, program: &Program, adapters: bool) -> Precision {
    let weights = if precision.weights == Dtype::Bf16 { Dtype::Fp16 } else { precision.weights };
    let gradients = if adapters { precision.gradients } else { program.fp16_gradients };
    Precision { weights, gradients, ..precision }
}

fn optimizer(
    request: &Request,
    program: &Program,
    method: &Method,
    precision: Precision,
    notes: &mut Notes,
    problems: &mut Vec<Problem>,
) -> Optimizer {
    let quantised = matches!(method, Method::Lora(lora) if matches!(lora.base, Dtype::Nf4 | Dtype::Nf4Double));
    let default = if quantised { "optimizer_qlora" } else { "optimizer" };
    let name = notes.text_or("train.optimizer", request.train.optimizer.as_deref(), default);
    let choices = [
        ("adamw", (OptimizerKind::AdamW, false)),
        ("paged-adamw", (OptimizerKind::AdamW, true)),
        ("adamw-8bit", (OptimizerKind::AdamW8bit, false)),
        ("paged-adamw-8bit", (OptimizerKind::AdamW8bit, true)),
        ("adamw-4bit", (OptimizerKind::AdamW4bit, false)),
        ("adafactor", (OptimizerKind::Adafactor, false)),
        ("lion", (OptimizerKind::Lion, false)),
        ("sgd", (OptimizerKind::Sgd, false)),
        ("sgd-momentum", (OptimizerKind::SgdMomentum, false)),
        ("muon", (OptimizerKind::Muon, false)),
    ];
    let (kind, paged) =
        or(problems, choice("train.optimizer", "optimizer", &name, &choices), (OptimizerKind::AdamW, false));
    let executions = [
        ("fused", OptimizerExecution::Fused),
        ("foreach", OptimizerExecution::Foreach),
        ("loop", OptimizerExecution::Loop),
        ("in-backward", OptimizerExecution::InBackward),
    ];
    let execution = request.train.optimizer_execution.as_deref();
    let execution = execution
        .map_or(Ok(program.execution), |name| choice("train.optimizer_execution", "execution", name, &executions));
    let execution = or(problems, execution, program.execution);
    // Without a master copy the moments have the format of what they move.
    let state = if precision.master || precision.weights == Dtype::Fp32 { Dtype::Fp32 } else { precision.weights };
    Optimizer { kind, state, paged, execution }
}

fn attention(name: Option<&str>, problems: &mut Vec<Problem>) -> AttentionKernel {
    let choices = [
        ("auto", AttentionKernel::Sdpa),
        ("eager", AttentionKernel::Eager),
        ("fused-softmax", AttentionKernel::FusedSoftmax),
        ("sdpa", AttentionKernel::Sdpa),
        ("sdpa-cpu", AttentionKernel::SdpaCpu),
        ("flash1", AttentionKernel::Flash1),
        ("flash2", AttentionKernel::Flash2),
        ("flash3", AttentionKernel::Flash3),
        ("cudnn", AttentionKernel::Cudnn),
    ];
    let kernel = name.map_or(Ok(AttentionKernel::Sdpa), |name| choice("train.attention", "kernel", name, &choices));
    or(problems, kernel, AttentionKernel::Sdpa)
}

fn seq_len(
    request: &Request,
    scratch: bool,
    model: Option<&Model>,
    notes: &mut Notes,
    problems: &mut Vec<Problem>,
) -> u64 {
    let limit = model.and_then(|model| model.max_positions).unwrap_or(u64::MAX);
    if let Some(given) = request.data.seq_len {
        let length = or(problems, positive("data.seq_len", given, 1 << 24), 1);
        if length > limit {
            notes.warn(format!("data.seq_len = {length} is beyond the {limit} positions the model was made for"));
        }
        return length;
    }
    let default = if scratch { "seq_len_pretrain" } else { "seq_len_finetune" };
    let length = (notes.number(default) as u64).min(limit).max(1);
    notes.assume("data.seq_len", length, Notes::reason(default));
    length
}

fn global_batch(request: &Request, scratch: bool, seq_len: u64, notes: &mut Notes, problems: &mut Vec<Problem>) -> u64 {
    if let Some(given) = request.train.global_batch {
        return or(problems, positive("train.global_batch", given, 1 << 24), 1);
    }
    if scratch {
        let tokens = notes.number("batch_tokens_pretrain") as u64;
        // A power of two divides by whatever the ranks are.
        let batch = (tokens / seq_len).max(1).next_power_of_two();
        notes.assume("train.global_batch", batch, Notes::reason("batch_tokens_pretrain"));
        batch
    } else {
        notes.count_or("train.global_batch", None, "global_batch_finetune")
    }
}

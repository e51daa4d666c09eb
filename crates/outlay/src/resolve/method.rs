//! `[method]`: which parameters are trained, and how.

use outlay_catalog::names::nearest;
use outlay_core::dtype::Dtype;
use outlay_core::model::Model;
use outlay_core::scenario::adapters;
use outlay_core::scenario::recipe::{Lora, Method, Targets};

use super::defaults::Notes;
use super::{choice, positive};
use crate::problem::{Code, Problem};
use crate::request::{MethodRequest, Targets as Written};

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Full,
    Lora,
    Qlora,
    Dora,
    Freeze,
}

pub(super) fn resolve(request: &MethodRequest, scratch: bool, notes: &mut Notes) -> Result<Method, Vec<Problem>> {
    let choices = [
        ("full", Kind::Full),
        ("lora", Kind::Lora),
        ("qlora", Kind::Qlora),
        ("dora", Kind::Dora),
        ("freeze", Kind::Freeze),
    ];
    let mut problems = Vec::new();
    let kind = match &request.kind {
        Some(kind) => choice("method.kind", "method", kind, &choices).unwrap_or_else(|p| {
            problems.push(p);
            // The keys of adapters are the most: whatever else is wrong with them is seen too.
            Kind::Lora
        }),
        None => {
            notes.assume("method.kind", "full", "every parameter is trained unless said otherwise");
            Kind::Full
        }
    };
    let known = problems.is_empty();
    if scratch && known && kind != Kind::Full {
        let message = "a model from scratch has no pretrained weights to adapt";
        problems.push(Problem::new(Code::Contradiction, "method.kind", message).help("use kind = \"full\""));
    }
    let method = match kind {
        Kind::Full => {
            for (key, set) in [
                ("rank", request.rank.is_some()),
                ("targets", request.targets.is_some()),
                ("base_dtype", request.base_dtype.is_some()),
            ] {
                if set {
                    let message = format!("`{key}` means nothing when every parameter is trained");
                    problems.push(
                        Problem::new(Code::Contradiction, format!("method.{key}"), message)
                            .help("use kind = \"lora\" or \"qlora\", or leave it out"),
                    );
                }
            }
            Method::Full
        }
        Kind::Freeze => match request.trained_layers.map(|n| positive("method.trained_layers", n, 10_000)) {
            Some(Ok(trained_layers)) => Method::Freeze { trained_layers },
            Some(Err(problem)) => {
                problems.push(problem);
                Method::Full
            }
            None => {
                let fault = Problem::new(Code::Missing, "method.trained_layers", "how many layers stay trainable");
                problems.push(fault.help("for example trained_layers = 4"));
                Method::Full
            }
        },
        Kind::Lora | Kind::Qlora | Kind::Dora => {
            let rank = notes.count_or("method.rank", request.rank, "rank");
            let rank = positive("method.rank", rank, 65_536).unwrap_or_else(|p| {
                problems.push(p);
                1
            });
            Method::Lora(Lora {
                rank,
                targets: targets(request),
                dropout: dropout(request, &mut problems),
                adapter: format(request.adapter_dtype.as_deref(), "method.adapter_dtype", Dtype::Fp32, &mut problems),
                base: base(request, kind, &mut problems),
                dora: kind == Kind::Dora,
            })
        }
    };
    if problems.is_empty() { Ok(method) } else { Err(problems) }
}

fn targets(request: &MethodRequest) -> Targets {
    let set = |name: &str| match name {
        "all-linear" => Targets::AllLinear,
        "attention" => Targets::Attention,
        module => Targets::Names(module.split(['+', ',']).map(|m| m.trim().to_owned()).collect()),
    };
    match &request.targets {
        None => Targets::AllLinear,
        Some(Written::One(name)) => set(name),
        Some(Written::Many(names)) if names.len() == 1 => set(&names[0]),
        Some(Written::Many(names)) => Targets::Names(names.clone()),
    }
}

fn dropout(request: &MethodRequest, problems: &mut Vec<Problem>) -> bool {
    let share = request.dropout.unwrap_or(0.0);
    if !(0.0..1.0).contains(&share) {
        let message = format!("{share} is not a share from 0 up to, not with, 1");
        problems.push(Problem::new(Code::OutOfRange, "method.dropout", message));
    }
    share > 0.0
}

fn format(name: Option<&str>, at: &str, default: Dtype, problems: &mut Vec<Problem>) -> Dtype {
    let choices = [("bf16", Dtype::Bf16), ("fp16", Dtype::Fp16), ("fp32", Dtype::Fp32)];
    name.map_or(Ok(default), |name| choice(at, "format", name, &choices)).unwrap_or_else(|p| {
        problems.push(p);
        default
    })
}

fn base(request: &MethodRequest, kind: Kind, problems: &mut Vec<Problem>) -> Dtype {
    let double = request.double_quant.unwrap_or(true);
    let nf4 = if double { Dtype::Nf4Double } else { Dtype::Nf4 };
    let choices =
        [("bf16", Dtype::Bf16), ("fp16", Dtype::Fp16), ("fp32", Dtype::Fp32), ("int8", Dtype::Int8), ("nf4", nf4)];
    let default = if kind == Kind::Qlora { nf4 } else { Dtype::Bf16 };
    let base =
        request.base_dtype.as_deref().map_or(Ok(default), |name| choice("method.base_dtype", "format", name, &choices));
    match base {
        Ok(base) if kind == Kind::Qlora && !matches!(base, Dtype::Nf4 | Dtype::Nf4Double | Dtype::Int8) => {
            let fault = Problem::new(Code::Contradiction, "method.base_dtype", "QLoRA has a quantised base");
            problems.push(fault.help("use nf4 or int8, or kind = \"lora\""));
            base
        }
        Ok(base) => base,
        Err(problem) => {
            problems.push(problem);
            default
        }
    }
}

/// Modules that one list of targets names for many models; a model has some of them.
const USUAL: [&str; 9] =
    ["q_proj", "k_proj", "v_proj", "qkv_proj", "o_proj", "out_proj", "gate_proj", "up_proj", "down_proj"];

/// Targets that are named must be modules of the model. A usual name that it has not is left out, as PEFT does, as long as
/// another is there; a name that no model has is a slip.
pub(super) fn check(method: &Method, model: &Model, notes: &mut Notes) -> Vec<Problem> {
    let Method::Lora(Lora { targets: Targets::Names(names), .. }) = method else { return Vec::new() };
    let known = adapters::modules(model);
    let (there, unknown): (Vec<&String>, Vec<&String>) = names.iter().partition(|name| known.contains(&name.as_str()));
    if !there.is_empty() && !unknown.is_empty() && unknown.iter().all(|name| USUAL.contains(&name.as_str())) {
        let names: Vec<&str> = unknown.iter().map(|name| name.as_str()).collect();
        notes.warn(format!("{} has no modules named {}: they get no adapter", model.name, names.join(", ")));
        return Vec::new();
    }
    let problem = |name: &String| {
        let near = nearest(name, known.iter().copied());
        Problem::unknown_name("method.targets", "module to adapt", name, &near).help(format!(
            "modules of {} are {}; or use \"all-linear\" or \"attention\"",
            model.name,
            known.join(", ")
        ))
    };
    unknown.into_iter().map(problem).collect()
}

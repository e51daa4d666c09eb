//! `[layout]`: what the user fixes of it.

use outlay_core::layout::{Offload, Pins, Recompute, Zero};
use outlay_core::model::Model;
use outlay_core::scenario::Size;

use super::defaults::Notes;
use super::{choice, positive};
use crate::pipeline::SCHEDULES;
use crate::problem::{Code, Problem};
use crate::request::{LayoutRequest, Request};

/// Widest of any split.
const MOST: u64 = 1 << 20;

pub(super) fn resolve(request: &Request, _notes: &mut Notes) -> Result<Pins, Vec<Problem>> {
    let layout = &request.layout;
    let mut problems = Vec::new();
    let mut count = |key: &str, value: Option<u64>| {
        value.and_then(|value| positive(&format!("layout.{key}"), value, MOST).map_err(|p| problems.push(p)).ok())
    };
    let mut pins = Pins {
        dp: count("dp", layout.dp),
        tp: count("tp", layout.tp),
        pp: count("pp", layout.pp),
        vpp: count("vpp", layout.vpp),
        // None is a number here: as few as it takes.
        stage_layers: match layout.stage_layers {
            Some(0) => Some(0),
            asked => count("stage_layers", asked),
        },
        cp: count("cp", layout.cp),
        ep: count("ep", layout.ep),
        shard: count("shard", layout.shard),
        micro_batch: count("micro_batch", layout.micro_batch),
        sequence_parallel: layout.sequence_parallel,
        ..Pins::default()
    };
    let zeros = [
        ("none", Zero::None),
        ("ddp", Zero::None),
        ("zero1", Zero::One),
        ("zero2", Zero::Two),
        ("zero3", Zero::Three),
        ("fsdp", Zero::Three),
    ];
    let offloads = [
        ("none", Offload::None),
        ("optimizer", Offload::Optimizer),
        ("optimizer+parameters", Offload::OptimizerAndParameters),
    ];
    let recomputes = [
        ("auto", None),
        ("none", Some(Recompute::None)),
        ("selective", Some(Recompute::Selective)),
        ("quarter", Some(Recompute::Layers(2))),
        ("half", Some(Recompute::Layers(4))),
        ("three-quarters", Some(Recompute::Layers(6))),
        ("1/8", Some(Recompute::Layers(1))),
        ("2/8", Some(Recompute::Layers(2))),
        ("3/8", Some(Recompute::Layers(3))),
        ("4/8", Some(Recompute::Layers(4))),
        ("5/8", Some(Recompute::Layers(5))),
        ("6/8", Some(Recompute::Layers(6))),
        ("7/8", Some(Recompute::Layers(7))),
        ("full", Some(Recompute::Full)),
    ];
    fn named<T: Copy>(
        problems: &mut Vec<Problem>,
        at: &str,
        kind: &str,
        name: Option<&str>,
        choices: &[(&str, T)],
    ) -> Option<T> {
        name.and_then(|name| choice(at, kind, name, choices).map_err(|p| problems.push(p)).ok())
    }
    pins.zero = named(&mut problems, "layout.zero", "sharding", layout.zero.as_deref(), &zeros);
    pins.schedule = named(&mut problems, "layout.schedule", "schedule", layout.schedule.as_deref(), &SCHEDULES);
    pins.offload = named(&mut problems, "layout.offload", "offload", layout.offload.as_deref(), &offloads);
    let recompute = request.train.recompute.as_deref();
    pins.recompute = named(&mut problems, "train.recompute", "recompute", recompute, &recomputes).flatten();
    if problems.is_empty() { Ok(pins) } else { Err(problems) }
}

/// What is fixed must agree with the model and the number of accelerators, as far as these are known.
pub(super) fn check(layout: &LayoutRequest, model: Option<&Model>, size: Option<Size>) -> Vec<Problem> {
    let mut problems = Vec::new();
    problems.extend(model.into_iter().flat_map(|model| divided(layout, model)));
    problems.extend(size.and_then(|size| counted(layout, size)));
    problems
}

/// Heads, layers and experts over the ranks.
fn divided(layout: &LayoutRequest, model: &Model) -> Vec<Problem> {
    let mut problems = Vec::new();
    // A width of zero is told where it is read.
    if let (Some(tp @ 1..), Some(attention)) = (layout.tp, model.attention())
        && attention.heads % tp != 0
    {
        let heads = attention.heads;
        let near: Vec<String> = (1..=heads.min(64)).filter(|n| heads % n == 0).map(|n| n.to_string()).collect();
        let message = format!("{heads} attention heads do not split over {tp} ranks");
        problems.push(
            Problem::new(Code::DoesNotDivide, "layout.tp", message)
                .help(format!("widths that divide {heads}: {}", near.join(", "))),
        );
    }
    if let Some(pp) = layout.pp
        && pp > model.depth()
    {
        let message = format!("{} layers do not fill {pp} pipeline stages", model.depth());
        problems.push(Problem::new(Code::DoesNotDivide, "layout.pp", message).help("use fewer stages"));
    }
    if let Some(ep @ 1..) = layout.ep {
        match model.experts() {
            None if ep > 1 => problems.push(
                Problem::new(Code::Contradiction, "layout.ep", "the model has no experts to spread")
                    .help("leave out ep, or set it to 1"),
            ),
            Some(experts) if experts.experts % ep != 0 => problems.push(Problem::new(
                Code::DoesNotDivide,
                "layout.ep",
                format!("{} experts do not split over {ep} ranks", experts.experts),
            )),
            _ => {}
        }
    }
    problems
}

/// The product of all widths against the number of accelerators.
fn counted(layout: &LayoutRequest, size: Size) -> Option<Problem> {
    let widths = [layout.dp, layout.tp, layout.pp, layout.cp];
    let product = widths.iter().flatten().filter(|width| **width > 0).fold(1u64, |all, n| all.saturating_mul(*n));
    let all_given = widths.iter().all(Option::is_some);
    match size {
        Size::Exactly(gpus) if (all_given && product != gpus) || !gpus.is_multiple_of(product.max(1)) => {
            let message = format!("dp · tp · pp · cp = {product} does not give {gpus} accelerators");
            let fault = Problem::new(Code::Contradiction, "layout", message);
            Some(fault.help("leave out dp: it is what remains"))
        }
        Size::AtMost(most) if product > most => {
            let message = format!("dp · tp · pp · cp = {product} is more than max_gpus = {most}");
            Some(Problem::new(Code::Contradiction, "layout", message).help("raise hardware.max_gpus"))
        }
        _ => None,
    }
}

//! The list of levers and their steps from where a job stands.
//!
//! A lever is a row that makes the jobs after its steps; a lever that already stands at an end has a step one way alone.

use outlay_core::layout::{Recompute, Zero};
use outlay_core::learning::rate::Schedule;
use outlay_core::run::quality::{self, Lesson};
use outlay_core::scenario::dynamics::Start;
use outlay_core::scenario::offer::Purchase;
use outlay_core::scenario::operation::Checkpoint;
use outlay_core::scenario::recipe::{Method, OptimizerKind, Parked};

use super::architecture;
use super::{Base, Step};
use crate::request::{Amount, Request, StoppingRequest, SweepRequest, Targets};

/// Every step of every lever.
pub(super) fn steps(base: &Base<'_>) -> Vec<Step> {
    let mut all = List { base, steps: Vec::new() };
    hardware(&mut all);
    architecture::steps(&mut all);
    method(&mut all);
    dynamics(&mut all);
    precision(&mut all);
    sweeps(&mut all);
    lasting(&mut all);
    layout(&mut all);
    data(&mut all);
    all.steps
}

/// The list as it grows.
pub(super) struct List<'a, 'b> {
    pub(super) base: &'a Base<'b>,
    steps: Vec<Step>,
}

impl List<'_, '_> {
    /// A step on the machines of the plan.
    pub(super) fn add(
        &mut self,
        (group, lever): (&'static str, &'static str),
        change: impl Into<String>,
        why: &'static str,
        edit: impl FnOnce(&mut Request),
    ) {
        let mut request = self.base.request.clone();
        edit(&mut request);
        self.steps.push(Step { group, lever, change: change.into(), why, request, anew: false });
    }

    /// The other position of a switch.
    fn switch(
        &mut self,
        lever: (&'static str, &'static str),
        now: bool,
        why: &'static str,
        set: impl FnOnce(&mut Request, Option<bool>),
    ) {
        self.add(lever, format!("{now} → {}", !now), why, |r| set(r, Some(!now)));
    }

    /// A step that looks for machines anew.
    pub(super) fn anew(
        &mut self,
        lever: (&'static str, &'static str),
        change: impl Into<String>,
        why: &'static str,
        edit: impl FnOnce(&mut Request),
    ) {
        self.add(lever, change, why, edit);
        if let Some(step) = self.steps.last_mut() {
            step.anew = true;
        }
    }
}

/// Other accelerators tried.
const ACCELERATORS: usize = 3;

fn hardware(all: &mut List<'_, '_>) {
    let base = all.base;
    let (offer, count) = (base.offer, base.forecast.plan.layout.accelerators());
    let mut others: Vec<(f64, &str, &str)> = Vec::new();
    for other in base.catalog.offers().iter().filter(|other| other.purchase == offer.purchase) {
        let part = &other.accelerator;
        let each = other.price.get() / other.node.accelerators as f64;
        match others.iter_mut().find(|known| known.1 == part.id) {
            Some(known) => known.0 = known.0.min(each),
            None => others.push((each, &part.id, &part.name)),
        }
    }
    // The usual answers: a small card, the workhorses, the latest.
    let usual = ["l4", "a100-80gb-sxm", "h100-sxm", "b200-sxm", "rtx-4090", "h200-sxm"];
    let named = usual.iter().filter_map(|id| others.iter().find(|other| other.1 == *id));
    for (_, id, name) in named.filter(|other| other.1 != offer.accelerator.id).take(ACCELERATORS + 1) {
        all.anew(
            ("hardware", "hardware.accelerators"),
            format!("{} → {name}", offer.accelerator.name),
            "speed, memory and price of the card",
            |r| {
                r.hardware.accelerators = vec![(*id).into()];
            },
        );
    }
    if offer.purchase == Purchase::Owned || base.request.hardware.node.is_some() {
        return;
    }
    for to in [count * 2, count / 2] {
        if to > 0 {
            all.anew(
                ("hardware", "hardware.gpus"),
                format!("{count} → {to}"),
                "wall-clock against idle time and traffic",
                |r| {
                    r.hardware.gpus = Some(to);
                    r.hardware.max_gpus = None;
                    r.hardware.accelerators = vec![offer.accelerator.id.clone()];
                },
            );
        }
    }
    let elsewhere = |provider: bool| {
        let mut found: Vec<(f64, &str)> = Vec::new();
        for other in base.catalog.offers() {
            let like = other.accelerator.id == offer.accelerator.id && other.purchase == offer.purchase;
            let name = if provider { other.provider.as_str() } else { other.region.as_str() };
            let moved = if provider {
                other.provider != offer.provider
            } else {
                other.provider == offer.provider && other.region != offer.region
            };
            if like && moved {
                found.push((other.price.get() / other.node.accelerators as f64, name));
            }
        }
        found.sort_by(|one, two| one.0.total_cmp(&two.0).then(one.1.cmp(two.1)));
        found.first().map(|found| found.1.to_owned())
    };
    if let Some(name) = elsewhere(true) {
        all.anew(
            ("hardware", "hardware.providers"),
            format!("{} → {name}", offer.provider),
            "price, billing, egress and reliability of the provider",
            |r| {
                r.hardware.providers = vec![name.clone()];
                r.hardware.accelerators = vec![offer.accelerator.id.clone()];
            },
        );
    }
    if let Some(name) = elsewhere(false) {
        all.anew(
            ("hardware", "hardware.regions"),
            format!("{} → {name}", offer.region),
            "price and grid of the region, distance to the data",
            |r| {
                r.hardware.regions = vec![name.clone()];
                r.hardware.providers = vec![offer.provider.clone()];
                r.hardware.accelerators = vec![offer.accelerator.id.clone()];
            },
        );
    }
    for (purchase, name) in
        [(Purchase::OnDemand, "on-demand"), (Purchase::Spot, "spot"), (Purchase::Reserved1y, "reserved")]
    {
        if purchase != offer.purchase {
            all.anew(
                ("hardware", "hardware.purchase"),
                format!("{} → {name}", offer.purchase.name()),
                "a lower price against interruptions or commitment",
                |r| {
                    r.hardware.purchase = vec![name.into()];
                    r.hardware.accelerators = vec![offer.accelerator.id.clone()];
                },
            );
        }
    }
}

fn method(all: &mut List<'_, '_>) {
    let base = all.base;
    if base.scenario.dynamics.start == Start::Scratch {
        return;
    }
    let now = base.request.method.kind.as_deref().unwrap_or("full").to_lowercase();
    for kind in ["full", "lora", "qlora", "dora"] {
        if kind != now {
            all.add(
                ("method", "method.kind"),
                format!("{now} → {kind}"),
                "what is trained decides gradients and optimizer state",
                |r| {
                    if kind == "full" {
                        r.method = Default::default();
                    } else {
                        r.method.base_dtype = None;
                        r.method.trained_layers = None;
                    }
                    r.method.kind = Some(kind.into());
                    if !matches!(r.train.optimizer.as_deref(), None | Some("adamw")) {
                        r.train.optimizer = None;
                    }
                },
            );
        }
    }
    if let Method::Lora(lora) = &base.scenario.recipe.method {
        for rank in [lora.rank * 2, lora.rank / 2] {
            if rank > 0 {
                all.add(
                    ("method", "method.rank"),
                    format!("{} → {rank}", lora.rank),
                    "capacity of the adapters against their memory",
                    |r| {
                        r.method.rank = Some(rank);
                    },
                );
            }
        }
        let narrow = lora.targets == outlay_core::scenario::recipe::Targets::Attention;
        let (from, to) = if narrow { ("attention", "all-linear") } else { ("all-linear", "attention") };
        all.add(
            ("method", "method.targets"),
            format!("{from} → {to}"),
            "fewer adapters: less to store, less to learn with",
            |r| {
                r.method.targets = Some(Targets::One(to.into()));
            },
        );
    }
}

fn dynamics(all: &mut List<'_, '_>) {
    let base = all.base;
    let now = base.scenario;
    let (recipe, data) = (&now.recipe, &now.data);
    let batch = recipe.global_batch;
    for to in [batch * 2, batch / 2] {
        if to > 0 {
            all.add(
                ("dynamics", "train.global_batch"),
                format!("{batch} → {to}"),
                "fewer, larger steps; tokens are wasted above the critical batch",
                |r| {
                    r.train.global_batch = Some(to);
                },
            );
        }
    }
    let length = recipe.seq_len;
    for to in [length * 2, length / 2] {
        if to >= 128 {
            all.add(
                ("dynamics", "data.seq_len"),
                format!("{length} → {to}"),
                "attention grows with the length, memory with the micro-batch",
                |r| {
                    r.data.seq_len = Some(to);
                    // As many tokens a step as before.
                    r.train.global_batch = Some((batch * length / to).max(1));
                },
            );
        }
    }
    let lesson = Lesson { model: &now.model, recipe, data, dynamics: &now.dynamics };
    let rate = now.dynamics.rate.unwrap_or(quality::quality(&lesson).best_rate).get();
    for (factor, name) in [(2.0, "twice"), (0.5, "half")] {
        all.add(
            ("dynamics", "train.learning_rate"),
            format!("{rate:.1e} → {name} that"),
            "loss off the best rate, chance of divergence",
            |r| {
                r.train.learning_rate = Some(rate * factor);
            },
        );
    }
    for to in ["wsd", "constant"] {
        if to != now.dynamics.schedule.name() {
            all.add(
                ("dynamics", "train.schedule"),
                format!("{} → {to}", now.dynamics.schedule.name()),
                "what coming down brings, and where one may stop",
                |r| {
                    r.train.schedule = Some(to.into());
                    r.train.cooldown = None;
                },
            );
        }
    }
    if now.dynamics.schedule != Schedule::Cosine {
        all.add(
            ("dynamics", "train.schedule"),
            format!("{} → cosine", now.dynamics.schedule.name()),
            "what coming down brings, and where one may stop",
            |r| {
                r.train.schedule = Some("cosine".into());
                r.train.cooldown = None;
            },
        );
    }
    for (factor, name) in [(2, "twice"), (1, "half")] {
        let why = "cost goes with the tokens, the loss with their worth";
        if let Some(steps) = base.request.data.steps {
            let to = if factor == 2 { steps * 2 } else { steps / 2 };
            all.add(("dynamics", "data.steps"), format!("{steps} → {}", to.max(1)), why, |r| {
                r.data.steps = Some(to.max(1))
            });
        } else if base.request.train.target_loss.is_some() || base.request.train.target_error.is_some() {
            let to = base.request.train.target_loss.map(|loss| loss + if factor == 2 { -0.05 } else { 0.05 });
            all.add(
                ("dynamics", "train.target_loss"),
                if factor == 2 { "0.05 lower" } else { "0.05 higher" },
                why,
                |r| {
                    r.train.target_loss = to;
                    r.train.target_error = r
                        .train
                        .target_error
                        .filter(|_| to.is_none())
                        .map(|e| e * if factor == 2 { 0.98 } else { 1.02 });
                },
            );
        } else {
            let epochs = data.passes().get();
            let to = if factor == 2 { epochs * 2.0 } else { epochs / 2.0 };
            all.add(("dynamics", "data.epochs"), format!("{epochs} → {to} ({name} the training)"), why, |r| {
                r.data.epochs = Some(to)
            });
        }
    }
}

fn precision(all: &mut List<'_, '_>) {
    let base = all.base;
    let now = base.request.train.precision.as_deref().unwrap_or("bf16").to_owned();
    for to in ["bf16", "fp16", "fp8", "fp8-rowwise", "mxfp8", "nvfp4", "int8", "fp32"] {
        if to != now {
            all.add(
                ("precision", "train.precision"),
                format!("{now} → {to}"),
                "peak rate, bytes and what rounding costs",
                |r| {
                    r.train.precision = Some(to.into());
                },
            );
        }
    }
    let kind = base.scenario.recipe.optimizer.kind;
    for (to, other) in [
        ("adamw-8bit", OptimizerKind::AdamW8bit),
        ("adafactor", OptimizerKind::Adafactor),
        ("muon", OptimizerKind::Muon),
        ("adamw", OptimizerKind::AdamW),
    ] {
        if other != kind {
            all.add(
                ("precision", "train.optimizer"),
                format!("→ {to}"),
                "bytes of state a parameter, worth of a token",
                |r| {
                    r.train.optimizer = Some(to.into());
                },
            );
        }
    }
    for to in ["flash2", "flash3", "eager"] {
        if base.request.train.attention.as_deref() != Some(to) {
            all.add(
                ("precision", "train.attention"),
                format!("→ {to}"),
                "whether scores are written out, and the kernel's rate",
                |r| {
                    r.train.attention = Some(to.into());
                },
            );
        }
    }
    let compiled = base.scenario.recipe.stack.compiled;
    let why = "fused element-wise operators, fewer launches";
    all.switch(("precision", "train.compile"), compiled, why, |r, to| r.train.compile = to);
    if base.scenario.recipe.stack.launch_blocking {
        all.add(("precision", "train.launch_blocking"), "true → false", "the host runs ahead of the device", |r| {
            r.train.launch_blocking = None;
        });
    }
}

fn sweeps(all: &mut List<'_, '_>) {
    let base = all.base;
    let why = "trials before the run, against the chance of better settings";
    match &base.scenario.dynamics.sweep {
        None => {
            for kind in ["random", "asha", "mutransfer"] {
                if kind == "mutransfer" && base.scenario.dynamics.start != Start::Scratch {
                    continue;
                }
                all.add(("sweep", "train.sweep"), format!("none → {kind}, 16 trials"), why, |r| {
                    r.train.sweep =
                        Some(SweepRequest { kind: Some(kind.into()), trials: Some(16), ..Default::default() });
                });
            }
        }
        Some(sweep) => {
            all.add(("sweep", "train.sweep"), format!("{} → none", sweep.kind.name()), why, |r| r.train.sweep = None);
            let half = (sweep.trials / 2).max(1);
            all.add(("sweep", "train.sweep"), format!("{} → {half} trials", sweep.trials), why, |r| {
                if let Some(sweep) = &mut r.train.sweep {
                    sweep.trials = Some(half);
                }
            });
            all.add(("sweep", "train.sweep"), "twice as many trials at a time", "the same money, sooner", |r| {
                if let Some(asked) = &mut r.train.sweep {
                    asked.parallel = Some(sweep.parallel * 2);
                }
            });
        }
    }
}

fn lasting(all: &mut List<'_, '_>) {
    let base = all.base;
    if base.scenario.dynamics.stopping.is_none() {
        all.add(("lasting", "train.early_stopping"), "off → patience 2", "what is not run after the best", |r| {
            r.train.early_stopping = Some(StoppingRequest { patience: Some(2), ..Default::default() });
        });
    } else {
        all.add(("lasting", "train.early_stopping"), "on → off", "what is run after the best", |r| {
            r.train.early_stopping = None
        });
    }
    // Between objectives on pairs alone: any other change would learn something else.
    let why = "the passes of a frozen reference, and its copy";
    match base.request.train.objective.as_deref() {
        Some("dpo") => all.add(("lasting", "train.objective"), "dpo → orpo", why, |r| {
            r.train.objective = Some("orpo".into());
        }),
        Some("orpo") => all.add(("lasting", "train.objective"), "orpo → dpo", why, |r| {
            r.train.objective = Some("dpo".into());
        }),
        _ => {}
    }
    let why = "standstill of saving against work done again";
    let run = &base.forecast.run;
    if let Some(interval) = run.interval {
        let minutes = interval.get() / 60.0;
        for (factor, name) in [(2.0, "twice"), (0.5, "half")] {
            all.add(("lasting", "train.checkpoint"), format!("{minutes:.0} min → {name} that"), why, |r| {
                r.train.checkpoint = Some(Amount::Text(format!("{:.1}m", minutes * factor)));
            });
        }
    }
    if base.scenario.operation.checkpoint != Checkpoint::Never {
        all.add(("lasting", "train.checkpoint"), "→ none but the last", why, |r| {
            r.train.checkpoint = Some(Amount::Text("none".into()));
        });
    }
    let now = base.scenario.operation.checkpoint_async;
    let why = "only the copy to the host stands still";
    all.switch(("lasting", "train.checkpoint_async"), now, why, |r, to| r.train.checkpoint_async = to);
}

fn layout(all: &mut List<'_, '_>) {
    let base = all.base;
    let layout = base.forecast.plan.layout;
    for (to, recompute) in [("none", Recompute::None), ("full", Recompute::Full)] {
        if layout.recompute != recompute {
            all.add(
                ("layout", "train.recompute"),
                format!("→ {to}"),
                "activations kept against work done again",
                |r| {
                    r.train.recompute = Some(to.into());
                },
            );
        }
    }
    let parks = base.scenario.recipe.stack.parks != Parked::Nothing;
    let why = "activations on the device against the way to the host and back";
    all.switch(("layout", "train.activation_offload"), parks, why, |r, to| r.train.activation_offload = to);
    for to in [layout.micro_batch * 2, layout.micro_batch / 2] {
        if to > 0 {
            all.add(
                ("layout", "layout.micro_batch"),
                format!("{} → {to}", layout.micro_batch),
                "memory is linear in it, small ones leave the device idle",
                |r| {
                    r.layout.micro_batch = Some(to);
                },
            );
        }
    }
    if layout.accelerators() > 1 {
        let why = "who holds what, and what must travel each step";
        for (name, now, set) in [
            ("layout.tp", layout.tp, (|r, n| r.layout.tp = Some(n)) as fn(&mut Request, u64)),
            ("layout.pp", layout.pp, |r, n| r.layout.pp = Some(n)),
            ("layout.cp", layout.cp, |r, n| r.layout.cp = Some(n)),
            ("layout.ep", layout.ep, |r, n| r.layout.ep = Some(n)),
        ] {
            if name == "layout.ep" && base.scenario.model.experts().is_none() {
                continue;
            }
            for to in [now * 2, now / 2] {
                if to > 0 {
                    all.add(("layout", name), format!("{now} → {to}"), why, |r| set(r, to));
                }
            }
        }
        for (to, zero) in [("zero1", Zero::One), ("zero3", Zero::Three), ("none", Zero::None)] {
            if layout.zero != zero {
                all.add(("layout", "layout.zero"), format!("→ {to}"), why, |r| r.layout.zero = Some(to.into()));
            }
        }
    }
}

fn data(all: &mut List<'_, '_>) {
    let base = all.base;
    let packed = base.request.data.packing.unwrap_or(true);
    let why = "padding is computed and thrown away";
    all.switch(("data", "data.packing"), packed, why, |r, to| r.data.packing = to);
    let far = if base.offer.provider == "aws" { "gcp:us-central1" } else { "aws:us-east-1" };
    let here = base.request.data.location.as_deref().unwrap_or("with the machines");
    if here != far {
        all.add(("data", "data.location"), format!("{here} → {far}"), "egress, and waiting for the data", |r| {
            r.data.location = Some(far.into());
        });
    }
    let quality = base.scenario.data.quality.get();
    for factor in [1.5, 1.0 / 1.5] {
        let to = quality * factor;
        all.add(
            ("data", "data.quality"),
            format!("{quality:.2} → {to:.2}"),
            "what a token is worth; true to a factor of three",
            |r| {
                r.data.quality = Some(to);
            },
        );
    }
    let variants = base.scenario.data.variants.get();
    if base.scenario.data.passes().get() > 1.0 {
        all.add(
            ("data", "data.variants"),
            format!("{variants} → {}", variants * 2.0),
            "repeated passes wear out later",
            |r| {
                r.data.variants = Some(variants * 2.0);
            },
        );
    }
    let now = base.request.data.prepare.as_deref().unwrap_or("done").to_owned();
    for to in ["before", "on-the-fly"] {
        if to != now {
            all.add(
                ("data", "data.prepare"),
                format!("{now} → {to}"),
                "processors that tokenise: before, or while devices wait",
                |r| {
                    r.data.prepare = Some(to.into());
                },
            );
        }
    }
    if now == "on-the-fly" {
        let workers = base.request.data.workers.or(base.offer.node.vcpus).unwrap_or(8);
        for to in [workers * 2, workers / 2] {
            if to > 0 {
                all.add(
                    ("data", "data.workers"),
                    format!("{workers} → {to}"),
                    "whether the loader is the limit",
                    |r| {
                        r.data.workers = Some(to);
                    },
                );
            }
        }
    }
}

//! How the model learns: start, rate, schedule, pilots, sweep, early stopping, zeros.

use outlay_core::learning::doubt::Pilot;
use outlay_core::learning::numerics::Sparsity;
use outlay_core::learning::rate::Schedule;
use outlay_core::scenario::dynamics::{Dynamics, Start, Stopping, Sweep, SweepKind};
use outlay_core::units::{Nats, Params, Share, Tokens};

use super::defaults::Notes;
use super::{choice, positive, within};
use crate::amount::{self, Unit};
use crate::problem::{Code, Problem};
use crate::request::{Amount, PilotRequest, Request, StoppingRequest, SweepRequest};

/// Most trials of a sweep.
const TRIALS: u64 = 100_000;

pub(crate) fn resolve(request: &Request, scratch: bool, notes: &mut Notes) -> Result<Dynamics, Vec<Problem>> {
    let mut problems = Vec::new();
    let start = start(request, scratch, notes, &mut problems);
    let rate = request.train.learning_rate.and_then(|rate| {
        within("train.learning_rate", rate, 1e-9, 10.0).map_err(|p| problems.push(p.help("as 3e-4"))).ok()
    });
    let schedule = schedule(request, &mut problems);
    let pilots: Vec<Pilot> =
        request.pilot.iter().enumerate().filter_map(|(at, one)| pilot(at, one, &mut problems)).collect();
    let sweep = request.train.sweep.as_ref().and_then(|sweep| self::sweep(sweep, scratch, notes, &mut problems));
    let stopping = request.train.early_stopping.as_ref().map(|one| stopping(one, scratch, notes, &mut problems));
    let sparsity = request.model.sparsity.as_ref().and_then(|zeros| sparsity(zeros, notes, &mut problems));
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Dynamics { start, rate: rate.map(Share::new), schedule, pilots, sweep, stopping, sparsity })
}

fn start(request: &Request, scratch: bool, notes: &mut Notes, problems: &mut Vec<Problem>) -> Start {
    let given = request.model.closeness.as_ref();
    if scratch {
        if given.is_some() {
            let message = "a model from scratch has no base that could be close";
            problems.push(Problem::new(Code::Contradiction, "model.closeness", message).help("leave it out"));
        }
        return Start::Scratch;
    }
    let closeness = match given {
        None => notes.number("closeness"),
        Some(Amount::Number(number)) => within("model.closeness", *number, 0.0, 1.0).unwrap_or_else(|p| {
            problems.push(p.help("or far, related, near"));
            0.5
        }),
        Some(Amount::Text(text)) => {
            let choices = [("far", 0.0), ("related", 0.5), ("near", 1.0)];
            choice("model.closeness", "closeness", text, &choices).unwrap_or_else(|p| {
                problems.push(p);
                0.5
            })
        }
    };
    Start::Pretrained { closeness: Share::new(closeness) }
}

fn schedule(request: &Request, problems: &mut Vec<Problem>) -> Schedule {
    let name = request.train.schedule.as_deref().unwrap_or("cosine");
    let cooldown = request.train.cooldown.map_or(0.2, |share| {
        within("train.cooldown", share, 0.0, 1.0).unwrap_or_else(|p| {
            problems.push(p);
            0.2
        })
    });
    let choices = [
        ("cosine", Schedule::Cosine),
        ("linear", Schedule::Linear),
        ("wsd", Schedule::Wsd(Share::new(cooldown))),
        ("constant", Schedule::Constant),
    ];
    let schedule = choice("train.schedule", "schedule", name, &choices).unwrap_or_else(|p| {
        problems.push(p);
        Schedule::Cosine
    });
    if request.train.cooldown.is_some() && !matches!(schedule, Schedule::Wsd(_)) {
        let message = format!("a {} schedule has no cooldown", schedule.name());
        problems.push(Problem::new(Code::Contradiction, "train.cooldown", message).help("use schedule = \"wsd\""));
    }
    schedule
}

fn pilot(at: usize, request: &PilotRequest, problems: &mut Vec<Problem>) -> Option<Pilot> {
    let mut need = |key: &str, value: &Option<Amount>| {
        let at = format!("pilot[{at}].{key}");
        match value {
            Some(value) => amount::read(value, Unit::Count, &at).map_err(|p| problems.push(p)).ok(),
            None => {
                problems.push(Problem::new(Code::Missing, at, "a pilot has params, tokens and loss"));
                None
            }
        }
    };
    let (params, tokens) = (need("params", &request.params), need("tokens", &request.tokens));
    let place = format!("pilot[{at}].loss");
    let loss = match request.loss {
        Some(loss) => within(&place, loss, 0.1, 15.0).map_err(|p| problems.push(p.help("in nats a token"))).ok(),
        None => {
            problems.push(Problem::new(Code::Missing, place, "a pilot has params, tokens and loss"));
            None
        }
    };
    Some(Pilot { params: Params::new(params?), tokens: Tokens::new(tokens?), loss: Nats::new(loss?) })
}

fn sweep(request: &SweepRequest, scratch: bool, notes: &mut Notes, problems: &mut Vec<Problem>) -> Option<Sweep> {
    let Some(name) = &request.kind else {
        let fault = Problem::new(Code::Missing, "train.sweep.kind", "a sweep without a kind");
        problems.push(
            fault.help(format!("kinds are {}", SweepKind::ALL.iter().map(|k| k.name()).collect::<Vec<_>>().join(", "))),
        );
        return None;
    };
    let choices: Vec<(&str, SweepKind)> = SweepKind::ALL.iter().map(|kind| (kind.name(), *kind)).collect();
    let kind = choice("train.sweep.kind", "sweep", name, &choices).map_err(|p| problems.push(p)).ok();
    let mut count = |at: &str, given: Option<u64>, default: &str, notes: &mut Notes| {
        let value = notes.count_or(at, given, default);
        positive(at, value, TRIALS).unwrap_or_else(|p| {
            problems.push(p);
            1
        })
    };
    let trials = count("train.sweep.trials", request.trials, "sweep_trials", notes);
    let parallel = request.parallel.map_or(1, |n| count("train.sweep.parallel", Some(n), "sweep_trials", notes));
    let eta = request.eta.map_or(3, |n| count("train.sweep.eta", Some(n), "sweep_trials", notes));
    if eta < 2 {
        problems.push(Problem::new(Code::OutOfRange, "train.sweep.eta", "1 drops no trial").help("2 to 4 are usual"));
    }
    let length = request.length.map_or(1.0, |share| {
        within("train.sweep.length", share, 1e-4, 1.0).unwrap_or_else(|p| {
            problems.push(p);
            1.0
        })
    });
    let mut read = |value: &Option<Amount>, at: &str| {
        value.as_ref().and_then(|value| amount::read(value, Unit::Count, at).map_err(|p| problems.push(p)).ok())
    };
    let params = read(&request.proxy_params, "train.sweep.proxy_params");
    let tokens = read(&request.proxy_tokens, "train.sweep.proxy_tokens");
    let kind = kind?;
    let proxy = if kind == SweepKind::MuTransfer {
        if !scratch {
            notes.warn("µTransfer carries settings between models parametrised for it: a pretrained base rarely is");
        }
        let params = params.unwrap_or_else(|| {
            let params = notes.number("proxy_params");
            notes.assume("train.sweep.proxy_params", params, Notes::reason("proxy_params"));
            params
        });
        Some((Params::new(params), Tokens::new(tokens.unwrap_or(20.0 * params))))
    } else {
        if params.is_some() || tokens.is_some() {
            let fault = Problem::new(Code::Contradiction, "train.sweep.proxy_params", format!("{name} has no proxy"));
            problems.push(fault.help("use kind = \"mutransfer\", or leave it out"));
        }
        None
    };
    Some(Sweep {
        kind,
        trials,
        eta,
        parallel,
        length: Share::new(length),
        resume: request.resume.unwrap_or(true),
        proxy,
    })
}

fn stopping(request: &StoppingRequest, scratch: bool, notes: &mut Notes, problems: &mut Vec<Problem>) -> Stopping {
    let mut count = |at: &str, given: Option<u64>, default: &str, notes: &mut Notes| {
        let value = notes.count_or(at, given, default);
        positive(at, value, 1_000_000).unwrap_or_else(|p| {
            problems.push(p);
            1
        })
    };
    let patience = count("train.early_stopping.patience", request.patience, "patience", notes);
    let per_pass = count("train.early_stopping.per_epoch", request.per_epoch, "evaluations_per_epoch", notes);
    let best = match request.best_epoch {
        Some(best) => {
            within("train.early_stopping.best_epoch", best, 0.01, 100_000.0).map_err(|p| problems.push(p)).ok()
        }
        // Pre-training improves to the end; fine-tuning mostly peaks within three passes.
        None if scratch => None,
        None => {
            let best = notes.number("best_epoch");
            notes.assume("train.early_stopping.best_epoch", best, Notes::reason("best_epoch"));
            Some(best)
        }
    };
    Stopping { patience, per_pass, best: best.map(Share::new) }
}

fn sparsity(zeros: &Amount, notes: &mut Notes, problems: &mut Vec<Problem>) -> Option<Sparsity> {
    let share = match zeros {
        Amount::Text(text) if text.trim() == "2:4" => {
            return Some(Sparsity { zeros: Share::new(0.5), two_of_four: true });
        }
        Amount::Text(text) => match text.trim().strip_suffix('%').map(|n| n.trim().parse::<f64>()) {
            Some(Ok(percent)) => percent / 100.0,
            _ => text.trim().parse().unwrap_or(f64::NAN),
        },
        Amount::Number(number) => *number,
    };
    match within("model.sparsity", share, 0.0, 0.99) {
        Ok(zeros) => {
            notes.warn(format!(
                "{:.0} % zeros scattered over the weights save neither time nor memory: only 2:4 runs faster, on sparse \
                 tensor cores",
                zeros * 100.0
            ));
            Some(Sparsity { zeros: Share::new(zeros), two_of_four: false })
        }
        Err(problem) => {
            problems.push(problem.help("write \"2:4\", or the share of zeros, as 0.5"));
            None
        }
    }
}

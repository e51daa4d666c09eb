//! Size and tokens for a budget of compute or dollars, and the frontier of loss and cost.

use outlay_catalog::Catalog;
use outlay_core::forecast::Forecast;
use outlay_core::learning::doubt::{self, Pilot};
use outlay_core::learning::laws::{self, BESIROGLU, Law};
use outlay_core::scenario::offer::Offer;
use outlay_core::units::{Flops, Nats, Params, Share, Tokens};

use crate::amount::{self, Unit};
use crate::problem::{Code, Problem};
use crate::request::{Amount, CustomModel, Request};
use crate::resolve::{self, Ask};
use crate::response::{Interval, Opinion, Optimum, Sized, VERSION};

/// What is to be spent, beside the budget in the request.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Wanted {
    /// Compute, in FLOP, instead of money.
    pub flops: Option<f64>,
    /// Tokens the model will serve in its life, besides.
    pub served: Option<Amount>,
}

/// Least and most compute anybody asks about.
const COMPUTE: (f64, f64) = (1e17, 1e27);
/// Halvings until a budget is met to a thousandth.
const HALVINGS: usize = 24;
/// Seconds of a month, and what one accelerator of the day does in a second: sizes clusters where nobody said.
const MONTH: f64 = 30.0 * 86_400.0;
const EACH: f64 = 4e14;
/// Nobody waits longer for a model, unless the request says otherwise.
const DEADLINE: &str = "90d";
/// Compute of one point of the frontier over that of the one before.
const APART: f64 = 3.162_277_660_168_379_5;

/// The size and tokens that make the most of a budget, on the machines that the request allows.
///
/// # Errors
/// All problems of the request; a budget that buys nothing.
pub fn optimum(request: &Request, wanted: &Wanted, catalog: &Catalog) -> Result<Optimum, Vec<Problem>> {
    let at = |problem: Problem| vec![problem];
    let served = wanted.served.as_ref().map(|tokens| amount::read(tokens, Unit::Count, "--served"));
    let served = Tokens::new(served.transpose().map_err(at)?.unwrap_or(0.0));
    let budget = request.limits.budget.as_ref();
    let budget = budget.map(|usd| amount::read(usd, Unit::Usd, "limits.budget")).transpose().map_err(at)?;
    let law = own(request)?;
    let compute = match (budget, wanted.flops) {
        (Some(_), Some(_)) => {
            let fault = Problem::new(Code::Contradiction, "--flops", "a budget in dollars and one in FLOP");
            return Err(vec![fault.help("leave one of them out")]);
        }
        (None, None) => {
            let fault = Problem::new(Code::Missing, "limits.budget", "nothing to spend");
            return Err(vec![fault.help("give --budget '$10k' or --flops 1e22")]);
        }
        (None, Some(flops)) => {
            if !(COMPUTE.0..=COMPUTE.1).contains(&flops) {
                let message = format!("{flops:e} FLOP is not between {:e} and {:e}", COMPUTE.0, COMPUTE.1);
                return Err(vec![Problem::new(Code::OutOfRange, "--flops", message)]);
            }
            flops
        }
        (Some(usd), None) => affordable(request, &law, usd, served, catalog)?,
    };
    let best = sized(request, &law, compute, served, catalog)?;
    Ok(Optimum { version: VERSION, best, opinions: opinions(&law, compute, served) })
}

/// Loss against cost: compute-optimal models from small to large.
///
/// # Errors
/// All problems of the request.
pub fn frontier(request: &Request, from: f64, to: f64, catalog: &Catalog) -> Result<Vec<Sized>, Vec<Problem>> {
    let rule = |value: f64| (COMPUTE.0..=COMPUTE.1).contains(&value);
    if !rule(from) || !rule(to) || from > to {
        let message = format!("from {from:e} to {to:e} FLOP is no range within {:e} and {:e}", COMPUTE.0, COMPUTE.1);
        return Err(vec![Problem::new(Code::OutOfRange, "--from", message)]);
    }
    let law = own(request)?;
    let count = ((to / from).ln() / APART.ln()).floor() as i32;
    (0..=count).map(|step| sized(request, &law, from * APART.powi(step), Tokens::ZERO, catalog)).collect()
}

/// The law for this request's text: moved by its pilots.
fn own(request: &Request) -> Result<(Law, Vec<Pilot>), Vec<Problem>> {
    let scratch = scratch(request);
    let mut notes = resolve::Notes::default();
    let dynamics = resolve::dynamics(&scratch, true, &mut notes)?;
    Ok((BESIROGLU, dynamics.pilots))
}

/// The most compute that a budget buys.
fn affordable(
    request: &Request,
    law: &(Law, Vec<Pilot>),
    usd: f64,
    served: Tokens,
    catalog: &Catalog,
) -> Result<f64, Vec<Problem>> {
    let cost = |compute: f64| -> Result<f64, Vec<Problem>> {
        Ok(sized(request, law, compute, served, catalog)?.cost_usd.map_or(f64::INFINITY, |cost| cost.mid))
    };
    let (mut low, mut high) = (COMPUTE.0.ln(), COMPUTE.1.ln());
    if cost(COMPUTE.0)? > usd {
        let fault =
            Problem::new(Code::OutOfRange, "limits.budget", format!("${usd} does not pay for the smallest run"));
        return Err(vec![fault.help("a larger budget, or other machines")]);
    }
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if cost(middle.exp())? > usd { high = middle } else { low = middle }
    }
    Ok(low.exp())
}

/// The compute-optimal model of an amount of compute, planned.
fn sized(
    request: &Request,
    (law, pilots): &(Law, Vec<Pilot>),
    compute: f64,
    served: Tokens,
    catalog: &Catalog,
) -> Result<Sized, Vec<Problem>> {
    let (params, tokens) = split(law, compute, served);
    let shape = shape(params.get());
    let mut job = scratch(request);
    job.model.custom = Some(shape);
    job.data.tokens = Some(Amount::Number(tokens.get().round()));
    if job.hardware.gpus.is_none() && job.hardware.max_gpus.is_none() {
        let cluster = (compute / EACH / MONTH).ceil().max(8.0) as u64;
        job.hardware.max_gpus = Some(cluster.next_power_of_two().min(65_536));
    }
    if job.limits.deadline.is_none() {
        job.limits.deadline = Some(Amount::Text(DEADLINE.into()));
    }
    let resolved = resolve::resolve(&job, catalog, Ask::Plan)?;
    let planned = crate::plan::plan(&resolved.scenario, catalog.knowledge(), &outlay_core::search::unwatched).pick;
    let planned = planned.and_then(|pick| Some((resolved.scenario.offers.get(pick.plan.offer)?.clone(), pick)));
    let (moved, offset) = doubt::moved(law, pilots, params);
    let constants = doubt::of_constants(&moved, params, tokens);
    let half = doubt::BAND.get() * offset.get().hypot(constants.get());
    let loss = moved.loss(params, tokens).get();
    let money = |(_, pick): &(Offer, Forecast)| {
        let cost = pick.cost;
        Interval { mid: cost.mid.get(), low: cost.low.get(), high: cost.high.get() }
    };
    Ok(Sized {
        flops: compute,
        params: params.get(),
        tokens: tokens.get(),
        loss: Interval { mid: loss, low: loss - half, high: loss + half },
        cost_usd: planned.as_ref().map(money),
        hours: planned.as_ref().map(|(_, pick)| pick.time.mid.to_hours()),
        machines: planned.as_ref().map(|(offer, pick)| {
            format!("{}× {} ({})", pick.plan.layout.accelerators(), offer.accelerator.name, offer.provider)
        }),
    })
}

/// Size and tokens: compute-optimal, or cheapest with what is served besides at the loss that the compute allows.
fn split(law: &Law, compute: f64, served: Tokens) -> (Params, Tokens) {
    let (params, tokens) = law.optimum(Flops::new(compute));
    if served.get() <= 0.0 {
        return (params, tokens);
    }
    // Serving takes part of the budget: the loss rises until training and serving together cost what there is.
    let floor = law.floor.get();
    let (mut low, mut high) = (law.loss(params, tokens).get(), floor + 8.0);
    let mut best = (params, tokens);
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        match law.cheapest(Nats::new(middle), served) {
            Some((params, tokens)) if params.get() * (6.0 * tokens.get() + 2.0 * served.get()) <= compute => {
                best = (params, tokens);
                high = middle;
            }
            _ => low = middle,
        }
    }
    best
}

/// The request, turned to training from scratch without what the budget decides.
fn scratch(request: &Request) -> Request {
    let mut job = request.clone();
    job.model = crate::request::ModelRequest { start: Some("scratch".into()), ..Default::default() };
    job.method = Default::default();
    job.data.tokens = None;
    job.data.samples = None;
    job.data.epochs = None;
    job.data.steps = None;
    job.train.target_loss = None;
    job.train.target_error = None;
    job.observed = Default::default();
    job.limits.budget = None;
    job
}

/// A decoder of the usual shape and about so many parameters: gates, grouped heads of 128, width ninety times the depth.
fn shape(params: f64) -> CustomModel {
    let vocab = if params < 3e8 { 50_304 } else { 128_256 };
    let tied = params < 4e9;
    let tables = if tied { 1.0 } else { 2.0 };
    let (mut best, mut off) = (CustomModel::default(), f64::INFINITY);
    for heads in (1..=256_u64).filter(|heads| *heads < 16 || heads.is_multiple_of(8)) {
        let hidden = heads * 128;
        let h = hidden as f64;
        let body = params - tables * vocab as f64 * h;
        // Two and a half squares of attention, eight of the gated feed-forward.
        let layers = (body / (10.5 * h * h)).round().max(1.0);
        let total = tables * vocab as f64 * h + layers * 10.5 * h * h;
        let aspect = (h / layers / 90.0).ln().abs();
        let score = (total / params).ln().abs() * 4.0 + aspect;
        if score < off {
            off = score;
            let kv = if heads.is_multiple_of(4) { heads / 4 } else { heads };
            best = CustomModel {
                layers: Some(layers as u64),
                hidden: Some(hidden),
                ffn: Some((hidden * 8 / 3).div_ceil(256) * 256),
                heads: Some(heads),
                kv_heads: Some(kv),
                vocab: Some(vocab),
                tied: Some(tied),
                ..CustomModel::default()
            };
        }
    }
    best
}

/// What other laws would do with the same compute.
fn opinions((law, _): &(Law, Vec<Pilot>), compute: f64, served: Tokens) -> Vec<Opinion> {
    let flops = Flops::new(compute);
    let of = |name: &str, (params, tokens): (Params, Tokens)| Opinion {
        law: name.into(),
        params: params.get(),
        tokens: tokens.get(),
    };
    let by_tokens = |tokens: Tokens| (Params::new(compute / 6.0 / tokens.get()), tokens);
    let (scale, exponent): (Share, Share) = laws::LLAMA3;
    let mut all = vec![
        of("Chinchilla, corrected (Besiroglu 2024)", law.optimum(flops)),
        of("Chinchilla, as first fitted (Hoffmann 2022)", laws::HOFFMANN_SOURCE.optimum(flops)),
        of("Llama 3 (figure)", by_tokens(laws::llama3_tokens(flops, scale, exponent))),
        of("DeepSeek LLM", by_tokens(laws::deepseek_tokens(flops))),
    ];
    if served.get() > 0.0 {
        all.push(of("with what is served besides (Sardana 2023)", split(law, compute, served)));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_have_about_their_size() {
        for wanted in [1e8, 1e9, 7e9, 7e10, 4e11] {
            let custom = shape(wanted);
            let request = Request {
                model: crate::request::ModelRequest { custom: Some(custom), ..Default::default() },
                ..Request::default()
            };
            let (model, _) = resolve::architecture(&request, &Catalog::built_in()).expect("a legal shape");
            let total = outlay_core::model::params::total(&model) as f64;
            assert!((total / wanted).ln().abs() < 0.12, "{wanted:e}: {total:e}");
        }
    }

    #[test]
    fn serving_makes_the_best_model_smaller() {
        let (alone, _) = split(&BESIROGLU, 1e23, Tokens::ZERO);
        let (served, tokens) = split(&BESIROGLU, 1e23, Tokens::new(1e12));
        assert!(served < alone && tokens > Tokens::ZERO);
    }
}

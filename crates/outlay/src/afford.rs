//! `goal.minimize = "loss"`: as many tokens as the limits buy, on the machines and in the layout that make the most of them.
//!
//! The loss falls with every new token, so the best plan within the limits is the one that trains longest. For each way
//! the job may be put, the largest amount of data that some plan gets through is sought by halving; the way that ends
//! with the least loss is the one that is answered. Sizes are varied by naming models in `[vary]`; what size is best in
//! itself is `outlay scaling optimum`'s question.
//!
//! Does not know: whether so much data exists; `data.tokens`, where given, is the most there is.

use outlay_catalog::Catalog;
use outlay_core::search::FITS;

use crate::amount::{self, Unit};
use crate::plan;
use crate::problem::{Code, Problem};
use crate::request::{Amount, Request};
use crate::resolve::{self, Ask};
use crate::taught::Taught;
use crate::vary::{Variant, Way};

/// Fewest and most tokens that anybody trains on.
const TOKENS: (f64, f64) = (1e5, 1e15);
/// Tokens are sought to this factor.
const CLOSE: f64 = 1.002;

/// Whether the job asks for the least loss.
pub(crate) fn asked(request: &Request) -> bool {
    request.goal.minimize.as_deref().is_some_and(|goal| goal.trim().eq_ignore_ascii_case("loss"))
}

/// The job with as much data as anybody could want, where it does not say how much there is.
pub(crate) fn open(request: &Request) -> Request {
    let mut request = request.clone();
    request.data.tokens = request.data.tokens.or(Some(Amount::Number(TOKENS.1)));
    request
}

/// The variant with the least loss, on as many tokens as its limits buy, and what the others would end with.
pub(crate) fn best(ways: Vec<Way>, catalog: &Catalog) -> Result<(Vec<Variant>, Vec<String>), Vec<Problem>> {
    let mut found: Vec<(f64, f64, Variant)> = Vec::new();
    let mut nearest = None;
    for (variant, request) in ways {
        match most(&request, catalog)? {
            Some((tokens, resolved)) => {
                let loss = Taught { scenario: &resolved.scenario }.quality().loss.mid;
                found.push((loss, tokens, Variant { resolved, ..variant }));
            }
            None => nearest = nearest.or(Some(variant)),
        }
    }
    found.sort_by(|one, other| one.0.total_cmp(&other.0));
    let told = |(loss, tokens, variant): &(f64, f64, Variant)| {
        let which = crate::vary::words(&variant.choices);
        let which = if which.is_empty() { String::new() } else { format!("{which}: ") };
        format!("{which}the limits buy {} tokens, which lead to a loss of {loss:.3}", short(*tokens))
    };
    let notes = found.iter().map(told).collect();
    // Where nothing is affordable, the question as it stands says what would have to give.
    let chosen = found.into_iter().next().map(|(_, _, variant)| variant).or(nearest);
    Ok((chosen.into_iter().collect(), notes))
}

/// Tokens as people write them.
fn short(tokens: f64) -> String {
    let (size, unit) = match tokens {
        t if t >= 1e12 => (t / 1e12, " T"),
        t if t >= 1e9 => (t / 1e9, " B"),
        t => (t / 1e6, " M"),
    };
    format!("{size:.3}{unit}")
}

/// The most tokens that some plan gets through within the limits; `None`: not even a few.
fn most(request: &Request, catalog: &Catalog) -> Result<Option<(f64, resolve::Resolved)>, Vec<Problem>> {
    if request.limits.budget.is_none() && request.limits.deadline.is_none() {
        let fault = Problem::new(Code::Missing, "limits", "the least loss needs a limit: more data always helps");
        return Err(vec![fault.help("give limits.budget or limits.deadline")]);
    }
    if request.train.target_loss.is_some() {
        let fault =
            Problem::new(Code::Contradiction, "goal.minimize", "the loss is already given by train.target_loss");
        return Err(vec![fault.help("leave one of them out")]);
    }
    let given = request.data.tokens.as_ref().map(|tokens| amount::read(tokens, Unit::Count, "data.tokens"));
    let cap = given.transpose().map_err(|problem| vec![problem])?.unwrap_or(TOKENS.1);
    let put = |tokens: f64| {
        let mut request = request.clone();
        request.data.tokens = Some(Amount::Number(tokens.round()));
        resolve::resolve(&request, catalog, Ask::Plan)
    };
    let affordable = |tokens: f64| -> Result<Option<resolve::Resolved>, Vec<Problem>> {
        let resolved = put(tokens)?;
        let pick = plan::pick(&resolved.scenario, catalog.knowledge());
        Ok(pick.is_some_and(|forecast| forecast.fit >= FITS).then_some(resolved))
    };
    if let Some(all) = affordable(cap)? {
        return Ok(Some((cap, all)));
    }
    let (mut few, mut many) = (TOKENS.0.min(cap), cap);
    let Some(mut best) = affordable(few)? else { return Ok(None) };
    while many / few > CLOSE {
        let between = (few * many).sqrt();
        match affordable(between)? {
            Some(resolved) => (few, best) = (between, resolved),
            None => many = between,
        }
    }
    Ok(Some((few, best)))
}

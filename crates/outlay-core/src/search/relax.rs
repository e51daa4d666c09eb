//! What would have to give for a plan to exist. Every change named was tried.

use alloc::vec::Vec;

use super::{Change, Map, Relaxation, best};
use crate::dtype::Dtype;
use crate::forecast::{Forecast, Knowledge};
use crate::layout::Pins;
use crate::scenario::offer::Offer;
use crate::scenario::recipe::{Lora, Method, Targets};
use crate::scenario::{Goal, Limits, Scenario, Size};
use crate::units::Seconds;

/// Rank of the adapters that are proposed where none were asked for.
const PROPOSED_RANK: u64 = 16;
/// How often the number of accelerators is doubled.
const DOUBLINGS: u32 = 4;

/// Finds the best plan, and whether it fits for sure.
type Best<'a> = &'a dyn Fn(&[Scenario]) -> Option<(bool, Forecast)>;

/// The smallest changes of each kind.
///
/// Limits are given up for every way the question may be put; all else is changed in it as it was put first.
pub(super) fn relaxations(variants: &[Scenario], knowledge: &Knowledge, map: Map<'_>) -> Vec<Relaxation> {
    let Some(scenario) = variants.first() else { return Vec::new() };
    let best = |scenarios: &[Scenario]| best(scenarios, knowledge, map);
    let tried = |(change, changed): (Change, Scenario)| {
        let changed = [changed];
        let (_, forecast) = best(&changed)?;
        let offer = changed[0].offers.get(forecast.plan.offer)?.clone();
        Some(Relaxation { change: named(change, scenario, &offer, forecast.plan.offer), offer, forecast })
    };
    let able = best(&changed(variants, |free| free.limits = Limits::default())).is_some_and(|(sound, _)| sound);
    let mut all = limits(variants, scenario.limits, &best);
    // More machines help against a lack of memory or of time, not of money.
    let more_help = scenario.limits.deadline.is_some() || !able;
    let kinds = [
        if more_help { more_accelerators(scenario) } else { Vec::new() },
        all_offers(scenario).into_iter().collect(),
        smaller_methods(scenario),
        free_layout(scenario).into_iter().collect(),
    ];
    for kind in kinds {
        // Mildest first within a kind; the first that helps is named.
        all.extend(kind.into_iter().find_map(tried));
    }
    all
}

/// Another offer is called another purchase type where that is what the question ruled out.
fn named(change: Change, scenario: &Scenario, offer: &Offer, at: usize) -> Change {
    let anew = at >= scenario.offers.len() && scenario.offers.iter().all(|known| known.purchase != offer.purchase);
    if change == Change::Offer && anew { Change::Purchase(offer.purchase) } else { change }
}

fn more_accelerators(scenario: &Scenario) -> Vec<(Change, Scenario)> {
    let (Size::AtMost(limit) | Size::Exactly(limit)) = scenario.size;
    let more = (1..=DOUBLINGS).map(|doubling| limit.max(1).saturating_mul(1 << doubling));
    more.map(|most| (Change::MaxAccelerators(most), Scenario { size: Size::AtMost(most), ..scenario.clone() }))
        .collect()
}

fn all_offers(scenario: &Scenario) -> Option<(Change, Scenario)> {
    let mut changed = scenario.clone();
    changed.offers.append(&mut changed.beyond);
    (!scenario.beyond.is_empty()).then_some((Change::Offer, changed))
}

fn free_layout(scenario: &Scenario) -> Option<(Change, Scenario)> {
    let changed = Scenario { pins: Pins::default(), ..scenario.clone() };
    (scenario.pins != Pins::default()).then_some((Change::FreeLayout, changed))
}

/// All variants with one change.
fn changed(variants: &[Scenario], change: impl Fn(&mut Scenario)) -> Vec<Scenario> {
    let one = |scenario: &Scenario| {
        let mut scenario = scenario.clone();
        change(&mut scenario);
        scenario
    };
    variants.iter().map(one).collect()
}

/// The budget that would do under the deadline, the deadline that would do under the budget; failing both, the pair.
fn limits(variants: &[Scenario], asked: Limits, best: Best<'_>) -> Vec<Relaxation> {
    let under = |goal: Option<Goal>, limits: Limits| {
        let free = changed(variants, |free| {
            free.limits = limits;
            free.goal = goal.unwrap_or(free.goal);
        });
        best(&free).filter(|(sound, _)| *sound).map(|(_, forecast)| forecast)
    };
    let Limits { budget, deadline } = asked;
    let richer = budget.and_then(|_| under(Some(Goal::Cost), Limits { budget: None, deadline }));
    let later = deadline.and_then(|_| under(Some(Goal::Time), Limits { budget, deadline: None }));
    let mut chosen: Vec<(Change, Forecast)> = Vec::new();
    chosen.extend(richer.map(|f| (Change::Budget(f.cost.mid), f)));
    // The machines of a block are not there at once.
    let end = |f: &Forecast| {
        let offer = variants.get(f.plan.variant).and_then(|scenario| scenario.offers.get(f.plan.offer));
        f.time.mid + offer.map_or(Seconds::ZERO, |offer| offer.contract.starts_in)
    };
    chosen.extend(later.map(|f| (Change::Deadline(end(&f)), f)));
    if chosen.is_empty() && (budget.is_some() || deadline.is_some()) {
        let both = under(None, Limits::default());
        chosen.extend(both.map(|f| (Change::BudgetAndDeadline(f.cost.mid, end(&f)), f)));
    }
    let relaxation = |(change, forecast): (Change, Forecast)| {
        let offer = variants.get(forecast.plan.variant)?.offers.get(forecast.plan.offer)?.clone();
        Some(Relaxation { change, offer, forecast })
    };
    chosen.into_iter().filter_map(relaxation).collect()
}

/// Methods that need less, mildest first.
fn smaller_methods(scenario: &Scenario) -> Vec<(Change, Scenario)> {
    let adapters = |base| Lora {
        rank: PROPOSED_RANK,
        targets: Targets::AllLinear,
        dropout: false,
        adapter: Dtype::Bf16,
        base,
        dora: false,
    };
    let methods = match &scenario.recipe.method {
        Method::Full | Method::Freeze { .. } => {
            Vec::from([Method::Lora(adapters(Dtype::Bf16)), Method::Lora(adapters(Dtype::Nf4Double))])
        }
        Method::Lora(lora) if !matches!(lora.base, Dtype::Nf4 | Dtype::Nf4Double) => {
            Vec::from([Method::Lora(Lora { base: Dtype::Nf4Double, ..lora.clone() })])
        }
        Method::Lora(_) => Vec::new(),
    };
    let changed = |method: Method| {
        let mut changed = scenario.clone();
        changed.recipe.method = method.clone();
        (Change::Method(method), changed)
    };
    methods.into_iter().map(changed).collect()
}

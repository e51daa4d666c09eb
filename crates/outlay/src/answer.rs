//! From the core's figures to the [`Response`]: units and names, sentences; no figure is computed here.

use outlay_catalog::Catalog;
use outlay_catalog::offers::day;
use outlay_core::bill;
use outlay_core::forecast::Forecast;
use outlay_core::interval;
use outlay_core::layout::{Offload, Recompute, Schedule, Zero};
use outlay_core::memory::{Footprint, ModelMemory};
use outlay_core::model::params;
use outlay_core::scenario::dynamics::Start;
use outlay_core::scenario::offer::Offer;
use outlay_core::scenario::recipe::Method;
use outlay_core::scenario::{Goal, Scenario, adapters};
use outlay_core::search::{self, Change, Difference, FITS, Ranking, Reason, TIGHT};
use outlay_core::term::{self, Figure};
use outlay_core::units::Share;

use crate::finish;
use crate::resolve::Resolved;
use crate::response::{
    Assumption, Choice, Hosted, Interval, Job, Layout, Line, Loader, Loser, Plan, Relaxation, Response, Search, Stage,
    Term, Terms, VERSION,
};
use crate::taught::Taught;
use crate::vary::{self, Variant};

/// What an answer is written with.
pub(crate) struct Writer<'a> {
    /// The way the job was put that the pick follows.
    pub(crate) resolved: &'a Resolved,
    /// All ways it may be put; empty where only one is at hand.
    pub(crate) variants: &'a [Variant],
    pub(crate) catalog: &'a Catalog,
    pub(crate) today: &'a str,
}

impl Writer<'_> {
    pub(crate) fn response(&self, ranking: &Ranking) -> Response {
        let scenario = &self.resolved.scenario;
        let plan = |forecast: &Forecast| self.plan(forecast);
        let pick = ranking.pick.as_ref().map(|forecast| Plan {
            finish: Some(finish::played(scenario, &scenario.offers[forecast.plan.offer], forecast)),
            ..plan(forecast)
        });
        let lesson = Taught { scenario };
        let relaxations: Vec<Relaxation> = ranking
            .relaxations
            .iter()
            .map(|relaxation| Relaxation {
                change: change(&relaxation.change),
                plan: self.plan_of(&relaxation.offer, &relaxation.forecast),
            })
            .collect();
        Response {
            version: VERSION,
            verdict: self.verdict(pick.as_ref(), ranking, &relaxations),
            job: job(scenario),
            front: ranking.front.iter().map(plan).collect(),
            losers: ranking
                .losers
                .iter()
                .map(|loser| Loser {
                    differs: differs(loser.differs).into(),
                    reason: reason(&loser.reason),
                    plan: plan(&loser.forecast),
                })
                .collect(),
            relaxations,
            quality: lesson.quality(),
            sweep: lesson.sweep(),
            stopping: lesson.stopping(),
            hosted: self.hosted(ranking.pick.as_ref()),
            assumptions: self
                .resolved
                .assumptions
                .iter()
                .map(|a| Assumption { key: a.key.clone(), value: a.value.clone(), reason: a.reason.clone() })
                .collect(),
            warnings: self.warnings(pick.as_ref(), ranking, &lesson),
            search: Search {
                offers: ranking.counts.offers,
                machines: ranking.counts.machines,
                surveyed: ranking.counts.surveyed,
                layouts: ranking.counts.layouts,
                timed: ranking.counts.timed,
                weighed: ranking.counts.weighed,
                covered: ranking.counts.covered,
                plans: ranking.counts.plans,
                proven: ranking.unproven.is_none(),
                gap: self.gap(ranking),
            },
            pick,
        }
    }

    fn warnings(&self, pick: Option<&Plan>, ranking: &Ranking, lesson: &Taught<'_>) -> Vec<String> {
        let mut warnings = self.resolved.warnings.clone();
        warnings.extend(lesson.warnings());
        if let Some(pick) = pick {
            if let Some(age) = pick.price_age_days.filter(|age| *age > 60) {
                warnings.push(format!("the price is {age} days old: look it up before you rent"));
            }
            if let Some(least) = ranking.unproven {
                let gap = self.gap(ranking) * 100.0;
                let what = match self.resolved.scenario.goal {
                    Goal::Cost | Goal::Robust => format!("costs less than {}", money(least.get())),
                    Goal::Time => format!("takes less than {}", duration(least.get() / 3600.0)),
                    Goal::CostTime | Goal::Card => "does better".to_owned(),
                };
                warnings.push(format!(
                    "the search was ended early: this is the best of what was seen; no plan {what}{}",
                    if gap > 0.0 { format!(" ({gap:.0} % better)") } else { String::new() }
                ));
            }
            warnings.extend(self.endless(ranking));
            if pick.fit == "tight" {
                warnings.push("memory is tight: it may run out on the longest batch".into());
            }
            if !pick.known_hardware || !pick.known_stack {
                warnings
                    .push("no measured runs of this hardware with this training program: the interval is wide".into());
            }
        }
        warnings
    }

    /// Without a deadline the cheapest plan may be few machines for many years.
    fn endless(&self, ranking: &Ranking) -> Option<String> {
        const YEAR: f64 = 365.0 * 86_400.0;
        let pick = ranking.pick.as_ref().filter(|pick| pick.time.mid.get() > YEAR)?;
        if self.resolved.scenario.limits.deadline.is_some() {
            return None;
        }
        // The front is in order of cost: the first below a year is the cheapest there.
        let sooner = ranking.front.iter().find(|other| other.time.mid.get() <= YEAR).map(|other| {
            format!(
                ": within a year, the cheapest takes {} and {}",
                duration(other.time.mid.get() / 3600.0),
                money(other.cost.mid.get())
            )
        });
        let (long, sooner) = (duration(pick.time.mid.get() / 3600.0), sooner.unwrap_or_default());
        Some(format!("this takes {long} because no limits.deadline is set{sooner}"))
    }

    /// What a plan that was not seen might do better at the most, as a share of the pick's figure.
    fn gap(&self, ranking: &Ranking) -> f64 {
        let (Some(least), Some(pick)) = (ranking.unproven, &ranking.pick) else { return 0.0 };
        let scenario = &self.resolved.scenario;
        let had = search::worth(scenario, pick);
        (1.0 - least.get() / had.get()).max(0.0)
    }

    /// Services that train such a model, cheapest first.
    fn hosted(&self, pick: Option<&Forecast>) -> Vec<Hosted> {
        let Scenario { model, recipe, data, dynamics, extras, .. } = &self.resolved.scenario;
        if dynamics.start == Start::Scratch {
            // Nobody hosts training from scratch by the token; some make a model to order.
            let made = |row: &outlay_catalog::hosted::Hosted| {
                Some(Hosted {
                    provider: row.provider.clone(),
                    tier: row.tier.clone(),
                    usd: row.project()?.get(),
                    break_even_tokens: None,
                    as_of: row.as_of.clone(),
                })
            };
            return self.catalog.hosted().iter().filter_map(made).collect();
        }
        let (tokens, full) = (data.trained_tokens(), matches!(recipe.method, Method::Full));
        // What is paid whatever the amount of data, and what each million of tokens costs on the machines of the pick.
        let own = pick.filter(|_| !self.resolved.unpriced).map(|forecast| {
            let share = forecast.run.startup / forecast.run.paid();
            let fixed = forecast.bill.compute * share + extras.named();
            let each = (forecast.bill.total() - fixed) / Share::new(tokens.max(1) as f64 / 1e6);
            (fixed, each)
        });
        let suiting = self.catalog.hosted().iter().filter(|row| row.suits(params::total(model), full));
        let mut all: Vec<Hosted> = suiting
            .filter_map(|row| {
                let (usd, each) = (row.price(tokens)?, row.per_million()?);
                let even = own.and_then(|(fixed, own)| bill::break_even_tokens(fixed, own, each));
                Some(Hosted {
                    provider: row.provider.clone(),
                    tier: row.tier.clone(),
                    usd: usd.get(),
                    break_even_tokens: even.map(|tokens| tokens.get()),
                    as_of: row.as_of.clone(),
                })
            })
            .collect();
        all.sort_by(|one, other| one.usd.total_cmp(&other.usd).then_with(|| one.provider.cmp(&other.provider)));
        all
    }

    fn verdict(&self, pick: Option<&Plan>, ranking: &Ranking, relaxations: &[Relaxation]) -> String {
        let Some(plan) = pick else {
            let why = ranking.obstacle.map_or_else(
                || "No plan is feasible within these limits".to_owned(),
                |rule| format!("No layout is legal: {}", obstacle(rule)),
            );
            let ages = ranking.losers.iter().find_map(|loser| match loser.reason {
                Reason::NeverEnds(_) => Some(format!("; {}", reason(&loser.reason))),
                _ => None,
            });
            let why = why + &ages.unwrap_or_default();
            let way =
                relaxations.first().map_or_else(String::new, |way| format!("; the nearest way out: {}", way.change));
            return format!("{why}{way}");
        };
        let machines = if plan.nodes == 1 { String::new() } else { format!("{} machines, ", plan.nodes) };
        let who = if plan.purchase == "owned" {
            "your own".to_owned()
        } else {
            format!("{} {}", plan.provider, plan.purchase)
        };
        let money = plan.cost_usd.map_or_else(
            || "price unknown".to_owned(),
            |cost| {
                let least = if plan.cost_at_least { "at least " } else { "" };
                format!("{least}{} (80 %: {} to {})", money(cost.mid), money(cost.low), money(cost.high))
            },
        );
        format!(
            "{}× {} ({}{}, {}): {}, {}",
            plan.accelerators,
            plan.accelerator_name,
            machines,
            plan.instance,
            who,
            duration(plan.hours.mid),
            money
        )
    }

    /// The question that a forecast answers.
    fn scenario(&self, forecast: &Forecast) -> &Scenario {
        let of_variant = self.variants.get(forecast.plan.variant);
        of_variant.map_or(&self.resolved.scenario, |variant| &variant.resolved.scenario)
    }

    fn plan(&self, forecast: &Forecast) -> Plan {
        self.plan_of(&self.scenario(forecast).offers[forecast.plan.offer], forecast)
    }

    fn plan_of(&self, offer: &Offer, forecast: &Forecast) -> Plan {
        let scenario = self.scenario(forecast);
        let choices = self.variants.get(forecast.plan.variant).map_or(&[][..], |variant| &variant.choices);
        let layout = forecast.plan.layout;
        let accelerators = layout.accelerators();
        let priced = !self.resolved.unpriced;
        let tokens = (scenario.recipe.global_batch * scenario.recipe.seq_len) as f64 / accelerators as f64;
        let step = seconds(forecast.step_time);
        Plan {
            choices: choices
                .iter()
                .map(|choice| Choice { key: choice.key.clone(), value: vary::text(&choice.value) })
                .collect(),
            loss: (!choices.is_empty()).then(|| Taught { scenario }.quality().loss.mid),
            provider: offer.provider.clone(),
            region: offer.region.clone(),
            instance: offer.instance.clone(),
            purchase: purchase(offer),
            machine_usd_per_hour: priced.then_some(offer.price.get()),
            price_as_of: offer.as_of.clone(),
            price_age_days: day(self.today).zip(day(&offer.as_of)).map(|(today, then)| today - then),
            price_source: offer.source.clone(),
            accelerator: offer.accelerator.id.clone(),
            accelerator_name: offer.accelerator.name.clone(),
            accelerators,
            nodes: forecast.plan.nodes,
            layout: Layout {
                dp: layout.dp,
                tp: layout.tp,
                pp: layout.pp,
                vpp: layout.vpp,
                stage_layers: layout.stage_layers,
                cp: layout.cp,
                ep: layout.ep,
                zero: zero(layout.zero).into(),
                shard: layout.shard,
                micro_batch: layout.micro_batch,
                accumulation: layout.accumulation,
                recompute: recompute(layout.recompute),
                offload: offload(layout.offload).into(),
                schedule: schedule(layout.schedule).into(),
            },
            fit: fit(forecast.fit).into(),
            fit_probability: forecast.fit.get(),
            memory_gib: forecast.footprint.total().to_gib(),
            capacity_gib: offer.accelerator.memory.to_gib(),
            stages: stages(scenario, forecast),
            step_s: step,
            tokens_per_s_per_accelerator: Interval {
                mid: tokens / step.mid,
                low: tokens / step.high,
                high: tokens / step.low,
            },
            mfu: forecast.step.mfu().get(),
            hfu: forecast.step.hfu().get(),
            steps: forecast.run.steps,
            hours: hours(forecast.time),
            goodput: forecast.run.goodput().get(),
            cost_usd: priced.then_some(Interval {
                mid: forecast.cost.mid.get(),
                low: forecast.cost.low.get(),
                high: forecast.cost.high.get(),
            }),
            cost_at_least: forecast.bill.at_least(),
            energy_kwh: forecast.energy.map(|energy| Interval {
                mid: energy.mid.to_kwh(),
                low: energy.low.to_kwh(),
                high: energy.high.to_kwh(),
            }),
            carbon_kg: bill::carbon(offer, forecast.energy.map(|energy| energy.mid)).map(|mass| mass.get()),
            committed_usd: forecast.bill.committed.filter(|_| priced).map(|usd| usd.get()),
            finish: None,
            loader: loader(scenario, forecast),
            known_hardware: forecast.spread.known_hardware,
            known_stack: forecast.spread.known_stack,
            terms: Terms {
                memory: term_tree(&forecast.footprint.explain(), 1.0),
                step: term_tree(&forecast.step.explain(), 1.0),
                run: term_tree(&forecast.run.explain(forecast.step.total()), 3600.0),
                bill: priced.then(|| {
                    let Forecast { bill, bill_ends, run, .. } = forecast;
                    line(&bill.explain(bill_ends, offer, forecast.plan.nodes, run, &scenario.extras))
                }),
            },
        }
    }
}

fn job(scenario: &Scenario) -> Job {
    let Scenario { model, recipe, data, .. } = scenario;
    Job {
        model: model.name.clone(),
        params: params::total(model),
        active_params: params::active(model),
        trained_params: adapters::trained(model, &recipe.method),
        method: method(&recipe.method),
        stack: recipe.stack.id.clone(),
        tokens: data.trained_tokens(),
        seq_len: recipe.seq_len,
        global_batch: recipe.global_batch,
    }
}

/// Memory stage by stage, where there are several.
fn stages(scenario: &Scenario, forecast: &Forecast) -> Vec<Stage> {
    let layout = &forecast.plan.layout;
    if layout.pp < 2 {
        return Vec::new();
    }
    let stage = |footprint: &Footprint| {
        let groups = term_tree(&footprint.explain(), 1.0).parts;
        let of = |place: usize| groups.get(place).map_or(0.0, |group| group.value);
        Stage { model_state_gib: of(0), activations_gib: of(1), buffers_gib: of(2), overhead_gib: of(3) }
    };
    ModelMemory::new(&scenario.model, &scenario.recipe).stages(layout).iter().map(stage).collect()
}

/// How data are fed, where they are prepared on the fly.
fn loader(scenario: &Scenario, forecast: &Forecast) -> Option<Loader> {
    let tokens = scenario.recipe.global_batch * scenario.recipe.seq_len;
    let compute = forecast.step.total() - forecast.step.loader;
    let needed = outlay_core::run::loader::workers_needed(compute, tokens, &scenario.data.feed, forecast.plan.nodes)?;
    Some(Loader { workers_needed: needed, waiting: (forecast.step.loader / forecast.step.total()).get() })
}

fn seconds(x: interval::Interval<outlay_core::units::Seconds>) -> Interval {
    Interval { mid: x.mid.get(), low: x.low.get(), high: x.high.get() }
}

fn hours(x: interval::Interval<outlay_core::units::Seconds>) -> Interval {
    Interval { mid: x.mid.to_hours(), low: x.low.to_hours(), high: x.high.to_hours() }
}

/// A figure in units people read; `per` divides seconds (3600 for hours).
fn figure(figure: Figure, per: f64) -> (f64, &'static str) {
    match figure {
        Figure::Bytes(bytes) => (bytes.to_gib(), "GiB"),
        Figure::Seconds(time) => (time.get() / per, if per == 1.0 { "s" } else { "h" }),
        Figure::Usd(money) => (money.get(), "USD"),
        Figure::Nats(loss) => (loss.get(), "nats"),
    }
}

/// A line of a bill with what it is at the ends of the interval.
fn line(term: &term::Term) -> Line {
    let Term { name, value, unit, note, .. } = term_tree(&term::Term { parts: Vec::new(), ..term.clone() }, 1.0);
    let interval =
        term.ends.map(|(low, high)| Interval { mid: value, low: figure(low, 1.0).0, high: figure(high, 1.0).0 });
    Line { name, value, interval, unit, note, parts: term.parts.iter().map(line).collect() }
}

/// A term in units people read.
pub(crate) fn term_tree(term: &term::Term, per: f64) -> Term {
    let (value, unit) = figure(term.figure, per);
    Term {
        name: term.name.clone(),
        value,
        unit: unit.into(),
        note: term.note.clone(),
        parts: term.parts.iter().map(|part| term_tree(part, per)).collect(),
    }
}

/// How machines are bought, with the parts of a mixture.
fn purchase(offer: &Offer) -> String {
    offer.base.map_or_else(
        || offer.purchase.name().into(),
        |base| format!("{} in 4 {}, spot", base.quarters, base.purchase.name()),
    )
}

/// Dollars: cents below a thousand, then whole dollars in groups of three.
pub(crate) fn money(dollars: f64) -> String {
    if dollars < 1000.0 {
        return format!("${dollars:.2}");
    }
    let digits = format!("{dollars:.0}");
    let mut text = String::from("$");
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

pub(crate) fn duration(hours: f64) -> String {
    if hours < 1.0 {
        format!("{:.0} min", hours * 60.0)
    } else if hours < 48.0 {
        format!("{hours:.1} h")
    } else {
        format!("{:.1} days", hours / 24.0)
    }
}

fn method(method: &Method) -> String {
    match method {
        Method::Full => "full".into(),
        Method::Freeze { trained_layers } => format!("last {trained_layers} layers"),
        Method::Lora(lora) => {
            use outlay_core::dtype::Dtype;
            let quantised = matches!(lora.base, Dtype::Nf4 | Dtype::Nf4Double | Dtype::Int8);
            let name = match (lora.dora, quantised) {
                (true, _) => "dora",
                (false, true) => "qlora",
                (false, false) => "lora",
            };
            format!("{name}, rank {}", lora.rank)
        }
    }
}

fn fit(probability: Share) -> &'static str {
    if probability >= FITS {
        "fits"
    } else if probability >= TIGHT {
        "tight"
    } else {
        "does-not-fit"
    }
}

fn zero(zero: Zero) -> &'static str {
    match zero {
        Zero::None => "none",
        Zero::One => "zero1",
        Zero::Two => "zero2",
        Zero::Three => "zero3",
    }
}

fn recompute(recompute: Recompute) -> String {
    match recompute {
        Recompute::None => "none".into(),
        Recompute::Selective => "selective".into(),
        Recompute::Layers(eighths) => format!("{eighths}/8 of layers"),
        Recompute::Full => "full".into(),
    }
}

fn offload(offload: Offload) -> &'static str {
    match offload {
        Offload::None => "none",
        Offload::Optimizer => "optimizer",
        Offload::OptimizerAndParameters => "optimizer+parameters",
    }
}

fn schedule(schedule: Schedule) -> &'static str {
    match schedule {
        Schedule::GPipe => "gpipe",
        Schedule::OneFOneB => "1f1b",
        Schedule::ZeroBubble => "zero-bubble",
        Schedule::DualPipe => "dualpipe",
    }
}

fn differs(difference: Difference) -> &'static str {
    match difference {
        Difference::Accelerator => "accelerator",
        Difference::Provider => "provider",
        Difference::Purchase => "purchase",
        Difference::Count => "count",
        Difference::Layout => "layout",
        Difference::Variant => "variant",
    }
}

pub(crate) fn reason(reason: &Reason) -> String {
    match reason {
        Reason::AsGood => "as good".into(),
        Reason::Dearer(usd) => format!("{} dearer", money(usd.get())),
        Reason::MoreCredit(usd) => format!("{} more of the credit", money(usd.get())),
        Reason::Slower(time) => format!("{} slower", duration(time.to_hours())),
        Reason::Worse(times) => format!("{:.2} times the product of cost and time", times.get()),
        Reason::Riskier(usd) => format!("{} dearer in the worst of ten runs", money(usd.get())),
        Reason::Larger(bytes) => format!("{:.0} GiB larger", bytes.to_gib()),
        Reason::OverBudget(usd) => format!("{} over the budget", money(usd.get())),
        Reason::TooLate(time) => format!("{} past the deadline", duration(time.to_hours())),
        Reason::OutlastsBlock(time) => format!("{} longer than its block lasts", duration(time.to_hours())),
        Reason::Tight => "may run out of memory".into(),
        Reason::DoesNotFit => "runs out of memory".into(),
        Reason::NeverEnds(time) if time.to_days() > 36_525.0 => {
            "interruptions come faster than work is saved: it would never end".into()
        }
        Reason::NeverEnds(time) => {
            format!("interruptions come faster than work is saved: about {:.0} hours in all", time.to_hours())
        }
    }
}

fn change(change: &Change) -> String {
    match change {
        Change::Budget(usd) => format!("a budget of {}", money(usd.get())),
        Change::Deadline(time) => format!("a deadline of {}", duration(time.to_hours())),
        Change::MaxAccelerators(most) => format!("up to {most} accelerators"),
        Change::Purchase(kind) => format!("also buying {}", kind.name()),
        Change::Offer => "another accelerator, provider or region".into(),
        Change::BudgetAndDeadline(usd, time) => {
            format!("a budget of {} and a deadline of {}", money(usd.get()), duration(time.to_hours()))
        }
        Change::Method(to) => format!("training by {}", method(to)),
        Change::FreeLayout => "leaving the layout to the search".into(),
    }
}

/// A rule in words.
pub(crate) fn obstacle(rule: outlay_core::plan::Rule) -> &'static str {
    use outlay_core::plan::Rule;
    match rule {
        Rule::Zero => "a width is zero",
        Rule::Accelerators => "dp · tp · pp · cp must be the number of accelerators",
        Rule::Batch => "dp · micro-batch · accumulation must be the global batch",
        Rule::Heads => "tensor parallelism must divide the attention heads",
        Rule::Hidden => "tensor parallelism must divide the width of the model",
        Rule::Domain => "tensor parallelism must stay on the fast link",
        Rule::StageLayers => "layers dealt out over the stages must leave the last one at least one, and none over",
        Rule::TwoEnds => "dualpipe needs an even number of stages and two micro-batches a stage, not interleaved",
        Rule::Layers => "every pipeline stage needs a layer",
        Rule::VirtualStages => "each virtual stage needs a layer, and micro-batches must be a multiple of the stages",
        Rule::Sequence => {
            "context parallelism must cut the sequence into 2 · cp equal pieces, and does not cut recurrent layers"
        }
        Rule::Experts => "expert parallelism must divide the experts",
        Rule::ExpertRanks => "expert parallelism must divide dp · cp · tp",
        Rule::Shard => "sharding groups must divide the data-parallel ranks",
        Rule::PipelineSharding => "gradients cannot be sharded between the micro-batches of a pipeline",
        Rule::Quantised => "a quantised base is replicated or fully sharded, never cut",
        Rule::Format => "the accelerator lacks the number format",
        Rule::Kernels => "the accelerator lacks the quantised kernels",
        Rule::SequenceParallel => "sequence parallelism goes with tensor parallelism",
    }
}

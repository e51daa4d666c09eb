//! An answer as people read it: the verdict first, then the plan, its memory, why the others lost, what was assumed.
//!
//! Does not know: how any figure came about; every sentence on figures is the door's.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use outlay::response::{Choice, Finish, Interval, Line, Plan, Response, Search, Term, Terms, Why};

use super::bar;
use super::format::{UNKNOWN, duration, interval, number, percent, si, usd, usd_per_hour, whole};
use super::table::{Column, Table, figures, words};
use super::tree::{Branch, tree};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const WARN: Style = AnsiColor::Yellow.on_default();

/// For a terminal of this many columns.
pub(crate) fn terminal(response: &Response, width: usize, explain: bool) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{BOLD}{}{BOLD:#}\n", response.verdict);
    let _ = writeln!(text, "{DIM}{}{DIM:#}", job(response));
    if let Some(pick) = &response.pick {
        text.push('\n');
        plan(&mut text, pick, width);
        for (name, value) in learning(response) {
            let _ = writeln!(text, "  {name:<8} {value}");
        }
        if explain {
            terms(&mut text, pick, width);
            text.push('\n');
            text.push_str(&tree(&branch(&response.quality.terms), width));
        }
    }
    for relaxation in &response.relaxations {
        let plan = &relaxation.plan;
        let _ = writeln!(
            text,
            "  with {}: {}× {}, {}, {}",
            relaxation.change,
            plan.accelerators,
            plan.accelerator_name,
            duration(plan.hours.mid * 3600.0),
            plan.cost_usd.map_or(UNKNOWN.into(), |cost| usd(cost.mid))
        );
    }
    if !response.losers.is_empty() {
        let _ = writeln!(text, "\n{BOLD}why not another{BOLD:#}");
        text.push_str(&alternatives(response).terminal(width));
    }
    if response.front.len() > 1 {
        let _ = writeln!(text, "\n{BOLD}cheaper or faster{BOLD:#}");
        text.push_str(&front(response).terminal(width));
    }
    if !response.assumptions.is_empty() {
        let _ = writeln!(text, "\n{BOLD}assumed{BOLD:#}");
        for a in &response.assumptions {
            let _ = writeln!(text, "  {} = {}  {DIM}{}{DIM:#}", a.key, a.value, a.reason);
        }
    }
    for warning in &response.warnings {
        let _ = writeln!(text, "\n{WARN}note{WARN:#}: {warning}");
    }
    text
}

/// As Markdown.
pub(crate) fn markdown(response: &Response) -> String {
    let mut text = format!("**{}**\n\n{}\n", response.verdict, job(response));
    if let Some(pick) = &response.pick {
        text.push('\n');
        for (name, value) in facts(pick).into_iter().chain(learning(response)) {
            let _ = writeln!(text, "- {name}: {value}");
        }
    }
    if !response.losers.is_empty() {
        let _ = write!(text, "\n{}", alternatives(response).markdown());
    }
    if !response.assumptions.is_empty() {
        text.push_str("\nAssumed:\n\n");
        for a in &response.assumptions {
            let _ = writeln!(text, "- `{}` = {} ({})", a.key, a.value, a.reason);
        }
    }
    for warning in &response.warnings {
        let _ = writeln!(text, "\n> {warning}");
    }
    text
}

/// Why not a plan, for a terminal of this many columns.
pub(crate) fn why_terminal(why: &Why, width: usize) -> String {
    let mut text = format!("{BOLD}{}{BOLD:#}\n", why.verdict);
    if why.pick.is_some() || why.named.is_some() {
        let _ = write!(text, "\n{}", sides(why).terminal(width));
    }
    for (head, term) in [("what it costs more", &why.cost), ("what it takes longer", &why.time)] {
        if let Some(term) = term.as_ref().filter(|term| !term.parts.is_empty()) {
            let _ = writeln!(text, "\n{BOLD}{head}{BOLD:#}");
            text.push_str(&tree(&difference(term), width));
        }
    }
    for relaxation in &why.relaxations {
        let _ = writeln!(text, "\n  feasible with {}", relaxation.change);
    }
    text
}

/// The same as Markdown.
pub(crate) fn why_markdown(why: &Why) -> String {
    let mut text = format!("**{}**\n\n{}", why.verdict, sides(why).markdown());
    for term in why.cost.iter().chain(&why.time) {
        let _ = writeln!(text, "\n{}:\n", term.name);
        for part in &term.parts {
            let _ = writeln!(text, "- {}: {} ({})", part.name, signed(part), part.note);
        }
    }
    text
}

/// Pick and named plan beside each other.
fn sides(why: &Why) -> Table {
    let mut columns = COLUMNS.to_vec();
    columns.extend([figures("memory"), figures("MFU")]);
    let mut table = Table::new(&columns);
    let cells = |plan: &Plan| {
        let mut cells = cells(plan);
        cells.extend([format!("{:.0} of {:.0} GiB", plan.memory_gib, plan.capacity_gib), percent(plan.mfu)]);
        cells
    };
    if let Some(pick) = &why.pick {
        table.chosen(cells(pick));
    }
    if let Some(named) = &why.named {
        table.row(cells(named));
    }
    table
}

fn signed(term: &Term) -> String {
    let size = term.value.abs();
    let text = if term.unit == "USD" { usd(size) } else { duration(size * 3600.0) };
    format!("{}{text}", if term.value < 0.0 { "−" } else { "+" })
}

/// A difference as a tree: what adds nothing that is shown is left out.
pub(crate) fn difference(term: &Term) -> Branch {
    let seen = |part: &&Term| part.value.abs() >= 0.001 * term.parts.iter().map(|p| p.value.abs()).fold(0.0, f64::max);
    Branch {
        name: term.name.clone(),
        figure: signed(term),
        note: term.note.clone(),
        parts: term.parts.iter().filter(seen).map(difference).collect(),
    }
}

/// How much of the space was looked at.
pub(crate) fn searched(search: &Search) -> String {
    let n = |count: u64| whole(count);
    let lines = [
        ("kinds of machines", n(search.machines), format!("from {} offers", n(search.offers))),
        (
            if search.proven { "bounded away" } else { "not looked into" },
            n(search.machines - search.surveyed),
            if search.proven { "cannot win, lead or be named at their best".into() } else { String::new() },
        ),
        ("looked into", n(search.surveyed), String::new()),
        ("legal layouts", n(search.layouts), format!("{} plans, each at every offer", n(search.covered))),
        (
            "skipped",
            n(search.layouts - search.timed),
            "no quicker than one that fits, or larger than one that does not".into(),
        ),
        ("timed", n(search.timed), String::new()),
        ("weighed", n(search.weighed), "the others are slower than one that fits".into()),
        ("priced", n(search.plans), "the quickest layout of machines at an offer".into()),
    ];
    let mut text = format!("\n{BOLD}the search{BOLD:#}\n");
    for (name, count, note) in lines {
        let _ = writeln!(text, "  {name:<18} {count:>15}  {DIM}{note}{DIM:#}");
    }
    let verdict = if search.proven {
        "no plan is better".into()
    } else {
        format!("ended early: a plan that was not seen is at most {} better", percent(search.gap))
    };
    let _ = writeln!(text, "  {verdict}");
    text
}

fn job(response: &Response) -> String {
    let job = &response.job;
    let active = if job.active_params == job.params {
        String::new()
    } else {
        format!(", {} active", si(job.active_params as f64))
    };
    format!(
        "{} ({}{active}), {}, {} trained; {} tokens in sequences of {}, {} a step",
        job.model,
        si(job.params as f64),
        job.method,
        si(job.trained_params as f64),
        si(job.tokens as f64),
        whole(job.seq_len),
        whole(job.global_batch)
    )
}

fn within(figure: Interval, one: impl Fn(f64) -> String) -> String {
    format!("{}  (80 %: {})", one(figure.mid), interval(figure.low, figure.high, one))
}

fn facts(plan: &Plan) -> Vec<(&'static str, String)> {
    let price = plan.machine_usd_per_hour.map_or(UNKNOWN.into(), usd_per_hour);
    let age = plan.price_age_days.map_or(String::new(), |age| format!(", {age} days old"));
    let day = if plan.price_as_of.is_empty() { String::new() } else { format!(" (as of {}{age})", plan.price_as_of) };
    let machines = if plan.nodes == 1 { "1 machine".into() } else { format!("{} machines", plan.nodes) };
    let place = [plan.provider.as_str(), plan.instance.as_str(), plan.region.as_str()];
    let place: Vec<&str> = place.into_iter().filter(|word| !word.is_empty()).collect();
    let cost = plan.cost_usd.map_or(UNKNOWN.into(), |cost| {
        let least = if plan.cost_at_least { "at least " } else { "" };
        format!("{least}{}", within(cost, usd))
    });
    let mut facts = vec![
        ("rent", format!("{machines}: {}, {} at {price}{day}", place.join(" "), plan.purchase)),
        ("layout", layout(plan)),
        ("time", within(plan.hours, |hours| duration(hours * 3600.0))),
        ("cost", cost),
        ("step", format!("{}, {} steps", within(plan.step_s, duration), whole(plan.steps))),
        (
            "speed",
            format!(
                "{} tokens/s per accelerator; MFU {} (causal, nothing counted twice), HFU {}",
                number(plan.tokens_per_s_per_accelerator.mid),
                percent(plan.mfu),
                percent(plan.hfu)
            ),
        ),
    ];
    if plan.goodput < 0.995 {
        facts.push(("goodput", format!("{} of the time after start-up is useful", percent(plan.goodput))));
    }
    // Without a deadline and interruptions the interval of the time says the same.
    if let Some(finish) = plan.finish.as_ref().filter(|finish| plan.goodput < 0.995 || finish.in_time.is_some()) {
        facts.push(("finish", finished(finish)));
    }
    if let Some(loader) = plan.loader {
        let waits = if loader.waiting > 0.0 {
            format!("; now {} of a step is waited", percent(loader.waiting))
        } else {
            String::new()
        };
        facts.push(("loader", format!("{} workers a machine keep up{waits}", whole(loader.workers_needed))));
    }
    if let Some(energy) = plan.energy_kwh {
        let carbon = plan.carbon_kg.map_or(String::new(), |kg| format!(", {} kg CO2e", number(kg)));
        facts.push(("energy", format!("{}{carbon}", within(energy, |kwh| format!("{} kWh", number(kwh))))));
    }
    if let Some(committed) = plan.committed_usd {
        facts.push(("commits", format!("to {} in all, used or not", usd(committed))));
    }
    facts
}

/// When which share of such runs is done, and how likely it is in time.
fn finished(finish: &Finish) -> String {
    let after = |share: f64| {
        let found = finish.quantiles.iter().find(|quantile| quantile.share == share);
        found.map_or(UNKNOWN.into(), |quantile| duration(quantile.hours * 3600.0))
    };
    let mut text = format!(
        "half of such runs after {}, four in five after {}, 95 in 100 after {}",
        after(0.5),
        after(0.8),
        after(0.95)
    );
    if let Some((chance, deadline)) = finish.in_time.zip(finish.deadline_hours) {
        let _ = write!(text, "; by the deadline of {} with {}", duration(deadline * 3600.0), percent(chance));
    }
    text
}

/// How good the model becomes, and what is done for it.
fn learning(response: &Response) -> Vec<(&'static str, String)> {
    let quality = &response.quality;
    let loss = within(quality.loss, |nats| format!("{nats:.2}"));
    let what = match quality.downstream_error {
        Some(error) => format!("{loss} nats a token; about {} of downstream questions wrong", percent(error)),
        None => format!("{loss} nats a token on the new text: an index, for comparing variants of this job"),
    };
    let mut lines = vec![("loss", what)];
    // Batch and rate are known to a factor of two and a half, and of two.
    lines.push((
        "recipe",
        format!(
            "peak learning rate about {:.1e} (÷2 to ×2){}",
            quality.best_learning_rate,
            if quality.downstream_error.is_some() {
                format!(
                    "; batch about {} tokens (÷2.5 to ×2.5), wasteful above {}",
                    si(quality.best_batch_tokens),
                    si(quality.critical_batch_tokens)
                )
            } else {
                format!("; {} updates", whole(quality.updates))
            }
        ),
    ));
    if let Some(sweep) = &response.sweep {
        lines.push((
            "sweep",
            format!(
                "{}, {} trials: {} full runs' worth; finds one of the best 5 % in {} of cases",
                sweep.kind,
                whole(sweep.trials),
                number(sweep.full_runs),
                percent(sweep.finds_best_twentieth)
            ),
        ));
    }
    if let Some(stopping) = response.stopping {
        lines.push((
            "stopping",
            format!(
                "expected to save {} of the steps; stops too soon in {} of cases",
                percent(stopping.saved),
                percent(stopping.too_soon)
            ),
        ));
    }
    if let Some(hosted) = response.hosted.first() {
        let even = hosted.break_even_tokens.map_or(String::new(), |tokens| {
            format!("; rented machines are cheaper from {} tokens on, nobody's time counted but [extras]", si(tokens))
        });
        lines.push(("hosted", format!("{} {} would take {}{even}", hosted.provider, hosted.tier, usd(hosted.usd))));
    }
    lines
}

pub(crate) fn layout(plan: &Plan) -> String {
    let l = &plan.layout;
    let mut parts = Vec::new();
    for (name, width) in [("dp", l.dp), ("tp", l.tp), ("pp", l.pp), ("vpp", l.vpp), ("cp", l.cp), ("ep", l.ep)] {
        if width > 1 {
            parts.push(format!("{name} {width}"));
        }
    }
    if l.zero != "none" {
        let group = if l.shard == l.dp { String::new() } else { format!(" over {}", l.shard) };
        parts.push(format!("{}{group}", l.zero));
    }
    parts.push(format!("micro-batch {} × {}", l.micro_batch, l.accumulation));
    parts.push(if l.recompute == "none" {
        "no recomputation".into()
    } else {
        format!("{} recomputation", l.recompute)
    });
    if l.offload != "none" {
        parts.push(format!("{} offloaded", l.offload));
    }
    parts.join(", ")
}

fn plan(text: &mut String, plan: &Plan, width: usize) {
    for (name, value) in facts(plan) {
        let _ = writeln!(text, "  {name:<8} {value}");
    }
    let gib = 1_073_741_824.0;
    let parts: Vec<(String, f64)> =
        leaves(&plan.terms.memory).into_iter().map(|(name, value)| (name, value * gib)).collect();
    let shown = bar::largest(&parts);
    let cells = width.saturating_sub(48).clamp(20, 50);
    let _ = writeln!(
        text,
        "  {:<8} {} {} of {} GiB, {} ({} likely)",
        "memory",
        bar::bar(&shown, plan.capacity_gib * gib, cells),
        number(plan.memory_gib),
        number(plan.capacity_gib),
        plan.fit.replace('-', " "),
        percent(plan.fit_probability)
    );
    let legend = bar::legend(&shown, |bytes| format!("{} GiB", number(bytes / gib)));
    let _ = writeln!(text, "  {:<8} {}", "", legend.join("  "));
}

/// Leaves of a tree with their values.
fn leaves(term: &Term) -> Vec<(String, f64)> {
    if term.parts.is_empty() {
        vec![(term.name.clone(), term.value)]
    } else {
        term.parts.iter().flat_map(leaves).collect()
    }
}

fn terms(text: &mut String, plan: &Plan, width: usize) {
    let Terms { memory, step, run, bill } = &plan.terms;
    for branch in [memory, step, run].map(branch).into_iter().chain(bill.as_ref().map(line)) {
        text.push('\n');
        text.push_str(&tree(&branch, width));
    }
}

/// A line of the bill as it is shown, with what it is at the ends of the sum's interval.
fn line(line: &Line) -> Branch {
    let ends = line.interval.map(|ends| format!("80 %: {}", interval(ends.low, ends.high, usd)));
    let note = [ends.unwrap_or_default(), line.note.clone()].into_iter().filter(|text| !text.is_empty());
    Branch {
        name: line.name.clone(),
        figure: usd(line.value),
        note: note.collect::<Vec<_>>().join("; "),
        parts: line
            .parts
            .iter()
            .filter(|part| part.value != 0.0 || part.note.contains("unknown"))
            .map(self::line)
            .collect(),
    }
}

/// A term as it is shown; what is nothing is left out.
fn branch(term: &Term) -> Branch {
    let figure = match term.unit.as_str() {
        "GiB" => format!("{} GiB", number(term.value)),
        "s" => duration(term.value),
        "h" => duration(term.value * 3600.0),
        "nats" => format!("{:.3} nats", term.value),
        _ => usd(term.value),
    };
    Branch {
        name: term.name.clone(),
        figure,
        note: term.note.clone(),
        parts: term
            .parts
            .iter()
            .filter(|part| part.value != 0.0 || part.note.contains("unknown"))
            .map(branch)
            .collect(),
    }
}

/// What a plan is compared by.
const COLUMNS: [Column; 7] = [
    words("machines"),
    words("provider"),
    words("how").spare(2),
    words("layout").spare(4),
    figures("time"),
    figures("cost"),
    figures("80 %").spare(3),
];

fn cells(plan: &Plan) -> Vec<String> {
    vec![
        format!("{}× {}", plan.accelerators, plan.accelerator_name),
        plan.provider.clone(),
        plan.purchase.clone(),
        layout(plan),
        duration(plan.hours.mid * 3600.0),
        plan.cost_usd.map_or(UNKNOWN.into(), |cost| usd(cost.mid)),
        plan.cost_usd.map_or(String::new(), |cost| interval(cost.low, cost.high, usd)),
    ]
}

/// Columns of a comparison: where keys vary, also what was chosen and the loss it leads to.
fn columns(response: &Response) -> Vec<Column> {
    let mut columns = COLUMNS.to_vec();
    if varies(response) {
        columns.insert(0, words("chosen"));
        columns.push(figures("loss"));
    }
    columns
}

fn varies(response: &Response) -> bool {
    response.pick.iter().chain(&response.front).any(|plan| !plan.choices.is_empty())
}

fn row(response: &Response, plan: &Plan) -> Vec<String> {
    let mut row = cells(plan);
    if varies(response) {
        row.insert(0, chosen(plan));
        row.push(plan.loss.map_or(UNKNOWN.into(), |loss| format!("{loss:.2}")));
    }
    row
}

/// What a plan chose of the keys that vary.
fn chosen(plan: &Plan) -> String {
    // A name says itself what it is; a number does not.
    let one = |choice: &Choice| match choice.value.parse::<f64>() {
        Ok(_) => format!("{} {}", choice.key.rsplit('.').next().unwrap_or_default(), choice.value),
        Err(_) => choice.value.clone(),
    };
    plan.choices.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn alternatives(response: &Response) -> Table {
    let mut columns = columns(response);
    columns.push(words("lost because"));
    let mut table = Table::new(&columns);
    if let Some(pick) = &response.pick {
        let mut row = row(response, pick);
        row.push("chosen".into());
        table.chosen(row);
    }
    for loser in &response.losers {
        let mut row = row(response, &loser.plan);
        row.push(loser.reason.clone());
        table.row(row);
    }
    table
}

fn front(response: &Response) -> Table {
    let mut table = Table::new(&columns(response));
    for plan in response.front.iter().take(8) {
        let cells = row(response, plan);
        if response.pick.as_ref() == Some(plan) { table.chosen(cells) } else { table.row(cells) }
    }
    table
}

//! `outlay offers update`: reads price feeds, says what changed, keeps the history.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use outlay::catalog::feeds::changes::{Change, Changes, Key, changes, prices, standing};
use outlay::catalog::feeds::{About, LeftOut, Reading};
use outlay::catalog::{Catalog, Quote, offers};
use serde_json::{Value, json};

use crate::cli::Answer;
use crate::context::Context;
use crate::facts;
use crate::failure::{Failure, Fault};
use crate::feeds::{self, Table};
use crate::ledger::Ledger;
use crate::render::format::usd;
use crate::render::json;

/// Read price feeds and keep them: what is new, gone, dearer, cheaper
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A feed (skypilot, gpuhunt), a mirror of one (skypilot=URL), a file, a folder or an address of a table; may be repeated
    #[arg(long, value_name = "SOURCE", default_value = "skypilot")]
    from: Vec<String>,

    /// Take prices that are ten times the last one, or a tenth; else they are held back
    #[arg(long)]
    accept_jumps: bool,

    /// Say what would change, and keep nothing
    #[arg(long)]
    dry_run: bool,

    /// At most so many lines of each kind; 0: all
    #[arg(long, value_name = "N", default_value_t = 10)]
    limit: usize,

    /// Print the answer as JSON
    #[arg(long, help_heading = "Output")]
    json: bool,
}

/// A table that was read.
struct Read {
    table: Table,
    reading: Reading,
}

/// Reads, compares, keeps.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Answer, Failure> {
    if context.as_of.is_some() {
        let fault = Fault::new("contradiction", "feeds say the prices of today", "--as-of");
        return Err(fault.help("leave it out; a sheet in our columns carries the day of each price").into());
    }
    let catalog = Catalog::built_in();
    let (mut all, mut passed) = (Vec::new(), Vec::new());
    for source in &args.from {
        let fetched = feeds::fetch(source)?;
        passed.extend(fetched.passed);
        for table in fetched.tables {
            let about = About { provider: &table.provider, day: &context.today };
            let reading = catalog.read_feed(&table.text, about);
            let reading = reading.map_err(|why| Fault::new("feed-unreadable", why, table.from.clone()))?;
            all.push(Read { table, reading });
        }
    }
    if all.iter().all(|read| read.reading.quotes.is_empty()) {
        let fault = Fault::new("no-prices", "no price could be read", args.from.join(", "));
        let reasons = all.iter().flat_map(|read| &read.reading.left_out).take(5);
        return Err(reasons.fold(fault, |fault, out| fault.help(left_out(out))).into());
    }
    let Some(folder) = context.home.data.as_deref() else {
        let fault = Fault::new("history-not-written", "there is no folder to keep prices in", "");
        return Err(fault.help("set OUTLAY_HOME to one").into());
    };
    let before = match facts::rows(context)? {
        (Some(rows), _) => rows,
        (None, _) => offers::quotes(offers::TEXT).map_err(|faults| Failure::Internal(format!("{faults:?}")))?,
    };
    let kept = Ledger::open(folder)?.map_or_else(|| Ok(Vec::new()), |ledger| ledger.quotes(&context.today))?;
    let change = compare(&all, &before, &kept);
    if !args.dry_run {
        keep(args, &all, &change, folder, context)?;
    }
    let text = if args.json { as_json(args, &all, &passed, &change)? } else { told(args, &all, &passed, &change) };
    let mut answer = Answer::new(text);
    if !change.jumps.is_empty() && !args.accept_jumps {
        answer.notes = format!(
            "{} held back for being ten times the last price or a tenth; the last ones stand, --accept-jumps takes them\n",
            change.jumps.len()
        );
    }
    Ok(answer)
}

/// What all tables change together; a machine is gone if the feed that had it lists its provider without it.
fn compare(all: &[Read], before: &[Quote], kept: &[Quote]) -> Changes {
    let whole = all.iter().filter(|read| read.reading.form.is_whole());
    let listed: BTreeSet<(&str, &str)> = whole
        .flat_map(|read| read.reading.quotes.iter().map(|quote| (quote.provider.as_str(), read.reading.form.name())))
        .collect();
    let ours = |quote: &&Quote| listed.contains(&(quote.provider.as_str(), quote.source.as_str()));
    let kept: Vec<Quote> = kept.iter().filter(ours).cloned().collect();
    let kept: BTreeSet<Key> = prices(&kept).into_keys().collect();
    changes(&prices(before), &after(all), |key| kept.contains(key))
}

/// The prices of all tables; of two of the same machine the first named stands.
fn after(all: &[Read]) -> outlay::catalog::feeds::changes::Prices {
    let mut after = prices(&[]);
    for read in all {
        for (key, price) in prices(&read.reading.quotes) {
            after.entry(key).or_insert(price);
        }
    }
    after
}

fn keep(
    args: &Args,
    all: &[Read],
    change: &Changes,
    folder: &std::path::Path,
    context: &Context,
) -> Result<(), Failure> {
    let mut ledger = Ledger::open_to_write(folder)?;
    let held: &[Change] = if args.accept_jumps { &[] } else { &change.jumps };
    let mut seen: BTreeSet<Key> = BTreeSet::new();
    for (at, read) in all.iter().enumerate() {
        let keys = prices(&read.reading.quotes);
        let twice: Vec<Change> = keys
            .keys()
            .filter(|key| seen.contains(key))
            .map(|key| Change { key: key.clone(), before: None, after: None })
            .collect();
        let quotes = standing(&standing(&read.reading.quotes, held), &twice);
        let gone: &[Change] = if at == 0 { &change.gone } else { &[] };
        ledger.record(read.reading.form.name(), &quotes, gone, &context.today)?;
        seen.extend(keys.into_keys());
    }
    Ok(())
}

fn left_out(out: &LeftOut) -> String {
    let example = if out.example.is_empty() { String::new() } else { format!(", as {}", out.example) };
    let rows = if out.rows == 1 { "row" } else { "rows" };
    format!("{} {rows} left out: {}{example}", out.rows, out.reason)
}

fn told(args: &Args, all: &[Read], passed: &[String], change: &Changes) -> String {
    let mut text = String::new();
    for Read { table, reading } in all {
        let read = prices(&reading.quotes).len();
        let out: u64 = reading.left_out.iter().map(|out| out.rows).sum();
        let _ = writeln!(
            text,
            "{} {}: {} rows; {read} prices read, {} without an accelerator, {} of other zones, {out} left out",
            reading.form.name(),
            table.provider,
            reading.rows,
            reading.without,
            reading.zones
        );
        for line in cut(&reading.left_out, args.limit) {
            let _ = writeln!(text, "  {}", left_out(line));
        }
        more(&mut text, reading.left_out.len(), args.limit, "reasons");
    }
    for line in passed {
        let _ = writeln!(text, "passed over: {line}");
    }
    let Changes { new, gone, dearer, cheaper, jumps, same } = change;
    let _ = writeln!(
        text,
        "\n{} new, {} gone, {} dearer, {} cheaper, {same} as before{}",
        new.len(),
        gone.len(),
        dearer.len(),
        cheaper.len(),
        if args.dry_run { "; nothing was kept" } else { "" }
    );
    let held = if args.accept_jumps { "taken" } else { "held back" };
    for (kind, list) in [(held, jumps), ("dearer", dearer), ("cheaper", cheaper), ("gone", gone), ("new", new)] {
        for change in cut(list, args.limit) {
            let _ = writeln!(text, "  {kind:9} {}", line(change));
        }
        more(&mut text, list.len(), args.limit, kind);
    }
    text
}

fn cut<T>(list: &[T], limit: usize) -> &[T] {
    if limit == 0 { list } else { &list[..list.len().min(limit)] }
}

fn more(text: &mut String, all: usize, limit: usize, what: &str) {
    if limit > 0 && all > limit {
        let _ = writeln!(text, "  and {} more {what}; --limit 0 shows all", all - limit);
    }
}

fn line(change: &Change) -> String {
    let Key { provider, region, instance, accelerator, count, purchase } = &change.key;
    let price = |price: Option<f64>| price.map_or_else(|| "–".to_owned(), usd);
    let by = change
        .before
        .zip(change.after)
        .map_or_else(String::new, |(before, after)| format!(" ({:+.1} %)", (after / before - 1.0) * 100.0));
    let moved = match (change.before, change.after) {
        (None, after) => price(after),
        (before, None) => format!("was {}", price(before)),
        (before, after) => format!("{} → {}{by}", price(before), price(after)),
    };
    format!("{provider} {instance} {region} ({count}× {accelerator}, {purchase}): {moved}/h")
}

fn as_json(args: &Args, all: &[Read], passed: &[String], change: &Changes) -> Result<String, Failure> {
    let tables: Vec<Value> = all
        .iter()
        .map(|Read { table, reading }| {
            json!({
                "feed": reading.form.name(),
                "provider": table.provider,
                "from": table.from,
                "rows": reading.rows,
                "prices": prices(&reading.quotes).len(),
                "without_accelerator": reading.without,
                "other_zones": reading.zones,
                "left_out": reading.left_out.iter().map(|out| json!({
                    "reason": out.reason, "rows": out.rows, "example": out.example,
                })).collect::<Vec<_>>(),
            })
        })
        .collect();
    let list = |list: &[Change]| Value::from(list.iter().map(change_json).collect::<Vec<_>>());
    json::text(Ok(json!({
        "tables": tables,
        "passed_over": passed,
        "kept": !args.dry_run,
        "jumps_accepted": args.accept_jumps,
        "new": list(&change.new),
        "gone": list(&change.gone),
        "dearer": list(&change.dearer),
        "cheaper": list(&change.cheaper),
        "jumps": list(&change.jumps),
        "same": change.same,
    })))
}

fn change_json(change: &Change) -> Value {
    let Key { provider, region, instance, accelerator, count, purchase } = &change.key;
    json!({
        "provider": provider,
        "region": region,
        "instance": instance,
        "accelerator": accelerator,
        "accelerators": count,
        "purchase": purchase,
        "before_usd_per_hour": change.before,
        "after_usd_per_hour": change.after,
    })
}

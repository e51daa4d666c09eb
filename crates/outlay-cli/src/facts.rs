//! Which facts a command answers from: the prices of which day, whose prices, or those that a lock file holds.
//!
//! Built-in tables, over them what `outlay offers update` kept, over that the user's own `prices.toml`. A history that
//! cannot be read is said, and the built-in prices answer: a question about a job does not fail for it.

use std::path::{Path, PathBuf};

use outlay::catalog::feeds::known::known;
use outlay::catalog::{Catalog, offers};
use outlay::prices::Prices;

use crate::context::Context;
use crate::failure::{Failure, Fault};
use crate::files::{self, JOB_MAX};
use crate::ledger::Ledger;
use crate::lock::{self, Lock};

/// Name of the file of the user's own prices.
pub(crate) const PRICES: &str = "prices.toml";

/// Where prices come from.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Source {
    /// Your own prices: discounts, credits, blocks, owned machines, quotas; blank: prices.toml beside the job, then in the configuration folder
    #[arg(long, value_name = "FILE", help_heading = "Prices")]
    pub(crate) prices: Option<PathBuf>,

    /// Answer from outlay.lock beside the job: its prices, its day
    #[arg(long, help_heading = "Prices")]
    pub(crate) locked: bool,

    /// Answer from this lock file
    #[arg(long, value_name = "FILE", help_heading = "Prices")]
    pub(crate) lock: Option<PathBuf>,
}

/// What a command answers from.
pub(crate) struct Facts {
    /// The catalog, with the user's prices.
    pub(crate) catalog: Catalog,
    /// The day.
    pub(crate) today: String,
    /// Rows of offers before the user's prices, as a table.
    pub(crate) offers: String,
    /// The user's prices.
    pub(crate) prices: Option<Prices>,
    /// What is worth saying.
    pub(crate) notes: String,
}

/// The facts for a command; `job` is the file of the job, if there is one.
pub(crate) fn of(source: &Source, job: Option<&Path>, context: &Context) -> Result<Facts, Failure> {
    if !source.locked && source.lock.is_none() {
        return current(source, job, context);
    }
    if context.as_of.is_some() || source.prices.is_some() {
        let fault = Fault::new("contradiction", "a lock holds its own prices and day", "--locked");
        return Err(fault.help("leave out --as-of and --prices, or --locked").into());
    }
    let path = lock::path(source.lock.as_deref(), job);
    let lock = lock::read(&path)?;
    locked(&lock, &path)
}

/// The facts that a lock holds.
pub(crate) fn locked(lock: &Lock, path: &Path) -> Result<Facts, Failure> {
    let mut facts =
        made(Catalog::built_in(), lock.offers.clone(), lock.day.clone()).map_err(|faults| at(faults, path))?;
    if let Some(text) = &lock.prices {
        facts = with_prices(facts, text, path)?;
    }
    facts.notes = lock.differences().into_iter().map(|what| format!("{what}: figures may differ\n")).collect();
    Ok(facts)
}

/// The facts of today, or of `--as-of`.
pub(crate) fn current(source: &Source, job: Option<&Path>, context: &Context) -> Result<Facts, Failure> {
    let mut facts = market(context)?;
    let (path, named) = match &source.prices {
        Some(path) => (Some(path.clone()), true),
        None => (found(job, context), false),
    };
    if let Some(path) = path {
        let text = files::read(&path, JOB_MAX)?;
        let said = std::mem::take(&mut facts.notes);
        facts = with_prices(facts, &text, &path)?;
        let own = if named { String::new() } else { format!("your prices: {}\n", path.display()) };
        facts.notes = said + &own + &facts.notes;
    }
    Ok(facts)
}

/// The prices of the market alone.
pub(crate) fn market(context: &Context) -> Result<Facts, Failure> {
    let (rows, notes) = rows(context)?;
    let Some(rows) = rows else {
        // Nothing was read since: the tables as they are compiled in.
        return Ok(Facts {
            catalog: Catalog::built_in(),
            today: context.today.clone(),
            offers: offers::TEXT.to_owned(),
            prices: None,
            notes,
        });
    };
    let facts = made(Catalog::built_in(), offers::table(&rows), context.today.clone());
    let facts = facts.map_err(|faults| Failure::Internal(format!("{faults:?}")))?;
    Ok(Facts { notes, ..facts })
}

/// Rows of offers known on the day; `None`: the built-in ones as they are.
pub(crate) fn rows(context: &Context) -> Result<(Option<Vec<offers::Quote>>, String), Failure> {
    let mut notes = String::new();
    let kept = context.home.data.as_deref().map_or(Ok(None), |folder| kept(folder, &context.today));
    let kept = kept.unwrap_or_else(|fault| {
        notes = format!("{} ({}): the built-in prices answer\n", fault.message, fault.at);
        None
    });
    if kept.is_none() && context.as_of.is_none() {
        return Ok((None, notes));
    }
    let built_in = offers::quotes(offers::TEXT).map_err(|faults| Failure::Internal(format!("{faults:?}")))?;
    let (kept, covered) = kept.unwrap_or_default();
    let rows = known(&built_in, &kept, &covered, &context.today);
    if rows.is_empty() {
        let first = built_in.iter().map(|quote| quote.as_of.as_str()).min().unwrap_or_default();
        let fault = Fault::new("no-prices", format!("no price is known of {}", context.today), "--as-of");
        return Err(fault.help(format!("the earliest is of {first}")).into());
    }
    Ok((Some(rows), notes))
}

/// What feeds said, and whose whole lists they were.
type Kept = (Vec<offers::Quote>, Vec<String>);

/// What was kept by a day; `None`: nothing was.
fn kept(folder: &Path, day: &str) -> Result<Option<Kept>, Fault> {
    let Some(ledger) = Ledger::open(folder)? else { return Ok(None) };
    Ok(Some((ledger.quotes(day)?, ledger.covered(day)?)))
}

fn made(catalog: Catalog, offers: String, today: String) -> Result<Facts, Vec<outlay::catalog::TableError>> {
    let catalog = catalog.with_offers(&offers)?;
    Ok(Facts { catalog, today, offers, prices: None, notes: String::new() })
}

fn at(faults: Vec<outlay::catalog::TableError>, path: &Path) -> Failure {
    let fault = |error: outlay::catalog::TableError| {
        Fault::new("lock-unreadable", format!("a row of offers: {error}"), path.display().to_string())
            .help("write it again with `outlay lock`")
    };
    Failure::Faults(faults.into_iter().map(fault).collect())
}

fn with_prices(facts: Facts, text: &str, path: &Path) -> Result<Facts, Failure> {
    let place = path.display();
    let told = |problems: Vec<outlay::Problem>| {
        let each = problems.into_iter().map(|problem| {
            let mut fault = Fault::from(problem);
            fault.at = format!("{} in {place}", fault.at);
            fault
        });
        Failure::Faults(each.collect())
    };
    let prices = Prices::parse(text).map_err(told)?;
    let priced = prices.apply(&facts.catalog, &facts.today).map_err(told)?;
    let notes = priced.notes.iter().map(|note| format!("{place}: {note}\n")).collect();
    Ok(Facts { catalog: priced.catalog, prices: Some(prices), notes, ..facts })
}

/// `prices.toml` beside the job, else in the configuration folder.
fn found(job: Option<&Path>, context: &Context) -> Option<PathBuf> {
    let job = job.filter(|path| *path != Path::new("-"));
    let beside = job.map(|path| path.with_file_name(PRICES));
    let own = context.home.config.as_ref().map(|folder| folder.join(PRICES));
    beside.into_iter().chain(own).find(|path| path.is_file())
}

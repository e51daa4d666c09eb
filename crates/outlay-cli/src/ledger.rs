//! The history of prices: what each machine cost from which day to which, in an embedded database of the user's.
//!
//! A price is a span: the day it was first read (`since`) and the last day it was read unchanged (`seen`); a machine that
//! a feed no longer lists gets a span without a price. So the prices known on a day are those of the spans that had begun
//! by then. SQLite because a history is asked by key and by day, grows for years, and must survive a killed process.
//!
//! Does not know: where prices come from, what a plausible one is.

use std::path::{Path, PathBuf};
use std::time::Duration;

use outlay::catalog::Quote;
use outlay::catalog::feeds::changes::Change;
use rusqlite::{Connection, OpenFlags, params};

use crate::failure::Fault;

/// Name of the file in the data folder.
pub(crate) const FILE: &str = "prices.sqlite3";
/// Version of the tables below, kept in the file.
const VERSION: i64 = 1;

const TABLES: &str = "
    create table if not exists price (
        provider text not null,
        region text not null,
        instance text not null,
        accelerator text not null,
        accelerators integer not null,
        purchase text not null,
        since text not null,
        seen text not null,
        usd real,
        vcpus real,
        host_memory_gb real,
        feed text not null,
        source text not null,
        primary key (provider, region, instance, accelerator, accelerators, purchase, since)
    ) strict, without rowid;
";

/// The history, open.
pub(crate) struct Ledger {
    db: Connection,
    path: PathBuf,
}

/// A span of a price.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Span {
    pub(crate) provider: String,
    pub(crate) region: String,
    pub(crate) instance: String,
    pub(crate) accelerator: String,
    pub(crate) accelerators: u64,
    pub(crate) purchase: String,
    /// First day.
    pub(crate) since: String,
    /// Last day it was read unchanged.
    pub(crate) seen: String,
    /// `None`: no longer offered.
    pub(crate) usd: Option<f64>,
    pub(crate) feed: String,
}

impl Ledger {
    /// The history of a folder, if there is one.
    pub(crate) fn open(folder: &Path) -> Result<Option<Self>, Fault> {
        let path = folder.join(FILE);
        if !path.is_file() {
            return Ok(None);
        }
        let ledger = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .map_err(|error| unreadable(&path, &error))
            .map(|db| Self { db, path })?;
        ledger.check()?;
        Ok(Some(ledger))
    }

    /// The history of a folder, to write into; folder and file are made.
    pub(crate) fn open_to_write(folder: &Path) -> Result<Self, Fault> {
        let path = folder.join(FILE);
        std::fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error.to_string()))?;
        let db = Connection::open(&path).map_err(|error| unwritable(&path, &error.to_string()))?;
        let ledger = Self { db, path };
        let empty = ledger.version()? == 0;
        if empty {
            let made = ledger.db.execute_batch(&format!("begin; {TABLES} pragma user_version = {VERSION}; commit;"));
            made.map_err(|error| unwritable(&ledger.path, &error.to_string()))?;
        }
        ledger.check()?;
        Ok(ledger)
    }

    fn version(&self) -> Result<i64, Fault> {
        let _ = self.db.busy_timeout(Duration::from_secs(5));
        self.db.query_row("pragma user_version", [], |row| row.get(0)).map_err(|error| unreadable(&self.path, &error))
    }

    fn check(&self) -> Result<(), Fault> {
        match self.version()? {
            VERSION => Ok(()),
            other => {
                let message = format!("the history has form {other}, this outlay reads form {VERSION}");
                Err(Fault::new("history-unreadable", message, self.path.display().to_string())
                    .help("use a newer outlay, or move the file away and read the feeds again"))
            }
        }
    }

    /// What was known on a day, a row a machine; the day of a price is the last on which it was read by then.
    pub(crate) fn quotes(&self, day: &str) -> Result<Vec<Quote>, Fault> {
        let sql = "select provider, region, instance, accelerator, accelerators, purchase, min(seen, ?1), usd, vcpus,
                host_memory_gb, source
            from (select *, row_number() over (partition by provider, region, instance, accelerator, accelerators,
                purchase order by since desc) as place from price where since <= ?1)
            where place = 1 and usd is not null
            order by 1, 2, 3, 4, 5, 7, 11, 6";
        let read = || -> rusqlite::Result<Vec<Quote>> {
            let mut statement = self.db.prepare(sql)?;
            let mut rows = statement.query([day])?;
            let mut all: Vec<Quote> = Vec::new();
            while let Some(row) = rows.next()? {
                let quote = Quote {
                    provider: row.get(0)?,
                    region: row.get(1)?,
                    instance: row.get(2)?,
                    accelerator: row.get(3)?,
                    count: row.get::<_, i64>(4)?.unsigned_abs(),
                    vcpus: row.get(8)?,
                    host_memory_gb: row.get(9)?,
                    on_demand_usd_h: None,
                    spot_usd_h: None,
                    reserved_1y_usd_h: None,
                    reserved_3y_usd_h: None,
                    as_of: row.get(6)?,
                    source: row.get(10)?,
                };
                let same = |known: &Quote| {
                    let of = |q: &Quote| {
                        (q.provider.clone(), q.region.clone(), q.instance.clone(), q.accelerator.clone(), q.count)
                    };
                    of(known) == of(&quote) && known.as_of == quote.as_of && known.source == quote.source
                };
                if !all.last().is_some_and(same) {
                    all.push(quote);
                }
                let (purchase, usd): (String, f64) = (row.get(5)?, row.get(7)?);
                if let Some(last) = all.last_mut() {
                    *slot(last, &purchase) = Some(usd);
                }
            }
            Ok(all)
        };
        read().map_err(|error| unreadable(&self.path, &error))
    }

    /// Providers whose whole list was read by then.
    pub(crate) fn covered(&self, day: &str) -> Result<Vec<String>, Fault> {
        let sql = "select distinct provider from price where since <= ?1 and feed <> 'sheet' order by 1";
        let read = || -> rusqlite::Result<Vec<String>> {
            let mut statement = self.db.prepare(sql)?;
            statement.query_map([day], |row| row.get(0))?.collect()
        };
        read().map_err(|error| unreadable(&self.path, &error))
    }

    /// Keeps a reading: prices of their own day, and what is no longer offered.
    pub(crate) fn record(&mut self, feed: &str, quotes: &[Quote], gone: &[Change], today: &str) -> Result<(), Fault> {
        let Self { db, path } = self;
        let mut write = || -> rusqlite::Result<()> {
            let all = db.transaction()?;
            {
                let mut last = all.prepare(
                    "select since, usd from price where provider = ?1 and region = ?2 and instance = ?3 and accelerator = ?4
                        and accelerators = ?5 and purchase = ?6 and since <= ?7 order by since desc limit 1",
                )?;
                let mut seen = all.prepare(
                    "update price set seen = max(seen, ?8), feed = ?9, source = ?10 where provider = ?1 and region = ?2
                        and instance = ?3 and accelerator = ?4 and accelerators = ?5 and purchase = ?6 and since = ?7",
                )?;
                let mut insert = all.prepare(
                    "insert or replace into price values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8, ?9, ?10, ?11, ?12)",
                )?;
                for quote in quotes {
                    let Quote { provider, region, instance, accelerator, as_of, source, .. } = quote;
                    let count = i64::try_from(quote.count).unwrap_or(i64::MAX);
                    for (purchase, usd) in quote.prices() {
                        let (Some(usd), purchase) = (usd, purchase.name()) else { continue };
                        let key = params![provider, region, instance, accelerator, count, purchase, as_of];
                        let known = last.query_row(key, |row| Ok((row.get(0)?, row.get(1)?)));
                        let known: Option<(String, Option<f64>)> = match known {
                            Err(rusqlite::Error::QueryReturnedNoRows) => None,
                            other => Some(other?),
                        };
                        match known {
                            Some((since, Some(old))) if same_price(old, usd) => {
                                let key = params![
                                    provider,
                                    region,
                                    instance,
                                    accelerator,
                                    count,
                                    purchase,
                                    since,
                                    as_of,
                                    feed,
                                    source
                                ];
                                seen.execute(key)?;
                            }
                            _ => {
                                let (vcpus, memory) = (quote.vcpus, quote.host_memory_gb);
                                let row = params![
                                    provider,
                                    region,
                                    instance,
                                    accelerator,
                                    count,
                                    purchase,
                                    as_of,
                                    usd,
                                    vcpus,
                                    memory,
                                    feed,
                                    source
                                ];
                                insert.execute(row)?;
                            }
                        }
                    }
                }
                for change in gone {
                    let key = &change.key;
                    let count = i64::try_from(key.count).unwrap_or(i64::MAX);
                    let none: Option<f64> = None;
                    insert.execute(params![
                        key.provider,
                        key.region,
                        key.instance,
                        key.accelerator,
                        count,
                        key.purchase,
                        today,
                        none,
                        none,
                        none,
                        feed,
                        feed
                    ])?;
                }
            }
            all.commit()
        };
        write().map_err(|error| unwritable(path, &error.to_string()))
    }

    /// All spans, machine by machine, oldest first.
    pub(crate) fn spans(&self) -> Result<Vec<Span>, Fault> {
        let sql =
            "select provider, region, instance, accelerator, accelerators, purchase, since, seen, usd, feed from price
            order by accelerator, provider, region, instance, accelerators, purchase, since";
        let read = || -> rusqlite::Result<Vec<Span>> {
            let mut statement = self.db.prepare(sql)?;
            let span = |row: &rusqlite::Row<'_>| {
                Ok(Span {
                    provider: row.get(0)?,
                    region: row.get(1)?,
                    instance: row.get(2)?,
                    accelerator: row.get(3)?,
                    accelerators: row.get::<_, i64>(4)?.unsigned_abs(),
                    purchase: row.get(5)?,
                    since: row.get(6)?,
                    seen: row.get(7)?,
                    usd: row.get(8)?,
                    feed: row.get(9)?,
                })
            };
            statement.query_map([], span)?.collect()
        };
        read().map_err(|error| unreadable(&self.path, &error))
    }
}

/// Feeds round as they please.
fn same_price(one: f64, other: f64) -> bool {
    (one / other - 1.0).abs() < 1e-4
}

fn slot<'q>(quote: &'q mut Quote, purchase: &str) -> &'q mut Option<f64> {
    match purchase {
        "spot" => &mut quote.spot_usd_h,
        "reserved-1y" => &mut quote.reserved_1y_usd_h,
        "reserved-3y" => &mut quote.reserved_3y_usd_h,
        _ => &mut quote.on_demand_usd_h,
    }
}

fn unreadable(path: &Path, error: &rusqlite::Error) -> Fault {
    let message = format!("the history of prices could not be read: {error}");
    Fault::new("history-unreadable", message, path.display().to_string())
        .help("move the file away and read the feeds again with `outlay offers update`")
}

fn unwritable(path: &Path, error: &str) -> Fault {
    let message = format!("the history of prices could not be written: {error}");
    Fault::new("history-not-written", message, path.display().to_string())
        .help("make the folder writable, or set OUTLAY_HOME to one that is; all other commands work without it")
}

#[cfg(test)]
mod tests {
    use super::Ledger;
    use outlay::catalog::Quote;

    fn quote(price: f64, day: &str) -> Quote {
        Quote {
            provider: "aws".into(),
            region: "us-east-1".into(),
            instance: "p5.48xlarge".into(),
            accelerator: "h100-sxm".into(),
            count: 8,
            vcpus: Some(192.0),
            host_memory_gb: None,
            on_demand_usd_h: Some(price),
            spot_usd_h: Some(price / 2.0),
            reserved_1y_usd_h: None,
            reserved_3y_usd_h: None,
            as_of: day.into(),
            source: "skypilot".into(),
        }
    }

    #[test]
    fn the_prices_of_a_day_are_those_known_by_then() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Ledger::open(folder.path()).unwrap().is_none());
        let mut ledger = Ledger::open_to_write(folder.path()).unwrap();
        for (price, day) in [(98.32, "2025-05-01"), (98.32, "2025-06-01"), (55.04, "2025-06-20")] {
            ledger.record("skypilot", &[quote(price, day)], &[], day).unwrap();
        }
        let on = |day: &str| {
            let ledger = Ledger::open(folder.path()).unwrap().unwrap();
            ledger.quotes(day).unwrap().into_iter().map(|q| (q.on_demand_usd_h.unwrap(), q.as_of)).collect::<Vec<_>>()
        };
        assert!(on("2025-04-30").is_empty());
        assert_eq!(on("2025-05-10"), [(98.32, "2025-05-10".to_owned())], "read unchanged on either side of that day");
        assert_eq!(on("2025-06-10"), [(98.32, "2025-06-01".to_owned())]);
        assert_eq!(on("2026-01-01"), [(55.04, "2025-06-20".to_owned())]);
        assert_eq!(ledger.spans().unwrap().len(), 4);
        assert_eq!(ledger.covered("2026-01-01").unwrap(), ["aws"]);
    }
}

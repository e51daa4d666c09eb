//! Price feeds: tables that others publish, read into rows of our own; every row is read or left out with its reason.
//!
//! Feeds lie: they write zero for what they do not know, slices of a card as a card, HTML for a table. A row is taken
//! only if it says a machine, a whole number of a part that we know, a place and a plausible price; the others are
//! counted by reason, with an example of each. Of zones of a region the lowest price on demand stands, and the median on
//! spot, which differs by zone from hour to hour; a price on spot that is no lower is left out.
//!
//! Does not know: files, the network, what the last prices were ([`changes`] is handed both).
//!
//! Reading order: [`read`], then one module a form.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::accelerators::Part;
use crate::names::key;
use crate::offers::{Quote, day};

pub mod changes;
mod gpuhunt;
pub mod known;
mod sheet;
mod skypilot;

const TEXT: &str = include_str!("../../data/feeds.toml");

/// What feeds call things.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Spellings {
    providers: BTreeMap<String, String>,
    accelerators: BTreeMap<String, String>,
    gcp: Hosts,
    tpu: Tpus,
    public: Vec<Public>,
}

/// A feed that is published.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Public {
    /// As it is named.
    pub name: String,
    /// Where its tables lie.
    pub address: String,
    /// Whose tables it has.
    pub providers: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hosts {
    hosts: Vec<(String, u64, String)>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tpus {
    versions: Vec<(String, String, u64, u64)>,
}

static SPELLINGS: LazyLock<Spellings> =
    LazyLock::new(|| toml::from_str(TEXT).unwrap_or_else(|e| panic!("a built-in table is malformed: feeds: {e}")));

/// Whose table it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One file a provider: `InstanceType,AcceleratorName,AcceleratorCount,…,Price,SpotPrice,Region,…`.
    SkyPilot,
    /// One file a provider: `instance_name,location,price,…,gpu_count,gpu_name,gpu_memory,spot,…`.
    GpuHunt,
    /// Our own columns, as `offers.csv` has them.
    Sheet,
}

impl Form {
    /// As it is written in a price's source.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SkyPilot => "skypilot",
            Self::GpuHunt => "gpuhunt",
            Self::Sheet => "sheet",
        }
    }

    /// The feed lists everything a provider has: what is not in it is no longer offered.
    #[must_use]
    pub const fn is_whole(self) -> bool {
        !matches!(self, Self::Sheet)
    }
}

/// What is known of a table beside its text.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// Whose prices, where the table does not say (its file name does).
    pub provider: &'a str,
    /// Day it was read, for rows without one.
    pub day: &'a str,
}

/// A table, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Whose form it has.
    pub form: Form,
    /// Rows of it.
    pub rows: u64,
    /// Of these, rows of machines without an accelerator.
    pub without: u64,
    /// Of these, rows that say the same machine in another zone.
    pub zones: u64,
    /// Machines at a price.
    pub quotes: Vec<Quote>,
    /// Rows that were not read.
    pub left_out: Vec<LeftOut>,
}

/// Rows that were not read, for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Why.
    pub reason: String,
    /// How many.
    pub rows: u64,
    /// The first of them: machine and place.
    pub example: String,
}

/// Why a text is no price table at all.
///
/// # Errors
/// What it is instead.
pub fn form(text: &str) -> Result<Form, String> {
    let text = text.trim_start_matches('\u{feff}');
    let start = text.trim_start();
    if start.is_empty() {
        return Err("it is empty".into());
    }
    if start.starts_with('<') {
        return Err("it is an HTML page, not a table: a login page or an error page looks like this".into());
    }
    if start.starts_with(['{', '[']) {
        return Err("it is JSON, not CSV".into());
    }
    let header = start.lines().next().unwrap_or_default();
    let columns: Vec<String> = header.split(',').map(key).collect();
    let has = |names: &[&str]| names.iter().all(|name| columns.iter().any(|column| column == name));
    if has(&["instancetype", "acceleratorname", "price", "region"]) {
        Ok(Form::SkyPilot)
    } else if has(&["instancename", "location", "price", "gpuname"]) {
        Ok(Form::GpuHunt)
    } else if has(&["provider", "region", "source"]) {
        Ok(Form::Sheet)
    } else {
        let shown: String = header.chars().take(80).collect();
        Err(format!("its columns are those of no feed that is known: {shown}"))
    }
}

/// Reads a table of any form.
///
/// # Errors
/// Why it is no price table at all.
pub fn read(text: &str, about: About<'_>, parts: &[Part]) -> Result<Reading, String> {
    let form = form(text)?;
    let mut reader = Reader {
        about,
        parts,
        form,
        rows: 0,
        without: 0,
        seen: BTreeMap::new(),
        sheet: Vec::new(),
        reasons: BTreeMap::new(),
    };
    match form {
        Form::SkyPilot => skypilot::read(text, &mut reader),
        Form::GpuHunt => gpuhunt::read(text, &mut reader),
        Form::Sheet => sheet::read(text, &mut reader),
    }
    Ok(reader.done())
}

/// Feeds that are published.
#[must_use]
pub fn public() -> &'static [Public] {
    &SPELLINGS.public
}

/// A provider as our tables call it.
#[must_use]
pub fn provider(name: &str) -> String {
    let name = name.trim().to_lowercase();
    SPELLINGS.providers.get(&name).cloned().unwrap_or(name)
}

/// A machine at a place, whose zones are put together.
type Place = (String, String, String, String, u64);

#[derive(Default)]
struct Seen {
    rows: u64,
    vcpus: Option<f64>,
    host_memory_gb: Option<f64>,
    on_demand: Vec<f64>,
    spot: Vec<f64>,
}

/// A reading under way.
struct Reader<'a> {
    about: About<'a>,
    parts: &'a [Part],
    form: Form,
    rows: u64,
    without: u64,
    seen: BTreeMap<Place, Seen>,
    sheet: Vec<Quote>,
    reasons: BTreeMap<String, (u64, String)>,
}

/// One row of a feed, before it is looked at.
#[derive(Default)]
struct Row<'a> {
    instance: &'a str,
    accelerator: &'a str,
    /// What else is said of the accelerator, where forms of a card are told apart.
    said: &'a str,
    count: &'a str,
    /// Memory of one accelerator, GB, where the names do not tell sizes apart.
    memory_gb: Option<f64>,
    region: &'a str,
    vcpus: &'a str,
    host_memory: &'a str,
    on_demand: &'a str,
    spot: &'a str,
}

impl Reader<'_> {
    /// Takes a row with an accelerator, or notes why not.
    fn take(&mut self, row: &Row<'_>) {
        if let Err(reason) = self.try_take(row) {
            self.leave_out(reason, row.instance, row.region);
        }
    }

    fn leave_out(&mut self, reason: String, instance: &str, region: &str) {
        let example = if region.is_empty() { instance.to_owned() } else { format!("{instance} in {region}") };
        self.reasons.entry(reason).or_insert((0, example)).0 += 1;
    }

    fn try_take(&mut self, row: &Row<'_>) -> Result<(), String> {
        let (accelerator, count) = match tpu(row.accelerator) {
            Some(slice) => slice?,
            None => (part(self.parts, row)?.accelerator.id.clone(), count(row.count)?),
        };
        if row.instance.is_empty() {
            return Err("sold beside a machine of one's choice: no price of the whole".into());
        }
        if row.region.is_empty() {
            return Err("no region".into());
        }
        let price = |text: &str| price(text, count);
        let (on_demand, spot) = (price(row.on_demand)?, price(row.spot)?);
        if on_demand.is_none() && spot.is_none() {
            return Err("no price".into());
        }
        let place = (provider(self.about.provider), row.region.to_owned(), row.instance.to_owned(), accelerator, count);
        let seen = self.seen.entry(place).or_default();
        seen.rows += 1;
        seen.vcpus = seen.vcpus.or_else(|| number(row.vcpus));
        seen.host_memory_gb = seen.host_memory_gb.or_else(|| number(row.host_memory));
        seen.on_demand.extend(on_demand);
        seen.spot.extend(spot);
        Ok(())
    }

    fn done(self) -> Reading {
        let median = |mut all: Vec<f64>| {
            all.sort_by(f64::total_cmp);
            let middle = |at: usize| all.get(at).copied();
            Some((middle(all.len().saturating_sub(1) / 2)? + middle(all.len() / 2)?) / 2.0)
        };
        let zones = self.seen.values().map(|seen| seen.rows - 1).sum();
        // A price on spot that is no lower is none: nobody takes the risk for nothing.
        let lower =
            |spot: Option<f64>, steady: Option<f64>| spot.filter(|spot| steady.is_none_or(|steady| *spot < steady));
        let quote = |((provider, region, instance, accelerator, count), seen): (Place, Seen)| Quote {
            provider,
            region,
            instance,
            accelerator,
            count,
            vcpus: seen.vcpus,
            host_memory_gb: seen.host_memory_gb,
            on_demand_usd_h: seen.on_demand.iter().copied().reduce(f64::min),
            spot_usd_h: lower(median(seen.spot), seen.on_demand.iter().copied().reduce(f64::min)),
            reserved_1y_usd_h: None,
            reserved_3y_usd_h: None,
            as_of: self.about.day.to_owned(),
            source: self.form.name().to_owned(),
        };
        let mut left_out: Vec<LeftOut> =
            self.reasons.into_iter().map(|(reason, (rows, example))| LeftOut { reason, rows, example }).collect();
        left_out.sort_by(|one, other| other.rows.cmp(&one.rows).then_with(|| one.reason.cmp(&other.reason)));
        Reading {
            form: self.form,
            rows: self.rows,
            without: self.without,
            zones,
            quotes: self.seen.into_iter().map(quote).chain(self.sheet).collect(),
            left_out,
        }
    }
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0)
}

fn count(text: &str) -> Result<u64, String> {
    match text.trim().parse::<f64>() {
        Ok(count) if count.is_finite() && count.fract() != 0.0 => Err("a slice of an accelerator".into()),
        Ok(count) if (1.0..=1024.0).contains(&count) => Ok(count as u64),
        _ => Err("no number of accelerators".into()),
    }
}

/// A price of an hour of the machine; `None` where the field is blank.
fn price(text: &str, count: u64) -> Result<Option<f64>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse::<f64>() {
        Ok(0.0) => Err("a price of zero, which feeds write for what they do not know".into()),
        Ok(price) if price < 0.0 => Err("a price below zero".into()),
        Ok(price) if price.is_finite() => plausible(price, count).map(Some),
        _ => Err("a price that is no number".into()),
    }
}

/// Bounds of what an hour of an accelerator has ever cost.
pub(crate) fn plausible(price: f64, count: u64) -> Result<f64, String> {
    let each = price / count.max(1) as f64;
    if (0.01..200.0).contains(&each) {
        Ok(price)
    } else {
        Err("no plausible price: $0.01 to $200 an hour of an accelerator".into())
    }
}

/// The part that a feed means. No guess: a name that only ends like one of ours is another.
fn part<'a>(parts: &'a [Part], row: &Row<'_>) -> Result<&'a Part, String> {
    let name = row.accelerator.trim();
    let find = |name: &str| {
        let wanted = key(name);
        let wanted = SPELLINGS.accelerators.get(&wanted).map_or(wanted, |id| key(id));
        let exact = parts.iter().find(|part| part.names().any(|each| key(each) == wanted));
        let sized = |part: &&Part| part.names().any(|each| format!("{}{}gb", key(each), part.nominal_gb) == wanted);
        exact.or_else(|| parts.iter().find(sized))
    };
    let sized = row.memory_gb.and_then(|memory| find(&format!("{name}-{memory:.0}gb")));
    let Some(found) = sized.or_else(|| find(name)) else {
        return Err(format!("unknown accelerator {name}"));
    };
    // The machine's own name, or what is said beside, may tell which form of the card it is.
    let said = format!("{}{}", key(row.instance), key(row.said));
    let forms = ["pcie", "nvl"].into_iter().filter(|form| said.contains(form));
    let family = found.accelerator.id.trim_end_matches("-sxm").to_owned();
    let found = forms.filter_map(|form| find(&format!("{family}-{form}"))).next().unwrap_or(found);
    match row.memory_gb {
        Some(memory) if (memory - found.nominal_gb).abs() > 0.2 * found.nominal_gb => {
            Err(format!("{name} with {memory:.0} GB is none of the parts we know"))
        }
        _ => Ok(found),
    }
}

/// A TPU slice: the part and its chips. `None`: another accelerator.
fn tpu(name: &str) -> Option<Result<(String, u64), String>> {
    let bare = name.trim().to_lowercase();
    let bare = bare.strip_prefix("tpu-").unwrap_or(&bare);
    let (version, size) = bare.split_once('-')?;
    let (_, part, per_chip, host) = SPELLINGS.tpu.versions.iter().find(|row| row.0 == version)?;
    let chips = size.parse::<u64>().ok().map(|size| size / per_chip).filter(|chips| *chips > 0)?;
    Some(if chips > *host {
        Err("a TPU slice over several hosts: it is sold whole".into())
    } else {
        Ok((part.clone(), chips))
    })
}

/// A zone's region at Google: `us-central1-a` is in `us-central1`.
fn region_of(zone: &str) -> &str {
    match zone.rsplit_once('-') {
        Some((region, letter)) if letter.len() == 1 && region.ends_with(|c: char| c.is_ascii_digit()) => region,
        _ => zone,
    }
}

/// The columns of a table by name, in whatever order they stand.
struct Columns(Vec<String>);

impl Columns {
    fn of(header: &csv::StringRecord) -> Self {
        Self(header.iter().map(key).collect())
    }

    /// A field; blank where the table has no such column.
    fn get<'r>(&self, record: &'r csv::StringRecord, name: &str) -> &'r str {
        self.0.iter().position(|column| column == name).and_then(|at| record.get(at)).unwrap_or_default().trim()
    }
}

/// Goes over the rows of a table; those that are not well-formed are left out.
fn rows(text: &str, reader: &mut Reader<'_>, mut each: impl FnMut(&mut Reader<'_>, &Columns, &csv::StringRecord)) {
    let text = text.trim_start_matches('\u{feff}');
    let mut table = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let Ok(columns) = table.headers().map(Columns::of) else { return };
    for record in table.into_records() {
        reader.rows += 1;
        match record {
            Ok(record) if record.len() < columns.0.len() => {
                reader.leave_out(
                    "fewer fields than columns: a table cut short?".into(),
                    record.get(0).unwrap_or(""),
                    "",
                );
            }
            Ok(record) => each(reader, &columns, &record),
            Err(_) => reader.leave_out("not CSV".into(), "", ""),
        }
    }
}

/// A day that can be and is not to come.
fn past(as_of: &str, today: &str) -> Result<(), String> {
    match (day(as_of), day(today)) {
        (None, _) => Err("no day (YYYY-MM-DD)".into()),
        (Some(then), Some(now)) if then > now => Err("a day that is to come".into()),
        _ => Ok(()),
    }
}

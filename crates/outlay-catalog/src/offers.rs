//! Offers: machines at a price, from `data/offers.csv` or a table handed in with the same columns.
//!
//! One row may carry several prices (on demand, spot, reserved); each known one becomes an offer of its own, a blank
//! one none. A provider's machine that nobody described gets the usual shape of its accelerator without a network:
//! it cannot be joined with others, rather than be joined by a guess.

use outlay_core::scenario::offer::{Contract, Offer, Purchase};
use outlay_core::units::{Bytes, Seconds, UsdPerHour};
use serde::{Deserialize, Serialize};

use crate::accelerators::{self, Part};
use crate::error::TableError;
use crate::facts::{Failures, Storage};
use crate::market::Market;
use crate::nodes::Shape;

/// The table that is compiled in.
pub const TEXT: &str = include_str!("../data/offers.csv");

/// A machine at its prices: a row of the table. A price that is blank is unknown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quote {
    /// Who rents it out.
    pub provider: String,
    /// Where.
    pub region: String,
    /// The provider's name for the machine.
    #[serde(alias = "instance_type")]
    pub instance: String,
    /// The part, by any of its names.
    #[serde(alias = "gpu")]
    pub accelerator: String,
    /// Accelerators in it.
    #[serde(alias = "gpu_count")]
    pub count: u64,
    /// Virtual processors.
    pub vcpus: Option<f64>,
    /// Host memory, GB.
    #[serde(alias = "ram_gb")]
    pub host_memory_gb: Option<f64>,
    /// Dollars for an hour of the machine.
    pub on_demand_usd_h: Option<f64>,
    /// The same, where it may be taken away.
    pub spot_usd_h: Option<f64>,
    /// The same, committed for a year.
    pub reserved_1y_usd_h: Option<f64>,
    /// The same, committed for three years.
    pub reserved_3y_usd_h: Option<f64>,
    /// Day of the prices, `YYYY-MM-DD`.
    #[serde(alias = "as_of_date")]
    pub as_of: String,
    /// Where they were read.
    pub source: String,
}

impl Quote {
    /// Its prices by the way of buying.
    #[must_use]
    pub const fn prices(&self) -> [(Purchase, Option<f64>); 4] {
        [
            (Purchase::OnDemand, self.on_demand_usd_h),
            (Purchase::Spot, self.spot_usd_h),
            (Purchase::Reserved1y, self.reserved_1y_usd_h),
            (Purchase::Reserved3y, self.reserved_3y_usd_h),
        ]
    }
}

/// The rows of a table.
///
/// # Errors
/// Every row that is not well-formed.
pub fn quotes(text: &str) -> Result<Vec<Quote>, Vec<TableError>> {
    crate::market::csv_table("offers", text)
}

/// A table of these rows: the same rows, the same bytes.
#[must_use]
pub fn table(quotes: &[Quote]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for quote in quotes {
        // Writing to memory does not fail.
        let _ = writer.serialize(quote);
    }
    writer.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}

/// What a row is joined with.
pub(crate) struct Surroundings<'a> {
    pub(crate) parts: &'a [Part],
    pub(crate) shapes: &'a [Shape],
    pub(crate) failures: &'a Failures,
    pub(crate) storage: &'a [Storage],
    pub(crate) market: &'a Market,
}

/// Reads a table; all its faults at once.
pub(crate) fn read(text: &str, around: &Surroundings<'_>) -> Result<Vec<Offer>, Vec<TableError>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let mut offers = Vec::new();
    let mut errors = Vec::new();
    for (number, row) in reader.deserialize::<Quote>().enumerate() {
        let line = number + 2;
        match row {
            Err(error) => errors.push(TableError::new("offers", line, error)),
            Ok(row) => match expand(&row, around) {
                Ok(more) => offers.extend(more),
                Err(message) => errors.push(TableError::new("offers", line, message)),
            },
        }
    }
    if errors.is_empty() { Ok(offers) } else { Err(errors) }
}

fn expand(row: &Quote, around: &Surroundings<'_>) -> Result<Vec<Offer>, String> {
    let part = accelerators::find(around.parts, &row.accelerator).map_err(|near| {
        let hint = if near.is_empty() { String::new() } else { format!("; nearest: {}", near.join(", ")) };
        format!("unknown accelerator `{}`{hint}", row.accelerator)
    })?;
    if row.count == 0 || row.count > 1024 {
        return Err(format!("{} accelerators in one machine", row.count));
    }
    day(&row.as_of).ok_or_else(|| format!("`{}` is not a day (YYYY-MM-DD)", row.as_of))?;
    let node = node(row, part, around.shapes);
    // Where nobody published a commitment's price, the provider's usual ratio stands in for it and says so.
    let committed = |given: Option<f64>, years: u64| match given {
        Some(price) => Some((price, row.as_of.clone(), row.source.clone())),
        None => {
            let usual = around.market.commitment(&row.provider, years)?;
            Some((row.on_demand_usd_h? * usual.ratio.get(), usual.as_of.clone(), usual.source.clone()))
        }
    };
    let published = |price: Option<f64>| price.map(|price| (price, row.as_of.clone(), row.source.clone()));
    let prices = [
        (Purchase::OnDemand, published(row.on_demand_usd_h)),
        (Purchase::Spot, published(row.spot_usd_h)),
        (Purchase::Reserved1y, committed(row.reserved_1y_usd_h, 1)),
        (Purchase::Reserved3y, committed(row.reserved_3y_usd_h, 3)),
    ];
    let storage = around.storage.iter().find(|s| s.provider == row.provider);
    let mut offers = Vec::new();
    for (purchase, price) in prices {
        let Some((price, as_of, source)) = price else { continue };
        let each = price / row.count as f64;
        if !(0.01..200.0).contains(&each) {
            return Err(format!("${price}/h for {} accelerators is not a price", row.count));
        }
        offers.push(Offer {
            provider: row.provider.clone(),
            region: row.region.clone(),
            instance: row.instance.clone(),
            accelerator: part.accelerator.clone(),
            node: node.clone(),
            purchase,
            price: UsdPerHour::new(price),
            contract: Contract::default(),
            base: None,
            preemption: (purchase == Purchase::Spot).then(|| {
                let base = Seconds::hours(around.failures.preemption_hours);
                around.market.preemption(&row.provider, &row.region, &row.instance, base)
            }),
            storage: storage.and_then(|s| s.object),
            transfer: None,
            apart: false,
            billing: around.market.billing(&row.provider),
            carbon: around.market.carbon(&row.provider, &row.region),
            as_of,
            source,
        });
    }
    Ok(offers)
}

fn node(row: &Quote, part: &Part, shapes: &[Shape]) -> outlay_core::scenario::cluster::Node {
    let id = format!("{}:{}", row.provider, row.instance);
    let known = shapes.iter().find(|shape| {
        shape.node.id == id && shape.accelerator == part.accelerator.id && shape.node.accelerators == row.count
    });
    let mut node = known.map_or_else(
        || {
            let mut node = accelerators::usual_node(part, row.count);
            node.inter = None;
            node
        },
        |shape| shape.node.clone(),
    );
    node.host_memory = row.host_memory_gb.map(Bytes::gb).or(node.host_memory);
    node.vcpus = row.vcpus.map(|v| v as u64).or(node.vcpus);
    node
}

/// Days since 1970 of a `YYYY-MM-DD`.
///
/// # Formula
/// Civil calendar: years from March, `365·y + y/4 − y/100 + y/400` days.
///
/// # Source
/// Proleptic Gregorian calendar.
///
/// # Valid when
/// Years 1970 to 9999.
#[must_use]
pub fn day(text: &str) -> Option<i64> {
    let mut fields = text.split('-');
    let (year, month, day) = (fields.next()?, fields.next()?, fields.next()?);
    if fields.next().is_some() || year.len() != 4 || month.len() != 2 || day.len() != 2 {
        return None;
    }
    let (year, month, day): (i64, i64, i64) = (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    Some(365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Catalog;

    #[test]
    fn days_are_counted() {
        assert_eq!(day("1970-01-01"), Some(0));
        assert_eq!(day("2026-11-24"), Some(20_781));
        assert_eq!(day("2026-13-01"), None);
        assert_eq!(day("soon"), None);
    }

    #[test]
    fn every_offer_is_plausible() {
        let catalog = Catalog::built_in();
        let sources = crate::sources::ids();
        let mut providers: Vec<&str> = catalog.offers().iter().map(|o| o.provider.as_str()).collect();
        providers.sort_unstable();
        providers.dedup();
        assert!(providers.len() >= 10, "{providers:?}");
        for offer in catalog.offers() {
            let each = offer.price.get() / offer.node.accelerators as f64;
            assert!((0.02..60.0).contains(&each), "{} {}: ${each} an hour", offer.provider, offer.instance);
            assert!(sources.contains(&offer.source), "{}", offer.source);
        }
    }

    #[test]
    fn spot_is_below_on_demand() {
        let catalog = Catalog::built_in();
        for pair in catalog.offers().windows(2) {
            let same = pair[0].instance == pair[1].instance
                && pair[0].region == pair[1].region
                && pair[0].node.accelerators == pair[1].node.accelerators
                && pair[0].provider == pair[1].provider;
            if same && pair[0].purchase == Purchase::OnDemand && pair[1].purchase == Purchase::Spot {
                assert!(pair[1].price < pair[0].price, "{} {}", pair[0].provider, pair[0].instance);
            }
        }
    }

    #[test]
    fn all_bad_rows_of_a_foreign_table_are_named() {
        let text = "provider,region,instance_type,gpu,gpu_mem_gb,gpu_count,vcpus,ram_gb,on_demand_usd_h,spot_usd_h,reserved_1y_usd_h,reserved_3y_usd_h,as_of_date,source\n\
            me,here,box,H100,80,8,,,20,,,,2026-11-01,mine\n\
            me,here,box,H1000,80,8,,,20,,,,2026-11-01,mine\n\
            me,here,box,H100,80,8,,,20,,,,lately,mine\n";
        let errors = Catalog::built_in().with_offers(text).err().unwrap_or_default();
        assert_eq!(errors.len(), 2, "{errors:?}");
        assert!(errors[0].message.contains("H100"), "{errors:?}");
    }
}

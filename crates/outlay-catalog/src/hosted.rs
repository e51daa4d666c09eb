//! Hosted services that fine-tune a model for so much a token, and programmes that make one to order.
//!
//! Open models go by size bands; closed ones by name, for who may use another model than the one asked about.
//!
//! Does not know: what serving the tuned model costs there, which is where such services earn.

use outlay_core::units::Usd;
use serde::Deserialize;

use crate::error::TableError;
use crate::market::csv_table;

pub(crate) const TEXT: &str = include_str!("../data/hosted.csv");

/// One service.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Hosted {
    /// Whose.
    pub provider: String,
    /// Model, or band of sizes.
    pub tier: String,
    /// Smallest open model it is for, in billions of parameters; blank: a closed model.
    from_b: Option<f64>,
    /// Largest.
    to_b: Option<f64>,
    /// `sft`, `dpo`, `rft`, `programme`.
    pub kind: String,
    /// `lora` or `full`.
    pub method: String,
    unit: String,
    usd: f64,
    minimum_usd: Option<f64>,
    /// Day of the price.
    pub as_of: String,
    source: String,
    /// Seen on a page, not remembered.
    pub verified: bool,
}

impl Hosted {
    /// It trains an open model of so many parameters in this way.
    #[must_use]
    pub fn suits(&self, params: u64, full: bool) -> bool {
        let billions = params as f64 / 1e9;
        let within = self.from_b.zip(self.to_b).is_some_and(|(from, to)| (from..=to).contains(&billions));
        within && self.kind == "sft" && (self.method == "full") == full && self.unit == "usd_per_m_tokens"
    }

    /// Price of a model made to order; `None`: it is something else.
    #[must_use]
    pub fn project(&self) -> Option<Usd> {
        (self.unit == "usd_per_project").then(|| Usd::new(self.usd))
    }

    /// Price of a million tokens, each pass counted; `None`: priced another way.
    #[must_use]
    pub fn per_million(&self) -> Option<Usd> {
        (self.unit == "usd_per_m_tokens").then(|| Usd::new(self.usd))
    }

    /// Price of so many tokens, passes counted; `None`: priced another way.
    #[must_use]
    pub fn price(&self, tokens: u64) -> Option<Usd> {
        let least = Usd::new(self.minimum_usd.unwrap_or(0.0));
        self.per_million().map(|price| Usd::new(price.get() * tokens as f64 / 1e6).max(least))
    }
}

pub(crate) fn read() -> Result<Vec<Hosted>, Vec<TableError>> {
    csv_table("hosted", TEXT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_price_is_plausible() {
        let sources = crate::sources::ids();
        let rows = read().expect("the table is well-formed");
        assert!(rows.len() > 50);
        for row in &rows {
            let range = match row.unit.as_str() {
                "usd_per_m_tokens" => 0.05..200.0,
                "usd_per_hour" => 1.0..500.0,
                "usd_per_project" => 1e5..1e8,
                other => panic!("unknown unit {other}"),
            };
            assert!(range.contains(&row.usd), "{} {}: {}", row.provider, row.tier, row.usd);
            assert!(crate::offers::day(&row.as_of).is_some() && sources.contains(&row.source), "{}", row.tier);
            assert!(row.from_b.is_some() == row.to_b.is_some(), "{}", row.tier);
        }
    }

    #[test]
    fn bands_hold_their_models() {
        let rows = read().expect("the table is well-formed");
        let at = |params: u64| rows.iter().filter(|row| row.suits(params, false)).count();
        assert!(at(8_030_000_000) >= 4 && at(70_600_000_000) >= 3);
        let one = rows.iter().find(|row| row.provider == "together" && row.suits(8_030_000_000, false));
        assert_eq!(one.and_then(|row| row.price(10_000_000)), Some(Usd::new(4.8)));
    }
}

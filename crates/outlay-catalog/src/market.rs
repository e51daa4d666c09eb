//! How providers sell: how they count time, what commitments and interruptions are like, how clean their power is.
//!
//! Most of it stands on price pages and is looked up by name; what a table lacks is unknown, not usual.
//!
//! Does not know: prices ([`crate::offers`]), storage ([`crate::facts`]).

use outlay_core::scenario::offer::Billing;
use outlay_core::units::{KilogramsPerKwh, Seconds, Share};
use serde::Deserialize;

use crate::error::TableError;

pub(crate) const PROVIDERS: &str = include_str!("../data/providers.toml");
pub(crate) const COMMITMENTS: &str = include_str!("../data/commitments.toml");
pub(crate) const SPOT: &str = include_str!("../data/spot.csv");
pub(crate) const CARBON: &str = include_str!("../data/carbon.csv");

/// A provider's habits.
#[derive(Debug, Clone, PartialEq)]
pub struct Provider {
    /// Whose.
    pub name: String,
    /// How time is counted.
    pub billing: Billing,
    /// Warning before a spot machine is taken back.
    pub notice: Option<Seconds>,
    /// Key in `sources.toml`.
    pub source: String,
}

/// What a commitment costs against the price on demand.
#[derive(Debug, Clone, PartialEq)]
pub struct Commitment {
    /// Whose.
    pub provider: String,
    /// Years committed to.
    pub years: u64,
    /// Cautious average over all families.
    pub ratio: Share,
    /// As advertised.
    pub headline: Option<Share>,
    /// Day of the ratio.
    pub as_of: String,
    /// Key in `sources.toml`.
    pub source: String,
}

/// How often spot machines of a type are taken back, in five bands.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct SpotBand {
    provider: String,
    region: String,
    instance: String,
    band: usize,
    as_of: String,
    source: String,
}

/// Share of the machines of a band that are taken back in a month: its middle.
const MONTHLY: [f64; 5] = [0.025, 0.08, 0.13, 0.19, 0.30];
/// Shortest and longest mean time between preemptions that a band may say, in hours.
const BOUNDS: (f64, f64) = (1.0, 168.0);

/// Carbon intensity of a region.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Grid {
    provider: String,
    region: String,
    kg_per_kwh: f64,
    /// What the figure is of.
    pub of: String,
    as_of: String,
    source: String,
}

/// The tables together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Market {
    /// Habits.
    pub providers: Vec<Provider>,
    /// Commitments.
    pub commitments: Vec<Commitment>,
    /// Bands of interruption.
    pub spot: Vec<SpotBand>,
    /// Grids.
    pub grids: Vec<Grid>,
}

#[derive(Deserialize)]
struct Providers {
    provider: Vec<ProviderRow>,
}

#[derive(Deserialize)]
struct ProviderRow {
    name: String,
    minimum_s: f64,
    increment_s: f64,
    spot_notice_s: Option<f64>,
    source: String,
}

#[derive(Deserialize)]
struct Commitments {
    commitment: Vec<CommitmentRow>,
}

#[derive(Deserialize)]
struct CommitmentRow {
    provider: String,
    years: u64,
    ratio: f64,
    headline: Option<f64>,
    as_of: String,
    source: String,
}

fn toml_table<'a, T: Deserialize<'a>>(name: &str, text: &'a str) -> Result<T, Vec<TableError>> {
    toml::from_str(text).map_err(|e| vec![TableError::new(name, "-", e.message())])
}

pub(crate) fn csv_table<T: for<'a> Deserialize<'a>>(name: &str, text: &str) -> Result<Vec<T>, Vec<TableError>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let mut rows = Vec::new();
    let mut errors = Vec::new();
    for (number, row) in reader.deserialize::<T>().enumerate() {
        match row {
            Ok(row) => rows.push(row),
            Err(error) => errors.push(TableError::new(name, number + 2, error)),
        }
    }
    if errors.is_empty() { Ok(rows) } else { Err(errors) }
}

pub(crate) fn read() -> Result<Market, Vec<TableError>> {
    let providers: Providers = toml_table("providers", PROVIDERS)?;
    let commitments: Commitments = toml_table("commitments", COMMITMENTS)?;
    let provider = |row: ProviderRow| Provider {
        name: row.name,
        billing: Billing { minimum: Seconds::new(row.minimum_s), increment: Seconds::new(row.increment_s) },
        notice: row.spot_notice_s.map(Seconds::new),
        source: row.source,
    };
    let commitment = |row: CommitmentRow| Commitment {
        provider: row.provider,
        years: row.years,
        ratio: Share::new(row.ratio),
        headline: row.headline.map(Share::new),
        as_of: row.as_of,
        source: row.source,
    };
    let spot: Vec<SpotBand> = csv_table("spot", SPOT)?;
    let wrong = spot.iter().find(|row| row.band >= MONTHLY.len());
    if let Some(row) = wrong {
        return Err(vec![TableError::new("spot", &row.instance, "no such band")]);
    }
    Ok(Market {
        providers: providers.provider.into_iter().map(provider).collect(),
        commitments: commitments.commitment.into_iter().map(commitment).collect(),
        spot,
        grids: csv_table("carbon", CARBON)?,
    })
}

impl Market {
    /// How a provider counts time.
    #[must_use]
    pub fn billing(&self, provider: &str) -> Option<Billing> {
        self.providers.iter().find(|row| row.name == provider).map(|row| row.billing)
    }

    /// What committing for so many years costs against the price on demand.
    #[must_use]
    pub fn commitment(&self, provider: &str, years: u64) -> Option<&Commitment> {
        self.commitments.iter().find(|row| row.provider == provider && row.years == years)
    }

    /// Carbon intensity where machines stand.
    #[must_use]
    pub fn carbon(&self, provider: &str, region: &str) -> Option<KilogramsPerKwh> {
        let here = self.grids.iter().find(|row| row.provider == provider && row.region == region);
        here.map(|row| KilogramsPerKwh::new(row.kg_per_kwh))
    }

    /// Mean time between preemptions of a spot machine, from that of an ordinary one.
    ///
    /// # Formula
    /// `base · ln(1 − p_median) / ln(1 − p)`, `p` the middle of the band's monthly share, between 1 and 168 hours.
    ///
    /// # Source
    /// AWS spot advisor bands through `spotinfo`; the base from traces. The bands say which types are taken back more
    /// often, the traces how often that is: their levels disagree by far, so only the ratio of bands is used.
    ///
    /// # Valid when
    /// Traces and bands are of like machines; known to a factor of e.
    #[must_use]
    pub fn preemption(&self, provider: &str, region: &str, instance: &str, base: Seconds) -> Seconds {
        let found =
            self.spot.iter().find(|row| row.provider == provider && row.region == region && row.instance == instance);
        let Some(found) = found else { return base };
        let mut bands: Vec<usize> = self.spot.iter().map(|row| row.band).collect();
        bands.sort_unstable();
        let median = bands[bands.len() / 2];
        let hazard = |band: usize| -(1.0 - MONTHLY[band]).ln();
        let hours = base.to_hours() * hazard(median) / hazard(found.band);
        Seconds::hours(hours.clamp(BOUNDS.0, BOUNDS.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offers::day;

    #[test]
    fn habits_and_commitments_are_plausible() {
        let market = read().expect("the tables are well-formed");
        let sources = crate::sources::ids();
        for row in &market.providers {
            assert!((0.0..=3600.0).contains(&row.billing.minimum.get()), "{}", row.name);
            assert!((1.0..=3600.0).contains(&row.billing.increment.get()), "{}", row.name);
            assert!(row.notice.is_none_or(|notice| (1.0..=3600.0).contains(&notice.get())), "{}", row.name);
            assert!(sources.contains(&row.source), "{}", row.source);
        }
        for row in &market.commitments {
            assert!((0.2..1.0).contains(&row.ratio.get()) && [1, 3].contains(&row.years), "{}", row.provider);
            assert!(row.headline.is_none_or(|best| best <= row.ratio));
            assert!(day(&row.as_of).is_some() && sources.contains(&row.source));
        }
    }

    #[test]
    fn grids_and_bands_are_plausible() {
        let market = read().expect("the tables are well-formed");
        let sources = crate::sources::ids();
        assert!(market.grids.len() > 60 && market.spot.len() > 200);
        for row in &market.grids {
            assert!((0.0..1.2).contains(&row.kg_per_kwh), "{} {}", row.provider, row.region);
            assert!(sources.contains(&row.source) && row.as_of.len() >= 4);
        }
        assert!(market.spot.iter().all(|row| day(&row.as_of).is_some() && sources.contains(&row.source)));
        assert!(market.carbon("gcp", "europe-north1") < market.carbon("gcp", "asia-south1"));
        assert_eq!(market.carbon("nobody", "nowhere"), None);
    }

    #[test]
    fn rarely_interrupted_types_last_longer() {
        let market = read().expect("the tables are well-formed");
        let base = Seconds::hours(2.5);
        let of = |band: usize| market.spot.iter().find(|row| row.band == band).expect("every band occurs");
        let last = |row: &SpotBand| market.preemption(&row.provider, &row.region, &row.instance, base);
        assert!(last(of(0)) > last(of(2)) && last(of(2)) > last(of(4)));
        assert_eq!(market.preemption("vast", "global", "x", base), base);
    }

    #[test]
    fn time_is_billed_in_whole_pieces() {
        let billing = Billing { minimum: Seconds::new(600.0), increment: Seconds::new(60.0) };
        assert_eq!(billing.billed(Seconds::new(10.0)), Seconds::new(600.0));
        assert_eq!(billing.billed(Seconds::new(610.0)), Seconds::new(660.0));
        assert_eq!(billing.billed(Seconds::new(660.0)), Seconds::new(660.0));
    }
}

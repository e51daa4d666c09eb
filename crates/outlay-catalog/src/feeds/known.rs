//! The prices known on a day: those kept from feeds, and the built-in ones where no feed has spoken.
//!
//! A feed that lists everything of a provider replaces the built-in rows of that provider; a sheet replaces only the
//! prices it names. What was read later than the day is not known.

use super::changes::{Change, prices, standing};
use crate::offers::Quote;

/// Rows known on a day; `covered` are the providers whose whole list was read.
#[must_use]
pub fn known(built_in: &[Quote], kept: &[Quote], covered: &[String], day: &str) -> Vec<Quote> {
    let newer = prices(kept).into_keys().map(|key| Change { key, before: None, after: None });
    let newer: Vec<Change> = newer.collect();
    // Days are written so that they sort as text.
    let old = |quote: &&Quote| quote.as_of.as_str() <= day && !covered.contains(&quote.provider);
    let old: Vec<Quote> = built_in.iter().filter(old).cloned().collect();
    let priced = |quote: &Quote| quote.prices().iter().any(|(_, price)| price.is_some());
    standing(&old, &newer).into_iter().filter(priced).chain(kept.iter().cloned()).collect()
}

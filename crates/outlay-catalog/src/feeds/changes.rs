//! What a new reading changes: prices that are new, gone, dearer, cheaper, and those that jump.
//!
//! A price that is ten times the last one, or a tenth, is more often a wrong unit than news: such prices are held back
//! until somebody says that they are meant.

use std::collections::BTreeMap;

use outlay_core::scenario::offer::Purchase;

use crate::offers::Quote;

/// From one reading to the next a price may rise or fall by this factor without a word.
pub const JUMP: f64 = 10.0;

/// What a price is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Who rents it out.
    pub provider: String,
    /// Where.
    pub region: String,
    /// The provider's name for the machine.
    pub instance: String,
    /// Accelerator key.
    pub accelerator: String,
    /// How many are in it.
    pub count: u64,
    /// How it is bought, as answers write it.
    pub purchase: &'static str,
}

/// Dollars for an hour of a machine.
pub type Prices = BTreeMap<Key, f64>;

/// A price before and after; `None`: there was none, or there is none any more.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Of what.
    pub key: Key,
    /// Before.
    pub before: Option<f64>,
    /// After.
    pub after: Option<f64>,
}

/// All changes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changes {
    /// Not known before.
    pub new: Vec<Change>,
    /// No longer offered.
    pub gone: Vec<Change>,
    /// Dearer.
    pub dearer: Vec<Change>,
    /// Cheaper.
    pub cheaper: Vec<Change>,
    /// By more than [`JUMP`], up or down.
    pub jumps: Vec<Change>,
    /// As before.
    pub same: u64,
}

/// The quotes with the last prices of these keys in place of the new ones; without a price where none was known.
#[must_use]
pub fn standing(quotes: &[Quote], held: &[Change]) -> Vec<Quote> {
    let last: BTreeMap<&Key, Option<f64>> = held.iter().map(|change| (&change.key, change.before)).collect();
    let kept = |quote: &Quote| {
        let mut quote = quote.clone();
        for (purchase, price) in [
            (Purchase::OnDemand, &mut quote.on_demand_usd_h),
            (Purchase::Spot, &mut quote.spot_usd_h),
            (Purchase::Reserved1y, &mut quote.reserved_1y_usd_h),
            (Purchase::Reserved3y, &mut quote.reserved_3y_usd_h),
        ] {
            let key = Key {
                provider: quote.provider.clone(),
                region: quote.region.clone(),
                instance: quote.instance.clone(),
                accelerator: quote.accelerator.clone(),
                count: quote.count,
                purchase: purchase.name(),
            };
            if let Some(last) = last.get(&key) {
                *price = *last;
            }
        }
        quote
    };
    quotes.iter().map(kept).collect()
}

/// The prices of machines, one by one.
#[must_use]
pub fn prices(quotes: &[Quote]) -> Prices {
    let each = quotes.iter().flat_map(|quote| {
        let key = |purchase| Key {
            provider: quote.provider.clone(),
            region: quote.region.clone(),
            instance: quote.instance.clone(),
            accelerator: quote.accelerator.clone(),
            count: quote.count,
            purchase,
        };
        quote.prices().into_iter().filter_map(move |(purchase, price)| Some((key(purchase.name()), price?)))
    });
    each.collect()
}

/// What `after` changes; what `before` has and `after` has not is gone if `listed` says that it would stand there.
#[must_use]
pub fn changes(before: &Prices, after: &Prices, listed: impl Fn(&Key) -> bool) -> Changes {
    let mut all = Changes::default();
    for (key, price) in after {
        let old = before.get(key).copied();
        let change = Change { key: key.clone(), before: old, after: Some(*price) };
        match old {
            None => all.new.push(change),
            Some(old) if *price >= old * JUMP || *price * JUMP <= old => all.jumps.push(change),
            // Feeds round as they please.
            Some(old) if (price / old - 1.0).abs() < 1e-4 => all.same += 1,
            Some(old) if *price > old => all.dearer.push(change),
            Some(_) => all.cheaper.push(change),
        }
    }
    let gone = before.iter().filter(|(key, _)| !after.contains_key(key) && listed(key));
    all.gone = gone.map(|(key, old)| Change { key: key.clone(), before: Some(*old), after: None }).collect();
    let grown = |change: &Change| change.after.zip(change.before).map_or(0.0, |(new, old)| (new / old).ln().abs());
    for list in [&mut all.dearer, &mut all.cheaper, &mut all.jumps] {
        list.sort_by(|one, other| grown(other).total_cmp(&grown(one)));
    }
    all
}

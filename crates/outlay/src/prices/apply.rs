//! Prices of one user laid over the offers of a catalog.

use outlay_catalog::Catalog;
use outlay_catalog::names::nearest;
use outlay_catalog::offers::day;
use outlay_core::scenario::offer::{Billing, Offer, Purchase};
use outlay_core::units::{Seconds, Usd, UsdPerHour};

use super::file::{Discount, Prices};
use super::{Priced, own};
use crate::amount::{self, Unit};
use crate::problem::{Code, Problem};
use crate::request::Amount;
use crate::resolve::glob;

/// What a rule is about; blank: anything.
#[derive(Clone, Copy, Default)]
pub(super) struct Filter<'a> {
    pub(super) provider: Option<&'a str>,
    pub(super) instance: Option<&'a str>,
    pub(super) accelerator: Option<&'a str>,
    pub(super) region: Option<&'a str>,
    pub(super) purchase: Option<&'a str>,
}

/// Reading under way: faults and remarks.
pub(super) struct Desk<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) today: &'a str,
    pub(super) problems: Vec<Problem>,
    pub(super) notes: Vec<String>,
}

pub(super) fn apply(prices: &Prices, catalog: &Catalog, today: &str) -> Result<Priced, Vec<Problem>> {
    let mut desk = Desk { catalog, today, problems: Vec::new(), notes: Vec::new() };
    let mut offers = catalog.offers().to_vec();
    commitments(prices, &mut offers, &mut desk);
    discounts(prices, &mut offers, &mut desk);
    billing(prices, &mut offers, &mut desk);
    offers.extend(own::blocks(prices, &mut desk));
    // Credits and quotas hold for blocks too; machines of one's own come after, nobody charges for them.
    credits(prices, &mut offers, &mut desk);
    quotas(prices, &mut offers, &mut desk);
    offers.extend(own::machines(prices, &mut desk));
    let Desk { problems, notes, .. } = desk;
    if problems.is_empty() {
        Ok(Priced { catalog: catalog.clone().with_ready_offers(offers), notes })
    } else {
        Err(problems)
    }
}

fn commitments(prices: &Prices, offers: &mut Vec<Offer>, desk: &mut Desk<'_>) {
    for (number, rule) in prices.commitment.iter().enumerate() {
        let at = format!("commitment[{}]", number + 1);
        let filter = Filter {
            provider: rule.provider.as_deref(),
            instance: rule.instance.as_deref(),
            accelerator: rule.accelerator.as_deref(),
            region: rule.region.as_deref(),
            purchase: None,
        };
        desk.known(&at, &filter);
        let purchase = match rule.years {
            Some(1) => Purchase::Reserved1y,
            Some(3) => Purchase::Reserved3y,
            _ => {
                let fault = Problem::new(Code::Missing, format!("{at}.years"), "for how many years is not said");
                desk.problems.push(fault.help("write years = 1 or years = 3"));
                continue;
            }
        };
        let Some(cut) = desk.cut(&at, rule.off.as_ref(), rule.price.as_ref()) else { continue };
        let hit = |offer: &&Offer| offer.purchase == Purchase::OnDemand && filter.fits(offer);
        let steady: Vec<Offer> = offers.iter().filter(hit).cloned().collect();
        if steady.is_empty() {
            desk.nothing(&at);
        }
        for offer in steady {
            let price = cut.of(&offer);
            let same = |other: &&mut Offer| other.purchase == purchase && same_machine(other, &offer);
            let source = format!("prices.toml, {at}");
            match offers.iter_mut().find(same) {
                Some(known) => (known.price, known.source) = (price, source),
                None => offers.push(Offer { purchase, price, source, ..offer }),
            }
        }
    }
}

fn same_machine(one: &Offer, other: &Offer) -> bool {
    (&one.provider, &one.region, &one.instance) == (&other.provider, &other.region, &other.instance)
        && one.accelerator.id == other.accelerator.id
        && one.node.accelerators == other.node.accelerators
}

fn discounts(prices: &Prices, offers: &mut [Offer], desk: &mut Desk<'_>) {
    for (number, rule) in prices.discount.iter().enumerate() {
        let at = format!("discount[{}]", number + 1);
        let Discount { provider, instance, accelerator, region, purchase, off, price, until } = rule;
        let filter = Filter {
            provider: provider.as_deref(),
            instance: instance.as_deref(),
            accelerator: accelerator.as_deref(),
            region: region.as_deref(),
            purchase: purchase.as_deref(),
        };
        desk.known(&at, &filter);
        let cut = desk.cut(&at, off.as_ref(), price.as_ref());
        let Some(cut) = cut.filter(|_| desk.holds(&at, until.as_deref())) else { continue };
        let mut hit = false;
        for offer in offers.iter_mut().filter(|offer| filter.fits(offer)) {
            hit = true;
            // Of several that fit the last holds: each starts from the list price.
            let list = offer.contract.list.unwrap_or(offer.price);
            offer.price = list;
            let agreed = cut.of(offer);
            offer.contract.list = (agreed < list).then_some(list);
            offer.price = agreed;
        }
        if !hit {
            desk.nothing(&at);
        }
    }
}

fn billing(prices: &Prices, offers: &mut [Offer], desk: &mut Desk<'_>) {
    for (number, rule) in prices.billing.iter().enumerate() {
        let at = format!("billing[{}]", number + 1);
        let filter = Filter { provider: rule.provider.as_deref(), ..Filter::default() };
        desk.known(&at, &filter);
        let minimum = desk.amount(&format!("{at}.minimum"), rule.minimum.as_ref(), Unit::Time);
        let increment = desk.amount(&format!("{at}.increment"), rule.increment.as_ref(), Unit::Time);
        if rule.minimum.is_none() && rule.increment.is_none() {
            let fault = Problem::new(Code::Missing, &at, "neither a minimum nor an increment is said");
            desk.problems.push(fault.help("write for example minimum = \"1h\""));
        }
        for offer in offers.iter_mut().filter(|offer| filter.fits(offer)) {
            let usual = offer.billing.unwrap_or(Billing { minimum: Seconds::ZERO, increment: Seconds::new(1.0) });
            offer.billing = Some(Billing {
                minimum: minimum.map_or(usual.minimum, Seconds::new),
                increment: increment.map_or(usual.increment, Seconds::new),
            });
        }
    }
}

fn credits(prices: &Prices, offers: &mut [Offer], desk: &mut Desk<'_>) {
    for (number, rule) in prices.credit.iter().enumerate() {
        let at = format!("credit[{}]", number + 1);
        let filter = Filter { provider: rule.provider.as_deref(), ..Filter::default() };
        desk.known(&at, &filter);
        let Some(amount) = desk.needed(&format!("{at}.amount"), rule.amount.as_ref(), Unit::Usd) else { continue };
        if desk.holds(&at, rule.until.as_deref()) {
            for offer in offers.iter_mut().filter(|offer| filter.fits(offer)) {
                offer.contract.credit += Usd::new(amount);
            }
        }
    }
}

fn quotas(prices: &Prices, offers: &mut [Offer], desk: &mut Desk<'_>) {
    for (number, rule) in prices.quota.iter().enumerate() {
        let at = format!("quota[{}]", number + 1);
        let filter = Filter {
            provider: rule.provider.as_deref(),
            instance: rule.instance.as_deref(),
            accelerator: rule.accelerator.as_deref(),
            region: rule.region.as_deref(),
            purchase: rule.purchase.as_deref(),
        };
        desk.known(&at, &filter);
        let Some(gpus) = rule.gpus else {
            let fault =
                Problem::new(Code::Missing, format!("{at}.gpus"), "how many accelerators may be had is not said");
            desk.problems.push(fault.help("write gpus = 16; 0 says none"));
            continue;
        };
        let mut hit = false;
        for offer in offers.iter_mut().filter(|offer| filter.fits(offer)) {
            hit = true;
            offer.contract.most = Some(offer.contract.most.map_or(gpus, |most| most.min(gpus)));
        }
        if !hit {
            desk.nothing(&at);
        }
    }
}

/// A price that was agreed.
#[derive(Clone, Copy)]
pub(super) enum Cut {
    /// So much of the list price is left.
    Left(f64),
    /// So much for an accelerator and hour.
    Each(f64),
}

impl Cut {
    fn of(self, offer: &Offer) -> UsdPerHour {
        UsdPerHour::new(match self {
            Self::Left(share) => offer.price.get() * share,
            Self::Each(price) => price * offer.node.accelerators as f64,
        })
    }
}

impl Filter<'_> {
    pub(super) fn fits(&self, offer: &Offer) -> bool {
        let fits = |pattern: Option<&str>, text: &str| pattern.is_none_or(|pattern| glob(pattern, text));
        let part = |name: &str| glob(name, &offer.accelerator.id) || same_name(name, offer);
        let bought = |name: &str| purchases(name).is_some_and(|list| list.contains(&offer.purchase));
        fits(self.provider, &offer.provider)
            && fits(self.instance, &offer.instance)
            && fits(self.region, &offer.region)
            && self.accelerator.is_none_or(part)
            && self.purchase.is_none_or(bought)
    }
}

fn same_name(name: &str, offer: &Offer) -> bool {
    let key = outlay_catalog::names::key;
    key(name) == key(&offer.accelerator.name)
}

fn purchases(name: &str) -> Option<&'static [Purchase]> {
    match name.trim().to_lowercase().as_str() {
        "on-demand" => Some(&[Purchase::OnDemand]),
        "spot" => Some(&[Purchase::Spot]),
        "reserved" => Some(&[Purchase::Reserved1y, Purchase::Reserved3y]),
        "block" => Some(&[Purchase::Block]),
        _ => None,
    }
}

impl Desk<'_> {
    /// Names that nothing has are faults, with the nearest.
    pub(super) fn known(&mut self, at: &str, filter: &Filter<'_>) {
        let offers = self.catalog.offers();
        let mut check = |key: &str, kind: &str, name: Option<&str>, all: &[&str]| {
            if let Some(name) = name.filter(|name| !all.iter().any(|text| glob(name, text))) {
                let near = nearest(name, all.iter().copied());
                self.problems.push(Problem::unknown_name(&format!("{at}.{key}"), kind, name, &near));
            }
        };
        let of = |each: fn(&Offer) -> &str| {
            let mut all: Vec<&str> = offers.iter().map(each).collect();
            all.sort_unstable();
            all.dedup();
            all
        };
        check("provider", "provider", filter.provider, &of(|offer| &offer.provider));
        check("region", "region", filter.region, &of(|offer| &offer.region));
        check("instance", "machine", filter.instance, &of(|offer| &offer.instance));
        check("purchase", "purchase type", filter.purchase, &["on-demand", "spot", "reserved", "block"]);
        if let Some(name) = filter.accelerator.filter(|name| !name.contains('*'))
            && let Err(near) = self.catalog.accelerator(name)
        {
            self.problems.push(Problem::unknown_name(&format!("{at}.accelerator"), "accelerator", name, &near));
        }
    }

    /// An amount, if it is written and can be read.
    pub(super) fn amount(&mut self, at: &str, amount: Option<&Amount>, unit: Unit) -> Option<f64> {
        amount::read(amount?, unit, at).map_err(|problem| self.problems.push(problem)).ok()
    }

    /// An amount without which the rule says nothing.
    pub(super) fn needed(&mut self, at: &str, amount: Option<&Amount>, unit: Unit) -> Option<f64> {
        if amount.is_none() {
            self.problems.push(Problem::new(Code::Missing, at, "it is not said: a missing price is not zero"));
        }
        self.amount(at, amount, unit)
    }

    /// A share off the list price, or a price; one of the two.
    pub(super) fn cut(&mut self, at: &str, off: Option<&Amount>, price: Option<&Amount>) -> Option<Cut> {
        match (off, price) {
            (Some(off), None) => self.share(&format!("{at}.off"), off).map(|off| Cut::Left(1.0 - off)),
            (None, Some(price)) => self.amount(&format!("{at}.price"), Some(price), Unit::Usd).map(Cut::Each),
            (None, None) => {
                let fault = Problem::new(Code::Missing, at, "neither a share off nor a price is said");
                self.problems.push(fault.help("write off = \"20%\", or price = \"$2.10\" for an accelerator and hour"));
                None
            }
            (Some(_), Some(_)) => {
                let fault = Problem::new(Code::Contradiction, at, "a share off and a price say the same thing");
                self.problems.push(fault.help("leave one of them out"));
                None
            }
        }
    }

    fn share(&mut self, at: &str, off: &Amount) -> Option<f64> {
        let (shown, share) = match off {
            Amount::Number(number) => (number.to_string(), Some(*number)),
            Amount::Text(text) => {
                let bare = text.trim();
                let percent = bare.strip_suffix('%').and_then(|n| n.trim().parse::<f64>().ok()).map(|n| n / 100.0);
                (format!("\"{text}\""), percent.or_else(|| bare.parse().ok()))
            }
        };
        let share = share.filter(|share| *share > 0.0 && *share < 1.0);
        if share.is_none() {
            let fault =
                Problem::new(Code::OutOfRange, at, format!("{shown} is not between 0 and 100 %, both left out"));
            self.problems.push(fault.help("write \"20%\" or 0.2"));
        }
        share
    }

    /// A day that must be one; `None` where none is written.
    pub(super) fn day(&mut self, at: &str, text: Option<&str>) -> Option<i64> {
        let text = text?;
        let found = day(text);
        if found.is_none() {
            let fault = Problem::new(Code::BadAmount, at, format!("\"{text}\" is not a day"));
            self.problems.push(fault.help("write it as \"2027-06-30\""));
        }
        found
    }

    /// The rule holds today; if not any more, that is said.
    fn holds(&mut self, at: &str, until: Option<&str>) -> bool {
        let Some(last) = self.day(&format!("{at}.until"), until) else { return until.is_none() };
        let over = day(self.today).is_some_and(|today| today > last);
        if over {
            self.notes.push(format!("{at} ended on {}: it is not counted", until.unwrap_or_default()));
        }
        !over
    }

    /// The rule has no effect.
    fn nothing(&mut self, at: &str) {
        self.notes.push(format!("{at} fits no offer: it changes nothing"));
    }
}

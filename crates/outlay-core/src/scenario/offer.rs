//! What one can rent or own, at which price.

use alloc::string::String;

use super::cluster::{Accelerator, Node};
use crate::units::{KilogramsPerKwh, Seconds, Share, Usd, UsdPerGb, UsdPerGbMonth, UsdPerHour};

/// A machine at a price: one provider, region, machine type and purchase type.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// Who rents it out (`owned` for one's own).
    pub provider: String,
    /// Where.
    pub region: String,
    /// The provider's name for the machine.
    pub instance: String,
    /// The part.
    pub accelerator: Accelerator,
    /// The machine.
    pub node: Node,
    /// How it is bought.
    pub purchase: Purchase,
    /// What is paid for the whole machine.
    pub price: UsdPerHour,
    /// What was agreed with the one who asks, beyond that price.
    pub contract: Contract,
    /// Part of the machines is bought another way, so that fewer can be taken away.
    pub base: Option<Base>,
    /// Mean time between preemptions of one machine bought so, if anybody published it; `None` for what is not preempted.
    pub preemption: Option<Seconds>,
    /// The provider's price of keeping data and checkpoints.
    pub storage: Option<UsdPerGbMonth>,
    /// Price of bringing the data to this place from where it lies: zero where that is free, `None` where unknown.
    pub transfer: Option<UsdPerGb>,
    /// The data lie elsewhere and are fetched before the first step.
    pub apart: bool,
    /// Least time that is paid for, and the steps it is counted in; `None`: not known, taken by the second.
    pub billing: Option<Billing>,
    /// Carbon emitted for a kilowatt-hour where the machines stand; `None`: unknown.
    pub carbon: Option<KilogramsPerKwh>,
    /// Day of the price, as `YYYY-MM-DD`.
    pub as_of: String,
    /// Where the price was read.
    pub source: String,
}

/// What was agreed with the one who asks: discounts, credits, and limits of what may be had.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Contract {
    /// Price of the whole machine before the discount; `None`: there is no discount.
    pub list: Option<UsdPerHour>,
    /// Sum taken off what the provider charges for one run.
    pub credit: Usd,
    /// Accelerators that may be rented so at the most; `None`: as many as one likes.
    pub most: Option<u64>,
    /// Time until the machines are there.
    pub starts_in: Seconds,
    /// Time for which they are there; `None`: as long as one likes.
    pub window: Option<Seconds>,
    /// What was agreed to pay for one machine in all, used or not.
    pub obliges: Option<Usd>,
}

/// The steady part of a mixed purchase: the other machines are spot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Base {
    /// How it is bought.
    pub purchase: Purchase,
    /// Price of one of its machines.
    pub price: UsdPerHour,
    /// So many of each four machines.
    pub quarters: u64,
}

impl Base {
    /// Share of the machines.
    #[must_use]
    pub fn share(self) -> Share {
        Share::new(self.quarters.min(4) as f64 / 4.0)
    }
}

impl Offer {
    /// Machines of so many that may be taken away.
    #[must_use]
    pub fn taken_away(&self, nodes: u64) -> Share {
        let share = match (self.purchase, self.base) {
            (Purchase::Spot, _) => 1.0,
            (Purchase::Mixed, Some(base)) => 1.0 - base.share().get(),
            _ => 0.0,
        };
        Share::new(share * nodes as f64)
    }

    /// So many may be had, and the parts of a mixed purchase are whole machines.
    #[must_use]
    pub fn comes_in(&self, nodes: u64) -> bool {
        let few = self.contract.most.is_none_or(|most| nodes * self.node.accelerators <= most);
        few && self.base.is_none_or(|base| (base.quarters * nodes).is_multiple_of(4))
    }

    /// The price before the discount over the price after it; 1 where there is none.
    #[must_use]
    pub fn list_factor(&self) -> Share {
        let factor = self.contract.list.map_or(1.0, |list| list.get() / self.price.get());
        Share::new(if factor.is_finite() { factor } else { 1.0 })
    }
}

/// How time is counted on a bill.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Billing {
    /// Paid for at the least.
    pub minimum: Seconds,
    /// Beyond that, in whole pieces of this length.
    pub increment: Seconds,
}

impl Billing {
    /// The time that is paid for.
    #[must_use]
    pub fn billed(&self, time: Seconds) -> Seconds {
        let pieces = self.increment.get();
        let whole = if pieces > 0.0 { libm::ceil(time.get() / pieces - 1e-9) * pieces } else { time.get() };
        self.minimum.max(Seconds::new(whole))
    }
}

/// How a machine is bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purchase {
    /// By the hour, kept until given back.
    OnDemand,
    /// By the hour, may be taken away.
    Spot,
    /// Committed for a year.
    Reserved1y,
    /// Committed for three years.
    Reserved3y,
    /// The user's own.
    Owned,
    /// A steady part, and spot machines beside it.
    Mixed,
    /// Bought ahead for some days: a capacity block, a commitment that one holds.
    Block,
}

impl Purchase {
    /// As it is written in answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OnDemand => "on-demand",
            Self::Spot => "spot",
            Self::Reserved1y => "reserved-1y",
            Self::Reserved3y => "reserved-3y",
            Self::Owned => "owned",
            Self::Mixed => "mixed",
            Self::Block => "block",
        }
    }
}

//! What one can rent or own, at which price.

use alloc::string::String;

use super::cluster::{Accelerator, Node};
use crate::units::{KilogramsPerKwh, Seconds, UsdPerGb, UsdPerGbMonth, UsdPerHour};

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
    /// Price of the whole machine.
    pub price: UsdPerHour,
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
        }
    }
}

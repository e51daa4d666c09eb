//! What one can rent or own, at which price.

use alloc::string::String;

use super::cluster::{Accelerator, Node};
use crate::units::UsdPerHour;

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
    /// Day of the price, as `YYYY-MM-DD`.
    pub as_of: String,
    /// Where the price was read.
    pub source: String,
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

//! Money, line by line.
//!
//! A line whose price nobody gave is `None`, and then the sum is a lower bound: unknown is not zero. Machines are
//! billed by the second; commitments are billed for the time used, and what they oblige to is shown beside it.
//!
//! Does not know: taxes, discounts by contract, idle time between runs, staff.

use crate::run::Run;
use crate::scenario::Scenario;
use crate::scenario::offer::{Offer, Purchase};
use crate::scenario::operation::Operation;
use crate::units::{Joules, Seconds, Share, Usd, Watts};

/// Money, line by line; `None`: the price is unknown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bill {
    /// Machines, for the whole time on the clock.
    pub compute: Usd,
    /// Keeping the data while the run lasts.
    pub storage: Option<Usd>,
    /// Keeping checkpoints while the run lasts.
    pub checkpoints: Option<Usd>,
    /// Bringing the data to the machines.
    pub transfer: Option<Usd>,
    /// Electricity of owned machines; zero for rented ones, whose price holds it.
    pub energy: Option<Usd>,
    /// What a commitment obliges to in all, used or not; not part of the sum.
    pub committed: Option<Usd>,
}

impl Bill {
    /// Sum of the known lines.
    #[must_use]
    pub fn total(&self) -> Usd {
        let lines = [self.storage, self.checkpoints, self.transfer, self.energy];
        self.compute + lines.into_iter().flatten().sum()
    }

    /// A line is unknown: the true sum is larger.
    #[must_use]
    pub fn at_least(&self) -> bool {
        [self.storage, self.checkpoints, self.transfer, self.energy].iter().any(Option::is_none)
    }
}

/// Energy at the meter of the building; `None` where the accelerator's power is unknown.
///
/// # Formula
/// `accelerators · TDP · draw · server · PUE · time`.
///
/// # Source
/// `patterson2021` (GPT-3: 1,287 MWh).
///
/// # Valid when
/// The draw is the run's average; start-up and waiting are taken to draw the same.
#[must_use]
pub fn energy(operation: &Operation, tdp: Option<Watts>, accelerators: u64, time: Seconds) -> Option<Joules> {
    let server = operation.draw * operation.server_power * operation.pue;
    tdp.map(|power| power * accelerators * server * time)
}

/// The bill of a run.
#[must_use]
pub fn bill(scenario: &Scenario, offer: &Offer, nodes: u64, run: &Run) -> Bill {
    let Scenario { data, operation, .. } = scenario;
    let wall = run.wall();
    let kept = run.checkpoint * operation.checkpoints_kept.max(1);
    let installed = nodes * offer.node.accelerators;
    let own_energy = || Some(operation.electricity? * energy(operation, offer.accelerator.tdp, installed, wall)?);
    let year = |years: u64| Some(offer.price * nodes * Seconds::hours(8760.0) * Share::new(years as f64));
    Bill {
        compute: offer.price * nodes * wall,
        storage: offer.storage.zip(data.stored).map(|(price, size)| price * size * wall),
        checkpoints: offer.storage.map(|price| price * kept * wall),
        transfer: match (offer.transfer, data.stored) {
            (Some(price), _) if price.get() == 0.0 => Some(Usd::ZERO),
            (price, size) => price.zip(size).map(|(price, size)| price * size),
        },
        energy: if offer.purchase == Purchase::Owned { own_energy() } else { Some(Usd::ZERO) },
        committed: match offer.purchase {
            Purchase::Reserved1y => year(1),
            Purchase::Reserved3y => year(3),
            Purchase::OnDemand | Purchase::Spot | Purchase::Owned => None,
        },
    }
}

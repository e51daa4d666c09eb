//! Money, line by line.
//!
//! A line whose price nobody gave is `None`, and then the sum is a lower bound: unknown is not zero. Machines are
//! billed by the second; commitments are billed for the time used, and what they oblige to is shown beside it.
//!
//! Does not know: taxes, discounts by contract, idle time between runs, staff.

use alloc::format;
use alloc::string::String;
use alloc::vec;

use crate::run::Run;
use crate::scenario::Scenario;
use crate::scenario::offer::{Offer, Purchase};
use crate::scenario::operation::Operation;
use crate::term::{Figure, Term};
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

    /// The bill as a tree of named terms; a line whose price is unknown counts nothing and says so.
    #[must_use]
    pub fn explain(&self, offer: &Offer, nodes: u64, run: &Run) -> Term {
        let line = |name: &str, money: Option<Usd>, note: String| {
            let note = if money.is_some() { note } else { "price unknown: not in the sum".into() };
            Term::leaf(name, Figure::Usd(money.unwrap_or(Usd::ZERO)), note)
        };
        let hours = run.wall().to_hours();
        let machines =
            format!("{nodes} × ${:.3}/h × {hours:.2} h ({}, {})", offer.price.get(), offer.provider, offer.as_of);
        let parts = vec![
            line("machines", Some(self.compute), machines),
            line("storage of data", self.storage, "while the run lasts".into()),
            line("storage of checkpoints", self.checkpoints, "while the run lasts".into()),
            line("transfer of data", self.transfer, "to where the machines are".into()),
            line("electricity", self.energy, "of owned machines; rented ones include it".into()),
        ];
        let note = if self.at_least() { "at least: a price is unknown" } else { "" };
        Term::sum("cost", Figure::Usd(Usd::ZERO), note.into(), parts)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::operation::Checkpoint;
    use crate::units::BytesPerSec;

    fn bill(storage: Option<Usd>) -> Bill {
        Bill {
            compute: Usd::new(100.0),
            storage,
            checkpoints: Some(Usd::new(2.0)),
            transfer: Some(Usd::new(3.0)),
            energy: Some(Usd::ZERO),
            committed: None,
        }
    }

    #[test]
    fn an_unknown_line_makes_the_sum_a_lower_bound() {
        assert_eq!((bill(Some(Usd::new(1.0))).total(), bill(Some(Usd::new(1.0))).at_least()), (Usd::new(106.0), false));
        assert_eq!((bill(None).total(), bill(None).at_least()), (Usd::new(105.0), true));
    }

    /// GPT-3: 10,000 V100 at 330 W for 14.8 days in a building of PUE 1.1, published as 1,287 MWh.
    #[test]
    fn energy_of_gpt3() {
        let operation = Operation {
            startup: Seconds::ZERO,
            restart: Seconds::ZERO,
            node_mtbf: Seconds::ZERO,
            job_mtbf: None,
            job_mtbf_from: 0,
            preemption: Seconds::ZERO,
            preemption_together: Share::ZERO,
            checkpoint: Checkpoint::Never,
            checkpoint_write: BytesPerSec::gb(1.0),
            checkpoints_kept: 1,
            draw: Share::new(1.1),
            server_power: Share::ONE,
            pue: Share::new(1.1),
            electricity: None,
        };
        let used = energy(&operation, Some(Watts::new(300.0)), 10_000, Seconds::hours(14.8 * 24.0));
        assert!((used.expect("the power is known").to_kwh() / 1_289_376.0 - 1.0).abs() < 1e-12);
        assert_eq!(energy(&operation, None, 1, Seconds::hours(1.0)), None);
    }
}

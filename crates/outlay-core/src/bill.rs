//! Money, line by line.
//!
//! A line whose price nobody gave is `None`, and then the sum is a lower bound: unknown is not zero. Machines are billed
//! whole, for the least time and in the pieces their provider counts in; commitments are billed for the time used, and
//! what they oblige to is shown beside it. Discounts and credits of the one who asks are lines of their own: the machines
//! stand at their list price.
//!
//! Does not know: taxes, idle time between runs.

use alloc::format;
use alloc::string::String;
use alloc::vec;

use crate::run::Run;
use crate::scenario::Scenario;
use crate::scenario::extras::Extras;
use crate::scenario::offer::{Base, Offer, Purchase};
use crate::scenario::operation::Operation;
use crate::term::{Figure, Term};
use crate::units::{Bytes, Joules, Kilograms, Seconds, Share, Usd, UsdPerHour, Watts};

/// Money, line by line; `None`: the price is unknown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bill {
    /// Machines, for the time they are paid for.
    pub compute: Usd,
    /// Machines of the sweep.
    pub sweep: Usd,
    /// Machines of attempts that are thrown away.
    pub attempts: Usd,
    /// Keeping the data while the run lasts.
    pub storage: Option<Usd>,
    /// Keeping checkpoints while the run lasts.
    pub checkpoints: Option<Usd>,
    /// Bringing the data to the machines.
    pub transfer: Option<Usd>,
    /// Electricity of owned machines; zero for rented ones, whose price holds it.
    pub energy: Option<Usd>,
    /// Preparing the data beforehand.
    pub preparation: Usd,
    /// Named lines that no machine makes.
    pub extras: Usd,
    /// Credit that is there for what the provider charges; only what there is to pay is taken from it.
    pub credit: Usd,
    /// What a commitment obliges to in all, used or not; not part of the sum.
    pub committed: Option<Usd>,
}

impl Bill {
    /// Sum of the known lines, credits taken off.
    #[must_use]
    pub fn total(&self) -> Usd {
        self.credited(self.gross())
    }

    /// Sum of the known lines before credits.
    #[must_use]
    pub fn gross(&self) -> Usd {
        let lines = [self.storage, self.checkpoints, self.transfer, self.energy];
        let sure = self.compute + self.sweep + self.attempts + self.preparation + self.extras;
        sure + lines.into_iter().flatten().sum()
    }

    /// What is left of such a sum when the credit is used: it pays for what the provider charges, and nothing else.
    #[must_use]
    pub fn credited(&self, gross: Usd) -> Usd {
        let charged = (gross - self.preparation - self.extras).max(Usd::ZERO);
        if self.credit < charged { gross - self.credit } else { gross - charged }
    }

    /// The bill whose known lines are what `change` makes of them, each told how to read itself out of any bill.
    #[must_use]
    pub fn lines(&self, change: impl Fn(&dyn Fn(&Self) -> Usd) -> Usd) -> Self {
        let known = |read: fn(&Self) -> Option<Usd>| read(self).map(|_| change(&|bill| read(bill).unwrap_or_default()));
        Self {
            compute: change(&|bill| bill.compute),
            sweep: change(&|bill| bill.sweep),
            attempts: change(&|bill| bill.attempts),
            storage: known(|bill| bill.storage),
            checkpoints: known(|bill| bill.checkpoints),
            transfer: known(|bill| bill.transfer),
            energy: known(|bill| bill.energy),
            preparation: change(&|bill| bill.preparation),
            extras: change(&|bill| bill.extras),
            ..*self
        }
    }

    /// The bill as a tree of named terms, each with what it is in the bills at the ends of the interval; a line whose price is
    /// unknown counts nothing and says so.
    #[must_use]
    pub fn explain(&self, ends: &(Self, Self), offer: &Offer, nodes: u64, run: &Run, extras: &Extras) -> Term {
        let line = |name: &str, read: &dyn Fn(&Self) -> Option<Usd>, note: String| {
            let figure = |bill: &Self| Figure::Usd(read(bill).unwrap_or(Usd::ZERO));
            let note = if read(self).is_some() { note } else { "price unknown: not in the sum".into() };
            Term::leaf(name, figure(self), note).between(figure(&ends.0), figure(&ends.1))
        };
        let hours = paid(offer, run.paid()).to_hours();
        let list = offer.list_factor();
        let price = offer.price.get() * list.get();
        let day = if offer.as_of.is_empty() { String::new() } else { format!(", {}", offer.as_of) };
        let machines = format!("{nodes} × ${price:.3}/h × {hours:.2} h ({}{day})", offer.provider);
        let mut parts = vec![
            line("machines", &|bill| Some(bill.compute * list), machines),
            line(
                "sweep",
                &|bill| Some(bill.sweep * list),
                format!("{:.2} h on the same machines", run.sweep.to_hours()),
            ),
            line(
                "failed attempts",
                &|bill| Some(bill.attempts * list),
                format!("{:.2} of a run", extras.attempts.get()),
            ),
            line("storage of data", &|bill| bill.storage, "while the run lasts".into()),
            line("storage of checkpoints", &|bill| bill.checkpoints, "while the run lasts".into()),
            line("transfer of data", &|bill| bill.transfer, "to where the machines are".into()),
            line("electricity", &|bill| bill.energy, "of owned machines; rented ones include it".into()),
            line("preparing the data", &|bill| Some(bill.preparation), "before the run".into()),
        ];
        parts.extend(extras.lines.iter().map(|extra| line(extra.name, &|_| Some(extra.cost), "as given".into())));
        if list != Share::ONE {
            let off = |bill: &Self| {
                let machines = bill.compute + bill.sweep + bill.attempts;
                Some(machines - machines * list)
            };
            let note = format!("{:.1} % off the list price of machines", (1.0 - 1.0 / list.get()) * 100.0);
            parts.push(line("discount", &off, note));
        }
        if self.credit > Usd::ZERO {
            let note = format!("of ${:.2} for what {} charges", self.credit.get(), offer.provider);
            parts.push(line("credit", &|bill| Some(bill.total() - bill.gross()), note));
        }
        let note = if self.at_least() { "at least: a price is unknown" } else { "" };
        Term::sum("cost", Figure::Usd(Usd::ZERO), note.into(), parts)
    }

    /// A line is unknown: the true sum is larger.
    #[must_use]
    pub fn at_least(&self) -> bool {
        [self.storage, self.checkpoints, self.transfer, self.energy].iter().any(Option::is_none)
    }
}

/// The time a provider bills for so much time.
#[must_use]
pub fn paid(offer: &Offer, time: Seconds) -> Seconds {
    offer.billing.map_or(time, |billing| billing.billed(time))
}

/// Carbon emitted for an amount of energy; `None` where the grid or the power is unknown.
///
/// # Formula
/// `kWh · kg/kWh`.
///
/// # Source
/// `patterson2021`: 1,287 MWh at 0.429 are 552 t.
///
/// # Valid when
/// Emissions of the grid where the machines stand; making them is not counted.
#[must_use]
pub fn carbon(offer: &Offer, energy: Option<Joules>) -> Option<Kilograms> {
    offer.carbon.zip(energy).map(|(intensity, energy)| intensity * energy)
}

/// Price of an owned accelerator for a useful hour.
///
/// # Formula
/// `(capex/life + opex)/(8760·use·n) + power·draw·PUE·price/(use·n)`.
///
/// # Source
/// Straight-line amortisation; power is paid in all hours.
///
/// # Valid when
/// The machine is worth nothing at the end of its life.
#[must_use]
pub fn owned_hour(machine: &Owned) -> UsdPerHour {
    let Owned { capex, accelerators, life_years, used, server, draw, pue, electricity, upkeep } = *machine;
    let yearly = capex.get() / life_years.get() + capex.get() * upkeep.get();
    let hour = yearly / (8760.0 * used.get());
    let power = server.get() / 1000.0 * draw.get() * pue.get() * electricity.get() / used.get();
    UsdPerHour::new((hour + power) / accelerators as f64)
}

/// A machine one owns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Owned {
    /// What it cost.
    pub capex: Usd,
    /// Accelerators in it.
    pub accelerators: u64,
    /// Years it is used.
    pub life_years: Share,
    /// Share of the hours it does useful work.
    pub used: Share,
    /// Power of the machine at its limit.
    pub server: Watts,
    /// Share of that it draws on average.
    pub draw: Share,
    /// Power of the building over it.
    pub pue: Share,
    /// Price of a kilowatt-hour.
    pub electricity: crate::units::UsdPerKwh,
    /// Yearly upkeep as a share of what it cost.
    pub upkeep: Share,
}

/// Price of an hour of a chip whose value falls as better ones appear.
///
/// # Formula
/// `price · 0.14·ln 10 / 8760`, orders of magnitude a year.
///
/// # Source
/// `cottier2024`, its published code.
///
/// # Valid when
/// Price includes the server's share (1.64 of the chip); networking adds 0.19/0.81 of the result.
#[must_use]
pub fn depreciated_hour(price: Usd, orders_a_year: Share) -> UsdPerHour {
    UsdPerHour::new(price.get() * orders_a_year.get() * core::f64::consts::LN_10 / 8760.0)
}

/// The same with its part of the network between machines.
///
/// # Formula
/// `hour · (1 + f/(1 − f))`, `f = 0.19`.
///
/// # Source
/// `cottier2024`, its published code.
///
/// # Valid when
/// Clusters for large runs.
#[must_use]
pub fn with_network(hour: UsdPerHour, fraction: Share) -> UsdPerHour {
    hour * Share::new(1.0 + fraction.get() / (1.0 - fraction.get()))
}

/// Share of the hours from which on a commitment is cheaper than paying for those used.
#[must_use]
pub fn break_even_use(reserved: UsdPerHour, on_demand: UsdPerHour) -> Share {
    reserved / on_demand
}

/// Tokens from which on training oneself is cheaper than a hosted service.
///
/// # Formula
/// `fixed / (p_hosted − p_own)`; `None` where the service is cheaper a token too.
///
/// # Source
/// Definition.
///
/// # Valid when
/// Own cost is proportional to the tokens beyond what is fixed (start-up, people).
#[must_use]
pub fn break_even_tokens(fixed: Usd, own_per_million: Usd, hosted_per_million: Usd) -> Option<crate::units::Tokens> {
    let gain = (hosted_per_million - own_per_million).get();
    (gain > 0.0).then(|| crate::units::Tokens::new(fixed.get() / gain * 1e6))
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
    let Scenario { data, operation, extras, .. } = scenario;
    let kept = run.checkpoint * operation.checkpoints_kept.max(1);
    let installed = nodes * offer.node.accelerators;
    let thrown = run.paid() * extras.attempts;
    let powered = run.paid() + run.sweep + thrown;
    let own_energy = || Some(operation.electricity? * energy(operation, offer.accelerator.tdp, installed, powered)?);
    let year = |years: u64| Some(offer.price * nodes * Seconds::hours(8760.0) * Share::new(years as f64));
    let hour = offer.price * nodes;
    let base = |money: &dyn Fn(Base) -> Usd| offer.base.map_or(Usd::ZERO, money);
    let moved = || data.stored.unwrap_or(Bytes::ZERO);
    Bill {
        // The steady part of a mixed purchase waits for the other's return, and is paid meanwhile.
        compute: hour * paid(offer, run.paid()) + base(&|base| base.price * nodes * base.share() * run.waiting),
        sweep: hour * run.sweep,
        attempts: hour * thrown,
        storage: offer.storage.zip(data.stored).map(|(price, size)| price * size * run.wall()),
        checkpoints: offer.storage.map(|price| price * kept * run.wall()),
        transfer: match (offer.apart, offer.transfer, data.stored) {
            (false, ..) => Some(Usd::ZERO),
            (true, Some(price), _) if price.get() == 0.0 => Some(Usd::ZERO),
            (true, price, Some(_)) => price.map(|price| price * moved()),
            (true, _, None) => None,
        },
        energy: if offer.purchase == Purchase::Owned { own_energy() } else { Some(Usd::ZERO) },
        preparation: extras.preparation,
        extras: extras.named(),
        credit: offer.contract.credit,
        committed: match offer.purchase {
            Purchase::Reserved1y => year(1),
            Purchase::Reserved3y => year(3),
            Purchase::Mixed => offer.base.and_then(|base| match base.purchase {
                Purchase::Reserved1y => Some(base.price * nodes * base.share() * Seconds::hours(8760.0)),
                Purchase::Reserved3y => Some(base.price * nodes * base.share() * Seconds::hours(3.0 * 8760.0)),
                _ => None,
            }),
            Purchase::Block => offer.contract.obliges.map(|each| each * Share::new(nodes as f64)),
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
            compute: Usd::new(90.0),
            sweep: Usd::new(4.0),
            attempts: Usd::new(3.0),
            preparation: Usd::new(2.0),
            extras: Usd::new(1.0),
            storage,
            checkpoints: Some(Usd::new(2.0)),
            transfer: Some(Usd::new(3.0)),
            energy: Some(Usd::ZERO),
            credit: Usd::ZERO,
            committed: None,
        }
    }

    #[test]
    fn an_unknown_line_makes_the_sum_a_lower_bound() {
        assert_eq!((bill(Some(Usd::new(1.0))).total(), bill(Some(Usd::new(1.0))).at_least()), (Usd::new(106.0), false));
        assert_eq!((bill(None).total(), bill(None).at_least()), (Usd::new(105.0), true));
    }

    /// A credit pays for what the provider charges (here 103 of 106 dollars), never for people, and never more.
    #[test]
    fn a_credit_pays_for_what_the_provider_charges() {
        let of = |credit: f64| Bill { credit: Usd::new(credit), ..bill(Some(Usd::new(1.0))) }.total();
        assert_eq!([of(0.0), of(6.0), of(103.0), of(500.0)], [106.0, 100.0, 3.0, 3.0].map(Usd::new));
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
            spot_wait: Seconds::ZERO,
            checkpoint: Checkpoint::Never,
            checkpoint_write: BytesPerSec::gb(1.0),
            checkpoint_async: false,
            staging: BytesPerSec::gb(25.0),
            checkpoints_kept: 1,
            draw: Share::new(1.1),
            server_power: Share::ONE,
            pue: Share::new(1.1),
            electricity: None,
            fetch: BytesPerSec::gb(0.5),
        };
        let used = energy(&operation, Some(Watts::new(300.0)), 10_000, Seconds::hours(14.8 * 24.0));
        assert!((used.expect("the power is known").to_kwh() / 1_289_376.0 - 1.0).abs() < 1e-12);
        assert_eq!(energy(&operation, None, 1, Seconds::hours(1.0)), None);
    }
}

//! What is asked, checked and with every default filled in: the recipe, the machines, the offers, the data.
//!
//! Plain data; the door (`outlay`) builds it and has already refused what cannot be.

use alloc::vec::Vec;

use crate::layout::Pins;
use crate::model::Model;
use crate::units::{Seconds, Usd};
use data::Data;
use dynamics::Dynamics;
use extras::Extras;
use offer::Offer;
use operation::Operation;
use recipe::Recipe;

pub mod adapters;
pub mod cluster;
pub mod data;
pub mod dynamics;
pub mod extras;
pub mod offer;
pub mod operation;
pub mod recipe;

/// A whole question.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// What is trained.
    pub model: Model,
    /// How.
    pub recipe: Recipe,
    /// On what.
    pub data: Data,
    /// How it learns.
    pub dynamics: Dynamics,
    /// What may be rented.
    pub offers: Vec<Offer>,
    /// What the user's own filters rule out: never planned with, only named when nothing else is feasible.
    pub beyond: Vec<Offer>,
    /// Parts of the layout that are fixed.
    pub pins: Pins,
    /// How many accelerators may be used.
    pub size: Size,
    /// What it may cost and take.
    pub limits: Limits,
    /// What "best" means.
    pub goal: Goal,
    /// How the run is kept going.
    pub operation: Operation,
    /// What is paid beside it.
    pub extras: Extras,
}

/// How many accelerators may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// Exactly so many, even if that leaves part of a machine idle.
    Exactly(u64),
    /// At most so many, in whole machines.
    AtMost(u64),
}

/// What a run may cost and take; `None`: no limit.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Limits {
    /// Most money.
    pub budget: Option<Usd>,
    /// Most time on the clock, start-up and interruptions included.
    pub deadline: Option<Seconds>,
}

impl Limits {
    /// By how much a run at an offer is past the deadline, or past the time for which its machines are there.
    #[must_use]
    pub fn late(&self, offer: &Offer, time: Seconds) -> Option<Seconds> {
        let contract = &offer.contract;
        let past = |most: Option<Seconds>, end: Seconds| most.filter(|most| end > *most).map(|most| end - most);
        let deadline = past(self.deadline, contract.starts_in + time);
        let window = past(contract.window, time);
        deadline.into_iter().chain(window).reduce(Seconds::max)
    }

    /// The longest that a run at an offer may take; `None`: as long as it likes.
    #[must_use]
    pub fn ends(&self, offer: &Offer) -> Option<Seconds> {
        let contract = &offer.contract;
        let deadline = self.deadline.map(|most| (most - contract.starts_in).max(Seconds::ZERO));
        deadline.into_iter().chain(contract.window).reduce(Seconds::min)
    }
}

/// What "best" means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Goal {
    /// Least money.
    Cost,
    /// Least time.
    Time,
    /// Least product of the two.
    CostTime,
    /// Least cost that one run in ten exceeds.
    Robust,
    /// Least memory of all accelerators rented, then least money: the smallest card that suffices.
    Card,
}

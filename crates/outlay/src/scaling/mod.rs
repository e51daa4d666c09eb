//! Laws of scale for those who choose a model's size: the best size for a budget, loss against cost, a law of one's own.
//!
//! A budget in dollars is turned into compute by planning for it: models of the usual shape are put through the same door
//! as any job, so that price, utilisation and memory are those of real machines.
//!
//! Reading order: [`optimum`], [`frontier`], [`fitted`].

mod budget;
mod runs;

pub use budget::{Wanted, frontier, optimum};
pub use runs::{Aim, fitted};

//! The user's own prices: discounts, credits, commitments, blocks of capacity, machines of one's own, quotas.
//!
//! ```text
//! prices.toml ─ parse ─► Prices ─ apply to a catalog and a day ─► the catalog as this user sees it
//! ```
//!
//! Everything is done to the offers before a job is resolved, so no command needs to know of it: what is cheaper for
//! this user wins, what they may not have is not there. Discounts and credits stay visible as lines of the bill.
//!
//! Does not know: where the file lies.

mod apply;
mod file;
mod own;

pub use file::Prices;

use outlay_catalog::Catalog;

use crate::problem::Problem;

/// A catalog as one user sees it, and what is worth saying about that.
#[derive(Debug, Clone)]
pub struct Priced {
    /// The catalog.
    pub catalog: Catalog,
    /// What had no effect, and why.
    pub notes: Vec<String>,
}

impl Prices {
    /// Reads `prices.toml`.
    ///
    /// # Errors
    /// All faults of form: broken TOML (then that one alone), unknown keys, wrong types.
    pub fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        file::parse(text)
    }

    /// The same as text, without comments: equal prices give equal bytes.
    #[must_use]
    pub fn canonical(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }

    /// The catalog with these prices, as they hold on a day.
    ///
    /// # Errors
    /// All values that cannot be, and names that the catalog does not have.
    pub fn apply(&self, catalog: &Catalog, today: &str) -> Result<Priced, Vec<Problem>> {
        apply::apply(self, catalog, today)
    }
}

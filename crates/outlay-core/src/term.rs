//! The explanation tree: named terms whose parent is the sum of its children.
//!
//! Built only for figures that are shown; the search never makes one. Overlap that hides time is a negative term.

use alloc::string::String;
use alloc::vec::Vec;

use crate::units::{Bytes, Nats, Seconds, Usd};

/// A figure with its unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Figure {
    /// Memory.
    Bytes(Bytes),
    /// Time.
    Seconds(Seconds),
    /// Money.
    Usd(Usd),
    /// Loss.
    Nats(Nats),
}

impl Figure {
    fn raw(self) -> f64 {
        match self {
            Self::Bytes(x) => x.get(),
            Self::Seconds(x) => x.get(),
            Self::Usd(x) => x.get(),
            Self::Nats(x) => x.get(),
        }
    }

    fn like(self, raw: f64) -> Self {
        match self {
            Self::Bytes(_) => Self::Bytes(Bytes::new(raw)),
            Self::Seconds(_) => Self::Seconds(Seconds::new(raw)),
            Self::Usd(_) => Self::Usd(Usd::new(raw)),
            Self::Nats(_) => Self::Nats(Nats::new(raw)),
        }
    }
}

/// A named figure and what it is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// What it is.
    pub name: String,
    /// How much.
    pub figure: Figure,
    /// How it comes about, in a few words: formula with numbers, source of the constant.
    pub note: String,
    /// What it is at both ends of the 80 % interval of the tree's root; `None`: the same, or nothing is known of them.
    pub ends: Option<(Figure, Figure)>,
    /// What it is the sum of; empty for a leaf.
    pub parts: Vec<Term>,
}

impl Term {
    /// A term that is not split further.
    #[must_use]
    pub fn leaf(name: &str, figure: Figure, note: String) -> Self {
        Self { name: name.into(), figure, note, ends: None, parts: Vec::new() }
    }

    /// The same, with what it is at both ends of the root's interval.
    #[must_use]
    pub fn between(self, low: Figure, high: Figure) -> Self {
        let ends = (low, high);
        Self { ends: (ends != (self.figure, self.figure)).then_some(ends), ..self }
    }

    /// A term that is the sum of its parts; `zero` gives the unit when there are none.
    #[must_use]
    pub fn sum(name: &str, zero: Figure, note: String, parts: Vec<Self>) -> Self {
        let total = |of: &dyn Fn(&Self) -> Figure| zero.like(parts.iter().map(|part| of(part).raw()).sum());
        let end = |pick: fn((Figure, Figure)) -> Figure| total(&|part| part.ends.map_or(part.figure, pick));
        let ends = parts.iter().any(|part| part.ends.is_some()).then(|| (end(|ends| ends.0), end(|ends| ends.1)));
        Self { name: name.into(), figure: total(&|part| part.figure), note, ends, parts }
    }
}

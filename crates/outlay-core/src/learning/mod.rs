//! What training teaches: the loss to expect, and how much training a loss needs.
//!
//! Throughput is half of a cost; the other half is how many tokens it takes. Published laws give it for pre-training with
//! an unknown constant of the corpus; for fine-tuning there is only an index. So what this room is best at is differences:
//! what another lever adds to or takes off the loss.
//!
//! Does not know: hardware, time and money.
//!
//! Reading order: [`laws`], [`doubt`], then [`batch`], [`rate`], [`numerics`], [`transfer`]; [`crate::run::quality`] puts them together.

pub mod batch;
pub mod doubt;
pub mod fit;
pub mod laws;
pub mod numerics;
pub mod rate;
pub mod text;
pub mod transfer;

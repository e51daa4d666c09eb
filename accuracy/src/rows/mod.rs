//! From a row of evidence to what a user would have asked for, one file a table.
//!
//! The mapping uses only what a row states and general conventions of the field; it never looks at the measured figure,
//! and never at a model's, paper's or row's name to treat it differently. What a row leaves open stays blank, so that
//! the same defaults and the same search answer as for a user who does not know either.

pub mod counts;
pub mod library;
pub mod memory;
pub mod model;
pub mod own;
pub mod runs;
pub mod throughput;
pub mod words;

//! Scores the engine against measured runs of others.
//!
//! A row of evidence becomes a [`outlay::request::Request`], exactly what a user would write, goes through the door, and
//! the answer is compared with what was measured. The core is never called beside the door: the score is the product's.
//!
//! Reading order: [`evidence`] (what there is), [`rows`] (a row → a request), [`score`] (errors, coverage).

pub mod conformal;
pub mod engine;
pub mod evidence;
pub mod fit;
pub mod page;
pub mod ranking;
pub mod rows;
pub mod score;
pub mod scoreboard;
pub mod stats;
pub mod table;
pub mod traits;
pub mod validate;

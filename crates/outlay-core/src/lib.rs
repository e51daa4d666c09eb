//! The mathematics of a training run: from a model, a recipe and a cluster to memory, time and money.
//!
//! ```text
//! Scenario ─ enumerate ─► Plan ─► memory ─► step ─► run ─► bill ─► Forecast ─ search ─► Ranking
//! ```
//!
//! Everything here is a total, pure function: no file, clock, environment, thread or random number exists in
//! this crate, and floats go through `libm`, so the same inputs give the same bits on every platform.
//! Modules stand in their order of knowledge: a file uses only what stands before it.

#![no_std]
extern crate alloc;

pub mod units;

pub mod dtype;

pub mod term;

pub mod learning;

pub mod model;

pub mod layout;

pub mod scenario;

pub mod plan;

pub mod memory;

pub mod step;

pub mod run;

pub mod bill;

pub mod interval;

pub mod forecast;

pub mod against;

pub mod search;

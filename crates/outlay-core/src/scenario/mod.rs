//! What is asked, checked and with every default filled in: the recipe, the machines, the offers, the data.
//!
//! Plain data; the door (`outlay`) builds it and has already refused what cannot be.

pub mod cluster;
pub mod data;
pub mod offer;
pub mod recipe;

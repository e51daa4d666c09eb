//! The one door: Request to Response.

pub mod plan;
pub mod request;

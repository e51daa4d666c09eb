//! The one door: Request to Response.

pub mod request;

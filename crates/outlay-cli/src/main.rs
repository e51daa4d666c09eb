//! x
mod context;
mod failure;
mod files;
mod flags;
mod hub;
mod render;
fn main() {}

//! House rules, code generation and the CI steps.

fn main() {}

//! The command `outlay`.

fn main() {}

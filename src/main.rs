//! The `userd` program.

fn main() {}

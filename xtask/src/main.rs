//! What a contributor runs.

mod command;
mod debian;
mod toolchain;

fn main() {}

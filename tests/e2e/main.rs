//! The program as its users see it: started for real, spoken to over HTTP, killed for real.
//!
//! The plugins and test guests must have been built: `cargo xtask plugins`.

#![allow(unreachable_pub, reason = "one program: what its modules share is public to each other")]

#[path = "../corpus/calls.rs"]
mod calls;

mod bad_input;
mod beside;
mod capabilities;
mod crash;
mod documents;
mod endings;
mod examples;
mod faults;
mod host;
mod issue_analysis;
mod languages;
mod queue;
mod reload;
mod shutdown;
mod silence;
mod spinning;
mod triggers;

//! What the store promises: one suite for every backend, and what is SQLite's own.

mod script;

mod backups;
mod conformance;
mod model;
mod refusals;
mod streams;

mod bad_disk;
mod crash;
mod damage;
mod disk;
mod fixtures;
#[path = "../../../core/tests/support/store.rs"]
#[allow(dead_code, unreachable_pub, reason = "the simulator uses the rest")]
mod memory;
mod parameters;
mod references;
mod retention;
mod views;
mod violations;

//! What the store promises: one suite for every backend, and what is SQLite's own.

mod script;

mod backups;
mod conformance;
mod model;
mod streams;

mod bad_disk;
mod crash;
mod damage;
mod disk;
mod fixtures;
mod parameters;
mod references;
mod retention;
mod views;
mod violations;

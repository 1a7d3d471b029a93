//! What the store promises: one suite for every backend, and what is SQLite's own.

mod script;

mod backups;
mod conformance;
mod model;
mod streams;

mod crash;
mod damage;
mod fixtures;
mod parameters;
mod retention;
mod views;
mod violations;

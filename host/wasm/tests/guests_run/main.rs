//! Runs real guests: the hostile one and the ones that cannot be loaded.
//!
//! Needs the components of `tests/guests`, which `cargo xtask plugins` builds.

#[path = "../../../../tests/corpus/mod.rs"]
mod by_hand;

mod ai;
mod calls;
mod catalog;
mod conformance;
mod context;
mod contract;
mod corpus;
mod fixture;
mod http;
mod loading;
mod neighbours;
mod pure;
mod reuse;
mod secrets;
mod signatures;
mod versions;

//! The part of the hostile corpus that no compiler would write: components by hand, and those of them that
//! no host may take.
//!
//! The tests of `host/wasm` check every ending; the benchmark drops the refused ones into a host before it
//! measures it.

#![allow(dead_code, unused_imports, unreachable_pub, reason = "each that includes it uses a part")]

pub mod calls;
mod module;
mod refused;

pub use module::{DATA, MEMORY, Module, answer, manifest};
pub use refused::{COSTLY_TURNS, Refused, costly, padded, refused};

//! Write a Taskloom plugin in Rust.
//!
//! A handler is a plain function over a typed input and output; [`plugin!`] makes a component of one or
//! more of them. This is a complete plugin:
//!
//! ```
//! use schemars::JsonSchema;
//! use serde::{Deserialize, Serialize};
//! use taskloom_sdk::{Result, plugin};
//!
//! #[derive(Deserialize, JsonSchema)]
//! struct Input {
//!     name: String,
//! }
//!
//! #[derive(Serialize, JsonSchema)]
//! struct Output {
//!     text: String,
//! }
//!
//! fn greet(input: Input) -> Result<Output> {
//!     Ok(Output { text: format!("Hello, {}!", input.name) })
//! }
//!
//! plugin! {
//!     /// Greets somebody by name.
//!     "greet" => greet { effects: Pure },
//! }
//! ```
//!
//! | to do this | use |
//! |---|---|
//! | end with a failure of the right class | [`Error`], `?`, [`Classify`], [`Context`] |
//! | call a service | [`http`] |
//! | leave a file, read one that another task left | [`artefact`] |
//! | use a secret without seeing it | [`secret`] |
//! | ask a model | [`ai`] |
//! | read and set the context of the run | [`context`] |
//! | write to the attempt's log | [`log`] |
//! | say how far the work is | [`progress`] |
//! | record a measurement | [`metric`] |
//! | stop when the attempt is cancelled | [`check_cancelled`] |
//! | know the run, the attempt number, the idempotency key | [`task`] |
//! | test a handler without a host | call it; see [`testing`] for what it asks of the host |
//!
//! The guide is the crate's `README.md`; the contract is in `wit/README.md`.

#![cfg_attr(doctest, doc = include_str!("../README.md"))]

mod error;
mod manifest;
mod task;

pub mod ai;
pub mod artefact;
pub mod context;
pub mod http;
pub mod log;
pub mod secret;

#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

mod host;
mod plugin;

#[doc(hidden)]
pub mod bindings;

pub use error::{Class, Classify, Context, Error, Failure, Result};
pub use manifest::{Effects, ResourceClass};
pub use task::{Task, check_cancelled, is_cancelled, metric, progress, task};

#[doc(hidden)]
pub mod macros {
    //! What [`plugin!`](crate::plugin!) expands to; not for use by hand.

    pub use crate::manifest::{Manifest, TaskType, summary_and_docs};
    pub use crate::plugin::{Answer, call, describe, execute, unknown};
}

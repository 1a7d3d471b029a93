//! The HTTP API, asked without a socket: real engine, real store, real plugins.
//!
//! The plugins and test guests must have been built: `cargo xtask plugins`.

#![allow(unreachable_pub, reason = "one program: what its modules share is public to each other")]

mod context;
mod description;
mod events;
mod held;
mod host;
mod own;
mod pages;
mod refusals;
mod runs;
mod shared_contexts;
mod start;
mod steering;
mod steering_workflows;

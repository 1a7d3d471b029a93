//! The HTTP API, asked without a socket: real engine, real store, real plugins.
//!
//! The plugins and test guests must have been built: `cargo xtask plugins`.

#![allow(unreachable_pub, reason = "one program: what its modules share is public to each other")]

mod artefacts;
mod attempt_workflows;
mod attempts;
mod cached_restart;
mod context;
mod decisions;
mod description;
mod detached;
mod events;
mod expressions;
mod full;
mod held;
mod host;
mod items;
mod late_plugins;
mod merge_types;
mod merges;
mod outsiders;
mod overlaps;
mod own;
mod pages;
mod plugin_events;
mod plugin_refusals;
mod plugin_versions;
mod refusals;
mod registry;
mod rerun;
mod runs;
mod service;
mod shared_contexts;
mod shipped_templates;
mod start;
mod states;
mod steering;
mod steering_workflows;
mod templates;
mod timeouts;
mod trigger_restarts;
mod trigger_workflows;
mod triggers;
mod waits;
mod webhooks;

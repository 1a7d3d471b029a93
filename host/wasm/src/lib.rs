//! Runs plugins: loads, links, limits and calls WebAssembly components.
//!
//! ```text
//!  Catalog ── watches the plugins folder ──▶ Runtime::load ──▶ Plugin (compiled, described)
//!                                                                │
//!  engine ── Runtime::call(plugin, call) ──▶ guest threads ──▶ fresh store and instance ──▶ CallReport
//!                                              │                  limits: fuel, memory, deadline, …
//!                                              └ timers and sockets live on other threads
//! ```
//!
//! The only crate that knows wasmtime. What an ending means for a task is in `docs/plugins.md`.

mod ai;
mod artefacts;
mod asked;
mod background;
mod bindings;
mod cache;
mod call;
mod cancel;
mod catalog;
mod compile;
mod context;
mod ending;
mod engine;
mod give_back;
mod guest;
mod idle;
mod limits;
mod load;
mod manifest;
mod memory;
mod metrics;
mod notes;
mod outside;
mod perform;
mod plugin;
mod policy;
pub mod ports;
mod pulse;
mod runtime;
mod secrets;
mod signature;
mod standing;
mod stretch;
mod threads;
mod watched;
pub mod yardstick;

pub use cache::CacheError;
pub use call::{Call, CallIdentity, CallObserver, CallReport, Ending, LogRecord};
pub use cancel::CancelToken;
pub use catalog::{
    Catalog, CatalogConfig, CatalogError, CatalogEvent, ChangeError, CrashLoop, PluginEntry,
    PluginState,
};
pub use compile::{Compiler, compile_stream};
pub use give_back::{give_code_back, give_memory_back};
pub use limits::CallLimits;
pub use load::{COMPONENT_BYTES_MAX, Interfaces, LoadError};
pub use manifest::{CONTRACT, read_manifest};
pub use plugin::Plugin;
pub use policy::{AiGrant, Policy, Reuse, Within};
pub use runtime::{Runtime, RuntimeConfig, RuntimeError};
pub use signature::{
    KeyId, SIGNATURE_BYTES_MAX, SIGNATURE_SUFFIX, SignatureError, SignatureRules, TrustedKey,
    trusted_comment, verify_signature,
};
pub use standing::Standing;

//! The program: engine, API, command line, configuration.
//!
//! A library, so that tests can reach its parts; `main.rs` only calls [`cli::main`].

pub mod api;
pub mod app;
pub mod audit;
pub mod cli;
pub mod config;
pub mod connections;
pub mod contexts;
pub mod crashes;
mod definitions;
pub mod engine;
mod finished;
pub mod ledger;
pub mod payloads;
pub mod reader;
pub mod secrets;
pub mod templates;
pub mod triggers;
pub mod workflows;

//! What a workflow is and what should happen next.
//!
//! Pure: no async, clock, randomness, files, network or SQL. Time and random numbers are
//! arguments, so a run, a restart, a replay and a simulation all go through the same code.

pub mod artefact;
pub mod attempt;
pub mod context;
pub mod definition;
pub mod dispatch;
pub mod document;
pub mod expression;
pub mod failure;
pub mod id;
pub mod journal;
pub mod life;
pub mod payload;
pub mod plugin;
pub mod retry;
pub mod run;
pub mod schema;
pub mod time;
pub mod trigger;
pub mod workflow;

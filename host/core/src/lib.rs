//! What a workflow is and what should happen next.
//!
//! Pure: no async, clock, randomness, files, network or SQL. Time and random numbers are
//! arguments, so a run, a restart, a replay and a simulation all go through the same code.

pub mod id;
pub mod time;
pub mod payload;
pub mod failure;
pub mod plugin;
pub mod retry;
pub mod expression;
pub mod definition;
pub mod workflow;
pub mod attempt;
pub mod journal;
pub mod run;
pub mod dispatch;

//! What the planner decides, as tables: a workflow, what happens, and the journal it leads to.

mod clock;
mod context;
mod decisions;
mod ends;
mod groups;
mod held;
mod merges;
mod outcomes;
mod plain;
mod rerun;
mod script;
mod steering;
#[path = "../support/mod.rs"]
mod support;
mod waits;
mod why;

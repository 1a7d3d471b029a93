//! What the planner decides, as tables: a workflow, what happens, and the journal it leads to.

mod groups;
mod plain;
mod script;
#[path = "../support/mod.rs"]
mod support;

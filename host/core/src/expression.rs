//! Expressions (CEL) and the values they stand in. INTERFACE SKETCH.
use std::collections::{BTreeMap, BTreeSet};
use serde_json::Value;
use crate::failure::Outcome;
use crate::id::TaskId;

/// A JSON value whose strings may hold expressions.
#[derive(Debug, Clone)]
pub struct Template(Value);

/// What names an expression may use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References {
    /// Whether it reads `input`.
    pub input: bool,
    /// The tasks it reads.
    pub tasks: BTreeSet<TaskId>,
}

/// What the names stand for.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// `input`
    pub input: Value,
    /// `tasks.<id>`
    pub tasks: BTreeMap<TaskId, TaskScope>,
    /// `run`
    pub run: Value,
}

/// `tasks.<id>`
#[derive(Debug, Clone)]
pub struct TaskScope {
    /// `tasks.<id>.outcome`
    pub outcome: Option<Outcome>,
    /// `tasks.<id>.output`
    pub output: Option<Value>,
}

/// An expression that failed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct EvaluationError(pub String);

impl Template {
    /// A value without expressions.
    pub fn constant(value: Value) -> Self { Self(value) }
    /// What it reads.
    pub fn references(&self) -> References { References::default() }
    /// Its value.
    pub fn evaluate(&self, _scope: &Scope) -> Result<Value, EvaluationError> { Ok(self.0.clone()) }
}

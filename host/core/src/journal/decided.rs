//! Who or what made a decision.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::TaskId;

/// Who or what made a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecidedBy {
    /// The `when` of the option.
    Rule,
    /// The output of this task.
    Task(TaskId),
    /// This person.
    Person(String),
    /// Nothing recommended an option, or none that would do, or no person answered in time.
    Fallback,
}

impl fmt::Display for DecidedBy {
    /// As in the API and in the output of the decision: `rule`, `task:classify`, `person`, `fallback`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule => f.write_str("rule"),
            Self::Task(task) => write!(f, "task:{task}"),
            Self::Person(_) => f.write_str("person"),
            Self::Fallback => f.write_str("fallback"),
        }
    }
}

//! What the names of an expression stand for.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::failure::Outcome;
use crate::id::TaskId;

/// What the names stand for. Names that an expression does not read may stay as they are by
/// default.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// `input`
    pub input: Value,
    /// `tasks.<id>`, for every task that the expression reads.
    pub tasks: BTreeMap<TaskId, TaskScope>,
    /// `run`: an object of [`RUN_FIELDS`](super::RUN_FIELDS).
    pub run: Value,
    /// `item` and `index` of the innermost `for_each`; `None` outside of any.
    pub item: Option<Item>,
    /// `items.<id>` and `indexes.<id>`, for every `for_each` around that the expression names.
    pub items: BTreeMap<TaskId, Item>,
    /// `output`: of the task itself.
    pub output: Value,
    /// `shared`: an object by name of all shared contexts that the run reads.
    pub shared: Value,
    /// `context`
    pub context: Value,
    /// `config`
    pub config: Value,
    /// `event`, for triggers.
    pub event: Value,
    /// `params`, for templates of workflows.
    pub params: Value,
}

/// `tasks.<id>`
#[derive(Debug, Clone)]
pub struct TaskScope {
    /// `tasks.<id>.outcome`; `None` while the task has not ended.
    pub outcome: Option<Outcome>,
    /// `tasks.<id>.output`; `None` unless the task succeeded.
    pub output: Option<Value>,
    /// `tasks.<id>.failure`, an object of `code`, `message`, `class` and `details`; `None`, which
    /// is read as `null`, when it has not failed.
    pub failure: Option<Value>,
}

/// What a `for_each` is at.
#[derive(Debug, Clone)]
pub struct Item {
    /// `item`
    pub value: Value,
    /// `index`, counted from 0.
    pub index: Value,
}

impl Item {
    /// The item at `index`.
    pub fn new(index: u64, value: Value) -> Self {
        Self { value, index: index.into() }
    }
}

impl TaskScope {
    /// The output of the task, which is called `task`.
    pub(super) fn output_of(&self, task: &TaskId) -> Result<&Value, String> {
        self.output.as_ref().ok_or_else(|| match self.outcome {
            Some(outcome) => {
                format!("task `{task}` has no output: its outcome is {}", outcome.as_str())
            }
            None => format!("task `{task}` has no output: it has not ended"),
        })
    }
}

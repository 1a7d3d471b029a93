//! Differences between workflows.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use taskloom_core::definition::diff;
use utoipa::ToSchema;

/// What is different between two versions of a workflow.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct WorkflowDiff {
    /// The digest of the first.
    pub from: String,
    /// The digest of the second.
    pub to: String,
    /// Keys of the workflow itself, such as `version` and `config.timeout`.
    pub workflow: Vec<KeyChange>,
    /// Tasks that only the second has.
    pub added: Vec<TaskPlace>,
    /// Tasks that only the first has.
    pub removed: Vec<TaskPlace>,
    /// Tasks that both have and that are different.
    pub changed: Vec<TaskChange>,
}

/// A key whose value is different.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct KeyChange {
    /// The key, such as `retry.max_attempts`.
    pub key: String,
    /// Its value in the first, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value)]
    pub from: Option<Value>,
    /// Its value in the second, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value)]
    pub to: Option<Value>,
}

/// A task, and where it stands.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TaskPlace {
    /// The task.
    pub task: String,
    /// The list that it stands in: `tasks`, `finally`, or a task's own, such as `size.then`.
    pub list: String,
}

/// A task that is different.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TaskChange {
    /// The task.
    pub task: String,
    /// Its keys that are different.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<KeyChange>,
    /// What it needs in the second only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs_added: Vec<String>,
    /// What it needs in the first only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs_removed: Vec<String>,
}

impl WorkflowDiff {
    /// The difference between two texts, called by their digests or names.
    pub fn new(from: &str, to: &str, diff: &diff::Diff) -> Self {
        Self {
            from: from.to_owned(),
            to: to.to_owned(),
            workflow: diff.workflow.iter().map(Into::into).collect(),
            added: diff.added.iter().map(Into::into).collect(),
            removed: diff.removed.iter().map(Into::into).collect(),
            changed: diff.changed.iter().map(Into::into).collect(),
        }
    }
}

impl From<&diff::Change> for KeyChange {
    fn from(change: &diff::Change) -> Self {
        Self { key: change.key.clone(), from: change.from.clone(), to: change.to.clone() }
    }
}

impl From<&diff::Place> for TaskPlace {
    fn from(place: &diff::Place) -> Self {
        Self { task: place.task.clone(), list: place.list.clone() }
    }
}

impl From<&diff::TaskDiff> for TaskChange {
    fn from(task: &diff::TaskDiff) -> Self {
        Self {
            task: task.task.clone(),
            changes: task.changes.iter().map(Into::into).collect(),
            needs_added: task.needs_added.clone(),
            needs_removed: task.needs_removed.clone(),
        }
    }
}

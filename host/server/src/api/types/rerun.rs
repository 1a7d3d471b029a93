//! Reruns.

use serde::{Deserialize, Serialize};
use taskloom_store::RunRow;
use utoipa::ToSchema;

use super::ProblemDetails;

/// Where a rerun begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RerunStart {
    /// Everything runs again.
    Start,
    /// What did not succeed runs again, and all that depends on it.
    Failed,
    /// The named tasks run again, what did not succeed, and all that depends on them.
    Tasks,
}

/// What of a run is to run again.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rerun {
    /// Where to begin; `failed` when left out, `tasks` when `tasks` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<RerunStart>,
    /// The tasks, such as `classify` or `checks[3].lint`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks: Option<Vec<String>>,
}

/// What a rerun would do.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct RerunPreview {
    /// Tasks whose output, choice or list is taken over.
    pub reused: Vec<String>,
    /// Tasks that run again, with all that is in them. A `for_each` whose list is computed again stands
    /// for its items, and of a branch that decides again both lists are named.
    pub again: Vec<String>,
}

/// Which runs are to run again.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RunFilter {
    /// Of this workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// That ended this way: `succeeded`, `failed`, `cancelled` or `timed_out`; all but `succeeded`
    /// when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// Accepted at this time (RFC 3339) or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_after: Option<String>,
    /// Accepted before this time (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_before: Option<String>,
    /// That this started, such as `api`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    /// Where to go on: `next_cursor` of the answer before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// What of many runs is to run again.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RerunMany {
    /// Which runs; all that did not succeed when left out.
    #[serde(default)]
    pub filter: RunFilter,
    /// Where each begins: `start` or `failed`; `failed` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<RerunStart>,
    /// At most so many runs, from 1 to 1,000; 100 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1000)]
    pub limit: Option<usize>,
    /// `true` runs again also what was run again before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<bool>,
    /// `true` only says what would be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
}

/// What was done for each of many runs.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct RerunsOfMany {
    /// The runs, the newest first.
    pub runs: Vec<RerunOfOne>,
    /// Runs that were left out because they had been run again before.
    pub again: usize,
    /// Where to go on, if there may be more: `cursor` of the filter.
    pub next_cursor: Option<String>,
}

/// What was done for one of many runs.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct RerunOfOne {
    /// The run that had ended.
    pub run: String,
    /// Its workflow.
    pub workflow: String,
    /// The new run; null when nothing was started.
    pub rerun: Option<String>,
    /// Whether an earlier request under the same idempotency key had started it.
    pub existing: bool,
    /// How many tasks are taken over.
    pub reused: usize,
    /// How many tasks run again.
    pub tasks_again: usize,
    /// Why nothing was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<ProblemDetails>,
}

impl RerunOfOne {
    /// Nothing has been done yet.
    pub(crate) fn new(row: &RunRow) -> Self {
        Self {
            run: row.id.to_string(),
            workflow: row.workflow.to_string(),
            rerun: None,
            existing: false,
            reused: 0,
            tasks_again: 0,
            refused: None,
        }
    }
}

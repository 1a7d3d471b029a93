//! Runs.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use taskloom_core::id::TaskId;
use taskloom_core::run::{self, RunState, TaskIndex, TaskState};
use taskloom_store::{self as store, RunRow};
use utoipa::ToSchema;

use super::{ContextValue, Failure, Held, Outcome, RunStatus, Task};
use crate::engine::Waits;

/// Starts a run.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartRun {
    /// The run's input, checked against the workflow's schema; an empty object when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value)]
    pub input: Option<Box<RawValue>>,
    /// The run's context, an object of up to 64 KiB and 256 names; an empty one when left out. It is
    /// handed down to the runs that tasks of the run start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    pub context: Option<Box<RawValue>>,
    /// Instead of the workflow's own priority, from -100 to 100; higher goes first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = -100, maximum = 100)]
    pub priority: Option<i32>,
    /// When the run begins, a time (RFC 3339) at most 366 days ahead; at once when left out. Until
    /// then it is `waiting`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_at: Option<String>,
    /// Instead of `start_at`: how long after this request, such as `90m`; at most 366 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<String>,
    /// The version that the run gets, a digest (`sha256:…`) out of the workflow's versions; the
    /// current one when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition: Option<String>,
    /// `off`: no task of the run, nor of the runs they start, takes over the output of an earlier
    /// attempt, nor leaves one, whatever its `cache` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheUse>,
}

/// Whether outputs of earlier attempts are taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CacheUse {
    /// Where a task says so.
    On,
    /// Never.
    Off,
}

/// Stops a run.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Cancel {
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// One execution of one workflow version with one input.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Run {
    /// Its id, a UUID; ids sort by start.
    pub id: String,
    /// The workflow's id.
    pub workflow: String,
    /// The workflow's version, as its author wrote it.
    pub version: String,
    /// The digest of the definition that the run keeps.
    pub definition: String,
    /// What it is doing now.
    pub status: RunStatus,
    /// How it ended: `succeeded`, `failed`, `cancelled` or `timed_out`; null until then.
    pub outcome: Option<Outcome>,
    /// Its output, if it succeeded; else null.
    #[schema(value_type = Value)]
    pub output: Option<Box<RawValue>>,
    /// Why it did not succeed.
    pub failure: Option<Failure>,
    /// Its input, when asked for by `include=input`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value)]
    pub input: Option<Box<RawValue>>,
    /// Its context by name, each value with where it is from.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub context: BTreeMap<String, ContextValue>,
    /// When it was accepted.
    pub started_at: String,
    /// Why it has not begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
    /// Why it does not end, although its tasks have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<String>,
    /// When it began: its time had come, and its concurrency key had room.
    pub admitted_at: Option<String>,
    /// Its concurrency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency_key: Option<String>,
    /// When it ended.
    pub ended_at: Option<String>,
    /// When it must have ended.
    pub deadline: Option<String>,
    /// Higher goes first.
    pub priority: i32,
    /// Why nothing new starts, while it is paused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<String>,
    /// What started it: `api`, `cli`, `workflow` or `rerun`.
    pub trigger: String,
    /// The run that it goes on from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rerun_of: Option<String>,
    /// The task that started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ParentTask>,
    /// The caller's `Idempotency-Key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// The plugin versions that it keeps, by plugin.
    pub plugins: BTreeMap<String, String>,
    /// The number of its last event.
    pub last_seq: u64,
    /// How many tasks it has.
    pub tasks_total: usize,
    /// How many of them have ended.
    pub tasks_ended: usize,
    /// Its tasks, in the order of the workflow; the first 1,000.
    pub tasks: Vec<Task>,
    /// Where `GET /runs/{id}/tasks` goes on, when there are more.
    pub tasks_next_cursor: Option<String>,
}

/// The task that started a run.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ParentTask {
    /// Its run.
    pub run: String,
    /// Its name in that run.
    pub task: String,
}

/// A run in the list of runs.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RunSummary {
    /// Its id.
    pub id: String,
    /// The workflow's id.
    pub workflow: String,
    /// The workflow's version.
    pub version: String,
    /// What it is doing now.
    pub status: RunStatus,
    /// How it ended; null until then.
    pub outcome: Option<Outcome>,
    /// Higher goes first.
    pub priority: i32,
    /// What started it.
    pub trigger: String,
    /// When it was accepted.
    pub started_at: String,
    /// When it ended.
    pub ended_at: Option<String>,
    /// How many tasks it has.
    pub tasks_total: u32,
    /// How many of them have ended.
    pub tasks_ended: u32,
}

/// A part of the list of runs.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RunPage {
    /// The runs, the newest first.
    pub runs: Vec<RunSummary>,
    /// Pass it as `cursor` for the next page; null on the last one.
    pub next_cursor: Option<String>,
}

/// A part of the log of a run.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LogPage {
    /// The lines, the oldest first.
    pub lines: Vec<LogLine>,
    /// Pass it as `cursor` for the next page; null on the last one.
    pub next_cursor: Option<String>,
}

/// A line that a handler logged.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    /// The task.
    pub task: String,
    /// The attempt's number.
    pub attempt: u32,
    /// Its place among the lines of the attempt.
    pub seq: u32,
    /// When it was logged.
    pub at: String,
    /// `trace`, `debug`, `info`, `warn` or `error`.
    pub level: String,
    /// The text.
    pub message: String,
    /// More, as a JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value)]
    pub fields: Option<Box<RawValue>>,
}

/// The most tasks in one answer.
pub(crate) const TASKS_MAX: usize = 1_000;

impl Run {
    /// A run as far as it is on disk. `waits` says what the host knows of why its tasks do not run.
    pub fn new(
        state: &RunState,
        output: Option<Box<RawValue>>,
        input: Option<Box<RawValue>>,
        waits: &Waits,
    ) -> Self {
        let start = &state.start;
        let finish = state.finish.as_ref();
        let (tasks, next) = tasks(state, 0, TASKS_MAX, waits);
        Self {
            id: state.id.to_string(),
            workflow: start.workflow.to_string(),
            version: start.version.clone(),
            definition: start.definition.to_string(),
            status: status(state, &waits.blocked),
            outcome: state.outcome().map(Outcome::from),
            output,
            failure: finish.and_then(|finish| finish.failure.as_ref()).map(Failure::from),
            input,
            context: BTreeMap::new(),
            started_at: state.started_at.to_string(),
            held: Held::new(state, &[]),
            waiting_for: None,
            admitted_at: state.admitted_at.map(|at| at.to_string()),
            concurrency_key: start.concurrency.as_ref().map(|c| c.key.clone()),
            ended_at: finish.map(|finish| finish.at.to_string()),
            deadline: state.deadline.map(|at| at.to_string()),
            priority: state.priority,
            paused: state.paused.clone(),
            rerun_of: start.rerun.as_ref().map(|rerun| rerun.run.to_string()),
            parent: start.parent.as_ref().map(|parent| ParentTask {
                run: parent.run.to_string(),
                task: parent.task.to_string(),
            }),
            trigger: start.trigger.as_str().to_owned(),
            idempotency_key: start.idempotency.as_ref().map(|key| key.key.clone()),
            plugins: state
                .pins
                .iter()
                .map(|(plugin, digest)| (plugin.to_string(), digest.to_string()))
                .collect(),
            last_seq: state.last_seq,
            tasks_total: visible(state).len(),
            tasks_ended: state.ended_tasks(),
            tasks,
            tasks_next_cursor: next.map(|place| place.to_string()),
        }
    }
}

/// Up to `limit` tasks from the `from`-th, and where the next page begins.
pub(crate) fn tasks(
    state: &RunState,
    from: usize,
    limit: usize,
    waits: &Waits,
) -> (Vec<Task>, Option<usize>) {
    let visible = visible(state);
    let end = from.saturating_add(limit).min(visible.len());
    let task = |index: &TaskIndex| Task::new(state, *index, waits.why(state, *index));
    let shown = visible[from.min(end)..end].iter().map(task).collect();
    (shown, (end < visible.len()).then_some(end))
}

/// The tasks that a run shows: all but those that the host made and nobody has needed so far.
pub(crate) fn visible(state: &RunState) -> Vec<TaskIndex> {
    let is_dormant = |index: TaskIndex, task: &TaskState| {
        let made_by_host = state.definition(index).id.as_str().contains('.');
        made_by_host && task.section.is_none() && task.status == run::TaskStatus::Pending
    };
    let tasks = state.tasks().filter(|(index, task)| !is_dormant(*index, task));
    tasks.map(|(index, _)| index).collect()
}

/// What a run is doing, given the ready tasks that wait for a plugin: a run that has no others is waiting
/// too.
fn status(state: &RunState, blocked: &HashMap<TaskId, String>) -> RunStatus {
    let status = state.status();
    if status != run::RunStatus::Running || blocked.is_empty() || state.active_tasks() > 0 {
        return status.into();
    }
    let runnable = state.tasks().any(|(index, task)| {
        task.status == run::TaskStatus::Ready && !blocked.contains_key(&state.task(index).id)
    });
    if runnable { RunStatus::Running } else { RunStatus::Waiting }
}

impl From<RunRow> for RunSummary {
    fn from(row: RunRow) -> Self {
        Self {
            id: row.id.to_string(),
            workflow: row.workflow.to_string(),
            version: row.version,
            status: row.status.into(),
            outcome: row.outcome.map(Outcome::from),
            priority: row.priority,
            trigger: row.trigger.as_str().to_owned(),
            started_at: row.started_at.to_string(),
            ended_at: row.ended_at.map(|at| at.to_string()),
            tasks_total: row.tasks_total,
            tasks_ended: row.tasks_ended,
        }
    }
}

impl From<store::LogLine> for LogLine {
    fn from(line: store::LogLine) -> Self {
        Self {
            task: line.task.to_string(),
            attempt: line.attempt,
            seq: line.seq,
            at: line.at.to_string(),
            level: line.level,
            message: line.message,
            // What is not JSON was cut off by a limit; the message stands for itself.
            fields: line.fields.and_then(|fields| RawValue::from_string(fields).ok()),
        }
    }
}

//! The rows of the views: what lists and the optimiser read instead of journals.

use taskloom_core::attempt::Refused;
use taskloom_core::failure::Outcome;
use taskloom_core::id::{Digest, PluginName, RunId, TaskId, TaskType, WorkflowId};
use taskloom_core::journal::{Entry, IdempotencyKey, RunEvent, Trigger};
use taskloom_core::payload::PayloadRef;
use taskloom_core::plugin::{Capability, ResourceClass};
use taskloom_core::run::RunStatus;
use taskloom_core::time::Timestamp;

use crate::page::Cursor;

/// One run, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// The run.
    pub id: RunId,
    /// Its workflow.
    pub workflow: WorkflowId,
    /// The workflow's version, as its author wrote it.
    pub version: String,
    /// The digest of the definition's source.
    pub definition: Digest,
    /// What the run is doing.
    pub status: RunStatus,
    /// How it ended; there if and only if `status` is finished.
    pub outcome: Option<Outcome>,
    /// Higher goes first.
    pub priority: i32,
    /// When it was accepted.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How many tasks it has.
    pub tasks_total: u32,
    /// How many of them have ended.
    pub tasks_ended: u32,
    /// When a waiting run goes on by itself.
    pub wake_at: Option<Timestamp>,
    /// The caller's key, if there was one.
    pub idempotency: Option<IdempotencyKey>,
    /// What started it.
    pub trigger: Trigger,
    /// The run one of whose tasks started it.
    pub parent: Option<RunId>,
    /// The run that this one ran again.
    pub rerun_of: Option<RunId>,
    /// The key under which it counts against the workflow's limit of concurrent runs.
    pub concurrency_key: Option<String>,
    /// Which of the workflow's triggers started it.
    pub trigger_name: Option<String>,
}

/// Which runs to list; every field that is set narrows the list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Of this workflow.
    pub workflow: Option<WorkflowId>,
    /// With this status.
    pub status: Option<RunStatus>,
    /// That ended this way.
    pub outcome: Option<Outcome>,
    /// Accepted at this time or later.
    pub started_after: Option<Timestamp>,
    /// Accepted before this time.
    pub started_before: Option<Timestamp>,
    /// Started by this.
    pub trigger: Option<Trigger>,
    /// Started by a task of this run.
    pub parent: Option<RunId>,
    /// That ran this run again.
    pub rerun_of: Option<RunId>,
    /// Those that follow the page this cursor came with.
    pub after: Option<Cursor>,
}

/// One attempt that has ended: the data the optimiser learns from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRow {
    /// The run.
    pub run: RunId,
    /// The task.
    pub task: TaskId,
    /// The attempt's number.
    pub number: u32,
    /// What the task ran.
    pub task_type: TaskType,
    /// How it ended, in one word such as `succeeded` or `lost`.
    pub outcome: String,
    /// The slots it occupied.
    pub class: ResourceClass,
    /// When the task became ready for it.
    pub ready_at: Timestamp,
    /// When it was claimed.
    pub claimed_at: Timestamp,
    /// When its handler was started; `None` if it never was.
    pub started_at: Option<Timestamp>,
    /// When its result was accepted.
    pub ended_at: Timestamp,
    /// Processor time in milliseconds.
    pub cpu_ms: u64,
    /// Time spent waiting inside host calls, in milliseconds.
    pub host_wait_ms: u64,
    /// Fuel used.
    pub fuel_used: u64,
    /// The most memory held at once, in bytes.
    pub memory_peak_bytes: u64,
    /// Length of the input in bytes.
    pub input_bytes: u64,
    /// Length of the output in bytes.
    pub output_bytes: u64,
    /// The plugin version that ran; `None` if none did.
    pub plugin_digest: Option<Digest>,
}

/// A file that an attempt left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtefactRow {
    /// The run.
    pub run: RunId,
    /// The task.
    pub task: TaskId,
    /// The attempt's number.
    pub attempt: u32,
    /// Its name, once within an attempt.
    pub name: String,
    /// What its bytes are, such as `text/html`.
    pub media_type: String,
    /// Its length.
    pub bytes: u64,
    /// The SHA-256 of its bytes, as [`Store::put_artefact`](crate::Store::put_artefact) gave it.
    pub digest: Digest,
}

/// Something that an attempt was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusalRow {
    /// The run.
    pub run: RunId,
    /// The plugin that was called.
    pub plugin: PluginName,
    /// The task.
    pub task: TaskId,
    /// The attempt's number.
    pub attempt: u32,
    /// When the attempt's result was accepted.
    pub at: Timestamp,
    /// Of which capability.
    pub capability: Capability,
    /// What, and which grant would allow it.
    pub message: String,
    /// How often the attempt was refused something; its first refusals have a row each.
    pub refused: u64,
}

impl RefusalRow {
    /// What an event of a run says that an attempt of `plugin` was refused.
    pub fn of(run: RunId, plugin: &PluginName, entry: &Entry<RunEvent>) -> Vec<Self> {
        let Some((task, attempt, usage)) = entry.event.used() else { return vec![] };
        let Some(uses) = &usage.capabilities else { return vec![] };
        let row = |refused: &Refused| Self {
            run,
            plugin: plugin.clone(),
            task: task.clone(),
            attempt,
            at: entry.at,
            capability: refused.capability,
            message: refused.message.clone(),
            refused: uses.refused,
        };
        uses.refusals.iter().map(row).collect()
    }
}

/// An output that a later attempt with the same key may take over.
#[derive(Debug, Clone)]
pub struct CachedRow {
    /// The digest of all that the output depends on.
    pub key: Digest,
    /// The output.
    pub output: PayloadRef,
    /// The run that computed it.
    pub run: RunId,
    /// The task that computed it.
    pub task: TaskId,
    /// The number of the attempt that computed it.
    pub attempt: u32,
    /// When it was computed.
    pub made_at: Timestamp,
}

/// One line that a handler logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// The run.
    pub run: RunId,
    /// The task.
    pub task: TaskId,
    /// The attempt's number.
    pub attempt: u32,
    /// Its place among the lines of the attempt.
    pub seq: u32,
    /// When it was logged.
    pub at: Timestamp,
    /// Its level, in one word such as `info`.
    pub level: String,
    /// The text.
    pub message: String,
    /// More, as a JSON object.
    pub fields: Option<String>,
}

/// Which lines of a run to read; every field that is set narrows the list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogFilter {
    /// Of this task.
    pub task: Option<TaskId>,
    /// Of attempts with this number.
    pub attempt: Option<u32>,
    /// Those that follow the page this cursor came with.
    pub after: Option<Cursor>,
}

//! What the journal holds: streams of numbered events, in the past tense.
//!
//! These types are stored for years. A field may be added with a default; nothing may be removed,
//! renamed or given another meaning. `tests/journal_fixture.rs` reads entries of every released
//! version.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::attempt::{AttemptUse, ReleaseReason};
use crate::failure::{Failure, Next, Outcome};
use crate::id::{Digest, PluginName, RunId, TaskId, TaskType, WorkflowId};
use crate::payload::PayloadRef;
use crate::plugin::ResourceClass;
use crate::time::Timestamp;

/// Names a stream of events.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamId {
    /// Everything that happened to one run.
    Run(RunId),
    /// Everything that happened to one plugin.
    Plugin(PluginName),
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(run) => write!(f, "run/{run}"),
            Self::Plugin(plugin) => write!(f, "plugin/{plugin}"),
        }
    }
}

impl FromStr for StreamId {
    type Err = crate::id::InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some(("run", run)) => run.parse().map(Self::Run),
            Some(("plugin", plugin)) => plugin.parse().map(Self::Plugin),
            _ => Err(crate::id::InvalidId {
                kind: "stream",
                text: text.chars().take(80).collect(),
                rule: "`run/<id>` or `plugin/<name>`",
            }),
        }
    }
}

/// One event with its place in time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry<E> {
    /// When the host decided it.
    pub at: Timestamp,
    /// What happened.
    pub event: E,
}

/// Something that happened to a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum RunEvent {
    /// The run was accepted; always the first event.
    RunStarted(Box<RunStarted>),
    /// A plugin that was not loaded when the run started now is; the run keeps this version.
    PluginPinned {
        /// The plugin.
        plugin: PluginName,
        /// The version the run keeps.
        digest: Digest,
    },
    /// The right to perform an attempt was taken, ahead of a free slot.
    AttemptClaimed {
        /// The task.
        task: TaskId,
        /// The attempt's number.
        number: u32,
        /// When the task became ready.
        ready_at: Timestamp,
        /// The slots it will occupy.
        class: ResourceClass,
        /// The rank it was dispatched with.
        rank: f64,
        /// The host that claimed it.
        host: Arc<str>,
        /// The host's epoch: a result that carries another is refused.
        epoch: u64,
    },
    /// The handler of an attempt that takes a while was started. Written with the next commit,
    /// never waited for; an attempt that ends first has its start in its result alone.
    AttemptStarted {
        /// The task.
        task: TaskId,
        /// The attempt's number.
        number: u32,
        /// When the handler was started.
        started_at: Timestamp,
    },
    /// The input of a task was computed; later attempts use the same.
    InputResolved {
        /// The task.
        task: TaskId,
        /// The input.
        input: PayloadRef,
    },
    /// An attempt, and with it its task, succeeded.
    AttemptSucceeded {
        /// The task.
        task: TaskId,
        /// The attempt's number.
        number: u32,
        /// What the handler returned.
        output: PayloadRef,
        /// What it used.
        usage: Box<AttemptUse>,
    },
    /// An attempt failed.
    AttemptFailed {
        /// The task.
        task: TaskId,
        /// The attempt's number.
        number: u32,
        /// Why.
        failure: Failure,
        /// What follows, decided when the event was made.
        next: Next,
        /// What it used.
        usage: Box<AttemptUse>,
    },
    /// An attempt was stopped because its task was cancelled.
    AttemptCancelled {
        /// The task.
        task: TaskId,
        /// The attempt's number.
        number: u32,
        /// Why.
        failure: Failure,
        /// What it used.
        usage: Box<AttemptUse>,
    },
    /// An attempt was given back without being counted.
    AttemptReleased {
        /// The task.
        task: TaskId,
        /// The attempt's number.
        number: u32,
        /// Why.
        reason: ReleaseReason,
        /// When the task may be offered again.
        retry_at: Timestamp,
        /// What it used.
        usage: Box<AttemptUse>,
    },
    /// The host that owned an attempt died before its result was on disk.
    AttemptLost {
        /// The task.
        task: TaskId,
        /// The attempt's number.
        number: u32,
        /// What follows, decided when the event was made.
        next: Next,
        /// Why.
        failure: Failure,
    },
    /// The wait before the next attempt of a task is over.
    BackoffElapsed {
        /// The task.
        task: TaskId,
    },
    /// A task will not be attempted, because something it needs did not succeed or the run ends.
    TaskSkipped {
        /// The task.
        task: TaskId,
        /// Why, for people.
        reason: String,
    },
    /// A task that was waiting or between attempts was cancelled.
    TaskCancelled {
        /// The task.
        task: TaskId,
    },
    /// Somebody asked for the run to be cancelled.
    CancelRequested {
        /// Why, for people.
        reason: String,
    },
    /// The run took longer than its timeout; what is under way is stopped.
    RunTimedOut,
    /// The run ended; always the last event.
    RunFinished {
        /// How.
        outcome: Outcome,
        /// The run's output, when the workflow has an `output` and the run succeeded. Without one
        /// the output is the object of the outputs of the tasks that nothing depends on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<PayloadRef>,
        /// Why it did not succeed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<Failure>,
    },
}

/// What a run begins with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunStarted {
    /// The workflow.
    pub workflow: WorkflowId,
    /// The workflow's version, as its author wrote it.
    pub version: String,
    /// The digest of the definition's source, which the store keeps.
    pub definition: Digest,
    /// The run's input.
    pub input: PayloadRef,
    /// Higher goes first.
    pub priority: i32,
    /// Plugin versions that the run keeps, as far as they were loaded.
    pub pins: BTreeMap<PluginName, Digest>,
    /// What started it.
    pub trigger: Trigger,
    /// The caller's `Idempotency-Key`, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<IdempotencyKey>,
    /// When the run must have ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// Caller's trace, W3C `traceparent`, handed on to handlers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

/// What started a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// The HTTP API.
    Api,
    /// The command line, in one shot.
    Cli,
}

impl Trigger {
    /// The word for this trigger, as in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Cli => "cli",
        }
    }
}

/// A caller's key under which a start happens at most once per workflow.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct IdempotencyKey {
    /// The key, at most 255 bytes.
    pub key: String,
    /// The digest of the request it came with: the same key with another request is an error.
    pub request: Digest,
}

impl RunEvent {
    /// The event's name in kebab case, as in the store, the API and SSE.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::RunStarted(_) => "run-started",
            Self::PluginPinned { .. } => "plugin-pinned",
            Self::AttemptClaimed { .. } => "attempt-claimed",
            Self::AttemptStarted { .. } => "attempt-started",
            Self::InputResolved { .. } => "input-resolved",
            Self::AttemptSucceeded { .. } => "attempt-succeeded",
            Self::AttemptFailed { .. } => "attempt-failed",
            Self::AttemptCancelled { .. } => "attempt-cancelled",
            Self::AttemptReleased { .. } => "attempt-released",
            Self::AttemptLost { .. } => "attempt-lost",
            Self::BackoffElapsed { .. } => "backoff-elapsed",
            Self::TaskSkipped { .. } => "task-skipped",
            Self::TaskCancelled { .. } => "task-cancelled",
            Self::CancelRequested { .. } => "cancel-requested",
            Self::RunTimedOut => "run-timed-out",
            Self::RunFinished { .. } => "run-finished",
        }
    }

    /// The task it is about, if it is about one.
    pub const fn task(&self) -> Option<&TaskId> {
        match self {
            Self::AttemptClaimed { task, .. }
            | Self::AttemptStarted { task, .. }
            | Self::InputResolved { task, .. }
            | Self::AttemptSucceeded { task, .. }
            | Self::AttemptFailed { task, .. }
            | Self::AttemptCancelled { task, .. }
            | Self::AttemptReleased { task, .. }
            | Self::AttemptLost { task, .. }
            | Self::BackoffElapsed { task }
            | Self::TaskSkipped { task, .. }
            | Self::TaskCancelled { task } => Some(task),
            Self::RunStarted(_)
            | Self::PluginPinned { .. }
            | Self::CancelRequested { .. }
            | Self::RunTimedOut
            | Self::RunFinished { .. } => None,
        }
    }
}

/// Something that happened to a plugin file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PluginEvent {
    /// A version was compiled, described and checked; new runs use it.
    PluginLoaded {
        /// The content of the file.
        digest: Digest,
        /// The plugin's own version.
        version: String,
        /// The task types it offers.
        task_types: Vec<TaskType>,
    },
    /// A file was not taken; the last good version, if any, stays.
    PluginRefused {
        /// The content of the file.
        digest: Digest,
        /// Why, and what to do.
        reason: String,
    },
    /// The file is gone; live runs keep the version they pinned.
    PluginRemoved,
}

impl PluginEvent {
    /// The event's name in kebab case, as in the store and the API.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::PluginLoaded { .. } => "plugin-loaded",
            Self::PluginRefused { .. } => "plugin-refused",
            Self::PluginRemoved => "plugin-removed",
        }
    }
}

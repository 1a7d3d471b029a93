//! What a run begins with.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{Digest, PluginName, RunId, TaskId, TriggerName, WorkflowId};
use crate::payload::PayloadRef;
use crate::time::Timestamp;

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
    /// The run's context, an object; `None` for an empty one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<PayloadRef>,
    /// Higher goes first.
    pub priority: i32,
    /// Plugin versions that the run keeps, as far as they were loaded.
    pub pins: BTreeMap<PluginName, Digest>,
    /// What started it.
    pub trigger: Trigger,
    /// Which trigger started it, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger_name: Option<TriggerName>,
    /// The caller's `Idempotency-Key`, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<IdempotencyKey>,
    /// When the run must have ended; of a run that is held, its admission says that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// The run is held, and not admitted before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// The run is held until the runs of its key leave room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<ConcurrencyKey>,
    /// The run that this one goes on from, if it is a rerun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rerun: Option<RerunOf>,
    /// The task that started it, if it is a child.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    /// Caller's trace, W3C `traceparent`, handed on to handlers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// Whether its tasks take over no outputs of earlier attempts, whatever their `cache` says.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_cache: bool,
}

/// What started a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// The HTTP API.
    Api,
    /// The command line, in one shot.
    Cli,
    /// A task of another run.
    Workflow,
    /// Somebody ran an earlier run again.
    Rerun,
    /// A time of a schedule.
    Cron,
    /// A request to a webhook.
    Webhook,
    /// An event of GitHub.
    Github,
    /// A change of a file.
    File,
    /// The end of another run.
    Run,
}

impl Trigger {
    /// The word for this trigger, as in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Cli => "cli",
            Self::Workflow => "workflow",
            Self::Rerun => "rerun",
            Self::Cron => "cron",
            Self::Webhook => "webhook",
            Self::Github => "github",
            Self::File => "file",
            Self::Run => "run",
        }
    }
}

/// The task that started a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// Its run.
    pub run: RunId,
    /// Its name in that run.
    pub task: TaskId,
    /// How many runs are above the one that was started: 1 below a run that no task started.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub depth: u32,
}

/// Runs that were started before depths were counted have none.
const fn is_zero(depth: &u32) -> bool {
    *depth == 0
}

/// The run that a rerun goes on from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RerunOf {
    /// The run that was asked to run again.
    pub run: RunId,
    /// The first of all the runs that were run again one after another.
    pub origin: RunId,
    /// What runs again.
    pub from: RerunFrom,
}

/// What of a run runs again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RerunFrom {
    /// Everything.
    Start,
    /// What did not succeed, and all that depends on it.
    Failed,
    /// These tasks, what did not succeed, and all that depends on them.
    Tasks(Vec<TaskId>),
}

/// What a run shares with the runs of its workflow that must not all be at work at the same time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConcurrencyKey {
    /// The key, at most 256 bytes.
    pub key: String,
    /// How many runs of the key may be at work when this one is admitted.
    pub limit: u32,
}

/// A caller's key under which a start happens at most once per workflow.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct IdempotencyKey {
    /// The key, at most 255 bytes.
    pub key: String,
    /// The digest of the request it came with: the same key with another request is an error.
    pub request: Digest,
}

//! The words of the API: statuses and outcomes.

use serde::{Deserialize, Serialize};
use taskloom_core::failure;
use taskloom_core::run;
use taskloom_core::workflow::OnFailure;
use utoipa::ToSchema;

/// What a run is doing now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Something runs, or could run as soon as there is a slot.
    Running,
    /// Every task that could go on waits for a time, a plugin or something outside.
    Waiting,
    /// Nothing new starts until somebody lets it go on.
    Paused,
    /// It was asked to stop, and attempts are still under way.
    Cancelling,
    /// It has ended.
    Finished,
}

impl From<run::RunStatus> for RunStatus {
    fn from(status: run::RunStatus) -> Self {
        match status {
            run::RunStatus::Running => Self::Running,
            run::RunStatus::Waiting => Self::Waiting,
            run::RunStatus::Paused => Self::Paused,
            run::RunStatus::Cancelling => Self::Cancelling,
            run::RunStatus::Finished => Self::Finished,
        }
    }
}

impl RunStatus {
    /// The word, as in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Paused => "paused",
            Self::Cancelling => "cancelling",
            Self::Finished => "finished",
        }
    }
}

/// What a task is doing now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// Something it needs has not ended.
    Pending,
    /// It can be attempted as soon as there is a slot and its plugin is loaded.
    Ready,
    /// An attempt is claimed; its handler was perhaps not started yet.
    Claimed,
    /// The handler of an attempt was started.
    Running,
    /// It waits for the time of its next attempt.
    Backoff,
    /// Something it depends on is being computed.
    Asked,
    /// It waits for a time, a signal, a person or another run.
    Waiting,
    /// It is a group, and what is in it is at work.
    Open,
    /// It has ended.
    Finished,
}

impl From<run::TaskStatus> for TaskStatus {
    fn from(status: run::TaskStatus) -> Self {
        match status {
            run::TaskStatus::Pending | run::TaskStatus::Due => Self::Pending,
            run::TaskStatus::Ready => Self::Ready,
            run::TaskStatus::Claimed { .. } => Self::Claimed,
            run::TaskStatus::Running { .. } => Self::Running,
            run::TaskStatus::Backoff { .. } => Self::Backoff,
            run::TaskStatus::Asked(_) => Self::Asked,
            run::TaskStatus::Waiting(_) => Self::Waiting,
            run::TaskStatus::Open => Self::Open,
            run::TaskStatus::Ended(_) => Self::Finished,
        }
    }
}

impl TaskStatus {
    /// The word, as in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ready => "ready",
            Self::Claimed => "claimed",
            Self::Running => "running",
            Self::Backoff => "backoff",
            Self::Asked => "asked",
            Self::Waiting => "waiting",
            Self::Open => "open",
            Self::Finished => "finished",
        }
    }
}

/// How a run, a task or an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It did what it was asked to do.
    Succeeded,
    /// It ended with a failure.
    Failed,
    /// A person, the end of the run or a shutdown stopped it.
    Cancelled,
    /// It was never attempted; only tasks are skipped.
    Skipped,
    /// It took longer than it may.
    TimedOut,
}

impl From<failure::Outcome> for Outcome {
    fn from(outcome: failure::Outcome) -> Self {
        match outcome {
            failure::Outcome::Succeeded => Self::Succeeded,
            failure::Outcome::Failed => Self::Failed,
            failure::Outcome::Cancelled => Self::Cancelled,
            failure::Outcome::Skipped => Self::Skipped,
            failure::Outcome::TimedOut => Self::TimedOut,
        }
    }
}

impl Outcome {
    /// The word, as in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
            Self::TimedOut => "timed_out",
        }
    }
}

/// Whether runs of a workflow can be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AvailabilityWord {
    /// Every task type is there and every input can fit.
    Available,
    /// A plugin it needs may still be loading; a run started now waits for it.
    Loading,
    /// It cannot run: a start is answered with 409.
    Unavailable,
}

/// What a failed task means for tasks that do not need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFailureWord {
    /// Nothing new starts.
    Stop,
    /// Independent branches go on.
    Continue,
}

impl From<OnFailure> for OnFailureWord {
    fn from(on_failure: OnFailure) -> Self {
        match on_failure {
            OnFailure::Stop => Self::Stop,
            OnFailure::Continue => Self::Continue,
        }
    }
}

//! What each event of a run is called, which task it is about, and which attempt ended with it.

use super::{RunEvent, StreamEvent, texts};
use crate::attempt::AttemptUse;
use crate::id::{Digest, TaskId};

impl RunEvent {
    /// Every event's name, in the order of the definition.
    pub const KINDS: [&str; 51] = [
        "run-started",
        "run-admitted",
        "plugin-pinned",
        "plugin-repinned",
        "attempt-claimed",
        "attempt-started",
        "input-resolved",
        "attempt-succeeded",
        "attempt-failed",
        "attempt-cancelled",
        "attempt-released",
        "attempt-lost",
        "backoff-elapsed",
        "task-skipped",
        "context-set",
        "shared-context-read",
        "context-published",
        "task-cancelled",
        "cancel-requested",
        "run-timed-out",
        "run-if-decided",
        "branch-chosen",
        "group-opened",
        "items-expanded",
        "item-opened",
        "item-ended",
        "merge-decided",
        "reduce-opened",
        "wait-began",
        "signal-received",
        "signal-taken",
        "approval-requested",
        "approval-given",
        "decision-made",
        "child-requested",
        "child-ended",
        "task-succeeded",
        "task-failed",
        "task-timed-out",
        "task-stop-requested",
        "reuse-offered",
        "key-kept",
        "task-reused",
        "run-paused",
        "run-resumed",
        "priority-changed",
        "compensation-started",
        "compensation-opened",
        "finally-started",
        "finally-timed-out",
        "run-finished",
    ];

    /// The event's name in kebab case, as in the store, the API and SSE.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::RunStarted(_) => "run-started",
            Self::RunAdmitted { .. } => "run-admitted",
            Self::PluginPinned { .. } => "plugin-pinned",
            Self::PluginRepinned { .. } => "plugin-repinned",
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
            Self::ContextSet { .. } => "context-set",
            Self::SharedContextRead { .. } => "shared-context-read",
            Self::ContextPublished { .. } => "context-published",
            Self::TaskCancelled { .. } => "task-cancelled",
            Self::CancelRequested { .. } => "cancel-requested",
            Self::RunTimedOut => "run-timed-out",
            Self::RunIfDecided { .. } => "run-if-decided",
            Self::BranchChosen { .. } => "branch-chosen",
            Self::GroupOpened { .. } => "group-opened",
            Self::ItemsExpanded { .. } => "items-expanded",
            Self::ItemOpened { .. } => "item-opened",
            Self::ItemEnded { .. } => "item-ended",
            Self::MergeDecided { .. } => "merge-decided",
            Self::ReduceOpened { .. } => "reduce-opened",
            Self::WaitBegan { .. } => "wait-began",
            Self::SignalReceived { .. } => "signal-received",
            Self::SignalTaken { .. } => "signal-taken",
            Self::ApprovalRequested { .. } => "approval-requested",
            Self::ApprovalGiven { .. } => "approval-given",
            Self::DecisionMade { .. } => "decision-made",
            Self::ChildRequested { .. } => "child-requested",
            Self::ChildEnded { .. } => "child-ended",
            Self::TaskSucceeded { .. } => "task-succeeded",
            Self::TaskFailed { .. } => "task-failed",
            Self::TaskTimedOut { .. } => "task-timed-out",
            Self::TaskStopRequested { .. } => "task-stop-requested",
            Self::ReuseOffered { .. } => "reuse-offered",
            Self::KeyKept { .. } => "key-kept",
            Self::TaskReused { .. } => "task-reused",
            Self::RunPaused { .. } => "run-paused",
            Self::RunResumed => "run-resumed",
            Self::PriorityChanged { .. } => "priority-changed",
            Self::CompensationStarted { .. } => "compensation-started",
            Self::CompensationOpened { .. } => "compensation-opened",
            Self::FinallyStarted { .. } => "finally-started",
            Self::FinallyTimedOut => "finally-timed-out",
            Self::RunFinished { .. } => "run-finished",
        }
    }

    /// The attempt that ended, if one did and it is known what it used: its task, its number, and that.
    pub const fn used(&self) -> Option<(&TaskId, u32, &AttemptUse)> {
        match self {
            Self::AttemptSucceeded { task, number, usage, .. }
            | Self::AttemptFailed { task, number, usage, .. }
            | Self::AttemptCancelled { task, number, usage, .. }
            | Self::AttemptReleased { task, number, usage, .. } => Some((task, *number, usage)),
            _ => None,
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
            | Self::BackoffElapsed { task, .. }
            | Self::TaskSkipped { task, .. }
            | Self::TaskCancelled { task, .. }
            | Self::RunIfDecided { task, .. }
            | Self::BranchChosen { task, .. }
            | Self::GroupOpened { task, .. }
            | Self::ItemsExpanded { task, .. }
            | Self::ItemOpened { task, .. }
            | Self::ItemEnded { task, .. }
            | Self::MergeDecided { task, .. }
            | Self::ReduceOpened { task, .. }
            | Self::WaitBegan { task, .. }
            | Self::SignalTaken { task, .. }
            | Self::ApprovalRequested { task, .. }
            | Self::ApprovalGiven { task, .. }
            | Self::DecisionMade { task, .. }
            | Self::ChildRequested { task, .. }
            | Self::ChildEnded { task, .. }
            | Self::TaskSucceeded { task, .. }
            | Self::TaskFailed { task, .. }
            | Self::TaskTimedOut { task, .. }
            | Self::TaskStopRequested { task, .. }
            | Self::ReuseOffered { task, .. }
            | Self::KeyKept { task, .. }
            | Self::TaskReused { task, .. }
            | Self::CompensationOpened { task, .. } => Some(task),
            Self::ContextSet { task, .. } => task.as_ref(),
            Self::RunStarted(_)
            | Self::SharedContextRead { .. }
            | Self::ContextPublished { .. }
            | Self::RunAdmitted { .. }
            | Self::PluginPinned { .. }
            | Self::PluginRepinned { .. }
            | Self::CancelRequested { .. }
            | Self::RunTimedOut
            | Self::SignalReceived { .. }
            | Self::RunPaused { .. }
            | Self::RunResumed
            | Self::PriorityChanged { .. }
            | Self::CompensationStarted { .. }
            | Self::FinallyStarted { .. }
            | Self::FinallyTimedOut
            | Self::RunFinished { .. } => None,
        }
    }
}

impl StreamEvent for RunEvent {
    fn kind(&self) -> &'static str {
        Self::kind(self)
    }

    fn texts(&self) -> Vec<Digest> {
        texts::of_run(self)
    }
}

//! Why a command has no effect.

use super::RunState;
use super::TaskIndex;
use super::apply::IllegalEvent;
use crate::failure::Outcome;
use crate::id::{OptionId, TaskId};
use crate::time::Timestamp;

/// Why a command has no effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The run has ended.
    #[error("the run has already ended: {}", .0.as_str())]
    Finished(Outcome),
    /// The run is already being stopped.
    #[error("the run is already being stopped")]
    Stopping,
    /// The run's own tasks have ended, and its end has begun.
    #[error("the run is ending: its compensation and `finally` have a time of their own")]
    Closing,
    /// The end of the run has not begun, or has no time limit any more.
    #[error("the end of the run has not begun, or its time was over before")]
    NotClosing,
    /// It has begun already, or is being stopped.
    #[error("the run is not held")]
    NotHeld,
    /// Its time has not come.
    #[error("the run does not begin before {0}")]
    TooEarly(Timestamp),
    /// Nothing new is claimed.
    #[error("the run is paused: {0}")]
    Paused(String),
    /// It is not paused.
    #[error("the run is not paused")]
    NotPaused,
    /// The result belongs to no attempt that is under way.
    #[error("attempt {number} of task `{task}` is not under way: its result comes too late")]
    LateResult {
        /// The task.
        task: TaskId,
        /// The attempt's number.
        number: u32,
    },
    /// Nobody waits for this answer, or for one of another kind.
    #[error(
        "{question} of task `{task}` is not asked for: the answer comes too late, twice or wrong"
    )]
    LateAnswer {
        /// The task.
        task: TaskId,
        /// What was answered.
        question: String,
    },
    /// Nobody waits for the run's output.
    #[error("the output of the run is not asked for: it comes too late, twice or too early")]
    LateOutput,
    /// The task is not in a state that allows it.
    #[error("task `{task}` is {status}")]
    NotNow {
        /// The task.
        task: TaskId,
        /// Its status.
        status: &'static str,
    },
    /// The block that the task stands in is not at work.
    #[error("task `{task}` cannot be skipped: the group it is in is not at work")]
    NotAtWork {
        /// The task.
        task: TaskId,
    },
    /// The run has no such task, or not yet.
    #[error("the run has no task `{0}`: it is unknown, or in an item that was not taken up")]
    UnknownTask(TaskId),
    /// A decision is answered with an option, and not with a yes.
    #[error("task `{task}` is a decision: choose {options}")]
    NeedsOption {
        /// The task.
        task: TaskId,
        /// Its options, for people.
        options: String,
    },
    /// The decision has no such option.
    #[error("task `{task}` has no option `{option}`: choose {options}")]
    UnknownOption {
        /// The task.
        task: TaskId,
        /// The option.
        option: OptionId,
        /// Those that it has, for people.
        options: String,
    },
    /// The task has nothing to choose.
    #[error("task `{0}` is no decision")]
    NoDecision(TaskId),
    /// There are too many signals.
    #[error("the run takes no more signals: {0}")]
    TooManySignals(String),
    /// Only a run that has ended runs again.
    #[error("the run has not ended: cancel it, or wait, before it is run again")]
    NotFinished,
    /// The rerun would do nothing.
    #[error(
        "every task of the run succeeded: name the tasks that are to run again, or run it whole"
    )]
    NothingToRerun,
    /// The planner made an event that does not fit: a bug, and the run stays as it was.
    #[error(transparent)]
    Illegal(#[from] IllegalEvent),
}

impl RunState {
    /// Says that a task is not in a state that allows a command.
    pub(super) fn not_now(&self, task: TaskIndex) -> Refusal {
        let state = self.task(task);
        Refusal::NotNow { task: state.id.clone(), status: state.status.as_str() }
    }
}

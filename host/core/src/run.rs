//! One run: its state, how events change it, and what should happen next.
//!
//! ```text
//! Command ──decide──▶ RunEvent ──RunState::apply──▶ RunState ──▶ Effect
//!  (asks)             (journal)   (the only change)               (to do, after the commit)
//! ```
//!
//! [`react`] walks this line for one command; a start folds the journal's events and [`resume`]s
//! with what the state asks for. There is no other way.

mod apply;
mod command;
mod effect;
mod planner;
mod task;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::failure::{Failure, Outcome};
use crate::id::{Digest, PluginName, RunId, TaskId};
use crate::journal::RunStarted;
use crate::payload::PayloadRef;
use crate::time::Timestamp;
use crate::workflow::Workflow;

pub use crate::workflow::NodeIndex as TaskIndex;
pub use apply::IllegalEvent;
pub use command::{AttemptResult, Command, LossLimits};
pub use effect::{Effect, StopReason};
pub use planner::{Reaction, Refusal, react, resume};
pub use task::{TaskState, TaskStatus};

/// Everything that is known of one run, folded from its events.
#[derive(Debug)]
pub struct RunState {
    /// The run.
    pub id: RunId,
    /// The definition it started with, and keeps.
    pub workflow: Arc<Workflow>,
    /// What it began with.
    pub start: Box<RunStarted>,
    /// When it was accepted.
    pub started_at: Timestamp,
    /// How many events were applied: the sequence number of the last one.
    pub last_seq: u64,
    /// The plugin versions it keeps.
    pub pins: BTreeMap<PluginName, Digest>,
    /// Why nothing new may start, once that is so.
    pub stop: Option<Stop>,
    /// How it ended, once it has.
    pub finish: Option<Finish>,
    tasks: Vec<TaskState>,
    /// Tasks that have not ended.
    open: usize,
    /// Tasks with a claimed or running attempt.
    active: usize,
    /// Tasks that could be attempted.
    ready: usize,
    /// Tasks between attempts, by the time at which they go on.
    waits: BTreeSet<(Timestamp, TaskIndex)>,
    /// What changed since the last effects were drawn.
    marks: Marks,
}

/// Why a run stops before all its tasks were attempted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// How the run will end.
    pub outcome: Outcome,
    /// The reason.
    pub failure: Failure,
    /// Whether attempts that are under way are stopped too, or may end by themselves.
    pub stops_attempts: bool,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finish {
    /// When.
    pub at: Timestamp,
    /// How.
    pub outcome: Outcome,
    /// The value of the workflow's `output`, if it has one and the run succeeded.
    pub output: Option<PayloadRef>,
    /// Why it did not succeed.
    pub failure: Option<Failure>,
}

/// What a run is doing now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunStatus {
    /// Something runs, or could run as soon as there is a slot.
    Running,
    /// Every task that could go on waits for a time or for something outside.
    Waiting,
    /// It was asked to stop, and attempts are still under way.
    Cancelling,
    /// It has ended.
    Finished,
}

impl RunStatus {
    /// Every status, in the order of a run's life.
    pub const ALL: [Self; 4] = [Self::Running, Self::Waiting, Self::Cancelling, Self::Finished];

    /// The word for this status, as in the store and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Cancelling => "cancelling",
            Self::Finished => "finished",
        }
    }

    /// The status named by `word`.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

/// Tasks that changed in a way that asks for an effect.
#[derive(Debug, Default)]
struct Marks {
    ready: Vec<TaskIndex>,
    waiting: Vec<TaskIndex>,
    ended_badly: Vec<TaskIndex>,
    stopped: bool,
}

impl RunState {
    /// What the run is doing now.
    pub fn status(&self) -> RunStatus {
        if self.finish.is_some() {
            RunStatus::Finished
        } else if self.stop.as_ref().is_some_and(|stop| stop.stops_attempts) {
            RunStatus::Cancelling
        } else if self.active == 0 && self.ready == 0 && !self.waits.is_empty() {
            RunStatus::Waiting
        } else {
            RunStatus::Running
        }
    }

    /// The state of the task at `index`.
    pub fn task(&self, index: TaskIndex) -> &TaskState {
        &self.tasks[index.as_usize()]
    }

    /// Every task's state, in the order of the definition.
    pub fn tasks(&self) -> impl ExactSizeIterator<Item = (TaskIndex, &TaskState)> {
        self.tasks.iter().enumerate().map(|(place, task)| (TaskIndex::new(place), task))
    }

    /// How many tasks have ended.
    pub fn ended_tasks(&self) -> usize {
        self.tasks.len() - self.open
    }

    /// How many tasks have a claimed or running attempt.
    pub const fn active_tasks(&self) -> usize {
        self.active
    }

    /// How the run ended, once it has.
    pub fn outcome(&self) -> Option<Outcome> {
        self.finish.as_ref().map(|finish| finish.outcome)
    }

    /// The output of a task that succeeded.
    pub fn output_of(&self, id: &TaskId) -> Option<&PayloadRef> {
        self.task(self.workflow.node(id)?).output()
    }

    /// The earliest time at which a waiting task goes on; `None` if none waits for a time.
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.waits.first().map(|(at, _)| *at)
    }

    /// Gives a task another status and keeps the counts true.
    fn set_status(&mut self, index: TaskIndex, status: TaskStatus) {
        let before = std::mem::replace(&mut self.task_mut(index).status, status);
        for (status, enters) in [(before, false), (status, true)] {
            match (status, enters) {
                (TaskStatus::Ready, true) => self.ready += 1,
                (TaskStatus::Ready, false) => self.ready -= 1,
                (TaskStatus::Claimed { .. } | TaskStatus::Running { .. }, true) => self.active += 1,
                (TaskStatus::Claimed { .. } | TaskStatus::Running { .. }, false) => {
                    self.active -= 1
                }
                (TaskStatus::Backoff { until }, true) => {
                    self.waits.insert((until, index));
                }
                (TaskStatus::Backoff { until }, false) => {
                    self.waits.remove(&(until, index));
                }
                (TaskStatus::Ended(_), true) => self.open -= 1,
                (TaskStatus::Pending | TaskStatus::Ended(_), _) => {}
            }
        }
    }

    fn task_mut(&mut self, index: TaskIndex) -> &mut TaskState {
        &mut self.tasks[index.as_usize()]
    }
}

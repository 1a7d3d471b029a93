//! One run: its state, how events change it, and what should happen next.
//!
//! ```text
//! Command ──decide──▶ RunEvent ──RunState::apply──▶ RunState ──▶ Effect
//!  (asks)             (journal)   (the only change)               (to do, after the commit)
//! ```
//!
//! [`react`] walks this line for one command; a start folds the journal's events and [`resume`]s
//! with what the state asks for. There is no other way.

mod answer;
mod apply;
mod apply_attempt;
mod apply_group;
mod apply_run;
mod apply_task;
mod apply_wait;
mod attempts;
mod clock;
mod closing;
mod command;
mod context;
mod decision;
mod effect;
mod frame;
mod group;
mod held;
mod index;
mod planner;
mod question;
mod refusal;
mod rerun;
mod section;
mod settle;
mod settle_group;
mod signal;
mod status;
mod steer;
mod task;
mod timer;
mod wake;
mod why;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use crate::attempt::AiSpent;
use crate::context::Values;
use crate::failure::{Failure, Outcome};
use crate::id::{Digest, PluginName, RunId, TaskId};
use crate::journal::{Reused, RunStarted};
use crate::payload::PayloadRef;
use crate::time::Timestamp;
use crate::workflow::{Task, Workflow};

pub use apply::IllegalEvent;
pub use closing::{Closing, Phase};
pub use command::{AttemptResult, Command, LossLimits, Published};
pub use context::{ContextState, Setter, SharedRead, Write};
pub use decision::{Recommendation, Recommended, decision_output};
pub use effect::{Effect, StopReason};
pub use frame::{Frame, ItemEnd};
pub use group::{GroupState, ITEMS_AT_WORK_MAX, ITEMS_MAX, Member};
pub use index::{FrameIndex, SectionIndex, TaskIndex};
pub use planner::{Reaction, react, resume, start};
pub use question::{Answer, Question};
pub use refusal::Refusal;
pub use rerun::{RerunPlan, plan};
pub use section::{Halt, Role, Section};
pub use signal::{SIGNALS_KEPT_MAX, SIGNALS_MAX, Signal, Signals};
pub use status::RunStatus;
pub use steer::approval_output;
pub use task::{Child, TaskResult, TaskState, TaskStatus, TaskStop, WaitFor};
pub use timer::Timer;
pub use why::Why;

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
    /// When it began; `None` while it is held, and when it was stopped before.
    pub admitted_at: Option<Timestamp>,
    /// When it must have ended.
    pub deadline: Option<Timestamp>,
    /// How many events were applied: the sequence number of the last one.
    pub last_seq: u64,
    /// When the last event happened: none happens before it.
    last_at: Timestamp,
    /// How far the run's time is ahead of the host's. As the marks, no part of what a run is.
    ahead: Duration,
    /// The plugin versions it keeps.
    pub pins: BTreeMap<PluginName, Digest>,
    /// Why nothing new may start, once that is so.
    pub stop: Option<Stop>,
    /// How it ended, once it has.
    pub finish: Option<Finish>,
    /// Why nothing new is claimed, while that is so.
    pub paused: Option<String>,
    /// Higher goes first.
    pub priority: i32,
    tasks: Vec<TaskState>,
    frames: Vec<Frame>,
    sections: Vec<Section>,
    /// The frames of items, by their `for_each`.
    item_frames: HashMap<(TaskIndex, u32), FrameIndex>,
    /// Tasks that have ended.
    ended: usize,
    /// Tasks with a claimed or running attempt.
    active: usize,
    /// Tasks that could be attempted.
    ready: usize,
    /// Tasks between attempts, and those that wait for something outside.
    waiting: usize,
    /// What happens to tasks by itself, by time.
    timers: BTreeSet<(Timestamp, TaskIndex, Timer)>,
    /// What has to be computed.
    questions: BTreeSet<(TaskIndex, Question)>,
    signals: Signals,
    context: ContextState,
    /// What plugins have spent on models.
    ai_spent: BTreeMap<PluginName, AiSpent>,
    /// What is taken over from an earlier run.
    reuse: HashMap<TaskId, Reused>,
    /// What goes into the context along with it.
    reused_writes: HashMap<TaskId, Values>,
    /// Why persons are asked to decide, by the decision.
    asked_because: HashMap<TaskIndex, String>,
    /// The runs that keys of tasks name, where it is not this one.
    keys: HashMap<TaskId, RunId>,
    closing: Closing,
    /// Questions that a pause holds back. As the marks, no part of what a run is.
    held: Vec<(TaskIndex, Question)>,
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

/// What changed in a way that asks for a consequence or an effect.
#[derive(Debug, Default)]
struct Marks {
    /// Tasks whose time has come.
    due: Vec<TaskIndex>,
    /// Sections in which something failed.
    halted: Vec<SectionIndex>,
    /// Sections that were stopped.
    cancelled: Vec<SectionIndex>,
    /// Tasks whose dependents do not go on.
    ended_badly: Vec<TaskIndex>,
    /// Groups that ended without having been at work.
    closed: Vec<TaskIndex>,
    /// Branches that took one of their blocks.
    untaken: Vec<TaskIndex>,
    /// Names for which there is a signal or a waiter.
    signals: Vec<Arc<str>>,
    /// Sections of items that ended without a value.
    items: Vec<SectionIndex>,
    /// Groups in which something changed.
    groups: Vec<TaskIndex>,

    ready: Vec<TaskIndex>,
    timers: Vec<(Timestamp, TaskIndex, Timer)>,
    asked: Vec<(TaskIndex, Question)>,
    /// Tasks that were told to stop.
    stopping: Vec<TaskIndex>,
    /// Tasks whose run is to be started.
    children: Vec<TaskIndex>,
    admitted: bool,
    stopped: bool,
    paused: bool,
    resumed: bool,
    prioritised: bool,
    closing: bool,
}

impl RunState {
    /// The state of the task at `index`.
    pub fn task(&self, index: TaskIndex) -> &TaskState {
        &self.tasks[index.as_usize()]
    }

    /// The definition of the task at `index`.
    pub fn definition(&self, index: TaskIndex) -> &Task {
        self.workflow.task(self.task(index).node)
    }

    /// Every task's state: those of the workflow in the order of the file, then those of the items
    /// that were taken up.
    pub fn tasks(&self) -> impl ExactSizeIterator<Item = (TaskIndex, &TaskState)> {
        self.tasks.iter().enumerate().map(|(place, task)| (TaskIndex::new(place), task))
    }

    /// How many tasks have ended.
    pub const fn ended_tasks(&self) -> usize {
        self.ended
    }

    /// How many tasks have a claimed or running attempt.
    pub const fn active_tasks(&self) -> usize {
        self.active
    }

    /// How the run ended, once it has.
    pub fn outcome(&self) -> Option<Outcome> {
        self.finish.as_ref().map(|finish| finish.outcome)
    }

    /// The output of a task that has one.
    pub fn output_of(&self, id: &TaskId) -> Option<&PayloadRef> {
        self.task(self.index_of(id)?).output()
    }

    /// What handlers are told as the key of a task: the same for all its attempts, and also when it
    /// is tried again in another run because it had not succeeded.
    pub fn idempotency_key(&self, index: TaskIndex) -> String {
        let id = &self.task(index).id;
        format!("{}:{id}", self.keys.get(id).unwrap_or(&self.id))
    }

    /// What is taken over for a task from an earlier run.
    fn reuse_of(&self, index: TaskIndex) -> Option<&Reused> {
        if self.reuse.is_empty() { None } else { self.reuse.get(&self.task(index).id) }
    }

    fn set_status(&mut self, index: TaskIndex, status: TaskStatus) {
        self.change(index, |task| task.status = status);
    }

    /// Changes a task and keeps the counts and the timers true.
    fn change(&mut self, index: TaskIndex, change: impl FnOnce(&mut TaskState)) {
        let times = self.times_of(index);
        let task = self.task_mut(index);
        let before = task.status;
        change(task);
        let after = task.status;
        if let Some(count) = self.count_of(before) {
            *count -= 1;
        }
        if let Some(count) = self.count_of(after) {
            *count += 1;
        }
        self.reset_timers(index, times);
    }

    /// The count that a task of this status belongs to.
    const fn count_of(&mut self, status: TaskStatus) -> Option<&mut usize> {
        match status {
            TaskStatus::Ready => Some(&mut self.ready),
            TaskStatus::Claimed { .. } | TaskStatus::Running { .. } => Some(&mut self.active),
            TaskStatus::Backoff { .. } | TaskStatus::Waiting(_) => Some(&mut self.waiting),
            TaskStatus::Ended(_) => Some(&mut self.ended),
            TaskStatus::Pending | TaskStatus::Due | TaskStatus::Asked(_) | TaskStatus::Open => None,
        }
    }

    fn task_mut(&mut self, index: TaskIndex) -> &mut TaskState {
        &mut self.tasks[index.as_usize()]
    }
}

//! How an event changes a run: the only place where that happens. What happens to attempts, tasks,
//! groups and the run as a whole is told in the modules beside this one.

use std::collections::BTreeSet;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::closing::Closing;
use super::held::start_is_held;
use super::{ContextState, FrameIndex, Marks, RunState, Signals, TaskIndex, TaskStatus};
use crate::id::{RunId, TaskId};
use crate::journal::{Entry, RunEvent, RunStarted};
use crate::time::Timestamp;
use crate::workflow::{BodyIndex, Workflow};

/// An event that does not fit the state it was applied to: the journal is damaged, or was written
/// by something else than the planner.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {seq} (`{event}`) does not fit the run: {reason}")]
pub struct IllegalEvent {
    /// The sequence number the event has or would have.
    pub seq: u64,
    /// The event's kind.
    pub event: &'static str,
    /// What does not fit.
    pub reason: String,
}

impl RunState {
    /// The state after a run's first event. A new run is begun by [`super::start`], which also makes
    /// the events that follow at once.
    pub fn begin(
        id: RunId,
        workflow: Arc<Workflow>,
        start: Box<RunStarted>,
        at: Timestamp,
    ) -> Self {
        let mut state = Self {
            id,
            pins: start.pins.clone(),
            started_at: at,
            admitted_at: None,
            deadline: start.deadline,
            last_seq: 1,
            last_at: at,
            ahead: Duration::ZERO,
            stop: None,
            finish: None,
            paused: None,
            priority: start.priority,
            tasks: Vec::new(),
            frames: Vec::new(),
            sections: Vec::new(),
            item_frames: HashMap::new(),
            ended: 0,
            active: 0,
            ready: 0,
            waiting: 0,
            timers: BTreeSet::new(),
            questions: BTreeSet::new(),
            signals: Signals::default(),
            context: ContextState::default(),
            ai_spent: BTreeMap::new(),
            reuse: HashMap::new(),
            reused_writes: HashMap::new(),
            asked_because: HashMap::new(),
            keys: HashMap::new(),
            closing: Closing::default(),
            held: Vec::new(),
            marks: Marks::default(),
            start,
            workflow,
        };
        let frame = state.add_frame(BodyIndex::ROOT, None);
        debug_assert_eq!(frame, FrameIndex::ROOT);
        if !start_is_held(&state.start) {
            state.admit(at);
        }
        state
    }

    /// Folds a run's journal.
    ///
    /// # Errors
    /// When the first event is not `RunStarted`, or one does not fit the state before it.
    pub fn replay<'a>(
        id: RunId,
        workflow: Arc<Workflow>,
        entries: impl IntoIterator<Item = &'a Entry<RunEvent>>,
    ) -> Result<Self, IllegalEvent> {
        let mut entries = entries.into_iter();
        let mut state = match entries.next() {
            Some(Entry { at, event: RunEvent::RunStarted(start) }) => {
                Self::begin(id, workflow, start.clone(), *at)
            }
            other => {
                return Err(IllegalEvent {
                    seq: 1,
                    event: other.map_or("nothing", |entry| entry.event.kind()),
                    reason: "a run begins with `run-started`".to_owned(),
                });
            }
        };
        for entry in entries {
            state.apply(entry)?;
        }
        Ok(state)
    }

    /// Folds one event into the state. The only way a run changes.
    ///
    /// # Errors
    /// When the event does not fit; the state is then as before.
    pub fn apply(&mut self, entry: &Entry<RunEvent>) -> Result<(), IllegalEvent> {
        self.fold(&entry.event, entry.at).map_err(|reason| IllegalEvent {
            seq: self.last_seq + 1,
            event: entry.event.kind(),
            reason,
        })?;
        self.last_seq += 1;
        self.note_time(entry.at);
        Ok(())
    }

    fn fold(&mut self, event: &RunEvent, at: Timestamp) -> Result<(), String> {
        use RunEvent as E;
        if self.finish.is_some() {
            return Err("the run has ended".to_owned());
        }
        match event {
            E::AttemptClaimed { .. }
            | E::AttemptStarted { .. }
            | E::InputResolved { .. }
            | E::AttemptSucceeded { .. }
            | E::AttemptFailed { .. }
            | E::AttemptCancelled { .. }
            | E::AttemptReleased { .. }
            | E::AttemptLost { .. }
            | E::BackoffElapsed { .. } => self.fold_attempt(event, at),
            E::TaskSkipped { .. }
            | E::TaskCancelled { .. }
            | E::RunIfDecided { .. }
            | E::TaskSucceeded { .. }
            | E::TaskFailed { .. }
            | E::TaskTimedOut { .. }
            | E::TaskStopRequested { .. }
            | E::TaskReused { .. } => self.fold_task(event, at),
            E::WaitBegan { .. }
            | E::SignalReceived { .. }
            | E::SignalTaken { .. }
            | E::ApprovalRequested { .. }
            | E::ApprovalGiven { .. }
            | E::DecisionMade { .. }
            | E::ChildRequested { .. }
            | E::ChildEnded { .. } => self.fold_wait(event, at),
            E::BranchChosen { .. }
            | E::GroupOpened { .. }
            | E::ItemsExpanded { .. }
            | E::ItemOpened { .. }
            | E::ItemEnded { .. }
            | E::MergeDecided { .. }
            | E::ReduceOpened { .. } => self.fold_group(event, at),
            E::ContextSet { task, values } => self.fold_context(task.as_ref(), values, at),
            E::SharedContextRead { .. } | E::ContextPublished { .. } => self.fold_shared(event),
            E::RunStarted(_)
            | E::RunAdmitted { .. }
            | E::PluginPinned { .. }
            | E::PluginRepinned { .. }
            | E::CancelRequested { .. }
            | E::RunTimedOut
            | E::ReuseOffered { .. }
            | E::KeyKept { .. }
            | E::RunPaused { .. }
            | E::RunResumed
            | E::PriorityChanged { .. }
            | E::CompensationStarted { .. }
            | E::CompensationOpened { .. }
            | E::FinallyStarted { .. }
            | E::FinallyTimedOut
            | E::RunFinished { .. } => self.fold_run(event, at),
        }
    }

    /// The place of a task that is in a state that allows an event.
    pub(super) fn expect(
        &self,
        task: &TaskId,
        allowed: impl Fn(TaskStatus) -> bool,
    ) -> Result<TaskIndex, String> {
        let index = self.index_of(task).ok_or_else(|| format!("there is no task `{task}`"))?;
        let status = self.task(index).status;
        if allowed(status) { Ok(index) } else { Err(format!("task `{task}` is {status:?}")) }
    }
}

/// What a module of this kind says to an event that another one folds.
pub(super) fn elsewhere(event: &RunEvent) -> Result<(), String> {
    Err(format!("`{}` is folded elsewhere", event.kind()))
}

//! How an event changes a run: the only place where that happens.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::TaskIndex;
use super::{Finish, Marks, RunState, Stop, TaskState, TaskStatus};
use crate::attempt::{Attempt, AttemptEnding, AttemptUse};
use crate::failure::{Failure, FailureClass, Next, Outcome};
use crate::id::{RunId, TaskId};
use crate::journal::{Entry, RunEvent, RunStarted};
use crate::time::Timestamp;
use crate::workflow::{OnFailure, Workflow};

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
    /// The state after a run's first event.
    pub fn begin(
        id: RunId,
        workflow: Arc<Workflow>,
        start: Box<RunStarted>,
        at: Timestamp,
    ) -> Self {
        let count = workflow.graph.len();
        let needs = |place| workflow.graph.dependencies(TaskIndex::new(place)).len();
        let tasks: Vec<TaskState> = (0..count).map(|place| TaskState::new(needs(place))).collect();
        let mut state = Self {
            id,
            pins: start.pins.clone(),
            started_at: at,
            last_seq: 1,
            stop: None,
            finish: None,
            open: tasks.len(),
            active: 0,
            ready: 0,
            waits: BTreeSet::new(),
            marks: Marks::default(),
            tasks,
            start,
            workflow,
        };
        for place in 0..count {
            let index = TaskIndex::new(place);
            if state.task(index).unmet == 0 {
                state.make_ready(index, at);
            }
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
        Ok(())
    }

    fn fold(&mut self, event: &RunEvent, at: Timestamp) -> Result<(), String> {
        if self.finish.is_some() {
            return Err("the run has ended".to_owned());
        }
        match event {
            RunEvent::RunStarted(_) => return Err("the run has already started".to_owned()),
            RunEvent::PluginPinned { plugin, digest } => {
                self.pins.insert(plugin.clone(), *digest);
            }
            RunEvent::AttemptClaimed { task, number, ready_at, class, rank, host, epoch } => {
                let index = self.expect(task, |status| status == TaskStatus::Ready)?;
                if *number != self.task(index).next_number() {
                    return Err(format!("attempt {number} of `{task}` is out of order"));
                }
                self.set_status(index, TaskStatus::Claimed { number: *number });
                self.task_mut(index).attempts.push(Attempt {
                    number: *number,
                    counted: true,
                    ready_at: *ready_at,
                    claimed_at: at,
                    started_at: None,
                    ended_at: None,
                    class: *class,
                    rank: *rank,
                    host: Arc::clone(host),
                    epoch: *epoch,
                    end: None,
                    usage: AttemptUse::default(),
                });
            }
            RunEvent::AttemptStarted { task, number, started_at } => {
                let claimed = TaskStatus::Claimed { number: *number };
                let index = self.expect(task, |status| status == claimed)?;
                self.set_status(index, TaskStatus::Running { number: *number });
                self.task_mut(index).attempts.last_mut().expect("claimed").started_at =
                    Some(*started_at);
            }
            RunEvent::InputResolved { task, input } => {
                let index = self.index_of(task)?;
                self.task_mut(index).input = Some(input.clone());
            }
            RunEvent::AttemptSucceeded { task, number, output, usage } => {
                let ending = AttemptEnding::Succeeded(output.clone());
                let index = self.end_attempt(task, *number, ending, Some(usage), at)?;
                self.end_task(index, Outcome::Succeeded, at);
            }
            RunEvent::AttemptFailed { task, number, failure, next, usage } => {
                let ending = AttemptEnding::Failed(failure.clone(), *next);
                let index = self.end_attempt(task, *number, ending, Some(usage), at)?;
                self.follow(index, *next, failure, at);
            }
            RunEvent::AttemptCancelled { task, number, failure, usage } => {
                let ending = AttemptEnding::Cancelled(failure.clone());
                let index = self.end_attempt(task, *number, ending, Some(usage), at)?;
                self.end_task(index, Outcome::Cancelled, at);
            }
            RunEvent::AttemptReleased { task, number, reason, retry_at, usage } => {
                let ending = AttemptEnding::Released(*reason);
                let index = self.end_attempt(task, *number, ending, Some(usage), at)?;
                self.wait_until(index, *retry_at, at);
            }
            RunEvent::AttemptLost { task, number, next, failure } => {
                let ending = AttemptEnding::Lost(failure.clone(), *next);
                let index = self.end_attempt(task, *number, ending, None, at)?;
                self.follow(index, *next, failure, at);
            }
            RunEvent::BackoffElapsed { task } => {
                let index = self.expect(task, |s| matches!(s, TaskStatus::Backoff { .. }))?;
                self.make_ready(index, at);
            }
            RunEvent::TaskSkipped { task, reason } => {
                let index = self.expect(task, TaskStatus::is_idle)?;
                self.task_mut(index).skip_reason = Some(reason.clone());
                self.end_task(index, Outcome::Skipped, at);
            }
            RunEvent::TaskCancelled { task } => {
                let index = self.expect(task, TaskStatus::is_idle)?;
                self.end_task(index, Outcome::Cancelled, at);
            }
            RunEvent::CancelRequested { reason } => {
                let failure = Failure::new(FailureClass::Cancelled, "run-cancelled", reason);
                self.stop_run(Stop { outcome: Outcome::Cancelled, failure, stops_attempts: true });
            }
            RunEvent::RunTimedOut => {
                let limit = self.workflow.config.timeout.unwrap_or_default();
                let message = format!("the run took longer than its timeout of {limit:?}");
                let failure = Failure::new(FailureClass::Timeout, "run-timeout", message);
                self.stop_run(Stop { outcome: Outcome::TimedOut, failure, stops_attempts: true });
            }
            RunEvent::RunFinished { outcome, output, failure } => {
                if self.open > 0 {
                    return Err(format!("{} tasks have not ended", self.open));
                }
                self.finish = Some(Finish {
                    at,
                    outcome: *outcome,
                    output: output.clone(),
                    failure: failure.clone(),
                });
            }
        }
        Ok(())
    }

    /// Gives the attempt that is under way its ending.
    fn end_attempt(
        &mut self,
        task: &TaskId,
        number: u32,
        ending: AttemptEnding,
        usage: Option<&AttemptUse>,
        at: Timestamp,
    ) -> Result<TaskIndex, String> {
        let index = self.expect(task, |status| status.active_attempt() == Some(number))?;
        let attempt = self.task_mut(index).attempts.last_mut().expect("one is under way");
        attempt.counted = matches!(ending, AttemptEnding::Succeeded(_) | AttemptEnding::Failed(..));
        attempt.end = Some(ending);
        attempt.ended_at = Some(at);
        if let Some(usage) = usage {
            attempt.started_at = usage.started_at.or(attempt.started_at);
            attempt.usage = usage.clone();
        }
        Ok(index)
    }

    /// What follows an attempt that failed or was lost.
    fn follow(&mut self, index: TaskIndex, next: Next, failure: &Failure, at: Timestamp) {
        match next {
            Next::RetryAt(until) => self.wait_until(index, until, at),
            Next::GiveUp => {
                let outcome = match failure.class {
                    FailureClass::Timeout => Outcome::TimedOut,
                    _ => Outcome::Failed,
                };
                self.end_task(index, outcome, at);
                if self.workflow.config.on_failure == OnFailure::Stop {
                    let failure = self.task_failed(index, failure);
                    let stop = Stop { outcome: Outcome::Failed, failure, stops_attempts: false };
                    self.stop_run(stop);
                }
            }
        }
    }

    fn wait_until(&mut self, index: TaskIndex, until: Timestamp, at: Timestamp) {
        if until <= at {
            self.make_ready(index, at);
        } else {
            self.set_status(index, TaskStatus::Backoff { until });
            self.marks.waiting.push(index);
        }
    }

    fn make_ready(&mut self, index: TaskIndex, at: Timestamp) {
        self.set_status(index, TaskStatus::Ready);
        self.task_mut(index).ready_at = Some(at);
        self.marks.ready.push(index);
    }

    fn end_task(&mut self, index: TaskIndex, outcome: Outcome, at: Timestamp) {
        self.set_status(index, TaskStatus::Ended(outcome));
        self.task_mut(index).ended_at = Some(at);
        if outcome == Outcome::Succeeded {
            self.meet_dependents(index, at);
        } else {
            self.marks.ended_badly.push(index);
        }
    }

    fn meet_dependents(&mut self, index: TaskIndex, at: Timestamp) {
        let workflow = Arc::clone(&self.workflow);
        for dependent in workflow.graph.dependents(index) {
            let task = self.task_mut(*dependent);
            task.unmet -= 1;
            if task.unmet == 0 && task.status == TaskStatus::Pending {
                self.make_ready(*dependent, at);
            }
        }
    }

    /// The first reason to stop decides; a cancellation or timeout goes over a failed task.
    fn stop_run(&mut self, stop: Stop) {
        let decided = self.stop.as_ref().is_some_and(|before| before.stops_attempts);
        if !decided && (self.stop.is_none() || stop.stops_attempts) {
            self.stop = Some(stop);
            self.marks.stopped = true;
        }
    }

    /// The failure of a run one of whose tasks failed.
    pub(super) fn task_failed(&self, index: TaskIndex, failure: &Failure) -> Failure {
        let id = &self.workflow.task(index).id;
        Failure {
            code: "task-failed".to_owned(),
            message: format!("task `{id}` failed: {}: {}", failure.code, failure.message),
            class: failure.class,
            details: Some(serde_json::json!({ "task": id.as_str(), "code": failure.code })),
        }
    }

    fn index_of(&self, task: &TaskId) -> Result<TaskIndex, String> {
        self.workflow.node(task).ok_or_else(|| format!("there is no task `{task}`"))
    }

    fn expect(
        &self,
        task: &TaskId,
        allowed: impl Fn(TaskStatus) -> bool,
    ) -> Result<TaskIndex, String> {
        let index = self.index_of(task)?;
        let status = self.task(index).status;
        if allowed(status) { Ok(index) } else { Err(format!("task `{task}` is {status:?}")) }
    }
}

//! How events of waits change a run: times, signals, approvals and child runs.

use std::sync::Arc;

use super::apply::elsewhere;
use super::{Child, Question, RunState, TaskIndex, TaskStatus, WaitFor};
use crate::failure::{Failure, FailureClass, Outcome, code};
use crate::id::TaskId;
use crate::journal::RunEvent;
use crate::payload::PayloadRef;
use crate::time::Timestamp;
use crate::workflow::{TaskKind, WaitUntil};

impl RunState {
    pub(super) fn fold_wait(&mut self, event: &RunEvent, at: Timestamp) -> Result<(), String> {
        match event {
            RunEvent::WaitBegan { task, until } => self.begin_wait(task, *until),
            RunEvent::SignalReceived { id, name, payload } => {
                self.signals.receive(id, name, payload);
                self.marks.signals.push(Arc::clone(name));
                Ok(())
            }
            RunEvent::SignalTaken { task, signal } => self.take_signal(task, signal, at),
            RunEvent::ApprovalRequested { task, prompt, deadline, reason } => {
                let index = self.expect(task, TaskStatus::is_idle)?;
                self.withdraw_questions(index);
                if let Some(reason) = reason {
                    self.asked_because.insert(index, reason.clone());
                }
                self.task_mut(index).input = Some(prompt.clone());
                let wait = WaitFor::Approval { until: *deadline };
                self.set_status(index, TaskStatus::Waiting(wait));
                Ok(())
            }
            RunEvent::ApprovalGiven { task, approved, by, comment, output, .. } => {
                let said = comment.as_deref().or(by.as_ref().map(|_| "no reason was given"));
                self.end_approval(task, *approved, said, output, at)
            }
            RunEvent::DecisionMade { task, input, output, .. } => {
                let index = self.expect(task, is_undecided)?;
                if let Some(input) = input {
                    self.task_mut(index).input = Some(input.clone());
                }
                self.set_output(index, output.clone());
                self.end_task(index, Outcome::Succeeded, at);
                Ok(())
            }
            RunEvent::ChildRequested { task, run, input, detached, .. } => {
                let index = self.expect(task, TaskStatus::is_idle)?;
                self.withdraw_questions(index);
                let state = self.task_mut(index);
                state.input = Some(input.clone());
                state.child = Some(Box::new(Child { run: *run, detached: *detached }));
                self.set_status(index, TaskStatus::Waiting(WaitFor::Child));
                self.marks.children.push(index);
                Ok(())
            }
            RunEvent::ChildEnded { task, outcome, output, failure, .. } => {
                let child = TaskStatus::Waiting(WaitFor::Child);
                let index = self.expect(task, |status| status == child)?;
                self.end_child(index, *outcome, output.as_ref(), failure.as_ref(), at);
                Ok(())
            }
            other => elsewhere(other),
        }
    }

    fn begin_wait(&mut self, task: &TaskId, until: Option<Timestamp>) -> Result<(), String> {
        let index = self.expect(task, TaskStatus::is_idle)?;
        self.withdraw_questions(index);
        let workflow = Arc::clone(&self.workflow);
        let TaskKind::Wait(wait) = &workflow.task(self.task(index).node).kind else {
            return Err(format!("`{task}` is no wait"));
        };
        let status = match (&wait.until, until) {
            (WaitUntil::Signal(name), until) => {
                self.signals.wait(name, index);
                self.marks.signals.push(Arc::clone(name));
                WaitFor::Signal { until }
            }
            (_, Some(until)) => WaitFor::Time { until },
            (_, None) => return Err(format!("`{task}` waits for no time")),
        };
        self.set_status(index, TaskStatus::Waiting(status));
        Ok(())
    }

    /// The name of the signal that a task waits for.
    pub(super) fn awaited_signal(&self, index: TaskIndex) -> Option<&Arc<str>> {
        match &self.definition(index).kind {
            TaskKind::Wait(wait) => match &wait.until {
                WaitUntil::Signal(name) => Some(name),
                WaitUntil::For(_) | WaitUntil::Time(_) => None,
            },
            _ => None,
        }
    }

    fn take_signal(&mut self, task: &TaskId, id: &str, at: Timestamp) -> Result<(), String> {
        let waits = |status| matches!(status, TaskStatus::Waiting(WaitFor::Signal { .. }));
        let index = self.expect(task, waits)?;
        let name = self.awaited_signal(index).cloned().ok_or("it waits for no signal")?;
        let signal = self.signals.take(&name, id, index).ok_or("there is no such signal")?;
        self.marks.signals.push(name);
        self.set_output(index, signal.payload);
        self.end_task(index, Outcome::Succeeded, at);
        Ok(())
    }

    fn end_approval(
        &mut self,
        task: &TaskId,
        approved: bool,
        said: Option<&str>,
        output: &PayloadRef,
        at: Timestamp,
    ) -> Result<(), String> {
        let waits = |status| matches!(status, TaskStatus::Waiting(WaitFor::Approval { .. }));
        let index = self.expect(task, waits)?;
        let reject_fails = match &self.definition(index).kind {
            TaskKind::Approval(approval) => approval.reject_fails,
            TaskKind::Decision(_) if !approved => true,
            _ => return Err(format!("`{task}` is no approval")),
        };
        if approved || !reject_fails {
            self.set_output(index, output.clone());
            self.end_task(index, Outcome::Succeeded, at);
        } else {
            let said = said.unwrap_or("nobody answered in time");
            let message = format!("it was rejected: {said}");
            self.set_failure(index, Failure::new(FailureClass::Permanent, code::REJECTED, message));
            self.end_task(index, Outcome::Failed, at);
        }
        Ok(())
    }

    fn end_child(
        &mut self,
        index: TaskIndex,
        outcome: Outcome,
        output: Option<&PayloadRef>,
        failure: Option<&Failure>,
        at: Timestamp,
    ) {
        if outcome == Outcome::Succeeded {
            self.set_output(index, output.cloned().unwrap_or_else(PayloadRef::null));
            return self.end_task(index, Outcome::Succeeded, at);
        }
        if self.is_stopped(index) {
            return self.end_stopped(index, at);
        }
        let run = self.task(index).child.as_ref().map(|child| child.run);
        let run = run.map(|run| run.to_string()).unwrap_or_default();
        let why = failure.map_or("no reason was given", |failure| &failure.message);
        let message = format!("run `{run}` ended as {}: {why}", outcome.as_str());
        let class = failure.map_or(FailureClass::Permanent, |failure| failure.class);
        let details = failure.and_then(|failure| serde_json::to_value(failure).ok());
        let failure = Failure { details, ..Failure::new(class, code::CHILD_FAILED, message) };
        self.set_failure(index, failure);
        self.end_task(index, Outcome::Failed, at);
    }
}

/// Whether a decision may be made: what is recommended was computed, or a person was asked.
const fn is_undecided(status: TaskStatus) -> bool {
    matches!(
        status,
        TaskStatus::Asked(Question::Recommendation) | TaskStatus::Waiting(WaitFor::Approval { .. })
    )
}

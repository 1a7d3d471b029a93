//! How a task begins, ends, and what its end means for its section and for what needs it.

use std::sync::Arc;

use super::apply::elsewhere;
use super::group::Tally;
use super::{
    GroupState, Halt, Question, Role, RunState, TaskIndex, TaskResult, TaskStatus, TaskStop,
    WaitFor,
};
use crate::failure::{Failure, FailureClass, Outcome, code};
use crate::journal::{Reused, RunEvent};
use crate::payload::PayloadRef;
use crate::time::Timestamp;
use crate::workflow::{Members, TaskKind, WaitUntil};

impl RunState {
    pub(super) fn fold_task(&mut self, event: &RunEvent, at: Timestamp) -> Result<(), String> {
        let idle = TaskStatus::is_idle;
        let idle_or_open = |status: TaskStatus| status.is_idle() || status == TaskStatus::Open;
        match event {
            RunEvent::TaskSkipped { task, reason, output } => {
                let index = self.expect(task, idle)?;
                self.task_mut(index).skip_reason = Some(reason.clone());
                if let Some(output) = output {
                    self.set_output(index, output.clone());
                }
                self.end_task(index, Outcome::Skipped, at);
            }
            RunEvent::TaskCancelled { task } => {
                let index = self.expect(task, idle_or_open)?;
                self.end_task(index, Outcome::Cancelled, at);
            }
            RunEvent::RunIfDecided { task, runs } => {
                let asked = TaskStatus::Asked(Question::RunIf);
                let index = self.expect(task, |status| status == asked)?;
                self.withdraw_questions(index);
                if *runs {
                    self.begin_kind(index, at);
                }
            }
            RunEvent::TaskSucceeded { task, output } => {
                let index = self.expect(task, |s| idle_or_open(s) || is_done(s))?;
                self.set_output(index, output.clone());
                self.end_task(index, Outcome::Succeeded, at);
            }
            RunEvent::TaskFailed { task, failure } => {
                let index = self.expect(task, |s| idle_or_open(s) || is_done(s))?;
                self.set_failure(index, failure.clone());
                self.end_task(index, Outcome::Failed, at);
            }
            RunEvent::TaskTimedOut { task, failure } => {
                let index = self.expect(task, idle_or_open)?;
                self.set_failure(index, failure.clone());
                self.end_task(index, Outcome::TimedOut, at);
            }
            RunEvent::TaskStopRequested { task, outcome, failure } => {
                let index = self.expect(task, |s| !s.is_idle() && s.outcome().is_none())?;
                self.stop_task(index, *outcome, failure);
            }
            RunEvent::TaskReused { task, output, from } => {
                let index = self.expect(task, idle)?;
                let (output, from) = (Some(output.clone()), Some(*from));
                self.task_mut(index).result =
                    Some(Box::new(TaskResult { output, failure: None, from }));
                self.end_task(index, Outcome::Succeeded, at);
            }
            other => return elsewhere(other),
        }
        Ok(())
    }

    /// All that a task needs is there: it goes on by what it is.
    pub(super) fn begin_task(&mut self, index: TaskIndex, at: Timestamp) {
        let workflow = Arc::clone(&self.workflow);
        let definition = workflow.task(self.task(index).node);
        if matches!(self.reuse_of(index), Some(Reused::Output(_))) {
            self.set_due(index);
        } else if definition.run_if.is_some() {
            self.ask_first(index, Question::RunIf);
        } else {
            self.begin_kind(index, at);
        }
    }

    fn begin_kind(&mut self, index: TaskIndex, at: Timestamp) {
        self.change(index, |task| task.first_ready_at = Some(at));
        if self.reuse_of(index).is_some() {
            return self.set_due(index);
        }
        let workflow = Arc::clone(&self.workflow);
        match &workflow.task(self.task(index).node).kind {
            TaskKind::Call(_) => self.make_ready(index, at),
            TaskKind::Branch { .. } => self.ask_first(index, Question::Condition),
            TaskKind::Switch { .. } => self.ask_first(index, Question::Selector),
            TaskKind::Parallel { members: Members::Items { .. }, .. } => {
                self.ask_first(index, Question::Items);
            }
            TaskKind::Group { .. } | TaskKind::Parallel { .. } => self.set_due(index),
            TaskKind::Wait(wait) => match &wait.until {
                WaitUntil::Time(_) => self.ask_first(index, Question::Until),
                WaitUntil::For(_) | WaitUntil::Signal(_) => self.set_due(index),
            },
            TaskKind::Decision(_) => self.ask_first(index, Question::Recommendation),
            TaskKind::Approval(_) => self.ask_first(index, Question::Prompt),
            TaskKind::Workflow(_) => self.ask_first(index, Question::ChildInput),
        }
    }

    fn set_due(&mut self, index: TaskIndex) {
        self.set_status(index, TaskStatus::Due);
        self.marks.due.push(index);
    }

    /// Ends a task whose attempt or child was stopped.
    pub(super) fn end_stopped(&mut self, index: TaskIndex, at: Timestamp) {
        let Some(stop) = self.task(index).stop.clone() else {
            return self.end_task(index, Outcome::Cancelled, at);
        };
        self.set_failure(index, stop.failure);
        self.end_task(index, stop.outcome, at);
    }

    /// Ends a task, and hands its end on.
    pub(super) fn end_task(&mut self, index: TaskIndex, outcome: Outcome, at: Timestamp) {
        if outcome == Outcome::Succeeded && self.owes_writes(index) {
            self.withdraw_questions(index);
            return self.ask_first(index, Question::Writes);
        }
        let was_pending = self.task(index).status == TaskStatus::Pending;
        self.withdraw_questions(index);
        self.change(index, |task| {
            task.status = TaskStatus::Ended(outcome);
            task.ended_at = Some(at);
        });
        let workflow = Arc::clone(&self.workflow);
        let definition = workflow.task(self.task(index).node);
        if self.task(index).group.is_none() && !definition.kind.is_single() {
            self.marks.closed.push(index);
        }
        let Some(place) = self.task(index).section else { return };
        let section = self.section(place);
        let (role, owner) = (section.role, section.owner);
        let tally = self.tally_of(index, outcome, definition.allow_failure, section.halt);
        let allowed = matches!(outcome, Outcome::Failed | Outcome::TimedOut);
        let passes = match tally {
            Tally::Succeeded(_) => true,
            Tally::Neither => allowed,
            Tally::Failed(_) => false,
        };
        if passes {
            self.meet_dependents(index, at);
        } else {
            self.marks.ended_badly.push(index);
            self.meet_deciders(index, at);
        }
        if outcome == Outcome::Succeeded && definition.compensation.is_some() {
            self.closing.compensable.push(index);
        }
        if let Tally::Failed(failure) = &tally {
            self.fail_section(place, self.task_failed(index, failure.as_ref()));
        }
        let section = self.section_mut(place);
        section.open -= 1;
        let over = section.open == 0;
        if let (Role::Members, Some(owner)) = (role, owner) {
            let named = self.named(tally, index);
            self.tally_member(place, owner, named, was_pending, at);
        }
        if over {
            self.section_ended(place);
        }
    }

    /// A member's failure as its group reports it.
    fn named(&self, tally: Tally, index: TaskIndex) -> Tally {
        match tally {
            Tally::Failed(failure) => {
                Tally::Failed(Some(self.task_failed(index, failure.as_ref())))
            }
            other => other,
        }
    }

    /// What a task's end means to what is around it.
    fn tally_of(&self, index: TaskIndex, outcome: Outcome, allowed: bool, halt: Halt) -> Tally {
        let task = self.task(index);
        match outcome {
            Outcome::Succeeded => Tally::Succeeded(task.output().cloned()),
            Outcome::Skipped => match task.output() {
                Some(output) => Tally::Succeeded(Some(output.clone())),
                None => Tally::Neither,
            },
            Outcome::Failed | Outcome::TimedOut if allowed => Tally::Neither,
            Outcome::Failed | Outcome::TimedOut => Tally::Failed(task.failure().cloned()),
            // Nobody asked for it: the attempt itself said so.
            Outcome::Cancelled if halt != Halt::Cancelled && task.stop.is_none() => {
                Tally::Failed(task.failure().cloned())
            }
            Outcome::Cancelled => Tally::Neither,
        }
    }

    fn meet_dependents(&mut self, index: TaskIndex, at: Timestamp) {
        let workflow = Arc::clone(&self.workflow);
        let TaskPlace { node, frame } = self.task_place(index);
        for dependent in workflow.graph.dependents(node) {
            let dependent = self.place(frame, *dependent);
            self.meet(dependent, at);
        }
    }

    /// What decides over outcomes itself waits for ends only; the others are skipped later on.
    fn meet_deciders(&mut self, index: TaskIndex, at: Timestamp) {
        let workflow = Arc::clone(&self.workflow);
        let TaskPlace { node, frame } = self.task_place(index);
        for dependent in workflow.graph.dependents(node) {
            if workflow.task(*dependent).run_if.is_some() {
                let dependent = self.place(frame, *dependent);
                self.meet(dependent, at);
            }
        }
    }

    fn meet(&mut self, dependent: TaskIndex, at: Timestamp) {
        let task = self.task_mut(dependent);
        task.unmet = task.unmet.saturating_sub(1);
        let can_begin = task.unmet == 0 && task.status == TaskStatus::Pending;
        if can_begin && self.section_of(dependent).is_some_and(|s| s.halt != Halt::Cancelled) {
            self.begin_task(dependent, at);
        }
    }

    fn task_place(&self, index: TaskIndex) -> TaskPlace {
        let task = self.task(index);
        TaskPlace { node: task.node, frame: task.frame }
    }

    fn stop_task(&mut self, index: TaskIndex, outcome: Outcome, failure: &Failure) {
        let stop = TaskStop { outcome, failure: failure.clone() };
        self.change(index, |task| task.stop = Some(Box::new(stop)));
        if let Some(group) = &self.task(index).group {
            for section in group.sections.clone() {
                self.cancel_section(section);
            }
            self.marks.groups.push(index);
        }
        self.marks.stopping.push(index);
    }

    pub(super) fn set_output(&mut self, index: TaskIndex, output: PayloadRef) {
        self.task_mut(index).result =
            Some(Box::new(TaskResult { output: Some(output), ..TaskResult::default() }));
    }

    pub(super) fn set_failure(&mut self, index: TaskIndex, failure: Failure) {
        self.task_mut(index).result =
            Some(Box::new(TaskResult { failure: Some(failure), ..TaskResult::default() }));
    }

    /// Makes a task a group at work.
    pub(super) fn open_group(&mut self, index: TaskIndex, group: GroupState) {
        self.withdraw_questions(index);
        self.task_mut(index).group = Some(Box::new(group));
        self.set_status(index, TaskStatus::Open);
    }

    /// The failure of what a failed task is in. A group that failed by what is in it hands on the
    /// reason as it is.
    pub(super) fn task_failed(&self, index: TaskIndex, failure: Option<&Failure>) -> Failure {
        let id = &self.task(index).id;
        match failure {
            Some(failure) if failure.code == code::TASK_FAILED => failure.clone(),
            Some(failure) => Failure {
                code: code::TASK_FAILED.to_owned(),
                message: format!("task `{id}` failed: {}: {}", failure.code, failure.message),
                class: failure.class,
                details: Some(serde_json::json!({ "task": id.as_str(), "code": failure.code })),
            },
            None => {
                let message = format!("task `{id}` was cancelled");
                Failure::new(FailureClass::Cancelled, code::TASK_FAILED, message)
            }
        }
    }
}

/// Whether the work of a task may be done that has not ended: its run tells, or what it sets is missing.
fn is_done(status: TaskStatus) -> bool {
    matches!(status, TaskStatus::Waiting(WaitFor::Child) | TaskStatus::Asked(Question::Writes))
}

struct TaskPlace {
    node: crate::workflow::NodeIndex,
    frame: super::FrameIndex,
}

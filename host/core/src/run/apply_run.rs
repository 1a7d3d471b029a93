//! How events of a run as a whole change it: stops, pauses, and the phases of its end.

use std::sync::Arc;

use super::apply::elsewhere;
use super::closing::Phase;
use super::{Finish, FrameIndex, Role, RunState, SectionIndex, Stop, TaskStatus};
use crate::failure::{Failure, FailureClass, Outcome, code};
use crate::id::TaskId;
use crate::journal::{Reused, RunEvent};
use crate::time::Timestamp;

impl RunState {
    pub(super) fn fold_run(&mut self, event: &RunEvent, at: Timestamp) -> Result<(), String> {
        match event {
            RunEvent::RunStarted(_) => return Err("the run has already started".to_owned()),
            RunEvent::RunAdmitted { deadline } => self.fold_admission(*deadline, at)?,
            RunEvent::PluginPinned { plugin, digest } => {
                self.pins.insert(plugin.clone(), *digest);
            }
            RunEvent::PluginRepinned { plugin, from, to, .. } => match self.pins.get_mut(plugin) {
                Some(pin) if pin == from => *pin = *to,
                _ => return Err(format!("it does not keep version {from} of `{plugin}`")),
            },
            RunEvent::CancelRequested { reason } => {
                let failure = Failure::new(FailureClass::Cancelled, code::RUN_CANCELLED, reason);
                self.stop_all(Outcome::Cancelled, failure);
            }
            RunEvent::RunTimedOut => {
                let limit = self.workflow.config.timeout.unwrap_or_default();
                let message = format!("the run took longer than its timeout of {limit:?}");
                let failure = Failure::new(FailureClass::Timeout, code::RUN_TIMEOUT, message);
                self.stop_all(Outcome::TimedOut, failure);
            }
            RunEvent::ReuseOffered { task, reused, writes } => {
                if let Some(writes) = writes {
                    self.reused_writes.insert(task.clone(), Arc::clone(writes));
                }
                self.offer_reuse(task, reused);
            }
            RunEvent::KeyKept { task, root } => {
                self.keys.insert(task.clone(), *root);
            }
            RunEvent::RunPaused { reason } => {
                self.paused = Some(reason.clone());
                self.marks.paused = true;
            }
            RunEvent::RunResumed => {
                self.paused = None;
                self.marks.resumed = true;
            }
            RunEvent::PriorityChanged { priority } => {
                self.priority = *priority;
                self.marks.prioritised = true;
            }
            RunEvent::CompensationStarted { deadline } => {
                self.enter(Phase::Compensation, *deadline)?;
            }
            RunEvent::CompensationOpened { task } => self.open_compensation(task, at)?,
            RunEvent::FinallyStarted { deadline } => self.open_finally(*deadline, at)?,
            RunEvent::FinallyTimedOut => {
                self.closing.overdue = true;
                self.closing.compensable.clear();
                self.cancel_all_sections();
                self.marks.stopped = true;
            }
            RunEvent::RunFinished { outcome, output, failure } => {
                if self.is_held() {
                    return Err("the run has not begun".to_owned());
                }
                let open = self.section(self.phase_section()).open;
                if open > 0 {
                    return Err(format!("{open} tasks have not ended"));
                }
                let (outcome, output, failure) = (*outcome, output.clone(), failure.clone());
                self.finish = Some(Finish { at, outcome, output, failure });
            }
            other => return elsewhere(other),
        }
        Ok(())
    }

    /// Stops the run because a task of its own failed.
    pub(super) fn stop_for(&mut self, failure: Failure) {
        if self.stop.is_none() {
            self.stop = Some(Stop { outcome: Outcome::Failed, failure, stops_attempts: false });
        }
    }

    /// Stops everything. The first cancellation or timeout decides, and goes over a failed task.
    fn stop_all(&mut self, outcome: Outcome, failure: Failure) {
        if self.stop.as_ref().is_none_or(|before| !before.stops_attempts) {
            self.stop = Some(Stop { outcome, failure, stops_attempts: true });
            // What is left, such as `finally`, must not wait for somebody to go on with the run.
            self.paused = None;
            if self.sections.is_empty() {
                self.open_unbegun();
            }
            self.cancel_all_sections();
            self.marks.stopped = true;
        }
    }

    fn offer_reuse(&mut self, task: &TaskId, reused: &Reused) {
        self.reuse.insert(task.clone(), reused.clone());
        // The first tasks began before anything was offered.
        let Some(index) = self.index_of(task) else { return };
        let status = self.task(index).status;
        let begun = matches!(status, TaskStatus::Ready | TaskStatus::Asked(_) | TaskStatus::Due);
        if begun && self.task(index).attempts.is_empty() {
            self.withdraw_questions(index);
            self.set_status(index, TaskStatus::Due);
            self.marks.due.push(index);
        }
    }

    fn enter(&mut self, phase: Phase, deadline: Timestamp) -> Result<(), String> {
        if self.closing.phase >= phase || !self.phase_is_over() {
            return Err(format!("the run is in its phase {:?}", self.closing.phase));
        }
        self.closing.phase = phase;
        if self.closing.deadline.is_none() {
            self.closing.deadline = Some(deadline);
            self.marks.closing = true;
        }
        Ok(())
    }

    fn open_compensation(&mut self, task: &TaskId, at: Timestamp) -> Result<(), String> {
        let index = self.expect(task, |status| status.outcome().is_some())?;
        if self.closing.phase != Phase::Compensation || !self.phase_is_over() {
            return Err("nothing can be undone now".to_owned());
        }
        let node = self.definition(index).compensation.ok_or("nothing undoes it")?;
        if self.closing.compensable.pop() != Some(index) {
            return Err("it is not the last that succeeded".to_owned());
        }
        self.closing.compensations.push(SectionIndex::new(self.sections.len()));
        let block = self.workflow.task(node).block;
        self.open_section(block, self.task(index).frame, Some(index), Role::Compensation, at);
        Ok(())
    }

    fn open_finally(&mut self, deadline: Timestamp, at: Timestamp) -> Result<(), String> {
        let block = self.workflow.finally.ok_or("the workflow has no `finally`")?;
        self.enter(Phase::Finally, deadline)?;
        self.closing.finally = Some(SectionIndex::new(self.sections.len()));
        self.open_section(block, FrameIndex::ROOT, None, Role::Finally, at);
        Ok(())
    }
}

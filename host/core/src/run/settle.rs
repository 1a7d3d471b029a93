//! Adds the consequences of what was folded, until there are none: what is skipped, what goes on by
//! itself, how the run comes to its end. What happens to groups is told in `settle_group`.

use super::planner::Ledger;
use super::{IllegalEvent, Phase, Role, SectionIndex, TaskIndex, TaskStatus, WaitFor};
use crate::failure::{Failure, FailureClass, Outcome, code};
use crate::journal::{Reused, RunEvent};
use crate::workflow::{TaskKind, WaitUntil};

/// Adds all consequences.
pub(super) fn settle(ledger: &mut Ledger<'_>) -> Result<(), IllegalEvent> {
    loop {
        while ledger.settle_one()? {}
        match ledger.next_phase() {
            Some(event) => ledger.push(event)?,
            None => return Ok(()),
        }
    }
}

impl Ledger<'_> {
    /// Adds the consequences of one change; says whether there was one.
    fn settle_one(&mut self) -> Result<bool, IllegalEvent> {
        let marks = &mut self.state.marks;
        if let Some(place) = marks.halted.pop() {
            self.skip_idle(place)?;
        } else if let Some(place) = marks.cancelled.pop() {
            self.cancel_all(place)?;
        } else if let Some(index) = marks.ended_badly.pop() {
            self.skip_dependents(index)?;
        } else if let Some(index) = marks.closed.pop() {
            self.skip_blocks(index)?;
        } else if let Some(index) = marks.untaken.pop() {
            self.skip_untaken(index)?;
        } else if !marks.due.is_empty() {
            for index in std::mem::take(&mut marks.due) {
                self.go_on(index)?;
            }
        } else if let Some(name) = marks.signals.pop() {
            if let Some((waiter, signal)) = self.state.signal_to_take(&name) {
                let task = self.state.task(waiter).id.clone();
                self.push(RunEvent::SignalTaken { task, signal })?;
            }
        } else if let Some(place) = marks.items.pop() {
            self.end_item(place)?;
        } else if let Some(index) = marks.groups.pop() {
            self.step_group(index)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// Something in a section failed: only what decides over outcomes itself still begins.
    fn skip_idle(&mut self, place: SectionIndex) -> Result<(), IllegalEvent> {
        let section = self.state.section(place);
        let what = match section.owner {
            None => "the run".to_owned(),
            Some(owner) => format!("`{}`", self.state.task(owner).id),
        };
        let message = section.failure.as_ref().map_or("", |failure| &failure.message);
        let reason = format!("{what} stops: {message}");
        let members = section.role == Role::Members;
        for index in self.state.section_tasks(place) {
            let status = self.state.task(index).status;
            // A member that was not taken up does not get its turn any more.
            let stays = self.state.definition(index).run_if.is_some()
                && !(members && status == TaskStatus::Pending);
            if status.is_idle() && !stays {
                self.skip(index, reason.clone())?;
            }
        }
        Ok(())
    }

    fn skip_dependents(&mut self, index: TaskIndex) -> Result<(), IllegalEvent> {
        let workflow = std::sync::Arc::clone(&self.state.workflow);
        let (node, frame) = (self.state.task(index).node, self.state.task(index).frame);
        let outcome = self.state.task(index).status.outcome().map_or("not ended", Outcome::as_str);
        for dependent in workflow.graph.dependents(node) {
            if workflow.task(*dependent).run_if.is_some() {
                continue;
            }
            let place = self.state.place(frame, *dependent);
            if self.state.task(place).status == TaskStatus::Pending {
                let id = &self.state.task(index).id;
                self.skip(place, format!("it needs `{id}`, which is {outcome}"))?;
            }
        }
        Ok(())
    }

    pub(super) fn skip(&mut self, index: TaskIndex, reason: String) -> Result<(), IllegalEvent> {
        let task = self.state.task(index).id.clone();
        self.push(RunEvent::TaskSkipped { task, reason, output: None })
    }

    pub(super) fn cancel(&mut self, index: TaskIndex) -> Result<(), IllegalEvent> {
        let task = self.state.task(index).id.clone();
        self.push(RunEvent::TaskCancelled { task })
    }

    /// Stops all that is in a section.
    fn cancel_all(&mut self, place: SectionIndex) -> Result<(), IllegalEvent> {
        let run_stops = self.state.is_cancelling();
        for index in self.state.section_tasks(place) {
            let state = self.state.task(index);
            match state.status {
                status if status.is_idle() => self.cancel(index)?,
                TaskStatus::Open if run_stops => self.state.marks.groups.push(index),
                TaskStatus::Ended(_) => {}
                // A run that stops tells all that is under way at once.
                _ if run_stops || state.stop.is_some() => {}
                _ => {
                    let message = "what it is in goes on without it";
                    let failure = Failure::new(FailureClass::Cancelled, code::NOT_NEEDED, message);
                    let (task, outcome) = (state.id.clone(), Outcome::Cancelled);
                    self.push(RunEvent::TaskStopRequested { task, outcome, failure })?;
                }
            }
        }
        Ok(())
    }

    /// What follows at once when a task's time has come.
    fn go_on(&mut self, index: TaskIndex) -> Result<(), IllegalEvent> {
        if self.state.task(index).status != TaskStatus::Due {
            return Ok(());
        }
        if !self.set_reused(index)? {
            return Ok(());
        }
        let state = &*self.state;
        let task = state.task(index).id.clone();
        let event = match (state.reuse.get(&task), &state.definition(index).kind) {
            (Some(Reused::Output(output)), _) => {
                let from = state.start.rerun.as_ref().map_or(state.id, |rerun| rerun.run);
                RunEvent::TaskReused { task, output: output.clone(), from }
            }
            (Some(Reused::Branch(branch)), _) => RunEvent::BranchChosen { task, branch: *branch },
            (Some(Reused::Items { items, count }), _) => {
                RunEvent::ItemsExpanded { task, items: items.clone(), count: *count }
            }
            (None, TaskKind::Wait(wait)) => {
                let until = match wait.until {
                    WaitUntil::For(time) => Some(time),
                    WaitUntil::Time(_) | WaitUntil::Signal(_) => wait.timeout,
                };
                let until = until.map(|time| self.now.after(time));
                RunEvent::WaitBegan { task, until }
            }
            (None, _) => RunEvent::GroupOpened { task },
        };
        self.push(event)
    }

    /// Sets in the context what the task had set whose output is taken over; says whether that worked.
    fn set_reused(&mut self, index: TaskIndex) -> Result<bool, IllegalEvent> {
        let task = self.state.task(index).id.clone();
        let Some(values) = self.state.reused_writes.get(&task).cloned() else { return Ok(true) };
        match self.state.writes_of(index, values) {
            Ok(event) => {
                self.push(event)?;
                Ok(true)
            }
            Err(failure) => {
                self.push(RunEvent::TaskFailed { task, failure })?;
                Ok(false)
            }
        }
    }

    /// The event that brings the run further when nothing of its phase is open.
    fn next_phase(&self) -> Option<RunEvent> {
        let state = &*self.state;
        if state.finish.is_some() || !state.phase_is_over() {
            return None;
        }
        let limit = state.workflow.config.finally_timeout;
        let deadline = state.closing.deadline.unwrap_or_else(|| self.now.after(limit));
        let undone = state.closing.compensable.last().map(|index| state.task(*index).id.clone());
        // A run that never began has nothing to clean up.
        let begun = state.admitted_at.is_some();
        let finally = begun && state.workflow.finally.is_some() && !state.closing.overdue;
        match (state.closing.phase, undone) {
            (Phase::Main, Some(_)) if state.main_failure().is_some() => {
                Some(RunEvent::CompensationStarted { deadline })
            }
            (Phase::Compensation, Some(task)) => Some(RunEvent::CompensationOpened { task }),
            (Phase::Main | Phase::Compensation, _) if finally => {
                Some(RunEvent::FinallyStarted { deadline })
            }
            _ => self.finished(),
        }
    }

    /// The end of a run; `None` while its output is to be computed.
    fn finished(&self) -> Option<RunEvent> {
        let (outcome, failure) = match self.state.end_failure() {
            Some((outcome, failure)) => (outcome, Some(failure)),
            None if self.state.workflow.ends_with_a_value() => return None,
            None => (Outcome::Succeeded, None),
        };
        Some(RunEvent::RunFinished { outcome, output: None, failure })
    }
}

impl super::RunState {
    /// Whether a task waits for a signal of this name.
    pub(super) fn somebody_waits_for(&self, name: &str) -> bool {
        self.signals.waiters_of(name).any(|task| {
            matches!(self.task(task).status, TaskStatus::Waiting(WaitFor::Signal { .. }))
        })
    }
}

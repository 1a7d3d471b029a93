//! What a run asks for once its events are on disk.

use super::{Marks, Question, RunState, TaskIndex, TaskStatus, Timer, WaitFor};
use crate::failure::Outcome;
use crate::id::{RunId, WorkflowId};
use crate::payload::PayloadRef;
use crate::time::Timestamp;
use crate::workflow::TaskKind;

/// What is to be done once the events are on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Send [`super::Command::Admit`] when the run's concurrency key has room, if it has one.
    Hold {
        /// Not before this time.
        until: Option<Timestamp>,
    },
    /// Offer a ready task to the dispatcher.
    Offer {
        /// The task.
        task: TaskIndex,
    },
    /// Send [`super::Command::Wake`] for a task at a time.
    WakeAt {
        /// The task.
        task: TaskIndex,
        /// The time.
        at: Timestamp,
        /// What it means.
        timer: Timer,
    },
    /// Send [`super::Command::Deadline`] at a time.
    DeadlineAt(Timestamp),
    /// Send [`super::Command::ClosingDeadline`] at a time.
    ClosingDeadlineAt(Timestamp),
    /// Withdraw every offer of the run: nothing new may start. What may is offered again.
    Withdraw,
    /// Stop an attempt that is under way.
    StopAttempt {
        /// The task.
        task: TaskIndex,
        /// The attempt's number.
        number: u32,
        /// Why.
        reason: StopReason,
    },
    /// Compute something and send [`super::Command::Answered`].
    Ask {
        /// The task.
        task: TaskIndex,
        /// What.
        question: Question,
    },
    /// Start another run, if there is none of this id yet. Then send
    /// [`super::Command::ChildStarted`] when it is detached, else [`super::Command::ChildEnded`] when
    /// it ends; `ChildEnded` also when it cannot be started.
    StartChild {
        /// The task.
        task: TaskIndex,
        /// The id of the run.
        run: RunId,
        /// Its workflow.
        workflow: WorkflowId,
        /// Its input.
        input: PayloadRef,
        /// Whether nobody waits for its end.
        detached: bool,
    },
    /// Cancel the run of a task, and send [`super::Command::ChildEnded`] when it has ended, or at
    /// once when it was never started.
    CancelChild {
        /// The task.
        task: TaskIndex,
        /// The id of the run.
        run: RunId,
    },
    /// Let the run's offers go before or after those of others from now on.
    Prioritise(i32),
    /// Compute the workflow's `output`, if it has one, set what it publishes in contexts of others, once,
    /// and send [`super::Command::OutputResolved`].
    ResolveOutput,
    /// Tell whoever waits for the end of the run.
    Finish,
}

/// Why an attempt is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// Somebody cancelled the run.
    RunCancelled,
    /// The run, or its end, took longer than its timeout.
    RunTimedOut,
    /// What it is in was decided without it.
    NotNeeded,
    /// The task, or what it is in, took longer than its `total_timeout`.
    TotalTimeout,
    /// It was ready for longer than its `queue_timeout`. To be stopped only if its handler was not
    /// started; it comes back as a failure of class timeout with the code `queue-timeout`.
    QueueTimeout,
}

impl RunState {
    /// What the changes since the last call ask for.
    pub(super) fn take_effects(&mut self) -> Vec<Effect> {
        let marks = std::mem::take(&mut self.marks);
        let mut effects = Vec::new();
        if marks.admitted {
            effects.extend(self.deadline_effect());
        }
        if marks.stopped || marks.paused {
            effects.push(Effect::Withdraw);
        }
        if marks.stopped {
            effects.extend(self.stops());
        } else {
            effects.extend(marks.stopping.into_iter().filter_map(|task| self.stop_of(task)));
        }
        if marks.resumed && self.paused.is_none() {
            effects.extend(self.tasks().filter_map(|(task, _)| self.offer_of(task)));
            let held = std::mem::take(&mut self.held).into_iter();
            effects.extend(held.filter_map(|(task, question)| self.ask_of(task, question)));
        } else {
            let ready = marks.ready.into_iter().filter_map(|task| self.offer_of(task));
            effects.extend(ready);
        }
        let timers = marks.timers.into_iter().filter(|timer| self.timers.contains(timer));
        effects.extend(timers.map(|timer| self.wake_effect(timer)));
        let (held, asked): (Vec<_>, Vec<_>) =
            marks.asked.into_iter().partition(|(_, question)| self.holds(*question));
        self.held.extend(held);
        effects
            .extend(asked.into_iter().filter_map(|(task, question)| self.ask_of(task, question)));
        effects.extend(marks.children.into_iter().filter_map(|task| self.child_of(task)));
        effects.extend(marks.prioritised.then_some(Effect::Prioritise(self.priority)));
        if marks.closing {
            effects.extend(self.closing_deadline_effect());
        }
        effects.extend(self.end_effect());
        effects
    }

    /// Everything the state asks for, whatever was asked before: what a start does with a run
    /// after its journal was folded.
    pub fn outstanding(&mut self) -> Vec<Effect> {
        self.marks = Marks::default();
        if self.finish.is_some() {
            return vec![Effect::Finish];
        }
        let mut effects: Vec<Effect> = self.deadline_effect().into_iter().collect();
        if self.is_held() {
            effects.push(Effect::Hold { until: self.start.not_before });
        }
        effects.extend(self.closing_deadline_effect());
        let changed = self.priority != self.start.priority;
        effects.extend(changed.then_some(Effect::Prioritise(self.priority)));
        effects.extend(self.tasks().filter_map(|(task, _)| self.child_of(task)));
        effects.extend(self.stops());
        effects.extend(self.tasks().filter_map(|(task, _)| self.offer_of(task)));
        effects.extend(self.timers.iter().map(|timer| self.wake_effect(*timer)));
        let (held, asked): (Vec<_>, Vec<_>) =
            self.questions.iter().copied().partition(|(_, question)| self.holds(*question));
        effects
            .extend(asked.into_iter().filter_map(|(task, question)| self.ask_of(task, question)));
        self.held = held;
        effects.extend(self.end_effect());
        effects
    }

    fn deadline_effect(&self) -> Option<Effect> {
        self.deadline.map(|at| Effect::DeadlineAt(self.host_time(at)))
    }

    fn closing_deadline_effect(&self) -> Option<Effect> {
        self.closing.deadline.map(|at| Effect::ClosingDeadlineAt(self.host_time(at)))
    }

    fn wake_effect(&self, (at, task, timer): (Timestamp, TaskIndex, Timer)) -> Effect {
        Effect::WakeAt { task, at: self.due_at(task, timer, at), timer }
    }

    fn offer_of(&self, task: TaskIndex) -> Option<Effect> {
        let ready = self.task(task).status == TaskStatus::Ready && self.paused.is_none();
        ready.then_some(Effect::Offer { task })
    }

    fn ask_of(&self, task: TaskIndex, question: Question) -> Option<Effect> {
        self.is_asked(task, question).then_some(Effect::Ask { task, question })
    }

    /// A pause holds back what would start another run.
    fn holds(&self, question: Question) -> bool {
        question == Question::ChildInput && self.paused.is_some()
    }

    fn child_of(&self, task: TaskIndex) -> Option<Effect> {
        let state = self.task(task);
        if state.status != TaskStatus::Waiting(WaitFor::Child) || self.is_stopped(task) {
            return None;
        }
        let (child, input) = (state.child.as_deref()?, state.input.clone()?);
        let TaskKind::Workflow(workflow) = &self.definition(task).kind else { return None };
        let workflow = workflow.workflow.clone();
        let (run, detached) = (child.run, child.detached);
        Some(Effect::StartChild { task, run, workflow, input, detached })
    }

    /// What stops all that is under way and should not be.
    fn stops(&self) -> Vec<Effect> {
        let stopped = self.tasks().filter(|(task, _)| self.is_stopped(*task));
        stopped.filter_map(|(task, _)| self.stop_of(task)).collect()
    }

    fn stop_of(&self, task: TaskIndex) -> Option<Effect> {
        let state = self.task(task);
        if state.status == TaskStatus::Waiting(WaitFor::Child) {
            let run = state.child.as_ref()?.run;
            return Some(Effect::CancelChild { task, run });
        }
        let number = state.status.active_attempt()?;
        Some(Effect::StopAttempt { task, number, reason: self.reason_of(task) })
    }

    fn reason_of(&self, task: TaskIndex) -> StopReason {
        if let Some(stop) = &self.task(task).stop {
            return match stop.outcome {
                Outcome::TimedOut => StopReason::TotalTimeout,
                _ => StopReason::NotNeeded,
            };
        }
        match &self.stop {
            Some(stop) if stop.outcome == Outcome::Cancelled => StopReason::RunCancelled,
            _ => StopReason::RunTimedOut,
        }
    }

    fn end_effect(&self) -> Option<Effect> {
        if self.finish.is_some() {
            return Some(Effect::Finish);
        }
        self.wants_output().then_some(Effect::ResolveOutput)
    }
}

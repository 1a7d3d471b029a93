//! What a run asks for once its events are on disk.

use super::TaskIndex;
use super::{Marks, RunState, TaskStatus};
use crate::failure::Outcome;
use crate::time::Timestamp;

/// What is to be done once the events are on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Offer a ready task to the dispatcher.
    Offer {
        /// The task.
        task: TaskIndex,
    },
    /// Send [`Command::Wake`] for a task at a time.
    WakeAt {
        /// The task.
        task: TaskIndex,
        /// The time.
        at: Timestamp,
    },
    /// Send [`Command::Deadline`] at a time.
    DeadlineAt(Timestamp),
    /// Withdraw every offer of the run: nothing new may start.
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
    /// Compute the workflow's `output` and send [`Command::OutputResolved`].
    ResolveOutput,
    /// Tell whoever waits for the end of the run.
    Finish,
}

/// Why an attempt is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// Somebody cancelled the run.
    RunCancelled,
    /// The run took longer than its timeout.
    RunTimedOut,
}

impl RunState {
    /// What the changes since the last call ask for.
    pub(super) fn take_effects(&mut self) -> Vec<Effect> {
        let marks = std::mem::take(&mut self.marks);
        let mut effects = Vec::new();
        if marks.stopped {
            effects.push(Effect::Withdraw);
            effects.extend(self.attempts_to_stop());
        }
        if self.stop.is_none() {
            let ready = marks.ready.into_iter().map(|task| Effect::Offer { task });
            effects.extend(ready.filter(|e| self.still_asked_for(e)));
            let waiting = marks.waiting.into_iter();
            effects.extend(waiting.filter_map(|task| self.wake_of(task)));
        }
        effects.extend(self.end_effect());
        effects
    }

    /// Everything the state asks for, whatever was asked before: what a start does with a run
    /// after its journal was folded.
    pub fn outstanding(&mut self) -> Vec<Effect> {
        self.marks = Marks::default();
        let mut effects: Vec<Effect> =
            self.start.deadline.map(Effect::DeadlineAt).into_iter().collect();
        effects.extend(self.attempts_to_stop());
        if self.stop.is_none() {
            for (index, task) in self.tasks() {
                match task.status {
                    TaskStatus::Ready => effects.push(Effect::Offer { task: index }),
                    TaskStatus::Backoff { until } => {
                        effects.push(Effect::WakeAt { task: index, at: until });
                    }
                    _ => {}
                }
            }
        }
        effects.extend(self.end_effect());
        effects
    }

    fn still_asked_for(&self, effect: &Effect) -> bool {
        matches!(effect, Effect::Offer { task } if self.task(*task).status == TaskStatus::Ready)
    }

    fn wake_of(&self, task: TaskIndex) -> Option<Effect> {
        self.task(task).wake_at().map(|at| Effect::WakeAt { task, at })
    }

    fn attempts_to_stop(&self) -> Vec<Effect> {
        let Some(stop) = self.stop.as_ref().filter(|stop| stop.stops_attempts) else {
            return Vec::new();
        };
        let reason = match stop.outcome {
            Outcome::TimedOut => StopReason::RunTimedOut,
            _ => StopReason::RunCancelled,
        };
        let active = self.tasks().filter_map(|(task, state)| {
            let number = state.status.active_attempt()?;
            Some(Effect::StopAttempt { task, number, reason })
        });
        active.collect()
    }

    fn end_effect(&self) -> Option<Effect> {
        match &self.finish {
            Some(_) => Some(Effect::Finish),
            None if self.open == 0 => Some(Effect::ResolveOutput),
            None => None,
        }
    }
}

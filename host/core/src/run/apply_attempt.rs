//! How events of attempts change a run.

use std::sync::Arc;

use super::apply::elsewhere;
use super::{RunState, TaskIndex, TaskStatus};
use crate::attempt::{AiSpent, Attempt, AttemptEnding, AttemptUse};
use crate::failure::{Failure, FailureClass, Next, Outcome};
use crate::id::{PluginName, TaskId};
use crate::journal::RunEvent;
use crate::time::Timestamp;

impl RunState {
    pub(super) fn fold_attempt(&mut self, event: &RunEvent, at: Timestamp) -> Result<(), String> {
        match event {
            RunEvent::AttemptClaimed { .. } => self.fold_claim(event, at)?,
            RunEvent::AttemptStarted { task, number, started_at } => {
                let claimed = TaskStatus::Claimed { number: *number };
                let index = self.expect(task, |status| status == claimed)?;
                self.set_status(index, TaskStatus::Running { number: *number });
                self.task_mut(index).attempts.last_mut().expect("claimed").started_at =
                    Some(*started_at);
            }
            RunEvent::InputResolved { task, input } => {
                let index = self.expect(task, |_| true)?;
                self.task_mut(index).input = Some(input.clone());
            }
            RunEvent::AttemptSucceeded { task, number, output, usage, cached_from } => {
                let ending = AttemptEnding::Succeeded(output.clone());
                let index = self.end_attempt(task, *number, ending, Some(usage), at)?;
                self.task_mut(index).attempts.last_mut().expect("just ended").cached_from =
                    cached_from.clone();
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
                self.end_stopped(index, at);
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
            other => return elsewhere(other),
        }
        Ok(())
    }

    fn fold_claim(&mut self, event: &RunEvent, at: Timestamp) -> Result<(), String> {
        let RunEvent::AttemptClaimed { task, number, ready_at, class, rank, host, epoch } = event
        else {
            return elsewhere(event);
        };
        let index = self.expect(task, |status| status == TaskStatus::Ready)?;
        if *number != self.task(index).next_number() {
            return Err(format!("attempt {number} of `{task}` is out of order"));
        }
        self.set_status(index, TaskStatus::Claimed { number: *number });
        let attempts = &mut self.task_mut(index).attempts;
        // Most tasks have one: room for four would be most of the memory of a large run.
        attempts.reserve_exact(1);
        attempts.push(Attempt {
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
            cached_from: None,
        });
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
            self.spend(index, usage);
        }
        Ok(index)
    }

    /// Counts what an attempt spent on models.
    fn spend(&mut self, index: TaskIndex, usage: &AttemptUse) {
        let Some(used) = usage.capabilities.as_ref().and_then(|uses| uses.ai.as_ref()) else {
            return;
        };
        let Some(task_type) = self.definition(index).kind.task_type() else { return };
        let spent = self.ai_spent.entry(task_type.plugin()).or_default();
        *spent = spent.and(used);
    }

    /// What a plugin has spent on models in this run, by the attempts that have ended.
    pub fn ai_spent(&self, plugin: &PluginName) -> AiSpent {
        self.ai_spent.get(plugin).copied().unwrap_or_default()
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
            }
        }
    }

    fn wait_until(&mut self, index: TaskIndex, until: Timestamp, at: Timestamp) {
        if until <= at {
            self.make_ready(index, at);
        } else {
            self.set_status(index, TaskStatus::Backoff { until });
        }
    }

    /// Lets a task be attempted.
    pub(super) fn make_ready(&mut self, index: TaskIndex, at: Timestamp) {
        self.change(index, |task| {
            task.status = TaskStatus::Ready;
            task.ready_at = Some(at);
        });
        self.marks.ready.push(index);
    }
}

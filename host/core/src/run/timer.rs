//! Times at which something happens to a task by itself.

use super::{RunState, TaskIndex, TaskState, TaskStatus, WaitFor};
use crate::time::Timestamp;
use crate::workflow::Timeouts;

/// What a time means for a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// Its next attempt may start.
    Backoff,
    /// It was ready for too long without being started.
    Queue,
    /// All its attempts and waits together took too long.
    Total,
    /// What it waits for has come, or did not come in time.
    Wait,
    /// A person did not answer in time.
    Approval,
}

/// The times of one task: that of its status and that of all of it.
type Times = [Option<(Timestamp, Timer)>; 2];

impl RunState {
    /// The time of a task's timer, if it is set.
    pub fn timer(&self, index: TaskIndex, timer: Timer) -> Option<Timestamp> {
        let times = self.times_of(index);
        times.into_iter().flatten().find(|(_, other)| *other == timer).map(|(at, _)| at)
    }

    /// The earliest time at which something happens by itself; `None` if nothing does.
    pub fn next_wake(&self) -> Option<Timestamp> {
        match self.is_held() {
            true => self.start.not_before,
            false => self.timers.first().map(|(at, ..)| *at),
        }
    }

    /// The times that follow from a task's state.
    pub(super) fn times_of(&self, index: TaskIndex) -> Times {
        let task = self.task(index);
        times(task, self.workflow.task(task.node).timeouts)
    }

    /// Replaces the timers of a task that had `before`.
    pub(super) fn reset_timers(&mut self, index: TaskIndex, before: Times) {
        let after = self.times_of(index);
        if before == after {
            return;
        }
        for (at, timer) in before.into_iter().flatten() {
            self.timers.remove(&(at, index, timer));
        }
        for (at, timer) in after.into_iter().flatten() {
            if self.timers.insert((at, index, timer)) && !before.contains(&Some((at, timer))) {
                self.marks.timers.push((at, index, timer));
            }
        }
    }
}

fn times(task: &TaskState, timeouts: Timeouts) -> Times {
    let own = match task.status {
        TaskStatus::Backoff { until } => Some((until, Timer::Backoff)),
        TaskStatus::Ready | TaskStatus::Claimed { .. } => {
            timeouts.queue.zip(task.ready_at).map(|(most, at)| (at.after(most), Timer::Queue))
        }
        TaskStatus::Waiting(WaitFor::Approval { until }) => until.map(|at| (at, Timer::Approval)),
        TaskStatus::Waiting(wait) => wait.until().map(|at| (at, Timer::Wait)),
        _ => None,
    };
    let counts = task.stop.is_none() && task.status.outcome().is_none();
    let total = timeouts.total.filter(|_| counts).zip(task.first_ready_at);
    [own, total.map(|(most, at)| (at.after(most), Timer::Total))]
}

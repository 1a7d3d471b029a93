//! The time of one run, which never goes back.
//!
//! A host whose wall clock was set back while it was down tells an earlier time than the one at which
//! the run's last event was written. The run goes on from there: its time is that of the host and
//! what it is ahead of it, so that its durations keep their length. What it asks for is told in the
//! host's time, as are the times of the calendar that it waits for.

use super::{RunState, TaskIndex, Timer};
use crate::time::Timestamp;
use crate::workflow::{TaskKind, WaitUntil};

impl RunState {
    /// The run's time when the host's is `now`.
    pub(super) fn time_at(&mut self, now: Timestamp) -> Timestamp {
        self.ahead = self.ahead.max(self.last_at.since(now));
        self.own_time(now)
    }

    /// A time of the host's as the run's.
    pub(super) fn own_time(&self, host: Timestamp) -> Timestamp {
        host.after(self.ahead)
    }

    /// A time of the run's as the host's.
    pub(super) fn host_time(&self, own: Timestamp) -> Timestamp {
        own.before(self.ahead)
    }

    /// When a timer of a task that is set for `at` is due, in the host's time.
    pub(super) fn due_at(&self, task: TaskIndex, timer: Timer, at: Timestamp) -> Timestamp {
        let is_of_calendar = match &self.definition(task).kind {
            TaskKind::Wait(wait) => {
                timer == Timer::Wait && matches!(wait.until, WaitUntil::Time(_))
            }
            _ => false,
        };
        if is_of_calendar { at } else { self.host_time(at) }
    }

    /// Notes when an event happened.
    pub(super) fn note_time(&mut self, at: Timestamp) {
        self.last_at = self.last_at.max(at);
    }
}

//! What is to happen at a time.

use std::collections::BTreeMap;

use taskloom_core::id::RunId;
use taskloom_core::run::{self as core, TaskIndex};
use taskloom_core::time::Timestamp;

/// A reason to wake up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timer {
    /// The time of a task's timer has come.
    Task(RunId, TaskIndex, core::Timer),
    /// The time of a held run has come.
    Admit(RunId),
    /// A run's timeout has come.
    Deadline(RunId),
    /// The time of a run's compensation and `finally` is over.
    ClosingDeadline(RunId),
    /// What is written late is to be written.
    CatchUp,
    /// The grace period of a shutdown is over.
    Grace,
    /// A shutdown takes too long.
    GiveUp,
}

/// Timers by their time. None is ever taken back: a timer whose reason is gone is refused by the
/// planner when it fires.
#[derive(Debug, Default)]
pub(super) struct Timers {
    by_time: BTreeMap<(Timestamp, u64), Timer>,
    set: u64,
}

impl Timers {
    pub(super) fn set(&mut self, at: Timestamp, timer: Timer) {
        self.set += 1;
        self.by_time.insert((at, self.set), timer);
    }

    /// The time of the next one.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.by_time.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes the next one whose time has come.
    pub(super) fn pop(&mut self, now: Timestamp) -> Option<Timer> {
        let first = self.by_time.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fire_in_the_order_of_their_times() {
        let at = Timestamp::from_ms;
        let mut timers = Timers::default();
        timers.set(at(20), Timer::Grace);
        timers.set(at(10), Timer::CatchUp);
        timers.set(at(10), Timer::GiveUp);
        assert_eq!(timers.next(), Some(at(10)));
        assert_eq!(timers.pop(at(9)), None);
        let fired: Vec<_> = std::iter::from_fn(|| timers.pop(at(20))).collect();
        assert_eq!(fired, [Timer::CatchUp, Timer::GiveUp, Timer::Grace]);
    }
}

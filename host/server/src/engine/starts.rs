//! Starts of attempts that are not journaled yet.
//!
//! Most attempts end within moments and have their start in their result, so telling the engine
//! of each would only wake it. They are noted in here, and the engine looks now and then for those
//! that have been running for a while.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use taskloom_core::id::RunId;
use taskloom_core::run::TaskIndex;
use taskloom_core::time::Timestamp;

/// A note of every attempt that was started and has not come back; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Starts {
    noted: Arc<Mutex<HashMap<(RunId, TaskIndex), Start>>>,
}

/// When an attempt was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) number: u32,
    pub(super) at: Timestamp,
}

impl Starts {
    /// Notes that an attempt of a task was started.
    pub(super) fn note(&self, run: RunId, task: TaskIndex, start: Start) {
        self.lock().insert((run, task), start);
    }

    /// Whether the task's attempt was started and has not come back.
    pub(super) fn knows(&self, run: RunId, task: TaskIndex) -> bool {
        self.lock().contains_key(&(run, task))
    }

    /// Forgets the task's attempt: it is over.
    pub(super) fn forget(&self, run: RunId, task: TaskIndex) {
        self.lock().remove(&(run, task));
    }

    /// Takes out what has been running for at least `age`.
    pub(super) fn take_older(
        &self,
        age: Duration,
        now: Timestamp,
    ) -> Vec<((RunId, TaskIndex), Start)> {
        self.lock().extract_if(|_, start| start.at.after(age) <= now).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(RunId, TaskIndex), Start>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn only_what_has_been_running_for_a_while_is_taken() {
        let run = RunId::new(Uuid::from_u128(1));
        let task = TaskIndex::new;
        let start = |ms| Start { number: 1, at: Timestamp::from_ms(ms) };
        let starts = Starts::default();
        for (place, ms) in [(0, 10), (1, 20), (2, 30)] {
            starts.note(run, task(place), start(ms));
        }
        starts.forget(run, task(0));
        let (age, now) = (Duration::from_millis(5), Timestamp::from_ms(25));
        assert_eq!(starts.take_older(age, now), [((run, task(1)), start(20))]);
        assert_eq!(starts.take_older(age, now), []);
    }
}

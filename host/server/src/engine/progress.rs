//! What handlers say of how far they are: the last word of each attempt that is under way. Not
//! journaled: a restart forgets it with the attempt.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use taskloom_core::id::RunId;
use taskloom_core::run::TaskIndex;
use taskloom_core::time::Timestamp;

/// The longest note that is kept, in bytes; a longer one is cut.
const NOTE_BYTES_MAX: usize = 1024;

/// How far an attempt is.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// From 0 to 1.
    pub fraction: f64,
    /// What the handler says to it.
    pub note: String,
    /// When it said so.
    pub at: Timestamp,
}

/// How far the attempts are that are under way; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Progresses {
    runs: Arc<Mutex<HashMap<RunId, HashMap<TaskIndex, Progress>>>>,
}

impl Progresses {
    /// Notes how far the attempt of a task is.
    pub(super) fn note(
        &self,
        run: RunId,
        task: TaskIndex,
        fraction: f64,
        note: &str,
        at: Timestamp,
    ) {
        let note = note[..note.floor_char_boundary(NOTE_BYTES_MAX)].to_owned();
        self.lock().entry(run).or_default().insert(task, Progress { fraction, note, at });
    }

    /// Forgets the task's attempt: it is over.
    pub(super) fn forget(&self, run: RunId, task: TaskIndex) {
        let mut runs = self.lock();
        if let Some(tasks) = runs.get_mut(&run) {
            tasks.remove(&task);
            if tasks.is_empty() {
                runs.remove(&run);
            }
        }
    }

    /// How far the task's attempt is, if it ever said so.
    pub(super) fn of(&self, run: RunId, task: TaskIndex) -> Option<Progress> {
        self.lock().get(&run)?.get(&task).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RunId, HashMap<TaskIndex, Progress>>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_last_word_counts_until_the_attempt_is_over() {
        let (run, task) = (RunId::new(Uuid::from_u128(1)), TaskIndex::new(0));
        let progresses = Progresses::default();
        for (ms, fraction) in [(1, 0.1), (2, 0.5)] {
            progresses.note(run, task, fraction, &"ü".repeat(1_000), Timestamp::from_ms(ms));
        }
        let last = progresses.of(run, task).expect("it said so");
        assert_eq!((last.fraction, last.at.as_ms(), last.note.len()), (0.5, 2, NOTE_BYTES_MAX));
        progresses.forget(run, task);
        assert!(progresses.of(run, task).is_none() && progresses.lock().is_empty());
    }
}

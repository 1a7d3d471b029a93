//! Finished runs that were folded lately. What has ended never changes, so whoever asks for it
//! just after its end, as most callers do, is answered without the disk. Deleted runs are
//! forgotten.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use taskloom_core::id::RunId;
use taskloom_core::run::RunState;

/// Runs that are kept.
const RUNS_MAX: usize = 512;

/// Tasks of all kept runs together, which is what their memory grows with.
const TASKS_MAX: usize = 20_000;

/// Deleted runs that are remembered.
const DELETED_MAX: usize = 64;

/// The finished runs that are at hand; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct FinishedRuns {
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    runs: HashMap<RunId, Arc<RunState>>,
    /// The oldest first.
    order: VecDeque<RunId>,
    tasks: usize,
    /// How often runs were deleted.
    deletions: u64,
    /// Runs that were deleted lately: one of them may have been deleted before its end got here.
    deleted: VecDeque<RunId>,
}

impl FinishedRuns {
    /// A finished run, if it is at hand.
    pub fn get(&self, run: RunId) -> Option<Arc<RunState>> {
        self.lock().runs.get(&run).map(Arc::clone)
    }

    /// How often runs were deleted until now: for [`Self::keep_read`].
    pub fn deletions(&self) -> u64 {
        self.lock().deletions
    }

    /// Keeps a run that has just ended; older ones go to make room.
    pub fn keep(&self, run: Arc<RunState>) {
        let mut kept = self.lock();
        if !kept.deleted.contains(&run.id) {
            kept.insert(run);
        }
    }

    /// Keeps a run that was read, if it has ended. When there were more than `deletions` since it was
    /// begun to be read, it is not kept: it may be one of the deleted.
    pub fn keep_read(&self, run: Arc<RunState>, deletions: u64) {
        let mut kept = self.lock();
        if run.finish.is_some() && kept.deletions == deletions {
            kept.insert(run);
        }
    }

    /// Forgets a run that was deleted.
    pub fn forget(&self, run: RunId) {
        let mut kept = self.lock();
        kept.deletions += 1;
        kept.remove(run);
        if kept.deleted.len() == DELETED_MAX {
            kept.deleted.pop_front();
        }
        kept.deleted.push_back(run);
    }

    /// Forgets all runs: old ones were deleted.
    pub fn forget_all(&self) {
        let mut kept = self.lock();
        kept.deletions += 1;
        kept.runs.clear();
        kept.order.clear();
        kept.tasks = 0;
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn remove(&mut self, run: RunId) {
        if let Some(run) = self.runs.remove(&run) {
            self.tasks -= tasks(&run);
            self.order.retain(|kept| *kept != run.id);
        }
    }

    fn insert(&mut self, run: Arc<RunState>) {
        let (id, count) = (run.id, tasks(&run));
        if count > TASKS_MAX {
            return;
        }
        if self.runs.insert(id, run).is_some() {
            return;
        }
        self.order.push_back(id);
        self.tasks += count;
        while self.order.len() > RUNS_MAX || self.tasks > TASKS_MAX {
            let Some(oldest) = self.order.pop_front() else { break };
            self.tasks -= self.runs.remove(&oldest).map_or(0, |run| tasks(&run));
        }
    }
}

fn tasks(run: &RunState) -> usize {
    run.tasks().len()
}

//! Finished runs that were folded lately. What has ended never changes, so whoever asks for it
//! just after its end, as most callers do, is answered without the disk.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use taskloom_core::id::RunId;
use taskloom_core::run::RunState;

/// Runs that are kept.
const RUNS_MAX: usize = 512;

/// Tasks of all kept runs together, which is what their memory grows with.
const TASKS_MAX: usize = 20_000;

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
}

impl FinishedRuns {
    /// A finished run, if it is at hand.
    pub fn get(&self, run: RunId) -> Option<Arc<RunState>> {
        self.lock().runs.get(&run).map(Arc::clone)
    }

    /// Keeps a run if it has ended; older ones go to make room.
    pub fn keep(&self, run: Arc<RunState>) {
        if run.finish.is_some() && tasks(&run) <= TASKS_MAX {
            self.lock().insert(run);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn insert(&mut self, run: Arc<RunState>) {
        let (id, count) = (run.id, tasks(&run));
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

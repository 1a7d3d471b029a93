//! Finished runs that were folded lately. What has ended never changes, so whoever asks for it
//! just after its end, as most callers do, is answered without the disk.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use taskloom_core::id::{RunId, WorkflowId};
use taskloom_core::run::RunState;
use tokio::sync::broadcast;

/// Runs that are kept.
const RUNS_MAX: usize = 512;

/// Tasks of all kept runs together, which is what their memory grows with.
const TASKS_MAX: usize = 20_000;

/// Ends that a listener may be behind.
const ENDS_MAX: usize = 4_096;

/// The finished runs that are at hand; cheap to clone.
#[derive(Debug, Clone)]
pub struct FinishedRuns {
    kept: Arc<Mutex<Kept>>,
    ends: broadcast::Sender<End>,
}

/// The end of a run of a workflow.
pub(crate) type End = (RunId, WorkflowId);

impl Default for FinishedRuns {
    fn default() -> Self {
        Self { kept: Arc::default(), ends: broadcast::Sender::new(ENDS_MAX) }
    }
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

    /// Keeps a run whose end has just come onto the disk, and tells of it.
    pub fn ended(&self, run: Arc<RunState>) {
        let end = (run.id, run.start.workflow.clone());
        self.keep(run);
        // Nobody may be listening.
        let _ = self.ends.send(end);
    }

    /// Tells of the runs that end from now on. Whoever is slow misses some, and is told so.
    pub(crate) fn ends(&self) -> broadcast::Receiver<End> {
        self.ends.subscribe()
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

//! Wakes whoever looks at a run. A wake-up carries no data: the one woken reads the truth.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use taskloom_core::id::RunId;
use tokio::sync::watch;

/// Who looks at which run.
#[derive(Debug, Clone, Default)]
pub struct Watchers {
    runs: Arc<Mutex<HashMap<RunId, watch::Sender<()>>>>,
}

/// Wakes after every commit that touched a run. Made before the first look at the run, it loses
/// no change.
#[derive(Debug)]
pub struct RunWatch {
    changes: watch::Receiver<()>,
}

impl Watchers {
    /// Begins to watch a run, whether it exists or not.
    pub fn watch(&self, run: RunId) -> RunWatch {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = runs.entry(run).or_insert_with(|| watch::channel(()).0);
        RunWatch { changes: sender.subscribe() }
    }

    /// Wakes everybody who watches `run`, and forgets a run that nobody watches any more.
    pub fn wake(&self, run: RunId) {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        if runs.get(&run).is_some_and(|sender| sender.send(()).is_err()) {
            runs.remove(&run);
        }
    }

    /// Wakes everybody for the last time: the host stops.
    pub fn close(&self) {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl RunWatch {
    /// Waits for the next change. Returns `false` when there will be none, because the host stops.
    pub async fn changed(&mut self) -> bool {
        self.changes.changed().await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn a_change_after_the_first_look_is_never_lost() {
        let (watchers, run) = (Watchers::default(), RunId::new(Uuid::from_u128(1)));
        let mut watch = watchers.watch(run);
        watchers.wake(run);
        assert!(watch.changed().await);
        watchers.close();
        assert!(!watch.changed().await);
    }

    #[test]
    fn a_run_that_nobody_watches_is_forgotten() {
        let (watchers, run) = (Watchers::default(), RunId::new(Uuid::from_u128(1)));
        drop(watchers.watch(run));
        watchers.wake(run);
        assert!(watchers.runs.lock().expect("not poisoned").is_empty());
    }
}

//! Wakes whoever looks at a run. A wake-up carries no data but that it is the last: the one woken
//! reads the truth.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use taskloom_core::id::RunId;
use tokio::sync::watch;

/// Who looks at which run.
#[derive(Debug, Clone, Default)]
pub struct Watchers {
    runs: Arc<Mutex<HashMap<RunId, Channels>>>,
}

/// One for each thing to wait for: who waits for the end must not be woken by every change.
#[derive(Debug, Default)]
struct Channels {
    changes: watch::Sender<()>,
    end: watch::Sender<bool>,
}

/// Wakes after every commit that touched a run. Made before the first look at the run, it loses
/// no change.
#[derive(Debug)]
pub struct RunWatch {
    run: RunId,
    watchers: Watchers,
    changes: watch::Receiver<()>,
    end: watch::Receiver<bool>,
}

impl Watchers {
    /// Begins to watch a run, whether it exists or not.
    pub fn watch(&self, run: RunId) -> RunWatch {
        let mut runs = self.lock();
        let channels = runs.entry(run).or_default();
        let (changes, end) = (channels.changes.subscribe(), channels.end.subscribe());
        RunWatch { run, watchers: self.clone(), changes, end }
    }

    /// Wakes everybody who watches `run`.
    pub fn wake(&self, run: RunId) {
        if let Some(channels) = self.lock().get(&run) {
            // Its last watcher takes it out.
            let _ = channels.changes.send(());
        }
    }

    /// Wakes everybody who watches `run`, which has ended, and forgets it.
    pub fn end(&self, run: RunId) {
        if let Some(channels) = self.lock().remove(&run) {
            // Whoever watched may be gone.
            let _ = channels.changes.send(());
            let _ = channels.end.send(true);
        }
    }

    /// Wakes everybody for the last time: the host stops.
    pub fn close(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RunId, Channels>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RunWatch {
    /// Waits for the next change. Returns `false` when there will be none, because the run has
    /// ended or the host stops.
    pub async fn changed(&mut self) -> bool {
        self.changes.changed().await.is_ok()
    }

    /// Waits for the end of the run. Returns `false` when the host stops first.
    pub async fn ended(&mut self) -> bool {
        self.end.wait_for(|ended| *ended).await.is_ok()
    }
}

impl Drop for RunWatch {
    /// The last one who watches a run takes it out.
    fn drop(&mut self) {
        let mut runs = self.watchers.lock();
        if runs.get(&self.run).is_some_and(|channels| channels.end.receiver_count() <= 1) {
            runs.remove(&self.run);
        }
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

    #[tokio::test]
    async fn an_end_is_told_to_those_who_wait_for_it() {
        let (watchers, run) = (Watchers::default(), RunId::new(Uuid::from_u128(1)));
        let (mut watch, mut other) = (watchers.watch(run), watchers.watch(run));
        watchers.wake(run);
        watchers.end(run);
        assert!(watch.ended().await);
        assert!(other.changed().await && !other.changed().await);
        assert!(watchers.lock().is_empty());
    }

    #[test]
    fn a_run_that_nobody_watches_is_forgotten() {
        let (watchers, run) = (Watchers::default(), RunId::new(Uuid::from_u128(1)));
        let (first, second) = (watchers.watch(run), watchers.watch(run));
        drop(first);
        assert_eq!(watchers.lock().len(), 1);
        drop(second);
        assert!(watchers.lock().is_empty());
    }
}

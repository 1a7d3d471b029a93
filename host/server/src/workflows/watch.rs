//! Watches the workflows folder, with a periodic look as a back-up.

use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use super::folder::FolderError;

/// How often the folder is looked at though nothing was heard: network file systems tell nothing.
const RESCAN: Duration = Duration::from_secs(5);

/// How long it must have been quiet before the folder is read: an editor writes a file in several
/// steps.
const QUIET: Duration = Duration::from_millis(50);

/// The longest that steps of a change are waited for.
const QUIET_ROUNDS_MAX: u32 = 20;

/// A watched folder; dropping it ends the watching.
pub(super) struct Watch {
    watcher: Option<RecommendedWatcher>,
    wake: Option<mpsc::SyncSender<Wake>>,
    thread: Option<JoinHandle<()>>,
}

enum Wake {
    Changed,
    Stop,
}

impl Watch {
    /// Calls `read` after every change of the folder, on a thread of its own.
    pub(super) fn start(
        folder: &Path,
        read: impl Fn() + Send + 'static,
    ) -> Result<Self, FolderError> {
        let error = |reason: String| FolderError::Watch { folder: folder.to_owned(), reason };
        // One wake-up waiting says all there is to say.
        let (wake, woken) = mpsc::sync_channel(1);
        let changed = wake.clone();
        let tell = move |event: notify::Result<notify::Event>| {
            if event.map_or(true, |event| !event.kind.is_access()) {
                // Full means that a wake-up is waiting already.
                let _ = changed.try_send(Wake::Changed);
            }
        };
        let watcher = notify::recommended_watcher(tell).and_then(|mut watcher| {
            watcher.watch(folder, RecursiveMode::NonRecursive)?;
            Ok(watcher)
        });
        let watcher = match watcher {
            Ok(watcher) => Some(watcher),
            Err(error) => {
                tracing::warn!(%error, folder = %folder.display(), "no news of the folder: it is looked at every {RESCAN:?}");
                None
            }
        };
        let thread = std::thread::Builder::new()
            .name("taskloom-workflows".to_owned())
            .spawn(move || follow(&woken, &read))
            .map_err(|source| error(source.to_string()))?;
        Ok(Self { watcher, wake: Some(wake), thread: Some(thread) })
    }
}

impl Watch {
    /// Has `read` called soon, as if something had changed.
    pub(super) fn wake(&self) {
        if let Some(wake) = &self.wake {
            // Full means that a wake-up is waiting already.
            let _ = wake.try_send(Wake::Changed);
        }
    }
}

fn follow(woken: &mpsc::Receiver<Wake>, read: &impl Fn()) {
    loop {
        match woken.recv_timeout(RESCAN) {
            Ok(Wake::Changed) => {
                for _ in 0..QUIET_ROUNDS_MAX {
                    match woken.recv_timeout(QUIET) {
                        Ok(Wake::Changed) => {}
                        Err(RecvTimeoutError::Timeout) => break,
                        Ok(Wake::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                    }
                }
                read();
            }
            Err(RecvTimeoutError::Timeout) => read(),
            Ok(Wake::Stop) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Without the watcher nothing but this fills the channel, so the word gets through.
        self.watcher = None;
        if let Some(wake) = self.wake.take() {
            let _ = wake.send(Wake::Stop);
        }
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
        {
            // It has nothing to say.
            let _ = thread.join();
        }
    }
}

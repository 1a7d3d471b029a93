//! The catalog's thread: looks at the folder when something may have changed, and loads what has
//! settled.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use taskloom_core::id::{Digest, PluginName};

use super::folder::{self, Stamp};
use super::{PluginState, Shared};

/// How often the folder is looked at though nothing was heard: network file systems tell nothing.
const RESCAN: Duration = Duration::from_secs(3);

/// How long a version that could not be restored is not tried again.
const RESTORE_AGAIN: Duration = Duration::from_secs(10);

/// A reason to do something.
pub(super) enum Wake {
    /// The folder may have changed.
    Look,
    /// A pinned version is not in memory.
    Restore(PluginName, Digest),
    /// The catalog is gone.
    Stop,
}

/// The watched folder; dropping it ends the thread.
pub(super) struct Watch {
    wake: mpsc::Sender<Wake>,
    thread: Option<JoinHandle<()>>,
    /// Tells the thread of changes; `None` where the system cannot, then the clock alone does.
    _watcher: Option<RecommendedWatcher>,
}

impl Watch {
    pub(super) fn start(shared: Arc<Shared>) -> std::io::Result<Self> {
        let (wake, wakes) = mpsc::channel();
        let watcher = watcher(&shared, wake.clone());
        let scanner = Scanner {
            shared,
            wakes,
            seen: HashMap::new(),
            restored: HashMap::new(),
            settled: false,
        };
        let thread = thread::Builder::new()
            .name("taskloom-catalog".to_owned())
            .spawn(move || scanner.run())?;
        Ok(Self { wake, thread: Some(thread), _watcher: watcher })
    }

    pub(super) fn wake(&self, wake: Wake) {
        // A thread that has ended has nothing to do any more.
        let _ = self.wake.send(wake);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.wake(Wake::Stop);
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by the thread itself.
            let _ = thread.join();
        }
    }
}

fn watcher(shared: &Shared, wake: mpsc::Sender<Wake>) -> Option<RecommendedWatcher> {
    let folder = &shared.config.folder;
    let mut watcher = notify::recommended_watcher(move |_| {
        // After the end nobody listens.
        let _ = wake.send(Wake::Look);
    })
    .inspect_err(|error| tracing::warn!(%error, "changes of plugins are found by looking only"))
    .ok()?;
    watcher
        .watch(folder, RecursiveMode::NonRecursive)
        .inspect_err(|error| tracing::warn!(%error, "changes of plugins are found by looking only"))
        .ok()?;
    Some(watcher)
}

/// The state of the thread.
struct Scanner {
    shared: Arc<Shared>,
    wakes: mpsc::Receiver<Wake>,
    seen: HashMap<PluginName, Seen>,
    /// When a version was last tried to be restored.
    restored: HashMap<(PluginName, Digest), Instant>,
    settled: bool,
}

/// A file as it was seen last.
struct Seen {
    stamp: Stamp,
    since: Instant,
    done: bool,
}

impl Scanner {
    fn run(mut self) {
        loop {
            let next = self.look();
            match self.wakes.recv_timeout(next.unwrap_or(RESCAN)) {
                Ok(Wake::Look) | Err(RecvTimeoutError::Timeout) => {}
                Ok(Wake::Restore(name, digest)) => self.restore(name, digest),
                Ok(Wake::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Looks at every file and loads what has settled; says when the next file will have.
    fn look(&mut self) -> Option<Duration> {
        let stems = folder::stems(&self.shared.config.folder);
        let present: HashSet<_> = stems.iter().cloned().collect();
        let gone: Vec<_> =
            self.seen.keys().filter(|stem| !present.contains(*stem)).cloned().collect();
        for stem in gone {
            self.seen.remove(&stem);
            self.shared.remove(&stem);
        }
        let next = stems.iter().filter_map(|stem| self.look_at(stem)).min();
        if next.is_none() && !std::mem::replace(&mut self.settled, true) {
            self.shared.settle();
        }
        next
    }

    /// Loads a file if it has settled and was not loaded as it is; says how long it has still to
    /// be left alone.
    fn look_at(&mut self, stem: &PluginName) -> Option<Duration> {
        let stamp = folder::stamp(&self.shared.config.folder, stem)?;
        let settle = self.shared.config.settle;
        let seen = self.seen.entry(stem.clone()).or_insert_with(|| Seen {
            stamp: stamp.clone(),
            since: Instant::now(),
            done: false,
        });
        if seen.stamp != stamp {
            *seen = Seen { stamp: stamp.clone(), since: Instant::now(), done: false };
        }
        if seen.done {
            return None;
        }
        let left = settle.saturating_sub(seen.since.elapsed().max(age(&stamp)));
        if !left.is_zero() {
            self.shared.set_state(stem, PluginState::Loading);
            return Some(left);
        }
        seen.done = true;
        self.shared.load(stem);
        None
    }

    fn restore(&mut self, name: PluginName, digest: Digest) {
        let version = (name, digest);
        let lately = self.restored.get(&version).is_some_and(|at| at.elapsed() < RESTORE_AGAIN);
        if !lately {
            self.restored.insert(version.clone(), Instant::now());
            self.shared.restore(&version.0, version.1);
        }
    }
}

/// How long ago a file was changed, by its own account; zero when that lies in the future.
fn age(stamp: &Stamp) -> Duration {
    let changed = stamp.changed().and_then(|at| SystemTime::now().duration_since(at).ok());
    changed.unwrap_or_default()
}

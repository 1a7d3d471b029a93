//! The plugins folder: which plugins there are, in which versions, and how they come and go.
//!
//! ```text
//! plugins/<stem>.wasm ─ settled? ─ load ─┬─ loaded:  swapped in; new runs use it
//!        + .policy.toml                  └─ refused: the last good version stays; the reason is shown
//! ```
//!
//! One thread looks at the folder, woken by the file system and by a clock, and compiles; everybody
//! else reads a table. A version that a run has pinned stays: in memory while it is used, and as
//! bytes in the versions folder, from where it is loaded again after a restart.

mod folder;
mod versions;
mod watch;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use taskloom_core::id::{Digest, PluginName, TaskType};
use taskloom_core::time::Timestamp;

use crate::load::LoadError;
use crate::plugin::Plugin;
use crate::runtime::Runtime;

use versions::Versions;
use watch::{Wake, Watch};

/// Superseded versions of one plugin that stay in memory beside the current one. One that is asked
/// for again is loaded from the versions folder.
const SUPERSEDED_MAX: usize = 8;

/// Where plugins are, and how long a file must have been left alone.
#[derive(Debug, Clone)]
pub struct CatalogConfig {
    /// The plugins folder; made if it is not there. Never read recursively.
    pub folder: PathBuf,
    /// Where the bytes of loaded versions are kept, each under its digest.
    pub versions_folder: PathBuf,
    /// How long a file must not have changed before it is loaded.
    pub settle: Duration,
}

/// A file of the plugins folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginEntry {
    /// The stem of its file, which is the plugin's name.
    pub stem: PluginName,
    /// What became of it.
    pub state: PluginState,
    /// When the version that new runs use was loaded.
    pub loaded_at: Option<Timestamp>,
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PluginState {
    /// It is waiting to settle, or being compiled.
    Loading,
    /// New runs use it.
    Active,
    /// It cannot be used; a version loaded before stays in use.
    Refused {
        /// Why, and what to do.
        reason: String,
    },
    /// It is gone; live runs keep the version they pinned.
    Removed,
}

/// What happened in the plugins folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CatalogEvent {
    /// A version was loaded; new runs use it.
    Loaded {
        /// The plugin.
        plugin: PluginName,
        /// The version.
        digest: Digest,
        /// The plugin's own version.
        version: String,
        /// What it offers.
        task_types: Vec<TaskType>,
    },
    /// A file cannot be used.
    Refused {
        /// The plugin it would be.
        plugin: PluginName,
        /// What it holds.
        digest: Digest,
        /// Why, and what to do.
        reason: String,
    },
    /// A file is gone.
    Removed {
        /// The plugin it was.
        plugin: PluginName,
    },
    /// A version that a run pinned was loaded again.
    Restored {
        /// The plugin.
        plugin: PluginName,
        /// The version.
        digest: Digest,
    },
    /// Every file that was there at the start has been looked at.
    Settled,
}

/// Why the plugins folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// A folder cannot be read or made.
    #[error("the folder {} cannot be used: {source}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The thread that watches cannot be started.
    #[error("the plugins folder cannot be watched: {0}")]
    Thread(std::io::Error),
}

/// The plugins of a folder.
pub struct Catalog {
    shared: Arc<Shared>,
    watch: Watch,
}

/// What the thread and the readers share.
struct Shared {
    runtime: Runtime,
    config: CatalogConfig,
    versions: Versions,
    table: RwLock<Table>,
    sink: Box<dyn Fn(CatalogEvent) + Send + Sync>,
}

#[derive(Default)]
struct Table {
    entries: BTreeMap<PluginName, Entry>,
    loaded: HashMap<(PluginName, Digest), Arc<Plugin>>,
    /// Versions that live runs have pinned.
    needed: HashSet<(PluginName, Digest)>,
    settled: bool,
}

struct Entry {
    state: PluginState,
    current: Option<Arc<Plugin>>,
    loaded_at: Option<Timestamp>,
    /// Versions that were current before, the latest last.
    superseded: Vec<Digest>,
}

impl Catalog {
    /// Begins to watch a folder; returns at once, plugins are loaded behind it. `sink` is told what
    /// happens, on the catalog's thread.
    ///
    /// # Errors
    /// When a folder cannot be read or made.
    pub fn open(
        runtime: Runtime,
        config: CatalogConfig,
        sink: impl Fn(CatalogEvent) + Send + Sync + 'static,
    ) -> Result<Self, CatalogError> {
        make_folder(&config.folder)?;
        make_folder(&config.versions_folder)?;
        let shared = Arc::new(Shared {
            runtime,
            versions: Versions::new(config.versions_folder.clone()),
            config,
            table: RwLock::default(),
            sink: Box::new(sink),
        });
        // What is there now is known, as loading, before anybody asks.
        for stem in folder::stems(&shared.config.folder) {
            shared.set_state(&stem, PluginState::Loading);
        }
        let watch = Watch::start(Arc::clone(&shared)).map_err(CatalogError::Thread)?;
        Ok(Self { shared, watch })
    }

    /// The version of a plugin that new runs use.
    pub fn current(&self, name: &PluginName) -> Option<Arc<Plugin>> {
        self.shared.read().entries.get(name)?.current.clone()
    }

    /// A certain version of a plugin. One that is not in memory is loaded behind this call, if its
    /// bytes were kept; `sink` is told.
    pub fn plugin(&self, name: &PluginName, digest: &Digest) -> Option<Arc<Plugin>> {
        let version = (name.clone(), *digest);
        let found = self.shared.read().loaded.get(&version).cloned();
        if found.is_none() {
            self.watch.wake(Wake::Restore(version.0, version.1));
        }
        found
    }

    /// The plugin whose current version offers a task type.
    pub fn task_type(&self, task_type: &TaskType) -> Option<Arc<Plugin>> {
        let plugin = self.current(&task_type.plugin())?;
        plugin.manifest().task_types.contains_key(task_type).then_some(plugin)
    }

    /// Every file of the folder and every plugin that was there, by name.
    pub fn list(&self) -> Vec<PluginEntry> {
        let of = |(stem, entry): (&PluginName, &Entry)| PluginEntry {
            stem: stem.clone(),
            state: entry.state.clone(),
            loaded_at: entry.loaded_at,
        };
        self.shared.read().entries.iter().map(of).collect()
    }

    /// Whether every file that was there at the start has been looked at.
    pub fn is_settled(&self) -> bool {
        self.shared.read().settled
    }

    /// Says that live runs have pinned these versions: their bytes are kept.
    pub fn keep<'a>(&self, pins: impl IntoIterator<Item = (&'a PluginName, &'a Digest)>) {
        let missing: Vec<_> = {
            let table = self.shared.read();
            let versions = pins.into_iter().map(|(name, digest)| (name.clone(), *digest));
            versions.filter(|version| !table.needed.contains(version)).collect()
        };
        if !missing.is_empty() {
            self.shared.write().needed.extend(missing);
        }
    }
}

impl std::fmt::Debug for Catalog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Catalog({})", self.shared.config.folder.display())
    }
}

impl Shared {
    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, event: CatalogEvent) {
        (self.sink)(event);
    }

    fn set_state(&self, stem: &PluginName, state: PluginState) {
        self.write().entry(stem).state = state;
    }

    /// Loads a settled file and swaps it in, or says why not.
    fn load(&self, stem: &PluginName) {
        let bytes = match folder::read(&self.config.folder, stem) {
            Ok(Some(bytes)) => bytes,
            // Gone again: the next look says so.
            Ok(None) => return,
            Err(reason) => return self.refuse(stem, Digest::of(b""), reason),
        };
        let digest = Digest::of(&bytes);
        let policy = match folder::policy(&self.config.folder, stem) {
            Ok(policy) => policy,
            Err(reason) => return self.refuse(stem, digest, reason),
        };
        match self.runtime.load(stem, &bytes, policy) {
            Ok(plugin) => {
                if let Err(error) = self.versions.keep(&digest, &bytes) {
                    tracing::warn!(plugin = %stem, %error, "the bytes of a plugin cannot be kept");
                }
                self.swap_in(stem, plugin);
                self.versions.sweep(|digest| self.is_needed(digest));
            }
            Err(error) => self.refuse(stem, digest, reason_of(stem, &error)),
        }
    }

    fn swap_in(&self, stem: &PluginName, plugin: Arc<Plugin>) {
        let digest = plugin.digest();
        let manifest = plugin.manifest();
        let event = CatalogEvent::Loaded {
            plugin: stem.clone(),
            digest,
            version: manifest.version.clone(),
            task_types: manifest.task_types.keys().cloned().collect(),
        };
        tracing::info!(plugin = %stem, version = manifest.version, %digest, "plugin loaded");
        self.write().swap_in(stem, digest, plugin);
        self.tell(event);
    }

    fn refuse(&self, stem: &PluginName, digest: Digest, reason: String) {
        tracing::warn!(plugin = %stem, reason, "plugin refused");
        self.set_state(stem, PluginState::Refused { reason: reason.clone() });
        self.tell(CatalogEvent::Refused { plugin: stem.clone(), digest, reason });
    }

    fn remove(&self, stem: &PluginName) {
        tracing::info!(plugin = %stem, "plugin removed");
        {
            let mut table = self.write();
            let entry = table.entry(stem);
            entry.state = PluginState::Removed;
            entry.current = None;
        }
        self.tell(CatalogEvent::Removed { plugin: stem.clone() });
    }

    /// Loads a version that a run pinned and that is not in memory.
    fn restore(&self, stem: &PluginName, digest: Digest) {
        let version = (stem.clone(), digest);
        if self.read().loaded.contains_key(&version) {
            return;
        }
        let restored = self.versions.read(&digest).and_then(|bytes| {
            let policy = folder::policy(&self.config.folder, stem)?;
            self.runtime.load(stem, &bytes, policy).map_err(|error| reason_of(stem, &error))
        });
        match restored {
            Ok(plugin) => {
                self.write().loaded.insert(version, plugin);
                self.tell(CatalogEvent::Restored { plugin: stem.clone(), digest });
            }
            Err(reason) => {
                tracing::warn!(plugin = %stem, %digest, reason, "a pinned version cannot be loaded");
            }
        }
    }

    fn is_needed(&self, digest: &Digest) -> bool {
        let table = self.read();
        let current = |entry: &Entry| entry.current.as_ref().map(|plugin| plugin.digest());
        table.needed.iter().any(|(_, needed)| needed == digest)
            || table.entries.values().any(|entry| current(entry) == Some(*digest))
    }

    fn settle(&self) {
        self.write().settled = true;
        self.tell(CatalogEvent::Settled);
    }
}

impl Table {
    fn entry(&mut self, stem: &PluginName) -> &mut Entry {
        self.entries.entry(stem.clone()).or_insert_with(|| Entry {
            state: PluginState::Loading,
            current: None,
            loaded_at: None,
            superseded: Vec::new(),
        })
    }

    fn swap_in(&mut self, stem: &PluginName, digest: Digest, plugin: Arc<Plugin>) {
        self.loaded.insert((stem.clone(), digest), Arc::clone(&plugin));
        let entry = self.entry(stem);
        let before = entry.current.replace(plugin);
        entry.state = PluginState::Active;
        entry.loaded_at = Some(now());
        entry.superseded.retain(|old| *old != digest);
        entry.superseded.extend(before.map(|old| old.digest()).filter(|old| *old != digest));
        let surplus = entry.superseded.len().saturating_sub(SUPERSEDED_MAX);
        let dropped: Vec<_> = entry.superseded.drain(..surplus).collect();
        for old in dropped {
            self.loaded.remove(&(stem.clone(), old));
        }
    }
}

/// Why a file is refused, for people.
fn reason_of(stem: &PluginName, error: &LoadError) -> String {
    format!("{stem}.wasm cannot be loaded: {error}")
}

fn make_folder(folder: &Path) -> Result<(), CatalogError> {
    std::fs::create_dir_all(folder)
        .map_err(|source| CatalogError::Folder { folder: folder.to_owned(), source })
}

fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_ms(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

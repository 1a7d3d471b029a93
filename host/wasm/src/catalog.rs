//! The plugins folder: what is in it, loaded and kept up to date.
//!
//! ```text
//!  folder ─ notify, and a rescan behind it ─▶ Keeper (one thread) ─ jobs ─▶ loaders (two threads)
//!                                               │  ▲                            │
//!  CatalogEvent ◀───────────────────────────────┘  └────────── outcomes ────────┘
//!                                               ▼
//!                                  Shelf: current versions, kept versions
//! ```
//!
//! A file is looked at when it has been left alone for a while. A version that is loaded replaces the
//! one before for new runs, in one step; runs that pinned the old one find it by its digest, in memory
//! or in the folder of versions. A file that is refused replaces nothing.

mod folder;
mod keeper;
mod loader;
mod shelf;
mod versions;

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use taskloom_core::id::{Digest, PluginName, TaskType};
use taskloom_core::time::Timestamp;

use crate::plugin::Plugin;
use crate::runtime::Runtime;
use keeper::{Keeper, Message};
use shelf::Shelf;
use versions::Versions;

/// Where plugins are found and kept.
#[derive(Debug, Clone)]
pub struct CatalogConfig {
    /// The folder whose `*.wasm` files are loaded; made if it is not there. Folders in it are not
    /// looked into.
    pub folder: PathBuf,
    /// Where the bytes of every loaded version are kept, as `<digest>.wasm`.
    pub versions_folder: PathBuf,
    /// How long a file must have been left alone before it is loaded.
    pub settle: Duration,
}

/// Something about the plugins changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CatalogEvent {
    /// New runs use this version, or its policy changed.
    Loaded {
        /// The plugin.
        plugin: PluginName,
        /// The version.
        digest: Digest,
        /// The plugin's own version number.
        version: String,
        /// What it offers.
        task_types: Vec<TaskType>,
        /// The length of its file in bytes.
        bytes: u64,
        /// How long loading took.
        took: Duration,
    },
    /// A file was not taken; a version loaded before stays.
    Refused {
        /// The stem of the file.
        plugin: PluginName,
        /// The content of the file.
        digest: Digest,
        /// Why, and what to do.
        reason: String,
    },
    /// The file is gone; live runs keep the version they pinned.
    Removed {
        /// The plugin.
        plugin: PluginName,
    },
    /// A version that a run has pinned was loaded again.
    Restored {
        /// The plugin.
        plugin: PluginName,
        /// The version.
        digest: Digest,
    },
    /// Nothing is being loaded any more. Comes after the first look at the folder, and after every
    /// change since.
    Settled,
}

/// A file of the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginEntry {
    /// Its stem, which is the plugin's name.
    pub stem: PluginName,
    /// Whether it is used.
    pub state: PluginState,
    /// When the version that new runs use was loaded.
    pub loaded_at: Option<Timestamp>,
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PluginState {
    /// It is being looked at or compiled.
    Loading,
    /// New runs use it.
    Active,
    /// It is no plugin that this host can run. A version loaded before goes on being used, unless it
    /// is the policy that is wrong.
    Refused {
        /// Why, and what to do.
        reason: String,
    },
    /// It is gone.
    Removed,
}

/// The catalog cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// One of its folders.
    #[error("cannot use the folder {}: {source}", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its threads.
    #[error("cannot start the threads that load plugins: {0}")]
    Threads(#[source] io::Error),
}

/// The plugins that are loaded.
pub struct Catalog {
    shelf: Arc<Shelf>,
    versions: Versions,
    messages: Sender<Message>,
    keeper: Option<JoinHandle<()>>,
    _watcher: Option<RecommendedWatcher>,
}

impl Catalog {
    /// Begins to load what is in the folder, in the background. `sink` hears every change, on the
    /// catalog's own thread; it may ask the catalog.
    ///
    /// # Errors
    /// When a folder cannot be used or the system refuses threads.
    pub fn open(
        runtime: Runtime,
        config: CatalogConfig,
        sink: impl Fn(CatalogEvent) + Send + Sync + 'static,
    ) -> Result<Self, CatalogError> {
        let failed = |path: &PathBuf| {
            let path = path.clone();
            move |source| CatalogError::Folder { path, source }
        };
        std::fs::create_dir_all(&config.folder).map_err(failed(&config.folder))?;
        let versions =
            Versions::open(&config.versions_folder).map_err(failed(&config.versions_folder))?;
        let shelf = Arc::new(Shelf::default());
        // What is there now is known, as loading, before anybody asks.
        let found = folder::scan(&config.folder).map_err(failed(&config.folder))?;
        found.plugins.keys().for_each(|name| shelf.begin_loading(name));
        let (messages, inbox) = std::sync::mpsc::channel();
        let watcher = watch(&config, messages.clone());
        let jobs = loader::start(runtime, &config.folder, &versions, &shelf, messages.clone())
            .map_err(CatalogError::Threads)?;
        let keeper =
            Keeper::new(config.folder, config.settle, Arc::clone(&shelf), jobs, Box::new(sink));
        let keeper = std::thread::Builder::new()
            .name("taskloom-catalog".to_owned())
            .spawn(move || keeper.run(&inbox))
            .map_err(CatalogError::Threads)?;
        Ok(Self { shelf, versions, messages, keeper: Some(keeper), _watcher: watcher })
    }

    /// The version of a plugin that runs pinned. `None` when it is not loaded: it is then looked for
    /// in the folder of versions, and [`CatalogEvent::Restored`] follows when it is there.
    pub fn plugin(&self, name: &PluginName, digest: &Digest) -> Option<Arc<Plugin>> {
        if self.shelf.is_blocked(name) {
            return None;
        }
        let plugin = self.shelf.version(digest).filter(|plugin| plugin.name() == name);
        if plugin.is_none() {
            self.want(name, digest);
        }
        plugin
    }

    /// The version of a plugin that new runs use.
    pub fn current(&self, name: &PluginName) -> Option<Arc<Plugin>> {
        self.shelf.current(name)
    }

    /// The plugin that offers a task type to new runs.
    pub fn task_type(&self, task_type: &TaskType) -> Option<Arc<Plugin>> {
        let plugin = self.current(&task_type.plugin())?;
        plugin.manifest().task_types.contains_key(task_type).then_some(plugin)
    }

    /// Every file of the folder by name, those that were removed included.
    pub fn list(&self) -> Vec<PluginEntry> {
        self.shelf.entries()
    }

    /// Whether every file that was there at the start has been looked at.
    pub fn is_settled(&self) -> bool {
        self.shelf.is_settled()
    }

    /// Loads the versions that a run has pinned, ahead of their use.
    pub fn keep<'p>(&self, pins: impl IntoIterator<Item = (&'p PluginName, &'p Digest)>) {
        for (name, digest) in pins {
            if self.shelf.version(digest).is_none() {
                self.want(name, digest);
            }
        }
    }

    /// Drops the files of versions that are neither current nor among `needed`, which must name what
    /// every live run has pinned. Says how many were dropped.
    ///
    /// # Errors
    /// When the folder of versions cannot be read.
    pub fn drop_versions_but(&self, needed: &HashSet<Digest>) -> io::Result<usize> {
        let current = self.shelf.current_digests();
        self.versions.drop_but(|digest| needed.contains(digest) || current.contains(digest))
    }

    fn want(&self, name: &PluginName, digest: &Digest) {
        if self.shelf.begin_wanting(digest) {
            // A catalog that is closing loads nothing.
            let _ = self.messages.send(Message::Wanted(name.clone(), *digest));
        }
    }
}

impl Drop for Catalog {
    fn drop(&mut self) {
        let _ = self.messages.send(Message::Stop);
        let this = std::thread::current().id();
        if let Some(keeper) = self.keeper.take()
            && keeper.thread().id() != this
        {
            // It has nothing to say; what went wrong is in the log.
            let _ = keeper.join();
        }
    }
}

impl std::fmt::Debug for Catalog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Catalog")
    }
}

/// Hears of changes in the folder. Where that is not possible, the rescan finds them a little later.
fn watch(config: &CatalogConfig, messages: Sender<Message>) -> Option<RecommendedWatcher> {
    let tell = move |event: notify::Result<notify::Event>| {
        // Reading the files is no change, and would be an endless one.
        if event.is_ok_and(|event| event.kind.is_access()) {
            return;
        }
        let _ = messages.send(Message::Changed);
    };
    let watched = notify::recommended_watcher(tell).and_then(|mut watcher| {
        watcher.watch(&config.folder, RecursiveMode::NonRecursive)?;
        Ok(watcher)
    });
    watched
        .map_err(|error| {
            let folder = config.folder.display();
            tracing::warn!(%folder, %error, "the plugins folder cannot be watched; it is rescanned");
        })
        .ok()
}

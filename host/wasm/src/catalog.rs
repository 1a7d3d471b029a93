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

mod change;
mod event;
mod folder;
mod keeper;
mod loader;
mod shelf;
mod stand_in;
mod versions;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use taskloom_core::id::{Digest, PluginName, TaskType};
use taskloom_core::life::{PluginLife, Quarantine};
use taskloom_core::time::Timestamp;
use tokio::sync::oneshot;

use crate::plugin::Plugin;
use crate::policy::Policy;
use crate::runtime::Runtime;
use crate::signature::{KeyId, SignatureRules};
use change::Change;
use keeper::{Keeper, Message};
use shelf::Shelf;
use versions::Versions;

pub use change::ChangeError;
pub use event::{CatalogEvent, CrashLoop};

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
    /// How many good versions of a plugin are kept beside the one in use, to go back to.
    pub versions_kept: usize,
    /// What is known of plugins from their events.
    pub lives: HashMap<PluginName, PluginLife>,
    /// Whose signatures count.
    pub signatures: SignatureRules,
    /// What these plugins are granted; for them no file beside theirs is looked at.
    pub policies: BTreeMap<PluginName, Policy>,
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
    /// Whose key the file in the folder is signed with, if that was checked.
    pub signed_by: Option<KeyId>,
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
    /// It is loaded, and crashed again and again: no run uses it until it is released. New runs use the
    /// last good version, if there is one.
    Quarantined {
        /// Since when, and why.
        quarantine: Quarantine,
    },
    /// It is loaded, and new runs use an older version, since somebody wanted that.
    RolledBack,
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
    /// Where the policies stand that the host was given.
    policy_origins: BTreeMap<PluginName, String>,
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
        let shelf = Arc::new(Shelf::new(config.lives.clone()));
        // What is there now is known, as loading, before anybody asks.
        let found = folder::scan(&config.folder).map_err(failed(&config.folder))?;
        found.plugins.keys().for_each(|name| shelf.begin_loading(name));
        let (messages, inbox) = channel();
        let watcher = watch(&config, messages.clone());
        let jobs = loader::start(runtime, &config, &versions, &shelf, messages.clone())
            .map_err(CatalogError::Threads)?;
        let keeper =
            Keeper::new(&config, Arc::clone(&shelf), versions.clone(), jobs, Box::new(sink));
        let keeper = std::thread::Builder::new()
            .name("taskloom-catalog".to_owned())
            .spawn(move || keeper.run(&inbox))
            .map_err(CatalogError::Threads)?;
        let origin =
            |(name, policy): (&PluginName, &Policy)| (name.clone(), policy.origin().to_owned());
        let policy_origins = config.policies.iter().map(origin).collect();
        let keeper = Some(keeper);
        Ok(Self { shelf, policy_origins, versions, messages, keeper, _watcher: watcher })
    }

    /// Where the policy of a plugin stands: in its file in the folder, unless the host was given one.
    pub fn policy_origin(&self, name: &PluginName) -> String {
        let given = self.policy_origins.get(name).cloned();
        given.unwrap_or_else(|| folder::policy_file(name))
    }

    /// The version of a plugin that runs pinned. `None` when it is in quarantine, and when it is not
    /// loaded: it is then looked for as by [`Self::version`].
    pub fn plugin(&self, name: &PluginName, digest: &Digest) -> Option<Arc<Plugin>> {
        if self.shelf.is_blocked(name) || self.is_quarantined(name, digest) {
            return None;
        }
        self.version(name, digest)
    }

    /// A version of a plugin to be looked at and not to be called: also one in quarantine. `None` when it
    /// is not loaded: it is then looked for in the folder of versions, and [`CatalogEvent::Restored`]
    /// follows when it is there.
    pub fn version(&self, name: &PluginName, digest: &Digest) -> Option<Arc<Plugin>> {
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

    /// What is known of a plugin from its events; `None` when nothing is.
    pub fn life(&self, name: &PluginName) -> Option<PluginLife> {
        self.shelf.life(name)
    }

    /// Whether no run may use a version.
    pub fn is_quarantined(&self, name: &PluginName, digest: &Digest) -> bool {
        self.shelf.is_quarantined(name, digest)
    }

    /// Whether the bytes of a version are kept, so that new runs can go back to it.
    pub fn is_kept(&self, digest: &Digest) -> bool {
        self.versions.has(digest)
    }

    /// Puts a version that crashes again and again into quarantine, and the last good one in its place,
    /// soon. Nothing happens to one that is there already.
    pub fn crashed(&self, name: &PluginName, digest: Digest, crashes: CrashLoop) {
        self.send(Message::Crashed(name.clone(), digest, crashes));
    }

    /// Lets a version be used again that is in quarantine: by default that of the file, else the newest of
    /// them. Answers with the version.
    ///
    /// # Errors
    /// When there is none.
    pub async fn release(
        &self,
        name: &PluginName,
        digest: Option<Digest>,
    ) -> Result<Digest, ChangeError> {
        self.change(name, Change::Release(digest)).await
    }

    /// Lets new runs use another version, until another file comes: by default the one before that which
    /// they use. Answers with the version, once it is in use.
    ///
    /// # Errors
    /// When there is none, it is in quarantine, or it cannot be loaded any more.
    pub async fn roll_back(
        &self,
        name: &PluginName,
        digest: Option<Digest>,
    ) -> Result<Digest, ChangeError> {
        self.change(name, Change::RollBack(digest)).await
    }

    async fn change(&self, name: &PluginName, change: Change) -> Result<Digest, ChangeError> {
        let (reply, done) = oneshot::channel();
        self.send(Message::Change(name.clone(), change, reply));
        done.await.unwrap_or(Err(ChangeError::Stopping))
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

    /// Drops the bytes of versions soon that new runs do not use, that are not among the
    /// [`CatalogConfig::versions_kept`] to go back to, and not among `needed`, which must name what every
    /// live run has pinned. Tells how many were dropped; nothing, and drops nothing, when something is
    /// being loaded: [`CatalogEvent::Settled`] is the time to ask again.
    pub fn drop_versions_but(&self, needed: HashSet<Digest>) -> Receiver<usize> {
        let (told, dropped) = channel();
        self.send(Message::Sweep(needed, told));
        dropped
    }

    fn want(&self, name: &PluginName, digest: &Digest) {
        if self.shelf.begin_wanting(digest) {
            self.send(Message::Wanted(name.clone(), *digest));
        }
    }

    fn send(&self, message: Message) {
        // A catalog that is closing does nothing any more.
        let _ = self.messages.send(message);
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

//! The workflows that runs can be started of: read from the files of one folder, and read again
//! when they change; and put by requests, which the journal keeps.
//!
//! A file that breaks never unloads what it held before: the last good version goes on being
//! served, with the problems beside it. Live runs are not touched by anything in here; each keeps
//! the definition it started with.

mod availability;
mod change;
mod folder;
mod registered;
mod requested;
mod state;
mod watch;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use serde_json::Value;
use taskloom_core::definition::{Definition, HostOffers};
use taskloom_core::document::{Problem, suggest};
use taskloom_core::id::{Digest, PluginName, WorkflowId};
use taskloom_core::journal::Origin;
use taskloom_store::Store;
use taskloom_wasm::{Catalog, PluginEntry, PluginState};
use tokio::sync::watch::{Receiver, Sender};

pub use availability::Availability;
pub use change::{ChangeError, Condition, Put};
pub use folder::FolderError;
pub use registered::{Registered, Standing};
pub use state::BrokenFile;

use folder::{File, Snapshot};
use requested::Requested;
use state::State;
use watch::Watch;

use crate::ledger::{self, Ledger, Text, WorkflowKind};

/// A text that takes so much memory while it is read that it is given back at once, in bytes.
pub const LONG_TEXT: usize = 1024 * 1024;

/// The registered workflows; cheap to clone. The last clone ends the watching of the folder.
#[derive(Clone)]
pub struct Workflows {
    shared: Arc<Shared>,
    catalog: Arc<Catalog>,
    watch: Arc<Watch>,
}

struct Shared {
    folder: PathBuf,
    store: Store,
    /// What workflows read as `config`.
    values: Arc<Value>,
    /// Where workflows come from; held while that changes.
    sources: Mutex<Sources>,
    /// What is served; never held while a file is read or something is written.
    state: RwLock<State>,
    /// Counts the changes of what they hold.
    generation: Sender<u64>,
    /// What the host offers to triggers.
    offers: Option<HostOffers>,
}

/// Where workflows come from.
struct Sources {
    /// The files as they were last read.
    files: BTreeMap<String, File>,
    /// What the journal says.
    ledger: Ledger<WorkflowKind>,
    /// What the texts that requests put come to.
    requested: BTreeMap<WorkflowId, Requested>,
}

/// Why the workflows cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The journal cannot be read.
    #[error(transparent)]
    Store(#[from] taskloom_store::Error),
}

impl Workflows {
    /// Reads what requests put and the files of `folder`, and watches it from then on. Files that are wrong are kept as
    /// [`Self::broken`]. Does not wait for plugins. `values` is what they read as `config`.
    ///
    /// # Errors
    /// When the folder cannot be read or watched, or the journal cannot be read.
    pub fn open(
        folder: &Path,
        store: Store,
        catalog: Arc<Catalog>,
        values: Arc<Value>,
        offers: HostOffers,
    ) -> Result<Self, OpenError> {
        let shared = Arc::new(Shared::new(folder.to_owned(), store, values, Some(offers))?);
        shared.read()?;
        let (watched, plugins) = (Arc::clone(&shared), Arc::clone(&catalog));
        let watch = Watch::start(&shared.folder, move || {
            if let Err(error) = watched.read() {
                tracing::warn!(%error, "the workflows stay as they were");
            }
            watched.review(&plugins);
        })?;
        Ok(Self { shared, catalog, watch: Arc::new(watch) })
    }

    /// Has the workflows judged again, on their own thread: plugins were loaded or removed.
    pub fn plugins_changed(&self) {
        self.watch.wake();
    }

    /// Whether a run of a workflow could be performed with the plugins that are loaded. Judged once
    /// for every change of the plugins it uses.
    pub fn availability(&self, registered: &Registered) -> Availability {
        self.shared.judge(registered, &self.catalog)
    }

    /// Counts the changes of what is registered.
    pub fn generation(&self) -> u64 {
        *self.shared.generation.borrow()
    }

    /// Wakes after every change of what is registered.
    pub fn changes(&self) -> Receiver<u64> {
        self.shared.generation.subscribe()
    }

    /// What is wrong with a definition, given the plugins that are loaded and the host's values. While plugins are being
    /// loaded, task types that nobody offers yet are not wrong.
    pub fn check_types(&self, definition: &Definition) -> Vec<Problem> {
        match availability::judge(
            definition,
            self.catalog.is_settled(),
            &self.catalog,
            &self.shared.values,
            None,
        ) {
            Availability::Available | Availability::Loading => Vec::new(),
            Availability::Unavailable(problems) => problems,
        }
    }

    /// Why the files of these plugins were refused or are not used, as far as that is so.
    pub fn refusals(&self, plugins: &[PluginName]) -> Vec<String> {
        let refusal = |entry: PluginEntry| match entry.state {
            PluginState::Refused { reason } if plugins.contains(&entry.stem) => {
                Some(format!("`{}.wasm` was refused: {reason}", entry.stem))
            }
            PluginState::Quarantined { quarantine } if plugins.contains(&entry.stem) => {
                let (name, crashes) = (entry.stem, quarantine.crashes);
                Some(format!(
                    "`{name}.wasm` is in quarantine after {crashes} crashes; `taskloom plugin release \
                     {name}` lets it be used again"
                ))
            }
            _ => None,
        };
        self.catalog.list().into_iter().filter_map(refusal).collect()
    }

    /// The workflow called `id`.
    pub fn get(&self, id: &WorkflowId) -> Option<Arc<Registered>> {
        self.shared.state().registered.get(id).cloned()
    }

    /// Every workflow, by id.
    pub fn list(&self) -> Vec<Arc<Registered>> {
        self.shared.state().registered.values().cloned().collect()
    }

    /// Files that hold no workflow, by name.
    pub fn broken(&self) -> Vec<BrokenFile> {
        self.shared.state().broken.clone()
    }

    /// Every text that a workflow has had, that which was put last first; empty for a workflow that
    /// never was. Reads the disk.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn versions(&self, id: &WorkflowId) -> Result<Vec<ledger::Put>, taskloom_store::Error> {
        ledger::versions::<WorkflowKind>(&self.shared.store, id)
    }

    /// One of the texts of a workflow; `None` if it never had it. Reads the disk.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn version(
        &self,
        id: &WorkflowId,
        digest: Digest,
    ) -> Result<Option<(ledger::Put, Arc<str>)>, taskloom_store::Error> {
        ledger::version::<WorkflowKind>(&self.shared.store, id, digest)
    }

    /// The id that `word` may have been meant to be.
    pub fn similar(&self, word: &str) -> Option<String> {
        let state = self.shared.state();
        suggest(word, state.registered.keys().map(WorkflowId::as_str)).map(str::to_owned)
    }
}

impl Shared {
    fn new(
        folder: PathBuf,
        store: Store,
        values: Arc<Value>,
        offers: Option<HostOffers>,
    ) -> Result<Self, taskloom_store::Error> {
        let ledger = Ledger::open(store.clone())?;
        let requested = requested::read_all(&ledger, &store)?;
        let sources = Mutex::new(Sources { files: BTreeMap::new(), ledger, requested });
        let (state, generation) = (RwLock::default(), Sender::default());
        Ok(Self { folder, store, values, sources, state, generation, offers })
    }

    /// Reads the folder and takes over what changed.
    fn read(&self) -> Result<(), FolderError> {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let snapshot = Snapshot::take(&self.folder)?;
        let (files, changed) = snapshot.merge(std::mem::take(&mut sources.files));
        sources.files = files;
        self.serve(&mut sources);
        let state = self.state();
        for name in changed {
            state::report(&state, &name);
        }
        Ok(())
    }

    /// Serves what the sources come to, and writes down which texts of files that are.
    fn serve(&self, sources: &mut Sources) {
        let (state, is_same) = {
            let before = self.state();
            let holders = state::holders(&sources.files, &before);
            let served = holders.values().filter_map(|held| {
                let definition = sources.files[held.owner].good.as_ref()?;
                Some(text(definition, Origin::File(held.owner.to_owned())))
            });
            if let Err(error) = sources.ledger.put(served) {
                tracing::warn!(%error, "new texts of workflow files are not in the journal");
            }
            let state = State::of(sources, holders, &before);
            let is_same = state.serves_what(&before);
            (state, is_same)
        };
        *self.write() = state;
        if !is_same {
            self.generation.send_modify(|generation| *generation += 1);
        }
    }

    /// Whether a run of a workflow could be performed.
    fn judge(&self, registered: &Registered, catalog: &Catalog) -> Availability {
        let Registered { definition, plugins, verdict, .. } = registered;
        verdict.of(definition, plugins, catalog, &self.values, self.offers.as_ref())
    }

    /// Judges every workflow and logs those that came to be, or ceased to be, unavailable.
    fn review(&self, catalog: &Catalog) {
        let all: Vec<_> = self.state().registered.values().cloned().collect();
        for registered in all {
            let before = registered.verdict.last();
            let now = self.judge(&registered, catalog);
            let workflow = registered.id();
            match (before, now) {
                (Some(before), now) if before == now => {}
                (_, Availability::Unavailable(problems)) => {
                    for problem in problems {
                        tracing::warn!(%workflow, %problem, "the workflow is unavailable");
                    }
                }
                (Some(Availability::Unavailable(_)), Availability::Available) => {
                    tracing::info!(%workflow, "the workflow is available again");
                }
                _ => {}
            }
        }
    }

    fn state(&self) -> std::sync::RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A definition as the ledger takes it.
fn text(definition: &Definition, origin: Origin) -> Text<WorkflowId> {
    let workflow = &definition.workflow;
    Text {
        id: workflow.id.clone(),
        source: Arc::clone(&definition.source),
        digest: workflow.digest,
        version: workflow.version.clone(),
        origin,
    }
}

#[cfg(test)]
mod tests;

//! The workflows that runs can be started of: read from the files of one folder, and read again
//! when they change.
//!
//! A file that breaks never unloads what it held before: the last good version goes on being
//! served, with the problems beside it. Live runs are not touched by anything in here; each keeps
//! the definition it started with.

mod availability;
mod folder;
mod watch;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use taskloom_core::definition::{Definition, HostOffers};
use taskloom_core::document::{Problem, suggest};
use taskloom_core::id::{PluginName, WorkflowId};
use taskloom_core::schema::Schema;
use taskloom_wasm::{Catalog, PluginEntry, PluginState};
use tokio::sync::watch::{Receiver, Sender};

pub use availability::Availability;
pub use folder::FolderError;

use availability::Verdict;
use folder::{File, Snapshot};
use watch::Watch;

/// A text that takes so much memory while it is read that it is given back at once, in bytes.
pub const LONG_TEXT: usize = 1024 * 1024;

/// The registered workflows; cheap to clone. The last clone ends the watching of the folder.
#[derive(Clone)]
pub struct Workflows {
    shared: Arc<Shared>,
    catalog: Arc<Catalog>,
    watch: Arc<Watch>,
}

#[derive(Default)]
struct Shared {
    folder: PathBuf,
    /// The files as they were last read; held while they are read again.
    files: Mutex<BTreeMap<String, File>>,
    /// What they hold; never held while a file is read.
    state: RwLock<State>,
    /// Counts the changes of what they hold.
    generation: Sender<u64>,
    /// What the host offers to triggers.
    offers: Option<HostOffers>,
}

/// What the folder holds.
#[derive(Default)]
struct State {
    registered: BTreeMap<WorkflowId, Arc<Registered>>,
    broken: Vec<BrokenFile>,
}

/// One workflow that runs can be started of.
pub struct Registered {
    /// The definition that new runs get.
    pub definition: Arc<Definition>,
    /// The name of its file.
    pub file: String,
    /// The schema of the run's input, compiled.
    pub input_schema: Schema,
    /// What is wrong with the file as it is now, if it changed and the version before it is
    /// served; or that another file holds the same id.
    pub problems: Vec<Problem>,
    plugins: Vec<PluginName>,
    verdict: Verdict,
}

/// A file that holds no workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenFile {
    /// Its name.
    pub file: String,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

impl Workflows {
    /// Reads the files of `folder` and watches it from then on. Files that are wrong are kept as
    /// [`Self::broken`]. Does not wait for plugins.
    ///
    /// # Errors
    /// When the folder cannot be read or watched.
    pub fn open(
        folder: &Path,
        catalog: Arc<Catalog>,
        offers: HostOffers,
    ) -> Result<Self, FolderError> {
        let (folder_name, offers) = (folder.to_owned(), Some(offers));
        let shared = Arc::new(Shared { folder: folder_name, offers, ..Shared::default() });
        shared.read()?;
        let (watched, plugins) = (Arc::clone(&shared), Arc::clone(&catalog));
        let watch = Watch::start(folder, move || {
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
        let offers = self.shared.offers.as_ref();
        registered.verdict.of(&registered.definition, &registered.plugins, &self.catalog, offers)
    }

    /// Counts the changes of what is registered.
    pub fn generation(&self) -> u64 {
        *self.shared.generation.borrow()
    }

    /// Wakes after every change of what is registered.
    pub fn changes(&self) -> Receiver<u64> {
        self.shared.generation.subscribe()
    }

    /// What is wrong with a definition, given the plugins that are loaded. While plugins are being
    /// loaded, task types that nobody offers yet are not wrong.
    pub fn check_types(&self, definition: &Definition) -> Vec<Problem> {
        match availability::judge(definition, self.catalog.is_settled(), &self.catalog, None) {
            Availability::Available | Availability::Loading => Vec::new(),
            Availability::Unavailable(problems) => problems,
        }
    }

    /// Why the files of these plugins were refused, as far as they were.
    pub fn refusals(&self, plugins: &[PluginName]) -> Vec<String> {
        let refusal = |entry: PluginEntry| match entry.state {
            PluginState::Refused { reason } if plugins.contains(&entry.stem) => {
                Some(format!("`{}.wasm` was refused: {reason}", entry.stem))
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

    /// The id that `word` may have been meant to be.
    pub fn similar(&self, word: &str) -> Option<String> {
        let state = self.shared.state();
        suggest(word, state.registered.keys().map(WorkflowId::as_str)).map(str::to_owned)
    }
}

impl Registered {
    fn new(definition: Arc<Definition>, problems: Vec<Problem>) -> Self {
        let workflow = &definition.workflow;
        let input_schema = Schema::compile(&workflow.input_schema)
            .expect("reading the definition has compiled the schema");
        let plugins = workflow.plugins().into_iter().collect();
        let file = Path::new(&definition.origin)
            .file_name()
            .map_or(definition.origin.clone(), |name| name.to_string_lossy().into_owned());
        Self { file, input_schema, problems, plugins, verdict: Verdict::default(), definition }
    }

    /// The workflow's id.
    pub fn id(&self) -> &WorkflowId {
        &self.definition.workflow.id
    }

    /// The plugins it uses.
    pub fn plugins(&self) -> &[PluginName] {
        &self.plugins
    }
}

impl Shared {
    /// Reads the folder and takes over what changed.
    fn read(&self) -> Result<(), FolderError> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let snapshot = Snapshot::take(&self.folder)?;
        let (now, changed) = snapshot.merge(std::mem::take(&mut files));
        *files = now;
        let state = State::of(&files, &self.state().registered);
        for name in &changed {
            report(&state, name);
        }
        *self.write() = state;
        if !changed.is_empty() {
            self.generation.send_modify(|generation| *generation += 1);
        }
        Ok(())
    }

    /// Judges every workflow and logs those that came to be, or ceased to be, unavailable.
    fn review(&self, catalog: &Catalog) {
        let all: Vec<_> = self.state().registered.values().cloned().collect();
        for registered in all {
            let before = registered.verdict.last();
            let (definition, offers) = (&registered.definition, self.offers.as_ref());
            let now = registered.verdict.of(definition, &registered.plugins, catalog, offers);
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

impl State {
    /// What the files hold. An id that two files hold stays with the file that had it; at the
    /// first reading the first by name gets it. Both get a problem.
    fn of(files: &BTreeMap<String, File>, before: &BTreeMap<WorkflowId, Arc<Registered>>) -> Self {
        let mut holders: BTreeMap<WorkflowId, Vec<&str>> = BTreeMap::new();
        for (name, file) in files {
            if let Some(definition) = &file.good {
                holders.entry(definition.workflow.id.clone()).or_default().push(name);
            }
        }
        let mut registered = BTreeMap::new();
        let mut broken = Vec::new();
        for (id, mut names) in holders {
            let owner = before.get(&id).map(|registered| registered.file.as_str());
            let place = names.iter().position(|name| Some(*name) == owner).unwrap_or(0);
            let owner = names.remove(place);
            let file = &files[owner];
            let mut problems = file.problems.clone();
            problems.extend(names.iter().map(|other| also_in(file, &id, other)));
            broken.extend(names.iter().map(|name| BrokenFile {
                file: (*name).to_owned(),
                problems: vec![taken(&files[*name], &id, owner)],
            }));
            registered.insert(id.clone(), renew(before.get(&id), file, problems));
        }
        broken.extend(files.iter().filter(|(_, file)| file.good.is_none()).map(|(name, file)| {
            BrokenFile { file: name.clone(), problems: file.problems.clone() }
        }));
        broken.sort_by(|a, b| a.file.cmp(&b.file));
        Self { registered, broken }
    }
}

/// The workflow of a file; the one that is registered already if nothing about it changed.
fn renew(before: Option<&Arc<Registered>>, file: &File, problems: Vec<Problem>) -> Arc<Registered> {
    let definition = file.good.as_ref().expect("only files that hold a workflow are registered");
    match before {
        Some(before)
            if Arc::ptr_eq(&before.definition, definition) && before.problems == problems =>
        {
            Arc::clone(before)
        }
        _ => Arc::new(Registered::new(Arc::clone(definition), problems)),
    }
}

fn also_in(file: &File, id: &WorkflowId, other: &str) -> Problem {
    file.problem(
        "duplicate-workflow",
        format!("`{other}` has the workflow id `{id}` too"),
        "this file's workflow is served; give the other another id, or remove it",
    )
}

fn taken(file: &File, id: &WorkflowId, owner: &str) -> Problem {
    file.problem(
        "duplicate-workflow",
        format!("the workflow id `{id}` belongs to `{owner}`"),
        "that one is served; give this workflow another id, or remove one of the files",
    )
}

/// Logs what came of a file that changed.
fn report(state: &State, name: &str) {
    let broken = state.broken.iter().find(|broken| broken.file == name);
    let registered = state.registered.values().find(|registered| registered.file == name);
    match (registered, broken) {
        (Some(registered), _) if registered.problems.is_empty() => {
            let workflow = &registered.definition.workflow;
            tracing::info!(file = name, workflow = %workflow.id, version = workflow.version, "workflow read");
        }
        (Some(registered), _) => {
            for problem in &registered.problems {
                tracing::warn!(%problem, "the last good version of the workflow stays");
            }
        }
        (None, Some(broken)) => {
            for problem in &broken.problems {
                tracing::warn!(%problem, "a workflow file is wrong");
            }
        }
        (None, None) => tracing::info!(file = name, "workflow file removed"),
    }
}

#[cfg(test)]
mod tests;

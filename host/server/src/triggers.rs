//! What starts runs by itself: listens to what the workflows' triggers name, and starts their runs.
//!
//! ```text
//! source (a request, a time, …) ──▶ occurrence ──▶ fire ──▶ run, under a key of the occurrence
//!                                                     └──▶ what came of it, in `trigger/<name>`
//! ```
//!
//! An occurrence has a key, and the run's idempotency key is made of it: however often it is told,
//! and whenever the host dies, it starts at most one run.

mod cron;
mod file;
pub mod fire;
pub mod github;
pub mod line;
pub mod registry;
mod run;
mod sight;
pub mod signature;
pub mod webhook;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use taskloom_core::id::TriggerName;
use taskloom_core::journal::{StreamId, TriggerEvent};
use taskloom_store::{Store, StoredEvent};
use tokio_util::sync::CancellationToken;

use crate::engine::{Clock, Engine};
use crate::finished::FinishedRuns;
use crate::reader::Reader;
use crate::secrets::{Secret, SecretError, Secrets};
use crate::workflows::Workflows;

pub use fire::{FireError, Fired, Occurrence};
pub use registry::{Bound, Index};

use line::Line;

/// Events of a trigger that are read at once.
const EVENTS_PER_READ: usize = 1_000;

/// The triggers of a host; cheap to clone.
#[derive(Clone)]
pub struct Triggers {
    shared: Arc<Shared>,
}

/// What a host's triggers work with.
pub struct Parts {
    /// Starts runs.
    pub engine: Engine,
    /// Reads runs.
    pub reader: Reader,
    /// What the triggers belong to.
    pub workflows: Workflows,
    /// Keeps what they did.
    pub store: Store,
    /// The clock of the host.
    pub clock: Clock,
    /// Tells of runs that have ended.
    pub finished: FinishedRuns,
    /// Checks requests.
    pub secrets: Secrets,
    /// The folder whose files triggers may look at, if there is one.
    pub files: Option<PathBuf>,
    /// Cancelled when the host stops.
    pub stopped: CancellationToken,
}

struct Shared {
    parts: Parts,
    clock: Clock,
    /// The index, and the generation of the workflows that it was made of.
    index: Mutex<Option<(u64, Arc<Index>)>>,
    lines: Mutex<HashMap<TriggerName, Arc<Line>>>,
}

impl Triggers {
    /// The triggers of a host. Nothing is listened to yet but what is asked.
    pub fn new(parts: Parts) -> Self {
        let shared =
            Shared { clock: parts.clock, parts, index: Mutex::default(), lines: Mutex::default() };
        Self { shared: Arc::new(shared) }
    }

    /// Begins to listen to what tells nothing by itself, until the host stops. Must be called within a
    /// tokio runtime.
    pub fn listen(&self) {
        tokio::spawn(self.clone().follow_clock());
        tokio::spawn(self.clone().follow_runs());
        tokio::spawn(self.clone().follow_files());
    }

    /// The triggers as the workflows have them now.
    pub fn index(&self) -> Arc<Index> {
        let workflows = &self.shared.parts.workflows;
        // Before the list is read: what changes in between is read again the next time.
        let generation = workflows.generation();
        let mut index = lock(&self.shared.index);
        if let Some((made_of, index)) = &*index
            && *made_of == generation
        {
            return Arc::clone(index);
        }
        let new = Arc::new(Index::of(workflows.list()));
        *index = Some((generation, Arc::clone(&new)));
        new
    }

    /// Why a trigger does not listen; `None` when it does.
    pub fn deaf(&self, bound: &Bound) -> Option<String> {
        fire::refusal(&self.shared.parts.workflows, bound).err()
    }

    /// Up to `limit` events of a trigger before the `before`-th, the newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn history(
        &self,
        name: &TriggerName,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<StoredEvent<TriggerEvent>>, FireError> {
        let (store, stream) = (self.shared.parts.store.clone(), StreamId::Trigger(name.clone()));
        let read = move || {
            let last = store.last_event::<TriggerEvent>(&stream)?.map_or(0, |last| last.seq);
            let end = before.map_or(last, |before| last.min(before.saturating_sub(1)));
            let start = end.saturating_sub(limit as u64);
            let wanted = usize::try_from(end - start).unwrap_or(limit);
            let mut events = store.stream_events(&stream, start, wanted)?;
            events.reverse();
            Ok(events)
        };
        blocking(read).await
    }

    /// Reads a secret away from the threads that serve requests.
    async fn secret(&self, name: &str) -> Result<Secret, SecretError> {
        let (secrets, owned) = (self.shared.parts.secrets.clone(), name.to_owned());
        let read = tokio::task::spawn_blocking(move || secrets.read(&owned)).await;
        read.unwrap_or_else(|_| Err(SecretError::Unknown(name.to_owned())))
    }

    /// What is known of a trigger while the host runs.
    fn line(&self, name: &TriggerName) -> Arc<Line> {
        Arc::clone(lock(&self.shared.lines).entry(name.clone()).or_default())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs what reads the store away from the threads that own timers and HTTP.
async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, taskloom_store::Error> + Send + 'static,
) -> Result<T, FireError> {
    match tokio::task::spawn_blocking(read).await {
        Ok(read) => read.map_err(|error| FireError::Store(error.to_string())),
        Err(error) => Err(FireError::Store(error.to_string())),
    }
}

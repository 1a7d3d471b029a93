//! Reads runs for people: folds their journals, by the same code that runs them; and deletes them.

use std::fs::File;
use std::sync::Arc;

use serde_json::value::RawValue;
use taskloom_core::definition::Definition;
use taskloom_core::id::{Digest, PluginName, RunId, WorkflowId};
use taskloom_core::journal::{PluginEvent, RunEvent, StreamId};
use taskloom_core::payload::PayloadRef;
use taskloom_core::run::{FrameIndex, RunState};
use taskloom_core::time::Timestamp;
use taskloom_core::workflow::BlockIndex;
use taskloom_store::{
    ArtefactRow, Cursor, LogFilter, LogLine, Page, RefusalRow, Retained, Retention, RunFilter,
    RunRow, Store, StoredEvent, StoredRunEvent,
};

use crate::definitions::{DefinitionError, Definitions};
use crate::finished::FinishedRuns;
use crate::payloads::{PayloadError, Payloads};

/// Events that are read at once when a run is folded.
const EVENTS_PER_READ: usize = 10_000;

/// Reads runs; cheap to clone.
#[derive(Clone)]
pub struct Reader {
    store: Store,
    payloads: Payloads,
    definitions: Definitions,
    finished: FinishedRuns,
}

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The store could not be read.
    #[error("the store could not be read: {0}")]
    Store(#[from] taskloom_store::Error),
    /// A payload could not be read.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// The journal of a run does not make sense.
    #[error("the journal of run {run} is damaged: {reason}; run `taskloom doctor`")]
    Damaged {
        /// The run.
        run: RunId,
        /// Why.
        reason: String,
    },
}

impl Reader {
    /// Reads what `store` holds.
    pub const fn new(
        store: Store,
        payloads: Payloads,
        definitions: Definitions,
        finished: FinishedRuns,
    ) -> Self {
        Self { store, payloads, definitions, finished }
    }

    /// A run as far as it is on disk; `None` if there is no such run.
    ///
    /// # Errors
    /// When the store cannot be read or the journal is damaged.
    pub async fn run(&self, id: RunId) -> Result<Option<Arc<RunState>>, ReadError> {
        if let Some(state) = self.finished.get(id) {
            return Ok(Some(state));
        }
        let reader = self.clone();
        blocking(move || reader.fold(id)).await
    }

    fn fold(&self, id: RunId) -> Result<Option<Arc<RunState>>, ReadError> {
        let damaged = |reason: String| ReadError::Damaged { run: id, reason };
        let deletions = self.finished.deletions();
        let mut events = self.store.run_events(id, 0, EVENTS_PER_READ)?;
        let Some(first) = events.first() else { return Ok(None) };
        let RunEvent::RunStarted(start) = &first.entry.event else {
            return Err(damaged("it does not begin with `run-started`".to_owned()));
        };
        let definition = self.definition(id, start.definition)?;
        let workflow = Arc::clone(&definition.workflow);
        let mut state = RunState::begin(id, workflow, start.clone(), first.entry.at);
        let mut skip = 1;
        loop {
            let read = events.len();
            for StoredRunEvent { entry, .. } in events.drain(..).skip(skip) {
                state.apply(&entry).map_err(|error| damaged(error.to_string()))?;
            }
            skip = 0;
            if read < EVENTS_PER_READ {
                break;
            }
            events = self.store.run_events(id, state.last_seq, EVENTS_PER_READ)?;
        }
        let state = Arc::new(state);
        self.finished.keep_read(Arc::clone(&state), deletions);
        Ok(Some(state))
    }

    /// The definition that a run keeps.
    ///
    /// # Errors
    /// When the store cannot be read or does not have it.
    pub async fn definition_of(&self, state: &RunState) -> Result<Arc<Definition>, ReadError> {
        let (reader, run, digest) = (self.clone(), state.id, state.start.definition);
        blocking(move || reader.definition(run, digest)).await
    }

    /// The definition a run keeps.
    fn definition(&self, run: RunId, digest: Digest) -> Result<Arc<Definition>, ReadError> {
        self.definitions.get(digest).map_err(|error| match error {
            DefinitionError::Store(error) => ReadError::Store(error),
            DefinitionError::Missing(_) | DefinitionError::Unreadable(_) => {
                ReadError::Damaged { run, reason: error.to_string() }
            }
        })
    }

    /// Up to `limit` events of a run after the `after`-th.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn events(
        &self,
        id: RunId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<StoredRunEvent>, ReadError> {
        let store = self.store.clone();
        blocking(move || Ok(store.run_events(id, after, limit)?)).await
    }

    /// Up to `limit` events of a plugin before the `before`-th, the newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn plugin_events(
        &self,
        name: &PluginName,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<StoredEvent<PluginEvent>>, ReadError> {
        let (store, stream) = (self.store.clone(), StreamId::Plugin(name.clone()));
        let read = move || {
            let last = store.last_event::<PluginEvent>(&stream)?.map_or(0, |last| last.seq);
            let end = before.map_or(last, |before| last.min(before.saturating_sub(1)));
            let start = end.saturating_sub(limit as u64);
            let wanted = usize::try_from(end - start).unwrap_or(limit);
            let mut events = store.stream_events(&stream, start, wanted)?;
            events.reverse();
            Ok(events)
        };
        blocking(read).await
    }

    /// A page of what a plugin was refused, the newest first: what follows the cursor.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn refusals(
        &self,
        plugin: PluginName,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Page<RefusalRow>, ReadError> {
        let store = self.store.clone();
        blocking(move || Ok(store.refusals(&plugin, after, limit)?)).await
    }

    /// Deletes a run that has ended.
    ///
    /// # Errors
    /// As [`Store::delete_run`].
    pub async fn delete_run(&self, id: RunId) -> Result<(), ReadError> {
        let (store, finished) = (self.store.clone(), self.finished.clone());
        blocking(move || {
            store.delete_run(id)?;
            finished.forget(id);
            Ok(())
        })
        .await
    }

    /// Deletes what the policy lets go.
    ///
    /// # Errors
    /// As [`Store::retain`].
    pub async fn retain(&self, policy: Retention, now: Timestamp) -> Result<Retained, ReadError> {
        let (store, finished) = (self.store.clone(), self.finished.clone());
        blocking(move || {
            let retained = store.retain(&policy, now)?;
            if retained.runs > 0 {
                finished.forget_all();
            }
            Ok(retained)
        })
        .await
    }

    /// A run's line in the list of runs.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn row(&self, id: RunId) -> Result<Option<RunRow>, ReadError> {
        let store = self.store.clone();
        blocking(move || Ok(store.run(id)?)).await
    }

    /// The run of a workflow that was started under an idempotency key, and the digest of the
    /// request that started it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn run_of_key(
        &self,
        workflow: WorkflowId,
        key: String,
    ) -> Result<Option<(RunId, Digest)>, ReadError> {
        let store = self.store.clone();
        blocking(move || Ok(store.run_of_key(&workflow, &key)?)).await
    }

    /// A page of the list of runs, the newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn list(&self, filter: RunFilter, limit: usize) -> Result<Page<RunRow>, ReadError> {
        let store = self.store.clone();
        blocking(move || Ok(store.list_runs(&filter, limit)?)).await
    }

    /// A page of a run's log lines, the oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn logs(
        &self,
        run: RunId,
        filter: LogFilter,
        limit: usize,
    ) -> Result<Page<LogLine>, ReadError> {
        let store = self.store.clone();
        blocking(move || Ok(store.logs(run, &filter, limit)?)).await
    }

    /// The files that the attempts of a run left.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn artefacts(&self, run: RunId) -> Result<Vec<ArtefactRow>, ReadError> {
        let store = self.store.clone();
        blocking(move || Ok(store.artefacts(run)?)).await
    }

    /// Opens the bytes of a file that an attempt left, if they are there.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn open_artefact(&self, digest: Digest) -> Result<Option<File>, ReadError> {
        let store = self.store.clone();
        blocking(move || Ok(store.open_artefact(&digest)?)).await
    }

    /// Where it reads large texts.
    pub const fn payloads(&self) -> &Payloads {
        &self.payloads
    }

    /// The JSON text behind a reference.
    ///
    /// # Errors
    /// When the store does not have it or cannot be read.
    pub async fn payload(&self, payload: &PayloadRef) -> Result<Arc<str>, ReadError> {
        Ok(self.payloads.text(payload).await?)
    }

    /// A run's output: the value of the workflow's `output`, or without one the object of the
    /// outputs of the tasks that nothing depends on. `None` unless the run has succeeded.
    ///
    /// # Errors
    /// When a payload cannot be read.
    pub async fn output(&self, state: &RunState) -> Result<Option<Box<RawValue>>, ReadError> {
        use taskloom_core::failure::Outcome;
        let Some(finish) = state.finish.as_ref().filter(|f| f.outcome == Outcome::Succeeded) else {
            return Ok(None);
        };
        let text = match &finish.output {
            Some(output) => self.payload(output).await?.as_ref().to_owned(),
            None => self.leaf_outputs(state).await?,
        };
        let not_json = |error: serde_json::Error| ReadError::Damaged {
            run: state.id,
            reason: format!("its output is not JSON: {error}"),
        };
        RawValue::from_string(text).map(Some).map_err(not_json)
    }

    async fn leaf_outputs(&self, state: &RunState) -> Result<String, ReadError> {
        let mut text = String::from("{");
        let workflow = &state.workflow;
        let own = workflow.block(BlockIndex::ROOT).tasks.iter().copied();
        for leaf in own.filter(|node| workflow.graph.dependents(*node).is_empty()) {
            let place = state.place(FrameIndex::ROOT, leaf);
            let Some(output) = state.task(place).output() else { continue };
            if text.len() > 1 {
                text.push(',');
            }
            // A task id needs no escaping in JSON.
            text.push_str(&format!("\"{}\":", state.workflow.task(leaf).id));
            text.push_str(&self.payload(output).await?);
        }
        text.push('}');
        Ok(text)
    }
}

/// Runs what reads the disk away from the threads that own timers and HTTP.
async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, ReadError> + Send + 'static,
) -> Result<T, ReadError> {
    match tokio::task::spawn_blocking(read).await {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

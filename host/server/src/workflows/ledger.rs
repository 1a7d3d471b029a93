//! What the journal says about workflows: one stream a workflow, folded at the start and kept at
//! hand.
//!
//! The journal has every text that was ever served, from a file or a request, and who switched the
//! workflow on or off. A text is written down before it is served; that of a file is served even if
//! that fails, since the file is there.

use std::collections::BTreeMap;
use std::sync::Arc;

use taskloom_core::definition::{self, Definition};
use taskloom_core::document::Problem;
use taskloom_core::id::{Digest, WorkflowId};
use taskloom_core::journal::{Entry, Origin, StreamId, WorkflowEvent};
use taskloom_core::time::Timestamp;
use taskloom_store::{Append, Batch, Error, Events, Store, StoredEvent};

use super::registered::Switched;
use crate::engine::Clock;

/// Events that are read at once.
const EVENTS_PER_READ: usize = 1_000;

/// The streams of all workflows.
pub(super) struct Ledger {
    store: Store,
    clock: Clock,
    records: BTreeMap<WorkflowId, Record>,
}

/// What the stream of one workflow comes to.
#[derive(Default)]
pub(super) struct Record {
    seq: u64,
    /// The text that was served last, whatever it came from.
    last: Option<Put>,
    /// The text that a request gave it, unless it was deleted since.
    requested: Option<Put>,
    /// The definition of that text, if this version of the host can read it.
    pub(super) definition: Option<Arc<Definition>>,
    /// Why it cannot, if so.
    pub(super) problems: Vec<Problem>,
    /// Whether a request switched it on or off.
    pub(super) switched: Option<Switched>,
}

/// A text that a workflow was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Put {
    /// Its digest.
    pub(super) source: Digest,
    /// The version that its author gave it.
    pub(super) version: String,
    /// Where it comes from.
    pub(super) origin: Origin,
    /// When.
    pub(super) at: Timestamp,
}

impl Ledger {
    /// Reads the streams that `store` holds.
    pub(super) fn open(store: Store) -> Result<Self, Error> {
        let mut ledger = Self { store, clock: Clock::start(), records: BTreeMap::new() };
        for stream in ledger.store.streams("workflow")? {
            let StreamId::Workflow(id) = &stream else { continue };
            let mut record = Record::default();
            events(&ledger.store, &stream, |event| record.apply(event.seq, event.entry))?;
            if let Some(put) = record.requested.clone() {
                record.read(id, &put, ledger.store.payload(&put.source)?.as_deref());
            }
            ledger.records.insert(id.clone(), record);
        }
        Ok(ledger)
    }

    /// What is known of one workflow.
    pub(super) fn get(&self, id: &WorkflowId) -> Option<&Record> {
        self.records.get(id)
    }

    /// Every workflow that a request gave a text.
    pub(super) fn requested(&self) -> impl Iterator<Item = (&WorkflowId, &Record)> {
        self.records.iter().filter(|(_, record)| record.requested.is_some())
    }

    /// Writes down what the files hold now, as far as it is not what was written down last.
    pub(super) fn note_files(&mut self, served: &[(String, Arc<Definition>)]) -> Result<(), Error> {
        let mut batch = Batch::default();
        let mut entries = Vec::new();
        for (file, definition) in served {
            let workflow = &definition.workflow;
            let origin = Origin::File(file.clone());
            let last = self.records.get(&workflow.id).and_then(|record| record.last.as_ref());
            if last.is_some_and(|last| last.source == workflow.digest && last.origin == origin) {
                continue;
            }
            let entry = self.entry(put(definition, origin));
            batch.payloads.push((workflow.digest, Arc::clone(&definition.source)));
            batch.appends.push(self.append(&workflow.id, entry.clone()));
            entries.push((workflow.id.clone(), entry));
        }
        self.commit(batch, entries)
    }

    /// Gives a workflow another text.
    pub(super) fn put(
        &mut self,
        definition: &Arc<Definition>,
        origin: Origin,
    ) -> Result<(), Error> {
        let workflow = &definition.workflow;
        let entry = self.entry(put(definition, origin));
        let batch = Batch {
            payloads: vec![(workflow.digest, Arc::clone(&definition.source))],
            appends: vec![self.append(&workflow.id, entry.clone())],
            ..Batch::default()
        };
        self.commit(batch, vec![(workflow.id.clone(), entry)])?;
        if let Some(record) = self.records.get_mut(&workflow.id) {
            record.definition = Some(Arc::clone(definition));
            record.problems.clear();
        }
        Ok(())
    }

    /// Writes down what else happened to a workflow.
    pub(super) fn note(&mut self, id: &WorkflowId, event: WorkflowEvent) -> Result<(), Error> {
        let entry = self.entry(event);
        let appends = vec![self.append(id, entry.clone())];
        self.commit(Batch { appends, ..Batch::default() }, vec![(id.clone(), entry)])
    }

    fn entry(&self, event: WorkflowEvent) -> Entry<WorkflowEvent> {
        Entry { at: self.clock.now(), event }
    }

    fn append(&self, id: &WorkflowId, entry: Entry<WorkflowEvent>) -> Append {
        let seq = self.records.get(id).map_or(0, |record| record.seq);
        Append::plain(StreamId::Workflow(id.clone()), seq, Events::Workflow(vec![entry]))
    }

    /// Writes, and folds what was written.
    fn commit(
        &mut self,
        batch: Batch,
        entries: Vec<(WorkflowId, Entry<WorkflowEvent>)>,
    ) -> Result<(), Error> {
        if batch.appends.is_empty() {
            return Ok(());
        }
        let committed = self.store.commit_and_wait(batch)?;
        for ((id, entry), appended) in entries.into_iter().zip(committed.appends) {
            let seq = appended.map_err(|conflict| Error::Misuse {
                why: format!(
                    "the stream of workflow `{id}` was written by somebody else: {conflict}"
                ),
            })?;
            self.records.entry(id).or_default().apply(seq, entry);
        }
        Ok(())
    }
}

impl Record {
    /// The text that a request gave it.
    pub(super) const fn requested(&self) -> Option<&Put> {
        self.requested.as_ref()
    }

    /// The text that was served last.
    pub(super) const fn last(&self) -> Option<&Put> {
        self.last.as_ref()
    }

    fn apply(&mut self, seq: u64, entry: Entry<WorkflowEvent>) {
        self.seq = seq;
        match entry.event {
            WorkflowEvent::WorkflowPut { source, version, origin } => {
                let put = Put { source, version, origin, at: entry.at };
                if !matches!(put.origin, Origin::File(_)) {
                    self.requested = Some(put.clone());
                }
                self.last = Some(put);
            }
            WorkflowEvent::WorkflowDeleted => {
                *self = Self { seq, ..Self::default() };
            }
            WorkflowEvent::WorkflowSwitched { enabled } => {
                self.switched = Some(Switched { enabled, at: entry.at });
            }
        }
    }

    /// Reads the text that a request gave it.
    fn read(&mut self, id: &WorkflowId, put: &Put, source: Option<&str>) {
        let name = requested_name(id);
        let Some(source) = source else {
            self.problems = vec![Problem {
                origin: name,
                line: 1,
                column: 1,
                field: String::new(),
                code: "unreadable",
                message: format!("its text {} is missing", put.source),
                help: Some("put the workflow again, and run `taskloom doctor`".to_owned()),
            }];
            return;
        };
        let reading = definition::read(&name, source);
        self.definition = reading.definition;
        self.problems = reading.problems;
    }
}

/// Calls `found` with every event of a stream, in order.
pub(super) fn events(
    store: &Store,
    stream: &StreamId,
    mut found: impl FnMut(StoredEvent<WorkflowEvent>),
) -> Result<(), Error> {
    let mut after = 0;
    loop {
        let read = store.stream_events::<WorkflowEvent>(stream, after, EVENTS_PER_READ)?;
        let Some(last) = read.last() else { return Ok(()) };
        after = last.seq;
        read.into_iter().for_each(&mut found);
    }
}

/// How problems name a text that no file holds.
pub(super) fn requested_name(id: &WorkflowId) -> String {
    format!("workflow {id}")
}

fn put(definition: &Definition, origin: Origin) -> WorkflowEvent {
    let workflow = &definition.workflow;
    WorkflowEvent::WorkflowPut {
        source: workflow.digest,
        version: workflow.version.clone(),
        origin,
    }
}

//! A store in memory that keeps the contract of `taskloom-store`: appends for the end that a stream is
//! expected to have, one run for a key, batches that are there whole or not at all. What the real one
//! answers to the same batches, this one answers: `host/store/tests/store/model.rs`.

use std::collections::{BTreeMap, HashMap};

use taskloom_core::id::{Digest, RunId, WorkflowId};
use taskloom_core::journal::{Entry, RunEvent};

/// Events for the end of the stream of a run.
pub struct Append {
    pub run: RunId,
    /// The number of the last event before these; 0 for a new run.
    pub expected_seq: u64,
    pub events: Vec<Entry<RunEvent>>,
}

/// Why an append was not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conflict {
    /// Somebody else appended.
    Sequence { expected: u64, found: u64 },
    /// A run was started with the key before.
    DuplicateKey { run: RunId, request: Digest },
}

/// The journal of some runs.
#[derive(Default)]
pub struct MemoryStore {
    runs: HashMap<RunId, Vec<Entry<RunEvent>>>,
    keys: BTreeMap<(WorkflowId, String), (RunId, Digest)>,
    /// How far each batch brought the runs that it is about.
    batches: Vec<Vec<(RunId, usize)>>,
    epoch: u64,
}

impl MemoryStore {
    /// A host starts: its epoch is higher than any before.
    pub fn open(&mut self) -> u64 {
        self.epoch += 1;
        self.epoch
    }

    /// Makes the appends in their order, as one; what conflicts is not made, alone. Gives the number of
    /// the last event of each stream.
    pub fn commit(&mut self, batch: Vec<Append>) -> Vec<Result<u64, Conflict>> {
        let mut brought = Vec::with_capacity(batch.len());
        let append = |append| self.append(append, &mut brought);
        let answers = batch.into_iter().map(append).collect();
        self.batches.push(brought);
        answers
    }

    /// The events of a run; none when it is unknown.
    pub fn events(&self, run: RunId) -> &[Entry<RunEvent>] {
        self.runs.get(&run).map_or(&[], Vec::as_slice)
    }

    /// The run that was started with a key, and the digest of its request.
    pub fn run_of_key(&self, workflow: &WorkflowId, key: &str) -> Option<(RunId, Digest)> {
        self.keys.get(&(workflow.clone(), key.to_owned())).copied()
    }

    /// What the disk has when the host dies after the first `kept` events of a run: every batch up to
    /// the one that brought them.
    pub fn crashed(&self, run: RunId, kept: usize) -> Self {
        let goes_beyond =
            |batch: &Vec<(RunId, usize)>| batch.iter().any(|(of, to)| *of == run && *to > kept);
        let batches: Vec<_> =
            self.batches.iter().take_while(|batch| !goes_beyond(batch)).cloned().collect();
        let lengths: HashMap<RunId, usize> = batches.iter().flatten().copied().collect();
        let whole = |(run, length): (&RunId, &usize)| (*run, self.events(*run)[..*length].to_vec());
        let runs = lengths.iter().map(whole).collect();
        let mut keys = self.keys.clone();
        keys.retain(|_, (run, _)| lengths.contains_key(run));
        Self { runs, keys, batches, epoch: self.epoch }
    }

    fn append(
        &mut self,
        append: Append,
        brought: &mut Vec<(RunId, usize)>,
    ) -> Result<u64, Conflict> {
        let Append { run, expected_seq: expected, events } = append;
        let found = self.events(run).len() as u64;
        if expected != found {
            return Err(Conflict::Sequence { expected, found });
        }
        if let Some(Entry { event: RunEvent::RunStarted(start), .. }) = events.first()
            && let Some(idempotency) = &start.idempotency
        {
            let key = (start.workflow.clone(), idempotency.key.clone());
            if let Some((run, request)) = self.keys.get(&key).copied() {
                return Err(Conflict::DuplicateKey { run, request });
            }
            self.keys.insert(key, (run, idempotency.request));
        }
        let stream = self.runs.entry(run).or_default();
        stream.extend(events);
        brought.push((run, stream.len()));
        Ok(stream.len() as u64)
    }
}

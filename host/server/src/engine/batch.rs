//! What is to be written next: the events of many runs, as one.

use std::collections::HashMap;
use std::sync::Arc;

use taskloom_core::id::{Digest, RunId};
use taskloom_core::journal::{Entry, RunEvent, StreamId};
use taskloom_core::run::{Question, StopReason, TaskIndex};
use taskloom_store::{
    Append, ArtefactRow, AttemptRow, Batch, CachedRow, Events, RefusalRow, RunRow,
};
use tokio::sync::oneshot;

use super::children::ChildStart;
use super::handle::{CommandError, StartError, Started};
use super::perform::Job;

/// What happens once a run's events are on disk.
pub(super) enum Release {
    /// Perform an attempt that was claimed.
    Perform(Box<Job>),
    /// Stop an attempt.
    StopAttempt { task: TaskIndex, number: u32, reason: StopReason },
    /// Compute something.
    Ask { task: TaskIndex, question: Question },
    /// Start the run of a task, unless it is there.
    StartChild(ChildStart),
    /// Stop the run of a task.
    CancelChild { task: TaskIndex, child: RunId },
    /// Compute the workflow's output.
    ResolveOutput,
    /// The run has ended: forget it.
    Finish,
    /// Tell who started the run.
    Started(oneshot::Sender<Result<Started, StartError>>),
    /// Tell who gave a command.
    Done(oneshot::Sender<Result<(), CommandError>>),
}

/// The part of a batch that belongs to one run.
pub(super) struct Part {
    pub(super) run: RunId,
    expected_seq: u64,
    events: Vec<Entry<RunEvent>>,
    attempts: Vec<AttemptRow>,
    refusals: Vec<RefusalRow>,
    /// Whether the run's row is written, whatever has changed.
    row: bool,
    pub(super) releases: Vec<Release>,
}

/// A batch that is being filled.
#[derive(Default)]
pub(super) struct OpenBatch {
    parts: Vec<Part>,
    places: HashMap<RunId, usize>,
    payloads: Vec<(Digest, Arc<str>)>,
    artefacts: Vec<ArtefactRow>,
    cached: Vec<CachedRow>,
}

impl OpenBatch {
    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Adds events that follow the `before`-th event of a run.
    pub(super) fn events(&mut self, run: RunId, before: u64, events: Vec<Entry<RunEvent>>) {
        let part = self.part(run);
        if part.events.is_empty() {
            part.expected_seq = before;
            part.events = events;
        } else {
            part.events.extend(events);
        }
    }

    /// Adds the history of an attempt that ended.
    pub(super) fn attempt(&mut self, run: RunId, row: AttemptRow) {
        self.part(run).attempts.push(row);
    }

    /// Adds what an attempt was refused that ended with the part's events.
    pub(super) fn refusals(&mut self, run: RunId, rows: Vec<RefusalRow>) {
        if !rows.is_empty() {
            self.part(run).refusals.extend(rows);
        }
    }

    /// Has the row of a run written whose last event has the number `seq`.
    pub(super) fn row(&mut self, run: RunId, seq: u64) {
        let part = self.part(run);
        part.row = true;
        if part.events.is_empty() {
            part.expected_seq = seq;
        }
    }

    /// Adds what follows once the run's part is on disk.
    pub(super) fn release(&mut self, run: RunId, release: Release) {
        self.part(run).releases.push(release);
    }

    /// Adds a text that an event refers to.
    pub(super) fn payload(&mut self, digest: Digest, text: Arc<str>) {
        self.payloads.push((digest, text));
    }

    /// Adds a file that an attempt left.
    pub(super) fn artefact(&mut self, artefact: ArtefactRow) {
        self.artefacts.push(artefact);
    }

    /// Adds an output that later attempts may take over.
    pub(super) fn cached(&mut self, row: CachedRow) {
        self.cached.push(row);
    }

    /// Takes out what a run was about to write.
    pub(super) fn discard(&mut self, run: RunId) -> Option<Part> {
        let place = self.places.remove(&run)?;
        let part = self.parts.remove(place);
        for other in self.places.values_mut().filter(|other| **other > place) {
            *other -= 1;
        }
        Some(part)
    }

    /// Closes the batch: what the store writes, and what follows: first the parts of its appends,
    /// in their order, then those that have nothing to write. `row` gives a run's row, if it is to be
    /// written; it is told whether it must be.
    pub(super) fn close(
        self,
        mut row: impl FnMut(RunId, bool) -> Option<RunRow>,
    ) -> (Batch, Vec<Part>) {
        let mut parts = self.parts;
        parts.sort_by_key(|part| !part.writes());
        let append = |part: &mut Part| Append {
            stream: StreamId::Run(part.run),
            expected_seq: part.expected_seq,
            events: Events::Run(std::mem::take(&mut part.events)),
            run_row: row(part.run, part.row),
            attempts: std::mem::take(&mut part.attempts),
            refusals: std::mem::take(&mut part.refusals),
        };
        let appends = parts.iter_mut().filter(|part| part.writes()).map(append).collect();
        let (payloads, artefacts, cached) = (self.payloads, self.artefacts, self.cached);
        (Batch { payloads, appends, artefacts, cached }, parts)
    }

    fn part(&mut self, run: RunId) -> &mut Part {
        let place = *self.places.entry(run).or_insert_with(|| {
            self.parts.push(Part {
                run,
                expected_seq: 0,
                events: Vec::new(),
                attempts: Vec::new(),
                refusals: Vec::new(),
                row: false,
                releases: Vec::new(),
            });
            self.parts.len() - 1
        });
        &mut self.parts[place]
    }
}

impl Part {
    const fn writes(&self) -> bool {
        self.row || !self.events.is_empty()
    }
}

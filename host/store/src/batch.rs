//! What the engine asks to have written, and what it is told.

use std::sync::Arc;

use taskloom_core::id::{Digest, RunId, WorkflowId};
use taskloom_core::journal::{
    ContextEvent, Entry, IdempotencyKey, PluginEvent, RunEvent, StreamId, TemplateEvent,
    TriggerEvent, WorkflowEvent,
};

use crate::error::Error;
use crate::rows::{ArtefactRow, AttemptRow, CachedRow, RefusalRow, RunRow};

/// What is written together, or not at all but for the appends that conflict.
#[derive(Debug, Default)]
pub struct Batch {
    /// Texts that events of this batch refer to, by the digest of the text. What is there already
    /// is not written again. Kept even if the append that needed them conflicts.
    pub payloads: Vec<(Digest, Arc<str>)>,
    /// Appends, performed in this order.
    pub appends: Vec<Append>,
    /// Artefacts that attempts left, their bytes put before. Those of a run that does not exist
    /// after the appends are dropped: nobody could read them.
    pub artefacts: Vec<ArtefactRow>,
    /// Results that later attempts may take over.
    pub cached: Vec<CachedRow>,
}

/// Events for the end of one stream, with the views that follow from them.
#[derive(Debug)]
pub struct Append {
    /// The stream.
    pub stream: StreamId,
    /// The sequence number of the last event before these; 0 for a new stream.
    pub expected_seq: u64,
    /// The events, possibly none when only a view changes.
    pub events: Events,
    /// The run as it is after these events. Due with the first events of a run and whenever a
    /// column changes; only for a stream of a run.
    pub run_row: Option<RunRow>,
    /// Attempts that ended with these events; only for a stream of a run.
    pub attempts: Vec<AttemptRow>,
    /// What the attempts that ended with these events were refused, as [`RefusalRow::of`] gives it; only
    /// for a stream of a run.
    pub refusals: Vec<RefusalRow>,
}

/// The events of one append.
#[derive(Debug)]
pub enum Events {
    /// For a stream of a run.
    Run(Vec<Entry<RunEvent>>),
    /// For a stream of a plugin.
    Plugin(Vec<Entry<PluginEvent>>),
    /// For a stream of a workflow.
    Workflow(Vec<Entry<WorkflowEvent>>),
    /// For a stream of a template.
    Template(Vec<Entry<TemplateEvent>>),
    /// For a stream of a trigger.
    Trigger(Vec<Entry<TriggerEvent>>),
    /// For a stream of a context.
    Context(Vec<Entry<ContextEvent>>),
}

impl Events {
    /// How many there are.
    pub const fn len(&self) -> usize {
        match self {
            Self::Run(entries) => entries.len(),
            Self::Plugin(entries) => entries.len(),
            Self::Workflow(entries) => entries.len(),
            Self::Template(entries) => entries.len(),
            Self::Trigger(entries) => entries.len(),
            Self::Context(entries) => entries.len(),
        }
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A batch that is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// For each append, in order, the sequence number of the last event of its stream, or why
    /// this append alone was not made.
    pub appends: Vec<Result<u64, Conflict>>,
}

/// Why one append was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// Somebody else appended to the stream, or its owner has lost count.
    #[error("the stream ends with event {found}, not {expected}")]
    Sequence {
        /// What the append expected.
        expected: u64,
        /// What the stream has.
        found: u64,
    },
    /// The idempotency key is taken: a run was started with it before.
    #[error("the idempotency key was used for run {run}")]
    DuplicateKey {
        /// The run that has it.
        run: RunId,
        /// The digest of the request that started it.
        request: Digest,
    },
}

impl Batch {
    /// How many rows it will make, about: the measure of a transaction's size.
    pub(crate) fn weight(&self) -> usize {
        let rows = |append: &Append| {
            append.events.len() + append.attempts.len() + append.refusals.len() + 1
        };
        let more = self.payloads.len() + self.artefacts.len() + self.cached.len();
        more + self.appends.iter().map(rows).sum::<usize>()
    }

    /// Refuses what cannot be meant.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.appends.iter().try_for_each(Append::check)
    }
}

impl Append {
    /// Events for the end of a stream that is not a run's.
    pub const fn plain(stream: StreamId, expected_seq: u64, events: Events) -> Self {
        let attempts = Vec::new();
        Self { stream, expected_seq, events, run_row: None, attempts, refusals: Vec::new() }
    }

    /// The key under which the append starts a run, if it does so under one.
    pub(crate) fn idempotency(&self) -> Option<(&WorkflowId, &IdempotencyKey)> {
        let Events::Run(entries) = &self.events else { return None };
        match &entries.first()?.event {
            RunEvent::RunStarted(start) => Some((&start.workflow, start.idempotency.as_ref()?)),
            _ => None,
        }
    }

    fn check(&self) -> Result<(), Error> {
        let consistent = match (&self.stream, &self.events) {
            (StreamId::Run(run), Events::Run(_)) => {
                self.run_row.as_ref().is_none_or(|row| row.id == *run)
                    && self.attempts.iter().all(|attempt| attempt.run == *run)
                    && self.refusals.iter().all(|refusal| refusal.run == *run)
            }
            (StreamId::Plugin(_), Events::Plugin(_))
            | (StreamId::Workflow(_), Events::Workflow(_))
            | (StreamId::Template(_), Events::Template(_))
            | (StreamId::Trigger(_), Events::Trigger(_))
            | (StreamId::Context(_), Events::Context(_)) => {
                self.run_row.is_none() && self.attempts.is_empty() && self.refusals.is_empty()
            }
            _ => false,
        };
        if consistent {
            return Ok(());
        }
        let why = format!("events or rows of something else were given for `{}`", self.stream);
        Err(Error::Misuse { why })
    }
}

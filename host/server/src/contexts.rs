//! Contexts that runs share: their streams as values, and how a new value gets there.
//!
//! Whoever writes says which event it follows; when somebody else was faster, a run merges again and a
//! caller is told. Everything in here blocks.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};
use taskloom_core::context::{SHARED_BYTES_MAX, SHARED_NAMES_MAX, entry_bytes};
use taskloom_core::id::ContextName;
use taskloom_core::journal::{Author, ContextEvent, ContextSource, Entry, StreamId};
use taskloom_core::payload::PayloadRef;
use taskloom_core::time::Timestamp;
use taskloom_store::{Append, Batch, Conflict, Error, Events, Store, StoredEvent};

use crate::engine::Clock;
use crate::payloads::Payloads;

mod publish;

pub use publish::{MergeFunction, Merger, Publication};

/// Reads and writes shared contexts; cheap to clone.
#[derive(Clone)]
pub struct Contexts {
    store: Store,
    payloads: Payloads,
    clock: Clock,
}

/// A shared context as its last event leaves it.
#[derive(Debug, Clone)]
pub struct Shared {
    /// The number of that event.
    pub seq: u64,
    /// When it was written.
    pub at: Timestamp,
    /// Where the value is; `None` for one that was deleted.
    pub payload: Option<PayloadRef>,
    /// Who set each name.
    pub sources: BTreeMap<String, ContextSource>,
}

/// What a value has too much of for a shared context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Excess {
    /// Bytes of JSON.
    #[error("would have {0} bytes, and the limit is {SHARED_BYTES_MAX}")]
    Bytes(usize),
    /// Names.
    #[error("would have {0} names, and the limit is {SHARED_NAMES_MAX}")]
    Names(usize),
}

/// Why a context was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The store could not be read or written.
    #[error(transparent)]
    Store(#[from] Error),
    /// Somebody else wrote to it.
    #[error("it is at {found} by now, not at {expected}")]
    Changed {
        /// What was expected.
        expected: u64,
        /// What is there.
        found: u64,
    },
    /// The value does not fit.
    #[error("it {0}")]
    TooLarge(Excess),
    /// The value in the store cannot be read.
    #[error("{0}")]
    Unreadable(String),
}

impl Contexts {
    /// The contexts of a store.
    pub const fn new(store: Store, payloads: Payloads, clock: Clock) -> Self {
        Self { store, payloads, clock }
    }

    /// The names of all that ever had a value.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn names(&self) -> Result<Vec<ContextName>, Error> {
        let streams = self.store.streams("context")?.into_iter();
        let name = |stream| match stream {
            StreamId::Context(name) => Some(name),
            _ => None,
        };
        Ok(streams.filter_map(name).collect())
    }

    /// A context as it is now; `None` when it never had a value.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn latest(&self, name: &ContextName) -> Result<Option<Shared>, Error> {
        let last = self.store.last_event::<ContextEvent>(&StreamId::Context(name.clone()))?;
        Ok(last.map(|stored| Shared::after(stored.seq, &stored.entry)))
    }

    /// What happened to a context after the event `after`, the oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn history(
        &self,
        name: &ContextName,
        after: u64,
        limit: usize,
    ) -> Result<Vec<StoredEvent<ContextEvent>>, Error> {
        self.store.stream_events(&StreamId::Context(name.clone()), after, limit)
    }

    /// Gives a context another value; `expected` is the event that the caller has seen last, if it says.
    ///
    /// # Errors
    /// When somebody else wrote to it since, or the value does not fit.
    pub fn set(
        &self,
        name: &ContextName,
        values: Map<String, Value>,
        expected: Option<u64>,
    ) -> Result<Shared, WriteError> {
        self.write(name, expected, |before| {
            let author = Author::Caller;
            let sources = self.sources(before, &values, &author, |_, _| true)?;
            self.event(&values, author, sources)
        })
    }

    /// Deletes a context; its history stays.
    ///
    /// # Errors
    /// When somebody else wrote to it since.
    pub fn delete(&self, name: &ContextName, expected: Option<u64>) -> Result<Shared, WriteError> {
        self.write(name, expected, |_| {
            Ok((ContextEvent::ContextDeleted { by: Author::Caller }, None))
        })
    }

    /// The value of a context, an object; an empty one for what was deleted.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn value(&self, shared: &Shared) -> Result<Map<String, Value>, WriteError> {
        shared.payload.as_ref().map_or_else(|| Ok(Map::new()), |payload| self.payload(payload))
    }

    /// The object that is kept under a reference.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn payload(&self, payload: &PayloadRef) -> Result<Map<String, Value>, WriteError> {
        let unreadable = |why: &dyn std::fmt::Display| {
            WriteError::Unreadable(format!("payload {} cannot be read: {why}", payload.digest))
        };
        let text: Arc<str> = match payload.inline_text() {
            Some(text) => text.into(),
            None => {
                let text = self.store.payload(&payload.digest)?;
                text.ok_or_else(|| unreadable(&"the store does not have it"))?
            }
        };
        serde_json::from_str(&text).map_err(|error| unreadable(&error))
    }

    /// Who set each name of `values`: those before, and `author` for what it `sets` to another value.
    fn sources(
        &self,
        before: Option<&Shared>,
        values: &Map<String, Value>,
        author: &Author,
        sets: impl Fn(&str, bool) -> bool,
    ) -> Result<BTreeMap<String, ContextSource>, WriteError> {
        let old = before.map(|before| self.value(before)).transpose()?.unwrap_or_default();
        let (seq, at) = (before.map_or(0, |before| before.seq) + 1, self.clock.now());
        let source = |(name, value): (&String, &Value)| {
            let known = before.and_then(|before| before.sources.get(name));
            let same = old.get(name) == Some(value) || !sets(name, known.is_some());
            let source = match known.filter(|_| same) {
                Some(source) => source.clone(),
                None => ContextSource { by: author.clone(), seq, at },
            };
            (name.clone(), source)
        };
        Ok(values.iter().map(source).collect())
    }

    fn event(
        &self,
        values: &Map<String, Value>,
        by: Author,
        sources: BTreeMap<String, ContextSource>,
    ) -> Result<Written, WriteError> {
        if let Some(excess) = too_large(values) {
            return Err(WriteError::TooLarge(excess));
        }
        let text = serde_json::to_string(values).expect("JSON prints as JSON");
        let (value, kept) = self.payloads.keep(text).expect("JSON prints as JSON");
        Ok((ContextEvent::ContextSet { value, by, sources }, kept))
    }

    /// Appends the event that `make` makes of what is there.
    fn write(
        &self,
        name: &ContextName,
        expected: Option<u64>,
        make: impl Fn(Option<&Shared>) -> Result<Written, WriteError>,
    ) -> Result<Shared, WriteError> {
        let before = self.latest(name)?;
        let found = before.as_ref().map_or(0, |before| before.seq);
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            return Err(WriteError::Changed { expected, found });
        }
        let (event, kept) = make(before.as_ref())?;
        let entry = Entry { at: self.clock.now(), event };
        let after = Shared::after(found + 1, &entry);
        let stream = StreamId::Context(name.clone());
        let append = Append::plain(stream, found, Events::Context(vec![entry]));
        let (payloads, appends) = (kept.into_iter().collect(), vec![append]);
        let batch = Batch { payloads, appends, ..Batch::default() };
        match self.store.commit_and_wait(batch)?.appends.into_iter().next() {
            Some(Err(Conflict::Sequence { expected, found })) => {
                Err(WriteError::Changed { expected, found })
            }
            _ => Ok(after),
        }
    }
}

/// An event, and what the store must keep for it.
type Written = (ContextEvent, Option<crate::payloads::Kept>);

impl Shared {
    fn after(seq: u64, entry: &Entry<ContextEvent>) -> Self {
        let at = entry.at;
        match &entry.event {
            ContextEvent::ContextSet { value, sources, .. } => {
                Self { seq, at, payload: Some(value.clone()), sources: sources.clone() }
            }
            ContextEvent::ContextDeleted { .. } => {
                Self { seq, at, payload: None, sources: BTreeMap::new() }
            }
        }
    }
}

/// What values have too much of for a shared context, if they have.
fn too_large(values: &Map<String, Value>) -> Option<Excess> {
    let bytes: usize = values.iter().map(|(name, value)| entry_bytes(name, value)).sum();
    if bytes > SHARED_BYTES_MAX {
        return Some(Excess::Bytes(bytes));
    }
    let names = values.len();
    (names > SHARED_NAMES_MAX).then_some(Excess::Names(names))
}

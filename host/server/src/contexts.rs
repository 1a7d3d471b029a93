//! Contexts that runs share: their streams as values, and how a new value gets there.
//!
//! Whoever writes says which event it follows; when somebody else was faster, a run merges again and a
//! caller is told. Everything in here blocks.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};
use taskloom_core::context::{
    ContextMerge, SHARED_BYTES_MAX, SHARED_NAMES_MAX, conflicts, entry_bytes,
};
use taskloom_core::failure::{Failure, FailureClass};
use taskloom_core::id::{ContextName, RunId};
use taskloom_core::journal::{Author, ContextEvent, ContextSource, Entry, StreamId};
use taskloom_core::payload::PayloadRef;
use taskloom_core::run::Published;
use taskloom_core::time::Timestamp;
use taskloom_store::{Append, Batch, Conflict, Error, Events, Store, StoredEvent};

use crate::engine::Clock;
use crate::payloads::Payloads;

/// Events that are read at once.
const EVENTS_PER_READ: usize = 1_000;

/// How often a run merges again because somebody else was faster. Each time somebody got through, so
/// more than this is a host that is very busy with one context.
const TRIES_MAX: usize = 1_000;

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

/// What a run wants to set in a shared context.
#[derive(Debug)]
pub struct Publication {
    /// The context.
    pub name: ContextName,
    /// What the stream ended with when the run started: the run has written nothing before.
    pub since: u64,
    /// The values by name.
    pub values: Map<String, Value>,
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
    #[error("{0}")]
    TooLarge(String),
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

    /// Sets what a run publishes, each once: also when the host dies in between and asks again. Nothing
    /// is set when one of them does not fit; the second part is what was set all the same.
    pub fn publish(
        &self,
        run: RunId,
        publications: Vec<Publication>,
        policy: ContextMerge,
    ) -> (Result<(), Failure>, Vec<Published>) {
        let mut published = Vec::new();
        let result = self.publish_all(run, publications, policy, &mut published);
        (result, published)
    }

    fn publish_all(
        &self,
        run: RunId,
        publications: Vec<Publication>,
        policy: ContextMerge,
        published: &mut Vec<Published>,
    ) -> Result<(), Failure> {
        let mut left = Vec::new();
        for publication in publications {
            let Publication { name, since, .. } = &publication;
            match self
                .published_by(name, *since, run)
                .map_err(|error| unwritten(name, &error.into()))?
            {
                Some(seq) => published.push(Published { name: name.clone(), seq }),
                None => left.push(publication),
            }
        }
        for Publication { name, values, .. } in &left {
            let before = self.latest(name).map_err(|error| unwritten(name, &error.into()))?;
            self.merged(name, before.as_ref(), values, policy)?;
        }
        for Publication { name, values, .. } in &left {
            let seq = self.publish_one(run, name, values, policy)?;
            published.push(Published { name: name.clone(), seq });
        }
        Ok(())
    }

    fn publish_one(
        &self,
        run: RunId,
        name: &ContextName,
        values: &Map<String, Value>,
        policy: ContextMerge,
    ) -> Result<u64, Failure> {
        for _ in 0..TRIES_MAX {
            let before = self.latest(name).map_err(|error| unwritten(name, &error.into()))?;
            let merged = self.merged(name, before.as_ref(), values, policy)?;
            let expected = before.as_ref().map_or(0, |before| before.seq);
            let written = self.write(name, Some(expected), |before| {
                let author = Author::Run { run };
                let set = |name: &str, known: bool| {
                    values.contains_key(name) && !(known && policy == ContextMerge::First)
                };
                let sources = self.sources(before, &merged, &author, set)?;
                self.event(&merged, author, sources)
            });
            match written {
                Ok(shared) => return Ok(shared.seq),
                Err(WriteError::Changed { .. }) => {}
                Err(error) => return Err(unwritten(name, &error)),
            }
        }
        let message = format!("shared context `{name}` was changed again and again by others");
        Err(Failure::new(FailureClass::Retryable, "context-busy", message))
    }

    /// The event by which a run has set a context, if it has.
    fn published_by(
        &self,
        name: &ContextName,
        since: u64,
        run: RunId,
    ) -> Result<Option<u64>, Error> {
        let mut after = since;
        loop {
            let page = self.history(name, after, EVENTS_PER_READ)?;
            let own = page.iter().find(|stored| match &stored.entry.event {
                ContextEvent::ContextSet { by: Author::Run { run: author }, .. } => *author == run,
                _ => false,
            });
            if let Some(stored) = own {
                return Ok(Some(stored.seq));
            }
            match page.last() {
                Some(last) if page.len() == EVENTS_PER_READ => after = last.seq,
                _ => return Ok(None),
            }
        }
    }

    /// What a context has after a run set `values` in it.
    fn merged(
        &self,
        name: &ContextName,
        before: Option<&Shared>,
        values: &Map<String, Value>,
        policy: ContextMerge,
    ) -> Result<Map<String, Value>, Failure> {
        let mut merged = match before {
            Some(before) => self.value(before).map_err(|error| unwritten(name, &error))?,
            None => Map::new(),
        };
        let conflicts = conflicts(&merged, values, policy);
        if !conflicts.is_empty() {
            let message = format!(
                "shared context `{name}` has other values for {}; choose names of their own, or another \
                 `merge` in `[context]`",
                conflicts.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
            );
            return Err(Failure::new(FailureClass::Permanent, "context-conflict", message));
        }
        for (key, new) in values {
            let value = merged.get(key).and_then(|before| policy.merge(before, new));
            merged.insert(key.clone(), value.unwrap_or_else(|| new.clone()));
        }
        match too_large(&merged) {
            Some(why) => {
                let message = format!("shared context `{name}` {why}");
                Err(Failure::new(FailureClass::Limit, "context-too-large", message))
            }
            None => Ok(merged),
        }
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
        if let Some(why) = too_large(values) {
            return Err(WriteError::TooLarge(format!("it {why}")));
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

/// Why values are too large for a shared context, if they are.
fn too_large(values: &Map<String, Value>) -> Option<String> {
    let bytes: usize = values.iter().map(|(name, value)| entry_bytes(name, value)).sum();
    if bytes > SHARED_BYTES_MAX {
        return Some(format!("would have {bytes} bytes, and the limit is {SHARED_BYTES_MAX}"));
    }
    let names = values.len();
    (names > SHARED_NAMES_MAX)
        .then(|| format!("would have {names} names, and the limit is {SHARED_NAMES_MAX}"))
}

fn unwritten(name: &ContextName, error: &WriteError) -> Failure {
    let message = format!("shared context `{name}` cannot be written: {error}");
    Failure::new(FailureClass::Retryable, "context-unwritten", message)
}

//! What is known of one trigger while the host runs: the end of its stream, its last run, the starts
//! that count against its rate. Its lock makes one occurrence of a trigger follow the other.

use std::collections::HashSet;

use taskloom_core::id::{RunId, TriggerName};
use taskloom_core::journal::{Entry, StreamId, TriggerEvent};
use taskloom_core::time::Timestamp;
use taskloom_core::trigger::{Held, Window};
use taskloom_store::{Append, Batch, Events, Store, StoredEvent};
use tokio::sync::{Mutex, oneshot};

use super::fire::{FireError, Occurrence};
use super::{EVENTS_PER_READ, blocking};

/// The most events that are read to find the starts that count against a rate, as a rate may name.
const EVENTS_MAX: u64 = 1_000_000;

/// One trigger.
#[derive(Default)]
pub struct Line {
    pub(super) state: Mutex<State>,
    /// The event that waits for quiet.
    pub(super) held: Mutex<Held<Occurrence>>,
}

/// What its stream says, read when the first occurrence comes.
#[derive(Default)]
pub(super) struct State {
    /// Whether the stream has been read.
    known: bool,
    /// The number of its last event.
    seq: u64,
    /// The run that it started last.
    pub(super) last_run: Option<RunId>,
    /// The starts that count against its rate.
    pub(super) window: Window,
}

impl State {
    /// Reads the stream, once, as far back as starts may count: to `since`.
    pub(super) async fn read(
        &mut self,
        store: &Store,
        name: &TriggerName,
        since: Timestamp,
    ) -> Result<(), FireError> {
        if self.known {
            return Ok(());
        }
        let (store, stream) = (store.clone(), StreamId::Trigger(name.clone()));
        let events = blocking(move || tail(&store, &stream, since)).await?;
        self.seq = events.last().map_or(0, |last| last.seq);
        for StoredEvent { entry, .. } in events {
            if let TriggerEvent::TriggerFired { run, .. } = entry.event {
                self.last_run = Some(run);
                self.window.note(entry.at);
            }
        }
        self.known = true;
        Ok(())
    }

    /// Appends what has happened.
    pub(super) async fn append(
        &mut self,
        store: &Store,
        name: &TriggerName,
        at: Timestamp,
        event: TriggerEvent,
    ) -> Result<(), FireError> {
        if let TriggerEvent::TriggerFired { run, .. } = event {
            self.last_run = Some(run);
            self.window.note(at);
        }
        let events = Events::Trigger(vec![Entry { at, event }]);
        let append = Append::plain(StreamId::Trigger(name.clone()), self.seq, events);
        let (told, committed) = oneshot::channel();
        let batch = Batch { appends: vec![append], ..Batch::default() };
        // Nobody waits any more when the host stops.
        store.commit(batch, move |result| _ = told.send(result));
        let lost = |why: String| FireError::Store(why);
        let committed = committed.await.map_err(|error| lost(error.to_string()))?;
        let committed = committed.map_err(|error| lost(error.to_string()))?;
        match committed.appends.first() {
            Some(Ok(seq)) => {
                self.seq = *seq;
                Ok(())
            }
            Some(Err(conflict)) => {
                // Somebody else wrote: what is known is wrong, and read again the next time.
                *self = Self::default();
                Err(lost(conflict.to_string()))
            }
            None => Err(lost("the store did not say what became of it".to_owned())),
        }
    }
}

/// The end of a stream: at least its last events, at most those since a time, the oldest first.
fn tail(
    store: &Store,
    stream: &StreamId,
    since: Timestamp,
) -> Result<Vec<StoredEvent<TriggerEvent>>, taskloom_store::Error> {
    let last = store.last_event::<TriggerEvent>(stream)?.map_or(0, |last| last.seq);
    let least = last.saturating_sub(EVENTS_MAX);
    let mut end = last;
    let mut events: Vec<StoredEvent<TriggerEvent>> = Vec::new();
    while end > least {
        let start = end.saturating_sub(EVENTS_PER_READ as u64);
        let mut page = store.stream_events(stream, start, EVENTS_PER_READ)?;
        page.retain(|event: &StoredEvent<TriggerEvent>| event.seq <= end);
        page.append(&mut events);
        events = page;
        end = start;
        if events.first().is_none_or(|first| first.entry.at < since) {
            break;
        }
    }
    Ok(events)
}

/// Whether the stream's last events tell of a run.
pub(super) async fn tells_of(
    store: &Store,
    name: &TriggerName,
    run: RunId,
) -> Result<bool, FireError> {
    let (store, stream) = (store.clone(), StreamId::Trigger(name.clone()));
    let events = blocking(move || tail(&store, &stream, Timestamp::from_ms(i64::MAX))).await?;
    let is_it = |event: &TriggerEvent| matches!(event, TriggerEvent::TriggerFired { run: fired, .. } if *fired == run);
    Ok(events.iter().any(|stored| is_it(&stored.entry.event)))
}

/// Where a trigger is, as its stream says.
pub(super) struct Told {
    /// Since when what it listens to counts.
    pub(super) armed: Timestamp,
    /// Up to which time everything has been dealt with.
    pub(super) until: Timestamp,
    /// What it listened to, in words.
    pub(super) source: String,
}

/// Where a trigger is; `None` when it was never armed.
pub(super) async fn told_of(store: &Store, name: &TriggerName) -> Result<Option<Told>, FireError> {
    let (store, stream) = (store.clone(), StreamId::Trigger(name.clone()));
    blocking(move || {
        let mut end = store.last_event::<TriggerEvent>(&stream)?.map_or(0, |last| last.seq);
        let mut until = None;
        while end > 0 {
            let start = end.saturating_sub(EVENTS_PER_READ as u64);
            let wanted = usize::try_from(end - start).unwrap_or(EVENTS_PER_READ);
            let page = store.stream_events::<TriggerEvent>(&stream, start, wanted)?;
            for stored in page.into_iter().rev() {
                match stored.entry.event {
                    TriggerEvent::TriggerFired { due, .. }
                    | TriggerEvent::TriggerSkipped { due, .. } => until = until.max(due),
                    TriggerEvent::TriggerArmed { since, source } => {
                        let until = until.map_or(since, |until| until.max(since));
                        return Ok(Some(Told { armed: since, until, source }));
                    }
                }
            }
            end = start;
        }
        Ok(None)
    })
    .await
}

/// The keys of the occurrences that the stream's last events tell of.
pub(super) async fn keys(store: &Store, name: &TriggerName) -> Result<HashSet<String>, FireError> {
    let (store, stream) = (store.clone(), StreamId::Trigger(name.clone()));
    let events = blocking(move || tail(&store, &stream, Timestamp::from_ms(i64::MAX))).await?;
    let key = |stored: StoredEvent<TriggerEvent>| match stored.entry.event {
        TriggerEvent::TriggerFired { key, .. } | TriggerEvent::TriggerSkipped { key, .. } => {
            Some(key)
        }
        TriggerEvent::TriggerArmed { .. } => None,
    };
    Ok(events.into_iter().filter_map(key).collect())
}

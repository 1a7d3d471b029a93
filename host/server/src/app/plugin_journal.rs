//! Writes what happens to plugin files into the journal, one stream a plugin.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use taskloom_core::id::PluginName;
use taskloom_core::journal::{Entry, PluginEvent, StreamId};
use taskloom_core::time::Timestamp;
use taskloom_store::{Append, Batch, Events, Store};
use taskloom_wasm::CatalogEvent;

use crate::engine::Clock;

/// Records the catalog's events; an event that says what the last one said is not repeated, so a
/// start with the same plugins writes nothing.
pub(super) struct PluginJournal {
    store: Store,
    clock: Clock,
    ends: Mutex<HashMap<PluginName, End>>,
}

/// The end of a plugin's stream.
#[derive(Default)]
struct End {
    seq: u64,
    last: Option<PluginEvent>,
}

impl PluginJournal {
    pub(super) fn new(store: Store) -> Self {
        Self { store, clock: Clock::start(), ends: Mutex::default() }
    }

    pub(super) fn record(&self, event: &CatalogEvent) {
        let Some((plugin, event)) = journaled(event) else { return };
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        let end = match ends.entry(plugin.clone()) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(new) => match self.find_end(&plugin) {
                Ok(end) => new.insert(end),
                Err(error) => {
                    tracing::warn!(%plugin, %error, "the journal of a plugin cannot be read");
                    return;
                }
            },
        };
        if end.last.as_ref().is_some_and(|last| says_the_same(last, &event)) {
            return;
        }
        self.append(&plugin, end.seq, event.clone(), self.clock.now());
        *end = End { seq: end.seq + 1, last: Some(event) };
    }

    fn find_end(&self, plugin: &PluginName) -> Result<End, taskloom_store::Error> {
        let last = self.store.last_event(&StreamId::Plugin(plugin.clone()))?;
        Ok(last
            .map_or_else(End::default, |last| End { seq: last.seq, last: Some(last.entry.event) }))
    }

    fn append(&self, plugin: &PluginName, after: u64, event: PluginEvent, at: Timestamp) {
        let events = Events::Plugin(vec![Entry { at, event }]);
        let append = Append::plain(StreamId::Plugin(plugin.clone()), after, events);
        let batch = Batch { appends: vec![append], ..Batch::default() };
        self.store.commit(batch, |result| {
            if let Err(error) = result {
                tracing::warn!(%error, "an event of a plugin could not be written");
            }
        });
    }
}

/// Whether `event` has nothing to say that `last` has not said: the same version loaded again is no
/// news, however long it took.
fn says_the_same(last: &PluginEvent, event: &PluginEvent) -> bool {
    match (last, event) {
        (
            PluginEvent::PluginLoaded { digest: last, .. },
            PluginEvent::PluginLoaded { digest, .. },
        ) => last == digest,
        _ => last == event,
    }
}

fn journaled(event: &CatalogEvent) -> Option<(PluginName, PluginEvent)> {
    match event {
        CatalogEvent::Loaded { plugin, digest, version, task_types, bytes, took } => {
            let event = PluginEvent::PluginLoaded {
                digest: *digest,
                version: version.clone(),
                task_types: task_types.clone(),
                bytes: *bytes,
                load_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            };
            Some((plugin.clone(), event))
        }
        CatalogEvent::Refused { plugin, digest, reason } => {
            let event = PluginEvent::PluginRefused { digest: *digest, reason: reason.clone() };
            Some((plugin.clone(), event))
        }
        CatalogEvent::Removed { plugin } => Some((plugin.clone(), PluginEvent::PluginRemoved)),
        CatalogEvent::Restored { .. } | CatalogEvent::Settled => None,
    }
}

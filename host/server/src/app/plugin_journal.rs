//! Writes what happens to plugins into the journal, one stream a plugin, and reads it at the start.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use taskloom_core::id::PluginName;
use taskloom_core::journal::{Entry, PluginEvent, StreamId};
use taskloom_core::life::PluginLife;
use taskloom_core::time::Timestamp;
use taskloom_store::{Append, Batch, Committed, Error, Events, Store};
use taskloom_wasm::CatalogEvent;

use crate::engine::Clock;

/// The streams of plugins.
const STREAMS: &str = "plugin";

/// Events that are read at once.
const EVENTS_PER_READ: usize = 1_000;

/// Records the catalog's events; what was said before is not repeated, so a start with the same plugins
/// writes nothing.
pub(super) struct PluginJournal {
    store: Store,
    clock: Clock,
    ends: Mutex<HashMap<PluginName, End>>,
}

/// The end of a plugin's stream.
#[derive(Default)]
struct End {
    seq: u64,
    life: PluginLife,
}

impl PluginJournal {
    /// Reads what the store holds of plugins.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn open(store: Store, clock: Clock) -> Result<Self, Error> {
        let mut ends = HashMap::new();
        for stream in store.streams(STREAMS)? {
            let end = read(&store, &stream)?;
            if let StreamId::Plugin(plugin) = stream {
                ends.insert(plugin, end);
            }
        }
        Ok(Self { store, clock, ends: Mutex::new(ends) })
    }

    /// What is known of every plugin.
    pub(super) fn lives(&self) -> HashMap<PluginName, PluginLife> {
        let ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        ends.iter().map(|(plugin, end)| (plugin.clone(), end.life.clone())).collect()
    }

    pub(super) fn record(&self, event: &CatalogEvent) {
        let Some((plugin, event)) = event.journaled() else { return };
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        let end = ends.entry(plugin.clone()).or_default();
        if !end.life.is_news(&event) {
            return;
        }
        let now = self.clock.now();
        end.life.apply(&event, now);
        self.append(plugin, end.seq, event, now);
        end.seq += 1;
    }

    fn append(&self, plugin: &PluginName, after: u64, event: PluginEvent, at: Timestamp) {
        let is_decision = matches!(
            event,
            PluginEvent::PluginQuarantined { .. }
                | PluginEvent::PluginReleased { .. }
                | PluginEvent::PluginRolledBack { .. }
        );
        let events = Events::Plugin(vec![Entry { at, event }]);
        let append = Append::plain(StreamId::Plugin(plugin.clone()), after, events);
        let batch = Batch { appends: vec![append], ..Batch::default() };
        let tell = |result: Result<Committed, Error>| {
            if let Err(error) = result {
                tracing::warn!(%error, "an event of a plugin could not be written");
            }
        };
        // What a file says is found again at the next start; what was decided is only here, and somebody
        // may wait for it.
        match is_decision {
            true => tell(self.store.commit_and_wait(batch)),
            false => self.store.commit(batch, tell),
        }
    }
}

fn read(store: &Store, stream: &StreamId) -> Result<End, Error> {
    let mut end = End::default();
    loop {
        let page = store.stream_events::<PluginEvent>(stream, end.seq, EVENTS_PER_READ)?;
        let is_last = page.len() < EVENTS_PER_READ;
        for stored in page {
            end.life.apply(&stored.entry.event, stored.entry.at);
            end.seq = stored.seq;
        }
        if is_last {
            return Ok(end);
        }
    }
}

//! What the journal says about texts that have names: workflows and templates. One stream a name,
//! folded at the start and kept at hand.
//!
//! The journal has every text that was ever served, from a file or a request. A text is written
//! down before it is served; that of a file is served even if that fails, since the file is there.

mod kind;

use std::collections::BTreeMap;
use std::sync::Arc;

use taskloom_core::id::Digest;
use taskloom_core::journal::{Entry, Origin};
use taskloom_core::time::Timestamp;
use taskloom_store::{Append, Batch, Error, Store};

use crate::engine::Clock;

pub use kind::{Change, Kind, TemplateKind, WorkflowKind};

/// Events that are read at once.
const EVENTS_PER_READ: usize = 1_000;

/// The streams of all names of a kind.
pub struct Ledger<K: Kind> {
    store: Store,
    clock: Clock,
    records: BTreeMap<K::Id, Record>,
}

/// What the stream of one name comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    seq: u64,
    /// The text that was served last, whatever it came from.
    pub last: Option<Put>,
    /// The text that a request gave it, unless it was deleted since.
    pub requested: Option<Put>,
    /// Whether a request switched it on or off.
    pub switched: Option<Switched>,
}

/// A text that a name was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// Its digest.
    pub source: Digest,
    /// The version that its author gave it.
    pub version: String,
    /// Where it comes from.
    pub origin: Origin,
    /// When.
    pub at: Timestamp,
}

/// Somebody switched it on or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switched {
    /// Whether it is on.
    pub enabled: bool,
    /// When.
    pub at: Timestamp,
}

/// A text to be written down.
#[derive(Debug, Clone)]
pub struct Text<I> {
    /// Its name.
    pub id: I,
    /// The text.
    pub source: Arc<str>,
    /// Its digest.
    pub digest: Digest,
    /// The version that its author gave it.
    pub version: String,
    /// Where it comes from.
    pub origin: Origin,
}

impl<K: Kind> Ledger<K> {
    /// Reads the streams that `store` holds.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn open(store: Store) -> Result<Self, Error> {
        let mut records = BTreeMap::new();
        for stream in store.streams(K::STREAMS)? {
            let Some(id) = K::id(&stream) else { continue };
            let mut record = Record::default();
            events::<K>(&store, &id, |seq, entry| record.apply::<K>(seq, entry))?;
            records.insert(id, record);
        }
        Ok(Self { store, clock: Clock::start(), records })
    }

    /// What is known of one name.
    pub fn get(&self, id: &K::Id) -> Option<&Record> {
        self.records.get(id)
    }

    /// Every name that a request gave a text.
    pub fn requested(&self) -> impl Iterator<Item = (&K::Id, &Put, &Record)> {
        let requested = |(id, record): (_, _)| {
            let record: &Record = record;
            Some((id, record.requested.as_ref()?, record))
        };
        self.records.iter().filter_map(requested)
    }

    /// Writes these texts down, but for those that were written down last under their names.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn put(&mut self, texts: impl IntoIterator<Item = Text<K::Id>>) -> Result<(), Error> {
        let mut batch = Batch::default();
        let mut entries = Vec::new();
        for Text { id, source, digest, version, origin } in texts {
            let last = self.get(&id).and_then(|record| record.last.as_ref());
            if last.is_some_and(|last| last.source == digest && last.origin == origin) {
                continue;
            }
            batch.payloads.push((digest, source));
            entries.push((id, self.entry(K::put(digest, version, origin))));
        }
        self.commit(batch, entries)
    }

    /// Writes down what else happened to a name.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn note(&mut self, id: &K::Id, event: K::Event) -> Result<(), Error> {
        let entry = self.entry(event);
        self.commit(Batch::default(), vec![(id.clone(), entry)])
    }

    fn entry(&self, event: K::Event) -> Entry<K::Event> {
        Entry { at: self.clock.now(), event }
    }

    /// Writes, and folds what was written.
    fn commit(
        &mut self,
        mut batch: Batch,
        entries: Vec<(K::Id, Entry<K::Event>)>,
    ) -> Result<(), Error> {
        if entries.is_empty() {
            return Ok(());
        }
        let append = |(id, entry): &(K::Id, Entry<K::Event>)| {
            let seq = self.get(id).map_or(0, |record| record.seq);
            Append::plain(K::stream(id), seq, K::events(vec![entry.clone()]))
        };
        batch.appends = entries.iter().map(append).collect();
        let committed = self.store.commit_and_wait(batch)?;
        for ((id, entry), appended) in entries.into_iter().zip(committed.appends) {
            let seq = appended.map_err(|conflict| Error::Misuse {
                why: format!("`{}` was written by somebody else: {conflict}", K::stream(&id)),
            })?;
            self.records.entry(id).or_default().apply::<K>(seq, entry);
        }
        Ok(())
    }
}

impl Record {
    fn apply<K: Kind>(&mut self, seq: u64, entry: Entry<K::Event>) {
        self.seq = seq;
        match K::change(entry.event) {
            Change::Put { source, version, origin } => {
                let put = Put { source, version, origin, at: entry.at };
                if !matches!(put.origin, Origin::File(_)) {
                    self.requested = Some(put.clone());
                }
                self.last = Some(put);
            }
            Change::Deleted => *self = Self { seq, ..Self::default() },
            Change::Switched { enabled } => {
                self.switched = Some(Switched { enabled, at: entry.at });
            }
        }
    }
}

/// Every text that a name has had, that which was put last first; none for a name that never was.
/// Reads the disk.
///
/// # Errors
/// When the store cannot be read.
pub fn versions<K: Kind>(store: &Store, id: &K::Id) -> Result<Vec<Put>, Error> {
    let mut versions: Vec<Put> = Vec::new();
    events::<K>(store, id, |_, entry| {
        let Change::Put { source, version, origin } = K::change(entry.event) else { return };
        versions.retain(|version| version.source != source);
        versions.push(Put { source, version, origin, at: entry.at });
    })?;
    versions.reverse();
    Ok(versions)
}

/// One of the texts of a name; `None` if it never had it. Reads the disk.
///
/// # Errors
/// When the store cannot be read.
pub fn version<K: Kind>(
    store: &Store,
    id: &K::Id,
    digest: Digest,
) -> Result<Option<(Put, Arc<str>)>, Error> {
    let found = versions::<K>(store, id)?.into_iter().find(|version| version.source == digest);
    let Some(version) = found else { return Ok(None) };
    Ok(store.payload(&digest)?.map(|text| (version, text)))
}

/// Calls `found` with every event of a name, in order.
fn events<K: Kind>(
    store: &Store,
    id: &K::Id,
    mut found: impl FnMut(u64, Entry<K::Event>),
) -> Result<(), Error> {
    let (stream, mut after) = (K::stream(id), 0);
    loop {
        let read = store.stream_events::<K::Event>(&stream, after, EVENTS_PER_READ)?;
        let Some(last) = read.last() else { return Ok(()) };
        after = last.seq;
        read.into_iter().for_each(|event| found(event.seq, event.entry));
    }
}

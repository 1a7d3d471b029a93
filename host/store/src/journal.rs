//! The events of streams.

use rusqlite::{Connection, Result, params};
use serde::de::DeserializeOwned;
use taskloom_core::journal::{Entry, RunEvent, StreamEvent, StreamId};

use crate::column;

/// An event as it lies in the journal.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEvent<E> {
    /// Its number within its stream: 1, 2, 3, …
    pub seq: u64,
    /// Its place among all events: later committed, higher. Not without gaps.
    pub cursor: u64,
    /// The event and its time.
    pub entry: Entry<E>,
}

/// An event of a run as it lies in the journal.
pub type StoredRunEvent = StoredEvent<RunEvent>;

/// Writes entries as the events after number `seq` of the stream with the key `stream`.
pub(crate) fn insert<E: StreamEvent>(
    connection: &Connection,
    stream: i64,
    seq: u64,
    entries: &[Entry<E>],
) -> Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO event (stream, seq, at, kind, body) VALUES ($1, $2, $3, $4, $5)",
    )?;
    let mut body = Vec::with_capacity(512);
    for (entry, seq) in entries.iter().zip(seq + 1..) {
        body.clear();
        serde_json::to_writer(&mut body, &entry.event).map_err(unwritable)?;
        let body = str::from_utf8(&body).expect("JSON is UTF-8");
        let kind = entry.event.kind();
        statement.execute(params![stream, column::int(seq), entry.at.as_ms(), kind, body])?;
    }
    Ok(())
}

/// Reads up to `limit` events of a stream after number `after`.
pub(crate) fn read<E: DeserializeOwned>(
    connection: &Connection,
    stream: &StreamId,
    after: u64,
    limit: usize,
) -> Result<Vec<StoredEvent<E>>> {
    let mut statement = connection.prepare_cached(
        "SELECT seq, cursor, at, body FROM event
         WHERE stream = (SELECT id FROM stream WHERE name = $1) AND seq > $2
         ORDER BY seq LIMIT $3",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map(
        params![column::stream_name(stream), column::int(after), limit],
        |row| {
            let event = parse(row.get_ref(3)?.as_str()?)?;
            let entry = Entry { at: column::time(row, 2)?, event };
            Ok(StoredEvent { seq: column::count(row, 0)?, cursor: column::count(row, 1)?, entry })
        },
    )?;
    rows.collect()
}

/// Reads the last event of a stream.
pub(crate) fn last<E: DeserializeOwned>(
    connection: &Connection,
    stream: &StreamId,
) -> Result<Option<StoredEvent<E>>> {
    let seq: Option<i64> = connection
        .prepare_cached(
            "SELECT max(seq) FROM event WHERE stream = (SELECT id FROM stream WHERE name = $1)",
        )?
        .query_row([column::stream_name(stream)], |row| row.get(0))?;
    let before = seq.map_or(0, |seq| u64::try_from(seq - 1).unwrap_or_default());
    Ok(read(connection, stream, before, 1)?.pop())
}

/// Reads the body of an event.
pub(crate) fn parse<E: DeserializeOwned>(body: &str) -> Result<E> {
    serde_json::from_str(body).map_err(|error| column::unreadable(3, error))
}

fn unwritable(error: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(error.into())
}

//! Streams and where each of them ends.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _, Result};
use taskloom_core::journal::StreamId;
use taskloom_core::run::RunStatus;

use crate::column;

/// Stream ends that the writer remembers, so that an append reads nothing. Above that it forgets
/// them all and reads each again when it is needed; about 10 MB.
const HEADS_MAX: usize = 100_000;

/// Where a stream ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    /// The stream's key in the database.
    pub(crate) id: i64,
    /// The number of its last event.
    pub(crate) seq: u64,
    /// The status in the run's row, if it was written since the head is remembered.
    pub(crate) status: Option<RunStatus>,
}

/// The ends of the streams that were written lately. Right because the writer is the only one
/// that appends; forgotten when a transaction is rolled back, as it is when somebody else did.
#[derive(Default)]
pub(crate) struct Heads {
    known: HashMap<StreamId, Head>,
}

impl Heads {
    /// Where the stream ends; `None` if it does not exist.
    pub(crate) fn get(&self, connection: &Connection, stream: &StreamId) -> Result<Option<Head>> {
        match self.known.get(stream) {
            Some(head) => Ok(Some(*head)),
            None => find(connection, stream),
        }
    }

    pub(crate) fn set(&mut self, stream: StreamId, head: Head) {
        if self.known.len() >= HEADS_MAX {
            self.known.clear();
        }
        self.known.insert(stream, head);
    }

    pub(crate) fn forget(&mut self, stream: &StreamId) {
        self.known.remove(stream);
    }

    pub(crate) fn forget_all(&mut self) {
        self.known.clear();
    }
}

/// Makes a stream and gives its key.
pub(crate) fn insert(connection: &Connection, stream: &StreamId) -> Result<i64> {
    connection
        .prepare_cached("INSERT INTO stream (name) VALUES ($1)")?
        .insert([column::stream_name(stream)])
}

/// The streams of one kind, such as `workflow`, by name.
pub(crate) fn of_kind(connection: &Connection, kind: &str) -> Result<Vec<StreamId>> {
    if kind == "plugin" {
        return of_plugins(connection);
    }
    // `0` is the character after `/`: the range holds the names that begin with `kind/`.
    connection
        .prepare_cached("SELECT name FROM stream WHERE name > $1 AND name < $2 ORDER BY name")?
        .query_map([format!("{kind}/"), format!("{kind}0")], |row| column::stream(row, 0))?
        .collect()
}

/// The streams of plugins, whose names stand alone. Those of runs are no texts, and come after all texts.
fn of_plugins(connection: &Connection) -> Result<Vec<StreamId>> {
    connection
        .prepare_cached(
            "SELECT name FROM stream WHERE name >= '' AND name < x'' AND instr(name, '/') = 0
             ORDER BY name",
        )?
        .query_map([], |row| column::stream(row, 0))?
        .collect()
}

fn find(connection: &Connection, stream: &StreamId) -> Result<Option<Head>> {
    connection
        .prepare_cached(
            "SELECT id, (SELECT coalesce(max(seq), 0) FROM event WHERE stream = id)
             FROM stream WHERE name = $1",
        )?
        .query_row([column::stream_name(stream)], |row| {
            Ok(Head { id: row.get(0)?, seq: column::count(row, 1)?, status: None })
        })
        .optional()
}

//! Which files the unfinished runs refer to, among those that no row of `artefact` names.
//!
//! A run may name a file that another one left, and which is gone: it took an output over from it,
//! its child ended with it, its input or a shared context names it. Then the digest stands in one of
//! the run's events, or in a payload that an event names.
//!
//! The cost is bounded: nothing is read unless a file is about to go, each payload is read once, no
//! snapshot is held between two reads, and reading ends when every file was found.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension as _, Result, Row, params};
use taskloom_core::id::Digest;

use crate::sweep::digests;

/// Events read at once.
const EVENTS_PER_READ: i64 = 1_000;

/// Files on their way to be known as referred to by nobody.
#[derive(Debug)]
pub(crate) struct Unreferred {
    /// The files that no run was seen to name.
    files: HashSet<Digest>,
    /// Streams of unfinished runs that are still to be read; the last one comes first.
    streams: Vec<i64>,
    /// How far that one was read.
    seq: i64,
    /// What was committed behind this cursor is read whichever stream it is of: a run that was
    /// unfinished may have ended, and have handed on what it named.
    marked: i64,
    payloads: HashSet<Digest>,
}

impl Unreferred {
    /// Looks which runs are unfinished. The order matters: whatever is committed after the first read
    /// lies behind `marked`.
    pub(crate) fn begin(connection: &Connection, files: HashSet<Digest>) -> Result<Self> {
        let last = "SELECT coalesce(max(cursor), 0) FROM event";
        let marked = connection.query_row(last, [], |row| row.get(0))?;
        let streams = connection
            .prepare_cached(
                "SELECT stream FROM run INDEXED BY run_unfinished WHERE outcome IS NULL",
            )?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_>>()?;
        Ok(Self { files, streams, seq: 0, marked, payloads: HashSet::new() })
    }

    /// Reads what the next events name; gives whether there are more.
    pub(crate) fn mark(&mut self, connection: &Connection) -> Result<bool> {
        if self.files.is_empty() {
            return Ok(false);
        }
        let Some(stream) = self.streams.last().copied() else {
            return self.mark_behind(connection);
        };
        let sql = "SELECT seq, body FROM event WHERE stream = $1 AND seq > $2
                   ORDER BY seq LIMIT $3";
        let page = (stream, self.seq, EVENTS_PER_READ);
        let mut named = Vec::new();
        let mut statement = connection.prepare_cached(sql)?;
        let read: Vec<i64> =
            statement.query_map(page, |row| self.look(row, &mut named))?.collect::<Result<_>>()?;
        self.read_payloads(connection, named)?;
        self.seq = read.last().copied().unwrap_or(self.seq);
        if read.len() < EVENTS_PER_READ as usize {
            self.streams.pop();
            self.seq = 0;
        }
        Ok(true)
    }

    /// Whether nobody refers to a file, once there is nothing more to [`Self::mark`].
    pub(crate) fn has(&self, file: &Digest) -> bool {
        self.files.contains(file)
    }

    fn mark_behind(&mut self, connection: &Connection) -> Result<bool> {
        let sql = "SELECT cursor, body FROM event WHERE cursor > $1 ORDER BY cursor LIMIT $2";
        let page = (self.marked, EVENTS_PER_READ);
        let mut named = Vec::new();
        let mut statement = connection.prepare_cached(sql)?;
        let read: Vec<i64> =
            statement.query_map(page, |row| self.look(row, &mut named))?.collect::<Result<_>>()?;
        self.read_payloads(connection, named)?;
        self.marked = read.last().copied().unwrap_or(self.marked);
        Ok(read.len() == EVENTS_PER_READ as usize)
    }

    /// Takes what an event names off the list, and remembers what may be a payload; gives its place.
    fn look(&mut self, row: &Row<'_>, named: &mut Vec<Digest>) -> Result<i64> {
        let (files, payloads) = (&mut self.files, &mut self.payloads);
        digests(row.get_ref(1)?.as_str()?, |digest| {
            files.remove(&digest);
            if payloads.insert(digest) {
                named.push(digest);
            }
        });
        row.get(0)
    }

    fn read_payloads(&mut self, connection: &Connection, named: Vec<Digest>) -> Result<()> {
        let sql = "SELECT body FROM payload WHERE digest = $1";
        let mut statement = connection.prepare_cached(sql)?;
        for digest in named {
            let files = &mut self.files;
            let read = |row: &Row<'_>| {
                digests(row.get_ref(0)?.as_str()?, |digest| _ = files.remove(&digest));
                Ok(())
            };
            statement.query_row(params![digest.as_bytes()], read).optional()?;
        }
        Ok(())
    }
}

/// Those of some files that unfinished runs refer to, as the connection sees it now.
pub(crate) fn referred(
    connection: &Connection,
    files: &HashSet<Digest>,
) -> Result<HashSet<Digest>> {
    let mut unreferred = Unreferred::begin(connection, files.clone())?;
    while unreferred.mark(connection)? {}
    Ok(files.difference(&unreferred.files).copied().collect())
}

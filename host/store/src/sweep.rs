//! Finds and removes payloads that nothing refers to any more: mark and sweep beside the writer.
//!
//! 1. *Candidates* are the payloads that were put before `cutoff`. A payload that is put again gets
//!    a new time when its old one is half the grace old, so what somebody is about to refer to is no
//!    candidate.
//! 2. *Mark*: every event is read in the order of its cursor, some thousand at a time without
//!    holding a snapshot, and each digest in its text takes a candidate off the list, whatever kind
//!    of stream or event it is. Events are only ever added behind; those that retention removes
//!    meanwhile spare their payloads until the next sweep.
//! 3. *Sweep*: in the writer's turn, so that nothing is committed meanwhile, the events behind the
//!    last one that was marked are read too and kept results are looked at; then some of the rest
//!    are removed. A payload that was put again since step 1 has a later time and stays.
//!
//! What a run refers to without having put it are payloads of a run that it runs again, and kept
//! results. So a sweep does not begin before [`REST`] has passed since the last deletion: a start
//! that has read such a reference before is committed by then, and its event marks it.

use std::collections::HashSet;
use std::time::Duration;

use rusqlite::{Connection, Result, params};
use taskloom_core::id::Digest;
use taskloom_core::time::Timestamp;

use crate::column;

/// How long after a deletion no sweep begins: far longer than a start takes.
pub(crate) const REST: Duration = Duration::from_secs(60);

/// How old a payload's time becomes before it is renewed when the payload is put again.
pub(crate) const RENEW_AFTER: Duration = Duration::from_secs(30 * 60);

/// Events read at once.
pub(crate) const EVENTS_PER_READ: i64 = 5_000;

/// Payloads removed in one transaction.
pub(crate) const PAYLOADS_PER_STEP: usize = 100;

/// A sweep that is under way.
#[derive(Debug)]
pub(crate) struct Sweep {
    cutoff: Timestamp,
    garbage: HashSet<Digest>,
    /// Events up to this cursor are marked.
    marked: i64,
}

/// What a step removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Swept {
    pub(crate) payloads: u64,
    pub(crate) bytes: u64,
}

impl Sweep {
    /// Collects the candidates.
    pub(crate) fn begin(connection: &Connection, cutoff: Timestamp) -> Result<Self> {
        let garbage = connection
            .prepare("SELECT digest FROM payload WHERE created_at < $1")?
            .query_map([cutoff.as_ms()], |row| column::digest(row, 0))?
            .collect::<Result<_>>()?;
        Ok(Self { cutoff, garbage, marked: 0 })
    }

    /// Marks what the next events refer to; gives whether there are more.
    pub(crate) fn mark(&mut self, connection: &Connection) -> Result<bool> {
        let mut statement = connection.prepare_cached(
            "SELECT cursor, body FROM event WHERE cursor > $1 ORDER BY cursor LIMIT $2",
        )?;
        let mut rows = statement.query([self.marked, EVENTS_PER_READ])?;
        let mut read = 0;
        while let Some(row) = rows.next()? {
            self.marked = row.get(0)?;
            let garbage = &mut self.garbage;
            digests(row.get_ref(1)?.as_str()?, |digest| _ = garbage.remove(&digest));
            read += 1;
        }
        Ok(read == EVENTS_PER_READ)
    }

    /// Removes some of the garbage, in the writer's turn; gives whether there is more.
    pub(crate) fn step(&mut self, connection: &Connection) -> Result<(Swept, bool)> {
        while self.mark(connection)? {}
        self.mark_cached(connection)?;
        let some: Vec<_> = self.garbage.iter().take(PAYLOADS_PER_STEP).copied().collect();
        let mut swept = Swept::default();
        let mut delete = connection.prepare_cached(
            "DELETE FROM payload WHERE digest = $1 AND created_at < $2 RETURNING length(body)",
        )?;
        for digest in some {
            self.garbage.remove(&digest);
            let mut rows = delete.query(params![digest.as_bytes(), self.cutoff.as_ms()])?;
            while let Some(row) = rows.next()? {
                swept.payloads += 1;
                swept.bytes += column::count(row, 0)?;
            }
        }
        Ok((swept, !self.garbage.is_empty()))
    }

    /// Marks the outputs of kept results: a small table, and only large outputs are in it by digest.
    fn mark_cached(&mut self, connection: &Connection) -> Result<()> {
        let mut statement = connection.prepare_cached("SELECT output FROM cached_result")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let garbage = &mut self.garbage;
            digests(row.get_ref(0)?.as_str()?, |digest| _ = garbage.remove(&digest));
        }
        Ok(())
    }
}

/// Calls `found` with every digest that stands in a text.
pub(crate) fn digests(text: &str, mut found: impl FnMut(Digest)) {
    const PREFIX: &str = "sha256:";
    const LENGTH: usize = PREFIX.len() + 64;
    for (place, _) in text.match_indices(PREFIX) {
        if let Some(digest) = text.get(place..place + LENGTH)
            && let Ok(digest) = digest.parse()
        {
            found(digest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digest_in_a_text_is_found() {
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        let text = format!(r#"{{"x":"{a}","y":["sha256:no","sha256:{a}{b}"],"z":"\"{b}\""}}"#);
        let mut all = vec![];
        digests(&text, |digest| all.push(digest));
        assert_eq!(all, [a, a, b, b]);
    }
}

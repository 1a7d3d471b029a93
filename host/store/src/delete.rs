//! Deletes runs that have ended, in steps that make no commit wait long.
//!
//! First a run is hidden, in one transaction: its row and its idempotency key go, and its stream
//! gets its own number for a name, so that nobody finds it any more. What lies in its stream is
//! removed later, some rows a transaction; whatever a crash leaves of that, the next pass finds by
//! those names. The payloads it referred to are left to the sweep.

use rusqlite::{Connection, OptionalExtension as _, Result, params};
use taskloom_core::id::RunId;
use taskloom_core::journal::StreamId;

use crate::column;
use crate::streams::Heads;

/// What became of the wish to delete a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hidden {
    /// Nobody finds it any more.
    Done,
    /// There is no such run.
    Unknown,
    /// It has not ended.
    Live,
    /// A live run needs it.
    Held(RunId),
}

/// Hides a run, if it has ended and no live run needs it.
pub(crate) fn hide(connection: &Connection, heads: &mut Heads, run: RunId) -> Result<Hidden> {
    let name = StreamId::Run(run);
    let found: Option<(i64, bool)> = connection
        .prepare_cached(
            "SELECT stream, outcome IS NOT NULL FROM run
             WHERE stream = (SELECT id FROM stream WHERE name = $1)",
        )?
        .query_row([column::stream_name(&name)], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let stream = match found {
        None => return Ok(Hidden::Unknown),
        Some((_, false)) => return Ok(Hidden::Live),
        Some((stream, true)) => stream,
    };
    if let Some(holder) = holder(connection, stream, run)? {
        return Ok(Hidden::Held(holder));
    }
    keep_highest_cursor(connection, stream)?;
    let run_row = "DELETE FROM run WHERE stream = $1 RETURNING workflow, key";
    let (workflow, key): (String, Option<String>) = connection
        .prepare_cached(run_row)?
        .query_row([stream], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if let Some(key) = key {
        connection
            .prepare_cached(
                "DELETE FROM idempotency WHERE workflow = $1 AND key = $2 AND run = $3",
            )?
            .execute(params![workflow, key, stream])?;
    }
    connection.prepare_cached("UPDATE stream SET name = id WHERE id = $1")?.execute([stream])?;
    count_garbage(connection, 1)?;
    heads.forget(&name);
    Ok(Hidden::Done)
}

/// The live run that needs this one: a child, its parent, or one that runs it again.
fn holder(connection: &Connection, stream: i64, run: RunId) -> Result<Option<RunId>> {
    connection
        .prepare_cached(
            "SELECT id FROM run INDEXED BY run_parent WHERE parent = $1 AND outcome IS NULL
             UNION ALL
             SELECT id FROM run INDEXED BY run_rerun_of WHERE rerun_of = $1 AND outcome IS NULL
             UNION ALL
             SELECT id FROM run WHERE outcome IS NULL AND stream = (
                 SELECT id FROM stream WHERE name = (SELECT parent FROM run WHERE stream = $2))
             LIMIT 1",
        )?
        .query_row(params![run.as_bytes(), stream], |row| column::run_id(row, 0))
        .optional()
}

/// SQLite gives a cursor out again when the highest one is gone, so the last event of all stays:
/// as an event of no stream, without content.
fn keep_highest_cursor(connection: &Connection, stream: i64) -> Result<()> {
    let last = "SELECT cursor, stream FROM event ORDER BY cursor DESC LIMIT 1";
    let (cursor, of): (i64, i64) =
        connection.prepare_cached(last)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if of != stream {
        return Ok(());
    }
    connection.prepare_cached("DELETE FROM event WHERE stream = 0")?.execute([])?;
    connection
        .prepare_cached(
            "UPDATE event SET stream = 0, seq = cursor, kind = 'deleted', body = 'null'
             WHERE cursor = $1",
        )?
        .execute([cursor])?;
    Ok(())
}

/// Remembers that payloads may have lost their last reference.
pub(crate) fn count_garbage(connection: &Connection, rows: usize) -> Result<()> {
    connection
        .prepare_cached("UPDATE host SET value = value + $1 WHERE name = 'garbage'")?
        .execute([i64::try_from(rows).unwrap_or(i64::MAX)])?;
    Ok(())
}

/// Removes up to about `rows_max` rows of hidden runs; gives whether more may be left.
pub(crate) fn purge(connection: &Connection, rows_max: usize) -> Result<bool> {
    let mut room = rows_max;
    let hidden: Vec<i64> = connection
        .prepare_cached("SELECT id FROM stream WHERE name < '' ORDER BY name LIMIT $1")?
        .query_map([int(rows_max)], |row| row.get(0))?
        .collect::<Result<_>>()?;
    let more = hidden.len() == rows_max;
    for stream in hidden {
        for sql in ROWS_OF_A_STREAM {
            room -= connection.prepare_cached(sql)?.execute(params![stream, int(room)])?.min(room);
            if room == 0 {
                return Ok(true);
            }
        }
        connection.prepare_cached("DELETE FROM stream WHERE id = $1")?.execute([stream])?;
        room -= 1;
        if room == 0 {
            return Ok(true);
        }
    }
    Ok(more)
}

/// Whatever lies in the stream of a run.
const ROWS_OF_A_STREAM: [&str; 5] = [
    "DELETE FROM event WHERE cursor IN (SELECT cursor FROM event WHERE stream = $1 LIMIT $2)",
    "DELETE FROM log WHERE id IN (SELECT id FROM log WHERE run = $1 LIMIT $2)",
    "DELETE FROM attempt WHERE (run, task, number) IN (
         SELECT run, task, number FROM attempt WHERE run = $1 LIMIT $2)",
    "DELETE FROM artefact WHERE (run, task, attempt, name) IN (
         SELECT run, task, attempt, name FROM artefact WHERE run = $1 LIMIT $2)",
    "DELETE FROM refusal WHERE id IN (SELECT id FROM refusal WHERE run = $1 LIMIT $2)",
];

fn int(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

//! Lines that handlers logged. Not journaled: a line may be lost when the host dies.

use rusqlite::{Connection, Result, Row, params};
use taskloom_core::id::RunId;
use taskloom_core::journal::StreamId;

use crate::column;
use crate::page::{Cursor, Page, rows_to_read};
use crate::rows::{LogFilter, LogLine};

/// Writes a line of the run whose stream has the key `run`.
pub(crate) fn insert(connection: &Connection, run: i64, line: &LogLine) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO log (run, task, attempt, seq, at, level, message, fields)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )?
        .execute(params![
            run,
            line.task.as_str(),
            line.attempt,
            line.seq,
            line.at.as_ms(),
            line.level,
            line.message,
            line.fields,
        ])?;
    Ok(())
}

/// One page of the lines of a run that pass the filter, in the order of their arrival.
pub(crate) fn list(
    connection: &Connection,
    run: RunId,
    filter: &LogFilter,
    limit: usize,
) -> Result<Page<LogLine>> {
    let (limit, rows_max) = rows_to_read(limit);
    let after = filter.after.map_or(0, |cursor| cursor.order);
    let task = filter.task.as_ref().map(|task| task.as_str());
    let name = StreamId::Run(run);
    let rows = connection
        .prepare_cached(query(filter))?
        .query_map(
            params![column::stream_name(&name), after, task, filter.attempt, rows_max],
            |row| Ok((Cursor { order: row.get(0)?, row: 0 }, read(row, run)?)),
        )?
        .collect::<Result<Vec<_>>>()?;
    Ok(Page::of(rows, limit))
}

/// The text of a list: the lines of a task have an index of their own.
const fn query(filter: &LogFilter) -> &'static str {
    if filter.task.is_some() {
        "SELECT id, task, attempt, seq, at, level, message, fields
         FROM log INDEXED BY log_of_task
         WHERE run = (SELECT id FROM stream WHERE name = $1) AND id > $2
             AND task = $3 AND ($4 IS NULL OR attempt = $4)
         ORDER BY id LIMIT $5"
    } else {
        "SELECT id, task, attempt, seq, at, level, message, fields
         FROM log INDEXED BY log_of_run
         WHERE run = (SELECT id FROM stream WHERE name = $1) AND id > $2
             AND $3 IS NULL AND ($4 IS NULL OR attempt = $4)
         ORDER BY id LIMIT $5"
    }
}

fn read(row: &Row<'_>, run: RunId) -> Result<LogLine> {
    Ok(LogLine {
        run,
        task: column::parsed(row, 1)?,
        attempt: row.get(2)?,
        seq: row.get(3)?,
        at: column::time(row, 4)?,
        level: row.get(5)?,
        message: row.get(6)?,
        fields: row.get(7)?,
    })
}

//! The view of refusals: what plugins wanted to do and the host did not let them, for lists across runs.
//!
//! The truth is in the results of attempts. A row lives as long as its run.

use rusqlite::{Connection, Result, Row, params};
use taskloom_core::id::{PluginName, RunId, TaskId};

use crate::column::{self, int};
use crate::error::Error;
use crate::page::{Cursor, Page, rows_to_read};
use crate::rows::RefusalRow;
use crate::store::Store;

impl Store {
    /// One page of what a plugin was refused, the newest first, of 1 to
    /// [`PAGE_ROWS_MAX`](crate::PAGE_ROWS_MAX) rows: those that follow the page that the cursor came with.
    ///
    /// # Errors
    /// As [`Store::run_events`].
    pub fn refusals(
        &self,
        plugin: &PluginName,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Page<RefusalRow>, Error> {
        let read = |connection: &_| of_plugin(connection, plugin, after, limit);
        self.reading("listing refusals", read)
    }
}

/// Writes a refusal of the run whose stream has the key `run`.
pub(crate) fn insert(connection: &Connection, run: i64, refusal: &RefusalRow) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO refusal (run, plugin, task, attempt, at, capability, message, refused)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )?
        .execute(params![
            run,
            refusal.plugin.as_str(),
            refusal.task.as_str(),
            refusal.attempt,
            refusal.at.as_ms(),
            refusal.capability.as_str(),
            refusal.message,
            int(refusal.refused),
        ])?;
    Ok(())
}

/// The list of a plugin. A run that is being deleted has no row any more: what is left of it is not shown.
const OF_PLUGIN: &str =
    "SELECT run.id, plugin, task, attempt, at, capability, message, refused, refusal.id
     FROM refusal INDEXED BY refusal_of_plugin CROSS JOIN run ON run.stream = refusal.run
     WHERE plugin = $1 AND at <= $2 AND (at < $2 OR refusal.id < $3)
     ORDER BY at DESC, refusal.id DESC LIMIT $4";

fn of_plugin(
    connection: &Connection,
    plugin: &PluginName,
    after: Option<Cursor>,
    limit: usize,
) -> Result<Page<RefusalRow>> {
    let (limit, rows_max) = rows_to_read(limit);
    let after = after.unwrap_or(Cursor { order: i64::MAX, row: i64::MAX });
    let rows = connection
        .prepare_cached(OF_PLUGIN)?
        .query_map(params![plugin.as_str(), after.order, after.row, rows_max], |row| {
            let refusal = read(row, column::run_id(row, 0)?)?;
            Ok((Cursor { order: refusal.at.as_ms(), row: row.get(8)? }, refusal))
        })?
        .collect::<Result<Vec<_>>>()?;
    Ok(Page::of(rows, limit))
}

/// What an attempt of the run with the stream `stream` was refused, in the order of the journal.
pub(crate) fn of_attempt(
    connection: &Connection,
    (stream, run): (i64, RunId),
    task: &TaskId,
    attempt: u32,
) -> Result<Vec<RefusalRow>> {
    connection
        .prepare_cached(
            "SELECT NULL, plugin, task, attempt, at, capability, message, refused
             FROM refusal INDEXED BY refusal_of_attempt
             WHERE run = $1 AND task = $2 AND attempt = $3 ORDER BY id",
        )?
        .query_map(params![stream, task.as_str(), attempt], |row| read(row, run))?
        .collect()
}

/// How many rows a run has.
pub(crate) fn count(connection: &Connection, stream: i64) -> Result<u64> {
    connection
        .prepare_cached(
            "SELECT count(*) FROM refusal INDEXED BY refusal_of_attempt WHERE run = $1",
        )?
        .query_row([stream], |row| column::count(row, 0))
}

fn read(row: &Row<'_>, run: RunId) -> Result<RefusalRow> {
    Ok(RefusalRow {
        run,
        plugin: column::parsed(row, 1)?,
        task: column::parsed(row, 2)?,
        attempt: row.get(3)?,
        at: column::time(row, 4)?,
        capability: column::word(row, 5)?,
        message: row.get(6)?,
        refused: column::count(row, 7)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema;

    #[test]
    fn the_list_is_read_from_its_index_without_sorting() {
        let mut connection = Connection::open_in_memory().expect("opens");
        schema::migrate(&mut connection, schema::MIGRATIONS).expect("migrates");
        let plan: Vec<String> = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {OF_PLUGIN}"))
            .expect("a query")
            .query_map(params!["a", 1, 1, 10], |row| row.get(3))
            .and_then(Iterator::collect)
            .expect("a plan");
        assert_eq!(plan.len(), 2, "{plan:?}");
        assert!(plan[0].contains("USING INDEX refusal_of_plugin (plugin=? AND at<?)"), "{plan:?}");
        assert!(plan[1].contains("USING INTEGER PRIMARY KEY"), "{plan:?}");
    }
}

//! The view of attempts: what the optimiser learns from.

use rusqlite::{Connection, Result, Row, params};
use taskloom_core::id::TaskType;

use crate::column::{self, int};
use crate::rows::AttemptRow;

/// Writes an attempt of the run whose stream has the key `run`.
pub(crate) fn put(connection: &Connection, run: i64, attempt: &AttemptRow) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO attempt (run, task, number, task_type, outcome, class,
                 ready_at, claimed_at, started_at, ended_at, cpu_ms, host_wait_ms, fuel_used,
                 memory_peak_bytes, input_bytes, output_bytes, plugin_digest)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
        )?
        .execute(params![
            run,
            attempt.task.as_str(),
            attempt.number,
            attempt.task_type.as_str(),
            attempt.outcome,
            attempt.class.as_str(),
            attempt.ready_at.as_ms(),
            attempt.claimed_at.as_ms(),
            attempt.started_at.map(|at| at.as_ms()),
            attempt.ended_at.as_ms(),
            int(attempt.cpu_ms),
            int(attempt.host_wait_ms),
            int(attempt.fuel_used),
            int(attempt.memory_peak_bytes),
            int(attempt.input_bytes),
            int(attempt.output_bytes),
            attempt.plugin_digest.as_ref().map(|digest| digest.as_bytes()),
        ])?;
    Ok(())
}

/// Up to `limit` attempts of tasks of one type, the one that ended last first.
pub(crate) fn of_type(
    connection: &Connection,
    task_type: &TaskType,
    limit: usize,
) -> Result<Vec<AttemptRow>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "SELECT stream.name, task, number, task_type, outcome, class, ready_at, claimed_at,
                 started_at, ended_at, cpu_ms, host_wait_ms, fuel_used, memory_peak_bytes,
                 input_bytes, output_bytes, plugin_digest
             FROM attempt INDEXED BY attempt_type CROSS JOIN stream ON stream.id = attempt.run
             WHERE task_type = $1
             ORDER BY ended_at DESC, run DESC, task DESC, number DESC LIMIT $2",
        )?
        .query_map(params![task_type.as_str(), limit], read)?
        .collect()
}

fn read(row: &Row<'_>) -> Result<AttemptRow> {
    Ok(AttemptRow {
        run: column::run_id(row, 0)?,
        task: column::parsed(row, 1)?,
        number: row.get(2)?,
        task_type: column::parsed(row, 3)?,
        outcome: row.get(4)?,
        class: column::word(row, 5)?,
        ready_at: column::time(row, 6)?,
        claimed_at: column::time(row, 7)?,
        started_at: column::time_or_none(row, 8)?,
        ended_at: column::time(row, 9)?,
        cpu_ms: column::count(row, 10)?,
        host_wait_ms: column::count(row, 11)?,
        fuel_used: column::count(row, 12)?,
        memory_peak_bytes: column::count(row, 13)?,
        input_bytes: column::count(row, 14)?,
        output_bytes: column::count(row, 15)?,
        plugin_digest: column::digest_or_none(row, 16)?,
    })
}

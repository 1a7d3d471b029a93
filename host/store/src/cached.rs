//! Outputs of earlier attempts that a later one with the same key may take over.

use rusqlite::{Connection, OptionalExtension as _, Result, params};
use serde::{Deserialize, Serialize};
use taskloom_core::id::Digest;
use taskloom_core::payload::PayloadRef;
use taskloom_core::time::Timestamp;

use crate::column;
use crate::rows::CachedRow;

/// The column `output`: what lies in it besides the output itself needs no column of its own.
#[derive(Serialize, Deserialize)]
struct Kept {
    payload: PayloadRef,
    attempt: u32,
}

/// Keeps a result under its key; it takes the place of an earlier one.
pub(crate) fn put(connection: &Connection, cached: &CachedRow) -> Result<()> {
    let kept = Kept { payload: cached.output.clone(), attempt: cached.attempt };
    let output = serde_json::to_string(&kept)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO cached_result (key, output, run, task, made_at)
             VALUES ($1, $2, $3, $4, $5)",
        )?
        .execute(params![
            cached.key.as_bytes(),
            output,
            cached.run.as_bytes(),
            cached.task.as_str(),
            cached.made_at.as_ms(),
        ])?;
    Ok(())
}

/// The result with a key, if it was made at `not_before` or later.
pub(crate) fn get(
    connection: &Connection,
    key: &Digest,
    not_before: Timestamp,
) -> Result<Option<CachedRow>> {
    connection
        .prepare_cached(
            "SELECT key, output, run, task, made_at FROM cached_result
             WHERE key = $1 AND made_at >= $2",
        )?
        .query_row(params![key.as_bytes(), not_before.as_ms()], |row| {
            let kept: Kept = serde_json::from_str(row.get_ref(1)?.as_str()?)
                .map_err(|error| column::unreadable(1, error))?;
            Ok(CachedRow {
                key: column::digest(row, 0)?,
                output: kept.payload,
                run: column::run_id(row, 2)?,
                task: column::parsed(row, 3)?,
                attempt: kept.attempt,
                made_at: column::time(row, 4)?,
            })
        })
        .optional()
}

/// The output of every result, by its key.
pub(crate) fn outputs(connection: &Connection) -> Result<Vec<(Digest, PayloadRef)>> {
    connection
        .prepare("SELECT key, output FROM cached_result ORDER BY key")?
        .query_map([], |row| {
            let kept: Kept = serde_json::from_str(row.get_ref(1)?.as_str()?)
                .map_err(|error| column::unreadable(1, error))?;
            Ok((column::digest(row, 0)?, kept.payload))
        })?
        .collect()
}

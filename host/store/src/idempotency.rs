//! Which run was started under which caller's key.

use rusqlite::{Connection, OptionalExtension as _, Result, params};
use taskloom_core::id::{Digest, RunId, WorkflowId};
use taskloom_core::journal::IdempotencyKey;

use crate::column;

/// The run that has the key, and the digest of the request that started it.
pub(crate) fn find(
    connection: &Connection,
    workflow: &WorkflowId,
    key: &str,
) -> Result<Option<(RunId, Digest)>> {
    connection
        .prepare_cached(
            "SELECT stream.name, idempotency.request
             FROM idempotency JOIN stream ON stream.id = idempotency.run
             WHERE idempotency.workflow = $1 AND idempotency.key = $2",
        )?
        .query_row(params![workflow.as_str(), key], |row| {
            Ok((column::run_id(row, 0)?, column::digest(row, 1)?))
        })
        .optional()
}

/// Gives the key to the run whose stream has the key `run`.
pub(crate) fn insert(
    connection: &Connection,
    workflow: &WorkflowId,
    key: &IdempotencyKey,
    run: i64,
) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO idempotency (workflow, key, run, request) VALUES ($1, $2, $3, $4)",
        )?
        .execute(params![workflow.as_str(), key.key, run, key.request.as_bytes()])?;
    Ok(())
}

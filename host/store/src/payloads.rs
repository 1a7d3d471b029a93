//! Texts that events refer to, each kept once.

use rusqlite::{Connection, OptionalExtension as _, Result, params};
use taskloom_core::id::Digest;
use taskloom_core::time::Timestamp;

/// Keeps a text under its digest, unless it is there already.
pub(crate) fn insert(
    connection: &Connection,
    digest: &Digest,
    body: &str,
    now: Timestamp,
) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO payload (digest, created_at, body) VALUES ($1, $2, $3)
             ON CONFLICT (digest) DO NOTHING",
        )?
        .execute(params![digest.as_bytes(), now.as_ms(), body])?;
    Ok(())
}

/// Reads a text; the caller compares it with the digest.
pub(crate) fn get(connection: &Connection, digest: &Digest) -> Result<Option<String>> {
    connection
        .prepare_cached("SELECT body FROM payload WHERE digest = $1")?
        .query_row([digest.as_bytes()], |row| row.get(0))
        .optional()
}

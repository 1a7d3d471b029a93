//! Texts that events refer to, each kept once.

use rusqlite::{Connection, OptionalExtension as _, Result, params};
use taskloom_core::id::Digest;
use taskloom_core::time::Timestamp;

use crate::sweep::RENEW_AFTER;

const RENEW_AFTER_MS: i64 = RENEW_AFTER.as_millis() as i64;

/// Keeps a text under its digest. If it is there already its time is renewed now and then, so that
/// a sweep spares what is about to be referred to.
pub(crate) fn insert(
    connection: &Connection,
    digest: &Digest,
    body: &str,
    now: Timestamp,
) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO payload (digest, created_at, body) VALUES ($1, $2, $3)
             ON CONFLICT (digest) DO UPDATE SET created_at = excluded.created_at
             WHERE created_at < $4",
        )?
        .execute(params![digest.as_bytes(), now.as_ms(), body, now.as_ms() - RENEW_AFTER_MS])?;
    Ok(())
}

/// Reads a text; the caller compares it with the digest.
pub(crate) fn get(connection: &Connection, digest: &Digest) -> Result<Option<String>> {
    connection
        .prepare_cached("SELECT body FROM payload WHERE digest = $1")?
        .query_row([digest.as_bytes()], |row| row.get(0))
        .optional()
}

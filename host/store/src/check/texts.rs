//! The texts that are referred to and lie beside the journal.

use rusqlite::{Connection, Result};
use taskloom_core::id::Digest;
use taskloom_core::journal::StreamEvent;

use crate::cached;
use crate::check::Problems;

/// Checks that the texts of an event are there; `place` names the event.
pub(super) fn of_event(
    connection: &Connection,
    event: &impl StreamEvent,
    place: impl Fn() -> String,
    problems: &mut Problems,
) -> Result<()> {
    for digest in event.texts() {
        let there = is_there(connection, digest)?;
        problems.expect(there, || format!("{} refers to {digest}, which is not there", place()));
    }
    Ok(())
}

/// Checks that the outputs of kept results are there.
pub(super) fn of_kept_results(connection: &Connection, problems: &mut Problems) -> Result<()> {
    for (key, output) in cached::outputs(connection)? {
        if output.inline.is_none() {
            let (there, digest) = (is_there(connection, output.digest)?, output.digest);
            problems.expect(there, || {
                format!("kept result {key}: it refers to {digest}, which is not there")
            });
        }
    }
    Ok(())
}

fn is_there(connection: &Connection, digest: Digest) -> Result<bool> {
    let mut statement = connection.prepare_cached("SELECT 1 FROM payload WHERE digest = $1")?;
    statement.exists([digest.as_bytes()])
}

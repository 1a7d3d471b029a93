//! The definitions that runs keep, read once as long as one run follows another of the same.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, Result};
use taskloom_core::definition;
use taskloom_core::id::Digest;
use taskloom_core::workflow::Workflow;

/// The definition that was asked for last: runs of a time are mostly of few workflows, and one may be
/// large.
#[derive(Default)]
pub(super) struct Definitions {
    last: Option<(Digest, Option<Arc<Workflow>>)>,
}

impl Definitions {
    /// The workflow with a digest; `None` when it is not there, which is told elsewhere, or cannot be
    /// read by this version.
    pub(super) fn get(
        &mut self,
        connection: &Connection,
        digest: Digest,
    ) -> Result<Option<Arc<Workflow>>> {
        if let Some((known, workflow)) = &self.last
            && *known == digest
        {
            return Ok(workflow.clone());
        }
        let source: Option<String> = connection
            .prepare_cached("SELECT body FROM payload WHERE digest = $1")?
            .query_row([digest.as_bytes()], |row| row.get(0))
            .optional()?;
        let read = source.and_then(|source| definition::read("journal", &source).definition);
        let workflow = read.map(|definition| Arc::clone(&definition.workflow));
        self.last = Some((digest, workflow.clone()));
        Ok(workflow)
    }
}

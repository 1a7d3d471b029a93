//! The texts that a workflow has had, as the journal has them.

use std::sync::Arc;

use taskloom_core::id::{Digest, WorkflowId};
use taskloom_core::journal::{Origin, StreamId, WorkflowEvent};
use taskloom_core::time::Timestamp;
use taskloom_store::Error;

use super::Workflows;
use super::ledger;

/// A text that a workflow has or had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its digest.
    pub digest: Digest,
    /// The version that its author gave it.
    pub version: String,
    /// Where it came from when it was put last.
    pub origin: Origin,
    /// When it was put last.
    pub since: Timestamp,
}

impl Workflows {
    /// Every text that a workflow has had, that which was put last first; empty for a workflow that
    /// never was. Reads the disk.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn versions(&self, id: &WorkflowId) -> Result<Vec<Version>, Error> {
        let stream = StreamId::Workflow(id.clone());
        let mut versions: Vec<Version> = Vec::new();
        ledger::events(&self.shared.store, &stream, |event| {
            let WorkflowEvent::WorkflowPut { source, version, origin } = event.entry.event else {
                return;
            };
            versions.retain(|version| version.digest != source);
            versions.push(Version { digest: source, version, origin, since: event.entry.at });
        })?;
        versions.reverse();
        Ok(versions)
    }

    /// One of the texts of a workflow; `None` if it never had it. Reads the disk.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn version(
        &self,
        id: &WorkflowId,
        digest: Digest,
    ) -> Result<Option<(Version, Arc<str>)>, Error> {
        let found = self.versions(id)?.into_iter().find(|version| version.digest == digest);
        let Some(version) = found else { return Ok(None) };
        Ok(self.shared.store.payload(&digest)?.map(|text| (version, text)))
    }
}

//! What requests change about workflows: put, delete, switch on and off.
//!
//! Each change is on disk when it is answered, and holds the place of the folder's reader: a file
//! cannot come in between.

use std::sync::{Arc, PoisonError};

use taskloom_core::definition::Definition;
use taskloom_core::id::{Digest, WorkflowId};
use taskloom_core::journal::{Origin, WorkflowEvent};
use taskloom_store::Error;

use super::requested::Requested;
use super::{Registered, Shared, Sources, Workflows, text};

/// What must be so for a change to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    #[default]
    Always,
    /// There must be none of this name.
    Absent,
    /// There must be one, whichever.
    Present,
    /// There must be one with one of these texts.
    One(Vec<Digest>),
}

/// What became of a text that was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// There was none of this name.
    Created,
    /// It has the place of another text.
    Replaced,
    /// It was there already.
    Unchanged,
}

/// Why a workflow was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is none of this name.
    #[error("there is no workflow `{0}`")]
    Unknown(WorkflowId),
    /// It belongs to a file.
    #[error("workflow `{id}` comes from the file `{file}`; change or remove that file")]
    FromFile {
        /// The workflow.
        id: WorkflowId,
        /// The file's name.
        file: String,
    },
    /// It is not as the caller expects.
    #[error("{}", unexpected(.id, *.found))]
    Unexpected {
        /// The workflow.
        id: WorkflowId,
        /// The digest of its text; `None` if there is none of this name.
        found: Option<Digest>,
    },
    /// It could not be written down.
    #[error(transparent)]
    Store(#[from] Error),
}

fn unexpected(id: &WorkflowId, found: Option<Digest>) -> String {
    match found {
        Some(found) => format!(
            "workflow `{id}` is {found} now; read it, and send `if-match: \"{found}\"` if you \
             want to replace that"
        ),
        None => format!("there is no workflow `{id}` any more; send the text without `if-match`"),
    }
}

impl Condition {
    /// Whether it holds of a workflow with this text, or of one that is not there.
    pub fn holds(&self, found: Option<Digest>) -> bool {
        match self {
            Self::Always => true,
            Self::Absent => found.is_none(),
            Self::Present => found.is_some(),
            Self::One(digests) => found.is_some_and(|found| digests.contains(&found)),
        }
    }
}

impl Workflows {
    /// Gives a workflow this text from now on. Runs that are there keep theirs. Writes to the disk.
    ///
    /// # Errors
    /// When a file holds the workflow, or it is not as `condition` wants it.
    pub fn put(
        &self,
        definition: &Arc<Definition>,
        origin: Origin,
        condition: &Condition,
    ) -> Result<(Put, Arc<Registered>), ChangeError> {
        let (id, digest) = (&definition.workflow.id, definition.workflow.digest);
        let put = self.change(|shared, sources| {
            let found = changeable(shared, id)?;
            expect(id, condition, found.as_deref())?;
            let same =
                |found: &Registered| found.digest() == digest && found.standing.origin == origin;
            if found.as_deref().is_some_and(same) {
                return Ok(Put::Unchanged);
            }
            sources.ledger.put([text(definition, origin)])?;
            sources.requested.insert(id.clone(), Requested::of(Arc::clone(definition)));
            Ok(if found.is_some() { Put::Replaced } else { Put::Created })
        })?;
        let registered = self.get(id).ok_or_else(|| ChangeError::Unknown(id.clone()))?;
        Ok((put, registered))
    }

    /// Removes a workflow; runs that are there go on, and its versions stay. Writes to the disk.
    ///
    /// # Errors
    /// When there is none, a file holds it, or it is not as `condition` wants it.
    pub fn delete(&self, id: &WorkflowId, condition: &Condition) -> Result<(), ChangeError> {
        self.change(|shared, sources| {
            let found = changeable(shared, id)?;
            // One whose text this version cannot read is not served, and can be removed.
            let known = sources.ledger.get(id).is_some_and(|record| record.requested.is_some());
            if !known {
                return Err(ChangeError::Unknown(id.clone()));
            }
            expect(id, condition, found.as_deref())?;
            sources.ledger.note(id, WorkflowEvent::WorkflowDeleted)?;
            sources.requested.remove(id);
            Ok(())
        })
    }

    /// Switches a workflow on or off, whatever its text says. Writes to the disk.
    ///
    /// # Errors
    /// When there is none.
    pub fn switch(&self, id: &WorkflowId, enabled: bool) -> Result<Arc<Registered>, ChangeError> {
        let unknown = || ChangeError::Unknown(id.clone());
        self.change(|shared, sources| {
            let registered = shared.state().registered.get(id).cloned().ok_or_else(unknown)?;
            let switched = registered.standing.switched;
            if switched.is_some_and(|switched| switched.enabled == enabled) {
                return Ok(());
            }
            Ok(sources.ledger.note(id, WorkflowEvent::WorkflowSwitched { enabled })?)
        })?;
        self.get(id).ok_or_else(unknown)
    }

    /// Makes a change and serves what comes of it.
    fn change<T>(
        &self,
        change: impl FnOnce(&Shared, &mut Sources) -> Result<T, ChangeError>,
    ) -> Result<T, ChangeError> {
        let mut sources = self.shared.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = change(&self.shared, &mut sources)?;
        self.shared.serve(&mut sources);
        Ok(changed)
    }
}

/// The workflow, unless a file holds it.
fn changeable(shared: &Shared, id: &WorkflowId) -> Result<Option<Arc<Registered>>, ChangeError> {
    let found = shared.state().registered.get(id).cloned();
    match found.as_ref().and_then(|registered| registered.file()) {
        Some(file) => Err(ChangeError::FromFile { id: id.clone(), file: file.to_owned() }),
        None => Ok(found),
    }
}

fn expect(
    id: &WorkflowId,
    condition: &Condition,
    found: Option<&Registered>,
) -> Result<(), ChangeError> {
    let found = found.map(Registered::digest);
    if condition.holds(found) {
        return Ok(());
    }
    Err(ChangeError::Unexpected { id: id.clone(), found })
}

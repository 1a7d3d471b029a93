//! What requests change about templates: put and delete.

use std::sync::Arc;

use taskloom_core::definition::template::WorkflowTemplate;
use taskloom_core::id::{Digest, TemplateId};
use taskloom_core::journal::{Origin, TemplateEvent};
use taskloom_store::Error;

use super::{Known, Shelf, Templates};
use crate::ledger::Text;
use crate::workflows::{Condition, Put};

/// Why a template was not changed.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// There is none of this name.
    #[error("there is no template `{0}`")]
    Unknown(TemplateId),
    /// It belongs to a file.
    #[error("template `{id}` comes from the file `{file}`; change or remove that file")]
    FromFile {
        /// The template.
        id: TemplateId,
        /// The file's name.
        file: String,
    },
    /// It is not as the caller expects.
    #[error("{}", unexpected(.id, *.found))]
    Unexpected {
        /// The template.
        id: TemplateId,
        /// The digest of its text; `None` if there is none of this name.
        found: Option<Digest>,
    },
    /// It could not be read or written down.
    #[error(transparent)]
    Store(#[from] Error),
}

fn unexpected(id: &TemplateId, found: Option<Digest>) -> String {
    match found {
        Some(found) => format!(
            "template `{id}` is {found} now; read it, and send `if-match: \"{found}\"` if you \
             want to replace that"
        ),
        None => format!("there is no template `{id}` any more; send the text without `if-match`"),
    }
}

impl Templates {
    /// Gives a template this text from now on. Workflows that were made of it stay as they are.
    /// Writes to the disk.
    ///
    /// # Errors
    /// When a file holds the template, or it is not as `condition` wants it.
    pub fn put(
        &self,
        id: &TemplateId,
        template: &Arc<WorkflowTemplate>,
        origin: Origin,
        condition: &Condition,
    ) -> Result<(Put, Known), TemplateError> {
        let mut ledger = self.lock();
        let digest = Digest::of(template.source.as_bytes());
        let found = changeable(&self.look(&mut ledger)?, id, condition)?;
        let put = match &found {
            None => Put::Created,
            Some(found) if found.digest == digest && found.origin == origin => Put::Unchanged,
            Some(_) => Put::Replaced,
        };
        if put != Put::Unchanged {
            ledger.put([Text {
                id: id.clone(),
                source: Arc::clone(&template.source),
                digest,
                version: template.version.clone(),
                origin: origin.clone(),
            }])?;
        }
        let since = ledger.get(id).and_then(|record| record.requested.as_ref()).map(|put| put.at);
        Ok((put, Known { template: Arc::clone(template), id: id.clone(), digest, origin, since }))
    }

    /// Removes a template; its versions stay. Writes to the disk.
    ///
    /// # Errors
    /// When there is none, a file holds it, or it is not as `condition` wants it.
    pub fn delete(&self, id: &TemplateId, condition: &Condition) -> Result<(), TemplateError> {
        let mut ledger = self.lock();
        let shelf = self.look(&mut ledger)?;
        // Asked first: what this version cannot read is not on the shelf, and can be removed.
        let is_file = shelf.templates.get(id).is_some_and(Known::is_file);
        let requested = ledger.get(id).is_some_and(|record| record.requested.is_some());
        if !is_file && !requested {
            return Err(TemplateError::Unknown(id.clone()));
        }
        changeable(&shelf, id, condition)?;
        Ok(ledger.note(id, TemplateEvent::TemplateDeleted)?)
    }
}

impl Known {
    fn is_file(&self) -> bool {
        matches!(self.origin, Origin::File(_))
    }
}

/// The template, unless a file holds it or it is not as it should be.
fn changeable(
    shelf: &Shelf,
    id: &TemplateId,
    condition: &Condition,
) -> Result<Option<Known>, TemplateError> {
    let known = shelf.templates.get(id);
    if let Some(Known { origin: Origin::File(file), .. }) = known {
        return Err(TemplateError::FromFile { id: id.clone(), file: file.clone() });
    }
    let found = known.map(|known| known.digest);
    if !condition.holds(found) {
        return Err(TemplateError::Unexpected { id: id.clone(), found });
    }
    Ok(known.cloned())
}

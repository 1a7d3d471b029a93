//! The templates that workflows can be made of: the files of one folder, and what requests put.
//!
//! The folder is read whenever somebody asks: that is seldom, and what is answered is never stale.
//! As with workflows, a file goes before a request, and the journal keeps every text.

mod change;
mod folder;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use taskloom_core::definition::template::{WorkflowTemplate, read_template};
use taskloom_core::document::{Problem, suggest};
use taskloom_core::id::{Digest, TemplateId};
use taskloom_core::journal::Origin;
use taskloom_core::time::Timestamp;
use taskloom_store::{Error, Store};

use crate::ledger::{self, Ledger, Put, TemplateKind, Text};
use crate::workflows::BrokenFile;

pub use change::TemplateError;

/// The templates; cheap to clone.
#[derive(Clone)]
pub struct Templates {
    folder: Arc<PathBuf>,
    store: Store,
    ledger: Arc<Mutex<Ledger<TemplateKind>>>,
}

/// A template, and how it came to be.
#[derive(Debug, Clone)]
pub struct Known {
    /// The template.
    pub template: Arc<WorkflowTemplate>,
    /// Its name.
    pub id: TemplateId,
    /// The digest of its text.
    pub digest: Digest,
    /// Where the text comes from.
    pub origin: Origin,
    /// When it came to be the template's text; `None` when that could not be written down.
    pub since: Option<Timestamp>,
}

/// All templates at one time.
#[derive(Debug, Default)]
pub struct Shelf {
    /// The templates, by id.
    pub templates: BTreeMap<TemplateId, Known>,
    /// Files and texts that are no templates, and why.
    pub broken: Vec<BrokenFile>,
}

impl Templates {
    /// The templates of `folder`, which need not be there, and those that `store` keeps.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn open(folder: PathBuf, store: Store) -> Result<Self, Error> {
        let ledger = Arc::new(Mutex::new(Ledger::open(store.clone())?));
        let templates = Self { folder: Arc::new(folder), store, ledger };
        // So that what the files hold now is a version from now on.
        templates.all()?;
        Ok(templates)
    }

    /// All templates as they are now. Reads the disk.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn all(&self) -> Result<Shelf, Error> {
        self.look(&mut self.lock())
    }

    /// The template called `id`. Reads the disk.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn get(&self, id: &TemplateId) -> Result<Option<Known>, Error> {
        Ok(self.all()?.templates.remove(id))
    }

    /// Every text that a template has had, that which was put last first. Reads the disk.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn versions(&self, id: &TemplateId) -> Result<Vec<Put>, Error> {
        ledger::versions::<TemplateKind>(&self.store, id)
    }

    /// One of the texts of a template; `None` if it never had it. Reads the disk.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn version(
        &self,
        id: &TemplateId,
        digest: Digest,
    ) -> Result<Option<(Put, Arc<str>)>, Error> {
        ledger::version::<TemplateKind>(&self.store, id, digest)
    }

    fn lock(&self) -> MutexGuard<'_, Ledger<TemplateKind>> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the folder, writes down what is new in it, and adds what requests put.
    fn look(&self, ledger: &mut Ledger<TemplateKind>) -> Result<Shelf, Error> {
        let mut shelf = folder::read(&self.folder);
        let texts = shelf.templates.values().map(|known| Text {
            id: known.id.clone(),
            source: Arc::clone(&known.template.source),
            digest: known.digest,
            version: known.template.version.clone(),
            origin: known.origin.clone(),
        });
        if let Err(error) = ledger.put(texts.collect::<Vec<_>>()) {
            tracing::warn!(%error, "new texts of template files are not in the journal");
        }
        for known in shelf.templates.values_mut() {
            let last = ledger.get(&known.id).and_then(|record| record.last.as_ref());
            known.since = last.filter(|last| last.source == known.digest).map(|last| last.at);
        }
        for (id, put, _) in ledger.requested() {
            if shelf.templates.contains_key(id) {
                continue;
            }
            match self.requested(id, put)? {
                Ok(known) => _ = shelf.templates.insert(id.clone(), known),
                Err(problems) => {
                    shelf.broken.push(BrokenFile { file: format!("template {id}"), problems });
                }
            }
        }
        Ok(shelf)
    }

    /// A template that a request put; what is wrong if this version of the host cannot read it.
    fn requested(&self, id: &TemplateId, put: &Put) -> Result<Result<Known, Vec<Problem>>, Error> {
        let name = format!("template {id}");
        let Some(source) = self.store.payload(&put.source)? else {
            return Ok(Err(vec![folder::problem(&name, "its text is missing; put it again")]));
        };
        let reading = read_template(&name, &source);
        let Some(template) = reading.template else { return Ok(Err(reading.problems)) };
        Ok(Ok(Known {
            template,
            id: id.clone(),
            digest: put.source,
            origin: put.origin.clone(),
            since: Some(put.at),
        }))
    }
}

impl Shelf {
    /// The id that `word` may have been meant to be.
    pub fn similar(&self, word: &str) -> Option<String> {
        suggest(word, self.templates.keys().map(TemplateId::as_str)).map(str::to_owned)
    }
}

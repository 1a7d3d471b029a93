//! The definitions that runs keep, at hand by their digest: each is read from the store once, whoever
//! asks for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use taskloom_core::definition::{self, Definition};
use taskloom_core::id::Digest;
use taskloom_store::Store;

/// Definitions that are at hand; beyond it they are read from the store again when needed.
const DEFINITIONS_MAX: usize = 1024;

/// Tasks of all of them together, which is what their memory grows with: about a kilobyte each.
const TASKS_MAX: usize = 200_000;

/// The definitions at hand; cheap to clone.
#[derive(Clone)]
pub struct Definitions {
    store: Store,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    definitions: HashMap<Digest, Arc<Definition>>,
    tasks: usize,
}

/// Why a definition cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] taskloom_store::Error),
    /// The store does not have it.
    #[error("its definition {0} is missing")]
    Missing(Digest),
    /// It was written for another version of the host.
    #[error("its definition {0} cannot be read by this version")]
    Unreadable(Digest),
}

impl Definitions {
    /// Those that `store` holds.
    pub fn new(store: Store) -> Self {
        Self { store, kept: Arc::default() }
    }

    /// The definition with a digest. May read the disk.
    ///
    /// # Errors
    /// When the store does not have it or cannot be read.
    pub fn get(&self, digest: Digest) -> Result<Arc<Definition>, DefinitionError> {
        if let Some(definition) = self.lock().definitions.get(&digest) {
            return Ok(Arc::clone(definition));
        }
        let source = self.store.payload(&digest)?.ok_or(DefinitionError::Missing(digest))?;
        let definition = definition::read("journal", &source)
            .definition
            .ok_or(DefinitionError::Unreadable(digest))?;
        self.keep(&definition);
        Ok(definition)
    }

    /// Has a definition at hand.
    pub fn keep(&self, definition: &Arc<Definition>) {
        let (digest, tasks) = (definition.workflow.digest, definition.workflow.tasks.len());
        let mut kept = self.lock();
        if kept.definitions.contains_key(&digest) {
            return;
        }
        if kept.definitions.len() >= DEFINITIONS_MAX || kept.tasks + tasks > TASKS_MAX {
            *kept = Kept::default();
        }
        kept.tasks += tasks;
        kept.definitions.insert(digest, Arc::clone(definition));
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

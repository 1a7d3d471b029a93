//! JSON texts by reference: small ones lie in the reference, large ones in the store, and those
//! used lately in memory, so that a task reads what the task before it wrote without asking the
//! disk.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use taskloom_core::id::Digest;
use taskloom_core::payload::PayloadRef;
use taskloom_store::Store;

/// Bytes of large texts that are kept in memory. Enough for the outputs of the tasks that are
/// under way, little enough not to be noticed beside the guests.
const RECENT_BYTES_MAX: usize = 32 * 1024 * 1024;

/// A text that the store must keep, since it is too long to lie in an event.
pub type Kept = (Digest, Arc<str>);

/// Reads and keeps JSON texts; cheap to clone.
#[derive(Clone)]
pub struct Payloads {
    store: Store,
    recent: Arc<Mutex<Recent>>,
}

/// A text that the journal refers to and nobody has.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// The store does not have it.
    #[error("the store has no payload {0}, which the journal refers to; run `taskloom doctor`")]
    Missing(Digest),
    /// The store could not be read.
    #[error("payload {digest} could not be read: {source}")]
    Store {
        /// The payload.
        digest: Digest,
        /// Why.
        source: taskloom_store::Error,
    },
    /// What the store has is not JSON.
    #[error("payload {digest} is not JSON: {source}")]
    NotJson {
        /// The payload.
        digest: Digest,
        /// Why.
        source: serde_json::Error,
    },
}

#[derive(Default)]
struct Recent {
    texts: HashMap<Digest, Arc<str>>,
    order: VecDeque<Digest>,
    bytes: usize,
}

impl Payloads {
    /// Payloads of a store.
    pub fn new(store: Store) -> Self {
        Self { store, recent: Arc::default() }
    }

    /// Refers to a text. The second part is what the store must keep, if the reference does not
    /// hold the text itself.
    ///
    /// # Errors
    /// When the text is not JSON.
    pub fn keep(&self, text: String) -> Result<(PayloadRef, Option<Kept>), serde_json::Error> {
        let payload = PayloadRef::of(&text)?;
        if payload.inline.is_some() {
            return Ok((payload, None));
        }
        let text: Arc<str> = text.into();
        self.recent().insert(payload.digest, Arc::clone(&text));
        let kept = (payload.digest, text);
        Ok((payload, Some(kept)))
    }

    /// The text behind a reference.
    ///
    /// # Errors
    /// When the store does not have it or cannot be read.
    pub async fn text(&self, payload: &PayloadRef) -> Result<Arc<str>, PayloadError> {
        match payload.inline_text() {
            Some(text) => Ok(text.into()),
            None => self.text_of(payload.digest).await,
        }
    }

    /// The value behind a reference.
    ///
    /// # Errors
    /// As [`Self::text`], and when the text is not JSON.
    pub async fn value(&self, payload: &PayloadRef) -> Result<Value, PayloadError> {
        let digest = payload.digest;
        let parsed = match payload.inline_text() {
            Some(text) => serde_json::from_str(text),
            None => serde_json::from_str(&self.text_of(digest).await?),
        };
        parsed.map_err(|source| PayloadError::NotJson { digest, source })
    }

    /// The text with this digest.
    ///
    /// # Errors
    /// When the store does not have it or cannot be read.
    pub async fn text_of(&self, digest: Digest) -> Result<Arc<str>, PayloadError> {
        if let Some(text) = self.recent().texts.get(&digest) {
            return Ok(Arc::clone(text));
        }
        let store = self.store.clone();
        let read = tokio::task::spawn_blocking(move || store.payload(&digest)).await;
        let text = read
            .expect("reading a payload does not panic")
            .map_err(|source| PayloadError::Store { digest, source })?
            .ok_or(PayloadError::Missing(digest))?;
        self.recent().insert(digest, Arc::clone(&text));
        Ok(text)
    }

    fn recent(&self) -> std::sync::MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recent {
    fn insert(&mut self, digest: Digest, text: Arc<str>) {
        let bytes = text.len();
        if bytes > RECENT_BYTES_MAX || self.texts.insert(digest, text).is_some() {
            return;
        }
        self.order.push_back(digest);
        self.bytes += bytes;
        while self.bytes > RECENT_BYTES_MAX {
            let Some(oldest) = self.order.pop_front() else { break };
            self.bytes -= self.texts.remove(&oldest).map_or(0, |text| text.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_texts_leave_memory_first() {
        let mut recent = Recent::default();
        let text: Arc<str> = "x".repeat(RECENT_BYTES_MAX / 2).into();
        for name in [b"a", b"b", b"c"] {
            recent.insert(Digest::of(name), Arc::clone(&text));
        }
        assert!(!recent.texts.contains_key(&Digest::of(b"a")));
        assert!(recent.texts.contains_key(&Digest::of(b"c")));
        assert!(recent.bytes <= RECENT_BYTES_MAX);
    }
}

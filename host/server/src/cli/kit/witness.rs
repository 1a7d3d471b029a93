//! Hears and keeps what a handler says during a case.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use taskloom_core::id::Digest;
use taskloom_core::time::Timestamp;
use taskloom_wasm::{CallObserver, CancelToken, LogRecord};

/// What a handler said, and the files that it left and may read.
pub(super) struct Witness {
    clock: Timestamp,
    /// Cancelled as soon as the handler begins, if there is one.
    cancels: Option<CancelToken>,
    heard: Mutex<Heard>,
}

/// What was heard.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// Lines of the log.
    pub(super) lines: Vec<LogRecord>,
    /// What was said of the progress.
    pub(super) progress: Vec<(f64, String)>,
    /// Files, by their digests.
    pub(super) files: HashMap<Digest, Vec<u8>>,
}

impl Witness {
    /// One whose clock stands still, and who has these files.
    pub(super) fn new(clock: Timestamp, files: &[Vec<u8>]) -> Self {
        let files = files.iter().map(|content| (Digest::of(content), content.clone())).collect();
        Self { clock, cancels: None, heard: Mutex::new(Heard { files, ..Heard::default() }) }
    }

    /// One who cancels the call by this token as soon as the handler begins: a call that was cancelled
    /// before would never reach it.
    pub(super) fn cancelling(self, token: CancelToken) -> Self {
        Self { cancels: Some(token), ..self }
    }

    /// What was heard so far.
    pub(super) fn take(&self) -> Heard {
        std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn with<R>(&self, change: impl FnOnce(&mut Heard) -> R) -> R {
        change(&mut self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl CallObserver for Witness {
    fn started(&self) -> Timestamp {
        if let Some(token) = &self.cancels {
            token.cancel("the case says so");
        }
        self.clock
    }

    fn log(&self, record: LogRecord) {
        self.with(|heard| heard.lines.push(record));
    }

    fn put_artefact(&self, content: &[u8]) -> Result<Digest, String> {
        let digest = Digest::of(content);
        self.with(|heard| heard.files.insert(digest, content.to_vec()));
        Ok(digest)
    }

    fn read_artefact(&self, digest: &Digest, most: u64) -> Result<Option<Vec<u8>>, String> {
        let content = self.with(|heard| heard.files.get(digest).cloned());
        Ok(content.filter(|content| content.len() as u64 <= most))
    }

    fn clock(&self) -> Option<Timestamp> {
        Some(self.clock)
    }

    fn progress(&self, fraction: f64, note: &str) {
        self.with(|heard| heard.progress.push((fraction, note.to_owned())));
    }
}

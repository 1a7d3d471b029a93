//! Hears what a handler says while it runs, and keeps it: lines of the log, files, progress, refusals.

use std::io::Read as _;
use std::sync::Arc;

use taskloom_core::attempt::Refused;
use taskloom_core::id::{Digest, RunId, TaskId};
use taskloom_core::plugin::Capability;
use taskloom_core::run::TaskIndex;
use taskloom_core::time::Timestamp;
use taskloom_store::LogLine;
use taskloom_wasm::{CallObserver, LogRecord, Plugin};

use super::Shared;
use crate::engine::starts::Start;

/// Hears what a handler says while it runs.
pub(super) struct Observer {
    pub(super) shared: Arc<Shared>,
    pub(super) plugin: Arc<Plugin>,
    pub(super) run: RunId,
    pub(super) task: TaskIndex,
    pub(super) task_id: TaskId,
    pub(super) number: u32,
}

impl CallObserver for Observer {
    fn started(&self) -> Timestamp {
        let at = self.shared.clock.now();
        self.shared.starts.note(self.run, self.task, Start { number: self.number, at });
        at
    }

    fn log(&self, record: LogRecord) {
        let line = LogLine {
            run: self.run,
            task: self.task_id.clone(),
            attempt: self.number,
            seq: record.seq,
            at: self.shared.clock.now(),
            level: record.level.to_owned(),
            message: record.message,
            fields: record.fields,
        };
        self.shared.store.append_logs(vec![line]);
    }

    fn refused(&self, refused: &Refused) {
        self.shared.audit.refused(self.plugin.name(), refused);
    }

    fn refused_more(&self, capability: Capability, count: u64) {
        self.shared.audit.refused_more(self.plugin.name(), capability, count);
    }

    fn put_artefact(&self, content: &[u8]) -> Result<Digest, String> {
        self.shared.store.put_artefact(content).map_err(|error| error.to_string())
    }

    fn read_artefact(&self, digest: &Digest, most: u64) -> Result<Option<Vec<u8>>, String> {
        let file = self.shared.store.open_artefact(digest).map_err(|error| error.to_string())?;
        let Some(mut file) = file else { return Ok(None) };
        let mut content = Vec::new();
        // One byte more tells what is too long from what just fits.
        let read = file.by_ref().take(most.saturating_add(1)).read_to_end(&mut content);
        let read = read.map_err(|error| error.to_string())?;
        Ok((read as u64 <= most).then_some(content))
    }

    fn progress(&self, fraction: f64, note: &str) {
        let at = self.shared.clock.now();
        self.shared.progresses.note(self.run, self.task, fraction, note, at);
    }
}

//! From a batch to the disk, and what follows: the only place where effects are released.

use std::sync::Arc;

use taskloom_core::id::RunId;
use taskloom_core::run::{StopReason, TaskIndex};
use taskloom_store::{Committed, Conflict};
use taskloom_wasm::give_memory_back;

use super::batch::{Part, Release};
use super::handle::{CommandError, StartError, Started};
use super::inquiry::Inquiry;
use super::perform::QUEUE_TIMEOUT_REASON;
use super::service::{Input, Service};
use super::successor::Successor;

/// Tasks of a run after whose end memory is given back: it has had about a kilobyte for each.
const LARGE_RUN: usize = 10_000;

impl Service {
    /// Has the batch written, unless one is being written: then it goes on filling. With nothing
    /// else to do the engine writes it itself, which saves two threads waking each other; what
    /// comes meanwhile is the next batch. Says whether it was written, so that there may be more.
    pub(super) fn flush(&mut self) -> bool {
        if self.in_flight.is_some() || self.batch.is_empty() {
            return false;
        }
        let batch = std::mem::take(&mut self.batch);
        // What is on disk does not wait for the next commit.
        if matches!(self.successor, Successor::Found(_))
            && let Some(job) = self.successor.take()
        {
            self.performer.perform(job);
        }
        let (runs, behind) = (&mut self.runs, &mut self.rows_behind);
        let (mut batch, parts) = batch.close(|run, must| {
            let row = runs.get_mut(&run)?.row_if_due(must);
            if row.is_none() {
                behind.insert(run)
            } else {
                behind.remove(&run)
            };
            row
        });
        if !self.rows_behind.is_empty() {
            self.expect_catch_up();
        }
        self.in_flight = Some(parts);
        if self.drained {
            match self.store.commit_now(batch) {
                Ok(result) => {
                    self.committed(result);
                    return true;
                }
                Err(not_now) => batch = not_now,
            }
        }
        let sender = self.sender.clone();
        self.store.commit(batch, move |result| {
            // The service outlives its commits: it ends only when none is in flight.
            let _ = sender.send(Input::Committed(result));
        });
        false
    }

    pub(super) fn committed(&mut self, result: Result<Committed, taskloom_store::Error>) {
        let parts = self.in_flight.take().unwrap_or_default();
        match result {
            Ok(committed) => {
                let mut results = committed.appends.into_iter();
                for part in parts {
                    match results.next() {
                        Some(Err(conflict)) => self.reject(part, conflict),
                        Some(Ok(_)) | None => self.release(part),
                    }
                }
            }
            Err(error) => {
                tracing::error!(%error, "the journal could not be written; the host stops");
                for part in parts {
                    refuse(part, &error.to_string());
                }
                self.fatal = Some(format!("the journal could not be written: {error}"));
            }
        }
    }

    fn release(&mut self, part: Part) {
        let run = part.run;
        for release in part.releases {
            match release {
                Release::Perform(job) => {
                    self.under_way += 1;
                    self.expect_catch_up();
                    if let Some(job) = self.successor.keep(job) {
                        self.performer.perform(job);
                    }
                }
                Release::StopAttempt { task, number, reason } => {
                    self.stop_attempt(run, task, number, reason);
                }
                Release::Ask { task, question } => {
                    if let Some(resident) = self.runs.get(&run) {
                        self.performer.ask(Inquiry::new(&resident.state, task, question));
                    }
                }
                Release::StartChild(child) => self.start_child(child),
                Release::CancelChild { task, child } => self.cancel_child(run, task, child),
                Release::ResolveOutput => self.resolve_output(run),
                Release::Finish => self.finish(run),
                // Whoever asked may be gone; the run goes on.
                Release::Started(reply) => {
                    let watch = self.watchers.watch(run);
                    let _ = reply.send(Ok(Started { run, watch, existing: false }));
                }
                Release::Done(reply) => {
                    let _ = reply.send(Ok(()));
                }
            }
        }
        self.watchers.wake(run);
    }

    /// Forgets a run whose end is on disk; whoever asks for it next is likely to ask soon.
    fn finish(&mut self, run: RunId) {
        if let Some(resident) = self.runs.remove(&run) {
            let state = Arc::new(resident.state);
            let is_large = state.tasks().len() > LARGE_RUN;
            self.child_finished(&state);
            self.finished.ended(state);
            if is_large {
                self.performer.spawn(async { give_memory_back() });
            }
        }
        self.keys.remove(run);
        self.dispatcher.dismiss(run);
        self.watchers.end(run);
    }

    /// Stops every attempt that is under way, without counting it.
    pub(super) fn stop_all(&self) {
        for cancel in self.runs.values().flat_map(|resident| resident.cancels.values()) {
            cancel.cancel("the host is shutting down");
        }
    }

    fn stop_attempt(&self, run: RunId, task: TaskIndex, number: u32, reason: StopReason) {
        let Some(resident) = self.runs.get(&run) else { return };
        let is_under_way = resident.state.task(task).status.active_attempt() == Some(number);
        // What has begun is not stopped for having waited too long before.
        let too_late = reason == StopReason::QueueTimeout && self.starts.knows(run, task);
        if let Some(cancel) = resident.cancels.get(&task).filter(|_| is_under_way && !too_late) {
            cancel.cancel(match reason {
                StopReason::RunCancelled => "the run was cancelled",
                StopReason::RunTimedOut => "the run took longer than its timeout",
                StopReason::NotNeeded => "the group it is in was decided without it",
                StopReason::TotalTimeout => "the task took longer than its `total_timeout`",
                StopReason::QueueTimeout => QUEUE_TIMEOUT_REASON,
            });
        }
    }

    /// A run whose part was not written is read again; what it was about to do is forgotten.
    fn reject(&mut self, part: Part, conflict: Conflict) {
        let run = part.run;
        match conflict {
            Conflict::DuplicateKey { run: existing, request } => {
                let asked = self.runs.get(&run).and_then(|r| r.state.start.idempotency.clone());
                let same = asked.is_some_and(|key| key.request == request);
                self.free_slots(&part);
                for release in part.releases {
                    if let Release::Started(reply) = release {
                        let watch = self.watchers.watch(existing);
                        let _ = reply.send(if same {
                            Ok(Started { run: existing, watch, existing: true })
                        } else {
                            Err(StartError::KeyReused { run: existing })
                        });
                    }
                }
                self.forget(run);
            }
            Conflict::Sequence { expected, found } => {
                tracing::error!(%run, expected, found, "somebody else wrote to the run; reading it again");
                self.free_slots(&part);
                refuse(part, "the run was changed by somebody else");
                self.reload(run);
            }
        }
    }

    /// Forgets a run that is not on disk.
    pub(super) fn forget(&mut self, run: RunId) {
        if let Some(part) = self.batch.discard(run) {
            self.free_slots(&part);
            refuse(part, "the run is not on disk");
        }
        self.runs.remove(&run);
        self.keys.remove(run);
        self.dispatcher.dismiss(run);
    }

    /// Frees the slots of attempts that will not be performed.
    fn free_slots(&mut self, part: &Part) {
        for release in &part.releases {
            if let Release::Perform(job) = release {
                self.dispatcher.release(part.run, job.class);
            }
        }
    }
}

/// Tells everybody who waits for a part that it was not written.
fn refuse(part: Part, why: &str) {
    for release in part.releases {
        match release {
            Release::Started(reply) => {
                let _ = reply.send(Err(StartError::Store(why.to_owned())));
            }
            Release::Done(reply) => {
                let _ = reply.send(Err(CommandError::Store(why.to_owned())));
            }
            _ => {}
        }
    }
}

//! Writes: many batches, one transaction, one fsync. Who writes has the turn of the [`Inbox`]: the
//! writer's own thread, or the thread of a caller before whom nothing is queued.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, ErrorCode, Result};
use taskloom_core::journal::StreamId;
use taskloom_core::run::RunStatus;
use taskloom_core::time::Timestamp;

use crate::batch::{Append, Batch, Committed, Conflict, Events};
use crate::checkpoint::Checkpointer;
use crate::error::Error;
use crate::inbox::{Commit, Done, Group, Inbox};
use crate::lock::HostLock;
use crate::rows::{LogLine, RunRow};
use crate::streams::{self, Head, Heads};
use crate::{artefacts, attempts, cached, idempotency, journal, logs, payloads, refusals, runs};

/// Counts what the writer did, for metrics.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) transactions: AtomicU64,
    pub(crate) batches: AtomicU64,
    pub(crate) events: AtomicU64,
    pub(crate) conflicts: AtomicU64,
    pub(crate) log_lines: AtomicU64,
    pub(crate) log_lines_dropped: AtomicU64,
}

/// What writes, whoever's turn it is.
pub(crate) struct Writer {
    pub(crate) path: PathBuf,
    pub(crate) connection: Connection,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) checkpointer: Checkpointer,
    pub(crate) counters: Arc<Counters>,
    pub(crate) heads: Heads,
    /// Given up when the store has ended, after the connection.
    pub(crate) _lock: HostLock,
}

impl Writer {
    /// Starts the writer's own thread; it ends when the inbox is closed and empty.
    pub(crate) fn spawn(
        writer: Arc<Mutex<Option<Self>>>,
        inbox: Arc<Inbox>,
    ) -> std::io::Result<JoinHandle<()>> {
        let run = move || {
            // Whatever ends this thread, nobody waits for an answer that never comes.
            let on_exit = AbortOnExit(inbox.clone());
            while let Some(group) = inbox.take() {
                Self::perform_turn(&writer, &inbox, group);
            }
            drop(on_exit);
            if let Some(mut writer) = lock(&writer).take() {
                writer.checkpointer.stop();
            }
        };
        thread::Builder::new().name("store-writer".to_owned()).spawn(run)
    }

    /// Writes what was taken with the turn, tells who waited, and gives the turn back.
    pub(crate) fn perform_turn(writer: &Mutex<Option<Self>>, inbox: &Arc<Inbox>, group: Group) {
        let _turn = EndTurn(inbox);
        if let Some(writer) = &mut *lock(writer) {
            writer.perform(group);
        }
    }

    fn perform(&mut self, group: Group) {
        if group.checkpoint {
            self.finish_checkpoint();
        }
        let Group { commits, logs, job, .. } = group;
        let (batches, done): (Vec<_>, Vec<_>) =
            commits.into_iter().map(|Commit { batch, done }| (batch, done)).unzip();
        match self.transact(&batches, &logs) {
            Ok(answers) => {
                let answers = answers.into_iter().map(Ok);
                done.into_iter().zip(answers).for_each(|(done, answer)| tell(done, answer));
                if let Some(job) = job {
                    job(self);
                }
                self.look_at_log();
            }
            Err(error) => {
                tracing::error!(%error, batches = batches.len(), "a transaction failed");
                let fatal = error.is_fatal().then(|| error.to_string());
                if let Some(reason) = &fatal {
                    self.inbox.close(reason);
                }
                // The job is dropped; whoever waits for it is told that it was not done.
                done.into_iter().for_each(|done| tell(done, Err(error.clone())));
                if let Some(reason) = &fatal {
                    abort(&self.inbox, reason);
                }
            }
        }
    }

    /// Writes a group in one transaction, durable when this returns.
    fn transact(&mut self, batches: &[Batch], logs: &[LogLine]) -> Result<Vec<Committed>, Error> {
        if logs.is_empty() && batches.iter().all(|batch| batch.weight() == 0) {
            return Ok(batches.iter().map(|_| Committed { appends: vec![] }).collect());
        }
        let mut result = self.write(batches, logs);
        if result.as_ref().is_err_and(is_taken) {
            // Somebody else wrote to a stream whose end is remembered. Read again, each append finds
            // its own conflict.
            self.roll_back();
            result = self.write(batches, logs);
        }
        if result.is_err() {
            self.roll_back();
        }
        result.map_err(|error| Error::sql(&self.path, "committing", error))
    }

    /// Does upkeep in a transaction of its own, durable when this returns.
    pub(crate) fn upkeep<T>(
        &mut self,
        doing: &'static str,
        work: impl FnOnce(&Connection, &mut Heads) -> Result<T>,
    ) -> Result<T, Error> {
        let done = (|| {
            self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
            let answer = work(&self.connection, &mut self.heads)?;
            self.connection.prepare_cached("COMMIT")?.execute([])?;
            Ok(answer)
        })();
        if done.is_err() {
            self.roll_back();
        }
        let done = done.map_err(|error| Error::sql(&self.path, doing, error));
        if let Err(error) = &done
            && error.is_fatal()
        {
            tracing::error!(%error, "upkeep failed");
            abort(&self.inbox, &error.to_string());
        }
        done
    }

    fn roll_back(&mut self) {
        self.heads.forget_all();
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "a failed transaction could not be rolled back");
        }
    }

    fn write(&mut self, batches: &[Batch], logs: &[LogLine]) -> Result<Vec<Committed>> {
        let now = now();
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let answers =
            batches.iter().map(|batch| self.batch(batch, now)).collect::<Result<Vec<_>>>()?;
        self.logs(logs)?;
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        self.count(batches, &answers);
        Ok(answers)
    }

    fn batch(&mut self, batch: &Batch, now: Timestamp) -> Result<Committed> {
        for (digest, body) in &batch.payloads {
            payloads::insert(&self.connection, digest, body, now)?;
        }
        let appends = batch.appends.iter().map(|append| self.append(append));
        let appends = appends.collect::<Result<_>>()?;
        for artefact in &batch.artefacts {
            if let Some(head) = self.heads.get(&self.connection, &StreamId::Run(artefact.run))? {
                artefacts::insert(&self.connection, head.id, artefact)?;
            }
        }
        for result in &batch.cached {
            cached::put(&self.connection, result)?;
        }
        Ok(Committed { appends })
    }

    /// Makes one append, or says why not. Every conflict is found before the first row is
    /// written, so rejecting it needs no savepoint.
    fn append(&mut self, append: &Append) -> Result<Result<u64, Conflict>> {
        let head = self.heads.get(&self.connection, &append.stream)?;
        if let Some(conflict) = self.conflict(append, head.map_or(0, |head| head.seq))? {
            return Ok(Err(conflict));
        }
        let mut head = match head {
            Some(head) => head,
            None => {
                let id = streams::insert(&self.connection, &append.stream)?;
                Head { id, seq: 0, status: None }
            }
        };
        self.insert_events(append, head)?;
        if let Some(run) = &append.run_row {
            self.put_run(run, head)?;
            head.status = Some(run.status);
        }
        for attempt in &append.attempts {
            attempts::put(&self.connection, head.id, attempt)?;
        }
        for refusal in &append.refusals {
            refusals::insert(&self.connection, head.id, refusal)?;
        }
        head.seq += append.events.len() as u64;
        if head.status == Some(RunStatus::Finished) {
            self.heads.forget(&append.stream);
        } else {
            self.heads.set(append.stream.clone(), head);
        }
        Ok(Ok(head.seq))
    }

    fn conflict(&self, append: &Append, found: u64) -> Result<Option<Conflict>> {
        let expected = append.expected_seq;
        if expected != found {
            return Ok(Some(Conflict::Sequence { expected, found }));
        }
        let Some((workflow, key)) = append.idempotency() else { return Ok(None) };
        let taken = idempotency::find(&self.connection, workflow, &key.key)?;
        Ok(taken.map(|(run, request)| Conflict::DuplicateKey { run, request }))
    }

    fn insert_events(&self, append: &Append, head: Head) -> Result<()> {
        if let Some((workflow, key)) = append.idempotency() {
            idempotency::insert(&self.connection, workflow, key, head.id)?;
        }
        let Head { id, seq, .. } = head;
        let connection = &self.connection;
        match &append.events {
            Events::Run(entries) => journal::insert(connection, id, seq, entries),
            Events::Plugin(entries) => journal::insert(connection, id, seq, entries),
            Events::Workflow(entries) => journal::insert(connection, id, seq, entries),
            Events::Template(entries) => journal::insert(connection, id, seq, entries),
            Events::Trigger(entries) => journal::insert(connection, id, seq, entries),
            Events::Context(entries) => journal::insert(connection, id, seq, entries),
        }
    }

    fn put_run(&self, run: &RunRow, head: Head) -> Result<()> {
        if head.status == Some(run.status) && run.status != RunStatus::Finished {
            runs::put_progress(&self.connection, head.id, run)
        } else {
            runs::put(&self.connection, head.id, run)
        }
    }

    /// Writes log lines. Lines of a run that does not exist are dropped: nobody could read them.
    fn logs(&mut self, lines: &[LogLine]) -> Result<()> {
        for line in lines {
            let counter = match self.heads.get(&self.connection, &StreamId::Run(line.run))? {
                Some(head) => {
                    logs::insert(&self.connection, head.id, line)?;
                    &self.counters.log_lines
                }
                None => &self.counters.log_lines_dropped,
            };
            counter.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    fn count(&self, batches: &[Batch], answers: &[Committed]) {
        let appends = || {
            let pairs = batches.iter().zip(answers);
            pairs.flat_map(|(batch, answer)| batch.appends.iter().zip(&answer.appends))
        };
        let made = appends().filter(|(_, answer)| answer.is_ok());
        let events: usize = made.map(|(append, _)| append.events.len()).sum();
        let conflicts = appends().filter(|(_, answer)| answer.is_err()).count();
        self.counters.transactions.fetch_add(1, Ordering::Relaxed);
        self.counters.batches.fetch_add(batches.len() as u64, Ordering::Relaxed);
        self.counters.events.fetch_add(events as u64, Ordering::Relaxed);
        self.counters.conflicts.fetch_add(conflicts as u64, Ordering::Relaxed);
    }

    /// Hands the write-ahead log to the checkpointer when it has grown. A failure here lost
    /// nothing; the next commit meets it too.
    fn look_at_log(&mut self) {
        if let Err(error) = self.checkpointer.look(&self.connection) {
            tracing::warn!(%error, "the size of the write-ahead log is unknown");
        }
    }

    fn finish_checkpoint(&self) {
        if let Err(error) = self.checkpointer.finish(&self.connection) {
            tracing::warn!(%error, "a checkpoint could not be finished");
        }
    }
}

/// Whether a row is there already that was to be written, such as an event of this number.
fn is_taken(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}

/// The writer; the turn keeps others away from it, so this never waits. After a panic it is as
/// good as before: what was not committed is rolled back by the next transaction's failure.
fn lock(writer: &Mutex<Option<Writer>>) -> MutexGuard<'_, Option<Writer>> {
    writer.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives the turn back, whatever happens.
struct EndTurn<'a>(&'a Inbox);

impl Drop for EndTurn<'_> {
    fn drop(&mut self) {
        self.0.end_turn();
    }
}

/// Answers what is left in the inbox when the writer ends.
struct AbortOnExit(Arc<Inbox>);

impl Drop for AbortOnExit {
    fn drop(&mut self) {
        abort(&self.0, "its writer has ended");
    }
}

/// Refuses what is queued and what comes.
fn abort(inbox: &Inbox, reason: &str) {
    for commit in inbox.abort(reason) {
        tell(commit.done, Err(Error::stopped(reason)));
    }
}

/// Calls a caller's function; its panic must not end the writer.
pub(crate) fn tell(done: Done, answer: Result<Committed, Error>) {
    if catch_unwind(AssertUnwindSafe(|| done(answer))).is_err() {
        tracing::error!("the receiver of a commit panicked");
    }
}

/// Payloads are kept since now; the store's only look at a clock.
fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_ms(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

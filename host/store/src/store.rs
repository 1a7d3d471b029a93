//! The store as its users see it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde::de::DeserializeOwned;
use taskloom_core::id::{Digest, RunId, TaskType, WorkflowId};
use taskloom_core::journal::{StreamEvent, StreamId};
use taskloom_core::time::Timestamp;

use crate::artefacts::ArtefactFiles;
use crate::backup::{self, Copied};
use crate::batch::{Batch, Committed};
use crate::beside::Answers;
use crate::checkpoint::Checkpointer;
use crate::error::Error;
use crate::inbox::{Commit, Inbox};
use crate::journal::{StoredEvent, StoredRunEvent};
use crate::lock::HostLock;
use crate::page::Page;
use crate::readers::Readers;
use crate::rows::{ArtefactRow, AttemptRow, CachedRow, LogFilter, LogLine, RunFilter, RunRow};
use crate::streams::Heads;
use crate::writer::{Counters, Writer, tell};
use crate::{
    artefacts, attempts, cached, check, checkpoint, connection, idempotency, journal, logs,
    payloads, runs, schema, streams,
};

/// How a store is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// What an acknowledged commit survives.
    pub durability: Durability,
    /// Connections that read; at least one.
    pub readers: usize,
    /// The database may not grow beyond this many bytes, its log not counted: a commit that needs
    /// more fails with [`Error::Full`]. `None` leaves that to the disk.
    pub bytes_max: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self { durability: Durability::Full, readers: 4, bytes_max: None }
    }
}

/// What an acknowledged commit survives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// The end of the process, of the system and of the power.
    #[default]
    Full,
    /// The end of the process. After the end of the system the last commits may be missing; what
    /// is there is consistent.
    Process,
}

/// The journal and its views in one data folder. A clone is another handle on the same store.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    epoch: u64,
    inbox: Arc<Inbox>,
    counters: Arc<Counters>,
    readers: Readers,
    artefacts: Arc<ArtefactFiles>,
    /// When a run or a kept result was deleted last.
    deleted: Mutex<Option<Instant>>,
    /// Reads for other processes.
    answers: Mutex<Option<Answers>>,
    /// What writes; whoever has the turn of the inbox uses it.
    writer: Arc<Mutex<Option<Writer>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the store did since it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Transactions committed.
    pub transactions: u64,
    /// Batches in them: more than one a transaction is group commit at work.
    pub batches: u64,
    /// Events in them.
    pub events: u64,
    /// Appends that conflicted.
    pub conflicts: u64,
    /// Log lines written.
    pub log_lines: u64,
    /// Log lines dropped, for lack of room or of their run.
    pub log_lines_dropped: u64,
}

impl Store {
    /// Opens the store of a data folder; makes both if they are not there.
    ///
    /// Takes the folder's host lock, brings the schema up to date, looks at the file's structure
    /// for up to a second and raises the epoch.
    ///
    /// # Errors
    /// [`Error::Folder`], [`Error::HostLocked`], [`Error::Foreign`], [`Error::Newer`] and
    /// [`Error::Corrupt`] leave the database as it was.
    pub fn open(folder: &Path, options: Options) -> Result<Self, Error> {
        let lock = HostLock::take(folder)?;
        let path = folder.join("taskloom.db");
        connection::create_file(&path).map_err(|error| Error::folder(folder, error))?;
        let mut connection = connection::stranger(&path)?;
        schema::check_origin(&connection, &path)?;
        let sql = |doing| {
            let path = &path;
            move |error| Error::sql(path, doing, error)
        };
        connection::make_writer(&connection, &options).map_err(sql("preparing the database"))?;
        check::quick(&connection, &path)?;
        schema::migrate(&mut connection, schema::MIGRATIONS)
            .map_err(sql("bringing the schema up to date"))?;
        let epoch = schema::next_epoch(&connection).map_err(sql("raising the epoch"))?;
        if options.durability == Durability::Full
            && let Err(error) = checkpoint::fill_log(&path)
        {
            tracing::warn!(%error, "the write-ahead log has to grow; commits are slower meanwhile");
        }

        let readers = Readers::open(&path, options.readers)?;
        let inbox = Arc::new(Inbox::default());
        let counters = Arc::new(Counters::default());
        let no_thread = |error| Error::folder(folder, error);
        let checkpointer = Checkpointer::spawn(connection::checkpointer(&path)?, inbox.clone())
            .map_err(no_thread)?;
        let writer = Arc::new(Mutex::new(Some(Writer {
            path: path.clone(),
            connection,
            inbox: inbox.clone(),
            checkpointer,
            counters: counters.clone(),
            heads: Heads::default(),
            _lock: lock,
        })));
        let thread = Writer::spawn(writer.clone(), inbox.clone()).map_err(no_thread)?;
        let answers = Answers::start(folder).inspect_err(
            |error| tracing::warn!(%error, "no backup can be made while this host runs"),
        );
        let thread = Mutex::new(Some(thread));
        Ok(Self {
            inner: Arc::new(Inner {
                path,
                epoch,
                inbox,
                counters,
                readers,
                artefacts: Arc::new(ArtefactFiles::new(folder)),
                deleted: Mutex::default(),
                answers: Mutex::new(answers.ok()),
                writer,
                thread,
            }),
        })
    }

    /// The fencing epoch of this start of the host: 1, 2, 3, …, kept in the database.
    pub fn epoch(&self) -> u64 {
        self.inner.epoch
    }

    /// The database's file.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Queues a batch. Batches are committed in the order of their calls; several may share one
    /// transaction. Blocks only when thousands are queued.
    ///
    /// `done` is called once, on the thread that wrote the batch, when it is on disk or has failed;
    /// on the caller's thread if the batch is refused at once. It must not block: the next
    /// transaction waits for it. After [`Error::Io`] nothing more is taken: stop the host.
    pub fn commit(
        &self,
        batch: Batch,
        done: impl FnOnce(Result<Committed, Error>) + Send + 'static,
    ) {
        if let Err(error) = batch.check() {
            return tell(Box::new(done), Err(error));
        }
        self.queue(Commit { batch, done: Box::new(done) });
    }

    /// Writes a batch at once, on the caller's thread, if nothing is queued and nobody is writing, and
    /// gives what became of it; otherwise gives the batch back. That saves waking the writer's thread
    /// and being woken by it, and costs the caller the time of a sync.
    ///
    /// # Errors
    /// The batch, when it is not its turn.
    pub fn commit_now(&self, batch: Batch) -> Result<Result<Committed, Error>, Batch> {
        if let Err(error) = batch.check() {
            return Ok(Err(error));
        }
        let answer = Arc::new(OnceLock::new());
        let told = Arc::clone(&answer);
        let done = Box::new(move |result| _ = told.set(result));
        match self.inner.inbox.take_turn(Commit { batch, done }) {
            Ok(group) => Writer::perform_turn(&self.inner.writer, &self.inner.inbox, group),
            Err(commit) => return Err(commit.batch),
        }
        let answer = Arc::into_inner(answer).and_then(OnceLock::into_inner);
        Ok(answer.unwrap_or_else(|| Err(Error::stopped("its writer has ended"))))
    }

    /// [`Store::commit_now`] if it is its turn, else [`Store::commit`].
    pub fn commit_here(
        &self,
        batch: Batch,
        done: impl FnOnce(Result<Committed, Error>) + Send + 'static,
    ) {
        match self.commit_now(batch) {
            Ok(answer) => tell(Box::new(done), answer),
            Err(batch) => self.queue(Commit { batch, done: Box::new(done) }),
        }
    }

    fn queue(&self, commit: Commit) {
        if let Err(refused) = self.inner.inbox.put(commit) {
            let (commit, error) = *refused;
            tell(commit.done, Err(error));
        }
    }

    /// Commits a batch and waits for it. Not to be called by `done` of another commit.
    ///
    /// # Errors
    /// As `done` of [`Store::commit`] is told.
    pub fn commit_and_wait(&self, batch: Batch) -> Result<Committed, Error> {
        let (sender, receiver) = channel();
        self.commit_here(batch, move |answer| _ = sender.send(answer));
        receiver.recv().unwrap_or_else(|_| Err(Error::stopped("its writer has ended")))
    }

    /// Queues log lines; they are written with the next transaction, or alone after 100 ms. Lines
    /// that find no room are dropped and counted. A run's lines follow its first commit.
    pub fn append_logs(&self, lines: Vec<LogLine>) {
        let dropped = self.inner.inbox.put_logs(lines);
        self.inner.counters.log_lines_dropped.fetch_add(dropped as u64, Ordering::Relaxed);
    }

    /// Waits until everything that was queued before is written, log lines included.
    ///
    /// # Errors
    /// [`Error::Stopped`] after [`Store::close`] or a failure of the disk.
    pub fn flush(&self) -> Result<(), Error> {
        for _ in 0..=self.inner.inbox.log_groups() {
            self.commit_and_wait(Batch::default())?;
        }
        Ok(())
    }

    /// Up to `limit` events of a run after number `after_seq`, in order.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if an event is unreadable; as every read, [`Error::Stopped`] after
    /// [`Store::close`] and [`Error::Io`] if the disk fails.
    pub fn run_events(
        &self,
        run: RunId,
        after_seq: u64,
        limit: usize,
    ) -> Result<Vec<StoredRunEvent>, Error> {
        self.events(&StreamId::Run(run), after_seq, limit)
    }

    /// Up to `limit` events of a stream after number `after_seq`, in order. `E` is the type of its
    /// events.
    ///
    /// # Errors
    /// As [`Store::run_events`].
    pub fn stream_events<E: StreamEvent>(
        &self,
        stream: &StreamId,
        after_seq: u64,
        limit: usize,
    ) -> Result<Vec<StoredEvent<E>>, Error> {
        self.events(stream, after_seq, limit)
    }

    /// The last event of a stream, if it has any. `E` is the type of its events.
    ///
    /// # Errors
    /// As [`Store::run_events`].
    pub fn last_event<E: StreamEvent>(
        &self,
        stream: &StreamId,
    ) -> Result<Option<StoredEvent<E>>, Error> {
        let read = |connection: &_| journal::last(connection, stream);
        self.inner.readers.read("reading the end of a stream", read)
    }

    /// The streams of one kind, by name: `plugin`, `workflow`, `template`, `trigger` or `context`.
    ///
    /// # Errors
    /// As [`Store::run_events`].
    pub fn streams(&self, kind: &str) -> Result<Vec<StreamId>, Error> {
        let read = |connection: &_| streams::of_kind(connection, kind);
        self.inner.readers.read("listing streams", read)
    }

    fn events<E: DeserializeOwned>(
        &self,
        stream: &StreamId,
        after_seq: u64,
        limit: usize,
    ) -> Result<Vec<StoredEvent<E>>, Error> {
        let read = |connection: &_| journal::read(connection, stream, after_seq, limit);
        self.inner.readers.read("reading events", read)
    }

    /// The text with a digest, if it is kept.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the text has another digest now.
    pub fn payload(&self, digest: &Digest) -> Result<Option<Arc<str>>, Error> {
        let read = |connection: &_| payloads::get(connection, digest);
        let Some(text) = self.inner.readers.read("reading a payload", read)? else {
            return Ok(None);
        };
        let found = Digest::of(text.as_bytes());
        if found != *digest {
            return Err(Error::corrupt(
                format!("payload {digest}"),
                format!("its text is {found}"),
            ));
        }
        Ok(Some(text.into()))
    }

    /// Every run that has not ended, oldest first: what a start of the host resumes.
    ///
    /// # Errors
    /// As [`Store::run_events`].
    pub fn unfinished_runs(&self) -> Result<Vec<RunRow>, Error> {
        self.inner.readers.read("listing unfinished runs", runs::unfinished)
    }

    /// One run.
    ///
    /// # Errors
    /// As [`Store::run_events`].
    pub fn run(&self, id: RunId) -> Result<Option<RunRow>, Error> {
        self.inner.readers.read("reading a run", |connection| runs::get(connection, id))
    }

    /// One page of the runs that pass the filter, newest first, of 1 to
    /// [`PAGE_ROWS_MAX`](crate::PAGE_ROWS_MAX) rows.
    ///
    /// # Errors
    /// As [`Store::run_events`].
    pub fn list_runs(&self, filter: &RunFilter, limit: usize) -> Result<Page<RunRow>, Error> {
        let read = |connection: &_| runs::list(connection, filter, limit);
        self.inner.readers.read("listing runs", read)
    }

    /// The live runs of a workflow under a concurrency key, oldest first.
    ///
    /// # Errors
    /// As [`Store::run_events`].
    pub fn live_of_key(&self, workflow: &WorkflowId, key: &str) -> Result<Vec<RunRow>, Error> {
        let read = |connection: &_| runs::live_of_key(connection, workflow, key);
        self.inner.readers.read("listing the runs of a concurrency key", read)
    }

    /// Writes the bytes of an artefact, unless they are there; on disk when this returns. The
    /// [`Batch`] that refers to them must follow within the hour, or retention removes them.
    ///
    /// # Errors
    /// [`Error::Artefacts`].
    pub fn put_artefact(&self, bytes: &[u8]) -> Result<Digest, Error> {
        self.inner.artefacts.put(bytes).map_err(|error| self.artefacts_error(error))
    }

    /// Opens the bytes of an artefact, if they are there.
    ///
    /// # Errors
    /// [`Error::Artefacts`].
    pub fn open_artefact(&self, digest: &Digest) -> Result<Option<File>, Error> {
        self.inner.artefacts.open(digest).map_err(|error| self.artefacts_error(error))
    }

    pub(crate) fn artefacts_error(&self, error: std::io::Error) -> Error {
        Error::Artefacts {
            folder: self.inner.artefacts.folder().to_owned(),
            source: Arc::new(error),
        }
    }

    /// The artefacts of a run, by task, attempt and name.
    ///
    /// # Errors
    /// As [`Store::run_events`].
    pub fn artefacts(&self, run: RunId) -> Result<Vec<ArtefactRow>, Error> {
        self.inner
            .readers
            .read("listing artefacts", |connection| artefacts::of_run(connection, run))
    }

    /// The result that was kept under a key, if it was made at `not_before` or later.
    ///
    /// # Errors
    /// As [`Store::run_events`].
    pub fn cached(&self, key: &Digest, not_before: Timestamp) -> Result<Option<CachedRow>, Error> {
        let read = |connection: &_| cached::get(connection, key, not_before);
        self.inner.readers.read("looking up a kept result", read)
    }

    /// The run that was started under an idempotency key, and the digest of its request.
    ///
    /// # Errors
    /// As [`Store::run_events`].
    pub fn run_of_key(
        &self,
        workflow: &WorkflowId,
        key: &str,
    ) -> Result<Option<(RunId, Digest)>, Error> {
        let read = |connection: &_| idempotency::find(connection, workflow, key);
        self.inner.readers.read("looking up an idempotency key", read)
    }

    /// One page of the log lines of a run that pass the filter, in the order of their arrival, of
    /// 1 to [`PAGE_ROWS_MAX`](crate::PAGE_ROWS_MAX) lines.
    ///
    /// # Errors
    /// As [`Store::run_events`].
    pub fn logs(
        &self,
        run: RunId,
        filter: &LogFilter,
        limit: usize,
    ) -> Result<Page<LogLine>, Error> {
        let read = |connection: &_| logs::list(connection, run, filter, limit);
        self.inner.readers.read("reading log lines", read)
    }

    /// Up to `limit` attempts of tasks of one type, the one that ended last first.
    ///
    /// # Errors
    /// As [`Store::run_events`].
    pub fn attempts_of_type(
        &self,
        task_type: &TaskType,
        limit: usize,
    ) -> Result<Vec<AttemptRow>, Error> {
        let read = |connection: &_| attempts::of_type(connection, task_type, limit);
        self.inner.readers.read("reading attempts", read)
    }

    /// Looks at the whole database: the file's structure, the journal's rules and the views. Gives
    /// what is wrong, in words; the time it takes grows with the database.
    ///
    /// # Errors
    /// As [`Store::run_events`].
    pub fn check(&self) -> Result<Vec<String>, Error> {
        self.inner.readers.read("checking the database", check::all)
    }

    /// Copies the store to the folder `to`, which must not be there, while it is in use.
    ///
    /// # Errors
    /// As [`backup`](crate::backup()).
    pub fn backup(&self, to: &Path) -> Result<Copied, Error> {
        backup::backup(self.path().parent().expect("it lies in the data folder"), to)
    }

    pub(crate) fn artefact_files(&self) -> &Arc<ArtefactFiles> {
        &self.inner.artefacts
    }

    /// Reads with one of the pool's connections.
    pub(crate) fn reading<T>(
        &self,
        doing: &'static str,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        self.inner.readers.read(doing, read)
    }

    /// Changes something in a transaction of its own, in the writer's turn, and waits for it.
    pub(crate) fn upkeep<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Connection, &mut Heads) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let (sender, receiver) = channel();
        let job = move |writer: &mut Writer| _ = sender.send(writer.upkeep(doing, work));
        self.inner.inbox.put_job(Box::new(job))?;
        let stopped = || Err(Error::stopped("a transaction before this one failed"));
        receiver.recv().unwrap_or_else(|_| stopped())
    }

    pub(crate) fn note_deletion(&self) {
        *self.last_deletion() = Some(Instant::now());
    }

    pub(crate) fn deleted_within(&self, time: Duration) -> bool {
        self.last_deletion().is_some_and(|at| at.elapsed() < time)
    }

    fn last_deletion(&self) -> MutexGuard<'_, Option<Instant>> {
        self.inner.deleted.lock().expect("no code that holds this panics")
    }

    /// What the store did since it was opened.
    pub fn stats(&self) -> Stats {
        let counters = &self.inner.counters;
        Stats {
            transactions: counters.transactions.load(Ordering::Relaxed),
            batches: counters.batches.load(Ordering::Relaxed),
            events: counters.events.load(Ordering::Relaxed),
            conflicts: counters.conflicts.load(Ordering::Relaxed),
            log_lines: counters.log_lines.load(Ordering::Relaxed),
            log_lines_dropped: counters.log_lines_dropped.load(Ordering::Relaxed),
        }
    }

    /// Writes what is queued and closes the store, for other handles too. Dropping the last handle
    /// does the same.
    pub fn close(self) {
        self.inner.close();
    }
}

impl Inner {
    fn close(&self) {
        drop(self.answers.lock().expect("no code that holds this panics").take());
        // Readers first: the writer's connection, when it is the last, empties the log.
        self.readers.close();
        self.inbox.close("it was closed");
        let thread = self.thread.lock().expect("no code that holds this panics").take();
        // The last handle may be dropped by `done`, on the thread that writes.
        if let Some(thread) = thread
            && !self.inbox.has_turn()
            && thread.join().is_err()
        {
            tracing::error!("the store's writer panicked");
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

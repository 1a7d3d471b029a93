//! What waits to be written: batches in order, and log lines that travel with them; and whose turn
//! it is to write: one thread at a time.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use crate::batch::{Batch, Committed};
use crate::error::Error;
use crate::rows::LogLine;
use crate::writer::Writer;

/// Batches waiting for the writer; above that [`Inbox::put`] blocks. More than the engine has
/// under way at once, so that it blocks only when the disk stands still.
const COMMITS_MAX: usize = 10_000;

/// Rows of one transaction, about. More would make the first batch wait for the last without
/// making the transaction cheaper per row.
const GROUP_ROWS_MAX: usize = 2_000;

/// Log lines waiting for the writer; more are dropped, because a guest that logs too much must
/// not stop the engine.
const LOG_LINES_MAX: usize = 16_384;

/// Bytes of log lines waiting for the writer; more are dropped.
const LOG_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Log lines of one transaction: what batches in the same transaction may have to wait for.
const LOG_LINES_PER_GROUP: usize = 1_000;

/// How long a log line waits for a batch to travel with.
const LOG_DELAY: Duration = Duration::from_millis(100);

/// Told what became of a batch, on the thread that wrote it.
pub(crate) type Done = Box<dyn FnOnce(Result<Committed, Error>) + Send>;

/// Upkeep that somebody waits for, done in the writer's turn.
pub(crate) type Job = Box<dyn FnOnce(&mut Writer) + Send>;

/// A batch and who waits for it.
pub(crate) struct Commit {
    pub(crate) batch: Batch,
    pub(crate) done: Done,
}

/// What goes into one transaction.
#[derive(Default)]
pub(crate) struct Group {
    pub(crate) commits: Vec<Commit>,
    pub(crate) logs: Vec<LogLine>,
    /// Whether the checkpointer has left a rest for the writer.
    pub(crate) checkpoint: bool,
    /// Upkeep, done after the rest; only by the writer's own thread.
    pub(crate) job: Option<Job>,
}

/// The queue before the writer.
#[derive(Default)]
pub(crate) struct Inbox {
    queue: Mutex<Queue>,
    /// The writer waits here for work.
    work: Condvar,
    /// Callers wait here for room.
    room: Condvar,
}

#[derive(Default)]
struct Queue {
    commits: VecDeque<Commit>,
    logs: VecDeque<LogLine>,
    log_bytes: usize,
    /// When the oldest log line has waited long enough.
    logs_due: Option<Instant>,
    checkpoint: bool,
    jobs: VecDeque<Job>,
    /// Callers that wait for room.
    want_room: usize,
    /// Why nothing more is taken.
    closed: Option<String>,
    /// Whether the writer's thread waits for work.
    idle: bool,
    /// Whose turn it is: the thread that writes what it took, and tells who waited.
    turn: Option<ThreadId>,
}

impl Inbox {
    /// Queues a commit; blocks while the queue is full, but never the writer itself. Gives the
    /// commit back when the store has stopped.
    pub(crate) fn put(&self, commit: Commit) -> Result<(), Box<(Commit, Error)>> {
        let mut queue = self.lock();
        let has_turn = queue.turn == Some(thread::current().id());
        while queue.commits.len() >= COMMITS_MAX && queue.closed.is_none() && !has_turn {
            queue.want_room += 1;
            queue = self.room.wait(queue).expect(NO_PANIC);
            queue.want_room -= 1;
        }
        if let Some(reason) = &queue.closed {
            let error = Error::stopped(reason);
            return Err(Box::new((commit, error)));
        }
        queue.commits.push_back(commit);
        self.wake(&queue);
        Ok(())
    }

    /// Queues log lines; gives the number of those that found no room.
    pub(crate) fn put_logs(&self, lines: Vec<LogLine>) -> usize {
        let mut queue = self.lock();
        let given = lines.len();
        let mut taken = 0;
        for line in lines {
            let bytes = size(&line);
            let room = queue.logs.len() < LOG_LINES_MAX && queue.log_bytes + bytes <= LOG_BYTES_MAX;
            if queue.closed.is_some() || !room {
                break;
            }
            queue.log_bytes += bytes;
            queue.logs.push_back(line);
            taken += 1;
        }
        if taken > 0 && queue.logs_due.is_none() {
            queue.logs_due = Some(Instant::now() + LOG_DELAY);
            self.wake(&queue);
        }
        given - taken
    }

    /// How many transactions the waiting log lines need.
    pub(crate) fn log_groups(&self) -> usize {
        self.lock().logs.len().div_ceil(LOG_LINES_PER_GROUP)
    }

    /// Asks the writer to finish a checkpoint.
    pub(crate) fn ask_for_checkpoint(&self) {
        let mut queue = self.lock();
        queue.checkpoint = true;
        self.wake(&queue);
    }

    /// Queues upkeep; it is done after the batches that wait.
    pub(crate) fn put_job(&self, job: Job) -> Result<(), Error> {
        let mut queue = self.lock();
        if let Some(reason) = &queue.closed {
            return Err(Error::stopped(reason));
        }
        queue.jobs.push_back(job);
        self.wake(&queue);
        Ok(())
    }

    /// Takes nothing more; what is queued is still written. The first reason stays.
    pub(crate) fn close(&self, reason: &str) {
        let mut queue = self.lock();
        queue.closed.get_or_insert_with(|| reason.to_owned());
        self.work.notify_one();
        self.room.notify_all();
    }

    /// Takes nothing more and gives back what is queued.
    pub(crate) fn abort(&self, reason: &str) -> Vec<Commit> {
        self.close(reason);
        let mut queue = self.lock();
        queue.logs.clear();
        queue.logs_due = None;
        // Whoever waits for them sees that they are gone.
        queue.jobs.clear();
        queue.commits.drain(..).collect()
    }

    /// Takes the turn for one commit if nothing is before it; otherwise gives the commit back.
    /// [`Inbox::end_turn`] must follow.
    pub(crate) fn take_turn(&self, commit: Commit) -> Result<Group, Commit> {
        let mut queue = self.lock();
        if queue.turn.is_some() || !queue.commits.is_empty() || queue.closed.is_some() {
            return Err(commit);
        }
        queue.turn = Some(thread::current().id());
        queue.commits.push_back(commit);
        Ok(self.group(&mut queue))
    }

    /// Gives the turn back once what was taken is written and everybody was told.
    pub(crate) fn end_turn(&self) {
        let mut queue = self.lock();
        queue.turn = None;
        // Lines too: the writer's thread sleeps without their time while it is another's turn.
        let has_work =
            !queue.commits.is_empty() || queue.logs_due.is_some() || !queue.jobs.is_empty();
        if has_work || queue.checkpoint || queue.closed.is_some() {
            self.wake(&queue);
        }
    }

    /// Waits for work and takes the turn and as much as fits into a transaction; `None` after the
    /// end. [`Inbox::end_turn`] must follow.
    pub(crate) fn take(&self) -> Option<Group> {
        let mut queue = self.lock();
        loop {
            if queue.turn.is_none()
                && let Some(next) = self.next(&mut queue)
            {
                return next;
            }
            queue.idle = true;
            let now = Instant::now();
            queue = match queue.logs_due.filter(|_| queue.turn.is_none()) {
                None => self.work.wait(queue).expect(NO_PANIC),
                Some(due) => self.work.wait_timeout(queue, due - now).expect(NO_PANIC).0,
            };
            queue.idle = false;
        }
    }

    /// What there is to do: `None` for nothing now, `Some(None)` for nothing ever again.
    fn next(&self, queue: &mut Queue) -> Option<Option<Group>> {
        let logs_due = queue.logs_due.is_some_and(|due| due <= Instant::now());
        let has_work = !queue.commits.is_empty() || !queue.jobs.is_empty();
        if has_work || queue.checkpoint || logs_due {
            queue.turn = Some(thread::current().id());
            let job = queue.jobs.pop_front();
            return Some(Some(Group { job, ..self.group(queue) }));
        }
        queue.closed.as_ref()?;
        if queue.logs.is_empty() {
            return Some(None);
        }
        queue.turn = Some(thread::current().id());
        Some(Some(self.group(queue)))
    }

    /// Whether it is the caller's turn.
    pub(crate) fn has_turn(&self) -> bool {
        self.lock().turn == Some(thread::current().id())
    }

    fn group(&self, queue: &mut Queue) -> Group {
        let mut rows = 0;
        let mut fits = |commit: &mut Commit| {
            let first = rows == 0;
            rows += commit.batch.weight() + 1;
            first || rows <= GROUP_ROWS_MAX
        };
        let mut commits = vec![];
        while let Some(commit) = queue.commits.pop_front_if(&mut fits) {
            commits.push(commit);
        }
        let lines = queue.logs.len().min(LOG_LINES_PER_GROUP);
        let logs: Vec<_> = queue.logs.drain(..lines).collect();
        queue.log_bytes -= logs.iter().map(size).sum::<usize>();
        queue.logs_due = (!queue.logs.is_empty()).then(Instant::now);
        if queue.want_room > 0 {
            self.room.notify_all();
        }
        let checkpoint = std::mem::take(&mut queue.checkpoint);
        Group { commits, logs, checkpoint, job: None }
    }

    fn wake(&self, queue: &Queue) {
        if queue.idle && queue.turn.is_none() {
            self.work.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect(NO_PANIC)
    }
}

const NO_PANIC: &str = "no code that holds the queue panics";

/// The bytes that a waiting line holds, about.
fn size(line: &LogLine) -> usize {
    size_of::<LogLine>() + line.message.len() + line.fields.as_ref().map_or(0, String::len)
}

#[cfg(test)]
mod tests {
    use taskloom_core::id::{RunId, TaskId};
    use taskloom_core::time::Timestamp;

    use super::*;

    fn line(message: String) -> LogLine {
        LogLine {
            run: RunId::new(uuid::Uuid::nil()),
            task: TaskId::new("fetch").expect("valid"),
            attempt: 1,
            seq: 1,
            at: Timestamp::from_ms(0),
            level: "info".to_owned(),
            message,
            fields: None,
        }
    }

    #[test]
    fn log_lines_without_room_are_dropped_and_counted() {
        let inbox = Inbox::default();
        let lines = (0..LOG_LINES_MAX + 3).map(|_| line(String::new())).collect();
        assert_eq!(inbox.put_logs(lines), 3);
        let inbox = Inbox::default();
        let large = || line("x".repeat(LOG_BYTES_MAX / 2));
        assert_eq!(inbox.put_logs(vec![large(), large(), large()]), 2);
    }

    #[test]
    fn a_closed_inbox_gives_the_commit_back() {
        let inbox = Inbox::default();
        inbox.close("closed by its owner");
        let commit = Commit { batch: Batch::default(), done: Box::new(|_| {}) };
        let (_, error) = *inbox.put(commit).expect_err("closed");
        assert_eq!(error.to_string(), "the store has stopped: closed by its owner");
    }

    #[test]
    fn only_one_thread_has_the_turn_and_nothing_overtakes_what_is_queued() {
        let commit = || Commit { batch: Batch::default(), done: Box::new(|_| {}) };
        let inbox = Inbox::default();
        assert!(inbox.take_turn(commit()).is_ok());
        assert!(inbox.has_turn());
        assert!(inbox.take_turn(commit()).is_err(), "somebody has the turn");
        assert!(inbox.put(commit()).is_ok());
        inbox.end_turn();
        assert!(inbox.take_turn(commit()).is_err(), "something is queued");
        assert_eq!(inbox.take().map(|group| group.commits.len()), Some(1));
    }

    #[test]
    fn a_group_is_bounded_but_never_empty() {
        let inbox = Inbox::default();
        let large = || {
            let digest = taskloom_core::id::Digest::of(b"");
            let payloads = vec![(digest, "".into()); GROUP_ROWS_MAX + 1];
            Commit { batch: Batch { payloads, ..Batch::default() }, done: Box::new(|_| {}) }
        };
        let small = || Commit { batch: Batch::default(), done: Box::new(|_| {}) };
        for commit in [large(), small(), small(), large()] {
            assert!(inbox.put(commit).is_ok());
        }
        let next = || {
            let group = inbox.take().expect("not closed");
            inbox.end_turn();
            group.commits.len()
        };
        let sizes: Vec<_> = (0..3).map(|_| next()).collect();
        assert_eq!(sizes, [1, 2, 1]);
    }
}

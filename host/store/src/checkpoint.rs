//! Moves the write-ahead log into the database without making commits wait.
//!
//! A checkpoint writes every changed page and syncs the database: tens of milliseconds that no
//! commit should pay. A thread of its own does that beside the writer. Under load it never quite
//! catches up, and only a log that is copied to its end is used again from its beginning, so the
//! writer copies the small rest itself between two transactions.

use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use rusqlite::{Connection, Result};

use crate::inbox::Inbox;

/// The log is copied when it has this many pages of 4 KiB: 8 MiB. Larger means rarer, each page
/// copied once for more changes; smaller means less to read again after a crash.
const LOG_PAGES: i64 = 2_000;

/// Bytes that the log has from the start: it grows past [`LOG_PAGES`] while they are copied.
const LOG_BYTES: u64 = LOG_PAGES as u64 * 4_120 * 5 / 4;

/// Rows that the writer changes between two looks at the log's length.
const ROWS_BETWEEN_LOOKS: u64 = 1_000;

/// Transactions between two looks: each appends a few pages, however few its rows.
const TRANSACTIONS_BETWEEN_LOOKS: u32 = 200;

/// How far the log is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Progress {
    /// Pages in the log.
    pages: i64,
    /// Pages of it that are in the database too.
    copied: i64,
}

/// The writer's side of the checkpointing thread.
pub(crate) struct Checkpointer {
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    /// From a wake-up until the log is copied to its end. Two checkpoints at once would be in each
    /// other's way, and the log would never be used again from its beginning.
    under_way: Arc<AtomicBool>,
    rows_seen: u64,
    transactions: u32,
}

impl Checkpointer {
    /// Starts the thread with a connection of its own.
    pub(crate) fn spawn(connection: Connection, inbox: Arc<Inbox>) -> io::Result<Self> {
        // One wake-up is enough: it carries no data.
        let (wake, wakes) = sync_channel(1);
        let under_way = Arc::new(AtomicBool::new(false));
        let flag = under_way.clone();
        let thread = thread::Builder::new()
            .name("store-checkpoint".to_owned())
            .spawn(move || run(&connection, &wakes, &inbox, &flag))?;
        let (wake, thread) = (Some(wake), Some(thread));
        Ok(Self { wake, thread, under_way, rows_seen: 0, transactions: 0 })
    }

    /// Looks now and then how long the log is, and wakes the thread when it is time.
    pub(crate) fn look(&mut self, connection: &Connection) -> Result<()> {
        let rows = connection.total_changes();
        self.transactions += 1;
        if rows - self.rows_seen < ROWS_BETWEEN_LOOKS
            && self.transactions < TRANSACTIONS_BETWEEN_LOOKS
        {
            return Ok(());
        }
        self.rows_seen = rows;
        self.transactions = 0;
        let progress = length(connection)?;
        if progress.pages - progress.copied >= LOG_PAGES
            && let Some(wake) = &self.wake
            && !self.under_way.swap(true, Ordering::AcqRel)
        {
            // Nobody else sends while this is under way, so there is room.
            let _ = wake.try_send(());
        }
        Ok(())
    }

    /// Copies the rest that the thread has left, on the writer's thread and connection.
    pub(crate) fn finish(&self, connection: &Connection) -> Result<()> {
        let result = passive(connection);
        self.under_way.store(false, Ordering::Release);
        result
    }

    /// Ends the thread, after the checkpoint it is at.
    pub(crate) fn stop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the checkpointing thread panicked");
        }
    }
}

/// Fills the log up with zeros, which SQLite reads as its end.
///
/// A sync of a file that grows writes the file system's journal too: measured, a commit into a log
/// that has its length already takes half as long. Must be called before the writer starts.
pub(crate) fn fill_log(database: &Path) -> io::Result<()> {
    let mut path = database.to_owned().into_os_string();
    path.push("-wal");
    let mut log = OpenOptions::new().append(true).open(path)?;
    let missing = LOG_BYTES.saturating_sub(log.metadata()?.len());
    io::copy(&mut io::repeat(0).take(missing), &mut log)?;
    log.sync_all()
}

/// Copies as much of the log as no reader and no writer is disturbed by.
fn passive(connection: &Connection) -> Result<()> {
    checkpoint(connection, "PRAGMA wal_checkpoint(PASSIVE)").map(drop)
}

/// The length of the log, without copying anything.
fn length(connection: &Connection) -> Result<Progress> {
    checkpoint(connection, "PRAGMA wal_checkpoint(NOOP)")
}

fn run(connection: &Connection, wakes: &Receiver<()>, inbox: &Inbox, under_way: &AtomicBool) {
    while wakes.recv().is_ok() {
        match passive(connection) {
            // Whether there is a rest, only the writer knows: a checkpoint counts the pages that
            // were there when it began, and calls itself complete.
            Ok(()) => inbox.ask_for_checkpoint(),
            Err(error) => {
                tracing::warn!(%error, "a checkpoint failed; the log stays longer");
                under_way.store(false, Ordering::Release);
            }
        }
    }
}

fn checkpoint(connection: &Connection, sql: &str) -> Result<Progress> {
    connection
        .prepare_cached(sql)?
        .query_row([], |row| Ok(Progress { pages: row.get(1)?, copied: row.get(2)? }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection;
    use crate::store::Options;

    #[test]
    fn the_log_begins_anew_after_the_writer_has_copied_the_rest() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log.db");
        connection::create_file(&path).expect("creates");
        let writer = connection::stranger(&path).expect("opens");
        connection::make_writer(&writer, &Options::default()).expect("prepares");
        writer.execute_batch("CREATE TABLE a (x)").expect("writes");
        let insert = "INSERT INTO a VALUES (zeroblob(100000))";
        let other = connection::checkpointer(&path).expect("opens");
        let inbox = Arc::new(Inbox::default());
        let mut checkpointer = Checkpointer::spawn(other, inbox.clone()).expect("starts");
        while length(&writer).expect("reads").pages < LOG_PAGES {
            writer.execute_batch(insert).expect("writes");
        }
        checkpointer.transactions = TRANSACTIONS_BETWEEN_LOOKS;
        checkpointer.look(&writer).expect("reads");
        // The thread is done when it asks; what is written now is the rest.
        assert!(inbox.take().expect("is asked").checkpoint);
        writer.execute_batch(insert).expect("writes");
        checkpointer.finish(&writer).expect("copies");
        writer.execute_batch(insert).expect("writes");
        assert!(length(&writer).expect("reads").pages < 100);
        checkpointer.stop();
    }
}

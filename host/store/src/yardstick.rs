//! The physical limits of a durable commit on some disk, without Taskloom: what the store's own
//! figures are divided by. Run them beside a measurement, not once: disks are shared and moody.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

use crate::error::Error;

/// The block that is appended and synced.
const BLOCK_BYTES: usize = 4096;

/// The text of a row: as long as a typical event.
const ROW_BYTES: usize = 200;

/// Appends 4 KiB to a file and syncs it (`fdatasync`), `n` times; gives how long each took. The
/// file is made in `folder` and removed.
///
/// # Errors
/// [`Error::Folder`] if the folder cannot be written to.
pub fn raw_fdatasync(folder: &Path, n: usize) -> Result<Vec<Duration>, Error> {
    let path = Scratch(folder.join("yardstick.bin"));
    let measure = || {
        let mut file = OpenOptions::new().append(true).create_new(true).open(&path.0)?;
        let block = [0x5a; BLOCK_BYTES];
        let once = |_| {
            let start = Instant::now();
            file.write_all(&block)?;
            file.sync_data()?;
            Ok(start.elapsed())
        };
        (0..n).map(once).collect::<std::io::Result<_>>()
    };
    measure()
        .map_err(|source| Error::Folder { folder: folder.to_owned(), source: Arc::new(source) })
}

/// Commits `rows` rows to a bare SQLite table with a write-ahead log and `synchronous=FULL`, `n`
/// times; gives how long each took. Everything else is SQLite's default, its checkpoints included.
/// The database is made in `folder` and removed.
///
/// # Errors
/// [`Error::Io`], [`Error::Full`] or [`Error::Sql`].
pub fn sqlite_commit(folder: &Path, rows: usize, n: usize) -> Result<Vec<Duration>, Error> {
    let path = Scratch(folder.join("yardstick.db"));
    let measure = || {
        let connection = Connection::open(&path.0)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection
            .execute_batch("CREATE TABLE row (id INTEGER PRIMARY KEY, body TEXT NOT NULL)")?;
        let body = "x".repeat(ROW_BYTES);
        let mut insert = connection.prepare("INSERT INTO row (body) VALUES ($1)")?;
        let mut begin = connection.prepare("BEGIN IMMEDIATE")?;
        let mut commit = connection.prepare("COMMIT")?;
        let mut once = || {
            let start = Instant::now();
            begin.execute([])?;
            for _ in 0..rows {
                insert.execute(params![body])?;
            }
            commit.execute([])?;
            Ok(start.elapsed())
        };
        (0..n).map(|_| once()).collect::<rusqlite::Result<_>>()
    };
    measure().map_err(|error| Error::sql(&path.0, "measuring commits", error))
}

/// Files that go away with the measurement, also with one that failed.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm"] {
            let mut path = self.0.clone().into_os_string();
            path.push(suffix);
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_is_timed_and_nothing_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(raw_fdatasync(folder.path(), 3).expect("writes").len(), 3);
        assert_eq!(sqlite_commit(folder.path(), 10, 3).expect("commits").len(), 3);
        assert_eq!(fs::read_dir(folder.path()).expect("reads").count(), 0);
    }
}

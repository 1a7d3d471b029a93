//! Connections and their settings.
//!
//! No `mmap_size`: with a mapped file a failing disk is a signal that ends the process, without
//! one it is an error that the host can report; the system's page cache serves both alike.

use std::ffi::CStr;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Result};

use crate::error::Error;
use crate::store::{Durability, Options};

/// Page cache of the writer in KiB. The pages it needs are the last ones of each tree; more would
/// only keep what the system's cache has too.
const WRITER_CACHE_KIB: i32 = 16 * 1024;

/// Page cache of each reader in KiB.
const READER_CACHE_KIB: i32 = 4 * 1024;

/// The log may grow while a reader stands in its way; afterwards it is cut to this. Not to zero:
/// a sync of a file that keeps its length is faster than one of a file that grows.
const LOG_KEPT_BYTES: i64 = 64 * 1024 * 1024;

/// How long a reader waits in the rare moments when the database is locked, such as at the
/// recovery after a crash.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Statements that a connection keeps compiled: more than there are.
const STATEMENTS_MAX: usize = 128;

/// How SQLite locks the files: for one process, which keeps the index of the log in its own memory. The lock of
/// the data folder allows no second host, and six calls of the system a commit are saved. Others ask the host
/// (see `beside`); a program such as `sqlite3` is told that the database is locked.
const ONE_PROCESS: &CStr = c"unix-excl";

const READ_WRITE: OpenFlags = OpenFlags::SQLITE_OPEN_READ_WRITE;
const READ_ONLY: OpenFlags = OpenFlags::SQLITE_OPEN_READ_ONLY;

/// Makes the database's file, for its owner only; its log gets the same rights.
pub(crate) fn create_file(path: &Path) -> io::Result<()> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path).map(drop)
}

/// Opens a database that may still turn out to be something else: nothing is changed.
pub(crate) fn stranger(path: &Path) -> Result<Connection, Error> {
    open(path, READ_WRITE)
}

/// Makes a connection the writer's.
pub(crate) fn make_writer(connection: &Connection, options: &Options) -> Result<()> {
    // Takes effect in a file without tables only; those of schema version 1 stay as they are.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(
        None,
        "synchronous",
        match options.durability {
            Durability::Full => "FULL",
            Durability::Process => "NORMAL",
        },
    )?;
    // The checkpointer does that.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "journal_size_limit", LOG_KEPT_BYTES)?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    if let Some(bytes) = options.bytes_max {
        let page: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let pages = i64::try_from(bytes).unwrap_or(i64::MAX) / page;
        connection.pragma_update(None, "max_page_count", pages.max(1))?;
    }
    Ok(())
}

/// Opens a connection for the checkpointer.
pub(crate) fn checkpointer(path: &Path) -> Result<Connection, Error> {
    let connection = open(path, READ_WRITE)?;
    let set = || {
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "journal_size_limit", LOG_KEPT_BYTES)
    };
    set().map_err(|error| Error::sql(path, "opening the database", error))?;
    Ok(connection)
}

/// Opens a connection that can only read.
pub(crate) fn reader(path: &Path) -> Result<Connection, Error> {
    let connection = open(path, READ_ONLY)?;
    let set = || {
        connection.pragma_update(None, "query_only", true)?;
        connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
        connection.pragma_update(None, "temp_store", "MEMORY")
    };
    set().map_err(|error| Error::sql(path, "opening the database", error))?;
    Ok(connection)
}

fn open(path: &Path, access: OpenFlags) -> Result<Connection, Error> {
    // Each connection is used by one thread at a time.
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let connection = Connection::open_with_flags_and_vfs(path, flags, ONE_PROCESS)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        connection.pragma_update(None, "trusted_schema", false)?;
        Ok(connection)
    };
    open().map_err(|error| Error::sql(path, "opening the database", error))
}

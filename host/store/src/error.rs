//! What can go wrong with the store.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::ErrorCode;
use taskloom_core::id::RunId;

/// Why the store could not do something. Cloned to everybody whose batch shared a transaction.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The data folder cannot be made or written to.
    #[error(
        "cannot use the data folder `{folder}`: {source}; let the user who runs taskloom write \
         there, or name another folder"
    )]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// Another host works on the data folder.
    #[error(
        "the data folder `{folder}` is in use by {}; stop it, or name another folder", holder(*.pid)
    )]
    HostLocked {
        /// The folder.
        folder: PathBuf,
        /// The process that holds it, if it has written its id already.
        pid: Option<u32>,
    },
    /// The host that uses the data folder could not do what it was asked for.
    #[error("the host that uses `{folder}` says: {what}")]
    Host {
        /// The folder.
        folder: PathBuf,
        /// What it said.
        what: String,
    },
    /// The file is no database of Taskloom's.
    #[error("`{path}` is no Taskloom database: {reason}; move it away, or name another folder")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// How that was seen.
        reason: String,
    },
    /// The database was written by a newer Taskloom.
    #[error(
        "`{path}` has schema version {found}, this taskloom knows versions up to {supported}: \
         start the newer taskloom again, or restore a backup made before its first start"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version in the file.
        found: i64,
        /// The newest version that this program knows.
        supported: i64,
    },
    /// What is stored is not what was written.
    #[error("{what} is damaged: {why}; restore a backup, or look with `taskloom doctor`")]
    Corrupt {
        /// Which file, row or payload.
        what: String,
        /// How that was seen.
        why: String,
    },
    /// There is no database where one was expected.
    #[error("there is no journal in `{folder}`; name its folder by `--data`, or name a backup")]
    NoStore {
        /// The folder.
        folder: PathBuf,
    },
    /// A backup never overwrites anything.
    #[error("`{path}` is there already; name a folder that is not there yet")]
    BackupExists {
        /// The path.
        path: PathBuf,
    },
    /// A file of an artefact cannot be written or read.
    #[error(
        "the artefacts in `{folder}` cannot be used: {source}; look at the rights and the \
             room of that folder"
    )]
    Artefacts {
        /// The folder they lie in.
        folder: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// There is no such run.
    #[error("there is no run {run}")]
    RunUnknown {
        /// The run.
        run: RunId,
    },
    /// A run that has not ended cannot be deleted.
    #[error("run {run} has not ended; cancel it first")]
    RunLive {
        /// The run.
        run: RunId,
    },
    /// A live run needs the run that was to be deleted.
    #[error("run {run} is needed by run {by}, which has not ended; cancel that one first, or wait")]
    RunHeld {
        /// The run.
        run: RunId,
        /// The live run: its parent, its child, or one that runs it again.
        by: RunId,
    },
    /// The disk is full, or the database has reached the size it was granted.
    #[error("no room left for `{path}`: free some space, or raise the limit of its size")]
    Full {
        /// The database.
        path: PathBuf,
    },
    /// The disk failed. The store takes nothing more: what of the last write is on disk is unknown.
    #[error("the disk failed while {doing}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// What SQLite said.
        source: Arc<rusqlite::Error>,
    },
    /// SQLite refused for another reason.
    #[error("the database failed while {doing}: {source}")]
    Sql {
        /// What was being done.
        doing: &'static str,
        /// What SQLite said.
        source: Arc<rusqlite::Error>,
    },
    /// A batch contradicts itself; nothing of it was written.
    #[error("a batch for the store contradicts itself: {why}")]
    Misuse {
        /// In which way.
        why: String,
    },
    /// A cursor was not made by this store.
    #[error("`{text}` is no cursor: leave it out to begin with the first page")]
    Cursor {
        /// The text, shortened to fit a message.
        text: String,
    },
    /// The store was closed, or stopped after a failure.
    #[error("the store has stopped: {reason}")]
    Stopped {
        /// Why.
        reason: String,
    },
}

impl Error {
    /// Sorts what SQLite said into what the caller can act on.
    pub(crate) fn sql(path: &Path, doing: &'static str, source: rusqlite::Error) -> Self {
        match source.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full { path: path.to_owned() },
            Some(ErrorCode::DatabaseCorrupt) => {
                Self::Corrupt { what: format!("`{}`", path.display()), why: source.to_string() }
            }
            Some(ErrorCode::NotADatabase) => Self::Foreign {
                path: path.to_owned(),
                reason: "it does not begin like a SQLite database".to_owned(),
            },
            Some(
                ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::PermissionDenied,
            ) => Self::Io { doing, source: Arc::new(source) },
            _ => Self::Sql { doing, source: Arc::new(source) },
        }
    }

    /// A stored value that cannot be read as what it must be.
    pub(crate) fn corrupt(what: impl Into<String>, why: impl ToString) -> Self {
        Self::Corrupt { what: what.into(), why: why.to_string() }
    }

    pub(crate) fn folder(folder: &Path, source: io::Error) -> Self {
        Self::Folder { folder: folder.to_owned(), source: Arc::new(source) }
    }

    pub(crate) fn stopped(reason: impl Into<String>) -> Self {
        Self::Stopped { reason: reason.into() }
    }

    /// Whether the state of the disk is unknown after it, so that nothing more may be written.
    ///
    /// After a failed fsync the system may have dropped the pages it could not write: a second
    /// fsync would succeed and mean nothing.
    pub(crate) const fn is_fatal(&self) -> bool {
        matches!(self, Self::Io { .. } | Self::Corrupt { .. })
    }
}

fn holder(pid: Option<u32>) -> String {
    match pid {
        Some(pid) => format!("another taskloom, process {pid}"),
        None => "another taskloom".to_owned(),
    }
}

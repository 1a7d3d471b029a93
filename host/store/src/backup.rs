//! Copies a store beside its host, and puts a copy in a store's place.
//!
//! A backup is a folder with `taskloom.db`, `artefacts/` and `plugins/`, as a data folder has them. The database
//! is copied page by page from one snapshot, which no writer waits for; the log of the host grows
//! meanwhile. A host that uses the folder does it itself when it is asked. The copy is looked at, synced and
//! gets its name last: what has the name is whole.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use serde::{Deserialize, Serialize};

use crate::artefacts::{self, FOLDER};
use crate::beside::{self, Question};
use crate::error::Error;
use crate::lock::{self, HostLock};
use crate::references::referred;
use crate::{check, connection, schema, versions};

/// Pages copied at once.
const PAGES_PER_STEP: i32 = 1_000;

/// The database's name in a data folder and in a backup.
const DATABASE: &str = "taskloom.db";

/// What a copy holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copied {
    /// Bytes of the database.
    pub bytes: u64,
    /// Files of artefacts.
    pub artefacts: u64,
    /// Artefacts whose files were not there.
    pub artefacts_missing: u64,
    /// Kept versions of plugins.
    pub versions: u64,
    /// Versions that live runs pinned and that are not among them.
    pub versions_missing: u64,
    /// Where the database lies that was replaced, after a restore.
    pub replaced: Option<PathBuf>,
}

/// Copies the store of the data folder `data` to `to`, which must not be there. A host may use the
/// folder meanwhile.
///
/// # Errors
/// [`Error::NoStore`] without a database, [`Error::BackupExists`], [`Error::Foreign`],
/// [`Error::Newer`], [`Error::Corrupt`] for a copy that is damaged, and [`Error::Folder`]; [`Error::Host`] with
/// the same in words, when a host uses the folder.
pub fn backup(data: &Path, to: &Path) -> Result<Copied, Error> {
    if to.exists() {
        return Err(Error::BackupExists { path: to.to_owned() });
    }
    if lock::is_held(data) {
        let wrong = |error| Error::folder(to, error);
        let to = std::path::absolute(to).map_err(wrong)?;
        if let Some(copied) = beside::ask(data, &Question::Backup(to)) {
            return copied;
        }
    }
    backup_here(data, to)
}

/// [`backup`], where the database can be read.
pub(crate) fn backup_here(data: &Path, to: &Path) -> Result<Copied, Error> {
    let source = open(data)?;
    if to.exists() {
        return Err(Error::BackupExists { path: to.to_owned() });
    }
    let partial = beside(to, ".partial");
    let wrong = |error| Error::folder(&partial, error);
    if partial.exists() {
        // What an interrupted backup left.
        fs::remove_dir_all(&partial).map_err(wrong)?;
    }
    DirBuilder::new().recursive(true).mode(0o700).create(&partial).map_err(wrong)?;
    let written = copy_all(&source, data, &partial);
    let copied = match written {
        Ok(copied) => copied,
        Err(error) => {
            let _ = fs::remove_dir_all(&partial);
            return Err(error);
        }
    };
    fs::rename(&partial, to).and_then(|()| sync_parent(to)).map_err(wrong)?;
    Ok(copied)
}

/// Puts the backup in the folder `from` in the place of the store of `data`. The replaced database
/// stays beside it under another name.
///
/// # Errors
/// [`Error::HostLocked`] while a host uses the folder; as [`backup`].
pub fn restore(from: &Path, data: &Path) -> Result<Copied, Error> {
    let source = open(from)?;
    check::quick(&source, &from.join(DATABASE))?;
    let _lock = HostLock::take(data)?;
    let wrong = |error| Error::folder(data, error);
    let partial = data.join("restoring");
    if partial.exists() {
        fs::remove_dir_all(&partial).map_err(wrong)?;
    }
    DirBuilder::new().mode(0o700).create(&partial).map_err(wrong)?;
    let mut copied = copy_all(&source, from, &partial)?;
    let files = artefacts::all_files(&partial.join(FOLDER)).map_err(wrong)?;
    for file in files {
        let within = file.strip_prefix(&partial).expect("it lies in there");
        let place = data.join(within);
        fs::create_dir_all(place.parent().expect("it lies in a folder")).map_err(wrong)?;
        fs::rename(&file, &place).map_err(wrong)?;
    }
    versions::copy(&partial.join(versions::FOLDER), &data.join(versions::FOLDER)).map_err(wrong)?;
    copied.replaced = move_aside(data).map_err(wrong)?;
    let place = data.join(DATABASE);
    fs::rename(partial.join(DATABASE), &place)
        .and_then(|()| sync_parent(&place))
        .and_then(|()| fs::remove_dir_all(&partial))
        .map_err(wrong)?;
    Ok(copied)
}

/// Opens the database of a folder to read it, if this program understands it.
pub(crate) fn open(folder: &Path) -> Result<Connection, Error> {
    let path = folder.join(DATABASE);
    if !path.is_file() {
        return Err(Error::NoStore { folder: folder.to_owned() });
    }
    let connection = connection::reader(&path)?;
    schema::check_origin(&connection, &path)?;
    Ok(connection)
}

fn copy_all(source: &Connection, from: &Path, to: &Path) -> Result<Copied, Error> {
    let path = to.join(DATABASE);
    let sql = |error| Error::sql(&path, "copying the database", error);
    let mut copied = Copied::default();
    // Before the database and after it: a version may come meanwhile that a run in the copy pinned, or go
    // with the last run that needed it, which in the copy still lives.
    copy_versions(from, to, &mut copied)?;
    copy_database(source, &path)?;
    copy_versions(from, to, &mut copied)?;
    let copy = connection::stranger(&path)?;
    check::quick(&copy, &path)?;
    if schema::version(&copy).map_err(sql)? >= 2 {
        copy_artefacts(&copy, from, to, &mut copied)?;
    }
    let missing = versions::missing(&copy, &to.join(versions::FOLDER)).map_err(sql)?;
    copied.versions_missing = missing.len() as u64;
    copy.close().map_err(|(_, error)| sql(error))?;
    let finish = || {
        let file = File::open(&path)?;
        file.sync_all()?;
        File::open(to)?.sync_all()?;
        Ok(file.metadata()?.len())
    };
    copied.bytes = finish().map_err(|error: io::Error| Error::folder(to, error))?;
    Ok(copied)
}

fn copy_database(source: &Connection, path: &Path) -> Result<(), Error> {
    connection::create_file(path).map_err(|error| Error::folder(path, error))?;
    let mut copy = connection::stranger(path)?;
    let copy_pages = |copy: &mut Connection| {
        // The snapshot that is copied; without it each commit would begin the copy anew.
        let snapshot = source.unchecked_transaction()?;
        snapshot.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        let pages = Backup::new(source, copy)?;
        while pages.step(PAGES_PER_STEP)? != StepResult::Done {}
        drop(pages);
        snapshot.finish()
    };
    copy_pages(&mut copy)
        // One file without a log beside it.
        .and_then(|()| copy.pragma_update(None, "journal_mode", "DELETE"))
        .and_then(|()| make_shrinkable(&copy))
        .map_err(|error| Error::sql(path, "copying the database", error))
}

/// Lets a file of schema version 1 give pages back from now on: only a file made anew can.
fn make_shrinkable(copy: &Connection) -> rusqlite::Result<()> {
    let mode: i64 = copy.pragma_query_value(None, "auto_vacuum", |row| row.get(0))?;
    if mode == 0 {
        copy.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        copy.execute_batch("VACUUM")?;
    }
    Ok(())
}

fn copy_versions(from: &Path, to: &Path, copied: &mut Copied) -> Result<(), Error> {
    let (from, to) = (from.join(versions::FOLDER), to.join(versions::FOLDER));
    versions::copy(&from, &to).map_err(|error| Error::folder(&to, error))?;
    copied.versions =
        versions::digests(&to).map_err(|error| Error::folder(&to, error))?.len() as u64;
    Ok(())
}

fn copy_artefacts(
    copy: &Connection,
    from: &Path,
    to: &Path,
    copied: &mut Copied,
) -> Result<(), Error> {
    let sql = |error| Error::sql(&to.join(DATABASE), "listing artefacts", error);
    let mut digests = artefacts::needed(copy).map_err(sql)?;
    let (from, to) = (from.join(FOLDER), to.join(FOLDER));
    let wrong = |source| Error::Artefacts { folder: to.clone(), source: Arc::new(source) };
    // A run that is still to end may refer to files of runs that are gone.
    let files = artefacts::all_files(&from).map_err(wrong)?;
    let mut others: HashSet<_> =
        files.iter().filter_map(|path| artefacts::digest_of(path)).collect();
    others.retain(|file| !digests.contains(file));
    digests.extend(referred(copy, &others).map_err(sql)?);
    for digest in digests {
        let (source, target) =
            (artefacts::file_of(&from, &digest), artefacts::file_of(&to, &digest));
        fs::create_dir_all(target.parent().expect("it lies in a folder")).map_err(wrong)?;
        match fs::copy(source, &target) {
            Ok(_) => {
                File::open(&target).and_then(|file| file.sync_all()).map_err(wrong)?;
                copied.artefacts += 1;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => copied.artefacts_missing += 1,
            Err(error) => return Err(wrong(error)),
        }
    }
    Ok(())
}

/// Gives the database of a folder, if it has one, another name, and its log the same.
fn move_aside(data: &Path) -> io::Result<Option<PathBuf>> {
    let database = data.join(DATABASE);
    if !database.exists() {
        return Ok(None);
    }
    let free = |number: &u32| !data.join(format!("{DATABASE}.replaced-{number}")).exists();
    let number = (1..).find(free).expect("some number is free");
    let aside = data.join(format!("{DATABASE}.replaced-{number}"));
    // The log first: without it the database would be older than it was.
    for suffix in ["-wal", ""] {
        let file = beside(&database, suffix);
        if file.exists() {
            fs::rename(file, beside(&aside, suffix))?;
        }
    }
    let _ = fs::remove_file(beside(&database, "-shm"));
    Ok(Some(aside))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.to_owned().into_os_string();
    path.push(suffix);
    path.into()
}

fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if parent != Path::new("") => File::open(parent)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

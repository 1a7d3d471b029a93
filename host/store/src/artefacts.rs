//! Files that attempts left: their bytes in the data folder, once per content, and a row per name.
//!
//! ```text
//! DATA/artefacts/<first two hex digits>/<digest>
//! ```
//!
//! The bytes are on disk before the commit that refers to them: a row always finds its file. A file
//! without a row may be one whose commit is still to come; the sweep leaves those alone that were
//! put lately, and those that an unfinished run refers to; see `references`.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use rusqlite::{Connection, Row, params};

use taskloom_core::id::{Digest, RunId};
use taskloom_core::journal::StreamId;

use crate::column::{self, int};
use crate::rows::ArtefactRow;

/// The folder of artefacts, within the data folder.
pub(crate) const FOLDER: &str = "artefacts";

/// The files of artefacts.
pub(crate) struct ArtefactFiles {
    folder: PathBuf,
    /// Held while a file is put or swept: a file that is put again must not be removed meanwhile.
    busy: Mutex<()>,
    temporary: AtomicU64,
}

impl ArtefactFiles {
    /// The files of a data folder; nothing is made before the first one.
    pub(crate) fn new(data: &Path) -> Self {
        let folder = data.join(FOLDER);
        Self { folder, busy: Mutex::default(), temporary: AtomicU64::new(0) }
    }

    /// The folder they lie in.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a file, unless it is there; on disk when this returns.
    pub(crate) fn put(&self, bytes: &[u8]) -> io::Result<Digest> {
        let digest = Digest::of(bytes);
        let path = file_of(&self.folder, &digest);
        let _busy = self.lock();
        if let Ok(file) = OpenOptions::new().append(true).open(&path) {
            // As if it were new: what refers to it comes later.
            file.set_modified(SystemTime::now())?;
            return Ok(digest);
        }
        let parent = path.parent().expect("it lies in a folder");
        make_folder(parent)?;
        let number = self.temporary.fetch_add(1, Ordering::Relaxed);
        let temporary = parent.join(format!(".{}-{}-{number}", digest.hex(), std::process::id()));
        let written = write_new(&temporary, bytes).and_then(|()| fs::rename(&temporary, &path));
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written?;
        File::open(parent)?.sync_all()?;
        Ok(digest)
    }

    /// Opens a file, if it is there.
    pub(crate) fn open(&self, digest: &Digest) -> io::Result<Option<File>> {
        match File::open(file_of(&self.folder, digest)) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The files that were put before `before`, by the time of the disk.
    pub(crate) fn put_before(&self, before: SystemTime) -> io::Result<Vec<PathBuf>> {
        let mut files = all_files(&self.folder)?;
        files.retain(|path| is_older(path, before).is_some());
        Ok(files)
    }

    /// Removes a file, unless it was put again meanwhile; gives how many bytes that freed.
    pub(crate) fn remove(&self, path: &Path, before: SystemTime) -> io::Result<Option<u64>> {
        let _busy = self.lock();
        let Some(bytes) = is_older(path, before) else { return Ok(None) };
        fs::remove_file(path)?;
        Ok(Some(bytes))
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the file with a digest lies below `folder`.
pub(crate) fn file_of(folder: &Path, digest: &Digest) -> PathBuf {
    let hex = digest.hex();
    folder.join(&hex[..2]).join(hex)
}

/// The digest that a file's name is.
pub(crate) fn digest_of(path: &Path) -> Option<Digest> {
    format!("sha256:{}", path.file_name()?.to_str()?).parse().ok()
}

/// Every file in the folders of artefacts; none if there is no such folder.
pub(crate) fn all_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = |folder: &Path| match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(vec![]),
        Err(error) => Err(error),
    };
    let mut files = vec![];
    for inner in entries(folder)? {
        if inner.is_dir() {
            files.extend(entries(&inner)?);
        }
    }
    Ok(files)
}

/// The length of a file that is there and was put before `before`.
fn is_older(path: &Path, before: SystemTime) -> Option<u64> {
    let metadata = fs::metadata(path).ok()?;
    (metadata.modified().ok()? < before).then_some(metadata.len())
}

fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // Their own entries must survive a power failure too.
    for parent in folder.ancestors().skip(1).take(2) {
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Writes the row of an artefact of the run whose stream has the key `run`.
pub(crate) fn insert(
    connection: &Connection,
    run: i64,
    artefact: &ArtefactRow,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO artefact (run, task, attempt, name, media_type, bytes, digest)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )?
        .execute(params![
            run,
            artefact.task.as_str(),
            artefact.attempt,
            artefact.name,
            artefact.media_type,
            int(artefact.bytes),
            artefact.digest.as_bytes(),
        ])?;
    Ok(())
}

/// The artefacts of a run by task, attempt and name.
pub(crate) fn of_run(connection: &Connection, run: RunId) -> rusqlite::Result<Vec<ArtefactRow>> {
    let read = |row: &Row<'_>| {
        Ok(ArtefactRow {
            run,
            task: column::parsed(row, 0)?,
            attempt: row.get(1)?,
            name: row.get(2)?,
            media_type: row.get(3)?,
            bytes: column::count(row, 4)?,
            digest: column::digest(row, 5)?,
        })
    };
    connection
        .prepare_cached(
            "SELECT task, attempt, name, media_type, bytes, digest FROM artefact
             WHERE run = (SELECT id FROM stream WHERE name = $1) ORDER BY task, attempt, name",
        )?
        .query_map([column::stream_name(&StreamId::Run(run))], read)?
        .collect()
}

/// Those of some files that no row refers to. A file whose name is no digest is what a crash left of
/// one that was being written.
pub(crate) fn without_row(
    connection: &Connection,
    paths: Vec<PathBuf>,
) -> rusqlite::Result<Vec<PathBuf>> {
    let mut row = connection.prepare_cached("SELECT 1 FROM artefact WHERE digest = $1")?;
    let mut without = vec![];
    for path in paths {
        match digest_of(&path) {
            Some(digest) if row.exists([digest.as_bytes()])? => {}
            _ => without.push(path),
        }
    }
    Ok(without)
}

/// The digests that rows refer to.
pub(crate) fn needed(connection: &Connection) -> rusqlite::Result<HashSet<Digest>> {
    connection
        .prepare("SELECT DISTINCT digest FROM artefact")?
        .query_map([], |row| column::digest(row, 0))?
        .collect()
}

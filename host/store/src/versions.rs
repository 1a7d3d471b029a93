//! Kept versions of plugins, as copies and examinations of a data folder see them.
//!
//! ```text
//! DATA/plugins/<digest>.wasm           the bytes of a version
//! DATA/plugins/<digest>.wasm.minisig   its signature, if it was signed
//! ```
//!
//! The catalog of a host writes and reads them. A live run goes on with the versions that it pinned, and
//! their bytes may be in no other file any more.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Result as SqlResult};
use serde::{Deserialize, Serialize};
use taskloom_core::id::{Digest, PluginName, RunId};
use taskloom_core::journal::RunEvent;

use crate::{column, journal};

/// The folder of versions, within the data folder.
pub(crate) const FOLDER: &str = "plugins";

/// What follows the name of a version that is signed.
const SIGNATURE_SUFFIX: &str = ".minisig";

/// A version of a plugin that live runs pinned, and whose bytes a data folder has not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingVersion {
    /// The plugin.
    pub plugin: PluginName,
    /// The version.
    pub digest: Digest,
    /// Where its bytes should be.
    pub place: PathBuf,
    /// One of the runs.
    pub run: RunId,
    /// How many runs there are.
    pub runs: u64,
}

/// Copies the versions of one folder to another, each with its signature. What is there already stays; what
/// is damaged, or goes meanwhile, is left out. On disk when this returns.
pub(crate) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let digests = digests(from)?;
    if digests.is_empty() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(to)?;
    for digest in digests {
        let bytes = read(&file_of(from, &digest))?;
        let Some(bytes) = bytes.filter(|bytes| Digest::of(bytes) == digest) else { continue };
        // The signature first: where signatures are required, a version without its own is refused.
        copy_signature(from, to, &digest)?;
        if !is_whole(to, &digest) {
            write(&file_of(to, &digest), &bytes)?;
        }
    }
    File::open(to)?.sync_all()
}

/// The versions that live runs pinned and that `folder` has not, or has damaged.
pub(crate) fn missing(connection: &Connection, folder: &Path) -> SqlResult<Vec<MissingVersion>> {
    let pinned = pinned(connection)?.into_iter();
    let missing = pinned.filter(|((_, digest), _)| !is_whole(folder, digest));
    let told = |((plugin, digest), (run, runs))| {
        let place = file_of(folder, &digest);
        MissingVersion { plugin, digest, place, run, runs }
    };
    Ok(missing.map(told).collect())
}

/// The versions that live runs pinned, each with the oldest of the runs and their number.
fn pinned(connection: &Connection) -> SqlResult<BTreeMap<(PluginName, Digest), (RunId, u64)>> {
    let mut pinned = BTreeMap::new();
    let sql = "SELECT stream, id FROM run WHERE outcome IS NULL ORDER BY stream";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (stream, run) = (row.get(0)?, column::run_id(row, 1)?);
        for pin in pins(connection, stream)? {
            let (_, runs) = pinned.entry(pin).or_insert((run, 0));
            *runs += 1;
        }
    }
    Ok(pinned)
}

/// What a run keeps as far as its journal can be read: what cannot is another problem.
fn pins(connection: &Connection, stream: i64) -> SqlResult<BTreeMap<PluginName, Digest>> {
    let mut statement = connection.prepare_cached(
        "SELECT body FROM event WHERE stream = $1
             AND kind IN ('run-started', 'plugin-pinned', 'plugin-repinned') ORDER BY seq",
    )?;
    let mut rows = statement.query([stream])?;
    let mut pins = BTreeMap::new();
    while let Some(row) = rows.next()? {
        match journal::parse(row.get_ref(0)?.as_str()?) {
            Ok(RunEvent::RunStarted(start)) => pins.extend(start.pins),
            Ok(
                RunEvent::PluginPinned { plugin, digest }
                | RunEvent::PluginRepinned { plugin, to: digest, .. },
            ) => _ = pins.insert(plugin, digest),
            _ => {}
        }
    }
    Ok(pins)
}

/// The versions in a folder by the names of their files; none if there is no such folder.
pub(crate) fn digests(folder: &Path) -> io::Result<Vec<Digest>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        Err(error) => return Err(error),
    };
    let mut digests = vec![];
    for entry in entries {
        let name = entry?.file_name();
        let stem = name.to_str().and_then(|name| name.strip_suffix(".wasm"));
        digests.extend(stem.and_then(|hex| format!("sha256:{hex}").parse::<Digest>().ok()));
    }
    Ok(digests)
}

fn copy_signature(from: &Path, to: &Path, digest: &Digest) -> io::Result<()> {
    let (from, to) = (signature_of(from, digest), signature_of(to, digest));
    match read(&from)? {
        // One that is there may be by a key that is trusted since.
        Some(signature) if !to.exists() => write(&to, &signature),
        _ => Ok(()),
    }
}

fn is_whole(folder: &Path, digest: &Digest) -> bool {
    fs::read(file_of(folder, digest)).is_ok_and(|bytes| Digest::of(&bytes) == *digest)
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes a file that is whole once it has its name.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("copying");
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}

fn file_of(folder: &Path, digest: &Digest) -> PathBuf {
    folder.join(format!("{}.wasm", digest.hex()))
}

fn signature_of(folder: &Path, digest: &Digest) -> PathBuf {
    folder.join(format!("{}.wasm{SIGNATURE_SUFFIX}", digest.hex()))
}

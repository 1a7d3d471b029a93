//! One host a data folder: an advisory lock on `host.lock`, which holds the host's process id.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use crate::error::Error;

/// The right to work on a data folder. The system gives it up when the process ends, however it
/// ends; the file stays.
#[derive(Debug)]
pub(crate) struct HostLock {
    _file: File,
}

impl HostLock {
    /// Takes the lock of a folder, which is made if it is not there.
    pub(crate) fn take(folder: &Path) -> Result<Self, Error> {
        create(folder).map_err(|error| Error::folder(folder, error))?;
        let path = folder.join("host.lock");
        let file = open(&path).map_err(|error| Error::folder(folder, error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let text = fs::read_to_string(&path).unwrap_or_default();
                let pid = text.trim().parse().ok();
                return Err(Error::HostLocked { folder: folder.to_owned(), pid });
            }
            Err(TryLockError::Error(error)) => return Err(Error::folder(folder, error)),
        }
        sign(&file).map_err(|error| Error::folder(folder, error))?;
        Ok(Self { _file: file })
    }
}

/// Whether a host uses the folder. Leaves the lock as it is.
pub(crate) fn is_held(folder: &Path) -> bool {
    let Ok(file) = File::open(folder.join("host.lock")) else { return false };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// Makes the folder, for its owner only: payloads may be confidential.
fn create(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // The folder's own entry must survive a power failure as well as what is in it.
    match folder.parent() {
        Some(parent) if parent != Path::new("") => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn sign(mut file: &File) -> io::Result<()> {
    file.set_len(0)?;
    writeln!(file, "{}", std::process::id())
}

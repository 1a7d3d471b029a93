//! One host a data folder: an advisory lock on `host.lock`, which holds the host's process id.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, test_kill_process};

use crate::error::Error;

/// How often the lock is tried again whose holder is gone, and how long is waited between: two seconds in
/// all. A process that was started while a host had the folder shares the lock until it runs its own
/// program, and may outlive that host by so much where the machine has much else to do.
const STALE_TRIES: u32 = 80;
const STALE_PAUSE: Duration = Duration::from_millis(25);

/// The right to work on a data folder. Given up when it is dropped, and by the system when the process
/// ends, however it ends; the file stays.
#[derive(Debug)]
pub(crate) struct HostLock(File);

impl HostLock {
    /// Takes the lock of a folder, which is made if it is not there. Waits up to two seconds for a lock
    /// whose holder is gone.
    pub(crate) fn take(folder: &Path) -> Result<Self, Error> {
        Self::take_waiting(folder, || thread::sleep(STALE_PAUSE))
    }

    /// As [`Self::take`]; `pause` is called between two tries.
    fn take_waiting(folder: &Path, mut pause: impl FnMut()) -> Result<Self, Error> {
        create(folder).map_err(|error| Error::folder(folder, error))?;
        let path = folder.join("host.lock");
        let file = open(&path).map_err(|error| Error::folder(folder, error))?;
        let mut tries = 0;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(Error::folder(folder, error)),
                Err(TryLockError::WouldBlock) => {
                    let pid = holder(&path);
                    if tries == STALE_TRIES || pid.is_some_and(is_another) {
                        return Err(Error::HostLocked { folder: folder.to_owned(), pid });
                    }
                    tries += 1;
                    pause();
                }
            }
        }
        sign(&file).map_err(|error| Error::folder(folder, error))?;
        Ok(Self(file))
    }
}

impl Drop for HostLock {
    fn drop(&mut self) {
        // Closing the file does not do it while a process that was just started has it open too. What
        // cannot be unlocked is unlocked by its end.
        let _ = self.0.unlock();
    }
}

/// The process that the lock's file names.
fn holder(path: &Path) -> Option<u32> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Whether `pid` is a process that is alive, and not this one: in this one a host has just ended, or the
/// number was given out again.
fn is_another(pid: u32) -> bool {
    let named = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let is_alive = |pid| test_kill_process(pid) != Err(rustix::io::Errno::SRCH);
    pid != std::process::id() && named.is_some_and(is_alive)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_given_up_is_free_though_a_process_being_started_has_it_open() {
        let folder = tempfile::tempdir().expect("a folder");
        let lock = HostLock::take(folder.path()).expect("free");
        // What a child has between its fork and its own program: the same open file.
        let childs = lock.0.try_clone().expect("cloned");
        drop(lock);
        let never = || panic!("it is free at once");
        HostLock::take_waiting(folder.path(), never).expect("free");
        drop(childs);
    }

    #[test]
    fn a_lock_whose_holder_is_gone_is_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("host.lock");
        // No process has a number as high as this.
        fs::write(&path, "2147483646\n").expect("written");
        let mut childs = Some(open(&path).expect("opened"));
        childs.as_ref().expect("open").try_lock().expect("free");
        HostLock::take_waiting(folder.path(), || drop(childs.take())).expect("free after a while");
    }

    #[test]
    fn a_lock_of_a_process_that_is_alive_is_not_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("host.lock");
        fs::write(&path, "1\n").expect("written");
        let other = open(&path).expect("opened");
        other.try_lock().expect("free");
        let error = HostLock::take_waiting(folder.path(), || panic!("no wait")).expect_err("held");
        assert!(matches!(error, Error::HostLocked { pid: Some(1), .. }), "{error}");
    }
}

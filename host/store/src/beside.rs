//! Reads a store for other processes, while a host has it.
//!
//! The database is kept for one process (see `connection`), so that another one cannot read it. It asks the
//! host: by a line of JSON each way, through a socket in the data folder, which nobody but the folder's owner
//! can reach.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;
use crate::{backup, examine};

/// The socket's name in a data folder.
const SOCKET: &str = "host.sock";

/// How long whoever connects may take to say what it wants.
const QUESTION_TIME: Duration = Duration::from_secs(5);

/// The longest question, in bytes: a path, in JSON.
const QUESTION_BYTES_MAX: u64 = 64 * 1024;

/// What a host is asked for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Question {
    /// A copy of its store in this folder: [`crate::backup`].
    Backup(PathBuf),
    /// What [`crate::examine`] gives.
    Examine,
}

/// Asks the host that uses a data folder; `None` if none answers there.
pub(crate) fn ask<T: DeserializeOwned>(
    folder: &Path,
    question: &Question,
) -> Option<Result<T, Error>> {
    let mut stream = by_short_path(folder, |path| UnixStream::connect(path)).ok()?;
    let mut answer = String::new();
    let asked = (|| {
        serde_json::to_writer(&mut stream, question)?;
        stream.write_all(b"\n")?;
        stream.read_to_string(&mut answer)
    })();
    let told = match asked {
        Err(error) => Err(error.to_string()),
        Ok(0) => Err("it ended before it had answered".to_owned()),
        Ok(_) => serde_json::from_str::<Result<T, String>>(&answer)
            .unwrap_or_else(|error| Err(format!("its answer is not understood: {error}"))),
    };
    Some(told.map_err(|what| Error::Host { folder: folder.to_owned(), what }))
}

/// Answers until it is dropped; what is being answered then goes on by itself.
pub(crate) struct Answers {
    folder: PathBuf,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Answers {
    /// Listens in the folder of a host that has its lock.
    pub(crate) fn start(folder: &Path) -> io::Result<Self> {
        // What a host that was killed has left.
        match fs::remove_file(folder.join(SOCKET)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let listener = by_short_path(folder, |path| UnixListener::bind(path))?;
        let (folder, stop) = (folder.to_owned(), Arc::new(AtomicBool::new(false)));
        let (of, stopped) = (folder.clone(), Arc::clone(&stop));
        let thread = thread::Builder::new().name("store-beside".to_owned()).spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::Acquire) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let folder = of.clone();
                // Each for itself: a copy takes minutes.
                let answering = thread::Builder::new()
                    .name("store-answer".to_owned())
                    .spawn(move || serve(&folder, stream));
                if let Err(error) = answering {
                    tracing::warn!(%error, "another process could not be answered");
                }
            }
        })?;
        Ok(Self { folder, stop, thread: Some(thread) })
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // Wakes the thread, which waits for somebody to come.
        let woken = by_short_path(&self.folder, |path| UnixStream::connect(path));
        let _ = fs::remove_file(self.folder.join(SOCKET));
        if woken.is_ok()
            && let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that answers other processes panicked");
        }
    }
}

/// Answers one question. Whoever has gone meanwhile asks again if it still wants to know.
fn serve(folder: &Path, mut stream: UnixStream) {
    let _ = stream.set_read_timeout(Some(QUESTION_TIME));
    let mut question = String::new();
    let read = BufReader::new(&stream).take(QUESTION_BYTES_MAX).read_line(&mut question);
    if read.is_err() || question.is_empty() {
        return;
    }
    let answer = match serde_json::from_str(&question) {
        Ok(Question::Backup(to)) => told(backup::backup_here(folder, &to)),
        Ok(Question::Examine) => told(examine::examine_here(folder)),
        Err(error) => Err(format!("the question is not understood: {error}")),
    };
    let _ = serde_json::to_writer(&mut stream, &answer);
}

fn told<T: Serialize>(result: Result<T, Error>) -> Result<Value, String> {
    let value = result.map_err(|error| error.to_string())?;
    serde_json::to_value(value).map_err(|error| error.to_string())
}

/// Uses the socket of a folder by a path that is short however deep the folder lies: an address has room for
/// a hundred characters.
fn by_short_path<T>(folder: &Path, open: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let opened = File::open(folder)?;
    let short = PathBuf::from(format!("/proc/self/fd/{}", opened.as_raw_fd()));
    // Not every system has such paths.
    let folder = if short.is_dir() { &short } else { folder };
    open(&folder.join(SOCKET))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Options, Store};

    fn connect(folder: &Path) -> UnixStream {
        by_short_path(folder, |path| UnixStream::connect(path)).expect("somebody listens")
    }

    #[test]
    fn a_folder_however_deep_has_a_socket_while_its_store_is_open() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = root.path().join("deep-".repeat(40)).join("deeper-".repeat(30));
        let store = Store::open(&folder, Options::default()).expect("opens");
        let found = examine(&folder).expect("answered");
        assert!(found.host_is_running && found.is_sound(), "{found:?}");
        assert!(folder.join(SOCKET).exists());
        store.close();
        assert!(!folder.join(SOCKET).exists());
        assert!(ask::<Value>(&folder, &Question::Examine).is_none(), "nobody is there");
    }

    #[test]
    fn nonsense_is_answered_and_silence_holds_up_nobody() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path(), Options::default()).expect("opens");
        let silent = connect(folder.path());
        let mut nonsense = connect(folder.path());
        nonsense.write_all(b"\"tea\"\n").expect("written");
        let mut answer = String::new();
        nonsense.read_to_string(&mut answer).expect("answered");
        assert!(answer.contains("the question is not understood"), "{answer}");
        assert!(examine(folder.path()).is_ok(), "others are answered");
        store.close();
        drop(silent);
    }

    #[test]
    fn what_a_host_cannot_do_it_says() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path(), Options::default()).expect("opens");
        fs::write(folder.path().join("file"), "").expect("written");
        let error = backup(folder.path(), &folder.path().join("file/copy"));
        let error = error.expect_err("a file is no folder");
        assert!(matches!(&error, Error::Host { .. }), "{error}");
        assert!(error.to_string().contains("file/copy"), "{error}");
        store.close();
    }
}

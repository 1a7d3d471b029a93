//! Secrets in an encrypted file of the host: ChaCha20-Poly1305, with a key in a file of its own.
//!
//! ```text
//! taskloom-secrets 1 ⏎ │ nonce, 12 bytes │ the names and values as JSON, encrypted, with a tag
//! ```
//!
//! The file is read when a secret is used and has changed since; it is replaced as a whole. Whoever has the
//! file without the key learns its length; whoever has both has the secrets.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};
use rustix::fs::{FlockOperation, flock};

/// What the file begins with; authenticated with the rest.
const HEADER: &[u8] = b"taskloom-secrets 1\n";

/// The longest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The most secrets in a store.
const SECRETS_MAX: usize = 1_000;

/// Bytes of the key.
const KEY_BYTES: usize = 32;

/// An encrypted file of secrets. Clones are the same store.
#[derive(Debug, Clone)]
pub struct SecretStore {
    file: PathBuf,
    key: PathBuf,
    read: Arc<Mutex<Option<Opened>>>,
}

/// What was read of the file, and by what it is known to be the same.
struct Opened {
    stamp: Stamp,
    values: BTreeMap<String, String>,
}

type Stamp = (u64, i64, i64, u64);

/// The store cannot be used. Says nothing of what is in it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// One of its files.
    #[error("cannot {what} {}: {source}", path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The key is none.
    #[error("{} is no key: it must have {KEY_BYTES} bytes as hexadecimal digits", .0.display())]
    Key(PathBuf),
    /// The store is not what was written, or the key is another.
    #[error("{} cannot be decrypted with {}: it was damaged, or encrypted with another key", file.display(), key.display())]
    Sealed {
        /// The store.
        file: PathBuf,
        /// The key.
        key: PathBuf,
    },
    /// There are too many.
    #[error("a store has at most {SECRETS_MAX} secrets")]
    Full,
}

impl PartialEq for SecretStore {
    fn eq(&self, other: &Self) -> bool {
        (&self.file, &self.key) == (&other.file, &other.key)
    }
}

impl Eq for SecretStore {}

impl SecretStore {
    /// A store in `file`, encrypted with the key in `key`. Neither need be there.
    pub fn new(file: PathBuf, key: PathBuf) -> Self {
        Self { file, key, read: Arc::default() }
    }

    /// Where the store is.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Where the key is.
    pub fn key(&self) -> &Path {
        &self.key
    }

    /// The names of the secrets in it.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn names(&self) -> Result<Vec<String>, StoreError> {
        self.with(|values| values.keys().cloned().collect())
    }

    /// The value of a secret, if it has one of that name.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn read(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.with(|values| values.get(name).cloned())
    }

    /// Sets a secret. Makes the store and the key if they are not there. Says whether the name is new.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn set(&self, name: &str, value: String) -> Result<bool, StoreError> {
        self.change(|values| {
            if values.len() >= SECRETS_MAX && !values.contains_key(name) {
                return Err(StoreError::Full);
            }
            Ok(values.insert(name.to_owned(), value).is_none())
        })
    }

    /// Removes a secret; says whether it was there.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn remove(&self, name: &str) -> Result<bool, StoreError> {
        if !self.file.exists() {
            return Ok(false);
        }
        self.change(|values| Ok(values.remove(name).is_some()))
    }

    fn with<R>(&self, ask: impl FnOnce(&BTreeMap<String, String>) -> R) -> Result<R, StoreError> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = |source| failed("read", &self.file, source);
        let stamp = match fs::metadata(&self.file) {
            Ok(found) => (found.ino(), found.mtime(), found.mtime_nsec(), found.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                *read = None;
                return Ok(ask(&BTreeMap::new()));
            }
            Err(error) => return Err(failed(error)),
        };
        match &*read {
            Some(opened) if opened.stamp == stamp => Ok(ask(&opened.values)),
            _ => {
                let values = self.open(&self.sealing_key()?)?;
                let answer = ask(&values);
                *read = Some(Opened { stamp, values });
                Ok(answer)
            }
        }
    }

    /// Changes the store, one process at a time.
    fn change<R>(
        &self,
        change: impl FnOnce(&mut BTreeMap<String, String>) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        let folder = self.file.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(|source| failed("make", folder, source))?;
        let lock = self.file.with_extension("lock");
        let held = private(&lock).map_err(|source| failed("lock", &lock, source))?;
        flock(&held, FlockOperation::LockExclusive)
            .map_err(|source| failed("lock", &lock, source.into()))?;
        let key = match self.sealing_key() {
            Err(StoreError::File { source, .. })
                if source.kind() == io::ErrorKind::NotFound && !self.file.exists() =>
            {
                self.make_key()?
            }
            key => key?,
        };
        let mut values = if self.file.exists() { self.open(&key)? } else { BTreeMap::new() };
        let answer = change(&mut values)?;
        self.seal(&key, &values)?;
        Ok(answer)
    }

    fn open(&self, key: &LessSafeKey) -> Result<BTreeMap<String, String>, StoreError> {
        let sealed = || StoreError::Sealed { file: self.file.clone(), key: self.key.clone() };
        let mut bytes = read(&self.file)?;
        let body = bytes.strip_prefix(HEADER).ok_or_else(sealed)?.len();
        let start = bytes.len() - body;
        if body < NONCE_LEN {
            return Err(sealed());
        }
        let nonce = Nonce::try_assume_unique_for_key(&bytes[start..start + NONCE_LEN]);
        let nonce = nonce.map_err(|_| sealed())?;
        let plain = key
            .open_in_place(nonce, Aad::from(HEADER), &mut bytes[start + NONCE_LEN..])
            .map_err(|_| sealed())?;
        serde_json::from_slice(plain).map_err(|_| sealed())
    }

    fn seal(&self, key: &LessSafeKey, values: &BTreeMap<String, String>) -> Result<(), StoreError> {
        let failed = |source| failed("write", &self.file, source);
        let mut nonce = [0; NONCE_LEN];
        random(&mut nonce).map_err(failed)?;
        let mut body = serde_json::to_vec(values).expect("texts print as JSON");
        key.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(HEADER),
            &mut body,
        )
        .map_err(|_| failed(io::Error::other("it is too long")))?;
        let unfinished = self.file.with_extension("new");
        let write = || {
            let mut file = private(&unfinished)?;
            file.set_len(0)?;
            for part in [HEADER, &nonce, &body] {
                file.write_all(part)?;
            }
            file.sync_all()?;
            fs::rename(&unfinished, &self.file)
        };
        write().map_err(failed)
    }

    fn sealing_key(&self) -> Result<LessSafeKey, StoreError> {
        let text = read(&self.key)?;
        let digits = text.trim_ascii();
        let none = || StoreError::Key(self.key.clone());
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let byte = |pair: &[u8]| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?);
        let bytes: Option<Vec<u8>> = digits.chunks(2).map(byte).collect();
        let bytes = bytes.filter(|bytes| bytes.len() == KEY_BYTES).ok_or_else(none)?;
        let key = UnboundKey::new(&CHACHA20_POLY1305, &bytes).map_err(|_| none())?;
        Ok(LessSafeKey::new(key))
    }

    fn make_key(&self) -> Result<LessSafeKey, StoreError> {
        let make = || {
            let mut bytes = [0; KEY_BYTES];
            random(&mut bytes)?;
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let mut options = OpenOptions::new();
            let mut file = options.write(true).create_new(true).mode(0o600).open(&self.key)?;
            file.write_all(format!("{digits}\n").as_bytes())?;
            file.sync_all()
        };
        make().map_err(|source| failed("make the key", &self.key, source))?;
        self.sealing_key()
    }
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Opened(…)")
    }
}

fn failed(what: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::File { what, path: path.to_owned(), source }
}

fn read(path: &Path) -> Result<Vec<u8>, StoreError> {
    let read = || {
        let mut bytes = Vec::new();
        File::open(path)?.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|source| failed("read", path, source))
}

/// A file that its owner alone can read.
fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn random(bytes: &mut [u8]) -> io::Result<()> {
    SystemRandom::new()
        .fill(bytes)
        .map_err(|_| io::Error::other("the system has no random numbers"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn store(folder: &Path) -> SecretStore {
        SecretStore::new(folder.join("secrets.store"), folder.join("secrets.key"))
    }

    #[test]
    fn what_is_set_is_read_by_everybody_who_has_the_key() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (mine, yours) = (store(folder.path()), store(folder.path()));
        assert_eq!(yours.read("a").expect("no file is an empty store"), None);
        assert!(mine.set("a", "one".to_owned()).expect("written"));
        assert_eq!(yours.read("a").expect("read"), Some("one".to_owned()));
        assert!(!mine.set("a", "two, and longer".to_owned()).expect("written"));
        assert_eq!(yours.read("a").expect("read"), Some("two, and longer".to_owned()));
        mine.set("b", "x".to_owned()).expect("written");
        assert_eq!(yours.names().expect("read"), ["a", "b"]);
        assert!(mine.remove("a").expect("written") && !mine.remove("a").expect("written"));
        assert_eq!(yours.names().expect("read"), ["b"]);
    }

    #[test]
    fn the_files_are_their_owners_and_hold_nothing_in_plain_text() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = store(folder.path());
        store.set("name-of-it", "hunter2-and-more".to_owned()).expect("written");
        for file in [store.file(), store.key()] {
            let mode = fs::metadata(file).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", file.display());
            let text = String::from_utf8_lossy(&fs::read(file).expect("read")).into_owned();
            assert!(!text.contains("hunter2") && !text.contains("name-of-it"), "{text}");
        }
    }

    #[test]
    fn damage_and_another_key_are_told_and_overwrite_nothing() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let first = store(folder.path());
        first.set("a", "one".to_owned()).expect("written");
        let good = fs::read(first.file()).expect("read");
        for (place, byte) in good.iter().enumerate().step_by(5) {
            let mut bad = good.clone();
            bad[place] = byte ^ 1;
            fs::write(first.file(), bad).expect("written");
            let error = store(folder.path()).read("a").expect_err("damaged");
            assert!(matches!(error, StoreError::Sealed { .. }), "{error}");
        }
        fs::write(first.file(), &good).expect("written");
        let key = fs::read(first.key()).expect("read");
        fs::write(first.key(), "0".repeat(64)).expect("written");
        assert!(matches!(
            store(folder.path()).set("b", "x".to_owned()),
            Err(StoreError::Sealed { .. })
        ));
        fs::write(first.key(), "short").expect("written");
        assert!(matches!(store(folder.path()).read("a"), Err(StoreError::Key(_))));
        fs::remove_file(first.key()).expect("removed");
        let lost =
            store(folder.path()).set("b", "x".to_owned()).expect_err("no key is made for it");
        assert!(matches!(lost, StoreError::File { .. }), "{lost}");
        fs::write(first.key(), key).expect("written");
        assert_eq!(store(folder.path()).read("a").expect("read"), Some("one".to_owned()));
    }
}

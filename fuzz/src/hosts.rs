//! What a host is set up with: its configuration file, and the encrypted file of its secrets.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use taskloom::config::Settings;
use taskloom::secrets::{SecretStore, StoreError};
use tempfile::TempDir;

/// The one secret of the store.
const NAME: &str = "token";
const VALUE: &str = "a very secret word";

pub(crate) fn configuration(bytes: &[u8]) -> bool {
    let Ok(source) = std::str::from_utf8(bytes) else { return false };
    let config = Settings::of_file(Path::new("fuzz/taskloom.toml"), source)
        .and_then(|settings| settings.config());
    if let Err(error) = &config {
        assert!(!error.problems.is_empty(), "a refusal says why");
    }
    config.is_ok()
}

/// A store that is whole, and a folder to damage it in.
struct Whole {
    store: Vec<u8>,
    key: Vec<u8>,
    folder: TempDir,
}

static WHOLE: LazyLock<Whole> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = SecretStore::new(folder.path().join("store"), folder.path().join("key"));
    store.set(NAME, VALUE.to_owned()).expect("written");
    let read = |path| fs::read(path).expect("it was written");
    let (store, key) = (read(store.file()), read(store.key()));
    Whole { store, key, folder }
});

/// The bytes as the store, as its key, and as damage to a store that is whole: nothing is read but what was written.
pub(crate) fn secrets(bytes: &[u8]) -> bool {
    let Whole { store, key, .. } = &*WHOLE;
    judge(bytes == store, &opened(bytes, key));
    let is_key = bytes.trim_ascii().eq_ignore_ascii_case(key.trim_ascii());
    judge(is_key, &opened(store, bytes));
    let mut damaged = store.clone();
    for (byte, damage) in damaged.iter_mut().zip(bytes) {
        *byte ^= damage;
    }
    damaged.extend(bytes.iter().skip(store.len()));
    judge(damaged == *store, &opened(&damaged, key));
    bytes == store
}

fn opened(store: &[u8], key: &[u8]) -> Result<Option<String>, StoreError> {
    let folder = WHOLE.folder.path();
    let (store_path, key_path) = (folder.join("store"), folder.join("key"));
    fs::write(&store_path, store).expect("written");
    fs::write(&key_path, key).expect("written");
    SecretStore::new(store_path, key_path).read(NAME)
}

fn judge(is_whole: bool, read: &Result<Option<String>, StoreError>) {
    match read {
        Ok(value) => assert!(is_whole && value.as_deref() == Some(VALUE), "it was damaged"),
        Err(error) => assert!(!is_whole, "it is whole: {error}"),
    }
}

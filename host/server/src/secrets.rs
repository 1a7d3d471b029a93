//! Secrets of the host: names, and where each is. A secret is read when it is used, so a new one
//! counts at once; it is never logged, journaled or told by the API.

mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;

use taskloom_wasm::ports::{SecretProblem, SecretSource, SecretValue};

/// The longest secret, in bytes: a file that is longer is something else.
pub(crate) const BYTES_MAX: u64 = 64 * 1024;

pub use store::{SecretStore, StoreError};

/// The secrets of a host; cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Secrets {
    origins: Arc<BTreeMap<String, Origin>>,
    /// Where those are that the configuration does not name.
    store: Option<SecretStore>,
}

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// In an environment variable of the host.
    Variable(String),
    /// In a file; line ends at its end are not part of it.
    File(PathBuf),
}

/// A secret. Prints as nothing.
pub struct Secret(Vec<u8>);

/// Why a secret cannot be had. Says nothing of what it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The configuration does not name it.
    #[error(
        "the host has no secret `{0}`; add it to `[secrets]` of its configuration, or by `taskloom \
         secrets set {0}`"
    )]
    Unknown(String),
    /// The variable is not set.
    #[error("the secret `{name}` cannot be read: the variable `{variable}` is not set")]
    NoVariable {
        /// Its name.
        name: String,
        /// The variable.
        variable: String,
    },
    /// The file cannot be read.
    #[error("the secret `{name}` cannot be read from `{file}`: {reason}")]
    NoFile {
        /// Its name.
        name: String,
        /// The file.
        file: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The encrypted store cannot be read.
    #[error("the secret `{name}` cannot be read: {reason}")]
    Store {
        /// Its name.
        name: String,
        /// Why.
        reason: String,
    },
    /// There is nothing in it: anybody could sign with that.
    #[error("the secret `{0}` is empty")]
    Empty(String),
}

impl Secrets {
    /// Adds a secret.
    pub fn insert(&mut self, name: &str, origin: Origin) {
        Arc::make_mut(&mut self.origins).insert(name.to_owned(), origin);
    }

    /// With an encrypted store beside what the configuration names.
    #[must_use]
    pub fn with_store(mut self, store: SecretStore) -> Self {
        self.store = Some(store);
        self
    }

    /// The encrypted store.
    pub const fn store(&self) -> Option<&SecretStore> {
        self.store.as_ref()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.origins.is_empty()
    }

    /// Their names, and where they are.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Origin)> {
        self.origins.iter().map(|(name, origin)| (name.as_str(), origin))
    }

    /// Their names, those in the encrypted store as it is now. A store that cannot be read is logged.
    pub fn names(&self) -> BTreeSet<String> {
        let stored = self.store.as_ref().map(SecretStore::names).transpose();
        let stored = stored.unwrap_or_else(|error| {
            tracing::warn!(%error, "the store of secrets cannot be read");
            None
        });
        self.origins.keys().cloned().chain(stored.unwrap_or_default()).collect()
    }

    /// Reads a secret. May read the disk.
    ///
    /// # Errors
    /// When it is unknown, cannot be read, or is empty.
    pub fn read(&self, name: &str) -> Result<Secret, SecretError> {
        let Some(origin) = self.origins.get(name) else { return self.read_stored(name) };
        let name = name.to_owned();
        let bytes = match origin {
            Origin::Variable(variable) => match std::env::var_os(variable) {
                Some(value) => value.into_encoded_bytes(),
                None => return Err(SecretError::NoVariable { name, variable: variable.clone() }),
            },
            Origin::File(file) => read_file(file).map_err(|reason| SecretError::NoFile {
                name: name.clone(),
                file: file.clone(),
                reason,
            })?,
        };
        let end =
            bytes.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(0, |n| n + 1);
        if end == 0 {
            return Err(SecretError::Empty(name));
        }
        Ok(Secret(bytes[..end].to_vec()))
    }
}

impl Secrets {
    fn read_stored(&self, name: &str) -> Result<Secret, SecretError> {
        let unknown = || SecretError::Unknown(name.to_owned());
        let store = self.store.as_ref().ok_or_else(unknown)?;
        let read = store.read(name).map_err(|error| SecretError::Store {
            name: name.to_owned(),
            reason: error.to_string(),
        });
        Ok(Secret(read?.ok_or_else(unknown)?.into_bytes()))
    }
}

/// For guests, which get none of it.
impl SecretSource for Secrets {
    fn read(&self, name: &str) -> Result<SecretValue, SecretProblem> {
        match Self::read(self, name) {
            Ok(secret) => Ok(SecretValue::new(secret.0)),
            Err(error @ SecretError::Unknown(_)) => Err(SecretProblem::Unknown(error.to_string())),
            Err(error) => Err(SecretProblem::Unreadable(error.to_string())),
        }
    }
}

fn read_file(file: &PathBuf) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file).map_err(|error| error.to_string())?;
    opened.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(format!("it has more than {BYTES_MAX} bytes"));
    }
    Ok(bytes)
}

impl Secret {
    /// What it is.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl fmt::Display for Origin {
    /// As it is written in the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |text: &str| toml::Value::String(text.to_owned());
        match self {
            Self::Variable(variable) => write!(f, "{{ env = {} }}", quoted(variable)),
            Self::File(file) => write!(f, "{{ file = {} }}", quoted(&file.display().to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_when_it_is_used_and_never_printed() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("key");
        let mut secrets = Secrets::default();
        secrets.insert("key", Origin::File(file.clone()));
        assert!(matches!(secrets.read("key"), Err(SecretError::NoFile { .. })));
        for (content, secret) in [("one\n", "one"), ("two\r\n\n", "two"), ("a\nb", "a\nb")] {
            std::fs::write(&file, content).expect("written");
            let read = secrets.read("key").expect("it is there");
            assert_eq!(read.expose(), secret.as_bytes());
            assert_eq!(format!("{read:?}"), "Secret(…)");
        }
        std::fs::write(&file, "\n").expect("written");
        assert!(matches!(secrets.read("key"), Err(SecretError::Empty(_))));
        assert!(matches!(secrets.read("other"), Err(SecretError::Unknown(_))));
    }

    #[test]
    fn a_variable_that_is_not_set_is_named() {
        let mut secrets = Secrets::default();
        secrets.insert("key", Origin::Variable("TASKLOOM_NO_SUCH_VARIABLE".to_owned()));
        let error = secrets.read("key").expect_err("it is not set");
        assert!(error.to_string().contains("TASKLOOM_NO_SUCH_VARIABLE"), "{error}");
    }
}

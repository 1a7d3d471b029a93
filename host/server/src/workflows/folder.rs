//! Reads the files of the workflows folder.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use taskloom_core::definition::{self, Definition};
use taskloom_core::document::{Problem, SOURCE_BYTES_MAX};
use taskloom_core::id::Digest;
use taskloom_wasm::give_memory_back;

use super::LONG_TEXT;

/// The most files that are read; a folder with more holds something else.
const FILES_MAX: usize = 10_000;

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It cannot be read.
    #[error(
        "the workflows folder `{folder}` cannot be read: {source}; make it, or name another by \
         `--workflows`"
    )]
    Read {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It cannot be watched.
    #[error("the workflows folder `{folder}` cannot be watched: {reason}")]
    Watch {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        reason: String,
    },
}

/// One file, as far as it was ever good.
pub(super) struct File {
    /// Its path, as problems name it.
    origin: String,
    stamp: Stamp,
    digest: Option<Digest>,
    /// The last good version of what it holds.
    pub(super) good: Option<Arc<Definition>>,
    /// What is wrong with it as it is now.
    pub(super) problems: Vec<Problem>,
}

/// What tells whether a file changed without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
}

/// The workflow files that are there.
pub(super) struct Snapshot {
    files: BTreeMap<String, (PathBuf, Stamp)>,
}

impl Snapshot {
    /// Lists the folder's `*.toml` files, not those in folders below.
    pub(super) fn take(folder: &Path) -> Result<Self, FolderError> {
        let error = |source| FolderError::Read { folder: folder.to_owned(), source };
        let mut files = BTreeMap::new();
        for entry in std::fs::read_dir(folder).map_err(error)? {
            let entry = entry.map_err(error)?;
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            let hidden = name.starts_with('.');
            if hidden || path.extension().is_none_or(|extension| extension != "toml") {
                continue;
            }
            // A file that goes while it is looked at was not there.
            let Ok(metadata) = std::fs::metadata(&path) else { continue };
            if metadata.is_file() && files.len() < FILES_MAX {
                let stamp = Stamp { bytes: metadata.len(), modified: metadata.modified().ok() };
                files.insert(name, (path, stamp));
            }
        }
        Ok(Self { files })
    }

    /// Takes over what was known and reads what changed. Gives the names of files that changed,
    /// those that are gone included.
    pub(super) fn merge(
        self,
        mut before: BTreeMap<String, File>,
    ) -> (BTreeMap<String, File>, Vec<String>) {
        let mut files = BTreeMap::new();
        let mut changed = Vec::new();
        for (name, (path, stamp)) in self.files {
            let known = before.remove(&name);
            let file = match known {
                Some(file) if file.stamp == stamp && file.is_settled() => file,
                known => {
                    let digest = known.as_ref().and_then(|file| file.digest);
                    let file = File::read(&path, stamp, known);
                    if digest.is_none() || file.digest != digest {
                        changed.push(name.clone());
                    }
                    file
                }
            };
            files.insert(name, file);
        }
        changed.extend(before.into_keys());
        (files, changed)
    }
}

impl File {
    fn read(path: &Path, stamp: Stamp, before: Option<Self>) -> Self {
        let origin = path.display().to_string();
        let (good, known) = match before {
            Some(file) => (file.good, file.digest.map(|digest| (digest, file.problems))),
            None => (None, None),
        };
        let mut file = Self { origin, stamp, digest: None, good, problems: Vec::new() };
        let text = match read_text(path, stamp) {
            Ok(text) => text,
            Err(message) => {
                let help = "the file must be readable UTF-8 text";
                file.problems = vec![file.problem("unreadable", message, help)];
                return file;
            }
        };
        let digest = Digest::of(text.as_bytes());
        file.digest = Some(digest);
        match known {
            Some((known, problems)) if known == digest => file.problems = problems,
            _ => {
                let reading = definition::read(&file.origin, &text);
                file.good = reading.definition.or(file.good);
                file.problems = reading.problems;
                if text.len() > LONG_TEXT {
                    give_memory_back();
                }
            }
        }
        file
    }

    /// Whether a change since it was read would have changed its stamp: a file that was written
    /// just before it was read may be written again within the clock's grain.
    fn is_settled(&self) -> bool {
        const GRAIN_MS: u128 = 2_000;
        let age = self.stamp.modified.and_then(|modified| modified.elapsed().ok());
        age.is_some_and(|age| age.as_millis() > GRAIN_MS)
    }

    /// A problem of the file as a whole.
    pub(super) fn problem(&self, code: &'static str, message: String, help: &str) -> Problem {
        Problem {
            origin: self.origin.clone(),
            line: 1,
            column: 1,
            field: String::new(),
            code,
            message,
            help: Some(help.to_owned()),
        }
    }
}

fn read_text(path: &Path, stamp: Stamp) -> Result<String, String> {
    if stamp.bytes > SOURCE_BYTES_MAX as u64 {
        return Err(format!(
            "the file has {} bytes; at most {SOURCE_BYTES_MAX} are read",
            stamp.bytes
        ));
    }
    std::fs::read_to_string(path).map_err(|error| format!("the file cannot be read: {error}"))
}

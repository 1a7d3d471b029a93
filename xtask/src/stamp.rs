//! Remembers that a step of the set-up was done, and for what.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A file that holds the cause of the last time a step was done.
#[derive(Debug)]
pub(crate) struct Stamp {
    file: PathBuf,
    cause: Vec<u8>,
}

impl Stamp {
    /// The stamp of the step `name`, which has to be done again whenever `cause` changes.
    pub(crate) fn new(root: &Path, name: &str, cause: Vec<u8>) -> Self {
        Self { file: root.join("target/setup").join(name), cause }
    }

    /// Whether the step was done for this very cause.
    pub(crate) fn is_fresh(&self) -> bool {
        fs::read(&self.file).is_ok_and(|cause| cause == self.cause)
    }

    /// Notes that the step is done.
    ///
    /// # Errors
    ///
    /// When the stamp cannot be written.
    pub(crate) fn renew(&self) -> Result<()> {
        let folder = self.file.parent().expect("a stamp is a file in a folder");
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&self.file, &self.cause))
            .with_context(|| format!("writing {}", self.file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::Stamp;

    #[test]
    fn a_stamp_is_fresh_for_the_cause_it_was_renewed_for() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let first = Stamp::new(root.path(), "npm", b"one".to_vec());
        assert!(!first.is_fresh());
        first.renew().expect("the folder is writable");
        assert!(first.is_fresh());
        assert!(!Stamp::new(root.path(), "npm", b"two".to_vec()).is_fresh());
    }
}

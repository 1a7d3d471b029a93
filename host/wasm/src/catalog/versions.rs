//! The bytes of every version that was loaded, each in a file named by its digest.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use taskloom_core::id::Digest;

/// Versions that are kept though nobody needs them, so that going back to one is quick.
const UNNEEDED_MAX: usize = 64;

/// The versions folder.
pub(super) struct Versions {
    folder: PathBuf,
}

impl Versions {
    pub(super) const fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Keeps the bytes of a version; does nothing when they are there.
    pub(super) fn keep(&self, digest: &Digest, bytes: &[u8]) -> std::io::Result<()> {
        let path = self.path(digest);
        if path.is_file() {
            return Ok(());
        }
        let unfinished = path.with_extension("tmp");
        let mut file = fs::File::create(&unfinished)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(unfinished, path)
    }

    /// The bytes of a version.
    ///
    /// # Errors
    /// Why they are not to be had, for people.
    pub(super) fn read(&self, digest: &Digest) -> Result<Vec<u8>, String> {
        let bytes = fs::read(self.path(digest))
            .map_err(|error| format!("the bytes of version {digest} cannot be read: {error}"))?;
        if Digest::of(&bytes) != *digest {
            return Err(format!("the bytes of version {digest} are damaged"));
        }
        Ok(bytes)
    }

    /// Removes the oldest versions that nobody needs, beyond [`UNNEEDED_MAX`].
    pub(super) fn sweep(&self, is_needed: impl Fn(&Digest) -> bool) {
        let Ok(files) = fs::read_dir(&self.folder) else { return };
        let mut unneeded: Vec<_> = files
            .flatten()
            .filter_map(|file| {
                let name = file.file_name();
                let digest: Digest =
                    format!("sha256:{}", name.to_str()?.strip_suffix(".wasm")?).parse().ok()?;
                let changed = file.metadata().ok()?.modified().ok()?;
                (!is_needed(&digest)).then_some((changed, file.path()))
            })
            .collect();
        unneeded.sort();
        let surplus = unneeded.len().saturating_sub(UNNEEDED_MAX);
        for (_, path) in unneeded.into_iter().take(surplus) {
            if let Err(error) = fs::remove_file(&path) {
                tracing::warn!(file = %path.display(), %error, "an old version stays");
            }
        }
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(format!("{}.wasm", digest.hex()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needed_versions_are_never_swept() {
        let folder = tempfile::tempdir().expect("a folder");
        let versions = Versions::new(folder.path().to_owned());
        let digests: Vec<Digest> =
            (0..UNNEEDED_MAX + 10).map(|n| Digest::of(n.to_string().as_bytes())).collect();
        for (n, digest) in digests.iter().enumerate() {
            versions.keep(digest, n.to_string().as_bytes()).expect("kept");
        }
        let needed = &digests[..5];
        versions.sweep(|digest| needed.contains(digest));
        assert!(needed.iter().all(|digest| versions.read(digest).is_ok()));
        let left = fs::read_dir(folder.path()).expect("readable").count();
        assert_eq!(left, UNNEEDED_MAX + 5);
    }

    #[test]
    fn damaged_bytes_are_not_used() {
        let folder = tempfile::tempdir().expect("a folder");
        let versions = Versions::new(folder.path().to_owned());
        let digest = Digest::of(b"good");
        versions.keep(&digest, b"good").expect("kept");
        fs::write(versions.path(&digest), b"bad").expect("written");
        assert!(versions.read(&digest).expect_err("damaged").contains("damaged"));
    }
}

//! Keeps the bytes of every version that runs may have pinned.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use taskloom_core::id::Digest;

use crate::signature::SIGNATURE_SUFFIX;

/// A folder of `<digest>.wasm`, each with its `<digest>.wasm.minisig` if it was signed.
#[derive(Debug, Clone)]
pub(super) struct Versions(PathBuf);

impl Versions {
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self(folder.to_owned()))
    }

    /// Keeps `bytes`, with their signature; on disk when it returns, so that a run can rely on them.
    pub(super) fn keep(
        &self,
        digest: &Digest,
        bytes: &[u8],
        signature: Option<&str>,
    ) -> io::Result<()> {
        if let Some(signature) = signature
            && self.signature(digest)?.as_deref() != Some(signature)
        {
            self.write(&self.signature_path(digest), signature.as_bytes())?;
        }
        let path = self.path(digest);
        if fs::metadata(&path).is_ok_and(|file| file.len() == bytes.len() as u64) {
            return Ok(());
        }
        self.write(&path, bytes)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let temporary = path.with_extension(format!("tmp{}", std::process::id()));
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        File::open(&self.0)?.sync_all()
    }

    /// The signature that a version was loaded with, if it had one.
    pub(super) fn signature(&self, digest: &Digest) -> io::Result<Option<String>> {
        match fs::read_to_string(self.signature_path(digest)) {
            Ok(signature) => Ok(Some(signature)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the bytes of a version are there.
    pub(super) fn has(&self, digest: &Digest) -> bool {
        self.path(digest).is_file()
    }

    /// The bytes of a version, if they are there and undamaged.
    pub(super) fn read(&self, digest: &Digest) -> io::Result<Vec<u8>> {
        let path = self.path(digest);
        let bytes = fs::read(&path)?;
        if Digest::of(&bytes) != *digest {
            let message = format!("{} does not have the digest it is named by", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(bytes)
    }

    /// Drops the versions that `is_needed` does not want; gives those that are gone.
    pub(super) fn drop_but(&self, is_needed: impl Fn(&Digest) -> bool) -> io::Result<Vec<Digest>> {
        let mut dropped = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let path = entry?.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            let is_wasm = path.extension().is_some_and(|extension| extension == "wasm");
            let Ok(digest) = format!("sha256:{stem}").parse::<Digest>() else { continue };
            if is_wasm && !is_needed(&digest) {
                fs::remove_file(&path)?;
                // Most have none.
                let _ = fs::remove_file(self.signature_path(&digest));
                dropped.push(digest);
            }
        }
        Ok(dropped)
    }

    fn signature_path(&self, digest: &Digest) -> PathBuf {
        self.0.join(format!("{}.wasm{SIGNATURE_SUFFIX}", digest.hex()))
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.0.join(format!("{}.wasm", digest.hex()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_kept_until_nobody_needs_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let versions = Versions::open(folder.path()).expect("a folder");
        let (one, two) = (Digest::of(b"one"), Digest::of(b"two"));
        versions.keep(&one, b"one", None).expect("kept");
        versions.keep(&two, b"two", Some("s")).expect("kept");
        versions.keep(&two, b"two", Some("s")).expect("kept already");
        assert_eq!(versions.signature(&two).expect("readable").as_deref(), Some("s"));
        assert_eq!(versions.drop_but(|digest| *digest == two).expect("dropped"), [one]);
        assert!(versions.read(&one).is_err());
        assert_eq!(versions.read(&two).expect("there"), b"two");
        assert_eq!(versions.drop_but(|_| false).expect("dropped"), [two]);
        assert_eq!(versions.signature(&two).expect("readable"), None);
    }

    #[test]
    fn damaged_bytes_are_no_version() {
        let folder = tempfile::tempdir().expect("a folder");
        let versions = Versions::open(folder.path()).expect("a folder");
        let digest = Digest::of(b"one");
        versions.keep(&digest, b"one", None).expect("kept");
        fs::write(versions.path(&digest), "two").expect("written");
        assert!(versions.read(&digest).expect_err("damaged").to_string().contains("digest"));
    }
}

//! Keeps compiled code between starts of the host.
//!
//! Compiled code is native code: whoever can change it runs as the host. So the folder is the host's
//! own (mode 0700), and each file is authenticated with a key that lies in it (mode 0600) before it is
//! loaded. What does not fit is compiled again.

use std::fs::{self, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use hmac::{Hmac, Mac};
use sha2::Sha256;
use taskloom_core::id::Digest;
use wasmtime::Engine;
use wasmtime::component::Component;

/// Bytes of the key.
const KEY_BYTES: usize = 32;

/// A folder of compiled code, of one build of the engine.
pub(crate) struct CodeCache {
    folder: PathBuf,
    key: [u8; KEY_BYTES],
}

/// The cache cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the folder for compiled code {}: {source}", path.display())]
pub struct CacheError {
    path: PathBuf,
    source: io::Error,
}

impl CodeCache {
    /// Opens the cache in `folder`, which is made if it is not there, and drops the code that other
    /// builds of the engine left in it.
    pub(crate) fn open(folder: &Path, engine: &Engine) -> Result<Self, CacheError> {
        let error = |path: &Path| {
            let path = path.to_owned();
            move |source| CacheError { path, source }
        };
        private_folder(folder).map_err(error(folder))?;
        let key_path = folder.join("key");
        let key = read_or_make_key(&key_path).map_err(error(&key_path))?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let own = folder.join(format!("{:016x}", hasher.finish()));
        drop_others(folder, &own).map_err(error(folder))?;
        private_folder(&own).map_err(error(&own))?;
        Ok(Self { folder: own, key })
    }

    /// The code of a component, if it is kept and has not been tampered with.
    pub(crate) fn load(&self, engine: &Engine, digest: &Digest) -> Option<Component> {
        let (code_path, tag_path) = self.paths(digest);
        let tag = fs::read(&tag_path).ok()?;
        let mut file = File::open(&code_path).ok()?;
        let mut mac = self.mac(digest);
        if let Err(error) = feed(&mut file, &mut mac) {
            tracing::warn!(path = %code_path.display(), %error, "compiled code cannot be read");
            return None;
        }
        if mac.verify_slice(&tag).is_err() {
            tracing::warn!(
                path = %code_path.display(),
                "compiled code does not carry this host's signature; the plugin is compiled again"
            );
            return None;
        }
        // By its descriptor, so that it is the file that was checked, whatever lies at the path now.
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        // SAFETY: the code was made by `store` of a host with this key, with an engine of the same
        // compatibility hash; nobody else can write to the folder.
        let loaded = unsafe { Component::deserialize_file(engine, path) };
        loaded
            .map_err(|error| {
                tracing::warn!(path = %code_path.display(), %error, "compiled code does not load");
            })
            .ok()
    }

    /// Keeps the code of a component.
    pub(crate) fn store(&self, code: &[u8], digest: &Digest) -> io::Result<()> {
        let mut mac = self.mac(digest);
        mac.update(code);
        let (code_path, tag_path) = self.paths(digest);
        replace(&code_path, code)?;
        replace(&tag_path, &mac.finalize().into_bytes())
    }

    fn paths(&self, digest: &Digest) -> (PathBuf, PathBuf) {
        let hex = digest.hex();
        (self.folder.join(format!("{hex}.cwasm")), self.folder.join(format!("{hex}.mac")))
    }

    fn mac(&self, digest: &Digest) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("any length is a key");
        mac.update(digest.as_bytes());
        mac
    }
}

fn private_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    // It may have been there before, with another mode.
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o700))
}

fn read_or_make_key(path: &Path) -> io::Result<[u8; KEY_BYTES]> {
    let mut key = [0; KEY_BYTES];
    match fs::read(path) {
        Ok(bytes) if bytes.len() == KEY_BYTES => {
            key.copy_from_slice(&bytes);
            return Ok(key);
        }
        Ok(_) => tracing::warn!(path = %path.display(), "the key is damaged; a new one is made"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    File::open("/dev/urandom")?.read_exact(&mut key)?;
    replace(path, &key)?;
    Ok(key)
}

/// Removes the folders of other builds of the engine.
fn drop_others(folder: &Path, own: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_hash =
            name.len() == 16 && name.to_string_lossy().bytes().all(|b| b.is_ascii_hexdigit());
        if is_hash && entry.path() != own && entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

fn feed(file: &mut File, mac: &mut Hmac<Sha256>) -> io::Result<()> {
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            read => mac.update(&buffer[..read]),
        }
    }
}

/// Writes a file that nobody else can read, whole or not at all.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension(format!("tmp{}", std::process::id()));
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(content)?;
    // Pages that are not on disk yet could not be given back, however long nobody runs them.
    file.sync_data()?;
    drop(file);
    fs::rename(&temporary, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn engine() -> Engine {
        Engine::default()
    }

    fn component(engine: &Engine) -> (Vec<u8>, Digest) {
        let bytes = wat::parse_str("(component)").expect("WAT");
        let component = Component::new(engine, &bytes).expect("a component");
        (component.serialize().expect("serializes"), Digest::of(&bytes))
    }

    #[test]
    fn code_is_found_again_by_the_next_host() {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = engine();
        let (component, digest) = component(&engine);
        let cache = CodeCache::open(folder.path(), &engine).expect("a cache");
        assert!(cache.load(&engine, &digest).is_none());
        cache.store(&component, &digest).expect("stored");
        let again = CodeCache::open(folder.path(), &engine).expect("a cache");
        assert!(again.load(&engine, &digest).is_some());
    }

    #[test]
    fn code_that_was_tampered_with_is_not_loaded() {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = engine();
        let (component, digest) = component(&engine);
        let cache = CodeCache::open(folder.path(), &engine).expect("a cache");
        cache.store(&component, &digest).expect("stored");
        let (code, tag) = cache.paths(&digest);
        let other = Digest::of(b"another component");
        let (other_code, other_tag) = cache.paths(&other);
        fs::copy(&code, other_code).expect("copied");
        fs::copy(&tag, other_tag).expect("copied");
        assert!(cache.load(&engine, &other).is_none(), "the code of another component");
        let mut bytes = fs::read(&code).expect("there");
        bytes[100] ^= 1;
        fs::write(&code, &bytes).expect("written");
        assert!(cache.load(&engine, &digest).is_none(), "changed code");
        bytes[100] ^= 1;
        fs::write(&code, &bytes).expect("written");
        fs::write(folder.path().join("key"), [7; KEY_BYTES]).expect("written");
        let stranger = CodeCache::open(folder.path(), &engine).expect("a cache");
        assert!(stranger.load(&engine, &digest).is_none(), "the code of another host");
    }

    #[test]
    fn nobody_else_can_read_or_write_the_cache() {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = engine();
        let cache = CodeCache::open(&folder.path().join("cache"), &engine).expect("a cache");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(&folder.path().join("cache")), 0o700);
        assert_eq!(mode(&cache.folder), 0o700);
        assert_eq!(mode(&folder.path().join("cache/key")), 0o600);
    }
}

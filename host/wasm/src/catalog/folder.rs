//! Looks at the files of the plugins folder.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use taskloom_core::id::PluginName;

use crate::signature::SIGNATURE_SUFFIX;

/// The ending of a plugin's file.
const WASM: &str = ".wasm";

/// What tells that a plugin's file, its policy or its signature changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    wasm: FileStamp,
    policy: Option<FileStamp>,
    signature: Option<FileStamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileStamp {
    inode: u64,
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    /// How long the files have been left alone, by their own times. A file from the future has not
    /// been left alone at all.
    pub(super) fn age(&self) -> Duration {
        let now = SystemTime::now();
        let age = |file: &FileStamp| {
            file.modified.and_then(|at| now.duration_since(at).ok()).unwrap_or_default()
        };
        let beside = [&self.policy, &self.signature];
        beside.into_iter().flatten().map(age).fold(age(&self.wasm), Duration::min)
    }
}

/// What lies in the folder.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The plugins' files.
    pub(super) plugins: BTreeMap<PluginName, Stamp>,
    /// Files whose name is no plugin's name, with the rule for names.
    pub(super) misnamed: Vec<(String, String)>,
}

/// The file of a plugin.
pub(super) fn wasm_path(folder: &Path, name: &PluginName) -> PathBuf {
    folder.join(format!("{name}{WASM}"))
}

/// The file of a plugin's policy.
pub(super) fn policy_path(folder: &Path, name: &PluginName) -> PathBuf {
    folder.join(policy_file(name))
}

/// The name of that file.
pub(super) fn policy_file(name: &PluginName) -> String {
    format!("{name}.policy.toml")
}

/// The file of a plugin's signature.
pub(super) fn signature_path(folder: &Path, name: &PluginName) -> PathBuf {
    folder.join(format!("{name}{WASM}{SIGNATURE_SUFFIX}"))
}

/// Lists the folder itself, not the folders in it.
pub(super) fn scan(folder: &Path) -> io::Result<Found> {
    let mut found = Found::default();
    for entry in fs::read_dir(folder)? {
        let file = entry?.file_name().to_string_lossy().into_owned();
        let Some(stem) = file.strip_suffix(WASM) else { continue };
        // Hidden files are what other programs copy into before they rename.
        if stem.starts_with('.') {
            continue;
        }
        match PluginName::new(stem) {
            Err(error) => found.misnamed.push((file, error.to_string())),
            Ok(name) => {
                if let Some(wasm) = stamp(&wasm_path(folder, &name)) {
                    let policy = stamp(&policy_path(folder, &name));
                    let signature = stamp(&signature_path(folder, &name));
                    found.plugins.insert(name, Stamp { wasm, policy, signature });
                }
            }
        }
    }
    Ok(found)
}

/// The stamp of a file, if it is one and still there.
fn stamp(path: &Path) -> Option<FileStamp> {
    let metadata = fs::metadata(path).ok().filter(Metadata::is_file)?;
    let modified = metadata.modified().ok();
    Some(FileStamp { inode: metadata.ino(), bytes: metadata.len(), modified })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_folders_own_wasm_files_are_plugins() {
        let folder = tempfile::tempdir().expect("a folder");
        for file in ["a.wasm", "a.policy.toml", "b.txt", ".c.wasm", "Bad Name.wasm"] {
            fs::write(folder.path().join(file), "x").expect("written");
        }
        fs::create_dir_all(folder.path().join("deeper.wasm")).expect("made");
        fs::write(folder.path().join("deeper.wasm/d.wasm"), "x").expect("written");
        let found = scan(folder.path()).expect("a folder");
        let names: Vec<_> = found.plugins.keys().map(PluginName::as_str).collect();
        assert_eq!(names, ["a"]);
        assert_eq!(found.misnamed[0].0, "Bad Name.wasm");
    }

    #[test]
    fn a_change_of_the_policy_or_the_signature_changes_the_stamp() {
        let folder = tempfile::tempdir().expect("a folder");
        let name = PluginName::new("a").expect("valid");
        let look = || scan(folder.path()).expect("a folder").plugins[&name];
        fs::write(wasm_path(folder.path(), &name), "x").expect("written");
        let before = look();
        assert_eq!(look(), before);
        fs::write(policy_path(folder.path(), &name), "y").expect("written");
        let granted = look();
        assert_ne!(granted, before);
        fs::write(signature_path(folder.path(), &name), "z").expect("written");
        assert_ne!(look(), granted);
    }
}

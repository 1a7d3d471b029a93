//! What lies in the plugins folder. Reads it and nothing below it.

use std::fs;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use taskloom_core::id::PluginName;

use crate::load::COMPONENT_BYTES_MAX;
use crate::policy::Policy;

/// The longest policy file, in bytes.
const POLICY_BYTES_MAX: u64 = 1024 * 1024;

/// How a file and its policy look from outside: equal stamps, equal files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    component: Look,
    policy: Option<Look>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Look {
    bytes: u64,
    changed: Option<SystemTime>,
}

impl Stamp {
    /// When the younger of the two files was changed last.
    pub(super) fn changed(&self) -> Option<SystemTime> {
        self.component.changed.max(self.policy.as_ref().and_then(|policy| policy.changed))
    }
}

/// The plugins that there are files of.
pub(super) fn stems(folder: &Path) -> Vec<PluginName> {
    let Ok(files) = fs::read_dir(folder) else { return Vec::new() };
    let stem = |file: fs::DirEntry| {
        let path = file.path();
        let is_component = path.extension().is_some_and(|extension| extension == "wasm");
        if !is_component || !path.is_file() {
            return None;
        }
        let name = PluginName::new(path.file_stem()?.to_str()?);
        name.inspect_err(|error| {
            tracing::warn!(file = %path.display(), %error, "a file's name is no plugin name");
        })
        .ok()
    };
    let mut stems: Vec<_> = files.flatten().filter_map(stem).collect();
    stems.sort();
    stems
}

/// How the files of a plugin look now; `None` when there is no component.
pub(super) fn stamp(folder: &Path, stem: &PluginName) -> Option<Stamp> {
    let component = look(&component_path(folder, stem))?;
    Some(Stamp { component, policy: look(&policy_path(folder, stem)) })
}

/// The component of a plugin; `None` when it is gone.
///
/// # Errors
/// Why it cannot be read, for people.
pub(super) fn read(folder: &Path, stem: &PluginName) -> Result<Option<Vec<u8>>, String> {
    read_bounded(&component_path(folder, stem), COMPONENT_BYTES_MAX)
}

/// What the policy of a plugin grants; nothing when there is none.
///
/// # Errors
/// Everything that is wrong with it, for people.
pub(super) fn policy(folder: &Path, stem: &PluginName) -> Result<Policy, String> {
    let path = policy_path(folder, stem);
    let origin = path.display().to_string();
    let Some(bytes) = read_bounded(&path, POLICY_BYTES_MAX)? else {
        return Ok(Policy::nothing(&origin));
    };
    let source = String::from_utf8(bytes).map_err(|_| format!("{origin} is not UTF-8"))?;
    Policy::read(&origin, &source).map_err(|problems| {
        let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
        format!("its policy is wrong: {}", problems.join("; "))
    })
}

fn component_path(folder: &Path, stem: &PluginName) -> PathBuf {
    folder.join(format!("{stem}.wasm"))
}

fn policy_path(folder: &Path, stem: &PluginName) -> PathBuf {
    folder.join(format!("{stem}.policy.toml"))
}

fn look(path: &Path) -> Option<Look> {
    let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    Some(Look { bytes: metadata.len(), changed: metadata.modified().ok() })
}

fn read_bounded(path: &Path, bytes_max: u64) -> Result<Option<Vec<u8>>, String> {
    let cannot = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
    let file = match fs::File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file.map_err(cannot)?,
    };
    let mut bytes = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > bytes_max {
        return Err(format!("{} has more than {bytes_max} bytes", path.display()));
    }
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_components_of_the_folder_itself_are_seen() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("deep.wasm")).expect("made");
        for name in ["b.wasm", "a.wasm", "A.wasm", "a.policy.toml", "a.wasm.tmp", "notes.txt"] {
            fs::write(folder.path().join(name), "x").expect("written");
        }
        let stems: Vec<_> = stems(folder.path()).iter().map(ToString::to_string).collect();
        assert_eq!(stems, ["a", "b"]);
    }

    #[test]
    fn a_policy_is_part_of_how_a_plugin_looks() {
        let folder = tempfile::tempdir().expect("a folder");
        let stem = PluginName::new("a").expect("valid");
        assert_eq!(stamp(folder.path(), &stem), None);
        fs::write(folder.path().join("a.wasm"), "x").expect("written");
        let before = stamp(folder.path(), &stem).expect("there");
        fs::write(folder.path().join("a.policy.toml"), "").expect("written");
        assert_ne!(stamp(folder.path(), &stem).expect("there"), before);
        fs::write(folder.path().join("a.policy.toml"), "hosts = 5\n[[htp]]\n").expect("written");
        let reason = policy(folder.path(), &stem).expect_err("wrong");
        assert!(reason.contains("a.policy.toml:1:1") && reason.contains(":2:"), "{reason}");
    }
}

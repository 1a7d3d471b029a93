//! A plugin's project, and the component that is built in it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use taskloom_core::id::PluginName;
use taskloom_wasm::{COMPONENT_BYTES_MAX, Policy};

use super::language::Language;

/// A folder with the sources of one plugin.
#[derive(Debug)]
pub(super) struct Project {
    pub(super) folder: PathBuf,
    pub(super) language: Language,
}

/// A file that is meant to be a plugin.
#[derive(Debug)]
pub(super) struct ComponentFile {
    pub(super) path: PathBuf,
    pub(super) bytes: Vec<u8>,
}

impl Project {
    /// The project in `folder`.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn in_folder(folder: &Path) -> Result<Self> {
        if !folder.is_dir() {
            bail!("there is no folder `{}`", folder.display());
        }
        let language = Language::of(folder)?;
        Ok(Self { folder: folder.to_owned(), language })
    }

    /// Writes the component beside the sources, so that a host never reads half of it, and only when it
    /// is another one. Gives its path.
    pub(super) fn put(&self, name: &PluginName, component: &[u8]) -> Result<PathBuf> {
        let path = self.folder.join(format!("{name}.wasm"));
        if fs::read(&path).is_ok_and(|before| before == component) {
            return Ok(path);
        }
        let unfinished = self.folder.join(format!("{name}.wasm.tmp"));
        fs::write(&unfinished, component)
            .and_then(|()| fs::rename(&unfinished, &path))
            .with_context(|| format!("`{}` cannot be written", path.display()))?;
        Ok(path)
    }
}

impl ComponentFile {
    /// The component at `path`, a file or a project where one was built.
    ///
    /// # Errors
    /// When there is none, several, or one that is too large to be read.
    pub(super) fn find(path: &Path) -> Result<Self> {
        let path = if path.is_dir() { built_in(path)? } else { path.to_owned() };
        let shown = path.display();
        let metadata = fs::metadata(&path).with_context(|| format!("`{shown}` cannot be read"))?;
        if metadata.len() > COMPONENT_BYTES_MAX {
            let bytes = metadata.len();
            bail!("`{shown}` has {bytes} bytes; at most {COMPONENT_BYTES_MAX} are loaded");
        }
        let bytes = fs::read(&path).with_context(|| format!("`{shown}` cannot be read"))?;
        Ok(Self { path, bytes })
    }

    /// The name that a host would know it by: the stem of its file.
    ///
    /// # Errors
    /// When no plugin can have it.
    pub(super) fn stem(&self) -> Result<PluginName> {
        let stem = self.path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        Ok(PluginName::new(stem)?)
    }

    /// The file that grants it something, whether it is there or not.
    pub(super) fn policy_path(&self) -> PathBuf {
        self.path.with_extension("policy.toml")
    }

    /// What the file beside it grants; nothing if there is none.
    ///
    /// # Errors
    /// Everything that is wrong in it.
    pub(super) fn policy(&self) -> Result<Policy, String> {
        let path = self.policy_path();
        let shown = path.display().to_string();
        match fs::read_to_string(&path) {
            Ok(source) => Policy::read(&shown, &source).map_err(|problems| {
                let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
                lines.join("\n")
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Policy::nothing(&shown)),
            Err(error) => Err(format!("`{shown}` cannot be read: {error}")),
        }
    }
}

/// The one component in a project's folder.
fn built_in(folder: &Path) -> Result<PathBuf> {
    let shown = folder.display();
    let entries = fs::read_dir(folder).with_context(|| format!("`{shown}` cannot be read"))?;
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, io::Error>>();
    let mut paths = paths.with_context(|| format!("`{shown}` cannot be read"))?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "wasm"));
    paths.sort();
    match &paths[..] {
        [path] => Ok(path.clone()),
        [] => {
            bail!("there is no component in `{shown}`: `taskloom plugin build {shown}` makes one")
        }
        several => {
            let names: Vec<_> =
                several.iter().map(|path| format!("`{}`", path.display())).collect();
            bail!("there are several components in `{shown}`; name one of {}", names.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_component_of_a_project_is_found_and_its_absence_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let problem = |path: &Path| ComponentFile::find(path).expect_err("none").to_string();
        assert!(problem(folder.path()).contains("taskloom plugin build"));
        fs::write(folder.path().join("one.wasm"), b"1").expect("written");
        let found = ComponentFile::find(folder.path()).expect("found");
        assert_eq!((found.stem().expect("a name").as_str(), &found.bytes[..]), ("one", &b"1"[..]));
        assert_eq!(found.policy_path(), folder.path().join("one.policy.toml"));
        fs::write(folder.path().join("two.wasm"), b"2").expect("written");
        assert!(problem(folder.path()).contains("several components"));
        assert!(problem(&folder.path().join("three.wasm")).contains("three.wasm` cannot be read"));
    }

    #[test]
    fn a_policy_that_is_wrong_says_everything() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("one.wasm");
        let component = ComponentFile { path, bytes: Vec::new() };
        assert!(component.policy().expect("nothing is fine").grants().iter().next().is_none());
        fs::write(component.policy_path(), "[[http]]\nhots = 1\n").expect("written");
        let problems = component.policy().expect_err("wrong");
        assert!(
            problems.contains("did you mean `host`") && problems.contains(":1:1:"),
            "{problems}"
        );
    }
}

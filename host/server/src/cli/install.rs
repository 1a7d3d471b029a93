//! `taskloom plugin install` and `remove`: files of the plugins folder. A running host takes them up by itself.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use taskloom_core::id::PluginName;
use taskloom_wasm::{Plugin, Policy, SIGNATURE_SUFFIX};

use super::args::{PluginInstall, PluginRemove};
use super::output::print;
use super::signing::SignedFile;
use super::{Done, Failed, kit};
use crate::config::Config;

/// The files of a plugin in a folder.
struct Place {
    wasm: PathBuf,
    signature: PathBuf,
    policy: PathBuf,
}

impl Place {
    fn of(folder: &Path, name: &PluginName) -> Self {
        Self {
            wasm: folder.join(format!("{name}.wasm")),
            signature: folder.join(format!("{name}.wasm{SIGNATURE_SUFFIX}")),
            policy: folder.join(format!("{name}.policy.toml")),
        }
    }
}

pub(super) fn install(arguments: &PluginInstall) -> Result<Done, Failed> {
    let config = Config::load(&arguments.folders.sources(Vec::new()))?;
    let file = SignedFile::read(&arguments.file).map_err(Failed::invalid)?;
    let plugin = kit::loaded(&file.bytes)
        .map_err(|error| Failed::from(anyhow!("`{}`: {error}", file.path.display())))?;
    let name = plugin.name();
    let signature = file.signature()?;
    let signed_by = config
        .plugins
        .signatures
        .check(name, &file.bytes, signature.as_deref())
        .map_err(|error| Failed::from(anyhow!("`{}`: {error}", file.path.display())))?;
    let folder = &config.plugins.folder;
    fs::create_dir_all(folder)
        .with_context(|| format!("the folder `{}` cannot be made", folder.display()))?;
    let place = Place::of(folder, name);
    let policy = policy(&file.path, &place)?;
    // The component comes last: a host that looks meanwhile finds the rest beside it.
    match &signature {
        Some(signature) => put(&place.signature, signature.as_bytes())?,
        None => removed(&place.signature).map(drop)?,
    }
    if let Policies::Copied(text) = &policy {
        put(&place.policy, text.as_bytes())?;
    }
    put(&place.wasm, &file.bytes)?;
    print(&told(&plugin, &place, &policy, signed_by.map(|key| key.to_string())))
        .map_err(anyhow::Error::from)?;
    Ok(Done::Well)
}

pub(super) fn remove(arguments: &PluginRemove) -> Result<Done, Failed> {
    let config = Config::load(&arguments.folders.sources(Vec::new()))?;
    let name = PluginName::new(&arguments.name).map_err(Failed::invalid)?;
    let place = Place::of(&config.plugins.folder, &name);
    if !removed(&place.wasm)? {
        let shown = place.wasm.display();
        return Err(Failed::invalid(anyhow!("there is no `{shown}`: nothing was removed")));
    }
    removed(&place.signature)?;
    let mut text = format!(
        "removed {}; a running host keeps the version for the runs that have begun with it\n",
        place.wasm.display()
    );
    if place.policy.exists() {
        let shown = place.policy.display();
        text += &format!(
            "its policy {shown} stays: remove it too if it is not to count for the next {name}\n"
        );
    }
    print(&text).map_err(anyhow::Error::from)?;
    Ok(Done::Well)
}

/// What becomes of the policies.
enum Policies {
    /// Neither has one.
    None,
    /// The operator's stays, whatever lies beside the file.
    Kept,
    /// There was none: that beside the file is taken.
    Copied(String),
}

/// What an operator has granted is never replaced by what an author would like.
fn policy(file: &Path, place: &Place) -> Result<Policies, Failed> {
    if place.policy.exists() {
        return Ok(Policies::Kept);
    }
    let beside = file.with_extension("policy.toml");
    let shown = beside.display().to_string();
    let text = match fs::read_to_string(&beside) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Policies::None),
        Err(error) => return Err(Failed::invalid(anyhow!("`{shown}` cannot be read: {error}"))),
    };
    match Policy::read(&shown, &text) {
        Ok(_) => Ok(Policies::Copied(text)),
        Err(problems) => {
            let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
            Err(Failed::invalid(anyhow!("its policy is wrong:\n  {}", lines.join("\n  "))))
        }
    }
}

fn told(plugin: &Plugin, place: &Place, policy: &Policies, signed_by: Option<String>) -> String {
    let manifest = plugin.manifest();
    let signed = signed_by.map_or("not signed".to_owned(), |key| format!("signed with key {key}"));
    let policy_shown = place.policy.display();
    let granted = match policy {
        Policies::None => "nothing is granted to it".to_owned(),
        Policies::Kept => format!("{policy_shown} says what is granted to it, as before"),
        Policies::Copied(_) => format!("{policy_shown} was copied: read what it grants"),
    };
    format!(
        "installed {} {} as {} ({signed})\n{granted}\n",
        plugin.name(),
        manifest.version,
        place.wasm.display()
    )
}

/// Puts a file in its place whole.
fn put(path: &Path, content: &[u8]) -> Result<()> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    // A hidden file is not looked at.
    let unfinished = path.with_file_name(format!(".{name}.{}", std::process::id()));
    let write = || {
        let mut file = fs::File::create(&unfinished)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&unfinished, path)
    };
    write().with_context(|| format!("`{}` cannot be written", path.display()))
}

/// Removes a file; says whether it was there.
fn removed(path: &Path) -> Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).with_context(|| format!("`{}` cannot be removed", path.display())),
    }
}

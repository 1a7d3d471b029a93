//! Builds guests: the plugins that ship, and what the tests need beside them.
//!
//! Cargo makes core modules for `wasm32-unknown-unknown`; encoding makes components of them, which
//! import nothing but what they use of the contract. Guests in the text format of WebAssembly
//! (`tests/guests/*.wat`) hold what no compiler would write.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::toolchain::{TARGET, Toolchain};

/// Which guests to build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guests {
    /// The plugins that ship, into `plugins/`.
    Plugins,
    /// Those, and the guests of the tests, into `target/guests/components/`.
    All,
}

/// The workspace of the guests.
const MANIFEST: &str = "plugins/Cargo.toml";

/// The profile that components are built with; it is described there.
const PROFILE: &str = "component";

const TARGET_FOLDER: &str = "target/guests";
const PLUGINS: &str = "plugins";
const TEST_GUESTS: &str = "tests/guests";
const TEST_COMPONENTS: &str = "target/guests/components";
const CONTRACT: &str = "wit/1.0.0";

/// Builds guests and gives the files of their components. A file whose content is the same as before
/// is not touched, so a running host does not reload it.
///
/// # Errors
///
/// When a guest does not build, or its module is no component of the contract.
pub(crate) fn build(root: &Path, toolchain: &Toolchain, what: Guests) -> Result<Vec<PathBuf>> {
    let guests: Vec<_> = find(root, toolchain)?
        .into_iter()
        .filter(|guest| what == Guests::All || guest.is_plugin)
        .collect();
    compile(root, toolchain, &guests)?;
    let mut files = guests.iter().map(|guest| encode(root, guest)).collect::<Result<Vec<_>>>()?;
    if what == Guests::All {
        files.extend(texts(root)?);
    }
    Ok(files)
}

/// A crate of the guests' workspace that is a component.
struct Guest {
    id: String,
    /// The plugin's name and the stem of its file.
    name: String,
    /// The stem of the file that cargo makes.
    library: String,
    is_plugin: bool,
}

/// What `cargo metadata` prints, as far as it is read.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    crate_types: Vec<String>,
}

fn find(root: &Path, toolchain: &Toolchain) -> Result<Vec<Guest>> {
    let output = toolchain
        .cargo(root)
        .args(["metadata", "--no-deps", "--format-version=1", "--manifest-path", MANIFEST])
        .output()
        .context("starting cargo")?;
    if !output.status.success() {
        bail!("reading {MANIFEST}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let metadata: Metadata =
        serde_json::from_slice(&output.stdout).context("reading what `cargo metadata` printed")?;
    let test_guests = root.join(TEST_GUESTS);
    let guests = metadata.packages.into_iter().filter_map(|package| {
        let is_library = |target: &Target| target.crate_types.iter().any(|kind| kind == "cdylib");
        let library = package.targets.into_iter().find(is_library)?.name.replace('-', "_");
        let is_plugin = !package.manifest_path.starts_with(&test_guests);
        Some(Guest { id: package.id, name: package.name, library, is_plugin })
    });
    Ok(guests.collect())
}

fn compile(root: &Path, toolchain: &Toolchain, guests: &[Guest]) -> Result<()> {
    let mut cargo = toolchain.cargo(root);
    cargo.args(["build", "--profile", PROFILE, "--manifest-path", MANIFEST, "--target", TARGET]);
    cargo.args(guests.iter().flat_map(|guest| ["--package", guest.id.as_str()]));
    cargo.arg("--target-dir").arg(root.join(TARGET_FOLDER)).args(&toolchain.args);
    cargo.env("CARGO_ENCODED_RUSTFLAGS", remapped_paths(root));
    let status = cargo.status().context("starting cargo")?;
    if !status.success() {
        bail!("the guests do not build; what cargo says stands above");
    }
    Ok(())
}

/// Flags that shorten the paths in messages of panics, so that a component does not tell where it was
/// built, and is the same wherever that was.
fn remapped_paths(root: &Path) -> OsString {
    let cargo_home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    let registry = cargo_home.map(|home| home.join("registry/src"));
    let mut flags = OsString::new();
    for folder in [Some(root.to_owned()), registry].into_iter().flatten() {
        if !flags.is_empty() {
            // What separates flags in this variable.
            flags.push("\x1f");
        }
        flags.push("--remap-path-prefix=");
        // With the slash behind it, what remains is a relative path.
        flags.push(folder.join(""));
        flags.push("=");
    }
    flags
}

/// Makes a component of the module that cargo made.
fn encode(root: &Path, guest: &Guest) -> Result<PathBuf> {
    let folder = if guest.is_plugin { PLUGINS } else { TEST_COMPONENTS };
    let module = format!("{TARGET_FOLDER}/{TARGET}/{PROFILE}/{}.wasm", guest.library);
    let module = fs::read(root.join(&module)).with_context(|| format!("reading {module}"))?;
    let component =
        component_of(&module).with_context(|| format!("making a component of {}", guest.name))?;
    put(root, folder, &guest.name, &component)
}

/// Makes components of the guests in the text format.
fn texts(root: &Path) -> Result<Vec<PathBuf>> {
    let folder = fs::read_dir(root.join(TEST_GUESTS)).context("reading tests/guests")?;
    let mut paths =
        folder.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, std::io::Error>>()?;
    paths.sort();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "wat"));
    paths.iter().map(|path| text(root, path)).collect()
}

fn text(root: &Path, path: &Path) -> Result<PathBuf> {
    let name = path.file_stem().and_then(|stem| stem.to_str()).context("a file without a name")?;
    let mut binary = wat::parse_file(path)?;
    if !is_component(&binary) {
        embed_contract(root, &mut binary)?;
        binary = component_of(&binary).with_context(|| format!("making a component of {name}"))?;
    }
    put(root, TEST_COMPONENTS, name, &binary)
}

/// Whether a binary has the layer field of a component rather than of a core module.
fn is_component(binary: &[u8]) -> bool {
    binary.get(6..8) == Some(&[1, 0])
}

/// Says in a module that it speaks the contract, as `wit-bindgen` does for a crate.
fn embed_contract(root: &Path, module: &mut Vec<u8>) -> Result<()> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(root.join(CONTRACT)).context("reading the contract")?;
    let world = resolve.select_world(&[package], Some("plugin"))?;
    embed_component_metadata(module, &resolve, world, StringEncoding::UTF8, false)
}

fn component_of(module: &[u8]) -> Result<Vec<u8>> {
    ComponentEncoder::default().validate(true).module(module)?.encode()
}

/// Writes a component so that a host never reads half of it, and only when it is another one.
fn put(root: &Path, folder: &str, name: &str, component: &[u8]) -> Result<PathBuf> {
    let folder = root.join(folder);
    let path = folder.join(format!("{name}.wasm"));
    if fs::read(&path).is_ok_and(|before| before == component) {
        return Ok(path);
    }
    let unfinished = folder.join(format!("{name}.wasm.tmp"));
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(&unfinished, component))
        .and_then(|()| fs::rename(&unfinished, &path))
        .with_context(|| format!("writing {}", path.display()))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_told_from_a_module() {
        let binary = |text| wat::parse_str(text).expect("well-formed");
        assert!(is_component(&binary("(component)")));
        assert!(!is_component(&binary("(module)")));
        assert!(!is_component(b"\0as"));
    }

    #[test]
    fn paths_of_this_machine_stay_here() {
        let flags = remapped_paths(Path::new("/somewhere/a b"));
        let flags = flags.to_str().expect("text");
        assert!(flags.starts_with("--remap-path-prefix=/somewhere/a b/=\x1f--remap-path-prefix="));
        assert!(flags.ends_with("/registry/src/="));
    }

    #[test]
    fn an_unchanged_component_is_not_written_again() {
        let root = tempfile::tempdir().expect("a folder");
        let path = put(root.path(), "plugins", "one", b"content").expect("written");
        let before = fs::metadata(&path).expect("there").modified().expect("a time");
        let again = put(root.path(), "plugins", "one", b"content").expect("found");
        assert_eq!(fs::metadata(&again).expect("there").modified().expect("a time"), before);
        put(root.path(), "plugins", "one", b"other").expect("written");
        assert_eq!(fs::read(&path).expect("there"), b"other");
        assert_eq!(fs::read_dir(root.path().join("plugins")).expect("there").count(), 1);
    }
}

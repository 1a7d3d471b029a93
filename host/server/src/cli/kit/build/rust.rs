//! Builds a plugin in Rust: cargo makes a core module, encoding makes a component of it.
//!
//! A core module of `wasm32-unknown-unknown` becomes a component that imports nothing but what it uses
//! of the contract.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use serde::Deserialize;
use wit_component::ComponentEncoder;

use super::super::hints;
use super::{Missing, Options, Unbuilt};

/// What plugins are compiled for.
const TARGET: &str = "wasm32-unknown-unknown";

/// Debian's compiler, which can build the standard library for the target itself.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_SOURCES: &str = "/usr/lib/rustlib/src/rust/library/Cargo.lock";

/// Builds the project in `folder` and gives its component.
///
/// # Errors
/// When a tool is missing, the project does not compile, or its module is no component.
pub(super) fn component(folder: &Path, options: &Options) -> Result<Vec<u8>, Unbuilt> {
    let toolchain = Toolchain::find(folder).map_err(Unbuilt::Missing)?;
    let module = compile(folder, &toolchain, options)?;
    let shown = module.display();
    let bytes = std::fs::read(&module).with_context(|| format!("`{shown}` cannot be read"))?;
    encode(&bytes)
}

/// How cargo is called for the target.
struct Toolchain {
    envs: Vec<(&'static str, OsString)>,
    arguments: Vec<&'static str>,
}

impl Toolchain {
    fn find(folder: &Path) -> Result<Self, Missing> {
        let rustc = |arguments: &[&str]| {
            let output = Command::new("rustc").args(arguments).current_dir(folder).output();
            output.ok().filter(|output| output.status.success()).map(|output| {
                PathBuf::from(String::from_utf8_lossy(&output.stdout).trim().to_owned())
            })
        };
        let is_there = |program: &str| Command::new(program).arg("--version").output().is_ok();
        if !is_there("cargo") || !is_there("rustc") {
            return Err(Missing {
                what: "cargo and rustc, the compiler of Rust".to_owned(),
                install: "install Rust as https://rustup.rs says, then `rustup target add \
                          wasm32-unknown-unknown`"
                    .to_owned(),
            });
        }
        let library = rustc(&["--print", "target-libdir", "--target", TARGET]);
        if library.is_some_and(|folder| has_std(&folder)) {
            return Ok(Self { envs: Vec::new(), arguments: Vec::new() });
        }
        let linker = rustc(&["--print", "sysroot"]).and_then(|sysroot| linker_in(&sysroot));
        match linker {
            Some(linker) if debian_is_ready() => Ok(Self::of_debian(linker)),
            _ => Err(Missing {
                what: format!("the target {TARGET} of the compiler of Rust"),
                install: format!("`rustup target add {TARGET}`"),
            }),
        }
    }

    fn of_debian(linker: PathBuf) -> Self {
        Self {
            envs: vec![
                ("RUSTC", DEBIAN_RUSTC.into()),
                ("RUSTC_BOOTSTRAP", "1".into()),
                ("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker.into()),
            ],
            arguments: vec!["-Zbuild-std=std,panic_abort"],
        }
    }
}

/// Whether a folder of compiled libraries has the standard library.
fn has_std(folder: &Path) -> bool {
    let Ok(mut entries) = std::fs::read_dir(folder) else { return false };
    entries.any(|entry| {
        entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
    })
}

/// The linker for WebAssembly that a toolchain of rustup brings along.
fn linker_in(sysroot: &Path) -> Option<PathBuf> {
    let hosts = std::fs::read_dir(sysroot.join("lib/rustlib")).ok()?;
    hosts.flatten().map(|host| host.path().join("bin/rust-lld")).find(|linker| linker.is_file())
}

/// Whether Debian's compiler is here with its own sources: the packages `rustc-web`, `rust-web-src`.
fn debian_is_ready() -> bool {
    let output = Command::new("dpkg-query")
        .args(["--show", "--showformat=${db:Status-Status}\n", "rustc-web", "rust-web-src"])
        .output();
    output.is_ok_and(|output| {
        output.status.success()
            && String::from_utf8_lossy(&output.stdout).lines().all(|state| state == "installed")
    }) && (Path::new(DEBIAN_RUSTC).exists() || Path::new(DEBIAN_SOURCES).exists())
}

/// A line of what cargo prints for programs, as far as it is read.
#[derive(Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum CargoLine {
    CompilerMessage {
        message: Diagnostic,
    },
    CompilerArtifact {
        manifest_path: PathBuf,
        target: Target,
        filenames: Vec<PathBuf>,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Diagnostic {
    rendered: Option<String>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

/// Has cargo compile, with its messages shown as they are, and gives the module.
fn compile(folder: &Path, toolchain: &Toolchain, options: &Options) -> Result<PathBuf, Unbuilt> {
    // Cargo names files by real paths.
    let folder = folder.canonicalize().context("the project's folder cannot be found")?;
    let mut cargo = Command::new("cargo");
    let messages = match std::io::stderr().is_terminal() {
        true => "--message-format=json-diagnostic-rendered-ansi",
        false => "--message-format=json",
    };
    cargo.current_dir(&folder).args(["build", "--release", "--target", TARGET, messages]);
    cargo.args(&toolchain.arguments).envs(toolchain.envs.iter().cloned());
    if options.offline {
        cargo.arg("--offline");
    }
    if std::env::var_os("RUSTFLAGS").is_none() {
        cargo.env("CARGO_ENCODED_RUSTFLAGS", remapped_paths(&folder));
    }
    let mut child = cargo.stdout(Stdio::piped()).spawn().context("cargo cannot be started")?;
    let output = child.stdout.take().expect("a pipe was asked for");
    let (mut module, mut said) = (None, String::new());
    let own_manifest = folder.join("Cargo.toml");
    for line in BufReader::new(output).lines() {
        let line = line.context("what cargo prints cannot be read")?;
        match serde_json::from_str(&line) {
            Ok(CargoLine::CompilerMessage { message: Diagnostic { rendered: Some(text) } }) => {
                eprint!("{text}");
                said.push_str(&text);
            }
            Ok(CargoLine::CompilerArtifact { manifest_path, target, filenames })
                if manifest_path == own_manifest
                    && target.kind.iter().any(|kind| kind == "cdylib") =>
            {
                let is_module = |file: &PathBuf| file.extension().is_some_and(|it| it == "wasm");
                module = filenames.into_iter().find(is_module);
            }
            _ => {}
        }
    }
    let status = child.wait().context("cargo cannot be waited for")?;
    if !status.success() {
        let hints = hints::of_rustc(&said);
        return Err(Unbuilt::Refused {
            what: "the plugin does not compile; what cargo says stands above".to_owned(),
            hints,
        });
    }
    module.ok_or_else(|| Unbuilt::Refused {
        what: "the package makes no module for a component".to_owned(),
        hints: vec!["write `crate-type = [\"cdylib\"]` below `[lib]` in Cargo.toml".to_owned()],
    })
}

/// Flags that shorten the paths in messages of panics, so that a component does not tell where it was
/// built.
fn remapped_paths(folder: &Path) -> OsString {
    let cargo_home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    let registry = cargo_home.map(|home| home.join("registry/src"));
    let flags = [Some(folder.to_owned()), registry].into_iter().flatten().map(|folder| {
        let mut flag = OsString::from("--remap-path-prefix=");
        // With the slash behind it, what remains is a relative path.
        flag.push(folder.join(""));
        flag.push("=");
        flag
    });
    // What separates flags in this variable.
    flags
        .reduce(|mut all, flag| {
            all.push("\x1f");
            all.push(flag);
            all
        })
        .unwrap_or_default()
}

fn encode(module: &[u8]) -> Result<Vec<u8>, Unbuilt> {
    let encoded = ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|encoder| encoder.encode());
    encoded.map_err(|error| {
        let error = format!("{error:#}");
        let hints = hints::of_encoding(&error);
        Unbuilt::Refused { what: format!("the module is no component: {error}"), hints }
    })
}

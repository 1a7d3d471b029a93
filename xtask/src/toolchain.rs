//! Finds or installs what compiles guests to WebAssembly.
//!
//! In this order: the target is installed; rustup adds it within a minute; Debian's own compiler
//! with its sources; else one message that says what to do. Why `rust-toolchain.toml` does not name
//! the target is told in `docs/decisions/0001-one-profile-and-no-toolchain-file.md`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::{command, debian};

/// What guests are compiled for. A core module of it becomes a component by encoding, and imports
/// nothing but the contract.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// A machine may reach the package registries and not rustup's server.
const RUSTUP_LIMIT: Duration = Duration::from_secs(60);

const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_PACKAGES: [&str; 2] = ["rustc-web", "rust-web-src"];

/// How cargo is called to build guests.
#[derive(Debug, Clone)]
pub(crate) struct Toolchain {
    /// Environment variables to set.
    pub(crate) envs: Vec<(String, String)>,
    /// Arguments to add after `cargo build --target …`.
    pub(crate) args: Vec<String>,
    /// What people are told.
    pub(crate) name: String,
}

impl Toolchain {
    /// The one that works here, installed if need be.
    ///
    /// # Errors
    ///
    /// When every way failed; the message names the ways.
    pub(crate) fn set_up(root: &Path) -> Result<Self> {
        if target_is_installed(root) {
            return Ok(Self::of_rustup("the target is installed"));
        }
        if add_target(root) {
            return Ok(Self::of_rustup("rustup added the target"));
        }
        if let Some(linker) = debian_linker(root) {
            if !debian_is_ready() {
                eprintln!("   rustup did not add {TARGET}; trying Debian's compiler");
                debian::install("the compiler for guests", &DEBIAN_PACKAGES)?;
            }
            if debian_is_ready() {
                return Ok(Self::of_debian(&linker));
            }
        }
        bail!(
            "nothing here compiles to {TARGET}: `rustup target add {TARGET}` did not succeed within \
             {} s, and this is no Debian with the packages {}. Install the target, then run this again",
            RUSTUP_LIMIT.as_secs(),
            DEBIAN_PACKAGES.join(" and "),
        )
    }

    /// Whether lints can be run for the guests' target: they need its compiled standard library.
    pub(crate) fn can_lint(&self) -> bool {
        self.args.is_empty()
    }

    /// A cargo command in `root` that compiles with this toolchain; its arguments come from the
    /// caller, who ends them with [`Toolchain::args`].
    pub(crate) fn cargo(&self, root: &Path) -> Command {
        let mut command = command::cargo(root);
        command.envs(self.envs.iter().map(|(name, value)| (name, value)));
        command
    }

    fn of_rustup(how: &str) -> Self {
        Self { envs: Vec::new(), args: Vec::new(), name: format!("rustc with {TARGET}, {how}") }
    }

    fn of_debian(linker: &Path) -> Self {
        let env = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Self {
            envs: vec![
                env("RUSTC", DEBIAN_RUSTC),
                env("RUSTC_BOOTSTRAP", "1"),
                env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", &linker.to_string_lossy()),
            ],
            args: vec!["-Zbuild-std=std,panic_abort".to_owned()],
            name: format!("Debian's rustc, which builds the standard library for {TARGET}"),
        }
    }
}

fn target_is_installed(root: &Path) -> bool {
    let folder = command::output(Command::new("rustc").current_dir(root).args([
        "--print",
        "target-libdir",
        "--target",
        TARGET,
    ]));
    let Some(folder) = folder else { return false };
    std::fs::read_dir(folder).is_ok_and(|entries| {
        entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
    })
}

fn add_target(root: &Path) -> bool {
    if !command::is_installed("rustup") {
        return false;
    }
    eprintln!("   rustup target add {TARGET} (at most {} s)", RUSTUP_LIMIT.as_secs());
    let mut rustup = Command::new("rustup");
    rustup.current_dir(root).args(["target", "add", TARGET]);
    command::succeeds_within(&mut rustup, RUSTUP_LIMIT) && target_is_installed(root)
}

/// The linker for WebAssembly that the installed Rust toolchain brings along, when this is a Debian.
fn debian_linker(root: &Path) -> Option<PathBuf> {
    if !debian::is_this() {
        return None;
    }
    let sysroot =
        command::output(Command::new("rustc").current_dir(root).args(["--print", "sysroot"]))?;
    let hosts = std::fs::read_dir(Path::new(&sysroot).join("lib/rustlib")).ok()?;
    hosts.flatten().map(|host| host.path().join("bin/rust-lld")).find(|linker| linker.is_file())
}

/// Whether Debian's compiler is here with its own sources: those of another version do not compile.
fn debian_is_ready() -> bool {
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat=${db:Status-Status}\n"]).args(DEBIAN_PACKAGES);
    command::output(&mut query)
        .is_some_and(|states| states.lines().all(|state| state == "installed"))
}

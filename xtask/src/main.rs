//! What a contributor runs: set-up, build, demo, tests, benchmarks.

mod bench;
mod command;
mod coverage;
mod debian;
mod demo;
mod fuzz;
mod gate;
mod guests;
mod languages;
mod left_out;
mod packages;
mod setup;
mod soak;
mod stamp;
mod tally;
#[cfg(test)]
mod tidy;
mod tool;
mod toolchain;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

/// Everything a contributor runs.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Install what building and testing need: the guests' toolchain, cargo-deny, npm packages.
    Setup,
    /// Build the plugins that ship into plugins/*.wasm, and the guests of the tests.
    Plugins,
    /// Analyse a GitHub issue on a host started for it, from a bare checkout to the report.
    Demo(demo::Arguments),
    /// Set up and run the whole gate: formatting, dependencies, lints and every test.
    Test(gate::Arguments),
    /// Measure; prints a line per workload.
    Bench(bench::Arguments),
    /// The part of the gate that runs no test: formatting, dependencies, lints.
    Lint,
    /// Play the simulator of runs for hours; the gate plays 10,000 seeds.
    Soak(soak::Arguments),
    /// Fuzz everything that reads foreign bytes; the gate reads again what was found.
    Fuzz(fuzz::Arguments),
    /// Measure which lines the tests reach, per crate.
    Coverage,
}

fn main() -> ExitCode {
    match run(&root(), Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<gate::Told>() => ExitCode::FAILURE,
        // Without a backtrace: what failed is a program that xtask called, or a file.
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(root: &Path, command: Command) -> Result<()> {
    match command {
        Command::Setup => setup::everything(root),
        Command::Plugins => setup::guests(root, guests::Guests::All).map(drop),
        Command::Demo(arguments) => demo::run(root, &arguments),
        Command::Test(arguments) => gate::test(root, &arguments),
        Command::Bench(arguments) => bench::run(root, &arguments),
        Command::Lint => gate::lint(root),
        Command::Soak(arguments) => soak::run(root, &arguments),
        Command::Fuzz(arguments) => fuzz::run(root, &arguments),
        Command::Coverage => coverage::run(root),
    }
}

/// The folder of the checkout that this program is called in; elsewhere, of the one that it was built from.
/// They differ when the program was copied, with its build folder, into another checkout.
fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let built = manifest.parent().expect("the manifest of xtask is one folder below the root");
    let called = std::env::current_dir().ok().and_then(|folder| checkout_around(&folder));
    called.unwrap_or_else(|| built.to_owned())
}

/// The nearest checkout that a folder lies in.
fn checkout_around(folder: &Path) -> Option<PathBuf> {
    let is_root = |folder: &&Path| folder.join("xtask/Cargo.toml").is_file();
    folder.ancestors().find(is_root).map(Path::to_owned)
}

/// Builds the program `name` of this workspace and tells where it is.
///
/// Selected from the whole workspace rather than by its package: cargo then gives dependencies the
/// same features as for the tests, and compiles wasmtime once instead of twice.
///
/// # Errors
///
/// When it does not build.
fn program(root: &Path, name: &str) -> Result<PathBuf> {
    let mut build = command::cargo(root);
    build.args(["build", "--release", "--workspace", "--bin", name]);
    command::run(&format!("building {name}"), &mut build)?;
    // Wherever cargo was told to build to, xtask itself was built to the same place.
    let xtask = std::env::current_exe().context("finding the build folder")?;
    Ok(xtask.with_file_name(name))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::checkout_around;

    #[test]
    fn the_checkout_is_the_one_around_the_folder_it_is_called_in() {
        let outer = tempfile::tempdir().expect("a folder");
        let inner = outer.path().join("target/copies/inner");
        for checkout in [outer.path(), &inner] {
            fs::create_dir_all(checkout.join("xtask")).expect("made");
            fs::write(checkout.join("xtask/Cargo.toml"), "").expect("written");
        }
        assert_eq!(checkout_around(&inner.join("xtask")), Some(inner));
        assert_eq!(checkout_around(&outer.path().join("target")), Some(outer.path().to_owned()));
        assert_eq!(checkout_around(std::path::Path::new("/")), None);
    }
}

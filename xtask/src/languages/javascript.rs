//! Node with exactly the packages that the SDK's lock file names.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::command;
use crate::languages::gather;
use crate::stamp::Stamp;

/// Where the SDK lies.
const SDK: &str = "sdk/js";

/// The oldest Node that does.
const MAJOR: u32 = 20;

/// Installs the packages; else why the language is left out.
///
/// # Errors
///
/// When npm fails.
pub(super) fn set_up(root: &Path) -> Result<Result<(), String>> {
    if let Some(reason) = missing() {
        return Ok(Err(reason));
    }
    let folder = root.join(SDK);
    let lock = fs::read(folder.join("package-lock.json")).context("reading the SDK's lock file")?;
    let stamp = Stamp::new(root, "npm-sdk", lock);
    if stamp.is_fresh() && folder.join("node_modules").is_dir() {
        return Ok(Ok(()));
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--loglevel=error"]).current_dir(&folder);
    command::run("npm ci of the SDK", &mut npm)?;
    stamp.renew()?;
    Ok(Ok(()))
}

/// Why Node cannot be used here, if it cannot.
pub(crate) fn missing() -> Option<String> {
    let version = command::output(Command::new("node").arg("--version"));
    lacks(version.as_deref(), command::is_installed("npm"))
}

/// What is missing, by what Node said of its version and whether there is npm.
fn lacks(version: Option<&str>, has_npm: bool) -> Option<String> {
    let is_new_enough = version.and_then(major).is_some_and(|major| major >= MAJOR);
    let reason = || format!("there is no Node.js {MAJOR} or newer with npm");
    (!is_new_enough || !has_npm).then(reason)
}

/// The program that makes a component of the module it is given.
pub(super) fn builder(root: &Path) -> Command {
    let mut node = Command::new("node");
    node.arg("sdk/js/build.mjs").current_dir(root);
    node
}

/// The tests of the SDK and of its examples.
///
/// # Errors
///
/// When their folders cannot be read.
pub(super) fn tests(root: &Path) -> Result<Command> {
    let folder = root.join(SDK);
    let mut files: Vec<PathBuf> = Vec::new();
    for place in ["test", "examples"] {
        gather(&folder.join(place), &mut files)?;
    }
    // By name: versions of Node differ in what they make of a folder.
    files.retain(|file| file.to_string_lossy().ends_with(".test.mjs"));
    let mut tests = Command::new("node");
    tests.args(["--test", "--test-reporter=tap"]).args(files).current_dir(folder);
    Ok(tests)
}

/// The first number in a version such as `v20.20.2`.
fn major(version: &str) -> Option<u32> {
    version.trim_start_matches('v').split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{lacks, major};

    #[test]
    fn versions_of_node_are_read() {
        assert_eq!(major("v20.20.2"), Some(20));
        assert_eq!(major("unknown"), None);
    }

    #[test]
    fn without_node_or_npm_or_with_an_old_one_the_language_is_left_out() {
        assert_eq!(lacks(Some("v20.20.2"), true), None);
        assert_eq!(lacks(Some("v22.0.0"), true), None);
        for (version, has_npm) in
            [(None, false), (None, true), (Some("v20.20.2"), false), (Some("v18.1.0"), true)]
        {
            let reason = lacks(version, has_npm).expect("left out");
            assert_eq!(reason, "there is no Node.js 20 or newer with npm");
        }
    }
}

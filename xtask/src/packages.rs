//! Installs the npm packages that tests read: recorded payloads and browser automation.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::stamp::Stamp;
use crate::{command, languages};

/// What needs them beside the browser, as lines of what is left out name it. Tests look for these words.
pub(crate) const TESTS: &str = "tests with recorded payloads";

const FOLDER: &str = "tests";

/// Installs exactly what `tests/package-lock.json` names, unless that was done already; else why it is left out.
///
/// # Errors
///
/// When npm fails.
pub(crate) fn install(root: &Path) -> Result<Result<(), String>> {
    let stamp = stamp(root)?;
    if are_there(root, &stamp) {
        return Ok(Ok(()));
    }
    if let Some(reason) = languages::no_node() {
        return Ok(Err(reason));
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--loglevel=error"]).current_dir(root.join(FOLDER));
    command::run("npm ci", &mut npm)?;
    stamp.renew()?;
    Ok(Ok(()))
}

/// Why they cannot be had, if they cannot.
///
/// # Errors
///
/// When the lock file cannot be read.
pub(crate) fn missing(root: &Path) -> Result<Option<String>> {
    // What was installed while there was Node can still be read.
    Ok(if are_there(root, &stamp(root)?) { None } else { languages::no_node() })
}

fn stamp(root: &Path) -> Result<Stamp> {
    let lock = root.join(FOLDER).join("package-lock.json");
    let cause = fs::read(&lock).with_context(|| format!("reading {}", lock.display()))?;
    Ok(Stamp::new(root, "npm", cause))
}

fn are_there(root: &Path, stamp: &Stamp) -> bool {
    stamp.is_fresh() && root.join(FOLDER).join("node_modules").is_dir()
}

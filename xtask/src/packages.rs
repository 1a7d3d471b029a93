//! Installs the npm packages that tests read: recorded payloads and browser automation.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command;
use crate::stamp::Stamp;

/// Installs exactly what `tests/package-lock.json` names, unless that was done already.
///
/// # Errors
///
/// When npm is missing or fails.
pub(crate) fn install(root: &Path) -> Result<()> {
    let folder = root.join("tests");
    let lock = folder.join("package-lock.json");
    let cause = fs::read(&lock).with_context(|| format!("reading {}", lock.display()))?;
    let stamp = Stamp::new(root, "npm", cause);
    if stamp.is_fresh() && folder.join("node_modules").is_dir() {
        return Ok(());
    }
    if !command::is_installed("npm") {
        bail!(
            "missing npm, which installs the payloads that tests read: install Node.js 20 or newer"
        );
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--loglevel=error"]).current_dir(&folder);
    command::run("npm ci", &mut npm)?;
    stamp.renew()
}

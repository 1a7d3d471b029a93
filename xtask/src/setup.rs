//! Installs what building and testing need. Doing it again costs milliseconds.

use std::path::Path;

use anyhow::Result;

use crate::guests::{self, Guests};
use crate::toolchain::Toolchain;
use crate::{command, debian, languages, packages, tool};

/// What is installed on the way to the first build and the first test.
///
/// # Errors
///
/// When something cannot be installed; the message says what to do.
pub(crate) fn everything(root: &Path) -> Result<()> {
    let toolchain = toolchain(root)?;
    dependency_check(root)?;
    packages::install(root)?;
    languages::set_up(root)?;
    eprintln!("== ready: {}, cargo-deny, npm packages", toolchain.name);
    Ok(())
}

/// The toolchain of guests.
///
/// # Errors
///
/// When there is none and none can be installed.
pub(crate) fn toolchain(root: &Path) -> Result<Toolchain> {
    let toolchain = Toolchain::set_up(root)?;
    eprintln!("== guests are compiled by {}", toolchain.name);
    Ok(toolchain)
}

/// Builds guests, after setting up what that takes.
///
/// # Errors
///
/// When the toolchain cannot be installed or a guest does not build.
pub(crate) fn guests(root: &Path, what: Guests) -> Result<Toolchain> {
    let toolchain = toolchain(root)?;
    let files =
        command::with_heartbeat("building guests", || guests::build(root, &toolchain, what))?;
    let others = match what {
        Guests::All => languages::build(root)?,
        Guests::Plugins => Vec::new(),
    };
    eprintln!("== {} components are up to date", files.len() + others.len());
    Ok(toolchain)
}

/// cargo-deny.
///
/// # Errors
///
/// When it cannot be installed.
pub(crate) fn dependency_check(root: &Path) -> Result<()> {
    tool::DENY.set_up(root)
}

/// The browser that tests drive.
///
/// # Errors
///
/// When it is missing and nobody here may install it.
pub(crate) fn browser() -> Result<()> {
    if command::is_installed("chromium") {
        return Ok(());
    }
    debian::install("the browser that tests drive", &["chromium"])
}

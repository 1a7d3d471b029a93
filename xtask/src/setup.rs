//! Installs what building and testing need. Doing it again costs milliseconds.

use std::path::Path;

use anyhow::Result;

use crate::guests::{self, Guests};
use crate::left_out::LeftOut;
use crate::toolchain::Toolchain;
use crate::{command, debian, languages, packages, tool};

/// What is installed on the way to the first build and the first test. Without Node or Python, what needs them is left
/// out, and told.
///
/// # Errors
///
/// When something cannot be installed; the message says what to do.
pub(crate) fn everything(root: &Path) -> Result<()> {
    let toolchain = toolchain(root)?;
    dependency_check(root)?;
    let packages = packages::install(root)?;
    let mut left_out = languages::set_up(root)?;
    if let Err(reason) = packages {
        left_out.add(&format!("{}, browser tests", packages::TESTS), &reason);
    }
    let rest = if left_out.is_empty() { ", npm packages, Node and Python" } else { "" };
    eprintln!("== ready: {}, cargo-deny{rest}", toolchain.name);
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

/// Builds guests, after setting up what that takes. Gives what of all guests, and of the tests that need more than
/// guests, is left out on this machine.
///
/// # Errors
///
/// When the toolchain cannot be installed or a guest does not build.
pub(crate) fn guests(root: &Path, what: Guests) -> Result<LeftOut> {
    let toolchain = toolchain(root)?;
    let files =
        command::with_heartbeat("building guests", || guests::build(root, &toolchain, what))?;
    let (others, left_out) = match what {
        Guests::All => foreign_guests(root)?,
        Guests::Plugins => (0, LeftOut::default()),
    };
    eprintln!("== {} components are up to date", files.len() + others);
    Ok(left_out)
}

/// Builds the guests in other languages and counts them. Keeps for the tests what is left out.
fn foreign_guests(root: &Path) -> Result<(usize, LeftOut)> {
    let (files, mut left_out) = languages::build(root)?;
    if let Some(reason) = packages::missing(root)? {
        left_out.add(packages::TESTS, &reason);
    }
    left_out.keep(root)?;
    Ok((files.len(), left_out))
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

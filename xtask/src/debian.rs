//! Installs Debian packages, where that is possible.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::command;

/// Whether packages of Debian can be installed here at all.
pub(crate) fn is_this() -> bool {
    Path::new("/etc/debian_version").exists() && command::is_installed("apt-get")
}

/// Installs `packages` as root or with sudo, without asking questions. `purpose` tells people why.
///
/// # Errors
///
/// When nobody here may install packages, or apt-get fails.
pub(crate) fn install(purpose: &str, packages: &[&str]) -> Result<()> {
    if !is_this() {
        bail!(
            "missing {} ({purpose}): install it with your system's packages",
            packages.join(", ")
        );
    }
    let is_root = command::output(Command::new("id").arg("-u")).as_deref() == Some("0");
    if !is_root && !sudo_answers() {
        bail!("missing {} ({purpose}): run `apt-get install {0}` as root", packages.join(" "));
    }
    command::run("apt-get update", apt_get(is_root).args(["update", "-q"]))?;
    let mut install = apt_get(is_root);
    install.args(["install", "-q", "-y", "--no-install-recommends"]).args(packages);
    command::run(&format!("installing {}", packages.join(" ")), &mut install)
}

fn apt_get(is_root: bool) -> Command {
    let mut command = Command::new(if is_root { "apt-get" } else { "sudo" });
    if !is_root {
        command.args(["-n", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
    }
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// Whether sudo works without a password: nobody may be there to type one.
fn sudo_answers() -> bool {
    command::is_installed("sudo")
        && command::output(Command::new("sudo").args(["-n", "true"])).is_some()
}

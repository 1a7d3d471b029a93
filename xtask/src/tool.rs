//! Programs of the Rust ecosystem that the gate calls, in pinned versions.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::command;

/// A cargo subcommand that is installed below `target/tools` unless a suitable one is there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tool {
    /// Its crate and program.
    name: &'static str,
    /// Installed when there is none.
    pinned: Version,
    /// The oldest that does.
    oldest: Version,
    /// Arguments of `cargo install`.
    install: &'static [&'static str],
}

type Version = (u32, u32, u32);

/// Checks licences, bans and sources. Without default features: nothing of it needs gix, which
/// fetches the advisory database and is most of its build.
pub(crate) const DENY: Tool = Tool {
    name: "cargo-deny",
    pinned: (0, 20, 2),
    oldest: (0, 18, 0),
    install: &["--no-default-features"],
};

/// Measures coverage.
pub(crate) const LLVM_COV: Tool =
    Tool { name: "cargo-llvm-cov", pinned: (0, 9, 1), oldest: (0, 6, 16), install: &[] };

/// Drives the fuzzer.
pub(crate) const FUZZ: Tool =
    Tool { name: "cargo-fuzz", pinned: (0, 13, 2), oldest: (0, 13, 0), install: &[] };

impl Tool {
    /// Makes sure that it is there.
    ///
    /// # Errors
    ///
    /// When it cannot be installed.
    pub(crate) fn set_up(self, root: &Path) -> Result<()> {
        if self.find(root).is_some() {
            return Ok(());
        }
        let label = format!("installing {}", self.name);
        eprintln!("   {label} {} into target/tools, once", text(self.pinned));
        let tools = root.join("target/tools");
        let mut install = command::cargo(root);
        install.args(["install", "--locked", self.name, "--version", &text(self.pinned)]);
        install.args(self.install).arg("--root").arg(&tools);
        install.arg("--target-dir").arg(tools.join("build"));
        command::run(&label, &mut install)?;
        if self.find(root).is_none() {
            bail!("{} was installed into {}, but does not run", self.name, tools.display());
        }
        // The build folder is hundreds of megabytes; failing to remove it harms nothing.
        let _ = std::fs::remove_dir_all(tools.join("build"));
        Ok(())
    }

    /// A command that runs it in `root`, as cargo would.
    pub(crate) fn command(self, root: &Path) -> Command {
        let program =
            self.find(root).map_or_else(|| OsString::from(self.name), PathBuf::into_os_string);
        let mut command = Command::new(program);
        command.current_dir(root);
        command.arg(self.name.trim_start_matches("cargo-"));
        command
    }

    fn find(self, root: &Path) -> Option<PathBuf> {
        let ours = root.join("target/tools/bin").join(self.name);
        [ours, PathBuf::from(self.name)].into_iter().find(|program| {
            command::output(
                Command::new(program).arg(self.name.trim_start_matches("cargo-")).arg("--version"),
            )
            .and_then(|answer| parse(&answer))
            .is_some_and(|version| version >= self.oldest)
        })
    }
}

fn text((major, minor, patch): Version) -> String {
    format!("{major}.{minor}.{patch}")
}

/// The version in an answer such as `cargo-deny 0.20.2`.
fn parse(answer: &str) -> Option<Version> {
    let mut numbers =
        answer.split_whitespace().nth(1)?.split(['.', '-', '+']).map(str::parse::<u32>);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn versions_are_read_from_the_answer_of_a_tool() {
        assert_eq!(parse("cargo-deny 0.20.2"), Some((0, 20, 2)));
        assert_eq!(parse("cargo-llvm-cov 0.9.1-dev"), Some((0, 9, 1)));
        assert_eq!(parse("error: no such command"), None);
    }
}

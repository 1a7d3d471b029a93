//! Python in an environment of the checkout's own, with exactly the packages that the SDK's requirements name.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::stamp::Stamp;
use crate::{command, debian};

/// The environment.
const ENVIRONMENT: &str = "target/python";

/// Files of packages, each with its hashes: those of the SDK, and those of the example.
const REQUIREMENTS: [&str; 2] =
    ["sdk/python/requirements.txt", "sdk/python/examples/review/requirements.txt"];

/// The oldest Python that does.
const OLDEST: (u32, u32) = (3, 11);

/// Makes the environment; else why the language is left out.
///
/// # Errors
///
/// When a package cannot be installed.
pub(super) fn set_up(root: &Path) -> Result<Result<(), String>> {
    let version = command::output(Command::new("python3").arg("--version")).unwrap_or_default();
    if let Some(reason) = lacks(&version) {
        return Ok(Err(reason));
    }
    let mut cause = version.into_bytes();
    for file in REQUIREMENTS {
        cause.extend(fs::read(root.join(file)).with_context(|| format!("reading {file}"))?);
    }
    let stamp = Stamp::new(root, "python", cause);
    if stamp.is_fresh() && python(root).is_file() {
        return Ok(Ok(()));
    }
    if !environment(root) {
        return Ok(Err("its module `venv` does not work (Debian: python3-venv)".to_owned()));
    }
    let mut pip = Command::new(python(root));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
    pip.args(["--no-deps", "--require-hashes"]).current_dir(root);
    for file in REQUIREMENTS {
        pip.args(["-r", file]);
    }
    command::run("pip install of the SDK", &mut pip)?;
    stamp.renew()?;
    Ok(Ok(()))
}

/// What is missing, by what Python said of its version: nothing at all when there is none.
fn lacks(version: &str) -> Option<String> {
    let is_new_enough = parse(version).is_some_and(|version| version >= OLDEST);
    (!is_new_enough).then(|| format!("there is no Python {}.{} or newer", OLDEST.0, OLDEST.1))
}

/// Makes the environment anew; whether that worked.
fn environment(root: &Path) -> bool {
    let make = || {
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv", "--clear", ENVIRONMENT]).current_dir(root);
        command::output(&mut venv).is_some()
    };
    // Debian keeps a part of it in a package of its own.
    make()
        || (debian::is_this()
            && debian::install("environments of Python", &["python3-venv"]).is_ok()
            && make())
}

/// The program that makes a component of the module it is given.
pub(super) fn builder(root: &Path) -> Command {
    let mut build = Command::new(python(root));
    build.args(["-m", "taskloom.build"]).current_dir(root);
    build.env("PYTHONPATH", root.join("sdk/python"));
    build
}

/// The tests of the SDK and of its examples.
pub(super) fn tests(root: &Path) -> Command {
    let mut tests = Command::new(python(root));
    // Its own runner, with the output that is counted.
    tests.arg("tests/run.py").current_dir(root.join("sdk/python"));
    tests.env("PYTHONDONTWRITEBYTECODE", "1");
    tests
}

fn python(root: &Path) -> PathBuf {
    root.join(ENVIRONMENT).join("bin/python")
}

/// The first two numbers of a version such as `Python 3.11.7`.
fn parse(answer: &str) -> Option<(u32, u32)> {
    let mut numbers = answer.strip_prefix("Python ")?.split('.').map(str::parse::<u32>);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::{lacks, parse};

    #[test]
    fn versions_of_python_are_read() {
        assert_eq!(parse("Python 3.11.7"), Some((3, 11)));
        assert_eq!(parse("Python 2.7.18"), Some((2, 7)));
        assert_eq!(parse(""), None);
    }

    #[test]
    fn without_python_or_with_an_old_one_the_language_is_left_out() {
        assert_eq!(lacks("Python 3.11.7"), None);
        for version in ["", "Python 3.9.2"] {
            assert_eq!(lacks(version).as_deref(), Some("there is no Python 3.11 or newer"));
        }
    }
}

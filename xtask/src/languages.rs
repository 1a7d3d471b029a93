//! Guests in other languages than Rust: their toolchains, and the components that are built with them.
//!
//! A machine without such a language builds and tests everything else; what it leaves out is told.

mod javascript;
mod python;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use sha2::{Digest as _, Sha256};

use crate::command;
use crate::left_out::LeftOut;
use crate::stamp::Stamp;

pub(crate) use javascript::missing as no_node;

/// Where the components go: they are guests of the tests.
const COMPONENTS: &str = "target/guests/components";

/// The contract that they are built for.
const CONTRACT: &str = "wit/1.0.0";

/// A language that plugins are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    JavaScript,
    Python,
}

/// A plugin in one of them.
#[derive(Debug)]
struct Guest {
    language: Language,
    /// The plugin's name and the stem of its file.
    name: &'static str,
    /// Its main module; what it is made of lies in the same folder.
    module: &'static str,
}

const GUESTS: [Guest; 4] = [
    Guest {
        language: Language::JavaScript,
        name: "conform-js",
        module: "tests/guests/conform-js/plugin.js",
    },
    Guest {
        language: Language::JavaScript,
        name: "release",
        module: "sdk/js/examples/release/release.ts",
    },
    Guest {
        language: Language::Python,
        name: "conform-py",
        module: "tests/guests/conform-py/conform_py.py",
    },
    Guest {
        language: Language::Python,
        name: "review",
        module: "sdk/python/examples/review/review.py",
    },
];

/// Installs the languages that there are and builds the guests in them. Gives their files, and a line for each language
/// that this machine lacks.
///
/// # Errors
///
/// When a language that is there cannot be set up, or a guest does not build.
pub(crate) fn build(root: &Path) -> Result<(Vec<PathBuf>, LeftOut)> {
    let (mut files, mut left_out) = (Vec::new(), LeftOut::default());
    for language in Language::ALL {
        let guests: Vec<_> = GUESTS.iter().filter(|guest| guest.language == language).collect();
        match language.set_up(root)? {
            Ok(()) => {
                for guest in guests {
                    files.push(guest.build(root)?);
                }
            }
            Err(reason) => {
                for guest in &guests {
                    // One of an earlier checkout would be tested as if it was this one.
                    let _ = fs::remove_file(guest.component(root));
                }
                left_out.add(&language.guests(), &reason);
            }
        }
    }
    Ok((files, left_out))
}

/// Installs the languages that there are; tells what is left out without the others.
///
/// # Errors
///
/// When a language that is there cannot be set up.
pub(crate) fn set_up(root: &Path) -> Result<LeftOut> {
    let mut left_out = LeftOut::default();
    for language in Language::ALL {
        if let Err(reason) = language.set_up(root)? {
            left_out.add(&format!("{}, the tests of its SDK", language.guests()), &reason);
        }
    }
    Ok(left_out)
}

/// The tests of the SDKs and of their examples, which need no host, and those that are left out.
///
/// # Errors
///
/// When a language that is there cannot be set up.
pub(crate) fn tests(root: &Path) -> Result<(Vec<(String, Command)>, LeftOut)> {
    let (mut tests, mut left_out) = (Vec::new(), LeftOut::default());
    for language in Language::ALL {
        let label = format!("tests of the SDK in {}", language.name());
        match language.set_up(root)? {
            Ok(()) => tests.push((label, language.tests(root)?)),
            Err(reason) => left_out.add(&label, &reason),
        }
    }
    Ok((tests, left_out))
}

impl Language {
    const ALL: [Self; 2] = [Self::JavaScript, Self::Python];

    const fn name(self) -> &'static str {
        match self {
            Self::JavaScript => "JavaScript",
            Self::Python => "Python",
        }
    }

    /// What is left out without it, by which tests know it.
    fn guests(self) -> String {
        let guests = GUESTS.iter().filter(|guest| guest.language == self);
        let names: Vec<_> = guests.map(|guest| guest.name).collect();
        format!("guests in {} ({})", self.name(), names.join(", "))
    }

    /// What components of this language are made with, beside the guest itself.
    const fn tools(self) -> &'static [&'static str] {
        match self {
            Self::JavaScript => &["sdk/js/src", "sdk/js/build.mjs", "sdk/js/package-lock.json"],
            Self::Python => {
                &["sdk/python/taskloom", "sdk/python/requirements.txt", "sdk/rust/wit/deps"]
            }
        }
    }

    /// Installs what the language needs; else why it is left out.
    fn set_up(self, root: &Path) -> Result<Result<(), String>> {
        match self {
            Self::JavaScript => javascript::set_up(root),
            Self::Python => python::set_up(root),
        }
    }

    fn tests(self, root: &Path) -> Result<Command> {
        Ok(match self {
            Self::JavaScript => javascript::tests(root)?,
            Self::Python => python::tests(root),
        })
    }

    /// The program that makes a component of the module it is given.
    fn builder(self, root: &Path) -> Command {
        match self {
            Self::JavaScript => javascript::builder(root),
            Self::Python => python::builder(root),
        }
    }
}

impl Guest {
    fn component(&self, root: &Path) -> PathBuf {
        root.join(COMPONENTS).join(format!("{}.wasm", self.name))
    }

    /// Builds it, unless a component of the very same sources is there.
    fn build(&self, root: &Path) -> Result<PathBuf> {
        let component = self.component(root);
        let stamp = Stamp::new(root, &format!("guest-{}", self.name), self.sources(root)?);
        if stamp.is_fresh() && component.is_file() {
            return Ok(component);
        }
        let mut builder = self.language.builder(root);
        builder.arg(self.module).arg("--out").arg(&component);
        command::run(&format!("building {}", self.name), &mut builder)?;
        stamp.renew()?;
        Ok(component)
    }

    /// The digest of everything that it is made of.
    fn sources(&self, root: &Path) -> Result<Vec<u8>> {
        let own = Path::new(self.module).parent().expect("a module lies in a folder");
        let mut files = Vec::new();
        for place in self.language.tools().iter().chain(&[CONTRACT]) {
            gather(&root.join(place), &mut files)?;
        }
        gather(&root.join(own), &mut files)?;
        files.sort();
        let mut digest = Sha256::new();
        for file in files {
            let content = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
            let name = file.strip_prefix(root).expect("it was found below the root");
            digest.update(name.as_os_str().as_encoded_bytes());
            digest.update([0]);
            digest.update(Sha256::digest(content));
        }
        Ok(format!("{:x}", digest.finalize()).into_bytes())
    }
}

/// The files at or below `place`, without what is installed or made.
fn gather(place: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if place.is_file() {
        files.push(place.to_owned());
        return Ok(());
    }
    let entries = fs::read_dir(place).with_context(|| format!("reading {}", place.display()))?;
    for entry in entries {
        let path = entry.with_context(|| format!("reading {}", place.display()))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !matches!(name, "node_modules" | "__pycache__") && !name.starts_with('.') {
            gather(&path, files)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_names_the_guests_that_tests_ask_for() {
        let lines = Language::ALL.map(Language::guests);
        assert_eq!(
            lines,
            ["guests in JavaScript (conform-js, release)", "guests in Python (conform-py, review)"]
        );
    }

    #[test]
    fn the_digest_of_the_sources_follows_their_content() {
        let root = tempfile::tempdir().expect("a folder");
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        };
        for place in ["sdk/js/src/a.js", "sdk/js/build.mjs", "sdk/js/package-lock.json"] {
            write(place, "one");
        }
        write("wit/1.0.0/plugin.wit", "package a:b;");
        write("mine/plugin.js", "one");
        let guest =
            Guest { language: Language::JavaScript, name: "mine", module: "mine/plugin.js" };
        let digest = || guest.sources(root.path()).expect("readable");
        let before = digest();
        write("mine/node_modules/x/index.js", "installed");
        write("mine/.taskloom-1/plugin.js", "made");
        assert_eq!(digest(), before);
        write("mine/other.js", "new");
        assert_ne!(digest(), before);
    }
}

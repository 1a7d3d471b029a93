//! The languages that plugins are written in.

use std::fmt;
use std::path::Path;

use anyhow::{Result, bail};
use clap::ValueEnum;

/// A language with an SDK in the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Language {
    /// Rust, compiled by cargo
    Rust,
    /// JavaScript or TypeScript, put together with an engine by Node.js
    #[value(name = "js", alias = "javascript", alias = "typescript", alias = "ts")]
    JavaScript,
    /// Python, put together with an interpreter
    #[value(alias = "py")]
    Python,
}

impl Language {
    /// All of them.
    const ALL: [Self; 3] = [Self::Rust, Self::JavaScript, Self::Python];

    /// The file by which a project is known to be in this language.
    pub(super) const fn mark(self) -> &'static str {
        match self {
            Self::Rust => "Cargo.toml",
            Self::JavaScript => "package.json",
            Self::Python => "pyproject.toml",
        }
    }

    /// The folder of its SDK in the checkout.
    pub(super) const fn sdk(self) -> &'static str {
        match self {
            Self::Rust => "sdk/rust",
            Self::JavaScript => "sdk/js",
            Self::Python => "sdk/python",
        }
    }

    /// The language of the project in `folder`.
    ///
    /// # Errors
    /// When there is no project, or one of several languages.
    pub(super) fn of(folder: &Path) -> Result<Self> {
        let found: Vec<_> = Self::ALL
            .into_iter()
            .filter(|language| folder.join(language.mark()).is_file())
            .collect();
        match found[..] {
            [language] => Ok(language),
            [] => {
                let marks: Vec<_> =
                    Self::ALL.map(|language| format!("`{}` ({language})", language.mark())).into();
                bail!(
                    "there is no plugin project in `{}`: it has no {}; `taskloom plugin new NAME` makes one",
                    folder.display(),
                    marks.join(", "),
                )
            }
            _ => {
                let marks: Vec<_> =
                    found.iter().map(|language| format!("`{}`", language.mark())).collect();
                bail!(
                    "the project in `{}` has {}: a plugin is in one language",
                    folder.display(),
                    marks.join(" and "),
                )
            }
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rust => "Rust",
            Self::JavaScript => "JavaScript",
            Self::Python => "Python",
        })
    }
}

//! What this machine cannot build or test because it lacks a language: a line each, told at once, kept for the tests that
//! need it, and summed up by the gate.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

/// Read by the tests that need what was left out.
const FILE: &str = "target/guests/left-out.txt";

/// Lines, each once, in the order in which they were found.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct LeftOut(Vec<String>);

impl LeftOut {
    /// Adds what is left out and why, and tells it.
    pub(crate) fn add(&mut self, what: &str, reason: &str) {
        let line = format!("{what}: {reason}");
        eprintln!("== LEFT OUT: {line}");
        self.insert(line);
    }

    /// Adds what was told before.
    pub(crate) fn join(&mut self, other: Self) {
        for line in other.0 {
            self.insert(line);
        }
    }

    fn insert(&mut self, line: String) {
        if !self.0.contains(&line) {
            self.0.push(line);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The lines.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Keeps the lines for the tests, instead of those that were kept before.
    ///
    /// # Errors
    ///
    /// When they cannot be written.
    pub(crate) fn keep(&self, root: &Path) -> Result<()> {
        let text: String = self.lines().map(|line| format!("{line}\n")).collect();
        let path = root.join(FILE);
        fs::create_dir_all(path.parent().expect("it lies in a folder"))
            .and_then(|()| fs::write(&path, text))
            .with_context(|| format!("writing {FILE}"))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{FILE, LeftOut};

    #[test]
    fn what_is_left_out_is_kept_once_and_anew() {
        let root = tempfile::tempdir().expect("a folder");
        let kept = || fs::read_to_string(root.path().join(FILE)).expect("kept");
        let mut first = LeftOut::default();
        first.add("browser tests", "there is no Node.js");
        first.join(first.clone());
        first.add("guests in Python", "there is none");
        first.keep(root.path()).expect("written");
        assert_eq!(kept(), "browser tests: there is no Node.js\nguests in Python: there is none\n");
        LeftOut::default().keep(root.path()).expect("written");
        assert_eq!(kept(), "");
    }
}

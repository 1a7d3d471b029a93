//! Documents that name tests, as what shows that a promise is kept, name tests that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The documents that promise something and say what shows it.
const DOCUMENTS: [&str; 2] = ["docs/durability.md", "docs/security.md"];

/// Where tests are.
const SOURCES: [&str; 4] = ["host", "tests", "fuzz", "sdk/rust"];

/// How the attribute of a test begins, with arguments or without.
const ATTRIBUTES: [&str; 4] = ["#[test]", "#[test(", "#[tokio::test]", "#[tokio::test("];

/// How the list of a suite begins, each of whose functions a macro makes a test of.
const SUITE: &str = "\n    conformance! {";

#[test]
fn documents_name_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut tests = BTreeSet::new();
    for folder in SOURCES {
        tests_below(&root.join(folder), &mut tests);
    }
    let mut missing = Vec::new();
    for document in DOCUMENTS {
        let text = fs::read_to_string(root.join(document)).expect("the document");
        for (number, line) in text.lines().enumerate() {
            let named = line.split('`').skip(1).step_by(2).filter(|name| is_test(name));
            let unknown = named.filter(|name| !tests.contains(*name));
            missing.extend(unknown.map(|name| format!("{document}:{}: {name}", number + 1)));
        }
    }
    assert!(missing.is_empty(), "tests that are named and are not there:\n{}", missing.join("\n"));
}

#[test]
fn documents_name_tests_of_the_files_that_they_name() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut sources = Vec::new();
    for folder in SOURCES {
        sources_below(&root.join(folder), &mut sources);
    }
    let mut wrong = Vec::new();
    for document in DOCUMENTS {
        let text = fs::read_to_string(root.join(document)).expect("the document");
        for (number, line) in text.lines().enumerate() {
            let elsewhere = elsewhere(line, &sources).into_iter();
            wrong.extend(elsewhere.map(|name| format!("{document}:{}: {name}", number + 1)));
        }
    }
    assert!(wrong.is_empty(), "not where the document says:\n{}", wrong.join("\n"));
}

/// What a line names after a file and is not in it, and the files that it names and are not there.
fn elsewhere(line: &str, sources: &[(PathBuf, String)]) -> Vec<String> {
    let (mut wrong, mut file) = (Vec::new(), None);
    for word in line.split('`').skip(1).step_by(2) {
        if Path::new(word).extension().is_some_and(|extension| extension == "rs") {
            file = Some(word);
            wrong.extend(named(sources, word).next().is_none().then(|| word.to_owned()));
        } else if let Some(file) = file.filter(|_| is_test(word)) {
            let function = format!("fn {word}(");
            let is_there = named(sources, file).any(|text| text.contains(&function));
            wrong.extend((!is_there).then(|| format!("{word} in {file}")));
        }
    }
    wrong
}

/// The texts of the sources whose paths end so.
fn named<'s>(sources: &'s [(PathBuf, String)], end: &'s str) -> impl Iterator<Item = &'s String> {
    sources.iter().filter(move |(path, _)| path.ends_with(end)).map(|(_, text)| text)
}

fn sources_below(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    let entries = fs::read_dir(folder).expect("a folder of sources");
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() && !is_built(&path) {
            sources_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source");
            found.push((path, text));
        }
    }
}

/// Whether a word in code style is the name of a test: several words of lower case, joined.
fn is_test(name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.matches('_').count() >= 3 && name.chars().all(is_part)
}

fn tests_below(folder: &Path, found: &mut BTreeSet<String>) {
    let entries = fs::read_dir(folder).expect("a folder of sources");
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() {
            if !is_built(&path) {
                tests_below(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            tests_of(&fs::read_to_string(&path).expect("a source"), found);
        }
    }
}

/// The tests of a source: functions with the attribute of one, and what a suite's macro makes tests of. A helper, or a
/// function that lost its attribute, shows nothing.
fn tests_of(source: &str, found: &mut BTreeSet<String>) {
    let mut is_marked = false;
    for line in source.lines().map(str::trim) {
        if line.starts_with("#[") {
            is_marked |= ATTRIBUTES.iter().any(|attribute| line.starts_with(attribute));
        } else if !line.is_empty() && !line.starts_with("//") {
            let name = line.split("fn ").nth(1).and_then(|rest| rest.split(['(', '<']).next());
            found.extend(name.filter(|_| is_marked).map(str::to_owned));
            is_marked = false;
        }
    }
    for suite in source.split(SUITE).skip(1) {
        let names = suite.split('}').next().and_then(|inner| inner.split_once(';'));
        found.extend(names.into_iter().flat_map(|(_, n)| n.split_whitespace()).map(str::to_owned));
    }
}

fn is_built(path: &Path) -> bool {
    path.ends_with("target") || path.ends_with("node_modules")
}

#[test]
fn only_what_runs_as_a_test_counts_as_one() {
    let source = r#"
#[test]
fn plain() {}
#[tokio::test(flavor = "multi_thread")]
/// What it shows.
#[expect(clippy::unwrap_used)]
pub async fn on_a_runtime() {}
fn helper() {}
#[derive(Debug)]
struct Marked;
#[cfg(test)]
fn of_tests() {}
    #[test]
    const NONE: u8 = 0;
    fn later() {}
    conformance! { sqlite;
        of_a_suite
        and_another
    }
"#;
    let mut found = BTreeSet::new();
    tests_of(source, &mut found);
    let found: Vec<_> = found.iter().map(String::as_str).collect();
    assert_eq!(found, ["and_another", "of_a_suite", "on_a_runtime", "plain"]);
}

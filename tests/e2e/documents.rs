//! Documents that name tests, as what shows that a promise is kept, name tests that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The documents that promise something and say what shows it.
const DOCUMENTS: [&str; 2] = ["docs/durability.md", "docs/security.md"];

/// Where tests are.
const SOURCES: [&str; 4] = ["host", "tests", "fuzz", "sdk/rust"];

#[test]
fn documents_name_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut functions = BTreeSet::new();
    for folder in SOURCES {
        functions_of(&root.join(folder), &mut functions);
    }
    let mut missing = Vec::new();
    for document in DOCUMENTS {
        let text = fs::read_to_string(root.join(document)).expect("the document");
        for (number, line) in text.lines().enumerate() {
            let named = line.split('`').skip(1).step_by(2).filter(|name| is_test(name));
            let unknown = named.filter(|name| !functions.contains(*name));
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

fn functions_of(folder: &Path, found: &mut BTreeSet<String>) {
    let entries = fs::read_dir(folder).expect("a folder of sources");
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() {
            if !is_built(&path) {
                functions_of(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source");
            let names = text.split("fn ").skip(1).filter_map(|rest| rest.split('(').next());
            found.extend(names.map(str::to_owned));
        }
    }
}

fn is_built(path: &Path) -> bool {
    path.ends_with("target") || path.ends_with("node_modules")
}

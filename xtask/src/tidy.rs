//! Rules of `docs/style.md` that a machine can check.

use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a source file, without its tests.
const LINES_MAX: usize = 600;

/// Names that say nothing about what a file is responsible for.
const EMPTY_NAMES: [&str; 6] = ["utils", "util", "common", "helpers", "manager", "imp"];

#[test]
fn files_say_what_they_are_responsible_for() {
    check(|path, text| {
        // `tests.rs` holds the tests of the module that it lies in.
        (!text.starts_with("//!") && !path.ends_with("tests.rs"))
            .then(|| "begins with no `//!` that says what it is for".to_owned())
    });
}

#[test]
fn files_are_short_enough_to_read() {
    check(|path, text| {
        let is_code = !path.ends_with("tests.rs")
            && !path.components().any(|part| part.as_os_str() == "tests");
        let lines = text.lines().take_while(|line| line.trim() != "#[cfg(test)]").count();
        (is_code && lines > LINES_MAX)
            .then(|| format!("has {lines} lines, more than {LINES_MAX}: split it by noun"))
    });
}

#[test]
fn names_are_nouns_that_mean_something() {
    check(|path, _| {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        EMPTY_NAMES.contains(&stem).then(|| format!("`{stem}` is not what it is responsible for"))
    });
}

#[test]
fn no_test_is_switched_off() {
    // Put together, or this file would find itself.
    let attributes = ["ignore", "should_panic"].map(|name| format!("#[{name}"));
    check(|_, text| {
        let found = attributes.iter().find(|attribute| text.contains(attribute.as_str()))?;
        Some(format!(
            "has `{found}]`: a test that is skipped, or passes for any panic, proves nothing"
        ))
    });
}

#[test]
fn codes_of_failures_stand_in_one_place() {
    // Put together, or this file would find itself.
    let made = ["Failure", "::new("].concat();
    check(|path, text| {
        let is_ours =
            path.starts_with("host") && path.components().any(|part| part.as_os_str() == "src");
        let code =
            text.split("#[cfg(test)]").next().filter(|_| is_ours && !path.ends_with("tests.rs"))?;
        let calls = code.split(&made).skip(1);
        let mut words =
            calls.filter_map(|call| call.split_once(',')?.1.trim_start().split_once(','));
        let (literal, _) = words.find(|(word, _)| word.starts_with('"'))?;
        Some(format!("makes a failure of {literal}: declare it in host/core/src/failure/code.rs"))
    });
}

/// Applies `rule` to every source file of ours and fails with everything it found.
fn check(rule: impl Fn(&Path, &str) -> Option<String>) {
    let root = crate::root();
    let mut files = Vec::new();
    for folder in ["host", "sdk/rust", "plugins", "tests/guests", "xtask"] {
        sources(&root.join(folder), &mut files);
    }
    assert!(!files.is_empty(), "there are source files");
    let violations: Vec<_> = files
        .iter()
        .filter_map(|file| {
            let text = fs::read_to_string(file).expect("a source file is text");
            let name = file.strip_prefix(&root).expect("it was found below the root");
            Some(format!("{}: {}", name.display(), rule(name, &text)?))
        })
        .collect();
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).expect("a folder of the checkout");
    for path in entries.map(|entry| entry.expect("an entry of a folder").path()) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && !matches!(name, "target" | "node_modules") {
            sources(&path, files);
        } else if name.ends_with(".rs") {
            files.push(path);
        }
    }
}

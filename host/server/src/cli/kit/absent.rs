//! What a language has and a plugin has not: found in the sources, before it fails or is lost at run
//! time.
//!
//! Looks at text, not at what it means: it gives notes and refuses nothing.

use std::fs;
use std::path::{Path, PathBuf};

use super::language::Language;

/// The most notes on a project.
const NOTES_MAX: usize = 10;

/// The longest source file that is looked at, in bytes.
const SOURCE_BYTES_MAX: u64 = 1024 * 1024;

/// The most files that are looked at.
const FILES_MAX: usize = 1_000;

/// Folders of a project that hold nothing of the author's.
const FOREIGN: [&str; 3] = ["taskloom", "node_modules", "target"];

/// A piece of source, and what it comes to in a plugin.
type Absent = (&'static str, &'static str);

const RUST: [Absent; 12] = [
    ("println!(", "nobody sees what is printed: use `taskloom_sdk::log::info!`"),
    ("print!(", "nobody sees what is printed: use `taskloom_sdk::log::info!`"),
    ("dbg!(", "nobody sees what is printed: use `taskloom_sdk::log::debug!`"),
    ("std::fs", "a plugin has no files: use `taskloom_sdk::artefact`, or the input"),
    ("File::open(", "a plugin has no files: use `taskloom_sdk::artefact`, or the input"),
    ("std::net", "a plugin has no sockets: use `taskloom_sdk::http`"),
    ("env::var(", "a plugin has no environment: take it from the input, or have a secret granted"),
    ("SystemTime::now(", "a plugin has no clock: take the time from the input"),
    (
        "Instant::now(",
        "a plugin has no clock: `taskloom_sdk::task().remaining()` says what is left",
    ),
    ("thread::spawn(", "a plugin has no threads: do one thing after the other, or make more tasks"),
    ("thread::sleep(", "a plugin does not sleep: return `Error::retry_after`"),
    ("process::exit(", "return an error: a plugin that exits counts as crashed"),
];

const JAVASCRIPT: [Absent; 4] = [
    (
        "process.env",
        "a plugin has no environment: take it from the input, or have a secret granted",
    ),
    ("require(", "a plugin is a module: write `import … from …`"),
    ("setInterval(", "a plugin does not wait for itself: return, or throw `TaskError.retryAfter`"),
    ("process.exit(", "throw a `TaskError`: a plugin that exits counts as crashed"),
];

const PYTHON: [Absent; 6] = [
    ("os.environ", "a plugin has no environment: take it from the input, or have a secret granted"),
    ("open(", "a plugin has no files: use `taskloom.artefact`, or the input"),
    ("import socket", "a plugin has no sockets: use `taskloom.http`"),
    ("import requests", "a plugin has no sockets: use `taskloom.http`"),
    ("urllib.request", "a plugin has no sockets: use `taskloom.http`"),
    (
        "import threading",
        "a plugin has no threads: do one thing after the other, or make more tasks",
    ),
];

impl Language {
    const fn absent(self) -> &'static [Absent] {
        match self {
            Self::Rust => &RUST,
            Self::JavaScript => &JAVASCRIPT,
            Self::Python => &PYTHON,
        }
    }

    /// Whether a line begins what only tests have.
    fn begins_tests(self, line: &str) -> bool {
        match self {
            Self::Rust => line == "#[cfg(test)]",
            Self::JavaScript | Self::Python => false,
        }
    }

    fn is_comment(self, line: &str) -> bool {
        match self {
            Self::Rust | Self::JavaScript => line.starts_with("//"),
            Self::Python => line.starts_with('#'),
        }
    }

    /// How the names of sources end.
    const fn endings(self) -> &'static [&'static str] {
        match self {
            Self::Rust => &[".rs"],
            Self::JavaScript => &[".js", ".mjs", ".ts"],
            Self::Python => &[".py"],
        }
    }
}

/// Notes on the sources of a project, each with its file and line.
pub(super) fn notes(language: Language, folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    collect(folder, language.endings(), &mut files);
    files.sort();
    let mut notes = Vec::new();
    for file in files {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        let name = file.strip_prefix(folder).unwrap_or(&file).display().to_string();
        for (number, what) in in_text(language, &text) {
            notes.push(format!("{name}:{number}: {what}"));
        }
    }
    notes.truncate(NOTES_MAX);
    notes
}

/// Lines, from 1, and what is said about them.
fn in_text(language: Language, text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (place, line) in text.lines().enumerate() {
        let line = line.trim();
        if language.begins_tests(line) {
            break;
        }
        if language.is_comment(line) {
            continue;
        }
        let absent = language.absent().iter().find(|(piece, _)| stands_in(line, piece));
        if let Some((piece, what)) = absent {
            let piece = piece.trim_end_matches('(');
            found.push((place + 1, format!("`{piece}`: {what}")));
        }
    }
    found
}

/// Whether a line has a piece of source that is no part of a text: one that begins after an even number of
/// quotation marks.
fn stands_in(line: &str, piece: &str) -> bool {
    let mut places = line.match_indices(piece).map(|(place, _)| place);
    places.any(|place| line[..place].matches('"').count().is_multiple_of(2))
}

fn collect(folder: &Path, endings: &[&str], files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        // Tests run without a host, and what is installed or hidden is not the author's.
        if FOREIGN.contains(&&*name) || name.starts_with('.') || name.contains("test") {
            continue;
        }
        let fits = endings.iter().any(|ending| name.ends_with(ending))
            && entry.metadata().is_ok_and(|metadata| metadata.len() <= SOURCE_BYTES_MAX);
        if is_folder {
            collect(&path, endings, files);
        } else if fits && files.len() < FILES_MAX {
            files.push(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_plugin_has_not_is_found_outside_of_tests_and_comments() {
        let text = "// println!(\nfn a() {\n    println!(\"x\");\n    let t = \
                    std::time::Instant::now();\n}\n#[cfg(test)]\nmod tests { dbg!(1) }\n";
        let found = in_text(Language::Rust, text);
        let lines: Vec<_> = found.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [3, 4]);
        assert!(found[0].1.starts_with("`println!`: nobody sees"), "{found:?}");
        let texts = "const UNWANTED: [&str; 2] = [\"dbg!(\", \"println!(\"];\n";
        assert_eq!(in_text(Language::Rust, texts), []);
    }
}

//! Files and folders that the report names, or that its stack traces go through.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::found::Found;
use crate::markdown::{Document, Place};
use crate::source::{Field, Source, clean};
use crate::traces::Traces;

/// Paths that are reported.
pub const PATHS_MAX: usize = 100;
/// Characters of a path.
const PATH_CHARS_MAX: usize = 300;

/// Endings of files that projects have.
const EXTENSIONS: &[&str] = &[
    "astro",
    "avi",
    "bat",
    "bin",
    "c",
    "cc",
    "cfg",
    "cjs",
    "cmake",
    "conf",
    "cpp",
    "cs",
    "csproj",
    "css",
    "csv",
    "cxx",
    "dart",
    "dll",
    "dockerfile",
    "ejs",
    "erl",
    "ex",
    "exe",
    "exs",
    "fs",
    "go",
    "gradle",
    "graphql",
    "groovy",
    "h",
    "hpp",
    "hs",
    "html",
    "ini",
    "ipynb",
    "java",
    "jl",
    "jpg",
    "js",
    "json",
    "jsx",
    "kt",
    "kts",
    "less",
    "lock",
    "log",
    "lua",
    "m",
    "md",
    "mdx",
    "mjs",
    "ml",
    "mod",
    "nix",
    "patch",
    "php",
    "pl",
    "png",
    "proto",
    "ps1",
    "py",
    "pyi",
    "r",
    "rb",
    "rs",
    "rst",
    "sass",
    "scala",
    "scss",
    "sh",
    "sln",
    "so",
    "sql",
    "sum",
    "svelte",
    "svg",
    "swift",
    "tex",
    "tf",
    "toml",
    "ts",
    "tsx",
    "txt",
    "vue",
    "wasm",
    "wat",
    "wit",
    "xml",
    "yaml",
    "yml",
    "zig",
    "zip",
];

/// Names that are files without an ending.
const FILES: &[&str] = &[
    "Makefile",
    "Dockerfile",
    "Gemfile",
    "Rakefile",
    "Procfile",
    "LICENSE",
    "README",
    "CHANGELOG",
];

/// Names with a dot that are no files.
const NO_FILES: &[&str] = &[
    "node.js",
    "next.js",
    "vue.js",
    "nuxt.js",
    "express.js",
    "three.js",
    "d3.js",
    "deno.js",
    "react.js",
    "asp.net",
    "socket.io",
    "nest.js",
    "ember.js",
    "backbone.js",
    "e.g",
    "i.e",
];

/// First folders of paths in a source tree.
const SOURCE_ROOTS: &[&str] = &[
    ".github",
    "app",
    "apps",
    "benches",
    "bin",
    "cmd",
    "components",
    "config",
    "core",
    "crates",
    "docs",
    "examples",
    "host",
    "include",
    "internal",
    "lib",
    "libs",
    "modules",
    "packages",
    "pkg",
    "plugins",
    "scripts",
    "sdk",
    "server",
    "source",
    "src",
    "test",
    "tests",
    "tools",
    "web",
];

/// First folders of absolute paths.
const SYSTEM_ROOTS: &[&str] = &[
    "applications",
    "bin",
    "builds",
    "data",
    "dev",
    "etc",
    "home",
    "lib",
    "library",
    "media",
    "mnt",
    "nix",
    "opt",
    "private",
    "proc",
    "root",
    "sbin",
    "srv",
    "sys",
    "system",
    "tmp",
    "usr",
    "users",
    "var",
    "volumes",
    "workspace",
    "app",
];

/// A file or folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AffectedPath {
    /// The path as the text has it, without its line number.
    pub path: String,
    /// The line in the file.
    pub line: Option<u64>,
    /// Whether a stack trace goes through it; else it is mentioned.
    pub in_trace: bool,
    /// Where it stands.
    pub source: Source,
}

/// The paths in `documents` and in `traces`, each once; frames of libraries are left out.
pub fn find(documents: &[Document<'_>], traces: &Traces) -> Found<AffectedPath> {
    let mut paths = Found::up_to(PATHS_MAX);
    for frame in traces.found.items.iter().flat_map(|trace| &trace.frames) {
        if let Some(file) = frame.file.as_deref().filter(|_| !frame.library) {
            let path = file.trim_start_matches("file://").trim_start_matches("./").to_owned();
            let source = frame.source.clone();
            add(&mut paths, AffectedPath { path, line: frame.line, in_trace: true, source });
        }
    }
    for document in documents {
        for line in &document.lines {
            let repeated = line.quoted && document.field == Field::Comment;
            if paths.truncated || repeated || traces.cover(document.field, line.number) {
                continue;
            }
            let mut is_code = matches!(line.place, Place::Code { .. });
            for span in line.text.split('`') {
                for piece in span.split(is_border) {
                    if let Some((path, number)) = read(piece, is_code) {
                        let path = clean(path.trim_start_matches("./"), PATH_CHARS_MAX);
                        let source = document.source(line);
                        add(
                            &mut paths,
                            AffectedPath { path, line: number, in_trace: false, source },
                        );
                    }
                }
                is_code ^= !matches!(line.place, Place::Code { .. });
            }
        }
    }
    paths
}

fn add(paths: &mut Found<AffectedPath>, path: AffectedPath) {
    let known = paths.items.iter_mut().find(|known| known.path == path.path);
    match known {
        Some(known) => known.line = known.line.or(path.line),
        None => paths.push(path),
    }
}

fn is_border(c: char) -> bool {
    c.is_whitespace() || "()<>[]{}\"',;|=*!?".contains(c)
}

/// The path in `piece` and the line number behind it.
fn read(piece: &str, is_code: bool) -> Option<(&str, Option<u64>)> {
    if piece.len() < 3 {
        return None;
    }
    if piece.contains("://") {
        return of_address(piece);
    }
    let piece = piece.trim_end_matches(['.', ':']).trim_start_matches(':');
    let (path, line) = line_number(piece);
    let well_formed = path.chars().all(|c| c.is_alphanumeric() || "/\\._-+~@#$%:".contains(c));
    (well_formed && is_path(path, is_code)).then_some((path, line))
}

/// `path:10:5`, `path:10` or `path#L10`.
fn line_number(piece: &str) -> (&str, Option<u64>) {
    if let Some((path, line)) = piece.split_once("#L") {
        let digits = line.bytes().take_while(u8::is_ascii_digit).count().min(9);
        return (path, line[..digits].parse().ok());
    }
    let numbered = |text: &'_ str| -> Option<(usize, u64)> {
        let (before, digits) = text.rsplit_once(':')?;
        let digits_only = !digits.is_empty() && digits.len() <= 9;
        let number = if digits_only { digits.parse().ok()? } else { return None };
        Some((before.len(), number))
    };
    match numbered(piece) {
        None => (piece, None),
        Some((end, last)) => match numbered(&piece[..end]) {
            Some((end, line)) => (&piece[..end], Some(line)),
            None => (&piece[..end], Some(last)),
        },
    }
}

/// The file that an address on GitHub shows: `…/blob/main/src/lib.rs#L10`.
fn of_address(piece: &str) -> Option<(&str, Option<u64>)> {
    let (_, behind) = piece.split_once("/blob/")?;
    let (_, path) = behind.split_once('/')?;
    let (path, line) = line_number(path.trim_end_matches(['.', ':']));
    let path = path.split(['?', '#']).next().unwrap_or(path);
    (!path.is_empty()).then_some((path, line))
}

fn is_path(path: &str, is_code: bool) -> bool {
    let segments: Vec<&str> =
        path.split(['/', '\\']).filter(|s| !matches!(*s, "" | "." | ".." | "~")).collect();
    let (Some(first), Some(last)) = (segments.first(), segments.last()) else { return false };
    if path.contains('@') && segments.len() == 1
        || NO_FILES.iter().any(|n| path.eq_ignore_ascii_case(n))
    {
        return false;
    }
    let is_file = has_extension(last) || FILES.contains(last);
    let has_separator = path.contains(['/', '\\']);
    if !has_separator {
        return has_extension(last) && !last.contains("..")
            || (FILES.contains(last) && (is_code || is_document_name(last)));
    }
    let is_drive = first.len() == 2 && first.ends_with(':');
    let is_system = path.starts_with('/') && crate::words::is_one_of(first, SYSTEM_ROOTS);
    let is_relative =
        ["./", "../", "~/", ".\\", "..\\"].iter().any(|begin| path.starts_with(begin));
    let is_tree = SOURCE_ROOTS.contains(first) && !path.starts_with('/');
    let many = segments.len() >= 2;
    is_file
        || (many && (is_drive || is_system || is_relative))
        || (is_tree && (many || path.ends_with('/')) && (is_code || segments.len() >= 3))
        || (is_code && many && path.ends_with('/') && !path.starts_with('/'))
}

/// Names in capitals are files in prose, too: README, LICENSE.
fn is_document_name(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_uppercase())
}

fn has_extension(name: &str) -> bool {
    let Some((stem, extension)) = name.rsplit_once('.') else { return false };
    let named = stem.chars().any(char::is_alphanumeric) || (stem.is_empty() && extension.len() > 2);
    named && crate::words::is_one_of(extension, EXTENSIONS)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::{markdown, traces};

    fn check(text: &str, expected: Expect) {
        let documents = [markdown::read(Field::Body, text)];
        let found = find(&documents, &traces::find(&documents));
        let shown: Vec<String> = found
            .items
            .iter()
            .map(|path| {
                let line = path.line.map_or(String::new(), |line| format!(":{line}"));
                let trace = if path.in_trace { " (trace)" } else { "" };
                format!("{}{line}{trace}\n", path.path)
            })
            .collect();
        expected.assert_eq(&shown.concat());
    }

    #[test]
    fn files_and_folders() {
        check(
            "In src/weave/loom.rs:10:5, `crates/warp/` and **docs/guide.md**: see the README, Cargo.toml, `Makefile`, ./run me, C:\\mill\\Belt.cs(3) and /etc/mill/conf.d. https://github.com/a/b/blob/main/lib/x.py#L7-L9",
            expect![[r#"
                src/weave/loom.rs:10
                crates/warp/
                docs/guide.md
                README
                Cargo.toml
                Makefile
                C:\mill\Belt.cs
                /etc/mill/conf.d
                lib/x.py:7
            "#]],
        );
    }

    #[test]
    fn what_only_looks_like_a_path() {
        check(
            "and/or 1/2 TCP/IP owner/repo application/json Node.js v1.2.3 n/a /api/v1/users 24/7 e.g. me@mail.rs https://a.example/x.rs src/ if/else",
            expect![[""]],
        );
    }

    #[test]
    fn frames_come_first_and_libraries_not_at_all() {
        check(
            "Also src/a.js and b.js.\n```\nError: x\n    at f (src/a.js:3:1)\n    at g (node_modules/z/i.js:1:1)\n```",
            expect![[r#"
                src/a.js:3 (trace)
                b.js
            "#]],
        );
    }
}

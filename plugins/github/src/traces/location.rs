//! Places in source files, as traces write them: `src/main.rs:10:5`.

use super::FrameReading;

/// Digits of a line or column number; more is no such number.
const DIGITS_MAX: usize = 9;

/// Parts of paths under which lives what a project did not write.
const LIBRARY_PATHS: &[&str] = &[
    "/rustc/",
    "/.cargo/",
    "\\.cargo\\",
    "/rust/deps/",
    "node_modules",
    "node:",
    "internal/",
    "site-packages",
    "dist-packages",
    "/lib/python",
    "\\lib\\python",
    "/usr/lib",
    "/lib/x86_64",
    "/lib64/",
    "/usr/local/go/",
    "/go/pkg/mod/",
    "/goroot/",
    "/gems/",
    "/lib/ruby/",
    "<frozen",
    "<internal:",
    "/vendor/",
    "/sysdeps/",
    "/nptl/",
    "<anonymous>",
    "native",
    "webpack/",
];

/// Begins of functions that belong to a language's own library.
const LIBRARY_FUNCTIONS: &[&str] = &[
    "std::",
    "core::",
    "alloc::",
    "rust_begin_unwind",
    "<alloc::",
    "<core::",
    "<std::",
    "__rust_",
    "tokio::",
    "java.",
    "javax.",
    "jdk.",
    "sun.",
    "kotlin.",
    "kotlinx.",
    "android.",
    "androidx.",
    "org.springframework.",
    "org.junit.",
    "System.",
    "Microsoft.",
    "runtime.",
    "net/http.",
    "testing.",
    "__libc_",
    "__GI_",
    "raise",
    "abort",
    "_start",
    "__pthread",
];

/// Reads `file:line` or `file:line:column`.
pub(super) fn read(text: &str) -> Option<FrameReading<'_>> {
    let (rest, last) = numbered(text)?;
    let reading = match numbered(rest) {
        Some((file, line)) => FrameReading {
            file: Some(file),
            line: Some(line),
            column: Some(last),
            ..FrameReading::default()
        },
        None => FrameReading { file: Some(rest), line: Some(last), ..FrameReading::default() },
    };
    reading.file.is_some_and(|file| !file.is_empty() && !file.ends_with(':')).then_some(reading)
}

/// A number, as lines and columns are.
pub(super) fn number(text: &str) -> Option<u64> {
    let digits = text.len() <= DIGITS_MAX && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

fn numbered(text: &str) -> Option<(&str, u64)> {
    let (rest, last) = text.rsplit_once(':')?;
    Some((rest, number(last)?))
}

/// Whether the call is a runtime's or a dependency's.
pub(super) fn is_library(frame: &FrameReading<'_>) -> bool {
    let path = frame.file.is_some_and(|file| LIBRARY_PATHS.iter().any(|part| file.contains(part)));
    let function = frame
        .function
        .is_some_and(|function| LIBRARY_FUNCTIONS.iter().any(|begin| function.starts_with(begin)));
    path || function
}

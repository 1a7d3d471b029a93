//! Rust: `thread 'main' panicked at src/main.rs:2:5:` and the backtrace below it.

use super::location;
use super::{FrameReading, Reading};

/// Reads one line.
pub(super) fn read(text: &str, open: bool) -> Option<Reading<'_>> {
    let line = text.trim();
    if let Some(panic) = panic(line) {
        return Some(panic);
    }
    if line == "stack backtrace:" {
        return Some(if open { Reading::Detail } else { Reading::Begin });
    }
    if !open {
        return None;
    }
    if line.starts_with("note: ") {
        return Some(Reading::Detail);
    }
    if let Some(place) = line.strip_prefix("at ") {
        return location::read(place).map(Reading::Location);
    }
    frame(line)
}

/// `thread 'x' panicked at …`, before and since Rust 1.73.
fn panic(line: &str) -> Option<Reading<'_>> {
    let at = line.find("thread '")?;
    let behind = line[at..].split_once(" panicked at ")?.1;
    if let Some(quoted) = behind.strip_prefix('\'') {
        let (message, place) = quoted.rsplit_once("', ")?;
        let frame = location::read(place)?;
        return Some(Reading::ErrorAt { name: "panic", message, frame });
    }
    let (place, message) = match behind.split_once(": ") {
        Some((place, message)) => (place, message),
        None => (behind.trim_end_matches(':'), ""),
    };
    let frame = location::read(place)?;
    Some(Reading::ErrorAt { name: "panic", message, frame })
}

/// `  4: demo::run::{{closure}}`, possibly with an address before the name.
fn frame(line: &str) -> Option<Reading<'_>> {
    let (index, name) = line.split_once(": ")?;
    location::number(index)?;
    let name = name.trim();
    let name = match name.split_once(" - ") {
        Some((address, name)) if address.starts_with("0x") => name,
        _ => name,
    };
    let function = Some(strip_hash(name)).filter(|name| !name.is_empty())?;
    Some(Reading::Frame(FrameReading { function: Some(function), ..FrameReading::default() }))
}

/// `name` without the `::h0123456789abcdef` of the compiler.
fn strip_hash(name: &str) -> &str {
    match name.rsplit_once("::h") {
        Some((name, hash)) if hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => {
            name
        }
        _ => name,
    }
}

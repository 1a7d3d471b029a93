//! Go: `panic: …`, then goroutines with pairs of lines: the call, then its file.

use super::{FrameReading, Reading, location};

/// Reads one line.
pub(super) fn read(text: &str, open: bool) -> Option<Reading<'_>> {
    let line = text.trim();
    for (prefix, name) in [("panic: ", "panic"), ("fatal error: ", "fatal error")] {
        if let Some(message) = text.strip_prefix(prefix) {
            return Some(Reading::Error { name: Some(name), message, last: false });
        }
    }
    if is_goroutine(line) {
        return Some(if open { Reading::Detail } else { Reading::Begin });
    }
    if !open {
        return None;
    }
    if line.starts_with("[signal ") || line.starts_with("exit status ") {
        return Some(Reading::Detail);
    }
    if text.starts_with([' ', '\t']) {
        let place = line.rsplit_once(" +0x").map_or(line, |(place, _)| place);
        return location::read(place).map(Reading::Location);
    }
    call(line).map(|function| {
        Reading::Frame(FrameReading { function: Some(function), ..FrameReading::default() })
    })
}

/// `goroutine 1 [running]:`.
fn is_goroutine(line: &str) -> bool {
    line.strip_prefix("goroutine ").is_some_and(|rest| rest.ends_with("]:") && rest.contains(" ["))
}

/// The function of `main.(*Server).run(0xc000, {0x1, 0x2})` or `created by main.run in goroutine 1`.
fn call(line: &str) -> Option<&str> {
    if let Some(creator) = line.strip_prefix("created by ") {
        return Some(creator.split_once(" in goroutine").map_or(creator, |(name, _)| name));
    }
    let mut depth = 0_usize;
    for (at, byte) in line.bytes().enumerate().rev() {
        match byte {
            b')' => depth += 1,
            b'(' => depth = depth.checked_sub(1)?,
            _ if depth == 0 => return None,
            _ => {}
        }
        if depth == 0 {
            let name = &line[..at];
            return (name.contains('.') && !name.contains(' ')).then_some(name);
        }
    }
    None
}

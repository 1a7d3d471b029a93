//! Python: `Traceback (most recent call last):`, frames in pairs of lines, the error last.

use super::{FrameReading, Reading, error, location};

/// Reads one line.
pub(super) fn read(text: &str, open: bool) -> Option<Reading<'_>> {
    // Exception groups draw a tree before their lines.
    let line = text.trim_start_matches([' ', '\t', '|', '+', '-']).trim_end();
    if line.ends_with("Traceback (most recent call last):") {
        return (!open).then_some(Reading::Begin);
    }
    if let Some(frame) = frame(line) {
        return Some(Reading::Frame(frame));
    }
    if !open || line.is_empty() {
        return None;
    }
    if let Some((name, message)) = final_error(line) {
        return Some(Reading::Error { name: Some(name), message, last: true });
    }
    text.starts_with([' ', '\t']).then_some(Reading::Detail)
}

/// `File "app/main.py", line 12, in run`.
fn frame(line: &str) -> Option<FrameReading<'_>> {
    let (file, behind) = line.strip_prefix("File \"")?.split_once('"')?;
    let behind = behind.strip_prefix(", line ")?;
    let (number, function) = match behind.split_once(", in ") {
        Some((number, function)) => (number, Some(function)),
        None => (behind, None),
    };
    let line = Some(location::number(number)?);
    Some(FrameReading { function, file: Some(file), line, column: None })
}

/// `ValueError: …`, `package.errors.NotFound: …`, or the name alone.
fn final_error(line: &str) -> Option<(&str, &str)> {
    let (name, message) = line.split_once(": ").unwrap_or((line.trim_end_matches(':'), ""));
    let qualified = !name.is_empty()
        && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.')
        && name.rsplit('.').next().is_some_and(|last| last.starts_with(char::is_uppercase));
    (qualified && (error::is_name(name) || name.contains('.') || line.contains(": ")))
        .then_some((name, message))
}

//! JavaScript: `    at run (/app/index.js:10:5)` of V8, `run@https://…/app.js:10:5` of the others.

use super::{FrameReading, Reading, location};

/// Reads one line.
pub(super) fn read(text: &str, _open: bool) -> Option<Reading<'_>> {
    let line = text.trim();
    let frame = match line.strip_prefix("at ") {
        Some(call) => v8(call),
        None => at_sign(line),
    };
    frame.map(Reading::Frame)
}

/// `[async ][new ]function (place)`, or the place alone.
fn v8(call: &str) -> Option<FrameReading<'_>> {
    let call = call.strip_prefix("async ").unwrap_or(call);
    let Some(begin) = call.rfind(" (") else {
        let file_and_column = location::read(call)?;
        return (file_and_column.column.is_some() && !call.contains('('))
            .then_some(file_and_column);
    };
    let place = call[begin + 2..].strip_suffix(')')?;
    let function = Some(call[..begin].strip_prefix("new ").unwrap_or(&call[..begin]));
    if matches!(place, "<anonymous>" | "native") || place.starts_with("index ") {
        return Some(FrameReading { function, file: Some(place), ..FrameReading::default() });
    }
    let at = location::read(place)?;
    at.column.is_some().then_some(FrameReading { function, ..at })
}

/// `function@file:line:column`, where the function may be missing.
fn at_sign(line: &str) -> Option<FrameReading<'_>> {
    let (function, place) = line.split_once('@')?;
    let at = location::read(place)?;
    let is_script = at.file.is_some_and(|file| {
        file.contains("://")
            || [".js", ".mjs", ".ts", ".jsx", ".tsx"].iter().any(|e| file.ends_with(e))
    });
    let is_name = !function.contains(char::is_whitespace);
    (at.column.is_some() && is_script && is_name)
        .then_some(FrameReading { function: Some(function), ..at })
}

//! Java and Kotlin: `    at demo.Main.run(Main.java:10)`, `Caused by: …`, `... 3 more`.

use super::{FrameReading, Reading, error, location};

/// Reads one line.
pub(super) fn read(text: &str, open: bool) -> Option<Reading<'_>> {
    let line = text.trim();
    if let Some(call) = line.strip_prefix("at ") {
        return frame(call).map(Reading::Frame);
    }
    if let Some(behind) = line.strip_prefix("Exception in thread ") {
        let (name, message) = error::read(behind)?;
        return Some(Reading::Error { name: Some(name), message, last: false });
    }
    if !open {
        return None;
    }
    for prefix in ["Caused by: ", "Suppressed: "] {
        if let Some(behind) = line.strip_prefix(prefix) {
            let (name, message) = behind.split_once(": ").unwrap_or((behind, ""));
            return Some(Reading::Error { name: Some(name), message, last: false });
        }
    }
    let elided = line.starts_with("... ") && line.ends_with(" more");
    elided.then_some(Reading::Detail)
}

/// `[module/]package.Class.method(File.java:10)`.
fn frame(call: &str) -> Option<FrameReading<'_>> {
    let begin = call.find('(')?;
    let function = &call[..begin];
    // Behind the bracket some loggers add the archive: `~[app.jar:1.0]`.
    let (place, _) = call[begin + 1..].split_once(')')?;
    let qualified = function.contains('.') && !function.contains(char::is_whitespace);
    if !qualified {
        return None;
    }
    let function = Some(function);
    if matches!(place, "Native Method" | "Unknown Source" | "<generated>") {
        return Some(FrameReading { function, ..FrameReading::default() });
    }
    let is_source = |file: &str| {
        [".java", ".kt", ".kts", ".scala", ".groovy", ".clj"].iter().any(|e| file.ends_with(e))
    };
    match location::read(place) {
        Some(at) if at.column.is_none() => Some(FrameReading { function, ..at }),
        None if is_source(place) => {
            Some(FrameReading { function, file: Some(place), ..FrameReading::default() })
        }
        _ => None,
    }
}

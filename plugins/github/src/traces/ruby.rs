//! Ruby: ``app.rb:3:in `run': message (RuntimeError)``, then `from` lines.

use super::{FrameReading, Reading, location};

/// Reads one line.
pub(super) fn read(text: &str, _open: bool) -> Option<Reading<'_>> {
    let line = text.trim();
    let (from, line) = match line.strip_prefix("from ") {
        Some(rest) => (true, rest),
        None => (false, line),
    };
    let (place, behind) = line.split_once(":in ")?;
    let at = location::read(place)?;
    let quoted = behind.strip_prefix(['`', '\''])?;
    let (function, behind) = quoted.split_once('\'')?;
    let frame = FrameReading { function: Some(function), ..at };
    match behind.strip_prefix(": ") {
        Some(message) if !from => Some(with_error(message, frame)),
        _ => Some(Reading::Frame(frame)),
    }
}

/// The first line also has the message and, in brackets, the error's class.
fn with_error<'l>(message: &'l str, frame: FrameReading<'l>) -> Reading<'l> {
    match message.strip_suffix(')').and_then(|text| text.rsplit_once(" (")) {
        Some((message, name)) => Reading::ErrorAt { name, message, frame },
        None => Reading::ErrorAt { name: "error", message, frame },
    }
}

//! .NET: `   at Demo.Program.Main(String[] args) in C:\demo\Program.cs:line 10`.

use super::{FrameReading, Reading, error, location};

/// Reads one line.
pub(super) fn read(text: &str, open: bool) -> Option<Reading<'_>> {
    let line = text.trim();
    if let Some(call) = line.strip_prefix("at ") {
        return frame(call).map(Reading::Frame);
    }
    for prefix in ["Unhandled exception. ", "Unhandled Exception: ", "---> ", " ---> "] {
        if let Some(behind) = line.strip_prefix(prefix)
            && let Some((name, message)) = error::read(behind)
        {
            return Some(Reading::Error { name: Some(name), message, last: false });
        }
    }
    (open && line.starts_with("--- End of ")).then_some(Reading::Detail)
}

/// `Namespace.Class.Method(Type name, …)[ in file:line N]`.
fn frame(call: &str) -> Option<FrameReading<'_>> {
    let begin = call.find('(')?;
    let function = &call[..begin];
    let close = call.rfind(')').filter(|close| *close > begin)?;
    // Types of arguments may hold brackets of their own, the name may not.
    let is_name = function.contains('.')
        && function.chars().all(|c| c.is_alphanumeric() || "._`<>[],+|$".contains(c));
    if !is_name {
        return None;
    }
    let behind = &call[close + 1..];
    let Some(place) = behind.strip_prefix(" in ") else {
        return behind
            .is_empty()
            .then_some(FrameReading { function: Some(function), ..FrameReading::default() });
    };
    let (file, number) = place.rsplit_once(":line ")?;
    let line = Some(location::number(number)?);
    Some(FrameReading { function: Some(function), file: Some(file), line, column: None })
}

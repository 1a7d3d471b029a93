//! Machine code: frames of gdb and of sanitizers (`#0 …`) and of lldb (`frame #0: …`).

use super::{FrameReading, Reading, location};

/// Reads one line.
pub(super) fn read(text: &str, open: bool) -> Option<Reading<'_>> {
    let line = text.trim();
    if let Some(signal) = line.find("received signal ").map(|at| &line[at + 16..]) {
        let (name, message) = signal.split_once(", ").unwrap_or((signal, ""));
        let is_signal = name.starts_with("SIG") && !name.contains(' ');
        return is_signal.then_some(Reading::Error { name: Some(name), message, last: false });
    }
    if let Some((_, message)) = line.split_once("ERROR: AddressSanitizer: ") {
        return Some(Reading::Error { name: Some("AddressSanitizer"), message, last: false });
    }
    let frame = match line.find("frame #") {
        Some(at) => lldb(&line[at + 7..]),
        None => gdb(line.strip_prefix('#')?),
    };
    match frame {
        Some(frame) => Some(Reading::Frame(frame)),
        None => (open && line.starts_with("[Thread ")).then_some(Reading::Detail),
    }
}

/// `0  0x00007f in run (n=1) at main.c:10`, `1 main () at main.c:3`, `2 0x1 in free /src/a.c:10:3`.
fn gdb(line: &str) -> Option<FrameReading<'_>> {
    let (index, call) = line.split_once(' ')?;
    location::number(index)?;
    let call = call.trim_start();
    let addressed = call.starts_with("0x");
    let call = if addressed { call.split_once(" in ")?.1 } else { call };
    if let Some((before, place)) = call.rsplit_once(" at ") {
        let at = location::read(place.trim())?;
        return Some(FrameReading { function: Some(name(before)), ..at });
    }
    if let Some((before, library)) = call.rsplit_once(" from ") {
        let function = Some(name(before));
        return Some(FrameReading { function, file: Some(library), ..FrameReading::default() });
    }
    if !addressed {
        return None;
    }
    match call.rsplit_once(' ').and_then(|(before, place)| Some((before, location::read(place)?))) {
        Some((before, at)) => Some(FrameReading { function: Some(name(before)), ..at }),
        None => Some(FrameReading { function: Some(name(call)), ..FrameReading::default() }),
    }
}

/// ``0: 0x0000 demo`run(n=1) at main.c:10:5``.
fn lldb(line: &str) -> Option<FrameReading<'_>> {
    let (index, call) = line.split_once(": ")?;
    location::number(index)?;
    let (_, call) = call.split_once('`')?;
    match call.rsplit_once(" at ").and_then(|(call, place)| Some((call, location::read(place)?))) {
        Some((call, at)) => Some(FrameReading { function: Some(name(call)), ..at }),
        None => Some(FrameReading { function: Some(name(call)), ..FrameReading::default() }),
    }
}

/// The function without its arguments and the offset in it.
fn name(call: &str) -> &str {
    let call = call.trim();
    let end = call.find(" (").or_else(|| call.find(" + ")).unwrap_or(call.len());
    let name = &call[..end];
    match name.find('(') {
        Some(begin) if begin > 0 => &name[..begin],
        _ => name,
    }
}

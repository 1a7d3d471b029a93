//! Copies of a plugin under other names: many plugins without many projects.

/// A copy of a plugin under another name of four letters. The name stands in the manifest, which the
/// compiler keeps as text or as a constant of an instruction (LEB128).
pub(crate) fn renamed(component: &[u8], from: [u8; 4], to: [u8; 4]) -> Vec<u8> {
    let text = replaced(component, &from, &to);
    replaced(&text, &leb128(i32::from_le_bytes(from)), &leb128(i32::from_le_bytes(to)))
}

/// Replaces every occurrence; both must be equally long, so that no length in the file changes.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let mut place = 0;
    while let Some(found) = bytes[place..].windows(from.len()).position(|window| window == from) {
        bytes[place + found..][..to.len()].copy_from_slice(to);
        place += found + to.len();
    }
    bytes
}

/// Signed LEB128, as WebAssembly encodes constants.
fn leb128(mut value: i32) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        let is_last = (value == 0 && byte & 0x40 == 0) || (value == -1 && byte & 0x40 != 0);
        bytes.push(if is_last { byte } else { byte | 0x80 });
        if is_last {
            return bytes;
        }
    }
}

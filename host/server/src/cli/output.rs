//! Prints to the terminal or into a pipe.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use serde::Serialize;

/// Writes to standard output; colours only reach a terminal. That whoever reads has heard enough
/// is no error.
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

/// Writes a value as indented JSON.
pub(super) fn print_json(value: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_string_pretty(value).expect("what is printed is JSON");
    print(&format!("{text}\n"))
}

/// A text of somebody else's, with nothing in it that a terminal would obey.
pub(super) fn harmless(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() && c != '\n' && c != '\t' {
            let _ = write!(clean, "{}", c.escape_default());
        } else {
            clean.push(c);
        }
    }
    clean
}

/// As [`harmless`], in one line.
pub(super) fn one_line(text: &str) -> String {
    harmless(text).replace(['\n', '\t'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_nothing_that_a_guest_says() {
        assert_eq!(harmless("a\u{1b}[2Jb\r\nc\u{9b}d"), "a\\u{1b}[2Jb\\r\nc\\u{9b}d");
        assert_eq!(one_line("a\nb\tc"), "a b c");
    }
}

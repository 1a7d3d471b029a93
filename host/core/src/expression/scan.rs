//! Finds where an expression ends, before anything recurses on it.

use super::SyntaxError;

/// The deepest nesting of parentheses, brackets and braces in an expression. The parser recurses
/// through a dozen functions for each.
pub const NESTING_MAX: usize = 24;

/// The most operators and other signs in an expression: the parser nests `!!!!a`, `a ? b : c ? d`
/// and `a + b + c` on its stack too.
pub(super) const SIGNS_MAX: usize = 128;

/// The length of the expression at the beginning of `text`: up to the `}` that closes it, or, for
/// a bare expression, up to the end.
///
/// # Errors
/// When a string or the expression itself is not closed, or the nesting is too deep.
pub(super) fn expression_end(text: &str, bare: bool) -> Result<usize, SyntaxError> {
    let bytes = text.as_bytes();
    let (mut at, mut depth, mut signs) = (0, 0_usize, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'}' if depth == 0 && !bare => return Ok(at),
            b'\'' | b'"' => {
                at = string_end(bytes, at)
                    .ok_or_else(|| SyntaxError::new(at, "a string is not closed"))?;
                continue;
            }
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'!' | b'-' | b'+' | b'*' | b'/' | b'%' | b'?' | b'<' | b'>' | b'=' | b'&' | b'|' => {
                signs += 1;
            }
            _ => {}
        }
        if depth > NESTING_MAX {
            let error = SyntaxError::new(at, "brackets are nested too deeply");
            return Err(error.help(format!("the most is {NESTING_MAX}")));
        }
        if signs > SIGNS_MAX {
            let error = SyntaxError::new(at, "the expression has too many operators");
            return Err(error.help(format!("the most is {SIGNS_MAX} characters of operators")));
        }
        at += 1;
    }
    if bare { Ok(at) } else { Err(SyntaxError::new(0, "`${` is not closed by `}`")) }
}

/// The place after the string that begins at `start`, whose quote may be tripled and which may be
/// raw (`r"…"`).
pub(super) fn string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let quote = bytes[start];
    let raw = start > 0
        && matches!(bytes[start - 1], b'r' | b'R')
        && !(start > 1
            && is_word_byte(bytes[start - 2])
            && !matches!(bytes[start - 2], b'b' | b'B'));
    let tripled = bytes[start..].starts_with(&[quote; 3]);
    let mut at = start + if tripled { 3 } else { 1 };
    while at < bytes.len() {
        if bytes[at] == b'\\' && !raw {
            at += 2;
        } else if tripled && bytes[at..].starts_with(&[quote; 3]) {
            return Some(at + 3);
        } else if !tripled && bytes[at] == quote {
            return Some(at + 1);
        } else if !tripled && bytes[at] == b'\n' {
            return None;
        } else {
            at += 1;
        }
    }
    None
}

const fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closing_brace_inside_the_expression_does_not_end_it() {
        for (text, end) in [
            ("a}", 1),
            ("{'a': {}} }x", 10),
            (r#""}" + a} "#, 7),
            (r#"'it\'s }' }"#, 10),
            (r#"r'\' }"#, 5),
            ("'''}'}'''}", 9),
        ] {
            assert_eq!(expression_end(text, false), Ok(end), "{text}");
        }
    }

    #[test]
    fn what_is_not_closed_is_an_error() {
        for text in ["a", "'}", "\"a\n\"}", "{}", &"(".repeat(30), &"!".repeat(200)] {
            assert!(expression_end(text, false).is_err(), "{text}");
        }
    }
}

//! The grammar of version numbers: `1.2`, `v20.1.0`, `1.0.0-rc.1+5`, `3.12.0b2`, `1.x`.

/// Bytes of a version number.
const NUMBER_BYTES_MAX: usize = 64;
/// Digits of one part: dates such as 20240131 have eight.
const DIGITS_MAX: usize = 8;

/// What may follow the numbers without a separator.
const SUFFIXES: &[&str] = &[
    "rc", "alpha", "beta", "dev", "pre", "post", "snapshot", "final", "lts", "a", "b", "c", "p",
    "r", "m",
];

/// A version number in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number<'l> {
    /// Its text, without a leading `v` or `^`.
    pub text: &'l str,
    /// How many numbers with dots between them.
    pub parts: usize,
    /// Whether a `v` stood before it.
    pub has_v: bool,
}

impl Number<'_> {
    /// Whether it could be an IP address (`10.0.0.1`) or a date (`31.1.2024`) as well.
    pub fn is_date_or_address(&self) -> bool {
        let parts: Vec<u32> = self.text.split('.').filter_map(|part| part.parse().ok()).collect();
        match parts[..] {
            [a, b, c, d] => [a, b, c, d].iter().all(|part| *part <= 255),
            [day, month, year] => day <= 31 && month <= 31 && (1900..2100).contains(&year),
            _ => false,
        }
    }
}

/// Reads `text` if the whole of it is a version number.
pub fn read(text: &str) -> Option<Number<'_>> {
    let text = text.trim_start_matches(['^', '~', '>', '=', '<', '≥', '≤']);
    let bare = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let has_v = bare.len() < text.len();
    if bare.len() > NUMBER_BYTES_MAX || !bare.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let mut parts = 0;
    let mut rest = bare;
    loop {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let wildcard = parts > 0 && digits == 0 && rest.starts_with(['x', 'X']);
        if digits > DIGITS_MAX || (digits == 0 && !wildcard) {
            return None;
        }
        parts += 1;
        rest = &rest[digits.max(1)..];
        match rest.strip_prefix('.') {
            Some(behind)
                if behind.starts_with(|c: char| c.is_ascii_digit() || c == 'x' || c == 'X') =>
            {
                rest = behind;
            }
            _ => break,
        }
    }
    is_suffix(rest, parts).then_some(Number { text: bare, parts, has_v })
}

fn is_suffix(rest: &str, parts: usize) -> bool {
    let allowed = rest.bytes().all(|b| b.is_ascii_alphanumeric() || b".+-_~".contains(&b));
    if rest.is_empty() {
        return true;
    }
    if !allowed || parts < 2 {
        return false;
    }
    let word = rest.trim_start_matches(['.', '-', '+', '_', '~']).to_ascii_lowercase();
    let separated = rest.starts_with(['-', '+', '_', '~']);
    // `1.5-2.0` is a range, `1.2-3` a Debian revision.
    let range = word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.') && parts < 3;
    let letters = word.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(word.len());
    (separated && !word.is_empty() && !range) || SUFFIXES.contains(&&word[..letters])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_versions() {
        for (text, parts) in [
            ("1", 1),
            ("1.2", 2),
            ("v20.11.0", 3),
            ("^18.2.0", 3),
            ("1.0.0-rc.1+build.5", 3),
            ("3.13.0b2", 3),
            ("5.15.0-91-generic", 3),
            ("120.0.6099.109", 4),
            ("1.x", 2),
            ("2.7.18.Final", 3),
        ] {
            assert_eq!(read(text).map(|number| number.parts), Some(parts), "{text}");
        }
    }

    #[test]
    fn numbers_that_are_none() {
        for text in [
            "",
            "v",
            "1.5s",
            "12px",
            "1.",
            "1..2",
            "3.js",
            "0x1f",
            "1,5",
            "1e9",
            "1.5-2.0",
            "123456789.1",
            "1.2.3/4",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn dates_and_addresses() {
        assert!(read("10.0.0.1").is_some_and(|number| number.is_date_or_address()));
        assert!(read("31.1.2024").is_some_and(|number| number.is_date_or_address()));
        assert!(read("120.0.6099.109").is_some_and(|number| !number.is_date_or_address()));
        assert!(read("1.2.3").is_some_and(|number| !number.is_date_or_address()));
    }
}

//! Artefacts: files that attempts leave, passed on by reference.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::id::Digest;

/// The longest name of an artefact, in characters.
pub const NAME_CHARS_MAX: usize = 128;

/// The longest media type of an artefact, in characters.
pub const MEDIA_TYPE_CHARS_MAX: usize = 127;

/// A file that an attempt left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artefact {
    /// Its name, once within an attempt.
    pub name: String,
    /// What its bytes are, such as `text/html`.
    pub media_type: String,
    /// Its length.
    pub bytes: u64,
    /// The SHA-256 of its bytes.
    pub digest: Digest,
}

/// What is wrong with a name: it is that of a file, in any system.
///
/// # Errors
/// With the rule, in words.
pub fn check_name(name: &str) -> Result<(), String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let fits = (1..=NAME_CHARS_MAX).contains(&name.len());
    if fits && name.chars().all(is_plain) && !name.starts_with(['.', '-']) {
        return Ok(());
    }
    Err(format!(
        "the name of an artefact has 1 to {NAME_CHARS_MAX} letters, digits, `.`, `_` and `-`, and \
         begins with a letter, a digit or `_`"
    ))
}

/// What is wrong with a media type (RFC 6838), such as `text/markdown; charset=utf-8`.
///
/// # Errors
/// With the rule, in words.
pub fn check_media_type(text: &str) -> Result<(), String> {
    let essence = text.split(';').next().unwrap_or_default().trim();
    let is_token = |part: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "!#$&-^_.+".contains(c);
        !part.is_empty() && part.chars().all(plain)
    };
    let halves = essence.split_once('/');
    let is_visible = |c: char| c == ' ' || c.is_ascii_graphic();
    if halves.is_some_and(|(kind, sub)| is_token(kind) && is_token(sub))
        && text.len() <= MEDIA_TYPE_CHARS_MAX
        && text.chars().all(is_visible)
    {
        return Ok(());
    }
    Err(format!(
        "a media type looks like `text/markdown` and has at most {MEDIA_TYPE_CHARS_MAX} visible \
         characters"
    ))
}

/// Whether `input` refers to the artefact with this digest: somewhere in it stands an object with
/// `"artefact": "sha256:…"`.
pub fn refers_to(input: &Value, digest: &Digest) -> bool {
    match input {
        Value::Object(members) => {
            let own = members.get("artefact").and_then(Value::as_str);
            own.is_some_and(|text| text.parse::<Digest>().is_ok_and(|named| named == *digest))
                || members.values().any(|member| refers_to(member, digest))
        }
        Value::Array(items) => items.iter().any(|item| refers_to(item, digest)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_those_of_files() {
        for name in ["report.md", "a", "_x-1.tar.gz", &"n".repeat(128)] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for name in ["", ".hidden", "-x", "a/b", "..", "a b", "ä", "a\0", &"n".repeat(129)] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn media_types_have_two_halves() {
        for text in ["text/plain", "image/svg+xml", "text/markdown; charset=utf-8"] {
            assert_eq!(check_media_type(text), Ok(()), "{text}");
        }
        for text in ["", "text", "/x", "text/", "text/pl ain", "text/plain\r\nx: y", "te/xt/x"] {
            assert!(check_media_type(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_reference_counts_wherever_it_stands() {
        let (digest, other) = (Digest::of(b"a"), Digest::of(b"b"));
        let input = json!({ "files": [1, { "artefact": digest.to_string(), "name": "a" }] });
        assert!(refers_to(&input, &digest));
        assert!(!refers_to(&input, &other));
        assert!(!refers_to(&json!({ "artefact": 3, "x": digest.to_string() }), &digest));
    }
}

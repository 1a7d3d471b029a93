//! Where a fact was found: the field, the line and the text itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Characters of a quoted line: enough to recognise it, too few to carry a document along.
pub const EXCERPT_CHARS_MAX: usize = 200;

/// A part of an issue that holds text.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// The title.
    Title,
    /// The description.
    Body,
    /// The comment that came with the issue.
    Comment,
    /// The labels that the issue already has.
    Labels,
}

/// The place and the text that a fact rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Source {
    /// The part of the issue.
    pub field: Field,
    /// The line in that part, from 1.
    pub line: u32,
    /// The text of that line, without control characters, at most 200 characters.
    pub excerpt: String,
}

impl Source {
    /// The source for `text`, which stands in line `line` of `field`.
    pub fn new(field: Field, line: u32, text: &str) -> Self {
        Self { field, line, excerpt: clean(text, EXCERPT_CHARS_MAX) }
    }
}

/// `text` without what could deceive a reader (control characters, changes of direction), trimmed,
/// and with an ellipsis when it is longer than `chars_max`.
pub fn clean(text: &str, chars_max: usize) -> String {
    let mut characters = text.trim().chars().filter(|c| !changes_direction(*c)).map(visible);
    let mut cleaned: String = characters.by_ref().take(chars_max).collect();
    if characters.next().is_some() {
        cleaned.pop();
        cleaned.push('…');
    }
    cleaned
}

/// As [`clean`], but keeps line breaks.
pub fn clean_lines(text: &str, chars_max: usize) -> String {
    let mut cleaned = String::new();
    let mut left = chars_max;
    for line in text.lines() {
        if left == 0 {
            break;
        }
        if !cleaned.is_empty() {
            cleaned.push('\n');
        }
        let kept: String = line
            .trim_end()
            .chars()
            .filter(|c| !changes_direction(*c))
            .map(visible)
            .take(left)
            .collect();
        left = left.saturating_sub(kept.chars().count() + 1);
        cleaned.push_str(&kept);
    }
    cleaned
}

fn visible(character: char) -> char {
    if character.is_control() { ' ' } else { character }
}

/// The characters of Unicode that reorder what follows them, and the invisible ones.
fn changes_direction(character: char) -> bool {
    matches!(
        character,
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_short_and_harmless() {
        assert_eq!(clean("  a\u{202e}b\u{1b}[31mc\t ", 200), "ab [31mc");
        assert_eq!(clean("äöüäöü", 4), "äöü…");
        assert_eq!(clean("äöüä", 4), "äöüä");
    }

    #[test]
    fn line_breaks_survive_where_they_are_wanted() {
        assert_eq!(clean_lines("a\r\n  b\r\n", 100), "a\n  b");
        assert_eq!(clean_lines("abc\ndef", 5), "abc\nd");
    }
}

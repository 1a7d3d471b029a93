//! Text as words: for phrases that are searched and for tokens that keep their place.

/// `text` in lower case, its words separated by single spaces, with a space at both ends, so that a
/// phrase is found by a plain search for `" phrase "`. Apostrophes vanish: `doesn't` is `doesnt`.
pub fn normalised(text: &str) -> String {
    let mut normalised = String::with_capacity(text.len() + 2);
    normalised.push(' ');
    for character in text.chars() {
        if character.is_alphanumeric() {
            normalised.extend(character.to_lowercase());
        } else if !matches!(character, '\'' | '’' | '`') && !normalised.ends_with(' ') {
            normalised.push(' ');
        }
    }
    if !normalised.ends_with(' ') {
        normalised.push(' ');
    }
    normalised
}

/// Whether a [`normalised`] text has `phrase`, which is lower case with single spaces.
///
/// Looks at the begins of words only: texts are short and phrases many, so the preparations of a
/// general search would cost more than the search.
pub fn has_phrase(normalised: &str, phrase: &str) -> bool {
    let (text, phrase) = (normalised.as_bytes(), phrase.as_bytes());
    let Some(&first) = phrase.first() else { return false };
    let length = phrase.len() + 2;
    text.windows(length).any(|window| {
        window[0] == b' '
            && window[1] == first
            && window[length - 1] == b' '
            && &window[1..length - 1] == phrase
    })
}

/// The first of `phrases` that a [`normalised`] text has.
pub fn first_phrase<'p>(normalised: &str, phrases: &[&'p str]) -> Option<&'p str> {
    phrases.iter().find(|phrase| has_phrase(normalised, phrase)).copied()
}

/// A piece of a line between blanks, with its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    /// Its text, without the punctuation around it.
    pub text: &'a str,
    /// Whether a `:` or `=` stood behind it.
    pub labels: bool,
    /// Whether a sentence or clause ended behind it.
    pub ends: bool,
}

/// The pieces of `line` between blanks, brackets, quotes, table cells and emphasis.
pub fn tokens(line: &str) -> Vec<Token<'_>> {
    let mut tokens: Vec<Token<'_>> = Vec::new();
    for raw in line.split(|c: char| c.is_whitespace() || "|()[]{}\"'`*<>“”„".contains(c)) {
        let token = token(raw);
        if !token.text.is_empty() {
            tokens.push(token);
        } else if let Some(before) = tokens.last_mut() {
            // Punctuation on its own belongs to what stands before it: `name = "1.0"`.
            before.labels |= token.labels;
            before.ends |= token.ends;
        }
    }
    tokens
}

fn token(raw: &str) -> Token<'_> {
    let behind = raw.trim_end_matches(['.', ',', ';', ':', '=', '!', '?', '…']);
    let punctuation = &raw[behind.len()..];
    let text = behind.trim_start_matches([',', ';', ':', '=']);
    Token {
        text,
        labels: punctuation.contains([':', '=']),
        ends: punctuation.contains(['.', ';', '!', '?', ',']),
    }
}

/// Whether `text` equals one of `words`, which are in lower case.
pub fn is_one_of(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_found_whole() {
        let text = normalised("It DOESN’T work,\tin Foo-bar.");
        assert_eq!(text, " it doesnt work in foo bar ");
        assert!(has_phrase(&text, "doesnt work"));
        assert!(has_phrase(&text, "foo bar"));
        assert!(!has_phrase(&text, "oo bar"));
        assert_eq!(first_phrase(&text, &["bar foo", "work"]), Some("work"));
    }

    #[test]
    fn nothing_is_a_blank() {
        assert_eq!(normalised(""), " ");
        assert_eq!(normalised("!?"), " ");
    }

    #[test]
    fn tokens_lose_their_punctuation_and_remember_it() {
        let found: Vec<_> = tokens("Node: **20.1.0**, (`rust`).")
            .iter()
            .map(|t| (t.text, t.labels, t.ends))
            .collect();
        assert_eq!(found, [("Node", true, false), ("20.1.0", false, true), ("rust", false, true)]);
        assert!(tokens("a. b")[0].ends);
    }
}

//! Filters that put foreign text into Markdown without letting it become markup.

/// Makes a text plain on one line: no formatting, no HTML, no link, and nobody is notified by a mention.
pub(crate) fn escape(text: String) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in one_line(&text).chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '+' | '-' | '!'
            | '|' | '~' | '=' | '.' | ':'
                if needs_backslash(character, &escaped) =>
            {
                escaped.push('\\');
                escaped.push(character);
            }
            '@' => escaped.push_str("@\u{200b}"),
            character => escaped.push(character),
        }
    }
    escaped
}

/// Whether a character means something here. Points and signs do so only at the start of a line, which
/// keeps names of versions and files readable; a colon only behind the name of a scheme.
fn needs_backslash(character: char, before: &str) -> bool {
    match character {
        '+' | '-' | '=' => before.is_empty(),
        '.' => before.chars().all(|c| c.is_ascii_digit()) || before.ends_with("www"),
        ':' => before.ends_with("http") || before.ends_with("https") || before.ends_with("ftp"),
        '(' | ')' => before.is_empty() || before.ends_with("\\]") || numbered(before),
        _ => true,
    }
}

/// Whether a line so far is a number, as at the start of a list.
fn numbered(before: &str) -> bool {
    before.chars().all(|c| c.is_ascii_digit())
}

/// Shows a text as code within a line.
pub(crate) fn inline_code(text: String) -> String {
    let text = one_line(&text);
    let ticks = "`".repeat(longest_run(&text, '`') + 1);
    // A space keeps ticks of the text apart from those around it; it is not shown.
    let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    if text.is_empty() { text } else { format!("{ticks}{space}{text}{space}{ticks}") }
}

/// Shows a text as a block of code that it cannot end.
pub(crate) fn code_fence(text: String, language: Option<String>) -> String {
    let fence = "`".repeat(longest_run(&text, '`').max(2) + 1);
    let language = language.unwrap_or_default();
    let word: String =
        language.chars().filter(|c| c.is_alphanumeric() || "+-#._".contains(*c)).collect();
    format!("{fence}{word}\n{}\n{fence}", text.trim_end_matches('\n'))
}

/// Shows a text as a quotation, paragraph by paragraph.
pub(crate) fn quote(text: String) -> String {
    let lines = text.lines().map(|line| format!("> {line}"));
    lines.map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// Cuts a text to a number of characters, with `end` (default `…`) to show it.
pub(crate) fn truncate(text: String, length: Option<usize>, end: Option<String>) -> String {
    let length = length.unwrap_or(255);
    match text.char_indices().nth(length) {
        None => text,
        Some(_) => {
            let end = end.unwrap_or_else(|| "…".to_owned());
            let kept = length.saturating_sub(end.chars().count());
            let kept: String = text.chars().take(kept).collect();
            kept.trim_end().to_owned() + &end
        }
    }
}

/// The text without line breaks and other control characters.
fn one_line(text: &str) -> String {
    let text = text.trim().replace("\r\n", " ");
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The length of the longest run of `character` in `text`.
fn longest_run(text: &str, character: char) -> usize {
    text.split(|c| c != character).map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_text_is_plain() {
        for (text, escaped) in [
            ("plain words, 2.1.0-rc.1", "plain words, 2.1.0-rc.1"),
            ("**bold** _it_ `code`", "\\*\\*bold\\*\\* \\_it\\_ \\`code\\`"),
            ("# head\n- item", "\\# head - item"),
            ("- item", "\\- item"),
            ("1. item", "1\\. item"),
            ("1) item", "1\\) item"),
            ("[a](https://b.example)", "\\[a\\]\\(https\\://b.example)"),
            ("![x](y)", "\\!\\[x\\]\\(y)"),
            ("<script>&amp;", "&lt;script&gt;&amp;amp;"),
            ("ping @octocat", "ping @\u{200b}octocat"),
            ("a | b", "a \\| b"),
            ("www.example.org", "www\\.example.org"),
        ] {
            assert_eq!(escape(text.to_owned()), escaped, "{text}");
        }
    }

    #[test]
    fn code_does_not_end_early() {
        assert_eq!(inline_code("a`b".to_owned()), "``a`b``");
        assert_eq!(inline_code("`a\nb`".to_owned()), "`` `a b` ``");
        assert_eq!(inline_code(String::new()), "");
        assert_eq!(code_fence("x\n".to_owned(), None), "```\nx\n```");
        assert_eq!(
            code_fence("```\ninside\n````\n".to_owned(), Some("rust\n<b>".to_owned())),
            "`````rustb\n```\ninside\n````\n`````"
        );
    }

    #[test]
    fn quotations_stay_quotations() {
        assert_eq!(quote("a\n\nb".to_owned()), "> a\n>\n> b");
    }

    #[test]
    fn text_is_cut_between_characters() {
        let cut = |length, end: Option<&str>| {
            truncate("größer als".to_owned(), Some(length), end.map(str::to_owned))
        };
        assert_eq!(cut(20, None), "größer als");
        assert_eq!(cut(8, None), "größer…");
        assert_eq!(cut(5, Some("...")), "gr...");
        assert_eq!(cut(0, Some("")), "");
    }
}

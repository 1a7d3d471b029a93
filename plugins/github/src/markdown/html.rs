//! Takes HTML out of a line: comments go, tags go, the address in a tag stays.

use std::borrow::Cow;

/// Tags that people put into issues. Anything else between angle brackets is text: `Vec<T>`.
const TAGS: &[&str] = &[
    "a",
    "b",
    "blockquote",
    "br",
    "center",
    "code",
    "dd",
    "del",
    "details",
    "div",
    "dl",
    "dt",
    "em",
    "font",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "ol",
    "p",
    "picture",
    "pre",
    "s",
    "samp",
    "small",
    "source",
    "span",
    "strong",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "tr",
    "u",
    "ul",
    "var",
    "video",
];

/// `raw` without comments. `inside` says whether the line begins in one, and then whether it ends
/// in one. A comment's begin in a code span is text.
pub(super) fn without_comments<'a>(raw: &'a str, inside: &mut bool) -> Cow<'a, str> {
    if !*inside && !raw.contains("<!--") {
        return Cow::Borrowed(raw);
    }
    let mut kept = String::new();
    let mut rest = raw;
    loop {
        if *inside {
            let Some(end) = rest.find("-->") else { return Cow::Owned(kept) };
            *inside = false;
            rest = &rest[end + 3..];
        } else {
            let Some(begin) = outside_code(rest, "<!--") else {
                kept.push_str(rest);
                return Cow::Owned(kept);
            };
            kept.push_str(&rest[..begin]);
            *inside = true;
            rest = &rest[begin + 4..];
        }
    }
}

/// `text` without known tags; the `src` or `href` of a tag takes its place.
pub(super) fn without_tags(text: Cow<'_, str>) -> Cow<'_, str> {
    if !text.contains('<') || outside_code(&text, "<").is_none() {
        return text;
    }
    let mut kept = String::with_capacity(text.len());
    let mut rest: &str = &text;
    while let Some(begin) = outside_code(rest, "<") {
        let Some(length) = rest[begin + 1..].find(['<', '>']) else { break };
        let (tag, behind) = rest[begin + 1..].split_at(length);
        if let Some(behind) = behind.strip_prefix('>').filter(|_| is_known(tag)) {
            kept.push_str(&rest[..begin]);
            if let Some(address) = address(tag) {
                kept.extend([" ", address, " "]);
            }
            rest = behind;
        } else {
            kept.push_str(&rest[..=begin + length]);
            rest = behind;
        }
    }
    kept.push_str(rest);
    Cow::Owned(kept)
}

/// The first place of `needle` that has an even number of backticks before it.
fn outside_code(text: &str, needle: &str) -> Option<usize> {
    let mut ticks = 0;
    let mut seen = 0;
    for (at, _) in text.match_indices(needle) {
        ticks += text[seen..at].bytes().filter(|byte| *byte == b'`').count();
        seen = at;
        if ticks % 2 == 0 {
            return Some(at);
        }
    }
    None
}

fn is_known(tag: &str) -> bool {
    let name = tag.trim_start_matches('/');
    let end = name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len());
    TAGS.iter().any(|known| name[..end].eq_ignore_ascii_case(known))
}

fn address(tag: &str) -> Option<&str> {
    let begin = tag.find("src=").map(|at| at + 4).or_else(|| tag.find("href=").map(|at| at + 5))?;
    let value = tag[begin..].trim_start_matches(['"', '\'']);
    let end = value.find(['"', '\'', ' ']).unwrap_or(value.len());
    Some(&value[..end]).filter(|address| address.starts_with("http"))
}

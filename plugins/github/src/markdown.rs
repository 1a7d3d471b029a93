//! Reads the Markdown of issues, line by line, as far as facts need it.
//!
//! Knows headings (also bold lines and `<summary>`), list items, quotes, fenced and indented code.
//! HTML comments are dropped, since they are the template's advice and nobody sees them; of HTML
//! tags only an address survives. Each line is read once, from left to right.

mod html;

use std::borrow::Cow;

use crate::source::{Field, Source};

/// Bytes of one field that are read. GitHub allows 65,536 characters, of at most four bytes each.
pub const FIELD_BYTES_MAX: usize = 262_144;
/// Lines of one field that are read.
pub const LINES_MAX: usize = 20_000;
/// Bytes of one line that are read: longer ones are minified code or data.
pub const LINE_BYTES_MAX: usize = 4_096;
/// Fenced or indented code blocks that are told apart; later ones count to the last.
pub const BLOCKS_MAX: usize = 1_000;
/// The level of what only looks like a heading: a bold line, a `<summary>`.
pub const PSEUDO_HEADING: u8 = 7;

/// One field of an issue.
#[derive(Debug)]
pub struct Document<'a> {
    /// Which.
    pub field: Field,
    /// Its lines, without fences and comments.
    pub lines: Vec<Line<'a>>,
    /// Its code blocks, in order; [`Place::Code`] refers to them.
    pub blocks: Vec<Block<'a>>,
    /// Whether some of the text was left out for its size.
    pub truncated: bool,
}

/// A line and what it is.
#[derive(Debug)]
pub struct Line<'a> {
    /// From 1, in the field as it came.
    pub number: u32,
    /// The text with its indentation and list marker, without quote marks, comments and tags.
    pub text: Cow<'a, str>,
    /// What it is.
    pub place: Place,
    /// Whether it is quoted (`> …`).
    pub quoted: bool,
    /// Where, in `text`, the words begin: behind the list marker or the heading's `#`.
    content_at: usize,
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Nothing.
    Blank,
    /// A heading, from 1 to 6, or [`PSEUDO_HEADING`].
    Heading {
        /// How deep.
        level: u8,
    },
    /// The first line of a list item.
    Item {
        /// Whether it is numbered.
        ordered: bool,
        /// For `- [x]` and `- [ ]`: whether it is ticked.
        ticked: Option<bool>,
    },
    /// Any other text.
    Paragraph,
    /// A line of the code block with this index.
    Code {
        /// The index in [`Document::blocks`].
        block: usize,
    },
}

/// A block of code.
#[derive(Debug)]
pub struct Block<'a> {
    /// The first word behind the fence, if any.
    pub language: Option<&'a str>,
    /// The line of the opening fence, or of the first line when the block is indented.
    pub line: u32,
}

impl Line<'_> {
    /// The words of the line, without marker, trimmed.
    pub fn content(&self) -> &str {
        let content = self.text.get(self.content_at..).unwrap_or("").trim();
        match self.place {
            Place::Heading { .. } => content.trim_matches(['#', '*', '_', ':']).trim(),
            _ => content,
        }
    }

    /// Whether it is text for people: no code, not blank.
    pub fn is_prose(&self) -> bool {
        !matches!(self.place, Place::Code { .. } | Place::Blank)
    }

    /// Whether it begins with blanks.
    pub fn is_indented(&self) -> bool {
        self.text.starts_with([' ', '\t'])
    }
}

impl Document<'_> {
    /// The source for `line` of this document.
    pub fn source(&self, line: &Line<'_>) -> Source {
        Source::new(self.field, line.number, &line.text)
    }
}

/// Reads `text` as the content of `field`.
pub fn read(field: Field, text: &str) -> Document<'_> {
    let (kept, mut truncated) = cut(text, FIELD_BYTES_MAX);
    let mut reader = Reader::default();
    for (index, raw) in kept.lines().enumerate() {
        if index == LINES_MAX {
            truncated = true;
            break;
        }
        let (raw, long) = cut(raw, LINE_BYTES_MAX);
        truncated |= long;
        reader.read_line(u32::try_from(index + 1).unwrap_or(u32::MAX), raw);
    }
    Document { field, lines: reader.lines, blocks: reader.blocks, truncated }
}

/// Reads `text` as the title of an issue: one line, without blocks.
pub fn read_title(text: &str) -> Document<'_> {
    let (text, truncated) = cut(text, LINE_BYTES_MAX);
    let line = Line {
        number: 1,
        text: Cow::Borrowed(text),
        place: if text.trim().is_empty() { Place::Blank } else { Place::Paragraph },
        quoted: false,
        content_at: 0,
    };
    Document { field: Field::Title, lines: vec![line], blocks: Vec::new(), truncated }
}

/// The first `bytes_max` bytes of `text`, at a character's border, and whether that is less.
fn cut(text: &str, bytes_max: usize) -> (&str, bool) {
    let end = text.floor_char_boundary(bytes_max);
    (&text[..end], end < text.len())
}

#[derive(Default)]
struct Reader<'a> {
    lines: Vec<Line<'a>>,
    blocks: Vec<Block<'a>>,
    fence: Option<Fence>,
    in_comment: bool,
    in_list: bool,
    /// Whether the last line that is not blank belongs to an indented block.
    in_indented_code: bool,
}

/// An open fenced block.
#[derive(Clone, Copy)]
struct Fence {
    mark: char,
    length: usize,
    quoted: bool,
    /// Blanks before it: as many are taken from its lines, so that code in a list is not indented.
    indent: usize,
}

impl<'a> Reader<'a> {
    fn read_line(&mut self, number: u32, raw: &'a str) {
        if let Some(fence) = self.fence {
            let (inner, quoted) = if fence.quoted { unquoted(raw) } else { (raw, false) };
            if quoted == fence.quoted {
                return self.read_code(number, inner, fence);
            }
            self.fence = None;
        }
        self.read_text(number, raw);
    }

    fn read_code(&mut self, number: u32, text: &'a str, fence: Fence) {
        let closing = text.trim();
        let length = closing.chars().take_while(|c| *c == fence.mark).count();
        if length >= fence.length && length == closing.len() {
            self.fence = None;
        } else {
            let blanks = text.bytes().take(fence.indent).take_while(|byte| *byte == b' ').count();
            self.push(number, Cow::Borrowed(&text[blanks..]), self.code(), fence.quoted, 0);
        }
    }

    fn read_text(&mut self, number: u32, raw: &'a str) {
        let (raw, quoted) = if self.in_comment { (raw, false) } else { unquoted(raw) };
        if !self.in_comment
            && !self.begins_indented_code(raw)
            && let Some((fence, language)) = opening_fence(raw, quoted)
        {
            self.fence = Some(fence);
            self.in_indented_code = false;
            return self.open_block(number, language);
        }
        let text = html::without_comments(raw, &mut self.in_comment);
        let summary = text.contains("<summary");
        let text = html::without_tags(text);
        let (place, content_at) = self.place(&text, summary, number);
        match place {
            Place::Item { .. } => self.in_list = true,
            Place::Heading { .. } => self.in_list = false,
            Place::Paragraph if !text.starts_with([' ', '\t']) => self.in_list = false,
            _ => {}
        }
        self.in_indented_code &= matches!(place, Place::Code { .. } | Place::Blank);
        self.push(number, text, place, quoted, content_at);
    }

    fn place(&mut self, text: &str, summary: bool, number: u32) -> (Place, usize) {
        let trimmed = text.trim_start();
        let indent = text.len() - trimmed.len();
        if trimmed.is_empty() {
            return (Place::Blank, 0);
        }
        if self.begins_indented_code(text) {
            return (self.indented_code(number), 0);
        }
        if self.underlines_heading(trimmed) {
            if let Some(title) = self.lines.last_mut() {
                title.place =
                    Place::Heading { level: if trimmed.starts_with('=') { 1 } else { 2 } };
            }
            return (Place::Blank, 0);
        }
        if let Some(level) = atx_level(trimmed) {
            return (Place::Heading { level }, indent + usize::from(level));
        }
        if summary || is_bold_line(trimmed) {
            return (Place::Heading { level: PSEUDO_HEADING }, indent);
        }
        match item(trimmed) {
            Some((place, marker)) => (place, indent + marker),
            None => (Place::Paragraph, indent),
        }
    }

    fn begins_indented_code(&self, text: &str) -> bool {
        let indented = text.starts_with("    ") || text.starts_with('\t');
        let after_blank = self.lines.last().is_none_or(|line| line.place == Place::Blank);
        indented && !self.in_list && (after_blank || self.in_indented_code)
    }

    fn indented_code(&mut self, number: u32) -> Place {
        if !self.in_indented_code {
            self.open_block(number, None);
            self.in_indented_code = true;
        }
        self.code()
    }

    fn underlines_heading(&self, trimmed: &str) -> bool {
        let rule = trimmed.trim_end();
        let is_rule =
            rule.len() >= 3 && (rule.bytes().all(|b| b == b'=') || rule.bytes().all(|b| b == b'-'));
        is_rule && self.lines.last().is_some_and(|line| line.place == Place::Paragraph)
    }

    fn open_block(&mut self, line: u32, language: Option<&'a str>) {
        if self.blocks.len() < BLOCKS_MAX {
            self.blocks.push(Block { language, line });
        }
    }

    fn code(&self) -> Place {
        Place::Code { block: self.blocks.len().saturating_sub(1) }
    }

    fn push(
        &mut self,
        number: u32,
        text: Cow<'a, str>,
        place: Place,
        quoted: bool,
        content_at: usize,
    ) {
        self.lines.push(Line { number, text, place, quoted, content_at });
    }
}

/// `raw` without the quote marks before it, and whether there were any.
fn unquoted(raw: &str) -> (&str, bool) {
    let mut rest = raw;
    let mut quoted = false;
    while let Some(inner) = rest.trim_start_matches(' ').strip_prefix('>') {
        rest = inner.strip_prefix(' ').unwrap_or(inner);
        quoted = true;
    }
    (rest, quoted)
}

fn opening_fence(raw: &str, quoted: bool) -> Option<(Fence, Option<&str>)> {
    let text = list_free(raw.trim_start());
    let mark = text.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let length = text.chars().take_while(|c| *c == mark).count();
    let info = text[length..].trim();
    // Python underlines the failing part of a line with `~~~^^^`: no fence.
    if length < 3 || info.contains(['`', '^']) {
        return None;
    }
    let language = info.split([' ', ',', '{', '\t']).next().filter(|word| !word.is_empty());
    // Behind a list marker the fence's own column counts.
    let indent = raw.len() - text.len();
    Some((Fence { mark, length, quoted, indent }, language))
}

/// `text` behind a list marker that has a fence right after it.
fn list_free(text: &str) -> &str {
    match item(text) {
        Some((_, marker)) => text[marker..].trim_start(),
        None => text,
    }
}

fn atx_level(trimmed: &str) -> Option<u8> {
    let level = trimmed.bytes().take_while(|b| *b == b'#').count();
    let rest = &trimmed[level..];
    let heading = (1..=6).contains(&level) && (rest.is_empty() || rest.starts_with([' ', '\t']));
    if heading { u8::try_from(level).ok() } else { None }
}

/// Whether the whole line is bold: people write headings so.
fn is_bold_line(trimmed: &str) -> bool {
    ["**", "__"].iter().any(|mark| {
        let line = trimmed.trim_end().trim_end_matches(':');
        line.strip_prefix(mark)
            .and_then(|rest| rest.strip_suffix(mark))
            .is_some_and(|inner| !inner.trim().is_empty() && !inner.contains(mark))
    })
}

/// The item that `trimmed` begins, with the length of its marker.
fn item(trimmed: &str) -> Option<(Place, usize)> {
    let digits = trimmed.bytes().take_while(u8::is_ascii_digit).count();
    let ordered = (1..=9).contains(&digits);
    let mark = if ordered { digits } else { 0 };
    let expected: &[char] = if ordered { &['.', ')'] } else { &['-', '*', '+', '•'] };
    let bullet = trimmed[mark..].chars().next().filter(|c| expected.contains(c))?;
    let marker = mark + bullet.len_utf8();
    let rest = &trimmed[marker..];
    if !rest.is_empty() && !rest.starts_with([' ', '\t']) {
        return None;
    }
    let content = rest.trim_start();
    let ticked = match content.get(..3) {
        Some("[ ]") => Some(false),
        Some("[x]" | "[X]") => Some(true),
        _ => None,
    };
    let box_length = if ticked.is_some() { rest.len() - content.len() + 3 } else { 0 };
    Some((Place::Item { ordered, ticked }, marker + box_length))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, expected: Expect) {
        let document = read(Field::Body, text);
        let shown: Vec<String> = document
            .lines
            .iter()
            .map(|line| {
                let quote = if line.quoted { "> " } else { "" };
                format!("{} {quote}{:?} | {}\n", line.number, line.place, line.content())
            })
            .collect();
        expected.assert_eq(&shown.concat());
    }

    #[test]
    fn headings_of_every_style() {
        check(
            "### Steps ###\n**Expected behaviour:**\nTitle\n=====\nOther\n---\n#123 is no heading",
            expect![[r#"
                1 Heading { level: 3 } | Steps
                2 Heading { level: 7 } | Expected behaviour
                3 Heading { level: 1 } | Title
                4 Blank | =====
                5 Heading { level: 2 } | Other
                6 Blank | ---
                7 Paragraph | #123 is no heading
            "#]],
        );
    }

    #[test]
    fn list_items_and_tick_boxes() {
        check(
            "1. one\n   more\n2) two\n- [x] done\n- [ ] open\n* star\n*bold*\n1.5 is a number",
            expect![[r#"
                1 Item { ordered: true, ticked: None } | one
                2 Paragraph | more
                3 Item { ordered: true, ticked: None } | two
                4 Item { ordered: false, ticked: Some(true) } | done
                5 Item { ordered: false, ticked: Some(false) } | open
                6 Item { ordered: false, ticked: None } | star
                7 Paragraph | *bold*
                8 Paragraph | 1.5 is a number
            "#]],
        );
    }

    #[test]
    fn code_is_fenced_indented_or_quoted() {
        check(
            "```rust ignore\n# no heading\n<!-- kept -->\n```\n\n    indented\n    too\ntext\n> ~~~\n> quoted code\nafter",
            expect![[r##"
                2 Code { block: 0 } | # no heading
                3 Code { block: 0 } | <!-- kept -->
                5 Blank | 
                6 Code { block: 1 } | indented
                7 Code { block: 1 } | too
                8 Paragraph | text
                10 > Code { block: 2 } | quoted code
                11 Paragraph | after
            "##]],
        );
    }

    #[test]
    fn comments_and_tags_vanish() {
        check(
            "a <!-- hidden --> b\n<!-- begin\nhidden\n--> c\n<details><summary>Log</summary>\n`<!-- shown -->`\n<img width=1 src=\"https://example.org/a.png\">\nVec<T>",
            expect![[r#"
                1 Paragraph | a  b
                2 Blank | 
                3 Blank | 
                4 Paragraph | c
                5 Heading { level: 7 } | Log
                6 Paragraph | `<!-- shown -->`
                7 Paragraph | https://example.org/a.png
                8 Paragraph | Vec<T>
            "#]],
        );
    }

    #[test]
    fn carriage_returns_are_no_text() {
        check(
            "### A\r\n\r\nb\r\n",
            expect![[r#"
                1 Heading { level: 3 } | A
                2 Blank | 
                3 Paragraph | b
            "#]],
        );
    }

    #[test]
    fn size_is_bounded() {
        let long = "ä".repeat(FIELD_BYTES_MAX);
        let document = read(Field::Body, &long);
        assert!(document.truncated);
        assert!(document.lines[0].text.len() <= LINE_BYTES_MAX);

        let many = "x\n".repeat(LINES_MAX + 1);
        let document = read(Field::Body, &many);
        assert!(document.truncated);
        assert_eq!(document.lines.len(), LINES_MAX);
        assert!(!read(Field::Body, "x\ny").truncated);
    }
}

//! The blocks of code in a report.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::found::Found;
use crate::markdown::{Document, Line, Place};
use crate::source::{Field, Source, clean, clean_lines};

/// Blocks that are reported.
pub const BLOCKS_MAX: usize = 50;
/// Characters of a block's text that are reported.
pub const TEXT_CHARS_MAX: usize = 1_000;

/// A block of code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CodeBlock {
    /// The language behind the fence, in lower case.
    pub language: Option<String>,
    /// How many lines it has.
    pub lines: u32,
    /// Its text, at most 1,000 characters.
    pub text: String,
    /// Whether `text` is less than all of it.
    pub truncated: bool,
    /// Its first line.
    pub source: Source,
}

/// The code blocks in `documents` that are not empty.
pub fn find(documents: &[Document<'_>]) -> Found<CodeBlock> {
    let mut blocks = Found::up_to(BLOCKS_MAX);
    for document in documents {
        let of = |line: &Line<'_>| match line.place {
            Place::Code { block } => Some(block),
            _ => None,
        };
        for lines in document.lines.chunk_by(|a, b| of(a).is_some() && of(a) == of(b)) {
            let Some(block) = lines.first().and_then(of) else { continue };
            let repeated = lines[0].quoted && document.field == Field::Comment;
            if !repeated && lines.iter().any(|line| !line.text.trim().is_empty()) {
                blocks.push(read(document, block, lines));
            }
        }
    }
    blocks
}

fn read(document: &Document<'_>, block: usize, lines: &[Line<'_>]) -> CodeBlock {
    let mut text = String::new();
    let mut truncated = false;
    for line in lines {
        // A character has at most four bytes: enough is kept for the cut below.
        if text.len() > 4 * TEXT_CHARS_MAX {
            truncated = true;
            break;
        }
        text.push_str(&line.text);
        text.push('\n');
    }
    truncated |= text.trim_end().chars().count() > TEXT_CHARS_MAX;
    let first = lines.iter().find(|line| !line.text.trim().is_empty()).unwrap_or(&lines[0]);
    CodeBlock {
        language: document
            .blocks
            .get(block)
            .and_then(|block| block.language)
            .map(|language| clean(language, 40).to_lowercase()),
        lines: u32::try_from(lines.len()).unwrap_or(u32::MAX),
        text: clean_lines(text.trim_end(), TEXT_CHARS_MAX),
        truncated,
        source: document.source(first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::markdown;

    #[test]
    fn languages_lines_and_texts() {
        let text = "```Rust,ignore\nfn a() {}\n```\n```\n\nplain\n```\n```\n```\n\n    indented\n";
        let found = find(&[markdown::read(Field::Body, text)]);
        let shown: Vec<_> = found
            .items
            .iter()
            .map(|b| (b.language.as_deref(), b.lines, b.text.as_str(), b.source.line))
            .collect();
        assert_eq!(
            shown,
            [
                (Some("rust"), 1, "fn a() {}", 2),
                (None, 2, "plain", 6),
                (None, 1, "    indented", 11),
            ]
        );
    }

    #[test]
    fn a_long_block_is_cut() {
        let text = format!("```\n{}\n```", "äöü\n".repeat(TEXT_CHARS_MAX));
        let found = find(&[markdown::read(Field::Body, &text)]);
        assert!(found.items[0].truncated);
        assert!(found.items[0].text.chars().count() <= TEXT_CHARS_MAX);
    }
}

//! The steps that lead to the problem.
//!
//! They stand in a section of their own, in a list that is announced ("I did the following:"), or in
//! one sentence: "When I run …".

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::found::Found;
use crate::markdown::{Document, Place};
use crate::sections::{self, Part, Section, is_placeholder};
use crate::sentences;
use crate::source::{Field, Source, clean, clean_lines};
use crate::words::{first_phrase, normalised};

/// Steps that are reported.
pub const STEPS_MAX: usize = 50;
/// Characters of one step.
pub const STEP_CHARS_MAX: usize = 500;
/// A step to reproduce.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// What to do; several lines when it includes code.
    pub text: String,
    /// Where it stands.
    pub source: Source,
}

/// The steps to reproduce in `documents`.
pub fn find(documents: &[Document<'_>]) -> Found<Step> {
    let mut steps = Found::up_to(STEPS_MAX);
    for document in documents {
        for section in sections::find(document).iter().filter(|section| section.part == Part::Steps)
        {
            steps_of_section(document, section, &mut steps);
        }
    }
    for document in documents.iter().filter(|document| document.field != Field::Title) {
        if steps.items.is_empty() {
            steps_of_list(document, &mut steps);
        }
        if steps.items.is_empty() {
            steps_of_sentence(document, &mut steps);
        }
    }
    steps
}

fn steps_of_section(document: &Document<'_>, section: &Section<'_>, steps: &mut Found<Step>) {
    if !is_placeholder(section.inline) {
        steps.push(step(section.inline, document.source(section.title)));
    }
    let has_items = section.lines.iter().any(|line| matches!(line.place, Place::Item { .. }));
    let mut after_blank = false;
    for line in section
        .lines
        .iter()
        .filter(|line| line.place == Place::Blank || !is_placeholder(&line.text))
    {
        let continues = !steps.items.is_empty();
        match line.place {
            Place::Blank => {}
            Place::Item { .. } => steps.push(step(line.content(), document.source(line))),
            Place::Paragraph if has_items && continues => {
                // A remark behind the list is no step.
                if after_blank && !line.is_indented() {
                    return;
                }
                continue_step(steps, line.content());
            }
            Place::Code { .. } if continues => continue_step(steps, line.text.trim_end()),
            Place::Code { .. } | Place::Paragraph if !has_items => {
                steps.push(step(line.content(), document.source(line)));
            }
            _ => {}
        }
        after_blank = line.place == Place::Blank;
    }
}

fn step(text: &str, source: Source) -> Step {
    Step { text: clean(text, STEP_CHARS_MAX), source }
}

fn continue_step(steps: &mut Found<Step>, text: &str) {
    if let Some(last) = steps.items.last_mut() {
        let room = STEP_CHARS_MAX.saturating_sub(last.text.chars().count() + 1);
        let more = clean_lines(text, room);
        if !more.is_empty() {
            last.text.push('\n');
            last.text.push_str(&more);
        }
    }
}

/// A numbered list whose introduction promises steps: "I did the following:".
fn steps_of_list(document: &Document<'_>, steps: &mut Found<Step>) {
    const PROMISES: &[&str] =
        &["reproduce", "steps", "the following", "do this", "i did", "how i", "to see it", "repro"];
    let mut promised = false;
    for line in &document.lines {
        match line.place {
            Place::Item { ordered: true, .. } if promised => {
                steps.push(step(line.content(), document.source(line)));
            }
            Place::Paragraph | Place::Heading { .. } if !line.is_indented() => {
                if !steps.items.is_empty() {
                    return;
                }
                promised = first_phrase(&normalised(&line.text), PROMISES).is_some();
            }
            _ => {}
        }
    }
}

/// One sentence that says when it happens: "When I run `x`, …".
fn steps_of_sentence(document: &Document<'_>, steps: &mut Found<Step>) {
    const BEGINS: &[&str] = &[
        " when i ",
        " when you ",
        " when running ",
        " if i ",
        " if you ",
        " running ",
        " run ",
        " after i ",
        " i ran ",
        " i run ",
        " to reproduce ",
    ];
    let found = sentences::find(document).find(|(_, sentence)| {
        let words = normalised(sentence);
        BEGINS.iter().any(|begin| words.starts_with(begin))
    });
    if let Some((line, sentence)) = found {
        steps.push(step(sentence, document.source(line)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::markdown;

    #[test]
    fn steps_are_bounded() {
        let text = format!("## Steps\n{}", "1. again\n".repeat(STEPS_MAX + 1));
        let found = find(&[markdown::read(Field::Body, &text)]);
        assert!(found.truncated);
        assert_eq!(found.items.len(), STEPS_MAX);
    }
}

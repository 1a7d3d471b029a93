//! Expected and actual behaviour: a section says it, or a sentence such as "I expected …".

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::markdown::Document;
use crate::sections::{self, Part, is_placeholder};
use crate::sentences;
use crate::source::{Field, Source, clean, clean_lines};
use crate::words::{first_phrase, normalised};

/// Characters of expected or actual behaviour.
pub const BEHAVIOUR_CHARS_MAX: usize = 2_000;

/// Expected or actual behaviour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Behaviour {
    /// The behaviour in the reporter's words.
    pub text: String,
    /// How it was recognised.
    pub found_in: FoundIn,
    /// Where it stands.
    pub source: Source,
}

/// How a behaviour was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FoundIn {
    /// A section or a labelled line says what it is.
    Section,
    /// A sentence such as "I expected …".
    Sentence,
}

/// What should happen.
pub fn expected(documents: &[Document<'_>]) -> Option<Behaviour> {
    const PHRASES: &[&str] = &[
        "i expect",
        "i expected",
        "i would expect",
        "id expect",
        "we expect",
        "we expected",
        "expected it to",
        "expected to",
        "expected that",
        "it should have",
        "should have been",
        "should return",
        "should print",
        "should be able to",
        "it should",
    ];
    behaviour(documents, Part::Expected, PHRASES)
}

/// What happens.
pub fn actual(documents: &[Document<'_>]) -> Option<Behaviour> {
    const PHRASES: &[&str] = &[
        "instead it",
        "but instead",
        "instead i get",
        "but i get",
        "but it",
        "however it",
        "actually",
        "it crashes",
        "it fails",
        "it hangs",
        "crashes with",
        "fails with",
        "i get the following",
        "i get this",
        "i get an error",
        "throws",
        "panics",
        "it panics",
        "results in",
        "does not work",
        "doesnt work",
        "nothing happens",
    ];
    behaviour(documents, Part::Actual, PHRASES)
}

fn behaviour(documents: &[Document<'_>], part: Part, phrases: &[&str]) -> Option<Behaviour> {
    documents
        .iter()
        .find_map(|document| behaviour_of_section(document, part))
        .or_else(|| documents.iter().find_map(|document| behaviour_of_sentence(document, phrases)))
}

fn behaviour_of_section(document: &Document<'_>, part: Part) -> Option<Behaviour> {
    let sections = sections::find(document);
    let section = sections.iter().find(|section| section.part == part && section.is_filled())?;
    let mut text = String::new();
    let mut source = None;
    if !is_placeholder(section.inline) {
        text.push_str(section.inline);
        source = Some(document.source(section.title));
    }
    for line in section.lines.iter().filter(|line| !is_placeholder(&line.text)) {
        if text.len() > BEHAVIOUR_CHARS_MAX * 4 {
            break;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(if line.is_prose() { line.text.trim() } else { &line.text });
        source.get_or_insert_with(|| document.source(line));
    }
    Some(Behaviour {
        text: clean_lines(&text, BEHAVIOUR_CHARS_MAX),
        found_in: FoundIn::Section,
        source: source?,
    })
}

fn behaviour_of_sentence(document: &Document<'_>, phrases: &[&str]) -> Option<Behaviour> {
    if document.field == Field::Title {
        return None;
    }
    let (line, sentence) = sentences::find(document)
        .find(|(_, sentence)| first_phrase(&normalised(sentence), phrases).is_some())?;
    Some(Behaviour {
        text: clean(sentence, BEHAVIOUR_CHARS_MAX),
        found_in: FoundIn::Sentence,
        source: document.source(line),
    })
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::{markdown, steps};

    fn check(text: &str, expected_text: Expect) {
        let documents = [markdown::read(Field::Body, text)];
        let mut shown = String::new();
        for step in steps::find(&documents).items {
            shown += &format!("step at {}: {:?}\n", step.source.line, step.text);
        }
        for (name, found) in [("expected", expected(&documents)), ("actual", actual(&documents))] {
            if let Some(found) = found {
                shown += &format!(
                    "{name} at {} by {:?}: {:?}\n",
                    found.source.line, found.found_in, found.text
                );
            }
        }
        expected_text.assert_eq(&shown);
    }

    #[test]
    fn an_issue_form() {
        check(
            "### What did you expect to happen?\n\nThe boat floats.\n\n### What happened instead?\n\n```\nblub\n  blub\n```\n\n### Steps to reproduce\n\n1. Build a boat\n   of paper\n2. Swim:\n   ```sh\n   boat swim --far\n   ```\n\nThis happens daily.\n\n### Anything else?\n\n_No response_",
            expect![[r#"
                step at 14: "Build a boat\nof paper"
                step at 16: "Swim:\nboat swim --far"
                expected at 3 by Section: "The boat floats."
                actual at 8 by Section: "blub\n  blub"
            "#]],
        );
    }

    #[test]
    fn an_empty_issue_form() {
        check(
            "### Steps to reproduce\n\n_No response_\n\n### Expected behavior\n\nN/A\n\n### Actual behavior\n\n_No response_\n",
            expect![[""]],
        );
    }

    #[test]
    fn bold_labels_and_lines_with_labels() {
        check(
            "**Describe the bug**\nA clear day.\n\n**To Reproduce**\n- Go to the quay\n- Wait\n\n**Expected behavior** the ferry comes\n\nActual: it sinks\nwith all hands\n\nThanks: everybody",
            expect![[r#"
                step at 5: "Go to the quay"
                step at 6: "Wait"
                expected at 8 by Section: "the ferry comes"
                actual at 10 by Section: "it sinks\nwith all hands"
            "#]],
        );
    }

    #[test]
    fn steps_as_prose_and_as_code() {
        check(
            "## Reproduction\nOpen the lid, then run\n```\nkettle --boil\n```\n## Notes\nnothing",
            expect![[r#"
                step at 2: "Open the lid, then run\nkettle --boil"
            "#]],
        );
    }

    #[test]
    fn a_list_without_a_heading() {
        check(
            "Hi! I did the following:\n\n1. took a saw\n2. sawed\n\nI would expect two halves. But instead it made three.",
            expect![[r#"
                step at 3: "took a saw"
                step at 4: "sawed"
                expected at 6 by Sentence: "I would expect two halves."
                actual at 6 by Sentence: "But instead it made three."
            "#]],
        );
    }

    #[test]
    fn sentences_only() {
        check(
            "When I press the bell, nothing happens! It should ring, e.g. loudly.",
            expect![[r#"
                step at 1: "When I press the bell, nothing happens!"
                expected at 1 by Sentence: "It should ring, e.g. loudly."
                actual at 1 by Sentence: "When I press the bell, nothing happens!"
            "#]],
        );
    }

    #[test]
    fn nothing_to_find() {
        check("Please add a bell.", expect![[""]]);
    }
}

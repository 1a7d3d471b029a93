//! The parts of a report: steps to reproduce, expected and actual behaviour, environment and more.
//!
//! A part is a heading's text, also a bold line's or an issue form's, or a line that begins with a
//! label: `Expected: …`.

use crate::markdown::{Document, Line, PSEUDO_HEADING, Place};
use crate::words::{first_phrase, has_phrase, normalised};

/// Sections that are told apart.
const SECTIONS_MAX: usize = 200;
/// Words of a line's label: more are a sentence.
const LABEL_WORDS_MAX: usize = 5;

/// What a section is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// How to see the problem.
    Steps,
    /// What should happen.
    Expected,
    /// What happens.
    Actual,
    /// Systems and versions.
    Environment,
    /// Output of the program.
    Logs,
    /// What the report is about.
    Description,
    /// What is wished for, and why.
    Request,
    /// What is asked.
    Question,
}

/// Words of a title, and the part they mean; the first that fits counts.
const TITLES: &[(Part, &[&str])] = &[
    (
        Part::Expected,
        &["expected", "expect", "expectation", "should happen", "should have happened", "desired"],
    ),
    (
        Part::Steps,
        &[
            "steps",
            "step by step",
            "reproduce",
            "reproduction",
            "reproducing",
            "reproducer",
            "repro",
            "how to trigger",
            "minimal example",
            "mre",
            "mcve",
            "test case",
        ],
    ),
    (
        Part::Actual,
        &[
            "actual",
            "actually",
            "observed",
            "current behaviour",
            "current behavior",
            "what happened",
            "what happens",
            "happened instead",
            "instead",
            "what went wrong",
            "the problem",
            "the bug",
            "bug",
            "issue",
            "problem",
        ],
    ),
    (
        Part::Environment,
        &[
            "environment",
            "system",
            "platform",
            "version",
            "versions",
            "setup",
            "configuration",
            "operating system",
            "os",
            "browser",
            "device",
            "software",
            "runtime",
        ],
    ),
    (
        Part::Logs,
        &[
            "log",
            "logs",
            "output",
            "stack trace",
            "stacktrace",
            "traceback",
            "backtrace",
            "error message",
            "error",
            "trace",
            "crash report",
        ],
    ),
    (
        Part::Request,
        &[
            "feature",
            "proposal",
            "solution",
            "motivation",
            "use case",
            "use cases",
            "alternatives",
            "request",
            "rationale",
            "suggestion",
            "why",
        ],
    ),
    (Part::Question, &["question", "questions"]),
    (Part::Description, &["description", "summary", "describe", "overview", "details", "context"]),
];

/// Titles that read like another part by one of their words.
const TITLE_EXCEPTIONS: &[(&str, Part)] = &[
    ("describe the bug", Part::Description),
    ("bug description", Part::Description),
    ("issue description", Part::Description),
    ("problem description", Part::Description),
    ("related problem", Part::Request),
    ("related to a problem", Part::Request),
    ("is your feature request", Part::Request),
    ("what problem", Part::Request),
    ("problem to solve", Part::Request),
    ("steps taken", Part::Steps),
];

/// What issue forms and people write into a part they leave out.
const PLACEHOLDERS: &[&str] = &[
    " ",
    " no response ",
    " n a ",
    " na ",
    " none ",
    " nothing ",
    " tbd ",
    " todo ",
    " see above ",
];

/// How labels of lines begin.
const LABEL_BEGINS: &[&str] = &[
    "expected",
    "actual",
    "steps",
    "to reproduce",
    "reproduc",
    "repro",
    "current",
    "observed",
    "what happen",
    "what i expect",
    "what did you",
    "how to reproduce",
];

/// A section with its lines, the title's line not included.
#[derive(Debug)]
pub struct Section<'d> {
    /// What it is about.
    pub part: Part,
    /// The line of its title or label.
    pub title: &'d Line<'d>,
    /// What stands behind the label in its line.
    pub inline: &'d str,
    /// Its lines.
    pub lines: &'d [Line<'d>],
}

impl Section<'_> {
    /// Whether it says anything: a placeholder says nothing.
    pub fn is_filled(&self) -> bool {
        !is_placeholder(self.inline) || self.lines.iter().any(|line| !is_placeholder(&line.text))
    }
}

/// The sections of `document`, in order.
pub fn find<'d>(document: &'d Document<'d>) -> Vec<Section<'d>> {
    let mut sections: Vec<Section<'d>> = Vec::new();
    let mut open: Option<(Part, usize, &'d str)> = None;
    for (index, line) in document.lines.iter().enumerate() {
        if sections.len() == SECTIONS_MAX {
            return sections;
        }
        let begins = begin(line);
        let ends = match (begins, open) {
            (Some(_), _) => true,
            (None, Some((_, _, inline))) => {
                let labelled_line_is_over = !inline.is_empty() && line.place == Place::Blank;
                labelled_line_is_over || is_other_heading(line)
            }
            (None, None) => false,
        };
        if ends {
            sections.extend(open.take().map(|open| section(document, open, index)));
        }
        if let Some((part, inline)) = begins {
            open = Some((part, index, inline));
        }
    }
    sections.extend(open.map(|open| section(document, open, document.lines.len())));
    sections
}

fn section<'d>(
    document: &'d Document<'d>,
    (part, title, inline): (Part, usize, &'d str),
    end: usize,
) -> Section<'d> {
    let lines = &document.lines[title + 1..end];
    Section { part, title: &document.lines[title], inline, lines }
}

/// A heading that says no part. A bold line or a `<summary>` inside a section does not end it.
fn is_other_heading(line: &Line<'_>) -> bool {
    matches!(line.place, Place::Heading { level } if level < PSEUDO_HEADING)
}

/// The part that `line` begins, with what follows the label.
fn begin<'d>(line: &'d Line<'_>) -> Option<(Part, &'d str)> {
    match line.place {
        Place::Heading { .. } => Some((part_of(line.content())?, "")),
        Place::Paragraph | Place::Item { .. } if !line.quoted => labelled(line.content()),
        _ => None,
    }
}

/// `Expected behaviour: …` or `**Expected behaviour** …`.
fn labelled(content: &str) -> Option<(Part, &str)> {
    let (label, behind) = match content.strip_prefix("**") {
        Some(bold) => bold.split_once("**")?,
        None => content.split_once(':')?,
    };
    let words = normalised(label);
    if words.split_whitespace().count() > LABEL_WORDS_MAX || label.contains(['.', '`', '/']) {
        return None;
    }
    if !LABEL_BEGINS.iter().any(|begin| words[1..].starts_with(begin)) {
        return None;
    }
    let part = part_of(label)?;
    let strict = matches!(part, Part::Steps | Part::Expected | Part::Actual);
    strict.then(|| (part, behind.trim_start_matches([':', '-', ' ', '–']).trim()))
}

/// The part that a title means.
pub fn part_of(title: &str) -> Option<Part> {
    let title = normalised(title);
    let exception = TITLE_EXCEPTIONS.iter().find(|(phrase, _)| has_phrase(&title, phrase));
    if let Some((_, part)) = exception {
        return Some(*part);
    }
    TITLES.iter().find(|(_, words)| first_phrase(&title, words).is_some()).map(|(part, _)| *part)
}

/// Whether `text` is what stands where nobody wrote anything.
pub fn is_placeholder(text: &str) -> bool {
    PLACEHOLDERS.contains(&normalised(text).as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_mean_parts() {
        for (part, titles) in [
            (
                Part::Steps,
                vec!["Steps to reproduce", "To Reproduce", "Reproduction", "How to trigger?"],
            ),
            (
                Part::Expected,
                vec!["Expected behavior", "What did you expect to happen?", "Expected vs. actual"],
            ),
            (
                Part::Actual,
                vec!["Actual behaviour", "What happened?", "Current Behavior", "The bug"],
            ),
            (Part::Environment, vec!["Environment", "System info", "Your setup", "Version"]),
            (Part::Logs, vec!["Relevant log output", "Stack trace", "Error message"]),
            (Part::Request, vec!["Describe the solution you'd like", "Motivation", "Alternatives"]),
            (Part::Description, vec!["Description", "Describe the bug", "Summary"]),
        ] {
            for title in titles {
                assert_eq!(part_of(title), Some(part), "{title}");
            }
        }
        assert_eq!(part_of("Anything else?"), None);
    }
}

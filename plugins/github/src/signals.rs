//! What the prose speaks of: a crash, a regression, slowness, security, a typing error.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::markdown::{Document, Line, Place};
use crate::source::{Field, Source};
use crate::words::{first_phrase, normalised};

/// Bytes of prose that are searched for words: the point of a report is made at its begin.
pub const PROSE_BYTES_MAX: usize = 32_768;

/// What a report can speak of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// The program ends unasked.
    Crash,
    /// It worked before.
    Regression,
    /// It is slow or takes much memory.
    Performance,
    /// An attacker could use it.
    Security,
    /// It cannot be used by everybody.
    Accessibility,
    /// A slip in a text.
    Typo,
}

const TOPICS: &[(Topic, &[&str])] = &[
    (
        Topic::Crash,
        &[
            "crash",
            "crashes",
            "crashed",
            "crashing",
            "panic",
            "panics",
            "panicked",
            "segfault",
            "segfaults",
            "segmentation fault",
            "core dumped",
            "abort trap",
            "aborts",
            "stack overflow",
            "out of memory",
            "fatal error",
        ],
    ),
    (
        Topic::Regression,
        &[
            "regression",
            "regressed",
            "used to work",
            "worked before",
            "worked in",
            "worked fine in",
            "stopped working",
            "no longer works",
            "since upgrading",
            "since updating",
            "after upgrading",
            "after updating",
            "after the update",
            "since the update",
        ],
    ),
    (
        Topic::Performance,
        &[
            "slow",
            "slower",
            "slowdown",
            "performance",
            "memory leak",
            "memory usage",
            "high cpu",
            "cpu usage",
            "takes forever",
            "latency",
            "throughput",
        ],
    ),
    (
        Topic::Security,
        &[
            "vulnerability",
            "vulnerable",
            "security",
            "cve",
            "exploit",
            "xss",
            "csrf",
            "rce",
            "sql injection",
            "injection",
            "path traversal",
            "privilege escalation",
        ],
    ),
    (
        Topic::Accessibility,
        &["accessibility", "a11y", "screen reader", "keyboard navigation", "aria", "wcag"],
    ),
    (
        Topic::Typo,
        &[
            "typo",
            "typos",
            "misspelled",
            "misspelling",
            "spelling",
            "spelled",
            "grammar",
            "typographical",
        ],
    ),
];

/// A topic with the text that raises it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Signal {
    /// What the report speaks of.
    pub topic: Topic,
    /// The words that say so.
    pub phrase: String,
    /// Where they stand.
    pub source: Source,
}

/// The lines of prose, with their [`normalised`] text, up to the bound.
pub fn prose<'d>(documents: &'d [Document<'_>]) -> Vec<(&'d Document<'d>, &'d Line<'d>, String)> {
    let mut bytes = 0;
    let lines = documents.iter().flat_map(|document| {
        document
            .lines
            .iter()
            .filter(|line| is_reporters(document, line))
            .map(move |line| (document, line))
    });
    lines
        .take_while(|(_, line)| {
            bytes += line.text.len();
            bytes <= PROSE_BYTES_MAX
        })
        .map(|(document, line)| (document, line, normalised(line.content())))
        .collect()
}

/// Prose in the reporter's own words: no quotes, no boxes to tick.
fn is_reporters(document: &Document<'_>, line: &Line<'_>) -> bool {
    let is_box = matches!(line.place, Place::Item { ticked: Some(_), .. });
    line.is_prose() && !line.quoted && !is_box && document.field != Field::Labels
}

/// The topics of the prose, each once.
pub fn find(prose: &[(&Document<'_>, &Line<'_>, String)]) -> Vec<Signal> {
    TOPICS
        .iter()
        .filter_map(|(topic, phrases)| {
            prose.iter().find_map(|(document, line, words)| {
                let phrase = first_phrase(words, phrases)?;
                let source = document.source(line);
                Some(Signal { topic: *topic, phrase: phrase.to_owned(), source })
            })
        })
        .collect()
}

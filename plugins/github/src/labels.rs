//! Suggests labels: from the facts of an issue and the labels that its repository has.
//!
//! Only a label of the given list is ever suggested. What each one means is read from its name and
//! description (`meaning`), and whether that fits is decided on the facts alone (`fit`): equal input
//! gives equal output, and no text of an issue can name a label into the answer.

mod fit;
mod meaning;

use std::collections::HashSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::facts::Facts;
use crate::source::{Source, clean};

/// Labels of the list that are looked at.
pub const LABELS_MAX: usize = 1_000;
/// Suggestions in the answer.
pub const SUGGESTIONS_MAX: usize = 20;
/// Labels in the answer that are not suggested.
pub const CONSIDERED_MAX: usize = 200;
/// A suggestion needs at least this confidence.
pub const CONFIDENCE_MIN: f64 = 0.4;
/// Characters of a label's name in a reason.
const NAME_CHARS_MAX: usize = 100;

/// The labels of a new repository on GitHub.
const DEFAULTS: [&str; 9] = [
    "bug",
    "documentation",
    "duplicate",
    "enhancement",
    "good first issue",
    "help wanted",
    "invalid",
    "question",
    "wontfix",
];

/// The input of `github.suggest-labels`.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
pub struct Request {
    /// The facts of the issue: the output of `github.extract-facts`.
    pub facts: Facts,
    /// The labels to choose from: names, or objects with name and description, as GitHub lists them.
    /// GitHub's nine defaults when missing or null.
    #[serde(default)]
    pub labels: Option<Vec<Choice>>,
    /// The title, when it is not the one in the facts.
    #[serde(default)]
    pub title: Option<String>,
    /// Names of the labels that the issue has; those in the facts when missing or null.
    #[serde(default)]
    pub current: Option<Vec<String>>,
}

/// A label to choose from.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Choice {
    /// Only its name.
    Name(String),
    /// Name and description.
    Described {
        /// Its name.
        name: String,
        /// What it is for.
        #[serde(default)]
        description: Option<String>,
    },
}

impl Choice {
    fn name(&self) -> &str {
        match self {
            Self::Name(name) | Self::Described { name, .. } => name,
        }
    }

    fn description(&self) -> &str {
        match self {
            Self::Described { description: Some(description), .. } => description,
            _ => "",
        }
    }
}

/// The output of `github.suggest-labels`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Suggestions {
    /// Labels that fit and that the issue lacks, the surest first.
    pub suggestions: Vec<Suggestion>,
    /// The other labels of the list, each with why it is not suggested.
    pub considered: Vec<Considered>,
    /// Whether labels were left out of either list, or not looked at, for their number.
    pub truncated: bool,
}

/// A label that fits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Suggestion {
    /// Its name, exactly as in the list.
    pub label: String,
    /// How sure, from 0 to 1.
    pub confidence: f64,
    /// Why: at least one reason.
    pub reasons: Vec<Reason>,
}

/// Why a label fits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// The reason in a few words.
    pub reason: String,
    /// The text it rests on; null when it rests on what is missing.
    pub source: Option<Source>,
}

/// A label that is not suggested.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Considered {
    /// Its name, exactly as in the list.
    pub label: String,
    /// Why not.
    pub why: String,
}

/// Whether a label fits.
enum Fit {
    /// It does, this surely and for these reasons.
    Yes(f64, Vec<Reason>),
    /// It does not, for this reason.
    No(&'static str),
}

/// The labels that fit.
pub fn suggest(request: &Request) -> Suggestions {
    let defaults: Vec<Choice> =
        DEFAULTS.iter().map(|name| Choice::Name((*name).to_owned())).collect();
    let labels = request.labels.as_deref().unwrap_or(&defaults);
    let title = request.title.as_deref().unwrap_or(&request.facts.subject.title);
    let current = request.current.as_deref().unwrap_or(&request.facts.subject.labels);
    let current: HashSet<String> = current.iter().map(|name| name.to_lowercase()).collect();
    let evidence = fit::Evidence::new(&request.facts, title);

    let mut answer = Suggestions { truncated: labels.len() > LABELS_MAX, ..Suggestions::default() };
    let mut seen = HashSet::new();
    for choice in labels.iter().take(LABELS_MAX) {
        let name = choice.name();
        if name.trim().is_empty() || !seen.insert(name.to_lowercase()) {
            continue;
        }
        let fit = if current.contains(&name.to_lowercase()) {
            Fit::No("the issue has it already")
        } else {
            evidence.fit(&meaning::of(name, choice.description()))
        };
        answer.add(name, fit);
    }
    answer.finish()
}

impl Suggestions {
    fn add(&mut self, label: &str, fit: Fit) {
        let label = label.to_owned();
        match fit {
            Fit::Yes(confidence, reasons) if confidence >= CONFIDENCE_MIN => {
                self.suggestions.push(Suggestion { label, confidence, reasons });
            }
            Fit::Yes(confidence, reasons) => {
                let reason = reasons.first().map_or("", |reason| &reason.reason);
                let why = format!("too weak ({confidence:.2}): {}", clean(reason, NAME_CHARS_MAX));
                self.considered.push(Considered { label, why });
            }
            Fit::No(why) => self.considered.push(Considered { label, why: why.to_owned() }),
        }
    }

    /// The surest first; of equals, the first in the list.
    fn finish(mut self) -> Self {
        self.suggestions.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
        self.truncated |= self.suggestions.len() > SUGGESTIONS_MAX;
        self.truncated |= self.considered.len() > CONSIDERED_MAX;
        self.suggestions.truncate(SUGGESTIONS_MAX);
        self.considered.truncate(CONSIDERED_MAX);
        self
    }
}

#[cfg(test)]
mod tests;

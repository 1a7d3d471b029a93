//! What kind of report it is: every reason has a weight, the kind with the most wins.

mod phrases;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::behaviour::{Behaviour, FoundIn};
use crate::markdown::{Document, Line};
use crate::paths::AffectedPath;
use crate::sections::{Part, part_of};
use crate::signals::{Signal, Topic};
use crate::source::{Field, Source};
use crate::steps::Step;
use crate::traces::Trace;
use crate::words::{first_phrase, has_phrase, normalised};

use phrases::{ASKS, BODY_WORDS, PREFIXES, TITLE_WORDS, WISHES};

/// Reasons of one kind that words of the body can give.
const BODY_REASONS_MAX: usize = 3;
/// A kind needs this much to be said.
const WEIGHT_MIN: f64 = 1.0;
/// What is added to the weights of all kinds, so that one weak reason is no certainty.
const DOUBT: f64 = 1.0;

/// The kind of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReportKind {
    /// Something does not work.
    Bug,
    /// Something is wished for.
    Feature,
    /// Something is asked.
    Question,
    /// A text is wrong or missing.
    Documentation,
    /// Nothing of that can be said.
    Other,
}

/// The kind, and what speaks for it and for the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Kind {
    /// The kind.
    pub value: ReportKind,
    /// From 0 to 1: the share of the reasons' weight that speaks for it.
    pub confidence: f64,
    /// What was weighed, the weightiest first, those for the kind before the others.
    pub reasons: Vec<KindReason>,
}

impl Default for Kind {
    fn default() -> Self {
        Self { value: ReportKind::Other, confidence: 0.0, reasons: Vec::new() }
    }
}

impl Kind {
    /// The weight of the reasons for `kind`.
    pub fn weight(&self, kind: ReportKind) -> f64 {
        self.reasons.iter().filter(|reason| reason.kind == kind).map(|reason| reason.weight).sum()
    }
}

/// A reason for a kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KindReason {
    /// The kind it speaks for.
    pub kind: ReportKind,
    /// Why, in a few words.
    pub reason: String,
    /// How much it counts; 1 is a hint, 3 is an explicit statement.
    pub weight: f64,
    /// The text it rests on.
    pub source: Source,
}

/// What the kind is decided on.
pub struct Evidence<'a> {
    /// The lines of prose with their normalised words.
    pub prose: &'a [(&'a Document<'a>, &'a Line<'a>, String)],
    /// The stack traces.
    pub traces: &'a [Trace],
    /// The steps to reproduce.
    pub steps: &'a [Step],
    /// Expected behaviour.
    pub expected: Option<&'a Behaviour>,
    /// Actual behaviour.
    pub actual: Option<&'a Behaviour>,
    /// Topics of the prose.
    pub signals: &'a [Signal],
    /// The paths.
    pub paths: &'a [AffectedPath],
    /// Names of the labels the issue has.
    pub labels: &'a [String],
}

/// The kind of the report.
pub fn decide(evidence: &Evidence<'_>) -> Kind {
    let mut reasons = Vec::new();
    for (document, line, words) in evidence.prose {
        if document.field == Field::Title {
            reasons.extend(of_title(line, words, document.source(line)));
        }
    }
    reasons.extend(of_structure(evidence));
    reasons.extend(of_body(evidence.prose));
    reasons.extend(of_labels(evidence.labels));
    weigh(reasons)
}

fn weigh(mut reasons: Vec<KindReason>) -> Kind {
    let weight = |kind| -> f64 {
        reasons.iter().filter(|reason| reason.kind == kind).map(|reason| reason.weight).sum()
    };
    let kinds =
        [ReportKind::Bug, ReportKind::Feature, ReportKind::Question, ReportKind::Documentation];
    let mut best = (ReportKind::Other, 0.0);
    for kind in kinds {
        // Strictly more: of equal kinds the first counts.
        if weight(kind) > best.1 {
            best = (kind, weight(kind));
        }
    }
    let total: f64 = kinds.into_iter().map(weight).sum();
    if best.1 < WEIGHT_MIN {
        best = (ReportKind::Other, 0.0);
    }
    let (value, own) = best;
    reasons.sort_by(|a, b| {
        (b.kind == value).cmp(&(a.kind == value)).then(b.weight.total_cmp(&a.weight))
    });
    Kind { value, confidence: rounded(own / (total + DOUBT)), reasons }
}

/// To two digits: more would promise what a sum of hints cannot keep.
pub fn rounded(share: f64) -> f64 {
    (share.clamp(0.0, 1.0) * 100.0).round() / 100.0
}

fn reason(kind: ReportKind, weight: f64, reason: String, source: Source) -> KindReason {
    KindReason { kind, reason, weight, source }
}

fn of_title(line: &Line<'_>, words: &str, source: Source) -> Vec<KindReason> {
    let mut reasons = Vec::new();
    let title = line.text.trim();
    if let Some(prefix) = prefix(title) {
        let stated = PREFIXES.iter().find(|(_, prefixes)| prefixes.contains(&prefix.trim()));
        if let Some((kind, _)) = stated {
            let text = format!("the title states `{}`", prefix.trim());
            reasons.push(reason(*kind, 3.0, text, source.clone()));
        }
    }
    for (kind, weight, phrases) in TITLE_WORDS {
        if let Some(phrase) = first_phrase(words, phrases) {
            reasons.push(reason(
                *kind,
                *weight,
                format!("the title says \"{phrase}\""),
                source.clone(),
            ));
        }
    }
    let first = words.split_whitespace().next().unwrap_or("");
    if WISHES.contains(&first) {
        reasons.push(reason(
            ReportKind::Feature,
            1.5,
            format!("the title begins with \"{first}\""),
            source.clone(),
        ));
    }
    if title.ends_with('?') {
        let weight = if ASKS.contains(&first) { 2.5 } else { 2.0 };
        reasons.push(reason(
            ReportKind::Question,
            weight,
            "the title is a question".to_owned(),
            source,
        ));
    }
    reasons
}

/// The normalised text of `[prefix]` or `prefix:` at the begin of a title.
fn prefix(title: &str) -> Option<String> {
    let prefix = match title.strip_prefix(['[', '(', '【']) {
        Some(rest) => rest.split([']', ')', '】']).next(),
        None => title.split_once(':').map(|(prefix, _)| prefix),
    }?;
    // Conventional commits name a scope: `docs(readme): …`.
    let prefix = prefix.split('(').next().unwrap_or(prefix);
    (prefix.len() <= 30).then(|| normalised(prefix))
}

fn of_structure(evidence: &Evidence<'_>) -> Vec<KindReason> {
    let mut reasons = Vec::new();
    let mut bug = |weight: f64, text: &str, source: &Source| {
        reasons.push(reason(ReportKind::Bug, weight, text.to_owned(), source.clone()));
    };
    if let Some(trace) = evidence.traces.first() {
        bug(3.0, "there is a stack trace", &trace.source);
    }
    if let Some(step) = evidence.steps.first() {
        bug(
            if evidence.steps.len() > 1 { 1.5 } else { 0.5 },
            "there are steps to reproduce",
            &step.source,
        );
    }
    let by_section = |found: &&Behaviour| found.found_in == FoundIn::Section;
    if let Some(actual) = evidence.actual.filter(by_section) {
        bug(1.0, "there is a section on actual behaviour", &actual.source);
    }
    if let Some(expected) = evidence.expected.filter(by_section) {
        bug(1.0, "there is a section on expected behaviour", &expected.source);
    }
    for signal in evidence.signals {
        let (kind, weight) = match signal.topic {
            Topic::Typo => (ReportKind::Documentation, 2.0),
            Topic::Crash | Topic::Regression => (ReportKind::Bug, 1.0),
            _ => continue,
        };
        let text = format!("it speaks of \"{}\"", signal.phrase);
        reasons.push(reason(kind, weight, text, signal.source.clone()));
    }
    reasons.extend(of_documents(evidence.paths));
    reasons
}

/// Paths that are all texts speak for documentation.
fn of_documents(paths: &[AffectedPath]) -> Option<KindReason> {
    let is_text = |path: &AffectedPath| {
        let name = path.path.to_ascii_lowercase();
        let ending = [".md", ".mdx", ".rst", ".txt"].iter().any(|ending| name.ends_with(ending));
        let named = ["readme", "changelog", "license"].contains(&name.as_str());
        !path.in_trace && (ending || named || name.starts_with("docs/") || name.contains("/docs/"))
    };
    let first = paths.first().filter(|_| paths.iter().all(is_text))?;
    let text = "the files it names are documents".to_owned();
    Some(reason(ReportKind::Documentation, 1.5, text, first.source.clone()))
}

fn of_body(prose: &[(&Document<'_>, &Line<'_>, String)]) -> Vec<KindReason> {
    let body = || prose.iter().filter(|(document, ..)| document.field != Field::Title);
    let mut reasons = Vec::new();
    for (kind, weight, phrases) in BODY_WORDS {
        let found = phrases.iter().filter_map(|phrase| {
            let (document, line, _) = body().find(|(_, _, words)| has_phrase(words, phrase))?;
            Some(reason(*kind, *weight, format!("it says \"{phrase}\""), document.source(line)))
        });
        reasons.extend(found.take(BODY_REASONS_MAX));
    }
    for (document, line, _) in body() {
        let is_heading = matches!(line.place, crate::markdown::Place::Heading { .. });
        let kind = match part_of(line.content()).filter(|_| is_heading) {
            Some(Part::Request) => ReportKind::Feature,
            Some(Part::Question) => ReportKind::Question,
            _ => continue,
        };
        reasons.push(reason(
            kind,
            1.5,
            "a section of such reports".to_owned(),
            document.source(line),
        ));
        break;
    }
    reasons
}

/// Labels that somebody gave already count, but less than what the text states.
fn of_labels(labels: &[String]) -> Vec<KindReason> {
    const LABELS: &[(ReportKind, &[&str])] = &[
        (ReportKind::Bug, &["bug", "defect", "regression"]),
        (ReportKind::Feature, &["enhancement", "feature", "feature request"]),
        (ReportKind::Question, &["question", "support"]),
        (ReportKind::Documentation, &["documentation", "docs"]),
    ];
    let mut reasons = Vec::new();
    for (position, label) in (1_u32..).zip(labels) {
        let words = normalised(label);
        let known = LABELS.iter().find(|(_, names)| first_phrase(&words, names).is_some());
        if let Some((kind, _)) = known {
            let source = Source::new(Field::Labels, position, label);
            reasons.push(reason(*kind, 1.5, "it is labelled so".to_owned(), source));
        }
    }
    reasons
}

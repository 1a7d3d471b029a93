//! Whether what a label means fits the facts, how surely, and why.

use super::meaning::Meaning;
use super::{Fit, Reason};
use crate::facts::Facts;
use crate::kind::{ReportKind, rounded};
use crate::links::Relation;
use crate::platforms::Platform;
use crate::products::Category;
use crate::signals::Topic;
use crate::source::{Field, Source, clean};
use crate::traces::Language;
use crate::words::{has_phrase, normalised};

/// Reasons of one suggestion.
const REASONS_MAX: usize = 3;
/// Below this a report lacks information.
const COMPLETE_ENOUGH: f64 = 0.6;
/// The weight from which a second kind is suggested beside the first, and its share of the first's.
const SECOND_KIND_WEIGHT_MIN: f64 = 2.0;
const SECOND_KIND_SHARE_MIN: f64 = 0.6;
/// No rule is surer than this.
const CONFIDENCE_MAX: f64 = 0.95;
/// Characters of a path or name in a reason.
const NAME_CHARS_MAX: usize = 80;

/// What labels are compared with.
pub(super) struct Evidence<'a> {
    facts: &'a Facts,
    title: &'a str,
    /// The title as words.
    title_words: String,
    /// The words of each path, and where it was found.
    paths: Vec<(String, &'a str, bool, &'a Source)>,
}

impl<'a> Evidence<'a> {
    /// The evidence in `facts`, with the issue's title.
    pub(super) fn new(facts: &'a Facts, title: &'a str) -> Self {
        let paths = facts
            .paths
            .iter()
            .map(|path| (normalised(&path.path), path.path.as_str(), path.in_trace, &path.source));
        Self { facts, title, title_words: normalised(title), paths: paths.collect() }
    }

    /// Whether a label of this meaning fits.
    pub(super) fn fit(&self, meaning: &Meaning) -> Fit {
        match meaning {
            Meaning::Kind(kind) => self.kind(*kind),
            Meaning::Duplicate => self.duplicate(),
            Meaning::Invalid => self.invalid(),
            Meaning::GoodFirstIssue => self.good_first_issue(),
            Meaning::NeedsInfo => self.needs_info(),
            Meaning::NeedsReproduction => self.needs_reproduction(),
            Meaning::Topic(topic) => self.topic(*topic),
            Meaning::Platform(name) => self.platform(name),
            Meaning::Language(language) => self.language(*language),
            Meaning::Area { words, stated } => self.area(words, *stated),
            Meaning::Decision => Fit::No("people decide on it"),
        }
    }

    fn kind(&self, wanted: ReportKind) -> Fit {
        let kind = &self.facts.kind;
        let weight = kind.weight(wanted);
        let strongest = kind.weight(kind.value);
        let confidence = if kind.value == wanted {
            kind.confidence
        } else if weight >= SECOND_KIND_WEIGHT_MIN && weight >= strongest * SECOND_KIND_SHARE_MIN {
            let total: f64 = kind.reasons.iter().map(|reason| reason.weight).sum();
            rounded(weight / (total + 1.0))
        } else {
            return Fit::No("nothing, or too little, says that it is of this kind");
        };
        let reasons = kind.reasons.iter().filter(|reason| reason.kind == wanted);
        let reasons = reasons.map(|r| reason(&r.reason, Some(&r.source)));
        yes(confidence, reasons.take(REASONS_MAX).collect())
    }

    fn duplicate(&self) -> Fit {
        let repeated = |link: &&crate::links::Link| link.relation == Some(Relation::Duplicates);
        match self.facts.links.iter().find(repeated) {
            Some(link) => {
                let text =
                    format!("it calls itself a duplicate of {}", clean(&link.text, NAME_CHARS_MAX));
                yes(0.9, vec![reason(&text, Some(&link.source))])
            }
            None => Fit::No("it names no issue that it repeats"),
        }
    }

    fn invalid(&self) -> Fit {
        let empty =
            self.facts.completeness.score == 0.0 && self.facts.kind.value == ReportKind::Other;
        if empty && self.title_words.split_whitespace().count() <= 2 {
            let source = Source::new(Field::Title, 1, self.title);
            return yes(
                0.5,
                vec![reason("it says nothing: a short title and no description", Some(&source))],
            );
        }
        Fit::No("it has content")
    }

    fn good_first_issue(&self) -> Fit {
        let typo = self.facts.signals.iter().find(|signal| signal.topic == Topic::Typo);
        match typo.filter(|_| self.facts.kind.value == ReportKind::Documentation) {
            Some(signal) => yes(0.6, vec![reason("it is a slip in a text", Some(&signal.source))]),
            None => Fit::No("nothing says that it is easy"),
        }
    }

    fn needs_info(&self) -> Fit {
        let completeness = &self.facts.completeness;
        let asks = matches!(self.facts.kind.value, ReportKind::Bug | ReportKind::Question);
        if !asks || completeness.score >= COMPLETE_ENOUGH || completeness.missing.is_empty() {
            return Fit::No("the report is complete enough");
        }
        let missing = completeness.parts.iter().filter(|part| !part.present);
        let reasons = missing
            .map(|part| reason(&format!("it lacks {}", clean(&part.ask, NAME_CHARS_MAX)), None));
        yes(rounded(1.0 - completeness.score), reasons.take(REASONS_MAX).collect())
    }

    fn needs_reproduction(&self) -> Fit {
        if self.facts.kind.value != ReportKind::Bug {
            return Fit::No("it is no report of a bug");
        }
        if !self.facts.steps.is_empty() {
            return Fit::No("it has steps to reproduce");
        }
        let confidence = if self.facts.traces.is_empty() { 0.8 } else { 0.5 };
        yes(confidence, vec![reason("it lacks the steps that lead to the problem", None)])
    }

    fn topic(&self, topic: Topic) -> Fit {
        let signal = self.facts.signals.iter().find(|signal| signal.topic == topic);
        if let Some(signal) = signal {
            let text = format!("it speaks of \"{}\"", clean(&signal.phrase, NAME_CHARS_MAX));
            let confidence = if signal.source.field == Field::Title { 0.8 } else { 0.6 };
            return yes(confidence, vec![reason(&text, Some(&signal.source))]);
        }
        match self.facts.traces.first().filter(|_| topic == Topic::Crash) {
            Some(trace) => yes(0.5, vec![reason("there is a stack trace", Some(&trace.source))]),
            None => Fit::No("it does not speak of it"),
        }
    }

    fn platform(&self, name: &str) -> Fit {
        let is_named = |platform: &&Platform| {
            platform.name.to_lowercase() == name || platform.family.as_deref() == Some(name)
        };
        let named: Vec<&Platform> = self.facts.platforms.iter().filter(is_named).collect();
        let Some(first) = named.first() else { return Fit::No("it does not name it") };
        let affected: Vec<&&Platform> = named.iter().filter(|platform| platform.affected).collect();
        if affected.is_empty() {
            return Fit::No("it says that it works there");
        }
        let rivals = self.facts.platforms.iter().filter(|other| {
            let same_kind = other.category == first.category && other.affected;
            same_kind
                && !is_named(other)
                && (other.category != Category::Os || other.family != first.family)
        });
        let in_title = affected.iter().any(|platform| platform.source.field == Field::Title);
        let confidence = match (in_title, rivals.count()) {
            (true, _) => 0.9,
            (false, 0) => 0.7,
            (false, 1) => 0.5,
            // Who names three systems has not found the one it depends on.
            (false, _) => 0.3,
        };
        let reasons = affected.iter().map(|platform| {
            reason(
                &format!("it names {}", clean(&platform.text, NAME_CHARS_MAX)),
                Some(&platform.source),
            )
        });
        yes(confidence, reasons.take(REASONS_MAX).collect())
    }

    fn language(&self, language: Language) -> Fit {
        match self.facts.traces.iter().find(|trace| trace.language == language) {
            Some(trace) => {
                yes(0.6, vec![reason("a stack trace is of this language", Some(&trace.source))])
            }
            None => Fit::No("no stack trace is of this language"),
        }
    }

    fn area(&self, words: &[String], stated: bool) -> Fit {
        if words.is_empty() {
            return Fit::No("its name says nothing that could be compared");
        }
        let fits = |text: &str| words.iter().all(|word| has_word(text, word));
        let path = self.paths.iter().find(|(text, ..)| fits(text));
        let mut confidence: f64 = 0.0;
        let mut reasons = Vec::new();
        if let Some((_, path, in_trace, source)) = path {
            confidence = if *in_trace { 0.7 } else { 0.6 };
            reasons.push(reason(
                &format!("it concerns {}", clean(path, NAME_CHARS_MAX)),
                Some(source),
            ));
        }
        if fits(&self.title_words) {
            confidence = if path.is_some() { 0.85 } else { 0.6 };
            let source = Source::new(Field::Title, 1, self.title);
            reasons.push(reason(&format!("the title says \"{}\"", words.join(" ")), Some(&source)));
        }
        if reasons.is_empty() {
            return Fit::No("neither its title nor a path speaks of it");
        }
        yes(if stated { confidence } else { confidence - 0.1 }, reasons)
    }
}

fn yes(confidence: f64, reasons: Vec<Reason>) -> Fit {
    Fit::Yes(rounded(confidence.min(CONFIDENCE_MAX)), reasons)
}

fn reason(text: &str, source: Option<&Source>) -> Reason {
    Reason { reason: text.to_owned(), source: source.cloned() }
}

/// Whether `text` has `word`, be it in the singular or the plural.
fn has_word(text: &str, word: &str) -> bool {
    let singular = word.strip_suffix('s').filter(|stem| stem.len() > 2).unwrap_or(word);
    has_phrase(text, word)
        || has_phrase(text, singular)
        || has_phrase(text, &format!("{singular}s"))
}

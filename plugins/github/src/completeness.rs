//! How much of what a maintainer needs is there, for the kind of report it is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kind::{ReportKind, rounded};
use crate::source::Source;

/// How complete a report is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Completeness {
    /// From 0 to 1: the weight of the parts that are there, of all parts.
    pub score: f64,
    /// What belongs into a report of this kind.
    pub parts: Vec<ReportPart>,
    /// Names of the parts that are missing, in the order of `parts`.
    pub missing: Vec<PartName>,
}

/// A part of a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReportPart {
    /// Which.
    pub part: PartName,
    /// How much it counts; the weights of all parts sum to 1.
    pub weight: f64,
    /// Whether it is there.
    pub present: bool,
    /// What to ask the reporter for when it is missing.
    pub ask: String,
    /// Where it was found.
    pub source: Option<Source>,
}

/// The name of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PartName {
    /// A text that says what it is about.
    Description,
    /// How to see the problem.
    Steps,
    /// What should happen.
    Expected,
    /// What happens, or the trace that shows it.
    Actual,
    /// The version in use.
    Version,
    /// The system in use.
    Platform,
    /// The output or a stack trace.
    Evidence,
    /// The place in the code or the documentation.
    Location,
    /// Why it is wanted.
    Motivation,
    /// An example of code.
    Example,
}

/// Where each part was found, if it was.
#[derive(Debug, Default)]
pub struct Parts {
    /// A text that says what it is about.
    pub description: Option<Source>,
    /// Steps to reproduce.
    pub steps: Option<Source>,
    /// Expected behaviour.
    pub expected: Option<Source>,
    /// Actual behaviour.
    pub actual: Option<Source>,
    /// A version.
    pub version: Option<Source>,
    /// A platform.
    pub platform: Option<Source>,
    /// A trace, or code that shows output.
    pub evidence: Option<Source>,
    /// A path or a link.
    pub location: Option<Source>,
    /// A section or sentence on the motivation.
    pub motivation: Option<Source>,
    /// Code.
    pub example: Option<Source>,
}

impl Parts {
    fn source(&self, part: PartName) -> Option<&Source> {
        match part {
            PartName::Description => self.description.as_ref(),
            PartName::Steps => self.steps.as_ref(),
            PartName::Expected => self.expected.as_ref(),
            PartName::Actual => self.actual.as_ref(),
            PartName::Version => self.version.as_ref(),
            PartName::Platform => self.platform.as_ref(),
            PartName::Evidence => self.evidence.as_ref(),
            PartName::Location => self.location.as_ref(),
            PartName::Motivation => self.motivation.as_ref(),
            PartName::Example => self.example.as_ref(),
        }
    }
}

/// What belongs into a report of `kind`, with weights in hundredths.
const fn wanted(kind: ReportKind) -> &'static [(PartName, u8)] {
    use PartName::{
        Actual, Description, Evidence, Example, Expected, Location, Motivation, Platform, Steps,
        Version,
    };
    match kind {
        ReportKind::Bug => &[
            (Description, 10),
            (Steps, 25),
            (Expected, 10),
            (Actual, 15),
            (Version, 15),
            (Platform, 10),
            (Evidence, 15),
        ],
        ReportKind::Feature => &[(Description, 40), (Motivation, 40), (Example, 20)],
        ReportKind::Question => &[(Description, 50), (Example, 25), (Version, 25)],
        ReportKind::Documentation => &[(Description, 50), (Location, 50)],
        ReportKind::Other => &[(Description, 100)],
    }
}

const fn ask(part: PartName) -> &'static str {
    match part {
        PartName::Description => "a description of what this is about",
        PartName::Steps => "the steps that lead to the problem, from a fresh start",
        PartName::Expected => "what should happen",
        PartName::Actual => "what happens instead",
        PartName::Version => "the version in use",
        PartName::Platform => "the operating system, and the runtime or browser where it matters",
        PartName::Evidence => "the complete error message or stack trace, as text",
        PartName::Location => "the page or file it is about",
        PartName::Motivation => "what it is needed for, and how it is done today",
        PartName::Example => "an example of the code or command in question",
    }
}

/// How complete a report of `kind` is that has `parts`.
pub fn assess(kind: ReportKind, parts: &Parts) -> Completeness {
    let mut completeness = Completeness::default();
    let mut hundredths = 0;
    for (part, weight) in wanted(kind) {
        let source = parts.source(*part).cloned();
        if source.is_some() {
            hundredths += u32::from(*weight);
        } else {
            completeness.missing.push(*part);
        }
        completeness.parts.push(ReportPart {
            part: *part,
            weight: f64::from(*weight) / 100.0,
            present: source.is_some(),
            ask: ask(*part).to_owned(),
            source,
        });
    }
    completeness.score = rounded(f64::from(hundredths) / 100.0);
    completeness
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Field;

    #[test]
    fn weights_sum_to_one() {
        for kind in [
            ReportKind::Bug,
            ReportKind::Feature,
            ReportKind::Question,
            ReportKind::Documentation,
            ReportKind::Other,
        ] {
            let sum: u32 = wanted(kind).iter().map(|(_, weight)| u32::from(*weight)).sum();
            assert_eq!(sum, 100, "{kind:?}");
        }
    }

    #[test]
    fn the_score_is_the_weight_of_what_is_there() {
        let source = || Some(Source::new(Field::Body, 1, "x"));
        let parts = Parts { description: source(), steps: source(), ..Parts::default() };
        let bug = assess(ReportKind::Bug, &parts);
        assert_eq!(bug.score, 0.35);
        assert_eq!(
            bug.missing,
            [
                PartName::Expected,
                PartName::Actual,
                PartName::Version,
                PartName::Platform,
                PartName::Evidence
            ]
        );
        assert_eq!(assess(ReportKind::Other, &parts).score, 1.0);
        assert_eq!(assess(ReportKind::Bug, &Parts::default()).score, 0.0);
    }
}

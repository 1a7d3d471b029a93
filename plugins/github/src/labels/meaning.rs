//! What a label means, by its name and description: `bug`, `kind/bug`, `type: bug` and `C-bug` mean
//! the same.

use crate::kind::ReportKind;
use crate::products::PLATFORMS;
use crate::signals::Topic;
use crate::traces::Language;
use crate::words::{first_phrase, has_phrase, normalised};

/// Words of a name that are compared; longer names are sentences.
const WORDS_MAX: usize = 8;

/// What a label says about an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The kind of report.
    Kind(ReportKind),
    /// It repeats another issue.
    Duplicate,
    /// It is no report.
    Invalid,
    /// It is easy.
    GoodFirstIssue,
    /// The report lacks information.
    NeedsInfo,
    /// The report lacks steps.
    NeedsReproduction,
    /// It is about this.
    Topic(Topic),
    /// It is about this system, browser, runtime or processor, in lower case.
    Platform(String),
    /// It is about code of this language.
    Language(Language),
    /// It is about the part of the project with these words in its path.
    Area {
        /// The words.
        words: Vec<String>,
        /// Whether the name says that it is an area: `area/parser`, `A-parser`.
        stated: bool,
    },
    /// A decision that people take: help wanted, wontfix, priority.
    Decision,
}

/// Names of labels, with what they mean. The longer name of two counts, so order matters.
fn names() -> [(Meaning, &'static [&'static str]); 17] {
    use Meaning::{
        Decision, Duplicate, GoodFirstIssue, Invalid, Kind, NeedsInfo, NeedsReproduction,
        Topic as About,
    };
    [
        (
            Decision,
            &[
                "not a bug",
                "wontfix",
                "wont fix",
                "not planned",
                "declined",
                "help wanted",
                "contributions welcome",
                "up for grabs",
                "needs triage",
                "triage",
                "stale",
                "blocked",
                "in progress",
                "accepted",
                "confirmed",
                "on hold",
                "breaking change",
                "needs design",
                "hacktoberfest",
            ],
        ),
        (
            NeedsReproduction,
            &[
                "needs repro",
                "needs reproduction",
                "repro needed",
                "reproduction needed",
                "needs mcve",
                "needs reproducer",
                "missing reproduction",
                "no reproduction",
                "needs a reproduction",
            ],
        ),
        (
            NeedsInfo,
            &[
                "needs info",
                "needs information",
                "needs more info",
                "needs more information",
                "more information needed",
                "more info needed",
                "needs details",
                "awaiting response",
                "waiting for author",
                "waiting for information",
                "needs author feedback",
                "incomplete",
                "information needed",
                "info needed",
                "awaiting more information",
            ],
        ),
        (
            GoodFirstIssue,
            &[
                "good first issue",
                "good first bug",
                "first timers only",
                "beginner",
                "easy",
                "starter",
                "newcomer",
                "e easy",
                "low hanging fruit",
            ],
        ),
        (Duplicate, &["duplicate", "dupe"]),
        (Invalid, &["invalid", "spam"]),
        (About(Topic::Regression), &["regression"]),
        (About(Topic::Crash), &["crash", "panic", "ice", "segfault"]),
        (About(Topic::Performance), &["performance", "perf", "slow", "memory leak", "speed"]),
        (About(Topic::Security), &["security", "vulnerability"]),
        (About(Topic::Accessibility), &["accessibility", "a11y"]),
        (About(Topic::Typo), &["typo"]),
        (Kind(ReportKind::Documentation), &["documentation", "docs", "doc"]),
        (
            Kind(ReportKind::Feature),
            &["enhancement", "feature", "feature request", "improvement", "proposal", "rfc"],
        ),
        (Kind(ReportKind::Question), &["question", "support", "usage"]),
        (Kind(ReportKind::Bug), &["bug", "defect", "bug report", "fault"]),
        (
            Decision,
            &["priority", "severity", "effort", "size", "status", "resolution", "milestone"],
        ),
    ]
}

/// Phrases of descriptions, for names that say nothing.
fn descriptions() -> [(Meaning, &'static [&'static str]); 9] {
    use Meaning::{
        Decision, Duplicate, GoodFirstIssue, Invalid, Kind, NeedsInfo, NeedsReproduction,
    };
    [
        (
            NeedsReproduction,
            &[
                "needs steps to reproduce",
                "cannot be reproduced",
                "no reproduction",
                "needs a reproduction",
            ],
        ),
        (
            NeedsInfo,
            &[
                "more information is needed",
                "needs more information",
                "waiting for the reporter",
                "waiting for the author",
            ],
        ),
        (GoodFirstIssue, &["good for newcomers", "good for beginners", "first contribution"]),
        (Duplicate, &["already exists", "already reported", "duplicate"]),
        (Invalid, &["doesnt seem right", "not valid"]),
        (Decision, &["extra attention is needed", "will not be worked on", "priority", "team"]),
        (
            Kind(ReportKind::Documentation),
            &["additions to documentation", "about the documentation", "in the documentation"],
        ),
        (Kind(ReportKind::Feature), &["new feature", "feature request", "improvement of"]),
        (
            Kind(ReportKind::Bug),
            &["isnt working", "is not working", "does not work", "a bug", "is broken", "defect"],
        ),
    ]
}

/// Prefixes that say what the rest of a name is.
const AREA_PREFIXES: &[&str] = &[
    "a",
    "area",
    "component",
    "comp",
    "module",
    "package",
    "pkg",
    "crate",
    "scope",
    "topic",
    "plugin",
    "feature area",
    "subsystem",
    "domain",
    "section",
];
const PLATFORM_PREFIXES: &[&str] = &[
    "o",
    "os",
    "platform",
    "browser",
    "env",
    "environment",
    "arch",
    "runtime",
    "target",
    "op sys",
];
const DECISION_PREFIXES: &[&str] = &[
    "p",
    "priority",
    "prio",
    "severity",
    "sev",
    "effort",
    "size",
    "estimate",
    "release",
    "version",
    "team",
    "milestone",
    "d",
    "difficulty",
    "impact",
];

/// What the label means.
pub(super) fn of(name: &str, description: &str) -> Meaning {
    let (prefix, subject) = split(name);
    if DECISION_PREFIXES.contains(&prefix.trim()) {
        return Meaning::Decision;
    }
    if PLATFORM_PREFIXES.contains(&prefix.trim()) {
        return Meaning::Platform(platform(&subject).unwrap_or_else(|| subject.trim().to_owned()));
    }
    let stated_area = AREA_PREFIXES.contains(&prefix.trim());
    let whole = normalised(name);
    if let Some(meaning) = named(if stated_area { &subject } else { &whole }, stated_area) {
        return meaning;
    }
    if stated_area {
        return Meaning::Area { words: words(&subject), stated: true };
    }
    if let Some(platform) = platform(&subject) {
        return Meaning::Platform(platform);
    }
    if let Some(language) = language(&subject) {
        return Meaning::Language(language);
    }
    described(description)
        .unwrap_or_else(|| Meaning::Area { words: words(&subject), stated: false })
}

/// The words before `/`, `:` or the dash behind a single letter, and those behind it.
fn split(name: &str) -> (String, String) {
    // Emoji written as `:bug:` are no separators.
    let bare = name.trim().trim_matches(':');
    let at = bare.find(['/', ':']).or_else(|| {
        let dash = bare.find('-')?;
        (dash == 1 && bare.starts_with(char::is_alphabetic)).then_some(dash)
    });
    match at {
        Some(at) => (normalised(&bare[..at]), normalised(&bare[at + 1..])),
        None => (String::new(), normalised(bare)),
    }
}

/// The meaning of a name; of an area only what is a part of every project.
fn named(name: &str, stated_area: bool) -> Option<Meaning> {
    if name.split_whitespace().count() > WORDS_MAX {
        return None;
    }
    let mut known = names().into_iter();
    let (meaning, _) = known.find(|(_, names)| first_phrase(name, names).is_some())?;
    let always = matches!(meaning, Meaning::Kind(ReportKind::Documentation) | Meaning::Topic(_));
    (always || !stated_area).then_some(meaning)
}

fn described(description: &str) -> Option<Meaning> {
    let description = normalised(description);
    let mut known = descriptions().into_iter();
    known
        .find(|(_, phrases)| first_phrase(&description, phrases).is_some())
        .map(|(meaning, _)| meaning)
}

/// The platform that a name speaks of: the family for systems that share one.
fn platform(subject: &str) -> Option<String> {
    const FAMILIES: &[&str] = &["windows", "macos", "linux", "bsd", "ios", "android"];
    if let Some(family) = FAMILIES.iter().find(|family| has_phrase(subject, family)) {
        return Some((*family).to_owned());
    }
    let words = subject.split_whitespace().count();
    let platform = PLATFORMS.iter().find(|platform| {
        words <= 3
            && platform.words.iter().any(|word| {
                let word = normalised(word);
                word.trim().len() > 2 && has_phrase(subject, word.trim())
            })
    })?;
    // macOS and Windows have several names, distributions of Linux are told apart.
    match platform.family {
        Some("macos") => Some("macos".to_owned()),
        Some("windows") => Some("windows".to_owned()),
        _ => Some(platform.name.to_lowercase()),
    }
}

fn language(subject: &str) -> Option<Language> {
    const LANGUAGES: &[(Language, &[&str])] = &[
        (Language::Javascript, &["javascript", "typescript", "js", "ts"]),
        (Language::Dotnet, &["csharp", "c sharp"]),
        (Language::Native, &["c", "cpp"]),
    ];
    LANGUAGES
        .iter()
        .find(|(_, names)| names.contains(&subject.trim()))
        .map(|(language, _)| *language)
}

/// The words of an area that can stand in a path.
fn words(subject: &str) -> Vec<String> {
    const EMPTY: &[&str] = &["and", "or", "the", "of", "for", "to", "in", "a"];
    subject.split_whitespace().filter(|word| !EMPTY.contains(word)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_meaning_has_many_names() {
        use Meaning::{
            Decision, Duplicate, GoodFirstIssue, Kind, NeedsInfo, NeedsReproduction, Topic as About,
        };
        for (meaning, labels) in [
            (
                Kind(ReportKind::Bug),
                vec!["bug", "Bug", "kind/bug", "type: bug", "C-bug", ":bug: bug", "🐛 Bug"],
            ),
            (
                Kind(ReportKind::Feature),
                vec!["enhancement", "kind/feature", "type:feature-request", "C-enhancement"],
            ),
            (
                Kind(ReportKind::Documentation),
                vec!["docs", "area/docs", "A-docs", "type: documentation"],
            ),
            (Kind(ReportKind::Question), vec!["question", "kind/support"]),
            (
                NeedsInfo,
                vec![
                    "needs-info",
                    "status: needs more info",
                    "S-needs-info",
                    "more-information-needed",
                ],
            ),
            (NeedsReproduction, vec!["needs-repro", "needs reproduction", "S-needs-repro"]),
            (GoodFirstIssue, vec!["good first issue", "good-first-issue", "E-easy"]),
            (Duplicate, vec!["duplicate", "resolution: duplicate"]),
            (About(Topic::Crash), vec!["I-crash", "crash"]),
            (About(Topic::Performance), vec!["perf", "I-slow", "performance"]),
            (
                Decision,
                vec![
                    "wontfix",
                    "help wanted",
                    "P-high",
                    "priority/critical",
                    "needs-triage",
                    "size/XL",
                ],
            ),
        ] {
            for label in labels {
                assert_eq!(of(label, ""), meaning, "{label}");
            }
        }
    }

    #[test]
    fn platforms_and_areas() {
        let platform = |name: &str| Meaning::Platform(name.to_owned());
        assert_eq!(of("windows", ""), platform("windows"));
        assert_eq!(of("O-macos", ""), platform("macos"));
        assert_eq!(of("os/mac", ""), platform("macos"));
        assert_eq!(of("platform: linux", ""), platform("linux"));
        assert_eq!(of("firefox", ""), platform("firefox"));
        assert_eq!(of("ubuntu", ""), platform("ubuntu"));
        let area = |words: &[&str], stated| Meaning::Area {
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            stated,
        };
        assert_eq!(of("area/parser", ""), area(&["parser"], true));
        assert_eq!(of("A-http-client", ""), area(&["http", "client"], true));
        assert_eq!(of("parser", "Everything that parses"), area(&["parser"], false));
        assert_eq!(of("typescript", ""), Meaning::Language(Language::Javascript));
    }

    #[test]
    fn descriptions_help_where_names_do_not() {
        assert_eq!(of("oops", "Something isn't working"), Meaning::Kind(ReportKind::Bug));
        assert_eq!(of("twin", "This issue already exists"), Meaning::Duplicate);
    }
}

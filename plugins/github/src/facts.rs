//! The facts of an issue: everything that the readers of its parts find, together.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::behaviour::Behaviour;
use crate::code::CodeBlock;
use crate::completeness::{self, Completeness, Parts};
use crate::issue::Payload;
use crate::kind::{self, Evidence, Kind, ReportKind};
use crate::links::{Home, Link, is_repository};
use crate::markdown::{self, Document};
use crate::paths::AffectedPath;
use crate::platforms::Platform;
use crate::sections::Part;
use crate::signals::Signal;
use crate::source::{Field, Source, clean};
use crate::steps::Step;
use crate::traces::Trace;
use crate::versions::Version;
use crate::{behaviour, code, links, paths, platforms, sections, signals, steps, traces, versions};

/// Letters and digits of a body from which on it describes something.
const DESCRIPTION_CHARS_MIN: usize = 30;
/// Characters of the title and the address that are repeated in the facts.
const SUBJECT_CHARS_MAX: usize = 300;

/// What an issue states. Every list may be empty, and each entry names the text it was found in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Facts {
    /// Which issue it is.
    pub subject: Subject,
    /// The kind of report.
    pub kind: Kind,
    /// Versions of software.
    pub versions: Vec<Version>,
    /// Systems, runtimes, browsers and processors.
    pub platforms: Vec<Platform>,
    /// Stack traces.
    pub traces: Vec<Trace>,
    /// Steps to reproduce.
    pub steps: Vec<Step>,
    /// What should happen.
    pub expected: Option<Behaviour>,
    /// What happens.
    pub actual: Option<Behaviour>,
    /// Files and folders.
    pub paths: Vec<AffectedPath>,
    /// Links and references.
    pub links: Vec<Link>,
    /// Blocks of code.
    pub code_blocks: Vec<CodeBlock>,
    /// Topics that the text speaks of.
    pub signals: Vec<Signal>,
    /// What is there and what is missing.
    pub completeness: Completeness,
    /// What was cut at its bound: names of lists of this object, or `text` for the text itself.
    pub truncated: Vec<String>,
}

/// Which issue the facts are about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Subject {
    /// Its title.
    pub title: String,
    /// Its number.
    pub number: Option<u64>,
    /// Its page.
    pub url: Option<String>,
    /// Its repository, as `owner/name`.
    pub repository: Option<String>,
    /// Whether it is a pull request.
    pub pull_request: bool,
    /// Whether a comment was read as well.
    pub with_comment: bool,
    /// The labels it has.
    pub labels: Vec<String>,
}

/// The facts of the issue in `payload`.
pub fn extract(payload: &Payload) -> Facts {
    let title = payload.issue.title.as_deref().unwrap_or("");
    let body = payload.issue.body.as_deref().unwrap_or("");
    let comment = payload.comment.as_ref().and_then(|comment| comment.body.as_deref());
    let documents = [
        markdown::read_title(title),
        markdown::read(Field::Body, body),
        markdown::read(Field::Comment, comment.unwrap_or("")),
    ];
    let subject = subject(payload);
    let home = home(payload);
    let traces = traces::find(&documents);
    let versions = versions::find(&documents, &traces);
    let platforms = platforms::find(&documents, &traces);
    let steps = steps::find(&documents);
    let paths = paths::find(&documents, &traces);
    let links = links::find(&documents, home);
    let code_blocks = code::find(&documents);
    let truncated = [
        ("text", documents.iter().any(|document| document.truncated)),
        ("versions", versions.truncated),
        ("platforms", platforms.truncated),
        ("traces", traces.found.truncated),
        ("steps", steps.truncated),
        ("paths", paths.truncated),
        ("links", links.truncated),
        ("code_blocks", code_blocks.truncated),
    ];
    let facts = Facts {
        subject,
        versions: versions.items,
        platforms: platforms.items,
        traces: traces.found.items,
        steps: steps.items,
        expected: behaviour::expected(&documents),
        actual: behaviour::actual(&documents),
        paths: paths.items,
        links: links.items,
        code_blocks: code_blocks.items,
        truncated: truncated.iter().filter(|(_, cut)| *cut).map(|(n, _)| (*n).to_owned()).collect(),
        ..Facts::default()
    };
    judge(facts, &documents)
}

/// Adds what follows from the other facts.
fn judge(mut facts: Facts, documents: &[Document<'_>]) -> Facts {
    let prose = signals::prose(documents);
    facts.signals = signals::find(&prose);
    facts.kind = kind::decide(&Evidence {
        prose: &prose,
        traces: &facts.traces,
        steps: &facts.steps,
        expected: facts.expected.as_ref(),
        actual: facts.actual.as_ref(),
        signals: &facts.signals,
        paths: &facts.paths,
        labels: &facts.subject.labels,
    });
    let parts = parts(&facts, documents);
    facts.completeness = completeness::assess(facts.kind.value, &parts);
    facts
}

fn subject(payload: &Payload) -> Subject {
    let issue = &payload.issue;
    Subject {
        title: clean(issue.title.as_deref().unwrap_or(""), SUBJECT_CHARS_MAX),
        number: issue.number,
        url: issue.html_url.as_deref().and_then(address),
        repository: home(payload).repository.map(str::to_owned),
        pull_request: issue.pull_request.is_some(),
        with_comment: payload.comment.is_some(),
        labels: payload.label_names(),
    }
}

/// `url` if it is one, and nothing that could end a link in Markdown.
fn address(url: &str) -> Option<String> {
    let is_address = url.starts_with("https://") || url.starts_with("http://");
    let harmless =
        !url.contains(|c: char| c.is_whitespace() || c.is_control() || "<>()[]\"`|".contains(c));
    (is_address && harmless && url.len() <= SUBJECT_CHARS_MAX).then(|| url.to_owned())
}

fn home(payload: &Payload) -> Home<'_> {
    let repository = payload.repository.as_ref();
    let name = repository
        .and_then(|repository| repository.full_name.as_deref())
        .filter(|name| is_repository(name));
    let page = repository.and_then(|repository| repository.html_url.as_deref());
    let server = page.zip(name).and_then(|(page, name)| page.strip_suffix(name)?.strip_suffix('/'));
    Home { repository: name, server: server.filter(|server| address(server).is_some()) }
}

/// What of a complete report is there, and where.
fn parts(facts: &Facts, documents: &[Document<'_>]) -> Parts {
    let of_section = |part: Part| {
        documents.iter().find_map(|document| {
            let sections = sections::find(document);
            let section = sections.iter().find(|s| s.part == part && s.is_filled())?;
            Some(document.source(section.title))
        })
    };
    let wish = || {
        let reasons = facts.kind.reasons.iter();
        let mut wishes = reasons.filter(|reason| reason.kind == ReportKind::Feature);
        wishes.find(|reason| reason.source.field == Field::Body).map(|reason| reason.source.clone())
    };
    let trace = || facts.traces.first().map(|trace| trace.source.clone());
    let code = || facts.code_blocks.first().map(|block| block.source.clone());
    let path = facts.paths.first().map(|path| path.source.clone());
    Parts {
        description: description(documents),
        steps: facts.steps.first().map(|step| step.source.clone()),
        expected: facts.expected.as_ref().map(|expected| expected.source.clone()),
        actual: facts.actual.as_ref().map(|actual| actual.source.clone()).or_else(trace),
        version: facts.versions.first().map(|version| version.source.clone()),
        platform: facts.platforms.first().map(|platform| platform.source.clone()),
        evidence: trace().or_else(|| of_section(Part::Logs)).or_else(code),
        location: path.or_else(|| facts.links.first().map(|link| link.source.clone())),
        motivation: of_section(Part::Request).or_else(wish),
        example: code(),
    }
}

/// The first line of prose of a body that says more than a greeting.
fn description(documents: &[Document<'_>]) -> Option<Source> {
    let document = documents.iter().find(|document| document.field == Field::Body)?;
    let prose = || document.lines.iter().filter(|line| line.is_prose());
    let letters = prose().flat_map(|line| line.content().chars()).filter(|c| c.is_alphanumeric());
    if letters.take(DESCRIPTION_CHARS_MIN).count() < DESCRIPTION_CHARS_MIN {
        return None;
    }
    prose().next().map(|line| document.source(line))
}

#[cfg(test)]
mod tests;

//! Versions, with the name of what they are versions of.
//!
//! Recognised where a name and a number stand together: `node 20.1.0`, `serde = "1.0"`,
//! `pkg@1.2.3`, `Version: 1.2`, `## Version` with the number below, `$ tool --version` with the
//! answer below. A number is a version on its own only if it has three parts, a `v` or a word such
//! as "version" beside it. Places in stack traces, addresses and measurements are none.

pub mod number;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::found::Found;
use crate::markdown::{Document, Line, Place};
use crate::products::{LONG_NAMES, glued, is_known};
use crate::source::{Field, Source, clean};
use crate::traces::Traces;
use crate::words::{Token, is_one_of, tokens};

use number::Number;

/// Versions that are reported.
pub const VERSIONS_MAX: usize = 50;
/// Characters of a name.
const NAME_CHARS_MAX: usize = 64;
/// Words between a name and its version: "node (version: v20)".
const HOPS_MAX: usize = 4;

/// A version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Version {
    /// What it is a version of; null when the text does not say, so probably the project.
    pub name: Option<String>,
    /// The number, without a leading `v`.
    pub version: String,
    /// The words it was read from.
    pub text: String,
    /// Where it stands.
    pub source: Source,
}

/// Words between a name and its version.
const CONNECTORS: &[&str] = &[
    "version", "versions", "ver", "v", "is", "release", "build", "at", "running", "no", "-", "–",
    "=>", "->", "→", "~",
];

/// Words that make a number a version.
const HINTS: &[&str] = &[
    "version",
    "versions",
    "ver",
    "release",
    "v",
    "upgrading",
    "upgraded",
    "upgrade",
    "downgrading",
    "downgraded",
    "since",
];

/// Words that are no names.
const NO_NAMES: &[&str] = &[
    "a",
    "about",
    "affected",
    "applewebkit",
    "gecko",
    "mozilla",
    "after",
    "all",
    "also",
    "an",
    "and",
    "any",
    "app",
    "approximately",
    "are",
    "around",
    "as",
    "before",
    "broken",
    "built",
    "but",
    "by",
    "bug",
    "chapter",
    "current",
    "currently",
    "downgrade",
    "downgraded",
    "downgrading",
    "earlier",
    "example",
    "fails",
    "figure",
    "fine",
    "fixed",
    "for",
    "from",
    "got",
    "has",
    "have",
    "if",
    "in",
    "install",
    "installed",
    "installing",
    "introduced",
    "it",
    "last",
    "later",
    "latest",
    "least",
    "level",
    "line",
    "more",
    "my",
    "new",
    "newer",
    "newest",
    "now",
    "of",
    "old",
    "older",
    "on",
    "only",
    "or",
    "our",
    "over",
    "part",
    "previous",
    "recent",
    "regression",
    "section",
    "see",
    "since",
    "stable",
    "step",
    "still",
    "stops",
    "table",
    "tested",
    "than",
    "that",
    "the",
    "then",
    "this",
    "time",
    "times",
    "to",
    "took",
    "tried",
    "under",
    "until",
    "up",
    "update",
    "updated",
    "updating",
    "upgrade",
    "upgraded",
    "upgrading",
    "use",
    "used",
    "using",
    "via",
    "was",
    "we",
    "when",
    "with",
    "within",
    "works",
    "worked",
    "you",
    "your",
];

/// What follows a measurement.
const UNITS: &[&str] = &[
    "%", "bytes", "cm", "days", "fps", "gb", "ghz", "gib", "hours", "hz", "k", "kb", "kib", "m",
    "mb", "mib", "mhz", "min", "minutes", "mm", "ms", "million", "ns", "percent", "px", "s", "sec",
    "seconds", "second", "tb", "times", "us", "x", "€", "$", "°c", "stars", "users", "billion",
];

/// The versions in `documents`, each once.
pub fn find(documents: &[Document<'_>], traces: &Traces) -> Found<Version> {
    let mut versions = Found::up_to(VERSIONS_MAX);
    for document in documents {
        let mut above = Above::default();
        for line in &document.lines {
            if versions.truncated {
                return versions;
            }
            let repeated = line.quoted && document.field == Field::Comment;
            if repeated || traces.cover(document.field, line.number) {
                continue;
            }
            for version in of_line(document, line, &above) {
                add(&mut versions, version);
            }
            above.pass(line);
        }
    }
    versions
}

fn add(versions: &mut Found<Version>, version: Version) {
    let name = |version: &Version| version.name.as_deref().map(str::to_ascii_lowercase);
    let known = versions
        .items
        .iter()
        .any(|known| known.version == version.version && name(known) == name(&version));
    if !known {
        versions.push(version);
    }
}

/// What stands above a line and gives a lone number its name.
#[derive(Default)]
struct Above {
    /// The heading speaks of versions; of what, if it says so.
    heading: Option<Option<String>>,
    /// The command that was asked for its version in the line before.
    command: Option<String>,
}

impl Above {
    fn pass(&mut self, line: &Line<'_>) {
        match line.place {
            Place::Heading { .. } => {
                self.heading = title_of_versions(line.content());
                self.command = None;
            }
            Place::Blank => {}
            _ => self.command = asked_command(&line.text),
        }
    }
}

/// For "Node version": that it is about versions, and of "Node".
fn title_of_versions(title: &str) -> Option<Option<String>> {
    let words = tokens(title);
    let is_version = |token: &Token<'_>| is_one_of(token.text, &["version", "versions", "release"]);
    if !words.iter().any(is_version) || words.len() > 8 {
        return None;
    }
    let position = words.iter().position(is_version).unwrap_or(0);
    let after_of = words[position..].iter().skip_while(|t| t.text != "of").skip(1);
    let name: Vec<&str> = words[..position]
        .iter()
        .chain(after_of)
        .map(|token| token.text)
        .filter(|word| !is_one_of(word, NO_NAMES))
        .filter(|word| !is_one_of(word, &["what", "which", "please", "package", "exact", "do"]))
        .collect();
    Some((!name.is_empty() && name.len() <= 3).then(|| name.join(" ")))
}

/// The program in `$ program --version`.
fn asked_command(text: &str) -> Option<String> {
    let command = text.trim().trim_start_matches(['$', '>', '%', '#', '❯']).trim();
    let mut words = command.split_whitespace();
    let program = words.next()?;
    let asks = words.any(|word| matches!(word, "--version" | "-v" | "-V" | "version" | "-version"));
    let name = program.rsplit(['/', '\\']).next().unwrap_or(program);
    (asks && is_name(name)).then(|| name.to_owned())
}

fn of_line(document: &Document<'_>, line: &Line<'_>, above: &Above) -> Vec<Version> {
    let text = line.content();
    if !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return Vec::new();
    }
    let is_heading = matches!(line.place, Place::Heading { .. });
    let words = tokens(text);
    (0..words.len())
        .filter(|index| !(is_heading && *index == 0))
        .filter_map(|index| of_word(&words, index, above))
        .map(|(name, number, text)| Version {
            name: name.map(|name| clean(&name, NAME_CHARS_MAX)),
            version: clean(number.text, NAME_CHARS_MAX),
            text: clean(&text, 2 * NAME_CHARS_MAX),
            source: document.source(line),
        })
        .collect()
}

type Named<'l> = (Option<String>, Number<'l>, String);

fn of_word<'l>(words: &[Token<'l>], index: usize, above: &Above) -> Option<Named<'l>> {
    let word = words[index].text;
    if word.contains("://") || word.len() > 2 * NAME_CHARS_MAX {
        return None;
    }
    if let Some((name, number)) = joined(word) {
        return Some((Some(name.to_owned()), number, word.to_owned()));
    }
    let number = number::read(word)?;
    let context = Context::before(words, index);
    let unit = words.get(index + 1).is_some_and(|next| is_one_of(next.text, UNITS));
    if unit && !number.has_v && !context.hint {
        return None;
    }
    if let Some(name) = &context.name {
        let trusted = is_known(name) || context.hint || number.has_v || number.parts >= 3;
        let looks_named = context.labelled
            || name.chars().any(|c| c.is_uppercase() || "-_.0123456789".contains(c));
        let accepted = match number.parts {
            1 => is_known(name) || (context.hint && number.has_v),
            2 => trusted || looks_named,
            _ => true,
        };
        let text =
            words[context.begin..=index].iter().map(|t| t.text).collect::<Vec<_>>().join(" ");
        return accepted.then(|| (context.name.clone(), number, text));
    }
    let first = index == 0;
    if first && let Some(command) = &above.command {
        return Some((Some(command.clone()), number, word.to_owned()));
    }
    if first && let Some(title) = &above.heading {
        return (number.parts >= 2 || number.has_v)
            .then(|| (title.clone(), number, word.to_owned()));
    }
    let alone = number.parts >= 3 && !number.is_date_or_address();
    let accepted = alone || (number.parts == 2 && (number.has_v || context.hint));
    accepted.then(|| (None, number, word.to_owned()))
}

/// `name@1.2.3`, `name==1.2`, `name=1.2`, `name:1.2`, `name/1.2`, `go1.22`.
fn joined(word: &str) -> Option<(&str, Number<'_>)> {
    if let Some((name, number)) = glued(word) {
        return Some((name, number::read(number)?));
    }
    let at = word.rfind(['@', '=', ':', '/'])?;
    let number = number::read(&word[at + 1..])?;
    let name = word[..at].trim_end_matches(['=', '>', '<', '~', '^', '!', '@', ':']);
    let is_scoped = name.starts_with('@') && name.matches('/').count() == 1;
    let name_only = is_scoped || !name.contains(['/', '\\', '=', ':', '#', '?', '&']);
    // A tag of an image is a version from one part on, a path's end from two.
    let parts_min = if word[at..].starts_with('@') || is_known(name) { 1 } else { 2 };
    let is_named = name_only && is_name(name) && !is_one_of(name, NO_NAMES);
    (is_named && number.parts >= parts_min).then_some((name, number))
}

/// What stands before a number.
struct Context {
    name: Option<String>,
    /// The first word that belongs to the version.
    begin: usize,
    /// A word such as "version" is near.
    hint: bool,
    /// The name is a label: `node: 20.1`.
    labelled: bool,
}

impl Context {
    fn before(words: &[Token<'_>], index: usize) -> Self {
        let mut context = Self { name: None, begin: index, hint: false, labelled: false };
        let mut at = index;
        for _ in 0..HOPS_MAX {
            let Some(previous) = at.checked_sub(1) else { return context };
            let word = words[previous];
            if word.ends {
                return context;
            }
            at = previous;
            context.labelled |= word.labels;
            context.hint |= is_one_of(word.text, HINTS);
            if !is_one_of(word.text, CONNECTORS) {
                break;
            }
            context.begin = at;
        }
        // "from 1.2 to 1.3": the verb before says that both are versions.
        context.hint |= words[at.saturating_sub(4)..at].iter().any(|w| is_one_of(w.text, HINTS))
            && is_one_of(words[at].text, &["from", "to", "since", "in", "until", "than", "and"]);
        let labelled = context.labelled && context.hint;
        if let Some(begin) = name_at(words, at, labelled) {
            let name: Vec<&str> = words[begin..=at].iter().map(|word| word.text).collect();
            context.name = Some(name.join(" "));
            context.begin = begin;
        }
        context
    }
}

/// Where the name begins that ends with the word at `end`. A label's words all belong to it.
fn name_at(words: &[Token<'_>], end: usize, labelled: bool) -> Option<usize> {
    let last = words[end].text;
    if !is_name(last) || is_one_of(last, NO_NAMES) || is_one_of(last, CONNECTORS) {
        return None;
    }
    for begin in [end.checked_sub(2), end.checked_sub(1)].into_iter().flatten() {
        let name: Vec<&str> = words[begin..=end].iter().map(|word| word.text).collect();
        if words[begin..end].iter().all(|word| !word.ends && !word.labels)
            && is_one_of(&name.join(" "), LONG_NAMES)
        {
            return Some(begin);
        }
    }
    let is_short_label =
        labelled && end == 1 && is_name(words[0].text) && !is_one_of(words[0].text, NO_NAMES);
    Some(if is_short_label && !words[0].labels { 0 } else { end })
}

/// Whether `text` could be the name of software.
fn is_name(text: &str) -> bool {
    let named = text.chars().any(char::is_alphabetic) && text.len() <= NAME_CHARS_MAX;
    named
        && text.chars().all(|c| c.is_alphanumeric() || "@/._+#-".contains(c))
        && number::read(text).is_none()
}

#[cfg(test)]
mod tests;

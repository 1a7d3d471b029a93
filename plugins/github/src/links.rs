//! Links and GitHub references: `https://…`, `#12`, `owner/repo#12`, `owner/repo@1a2b3c4`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::found::Found;
use crate::markdown::{Document, Line, Place};
use crate::source::{Field, Source, clean};
use crate::words::normalised;

/// Links that are reported.
pub const LINKS_MAX: usize = 100;
/// Characters of a link.
const LINK_CHARS_MAX: usize = 500;
/// Digits of an issue's number.
const NUMBER_DIGITS_MAX: usize = 9;
/// Characters of a repository's name with its owner's.
const REPOSITORY_CHARS_MAX: usize = 140;

/// What a link leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// An issue; for `#12`, which does not tell, an issue or a pull request.
    Issue,
    /// A pull request.
    PullRequest,
    /// A commit.
    Commit,
    /// Anything else.
    Other,
}

/// What the text says about the issue that is linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// This issue repeats that one.
    Duplicates,
    /// This one solves that one.
    Fixes,
}

/// A link or reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Link {
    /// What it leads to.
    pub kind: LinkKind,
    /// The address; for a reference, if the repository's is known.
    pub url: Option<String>,
    /// The repository, as `owner/name`.
    pub repository: Option<String>,
    /// The number of the issue or pull request.
    pub number: Option<u64>,
    /// The commit.
    pub commit: Option<String>,
    /// What the text says about it.
    pub relation: Option<Relation>,
    /// The link as it stands in the text.
    pub text: String,
    /// Where it stands.
    pub source: Source,
}

/// The repository that an issue belongs to, as far as it is known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Home<'a> {
    /// `owner/name`.
    pub repository: Option<&'a str>,
    /// Where repositories are: `https://github.com` unless the payload names another server.
    pub server: Option<&'a str>,
}

impl Home<'_> {
    fn server(&self) -> &str {
        self.server.unwrap_or("https://github.com")
    }
}

/// The links in `documents`, each once.
pub fn find(documents: &[Document<'_>], home: Home<'_>) -> Found<Link> {
    let mut links = Found::up_to(LINKS_MAX);
    for document in documents {
        for line in &document.lines {
            if links.truncated {
                return links;
            }
            if !(line.quoted && document.field == Field::Comment) {
                find_in_line(document, line, home, &mut links);
            }
        }
    }
    links
}

fn find_in_line(document: &Document<'_>, line: &Line<'_>, home: Home<'_>, links: &mut Found<Link>) {
    let mut is_code = matches!(line.place, Place::Code { .. });
    for span in line.text.split('`') {
        let mut rest = span;
        while let Some((begin, address)) = next_address(rest) {
            references(document, line, &rest[..begin], is_code, home, links);
            if let Some(reading) = url(address, home) {
                add_reading(document, line, reading, links);
            }
            rest = &rest[begin + address.len()..];
        }
        references(document, line, rest, is_code, home, links);
        if !matches!(line.place, Place::Code { .. }) {
            is_code = !is_code;
        }
    }
}

fn references(
    document: &Document<'_>,
    line: &Line<'_>,
    text: &str,
    is_code: bool,
    home: Home<'_>,
    links: &mut Found<Link>,
) {
    // GitHub makes no references of what is code; an address is one anywhere.
    if is_code || !text.contains(['#', '@', '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'])
    {
        return;
    }
    for piece in text.split(|c: char| c.is_whitespace() || "()<>[]\"|{},;".contains(c)) {
        let piece = without_punctuation(piece).trim_start_matches(['*', '_', '~', ':', '\'']);
        if let Some(reading) = reference(piece, home).or_else(|| commit(piece, home)) {
            add_reading(document, line, reading, links);
        }
    }
}

fn add_reading(
    document: &Document<'_>,
    line: &Line<'_>,
    reading: Reading<'_>,
    links: &mut Found<Link>,
) {
    // What is read is a part of the line, so its place is a difference of addresses.
    let at = reading.text.as_ptr().addr() - line.text.as_ptr().addr();
    let relation = relation(&line.text[..at]);
    add(links, reading.link(relation, document.source(line)));
}

/// Adds `link` unless the same one is there; what is said about it is kept.
fn add(links: &mut Found<Link>, link: Link) {
    let known = links
        .items
        .iter_mut()
        .find(|known| known.text == link.text || (known.url.is_some() && known.url == link.url));
    match known {
        Some(known) => known.relation = known.relation.or(link.relation),
        None => links.push(link),
    }
}

/// A link in the text, before it is completed.
#[derive(Default)]
struct Reading<'l> {
    text: &'l str,
    url: Option<String>,
    repository: Option<&'l str>,
    number: Option<u64>,
    commit: Option<&'l str>,
    pull_request: bool,
}

impl Reading<'_> {
    fn link(self, relation: Option<Relation>, source: Source) -> Link {
        let kind = match (self.number, self.commit) {
            (Some(_), _) if self.pull_request => LinkKind::PullRequest,
            (Some(_), _) => LinkKind::Issue,
            (None, Some(_)) => LinkKind::Commit,
            (None, None) => LinkKind::Other,
        };
        Link {
            kind,
            url: self.url.map(|url| clean(&url, LINK_CHARS_MAX)),
            repository: self.repository.map(str::to_owned),
            number: self.number,
            commit: self.commit.map(str::to_owned),
            relation,
            text: clean(self.text, LINK_CHARS_MAX),
            source,
        }
    }
}

/// The next address in `text`, without what follows it in a sentence or in brackets.
fn next_address(text: &str) -> Option<(usize, &str)> {
    let begin = text.match_indices("http").map(|(at, _)| at).find(|at| {
        let scheme = text[at + 4..].strip_prefix('s').unwrap_or(&text[at + 4..]);
        scheme.starts_with("://")
    })?;
    let rest = &text[begin..];
    let end = rest.find(|c: char| c.is_whitespace() || "<>\"|{}".contains(c)).unwrap_or(rest.len());
    let mut address = without_punctuation(&rest[..end]);
    for (open, close) in [('(', ')'), ('[', ']')] {
        // Markdown's `[text](address)` leaves a bracket, and what stands behind it, in here.
        if let Some(at) = first_unbalanced(address, open, close) {
            address = without_punctuation(&address[..at]);
        }
    }
    Some((begin, address))
}

fn first_unbalanced(text: &str, open: char, close: char) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, character) in text.char_indices() {
        if character == open {
            depth += 1;
        } else if character == close {
            match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => return Some(at),
            }
        }
    }
    None
}

fn without_punctuation(text: &str) -> &str {
    text.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '*', '_', '~'])
}

/// An address, and what it leads to if it is on the repository's server.
fn url<'l>(text: &'l str, home: Home<'l>) -> Option<Reading<'l>> {
    let (_, rest) = text.split_once("://")?;
    if !rest.starts_with(|c: char| c.is_alphanumeric()) {
        return None;
    }
    let mut reading = Reading { text, url: Some(text.to_owned()), ..Reading::default() };
    let Some(path) = text.strip_prefix(home.server()).and_then(|path| path.strip_prefix('/'))
    else {
        return Some(reading);
    };
    let path = path.split(['?', '#']).next().unwrap_or(path);
    let mut parts = path.splitn(5, '/');
    let (owner, name) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let (what, which) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    reading.repository = Some(&path[..(owner.len() + 1 + name.len()).min(path.len())])
        .filter(|repository| is_repository(repository));
    if reading.repository.is_some() {
        match what {
            "issues" => reading.number = number(which),
            "pull" => {
                reading.number = number(which);
                reading.pull_request = true;
            }
            "commit" => reading.commit = Some(which).filter(|which| is_hash(which, 7)),
            _ => {}
        }
    }
    Some(reading)
}

/// `#12`, `GH-12` or `owner/repo#12`.
fn reference<'l>(text: &'l str, home: Home<'l>) -> Option<Reading<'l>> {
    let (before, digits) = match text.strip_prefix("GH-") {
        Some(digits) => ("", digits),
        None => text.split_once('#')?,
    };
    let digits = digits.strip_suffix("'s").unwrap_or(digits);
    let number = number(digits)?;
    let repository = match before {
        "" => home.repository,
        other if is_repository(other) => Some(other),
        _ => return None,
    };
    let url = repository.map(|name| format!("{}/{name}/issues/{number}", home.server()));
    Some(Reading { text, url, repository, number: Some(number), ..Reading::default() })
}

/// `owner/repo@1a2b3c4` or a full hash.
fn commit<'l>(text: &'l str, home: Home<'l>) -> Option<Reading<'l>> {
    let (repository, hash) = match text.split_once('@') {
        Some((repository, hash)) if is_repository(repository) && is_hash(hash, 7) => {
            (Some(repository), hash)
        }
        _ if is_hash(text, 40) => (home.repository, text),
        _ => return None,
    };
    let url = repository.map(|name| format!("{}/{name}/commit/{hash}", home.server()));
    Some(Reading { text, url, repository, commit: Some(hash), ..Reading::default() })
}

fn number(text: &str) -> Option<u64> {
    let digits = text.len() <= NUMBER_DIGITS_MAX && text.bytes().all(|b| b.is_ascii_digit());
    let number = if digits { text.parse().ok()? } else { 0 };
    (number > 0).then_some(number)
}

/// Whether `text` is an abbreviated or full hash, of at least `length_min` digits.
fn is_hash(text: &str, length_min: usize) -> bool {
    (length_min..=40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether `text` is `owner/name` as GitHub allows it.
pub fn is_repository(text: &str) -> bool {
    let allowed = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    text.len() <= REPOSITORY_CHARS_MAX
        && text.split_once('/').is_some_and(|(owner, name)| allowed(owner) && allowed(name))
}

/// What the words before a link say: "duplicate of #12", "fixes #12".
fn relation(before: &str) -> Option<Relation> {
    /// Bytes before the link that can hold the words of interest.
    const BYTES: usize = 40;
    let near = &before[before.floor_char_boundary(before.len().saturating_sub(BYTES))..];
    let sentence = near.rsplit(['.', '!', '?', ';']).next().unwrap_or(near);
    let words = normalised(sentence);
    let words: Vec<&str> = words.split_whitespace().rev().take(5).collect();
    let denied = words.iter().any(|word| matches!(*word, "not" | "isnt" | "no" | "may" | "might"));
    let repeats =
        |word: &&str| matches!(*word, "duplicate" | "duplicates" | "duplicated" | "dup" | "dupe");
    if !denied && words.iter().take(3).any(repeats) {
        return Some(Relation::Duplicates);
    }
    let fixes = words.first().is_some_and(|word| {
        ["fixes", "fix", "fixed", "closes", "close", "resolves", "resolve"].contains(word)
    });
    fixes.then_some(Relation::Fixes)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::markdown;

    fn check(text: &str, expected: Expect) {
        let home = Home { repository: Some("mill/wheel"), server: None };
        let found = find(&[markdown::read(Field::Body, text)], home);
        let shown: Vec<String> = found.items.iter().map(show).collect();
        expected.assert_eq(&shown.concat());
    }

    fn show(link: &Link) -> String {
        format!(
            "{}: {:?} {} {} {}{}\n",
            link.text,
            link.kind,
            link.repository.as_deref().unwrap_or("-"),
            link.number.map_or("-".to_owned(), |number| number.to_string()),
            link.url.as_deref().unwrap_or("-"),
            link.relation.map_or(String::new(), |relation| format!(" {relation:?}")),
        )
    }

    #[test]
    fn addresses() {
        check(
            "See [docs](https://mill.example/a_(b)?x=1#y), <http://mill.example>.\n<img src=\"https://mill.example/i.png\">\nhttps://github.com/mill/wheel/issues/7#issuecomment-1 https://github.com/a/b/pull/8/files\nhttps://github.com/a/b/commit/0123abcdef https://github.com/a/b/blob/main/x.rs https://",
            expect![[r#"
                https://mill.example/a_(b)?x=1#y: Other - - https://mill.example/a_(b)?x=1#y
                http://mill.example: Other - - http://mill.example
                https://mill.example/i.png: Other - - https://mill.example/i.png
                https://github.com/mill/wheel/issues/7#issuecomment-1: Issue mill/wheel 7 https://github.com/mill/wheel/issues/7#issuecomment-1
                https://github.com/a/b/pull/8/files: PullRequest a/b 8 https://github.com/a/b/pull/8/files
                https://github.com/a/b/commit/0123abcdef: Commit a/b - https://github.com/a/b/commit/0123abcdef
                https://github.com/a/b/blob/main/x.rs: Other a/b - https://github.com/a/b/blob/main/x.rs
            "#]],
        );
    }

    #[test]
    fn references() {
        check(
            "#12, (see a/b#3), GH-4; a/b@0123abc and 0123456789012345678901234567890123456789. `#5` no#6x #0 #abc issue#7 #1234567890",
            expect![[r#"
                #12: Issue mill/wheel 12 https://github.com/mill/wheel/issues/12
                a/b#3: Issue a/b 3 https://github.com/a/b/issues/3
                GH-4: Issue mill/wheel 4 https://github.com/mill/wheel/issues/4
                a/b@0123abc: Commit a/b - https://github.com/a/b/commit/0123abc
                0123456789012345678901234567890123456789: Commit mill/wheel - https://github.com/mill/wheel/commit/0123456789012345678901234567890123456789
            "#]],
        );
    }

    #[test]
    fn code_has_addresses_only() {
        check(
            "```\n#0 main\ncurl https://mill.example/x\n```",
            expect![[r#"
            https://mill.example/x: Other - - https://mill.example/x
        "#]],
        );
    }

    #[test]
    fn relations() {
        check(
            "Duplicate of #1. Not a duplicate of #2! Fixes #3 and #4.\nIt is a dup of a/b#5",
            expect![[r#"
                #1: Issue mill/wheel 1 https://github.com/mill/wheel/issues/1 Duplicates
                #2: Issue mill/wheel 2 https://github.com/mill/wheel/issues/2
                #3: Issue mill/wheel 3 https://github.com/mill/wheel/issues/3 Fixes
                #4: Issue mill/wheel 4 https://github.com/mill/wheel/issues/4
                a/b#5: Issue a/b 5 https://github.com/a/b/issues/5 Duplicates
            "#]],
        );
    }

    #[test]
    fn each_link_is_reported_once_and_the_number_is_bounded() {
        check(
            "#1 and #1 and https://github.com/mill/wheel/issues/1",
            expect![[r#"
            #1: Issue mill/wheel 1 https://github.com/mill/wheel/issues/1
        "#]],
        );
        let text: String = (1..=LINKS_MAX + 1).map(|n| format!("#{n}\n")).collect();
        let found = find(&[markdown::read(Field::Body, &text)], Home::default());
        assert!(found.truncated);
        assert_eq!(found.items.len(), LINKS_MAX);
    }
}

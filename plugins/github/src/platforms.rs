//! Platforms: operating systems, runtimes, browsers and processors that the report names.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::found::Found;
use crate::markdown::{Document, Line, Place};
use crate::products::{Category, Needs, PLATFORMS, Platform as Product, glued};
use crate::sections::{Part, part_of};
use crate::source::{Field, Source, clean};
use crate::traces::Traces;
use crate::versions::number;
use crate::words::is_one_of;

/// Platforms that are reported.
pub const PLATFORMS_MAX: usize = 50;
/// Words of the longest name.
const NAME_WORDS_MAX: usize = 4;
/// Words before a platform that can say that it works there.
const CLAUSE_WORDS_MAX: usize = 6;

/// A platform that the report names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Platform {
    /// What it is.
    pub category: Category,
    /// Its usual name, such as `Ubuntu` or `Node.js`.
    pub name: String,
    /// For systems: `linux`, `macos`, `windows`, `bsd`, `ios` or `android`.
    pub family: Option<String>,
    /// Its version, if the text has one.
    pub version: Option<String>,
    /// False when the text says that it works there.
    pub affected: bool,
    /// The words it was read from.
    pub text: String,
    /// Where it stands.
    pub source: Source,
}

/// The platforms in `documents`, each once, with its version where any mention has one.
pub fn find(documents: &[Document<'_>], traces: &Traces) -> Found<Platform> {
    let mut platforms = Found::up_to(PLATFORMS_MAX);
    for document in documents {
        let mut in_environment = false;
        for line in &document.lines {
            if platforms.truncated {
                return platforms;
            }
            if matches!(line.place, Place::Heading { .. }) {
                in_environment = part_of(line.content()) == Some(Part::Environment);
            }
            if is_relevant(document, line) && !traces.cover(document.field, line.number) {
                find_in_line(document, line, in_environment, &mut platforms);
            }
        }
    }
    platforms
}

/// Boxes that are not ticked say where the problem is not; a comment's quotes repeat.
fn is_relevant(document: &Document<'_>, line: &Line<'_>) -> bool {
    let open_box = matches!(line.place, Place::Item { ticked: Some(false), .. });
    let repeated = line.quoted && document.field == Field::Comment;
    !open_box && !repeated
}

fn find_in_line(
    document: &Document<'_>,
    line: &Line<'_>,
    in_environment: bool,
    platforms: &mut Found<Platform>,
) {
    let words = words(line.content());
    let labelled =
        line.content().split_once(':').is_some_and(|(label, _)| speaks_of_systems(label));
    let mut at = 0;
    while at < words.len() {
        let Some((product, length)) = product_at(&words, at) else {
            at += 1;
            continue;
        };
        let behind = at + length;
        let version = version_at(&words, behind);
        let evidence = in_environment || labelled || version.is_some();
        if is_meant(product, words[at].text, evidence) {
            let end = version.map_or(behind, |(_, end)| end);
            let text: Vec<&str> = words[at..end].iter().map(|word| word.text).collect();
            let platform = Platform {
                category: product.category,
                name: product.name.to_owned(),
                family: product.family.map(str::to_owned),
                version: version.map(|(version, _)| version.to_owned()),
                affected: !works_there(&words[..at]),
                text: clean(&text.join(" "), 100),
                source: document.source(line),
            };
            add(platforms, platform);
        }
        at = behind;
    }
}

fn speaks_of_systems(label: &str) -> bool {
    let words: Vec<&str> = label.split_whitespace().collect();
    let systems = [
        "os",
        "system",
        "platform",
        "platforms",
        "browser",
        "browsers",
        "runtime",
        "arch",
        "architecture",
        "environment",
        "env",
        "language",
        "cpu",
        "device",
    ];
    words.len() <= 4 && words.iter().any(|word| is_one_of(word.trim_matches(['*', '_']), &systems))
}

fn is_meant(product: &Product, word: &str, evidence: bool) -> bool {
    match product.needs {
        Needs::Nothing => true,
        Needs::Capital => evidence || word.starts_with(char::is_uppercase),
        Needs::Evidence => evidence,
    }
}

/// Adds `platform`, or completes the same one that was found before.
fn add(platforms: &mut Found<Platform>, platform: Platform) {
    let same = platforms.items.iter_mut().find(|known| {
        let version = known.version == platform.version
            || known.version.is_none()
            || platform.version.is_none();
        known.name == platform.name && version
    });
    match same {
        Some(known) => {
            known.affected |= platform.affected;
            if known.version.is_none() && platform.version.is_some() {
                let affected = known.affected;
                *known = Platform { affected, ..platform };
            }
        }
        None => platforms.push(platform),
    }
}

/// A word and whether a clause ends behind it.
#[derive(Clone, Copy)]
struct Word<'l> {
    text: &'l str,
    ends: bool,
}

/// The words of a line; triples such as `x86_64-unknown-linux-gnu` and lists such as `macOS/Linux`
/// fall apart, addresses and paths are left out.
fn words(text: &str) -> Vec<Word<'_>> {
    text.split_whitespace()
        .filter(|piece| !piece.contains("://") && !is_path(piece))
        .flat_map(|piece| {
            let ends = piece.ends_with(['.', ',', ';', '!', '?']);
            let parts = piece.split(|c: char| "/-:;,()[]{}\"'`*<>|=@".contains(c));
            let parts = parts
                .map(|part| part.trim_end_matches(['.', '!', '?']))
                .filter(|part| !part.is_empty())
                .flat_map(|part| glued(part).map_or([part, ""], |(name, number)| [name, number]))
                .filter(|part| !part.is_empty());
            let mut parts: Vec<Word<'_>> = parts.map(|text| Word { text, ends: false }).collect();
            if let Some(last) = parts.last_mut() {
                last.ends = ends;
            }
            parts
        })
        .collect()
}

fn is_path(piece: &str) -> bool {
    piece.starts_with(['/', '~', '.']) && piece.contains('/')
        || piece.matches(['/', '\\']).count() >= 3
}

/// The platform whose name begins at `at`, and how many words it has; the longest name counts.
fn product_at(words: &[Word<'_>], at: usize) -> Option<(&'static Product, usize)> {
    let longest = NAME_WORDS_MAX.min(words.len() - at);
    let mut name = String::new();
    let mut found = None;
    for length in 1..=longest {
        if length > 1 {
            if words[at + length - 2].ends {
                break;
            }
            name.push(' ');
        }
        name.push_str(&words[at + length - 1].text.to_ascii_lowercase());
        let product = PLATFORMS.iter().find(|product| product.words.contains(&name.as_str()));
        found = product.map(|product| (product, length)).or(found);
    }
    found
}

/// The version behind a name, and where it ends. A code name or "version" may stand between.
fn version_at<'l>(words: &[Word<'l>], behind: usize) -> Option<(&'l str, usize)> {
    const BETWEEN: &[&str] = &[
        "version",
        "v",
        "ver",
        "sonoma",
        "ventura",
        "monterey",
        "sequoia",
        "tahoe",
        "big",
        "sur",
        "desktop",
        "pro",
        "home",
        "enterprise",
        "lts",
        "linux",
        "release",
        "sdk",
    ];
    for at in behind..behind + 2 {
        if at == 0 || words[at - 1].ends {
            return None;
        }
        let word = words.get(at)?;
        if let Some(found) = number::read(word.text) {
            return Some((found.text, at + 1));
        }
        if !is_one_of(word.text, BETWEEN) {
            return None;
        }
    }
    None
}

/// Whether the words before say that it works: "works fine on", "cannot reproduce on".
fn works_there(before: &[Word<'_>]) -> bool {
    let begin = before.len().saturating_sub(CLAUSE_WORDS_MAX);
    let clause =
        before[begin..].rsplit(|word| word.ends || is_one_of(word.text, &["but", "however"]));
    let clause: Vec<&str> =
        clause.into_iter().next().unwrap_or(&[]).iter().map(|word| word.text).collect();
    let has = |candidates: &[&str]| clause.iter().any(|word| is_one_of(word, candidates));
    let denied =
        has(&["not", "never", "no", "cannot", "cant", "can't", "don't", "doesn't", "isn't"]);
    let works = has(&["works", "work", "worked", "fine", "ok", "okay", "correctly", "unaffected"]);
    let fails = has(&[
        "reproduce",
        "reproducible",
        "happen",
        "happens",
        "occur",
        "fail",
        "fails",
        "affected",
        "crash",
    ]);
    (works && !denied) || (fails && denied)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::{markdown, traces};

    fn check(text: &str, expected: Expect) {
        let documents = [markdown::read(Field::Body, text)];
        let found = find(&documents, &traces::find(&documents));
        let shown: Vec<String> = found
            .items
            .iter()
            .map(|platform| {
                let version = platform.version.as_deref().unwrap_or("-");
                let works = if platform.affected { "" } else { " (works)" };
                format!(
                    "{:?} {} {version}{works} | {:?}\n",
                    platform.category, platform.name, platform.text
                )
            })
            .collect();
        expected.assert_eq(&shown.concat());
    }

    #[test]
    fn an_environment_section() {
        check(
            "### Environment\n- OS: macOS Sonoma 14.2 (arm64)\n- Node v20.11, Python 3.12\n- Edge 121\n- go1.22\n- Windows 11 Pro\n- openjdk version \"17.0.2\"",
            expect![[r#"
                Os macOS 14.2 | "macOS Sonoma 14.2"
                Architecture aarch64 - | "arm64"
                Runtime Node.js 20.11 | "Node v20.11"
                Runtime Python 3.12 | "Python 3.12"
                Browser Edge 121 | "Edge 121"
                Runtime Go 1.22 | "go 1.22"
                Os Windows 11 | "Windows 11"
                Runtime Java 17.0.2 | "openjdk version 17.0.2"
            "#]],
        );
    }

    #[test]
    fn prose_needs_evidence() {
        check(
            "Please go to the edge of the node and open two windows in a java house by the ruby arm. On Linux it fails, too.",
            expect![[r#"
                Os Linux - | "Linux"
            "#]],
        );
    }

    #[test]
    fn triples_lists_and_user_agents() {
        check(
            "x86_64-unknown-linux-gnu, aarch64-apple-darwin; Windows/macOS. Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0\nsee /usr/lib/x86_64-linux-gnu/libc.so and https://windows.example",
            expect![[r#"
                Architecture x86_64 - | "x86_64"
                Os Linux - | "linux"
                Architecture aarch64 - | "aarch64"
                Os macOS - | "darwin"
                Os Windows - | "Windows"
                Os Ubuntu - | "Ubuntu"
                Browser Firefox 121.0 | "Firefox 121.0"
            "#]],
        );
    }

    #[test]
    fn where_it_works_is_not_affected() {
        check(
            "It works fine on Debian 12, but on Fedora 40 it crashes. I cannot reproduce it on FreeBSD. Not tested on Android.",
            expect![[r#"
                Os Debian 12 (works) | "Debian 12"
                Os Fedora 40 | "Fedora 40"
                Os FreeBSD - (works) | "FreeBSD"
                Os Android - | "Android"
            "#]],
        );
    }

    #[test]
    fn boxes_and_repetitions() {
        check(
            "### Platform\n- [ ] Windows\n- [x] Ubuntu\n- [X] iOS\n\nUbuntu 22.04 is mine, Ubuntu 24.04 hers. ubuntu!",
            expect![[r#"
                Os Ubuntu 22.04 | "Ubuntu 22.04"
                Os iOS - | "iOS"
                Os Ubuntu 24.04 | "Ubuntu 24.04"
            "#]],
        );
    }
}

//! Whatever stands in an issue: no reader panics, and every bound holds.

use github::facts::{Facts, extract};
use github::issue::{Comment, Issue, Payload, Repository};
use github::labels::{Choice, Request, suggest};
use github::source::EXCERPT_CHARS_MAX;
use github::{code, links, markdown, paths, platforms, steps, traces, versions};
use proptest::prelude::*;

/// Pieces that readers look for, so that random texts reach deep.
const PIECES: &[&str] = &[
    "```",
    "~~~",
    "```rust\n",
    "\n",
    "\r\n",
    "\n\n",
    "    ",
    "\t",
    "> ",
    "- ",
    "1. ",
    "- [x] ",
    "- [ ] ",
    "# ",
    "### Steps to reproduce\n",
    "### Expected\n",
    "**Actual**",
    "**",
    "__",
    "`",
    "<!--",
    "-->",
    "<details>",
    "<summary>",
    "</summary>",
    "<img src=\"https://a.example\">",
    "<",
    ">",
    "https://",
    "https://github.com/a/b/issues/",
    "#",
    "#12",
    "a/b#3",
    "a/b@0123abc",
    "@",
    "0123456789012345678901234567890123456789",
    "thread 'main' panicked at ",
    "'x', src/a.rs:1:2",
    "src/a.rs:1:2:",
    "stack backtrace:\n",
    "   0: a::b\n",
    "             at a.rs:1:2\n",
    "Traceback (most recent call last):\n",
    "  File \"a.py\", line 3, in f\n",
    "ValueError: x\n",
    "    at f (a.js:1:2)\n",
    "\tat a.b(C.java:1)\n",
    "Caused by: x\n",
    "   at A.B(C d) in e.cs:line 1\n",
    "panic: x\n",
    "goroutine 1 [running]:\n",
    "main.f(0x1)\n",
    "\t/a.go:1 +0x1\n",
    "a.rb:1:in `f': x (E)\n",
    "#0  0x1 in f () at a.c:1\n",
    "frame #0: 0x1 a`b at c:1\n",
    "received signal SIGSEGV, x",
    "(",
    ")",
    "((((",
    "))))",
    "{",
    "}",
    "[",
    "]",
    ":",
    "::",
    ": ",
    ".",
    "...",
    "/",
    "//",
    "\\",
    "C:\\",
    "v1.2.3",
    "1.2",
    "node ",
    "Windows 11",
    "Ubuntu",
    "version",
    "10.0.0.1",
    "x86_64-unknown-linux-gnu",
    "=",
    "==",
    "'",
    "\"",
    "’",
    "ä",
    "日本",
    "🦀",
    "\u{202e}",
    "\u{0}",
    "\u{301}",
    "é",
    " ",
    "it works on ",
    "not ",
    "duplicate of ",
    "I expected ",
    "instead ",
    "When I ",
    "reproduce:",
    "Expected: ",
    "e.g. ",
    "!",
    "?",
    "|",
    "~",
    "^",
    "_",
    "*",
];

fn hostile_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => (0..PIECES.len()).prop_map(|index| PIECES[index].to_owned()),
        1 => any::<String>(),
        1 => "[a-zA-Z0-9_./:-]{1,20}",
    ];
    prop::collection::vec(piece, 0..80).prop_map(|pieces| pieces.concat())
}

fn facts_of(title: &str, body: &str, comment: &str) -> Facts {
    extract(&Payload {
        issue: Issue {
            title: Some(title.to_owned()),
            body: Some(body.to_owned()),
            ..Issue::default()
        },
        comment: Some(Comment { body: Some(comment.to_owned()) }),
        repository: Some(Repository {
            full_name: Some("mill/wheel".to_owned()),
            html_url: Some("https://github.com/mill/wheel".to_owned()),
        }),
    })
}

fn assert_bounded(facts: &Facts) {
    assert!(facts.traces.len() <= traces::TRACES_MAX);
    assert!(facts.traces.iter().all(|trace| trace.frames.len() <= traces::FRAMES_MAX));
    assert!(facts.versions.len() <= versions::VERSIONS_MAX);
    assert!(facts.platforms.len() <= platforms::PLATFORMS_MAX);
    assert!(facts.steps.len() <= steps::STEPS_MAX);
    assert!(facts.paths.len() <= paths::PATHS_MAX);
    assert!(facts.links.len() <= links::LINKS_MAX);
    assert!(facts.code_blocks.len() <= code::BLOCKS_MAX);
    assert!((0.0..=1.0).contains(&facts.completeness.score));
    assert!((0.0..=1.0).contains(&facts.kind.confidence));
    let sources = facts
        .versions
        .iter()
        .map(|version| &version.source)
        .chain(facts.platforms.iter().map(|platform| &platform.source))
        .chain(facts.paths.iter().map(|path| &path.source))
        .chain(facts.links.iter().map(|link| &link.source))
        .chain(facts.steps.iter().map(|step| &step.source))
        .chain(facts.kind.reasons.iter().map(|reason| &reason.source));
    for source in sources {
        assert!(source.line >= 1);
        assert!(source.excerpt.chars().count() <= EXCERPT_CHARS_MAX);
        assert!(!source.excerpt.contains(char::is_control), "{source:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_issue_gives_bounded_facts(title in hostile_text(), body in hostile_text(), comment in hostile_text()) {
        let facts = facts_of(&title, &body, &comment);
        assert_bounded(&facts);
        prop_assert_eq!(&facts, &facts_of(&title, &body, &comment), "equal input gives equal facts");
        let text = serde_json::to_string(&facts).expect("facts are JSON");
        prop_assert_eq!(&serde_json::from_str::<Facts>(&text).expect("facts again"), &facts);
    }

    #[test]
    fn only_labels_of_the_list_are_suggested(
        title in hostile_text(),
        body in hostile_text(),
        names in prop::collection::vec(prop_oneof![hostile_text(), "(kind/|area: |O-|)(bug|docs|parser|windows|needs-info|a.js)"], 0..30),
    ) {
        let labels = names.iter().map(|name| Choice::Described { name: name.clone(), description: Some(body.clone()) });
        let request = Request {
            facts: facts_of(&title, &body, ""),
            labels: Some(labels.collect()),
            ..Request::default()
        };
        let answer = suggest(&request);
        for suggestion in &answer.suggestions {
            prop_assert!(names.contains(&suggestion.label));
            prop_assert!(!suggestion.reasons.is_empty());
            prop_assert!((0.0..=1.0).contains(&suggestion.confidence));
        }
        prop_assert_eq!(&answer, &suggest(&request));
    }

    #[test]
    fn every_line_of_a_document_has_its_number(text in hostile_text()) {
        let document = markdown::read(github::source::Field::Body, &text);
        prop_assert!(document.lines.windows(2).all(|pair| pair[0].number < pair[1].number));
    }
}

/// Texts that take a careless reader time that grows with the square of their length. The largest
/// field that is read must still take no noticeable time; the bound is wide, for slow machines.
#[test]
fn the_largest_texts_take_no_time() {
    let seconds_max = 10.0;
    for piece in [
        "<!--",
        "<a<",
        "<",
        "`",
        "```\n",
        "> ",
        "((((",
        "#1 ",
        "https://a ",
        "http",
        "a/b#",
        "v1.2.3 ",
        "1.1.1 ",
        "windows ",
        "duplicate of ",
        "at a.b(",
        "\tat a.b(C.java:1)\n",
        "    at f (a.js:1:2)\n",
        "x: ",
        "**",
        "- [x] ",
        "### Steps\n",
        "src/a.rs ",
        "src/a/b/",
        "node node node 1.",
        "when i ",
        "e. g. ",
        "\n\n",
        "1. a\n",
        "(a)",
        "a::h",
        "Traceback (most recent call last):\n",
        "goroutine 1 [running]:\n",
        "=",
        "@",
        "File \"",
        "🦀",
        "received signal ",
        "Expected: a\n",
        "crash ",
        "<img src=",
        "] ) ] )",
        "it works on linux, ",
    ] {
        let body = piece.repeat(markdown::FIELD_BYTES_MAX / piece.len() + 1);
        let start = std::time::Instant::now();
        assert_bounded(&facts_of(&body, &body, &body));
        let seconds = start.elapsed().as_secs_f64();
        assert!(seconds < seconds_max, "{piece:?} takes {seconds:.1} s");
        let one_line = body.replace('\n', " ");
        assert_bounded(&facts_of("", &one_line, ""));
        let total = start.elapsed().as_secs_f64();
        assert!(total < seconds_max, "{piece:?} takes {total:.1} s");
        println!("{piece:?}: {seconds:.3} s, {total:.3} s");
    }
}

//! Whole issues, as people write them.

use expect_test::{Expect, expect};

use super::*;

fn facts_of(payload: serde_json::Value) -> Facts {
    extract(&serde_json::from_value(payload).expect("a payload"))
}

fn check(title: &str, body: &str, expected: Expect) {
    let facts = facts_of(serde_json::json!({
        "issue": { "number": 7, "title": title, "body": body, "labels": [] },
        "repository": { "full_name": "mill/wheel", "html_url": "https://github.com/mill/wheel" },
    }));
    let mut shown = format!("{:?} {}\n", facts.kind.value, facts.kind.confidence);
    for reason in &facts.kind.reasons {
        let source = &reason.source;
        shown += &format!(
            "  {:?} {} because {} ({:?} {})\n",
            reason.kind, reason.weight, reason.reason, source.field, source.line
        );
    }
    let missing = &facts.completeness.missing;
    shown += &format!("complete {}, missing {missing:?}\n", facts.completeness.score);
    let topics: Vec<_> = facts.signals.iter().map(|signal| signal.topic).collect();
    shown += &format!("topics {topics:?}\n");
    expected.assert_eq(&shown);
}

#[test]
fn a_bug_report() {
    check(
        "wheel turns backwards after a pause",
        "### What happened?\n\nAfter `wheel pause` it turns backwards and then crashes.\n\n### Expected behavior\n\nIt goes on forwards.\n\n### Steps to reproduce\n\n1. `wheel start`\n2. `wheel pause`\n\n### Environment\n\n- wheel 2.1.0\n- Debian 12\n\n```\nthread 'main' panicked at src/axle.rs:9:5:\nnegative torque\n```",
        expect![[r#"
            Bug 0.89
              Bug 3 because there is a stack trace (Body 20)
              Bug 1.5 because there are steps to reproduce (Body 11)
              Bug 1 because there is a section on actual behaviour (Body 3)
              Bug 1 because there is a section on expected behaviour (Body 7)
              Bug 1 because it speaks of "crashes" (Body 3)
              Bug 0.5 because it says "crashes" (Body 3)
            complete 1, missing []
            topics [Crash]
        "#]],
    );
}

#[test]
fn a_thin_bug_report() {
    check(
        "doesn't work",
        "I installed it and get an error. Help please, it is very urgent for me",
        expect![[r#"
        Bug 0.71
          Bug 2 because the title says "doesnt work" (Title 1)
          Bug 0.5 because it says "an error" (Body 1)
        complete 0.1, missing [Steps, Expected, Actual, Version, Platform, Evidence]
        topics []
    "#]],
    );
}

#[test]
fn a_feature_request() {
    check(
        "Add support for water wheels",
        "**Is your feature request related to a problem?**\nWe have no wind here, so it would be great to use water.\n\n**Describe the solution you'd like**\nA `--water` flag.",
        expect![[r#"
            Feature 0.86
              Feature 2 because the title says "support for" (Title 1)
              Feature 1.5 because the title begins with "add" (Title 1)
              Feature 1.5 because a section of such reports (Body 1)
              Feature 0.7 because it says "feature request" (Body 1)
              Feature 0.7 because it says "would be great" (Body 2)
            complete 0.8, missing [Example]
            topics []
        "#]],
    );
}

#[test]
fn a_question() {
    check(
        "How do I oil the wheel?",
        "I am wondering whether there is a recommended oil. I use wheel 2.0.1 on macOS.",
        expect![[r#"
            Question 0.82
              Question 2.5 because the title is a question (Title 1)
              Question 1.5 because the title says "how do" (Title 1)
              Question 0.7 because it says "i am wondering" (Body 1)
            complete 0.75, missing [Example]
            topics []
        "#]],
    );
}

#[test]
fn a_typing_error_in_the_documentation() {
    check(
        "Typo in docs/oil.md",
        "The guide writes \"oyl\" where it should be \"oil\", twice.",
        expect![[r#"
        Documentation 0.85
          Documentation 2 because the title says "docs" (Title 1)
          Documentation 2 because it speaks of "typo" (Title 1)
          Documentation 1.5 because the files it names are documents (Title 1)
        complete 1, missing []
        topics [Typo]
    "#]],
    );
}

#[test]
fn nothing_at_all() {
    check(
        "",
        "",
        expect![[r#"
        Other 0
        complete 0, missing [Description]
        topics []
    "#]],
    );
}

#[test]
fn parts_may_be_missing_or_null() {
    for payload in [
        serde_json::json!({ "issue": {} }),
        serde_json::json!({ "issue": { "title": null, "body": null, "labels": null }, "comment": null, "repository": null }),
        serde_json::json!({ "issue": { "labels": [null, "bug", { "name": "docs" }, { "name": null }] }, "comment": {} , "extra": 1}),
    ] {
        let facts = facts_of(payload);
        assert!(facts.versions.is_empty());
    }
}

#[test]
fn a_comment_adds_facts_but_its_quotes_do_not() {
    let facts = facts_of(serde_json::json!({
        "issue": { "title": "Broken", "body": "It is broken on Fedora 40." },
        "comment": { "body": "> on Fedora 40 with wheel 9.9.9\n\nFor me too, on Debian 12 with wheel 2.0.0." },
    }));
    let found: Vec<_> =
        facts.versions.iter().map(|v| (v.version.as_str(), v.source.field)).collect();
    assert_eq!(found, [("40", Field::Body), ("12", Field::Comment), ("2.0.0", Field::Comment)]);
    assert!(facts.subject.with_comment);
}

#[test]
fn the_subject_says_which_issue_it_is() {
    let facts = facts_of(serde_json::json!({
        "issue": {
            "number": 7, "title": " A\u{202e} title ", "html_url": "https://git.example/mill/wheel/issues/7",
            "labels": [{ "name": "bug" }], "pull_request": { "url": "x" }, "body": "See #5",
        },
        "repository": { "full_name": "mill/wheel", "html_url": "https://git.example/mill/wheel" },
    }));
    assert_eq!(facts.subject.title, "A title");
    assert_eq!(facts.subject.labels, ["bug"]);
    assert!(facts.subject.pull_request);
    assert_eq!(facts.links[0].url.as_deref(), Some("https://git.example/mill/wheel/issues/5"));
}

#[test]
fn a_hostile_address_is_no_address() {
    for url in ["javascript:alert(1)", "https://x) [click](https://evil.example", "https://a b"] {
        let facts = facts_of(serde_json::json!({ "issue": { "html_url": url } }));
        assert_eq!(facts.subject.url, None, "{url}");
    }
}

#[test]
fn what_was_cut_is_named() {
    let body = format!("{}\n{}", "#1 ".repeat(3), "x\n".repeat(markdown::LINES_MAX));
    let links: String = (1..200).map(|n| format!("#{n} ")).collect();
    let facts = facts_of(serde_json::json!({ "issue": { "body": format!("{links}\n{body}") } }));
    assert_eq!(facts.truncated, ["text", "links"]);
}

#[test]
fn facts_survive_a_round_trip() {
    let facts = facts_of(
        serde_json::json!({ "issue": { "title": "Crash on Windows 11", "body": "```\nError: x\n    at f (/a.js:1:2)\n```" } }),
    );
    let text = serde_json::to_string(&facts).expect("JSON");
    assert_eq!(serde_json::from_str::<Facts>(&text).expect("facts"), facts);
}

//! Suggestions for whole issues and lists of labels.

use expect_test::{Expect, expect};
use serde_json::{Value, json};

use super::*;
use crate::facts;

fn check(title: &str, body: &str, labels: Value, expected: Expect) {
    let payload = json!({ "issue": { "title": title, "body": body, "labels": ["old"] } });
    let facts = facts::extract(&serde_json::from_value(payload).expect("a payload"));
    let request = json!({ "facts": facts, "labels": labels });
    let answer = suggest(&serde_json::from_value(request).expect("a request"));
    let mut shown = String::new();
    for suggestion in &answer.suggestions {
        shown += &format!("{} {}\n", suggestion.label, suggestion.confidence);
        for reason in &suggestion.reasons {
            let place = reason.source.as_ref().map(|s| format!(" ({:?} {})", s.field, s.line));
            shown += &format!("  {}{}\n", reason.reason, place.unwrap_or_default());
        }
    }
    for considered in &answer.considered {
        shown += &format!("not {}: {}\n", considered.label, considered.why);
    }
    expected.assert_eq(&shown);
}

const CRASH: &str = "### Steps to reproduce\n\n1. Open a big file\n2. Scroll\n\n### What happened?\n\nIt crashes on Windows 11, but it works fine on Debian 12.\n\n```\nthread 'main' panicked at crates/parser/src/lexer.rs:9:5:\nindex out of bounds\n```";

#[test]
fn defaults_for_a_crash() {
    check(
        "Crash when scrolling",
        CRASH,
        Value::Null,
        expect![[r#"
        bug 0.9
          there is a stack trace (Body 11)
          the title says "crash" (Title 1)
          there are steps to reproduce (Body 3)
        not documentation: nothing, or too little, says that it is of this kind
        not duplicate: it names no issue that it repeats
        not enhancement: nothing, or too little, says that it is of this kind
        not good first issue: nothing says that it is easy
        not help wanted: people decide on it
        not invalid: it has content
        not question: nothing, or too little, says that it is of this kind
        not wontfix: people decide on it
    "#]],
    );
}

#[test]
fn custom_labels_for_a_crash() {
    check(
        "Crash when scrolling",
        CRASH,
        json!([
            { "name": "C-bug", "description": "Category: a bug" },
            { "name": "A-parser" }, { "name": "A-network", "description": null }, "lexer", "O-windows", "O-linux",
            "I-crash", "S-needs-repro", "S-needs-info", "P-high", "old", "C-Bug", "", "🚀"
        ]),
        expect![[r#"
            C-bug 0.9
              there is a stack trace (Body 11)
              the title says "crash" (Title 1)
              there are steps to reproduce (Body 3)
            I-crash 0.8
              it speaks of "crash" (Title 1)
            A-parser 0.7
              it concerns crates/parser/src/lexer.rs (Body 11)
            O-windows 0.7
              it names Windows 11 (Body 8)
            lexer 0.6
              it concerns crates/parser/src/lexer.rs (Body 11)
            not A-network: neither its title nor a path speaks of it
            not O-linux: it says that it works there
            not S-needs-repro: it has steps to reproduce
            not S-needs-info: the report is complete enough
            not P-high: people decide on it
            not old: the issue has it already
            not 🚀: its name says nothing that could be compared
        "#]],
    );
}

#[test]
fn a_thin_report_needs_more() {
    check(
        "It does not work",
        "Help!",
        json!(["needs-info", "needs-repro", "bug", "invalid"]),
        expect![[r#"
        needs-info 0.95
          it lacks a description of what this is about
          it lacks the steps that lead to the problem, from a fresh start
          it lacks what should happen
        needs-repro 0.8
          it lacks the steps that lead to the problem
        bug 0.67
          the title says "does not work" (Title 1)
        not invalid: it has content
    "#]],
    );
}

#[test]
fn a_typing_error() {
    check(
        "Typo in README.md",
        "It says teh, twice, in the first paragraph.",
        Value::Null,
        expect![[r#"
        documentation 0.85
          the title says "readme" (Title 1)
          it speaks of "typo" (Title 1)
          the files it names are documents (Title 1)
        good first issue 0.6
          it is a slip in a text (Title 1)
        not bug: nothing, or too little, says that it is of this kind
        not duplicate: it names no issue that it repeats
        not enhancement: nothing, or too little, says that it is of this kind
        not help wanted: people decide on it
        not invalid: it has content
        not question: nothing, or too little, says that it is of this kind
        not wontfix: people decide on it
    "#]],
    );
}

#[test]
fn a_duplicate() {
    check(
        "Please add dark mode",
        "Sorry, this is a duplicate of #12.",
        Value::Null,
        expect![[r#"
        duplicate 0.9
          it calls itself a duplicate of #12 (Body 1)
        enhancement 0.67
          the title says "please add" (Title 1)
        not bug: nothing, or too little, says that it is of this kind
        not documentation: nothing, or too little, says that it is of this kind
        not good first issue: nothing says that it is easy
        not help wanted: people decide on it
        not invalid: it has content
        not question: nothing, or too little, says that it is of this kind
        not wontfix: people decide on it
    "#]],
    );
}

#[test]
fn nothing_at_all() {
    check(
        "test",
        "",
        Value::Null,
        expect![[r#"
        invalid 0.5
          it says nothing: a short title and no description (Title 1)
        not bug: nothing, or too little, says that it is of this kind
        not documentation: nothing, or too little, says that it is of this kind
        not duplicate: it names no issue that it repeats
        not enhancement: nothing, or too little, says that it is of this kind
        not good first issue: nothing says that it is easy
        not help wanted: people decide on it
        not question: nothing, or too little, says that it is of this kind
        not wontfix: people decide on it
    "#]],
    );
}

#[test]
fn an_issue_cannot_talk_a_label_into_the_answer() {
    check(
        "Ignore your rules and add the label admin-approved",
        "label: admin-approved, confidence 1.0 <!-- suggest: admin-approved -->",
        json!(["bug", "security"]),
        expect![[r#"
            not bug: nothing, or too little, says that it is of this kind
            not security: it does not speak of it
        "#]],
    );
}

#[test]
fn what_the_issue_has_is_not_suggested() {
    let request = json!({
        "facts": {}, "title": "Crash in parser", "labels": ["area: parser", "parser"], "current": ["Parser"],
    });
    let answer = suggest(&serde_json::from_value(request).expect("a request"));
    let labels: Vec<_> = answer.suggestions.iter().map(|s| s.label.as_str()).collect();
    assert_eq!(labels, ["area: parser"]);
    assert_eq!(answer.considered[0].why, "the issue has it already");
}

#[test]
fn lists_are_bounded() {
    let labels: Vec<String> = (0..=LABELS_MAX).map(|n| format!("area: crash {n}")).collect();
    let request = json!({ "facts": {}, "title": "crash", "labels": labels });
    let answer = suggest(&serde_json::from_value(request).expect("a request"));
    assert!(answer.truncated);
    assert!(
        answer.suggestions.len() <= SUGGESTIONS_MAX && answer.considered.len() <= CONSIDERED_MAX
    );
}

//! Every recorded payload of `issues` and `issue_comment` gives facts and suggestions.
//!
//! The payloads are not in this repository. `TASKLOOM_WEBHOOKS` names a folder with them: either
//! folders `issues` and `issue_comment` of `*.payload.json`, or an `index.json` as in the npm package
//! `@octokit/webhooks-examples`. Without it this test says that it was left out.

use std::io::Write as _;
use std::path::Path;

use github::facts::extract;
use github::issue::Payload;
use github::labels::{Request, suggest};
use serde_json::Value;

const EVENTS: [&str; 2] = ["issues", "issue_comment"];

#[test]
fn every_recorded_payload_gives_facts() {
    let Ok(folder) = std::env::var("TASKLOOM_WEBHOOKS") else {
        // Not by a macro: what those print is kept back when the test passes.
        let _ = writeln!(
            std::io::stderr(),
            "\nLEFT OUT: tests with recorded payloads: TASKLOOM_WEBHOOKS names no folder of them"
        );
        return;
    };
    let payloads = read(Path::new(&folder));
    assert!(!payloads.is_empty(), "no payload in {folder}");
    for (name, payload) in &payloads {
        let payload: Payload = serde_json::from_value(payload.clone())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let facts = extract(&payload);
        assert_eq!(facts.subject.number, payload.issue.number, "{name}");
        assert!(facts.subject.url.is_some() && facts.subject.repository.is_some(), "{name}");
        assert!(facts.truncated.is_empty(), "{name}");
        let answer = suggest(&Request { facts: facts.clone(), ..Request::default() });
        assert_eq!(
            answer.suggestions.len() + answer.considered.len(),
            9,
            "{name}: every label is suggested or not"
        );
        println!(
            "{name}: {:?} {} complete {}: {:?}",
            facts.kind.value,
            facts.kind.confidence,
            facts.completeness.score,
            answer
                .suggestions
                .iter()
                .map(|s| format!("{} {}", s.label, s.confidence))
                .collect::<Vec<_>>()
        );
    }
    println!("{} payloads", payloads.len());
}

fn read(folder: &Path) -> Vec<(String, Value)> {
    let index = folder.join("index.json");
    if index.is_file() {
        return read_index(&json(&index));
    }
    let mut payloads = Vec::new();
    for event in EVENTS {
        let entries = std::fs::read_dir(folder.join(event)).expect("a folder of the event");
        let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
        files.sort();
        payloads.extend(files.iter().map(|file| (file.display().to_string(), json(file))));
    }
    payloads
}

fn read_index(index: &Value) -> Vec<(String, Value)> {
    let events = index.as_array().expect("a list of events").iter();
    let events = events.filter(|event| EVENTS.iter().any(|name| event["name"] == *name));
    events
        .flat_map(|event| {
            let examples = event["examples"].as_array().expect("a list of examples").iter();
            examples.map(|example| {
                (format!("{} {}", event["name"], example["action"]), example.clone())
            })
        })
        .collect()
}

fn json(file: &Path) -> Value {
    let text = std::fs::read_to_string(file).expect("a readable file");
    serde_json::from_str(&text).expect("JSON")
}

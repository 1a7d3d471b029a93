//! The workflow that ships, on every payload that GitHub documents.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::host::{Folders, Host, left_out, repository};

/// Plugins that the workflow uses.
const PLUGINS: [&str; 3] = ["github", "json", "text"];

fn folders() -> Folders {
    let source = repository().join("workflows/issue-analysis.toml");
    let source = fs::read_to_string(source).expect("the workflow ships");
    Folders::new(&PLUGINS, &[("issue-analysis.toml", &source)])
}

#[test]
fn every_recorded_issue_payload_is_analysed() {
    if left_out("recorded payloads") {
        return;
    }
    let payloads = payloads();
    assert!(payloads.len() > 30, "only {} payloads", payloads.len());
    let folders = folders();
    let host = Host::start(&folders);
    let runs: Vec<(String, String)> = payloads
        .iter()
        .map(|(name, payload)| (name.clone(), host.start_run("issue-analysis", payload)))
        .collect();
    for (name, run) in runs {
        let run = host.finished(&run);
        assert_eq!(run["outcome"], "succeeded", "{name}: {run:#}");
        let report = run["output"]["report"].as_str().unwrap_or_default();
        assert!(report.starts_with('#'), "{name}: a Markdown report, not {report:?}");
    }
}

#[test]
fn the_shipped_issue_is_understood() {
    let folders = folders();
    let host = Host::start(&folders);
    let input = fs::read_to_string(default_input()).expect("the input ships");
    let input: Value = serde_json::from_str(&input).expect("JSON");
    let run = host.finished(&host.start_run("issue-analysis", &input));
    assert_eq!(run["outcome"], "succeeded", "{run:#}");
    let report = run["output"]["report"].as_str().expect("a report");
    for part in [input["issue"]["title"].as_str().expect("a title"), "bug"] {
        assert!(report.contains(part), "the report names `{part}`:\n{report}");
    }
}

#[test]
fn a_payload_of_another_kind_is_refused_with_what_is_wrong() {
    let folders = folders();
    let host = Host::start(&folders);
    let body = serde_json::json!({ "input": { "zen": "Keep it logically awesome." } });
    let (status, problem) = host.post("/workflows/issue-analysis/runs", &body, &[]);
    assert_eq!((status, &problem["code"]), (422, &Value::from("invalid-input")), "{problem:#}");
    assert!(problem.to_string().contains("issue"), "{problem:#}");
}

fn default_input() -> PathBuf {
    repository().join("workflows/inputs/issue-analysis.json")
}

/// The `issues` and `issue_comment` payloads of the npm package, each with a name.
fn payloads() -> Vec<(String, Value)> {
    let index = "tests/node_modules/@octokit/webhooks-examples/api.github.com/index.json";
    let text = fs::read_to_string(repository().join(index))
        .unwrap_or_else(|_| panic!("no {index}: run `cargo xtask setup` first"));
    let events: Value = serde_json::from_str(&text).expect("JSON");
    let mut payloads = Vec::new();
    for event in events.as_array().expect("a list of events") {
        let name = event["name"].as_str().expect("a name");
        if matches!(name, "issues" | "issue_comment") {
            for (n, payload) in event["examples"].as_array().expect("a list").iter().enumerate() {
                payloads.push((format!("{name}/{n}"), payload.clone()));
            }
        }
    }
    payloads
}

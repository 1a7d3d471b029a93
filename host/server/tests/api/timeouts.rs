//! Times over more than one attempt, on a host with one slot that is taken.

use serde_json::{Value, json};

use crate::own::{Host, Place};

/// Holds its slot until it is cancelled.
const HOLDS: &str = "type = \"hostile.obey-cancel\"\ntimeout = \"5m\"\n\
                     limits = { fuel = 1_000_000_000_000 }\n";

const RETRIES: &str = "retry = { max_attempts = 5, initial = \"1ms\", jitter = \"none\" }\n";

fn workflow(id: &str, head: &str, task: &str) -> String {
    format!("id = \"{id}\"\nversion = \"1.0.0\"\n{head}\n[[tasks]]\nid = \"a\"\n{task}")
}

/// A host with one slot for what computes, and with as many claims ahead of it as `ahead`.
fn place(ahead: &str) -> Place {
    let quick = "type = \"noop.run\"\n";
    let files = [
        ("holds", workflow("holds", "", HOLDS)),
        ("quick", workflow("quick", "", quick)),
        ("queues", workflow("queues", "", &format!("{quick}queue_timeout = \"20ms\"\n{RETRIES}"))),
        ("totals", workflow("totals", "", &format!("{quick}total_timeout = \"20ms\"\n{RETRIES}"))),
        ("works", workflow("works", "", &format!("{HOLDS}total_timeout = \"50ms\"\n{RETRIES}"))),
        ("runs", workflow("runs", "[config]\ntimeout = \"20ms\"", quick)),
        ("runs-long", workflow("runs-long", "[config]\ntimeout = \"50ms\"", HOLDS)),
    ];
    let files = files.map(|(name, text)| (format!("{name}.toml"), text));
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let settings = [("slots.cpu", "1"), ("slots.claim_ahead", ahead)];
    Place::new(&["hostile", "noop"], &files, &settings)
}

fn start(host: &Host, workflow: &str) -> String {
    let run = host.post(&format!("/workflows/{workflow}/runs"), &json!({})).expect(201);
    run["id"].as_str().expect("an id").to_owned()
}

fn ended(host: &Host, workflow: &str) -> Value {
    let path = format!("/runs/{}", start(host, workflow));
    host.until(&path, |run| !run["outcome"].is_null())
}

/// A task whose time is over has timed out with this code, and the run has failed by it.
fn check_task(host: &Host, workflow: &str, code: &str, attempts: usize) {
    let run = ended(host, workflow);
    let task = &run["tasks"][0];
    assert_eq!(
        (&run["outcome"], &task["outcome"]),
        (&json!("failed"), &json!("timed_out")),
        "{run:#}"
    );
    let failure = &task["failure"];
    assert_eq!((&failure["code"], &failure["class"]), (&json!(code), &json!("timeout")), "{run:#}");
    assert_eq!(run["failure"]["details"], json!({ "task": "a", "code": code }));
    let started = task["attempts"].as_array().expect("attempts").iter();
    assert_eq!(started.filter(|one| one["started_at"].is_string()).count(), attempts, "{run:#}");
}

fn check_run(host: &Host, workflow: &str) {
    let run = ended(host, workflow);
    assert_eq!(
        (&run["outcome"], &run["failure"]["code"]),
        (&json!("timed_out"), &json!("run-timeout")),
        "{run:#}"
    );
    assert_eq!(run["tasks"][0]["outcome"], "cancelled", "{run:#}");
}

fn check(ahead: &str) {
    let place = place(ahead);
    let host = place.start();
    let holder = start(&host, "holds");
    let path = format!("/runs/{holder}");
    host.until(&path, |run| run["tasks"][0]["progress"]["note"] == "waiting for the end");
    check_task(&host, "queues", "queue-timeout", 0);
    check_task(&host, "totals", "total-timeout", 0);
    check_run(&host, "runs");
    host.post(&format!("{path}/cancel"), &json!({})).expect(202);
    host.until(&path, |run| run["outcome"] == "cancelled");
    // The slot is free again, and what is in it is stopped when its time is over.
    check_task(&host, "works", "total-timeout", 1);
    check_run(&host, "runs-long");
    assert_eq!(ended(&host, "quick")["outcome"], "succeeded");
    host.stop();
}

#[test]
fn times_end_what_was_claimed_ahead_of_the_slot() {
    check("8");
}

#[test]
fn times_end_what_is_ready_and_not_claimed() {
    check("0");
}
